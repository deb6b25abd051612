"""Images in other sizes."""

from collections.abc import Sequence
from typing import Any

import numpy as np

from builder.errors import NetworkError
from builder.graph import Array
from builder.ops.allowance import spend
from builder.ops.axes import integers
from builder.ops.image.layout import as_given, batched_first
from builder.ops.numpy.arithmetic import add, clip, maximum, minimum, multiply, subtract
from builder.ops.numpy.comparison import greater, greater_equal, logical_and, where
from builder.ops.numpy.contraction import matmul
from builder.ops.numpy.rearranging import cut, pad
from builder.ops.numpy.rounding import floor_divide
from builder.ops.numpy.shaping import stack
from builder.ops.operation import operation
from builder.ops.promotion import dtype_of, is_floating
from builder.ops.sizes import Size, as_shape, size_of, spec_dims
from builder.ops.symbolic import KerasTensor, TensorLike, converted, emit, emit_as, shape_of, unsupported

__all__ = ["center_crop", "resize"]

_INTERPOLATIONS = ("bilinear", "nearest", "lanczos3", "lanczos5", "bicubic")


@operation
def resize(
    images: TensorLike,
    size: Sequence[int],
    interpolation: str = "bilinear",
    antialias: bool = False,
    crop_to_aspect_ratio: bool = False,
    pad_to_aspect_ratio: bool = False,
    fill_mode: str = "constant",
    fill_value: float = 0.0,
    data_format: str | None = None,
) -> TensorLike:
    """The images in `size`, height and width (ONNX Resize; two products of matrices for lanczos3 and lanczos5).

    What is cut off, or added on both sides, keeps their proportions, also of images whose size is known only when they
    come. Integers are rounded to even ones.
    """
    _check_resize(interpolation, fill_mode, crop_to_aspect_ratio and pad_to_aspect_ratio, size)
    batched, rank = batched_first(images, data_format)
    target = (int(size[0]), int(size[1]))
    if crop_to_aspect_ratio:
        batched = _cropped(batched, target)
    elif pad_to_aspect_ratio:
        batched = _padded(batched, target, fill_value)
    return as_given(_resized(batched, target, interpolation, antialias), rank, data_format)


def _resized(images: TensorLike, size: tuple[int, int], interpolation: str, antialias: bool) -> TensorLike:
    """`(batch, channels, height, width)` in that size, in their dtype."""
    dtype = dtype_of(images)
    found: TensorLike
    exact = images if is_floating(dtype) else converted(images, "float32")
    if interpolation.startswith("lanczos") or (interpolation == "bicubic" and not antialias and not _grows(images, size)):
        found = _by_weights(exact, size, interpolation, antialias)
    elif interpolation == "nearest" and None not in shape_of(images)[2:]:
        found = _picked(exact, size)
    else:
        found = _by_resize(exact, size, interpolation, antialias and interpolation != "nearest")
    if is_floating(dtype):
        return found
    low, high = (0, 1) if dtype == "bool" else (np.iinfo(dtype).min, np.iinfo(dtype).max)
    return converted(clip(emit("Round", found), float(low), float(high)), dtype)


def _scales_or_sizes(images: TensorLike, size: tuple[int, int]) -> tuple[TensorLike | None, TensorLike | None]:
    """Resize's last inputs, for all axes: ONNX Runtime loses the sizes of only some where a transpose is near."""
    old = shape_of(images)[2:]
    if None in old:
        return None, as_shape([size_of(images, 0), size_of(images, 1), *size])
    scales = [_scale(before or 0, after) for before, after in zip(old, size, strict=True)]
    return np.asarray([1, 1, *scales], np.float32), None


def _scale(before: int, after: int) -> np.float32:
    """The least scale by which a size becomes the other, rounded down: ONNX Runtime multiplies in float32, ONNX's checker in float64."""
    scale = np.float32(after / before)
    while int(np.float32(before) * scale) < after or int(before * float(scale)) < after:
        scale = np.nextafter(scale, np.float32(np.inf))
    return scale


