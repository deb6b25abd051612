"""Convolution.

Convolution and its kin exist in ONNX with the channels first. For tensors with the channels last each function here
brackets its operator with two transposes, and the layout pass takes out those that meet their inverse.
"""

from collections.abc import Sequence

from builder.errors import NetworkError
from builder.graph import Attribute
from builder.ops.core.tensors import slice
from builder.ops.nn.window import as_before, channels_first, channels_of, each, layout, static, window_attributes, without_rest
from builder.ops.numpy.rearranging import pad
from builder.ops.numpy.shaping import expand_dims, reshape, transpose
from builder.ops.operation import operation
from builder.ops.promotion import promoted
from builder.ops.symbolic import KerasTensor, TensorLike, emit, shape_of

__all__ = ["conv", "conv_transpose", "depthwise_conv", "separable_conv"]


@operation
def conv(
    inputs: TensorLike,
    kernel: TensorLike,
    strides: int | Sequence[int] = 1,
    padding: str = "valid",
    data_format: str | None = None,
    dilation_rate: int | Sequence[int] = 1,
) -> KerasTensor:
    """Convolution over one to three spatial axes (ONNX Conv).

    `kernel` is `(*window, in / groups, out)`; how many groups there are follows from the channels of `inputs`.
    `padding` may be "causal" too. Raises NetworkError when the window does not fit.
    """
    inputs, kernel = promoted(inputs, kernel)
    data_format = layout(data_format)
    *window, group_channels, _ = (static(dim) for dim in shape_of(kernel))
    channels = static(channels_of(shape_of(inputs), data_format))
    if channels % group_channels:
        raise NetworkError(
            f"The number of input channels must be evenly divisible by kernel's in-channels. Received input channels "
            f"{channels} and kernel in-channels {group_channels}"
        )
    rank = len(window)
    dilations = each(dilation_rate, rank)
    attributes = window_attributes(inputs, window, each(strides, rank), padding, data_format, dilations)
    if "auto_pad" in attributes and max(dilations) > 1:  # which ONNX Runtime refuses together
        return conv(inputs, _widened(kernel, dilations), strides, padding, data_format)
    oihw = transpose(kernel, (rank + 1, rank, *range(rank)))
    convolved = emit(
        "Conv", without_rest(channels_first(inputs, data_format), attributes), oihw, group=channels // group_channels, **attributes
    )
    return as_before(convolved, data_format)


@operation
def depthwise_conv(
    inputs: TensorLike,
    kernel: TensorLike,
    strides: int | Sequence[int] = 1,
    padding: str = "valid",
    data_format: str | None = None,
    dilation_rate: int | Sequence[int] = 1,
) -> KerasTensor:
    """Convolution of each channel by itself (ONNX Conv, a group for each channel).

    `kernel` is `(*window, channels, multiplier)`, and the output has `channels * multiplier` channels.
    """
    *window, channels, multiplier = (static(dim) for dim in shape_of(kernel))
    return conv(inputs, reshape(kernel, (*window, 1, channels * multiplier)), strides, padding, data_format, dilation_rate)


@operation
def separable_conv(
    inputs: TensorLike,
    depthwise_kernel: TensorLike,
    pointwise_kernel: TensorLike,
    strides: int | Sequence[int] = 1,
    padding: str = "valid",
    data_format: str | None = None,
    dilation_rate: int | Sequence[int] = 1,
) -> KerasTensor:
    """`depthwise_conv`, and a convolution of window 1 that mixes its channels (two ONNX Conv)."""
    separate = depthwise_conv(inputs, depthwise_kernel, strides, padding, data_format, dilation_rate)
    return conv(separate, pointwise_kernel, 1, "valid", data_format)


@operation
def conv_transpose(
    inputs: TensorLike,
    kernel: TensorLike,
    strides: int | Sequence[int] = 1,
    padding: str = "valid",
    output_padding: int | Sequence[int] | None = None,
    data_format: str | None = None,
    dilation_rate: int | Sequence[int] = 1,
) -> KerasTensor:
    """The way back of a convolution (ONNX ConvTranspose); `kernel` is `(*window, out, in)`.

    With `k` the window's reach, `n` steps become `n * stride` with "same" and `(n - 1) * stride + max(k, stride)` with
    "valid"; where `output_padding` is given, `(n - 1) * stride + k % 2 + output_padding` and `(n - 1) * stride + k +
    output_padding`.
    """
    inputs, kernel = promoted(inputs, kernel)
    data_format = layout(data_format)
    window = [static(dim) for dim in shape_of(kernel)[:-2]]
    rank = len(window)
    steps, dilations = each(strides, rank), each(dilation_rate, rank)
    reach = [(extent - 1) * dilation + 1 for extent, dilation in zip(window, dilations, strict=True)]
    extras = (None,) * rank if output_padding is None else each(output_padding, rank)
    trims = [_trim(*one, padding) for one in zip(reach, steps, extras, strict=True)]
    attributes: dict[str, Attribute] = {
        "kernel_shape": tuple(window),
        "strides": steps,
        "dilations": dilations,
        "pads": tuple(begin for begin, _ in trims) + tuple(max(end, 0) for _, end in trims),
        "output_padding": tuple(max(-end, 0) for _, end in trims),
    }
    iohw = transpose(kernel, (rank + 1, rank, *range(rank)))
    return as_before(emit("ConvTranspose", channels_first(inputs, data_format), iohw, **attributes), data_format)


def _widened(kernel: TensorLike, dilations: Sequence[int]) -> TensorLike:
    """The kernel with zeros in the gaps that dilation leaves: `(*window, in / groups, out)` of as wide a window as it reaches."""
    for axis, dilation in enumerate(dilations):
        size = static(shape_of(kernel)[axis])
        apart = pad(expand_dims(kernel, axis + 1), [(0, dilation - 1 if place == axis + 1 else 0) for place in range(len(dilations) + 3)])
        sizes = [static(dim) for dim in shape_of(kernel)]
        sizes[axis] = size * dilation
        starts, lengths = [0] * len(sizes), [length - (dilation - 1 if place == axis else 0) for place, length in enumerate(sizes)]
        kernel = slice(reshape(apart, sizes), starts, lengths)
    return kernel


def _trim(reach: int, stride: int, extra: int | None, padding: str) -> tuple[int, int]:
    """How much of the whole output, `(n - 1) * stride + reach` long, is left out at either end; below zero it grows.

    The odd one of what "same" leaves out goes at the end, as far as the window reaches.
    """
    if padding == "valid":
        return 0, -(max(stride - reach, 0) if extra is None else extra)
    kept = stride if extra is None else reach % 2 + extra  # of the last step's window
    begin = max((reach - kept) // 2, 0)
    return begin, reach - kept - begin
