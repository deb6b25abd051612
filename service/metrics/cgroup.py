"""What the kernel tells of the container: its CPU time, how much of it was withheld, and its memory; of version 2 or 1.

A quota that runs out stops every thread until the next period: the usual hidden cause of a long tail, which a host's own numbers
do not show.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

__all__ = ["Cgroup", "read"]

ROOT = Path("/sys/fs/cgroup")
_UNLIMITED = 2**60  # version 1 writes a number near 2**63 for no limit


@dataclass(frozen=True, slots=True)
class Cgroup:
    """One reading; None for what the kernel does not tell. Seconds and bytes, of the whole container."""

    cpu_seconds: float | None = None
    periods: int | None = None
    throttled_periods: int | None = None
    throttled_seconds: float | None = None
    memory_bytes: int | None = None
    memory_limit_bytes: int | None = None


def read(root: Path = ROOT) -> Cgroup:
    """The cgroup at `root`, which in a container is its own."""
    return _version_2(root) if (root / "cgroup.controllers").exists() else _version_1(root)


def _version_2(root: Path) -> Cgroup:
    stat = _table(root / "cpu.stat")
    return Cgroup(
        cpu_seconds=_seconds(stat.get("usage_usec"), 1e6),
        periods=stat.get("nr_periods"),
        throttled_periods=stat.get("nr_throttled"),
        throttled_seconds=_seconds(stat.get("throttled_usec"), 1e6),
        memory_bytes=_number(root / "memory.current"),
        memory_limit_bytes=_number(root / "memory.max"),
    )


def _version_1(root: Path) -> Cgroup:
    stat = _table(root / "cpu" / "cpu.stat")
    limit = _number(root / "memory" / "memory.limit_in_bytes")
    return Cgroup(
        cpu_seconds=_seconds(_number(root / "cpuacct" / "cpuacct.usage"), 1e9),
        periods=stat.get("nr_periods"),
        throttled_periods=stat.get("nr_throttled"),
        throttled_seconds=_seconds(stat.get("throttled_time"), 1e9),
        memory_bytes=_number(root / "memory" / "memory.usage_in_bytes"),
        memory_limit_bytes=limit if limit is not None and limit < _UNLIMITED else None,
    )


def _table(path: Path) -> Mapping[str, int]:
    """The numbers of a file of `name number` lines; none of a file that is not there."""
    try:
        lines = [line.split() for line in path.read_text().splitlines()]
    except OSError:
        return {}
    return {words[0]: int(words[1]) for words in lines if len(words) == 2 and words[1].isdigit()}


def _number(path: Path) -> int | None:
    """The number in a file; None where there is no file, or it says `max`."""
    try:
        text = path.read_text().strip()
    except OSError:
        return None
    return int(text) if text.isdigit() else None


def _seconds(ticks: int | None, per_second: float) -> float | None:
    return None if ticks is None else ticks / per_second
