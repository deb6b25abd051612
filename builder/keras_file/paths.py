"""Where Keras's files have each layer: the same walk for reading and for writing."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from typing import Any

from builder.layer import Layer
from builder.naming import snake_case

__all__ = ["layers_by_path"]

GROUPS = {"GroupQueryAttention": "grouped_query_attention"}  # where the class that Keras exports has another name inside


def layers_by_path(model: Layer, skipped: frozenset[int] = frozenset()) -> Iterator[tuple[str, tuple[str, ...], Layer]]:
    """The model and every layer in it: its path, the names of the layers that it is in and its own, and itself.

    The path goes attribute by attribute, and in a list or dict by class and count, never by name; a list in a list is a
    `container`. Private attributes come last; a layer that is met twice is where it was met first. `skipped` are
    the identities of layers to leave out.
    """
    visited: dict[int, Any] = dict.fromkeys(skipped)  # what was met is kept, since what is gone gives its identity to another
    stack: list[tuple[str, tuple[str, ...], Any]] = [("", (), model)]
    while stack:
        path, names, item = stack.pop()
        if id(item) in visited:
            continue
        visited[id(item)] = item
        if isinstance(item, Layer):
            names = (*names, item.name)
            yield path, names, item
            below = item.children()
        else:
            below = _counted(item.values() if isinstance(item, dict) else item)
        stack.extend((f"{path}/{name}" if path else name, names, child) for name, child in reversed(below))


def _counted(items: Any) -> list[tuple[str, Any]]:
    """The layers and containers among the items, by their classes and numbered from the second of a class on."""
    counted: Counter[str] = Counter()
    below: list[tuple[str, Any]] = []
    for item in items:
        if not isinstance(item, Layer | list | tuple | dict):
            continue
        name = (GROUPS.get(type(item).__name__) or snake_case(type(item).__name__)) if isinstance(item, Layer) else "container"
        below.append((f"{name}_{counted[name]}" if counted[name] else name, item))
        counted[name] += 1
    return below
