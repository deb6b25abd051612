"""Nested structures of tensors: lists, tuples and dicts of anything; all else is a leaf.

Dicts are walked in the order of their sorted keys, as Keras does, so that two dicts with the same keys line up.
"""

from collections.abc import Callable, Iterable, Iterator
from typing import Any

__all__ = ["are_alike", "flatten", "map_structure", "pack", "paths"]


def flatten(structure: Any) -> list[Any]:
    """The leaves, depth first."""
    return list(_leaves(structure))


def map_structure(function: Callable[[Any], Any], structure: Any) -> Any:
    """The same structure with `function(leaf)` in place of each leaf, called in the order of `flatten`."""
    match structure:
        case dict():
            mapped = {key: map_structure(function, structure[key]) for key in sorted(structure)}
            return {key: mapped[key] for key in structure}
        case tuple() if hasattr(structure, "_fields"):
            return type(structure)(*(map_structure(function, item) for item in structure))
        case list() | tuple():
            return type(structure)(map_structure(function, item) for item in structure)
        case _:
            return function(structure)


def pack(structure: Any, leaves: Iterable[Any]) -> Any:
    """The same structure with `leaves`, in the order of `flatten`, in place of its own."""
    following = iter(leaves)
    return map_structure(lambda _: next(following), structure)


def are_alike(one: Any, other: Any) -> bool:
    """Whether two structures have leaves in the same places; a list and a tuple are the same."""
    match one, other:
        case dict(), dict():
            return one.keys() == other.keys() and all(are_alike(one[key], other[key]) for key in one)
        case list() | tuple(), list() | tuple():
            return len(one) == len(other) and all(are_alike(*pair) for pair in zip(one, other, strict=True))
        case _:
            return not isinstance(one, dict | list | tuple) and not isinstance(other, dict | list | tuple)


def paths(structure: Any, path: tuple[str, ...] = ()) -> Iterator[tuple[str, ...]]:
    """The way to each leaf, by keys and indices, in the order of `flatten`."""
    match structure:
        case dict():
            for key in sorted(structure):
                yield from paths(structure[key], (*path, str(key)))
        case list() | tuple():
            for index, item in enumerate(structure):
                yield from paths(item, (*path, str(index)))
        case _:
            yield path


def _leaves(structure: Any) -> Iterator[Any]:
    match structure:
        case dict():
            for key in sorted(structure):
                yield from _leaves(structure[key])
        case list() | tuple():
            for item in structure:
                yield from _leaves(item)
        case _:
            yield structure
