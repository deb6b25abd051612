"""Which dtype operands of different dtypes meet in: Keras's rules, which are JAX's, and which dtypes ONNX Runtime computes in.

A Python number takes the dtype of the tensor that it meets; integers give way to floats, whatever their width; and no
arithmetic is 64 bits wide, so that what has that width meets anything, itself too, in 32.
"""

from collections.abc import Sequence

import numpy as np

from builder.graph import Attribute
from builder.ops.symbolic import KerasTensor, TensorLike, converted, emit, value_of
from builder.proto import DTYPES

__all__ = ["WIDE", "computed", "dtype_of", "floating", "is_floating", "promoted", "result_dtype"]

_FLOATS = ("float16", "bfloat16", "float32", "float64")
_NARROW = {"int64": "int32", "uint64": "uint32", "float64": "float32"}
WIDE = ("int32", "int64")  # the integers for which ONNX Runtime has every operator that has integers


def is_floating(dtype: str) -> bool:
    """Whether a dtype is a float of any width."""
    return dtype in _FLOATS


def dtype_of(operand: TensorLike) -> str:
    """The dtype of any operand."""
    return value_of(operand).spec.dtype


def promoted(*operands: TensorLike) -> list[TensorLike]:
    """The operands, all in the dtype that they meet in."""
    dtype = result_dtype(*operands)
    return [converted(operand, dtype) for operand in operands]


def floating(operand: TensorLike) -> TensorLike:
    """The operand as a float: unchanged if it is one, else float32."""
    return operand if is_floating(dtype_of(operand)) else converted(operand, "float32")


def computed(
    op: str, *operands: TensorLike, then: Sequence[TensorLike] = (), within: Sequence[str] = WIDE, **attributes: Attribute
) -> KerasTensor:
    """The output of a new node, in the dtype of the operands, which are of one dtype; `then` follows them as it is.

    Where ONNX Runtime has the operator for some integers only, those `within`, the others go there and come back.
    """
    dtype = dtype_of(operands[0])
    if is_floating(dtype) or dtype in within:
        return emit(op, *operands, *then, **attributes)
    wide = "int64" if dtype in ("uint32", "uint64") else "int32"
    wider = emit(op, *(converted(operand, wide) for operand in operands), *then, **attributes)
    return emit("Cast", wider, to=DTYPES[dtype])


def result_dtype(*operands: TensorLike) -> str:
    """The dtype that the operands meet in."""
    dtypes = [dtype_of(operand) for operand in operands if not isinstance(operand, int | float) or isinstance(operand, bool)]
    numbers = [dtype_of(operand) for operand in operands if isinstance(operand, int | float) and not isinstance(operand, bool)]
    dtype = _meet(dtypes) if dtypes else "bool"
    if "float32" in numbers and not is_floating(dtype):
        return "float32"
    if dtype == "bool" and numbers:
        return "int32"
    return _NARROW.get(dtype, dtype)


def _meet(dtypes: Sequence[str]) -> str:
    floats = {dtype for dtype in dtypes if is_floating(dtype)}
    if not floats:
        met: str = np.result_type(*dtypes).name
        return "float32" if met == "float64" else met  # uint64 with a signed integer
    if {"float16", "bfloat16"} <= floats:
        floats.add("float32")
    return max(floats, key=_FLOATS.index)
