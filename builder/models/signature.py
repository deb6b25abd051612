"""What a model of a user's own class is called on: known once it was built or called."""

from __future__ import annotations

import inspect
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Self

from builder.graph import Graph
from builder.ops.placeholder import graph_input, placeholder
from builder.ops.symbolic import KerasTensor, symbolic_leaves
from builder.structure import flatten, map_structure, paths

__all__ = ["Signature"]


@dataclass(frozen=True, slots=True)
class Signature:
    """The arguments of a call by name, as the caller structured them, with symbolic inputs in place of tensors.

    An input is called as its argument is, one in a dict as its key is, and those in a list are numbered.
    """

    arguments: dict[str, Any]
    args: tuple[Any, ...]
    kwargs: dict[str, Any]

    @classmethod
    def of(cls, call: Callable[..., Any], args: tuple[Any, ...], kwargs: dict[str, Any]) -> Self:
        """The signature of a call on these arguments."""
        bound = inspect.signature(call).bind(*args, **kwargs)
        tensors = {name: value for name, value in bound.arguments.items() if symbolic_leaves(value)}
        pairs = zip(_names(tensors), symbolic_leaves(list(tensors.values())), strict=True)
        fresh = [placeholder(name, tensor.shape, tensor.dtype) for name, tensor in pairs]
        following = iter(fresh)
        for name, value in tensors.items():
            bound.arguments[name] = map_structure(lambda leaf: next(following) if isinstance(leaf, KerasTensor) else leaf, value)
        return cls(dict(bound.arguments), bound.args, bound.kwargs)

    @property
    def inputs(self) -> list[KerasTensor]:
        """The inputs in the order of the arguments."""
        return symbolic_leaves(list(self.arguments.values()))

    @property
    def first(self) -> Any:
        """The structure of the first argument."""
        return next(iter(self.arguments.values()))

    @property
    def shapes(self) -> dict[str, Any]:
        """The shapes of each argument that holds tensors, by the name that `build` has for it."""
        held = {name: value for name, value in self.arguments.items() if name != "mask" and symbolic_leaves(value)}
        return {f"{name}_shape": map_structure(_shape, value) for name, value in held.items()}

    def graph(self, outputs: Any) -> Graph:
        """The network from the inputs to `outputs`, which go by their keys in a dict, or else are numbered."""
        tensors = symbolic_leaves(outputs)
        by_key = isinstance(outputs, dict) and len(outputs) == len(tensors)
        names = [str(key) for key in sorted(outputs)] if by_key else [f"output_{index}" for index in range(len(tensors))]
        return Graph(tuple(map(graph_input, self.inputs)), tuple(tensor.value for tensor in tensors), tuple(names))


def _shape(leaf: Any) -> Any:
    return leaf.shape if isinstance(leaf, KerasTensor) else None


def _names(tensors: dict[str, Any]) -> list[str]:
    """A name for each tensor; where a key is met twice, the argument's name is before it."""
    places = [(name, *path) for name, value in tensors.items() for path in paths(value)]
    leaves = zip(places, flatten(list(tensors.values())), strict=True)
    ways = [path for path, leaf in leaves if isinstance(leaf, KerasTensor)]
    counted = Counter(path[-1] for path in ways)
    return ["_".join(path) if path[-1].isdigit() or counted[path[-1]] > 1 else path[-1] for path in ways]
