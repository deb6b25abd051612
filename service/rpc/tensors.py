"""Arrays to and from the bytes and the typed contents that the protocol has for them."""

from __future__ import annotations

from collections.abc import Sequence
from math import prod
from typing import Any

import numpy as np

from service.errors import InvalidRequestError, quoted
from service.request import Array, Datatype

__all__ = ["from_raw", "from_values", "reshaped", "to_raw"]

_LENGTH = 4  # bytes of the length before each element of a BYTES tensor


def from_values(values: Sequence[Any], datatype: Datatype, name: str) -> Array:
    """The flat array of typed contents. Raises InvalidRequestError for a value that the datatype cannot hold."""
    if datatype.name == "BYTES":
        return _strings(values, name)
    wide = np.asarray(values)  # of the field's own type, which NumPy narrows without a word
    if datatype.numpy.kind in "iu" and wide.size:
        limits = np.iinfo(datatype.numpy)
        if wide.min() < limits.min or wide.max() > limits.max:
            raise InvalidRequestError(f"a value of input '{quoted(name)}' is out of the range of {datatype.name}", "contents")
    return wide.astype(datatype.numpy, copy=False)


def from_raw(raw: bytes, datatype: Datatype, shape: Sequence[int], name: str, model: str) -> Array:
    """The array over the bytes themselves. Raises InvalidRequestError when they are too few or too many."""
    elements = prod(shape)
    if datatype.name == "BYTES":
        return reshaped(_strings(_elements(raw, elements, name), name), shape, name)
    expected = elements * datatype.numpy.itemsize
    if len(raw) != expected:
        raise InvalidRequestError(
            f"input byte size mismatch for input '{quoted(name)}' for model '{quoted(model)}'. Expected {expected}, got {len(raw)}"
        )
    if datatype.name == "BOOL":  # one that is neither 0 nor 1 is undefined in NumPy
        return reshaped(np.not_equal(np.frombuffer(raw, np.uint8), 0), shape, name)
    return reshaped(np.frombuffer(raw, datatype.numpy), shape, name)


def reshaped(array: Array, shape: Sequence[int], name: str) -> Array:
    """The array in its shape. Raises InvalidRequestError for what no array can be, such as 0 times 2^62 times 2^62."""
    try:
        return array.reshape(shape)
    except ValueError:
        raise InvalidRequestError(f"the shape {list(shape)} of input '{quoted(name)}' is beyond any array", "shape") from None


def _elements(raw: bytes, count: int, name: str) -> list[bytes]:
    """The elements of a BYTES tensor: each after its length in four bytes, little-endian."""
    found: list[bytes] = []
    at = 0
    while at < len(raw):
        if len(raw) - at < _LENGTH:
            raise InvalidRequestError(
                f"incomplete string length indicator for inference input '{quoted(name)}', expecting {_LENGTH} bytes but only "
                f"{len(raw) - at} bytes available"
            )
        length = int.from_bytes(raw[at : at + _LENGTH], "little")
        at += _LENGTH
        if len(raw) - at < length:
            raise InvalidRequestError(
                f"incomplete string data for inference input '{quoted(name)}', expecting string of length {length} but only "
                f"{len(raw) - at} bytes available"
            )
        found.append(raw[at : at + length])
        at += length
    if len(found) != count:
        raise InvalidRequestError(
            f"unexpected number of string elements {len(found)} for inference input '{quoted(name)}', expecting {count}"
        )
    return found


def _strings(values: Sequence[bytes], name: str) -> Array:
    """ONNX Runtime's tensors of strings, which are text. Raises InvalidRequestError for bytes that are not UTF-8."""
    try:
        return np.array([value.decode() for value in values], dtype=object)
    except UnicodeDecodeError:
        raise InvalidRequestError(f"an element of input '{quoted(name)}' is not UTF-8, which models take strings as") from None


def to_raw(array: Array, datatype: Datatype) -> bytes:
    """The bytes of an array: little-endian, row-major, no padding."""
    if datatype.name != "BYTES":
        return np.ascontiguousarray(array, datatype.numpy).tobytes()
    encoded = [value if isinstance(value, bytes) else str(value).encode() for value in array.flat]
    return b"".join(len(value).to_bytes(_LENGTH, "little") + value for value in encoded)
