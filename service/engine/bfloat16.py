"""BF16, which NumPy does not have: arrays hold its 16 bits as uint16, the upper half of a float32.

ONNX Runtime takes and gives it as values of its own, which NumPy cannot look into.
"""

from __future__ import annotations

import ctypes
from math import prod
from typing import Any

import numpy as np
import onnxruntime

from service.request import Array, Datatype

__all__ = ["array_of", "from_float", "is_bfloat16", "to_float", "value_of"]

_ELEMENT = 16  # TensorProto.BFLOAT16


def is_bfloat16(datatype: Datatype) -> bool:
    """Whether arrays of the datatype are bits rather than numbers."""
    return datatype.name == "BF16"


def from_float(numbers: Array) -> Array:
    """The bits of float32 numbers, cut off: uint16."""
    bits: Array = np.right_shift(numbers.astype(np.float32).view(np.uint32), 16).astype(np.uint16)
    return bits


def to_float(bits: Array) -> Array:
    """The float32 numbers that the bits stand for; exact."""
    numbers: Array = np.left_shift(bits.astype(np.uint32), 16).view(np.float32)
    return numbers


def value_of(array: Array, datatype: Datatype) -> Any:
    """The array as ONNX Runtime takes it; the value stands on the array's memory, unless that has gaps."""
    if not is_bfloat16(datatype):
        return onnxruntime.OrtValue.ortvalue_from_numpy(np.ascontiguousarray(array).reshape(array.shape))
    return onnxruntime.OrtValue.ortvalue_from_numpy_with_onnx_type(np.ascontiguousarray(array).reshape(array.shape), _ELEMENT)


def array_of(value: Any, datatype: Datatype) -> Array:
    """A copy of what a value in the CPU's memory holds."""
    if not is_bfloat16(datatype):
        return np.array(value.numpy())
    shape = tuple(value.shape())
    bits = (ctypes.c_uint16 * prod(shape)).from_address(value.data_ptr()) if prod(shape) else b""
    return np.frombuffer(bits, np.uint16).reshape(shape).copy()
