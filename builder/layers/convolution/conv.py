"""Convolution layers, and what all kinds of convolution share."""

from collections.abc import Sequence
from typing import Any, ClassVar

from builder import activations, initializers, ops
from builder.errors import NetworkError
from builder.input_spec import InputSpec
from builder.layer import Layer
from builder.layers.window import standardize_data_format, standardize_padding, standardize_sizes
from builder.ops.symbolic import KerasTensor, Shape

__all__ = ["Conv1D", "Conv2D", "Conv3D", "Convolution1D", "Convolution2D", "Convolution3D"]


class _Convolution(Layer):
    """A window that moves over `rank` spatial axes, then a bias for each channel, then an activation."""

    rank: ClassVar[int]
    causal: ClassVar[bool] = False  # whether `padding` may be so
    exclusive: ClassVar[bool] = True  # whether strides and dilation exclude each other

    def __init__(
        self,
        kernel_size: int | Sequence[int],
        strides: int | Sequence[int],
        padding: str,
        data_format: str | None,
        dilation_rate: int | Sequence[int],
        activation: Any,
        use_bias: bool,
        bias_initializer: Any,
        **kwargs: Any,
    ) -> None:
        super().__init__(**kwargs)
        self.kernel_size = standardize_sizes(kernel_size, self.rank, "kernel_size")
        self.strides = standardize_sizes(strides, self.rank, "strides")
        self.dilation_rate = standardize_sizes(dilation_rate, self.rank, "dilation_rate")
        self.padding = standardize_padding(padding, self.causal)
        self.data_format = standardize_data_format(data_format)
        self.activation = activations.get(activation)
        self.use_bias = use_bias
        self.bias_initializer = initializers.get(bias_initializer)
        self.input_spec = InputSpec(ndim=self.rank + 2)
        if self.exclusive and max(self.strides) > 1 and max(self.dilation_rate) > 1:
            raise NetworkError(
                f"`strides > 1` not supported in conjunction with `dilation_rate > 1`. Received: strides={self.strides} and "
                f"dilation_rate={self.dilation_rate}"
            )

    def channels_of(self, input_shape: Shape) -> int:
        """How many channels inputs of that shape have; from now on these and no others are taken."""
        axis = -1 if self.data_format == "channels_last" else 1
        channels = input_shape[axis]
        if channels is None:
            raise NetworkError(f"The channel dimension of the inputs should be defined. The input_shape received is {input_shape}.")
        self.input_spec = InputSpec(ndim=self.rank + 2, axes=((axis, channels),))
        return channels

    def add_bias(self, channels: int) -> None:
        """Adds the weight `bias`, None without."""
        self.bias = self.add_weight((channels,), self.bias_initializer, name="bias") if self.use_bias else None

    def finished(self, outputs: KerasTensor) -> Any:
        """The outputs with the bias added and the activation applied."""
        if self.bias is not None:
            spread = (self.bias.shape[0], *(1,) * self.rank)
            outputs = ops.add(outputs, self.bias if self.data_format == "channels_last" else ops.reshape(self.bias, spread))
        return self.activation(outputs)


class _Conv(_Convolution):
    """Convolution over `rank` spatial axes, then the bias, then the activation.

    `(batch, *space, channels)` to `(batch, *steps, filters)`, or with the channels first where `data_format` says so.
    """

    training_only = (
        "kernel_regularizer",
        "bias_regularizer",
        "kernel_constraint",
        "bias_constraint",
        "lora_rank",  # Keras merges the low-rank update into the kernel when it saves
        "lora_alpha",
    )

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
        super().__init__(kernel_size, strides, padding, data_format, dilation_rate, activation, use_bias, bias_initializer, **kwargs)
        self.filters = positive(filters, "filters")
        self.groups = groups
        self.kernel_initializer = initializers.get(kernel_initializer)
        if not isinstance(groups, int) or groups <= 0 or filters % groups:
            raise NetworkError(
                f"The number of filters must be evenly divisible by the number of groups. Received: groups={groups}, filters={filters}."
            )

    def build(self, input_shape: Shape) -> None:
        channels = self.channels_of(input_shape)
        if channels % self.groups:
            raise NetworkError(
                f"The number of input channels must be evenly divisible by the number of groups. Received groups={self.groups}, but "
                f"the input has {channels} channels (full input shape is {input_shape})."
            )
        window = (*self.kernel_size, channels // self.groups, self.filters)
        self.kernel = self.add_weight(window, self.kernel_initializer, name="kernel")
        self.add_bias(self.filters)

    def call(self, inputs: KerasTensor) -> Any:
        return self.finished(ops.conv(inputs, self.kernel, self.strides, self.padding, self.data_format, self.dilation_rate))


class Conv1D(_Conv):
    """Convolution of sequences: `(batch, steps, channels)` to `(batch, steps, filters)`; "causal" sees no later step."""

    rank = 1
    causal = True


class Conv2D(_Conv):
    """Convolution of images: `(batch, height, width, channels)` to `(batch, rows, columns, filters)`."""

    rank = 2


class Conv3D(_Conv):
    """Convolution of volumes: `(batch, depth, height, width, channels)` to the same with `filters`."""

    rank = 3


def positive(value: Any, name: str) -> int:
    """The value. Raises NetworkError when it is no positive integer."""
    if not isinstance(value, int) or value <= 0:
        raise NetworkError(f"Invalid value for argument `{name}`. Expected a strictly positive value. Received {name}={value}.")
    return value


Convolution1D = Conv1D
Convolution2D = Conv2D
Convolution3D = Conv3D
