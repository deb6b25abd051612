"""The ends of a Functional model: what its inputs and outputs may be, and what it may be called on."""

from __future__ import annotations

import warnings
from typing import TYPE_CHECKING, Any

from builder.errors import NetworkError, several
from builder.layers import Input, InputLayer
from builder.models.network import calls_between, history_of, replay
from builder.ops.symbolic import KerasTensor
from builder.structure import are_alike, flatten, map_structure, pack, paths

if TYPE_CHECKING:
    from builder.models.functional import Functional

__all__ = ["check_ends", "check_shapes", "in_order", "with_own_inputs"]


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


def in_order(model: Functional, inputs: Any) -> Any:
    """What a model was called on, in the order of its inputs: those in a dict by the model's own keys, or by the inputs' names.

    Warns where the structure is another one and the order says which is which; raises NetworkError where it does not.
    """
    own = model.input
    if isinstance(inputs, dict) and (names := _names(model)) is not None:
        if missing := [name for name in names if name not in inputs]:
            problems = [f"'{name}' is missing from {sorted(inputs)}" for name in missing]
            raise NetworkError(several(f"model '{model.name}' takes inputs {names}", problems))
        if isinstance(own, dict) and len(inputs) > len(names):
            _say_mismatch(model, inputs)
        return [inputs[name] for name in names]
    if are_alike(inputs, own) or len(flatten(inputs)) == len(flatten(own)) == 1:
        return inputs
    if len(flatten(inputs)) != len(model.inputs):
        raise NetworkError(_wrong_count(model, len(flatten(inputs))))
    if isinstance(own, dict) and list(own) != sorted(own):
        raise NetworkError(_mismatch(model, inputs) + "\nThe keys are not in order, so that a list does not say which is which.")
    _say_mismatch(model, inputs)
    return inputs


def check_shapes(model: Functional, flat: list[Any]) -> None:
    """Raises NetworkError naming every input whose number of axes or a size of one does not fit, or that is not there."""
    if len(flat) != len(model.inputs):
        raise NetworkError(_wrong_count(model, len(flat)))
    ways = paths(model.input)
    problems = []
    for index, (value, tensor, path) in enumerate(zip(flat, model.inputs, ways, strict=True)):
        if problem := _problem(model, index, value, tensor, path):
            problems.append(problem)
    if problems:
        raise NetworkError(several(f"model '{model.name}' cannot be called on these inputs", problems))


def _problem(model: Functional, index: int, value: Any, tensor: KerasTensor, path: tuple[str, ...]) -> str | None:
    layer = history_of(tensor).call.operation
    if value is None:
        optional = isinstance(layer, InputLayer) and layer.optional
        return None if optional else f"The input '{layer.name}' is not optional, but None was passed. Please provide a valid tensor."
    if not hasattr(value, "shape"):
        return f"Inputs to a model should be tensors. Got '{value}' (of type {type(value)}) for input '{layer.name}'."
    shape, wanted = tuple(value.shape), (None, *tensor.shape[1:])[: tensor.ndim]
    if any(None not in pair and pair[0] != pair[1] for pair in zip(_squeezed(wanted), _squeezed(shape), strict=False)):
        return (
            f"Input {index} with name '{layer.name}' of layer '{model.name}' is incompatible with the layer: "
            f"expected shape={wanted}, found shape={shape}"
        )
    too_long = len(shape) == tensor.ndim + 1 and shape[-1] == 1
    too_short = len(shape) == tensor.ndim - 1 and tensor.shape[-1] == 1
    if len(shape) != tensor.ndim and not too_long and not too_short:
        return (
            f"Invalid input shape for input {index} with name '{layer.name}' and path '{'.'.join(path)}'. Expected shape {tensor.shape}, "
            f"but input has incompatible shape {shape}"
        )
    return None


def _squeezed(shape: tuple[int | None, ...]) -> tuple[int | None, ...]:
    return shape[:-1] if shape and shape[-1] == 1 else shape


def _names(model: Functional) -> list[str] | None:
    """The names by which a dict may give the inputs; None where the model's own structure is a nested one."""
    own = model.input
    if isinstance(own, dict):
        return sorted(own) if all(isinstance(value, KerasTensor) for value in own.values()) else None
    return model.input_names if isinstance(own, KerasTensor) or all(isinstance(value, KerasTensor) for value in own) else None


def _wrong_count(model: Functional, found: int) -> str:
    own, expected = model.input, len(model.inputs)
    received = f"but it received {found} input tensors."
    if not isinstance(own, dict):
        return f'Layer "{model.name}" expects {expected} input(s), {received}'
    example = ", ".join(f"'{key}': ..." for key in sorted(own))
    return f'Layer "{model.name}" expects {expected} named input(s) with keys {sorted(own)}, {received} Pass a dict: model({{{example}}}).'


def _mismatch(model: Functional, inputs: Any) -> str:
    names = pack(model.input, model.input_names)
    received = map_structure(lambda leaf: f"Tensor(shape={tuple(leaf.shape)})" if hasattr(leaf, "shape") else repr(leaf), inputs)
    return f"The structure of `inputs` doesn't match the expected structure.\nExpected: {names}\nReceived: inputs={received}"


def _say_mismatch(model: Functional, inputs: Any) -> None:
    warnings.warn(_mismatch(model, inputs), stacklevel=2)
