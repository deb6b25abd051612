"""Products of matrices."""

from builder.ops.operation import operation
from builder.ops.promotion import promoted
from builder.ops.symbolic import KerasTensor, TensorLike, emit

__all__ = ["matmul"]


@operation
def matmul(x1: TensorLike, x2: TensorLike) -> KerasTensor:
    """The matrix product over the last two axes (ONNX MatMul)."""
    return emit("MatMul", *promoted(x1, x2))
