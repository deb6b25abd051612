"""The metrics: one row each in the tables below.

A row says what a metric is called and how its value is read from what happened: a call (`Outcome`), an execution
(`BatchRun`), an attempt to load a model (`Load`), or, when scraped, the state of a model and of the server. Nothing else in the
server knows a metric's name.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Generic, Literal, TypeVar

from service.metrics.readings import ModelReading, ServerReading, WorkersReading
from service.repository.registry import State
from service.request import BatchRun, Load, Outcome, Timeline

__all__ = [
    "ACROSS",
    "BATCH_METRICS",
    "CALL_METRICS",
    "LOAD_METRICS",
    "METRICS",
    "MODEL_METRICS",
    "SECONDS",
    "SERVER_METRICS",
    "WORKER_METRICS",
    "Across",
    "Metric",
]

E = TypeVar("E")
Across = Literal["sum", "max", "min"]
SECONDS = (0.0001, 0.00025, 0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 10.0)
ROWS = (1, 2, 4, 8, 16, 32, 64, 128, 256, 512, 1024)


@dataclass(frozen=True, slots=True)
class Metric(Generic[E]):
    """One metric of events of type E.

    `labels` are attributes of the event; `value` gives what to add, observe or show, None for nothing. What is read when scraped may
    have several values: a mapping, whose keys are those of the last label. Prometheus appends `_total` to the names of counters.
    """

    name: str
    kind: Literal["counter", "histogram", "gauge"]
    help: str
    labels: tuple[str, ...]
    value: Callable[[E], float | Mapping[str, float] | None]
    buckets: Sequence[float] = ()
    across: Across = "sum"


MODEL = ("model", "version")


def _between(start: str, end: str) -> Callable[[Outcome], float | None]:
    """Seconds between two stamps of a call's timeline; None when it never got so far."""

    def seconds(outcome: Outcome) -> float | None:
        first, last = getattr(outcome.timeline, start), getattr(outcome.timeline, end)
        return None if first is None or last is None else last - first

    return seconds


