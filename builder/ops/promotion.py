"""Which dtype operands of different dtypes meet in: Keras's rules, which are JAX's.

A Python number takes the dtype of the tensor that it meets; integers give way to floats, whatever their width.
"""

from collections.abc import Sequence

import numpy as np

from builder.ops.symbolic import TensorLike, converted, value_of

__all__ = ["floating", "is_floating", "promoted", "result_dtype"]

_FLOATS = ("float16", "bfloat16", "float32", "float64")


def is_floating(dtype: str) -> bool:
    """Whether a dtype is a float of any width."""
    return dtype in _FLOATS


def promoted(*operands: TensorLike) -> list[TensorLike]:
    """The operands, all in the dtype that they meet in."""
    dtype = result_dtype(*operands)
    return [converted(operand, dtype) for operand in operands]


def floating(operand: TensorLike) -> TensorLike:
    """The operand as a float: unchanged if it is one, else float32."""
    dtype = value_of(operand).spec.dtype
    return operand if is_floating(dtype) else converted(operand, "float32")


def result_dtype(*operands: TensorLike) -> str:
    """The dtype that the operands meet in."""
    dtypes = [value_of(operand).spec.dtype for operand in operands if not isinstance(operand, bool | int | float)]
    numbers = [value_of(operand).spec.dtype for operand in operands if isinstance(operand, bool | int | float)]
    if not dtypes:
        return _meet(numbers)
    dtype = _meet(dtypes)
    if "float32" in numbers and not is_floating(dtype):
        return "float32"
    if dtype == "bool" and numbers:
        return _meet([dtype, *numbers])
    return dtype


def _meet(dtypes: Sequence[str]) -> str:
    floats = {dtype for dtype in dtypes if is_floating(dtype)}
    if not floats:
        met = np.result_type(*dtypes).name
        return "float32" if met == "float64" else met  # uint64 with a signed integer
    if {"float16", "bfloat16"} <= floats:
        floats.add("float32")
    return max(floats, key=_FLOATS.index)
