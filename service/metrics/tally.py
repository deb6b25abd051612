"""What is counted, and where: a cell for each metric and set of labels.

Prometheus's exposition and the protocol's statistics read the same cells, so that they cannot disagree. What has happened is
noted, and added up when somebody reads or when enough has been noted: many events at once cost a fraction of one after another.
"""

from __future__ import annotations

from bisect import bisect_left, bisect_right
from collections.abc import Container, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import pairwise
from threading import Lock
from time import time
from typing import Generic, TypeVar

from service.metrics.table import Metric
from service.request import BatchRun, BatchStatistics, Duration

__all__ = ["Cell", "Example", "Reading", "Runs", "Tallies"]

E = TypeVar("E")
Key = tuple[str | None, ...]
NOTED = 128  # events that are noted before they are added up


@dataclass(frozen=True, slots=True)
class Example:
    """The trace of one of the events in a bucket, its amount, and when it was, in seconds since the epoch."""

    trace: str
    amount: float
    when: float


@dataclass(frozen=True, slots=True)
class Reading:
    """A cell as it was at a moment; `examples` are by the number of their bucket."""

    labels: tuple[str, ...]
    sum: float
    buckets: tuple[int, ...]
    examples: Mapping[int, Example]


class Cell:
    """The sum of what was added, how often, and for a histogram how often in each bucket; the last is for all beyond."""

    __slots__ = ("bounds", "buckets", "count", "examples", "sum")

    def __init__(self, bounds: Sequence[float]) -> None:
        self.bounds = bounds
        self.examples: dict[int, Example] = {}
        self.buckets = [0] * (len(bounds) + 1)
        self.count = 0
        self.sum = 0.0

    def add(self, amounts: list[float]) -> None:
        """Adds amounts, which are sorted in their place."""
        self.sum += sum(amounts)
        self.count += len(amounts)
        if self.bounds:
            amounts.sort()
            ends = [bisect_right(amounts, bound) for bound in self.bounds]
            for bucket, (start, end) in enumerate(pairwise((0, *ends, len(amounts)))):
                self.buckets[bucket] += end - start

    def show(self, amount: float, trace: str, when: float) -> None:
        """Takes one of the amounts as the example in its bucket."""
        if self.bounds:
            self.examples[bisect_left(self.bounds, amount)] = Example(trace, amount, when)

    @property
    def duration(self) -> Duration:
        """What a histogram of seconds adds up to."""
        return Duration(self.count, self.sum)


class Tallies(Generic[E]):
    """The cells of the metrics of one kind of event."""

    def __init__(self, metrics: Sequence[Metric[E]]) -> None:
        self.metrics = metrics
        self._cells: dict[str, dict[tuple[str, ...], Cell]] = {metric.name: {} for metric in metrics}
        self._of_key: dict[Key, list[Cell | None]] = {}
        self._noted: list[tuple[Key, E, str, float]] = []
        self._lock = Lock()

    def record(self, key: Key, event: E, trace: str = "") -> None:
        """Notes what every metric reads from `event`; `key` is equal for events whose labels are, and begins with model and version.

        `trace` is the id of a trace that somebody keeps, as an example of what is in a bucket.
        """
        self._noted.append((key, event, trace, time() if trace else 0.0))
        if len(self._noted) >= NOTED:
            with self._lock:
                self._add_up()

    def prepare(self, name: str, *labels: str) -> None:
        """Has a metric say 0 for these labels before anything has happened: a rate of what is not there yet is not 0, but nothing."""
        metric = next(metric for metric in self.metrics if metric.name == name)
        with self._lock:
            self._cells[name].setdefault(labels, Cell(metric.buckets))

    def models(self) -> list[tuple[str, str]]:
        """Every model and version that there is a cell of, those that were met first in front."""
        with self._lock:
            self._add_up()
            return list(dict.fromkeys(labels[:2] for cells in self._cells.values() for labels in cells))  # type: ignore[misc]

    def forget(self, versions: Container[tuple[str, ...]]) -> None:
        """Drops the cells of versions of models."""
        with self._lock:
            self._add_up()
            for name, cells in self._cells.items():
                self._cells[name] = {labels: cell for labels, cell in cells.items() if labels[:2] not in versions}
            self._of_key = {key: cells for key, cells in self._of_key.items() if key[:2] not in versions}

    def read(self, metric: Metric[E]) -> list[Reading]:
        """What there is for each set of labels."""
        with self._lock:
            self._add_up()
            cells = self._cells[metric.name].items()
            return [Reading(labels, cell.sum, tuple(cell.buckets), dict(cell.examples)) for labels, cell in cells]

    def sums(self, name: str, *labels: str) -> dict[tuple[str, ...], float]:
        """The sums of a metric for labels that begin with these, by the labels behind."""
        with self._lock:
            self._add_up()
            return {given[len(labels) :]: cell.sum for given, cell in self._cells[name].items() if given[: len(labels)] == labels}

    def durations(self, name: str, *labels: str) -> Duration:
        """All that a metric of seconds has for labels that begin with these."""
        with self._lock:
            self._add_up()
            found = [cell.duration for given, cell in self._cells[name].items() if given[: len(labels)] == labels]
        return Duration(sum(one.count for one in found), sum(one.seconds for one in found))

    def _add_up(self) -> None:
        """Puts what has been noted into the cells; with the lock."""
        count = len(self._noted)  # more may be noted meanwhile, behind these
        noted = self._noted[:count]
        del self._noted[:count]
        by_key: dict[Key, list[E]] = {}
        for key, event, _, _ in noted:
            by_key.setdefault(key, []).append(event)
        for key, events in by_key.items():
            cells = self._of_key.setdefault(key, [None] * len(self.metrics))
            for index, metric in enumerate(self.metrics):
                amounts = _amounts(metric, events)
                if not amounts:
                    continue
                if (cell := cells[index]) is None:
                    cell = cells[index] = self._cell(metric, events[0])
                cell.add(amounts)
        for key, event, trace, when in noted:
            if trace:
                self._show(self._of_key[key], event, trace, when)

    def _show(self, cells: Sequence[Cell | None], event: E, trace: str, when: float) -> None:
        for metric, cell in zip(self.metrics, cells, strict=True):
            for amount in _amounts(metric, [event]):
                if cell is not None:
                    cell.show(amount, trace, when)

    def _cell(self, metric: Metric[E], event: E) -> Cell:
        labels = tuple(str(getattr(event, label)) for label in metric.labels)
        return self._cells[metric.name].setdefault(labels, Cell(metric.buckets))


def _amounts(metric: Metric[E], events: Sequence[E]) -> list[float]:
    read = metric.value
    return [amount for event in events if (amount := read(event)) is not None]  # type: ignore[misc]  # only what is read when scraped has several values


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

    def forget(self, model: str, version: str) -> None:
        """Drops what there is of a version of a model."""
        with self._lock:
            self._sizes.pop((model, version), None)

    def _read(self, model: str, version: str) -> list[tuple[int, _OfSize]]:
        with self._lock:
            return sorted(self._sizes.get((model, version), {}).items(), key=lambda pair: pair[0])
