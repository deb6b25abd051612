"""Writing what Keras opens: a `.keras` archive or directory, and weights alone, in one file or in several.

The same model gives the same bytes: dates are fixed unless one is given. A file is written whole or not at all.
"""

from __future__ import annotations

import importlib.metadata
import io
import json
import os
import tempfile
import zipfile
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from builder.errors import ExportError, NetworkError
from builder.graph import Array
from builder.keras_file.paths import layers_by_path
from builder.layer import Layer
from builder.ops.symbolic import Variable
from builder.saving import serialize, sharing

if TYPE_CHECKING:
    import h5py

__all__ = ["saved_config", "write_archive", "write_directory", "write_shards", "write_weights"]

KERAS_VERSION = "3.15.1"  # whose files these are like
FIXED_DATE = datetime(1980, 1, 1)  # the first that a zip file can have


@dataclass(slots=True)
class _Group:
    """A layer's own weights as they are in a file: at a path, numbered."""

    path: str
    name: str
    weights: dict[str, Variable] = field(default_factory=dict)


def write_archive(model: Layer, path: Path, date: datetime | None = None) -> None:
    """Writes a `.keras` file. Raises ExportError, leaving what was there, when the disk refuses."""
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", zipfile.ZIP_STORED) as archive:
        for name, data in _members(model, date):
            archive.writestr(zipfile.ZipInfo(name, FIXED_DATE.timetuple()[:6]), data)
    _write(path, buffer.getvalue())


def write_directory(model: Layer, path: Path, date: datetime | None = None) -> None:
    """Writes the same members as files of a directory, each whole or not at all, the config last."""
    for name, data in sorted(_members(model, date), key=lambda member: member[0] == "config.json"):
        _write(path / name, data)


def write_weights(model: Layer, path: Path) -> None:
    """Writes the weights alone, as HDF5."""
    _write(path, _hdf5(_groups(model)))


def write_shards(model: Layer, path: Path, limit: float) -> None:
    """Writes the weights into files of at most `limit` bytes of numbers each, and to `path` what is where.

    Raises NetworkError, with nothing written, for a weight that is larger than that.
    """
    stem = path.name.removesuffix(".json").removesuffix(".weights")
    where: dict[str, list[str]] = {}
    total = 0
    for index, groups in enumerate(_shards(_groups(model), limit)):
        name = f"{stem}_{index:05}.weights.h5"
        _write(path.with_name(name), _hdf5(groups))
        for group in groups:
            total += sum(map(_size, group.weights.values()))
            if group.weights:
                where.setdefault(f"/{group.path}/vars" if group.path else "/vars", []).append(name)
    described = {key: names[0] if len(names) == 1 else names for key, names in where.items()}
    _write(path, json.dumps({"metadata": {"total_size": total}, "weight_map": described}, indent=4).encode())


def saved_config(model: Layer) -> dict[str, Any]:
    """The model's config in the form that Keras saves, with a layer that is in several places marked as one."""
    with sharing():
        config: dict[str, Any] = serialize(model)
    return config


def _members(model: Layer, date: datetime | None) -> Iterator[tuple[str, bytes]]:
    metadata = {
        "keras_version": KERAS_VERSION,
        "date_saved": (date or FIXED_DATE).strftime("%Y-%m-%d@%H:%M:%S"),
        "saved_by": f"hornbeam {importlib.metadata.version('hornbeam')}",
    }
    yield "metadata.json", json.dumps(metadata).encode()
    yield "config.json", json.dumps(saved_config(model)).encode()
    yield "model.weights.h5", _hdf5(_groups(model))
    for path, _, layer in layers_by_path(model):
        for name, data in sorted(layer.save_own_assets().items()):
            yield "/".join(("assets", *([path] if path else []), name)), data


def _groups(model: Layer) -> list[_Group]:
    return [_Group(path, layer.name, layer.saved_variables()) for path, _, layer in layers_by_path(model)]


def _hdf5(groups: Sequence[_Group]) -> bytes:
    import h5py  # 0.1 s that a network built in Python does not need

    buffer = io.BytesIO()
    with h5py.File(buffer, "w") as file:
        for group in groups:
            here = file.create_group(f"{group.path}/vars" if group.path else "vars")
            here.attrs["name"] = group.name
            for key, variable in group.weights.items():
                _store(here, key, variable.parameter.array)
    return buffer.getvalue()


def _store(group: h5py.Group, name: str, array: Array) -> None:
    if array.dtype.name != "bfloat16":
        group.create_dataset(name, data=array)
        return
    group.create_dataset(name, data=np.ascontiguousarray(array).view("V2"))  # which HDF5 has no type for
    group[name].attrs["dtype"] = "bfloat16"


def _shards(groups: Sequence[_Group], limit: float) -> list[list[_Group]]:
    """The weights in their order, as many to a shard as it holds; those of one layer may be in several."""
    if large := [
        f"{group.name}: {variable.name} has {_size(variable)} bytes"
        for group in groups
        for variable in group.weights.values()
        if _size(variable) > limit
    ]:
        raise NetworkError(f"a weight is larger than max_shard_size, which is {limit:.0f} bytes: {'; '.join(large)}")
    shards: list[list[_Group]] = [[]]
    used = 0
    for group in groups:
        shards[-1].append(_Group(group.path, group.name))
        for index, variable in group.weights.items():
            used += _size(variable)
            if used > limit:
                shards.append([_Group(group.path, group.name)])
                used = _size(variable)
            shards[-1][-1].weights[index] = variable
    return shards


def _size(variable: Variable) -> int:
    return variable.parameter.array.nbytes


def _write(path: Path, data: bytes) -> None:
    """The file, whole or not at all. Raises ExportError, leaving what was there, when the disk refuses."""
    temporary = None
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        with tempfile.NamedTemporaryFile(dir=path.parent, prefix=".", suffix=".part", delete=False) as file:
            temporary = Path(file.name)
            file.write(data)
            file.flush()
            os.fsync(file.fileno())
        temporary.chmod(0o644)
        temporary.replace(path)
    except OSError as error:
        if temporary is not None:
            temporary.unlink(missing_ok=True)
        raise ExportError(f"{path} cannot be written: {error.strerror}") from error
