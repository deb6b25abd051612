"""`keras.ops` functions about tensors as such."""

from typing import Any

from builder.ops.operation import operation
from builder.ops.symbolic import KerasTensor, Shape, TensorLike, converted, emit, shape_of, standardize_dtype

__all__ = ["cast", "identity", "shape"]


@operation
def cast(x: TensorLike, dtype: Any) -> TensorLike:
    """`x` in another dtype (ONNX Cast: floats to integers round towards zero)."""
    return converted(x, standardize_dtype(dtype))


@operation
def identity(x: TensorLike) -> KerasTensor:
    """`x` under another name (ONNX Identity)."""
    return emit("Identity", x)


def shape(x: TensorLike) -> Shape:
    """The shape, None for a dimension that is free."""
    return shape_of(x)
