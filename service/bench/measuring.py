"""A server measured at one load after another: what it gave, and where the time went by its own account."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace

from service.bench.inputs import make_inputs, parse_shapes
from service.bench.load import Arrivals, Load, Sample
from service.bench.processes import apply_from
from service.bench.target import INFER, Spent, Target, TargetModel, message
from service.errors import StartupError

__all__ = ["BenchOptions", "Level", "Measurement", "Subject", "levels", "measure", "numbers", "subject"]

CONNECTIONS = 8  # at most, unless more are asked for


@dataclass(frozen=True, slots=True)
class BenchOptions:
    """How a server is measured. `concurrency` and `rates` are what to measure it at: calls in flight, and calls a second.

    `data` is random, zeros or the path of an .npz file, and `shapes` are as `--shape` has them; `connections` of 0 is one
    for each call in flight, up to 8.
    """

    address: str = "127.0.0.1:8001"
    version: str = ""
    concurrency: tuple[int, ...] = (1, 8, 32, 64)
    rates: tuple[float, ...] = ()
    arrivals: Arrivals = "poisson"
    seconds: float = 5.0
    warm_up_seconds: float = 1.0
    timeout: float = 10.0
    connections: int = 0
    processes: int = 1
    rows: int = 1
    shapes: tuple[str, ...] = ()
    data: str = "random"


@dataclass(frozen=True, slots=True)
class Level:
    """A load: calls in flight, or calls a second when that is not 0."""

    in_flight: int
    rate: float = 0.0

    @property
    def name(self) -> str:
        """As it stands in the table."""
        return f"{self.rate:,.0f}/s" if self.rate else str(self.in_flight)


@dataclass(frozen=True, slots=True)
class Subject:
    """What is measured: the model, the request, and the sizes of both messages in bytes."""

    address: str
    model: TargetModel
    request: bytes
    answer_bytes: int
    rows: int


@dataclass(frozen=True, slots=True)
class Measurement:
    """What came of one load; `spent` is the server's own account, None where it gives none."""

    level: Level
    sample: Sample
    rows: int
    spent: Spent | None

    @property
    def ceiling(self) -> float:
        """Requests a second that this side could send with the time it took, were the server no limit."""
        if not self.sample.cpu_seconds:
            return float("inf")
        return self.sample.sent / self.sample.cpu_seconds * self.sample.processes


def numbers(flag: str, text: str, kind: type[int] | type[float]) -> tuple[float, ...]:
    """The values of `1,8,64`. Raises StartupError for what is no number above 0."""
    try:
        values = tuple(kind(part) for part in text.split(",") if part.strip())
    except ValueError:
        values = ()
    if not values or not all(0 < value < float("inf") for value in values):
        what = "whole numbers" if kind is int else "numbers"
        raise StartupError(f"{flag} takes {what} above 0 with commas between them, as in 1,8,64, and was given {text!r}")
    return values


def levels(options: BenchOptions) -> list[Level]:
    """The loads that are asked for: open ones if there are rates, else closed ones."""
    return [Level(0, rate) for rate in options.rates] or [Level(in_flight) for in_flight in options.concurrency]


def subject(target: Target, name: str, options: BenchOptions) -> Subject:
    """The model of that name with a request for it, which has been answered once. Raises StartupError."""
    model = target.model(name, options.version)
    request = message(model, make_inputs(model, options.rows, parse_shapes(options.shapes), options.data))
    rows = options.rows if model.batched else 1
    return Subject(target.address, model, request, target.answer(request), rows)


def measure(target: Target, subject: Subject, options: BenchOptions, loads: Sequence[Level]) -> Iterator[Measurement]:
    """Each load in turn, after a warm-up that does not count. Raises StartupError when the server goes away."""
    for level in loads:
        load = Load(
            subject.address,
            INFER,
            subject.request,
            options.seconds,
            level.in_flight,
            level.rate,
            options.arrivals,
            options.connections or max(1, min(level.in_flight or CONNECTIONS, CONNECTIONS)),
            options.timeout,
        )
        if options.warm_up_seconds:
            apply_from(replace(load, seconds=options.warm_up_seconds), options.processes)
        before = target.statistics(subject.model)
        sample = apply_from(load, options.processes)
        spent = target.statistics(subject.model).since(before) if subject.model.statistics else None
        yield Measurement(level, sample, subject.rows, spent)
