"""Normalization."""

from collections.abc import Sequence

import numpy as np

from builder.errors import NetworkError
from builder.ops.allowance import spend
from builder.ops.axes import axes_of, integers, inverse
from builder.ops.numpy.arithmetic import add, divide, maximum, multiply, sqrt, square, subtract
from builder.ops.numpy.creation import ones_like, zeros_like
from builder.ops.numpy.reduction import mean as mean_over
from builder.ops.numpy.shaping import reshape, transpose
from builder.ops.operation import operation
from builder.ops.promotion import floating, result_dtype
from builder.ops.symbolic import KerasTensor, Shape, TensorLike, converted, emit, shape_of, value_of

__all__ = ["batch_normalization", "group_normalization", "layer_normalization", "normalize", "rms_normalization"]

EPSILON = 1e-7  # Keras's own, where none is given


@operation
def batch_normalization(
    x: TensorLike,
    mean: TensorLike,
    variance: TensorLike,
    axis: int,
    offset: TensorLike | None = None,
    scale: TensorLike | None = None,
    epsilon: float = 1e-3,
) -> KerasTensor:
    """`(x - mean) / sqrt(variance + epsilon) * scale + offset`, each `(channels,)` along `axis` (ONNX BatchNormalization).

    Without a scale it is one, and without an offset zero.
    """
    x, rank = floating(x), len(shape_of(x))
    moved = _swap_to_second(rank, axis % rank)
    first = x if moved is None else transpose(x, moved)
    scale = ones_like(variance) if scale is None else scale
    offset = zeros_like(mean) if offset is None else offset
    normalized = emit("BatchNormalization", first, scale, offset, mean, variance, epsilon=float(epsilon))
    return normalized if moved is None else transpose(normalized, inverse(moved))


@operation
def layer_normalization(
    x: TensorLike,
    gamma: TensorLike | None = None,
    beta: TensorLike | None = None,
    axis: int | Sequence[int] = -1,
    epsilon: float | None = None,
    rms_scaling: bool = False,
) -> KerasTensor:
    """`(x - mean) / sqrt(variance + epsilon) * gamma + beta` over `axis`, in 32 bits at least (ONNX LayerNormalization).

    `gamma` and `beta` are of the shape of those axes. `rms_scaling`, which Keras has given up, leaves out the mean and
    `beta`, but divides by the deviation all the same.
    """
    dtype, wide = _floating_dtype(x), _wide(x)
    axes = _standard_axes(axis, len(shape_of(x)))
    sizes = [shape_of(x)[one] for one in axes]
    x, gamma, beta = converted(x, wide), _parameter(gamma, wide, sizes), _parameter(beta, wide, sizes)
    epsilon = EPSILON if epsilon is None else epsilon
    if rms_scaling:
        variance = mean_over(square(subtract(x, mean_over(x, axes, True))), axes, True)
        scaled = divide(x, sqrt(add(variance, epsilon)))
        return _as(dtype, scaled if gamma is None else multiply(scaled, _spread(gamma, shape_of(x), axes)))
    last = [one for one in range(len(shape_of(x))) if one not in axes] + axes
    moved = x if last == sorted(last) else transpose(x, last)
    normalized = _over_last_axes(moved, gamma, beta, len(axes), epsilon)
    return _as(dtype, normalized if moved is x else transpose(normalized, inverse(last)))


@operation
def rms_normalization(
    x: TensorLike, scale: TensorLike | None = None, axis: int | Sequence[int] = -1, epsilon: float | None = None
) -> KerasTensor:
    """`x / sqrt(mean(x ** 2) + epsilon) * scale` over `axis`, in 32 bits at least.

    Keras aligns `scale` with the last axes, whatever `axis` is. In the form that ONNX Runtime knows and runs as one kernel;
    the operator itself is younger than opset 20.
    """
    dtype, wide = _floating_dtype(x), _wide(x)
    x, axes = converted(x, wide), _standard_axes(axis, len(shape_of(x)))
    power = emit("Pow", x, converted(2.0, wide))
    root = sqrt(add(mean_over(power, axes, True), EPSILON if epsilon is None else epsilon))
    normalized = divide(x, root)
    if scale is None:
        return _as(dtype, normalized)
    return _as(dtype, multiply(normalized, converted(scale, wide)))


@operation
def normalize(x: TensorLike, axis: int | Sequence[int] | None = -1, order: int = 2, epsilon: float | None = None) -> KerasTensor:
    """`x / max(norm, epsilon)`, the norm over `axis` of order 1 or 2 (ONNX ReduceL1, ReduceL2). Raises NetworkError for another."""
    if order not in (1, 2):
        raise NetworkError(f"Argument `order` must be 1 or 2 here. Received: order={order}")
    x = floating(x)
    axes = range(len(shape_of(x))) if axis is None else _standard_axes(axis, len(shape_of(x)))
    norm = emit(f"ReduceL{order}", x, integers(tuple(axes)), keepdims=1)
    return divide(x, maximum(norm, EPSILON if epsilon is None else epsilon))


