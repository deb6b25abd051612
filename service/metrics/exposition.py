"""The metrics of one server, as Prometheus scrapes them and as the protocol's statistics tell them."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from itertools import accumulate
from time import time
from typing import Any

from prometheus_client import CollectorRegistry, ProcessCollector
from prometheus_client.exposition import choose_encoder
from prometheus_client.metrics_core import CounterMetricFamily, GaugeMetricFamily, HistogramMetricFamily
from prometheus_client.metrics_core import Metric as Family
from prometheus_client.registry import Collector
from prometheus_client.utils import floatToGoString

from service.metrics.table import BATCH_METRICS, CALL_METRICS, MODEL_METRICS, Metric
from service.metrics.tally import Runs, Tallies
from service.repository.registry import ModelStatus
from service.request import BatchRun, Load, Outcome, Statistics

__all__ = ["Metrics"]


class Metrics:
    """The metrics of one server."""

    def __init__(self) -> None:
        self._calls = Tallies(CALL_METRICS)
        self._batches = Tallies(BATCH_METRICS)
        self._runs = Runs()
        self._last_answer: dict[tuple[str, str], float] = {}
        self._registry = CollectorRegistry()
        ProcessCollector(registry=self._registry)
        self._registry.register(_Tables(self._calls, self._batches))

    def record_call(self, outcome: Outcome) -> None:
        """Counts a call that has ended."""
        self._calls.record((outcome.model, outcome.version, outcome.method, outcome.code, outcome.reason), outcome)
        if outcome.timeline.answered is not None:
            self._last_answer[outcome.model, outcome.version] = time()

    def record_batch(self, run: BatchRun) -> None:
        """Counts an execution."""
        self._batches.record((run.model, run.version), run)
        self._runs.record(run)

    def record_load(self, load: Load) -> None:
        """Counts an attempt to load a model."""

    def watch(self, models: Callable[[], Iterable[ModelStatus]]) -> None:
        """Reads the gauges of `models` at each scrape."""
        self._registry.register(_ModelGauges(models))

    def exposition(self, accept: str) -> tuple[bytes, str]:
        """The metrics in the text format that `accept` asks for, and its content type."""
        encode, content_type = choose_encoder(accept)
        return encode(self._registry), content_type

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


class _Tables(Collector):
    """The counters and histograms."""

    def __init__(self, *tables: Tallies[Any]) -> None:
        self._tables = tables

    def collect(self) -> Iterator[Family]:
        for table in self._tables:
            for metric in table.metrics:
                yield _counter(metric, table) if metric.kind == "counter" else _histogram(metric, table)


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


def _counter(metric: Metric[Any], table: Tallies[Any]) -> Family:
    family = CounterMetricFamily(metric.name, metric.help, labels=metric.labels)
    for labels, _, total, _ in table.read(metric):
        family.add_metric(labels, total)
    return family


def _histogram(metric: Metric[Any], table: Tallies[Any]) -> Family:
    family = HistogramMetricFamily(metric.name, metric.help, labels=metric.labels)
    bounds = [floatToGoString(bound) for bound in (*metric.buckets, float("inf"))]  # type: ignore[no-untyped-call]
    for labels, _, total, buckets in table.read(metric):
        family.add_metric(labels, list(zip(bounds, accumulate(buckets), strict=True)), total)
    return family
