"""Each pixel from those around it."""

from collections.abc import Sequence

import numpy as np

from builder.errors import NetworkError
from builder.graph import Array
from builder.ops.image.layout import as_given, batched_first, is_last
from builder.ops.numpy.shaping import stack, transpose
from builder.ops.operation import operation
from builder.ops.promotion import dtype_of, is_floating
from builder.ops.symbolic import KerasTensor, TensorLike, converted, emit, shape_of

__all__ = ["filtered", "gaussian", "gaussian_blur", "sobel_edges"]


@operation
def gaussian_blur(
    images: TensorLike,
    kernel_size: Sequence[int] = (3, 3),
    sigma: Sequence[float] | float = (1.0, 1.0),
    data_format: str | None = None,
) -> TensorLike:
    """The images weighed by a bell over a window of `kernel_size`, width and height, zeros around them (ONNX Conv).

    Raises NetworkError for integers, which have no such weights.
    """
    if not is_floating(dtype_of(images)):
        raise NetworkError(f"`gaussian_blur` needs images of floats. Received: images.dtype={dtype_of(images)}; cast them first")
    spreads = (sigma, sigma) if isinstance(sigma, int | float) else tuple(sigma)
    columns, rows = (gaussian(size, float(spread)) for size, spread in zip(kernel_size, spreads, strict=True))
    batched, rank = batched_first(images, data_format)
    return as_given(filtered(batched, np.outer(rows, columns)), rank, data_format)


@operation
def sobel_edges(images: TensorLike, data_format: str | None = None) -> TensorLike:
    """How steep a batch of images is downwards and to the right, on a new last axis of two, zeros around them (ONNX Conv)."""
    if len(shape_of(images)) != 4:
        raise NetworkError(f"`sobel_edges` takes a batch of images, of four axes. Received: images.shape={shape_of(images)}")
    dtype = dtype_of(images)
    batched, _ = batched_first(images if is_floating(dtype) else converted(images, "float32"), data_format)
    across = np.outer([1, 2, 1], [-1, 0, 1])
    edges = stack([filtered(batched, kernel) for kernel in (across.T, across)], -1)
    return converted(transpose(edges, (0, 2, 3, 1, 4)) if is_last(data_format) else edges, dtype)


def filtered(images: TensorLike, kernel: Array, same: bool = True) -> KerasTensor:
    """Every channel of images with the channels first, convolved with the one kernel: of the `same` size, or where it is all within."""
    channels = shape_of(images)[1]
    if channels is None:
        raise NetworkError(f"The number of channels must be known. Received: images.shape={shape_of(images)}")
    weights = np.broadcast_to(kernel, (channels, 1, *kernel.shape)).astype(np.float32)
    margins = [(size - 1) // 2 for size in kernel.shape] + [size // 2 for size in kernel.shape]
    return emit("Conv", images, converted(weights, dtype_of(images)), group=channels, pads=tuple(margins) if same else (0, 0, 0, 0))


def gaussian(size: int, sigma: float) -> Array:
    """The weights of a bell, which sum to one."""
    bell: Array = np.exp(-0.5 * ((np.arange(size) - (size - 1) / 2) / sigma) ** 2)
    normalized: Array = bell / bell.sum()
    return normalized
