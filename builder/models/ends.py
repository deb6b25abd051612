"""The ends of a Functional model: what its inputs and outputs may be, and what it may be called on."""

from __future__ import annotations

import warnings
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from builder.errors import NetworkError, several
from builder.layers import Input, InputLayer
from builder.models.network import calls_between, history_of, replay
from builder.ops.symbolic import KerasTensor
from builder.structure import are_alike, flatten, map_structure, pack, paths

__all__ = ["Inputs", "check_ends", "with_own_inputs"]


def check_ends(inputs: Any, outputs: Any) -> None:
    """Raises NetworkError when either is empty or holds anything but tensors; warns of a key that is not its input's name."""
    for argument, structure in (("inputs", inputs), ("outputs", outputs)):
        leaves = flatten(structure)
        if not leaves:
            raise NetworkError(f"`{argument}` argument cannot be empty. Received: {argument}={structure}")
        for leaf in leaves:
            if not isinstance(leaf, KerasTensor):
                raise NetworkError(
                    f"All `{argument}` values must be KerasTensors. Received: {argument}={structure} including invalid value {leaf} "
                    f"of type {type(leaf)}"
                )
    if isinstance(inputs, dict):
        for key, value in inputs.items():
            if isinstance(value, KerasTensor) and key != value.name:
                warnings.warn(
                    "When providing `inputs` as a dict, all keys in the dict must match the names of the corresponding tensors. "
                    f"Received key '{key}' mapping to value {value} which has name '{value.name}'. Change the tensor name to '{key}' "
                    f"(via `Input(..., name='{key}')`)",
                    stacklevel=4,
                )


def with_own_inputs(inputs: Any, outputs: Any) -> tuple[Any, Any]:
    """The same ends on inputs of their own, where some are tensors from the middle of a network: the layers after them are called again."""
    if all(isinstance(history_of(tensor).call.operation, InputLayer) for tensor in flatten(inputs)):
        return inputs, outputs
    values: dict[int, Any] = {}
    for tensor in flatten(inputs):
        is_input = isinstance(history_of(tensor).call.operation, InputLayer)
        values[id(tensor)] = tensor if is_input else Input(batch_shape=tensor.shape, dtype=tensor.dtype, name=f"{tensor.name}_clone")
    replay(calls_between(flatten(inputs), flatten(outputs)), values)
    return map_structure(lambda tensor: values[id(tensor)], inputs), map_structure(lambda tensor: values[id(tensor)], outputs)


@dataclass(frozen=True, slots=True)
class Inputs:
    """The inputs of the model of that name, in their structure."""

    model: str
    structure: Any

    @property
    def tensors(self) -> list[KerasTensor]:
        return flatten(self.structure)

    @property
    def names(self) -> list[str]:
        """The names of the inputs: those of their `Input`."""
        return [history_of(tensor).call.operation.name for tensor in self.tensors]

    def in_order(self, inputs: Any) -> Any:
        """What the model was called on, in the order of its inputs: those in a dict by the model's own keys, or by the inputs' names.

        Warns where the structure is another one and the order says which is which; raises NetworkError where it does not.
        """
        own = self.structure
        if isinstance(inputs, dict) and (keys := self._keys) is not None:
            if missing := [key for key in keys if key not in inputs]:
                problems = [f"'{key}' is missing from {sorted(inputs)}" for key in missing]
                raise NetworkError(several(f"model '{self.model}' takes inputs {keys}", problems))
            if isinstance(own, dict) and len(inputs) > len(keys):
                warnings.warn(self._mismatch(inputs), stacklevel=2)
            return [inputs[key] for key in keys]
        if are_alike(inputs, own) or len(flatten(inputs)) == len(self.tensors) == 1:
            return inputs
        if len(flatten(inputs)) != len(self.tensors):
            raise NetworkError(self._wrong_count(len(flatten(inputs))))
        if isinstance(own, dict) and list(own) != sorted(own):
            raise NetworkError(f"{self._mismatch(inputs)}\nThe keys are not in order, so that a list does not say which is which.")
        warnings.warn(self._mismatch(inputs), stacklevel=2)
        return inputs

    def check(self, flat: Sequence[Any]) -> None:
        """Raises NetworkError naming every input whose number of axes or a size of one does not fit, or that is not there."""
        if len(flat) != len(self.tensors):
            raise NetworkError(self._wrong_count(len(flat)))
        places = zip(flat, self.tensors, paths(self.structure), strict=True)
        found = (self._problem(index, *place) for index, place in enumerate(places))
        if problems := [problem for problem in found if problem is not None]:
            raise NetworkError(several(f"model '{self.model}' cannot be called on these inputs", problems))

    @property
    def _keys(self) -> list[str] | None:
        """The names by which a dict may give the inputs; None where the model's own structure is a nested one."""
        own = self.structure
        if isinstance(own, KerasTensor):
            return self.names
        if not all(isinstance(value, KerasTensor) for value in (own.values() if isinstance(own, dict) else own)):
            return None
        return sorted(own) if isinstance(own, dict) else self.names

    def _problem(self, index: int, value: Any, tensor: KerasTensor, path: tuple[str, ...]) -> str | None:
        layer = history_of(tensor).call.operation
        if value is None:
            optional = isinstance(layer, InputLayer) and layer.optional
            return None if optional else f"The input '{layer.name}' is not optional, but None was passed. Please provide a valid tensor."
        if not hasattr(value, "shape"):
            return f"Inputs to a model should be tensors. Got '{value}' (of type {type(value)}) for input '{layer.name}'."
        shape, wanted = tuple(value.shape), (None, *tensor.shape[1:])[: tensor.ndim]
        if any(None not in pair and pair[0] != pair[1] for pair in zip(_squeezed(wanted), _squeezed(shape), strict=False)):
            return (
                f"Input {index} with name '{layer.name}' of layer '{self.model}' is incompatible with the layer: "
                f"expected shape={wanted}, found shape={shape}"
            )
        too_long = len(shape) == tensor.ndim + 1 and shape[-1] == 1
        too_short = len(shape) == tensor.ndim - 1 and tensor.shape[-1] == 1
        if len(shape) == tensor.ndim or too_long or too_short:
            return None
        return (
            f"Invalid input shape for input {index} with name '{layer.name}' and path '{'.'.join(path)}'. Expected shape "
            f"{tensor.shape}, but input has incompatible shape {shape}"
        )

    def _wrong_count(self, found: int) -> str:
        received = f"but it received {found} input tensors."
        if not isinstance(self.structure, dict):
            return f'Layer "{self.model}" expects {len(self.tensors)} input(s), {received}'
        keys = sorted(self.structure)
        example = ", ".join(f"'{key}': ..." for key in keys)
        return f'Layer "{self.model}" expects {len(keys)} named input(s) with keys {keys}, {received} Pass a dict: model({{{example}}}).'

    def _mismatch(self, inputs: Any) -> str:
        names = pack(self.structure, self.names)
        received = map_structure(lambda leaf: f"Tensor(shape={tuple(leaf.shape)})" if hasattr(leaf, "shape") else repr(leaf), inputs)
        return f"The structure of `inputs` doesn't match the expected structure.\nExpected: {names}\nReceived: inputs={received}"


def _squeezed(shape: tuple[int | None, ...]) -> tuple[int | None, ...]:
    return shape[:-1] if shape and shape[-1] == 1 else shape
