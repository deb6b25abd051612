"""The calls between a network's inputs and its outputs, in Keras's order.

The order matters beyond running: it is that of `model.layers`, of `get_layer(index)` and of the saved config, and the
paths of the weights in a file count along it.
"""

from collections import Counter, defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from builder.errors import NetworkError, several
from builder.ops.symbolic import Call, History, KerasTensor, Operation

__all__ = ["Network", "history_of"]


@dataclass(frozen=True, slots=True)
class Network:
    """Operations from the inputs to the outputs, the deepest first, and their calls that belong to this network."""

    operations: tuple[Operation, ...]
    calls: tuple[Call, ...]
    calls_by_depth: tuple[tuple[Call, ...], ...]

    @classmethod
    def between(cls, inputs: Sequence[KerasTensor], outputs: Sequence[KerasTensor]) -> "Network":
        """The network that computes `outputs`. Raises NetworkError when it needs more than `inputs`, or names clash."""
        order = _post_order(outputs)
        _check_connected(order, inputs)
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


def _post_order(outputs: Sequence[KerasTensor]) -> list[Call]:
    """Each call after those that it needs. Equal to this, but for Python's limit on recursion:

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
        stack.extend((history_of(tensor).call, False) for tensor in reversed(call.inputs))
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


def _check_connected(order: Iterable[Call], inputs: Sequence[KerasTensor]) -> None:
    given = {id(history_of(tensor).call) for tensor in inputs}
    if inner := [tensor for tensor in inputs if history_of(tensor).call.inputs]:
        names = ", ".join(f"'{history_of(tensor).call.operation.name}'" for tensor in inner)
        raise NetworkError(f"All inputs must come from Input(); found outputs of {names}. Build that part on an Input() of its own.")
    if missing := [call.operation.name for call in order if not call.inputs and id(call) not in given]:
        raise NetworkError(
            several("Graph disconnected", [f"the outputs need input '{name}', which is not among `inputs`; add it" for name in missing])
        )


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
    if clashes := [f'The name "{name}" is used {count} times in the model' for name, count in counted.items() if count > 1]:
        raise NetworkError(several("All operation names should be unique", clashes))
