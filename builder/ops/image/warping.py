"""Images seen from elsewhere: each new pixel is what the images are at a place that may lie between pixels, or outside."""

from collections.abc import Sequence
from itertools import product

from builder.errors import NetworkError
from builder.ops.image.layout import as_given, batched_first
from builder.ops.linalg.systems import solve
from builder.ops.numpy.arithmetic import absolute, add, clip, multiply, negative, sign, subtract
from builder.ops.numpy.comparison import equal, greater_equal, less, logical_and, where
from builder.ops.numpy.creation import arange, ones_like, zeros_like
from builder.ops.numpy.indexing import get_item
from builder.ops.numpy.rounding import floor, floor_divide, mod, round, trunc
from builder.ops.numpy.shaping import broadcast_to, concatenate, expand_dims, reshape, squeeze, stack
from builder.ops.operation import operation
from builder.ops.promotion import dtype_of, is_floating
from builder.ops.sizes import Size, size_of
from builder.ops.symbolic import TensorLike, converted, emit, shape_of

__all__ = ["affine_transform", "map_coordinates", "perspective_transform"]

_ORDERS = {"nearest": 0, "bilinear": 1}
_MODES = ("constant", "nearest", "wrap", "mirror", "reflect")


@operation
def affine_transform(
    images: TensorLike,
    transform: TensorLike,
    interpolation: str = "bilinear",
    fill_mode: str = "constant",
    fill_value: float = 0,
    data_format: str | None = None,
) -> TensorLike:
    """The images, the pixel at `(x, y)` being what is at `(a0 * x + a1 * y + a2, b0 * x + b1 * y + b2)` (ONNX GatherND).

    `transform` is `[a0, a1, a2, b0, b1, b2, c0, c1]`, one for all images or one each: `(8,)` or `(batch, 8)`. As in Keras
    on JAX, `c0` times the number of the channel is added to y and `c1` times it to x, which zeros keep from happening.
    """
    _check(interpolation, fill_mode)
    if len(shape_of(transform)) not in (1, 2):
        raise NetworkError(f"Invalid transform rank: expected rank 1 or rank 2. Received: transform.shape={shape_of(transform)}")
    batched, rank = batched_first(images, data_format)
    given = converted(transform, "float32")
    given = given if len(shape_of(given)) == 2 else expand_dims(given, 0)
    a0, a1, a2, b0, b1, b2, c0, c1 = (get_item(given, (slice(None), index, None, None, None)) for index in range(8))
    channel, y, x = (
        reshape(converted(arange(size_of(batched, axis)), "float32"), [-1 if place == axis else 1 for place in range(1, 4)])
        for axis in range(1, 4)
    )
    places = [y * b1 + x * b0 + channel * c0 + b2, y * a1 + x * a0 + channel * c1 + a2]
    return as_given(_seen(batched, places, _ORDERS[interpolation], fill_mode, fill_value), rank, data_format)


@operation
def perspective_transform(
    images: TensorLike,
    start_points: TensorLike,
    end_points: TensorLike,
    interpolation: str = "bilinear",
    fill_value: float = 0,
    data_format: str | None = None,
) -> TensorLike:
    """The images seen so that four points, `(x, y)` each, come to lie elsewhere: `(4, 2)` for all, or `(batch, 4, 2)` (ONNX GatherND)."""
    _check(interpolation, "constant")
    points = [converted(given, "float32") for given in (start_points, end_points)]
    if shape_of(points[0]) != shape_of(points[1]) or shape_of(points[0])[-2:] != (4, 2) or len(shape_of(points[0])) not in (2, 3):
        raise NetworkError(
            f"start_points and end_points must be (4, 2) or (N, 4, 2). Received: {shape_of(points[0])}, {shape_of(points[1])}"
        )
    start, end = (given if len(shape_of(given)) == 3 else expand_dims(given, 0) for given in points)
    batched, rank = batched_first(images, data_format)
    h = [get_item(_homography(start, end), (slice(None), index, None, None, None)) for index in range(8)]
    y, x = (reshape(converted(arange(size_of(batched, axis)), "float32"), (1, -1, 1) if axis == 2 else (1, 1, -1)) for axis in (2, 3))
    depth = h[6] * x + h[7] * y + 1.0
    places = [(h[3] * x + h[4] * y + h[5]) / depth, (h[0] * x + h[1] * y + h[2]) / depth]
    return as_given(_seen(batched, places, _ORDERS[interpolation], "constant", fill_value), rank, data_format)


