"""Tensors scaled and moved along some axes."""

import math
from collections.abc import Callable, Sequence

import numpy as np

from builder.errors import NetworkError
from builder.ops.numpy.arithmetic import absolute, divide, maximum, multiply, subtract
from builder.ops.numpy.comparison import greater, greater_equal, less, less_equal, logical_and, not_equal, where
from builder.ops.numpy.contraction import matmul
from builder.ops.numpy.indexing import get_item
from builder.ops.numpy.reduction import sum
from builder.ops.numpy.shaping import expand_dims, moveaxis
from builder.ops.numpy.trigonometry import sin
from builder.ops.operation import operation
from builder.ops.symbolic import KerasTensor, TensorLike, converted, emit, shape_of

__all__ = ["scale_and_translate"]


@operation
def scale_and_translate(
    images: TensorLike,
    output_shape: Sequence[int],
    scale: TensorLike,
    translation: TensorLike,
    spatial_dims: Sequence[int],
    method: str,
    antialias: bool = True,
) -> TensorLike:
    """`images` in `output_shape`: along each of `spatial_dims` scaled, and then moved by so many new elements (ONNX MatMul).

    `method` is "linear", "cubic", "lanczos3" or "lanczos5", or one of their other names; `antialias` makes its window
    wider where the scale is below one. Zeros come in from outside. Raises NetworkError for axes of free size.
    """
    if method not in _KERNELS:
        raise NetworkError(f"Invalid value for argument `method`. Expected of one {set(_KERNELS)}. Received: method={method}")
    rank = len(shape_of(images))
    moved = images
    for place, axis in enumerate(spatial_dims):
        old = shape_of(images)[axis]
        if old is None:
            raise NetworkError(f"`scale_and_translate` needs axes of known size. Received: shape={shape_of(images)}, axis={axis}")
        factor, shift = (converted(get_item(given, place), "float32") for given in (scale, translation))
        weights = _weights(old, output_shape[axis], factor, shift, _KERNELS[method], antialias)
        moved = moveaxis(matmul(moveaxis(moved, axis, -1), weights), -1, axis % rank)
    return moved


def _weights(
    old: int, new: int, scale: TensorLike, shift: TensorLike, kernel: Callable[[KerasTensor], KerasTensor], antialias: bool
) -> KerasTensor:
    """How much of each old element is in each new one: `(old, new)`. Those of a new one sum to one, or are zeros outside."""
    step = divide(1.0, scale)
    at = subtract(multiply(subtract(np.arange(new, dtype=np.float32) + np.float32(0.5), shift), step), 0.5)
    away = subtract(expand_dims(at, 0), np.arange(old, dtype=np.float32)[:, None])
    weights = kernel(emit("Abs", divide(away, maximum(step, 1.0)) if antialias else away))
    total = sum(weights, 0, True)
    counted = greater(absolute(total), 1000 * float(np.finfo(np.float32).eps))
    normalized = where(counted, divide(weights, where(not_equal(total, 0), total, 1.0)), 0.0)
    return where(logical_and(greater_equal(at, -0.5), less_equal(at, old - 0.5)), normalized, 0.0)


def _triangle(away: KerasTensor) -> KerasTensor:
    return maximum(subtract(1.0, away), 0.0)


def _keys(away: KerasTensor) -> KerasTensor:
    """The cubic convolution kernel of Keys (1981), a = -0.5."""
    near, far = (1.5 * away - 2.5) * away * away + 1.0, ((-0.5 * away + 2.5) * away - 4.0) * away + 2.0
    return where(less(away, 1.0), near, where(less(away, 2.0), far, 0.0))


def _lanczos(radius: float) -> Callable[[KerasTensor], KerasTensor]:
    def kernel(away: KerasTensor) -> KerasTensor:
        waves = radius * sin(math.pi * away) * sin(math.pi / radius * away)
        inside = where(greater(away, 1e-3), divide(waves, where(not_equal(away, 0), math.pi**2 * away * away, 1.0)), 1.0)
        return where(greater(away, radius), 0.0, inside)

    return kernel


_KERNELS: dict[str, Callable[[KerasTensor], KerasTensor]] = {
    **dict.fromkeys(("linear", "bilinear", "trilinear", "triangle"), _triangle),
    **dict.fromkeys(("cubic", "bicubic", "tricubic"), _keys),
    "lanczos3": _lanczos(3.0),
    "lanczos5": _lanczos(5.0),
}
