"""The calls between a network's inputs and its outputs, in Keras's order.

The order matters beyond running: it is that of `model.layers`, of `get_layer(index)` and of the saved config, and the
paths of the weights in a file count along it.
"""

from collections import Counter, defaultdict
from collections.abc import Callable, Collection, Iterable, Sequence
from dataclasses import dataclass
from typing import Any

from builder.errors import NetworkError, several
from builder.layer import Layer
from builder.ops.symbolic import Call, History, KerasTensor, Operation
from builder.structure import flatten, map_structure

__all__ = ["Network", "calls_between", "history_of", "replay"]


@dataclass(frozen=True, slots=True)
class Network:
    """Operations from the inputs to the outputs, the deepest first, and their calls that belong to this network."""

    operations: tuple[Operation, ...]
    calls: tuple[Call, ...]
    calls_by_depth: tuple[tuple[Call, ...], ...]

    @classmethod
    def between(cls, inputs: Sequence[KerasTensor], outputs: Sequence[KerasTensor], paths: Sequence[str]) -> "Network":
        """The network that computes `outputs`, whose places in their structure are `paths`.

        Raises NetworkError when it needs more than `inputs`, or names clash.
        """
        order = _post_order(outputs)
        _check_connected(inputs, outputs, paths, order)
        calls, operations = _depths(order, inputs)
        first_seen = {operation: index for index, operation in enumerate(_pre_order(outputs))}
        by_depth = defaultdict(list)
        for call, depth in calls.items():
            by_depth[depth].append(call)
        levels = tuple(tuple(by_depth[depth]) for depth in sorted(by_depth, reverse=True))
        ranked = sorted(operations, key=lambda operation: (-operations[operation], first_seen.get(operation, -1)))
        _check_names(ranked)
        return cls(tuple(ranked), tuple(call for level in levels for call in level), levels)

    @property
    def is_linear(self) -> bool:
        """Whether each call has one input and each operation one call, so that a list tells all."""
        own = set(map(id, self.calls))
        shared = any(sum(id(call) in own for call in operation.calls) > 1 for operation in self.operations)
        return not shared and all(len(level) == 1 and len(level[0].inputs) <= 1 for level in self.calls_by_depth)


def history_of(tensor: KerasTensor) -> History:
    """Where a tensor of a network came from. Raises NetworkError for one that no network made."""
    if tensor.history is None:
        raise NetworkError(f"{tensor} is not the output of a layer: start from Input() and call layers on it")
    return tensor.history


def _call(operation: Operation, *args: Any, **kwargs: Any) -> Any:
    return operation(*args, **kwargs)


def calls_between(inputs: Sequence[KerasTensor], outputs: Sequence[KerasTensor]) -> list[Call]:
    """The calls that compute `outputs` from `inputs`, wherever in a network those are; each after those that it needs."""
    given = set(map(id, inputs))
    return _post_order([tensor for tensor in outputs if id(tensor) not in given], given)


def replay(
    calls: Iterable[Call], values: dict[int, Any], training: bool | None = None, through: Callable[..., Any] = _call
) -> dict[int, Any]:
    """`values` and the outputs of the calls, made again on them: both go by the identity of the tensor that they stand for.

    `through(operation, *args, **kwargs)` is what makes a call.
    """
    for call in calls:
        if not call.inputs:
            values.update((id(tensor), values.get(id(tensor), tensor)) for tensor in flatten(call.outputs))
            continue
        args, kwargs = map_structure(lambda leaf: values.get(id(leaf), leaf), (call.args, call.kwargs))
        if training is not None and isinstance(call.operation, Layer):
            kwargs = {"training": training, **kwargs}
        outputs = through(call.operation, *args, **kwargs)
        values.update(zip(map(id, flatten(call.outputs)), flatten(outputs), strict=True))
    return values


def _post_order(outputs: Sequence[KerasTensor], given: Collection[int] = ()) -> list[Call]:
    """Each call after those that it needs, but for what makes the tensors in `given`. Equal to this, but for Python's limit on recursion:

    def visit(tensor):
        for needed in tensor.history.call.inputs: visit(needed)
        order.append(tensor.history.call)
    """
    order: list[Call] = []
    done: set[int] = set()
    stack = [(history_of(tensor).call, False) for tensor in reversed(outputs)]
    while stack:
        call, needs_are_done = stack.pop()
        if id(call) in done:
            continue
        if needs_are_done:
            done.add(id(call))
            order.append(call)
            continue
        stack.append((call, True))
        stack.extend((history_of(tensor).call, False) for tensor in reversed(call.inputs) if id(tensor) not in given)
    return order


def _pre_order(outputs: Sequence[KerasTensor]) -> list[Operation]:
    """The operations in the order in which a walk from the outputs first meets them."""
    met: dict[Operation, None] = {}
    seen: set[int] = set()
    stack = [history_of(tensor).call for tensor in reversed(outputs)]
    while stack:
        call = stack.pop()
        if id(call) in seen:
            continue
        seen.add(id(call))
        met.setdefault(call.operation)
        stack.extend(history_of(tensor).call for tensor in reversed(call.inputs))
    return list(met)


def _check_connected(inputs: Sequence[KerasTensor], outputs: Sequence[KerasTensor], paths: Sequence[str], order: Iterable[Call]) -> None:
    given = {id(history_of(tensor).call) for tensor in inputs}
    if all(call.inputs or id(call) in given for call in order):
        return
    problems = []
    for tensor, path in zip(outputs, paths, strict=True):
        missing = [call.operation.name for call in _post_order([tensor]) if not call.inputs and id(call) not in given]
        problems += [f"Output with path `{path}` is not connected to `inputs`: it needs input '{name}'; add that" for name in missing]
    raise NetworkError(several("Graph disconnected", problems))


def _depths(order: Sequence[Call], inputs: Sequence[KerasTensor]) -> tuple[dict[Call, int], dict[Operation, int]]:
    """How many steps each call, and each operation at its deepest, is away from the outputs."""
    calls: dict[Call, int] = {}
    operations: dict[Operation, int] = {}
    for call in reversed(order):
        depth = max(calls.get(call, 0), operations.get(call.operation, 0))
        calls[call] = operations[call.operation] = depth
        for tensor in call.inputs:
            needed = history_of(tensor).call
            calls[needed] = max(depth + 1, calls.get(needed, 0))
    for tensor in inputs:
        call = history_of(tensor).call
        calls.setdefault(call, 0)
        operations.setdefault(call.operation, 0)
    return calls, operations


def _check_names(operations: Sequence[Operation]) -> None:
    counted = Counter(operation.name for operation in operations)
    clashes = [
        f'The name "{name}" is used {count} times in the model. All operation names should be unique.'
        for name, count in counted.items()
        if count > 1
    ]
    if clashes:
        raise NetworkError(several("Names clash", clashes))
