"""The metrics: one row each in the tables below, and the exposition that Prometheus scrapes.

A row says what a metric is called and how its value is read from what happened: a call (`Outcome`), an execution
(`BatchRun`), or, when scraped, the state of a model. Nothing else in the server knows a metric's name.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any, Generic, Literal, TypeVar

from prometheus_client import CollectorRegistry, Counter, Histogram, ProcessCollector
from prometheus_client.exposition import choose_encoder
from prometheus_client.metrics_core import GaugeMetricFamily
from prometheus_client.metrics_core import Metric as Family
from prometheus_client.registry import Collector

from service.repository.registry import ModelStatus, State
from service.request import BatchRun, Outcome

__all__ = ["METRICS", "Metric", "Metrics"]

E = TypeVar("E")
SECONDS = (0.0001, 0.00025, 0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 10.0)
ROWS = (1, 2, 4, 8, 16, 32, 64, 128, 256, 512, 1024)


@dataclass(frozen=True, slots=True)
class Metric(Generic[E]):
    """One metric of events of type E.

    `labels` are attributes of the event; `value` gives what to add, observe or show, None for nothing. Prometheus
    appends `_total` to the names of counters.
    """

    name: str
    kind: Literal["counter", "histogram", "gauge"]
    help: str
    labels: tuple[str, ...]
    value: Callable[[E], float | None]
    buckets: Sequence[float] = ()


MODEL = ("model", "version")


def _between(start: str, end: str) -> Callable[[Outcome], float | None]:
    """Seconds between two stamps of a call's timeline; None when it never got so far."""

    def seconds(outcome: Outcome) -> float | None:
        first, last = getattr(outcome.timeline, start), getattr(outcome.timeline, end)
        return None if first is None or last is None else last - first

    return seconds


CALL_METRICS: tuple[Metric[Outcome], ...] = (
    Metric(
        "hornbeam_requests",
        "counter",
        "Calls by method and the gRPC code that they ended with.",
        (*MODEL, "method", "code"),
        lambda _: 1,
    ),
    Metric(
        "hornbeam_rejections",
        "counter",
        "Calls that got no answer, by what was in the way.",
        (*MODEL, "reason"),
        lambda outcome: 1 if outcome.reason else None,
    ),
    Metric(
        "hornbeam_request_duration_seconds",
        "histogram",
        "From the arrival of an inference request to its answer.",
        MODEL,
        _between("received", "answered"),
        SECONDS,
    ),
    Metric(
        "hornbeam_queue_duration_seconds",
        "histogram",
        "How long a request waited to be run.",
        MODEL,
        _between("queued", "started"),
        SECONDS,
    ),
)
BATCH_METRICS: tuple[Metric[BatchRun], ...] = (
    Metric("hornbeam_executions", "counter", "Runs of the model.", MODEL, lambda _: 1),
    Metric("hornbeam_rows", "counter", "Rows computed.", MODEL, lambda run: run.rows),
    Metric("hornbeam_batch_rows", "histogram", "Rows in each run.", MODEL, lambda run: run.rows, ROWS),
    Metric("hornbeam_batch_requests", "histogram", "Requests in each run.", MODEL, lambda run: run.requests, ROWS),
    Metric("hornbeam_compute_seconds", "histogram", "How long each run took.", MODEL, lambda run: run.seconds, SECONDS),
)
MODEL_METRICS: tuple[Metric[ModelStatus], ...] = (
    Metric("hornbeam_queue_rows", "gauge", "Rows that wait to be run.", MODEL, lambda status: status.waiting_rows),
    Metric("hornbeam_running_rows", "gauge", "Rows that are being run.", MODEL, lambda status: status.running_rows),
    Metric("hornbeam_model_ready", "gauge", "1 while the model can be asked.", MODEL, lambda status: int(status.state is State.READY)),
    Metric("hornbeam_model_load_seconds", "gauge", "How long loading the model took.", MODEL, lambda status: status.load_seconds),
    Metric(
        "hornbeam_model_info",
        "gauge",
        "Always 1: what the model runs on, and the hash of what it was exported from.",
        (*MODEL, "provider", "source_sha256"),
        lambda _: 1,
    ),
)
METRICS: tuple[Metric[Any], ...] = (*CALL_METRICS, *BATCH_METRICS, *MODEL_METRICS)


class Metrics:
    """The metrics of one server."""

    def __init__(self) -> None:
        self._registry = CollectorRegistry()
        ProcessCollector(registry=self._registry)
        self._calls = _Table(CALL_METRICS, self._registry)
        self._batches = _Table(BATCH_METRICS, self._registry)

    def record_call(self, outcome: Outcome) -> None:
        """Counts a call that has ended."""
        self._calls.record((outcome.model, outcome.version, outcome.method, outcome.code, outcome.reason), outcome)

    def record_batch(self, run: BatchRun) -> None:
        """Counts an execution."""
        self._batches.record((run.model, run.version), run)

    def watch(self, models: Callable[[], Iterable[ModelStatus]]) -> None:
        """Reads the gauges of `models` at each scrape."""
        self._registry.register(_ModelGauges(models))

    def exposition(self, accept: str) -> tuple[bytes, str]:
        """The metrics in the text format that `accept` asks for, and its content type."""
        encode, content_type = choose_encoder(accept)
        return encode(self._registry), content_type


class _Table(Generic[E]):
    """The counters and histograms of one kind of event. A child is looked up once for each set of labels: it costs."""

    def __init__(self, metrics: Sequence[Metric[E]], registry: CollectorRegistry) -> None:
        self._metrics = [(metric, _instrument(metric, registry)) for metric in metrics]
        self._children: dict[tuple[Any, ...], list[Callable[[float], None] | None]] = {}

    def record(self, key: tuple[Any, ...], event: E) -> None:
        """Adds what every row reads from `event`; `key` is equal for events whose labels are."""
        children = self._children.setdefault(key, [None] * len(self._metrics))
        for index, (metric, instrument) in enumerate(self._metrics):
            if (amount := metric.value(event)) is None:
                continue
            if (add := children[index]) is None:
                add = children[index] = _child(metric, instrument, event)
            add(amount)


def _instrument(metric: Metric[Any], registry: CollectorRegistry) -> Counter | Histogram:
    if metric.kind == "counter":
        return Counter(metric.name, metric.help, metric.labels, registry=registry)
    return Histogram(metric.name, metric.help, metric.labels, registry=registry, buckets=metric.buckets)


def _child(metric: Metric[E], instrument: Counter | Histogram, event: E) -> Callable[[float], None]:
    child = instrument.labels(*(getattr(event, label) for label in metric.labels))
    return child.observe if isinstance(child, Histogram) else child.inc


class _ModelGauges(Collector):
    """The gauges, read from the models when Prometheus asks."""

    def __init__(self, models: Callable[[], Iterable[ModelStatus]]) -> None:
        self._models = models

    def collect(self) -> Iterator[Family]:
        statuses = list(self._models())
        for metric in MODEL_METRICS:
            family = GaugeMetricFamily(metric.name, metric.help, labels=metric.labels)
            for status in statuses:
                if (value := metric.value(status)) is not None:
                    family.add_metric([getattr(status, label) for label in metric.labels], value)
            yield family
