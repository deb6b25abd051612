"""Images with more around them, or less."""

from builder.errors import NetworkError
from builder.ops.image.layout import is_last, rank_of
from builder.ops.numpy.rearranging import cut, pad
from builder.ops.operation import operation
from builder.ops.symbolic import KerasTensor, TensorLike, shape_of

__all__ = ["crop_images", "pad_images"]


@operation
def pad_images(
    images: TensorLike,
    top_padding: int | None = None,
    left_padding: int | None = None,
    bottom_padding: int | None = None,
    right_padding: int | None = None,
    target_height: int | None = None,
    target_width: int | None = None,
    data_format: str | None = None,
) -> KerasTensor:
    """The images with zeros around them (ONNX Pad): of top, bottom and target height two are given, and so for the width."""
    height, width = _height_and_width(images, data_format)
    top, bottom = _margins("padding", ("top", "bottom", "height"), top_padding, bottom_padding, target_height, height, -1)
    left, right = _margins("padding", ("left", "right", "width"), left_padding, right_padding, target_width, width, -1)
    margins = [(top, bottom), (left, right)]
    margins = [*margins, (0, 0)] if is_last(data_format) else [(0, 0), *margins]
    return pad(images, [(0, 0)] * (len(shape_of(images)) - 3) + margins)


@operation
def crop_images(
    images: TensorLike,
    top_cropping: int | None = None,
    left_cropping: int | None = None,
    bottom_cropping: int | None = None,
    right_cropping: int | None = None,
    target_height: int | None = None,
    target_width: int | None = None,
    data_format: str | None = None,
) -> KerasTensor:
    """The images without their borders (ONNX Slice): of top, bottom and target height two are given, and so for the width."""
    height, width = _height_and_width(images, data_format)
    top, bottom = _margins("cropping", ("top", "bottom", "height"), top_cropping, bottom_cropping, target_height, height, 1)
    left, right = _margins("cropping", ("left", "right", "width"), left_cropping, right_cropping, target_width, width, 1)
    first = len(shape_of(images)) - (3 if is_last(data_format) else 2)
    rows = cut(images, first, top, _end(bottom))
    return cut(rows, first + 1, left, _end(right))


def _height_and_width(images: TensorLike, data_format: str | None) -> tuple[int | None, int | None]:
    rank_of(images)
    height, width = shape_of(images)[-3:-1] if is_last(data_format) else shape_of(images)[-2:]
    return height, width


def _margins(
    what: str, names: tuple[str, str, str], first: int | None, second: int | None, target: int | None, size: int | None, sign: int
) -> tuple[int, int]:
    """Both margins, from the two of three arguments that are given. Raises NetworkError for other numbers of them."""
    if [first, second, target].count(None) != 1:
        raise NetworkError(
            f"Must specify exactly two of {names[0]}_{what}, {names[1]}_{what}, target_{names[2]}. Received: {names[0]}_{what}={first}, "
            f"{names[1]}_{what}={second}, target_{names[2]}={target}"
        )
    if target is not None:
        if size is None:
            raise NetworkError(f"target_{names[2]} needs images of known {names[2]}; give both {names[0]}_{what} and {names[1]}_{what}")
        left = (size - target) * sign
        first = left - (second or 0) if first is None else first
        second = left - first if second is None else second
    assert first is not None
    assert second is not None
    if first < 0 or second < 0:
        raise NetworkError(f"{names[0]}_{what} and {names[1]}_{what} must be >= 0. Received: {first} and {second}")
    return first, second


def _end(margin: int) -> int:
    return -margin if margin else 2**63 - 1
