"""Where the files of an export go, and how they get there: into a directory of their own first, then all into place."""

from __future__ import annotations

import errno
import os
import re
import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from builder.errors import ExportError

__all__ = ["Place", "place_of", "settle", "staged"]

NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,127}")
MODEL = "model.onnx"


@dataclass(frozen=True, slots=True)
class Place:
    """The model's file, and what may be beside it."""

    model: Path

    @property
    def data(self) -> Path:
        """The weights that are not in the model itself."""
        return self.model.with_name(self.model.name + ".data")

    @property
    def samples(self) -> Path:
        """Inputs and the answers to them: `samples.npz` in a repository, `x.samples.npz` beside `x.onnx`."""
        return self.model.with_name("samples.npz" if self.model.name == MODEL else f"{self.model.stem}.samples.npz")

    @property
    def outline(self) -> Path:
        """The model with its weights by reference, while it is checked; it goes nowhere."""
        return self.model.with_name(self.model.name + ".outline")

    def within(self, directory: Path) -> Place:
        """The same files in another directory."""
        return Place(directory / self.model.name)


def place_of(destination: Path, name: str, version: int) -> Place:
    """Where `destination` says. Raises ExportError for a name or version that a model repository cannot have."""
    if destination.suffix == ".onnx":
        if destination.is_dir():
            raise ExportError(f"{destination} is a directory; a path that ends in .onnx is the file to write")
        return Place(destination)
    if not NAME.fullmatch(name):
        raise ExportError(f"{name!r} cannot be the name of a model: letters, digits, '.', '_' and '-', at most 128; choose one with --name")
    if version < 1:
        raise ExportError(f"the version of a model is an integer from 1; found {version}")
    if destination.exists() and not destination.is_dir():
        raise ExportError(f"{destination} is a file; give a directory, the model repository, or a path that ends in .onnx")
    return Place(destination / name / str(version) / MODEL)


@contextmanager
def staged(place: Place) -> Iterator[Place]:
    """The same files in a directory of their own on the same disk; what is there in the end goes into place, unless something is raised.

    The model comes last, since it is what is looked for, and an earlier one that has its weights in another file goes
    first: nobody ever finds a model with the weights of another. Raises ExportError, leaving what was there, when the
    disk refuses.
    """
    temporary: Path | None = None
    try:
        missing = [directory for directory in place.model.parents if not directory.exists()]
        nearest = place.model.parents[len(missing)]
        temporary = Path(tempfile.mkdtemp(dir=nearest, prefix=".", suffix=".part"))
        stage = place.within(temporary)
        yield stage
        place.model.parent.mkdir(parents=True, exist_ok=True)
        try:
            _put(stage, place)
        except OSError:
            _remove_empty(missing)
            raise
    except OSError as error:
        raise ExportError(f"{place.model} cannot be written: {error.strerror or error}") from error
    finally:
        if temporary is not None:
            shutil.rmtree(temporary, ignore_errors=True)


def _put(stage: Place, place: Place) -> None:
    pairs = [(stage.data, place.data), (stage.samples, place.samples), (stage.model, place.model)]
    if any(target.is_dir() for _, target in pairs):
        raise IsADirectoryError(errno.EISDIR, os.strerror(errno.EISDIR))
    settle(stage)
    aside: list[tuple[Path, Path]] = []
    if stage.data.exists() or place.data.exists():
        earlier = place.within(stage.model.parent / "earlier")
        earlier.model.parent.mkdir()
        aside = [pair for pair in ((place.model, earlier.model), (place.data, earlier.data)) if _move(*pair)]
    try:
        for source, target in pairs:
            if not _move(source, target):
                target.unlink(missing_ok=True)  # of an earlier export, whose model is gone
    except OSError:
        for target, kept in aside:
            _move(kept, target)
        raise


def _move(source: Path, target: Path) -> bool:
    """Whether there was something to move."""
    try:
        source.replace(target)
    except FileNotFoundError:
        return False
    return True


def settle(stage: Place) -> None:
    """Puts everything that has been written so far on the disk, readable by whoever serves it."""
    for path in (stage.data, stage.samples, stage.model):
        if path.exists():
            with path.open("rb") as file:
                os.fsync(file.fileno())
            path.chmod(0o644)


def _remove_empty(directories: list[Path]) -> None:
    for directory in directories:
        if directory.is_dir() and not any(directory.iterdir()):
            directory.rmdir()
