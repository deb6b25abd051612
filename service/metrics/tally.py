"""What is counted, and where: a cell for each metric and set of labels.

Prometheus's exposition and the protocol's statistics read the same cells, so that they cannot disagree. One lock guards a
table: an event is a few additions, and taking a lock for each of them cost more than they do.
"""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from threading import Lock
from typing import Any, Generic, TypeVar

from service.metrics.table import Metric
from service.request import BatchRun, BatchStatistics, Duration

__all__ = ["Cell", "Runs", "Tallies"]

E = TypeVar("E")


class Cell:
    """The sum of what was added, how often, and for a histogram how often in each bucket; the last is for all beyond."""

    __slots__ = ("bounds", "buckets", "count", "sum")

    def __init__(self, bounds: Sequence[float]) -> None:
        self.bounds = bounds
        self.buckets = [0] * (len(bounds) + 1)
        self.count = 0
        self.sum = 0.0

    def add(self, amount: float) -> None:
        self.sum += amount
        self.count += 1
        if self.bounds:
            self.buckets[bisect_left(self.bounds, amount)] += 1

    @property
    def duration(self) -> Duration:
        """What a histogram of seconds adds up to."""
        return Duration(self.count, self.sum)


class Tallies(Generic[E]):
    """The cells of the metrics of one kind of event."""

    def __init__(self, metrics: Sequence[Metric[E]]) -> None:
        self.metrics = metrics
        self._cells: dict[tuple[str, tuple[str, ...]], Cell] = {}
        self._of_key: dict[tuple[Any, ...], list[Cell | None]] = {}
        self._lock = Lock()

    def record(self, key: tuple[Any, ...], event: E) -> None:
        """Adds what every metric reads from `event`; `key` is equal for events whose labels are."""
        with self._lock:
            cells = self._of_key.setdefault(key, [None] * len(self.metrics))
            for index, metric in enumerate(self.metrics):
                if (amount := metric.value(event)) is None:
                    continue
                if (cell := cells[index]) is None:
                    cell = cells[index] = self._cell(metric, event)
                cell.add(amount)

    def read(self, metric: Metric[E]) -> list[tuple[tuple[str, ...], int, float, list[int]]]:
        """For each set of labels: the labels, the count, the sum, and the buckets."""
        with self._lock:
            return [
                (labels, cell.count, cell.sum, list(cell.buckets)) for (name, labels), cell in self._cells.items() if name == metric.name
            ]

    def durations(self, name: str, *labels: str) -> Duration:
        """All that a metric of seconds has for labels that begin with these."""
        with self._lock:
            found = [cell.duration for (own, given), cell in self._cells.items() if own == name and given[: len(labels)] == labels]
        return Duration(sum(one.count for one in found), sum(one.seconds for one in found))

    def _cell(self, metric: Metric[E], event: E) -> Cell:
        labels = tuple(str(getattr(event, label)) for label in metric.labels)
        return self._cells.setdefault((metric.name, labels), Cell(metric.buckets))


@dataclass(slots=True)
class _OfSize:
    """What the runs of one number of rows add up to; a request's share of its batch's seconds is all of them."""

    runs: int = 0
    requests: int = 0
    assembly: float = 0.0
    compute: float = 0.0
    requests_assembly: float = 0.0
    requests_compute: float = 0.0


@dataclass(slots=True)
class Runs:
    """The runs of each model version by their number of rows."""

    _sizes: dict[tuple[str, str], dict[int, _OfSize]] = field(default_factory=dict)
    _lock: Lock = field(default_factory=Lock)

    def record(self, run: BatchRun) -> None:
        """Counts a run."""
        with self._lock:
            size = self._sizes.setdefault((run.model, run.version), {}).setdefault(run.rows, _OfSize())
            size.runs += 1
            size.requests += run.requests
            size.assembly += run.assembly_seconds
            size.compute += run.seconds
            size.requests_assembly += run.assembly_seconds * run.requests
            size.requests_compute += run.seconds * run.requests

    def batches(self, model: str, version: str) -> Iterator[BatchStatistics]:
        """What there is of each number of rows, ascending."""
        for rows, size in self._read(model, version):
            yield BatchStatistics(rows, Duration(size.runs, size.assembly), Duration(size.runs, size.compute))

    def of_requests(self, model: str, version: str) -> tuple[Duration, Duration]:
        """The assembly and the computing that requests took part in."""
        sizes = [size for _, size in self._read(model, version)]
        requests = sum(size.requests for size in sizes)
        return (
            Duration(requests, sum(size.requests_assembly for size in sizes)),
            Duration(requests, sum(size.requests_compute for size in sizes)),
        )

    def _read(self, model: str, version: str) -> list[tuple[int, _OfSize]]:
        with self._lock:
            return sorted(self._sizes.get((model, version), {}).items(), key=lambda pair: pair[0])
