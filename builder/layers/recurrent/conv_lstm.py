"""Long short-term memories of images: the products of an LSTM are convolutions.

ONNX has no operator for them. The convolutions of the inputs are taken for all steps at once, those of the states step by
step; inside, the channels are always first, so that no step has a transpose in it.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, ClassVar

from builder import activations, initializers, ops
from builder.errors import NetworkError
from builder.input_spec import InputSpec
from builder.layers.recurrent.cells import _Stepped, _UnitForgetBias
from builder.layers.recurrent.rnn import _OneCell, flags_of, of_cell
from builder.layers.window import standardize_data_format, standardize_padding, standardize_sizes
from builder.ops.nn.loop import rows_as_steps, steps_as_rows
from builder.ops.symbolic import KerasTensor, Shape, emit, emit_all
from builder.structure import map_structure

__all__ = ["ConvLSTM1D", "ConvLSTM2D", "ConvLSTM3D"]


class _ConvLSTMCell(_Stepped):
    """One step: inputs and states are images with the channels first; the states are the output and the carry."""

    def __init__(
        self,
        rank: int,
        filters: int,
        kernel_size: int | Sequence[int],
        strides: int | Sequence[int],
        padding: str,
        data_format: str | None,
        dilation_rate: int | Sequence[int],
        activation: Any,
        recurrent_activation: Any,
        use_bias: bool,
        kernel_initializer: Any,
        recurrent_initializer: Any,
        bias_initializer: Any,
        unit_forget_bias: bool,
        dropout: float,
        recurrent_dropout: float,
        **kwargs: Any,
    ) -> None:
        super().__init__(**kwargs)
        self.rank, self.filters = rank, filters
        self.kernel_size = standardize_sizes(kernel_size, rank, "kernel_size")
        self.strides = standardize_sizes(strides, rank, "strides")
        self.padding = standardize_padding(padding)
        self.data_format = standardize_data_format(data_format)
        self.dilation_rate = standardize_sizes(dilation_rate, rank, "dilation_rate")
        if max(self.strides) > 1 and max(self.dilation_rate) > 1:
            raise NetworkError(
                f"Specifying `strides > 1` is not compatible with `dilation_rate > 1`. Please provide `strides=1` or `dilation_rate=1`. "
                f"Received: strides={self.strides} and dilation_rate={self.dilation_rate}"
            )
        self.activation = activations.get(activation)
        self.recurrent_activation = activations.get(recurrent_activation)
        self.use_bias, self.unit_forget_bias = use_bias, unit_forget_bias
        self.kernel_initializer = initializers.get(kernel_initializer)
        self.recurrent_initializer = initializers.get(recurrent_initializer)
        self.bias_initializer = initializers.get(bias_initializer)
        self.dropout, self.recurrent_dropout = min(1.0, max(0.0, dropout)), min(1.0, max(0.0, recurrent_dropout))
        self.state_size = [filters, filters]

    def build(self, input_shape: Shape) -> None:
        last = self.data_format == "channels_last"
        sizes, channels = (input_shape[1:-1], input_shape[-1]) if last else (input_shape[2:], input_shape[1])
        known = [size for size in sizes if size is not None]
        if len(known) < len(sizes) or channels is None:
            raise NetworkError(
                "ConvLSTM layers only support static input shapes for the spatial dimension and the channels. "
                f"Received invalid input shape: input_shape={input_shape}"
            )
        width = 4 * self.filters
        self.kernel = self.add_weight((*self.kernel_size, channels, width), self.kernel_initializer, name="kernel")
        recurrent = (*self.kernel_size, self.filters, width)
        self.recurrent_kernel = self.add_weight(recurrent, self.recurrent_initializer, name="recurrent_kernel")
        assert self.bias_initializer is not None
        start = _UnitForgetBias(self.bias_initializer) if self.unit_forget_bias else self.bias_initializer
        self.bias = self.add_weight((width,), start, name="bias") if self.use_bias else None
        self._sizes = [self._size(index, size) for index, size in enumerate(known)]

    def get_initial_state(self, batch_size: Any = None) -> list[Any]:
        """Zeros `(batch, filters, ...)` for the output and for the carry."""
        return [ops.zeros((batch_size, self.filters, *self._sizes), dtype=self.compute_dtype) for _ in range(2)]

    def project(self, inputs: KerasTensor) -> KerasTensor:
        convolved = ops.conv(inputs, self.kernel, self.strides, self.padding, "channels_first", self.dilation_rate)
        return convolved if self.bias is None else ops.add(convolved, ops.reshape(self.bias, (1, -1, *(1,) * self.rank)))

    def project_all(self, sequences: KerasTensor) -> KerasTensor:
        return rows_as_steps(self.project(steps_as_rows(sequences)), sequences)

    def step(self, projected: KerasTensor, states: Any) -> tuple[KerasTensor, Any]:
        hidden, carry = states
        inner = ops.conv(hidden, self.recurrent_kernel, 1, "same", "channels_first")
        i, f, c, o = emit_all("Split", ops.add(projected, inner), outputs=4, axis=1, num_outputs=4)
        kept = ops.multiply(self.recurrent_activation(f), carry)
        carry = ops.add(kept, ops.multiply(self.recurrent_activation(i), self.activation(c)))
        output = ops.multiply(self.recurrent_activation(o), self.activation(carry))
        return output, [output, carry]

    def _size(self, axis: int, size: int) -> int:
        """How large a spatial axis is behind the convolution."""
        reach = (self.kernel_size[axis] - 1) * self.dilation_rate[axis] + 1
        free = size if self.padding == "same" else size - reach + 1
        return -(-free // self.strides[axis])


class _ConvLSTM(_OneCell):
    """The base: sequences of images to the last output, an image, or to all of them (ONNX Conv, and Scan for more than a few steps)."""

    rank: ClassVar[int]
    data_format: str

    def __init__(
        self,
        filters: int,
        kernel_size: int | Sequence[int],
        strides: int | Sequence[int] = 1,
        padding: str = "valid",
        data_format: str | None = None,
        dilation_rate: int | Sequence[int] = 1,
        activation: Any = "tanh",
        recurrent_activation: Any = "sigmoid",
        use_bias: bool = True,
        kernel_initializer: Any = "glorot_uniform",
        recurrent_initializer: Any = "orthogonal",
        bias_initializer: Any = "zeros",
        unit_forget_bias: bool = True,
        dropout: float = 0.0,
        recurrent_dropout: float = 0.0,
        return_sequences: bool = False,
        return_state: bool = False,
        go_backwards: bool = False,
        stateful: bool = False,
        unroll: bool = False,
        zero_output_for_mask: bool = False,
        **kwargs: Any,
    ) -> None:
        window = (filters, kernel_size, strides, padding, data_format, dilation_rate)
        gates = (activation, recurrent_activation, use_bias, kernel_initializer, recurrent_initializer, bias_initializer)
        rest = (unit_forget_bias, dropout, recurrent_dropout)
        cell = _ConvLSTMCell(self.rank, *window, *gates, *rest, name="conv_lstm_cell", **of_cell(kwargs))
        flags = flags_of(return_sequences, return_state, go_backwards, stateful, unroll, zero_output_for_mask)
        super().__init__(cell, **flags, **kwargs)
        self.input_spec = InputSpec(ndim=self.rank + 3)

    def call(self, sequences: KerasTensor, initial_state: Any = None, mask: Any = None, training: bool | None = None) -> Any:
        if self.data_format == "channels_first":
            return super().call(sequences, initial_state, mask, training)
        states = None if initial_state is None else map_structure(self._first, initial_state)
        return map_structure(self._last, super().call(self._first(sequences), states, mask, training))

    def _first(self, x: KerasTensor) -> KerasTensor:
        """An image, or a sequence of them, with its channels, which are last, first."""
        lead = x.ndim - self.rank - 1
        return emit("Transpose", x, perm=(*range(lead), x.ndim - 1, *range(lead, x.ndim - 1)))

    def _last(self, x: KerasTensor) -> KerasTensor:
        lead = x.ndim - self.rank - 1
        return emit("Transpose", x, perm=(*range(lead), *range(lead + 1, x.ndim), lead))


class ConvLSTM1D(_ConvLSTM):
    """An LSTM over `(batch, time, size, channels)`."""

    rank = 1


class ConvLSTM2D(_ConvLSTM):
    """An LSTM over `(batch, time, height, width, channels)`."""

    rank = 2


class ConvLSTM3D(_ConvLSTM):
    """An LSTM over `(batch, time, depth, height, width, channels)`."""

    rank = 3
