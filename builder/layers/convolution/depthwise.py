"""Convolution layers that take each channel by itself, and those that mix the channels in a second step."""

from collections.abc import Sequence
from typing import Any, Self

from builder import initializers, ops
from builder.layers.convolution.conv import _Convolution, positive
from builder.ops.symbolic import KerasTensor, Shape

__all__ = [
    "DepthwiseConv1D",
    "DepthwiseConv2D",
    "SeparableConv1D",
    "SeparableConv2D",
    "SeparableConvolution1D",
    "SeparableConvolution2D",
]


class _ByChannel(_Convolution):
    """Convolution with a kernel for each channel."""

    exclusive = False

    @classmethod
    def from_config(cls, config: dict[str, Any]) -> Self:
        """A layer with the arguments in `config`, among them those that Keras 2 saved of the class that its own was derived from."""
        derived = {"kernel_initializer", "kernel_regularizer", "kernel_constraint", *(("groups",) if config.get("groups") == 1 else ())}
        return cls(**{key: value for key, value in config.items() if key not in derived})


class _DepthwiseConv(_ByChannel):
    """`depth_multiplier` convolutions of each channel by itself, then the bias, then the activation.

    `(batch, *space, channels)` to `(batch, *steps, channels * depth_multiplier)`.
    """

    training_only = ("depthwise_regularizer", "bias_regularizer", "depthwise_constraint", "bias_constraint")

    def __init__(
        self,
        kernel_size: int | Sequence[int],
        strides: int | Sequence[int] = 1,
        padding: str = "valid",
        depth_multiplier: int = 1,
        data_format: str | None = None,
        dilation_rate: int | Sequence[int] = 1,
        activation: Any = None,
        use_bias: bool = True,
        depthwise_initializer: Any = "glorot_uniform",
        bias_initializer: Any = "zeros",
        **kwargs: Any,
    ) -> None:
        super().__init__(kernel_size, strides, padding, data_format, dilation_rate, activation, use_bias, bias_initializer, **kwargs)
        self.depth_multiplier = positive(depth_multiplier, "depth_multiplier")
        self.depthwise_initializer = initializers.get(depthwise_initializer)

    def build(self, input_shape: Shape) -> None:
        channels = self.channels_of(input_shape)
        window = (*self.kernel_size, channels, self.depth_multiplier)
        self.kernel = self.add_weight(window, self.depthwise_initializer, name="kernel")
        self.add_bias(channels * self.depth_multiplier)

    def call(self, inputs: KerasTensor) -> Any:
        return self.finished(ops.depthwise_conv(inputs, self.kernel, self.strides, self.padding, self.data_format, self.dilation_rate))


class DepthwiseConv1D(_DepthwiseConv):
    """Depthwise convolution of sequences."""

    rank = 1


class DepthwiseConv2D(_DepthwiseConv):
    """Depthwise convolution of images."""

    rank = 2


class _SeparableConv(_ByChannel):
    """A depthwise convolution, and one of window 1 that mixes what it gives; then the bias, then the activation.

    `(batch, *space, channels)` to `(batch, *steps, filters)`.
    """

    training_only = (
        "depthwise_regularizer",
        "pointwise_regularizer",
        "bias_regularizer",
        "depthwise_constraint",
        "pointwise_constraint",
        "bias_constraint",
    )

    def __init__(
        self,
        filters: int,
        kernel_size: int | Sequence[int],
        strides: int | Sequence[int] = 1,
        padding: str = "valid",
        data_format: str | None = None,
        dilation_rate: int | Sequence[int] = 1,
        depth_multiplier: int = 1,
        activation: Any = None,
        use_bias: bool = True,
        depthwise_initializer: Any = "glorot_uniform",
        pointwise_initializer: Any = "glorot_uniform",
        bias_initializer: Any = "zeros",
        **kwargs: Any,
    ) -> None:
        super().__init__(kernel_size, strides, padding, data_format, dilation_rate, activation, use_bias, bias_initializer, **kwargs)
        self.filters = positive(filters, "filters")
        self.depth_multiplier = positive(depth_multiplier, "depth_multiplier")
        self.depthwise_initializer = initializers.get(depthwise_initializer)
        self.pointwise_initializer = initializers.get(pointwise_initializer)

    def build(self, input_shape: Shape) -> None:
        channels = self.channels_of(input_shape)
        depthwise = (*self.kernel_size, channels, self.depth_multiplier)
        pointwise = (*(1,) * self.rank, channels * self.depth_multiplier, self.filters)
        self.depthwise_kernel = self.add_weight(depthwise, self.depthwise_initializer, name="depthwise_kernel")
        self.pointwise_kernel = self.add_weight(pointwise, self.pointwise_initializer, name="pointwise_kernel")
        self.add_bias(self.filters)

    def call(self, inputs: KerasTensor) -> Any:
        kernels = self.depthwise_kernel, self.pointwise_kernel
        return self.finished(ops.separable_conv(inputs, *kernels, self.strides, self.padding, self.data_format, self.dilation_rate))


class SeparableConv1D(_SeparableConv):
    """Separable convolution of sequences."""

    rank = 1


class SeparableConv2D(_SeparableConv):
    """Separable convolution of images."""

    rank = 2


SeparableConvolution1D = SeparableConv1D
SeparableConvolution2D = SeparableConv2D
