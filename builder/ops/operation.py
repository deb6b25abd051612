"""What becomes of a call of a function of `ops`.

Inside a layer's `call` it adds its nodes to the graph. Outside, on symbolic tensors, it is an operation of the network in
its own right and is remembered in its outputs' history; on arrays it computes.
"""

from __future__ import annotations

import functools
from collections.abc import Callable
from typing import Any, ParamSpec, TypeVar, cast

from builder.graph import current_scope, scope
from builder.naming import auto_name
from builder.ops.symbolic import OPERATIONS, Call, History, KerasTensor, Operation, symbolic_leaves, value_of
from builder.runtime import evaluate
from builder.structure import flatten, map_structure, pack

__all__ = ["Function", "bare", "operation", "record"]


class Function:
    """A function of `ops` that is part of a network in its own right, as in `ops.relu(x)` or `x + y`."""

    def __init__(self, function: Callable[..., Any]) -> None:
        self.function = function
        self.name = auto_name(function.__name__)
        self.calls: list[Call] = []

    def __call__(self, *args: Any, **kwargs: Any) -> Any:
        with scope(self.name):
            return self.function(*args, **kwargs)


P = ParamSpec("P")
R = TypeVar("R")


def operation(function: Callable[P, R]) -> Callable[P, R]:
    """Makes a function that emits nodes a function of `ops`; see the head of this module for what that means."""

    @functools.wraps(function)
    def call(*args: P.args, **kwargs: P.kwargs) -> R:
        if current_scope():
            return function(*args, **kwargs)
        if not (tensors := symbolic_leaves((args, kwargs))):
            return cast(R, _computed(function, args, kwargs))
        instance = Function(function)
        outputs = instance(*bare(args), **bare(kwargs))
        if all(tensor.history is None for tensor in tensors):
            return cast(R, outputs)
        return cast(R, record(instance, args, kwargs, outputs))

    OPERATIONS[function.__name__] = call
    return call


def record(operation: Operation, args: tuple[Any, ...], kwargs: dict[str, Any], outputs: Any) -> Any:
    """The same outputs, remembering that this call of `operation` made them."""
    call = Call(operation, args, kwargs, None)
    leaves = [KerasTensor(tensor.value, None, History(call, index), tensor.mask) for index, tensor in enumerate(flatten(outputs))]
    call.outputs = pack(outputs, leaves)
    operation.calls.append(call)
    return call.outputs


def bare(structure: Any) -> Any:
    """The same structure, its tensors without history, so that what is done with them is not part of the network."""
    return map_structure(_bare, structure)


def _bare(leaf: Any) -> Any:
    return KerasTensor(leaf.value, leaf.name, mask=leaf.mask) if isinstance(leaf, KerasTensor) else leaf


def _computed(function: Callable[..., Any], args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
    with scope(function.__name__):
        outputs = function(*args, **kwargs)
    leaves = flatten(outputs)
    return pack(outputs, evaluate([value_of(leaf) for leaf in leaves]))
