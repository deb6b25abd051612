"""The composition root: what a server is made of, and the order in which it starts and stops."""

from __future__ import annotations

import logging
from dataclasses import dataclass, field
from pathlib import Path
from time import monotonic
from typing import Annotated

from service.admin import Admin, AdminOptions
from service.engine.batcher import Batcher, BatchOptions
from service.engine.samples import LoadOptions, replay
from service.engine.session import DeviceOptions, Session
from service.engine.threads import ThreadPlan, available_cores, plan
from service.errors import StartupError
from service.metrics import Metrics
from service.repository.control import Control, RepositoryOptions
from service.repository.layout import ModelFile, ModelFolder
from service.repository.model_config import Defaults, ModelOptions, ModelSettings, TritonReader, configure
from service.repository.registry import Registry, Served
from service.repository.triton import compare
from service.repository.versions import VersionOptions
from service.rpc import triton_config
from service.rpc.servicer import InferenceServicer
from service.rpc.transport import Transport, TransportOptions

__all__ = ["Options", "Server", "ServerOptions"]

log = logging.getLogger("hornbeam.server")


@dataclass(frozen=True, slots=True)
class ServerOptions:
    """Where the server listens, and how it stops."""

    host: Annotated[str, "Address for both ports; 0.0.0.0 opens them to the network."] = "127.0.0.1"
    grace_seconds: Annotated[float, "How long requests in progress have to end once the server is told to stop.", (0, None)] = 30.0


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


class Server:
    """A server of the models at `path`. Raises StartupError when they are not there or a port cannot be had."""

    def __init__(self, path: Path, options: Options) -> None:
        self._options = options
        self._plan = plan(available_cores())
        self._metrics = Metrics()
        self.registry = Registry(self._models_changed)
        loader = ModelLoader(
            Defaults(ModelOptions(options.batching, options.device, options.load, options.versions)), self._plan, self._metrics
        )
        self.control = Control(path, self.registry, options.repository, loader, self._metrics.record_load)
        self._metrics.watch(self.registry.statuses)
        self._servicer = InferenceServicer(self.registry, self._metrics.record_call, self._metrics.statistics)
        self._transport = Transport(options.server.host, options.transport, self._servicer.handlers())
        self._admin = Admin(options.server.host, options.admin, self._metrics.exposition, lambda: self.ready)

    @property
    def ready(self) -> bool:
        """Whether every model can be asked and the server is not about to stop."""
        return self.registry.ready and not self._servicer.draining

    @property
    def grpc_port(self) -> int:
        return self._transport.port

    @property
    def admin_port(self) -> int:
        return self._admin.port

    def start(self) -> None:
        """Takes calls, and loads the models: probes from the first moment, and inference of each model as soon as it is ready.

        Raises StartupError when a model cannot be loaded.
        """
        self._admin.start()
        self._transport.start()
        try:
            self.control.start()
        except StartupError:
            self.stop()
            raise
        self._models_changed()

    def stop(self) -> None:
        """Not ready; no new calls; those in progress finish, or are refused when the grace is over; then all is freed."""
        start = monotonic()
        self._servicer.draining = True
        self.control.stop()
        self._transport.set_ready(False)
        if not self._transport.stop(self._options.server.grace_seconds):
            log.warning("%d waiting requests were refused after %.1f s of grace", self.registry.abandon(), monotonic() - start)
        self.registry.drain()
        self._admin.stop()

    def _models_changed(self) -> None:
        """Tells health checks which models can be asked."""
        ready = {name: bool(self.registry.versions(name)) for name in {status.model for status in self.registry.statuses()}}
        self._transport.set_ready(self.ready, ready)


class ModelLoader:
    """Makes models ready to serve: the settings of each, its session, and the batcher that runs it."""

    def __init__(self, defaults: Defaults, threads: ThreadPlan, metrics: Metrics) -> None:
        self._defaults = defaults
        self._plan = threads
        self._metrics = metrics

    def configure(self, folder: ModelFolder, override: str | None) -> ModelSettings:
        reader = TritonReader(triton_config.from_text, triton_config.from_json)
        return configure(folder, self._defaults, reader, override)

    def load(self, file: ModelFile, settings: ModelSettings) -> tuple[Served, float]:
        given = settings.options
        session = Session(file.path, given.device, self._plan.threads)
        compare(settings.described, session.signature)
        if given.load.replay_samples:
            replay(session)
        warmup = session.warm(_sizes(given.batching)) if given.load.warm_up else 0.0
        batcher = Batcher(
            file.name,
            str(file.version),
            session.run,
            given.batching,
            session.signature.batched,
            self._plan.runners,
            self._metrics.record_batch,
        )
        return Served(file.name, file.version, session, batcher, settings), warmup


def _sizes(options: BatchOptions) -> list[int]:
    """The batch sizes to warm up with: doubled up to the largest."""
    most = options.max_batch_rows
    return [2**power for power in range(most.bit_length()) if 2**power < most] + [most]