def _picked(images: TensorLike, size: tuple[int, int]) -> TensorLike:
    """The nearest rows and columns, which are known: a scale would be rounded, and some be others (ONNX Gather)."""
    for axis, new in enumerate(size, start=2):
        old = shape_of(images)[axis] or 0
        images = emit("Gather", images, integers([(2 * place + 1) * old // (2 * new) for place in range(new)]), axis=axis)
    return images


def _by_resize(images: TensorLike, size: tuple[int, int], interpolation: str, antialias: bool) -> KerasTensor:
    scales, sizes = _scales_or_sizes(images, size)
    return emit_as(
        (*spec_dims(images)[:2], *size),
        dtype_of(images),
        "Resize",
        *(images, None, scales, sizes),
        mode={"nearest": "nearest", "bilinear": "linear", "bicubic": "cubic"}[interpolation],
        antialias=int(antialias),
        exclude_outside=int(antialias or interpolation == "bicubic"),
        cubic_coeff_a=-0.5,
        coordinate_transformation_mode="half_pixel",
        nearest_mode="round_prefer_ceil",
    )


def _by_weights(images: TensorLike, size: tuple[int, int], interpolation: str, antialias: bool) -> KerasTensor:
    """Each new row a weighted sum of the old ones, and so each column (ONNX MatMul)."""
    height, width = shape_of(images)[2:]
    if height is None or width is None:
        reason = f"{interpolation} interpolation needs images of known size; give Input() their height and width, or use bilinear"
        return unsupported(reason, (*spec_dims(images)[:2], *size), dtype_of(images), images)
    rows, columns = (_weights(old, new, interpolation, antialias) for old, new in ((height, size[0]), (width, size[1])))
    found = matmul(converted(rows, dtype_of(images)), matmul(images, converted(columns.T, dtype_of(images))))
    assert isinstance(found, KerasTensor)
    return found


def _weights(old: int, new: int, interpolation: str, antialias: bool) -> Array:
    """How much of each of `old` pixels is in each of `new` ones: `(new, old)`, every row summing to one."""
    spend(new, old)
    scale = old / new
    centres = (np.arange(new) + 0.5) * scale - 0.5
    away = np.abs(centres[:, None] - np.arange(old)) / (max(scale, 1.0) if antialias else 1.0)
    weights = _keys(away) if interpolation == "bicubic" else _lanczos(away, int(interpolation[-1]))
    normalized: Array = weights / weights.sum(axis=1, keepdims=True)
    return normalized


def _keys(away: Array) -> Array:
    """The cubic convolution kernel of Keys (1981), a = -0.5."""
    near, far = (1.5 * away - 2.5) * away**2 + 1, ((-0.5 * away + 2.5) * away - 4) * away + 2
    return np.where(away < 1, near, np.where(away < 2, far, 0))


def _lanczos(away: Array, radius: int) -> Array:
    return np.where(away < radius, np.sinc(away) * np.sinc(away / radius), 0)


def _grows(images: TensorLike, size: tuple[int, int]) -> bool:
    """Whether both axes do: ONNX Runtime moves transposes through Resize, and has no cubic one then that shrinks."""
    return all(old is not None and new >= old for old, new in zip(shape_of(images)[2:], size, strict=True))


def center_crop(images: TensorLike, size: tuple[int, int], data_format: str | None = None) -> TensorLike:
    """The middle of the images, or of smaller ones the largest middle of those proportions, resized: Keras's CenterCrop."""
    batched, rank = batched_first(images, data_format)
    height, width = size_of(batched, 2), size_of(batched, 3)
    if isinstance(height, int) and isinstance(width, int):
        if height >= size[0] and width >= size[1]:
            top, left = (height - size[0]) // 2, (width - size[1]) // 2
            return as_given(cut(cut(batched, 2, top, top + size[0]), 3, left, left + size[1]), rank, data_format)
        return as_given(_resized(_cropped(batched, size), size, "bilinear", False), rank, data_format)
    fits = logical_and(greater_equal(height, size[0]), greater_equal(width, size[1]))
    rows, columns = _largest(height, width, size)
    part = _middle(batched, where(fits, size[0], rows), where(fits, size[1], columns))
    return as_given(_resized(part, size, "bilinear", False), rank, data_format)


def _cropped(images: TensorLike, target: tuple[int, int]) -> TensorLike:
    """The middle of the images, in the proportions of the target."""
    height, width = size_of(images, 2), size_of(images, 3)
    rows, columns = _largest(height, width, target)
    if isinstance(height, int) and isinstance(width, int):
        assert isinstance(rows, int)
        assert isinstance(columns, int)
        top, left = (height - rows) // 2, (width - columns) // 2
        return cut(cut(images, 2, top, top + rows), 3, left, left + columns)
    return _middle(images, rows, columns)


def _largest(height: Size, width: Size, target: tuple[int, int]) -> tuple[Any, Any]:
    """The largest size within another that has the proportions of the target."""
    return (
        _clamped(_quotient(width, target[0], target[1]), 1, height),
        _clamped(_quotient(height, target[1], target[0]), 1, width),
    )


def _middle(images: TensorLike, rows: TensorLike, columns: TensorLike) -> KerasTensor:
    """The middle of the images in a size that is known only when they come (ONNX Slice)."""
    own = (size_of(images, 2), size_of(images, 3))
    starts = [floor_divide(subtract(size, part), 2) for size, part in zip(own, (rows, columns), strict=True)]
    ends = [add(start, part) for start, part in zip(starts, (rows, columns), strict=True)]
    dims = (*spec_dims(images)[:2], None, None)
    return emit_as(dims, dtype_of(images), "Slice", images, _vector(starts), _vector(ends), integers((2, 3)))


def _padded(images: TensorLike, target: tuple[int, int], fill_value: float) -> TensorLike:
    """The images with as much above as below them, or on either side, that they have the proportions of the target."""
    height, width = size_of(images, 2), size_of(images, 3)
    if isinstance(height, int) and isinstance(width, int):
        top = (max(height, width * target[0] // target[1]) - height) // 2
        left = (max(width, height * target[1] // target[0]) - width) // 2 if not top else 0
        return pad(images, ((0, 0), (0, 0), (top, top), (left, left)), constant_values=fill_value) if top or left else images
    above = floor_divide(_clamped(subtract(_quotient(width, target[0], target[1]), height), 0), 2)
    aside = floor_divide(_clamped(subtract(_quotient(height, target[1], target[0]), width), 0), 2)
    aside = where(greater(above, 0), 0, aside)
    margins = _vector([0, 0, above, aside, 0, 0, above, aside])
    dims = (*spec_dims(images)[:2], None, None)
    return emit_as(dims, dtype_of(images), "Pad", images, margins, converted(np.asarray(fill_value), dtype_of(images)))


def _quotient(size: Size, by: int, over: int) -> Any:
    """`size * by / over`, rounded down."""
    return size * by // over if isinstance(size, int) else floor_divide(multiply(size, by), over)


def _clamped(size: Any, least: int, most: Any = None) -> Any:
    if isinstance(size, int) and isinstance(most, int):
        return max(min(size, most), least)
    return maximum(size if most is None else minimum(size, most), least)


def _vector(sizes: Sequence[TensorLike]) -> TensorLike:
    """Sizes, some known and some not, as a tensor of int64."""
    return converted(stack([converted(size, "int64") for size in sizes]), "int64")


def _check_resize(interpolation: str, fill_mode: str, both: bool, size: Sequence[int]) -> None:
    if interpolation not in _INTERPOLATIONS:
        raise NetworkError(
            f"Invalid value for argument `interpolation`. Expected of one {_INTERPOLATIONS}. Received: interpolation={interpolation}"
        )
    if fill_mode != "constant":
        raise NetworkError(f"Invalid value for argument `fill_mode`. Only `'constant'` is supported. Received: fill_mode={fill_mode}")
    if both:
        raise NetworkError("Only one of `pad_to_aspect_ratio` & `crop_to_aspect_ratio` can be `True`.")
    if len(size) != 2:
        raise NetworkError(f"Argument `size` must be a tuple of two elements (height, width). Received: size={size}")
