"""What a model's files hold, as one hash, which is remembered while nobody touches them: reading them can take longer than loading.

As git does, it goes by inode, size and times of change, and believes none of them of a file that has only just changed: a
second change might have the same time.
"""

from __future__ import annotations

import hashlib
import json
import os
import re
import tempfile
import time
from dataclasses import asdict, dataclass, field
from pathlib import Path, PurePath
from typing import Any

__all__ = ["fingerprint"]

_PIECE = 2**20  # bytes that are hashed at a time
_LOCATION = re.compile(rb"\n\x08location\x12")  # begins an entry of external_data in onnx.proto; the length and the name follow
_REACH = 4096  # bytes that such an entry takes at most
_SETTLED = 2.0  # seconds, more than the grain of any file system's times


@dataclass(slots=True)
class _Seen:
    """The hash, in hex, and by name the state of each file when it was computed: inode, size, times of change in nanoseconds."""

    digest: str = ""
    files: dict[str, list[int]] = field(default_factory=dict)

    def is_settled(self, seconds: float) -> bool:
        """Whether every file is there, and none has changed within the last seconds."""
        latest = time.time_ns() - int(seconds * 1e9)
        return all(state and max(state[2:]) <= latest for state in self.files.values())


def fingerprint(path: Path, memory: Path, settled: float = _SETTLED) -> str:
    """The hash of a model and of the files beside it that it has weights in, in hex.

    It is remembered in the directory `memory` where that can be written, of files that have not changed for `settled` seconds.
    """
    note = memory / f"{hashlib.blake2b(os.fsencode(path.absolute()), digest_size=20).hexdigest()}.json"
    known = _recalled(note)
    if known is not None and path.name in known.files and known.files == _states(path, known.files):
        return known.digest
    found = _computed(path)
    if found.is_settled(settled) and found.files == _states(path, found.files):
        _remember(note, found)
    return found.digest


def _computed(path: Path) -> _Seen:
    seen, digest = _Seen(), hashlib.blake2b(digest_size=20)
    seen.files[path.name] = _state(path)
    for name in sorted(_hashed(path, digest)):
        seen.files[name] = _state(path.parent / name)
        _hashed(path.parent / name, digest)
    seen.digest = digest.hexdigest()
    return seen


def _states(path: Path, names: dict[str, Any]) -> dict[str, list[int]]:
    return {name: _state(path.parent / name) for name in names}


def _state(file: Path) -> list[int]:
    """Of a file that is missing, or has a name that none can have, none."""
    try:
        found = file.stat()
    except (OSError, ValueError):
        return []
    return [found.st_ino, found.st_size, found.st_mtime_ns, found.st_ctime_ns]


def _recalled(note: Path) -> _Seen | None:
    try:
        found = _Seen(**json.loads(note.read_text()))
    except (OSError, ValueError, TypeError):
        return None
    return found if isinstance(found.digest, str) and isinstance(found.files, dict) else None


def _remember(note: Path, seen: _Seen) -> None:
    """Writes it down, whole or not at all; where that cannot be, the next start computes it again."""
    try:
        note.parent.mkdir(parents=True, exist_ok=True)
        with tempfile.NamedTemporaryFile("w", dir=note.parent, suffix=".part", delete=False) as file:
            json.dump(asdict(seen), file)
        Path(file.name).replace(note)
    except OSError:
        return


def _hashed(file: Path, digest: Any) -> set[str]:
    """Adds what a file holds to the digest, and returns the files beside it that it says weights are in."""
    names: set[str] = set()
    if not file.is_file():
        return names
    seen = b""
    with file.open("rb") as opened:
        while piece := opened.read(_PIECE):
            digest.update(piece)
            seen = seen[-_REACH:] + piece
            names.update(_name(seen, found.end()) for found in _LOCATION.finditer(seen))
    return {name for name in names if name and not PurePath(name).is_absolute() and ".." not in PurePath(name).parts}


def _name(data: bytes, at: int) -> str:
    """The text at `at`, where its length comes first, as protobuf has it: seven bits to a byte."""
    first, second = (*data[at : at + 2], 0, 0)[:2]
    length, start = (first, at + 1) if first < 128 else (first & 127 | second << 7, at + 2)
    return data[start : start + length].decode(errors="replace").replace("\0", "")
