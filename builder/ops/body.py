"""Loops of anything: a step that is written in `ops`, traced once on tensors of its own, as the body of a node.

A body is a graph that reads only its own inputs, weights and constants. What else its step reads, such as a tensor of the
network around it, is worked out once outside and carried along unchanged.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace

from builder.errors import NetworkError
from builder.graph import Attribute, Graph, Input, Node, Spec, Value, current_scope
from builder.ops.symbolic import KerasTensor, TensorLike, converted, value_of

__all__ = ["Repeated", "Stepped", "repeat_while", "step_through"]

# A step's states and its slices of the sequences: the states after it, as many, and what it gives.
Stepped = Callable[[list[KerasTensor], list[KerasTensor]], tuple[Sequence[TensorLike], Sequence[TensorLike]]]
# The number of a step, from 0 as int64, and the states: whether there is another, and the states after it, as many.
Repeated = Callable[[KerasTensor, list[KerasTensor]], tuple[TensorLike, Sequence[TensorLike]]]


def step_through(
    step: Stepped,
    states: Sequence[TensorLike],
    sequences: Sequence[TensorLike],
    *,
    axis: int = 0,
    backwards: bool = False,
    in_place: bool = False,
) -> tuple[list[KerasTensor], list[KerasTensor]]:
    """The last states, and what the steps gave along `axis`, over that axis of the sequences (ONNX Scan).

    Backwards the last slice is the first; then the outputs are in the order of the steps, or `in_place`, in that of the
    slices. Raises NetworkError for a state that changes its shape or dtype.
    """
    specs = [value_of(sequence).spec for sequence in sequences]
    inner = [_input("state", value_of(state).spec) for state in states]
    slices = [_input("step", Spec((*spec.shape[:axis], *spec.shape[axis + 1 :]), spec.dtype)) for spec in specs]
    after, outputs = step(inner, slices)
    ends = [*_kept(inner, after), *map(value_of, outputs)]
    body = _closed([*inner, *slices], ends)
    count, carried = len(inner), len(inner) + len(body.read)
    time = specs[0].shape[axis]
    attributes: dict[str, Attribute] = {
        "body": body.graph(count, body.outputs[:count], body.outputs[count:]),
        "num_scan_inputs": len(sequences),
        "scan_input_axes": (axis,) * len(sequences),
        "scan_input_directions": (int(backwards),) * len(sequences),
    }
    if outputs:
        attributes["scan_output_axes"] = (axis,) * len(outputs)
        attributes["scan_output_directions"] = (int(backwards and in_place),) * len(outputs)
    given = [*map(value_of, states), *body.read]
    gathered = [Spec((*end.spec.shape[:axis], time, *end.spec.shape[axis:]), end.spec.dtype) for end in ends[count:]]
    found = _node("Scan", [*given, *map(value_of, sequences)], [*(value.spec for value in given), *gathered], attributes)
    return found[:count], found[carried:]


def repeat_while(step: Repeated, states: Sequence[TensorLike], first: TensorLike, limit: TensorLike | None = None) -> list[KerasTensor]:
    """The last states of a step that is taken while it says so, and at first while `first`, but `limit` times at most (ONNX Loop).

    Raises NetworkError for a state that changes its shape or dtype.
    """
    number, going = _input("number", Spec((), "int64")), _input("going", Spec((), "bool"))
    inner = [_input("state", value_of(state).spec) for state in states]
    again, after = step(number, inner)
    body = _closed([number, going, *inner], [value_of(_flag(again)), *_kept(inner, after)])
    given = [*map(value_of, states), *body.read]
    most = None if limit is None else value_of(converted(limit, "int64"))
    attributes: dict[str, Attribute] = {"body": body.graph(2 + len(inner), body.outputs, ())}
    return _node("Loop", [most, value_of(_flag(first)), *given], [value.spec for value in given], attributes)[: len(inner)]


@dataclass(frozen=True, slots=True)
class _Closed:
    """A traced step: its inputs and outputs, what it reads from outside, and the inputs that stand for that."""

    inputs: tuple[Input, ...]
    outputs: tuple[Value, ...]
    read: tuple[Value, ...]
    stands: tuple[Input, ...]

    def graph(self, before: int, first: Sequence[Value], last: Sequence[Value]) -> Graph:
        """The body: what is read from outside comes behind `before` inputs, and goes between the `first` and the `last` outputs."""
        outputs = (*first, *self.stands, *last)
        inputs = (*self.inputs[:before], *self.stands, *self.inputs[before:])
        return Graph(inputs, outputs, tuple(f"after_{index}" for index in range(len(outputs))))


def _closed(inputs: Sequence[KerasTensor], outputs: Sequence[Value]) -> _Closed:
    own = tuple(tensor.value for tensor in inputs if isinstance(tensor.value, Input))
    nodes = Graph((), tuple(outputs), ("",) * len(outputs)).nodes()
    inside: set[Value] = set(own)
    outside: set[Value] = set()
    for node in nodes:
        if any(value in inside for value in node.inputs):
            inside.update(node.results)
        elif any(value in outside or isinstance(value, Input) for value in node.inputs):
            outside.update(node.results)
    steps = [node for node in nodes if node.results[0] in inside]
    met = [*outputs, *(value for node in steps for value in node.inputs if value is not None)]
    read = tuple(dict.fromkeys(value for value in met if value in outside or (isinstance(value, Input) and value not in inside)))
    stands = tuple(Input("read", value.spec) for value in read)
    replaced: dict[Value, Value] = dict(zip(read, stands, strict=True))
    for node in steps:
        changed = replace(node, inputs=tuple(None if value is None else replaced.get(value, value) for value in node.inputs))
        replaced.update(zip(node.results, changed.results, strict=True))
    return _Closed(own, tuple(replaced.get(value, value) for value in outputs), read, stands)


def _kept(before: Sequence[KerasTensor], after: Sequence[TensorLike]) -> list[Value]:
    """The states after a step. Raises NetworkError where there is another number of them, or one is unlike what it was."""
    if len(before) != len(after):
        raise NetworkError(f"A step must give as many states as it takes. Received: {len(before)} and gave {len(after)}")
    kept = [new if isinstance(new, KerasTensor) else converted(new, old.dtype) for old, new in zip(before, after, strict=True)]
    for old, new in zip(before, map(value_of, kept), strict=True):
        fits = len(old.shape) == new.spec.rank and all(
            size == dim or None in (size, dim) or isinstance(dim, str) for size, dim in zip(old.shape, new.spec.shape, strict=True)
        )
        if not fits or old.dtype != new.spec.dtype:
            raise NetworkError(
                f"A state must stay of one shape and dtype. Received: {old.shape}, {old.dtype}, and after a step "
                f"{new.spec.shape}, {new.spec.dtype}; cast or reshape it before the loop or in it"
            )
    return [value_of(tensor) for tensor in kept]


def _flag(condition: TensorLike) -> TensorLike:
    if value_of(condition).spec.rank:
        raise NetworkError(f"Whether there is another step must be a scalar. Received: shape={value_of(condition).spec.shape}")
    return converted(condition, "bool")


def _input(name: str, spec: Spec) -> KerasTensor:
    return KerasTensor(Input(name, spec))


def _node(op: str, inputs: Sequence[Value | None], specs: Sequence[Spec], attributes: dict[str, Attribute]) -> list[KerasTensor]:
    node = Node(op, tuple(inputs), tuple(specs), attributes, current_scope())
    return [KerasTensor(result) for result in node.results]
