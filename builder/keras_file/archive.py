"""The archive: a zip file of a config, metadata, weights and vocabularies.

Members are read whole into memory and may not be compressed, so that nothing is larger in memory than in the file.
"""

from __future__ import annotations

import hashlib
import io
import json
import zipfile
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from builder.errors import ModelFileError

__all__ = ["SavedModel", "read"]

MEMBERS = 10_000  # more than any model has: a member a vocabulary, and three more
CONFIG_BYTES = 64 * 2**20
ASSETS = "assets/"
HDF5_MAGIC = b"\x89HDF\r\n\x1a\n"


@dataclass(frozen=True, slots=True)
class SavedModel:
    """What a `.keras` archive holds, read but not yet believed: `weights` is an HDF5 file, `assets` are files by their path."""

    path: Path
    config: dict[str, Any]
    weights: bytes
    keras_version: str | None
    sha256: str
    assets: Mapping[str, bytes] = field(default_factory=dict)


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
            assets = {name: archive.read(name) for name in archive.namelist() if name.startswith(ASSETS) and not name.endswith("/")}
    except (zipfile.BadZipFile, EOFError, NotImplementedError, RuntimeError, ValueError) as error:
        raise ModelFileError(f"{path} is not a .keras file, or is damaged: {error}") from None
    version = metadata.get("keras_version")
    return SavedModel(path, config, weights, version if isinstance(version, str) else None, hashlib.sha256(data).hexdigest(), assets)


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
