"""Tables of figures that vary: medians, and how far they spread; and the machine that gave them."""

from __future__ import annotations

import os
import platform
import statistics
from collections.abc import Callable, Mapping, Sequence
from importlib.metadata import version
from pathlib import Path
from time import perf_counter

REPEATS = 5

Cells = Mapping[str, Sequence[float]]  # the figures of each column


def machine() -> str:
    """What this machine is, what runs on it, and what else it is doing."""
    versions = ", ".join(f"{name} {version(name)}" for name in ("onnxruntime", "grpcio", "numpy"))
    return (
        f"{_processor()}, {os.cpu_count()} cores, {platform.system()} {platform.release()}, "
        f"Python {platform.python_version()}, {versions}; load average {os.getloadavg()[0]:.1f}"
    )


def _processor() -> str:
    try:
        lines = Path("/proc/cpuinfo").read_text().splitlines()
    except OSError:
        return platform.machine()
    return next((line.partition(":")[2].strip() for line in lines if line.startswith("model name")), platform.machine())


def seconds(action: Callable[[], object]) -> float:
    """How long `action` takes."""
    start = perf_counter()
    action()
    return perf_counter() - start


def table(title: str, unit: str) -> None:
    """The head of a table whose rows have one figure."""
    print(f"\n{title:44} {'median':>10} {'least':>10} {'most':>10}  {unit}")


def row(name: str, values: Sequence[float], digits: int) -> None:
    """A row with one figure, measured several times."""
    numbers = (statistics.median(values), min(values), max(values))
    print(f"{name:44} " + " ".join(f"{value:>10,.{digits + 1 if digits else 0}f}" for value in numbers), flush=True)


def compare(title: str, rows: Mapping[str, Cells], skipped: Mapping[str, str], unit: str) -> None:
    """A table of several columns: each cell the median, the spread between the least and the most, and the ratio to the first row."""
    columns = list(next(iter(rows.values())))
    first = next(iter(rows.values()))
    print(f"\n{title}: {unit}, median ±half of the spread, and how many times the first row's")
    print(f"{'':34}" + "".join(f"{column:>24}" for column in columns))
    for name, cells in rows.items():
        print(f"{name:34}" + "".join(f"{_cell(cells[column], first[column]):>24}" for column in columns))
    for name, reason in skipped.items():
        print(f"{name:34}  skipped: {reason}")
    print(end="", flush=True)


def _cell(values: Sequence[float], first: Sequence[float]) -> str:
    if not values:
        return "-"
    median = statistics.median(values)
    spread = (max(values) - min(values)) / 2 / median if median else 0.0
    ratios = [value / other for value, other in zip(values, first, strict=False) if other]
    ratio = f"{statistics.median(ratios):.2f}x" if ratios else ""
    return f"{median:,.0f} ±{spread:.0%} {ratio:>7}"
