"""Convolution layers."""

from collections.abc import Sequence
from typing import Any, ClassVar

from builder import activations, initializers, ops
from builder.errors import NetworkError
from builder.input_spec import InputSpec
from builder.layer import Layer
from builder.layers.window import standardize_data_format, standardize_padding, standardize_sizes
from builder.ops.symbolic import KerasTensor, Shape

__all__ = ["Conv2D", "Convolution2D"]


class _Conv(Layer):
    """Convolution over `rank` spatial axes, then the bias, then the activation.

    `(batch, *space, channels)` to `(batch, *steps, filters)`, or with the channels first where `data_format` says so.
    """

    rank: ClassVar[int]
    training_only = ("kernel_regularizer", "bias_regularizer", "kernel_constraint", "bias_constraint")

    def __init__(
        self,
        filters: int,
        kernel_size: int | Sequence[int],
        strides: int | Sequence[int] = 1,
        padding: str = "valid",
        data_format: str | None = None,
        dilation_rate: int | Sequence[int] = 1,
        groups: int = 1,
        activation: Any = None,
        use_bias: bool = True,
        kernel_initializer: Any = "glorot_uniform",
        bias_initializer: Any = "zeros",
        **kwargs: Any,
    ) -> None:
        super().__init__(**kwargs)
        if not isinstance(filters, int) or filters <= 0:
            raise NetworkError(f"Invalid value for argument `filters`. Expected a strictly positive value. Received filters={filters}.")
        if not isinstance(groups, int) or groups <= 0 or filters % groups:
            raise NetworkError(
                f"The number of filters must be evenly divisible by the number of groups. Received: groups={groups}, filters={filters}."
            )
        self.filters = filters
        self.groups = groups
        self.kernel_size = standardize_sizes(kernel_size, self.rank, "kernel_size")
        self.strides = standardize_sizes(strides, self.rank, "strides")
        self.dilation_rate = standardize_sizes(dilation_rate, self.rank, "dilation_rate")
        self.padding = standardize_padding(padding)
        self.data_format = standardize_data_format(data_format)
        self.activation = activations.get(activation)
        self.use_bias = use_bias
        self.kernel_initializer = initializers.get(kernel_initializer)
        self.bias_initializer = initializers.get(bias_initializer)
        self.input_spec = InputSpec(ndim=self.rank + 2)
        if max(self.strides) > 1 and max(self.dilation_rate) > 1:
            raise NetworkError(
                f"`strides > 1` not supported in conjunction with `dilation_rate > 1`. Received: strides={self.strides} and "
                f"dilation_rate={self.dilation_rate}"
            )

    def build(self, input_shape: Shape) -> None:
        axis = -1 if self.data_format == "channels_last" else 1
        channels = input_shape[axis]
        if channels is None:
            raise NetworkError(f"The channel dimension of the inputs should be defined. The input_shape received is {input_shape}.")
        if channels % self.groups:
            raise NetworkError(
                f"The number of input channels must be evenly divisible by the number of groups. Received groups={self.groups}, but "
                f"the input has {channels} channels (full input shape is {input_shape})."
            )
        window = (*self.kernel_size, channels // self.groups, self.filters)
        self.kernel = self.add_weight(window, self.kernel_initializer, name="kernel")
        self.bias = self.add_weight((self.filters,), self.bias_initializer, name="bias") if self.use_bias else None
        self.input_spec = InputSpec(ndim=self.rank + 2, axes=((axis, channels),))

    def call(self, inputs: KerasTensor) -> Any:
        outputs = ops.conv(inputs, self.kernel, self.strides, self.padding, self.data_format, self.dilation_rate)
        if self.bias is not None:
            spread = (self.filters, *(1,) * self.rank)
            outputs = ops.add(outputs, self.bias if self.data_format == "channels_last" else ops.reshape(self.bias, spread))
        return self.activation(outputs)


class Conv2D(_Conv):
    """Convolution of images: `(batch, height, width, channels)` to `(batch, rows, columns, filters)`."""

    rank = 2


Convolution2D = Conv2D
