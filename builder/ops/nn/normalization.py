"""Normalization."""

from builder.ops.axes import inverse
from builder.ops.numpy.shaping import transpose
from builder.ops.operation import operation
from builder.ops.promotion import floating
from builder.ops.symbolic import KerasTensor, TensorLike, emit, shape_of

__all__ = ["batch_normalization"]


@operation
def batch_normalization(
    x: TensorLike,
    mean: TensorLike,
    variance: TensorLike,
    axis: int,
    offset: TensorLike,
    scale: TensorLike,
    epsilon: float = 1e-3,
) -> KerasTensor:
    """`(x - mean) / sqrt(variance + epsilon) * scale + offset`, each `(channels,)` along `axis` (ONNX BatchNormalization)."""
    x, rank = floating(x), len(shape_of(x))
    moved = _swap_to_second(rank, axis % rank)
    first = x if moved is None else transpose(x, moved)
    normalized = emit("BatchNormalization", first, scale, offset, mean, variance, epsilon=float(epsilon))
    return normalized if moved is None else transpose(normalized, inverse(moved))


def _swap_to_second(rank: int, axis: int) -> tuple[int, ...] | None:
    """The permutation that puts `axis` second and keeps the others' order; None where it is second already."""
    if axis == 1:
        return None
    first, *others = (one for one in range(rank) if one != axis)
    return (first, axis, *others)
