"""Recurrent layers: sequences `(batch, time, in)` to the last output `(batch, units)`, or to all of them."""

from __future__ import annotations

from typing import Any, ClassVar, Self

from builder.errors import NetworkError, UnsupportedError
from builder.input_spec import InputSpec
from builder.layer import Layer
from builder.layers.recurrent.cells import GRUCell, LSTMCell, SimpleRNNCell
from builder.layers.recurrent.recurrence import Run, run_cell
from builder.layers.recurrent.stack import StackedRNNCells
from builder.ops.nn.recurrent import Masked, as_mask
from builder.ops.symbolic import KerasTensor, Shape, converted, unsupported
from builder.saving import deserialize
from builder.structure import flatten, map_structure

__all__ = ["GRU", "LSTM", "RNN", "SimpleRNN"]


class RNN(Layer):
    """A cell, or a list of them, over all steps (ONNX LSTM, GRU or RNN; for other cells step by step, or Scan).

    A step that the mask does not count leaves the states and repeats the output before it, or gives zeros with
    `zero_output_for_mask`. `stateful=True` keeps states between calls, which a network that is served cannot: refused
    while exporting.
    """

    training_only: ClassVar[tuple[str, ...]] = ("use_cudnn",)

    def __init__(
        self,
        cell: Any,
        return_sequences: bool = False,
        return_state: bool = False,
        go_backwards: bool = False,
        stateful: bool = False,
        unroll: bool = False,
        zero_output_for_mask: bool = False,
        **kwargs: Any,
    ) -> None:
        cell = StackedRNNCells(cell) if isinstance(cell, list | tuple) else cell
        if not hasattr(cell, "call"):
            raise NetworkError(f"Argument `cell` should have a `call` method. Received: cell={cell}")
        if getattr(cell, "state_size", None) is None:
            raise NetworkError(
                f"The RNN cell should have a `state_size` attribute (single integer or list of integers, one integer per RNN state). "
                f"Received: cell={cell}"
            )
        if kwargs.pop("time_major", False):  # of Keras 2
            raise UnsupportedError("a recurrent layer with time_major=True is not supported; transpose its inputs and outputs instead")
        super().__init__(**kwargs)
        self.supports_masking = True
        self.cell = cell
        self.return_sequences = return_sequences
        self.return_state = return_state
        self.go_backwards = go_backwards
        self.stateful = stateful
        self.unroll = unroll
        self.zero_output_for_mask = zero_output_for_mask

    @classmethod
    def from_config(cls, config: dict[str, Any]) -> Self:
        """A layer with the arguments in `config`, and with its cell."""
        return cls(**{**config, "cell": deserialize(config["cell"])}) if "cell" in config else cls(**config)

    @property
    def state_size(self) -> list[Any]:
        """How long each state is."""
        size = self.cell.state_size
        return list(size) if isinstance(size, list | tuple) else [size]

    def build(self, sequences_shape: Shape) -> None:
        if isinstance(self.cell, Layer) and not self.cell.built:
            self.cell.build((sequences_shape[0], *sequences_shape[2:]))
            self.cell.built = True

    def compute_mask(self, inputs: Any, mask: Any = None) -> Any:
        first = flatten(mask)[0] if mask is not None else None
        kept = first if self.return_sequences else None
        return [kept, *(None for _ in self.state_size)] if self.return_state else kept

    def call(self, sequences: KerasTensor, initial_state: Any = None, mask: Any = None, training: bool | None = None) -> Any:
        if self.unroll and sequences.shape[1] is None:
            raise NetworkError("Cannot unroll a RNN if the time dimension is undefined: give the Input a known number of steps.")
        result = run_cell(self.cell, self.checked(sequences), self.run(initial_state, mask, training))
        output, *states = self._cast([result.sequence if self.return_sequences else result.last, *result.states])
        return (output, *states) if self.return_state else output

    def run(self, initial_state: Any, mask: Any, training: bool | None) -> Run:
        """How the cell is to run over the sequences that the layer is called on."""
        states = None if initial_state is None else list(initial_state) if isinstance(initial_state, list | tuple) else [initial_state]
        # A layer that Keras writes out step by step does not know of zeros: it repeats the output before, zeros at first.
        masked: Masked = "output" if self.unroll else "zeros" if self.zero_output_for_mask else "state"
        return Run(
            states=states and [_cast(state, getattr(self.cell, "compute_dtype", self.compute_dtype)) for state in states],
            mask=None if mask is None else as_mask(flatten(mask)[0]),
            masked=masked,
            backwards=self.go_backwards,
            unroll=self.unroll,
            training=training,
        )

    def checked(self, sequences: KerasTensor) -> KerasTensor:
        """The sequences; as what ONNX cannot compute where the states of one call would be those of the next."""
        if not self.stateful:
            return sequences
        reason = "stateful=True keeps states from call to call, and a served network keeps none; make it stateless and pass initial_state"
        return unsupported(reason, sequences.value.spec.shape, sequences.dtype, sequences)

    def _cast(self, structure: Any) -> Any:
        return _cast(structure, self.compute_dtype)


