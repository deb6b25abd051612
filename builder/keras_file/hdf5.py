"""Reading arrays out of an HDF5 file that anyone may have made.

Only the exact paths that are asked for are read, each after its shape, its storage and every link on the way to it have been checked.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from builder.errors import ModelFileError
from builder.graph import Array
from builder.layer import Layer
from builder.ops.symbolic import Variable

if TYPE_CHECKING:
    import h5py

__all__ = ["arrays", "follow", "is_of_bytes"]


def arrays(file: h5py.File, path: str, layer: Layer) -> list[tuple[Variable, Array]]:
    """The numbers for each of the layer's own weights: datasets 0, 1, ... at `path`. Raises ModelFileError when they do not fit."""
    import h5py

    group = follow(file, path)
    variables = layer.saved_variables
    if not isinstance(group, h5py.Group):
        raise ModelFileError(f"{path} is no group of arrays")
    if len(group) != len(variables):
        raise ModelFileError(f"needs {len(variables)} arrays at {path}, and the file has {len(group)}")
    return [(variable, _array(follow(group, str(index)), f"{path}/{index}", variable)) for index, variable in enumerate(variables)]


def is_of_bytes(file: h5py.File, path: str) -> bool:
    """Whether there is an array of 8-bit numbers at `path`."""
    import h5py

    try:
        dataset = follow(file, path)
    except ModelFileError:
        return False
    return isinstance(dataset, h5py.Dataset) and dataset.dtype.name in ("int8", "uint8")


def follow(group: h5py.Group, path: str) -> Any:
    """What is at `path`, by hard links only: others could lead out of the file."""
    import h5py

    for name in path.strip("/").split("/"):
        if isinstance(group, h5py.Group) and name not in group and f"_{name}" in group:
            name = f"_{name}"
        link = group.get(name, getlink=True) if isinstance(group, h5py.Group) else None
        if link is None:
            raise ModelFileError(f"the file has nothing at {path}")
        if not isinstance(link, h5py.HardLink):
            raise ModelFileError(f"{path} is a link that may lead out of the file, which Keras never writes")
        group = group[name]
    return group


def _array(dataset: Any, path: str, variable: Variable) -> Array:
    """The numbers of a dataset that stores them itself, plainly, in the shape of the weight."""
    import h5py

    if not isinstance(dataset, h5py.Dataset):
        raise ModelFileError(f"{path} is not an array")
    if dataset.shape != variable.shape:
        raise ModelFileError(f"{variable.name} has shape {variable.shape}, and the file has {dataset.shape} at {path}")
    layout = dataset.id.get_create_plist()
    if dataset.is_virtual or layout.get_external_count() or layout.get_nfilters():
        raise ModelFileError(f"{path} is stored outside of the file or compressed, which Keras never does")
    if dataset.id.get_storage_size() < dataset.nbytes:
        raise ModelFileError(f"{path} claims {dataset.nbytes} bytes and the file holds {dataset.id.get_storage_size()}")
    is_bfloat16 = dataset.dtype == np.dtype("V2") and dataset.attrs.get("dtype") == "bfloat16"
    if dataset.dtype.kind not in "fiub" and not is_bfloat16:
        raise ModelFileError(f"{path} holds {dataset.dtype}, not numbers")
    numbers = dataset[()]
    return np.asarray(numbers.view("bfloat16") if is_bfloat16 else numbers).astype(variable.dtype)
