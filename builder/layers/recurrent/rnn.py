"""Recurrent layers: sequences `(batch, time, in)` to the last output `(batch, units)`, or to all of them."""

from __future__ import annotations

from typing import Any, ClassVar, Self

import numpy as np

from builder.errors import NetworkError, UnsupportedError
from builder.execution import Memory
from builder.input_spec import InputSpec
from builder.layer import Layer
from builder.layers.recurrent.cells import GRUCell, LSTMCell, SimpleRNNCell
from builder.layers.recurrent.recurrence import Run, run_cell
from builder.layers.recurrent.stack import StackedRNNCells
from builder.layers.recurrent.stack import initial_state as first_states
from builder.ops.nn.recurrent import Masked, as_mask
from builder.ops.placeholder import graph_input
from builder.ops.symbolic import KerasTensor, Shape, converted, value_of
from builder.runtime import evaluate
from builder.saving import deserialize
from builder.structure import flatten, map_structure, pack

__all__ = ["GRU", "LSTM", "RNN", "SimpleRNN"]


class RNN(Layer):
    """A cell, or a list of them, over all steps (ONNX LSTM, GRU or RNN; for other cells step by step, or Scan).

    A step that the mask does not count leaves the states and repeats the output before it, or gives zeros with
    `zero_output_for_mask`. `stateful=True` goes on from the states of the call before, zeros at first and after `reset_states`,
    for a batch of a fixed size; an exported network is given them as inputs and gives them back as outputs.
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
        run = self.run(sequences, initial_state, mask, training)
        result = run_cell(self.cell, sequences, run)
        self.keep(run, result.states)
        output, *states = self._cast([result.sequence if self.return_sequences else result.last, *result.states])
        return (output, *states) if self.return_state else output

    def run(self, sequences: KerasTensor, initial_state: Any, mask: Any, training: bool | None) -> Run:
        """How the cell is to run over the sequences that the layer is called on. Raises NetworkError for a batch of another size."""
        if self.stateful and initial_state is not None:
            raise UnsupportedError("stateful=True goes on from states of its own, and the call has initial_state; use one of the two")
        remembered = self._remembered(sequences) if self.stateful else None
        initial_state = initial_state if remembered is None else remembered
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
            remembered=remembered,
        )

    def keep(self, run: Run, states: Any) -> None:
        """Has the states behind a call go into the next one, where the layer keeps them."""
        if run.remembered is None:
            return
        for memory, start, after in zip(self.memories, flatten(run.remembered), flatten(states), strict=True):
            memory.calls.append((graph_input(start), value_of(_cast(after, memory.array.dtype.name))))

    def reset_states(self) -> None:
        """Begins again from zeros."""
        for memory in self.memories:
            memory.array = np.zeros_like(memory.array)

    reset_state = reset_states

    def _remembered(self, sequences: KerasTensor) -> Any:
        """The states as inputs of the network, in the structure that the cell has them in."""
        batch = sequences.shape[0]
        if batch is None:
            raise NetworkError(
                f"When using `stateful=True` in a RNN, the batch size must be static. Found dynamic batch size: "
                f"sequence.shape={sequences.shape}. Give the Input a batch_shape."
            )
        start = first_states(self.cell, batch)
        if not self.memories:
            arrays = evaluate([tensor.value for tensor in flatten(start)])
            names = [f"{self.name}_state_{index}" for index in range(len(arrays))]
            self.memories = [Memory(name, array.astype(self.dtype)) for name, array in zip(names, arrays, strict=True)]
        if (known := len(self.memories[0].array)) != batch:
            raise NetworkError(
                "If an RNN is stateful, the batch size of the input sequences must be the same as the batch size of the initial state. "
                f"Expected batch size: {known}. Received batch size: {batch}"
            )
        return pack(start, [KerasTensor(memory.given()) for memory in self.memories])

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
