"""The weights of a network, found by the paths that Keras gives them."""

from __future__ import annotations

import io
from collections import Counter
from collections.abc import Iterator
from typing import Any

from builder.errors import HornbeamError, ModelFileError, several
from builder.graph import Array
from builder.keras_file.archive import SavedModel
from builder.keras_file.hdf5 import arrays
from builder.layer import Layer
from builder.naming import snake_case
from builder.ops.symbolic import Variable

__all__ = ["assign_weights"]

GROUPS = {"GroupQueryAttention": "grouped_query_attention"}  # where the class that Keras exports has another name inside


def assign_weights(model: Layer, saved: SavedModel) -> None:
    """Gives every weight of `model` its numbers, and every layer what the file keeps for it beside them.

    Raises ModelFileError, with no weight assigned, unless all of them fit.
    """
    import h5py  # 0.1 s that a network built in Python does not need

    found: list[tuple[Variable, Array]] = []
    problems: list[str] = []
    try:
        with h5py.File(io.BytesIO(saved.weights), "r") as file:
            for path, layer in _paths(model):
                try:
                    found.extend(arrays(file, f"{path}/vars", layer) if layer.saved_variables() else [])
                except ModelFileError as error:
                    problems.append(f"layer '{layer.name}': {error}")
    except (OSError, RuntimeError, LookupError, ValueError, TypeError, ArithmeticError) as error:  # h5py's, for a damaged file
        raise ModelFileError(f"the weights in {saved.path} cannot be read: {error}") from None
    if problems:
        raise ModelFileError(several(f"the weights in {saved.path} do not fit the network", problems))
    for variable, array in found:
        variable.assign(array)
    if problems := [problem for path, layer in _paths(model) if (problem := _assets(saved, path, layer)) is not None]:
        raise ModelFileError(several(f"the assets in {saved.path} do not fit the network", problems))


def _assets(saved: SavedModel, path: str, layer: Layer) -> str | None:
    """Gives a layer the files that are in its directory. Why they do not fit; None when they do."""
    directory = f"assets{path}/"
    files = {name.removeprefix(directory): content for name, content in saved.assets.items() if name.startswith(directory)}
    try:
        layer.load_own_assets(files)
    except HornbeamError as error:
        return f"layer '{layer.name}': {error}"
    return None


def _paths(model: Layer) -> Iterator[tuple[str, Layer]]:
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
