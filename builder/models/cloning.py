"""A model again, of new layers."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from builder.errors import NetworkError
from builder.layer import Layer
from builder.layers import Input, InputLayer
from builder.models.functional import Functional
from builder.models.model import Model
from builder.models.network import history_of, replay
from builder.models.sequential import Sequential
from builder.ops.symbolic import KerasTensor, Operation
from builder.structure import are_alike, flatten, map_structure, pack

__all__ = ["clone_model"]

Clone = Callable[[Layer], Layer]


def clone_model(
    model: Model,
    input_tensors: Any = None,
    clone_function: Clone | None = None,
    call_function: Callable[..., Any] | None = None,
    recursive: bool = False,
) -> Any:
    """A model like this one with layers, and so weights, of its own; a layer that is called twice is one layer again.

    `clone_function(layer)` gives what stands for each layer but the Inputs: another layer, or the same. `call_function(layer,
    *args, **kwargs)` calls it, and may put something before or after; for Functional models only. `input_tensors` are what the
    new model is on. With `recursive`, models inside are cloned in the same way. Raises NetworkError when these do not go together.
    """
    cloning = _Cloning(clone_function or _like, call_function, recursive, {})
    match model:
        case Sequential() if call_function is not None:
            raise NetworkError(
                f"`call_function` argument is not supported with Sequential models. Model '{model.name}' is one, whose layers are "
                "merely listed; use it with Functional models only."
            )
        case Sequential():
            return cloning.stack(model, input_tensors)
        case Functional():
            return cloning.network(model, input_tensors)
        case _ if clone_function is not None or call_function is not None or input_tensors is not None:
            raise NetworkError(
                "Arguments `clone_function`, `call_function` and `input_tensors` are only supported for Sequential models or Functional "
                f"models. Received model of type '{type(model).__name__}'."
            )
        case Model():
            return type(model).from_config(model.get_config())
        case _:
            raise NetworkError(f"clone_model takes a model; it was given a {type(model).__name__}")


class _Cloning:
    """What stands for each layer; made once, however often the layer is met."""

    def __init__(self, clone: Clone, call: Callable[..., Any] | None, recursive: bool, made: dict[int, Any]) -> None:
        self.clone = clone
        self.call = call
        self.recursive = recursive
        self.made = made

    def stack(self, model: Sequential, given: Any) -> Sequential:
        layers: list[Any] = [self.operation(layer) for layer in model.layers]
        first = flatten(given) if given is not None else [_input(tensor) for tensor in model.inputs[:1]] if model.built else []
        if len(first) > 1 or not all(isinstance(tensor, KerasTensor) for tensor in first):
            raise NetworkError(f"Argument `input_tensors` must contain a single KerasTensor. Received: {given}")
        made = type(model)([*first, *layers], name=model.name, trainable=model.trainable)
        made.trainable = model.trainable
        return made

    def network(self, model: Functional, given: Any) -> Functional:
        inputs = pack(model.input, [_input(tensor) for tensor in model.inputs]) if given is None else given
        if not all(isinstance(tensor, KerasTensor) for tensor in flatten(inputs)):
            raise NetworkError(f"All entries in `input_tensors` must be KerasTensors. Received: {given}")
        if not are_alike(inputs, model.input):
            raise NetworkError(f"`input_tensors` must have the same structure as model.input. Expected: {model.input}. Received: {given}")
        start = dict(zip(map(id, model.inputs), flatten(inputs), strict=True))
        values = replay(model.network.calls, start, through=self.called)
        outputs = map_structure(lambda tensor: values[id(tensor)], model.output)
        made: Functional = Functional(inputs, outputs, name=model.name)
        made.trainable = model.trainable
        return made

    def called(self, operation: Operation, *args: Any, **kwargs: Any) -> Any:
        clone = self.operation(operation)
        return clone(*args, **kwargs) if self.call is None else self.call(clone, *args, **kwargs)

    def operation(self, operation: Any) -> Any:
        if id(operation) not in self.made:
            self.made[id(operation)] = self._new(operation)
        return self.made[id(operation)]

    def _new(self, operation: Any) -> Any:
        match operation:
            case Sequential() if self.recursive:
                return self.stack(operation, None)
            case Functional() if self.recursive:
                return self.network(operation, None)
            case Layer():
                return self.clone(operation)
            case _:
                return type(operation)(operation.function, operation.name, **operation.fixed)


def _like(layer: Layer) -> Layer:
    cls: Any = type(layer)
    clone: Layer = cls.from_config(layer.get_config())
    return clone


def _input(tensor: KerasTensor) -> KerasTensor:
    layer = history_of(tensor).call.operation
    assert isinstance(layer, InputLayer)
    return Input(batch_shape=tensor.shape, dtype=tensor.dtype, name=layer.name, optional=layer.optional)
