"""The composition root: what a server is made of, and the order in which it starts and stops."""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from time import monotonic
from typing import Annotated

from service.admin import Admin, AdminOptions
from service.engine.batcher import BatchOptions
from service.engine.runners import Runners
from service.engine.samples import LoadOptions
from service.engine.session import DeviceOptions
from service.engine.threads import available_cores, plan
from service.errors import StartupError
from service.lifecycle import Lifecycle, Stage
from service.loader import ModelLoader
from service.logs import CallLog, LogOptions
from service.metrics import Metrics, MetricsOptions, ServerState
from service.metrics.samples import Family
from service.repository.control import Control, RepositoryOptions
from service.repository.explain import explain
from service.repository.layout import ModelFolder, find_folders, find_models
from service.repository.model_config import Defaults, ModelOptions
from service.repository.registry import Registry
from service.repository.versions import VersionOptions, choose
from service.request import BatchRun, Outcome, Statistics
from service.rpc.repository_control import Control as Changes
from service.rpc.servicer import InferenceServicer
from service.rpc.shared_memory import SharedMemoryOptions
from service.rpc.transport import Transport, TransportOptions
from service.tracing import TraceOptions, exporting

__all__ = ["Options", "Part", "Server", "ServerOptions", "explanations"]

log = logging.getLogger("hornbeam.server")
DAY = 86400  # seconds


@dataclass(frozen=True, slots=True)
class ServerOptions:
    """Where the server listens, and how it stops."""

    host: Annotated[str, "Address for both ports; 0.0.0.0 opens them to the network."] = "127.0.0.1"
    drain_delay_seconds: Annotated[
        float, "How long calls are still taken after SIGTERM, while load balancers learn that the server is not ready.", (0, DAY)
    ] = 5.0
    grace_seconds: Annotated[float, "How long requests in progress have to end once the server is told to stop.", (0, DAY)] = 30.0
    workers: Annotated[int, "Processes that share the gRPC port, each with all models and its share of the cores.", (1, 256)] = 1


@dataclass(frozen=True, slots=True)
class Options:
    """Every option of a server, by the part that uses it."""

    server: ServerOptions = field(default_factory=ServerOptions)
    transport: TransportOptions = field(default_factory=TransportOptions)
    admin: AdminOptions = field(default_factory=AdminOptions)
    repository: RepositoryOptions = field(default_factory=RepositoryOptions)
    versions: VersionOptions = field(default_factory=VersionOptions)
    batching: BatchOptions = field(default_factory=BatchOptions)
    device: DeviceOptions = field(default_factory=DeviceOptions)
    load: LoadOptions = field(default_factory=LoadOptions)
    metrics: MetricsOptions = field(default_factory=MetricsOptions)
    tracing: TraceOptions = field(default_factory=TraceOptions)
    logging: LogOptions = field(default_factory=LogOptions)
    shared_memory: SharedMemoryOptions = field(default_factory=SharedMemoryOptions)


@dataclass(frozen=True, slots=True)
class Part:
    """What a server is told that serves as one with others: it shares its port and the cores, and has no admin port.

    `folders` are the models that it begins with. `changes` are the loads and unloads that callers ask for, for all of them;
    `statistics` is what all have done with a model version. `admit` returns once the models are there and calls may be taken,
    and raises StartupError when they may not.
    """

    workers: int
    folders: Mapping[str, ModelFolder]
    changes: Changes
    statistics: Callable[[str, str], Statistics]
    admit: Callable[[], None]


