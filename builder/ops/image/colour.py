"""Images in other colours."""

import numpy as np

from builder.errors import NetworkError
from builder.ops.axes import integers
from builder.ops.image.layout import is_last, rank_of
from builder.ops.numpy.arithmetic import absolute, clip, maximum, minimum, multiply, subtract
from builder.ops.numpy.comparison import equal, greater, less, where
from builder.ops.numpy.rounding import mod
from builder.ops.numpy.shaping import stack
from builder.ops.operation import operation
from builder.ops.promotion import dtype_of, floating, is_floating
from builder.ops.symbolic import KerasTensor, TensorLike, converted, emit, shape_of

__all__ = ["hsv_to_rgb", "rgb_to_grayscale", "rgb_to_hsv"]


@operation
def rgb_to_grayscale(images: TensorLike, data_format: str | None = None) -> TensorLike:
    """How bright each pixel is, as the one channel; images of one channel as they are."""
    axis = -1 if is_last(data_format) else -3
    channels = _colours(images, axis, (1, 3))
    if channels == 1:
        return images
    shape = [3 if place == axis else 1 for place in range(-len(shape_of(images)), 0)]
    weights = converted(np.asarray([0.2989, 0.5870, 0.1140]).reshape(shape), dtype_of(floating(images)))
    weighted = multiply(floating(images), weights)
    return converted(emit("ReduceSum", weighted, integers((axis,)), keepdims=1), dtype_of(images))


@operation
def rgb_to_hsv(images: TensorLike, data_format: str | None = None) -> KerasTensor:
    """Red, green and blue as hue, saturation and value, from 0 to 1. Raises NetworkError for integers."""
    axis = -1 if is_last(data_format) else -3
    _colours(images, axis, (3,), floats=True)
    tiny = float(np.finfo(np.float16 if dtype_of(images) == "float16" else np.float32).eps)
    red, green, blue = _planes(where(less(absolute(images), tiny), 0.0, images), axis)
    value = maximum(maximum(red, green), blue)
    span = subtract(value, minimum(minimum(red, green), blue))
    coloured = greater(span, 0)
    sixth = emit("Reciprocal", multiply(where(coloured, span, 1.0), 6.0))
    hue = where(equal(value, green), sixth * (blue - red) + 2 / 6, sixth * (red - green) + 4 / 6)
    hue = where(coloured, where(equal(value, red), sixth * (green - blue), hue), 0.0)
    hue = where(less(hue, 0), hue + 1.0, hue)
    saturation = where(greater(value, 0), span / where(greater(value, 0), value, 1.0), 0.0)
    return stack([hue, saturation, value], axis)


@operation
def hsv_to_rgb(images: TensorLike, data_format: str | None = None) -> KerasTensor:
    """Hue, saturation and value as red, green and blue. Raises NetworkError for integers."""
    axis = -1 if is_last(data_format) else -3
    _colours(images, axis, (3,), floats=True)
    hue, saturation, value = _planes(images, axis)
    turn = mod(hue, 1.0) * 6.0
    red = clip(subtract(absolute(turn - 3.0), 1.0), 0.0, 1.0)
    green = clip(subtract(2.0, absolute(turn - 2.0)), 0.0, 1.0)
    blue = clip(subtract(2.0, absolute(turn - 4.0)), 0.0, 1.0)
    return stack([value * (1.0 - saturation + saturation * part) for part in (red, green, blue)], axis)


def _colours(images: TensorLike, axis: int, counts: tuple[int, ...], floats: bool = False) -> int | None:
    """How many channels there are. Raises NetworkError for another number than `counts`, or for integers where floats are needed."""
    rank_of(images)
    channels = shape_of(images)[axis]
    if channels not in counts:
        raise NetworkError(f"Invalid channel size: expected {' or '.join(map(str, counts))}. Received: images.shape={shape_of(images)}")
    if floats and not is_floating(dtype_of(images)):
        raise NetworkError(f"Invalid images dtype: expected float dtype. Received: images.dtype={dtype_of(images)}")
    return channels


def _planes(images: TensorLike, axis: int) -> list[KerasTensor]:
    rank = len(shape_of(images))
    return [emit("Gather", images, np.asarray(index, np.int64), axis=axis % rank) for index in range(3)]
