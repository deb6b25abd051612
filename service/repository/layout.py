"""Where models lie: Triton's layout, REPOSITORY/<model>/<version>/model.onnx, or a lone .onnx file."""

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path

from service.errors import StartupError

__all__ = ["CONFIGURATIONS", "FILE", "ModelFile", "ModelFolder", "Stamp", "find_folder", "find_folders", "find_models", "is_name"]

NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,127}")
FILE = "model.onnx"
CONFIGURATIONS = ("config.toml", "config.pbtxt")

Stamp = tuple[tuple[str, int, int, int], ...]  # of each file: its name, inode, size in bytes, and time of change in nanoseconds


@dataclass(frozen=True, slots=True)
class ModelFile:
    """One version of a model on disk."""

    name: str
    version: int
    path: Path


@dataclass(frozen=True, slots=True)
class ModelFolder:
    """One model on disk: its versions' directories by number, and a stamp of each that any change to its files changes.

    `path` is the model's directory, or the lone file that is all of it. `settings_stamp` is that of everything beside the versions.
    """

    name: str
    path: Path
    versions: Mapping[int, Path]
    stamps: Mapping[int, Stamp] = field(default_factory=dict)
    settings_stamp: Stamp = ()

    def files(self, file: str = FILE) -> dict[int, ModelFile]:
        """The versions that hold `file`, ascending."""
        if self.path.is_file():
            return {version: ModelFile(self.name, version, self.path) for version in self.versions}
        return {
            version: ModelFile(self.name, version, directory / file)
            for version, directory in sorted(self.versions.items())
            if (directory / file).is_file()
        }

    def configuration(self, name: str) -> Path | None:
        """The model's configuration file of that name, where it has one."""
        path = self.path / name
        return path if path.is_file() else None


def find_models(path: Path) -> list[ModelFile]:
    """Every version of every model at `path`. Raises StartupError when there is none, or a name cannot be one."""
    found = [file for folder in find_folders(path).values() for file in folder.files().values()]
    if not found:
        raise StartupError(f"{path} holds no model: expected {path}/<model>/<version>/{FILE}, as `hornbeam export SOURCE {path}` writes it")
    return found


def find_folders(path: Path) -> dict[str, ModelFolder]:
    """Every model at `path` by name, ascending.

    Raises StartupError when there is nothing at `path`, it cannot be read, or a name cannot be one.
    """
    if not path.exists():
        raise StartupError(f"there is no {path}; give a model repository or an .onnx file")
    try:
        folders = [_lone(path)] if path.is_file() else sorted(_in_repository(path), key=lambda folder: folder.name)
    except OSError as error:
        raise _unreadable(path, error) from error
    if bad := [folder.name for folder in folders if not is_name(folder.name)]:
        raise StartupError(f"{path}: {bad[0]!r} cannot be the name of a model: letters, digits, '.', '_' and '-', at most 128")
    return {folder.name: folder for folder in folders}


def find_folder(path: Path, name: str) -> ModelFolder | None:
    """The model of that name at `path`, None when there is none. Raises StartupError when it cannot be read."""
    if path.is_file():
        lone = _lone(path)
        return lone if lone.name == name else None
    directory = path / name
    try:
        return _folder(directory) if is_name(name) and directory.is_dir() else None
    except OSError as error:
        raise _unreadable(path, error) from error


def is_name(text: str) -> bool:
    """Whether a model may be called that."""
    return NAME.fullmatch(text) is not None


def _lone(path: Path) -> ModelFolder:
    """A file by itself: named after its place in a repository if it has one, else after itself."""
    if path.suffix != ".onnx":
        raise StartupError(f"{path} is no .onnx file; `hornbeam export {path} DEST` may make one of it")
    version, name = path.resolve().parent, path.resolve().parent.parent
    placed = path.name == FILE and _is_version(version.name)
    number = int(version.name) if placed else 1
    return ModelFolder(name.name if placed else path.stem, path, {number: path}, {number: (_entry(path.name, path),)})


def _in_repository(root: Path) -> Iterator[ModelFolder]:
    for directory in root.iterdir():
        if directory.name.startswith(".") or not directory.is_dir():
            continue
        try:
            folder = _folder(directory)
        except PermissionError:
            if is_name(directory.name):
                raise
            continue  # the lost+found of a volume, for one
        if folder.versions:
            yield folder


def _unreadable(path: Path, error: OSError) -> StartupError:
    return StartupError(f"{error.filename or path} cannot be read: {error.strerror}")


def _folder(directory: Path) -> ModelFolder:
    versions = {int(entry.name): entry for entry in directory.iterdir() if _is_version(entry.name) and _holds_files(entry)}
    stamps = {version: _stamp(path) for version, path in versions.items()}
    beside = tuple(_entry(entry.name, entry) for entry in sorted(directory.iterdir()) if entry.is_file())
    return ModelFolder(directory.name, directory, versions, stamps, beside)


def _holds_files(directory: Path) -> bool:
    return directory.is_dir() and any(entry.is_file() for entry in directory.iterdir())


def _stamp(directory: Path) -> Stamp:
    files = sorted(path for path in directory.rglob("*") if path.is_file())
    return tuple(_entry(str(path.relative_to(directory)), path) for path in files)


def _entry(name: str, path: Path) -> tuple[str, int, int, int]:
    try:
        found = path.stat()
    except OSError:  # gone since it was listed: its absence is a change as well
        return name, 0, 0, 0
    return name, found.st_ino, found.st_size, found.st_mtime_ns


def _is_version(name: str) -> bool:
    return name.isascii() and name.isdigit() and not name.startswith("0")