def group_normalization(
    x: TensorLike, groups: int, gamma: TensorLike | None, beta: TensorLike | None, axis: int, epsilon: float
) -> KerasTensor:
    """Each group of channels of each row less its mean, over its deviation; then scale and offset for each channel.

    `x` has its channels along `axis`. No function of Keras's. As ONNX InstanceNormalization where sizes are known, since
    GroupNormalization of opset 20 has no meaning that all agree on.
    """
    rank, wide = len(shape_of(x)), _wide(x)
    moved = _swap_to_second(rank, axis % rank)
    first = converted(x, wide) if moved is None else transpose(converted(x, wide), moved)
    sizes = shape_of(first)[2:]
    by_groups = _grouped if None in sizes else _instances
    normalized = by_groups(first, groups, epsilon)
    for parameter, apply in ((gamma, multiply), (beta, add)):
        if parameter is not None:
            normalized = apply(normalized, reshape(converted(parameter, wide), (-1, *(1,) * len(sizes))))
    return normalized if moved is None else transpose(normalized, inverse(moved))


def _instances(x: TensorLike, groups: int, epsilon: float) -> KerasTensor:
    """`x`, its channels second and all sizes known, with each group normalized (ONNX InstanceNormalization)."""
    dtype, sizes = value_of(x).spec.dtype, [size for size in shape_of(x)[1:] if size is not None]
    rows = reshape(x, (0, groups, -1))
    spend(groups)
    ones, zeros = np.ones(groups, dtype), np.zeros(groups, dtype)
    return reshape(emit("InstanceNormalization", rows, ones, zeros, epsilon=float(epsilon)), (0, *sizes))


def _grouped(x: TensorLike, groups: int, epsilon: float) -> KerasTensor:
    """The same where a size is free: with the channels last a reshape can keep it without knowing it."""
    rank, channels = len(shape_of(x)), shape_of(x)[1] or 0
    last = transpose(x, (0, *range(2, rank), 1))
    split = reshape(last, (*(0,) * (rank - 1), groups, channels // groups))
    axes = (*range(1, rank - 1), rank)
    deviation = subtract(split, mean_over(split, axes, True))
    normalized = divide(deviation, sqrt(add(mean_over(square(deviation), axes, True), epsilon)))
    return transpose(reshape(normalized, (*(0,) * (rank - 1), channels)), (0, rank - 1, *range(1, rank - 1)))


def _over_last_axes(x: TensorLike, gamma: TensorLike | None, beta: TensorLike | None, count: int, epsilon: float) -> KerasTensor:
    shape, dtype = shape_of(x)[-count:], value_of(x).spec.dtype
    if gamma is None and None in shape:  # the operator wants a scale, and its size is not known
        axes = tuple(range(-count, 0))
        deviation = subtract(x, mean_over(x, axes, True))
        normalized = divide(deviation, sqrt(add(mean_over(square(deviation), axes, True), epsilon)))
        return normalized if beta is None else add(normalized, beta)
    scale = np.broadcast_to(np.ones((), dtype), [size or 1 for size in shape]) if gamma is None else gamma
    offset = () if beta is None else (beta,)  # an input that is named but empty crashes ONNX Runtime 1.32
    return emit("LayerNormalization", x, scale, *offset, axis=-count, epsilon=float(epsilon))


def _swap_to_second(rank: int, axis: int) -> tuple[int, ...] | None:
    """The permutation that puts `axis` second and keeps the others' order; None where it is second already."""
    if axis == 1:
        return None
    first, *others = (one for one in range(rank) if one != axis)
    return (first, axis, *others)


def _standard_axes(axis: int | Sequence[int], rank: int) -> list[int]:
    """The axes counted from the front, in order. Raises NetworkError for one that is not there."""
    if any(not -rank <= one < rank for one in axes_of(axis)):
        raise NetworkError(f"Axis {axis} is out of bounds for a tensor of rank {rank}")
    return sorted(one % rank for one in axes_of(axis))


def _spread(parameter: TensorLike, shape: Shape, axes: Sequence[int]) -> TensorLike:
    """A parameter of the sizes of `axes` in a shape that broadcasts to `shape`."""
    if list(axes) == list(range(len(shape) - len(axes), len(shape))):
        return parameter
    return reshape(parameter, [(size or 1) if axis in axes else 1 for axis, size in enumerate(shape)])


def _floating_dtype(x: TensorLike) -> str:
    return value_of(x).spec.dtype


def _wide(x: TensorLike) -> str:
    """The dtype to compute in: 32 bits at least."""
    return result_dtype(x, np.float32(0))


def _parameter(parameter: TensorLike | None, dtype: str, sizes: Sequence[int | None]) -> TensorLike | None:
    """A weight in `dtype` and in the shape of the axes from first to last, which for Keras are in the order of their numbers."""
    if parameter is None:
        return None
    wide = converted(parameter, dtype)
    return wide if list(shape_of(wide)) == list(sizes) else reshape(wide, [size or 1 for size in sizes])


def _as(dtype: str, x: KerasTensor) -> KerasTensor:
    after = converted(x, dtype)
    assert isinstance(after, KerasTensor)
    return after
