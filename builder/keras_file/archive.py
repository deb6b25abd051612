"""What Keras saves a network as: a zip file or a directory of a config, metadata and weights, or one HDF5 file of all.

It is read whole into memory. Nothing is larger in memory than in the file, and nothing is unpacked to disk.
"""

from __future__ import annotations

import hashlib
import os
import stat
import threading
import zipfile
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from io import BufferedReader
from pathlib import Path
from typing import Any

from builder.errors import ModelFileError
from builder.keras_file.hdf5 import MAGIC, opened
from builder.keras_file.json import parsed
from builder.keras_file.zip import check_members

__all__ = ["SavedModel", "file_bytes", "read"]

CONFIG, METADATA, HDF5, NPZ, ASSETS = "config.json", "metadata.json", "model.weights.h5", "model.weights.npz", "assets/"


@dataclass(frozen=True, slots=True)
class SavedModel:
    """What a saved network holds, read but not yet believed.

    `weights` is an HDF5 file in which they are found by path; with `is_legacy` one in which layers are found by name; and
    without either, `arrays` is an .npz file. `assets` are files by their path. `sha256` gives the file's hash in hex, and
    waits for it: hashing takes as long as all the rest here, and runs beside it.
    """

    path: Path
    config: dict[str, Any]
    keras_version: str | None
    sha256: Callable[[], str]
    weights: bytes = b""
    arrays: bytes = b""
    assets: Mapping[str, bytes] = field(default_factory=dict)
    is_legacy: bool = False


def read(path: Path) -> SavedModel:
    """The parts of a saved network. Raises ModelFileError when it is missing, damaged or made to do harm."""
    if path.is_dir():
        return _from_directory(path)
    with _opened(path) as file:
        sha256 = _hashed(path, file)
        if file.peek(len(MAGIC)).startswith(MAGIC):
            return _from_hdf5(path, file.read(), sha256)
        return _from_zip(path, file, sha256)


def _from_zip(path: Path, file: BufferedReader, sha256: Callable[[], str]) -> SavedModel:
    try:
        with zipfile.ZipFile(file) as archive:
            check_members(archive, file.seek(0, os.SEEK_END))
            wanted = [name for name in archive.namelist() if name in (CONFIG, METADATA, HDF5, NPZ) or _is_asset(name)]
            members = {name: archive.read(name) for name in wanted}
    except ModelFileError as error:
        raise ModelFileError(f"{path} cannot be opened: {error}") from None
    except (zipfile.BadZipFile, EOFError, NotImplementedError, RuntimeError, ValueError, OSError) as error:
        raise ModelFileError(f"{path} is not a .keras file, or is damaged: {error}") from None
    return _from_members(path, members, sha256)


def file_bytes(path: Path) -> bytes:
    """A file's bytes. Raises ModelFileError when it cannot be read, or is no file: a pipe would never end."""
    with _opened(path) as file:
        return file.read()


@contextmanager
def _opened(path: Path) -> Iterator[BufferedReader]:
    """The file, open. Raises ModelFileError as `file_bytes` does, inside of the block too."""
    try:
        if not stat.S_ISREG(path.stat().st_mode):
            raise ModelFileError(f"{path} is not a file")
        with path.open("rb") as file:
            yield file
    except FileNotFoundError:
        raise ModelFileError(f"there is no file {path}") from None
    except (OSError, ValueError) as error:
        raise ModelFileError(f"{path} cannot be read: {getattr(error, 'strerror', error)}") from None


def _hashed(path: Path, reading: BufferedReader) -> Callable[[], str]:
    """Begins to compute the SHA-256 of a file that is open, and returns what waits for it."""
    from concurrent.futures import Future  # 0.01 s that a network built in Python does not need

    digest: Future[str] = Future()
    file = path.open("rb")
    if not os.path.sameopenfile(file.fileno(), reading.fileno()):
        file.close()
        raise ModelFileError(f"{path} was replaced while it was read; open it again")

    def compute() -> None:
        try:
            with file:
                digest.set_result(hashlib.file_digest(file, "sha256").hexdigest())
        except OSError as error:
            digest.set_exception(ModelFileError(f"{path} cannot be read: {error.strerror}"))
        except BaseException as error:  # or whoever asks for the hash would wait for ever
            digest.set_exception(error)

    threading.Thread(target=compute, daemon=True).start()  # a daemon: nobody waits where the file turns out to be no model
    return digest.result


def _from_directory(path: Path) -> SavedModel:
    """A network that was saved with `zipped=False`. A member that is a link would lead out of the directory: refused."""
    members: dict[str, bytes] = {}
    digest = hashlib.sha256()
    for name in (CONFIG, METADATA, HDF5, NPZ, *_asset_names(path)):
        member = path / name
        if any(part.is_symlink() for part in (member, *member.parents) if part != path and path in part.parents):
            raise ModelFileError(f"{member} is a link, which Keras never writes")
        if member.exists():
            members[name] = file_bytes(member)
            digest.update(f"{name}\0{len(members[name])}\0".encode() + members[name])
    return _from_members(path, members, digest.hexdigest)


def _from_members(path: Path, members: Mapping[str, bytes], sha256: Callable[[], str]) -> SavedModel:
    if CONFIG not in members:
        raise ModelFileError(f"{path} has no {CONFIG}, so it is no complete .keras file")
    if HDF5 not in members and NPZ not in members:
        raise ModelFileError(f"{path} has no {HDF5}, so it is no complete .keras file")
    config = parsed(members[CONFIG], f"{path}: {CONFIG}")
    metadata = parsed(members[METADATA], f"{path}: {METADATA}") if METADATA in members else {}
    version = metadata.get("keras_version")
    version = version if isinstance(version, str) else None
    assets = {name: data for name, data in members.items() if _is_asset(name)}
    return SavedModel(path, config, version, sha256, members.get(HDF5, b""), members.get(NPZ, b""), assets)


def _is_asset(name: str) -> bool:
    return name.startswith(ASSETS) and not name.endswith("/")


def _asset_names(directory: Path) -> Iterator[str]:
    """What is below the directory of assets, in order; where that is a link, its own name, to be refused as one."""
    root = directory / ASSETS
    if root.is_symlink():
        yield ASSETS.rstrip("/")
        return
    for folder, folders, files in sorted(os.walk(root)):
        below = [Path(folder) / name for name in sorted((*folders, *files))]
        yield from (str(path.relative_to(directory)) for path in below if _is_leaf(path))


def _is_leaf(path: Path) -> bool:
    return path.is_symlink() or not path.is_dir()


def _from_hdf5(path: Path, data: bytes, sha256: Callable[[], str]) -> SavedModel:
    """A whole network in one HDF5 file: its config is an attribute."""
    with opened(data, str(path)) as file:
        config, version = file.text("model_config"), file.text("keras_version")
    if config is None:
        raise ModelFileError(f"{path} holds weights and no network: build the network, and give the file to its `load_weights`")
    if version is None or version.startswith("1"):
        raise ModelFileError(
            f"{path} was saved by Keras 1, whose weights are laid out otherwise; open it in Keras 2 up to 2.3 and save it again"
        )
    return SavedModel(path, parsed(config, f"{path}: model_config"), version, sha256, weights=data, is_legacy=True)
