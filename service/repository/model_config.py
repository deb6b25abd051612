"""How one model is served: what its ONNX does not say, from where it was said, the nearest to the model first.

    config.toml         the model's own, in tables named after the groups of options: [batching], [device], [load], [versions]
    config.pbtxt        Triton's, for repositories that come from there
    the server          its flags, environment and file
    the defaults

All of it is optional, and a model without a configuration is served as its ONNX allows.
"""

from __future__ import annotations

import re
import tomllib
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, fields
from pathlib import Path
from typing import Any, get_type_hints

from service.engine.batcher import BatchOptions
from service.engine.padding import PaddedAxis
from service.engine.samples import LoadOptions
from service.engine.session import DeviceOptions
from service.errors import InvalidRequestError, StartupError
from service.options import build, nearest, options, read
from service.repository import triton
from service.repository.layout import FILE, ModelFolder
from service.repository.versions import VersionOptions

__all__ = ["Defaults", "ModelOptions", "ModelSettings", "TritonReader", "configure"]

Table = Mapping[str, Any]
LABEL = re.compile("[A-Za-z][A-Za-z0-9_-]{0,62}")


@dataclass(frozen=True, slots=True)
class ModelOptions:
    """The options that a model may have for itself, by group."""

    batching: BatchOptions = field(default_factory=BatchOptions)
    device: DeviceOptions = field(default_factory=DeviceOptions)
    load: LoadOptions = field(default_factory=LoadOptions)
    versions: VersionOptions = field(default_factory=VersionOptions)


@dataclass(frozen=True, slots=True)
class Defaults:
    """What the server was told for all models, and where it was told each of them: by option name, `--device` for one."""

    options: ModelOptions = field(default_factory=ModelOptions)
    sources: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class TritonReader:
    """How Triton's configuration is read into plain tables: from a config.pbtxt, and from the JSON of a load request.

    Both raise InvalidRequestError for what is none.
    """

    text: Callable[[str], dict[str, Any]]
    json: Callable[[str], dict[str, Any]]


@dataclass(frozen=True, slots=True)
class ModelSettings:
    """One model's effective configuration, and where each option's value came from.

    `labels` are names for versions, such as stable; `classes` the label of each class by output; `described` the inputs and
    outputs as a config.pbtxt has them, to be compared with the model's.
    """

    options: ModelOptions = field(default_factory=ModelOptions)
    labels: Mapping[str, int] = field(default_factory=dict)
    padding: tuple[PaddedAxis, ...] = ()
    file: str = FILE
    classes: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    described: Sequence[triton.Described] = ()
    sources: Mapping[str, str] = field(default_factory=dict)
    warnings: tuple[str, ...] = ()


def configure(folder: ModelFolder, defaults: Defaults, reader: TritonReader, override: str | None = None) -> ModelSettings:
    """The settings of a model; `override` is a load request's JSON, which takes the place of the model's config.pbtxt.

    Raises StartupError for a configuration that is wrong, naming the file, the key and what it may be.
    """
    values = {option.name: getattr(group, option.name) for group in _groups(defaults.options) for option in options(type(group))}
    sources = {name: defaults.sources.get(name, "default") for name in values}
    foreign, where = _triton(folder, reader, override)
    own = _own(folder)
    for given, source in ((foreign.options, where), (own.options, "config.toml")):
        values |= given
        sources |= dict.fromkeys(given, source)
    return ModelSettings(
        options=build(ModelOptions, values),
        labels=own.labels,
        padding=own.padding,
        file=own.file or foreign.file or FILE,
        classes=_classes(folder, foreign.label_files),
        described=foreign.described,
        sources=sources,
        warnings=foreign.warnings,
    )


@dataclass(frozen=True, slots=True)
class _Own:
    """What a config.toml says."""

    options: Mapping[str, Any] = field(default_factory=dict)
    labels: Mapping[str, int] = field(default_factory=dict)
    padding: tuple[PaddedAxis, ...] = ()
    file: str = ""


