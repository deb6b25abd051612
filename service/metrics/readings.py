"""What the gauges read when Prometheus asks: the state of a model, and of the server with the process that it is."""

from __future__ import annotations

import platform
import threading
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cache
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any

from service import __version__
from service.metrics import cgroup
from service.metrics.cgroup import Cgroup
from service.repository.registry import ModelStatus, State

__all__ = ["ModelReading", "ServerReading", "ServerState"]


@dataclass(frozen=True, slots=True)
class ModelReading:
    """A version of a model, the calls in progress for it, and how long its warm-up took."""

    status: ModelStatus
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
        return self.status.provider

    @property
    def source_sha256(self) -> str:
        return self.status.source_sha256

    @property
    def device(self) -> str:
        """What it runs on, in the words of the option; empty until it is loaded."""
        return self.provider.removesuffix("ExecutionProvider").lower()

    @property
    def requested_device(self) -> str:
        """What it was to run on."""
        return str(self.of_session("requested_device", self.device))

    @property
    def states(self) -> Mapping[str, float]:
        """1 for the state that it is in, and 0 for each of the others."""
        return {state.value: float(state is self.status.state) for state in State}

    def of_session(self, name: str, default: Any) -> Any:
        return getattr(self.status.served.session, name, default) if self.status.served else default

    def of_batcher(self, name: str, default: Any) -> Any:
        return getattr(self.status.served.batcher, name, default) if self.status.served else default

    def of_cost(self, name: str) -> float | None:
        """A number of the learned cost model; 0 before it has learned, None while there is no model."""
        return getattr(self.of_batcher("cost", None), name, 0.0) if self.status.served else None


@dataclass(frozen=True, slots=True)
class ServerState:
    """What only the server knows: its stage of life and all there are, its cores, and its certificate, if it has one."""

    stage: str = "serving"
    stages: tuple[str, ...] = ("serving",)
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
    def stages(self) -> Mapping[str, float]:
        """1 for the stage that it is in, and 0 for each of the others."""
        return {stage: float(stage == self.state.stage) for stage in self.state.stages}

    @property
    def threads(self) -> Mapping[str, float]:
        """Threads by what they are for; `native` are those of the libraries, ONNX Runtime's above all."""
        pools = Counter(_pool(thread.name) for thread in threading.enumerate())
        pools["native"] = max(0, _all_threads() - pools.total())
        return {pool: float(pools[pool]) for pool in ("rpc", "runner", "admin", "other", "native")}


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
    for name in names:
        try:
            return version(name)
        except PackageNotFoundError:
            continue
    return ""
