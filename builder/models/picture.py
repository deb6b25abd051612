"""A network as a picture: what its boxes, frames and arrows are."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from typing import Any

from builder.layer import Layer
from builder.layers import InputLayer
from builder.models.ends import Inputs
from builder.models.functional import Functional
from builder.models.model import Model
from builder.models.network import history_of
from builder.models.sequential import Sequential
from builder.ops.symbolic import Call, KerasTensor, Operation
from builder.plot import Arrow, Box, Frame, Key, Picture
from builder.structure import flatten

__all__ = ["picture_of"]


def picture_of(model: Model, expand_nested: bool = False) -> Picture:
    """The model's layers and functions, its outputs, and the tensors that go between them. Raises NetworkError before it is built."""
    match model:
        case Functional() | Sequential():
            whole = _functional(model)
        case _:
            return Picture(model.name, (_box(model, (0,), model.calls),), ())
    sketch = _Sketch(expand_nested)
    parts = list(sketch.parts(whole, ()))
    for number, (tensor, name) in enumerate(zip(whole.outputs, whole.output_names, strict=True), len(whole.operations)):
        parts.append(Box((number,), name, "Output", "output"))
        source, leaves = sketch.source(tensor, whole, (), ())
        sketch.arrows.append(Arrow(source, (number,), leaves))
    return Picture(model.name, tuple(parts), tuple(sketch.arrows))


@dataclass(frozen=True, slots=True)
class _Sketch:
    """The arrows that were met so far. Ends are keys, with the numbers of the calls on the way to them."""

    expand_nested: bool
    arrows: list[Arrow] = field(default_factory=list)

    def parts(self, model: Functional, outer: Key, skipped: Sequence[KerasTensor] = ()) -> Iterator[Box | Frame]:
        """The operations of a network, `outer` being the key of the frame around it. The inputs in `skipped` have no box."""
        for number, operation in enumerate(model.operations):
            key = (*outer, number)
            calls = _calls(operation, model)
            if any(call.outputs is tensor for call in calls for tensor in skipped):
                continue
            if self._is_open(operation):
                inner = _functional(operation)
                yield Frame(key, operation.name, operation.class_name, tuple(self.parts(inner, key, _skipped(operation))))
            else:
                yield _box(operation, key, calls)
            for call in calls:
                self._arrive(call, model, outer, skipped)

    def source(self, tensor: KerasTensor, model: Functional, outer: Key, numbers: tuple[int, ...]) -> tuple[Key, tuple[int, ...]]:
        """The box that a tensor of a network comes from: in a frame, the one that gives the output."""
        history = history_of(tensor)
        operation = history.call.operation
        numbers = (*numbers, *_number(history.call, model))
        key = (*outer, model.operations.index(operation))
        if not self._is_open(operation):
            return key, numbers
        inner = _functional(operation)
        return self.source(inner.outputs[history.index], inner, key, numbers)

    def targets(
        self, call: Call, position: int, model: Functional, outer: Key, numbers: tuple[int, ...]
    ) -> Iterator[tuple[Key, tuple[int, ...]]]:
        """The boxes that a call's input goes to: in a frame, its own input, or what reads that where it has no box."""
        operation = call.operation
        numbers = (*numbers, *_number(call, model))
        key = (*outer, model.operations.index(operation))
        if not self._is_open(operation):
            yield key, numbers
            return
        inner = _functional(operation)
        tensor = inner.inputs[position]
        if not any(tensor is skipped for skipped in _skipped(operation)):
            yield (*key, inner.operations.index(history_of(tensor).call.operation)), numbers
            return
        for reading in inner.network.calls:
            for index, read in enumerate(self._given(reading)):
                if read is tensor:
                    yield from self.targets(reading, index, inner, key, numbers)

    def _arrive(self, call: Call, model: Functional, outer: Key, skipped: Sequence[KerasTensor]) -> None:
        """The arrows of all that a call is given."""
        for position, tensor in enumerate(self._given(call)):
            if any(tensor is other for other in skipped):
                continue
            source, leaves = self.source(tensor, model, outer, ())
            for target, enters in self.targets(call, position, model, outer, ()):
                self.arrows.append(Arrow(source, target, leaves, enters))

    def _given(self, call: Call) -> list[KerasTensor]:
        """A call's inputs; for a model that is open, in the order of its own inputs."""
        if isinstance(call.operation, Functional) and self._is_open(call.operation):
            return flatten(Inputs(call.operation.name, call.operation.input).in_order(call.args[0] if call.args else call.kwargs["inputs"]))
        return call.inputs

    def _is_open(self, operation: Operation) -> bool:
        return self.expand_nested and isinstance(operation, Functional | Sequential)


def _functional(model: Any) -> Functional:
    """The graph of a model of either kind. Raises NotBuiltError before there is one."""
    assert isinstance(model, Functional | Sequential)
    return model if isinstance(model, Functional) else model.functional


def _skipped(operation: Operation) -> list[KerasTensor]:
    """The inputs that are not among a nested model's layers: a stack's own."""
    return operation.inputs if isinstance(operation, Sequential) else []


def _calls(operation: Operation, model: Functional) -> list[Call]:
    """The operation's calls in this network, in the order in which they were made."""
    own = set(map(id, model.network.calls))
    return [call for call in operation.calls if id(call) in own]


def _number(call: Call, model: Functional) -> tuple[int, ...]:
    """Which of the operation's calls it is, from one; nothing where there is only one."""
    calls = _calls(call.operation, model)
    return (1 + next(index for index, other in enumerate(calls) if other is call),) if len(calls) > 1 else ()


def _box(operation: Operation, key: Key, calls: Sequence[Call]) -> Box:
    layer = operation if isinstance(operation, Layer) else None
    return Box(
        key,
        operation.name,
        operation.class_name,
        _family(operation),
        _activation(operation),
        inputs=_shapes([call.inputs for call in calls]),
        outputs=_shapes([flatten(call.outputs) for call in calls]),
        dtypes=tuple(tensor.dtype for tensor in flatten(calls[0].outputs)) if calls else (),
        trainable=layer.trainable if layer is not None and layer.weights else None,
    )


def _family(operation: Operation) -> str:
    """The family of the layer, or of the layer that it extends, by where in `layers` that is; or what else it is."""
    match operation:
        case InputLayer():
            return "input"
        case Model():
            return "model"
        case Layer():
            modules = (base.__module__ for base in type(operation).__mro__)
            return next((module.split(".")[2] for module in modules if module.startswith("builder.layers.")), "layer")
        case _:
            return "function"


def _activation(operation: Operation) -> str:
    activation = getattr(operation, "activation", None)
    return "" if activation is None else str(getattr(activation, "name", None) or getattr(activation, "__name__", activation))


def _shapes(tensors: Sequence[Sequence[KerasTensor]]) -> tuple[str, ...]:
    """The shapes of each call's tensors, once where all calls have the same."""
    texts = [tuple(str(tensor.shape) for tensor in each) for each in tensors]
    return tuple(text for each in dict.fromkeys(texts) for text in each)
