"""Files that Keras saved: the archive, its config, and its weights, found by the paths that Keras gives them.

A file may come from anyone. Nothing in it is imported, executed or unpacked to disk; members are read whole into memory
and may not be compressed, so that nothing is larger in memory than in the file; of the weights only the exact paths that
the network needs are read, each after its shape, its storage and every link on the way to it have been checked.
"""

from __future__ import annotations

import hashlib
import io
import json
import zipfile
from collections import Counter
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from builder.custom import custom_object
from builder.errors import ModelFileError, several
from builder.graph import Array
from builder.layer import Layer
from builder.naming import snake_case
from builder.ops.operation import function_of_class
from builder.ops.symbolic import Variable
from builder.saving import REGISTRY, is_function

if TYPE_CHECKING:
    import h5py

__all__ = ["SavedModel", "assign_weights", "read", "unknown_layers"]

MEMBERS = 10_000  # more than any model has: a member a vocabulary, and three more
CONFIG_BYTES = 64 * 2**20
HDF5_MAGIC = b"\x89HDF\r\n\x1a\n"
GROUPS = {"GroupQueryAttention": "grouped_query_attention"}  # where the class that Keras exports has another name inside


@dataclass(frozen=True, slots=True)
class SavedModel:
    """What a `.keras` archive holds, read but not yet believed: `weights` is an HDF5 file."""

    path: Path
    config: dict[str, Any]
    weights: bytes
    keras_version: str | None
    sha256: str


def read(path: Path) -> SavedModel:
    """The parts of a `.keras` file. Raises ModelFileError when it is missing, damaged or made to do harm."""
    try:
        data = path.read_bytes()
    except FileNotFoundError:
        raise ModelFileError(f"there is no file {path}") from None
    except OSError as error:
        raise ModelFileError(f"{path} cannot be read: {error.strerror}") from None
    if data.startswith(HDF5_MAGIC):
        raise ModelFileError(f"{path} is a legacy HDF5 model, which is not supported yet; open it in Keras and save it as .keras")
    try:
        with zipfile.ZipFile(io.BytesIO(data)) as archive:
            _check_members(path, archive, len(data))
            config = _json(path, archive, "config.json")
            metadata = _json(path, archive, "metadata.json") if "metadata.json" in archive.namelist() else {}
            weights = archive.read("model.weights.h5")
    except (zipfile.BadZipFile, EOFError, NotImplementedError, RuntimeError, ValueError) as error:
        raise ModelFileError(f"{path} is not a .keras file, or is damaged: {error}") from None
    version = metadata.get("keras_version")
    return SavedModel(path, config, weights, version if isinstance(version, str) else None, hashlib.sha256(data).hexdigest())


def unknown_layers(config: Mapping[str, Any]) -> list[str]:
    """A sentence for each layer of a saved config, nested ones too, whose class this package does not have."""
    problems = []
    stack: list[tuple[str, Any]] = [("", config)]
    while stack:
        path, saved = stack.pop()
        if not isinstance(saved, dict):
            continue
        inner = saved.get("config")
        name = str((inner or {}).get("name", saved.get("name", "?"))) if isinstance(inner, dict | None) else "?"
        here = f"{path}/{name}" if path else name
        if problem := _unknown(saved):
            problems.append(f"'{here}' {problem}")
        elif isinstance(inner, dict) and isinstance(inner.get("layers"), list):
            stack.extend((here, layer) for layer in reversed(inner["layers"]))
    return problems


def assign_weights(model: Layer, saved: SavedModel) -> None:
    """Gives every weight of `model` its numbers. Raises ModelFileError, with nothing assigned, unless all of them fit."""
    import h5py  # 0.1 s that a network built in Python does not need

    found: list[tuple[Variable, Array]] = []
    problems: list[str] = []
    try:
        with h5py.File(io.BytesIO(saved.weights), "r") as file:
            for path, layer in _weight_paths(model):
                try:
                    found.extend(_arrays(file, f"{path}/vars", layer))
                except ModelFileError as error:
                    problems.append(f"layer '{layer.name}': {error}")
    except (OSError, RuntimeError, LookupError, ValueError, TypeError, ArithmeticError) as error:  # h5py's, for a damaged file
        raise ModelFileError(f"the weights in {saved.path} cannot be read: {error}") from None
    if problems:
        raise ModelFileError(several(f"the weights in {saved.path} do not fit the network", problems))
    for variable, array in found:
        variable.assign(array)


def _check_members(path: Path, archive: zipfile.ZipFile, size: int) -> None:
    members = archive.infolist()
    if len(members) > MEMBERS:
        raise ModelFileError(f"{path} has {len(members)} members; a .keras file has {MEMBERS} at most")
    if repeated := [name for name, count in Counter(archive.namelist()).items() if count > 1]:
        raise ModelFileError(f"{path} has two members called {repeated[0]!r}; it was not written by Keras")
    for member in members:
        if member.flag_bits & 1:
            raise ModelFileError(f"{path}: member {member.filename!r} is encrypted")
        if member.compress_type != zipfile.ZIP_STORED:
            raise ModelFileError(
                f"{path}: member {member.filename!r} is compressed, and Keras stores plain; save the model again with Keras"
            )
        if member.file_size > size:
            raise ModelFileError(f"{path}: member {member.filename!r} claims {member.file_size} bytes in a file of {size}")
    for needed in ("config.json", "model.weights.h5"):
        if needed not in archive.namelist():
            raise ModelFileError(f"{path} has no {needed}, so it is no complete .keras file")


def _json(path: Path, archive: zipfile.ZipFile, name: str) -> dict[str, Any]:
    if archive.getinfo(name).file_size > CONFIG_BYTES:
        raise ModelFileError(f"{path}: {name} is larger than {CONFIG_BYTES >> 20} MiB")
    try:
        parsed = json.loads(archive.read(name))
    except RecursionError:
        raise ModelFileError(f"{path}: {name} is nested too deeply") from None
    if not isinstance(parsed, dict):
        raise ModelFileError(f"{path}: {name} does not hold an object")
    return parsed


def _unknown(saved: Mapping[str, Any]) -> str | None:
    """Why a saved object is not one of this package's classes; None when it is one."""
    name, module, registered = saved.get("class_name"), saved.get("module"), saved.get("registered_name")
    if name == "Lambda":
        return "is a Lambda layer: its Python code comes with the file and is never run; replace it by layers, in Keras, and save again"
    if not isinstance(name, str):
        return "names no class"
    if is_function(saved):
        return None if function_of_class(name) else f"is a call of keras.ops ({name}), which is not supported yet"
    if isinstance(custom_object(name, registered), type):
        return None
    if not (module is None or str(module).split(".")[0] == "keras") or registered not in (None, name):
        return f"is a custom class ({registered or name}): give it as custom_objects={{{name!r}: ...}}, or register it before"
    if name not in REGISTRY:
        return f"is a {name}, which is not supported yet"
    return None


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


def _arrays(file: h5py.File, path: str, layer: Layer) -> list[tuple[Variable, Array]]:
    import h5py

    group = _follow(file, path)
    variables = layer.own_variables
    if not isinstance(group, h5py.Group):
        raise ModelFileError(f"{path} is no group of arrays")
    if len(group) != len(variables):
        raise ModelFileError(f"needs {len(variables)} arrays at {path}, and the file has {len(group)}")
    return [(variable, _array(_follow(group, str(index)), f"{path}/{index}", variable)) for index, variable in enumerate(variables)]


def _follow(group: h5py.Group, path: str) -> Any:
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
