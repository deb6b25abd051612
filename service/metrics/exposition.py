"""Counts what it is told of, and tells Prometheus.

The counters and histograms are cells of this server's own, read when Prometheus asks: a call costs a few additions, two
servers in one process do not meet, and the statistics that the protocol has are the same cells read in another way.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import accumulate, pairwise
from time import time
from typing import Annotated, Any, Literal, TypeVar

from prometheus_client import CollectorRegistry, ProcessCollector
from prometheus_client.exposition import choose_encoder
from prometheus_client.metrics_core import CounterMetricFamily, GaugeMetricFamily, HistogramMetricFamily
from prometheus_client.metrics_core import Metric as Family
from prometheus_client.samples import Exemplar
from prometheus_client.utils import floatToGoString

from service.errors import StartupError
from service.metrics import samples, triton
from service.metrics.readings import ModelReading, ServerReading, ServerState
from service.metrics.samples import Collected
from service.metrics.table import BATCH_METRICS, CALL_METRICS, LOAD_METRICS, MODEL_METRICS, SECONDS, SERVER_METRICS, Metric
from service.metrics.tally import Example, Runs, Tallies
from service.repository.registry import ModelStatus
from service.request import BatchRun, Load, Outcome, Statistics

__all__ = ["Metrics", "MetricsOptions"]

E = TypeVar("E")
KEPT = 64  # versions that are gone and whose counters are kept; a repository that reloads all day must not fill the memory


@dataclass(frozen=True, slots=True)
class MetricsOptions:
    """What Prometheus is told."""

    metrics_compat: Annotated[Literal["none", "triton"], "Tells the nv_* names of Triton's as well, out of the same numbers."] = "none"
    latency_buckets: Annotated[tuple[float, ...], "Bounds of the histograms of seconds, ascending.", (0, None)] = SECONDS


class Metrics:
    """The metrics of one server. Raises StartupError when the buckets do not ascend."""

    def __init__(self, options: MetricsOptions | None = None) -> None:
        options = options or MetricsOptions()
        self._calls = Tallies(_with_buckets(CALL_METRICS, options.latency_buckets))
        self._batches = Tallies(_with_buckets(BATCH_METRICS, options.latency_buckets))
        self._loads = Tallies(LOAD_METRICS)
        self._runs = Runs()
        self._last_answer: dict[tuple[str, str], float] = {}
        self._warmups: dict[tuple[str, str], float] = {}
        self._models: Callable[[], Iterable[ModelStatus]] = tuple
        self._in_progress: Callable[[], Iterable[tuple[str, str]]] = tuple
        self._server: Callable[[], ServerState] | None = None
        self._cpu = triton.Cpu() if options.metrics_compat == "triton" else None
        self._registry = CollectorRegistry()
        ProcessCollector(registry=self._registry)
        self._registry.register(Collected(self._families))

    def record_call(self, outcome: Outcome) -> None:
        """Counts a call that has ended."""
        key = (outcome.model, outcome.version, outcome.method, outcome.code, outcome.reason)
        self._calls.record(key, outcome, outcome.trace if outcome.sampled else "")
        if outcome.timeline.answered is not None:
            self._last_answer[outcome.model, outcome.version] = time()

    def record_batch(self, run: BatchRun) -> None:
        """Counts an execution."""
        self._batches.record((run.model, run.version), run)
        self._runs.record(run)

    def record_load(self, load: Load) -> None:
        """Counts an attempt to load a model; what a model that is there may come to say is 0 from then on, rather than missing."""
        self._loads.record((load.model, load.version, load.result), load)
        if load.result != "success":
            return
        self._warmups[load.model, load.version] = load.warmup_seconds
        for code in ("OK", "INTERNAL"):
            self._calls.prepare("hornbeam_requests", load.model, load.version, "ModelInfer", code)

    def watch(self, models: Callable[[], Iterable[ModelStatus]]) -> None:
        """Reads the gauges of `models` at each scrape."""
        self._models = models

    def watch_calls(self, in_progress: Callable[[], Iterable[tuple[str, str]]]) -> None:
        """Counts the calls `in_progress`, each a model and a version, at each scrape."""
        self._in_progress = in_progress

    def watch_server(self, server: Callable[[], ServerState]) -> None:
        """Reads the gauges of the server at each scrape."""
        self._server = server

    def exposition(self, accept: str) -> tuple[bytes, str]:
        """The metrics in the text format that `accept` asks for, and its content type."""
        encode, content_type = choose_encoder(accept)
        return encode(self._registry), content_type

    def families(self) -> tuple[samples.Family, ...]:
        """The same as plain data, for another process."""
        return samples.read(self._registry)

    def statistics(self, model: str, version: str) -> Statistics:
        """What a model version has done so far, out of the cells that the exposition reads too."""
        answered = self._calls.durations("hornbeam_request_duration_seconds", model, version)
        assembly, compute = self._runs.of_requests(model, version)
        return Statistics(
            last_answer=self._last_answer.get((model, version)),
            rows=int(self._batches.durations("hornbeam_rows", model, version).seconds),
            executions=int(self._batches.durations("hornbeam_executions", model, version).seconds),
            success=answered,
            fail=self._calls.durations("hornbeam_rejection_seconds", model, version),
            queue=self._calls.durations("hornbeam_queue_duration_seconds", model, version),
            assembly=assembly,
            compute=compute,
            output=self._calls.durations("hornbeam_output_seconds", model, version),
            batches=tuple(self._runs.batches(model, version)),
        )

    def _families(self) -> Iterator[Family]:
        models = self._read_models()
        self._forget_all_but({(read.model, read.version) for read in models})
        for table in (self._calls, self._batches, self._loads):
            for metric in table.metrics:
                yield _counter(metric, table) if metric.kind == "counter" else _histogram(metric, table)
        yield from (_read(metric, models) for metric in MODEL_METRICS)
        server = [ServerReading(self._server())] if self._server else []
        yield from (_read(metric, server) for metric in SERVER_METRICS)
        if self._cpu is not None:
            yield from triton.families(models, self.statistics, lambda *labels: self._calls.sums("hornbeam_rejections", *labels))
            for read in server:
                yield from self._cpu.families(read.cgroup, read.state.cores)

    def _read_models(self) -> list[ModelReading]:
        calls = Counter(self._in_progress())
        statuses = list(self._models())
        return [
            ModelReading(status, status.served, calls[status.model, status.version], self._warmups.get((status.model, status.version)))
            for status in statuses
        ]

    def _forget_all_but(self, versions: set[tuple[str, str]]) -> None:
        """Drops what there is of versions that are gone, but for the last few: a counter should outlive its model for some scrapes."""
        known = versions | {(model, "") for model, _ in versions} | {("", "")}
        tables = (self._calls, self._batches, self._loads)
        gone = [found for found in dict.fromkeys(found for table in tables for found in table.models()) if found not in known]
        if not (dropped := set(gone[:-KEPT])):
            return
        for table in tables:
            table.forget(dropped)
        for found in dropped:
            self._runs.forget(*found)
            self._last_answer.pop(found, None)
            self._warmups.pop(found, None)


def _with_buckets(table: Sequence[Metric[E]], bounds: tuple[float, ...]) -> tuple[Metric[E], ...]:
    """The rows of a table, those of seconds with these bounds."""
    if not bounds or any(low >= high for low, high in pairwise(bounds)) or bounds[0] <= 0:
        raise StartupError(f"--latency-buckets are seconds above 0, ascending, and were {', '.join(map(str, bounds)) or 'none'}")
    return tuple(replace(metric, buckets=bounds) if metric.buckets is SECONDS else metric for metric in table)


def _counter(metric: Metric[Any], table: Tallies[Any]) -> Family:
    family = CounterMetricFamily(metric.name, metric.help, labels=metric.labels)
    for read in table.read(metric):
        family.add_metric(read.labels, read.sum)
    return family


def _histogram(metric: Metric[Any], table: Tallies[Any]) -> Family:
    family = HistogramMetricFamily(metric.name, metric.help, labels=metric.labels)
    bounds = [floatToGoString(bound) for bound in (*metric.buckets, float("inf"))]  # type: ignore[no-untyped-call]
    for read in table.read(metric):
        rows = zip(bounds, accumulate(read.buckets), strict=True)
        family.add_metric(read.labels, [_bucket(*row, read.examples.get(index)) for index, row in enumerate(rows)], read.sum)
    return family


def _bucket(bound: str, count: int, example: Example | None) -> tuple[str, float] | tuple[str, float, Exemplar]:
    if example is None:
        return bound, count
    return bound, count, Exemplar({"trace_id": example.trace}, example.amount, example.when)


def _read(metric: Metric[E], readings: Iterable[E]) -> Family:
    """What a metric says of what is read when Prometheus asks."""
    make = CounterMetricFamily if metric.kind == "counter" else GaugeMetricFamily
    family = make(metric.name, metric.help, labels=metric.labels)
    for read in readings:
        value = metric.value(read)
        if isinstance(value, Mapping):
            labels = [str(getattr(read, label)) for label in metric.labels[:-1]]
            for key, one in value.items():
                family.add_metric([*labels, key], one)
        elif value is not None:
            family.add_metric([str(getattr(read, label)) for label in metric.labels], value)
    return family