class Server:
    """A server of the models at `path`, or a part of one. Raises StartupError when they are not there or a port cannot be had.

    `failure` is why it cannot go on, which a process that is alone does not live to tell.
    """

    failure = ""

    def __init__(self, path: Path, options: Options, part: Part | None = None) -> None:
        self._options = options
        self._part = part
        self._cores = available_cores()
        share = self._cores / part.workers if part else self._cores
        self._runners = Runners(plan(share).slots)
        self._life = Lifecycle()
        self._metrics = Metrics(options.metrics)
        self._tracer = exporting(options.tracing)
        self._call_log = CallLog()
        self.registry = Registry(self._models_changed)
        loader = ModelLoader(Defaults(_model_options(options)), share, self._runners, self._record_batch)
        self.control = Control(path, self.registry, options.repository, loader, self._metrics.record_load, part.folders if part else None)
        self._metrics.watch(self.registry.statuses)
        self._servicer = InferenceServicer(
            self.registry,
            self._record,
            part.statistics if part else self._metrics.statistics,
            self._tracer.begin if self._tracer is not None else None,
            part.changes if part else self.control,
            options.shared_memory,
        )
        self._transport = Transport(
            options.server.host,
            options.transport,
            self._servicer.handlers(),
            self._servicer.end_streams,
            self._servicer.direct(self._runners, options.transport.max_inflight_requests),
            bool(part),
        )
        self._metrics.watch_calls(self._servicer.in_progress)
        self._metrics.watch_server(self._state)
        self._admin = None if part else self._open_admin()

    @property
    def ready(self) -> bool:
        """Whether every model can be asked and the server is not about to stop."""
        return self._life.ready and self.registry.ready

    @property
    def stage(self) -> Stage:
        """Where the server is in its life."""
        return self._life.stage

    @property
    def grpc_port(self) -> int:
        return self._transport.port

    @property
    def admin_port(self) -> int:
        """The port for metrics and probes; 0 where there is none."""
        return self._admin.port if self._admin else 0

    @property
    def serving(self) -> list[str]:
        """The versions of models that there are."""
        return [f"{status.model} version {status.version}" for status in self.registry.statuses()]

    def start(self) -> None:
        """Takes calls, and loads the models: probes from the first moment, and inference of each model as soon as it is ready.

        A part of a server takes no call before its models are there: the kernel would give it connections that others could serve.
        Raises StartupError when a model cannot be loaded.
        """
        if self._admin:
            self._admin.start()
            self._transport.start()
        try:
            self.control.start()
            if self._part:
                self._part.admit()
                self._transport.start()
        except StartupError:
            self.stop()
            raise
        self._life.enter(Stage.SERVING)
        self._models_changed()

    def withdraw(self) -> None:
        """Says everywhere that the server is not ready, and serves on: load balancers need a while to look elsewhere."""
        if self._life.enter(Stage.DRAINING):
            self._servicer.draining = True
            self._transport.set_ready(False)

    def stop(self) -> None:
        """Not ready; no new calls; those in progress finish, or are refused when the grace is over; then all is freed."""
        self.withdraw()
        start = monotonic()
        self.control.stop()
        if not self._transport.stop(self._options.server.grace_seconds):
            log.warning("%d waiting requests were refused after %.1f s of grace", self.registry.abandon(), monotonic() - start)
        self.registry.drain()
        self._runners.close()
        if self._admin:
            self._admin.stop()
        if self._tracer is not None:
            self._tracer.stop()
        self._life.enter(Stage.STOPPED)

    def families(self) -> tuple[Family, ...]:
        """The metrics as plain data."""
        return self._metrics.families()

    def statistics(self, model: str, version: str) -> Statistics:
        """What this process has done with a model version so far."""
        return self._metrics.statistics(model, version)

    def _open_admin(self) -> Admin:
        options = self._options
        return Admin(options.server.host, options.admin, self._metrics.exposition, lambda: self.ready, lambda: self._life.started)

    def _record(self, outcome: Outcome) -> None:
        """Tells of a call that has ended, in numbers and in the log."""
        self._metrics.record_call(outcome)
        self._call_log.record(outcome)
        if self._tracer is not None:
            self._tracer.record_call(outcome)

    def _record_batch(self, run: BatchRun) -> None:
        self._metrics.record_batch(run)
        if self._tracer is not None:
            self._tracer.record_batch(run)

    def _state(self) -> ServerState:
        """What the metrics cannot know by themselves."""
        certificates, stages = self._transport.certificates, tuple(stage.value for stage in Stage)
        if certificates is None:
            return ServerState(self._life.stage.value, stages, self._transport.kind, self._cores, self._transport.max_requests)
        reloads = {"success": float(certificates.reloads), "failure": float(certificates.failed_reloads)}
        return ServerState(
            self._life.stage.value, stages, self._transport.kind, self._cores, self._transport.max_requests, certificates.expiry, reloads
        )

    def _models_changed(self) -> None:
        """Tells health checks which models can be asked."""
        if self._life.stage in (Stage.DRAINING, Stage.STOPPED):
            return  # they have been told that none can
        ready = {name: bool(self.registry.versions(name)) for name in {status.model for status in self.registry.statuses()}}
        self._transport.set_ready(self.ready, ready)


def explanations(path: Path, options: Options, sources: Mapping[str, str]) -> Iterator[str]:
    """How each version that would serve would be served; `sources` has where each option was given, by its name.

    Raises StartupError for the first that could not be.
    """
    runners = Runners(1)
    loader = ModelLoader(Defaults(_model_options(options), sources), available_cores(), runners, lambda run: None)
    find_models(path)  # there must be one
    for folder in find_folders(path).values():
        settings = loader.configure(folder, None)
        files = folder.files(settings.file)
        for version in choose(files, settings.options.versions, settings.labels.values()):
            served, _ = loader.load(files[version], settings)
            yield explain(files[version], settings, served)
            served.batcher.drain()
    runners.close()


def _model_options(options: Options) -> ModelOptions:
    return ModelOptions(options.batching, options.device, options.load, options.versions)