def _slack(timeline: Timeline) -> float | None:
    if timeline.deadline is None or timeline.answered is None:
        return None
    return max(0.0, timeline.deadline - timeline.answered)


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
        "hornbeam_deadline_slack_seconds",
        "histogram",
        "What was left of the deadline when the answer was there; 0 when nothing was.",
        MODEL,
        lambda outcome: _slack(outcome.timeline),
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
    Metric(
        "hornbeam_inline_executions",
        "counter",
        "Those of them that were done by the thread that takes the calls, as cheap ones are.",
        MODEL,
        lambda run: int(run.inline),
    ),
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
    Metric(
        "hornbeam_batch_padding_rows",
        "counter",
        "Rows computed that nobody asked for, to fill a batch up to a size.",
        MODEL,
        lambda run: run.padding_rows,
    ),
    Metric(
        "hornbeam_padding_elements",
        "counter",
        "Elements of inputs that nobody sent, in rows and along axes that were filled up.",
        MODEL,
        lambda run: run.padding_elements,
    ),
)
LOAD_METRICS: tuple[Metric[Load], ...] = (
    Metric("hornbeam_model_loads", "counter", "Attempts to load the model, by what came of them.", (*MODEL, "result"), lambda _: 1),
)
MODEL_METRICS: tuple[Metric[ModelReading], ...] = (
    Metric("hornbeam_inflight_requests", "gauge", "Calls about the model that have not ended.", MODEL, lambda read: read.requests),
    Metric("hornbeam_inflight_executions", "gauge", "Runs of the model in progress.", MODEL, lambda read: read.running),
    Metric("hornbeam_queue_requests", "gauge", "Requests that wait to be run.", MODEL, lambda read: read.waiting_requests),
    Metric("hornbeam_queue_rows", "gauge", "Rows that wait to be run.", MODEL, lambda read: read.waiting_rows),
    Metric(
        "hornbeam_queue_oldest_age_seconds",
        "gauge",
        "How long the first of the waiting requests has waited.",
        MODEL,
        lambda read: read.oldest_age_seconds,
        across="max",
    ),
    Metric("hornbeam_running_rows", "gauge", "Rows that are being run.", MODEL, lambda read: read.running_rows),
    Metric(
        "hornbeam_model_ready",
        "gauge",
        "1 while the model can be asked.",
        MODEL,
        lambda read: int(read.status.state is State.READY),
        across="min",
    ),
    Metric(
        "hornbeam_model_state", "gauge", "1 for the state that the model is in.", (*MODEL, "state"), lambda read: read.states, across="max"
    ),
    Metric(
        "hornbeam_model_load_seconds",
        "gauge",
        "How long loading the model took.",
        MODEL,
        lambda read: read.status.load_seconds,
        across="max",
    ),
    Metric(
        "hornbeam_model_warmup_seconds", "gauge", "How much of that was warming up.", MODEL, lambda read: read.warmup_seconds, across="max"
    ),
    Metric(
        "hornbeam_model_memory_bytes",
        "gauge",
        "Memory that the model takes, as far as it is known.",
        (*MODEL, "kind"),
        lambda read: read.memory,
    ),
    Metric(
        "hornbeam_model_info",
        "gauge",
        "Always 1: what the model runs on and was to run on, and the hash of what it was exported from.",
        (*MODEL, "provider", "device", "requested_device", "source_sha256"),
        lambda _: 1,
        across="max",
    ),
    Metric(
        "hornbeam_cost_model_fixed_seconds",
        "gauge",
        "What a run costs whatever its rows, as learned; 0 before.",
        MODEL,
        lambda read: None if read.cost is None else read.cost.fixed_seconds,
        across="max",
    ),
    Metric(
        "hornbeam_cost_model_per_row_seconds",
        "gauge",
        "What each row adds to a run, as learned; 0 before.",
        MODEL,
        lambda read: None if read.cost is None else read.cost.per_row_seconds,
        across="max",
    ),
)
SERVER_METRICS: tuple[Metric[ServerReading], ...] = (
    Metric(
        "hornbeam_build_info",
        "gauge",
        "Always 1: what the server is made of.",
        ("version", "onnxruntime", "python"),
        lambda _: 1,
        across="max",
    ),
    Metric(
        "hornbeam_server_state",
        "gauge",
        "1 for the stage of its life that the server is in.",
        ("state",),
        lambda read: read.stages,
        across="max",
    ),
    Metric(
        "hornbeam_transport_info",
        "gauge",
        "Always 1: the way that inferences take, from gRPC's completion queue or through its stock server.",
        ("transport",),
        lambda read: 1,
        across="max",
    ),
    Metric(
        "hornbeam_max_inflight_requests",
        "gauge",
        "Most calls that may be in progress; what comes beyond is refused.",
        (),
        lambda read: read.state.max_requests,
    ),
    Metric("hornbeam_threads", "gauge", "Threads by what they are for.", ("pool",), lambda read: read.threads),
    Metric("hornbeam_cpu_quota_cores", "gauge", "Cores that the server may use.", (), lambda read: read.state.cores, across="max"),
    Metric(
        "hornbeam_cpu_periods", "counter", "Periods of the CPU quota that have passed.", (), lambda read: read.cgroup.periods, across="max"
    ),
    Metric(
        "hornbeam_cpu_throttled_periods",
        "counter",
        "Periods in which the CPU quota ran out.",
        (),
        lambda read: read.cgroup.throttled_periods,
        across="max",
    ),
    Metric(
        "hornbeam_cpu_throttled_seconds",
        "counter",
        "How long threads were stopped because the CPU quota had run out.",
        (),
        lambda read: read.cgroup.throttled_seconds,
        across="max",
    ),
    Metric(
        "hornbeam_memory_limit_bytes",
        "gauge",
        "Memory that the container may have, where there is a limit.",
        (),
        lambda read: read.cgroup.memory_limit_bytes,
        across="max",
    ),
    Metric(
        "hornbeam_tls_certificate_expiry_timestamp_seconds",
        "gauge",
        "When the certificate of the gRPC port ends.",
        (),
        lambda read: read.state.certificate_expiry,
        across="min",
    ),
    Metric(
        "hornbeam_tls_reloads",
        "counter",
        "How often a changed certificate was read, by what came of it.",
        ("result",),
        lambda read: read.state.tls_reloads,
    ),
)
WORKER_METRICS: tuple[Metric[WorkersReading], ...] = (
    Metric("hornbeam_workers", "gauge", "Processes that take calls on the port.", (), lambda read: read.up),
    Metric("hornbeam_worker_restarts", "counter", "How often a process that had ended was started again.", (), lambda read: read.restarts),
)
METRICS: tuple[Metric[Any], ...] = (*CALL_METRICS, *BATCH_METRICS, *LOAD_METRICS, *MODEL_METRICS, *SERVER_METRICS)
# Of what is not in the tables: what Prometheus's client tells of a process, and Triton's names.
ACROSS: Mapping[str, Across] = {
    **{metric.name: metric.across for metric in METRICS},
    "process_start_time_seconds": "min",
    "nv_model_load_duration_secs": "max",
    "nv_cpu_utilization": "max",
    "nv_cpu_memory_total_bytes": "max",
    "nv_cpu_memory_used_bytes": "max",
}
