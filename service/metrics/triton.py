"""The names that dashboards, autoscalers and Model Analyzer know from Triton, for `--metrics-compat triton`.

Each is read out of the cells that the metrics of this server are: cumulative microseconds, and counters whose names do not end in
`_total`, which only the type `unknown` allows. Memory and CPU are the container's, where Triton tells the host's.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from time import monotonic

from prometheus_client.metrics_core import GaugeMetricFamily, UnknownMetricFamily
from prometheus_client.metrics_core import Metric as Family

from service.metrics.cgroup import Cgroup
from service.metrics.readings import ModelReading
from service.request import Statistics

__all__ = ["REASONS", "Cpu", "families"]

MODEL = ("model", "version")
REASONS: Mapping[str, str] = {  # of Triton's, by those of this server; what is not here is OTHER
    "queue_full": "REJECTED",
    "deadline": "REJECTED",
    "draining": "REJECTED",
    "cancelled": "CANCELED",
    "execution": "BACKEND",
}
ALL_REASONS = ("REJECTED", "CANCELED", "BACKEND", "OTHER")


@dataclass(frozen=True, slots=True)
class _Row:
    name: str
    help: str
    value: Callable[[Statistics], float]


def _microseconds(phase: str) -> Callable[[Statistics], float]:
    return lambda statistics: round(getattr(statistics, phase).seconds * 1e6)


ROWS = (
    _Row("nv_inference_request_success", "Requests that were answered, in batches of any size.", lambda found: found.success.count),
    _Row("nv_inference_count", "Rows computed.", lambda found: found.rows),
    _Row("nv_inference_exec_count", "Runs of the model.", lambda found: found.executions),
    _Row("nv_inference_request_duration_us", "Microseconds from arrival to answer, of all requests.", _microseconds("success")),
    _Row("nv_inference_queue_duration_us", "Microseconds of waiting, of all requests.", _microseconds("queue")),
    _Row("nv_inference_compute_input_duration_us", "Microseconds of putting batches together, of all requests.", _microseconds("assembly")),
    _Row("nv_inference_compute_infer_duration_us", "Microseconds of running, of all requests.", _microseconds("compute")),
    _Row("nv_inference_compute_output_duration_us", "Microseconds of making answers, of all requests.", _microseconds("output")),
)


def families(
    models: list[ModelReading],
    statistics: Callable[[str, str], Statistics],
    rejections: Callable[[str, str], Mapping[tuple[str, ...], float]],
) -> Iterator[Family]:
    """The metrics of the models. `rejections` are a version's by reason."""
    for row in ROWS:
        family = UnknownMetricFamily(row.name, row.help, labels=MODEL)
        for read in models:
            family.add_metric([read.model, read.version], row.value(statistics(read.model, read.version)))
        yield family
    failures = UnknownMetricFamily(
        "nv_inference_request_failure", "Requests that were not answered, by what was in the way.", labels=(*MODEL, "reason")
    )
    pending = GaugeMetricFamily("nv_inference_pending_request_count", "Requests that wait to be run.", labels=MODEL)
    loading = GaugeMetricFamily("nv_model_load_duration_secs", "How long loading the model took.", labels=MODEL)
    for read in models:
        for reason, count in _by_reason(rejections(read.model, read.version)).items():
            failures.add_metric([read.model, read.version, reason], count)
        pending.add_metric([read.model, read.version], read.waiting_requests)
        loading.add_metric([read.model, read.version], read.status.load_seconds)
    yield from (failures, pending, loading)


def _by_reason(rejections: Mapping[tuple[str, ...], float]) -> Mapping[str, float]:
    found = dict.fromkeys(ALL_REASONS, 0.0)
    for (reason,), count in rejections.items():
        found[REASONS.get(reason, "OTHER")] += count
    return found


class Cpu:
    """The container's CPU and memory; utilization is that since the last time it was read."""

    def __init__(self) -> None:
        self._last: tuple[float, float] | None = None

    def families(self, found: Cgroup, cores: float) -> Iterator[Family]:
        """What of it the kernel tells."""
        yield from self._utilization(found, cores)
        total = found.memory_limit_bytes if found.memory_limit_bytes is not None else _host_memory()
        for name, text, value in (
            ("nv_cpu_memory_total_bytes", "Memory that the container may have.", total),
            ("nv_cpu_memory_used_bytes", "Memory that the container has.", found.memory_bytes),
        ):
            if value is not None:
                yield GaugeMetricFamily(name, text, value=value)

    def _utilization(self, found: Cgroup, cores: float) -> Iterator[Family]:
        if found.cpu_seconds is None or not cores:
            return
        now, last = (monotonic(), found.cpu_seconds), self._last
        self._last = now
        busy = (now[1] - last[1]) / ((now[0] - last[0]) * cores) if last and now[0] > last[0] else 0.0
        yield GaugeMetricFamily("nv_cpu_utilization", "Share of its cores that the container used, 0 to 1.", value=min(1.0, max(0.0, busy)))


def _host_memory() -> int | None:
    try:
        lines = Path("/proc/meminfo").read_text().splitlines()
    except OSError:
        return None
    return next((int(line.split()[1]) * 1024 for line in lines if line.startswith("MemTotal:")), None)
