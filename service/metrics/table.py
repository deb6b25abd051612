"""The metrics: one row each in the tables below.

A row says what a metric is called and how its value is read from what happened: a call (`Outcome`), an execution
(`BatchRun`), or, when scraped, the state of a model. Nothing else in the server knows a metric's name.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, Generic, Literal, TypeVar

from service.repository.registry import ModelStatus, State
from service.request import BatchRun, Outcome

__all__ = ["BATCH_METRICS", "CALL_METRICS", "METRICS", "MODEL_METRICS", "Metric"]

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
    Metric(
        "hornbeam_output_seconds",
        "histogram",
        "From the end of a request's run to its encoded answer.",
        MODEL,
        _between("computed", "answered"),
        SECONDS,
    ),
    Metric(
        "hornbeam_rejection_seconds",
        "counter",
        "Time spent on calls that got no answer.",
        (*MODEL, "reason"),
        lambda outcome: outcome.timeline.ended - outcome.timeline.received if outcome.reason and outcome.timeline.ended else None,
    ),
)
BATCH_METRICS: tuple[Metric[BatchRun], ...] = (
    Metric("hornbeam_executions", "counter", "Runs of the model.", MODEL, lambda _: 1),
    Metric("hornbeam_rows", "counter", "Rows computed.", MODEL, lambda run: run.rows),
    Metric("hornbeam_batch_rows", "histogram", "Rows in each run.", MODEL, lambda run: run.rows, ROWS),
    Metric("hornbeam_batch_requests", "histogram", "Requests in each run.", MODEL, lambda run: run.requests, ROWS),
    Metric(
        "hornbeam_batch_assembly_seconds",
        "histogram",
        "How long it took to put a batch together.",
        MODEL,
        lambda run: run.assembly_seconds,
        SECONDS,
    ),
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