@operation
def map_coordinates(
    inputs: TensorLike, coordinates: TensorLike, order: int, fill_mode: str = "constant", fill_value: float = 0
) -> TensorLike:
    """What `inputs` is at places: `(axes, ...)`, a number for each of its axes, to `(...)` (ONNX GatherND).

    `order` is 0 for the nearest element and 1 for what lies between the nearest ones. Outside is `fill_value`, or for
    another `fill_mode` the elements continue: "nearest", "wrap", "mirror" or "reflect".
    """
    _check("nearest", fill_mode)
    rank = len(shape_of(inputs))
    if order not in (0, 1):
        raise NetworkError(f"Invalid value for argument `order`. Expected one of [0, 1]. Received: order={order}")
    if shape_of(coordinates)[0] != rank or len(shape_of(coordinates)) < 2:
        raise NetworkError(
            f"`coordinates` are a number for each axis of `inputs` and each place. Received: {shape_of(coordinates)} for {shape_of(inputs)}"
        )
    places = [get_item(coordinates, axis) for axis in range(rank)]
    return _at(inputs, places, [size_of(inputs, axis) for axis in range(rank)], order, fill_mode, fill_value)


def _seen(images: TensorLike, places: Sequence[TensorLike], order: int, mode: str, fill_value: float) -> TensorLike:
    """`(batch, channels, height, width)`, each channel where it is at its places."""
    shape = [size_of(images, axis) for axis in range(4)]
    spread = [broadcast_to(place, shape) for place in places]
    return _at(images, spread, shape[2:], order, mode, fill_value, before=2)


def _at(
    x: TensorLike, places: Sequence[TensorLike], sizes: Sequence[Size], order: int, mode: str, fill_value: float, before: int = 0
) -> TensorLike:
    """What is at the places, the sum of what is around them; the first `before` axes of `x` are those of the places too."""
    dtype = dtype_of(x)
    exact = x if is_floating(dtype) else converted(x, "float32")
    around = [_around(place, order, dtype_of(exact)) for place in places]
    total: TensorLike = 0.0
    for corner in product(*around):
        index = stack([_inside(number, size, mode) for (number, _), size in zip(corner, sizes, strict=True)], -1)
        found: TensorLike = emit("GatherND", exact, converted(index, "int64"), batch_dims=before)
        if mode == "constant":
            for (number, _), size in zip(corner, sizes, strict=True):
                found = where(logical_and(greater_equal(number, 0), less(number, size)), found, converted(fill_value, dtype_of(exact)))
        for _, weight in corner:
            found = found if weight is None else multiply(found, weight)
        total = add(total, found)
    return total if is_floating(dtype) else converted(_rounded(total), dtype)


def _around(place: TensorLike, order: int, dtype: str) -> list[tuple[TensorLike, TensorLike | None]]:
    """The numbers of the elements on either side and how much each weighs, or that of the nearest alone."""
    place = place if is_floating(dtype_of(place)) else converted(place, "float32")
    if order == 0:
        return [(converted(_rounded(place), "int32"), None)]
    below = floor(place)
    share = converted(subtract(place, below), dtype)
    number = converted(below, "int32")
    return [(number, subtract(1, share)), (add(number, 1), share)]


def _inside(number: TensorLike, size: Size, mode: str) -> TensorLike:
    """The number of an element that there is, for one that there may not be."""
    if mode == "wrap":
        return mod(number, size)
    if mode == "mirror":
        return _mirrored(number, size)
    if mode == "reflect":
        return floor_divide(subtract(_mirrored(add(multiply(number, 2), 1), 2 * size + 1), 1), 2)
    return clip(number, 0, size - 1)


def _mirrored(number: TensorLike, size: Size) -> TensorLike:
    last = size - 1
    return absolute(subtract(mod(add(number, last), 2 * last), last))


def _rounded(x: TensorLike) -> TensorLike:
    """The nearest whole number, halves away from zero; ONNX Round has the nearest even one for those."""
    half = equal(absolute(subtract(x, trunc(x))), 0.5)
    return where(half, add(x, multiply(sign(x), 0.5)), round(x))


def _homography(start: TensorLike, end: TensorLike) -> TensorLike:
    """The eight numbers of the map that takes the end points to the start points: `(batch, 8)`."""
    (from_x, from_y), (to_x, to_y) = ((get_item(points, (..., 0)), get_item(points, (..., 1))) for points in (start, end))
    none, one = zeros_like(to_x), ones_like(to_x)
    rows_x = stack([to_x, to_y, one, none, none, none, negative(multiply(from_x, to_x)), negative(multiply(from_x, to_y))], -1)
    rows_y = stack([none, none, none, to_x, to_y, one, negative(multiply(from_y, to_x)), negative(multiply(from_y, to_y))], -1)
    wanted = expand_dims(concatenate([from_x, from_y], -1), -1)
    return squeeze(solve(concatenate([rows_x, rows_y], 1), wanted), -1)


def _check(interpolation: str, fill_mode: str) -> None:
    if interpolation not in _ORDERS:
        raise NetworkError(f"Invalid value for argument `interpolation`. Expected of one {set(_ORDERS)}. Received: {interpolation=}")
    if fill_mode not in _MODES:
        raise NetworkError(f"Invalid value for argument `fill_mode`. Expected of one {_MODES}. Received: fill_mode={fill_mode}")