class _OneCell(RNN):
    """A recurrent layer of one cell, whose arguments are the layer's own."""

    training_only = (
        *("kernel_regularizer", "recurrent_regularizer", "bias_regularizer"),
        *("kernel_constraint", "recurrent_constraint", "bias_constraint"),
        *("seed", "implementation", "use_cudnn"),
    )

    def __init__(self, cell: Layer, **kwargs: Any) -> None:
        super().__init__(cell, **kwargs)
        self.input_spec = InputSpec(ndim=3)
        for name in cell._arguments:
            setattr(self, name, getattr(cell, name))


class LSTM(_OneCell):
    """A long short-term memory (ONNX LSTM); its states are the last output and the carry."""

    def __init__(
        self,
        units: int,
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
        gates = (activation, recurrent_activation, use_bias, kernel_initializer, recurrent_initializer, bias_initializer)
        cell = LSTMCell(units, *gates, unit_forget_bias, dropout, recurrent_dropout, name="lstm_cell", **of_cell(kwargs))
        flags = flags_of(return_sequences, return_state, go_backwards, stateful, unroll, zero_output_for_mask)
        super().__init__(cell, **flags, **kwargs)


class GRU(_OneCell):
    """A gated recurrent unit (ONNX GRU); its state is the last output."""

    def __init__(
        self,
        units: int,
        activation: Any = "tanh",
        recurrent_activation: Any = "sigmoid",
        use_bias: bool = True,
        kernel_initializer: Any = "glorot_uniform",
        recurrent_initializer: Any = "orthogonal",
        bias_initializer: Any = "zeros",
        dropout: float = 0.0,
        recurrent_dropout: float = 0.0,
        return_sequences: bool = False,
        return_state: bool = False,
        go_backwards: bool = False,
        stateful: bool = False,
        unroll: bool = False,
        reset_after: bool = True,
        zero_output_for_mask: bool = False,
        **kwargs: Any,
    ) -> None:
        gates = (activation, recurrent_activation, use_bias, kernel_initializer, recurrent_initializer, bias_initializer)
        cell = GRUCell(units, *gates, dropout, recurrent_dropout, reset_after, name="gru_cell", **of_cell(kwargs))
        flags = flags_of(return_sequences, return_state, go_backwards, stateful, unroll, zero_output_for_mask)
        super().__init__(cell, **flags, **kwargs)


class SimpleRNN(_OneCell):
    """A recurrence of one product (ONNX RNN); its state is the last output."""

    def __init__(
        self,
        units: int,
        activation: Any = "tanh",
        use_bias: bool = True,
        kernel_initializer: Any = "glorot_uniform",
        recurrent_initializer: Any = "orthogonal",
        bias_initializer: Any = "zeros",
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
        initial = (kernel_initializer, recurrent_initializer, bias_initializer)
        cell = SimpleRNNCell(units, activation, use_bias, *initial, dropout, recurrent_dropout, name="simple_rnn_cell", **of_cell(kwargs))
        flags = flags_of(return_sequences, return_state, go_backwards, stateful, unroll, zero_output_for_mask)
        super().__init__(cell, **flags, **kwargs)


def of_cell(kwargs: dict[str, Any]) -> dict[str, Any]:
    """What of the layer's arguments its cell shares."""
    return {name: kwargs[name] for name in ("dtype", "trainable") if name in kwargs}


def flags_of(
    return_sequences: bool, return_state: bool, go_backwards: bool, stateful: bool, unroll: bool, zero_output_for_mask: bool
) -> dict[str, bool]:
    """The arguments that all recurrent layers take, by name."""
    return {
        "return_sequences": return_sequences,
        "return_state": return_state,
        "go_backwards": go_backwards,
        "stateful": stateful,
        "unroll": unroll,
        "zero_output_for_mask": zero_output_for_mask,
    }


def _cast(structure: Any, dtype: str) -> Any:
    return map_structure(lambda tensor: converted(tensor, dtype), structure)