def _own(folder: ModelFolder) -> _Own:
    path = folder.configuration("config.toml")
    if path is None:
        return _Own()
    try:
        table = tomllib.loads(_read(path))
    except tomllib.TOMLDecodeError as error:
        raise StartupError(f"{path}: {error}") from error
    groups = get_type_hints(ModelOptions)
    for name in table:
        if name not in (known := {**groups, "labels": None, "padding": None, "file": None}):
            raise StartupError(f"{path}: there is no table or key {name!r}{nearest(name, known)}")
    values: dict[str, Any] = {}
    for name, group in groups.items():
        values |= read(group, _table(path, table, name), f"{path}: [{name}]")
    labels = _labels(path, _table(path, table, "labels"))
    return _Own(values, labels, _padding(path, table.get("padding", [])), _file(path, table.get("file", "")))


def _read(path: Path) -> str:
    """What a configuration file says; UTF-8, wherever the server runs."""
    try:
        return path.read_text(encoding="utf-8")
    except OSError as error:
        raise StartupError(f"{path} cannot be read: {error.strerror}") from error
    except UnicodeDecodeError as error:
        raise StartupError(f"{path}: {error}") from error


def _table(path: Path, table: Table, name: str) -> Table:
    found = table.get(name, {})
    if not isinstance(found, dict):
        raise StartupError(f"{path}: {name} is a table, written [{name}], and was given {found!r}")
    return found


def _labels(path: Path, table: Table) -> Mapping[str, int]:
    for label, version in table.items():
        if type(version) is not int or version < 1:
            raise StartupError(f"{path}: [labels]: {label} is the number of a version, and was given {version!r}")
        if not LABEL.fullmatch(label):
            raise StartupError(f"{path}: [labels]: {label!r} cannot be a label: a letter, then letters, digits, '_' and '-', at most 63")
    return table


def _padding(path: Path, tables: Any) -> tuple[PaddedAxis, ...]:
    if not isinstance(tables, list) or not all(isinstance(table, dict) for table in tables):
        raise StartupError(f"{path}: padding is a list of tables, each written [[padding]], and was given {tables!r}")
    return tuple(_padded(table, f"{path}: [[padding]]") for table in tables)


def _padded(table: Table, where: str) -> PaddedAxis:
    values = read(PaddedAxis, table, where)
    for name in ("input", "axis", "buckets"):
        if name not in values:
            raise StartupError(f"{where}: it has no {name!r}")
    return PaddedAxis(**values)


def _file(path: Path, name: Any) -> str:
    if not isinstance(name, str) or "/" in name or name.startswith("."):
        raise StartupError(f"{path}: file is the name of the model's file in its version's directory, and was given {name!r}")
    return name


def _triton(folder: ModelFolder, reader: TritonReader, override: str | None) -> tuple[triton.Translated, str]:
    """What Triton's configuration says, and where it was found."""
    path = folder.configuration("config.pbtxt")
    where = str(path) if override is None else "the load request's config"
    try:
        if override is not None:
            found = reader.json(override)
        elif path is not None:
            found = reader.text(_read(path))
        else:
            return triton.Translated(), ""
    except InvalidRequestError as error:
        raise StartupError(f"{where}: {error}") from error
    translated = triton.translate(found, folder.name, where)
    read(ModelOptions, translated.options, where)
    return translated, "config.pbtxt" if override is None else "load request"


def _classes(folder: ModelFolder, label_files: Mapping[str, str]) -> Mapping[str, tuple[str, ...]]:
    """The labels of each output's classes, out of the files that Triton's configuration names: one a line."""
    classes = {}
    for output, name in label_files.items():
        path = folder.path / name
        try:
            if not path.resolve().is_relative_to(folder.path.resolve()):
                raise StartupError(f"{folder.path}: label_filename {name!r} of output '{output}' leads out of the model's directory")
            classes[output] = tuple(path.read_text(encoding="utf-8").splitlines())
        except (OSError, UnicodeDecodeError) as error:
            raise StartupError(f"{folder.path}: label_filename {name!r} of output '{output}' cannot be read: {error}") from error
    return classes


def _groups(given: ModelOptions) -> list[Any]:
    return [getattr(given, group.name) for group in fields(given)]
