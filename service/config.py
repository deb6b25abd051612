"""The configuration file: TOML, with a table for each part of the server, named as the part's field in `Options`.

    [transport]
    grpc_port = 9001

    [batching]
    max_batch_rows = 128

The options are those of the command line, declared once; a file only gives their values.
"""

from __future__ import annotations

import tomllib
from dataclasses import fields
from pathlib import Path
from typing import Any, get_type_hints

from service.errors import StartupError
from service.options import nearest, options, read

__all__ = ["read_file"]


def read_file(group: type, path: Path) -> dict[str, Any]:
    """The values in a file by option name, checked; `group` is the dataclass of all parts.

    Raises StartupError with the file, the table and the key to blame.
    """
    tables = _parse(path)
    parts = get_type_hints(group)
    known = {field.name: parts[field.name] for field in fields(group)}
    values: dict[str, Any] = {}
    for name, table in tables.items():
        if name not in known:
            raise StartupError(f"{path}: there is no table [{name}]{nearest(name, known)}")
        if not isinstance(table, dict):
            raise StartupError(f"{path}: [{name}] is a table, and was given {table!r}")
        _refuse_misplaced(path, name, table, known)
        values |= read(known[name], table, f"{path}: [{name}]")
    return values


def _parse(path: Path) -> dict[str, Any]:
    try:
        return tomllib.loads(path.read_text(encoding="utf-8"))
    except OSError as error:
        raise StartupError(f"the configuration {path} cannot be read: {error.strerror}") from error
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise StartupError(f"the configuration {path} is no TOML: {error}") from error


def _refuse_misplaced(path: Path, name: str, table: dict[str, Any], known: dict[str, type]) -> None:
    """Says where a key belongs that another part declares: the nearest name in its own table would mislead."""
    home = {option.name: part for part, group in known.items() for option in options(group)}
    for key in table:
        if home.get(key, name) != name:
            raise StartupError(f"{path}: [{name}]: there is no option {key!r}; it belongs to [{home[key]}]")
