"""The weights of a network, found by the paths that Keras gives them."""

from __future__ import annotations

import io

from builder.errors import ModelFileError, several
from builder.graph import Array
from builder.keras_file.archive import SavedModel
from builder.keras_file.hdf5 import arrays
from builder.keras_file.paths import layers_by_path
from builder.layer import Layer
from builder.ops.symbolic import Variable

__all__ = ["assign_weights"]


def assign_weights(model: Layer, saved: SavedModel) -> None:
    """Gives every weight of `model` its numbers. Raises ModelFileError, with nothing assigned, unless all of them fit."""
    import h5py  # 0.1 s that a network built in Python does not need

    found: list[tuple[Variable, Array]] = []
    problems: list[str] = []
    try:
        with h5py.File(io.BytesIO(saved.weights), "r") as file:
            for path, _, layer in layers_by_path(model):
                if not layer.own_variables:
                    continue
                try:
                    found.extend(arrays(file, f"/{path}/vars", layer))
                except ModelFileError as error:
                    problems.append(f"layer '{layer.name}': {error}")
    except (OSError, RuntimeError, LookupError, ValueError, TypeError, ArithmeticError) as error:  # h5py's, for a damaged file
        raise ModelFileError(f"the weights in {saved.path} cannot be read: {error}") from None
    if problems:
        raise ModelFileError(several(f"the weights in {saved.path} do not fit the network", problems))
    for variable, array in found:
        variable.assign(array)
