"""Transposed convolution layers."""

from collections.abc import Sequence
from typing import Any

from builder import initializers, ops
from builder.errors import NetworkError
from builder.layers.convolution.conv import _Convolution, positive
from builder.layers.window import standardize_sizes
from builder.ops.symbolic import KerasTensor, Shape

__all__ = [
    "Conv1DTranspose",
    "Conv2DTranspose",
    "Conv3DTranspose",
    "Convolution1DTranspose",
    "Convolution2DTranspose",
    "Convolution3DTranspose",
]


class _ConvTranspose(_Convolution):
    """The way back of a convolution: each step spreads over a window; then the bias, then the activation.

    `(batch, *steps, channels)` to `(batch, *space, filters)`, with `space` as `ops.conv_transpose` says.
    """

    training_only = ("kernel_regularizer", "bias_regularizer", "kernel_constraint", "bias_constraint")

    def __init__(
        self,
        filters: int,
        kernel_size: int | Sequence[int],
        strides: int | Sequence[int] = 1,
        padding: str = "valid",
        output_padding: int | Sequence[int] | None = None,
        data_format: str | None = None,
        dilation_rate: int | Sequence[int] = 1,
        activation: Any = None,
        use_bias: bool = True,
        kernel_initializer: Any = "glorot_uniform",
        bias_initializer: Any = "zeros",
        **kwargs: Any,
    ) -> None:
        super().__init__(kernel_size, strides, padding, data_format, dilation_rate, activation, use_bias, bias_initializer, **kwargs)
        self.filters = positive(filters, "filters")
        self.output_padding = None if output_padding is None else standardize_sizes(output_padding, self.rank, "output_padding", least=0)
        self.kernel_initializer = initializers.get(kernel_initializer)
        if any(extra >= stride for extra, stride in zip(self.output_padding or (), self.strides, strict=False)):
            raise NetworkError(
                "`output_padding` must be strictly less than `strides` for all dimensions. "
                f"Received: output_padding={self.output_padding}, strides={self.strides}"
            )

    def build(self, input_shape: Shape) -> None:
        window = (*self.kernel_size, self.filters, self.channels_of(input_shape))
        self.kernel = self.add_weight(window, self.kernel_initializer, name="kernel")
        self.add_bias(self.filters)

    def call(self, inputs: KerasTensor) -> Any:
        steps = self.strides, self.padding, self.output_padding
        return self.finished(ops.conv_transpose(inputs, self.kernel, *steps, self.data_format, self.dilation_rate))


class Conv1DTranspose(_ConvTranspose):
    """Transposed convolution of sequences."""

    rank = 1


class Conv2DTranspose(_ConvTranspose):
    """Transposed convolution of images."""

    rank = 2


class Conv3DTranspose(_ConvTranspose):
    """Transposed convolution of volumes."""

    rank = 3


Convolution1DTranspose = Conv1DTranspose
Convolution2DTranspose = Conv2DTranspose
Convolution3DTranspose = Conv3DTranspose
