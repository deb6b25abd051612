"""Metrics as plain data, which goes from one process to another and is merged there, and the way back to Prometheus's text."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any

from prometheus_client import CollectorRegistry, ProcessCollector
from prometheus_client.exposition import choose_encoder
from prometheus_client.metrics_core import CounterMetricFamily, GaugeMetricFamily
from prometheus_client.metrics_core import Metric as PrometheusFamily
from prometheus_client.registry import Collector
from prometheus_client.samples import Exemplar
from prometheus_client.samples import Sample as PrometheusSample

from service.metrics.readings import WorkersReading
from service.metrics.table import WORKER_METRICS

__all__ = ["Collected", "Example", "Family", "Sample", "exposition", "of_parent", "read"]

Labels = tuple[tuple[str, str], ...]


@dataclass(frozen=True, slots=True)
class Example:
    """An exemplar: what it is of, its amount, and when it was, in seconds since the epoch."""

    labels: Labels
    amount: float
    when: float


@dataclass(frozen=True, slots=True)
class Sample:
    """One number, by its name and labels; the bound of a histogram's bucket is a label, `le`."""

    name: str
    labels: Labels
    value: float
    example: Example | None = None


@dataclass(frozen=True, slots=True)
class Family:
    """The samples of one metric; `kind` is Prometheus's type."""

    name: str
    kind: str
    help: str
    samples: tuple[Sample, ...]


class Collected(Collector):
    """Families that are made when Prometheus asks; none before, so that registering does not read what is not there yet."""

    def __init__(self, families: Callable[[], Iterator[PrometheusFamily]]) -> None:
        self._families = families

    def collect(self) -> Iterator[PrometheusFamily]:
        return self._families()

    def describe(self) -> Iterable[PrometheusFamily]:
        return ()


def read(registry: CollectorRegistry) -> tuple[Family, ...]:
    """What a registry says now."""
    return tuple(_plain(family) for family in registry.collect())


def of_parent(found: WorkersReading) -> tuple[Family, ...]:
    """What the parent of several processes says: of them, and of the process that it is itself."""
    families = list(ProcessCollector(registry=None).collect())
    for metric in WORKER_METRICS:
        family: PrometheusFamily
        value: Any = metric.value(found)
        make = CounterMetricFamily if metric.kind == "counter" else GaugeMetricFamily
        family = make(metric.name, metric.help, value=value)
        families.append(family)
    return tuple(map(_plain, families))


def exposition(families: Sequence[Family], accept: str) -> tuple[bytes, str]:
    """The families in the text format that `accept` asks for, and its content type."""
    registry = CollectorRegistry()
    registry.register(Collected(lambda: map(_prometheus, families)))
    encode, content_type = choose_encoder(accept)
    return encode(registry), content_type


def _plain(family: PrometheusFamily) -> Family:
    samples = (
        Sample(sample.name, tuple(sample.labels.items()), float(sample.value), _example(sample.exemplar)) for sample in family.samples
    )
    return Family(family.name, family.type, family.documentation, tuple(samples))


def _example(exemplar: Exemplar | None) -> Example | None:
    if exemplar is None:
        return None
    return Example(tuple(exemplar.labels.items()), exemplar.value, float(exemplar.timestamp or 0.0))


def _prometheus(family: Family) -> PrometheusFamily:
    made = PrometheusFamily(family.name, family.help, family.kind)
    for sample in family.samples:
        given = sample.example
        exemplar = Exemplar(dict(given.labels), given.amount, given.when) if given else None
        made.samples.append(PrometheusSample(sample.name, dict(sample.labels), sample.value, None, exemplar))
    return made
