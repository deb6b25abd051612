"""The weights of a network, found by the paths that Keras gives them."""

from __future__ import annotations

import io
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

from builder.errors import ModelFileError, several
from builder.graph import Array
from builder.keras_file.archive import SavedModel
from builder.keras_file.hdf5 import arrays, is_of_bytes
from builder.layer import Layer
from builder.naming import snake_case
from builder.ops.symbolic import Variable

if TYPE_CHECKING:
    import h5py

__all__ = ["assign_weights", "unsaid_quantized"]

GROUPS = {"GroupQueryAttention": "grouped_query_attention"}  # where the class that Keras exports has another name inside


def assign_weights(model: Layer, saved: SavedModel) -> None:
    """Gives every weight of `model` its numbers. Raises ModelFileError, with nothing assigned, unless all of them fit."""
    found: list[tuple[Variable, Array]] = []
    problems: list[str] = []
    with _opened(saved) as file:
        for path, layer in _weight_paths(model):
            try:
                found.extend(arrays(file, f"{path}/vars", layer))
            except ModelFileError as error:
                problems.append(f"layer '{layer.name}': {error}")
    if problems:
        raise ModelFileError(several(f"the weights in {saved.path} do not fit the network", problems))
    for variable, array in found:
        variable.assign(array)


@contextmanager
def _opened(saved: SavedModel) -> Iterator[h5py.File]:
    import h5py  # 0.1 s that a network built in Python does not need

    try:
        with h5py.File(io.BytesIO(saved.weights), "r") as file:
            yield file
    except (OSError, RuntimeError, LookupError, ValueError, TypeError, ArithmeticError) as error:  # h5py's, for a damaged file
        raise ModelFileError(f"the weights in {saved.path} cannot be read: {error}") from None


def unsaid_quantized(model: Layer, saved: SavedModel) -> list[Layer]:
    """The layers whose weights the file has in few bits though the config says nothing of it, as Keras's does of some."""
    with _opened(saved) as file:
        return [
            layer
            for path, layer in _weight_paths(model)
            if layer.quantizations and layer.own_policy.quantization is None and is_of_bytes(file, f"{path}/vars/0")
        ]


def _weight_paths(model: Layer) -> Iterator[tuple[str, Layer]]:
    """Where Keras puts each layer's weights: attribute by attribute, and in a list by class and count, never by name.

    Private attributes come last; a layer that is met twice is where it was met first.
    """
    visited: set[int] = set()
    stack: list[tuple[str, Any]] = [("", model)]
    while stack:
        path, item = stack.pop()
        if isinstance(item, Layer):
            if id(item) in visited:
                continue
            visited.add(id(item))
            if item.own_variables:
                yield path, item
            named = sorted(item.children(), key=lambda pair: (pair[0].startswith("_"), pair[0]))
            below = [(f"{path}/{name}", child) for name, child in named]
        else:
            items = item.values() if isinstance(item, dict) else item
            below = _counted(path, [layer for layer in items if isinstance(layer, Layer)])
        stack.extend(reversed(below))


def _counted(path: str, layers: list[Layer]) -> list[tuple[str, Any]]:
    counted: Counter[str] = Counter()
    below: list[tuple[str, Any]] = []
    for layer in layers:
        name = GROUPS.get(type(layer).__name__) or snake_case(type(layer).__name__)
        below.append((f"{path}/{name}_{counted[name]}" if counted[name] else f"{path}/{name}", layer))
        counted[name] += 1
    return below
