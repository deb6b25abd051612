"""Where models lie: Triton's layout, REPOSITORY/<model>/<version>/model.onnx, or a lone .onnx file."""

import re
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

from service.errors import StartupError

__all__ = ["ModelFile", "find_models", "latest"]

NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,127}")
FILE = "model.onnx"


@dataclass(frozen=True, slots=True)
class ModelFile:
    """One version of a model on disk."""

    name: str
    version: int
    path: Path


def find_models(path: Path) -> list[ModelFile]:
    """Every version of every model at `path`. Raises StartupError when there is none, or a name cannot be one."""
    if not path.exists():
        raise StartupError(f"there is no {path}; give a model repository or an .onnx file")
    found = [_lone(path)] if path.is_file() else sorted(_in_repository(path), key=lambda model: (model.name, model.version))
    if not found:
        raise StartupError(f"{path} holds no model: expected {path}/<model>/<version>/{FILE}, as `hornbeam export SOURCE {path}` writes it")
    if bad := [model.name for model in found if not NAME.fullmatch(model.name)]:
        raise StartupError(f"{path}: {bad[0]!r} cannot be the name of a model: letters, digits, '.', '_' and '-', at most 128")
    return found


def latest(models: Iterable[ModelFile], versions: int = 1) -> list[ModelFile]:
    """The highest `versions` of each model."""
    by_name: dict[str, list[ModelFile]] = {}
    for model in models:
        by_name.setdefault(model.name, []).append(model)
    return [model for name in by_name for model in sorted(by_name[name], key=lambda model: model.version)[-versions:]]


def _lone(path: Path) -> ModelFile:
    """A file by itself: named after its place in a repository if it has one, else after itself."""
    if path.suffix != ".onnx":
        raise StartupError(f"{path} is no .onnx file; `hornbeam export {path} DEST` may make one of it")
    version, name = path.resolve().parent, path.resolve().parent.parent
    if path.name == FILE and _is_version(version.name):
        return ModelFile(name.name, int(version.name), path)
    return ModelFile(path.stem, 1, path)


def _in_repository(root: Path) -> Iterable[ModelFile]:
    for model in root.iterdir():
        if model.name.startswith(".") or not model.is_dir():
            continue
        for version in model.iterdir():
            if _is_version(version.name) and (file := version / FILE).is_file():
                yield ModelFile(model.name, int(version.name), file)


def _is_version(name: str) -> bool:
    return name.isascii() and name.isdigit() and not name.startswith("0")
