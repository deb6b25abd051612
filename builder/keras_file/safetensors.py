"""Reading `.safetensors`: eight bytes of length, a JSON header of dtypes, shapes and places, and the numbers.

The header is believed only as far as the file bears it out: every array lies within the file, has the length of its shape,
and none overlaps another.
"""

from __future__ import annotations

import struct
from itertools import pairwise
from math import prod
from typing import Any

import numpy as np

from builder.errors import ModelFileError
from builder.graph import Array
from builder.keras_file.json import parsed
from builder.keras_file.stored import Stored

__all__ = ["arrays"]

HEADER_BYTES = 100 * 10**6  # the format's own limit
DTYPES = {
    "BOOL": "bool",
    "U8": "uint8",
    "U16": "uint16",
    "U32": "uint32",
    "U64": "uint64",
    "I8": "int8",
    "I16": "int16",
    "I32": "int32",
    "I64": "int64",
    "F16": "float16",
    "BF16": "bfloat16",
    "F32": "float32",
    "F64": "float64",
}


def arrays(data: bytes) -> dict[str, Stored]:
    """The arrays by name. Raises ModelFileError for a header that the file does not bear out."""
    if len(data) < 8:
        raise ModelFileError("it has no header")
    (length,) = struct.unpack_from("<Q", data)
    if length > min(len(data) - 8, HEADER_BYTES):
        raise ModelFileError(f"its header claims {length} bytes in a file of {len(data)}")
    header = parsed(data[8 : 8 + length], "its header")
    numbers = memoryview(data)[8 + length :]
    places = {name: _place(name, entry, len(numbers)) for name, entry in header.items() if name != "__metadata__"}
    in_order = sorted((begin, end, name) for name, (_, _, begin, end) in places.items() if end > begin)
    for (_, end, name), (begin, _, other) in pairwise(in_order):
        if begin < end:
            raise ModelFileError(f"{name!r} and {other!r} overlap")
    return {name: _stored(name, dtype, shape, numbers[begin:end]) for name, (dtype, shape, begin, end) in places.items()}


def _place(name: str, entry: Any, size: int) -> tuple[str, tuple[int, ...], int, int]:
    """The dtype, shape, begin and end of an array."""
    match entry:
        case {"dtype": str(code), "shape": list(shape), "data_offsets": [int(begin), int(end)]} if code in DTYPES:
            pass
        case _:
            raise ModelFileError(f"{name!r} has an entry in the header that is none: {entry!r:.100}")
    if not all(type(dim) is int and dim >= 0 for dim in shape) or len(shape) > 32:
        raise ModelFileError(f"{name!r} has the shape {shape!r:.100}")
    if not 0 <= begin <= end <= size or end - begin != prod(shape) * np.dtype(DTYPES[code]).itemsize:
        raise ModelFileError(f"{name!r} has shape {tuple(shape)} of {code} in bytes {begin} to {end}, and the file holds {size}")
    return DTYPES[code], tuple(shape), begin, end


def _stored(name: str, dtype: str, shape: tuple[int, ...], numbers: memoryview) -> Stored:
    def read() -> Array:
        return np.frombuffer(numbers, np.dtype(dtype)).reshape(shape)

    return Stored(repr(name), shape, dtype, read)
