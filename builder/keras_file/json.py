"""Parsing JSON that anyone may have written: an object, of bounded length, size and depth."""

from __future__ import annotations

import json
from typing import Any

from builder.errors import ModelFileError

__all__ = ["parsed"]

BYTES = 16 * 2**20
VALUES = 1_000_000  # a value takes some hundred bytes in memory however short it is


def parsed(text: bytes | str, what: str) -> dict[str, Any]:
    """The object that `text` is. Raises ModelFileError, naming `what`, where it is none, or larger than any model's."""
    if len(text) > BYTES:
        raise ModelFileError(f"{what} is larger than {BYTES >> 20} MiB")
    text = text.encode() if isinstance(text, str) else text
    if sum(text.count(mark) for mark in (b",", b"[", b"{")) > VALUES:
        raise ModelFileError(f"{what} has more than {VALUES} values")
    try:
        found = json.loads(text)
    except RecursionError:
        raise ModelFileError(f"{what} is nested too deeply") from None
    except ValueError as error:  # UnicodeDecodeError is one too
        raise ModelFileError(f"{what} is no JSON: {error}") from None
    if not isinstance(found, dict):
        raise ModelFileError(f"{what} does not hold an object")
    return found
