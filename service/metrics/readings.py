"""What the gauges read when Prometheus asks: the state of a model, and of the server with the process that it is."""

from __future__ import annotations

import platform
import threading
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path

from service import __version__
from service.engine.cost import Costs
from service.metrics import cgroup
from service.metrics.cgroup import Cgroup
from service.repository.registry import ModelStatus, Served, State

__all__ = ["ModelReading", "ServerReading", "ServerState", "WorkersReading"]


@dataclass(frozen=True, slots=True)
class ModelReading:
    """A version of a model, the calls in progress for it, and how long its warm-up took.

    `served` is what there was of it at the moment of reading: it may be unloaded while it is told of.
    """

    status: ModelStatus
    served: Served | None = None
    requests: int = 0
    warmup_seconds: float | None = None

    @property
    def model(self) -> str:
        return self.status.model

    @property
    def version(self) -> str:
        return self.status.version

    @property
    def provider(self) -> str:
        return self.served.session.provider if self.served else ""

    @property
    def source_sha256(self) -> str:
        return self.served.source_sha256 if self.served else ""

    @property
    def device(self) -> str:
        """What it runs on, in the words of the option; empty until it is loaded."""
        return self.provider.removesuffix("ExecutionProvider").lower()

    @property
    def requested_device(self) -> str:
        """What it was to run on."""
        return self.served.session.requested_device if self.served else ""

    @property
    def states(self) -> Mapping[str, float]:
        """1 for the state that it is in, and 0 for each of the others."""
        return {state.value: float(state is self.status.state) for state in State}

    @property
    def memory(self) -> Mapping[str, float] | None:
        """Bytes by what they are for; None while there is no model."""
        return {"weights": self.served.session.memory_bytes} if self.served else None

    @property
    def running(self) -> int:
        """Runs in progress."""
        return self.served.batcher.running if self.served else 0

    @property
    def waiting_requests(self) -> int:
        """Requests in the queue."""
        return self.served.batcher.waiting_requests if self.served else 0

    @property
    def waiting_rows(self) -> int:
        """Rows in the queue."""
        return self.served.batcher.waiting_rows if self.served else 0

    @property
    def running_rows(self) -> int:
        """Rows that are being run."""
        return self.served.batcher.running_rows if self.served else 0

    @property
    def oldest_age_seconds(self) -> float:
        """How long the first of them has waited."""
        return self.served.batcher.oldest_age_seconds() if self.served else 0.0

    @property
    def cost(self) -> Costs | None:
        """What its runs have been seen to take; None while there is no model."""
        return self.served.batcher.cost if self.served else None


@dataclass(frozen=True, slots=True)
class ServerState:
    """What only the server knows: its stage of life and all there are, its transport and cores, and its certificate, if it has one."""

    stage: str = "serving"
    stages: tuple[str, ...] = ("serving",)
    transport: str = ""
    cores: float = 0.0
    max_requests: int = 0
    certificate_expiry: float | None = None
    tls_reloads: Mapping[str, float] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class ServerReading:
    """The server and its process at one moment."""

    state: ServerState
    cgroup: Cgroup = field(default_factory=cgroup.read)

    @property
    def version(self) -> str:
        return __version__

    @property
    def onnxruntime(self) -> str:
        return _installed("onnxruntime", "onnxruntime-gpu")

    @property
    def python(self) -> str:
        return platform.python_version()

    @property
    def transport(self) -> str:
        return self.state.transport

    @property
    def stages(self) -> Mapping[str, float]:
        """1 for the stage that it is in, and 0 for each of the others."""
        return {stage: float(stage == self.state.stage) for stage in self.state.stages}

    @property
    def threads(self) -> Mapping[str, float]:
        """Threads by what they are for; `native` are those of the libraries, ONNX Runtime's above all."""
        pools = Counter(_pool(thread.name) for thread in threading.enumerate())
        pools["native"] = max(0, _all_threads() - pools.total())
        return {pool: float(pools[pool]) for pool in ("rpc", "runner", "admin", "other", "native")}


@dataclass(frozen=True, slots=True)
class WorkersReading:
    """The processes that serve as one: how many take calls, and how often one had to be started again."""

    up: int
    restarts: int


def _pool(name: str) -> str:
    """By a thread's name: a model's own runners have its name and version, with a slash between."""
    if "/" in name:
        return "runner"
    return next((pool for pool in ("rpc", "runner", "admin") if name.startswith(pool)), "other")


def _all_threads() -> int:
    """The threads of this process, as the kernel counts them; 0 where it does not tell."""
    try:
        lines = Path("/proc/self/status").read_text().splitlines()
    except OSError:
        return 0
    return next((int(line.split()[1]) for line in lines if line.startswith("Threads:")), 0)


@cache
def _installed(*names: str) -> str:
    """The version of whichever of these distributions is installed."""
    from importlib.metadata import PackageNotFoundError, version  # which takes longer to import than all of the metrics

    for name in names:
        try:
            return version(name)
        except PackageNotFoundError:
            continue
    return ""
