"""The windows of images."""

from collections.abc import Sequence

import numpy as np

from builder.errors import NetworkError
from builder.ops.allowance import spend
from builder.ops.image.layout import is_last
from builder.ops.nn.convolution import conv
from builder.ops.numpy.rearranging import cut
from builder.ops.numpy.shaping import expand_dims, reshape, squeeze, transpose
from builder.ops.operation import operation
from builder.ops.promotion import dtype_of, floating
from builder.ops.symbolic import KerasTensor, TensorLike, converted, shape_of

__all__ = ["extract_patches", "extract_patches_3d"]


@operation
def extract_patches(
    images: TensorLike,
    size: int | Sequence[int],
    strides: int | Sequence[int] | None = None,
    dilation_rate: int | Sequence[int] = 1,
    padding: str = "valid",
    data_format: str | None = None,
) -> TensorLike:
    """The windows of `size` as channels: of pictures for two sizes, of volumes for three.

    Windows side by side are the pixels in another order (ONNX Reshape, Transpose), others are taken by Conv.
    """
    window = (size, size) if isinstance(size, int) else tuple(size)
    rank, last = len(window), is_last(data_format)
    steps = window if strides is None else (strides,) * rank if isinstance(strides, int) else tuple(strides)
    batched = images if len(shape_of(images)) == rank + 2 else expand_dims(images, 0)
    sizes = shape_of(batched)[1:-1] if last else shape_of(batched)[2:]
    channels = shape_of(batched)[-1 if last else 1]
    if channels is None:
        raise NetworkError(f"`extract_patches` needs a known number of channels. Received: shape={shape_of(images)}")
    dilated = max((dilation_rate,) if isinstance(dilation_rate, int) else dilation_rate) > 1
    if last and steps == window and padding == "valid" and not dilated and None not in sizes:
        patches: TensorLike = _tiles(batched, window)
    else:
        spend(*(int(np.prod(window)) * channels,) * 2)
        kernel = np.eye(int(np.prod(window)) * channels, dtype=np.float32).reshape(*window, channels, -1)
        given = floating(batched)
        layout = "channels_last" if last else "channels_first"
        patches = conv(given, converted(kernel, dtype_of(given)), steps, padding, layout, dilation_rate)
        patches = converted(patches, dtype_of(images))
    return patches if batched is images else squeeze(patches, 0)


@operation
def extract_patches_3d(
    volumes: TensorLike,
    size: int | Sequence[int],
    strides: int | Sequence[int] | None = None,
    dilation_rate: int | Sequence[int] = 1,
    padding: str = "valid",
    data_format: str | None = None,
) -> TensorLike:
    """As `extract_patches`, of volumes."""
    window = (size,) * 3 if isinstance(size, int) else tuple(size)
    return extract_patches(volumes, window, strides, dilation_rate, padding, data_format)


def _tiles(images: TensorLike, window: Sequence[int]) -> KerasTensor:
    """`(batch, *space, channels)` as `(batch, *tiles, pixels of a tile)`."""
    rank = len(window)
    counts = []
    for axis, extent in enumerate(window, start=1):
        size = shape_of(images)[axis] or 0
        counts.append(size // extent)
        images = cut(images, axis, 0, counts[-1] * extent) if size % extent else images
    split = [part for pair in zip(counts, window, strict=True) for part in pair]
    channels = shape_of(images)[-1] or 0
    apart = reshape(images, [0, *split, channels])
    together = transpose(apart, [0, *range(1, 2 * rank, 2), *range(2, 2 * rank + 1, 2), 2 * rank + 1])
    return reshape(together, [0, *counts, int(np.prod(window)) * channels])
