"""Header blocks of HTTP/2 (RFC 7541), as far as a caller of gRPC needs them: plain ones written, any without a dynamic table read.

The caller announces a table of size 0, so that what it is sent refers to the static table only.
"""

from __future__ import annotations

from collections.abc import Iterable

__all__ = ["HeaderError", "decode", "encode"]

_STATIC = 61  # entries of the static table (appendix A); of those by name and value, a caller of gRPC cares for :status only
_NAMES = {8: (":status", "200"), 9: (":status", "204"), 10: (":status", "206"), 11: (":status", "304")} | {
    12: (":status", "400"),
    13: (":status", "404"),
    14: (":status", "500"),
}
_END = 256  # the symbol that pads
# Bits of each symbol's code, 0 to 255 and the end (appendix B); the code is canonical, so they are all of it.
_LENGTHS = bytes.fromhex(
    "0d171c1c1c1c1c1c1c181e1c1c1e1c1c1c1c1c1c1c1c1e1c1c1c1c1c1c1c1c1c060a0a0c0d06080b0a0a080b080606060505050606060606060607080f060c0a"
    "0d06070707070707070707070707070707070707070707070807080d130d0e060f05060506050606060507070606060506070605050607070707070f0b0e0d1c"
    "14161414161616171617171717171817181816171817171717151617161717181615141616171715171616181516171715151615171617171416161617161617"
    "1a1a1413161716191a1a1a1b1b1a181913151a1b1b1a1b1815151a1a1c1b1b1b14181415161515171616191918181a171a1b1a1a1b1b1b1b1b1c1b1b1b1b1b1a"
    "1e"
)


class HeaderError(Exception):
    """A header block that cannot be read."""


def encode(headers: Iterable[tuple[str, str]]) -> bytes:
    """A block of literals that no table keeps (section 6.2.2)."""
    return b"".join(b"\0" + _text(name) + _text(value) for name, value in headers)


def decode(block: bytes) -> dict[str, str]:
    """The headers of a block by name; names of the static table but for :status are left out. Raises HeaderError."""
    headers: dict[str, str] = {}
    try:
        at = 0
        while at < len(block):
            name, value, at = _field(block, at)
            if name:
                headers[name] = value
    except (IndexError, KeyError, UnicodeDecodeError) as error:
        raise HeaderError("a header block that cannot be read") from error
    return headers


def _field(block: bytes, at: int) -> tuple[str, str, int]:
    """The field at `at`, and where it ends; without a name what is of no interest."""
    first = block[at]
    if first & 0x80:  # a whole entry of the table
        index, at = _integer(block, at, 7)
        return *_entry(index), at
    if first & 0xE0 == 0x20:  # a new size of the table
        _, at = _integer(block, at, 5)
        return "", "", at
    index, at = _integer(block, at, 6 if first & 0x40 else 4)
    if index:
        name = _entry(index)[0]
    else:
        name, at = _string(block, at)
    value, at = _string(block, at)
    return name, value, at


def _entry(index: int) -> tuple[str, str]:
    if not 0 < index <= _STATIC:
        raise HeaderError("a header block that refers to a table which was never allowed")
    return _NAMES.get(index, ("", ""))


def _integer(block: bytes, at: int, bits: int) -> tuple[int, int]:
    """An integer that begins in the last `bits` of a byte (section 5.1), and where it ends."""
    value, at = block[at] & (limit := (1 << bits) - 1), at + 1
    if value < limit:
        return value, at
    for shift in range(0, 35, 7):
        byte, at = block[at], at + 1
        value += (byte & 127) << shift
        if byte < 128:
            return value, at
    raise HeaderError("a header block with an integer that is too long")


def _string(block: bytes, at: int) -> tuple[str, int]:
    huffman = block[at] & 0x80
    length, at = _integer(block, at, 7)
    text = block[at : at + length]
    if len(text) < length:
        raise IndexError
    return (_unpack(text) if huffman else text.decode("latin-1")), at + length


def _text(text: str) -> bytes:
    encoded = text.encode()
    if len(encoded) < 127:
        return bytes((len(encoded),)) + encoded
    rest, length = len(encoded) - 127, bytearray((127,))
    while rest > 127:
        length.append(rest & 127 | 128)
        rest >>= 7
    return bytes(length) + bytes((rest,)) + encoded


def _unpack(packed: bytes) -> str:
    """Text out of its Huffman code; what is left at the end pads the last byte."""
    text, code, length = bytearray(), 0, 0
    for byte in packed:
        for bit in range(7, -1, -1):
            code, length = code << 1 | byte >> bit & 1, length + 1
            if (symbol := _SYMBOLS.get((length, code))) is not None:
                text.append(symbol)
                code, length = 0, 0
    return text.decode("latin-1")


def _codes() -> dict[tuple[int, int], int]:
    """The symbol of each code by its length and bits: each is the one before it plus one, of as many bits as it has."""
    codes, code, length = {}, -1, 0
    for symbol in sorted(range(_END), key=lambda symbol: (_LENGTHS[symbol], symbol)):
        code = code + 1 << _LENGTHS[symbol] - length
        length = _LENGTHS[symbol]
        codes[length, code] = symbol
    return codes


_SYMBOLS = _codes()
