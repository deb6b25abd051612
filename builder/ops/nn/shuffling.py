"""Between channels and space: blocks of pixels as channels, and back."""

from collections.abc import Sequence

import numpy as np

from builder.errors import NetworkError
from builder.ops.nn.window import layout
from builder.ops.numpy.indexing import get_item
from builder.ops.numpy.rearranging import pad
from builder.ops.numpy.shaping import reshape, stack, transpose
from builder.ops.operation import operation
from builder.ops.promotion import dtype_of
from builder.ops.sizes import Size, size_of
from builder.ops.symbolic import KerasTensor, TensorLike, converted, emit, shape_of

__all__ = ["depth_to_space", "fold", "space_to_depth", "unfold"]


@operation
def depth_to_space(x: TensorLike, block_size: int, data_format: str = "channels_last") -> KerasTensor:
    """Channels as blocks of `block_size` by `block_size` pixels: `(batch, height, width, channels)` with a quarter of them, for 2."""
    first = layout(data_format) == "channels_first"
    batch, *sizes = (size_of(x, axis) for axis in range(4))
    channels, height, width = sizes if first else (sizes[2], sizes[0], sizes[1])
    if not isinstance(channels, int) or channels % block_size**2:
        raise NetworkError(f"The channels must be a multiple of {block_size**2}. Received: shape={shape_of(x)}, block_size={block_size}")
    depth = channels // block_size**2
    if first:
        blocks = transpose(reshape(x, (batch, block_size, block_size, depth, height, width)), (0, 3, 4, 1, 5, 2))
        return reshape(blocks, (batch, depth, _times(height, block_size), _times(width, block_size)))
    blocks = transpose(reshape(x, (batch, height, width, block_size, block_size, depth)), (0, 1, 3, 2, 4, 5))
    return reshape(blocks, (batch, _times(height, block_size), _times(width, block_size), depth))


@operation
def space_to_depth(x: TensorLike, block_size: int, data_format: str = "channels_last") -> KerasTensor:
    """Blocks of `block_size` by `block_size` pixels as channels: `(batch, height, width, channels)` with four times as many, for 2."""
    first = layout(data_format) == "channels_first"
    batch, *sizes = (size_of(x, axis) for axis in range(4))
    channels, height, width = sizes if first else (sizes[2], sizes[0], sizes[1])
    if any(not isinstance(size, int) or size % block_size for size in (height, width)):
        raise NetworkError(f"The height and width must be multiples of {block_size}. Received: shape={shape_of(x)}")
    assert isinstance(height, int)
    assert isinstance(width, int)
    rows, columns = height // block_size, width // block_size
    if first:
        blocks = transpose(reshape(x, (batch, channels, rows, block_size, columns, block_size)), (0, 3, 5, 1, 2, 4))
        return reshape(blocks, (batch, _times(channels, block_size**2), rows, columns))
    blocks = transpose(reshape(x, (batch, rows, block_size, columns, block_size, channels)), (0, 1, 3, 2, 4, 5))
    return reshape(blocks, (batch, rows, columns, _times(channels, block_size**2)))


@operation
def unfold(
    x: TensorLike,
    kernel_size: int | Sequence[int],
    dilation: int | Sequence[int] = 1,
    padding: int | Sequence[int] = 0,
    stride: int | Sequence[int] = 1,
) -> KerasTensor:
    """The windows of images with the channels first: `(batch, channels, height, width)` to `(batch, channels * window, windows)`."""
    window, dilations, margins, steps = (_pair(given) for given in (kernel_size, dilation, padding, stride))
    padded = pad(x, ((0, 0), (0, 0), (margins[0], margins[0]), (margins[1], margins[1]))) if any(margins) else x
    batch, channels, height, width = (size_of(padded, axis) for axis in range(4))
    if not all(isinstance(size, int) for size in (channels, height, width)):
        raise NetworkError(f"`unfold` needs images of known size. Received: shape={shape_of(x)}")
    views = []
    for row in range(window[0]):
        for column in range(window[1]):
            spans = [
                slice(begin * dilated, begin * dilated + (size - dilated * (extent - 1) - 1) // step * step + 1, step)
                for begin, size, extent, dilated, step in zip((row, column), (height, width), window, dilations, steps, strict=True)
            ]
            views.append(get_item(padded, (slice(None), slice(None), *spans)))
    return reshape(stack(views, 2), (batch, _times(channels, window[0] * window[1]), -1))


@operation
def fold(
    x: TensorLike,
    output_size: int | Sequence[int],
    kernel_size: int | Sequence[int],
    dilation: int | Sequence[int] = 1,
    padding: int | Sequence[int] = 0,
    stride: int | Sequence[int] = 1,
) -> KerasTensor:
    """Windows as images with the channels first, added up where they overlap (ONNX ConvTranspose): what `unfold` takes apart.

    `(batch, channels * window, windows)` to `(batch, channels, height, width)`, which are `output_size`.
    """
    size, window, dilations, margins, steps = (_pair(given) for given in (output_size, kernel_size, dilation, padding, stride))
    batch, planes, _ = (size_of(x, axis) for axis in range(3))
    if not isinstance(planes, int) or planes % (window[0] * window[1]):
        raise NetworkError(f"The channels of `x` must be a multiple of the window's {window[0] * window[1]}. Received: {shape_of(x)}")
    reach = [extent + 2 * margin for extent, margin in zip(size, margins, strict=True)]
    counts = [
        (whole - part * (extent - 1) - 1) // step + 1 for whole, part, extent, step in zip(reach, dilations, window, steps, strict=True)
    ]
    rows = reshape(converted(x, "float32"), (batch, planes, *counts))
    kernel = np.eye(planes, dtype=np.float32).reshape(planes, planes // (window[0] * window[1]), *window)
    apart = emit("ConvTranspose", rows, kernel, strides=steps, dilations=dilations)
    short = [whole - found for whole, found in zip(reach, apart.shape[2:], strict=True) if found is not None]
    padded = pad(apart, ((0, 0), (0, 0), (0, short[0]), (0, short[1]))) if any(short) else apart
    spans = [slice(margin, margin + extent) for margin, extent in zip(margins, size, strict=True)]
    found = converted(get_item(padded, (slice(None), slice(None), *spans)), dtype_of(x))
    assert isinstance(found, KerasTensor)
    return found


def _times(size: Size, factor: int) -> Size:
    return size * factor


def _pair(given: int | Sequence[int]) -> tuple[int, int]:
    return (given, given) if isinstance(given, int) else (given[0], given[1])
