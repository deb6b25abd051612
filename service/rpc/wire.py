"""The outermost fields of a ModelInferRequest, found in its bytes without copying any.

Protobuf's own parser copies every tensor that it meets. Here only what stands before the tensors is parsed, and that
repeats from call to call. Whatever is not laid out as every client's library lays it out is left to protobuf: `split`
gives None, and never another meaning than protobuf would.

The encoding is that of https://protobuf.dev/programming-guides/encoding; the numbers are those of proto/inference.proto.
"""

from __future__ import annotations

from typing import NamedTuple

__all__ = ["Split", "field", "split"]

NAME, VERSION, ID, PARAMETERS, INPUTS, OUTPUTS, RAW = (number << 3 | 2 for number in (1, 2, 3, 4, 5, 6, 7))  # tags: length-delimited
_MAX_LENGTH_BYTES = 4  # of a length: messages of 256 MiB and more are protobuf's


class Split(NamedTuple):
    """Where the parts of a request are.

    `head` is all that stands before the tensors but the id: equal for requests that differ in their id and their numbers
    only. `raws` are the starts and ends of the tensors' bytes in the message.
    """

    head: bytes
    id: bytes
    raws: list[tuple[int, int]]


def split(message: bytes) -> Split | None:
    """The parts of a ModelInferRequest, or None when only protobuf can tell."""
    try:
        return _split(message)
    except IndexError:  # it ends where more was to come
        return None


def _split(message: bytes) -> Split | None:
    size = len(message)
    at, last, id_start, id_end, id_value = 0, 0, 0, 0, b""
    raws: list[tuple[int, int]] = []
    head_end = size
    while at < size:
        tag = message[at]
        if tag < last or tag & 7 != 2 or tag > RAW or (tag == last and tag <= ID):
            return None  # out of order, of another type, unknown, or given twice: what that means is for protobuf to say
        start = at + 1
        length = message[start]
        start += 1
        if length > 127:
            length, start = _long(message, start, length)
        end = start + length
        if length < 0 or end > size:
            return None
        if tag == RAW:
            if not raws:
                head_end = at
            raws.append((start, end))
        elif tag == ID:
            id_start, id_end, id_value = at, end, message[start:end]
        at, last = end, tag
    head = message[:head_end] if not id_end else message[:id_start] + message[id_end:head_end]
    return Split(head, id_value, raws)


def _long(message: bytes, at: int, first: int) -> tuple[int, int]:
    """A length of several bytes whose first is `first`, and where it ends; negative when it has more bytes than any length here."""
    value, shift = first & 127, 7
    while (byte := message[at]) > 127:
        value |= (byte & 127) << shift
        shift += 7
        at += 1
        if shift >= 7 * _MAX_LENGTH_BYTES:
            return -1, at
    return value | byte << shift, at + 1


def field(tag: int, length: int) -> bytes:
    """The tag and the length of a field, as they stand before its content."""
    encoded = bytearray((tag,))
    while length > 127:
        encoded.append(length & 127 | 128)
        length >>= 7
    encoded.append(length)
    return bytes(encoded)
