"""Convolution.

Convolution and its kin exist in ONNX with the channels first. For tensors with the channels last each function here
brackets its operator with two transposes, and the layout pass takes out those that meet their inverse.
"""

from collections.abc import Sequence

from builder.errors import NetworkError
from builder.ops.nn.window import as_before, channels_first, channels_of, each, static, window_attributes
from builder.ops.numpy.shaping import transpose
from builder.ops.operation import operation
from builder.ops.promotion import promoted
from builder.ops.symbolic import KerasTensor, TensorLike, emit, shape_of

__all__ = ["conv"]


@operation
def conv(
    inputs: TensorLike,
    kernel: TensorLike,
    strides: int | Sequence[int] = 1,
    padding: str = "valid",
    data_format: str = "channels_last",
    dilation_rate: int | Sequence[int] = 1,
) -> KerasTensor:
    """Convolution over one to three spatial axes (ONNX Conv).

    `kernel` is `(*window, in / groups, out)`; how many groups there are follows from the channels of `inputs`.
    Raises NetworkError when the window does not fit.
    """
    inputs, kernel = promoted(inputs, kernel)
    *window, group_channels, _ = (static(dim) for dim in shape_of(kernel))
    channels = static(channels_of(shape_of(inputs), data_format))
    if channels % group_channels:
        raise NetworkError(
            f"The number of input channels must be evenly divisible by kernel's in-channels. Received input channels "
            f"{channels} and kernel in-channels {group_channels}"
        )
    rank = len(window)
    attributes = window_attributes(inputs, window, each(strides, rank), padding, data_format, each(dilation_rate, rank))
    oihw = transpose(kernel, (rank + 1, rank, *range(rank)))
    convolved = emit("Conv", channels_first(inputs, data_format), oihw, group=channels // group_channels, **attributes)
    return as_before(convolved, data_format)
