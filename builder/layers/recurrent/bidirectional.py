"""A recurrent layer that reads a sequence both ways."""

from __future__ import annotations

from typing import Any, Self

from builder import ops
from builder.errors import NetworkError
from builder.layer import Layer
from builder.layers.recurrent.recurrence import native
from builder.layers.recurrent.rnn import RNN
from builder.ops.nn.recurrent import Direction, flip_time, recur
from builder.ops.symbolic import KerasTensor, Shape, converted, emit_all
from builder.saving import deserialize, serialize
from builder.structure import map_structure

__all__ = ["Bidirectional"]


class Bidirectional(Layer):
    """`layer` forwards and a copy of it, or `backward_layer`, backwards; what they give is merged (one ONNX LSTM, GRU or RNN).

    `merge_mode` is "concat", "sum", "mul", "ave" or None, for both apart. A masked step gives zeros.
    """

    def __init__(self, layer: Any, merge_mode: str | None = "concat", backward_layer: Any = None, **kwargs: Any) -> None:
        if not isinstance(layer, Layer):
            raise NetworkError(f"Please initialize `Bidirectional` layer with a `Layer` instance. Received: {layer}")
        if backward_layer is not None and not isinstance(backward_layer, Layer):
            raise NetworkError(f"`backward_layer` need to be a `Layer` instance. Received: {backward_layer}")
        if merge_mode not in ("sum", "mul", "ave", "concat", None):
            raise NetworkError(
                f'Invalid merge mode. Received: {merge_mode}. Merge mode should be one of {{"sum", "mul", "ave", "concat", None}}'
            )
        weights = kwargs.pop("weights", None)
        super().__init__(**kwargs)
        self.forward_layer: Any = _copy(layer, "forward_")
        self.backward_layer: Any = _copy(layer, "backward_", go_backwards=True) if backward_layer is None else backward_layer
        self._check_layers()
        self.merge_mode = merge_mode
        self.return_sequences: bool = self.forward_layer.return_sequences
        for one in (self.forward_layer, self.backward_layer):
            if hasattr(one, "zero_output_for_mask"):
                one.zero_output_for_mask = self.return_sequences
        self.return_state = self.forward_layer.return_state
        self.stateful = self.forward_layer.stateful
        self.supports_masking = True
        self.input_spec = self.forward_layer.input_spec
        self._first_weights = weights

    @classmethod
    def from_config(cls, config: dict[str, Any]) -> Self:
        """A layer with the layers that `config` has."""
        inner = {name: deserialize(config[name]) for name in ("layer", "backward_layer") if config.get(name) is not None}
        return cls(**{**config, **inner})

    def get_config(self) -> dict[str, Any]:
        return super().get_config() | {"layer": serialize(self.forward_layer), "backward_layer": serialize(self.backward_layer)}

    def build(self, sequences_shape: Shape) -> None:
        for layer in (self.forward_layer, self.backward_layer):
            if not layer.built:
                layer.build(sequences_shape)
        if self._first_weights:
            self.set_weights(self._first_weights)

    def compute_mask(self, inputs: Any, mask: Any = None) -> Any:
        mask = mask[0] if isinstance(mask, list) else mask
        kept = mask if self.return_sequences else None
        return kept if self.merge_mode else (kept, kept)

    def call(self, sequences: KerasTensor, initial_state: Any = None, mask: Any = None, training: bool | None = None) -> Any:
        half = len(initial_state) // 2 if initial_state is not None else 0
        states = (None, None) if initial_state is None else (initial_state[:half], initial_state[half:])
        run = self._run_together if self._is_one_operator(mask) else self._run_apart
        merged, last = run(sequences, states, mask, training)
        outputs = map_structure(lambda tensor: converted(tensor, self.compute_dtype), merged)
        if not self.return_state:
            return outputs
        return (*outputs, *last) if self.merge_mode is None else (outputs, *last)

    def reset_states(self) -> None:
        """Begins again from zeros, where the layers keep their states from call to call."""
        for layer in (self.forward_layer, self.backward_layer):
            layer.reset_states()

    reset_state = reset_states

    def _is_one_operator(self, mask: Any) -> bool:
        """Whether both directions are one node: two of the same kind, on the same dtype, that treat the masked alike."""
        layers = (self.forward_layer, self.backward_layer)
        if not all(isinstance(layer, RNN) and type(layer).call is RNN.call for layer in layers) or self.forward_layer.go_backwards:
            return False
        first, second = (native(layer.cell) for layer in layers)
        unrolled = mask is not None and any(layer.unroll for layer in layers)
        same = len({layer.cell.compute_dtype for layer in layers} | {self.compute_dtype}) == 1
        return first is not None and second is not None and first.goes_with(second) and same and not unrolled

    def _run_together(self, sequences: KerasTensor, starts: Any, mask: Any, training: bool | None) -> tuple[Any, list[Any]]:
        layers = (self.forward_layer, self.backward_layer)
        runs = [layer.run(sequences, state, mask, training) for layer, state in zip(layers, starts, strict=True)]
        inputs = sequences
        for layer in layers:
            inputs = layer.cell.checked(inputs, training)
        operators = [native(layer.cell) for layer in layers]
        directions = [
            Direction(operator, backwards, run.states)
            for operator, backwards, run in zip(operators, (False, True), runs, strict=True)
            if operator is not None
        ]
        result = recur(inputs, directions, runs[0].mask, "zeros")
        for layer, run, states in zip(layers, runs, result.states, strict=True):
            layer.keep(run, states)
        after = [state for each in result.states for state in each]
        if not self.return_sequences:
            return self._merge(result.states[0][0], result.states[1][0]), after
        if self.merge_mode == "concat":
            return result.sequence, after
        return self._merge(*emit_all("Split", result.sequence, outputs=2, axis=-1, num_outputs=2)), after

    def _run_apart(self, sequences: KerasTensor, states: Any, mask: Any, training: bool | None) -> tuple[Any, list[Any]]:
        found = []
        for layer, state in zip((self.forward_layer, self.backward_layer), states, strict=True):
            given = {"initial_state": state} if state is not None else {}
            given |= {"mask": mask} if mask is not None else {}
            found.append(layer(KerasTensor(sequences.value), training=training, **given))
        outputs = [output[0] if self.return_state else output for output in found]
        after = [state for output in found for state in output[1:]] if self.return_state else []
        forward, backward = (converted(output, self.compute_dtype) for output in outputs)
        return self._merge(forward, flip_time(backward) if self.return_sequences else backward), after  # type: ignore[arg-type]

    def _merge(self, forward: KerasTensor, backward: KerasTensor) -> Any:
        match self.merge_mode:
            case "concat":
                return ops.concatenate([forward, backward], -1)
            case "sum":
                return ops.add(forward, backward)
            case "ave":
                return ops.divide(ops.add(forward, backward), 2.0)
            case "mul":
                return ops.multiply(forward, backward)
            case _:
                return forward, backward

    def _check_layers(self) -> None:
        """Raises NetworkError unless one layer goes forwards, the other backwards, and they agree on all that shows outside."""
        forward, backward = self.forward_layer, self.backward_layer
        if forward.go_backwards == backward.go_backwards:
            raise NetworkError(
                "Forward layer and backward layer should have different `go_backwards` value. Received: forward_layer.go_backwards "
                f"{forward.go_backwards}, backward_layer.go_backwards={backward.go_backwards}"
            )
        for name in ("stateful", "return_sequences", "return_state"):
            if getattr(forward, name) != getattr(backward, name):
                raise NetworkError(
                    f'Forward layer and backward layer are expected to have the same value for attribute "{name}", got '
                    f'"{getattr(forward, name)}" for forward layer and "{getattr(backward, name)}" for backward layer'
                )


def _copy(layer: Layer, prefix: str, **changes: Any) -> Any:
    """A layer of the same config, without the weights."""
    name = prefix + layer.name.removeprefix(prefix)
    return type(layer).from_config({**layer.get_config(), "name": name, **changes})
