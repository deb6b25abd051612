"""The composition root: what a server is made of, and the order in which it starts and stops."""

from __future__ import annotations

import logging
from dataclasses import dataclass, field
from pathlib import Path
from time import monotonic
from typing import Annotated

from service.admin import Admin, AdminOptions
from service.engine.batcher import Batcher, BatchOptions
from service.engine.runners import Runners
from service.engine.session import DeviceOptions, Session
from service.engine.threads import available_cores, plan
from service.metrics import Metrics
from service.repository.layout import ModelFile, find_models, latest
from service.repository.registry import Registry, Served
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
    batching: BatchOptions = field(default_factory=BatchOptions)
    device: DeviceOptions = field(default_factory=DeviceOptions)


class Server:
    """A server of the models at `path`. Raises StartupError when they are not there or a port cannot be had."""

    def __init__(self, path: Path, options: Options) -> None:
        self._options = options
        self._plan = plan(available_cores(), options.batching.runners)
        self._runners = Runners(self._plan.slots)
        self._metrics = Metrics()
        self.registry = Registry(latest(find_models(path)), self._load)
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
        """Loads the models and takes calls: probes from the first moment, inference when all are ready.

        Raises StartupError when a model cannot be loaded.
        """
        self._admin.start()
        self.registry.load_all()
        self._transport.start()
        self._transport.set_ready(True, {status.model for status in self.registry.statuses()})

    def stop(self) -> None:
        """Not ready; no new calls; those in progress finish, or are refused when the grace is over; then all is freed."""
        start = monotonic()
        self._servicer.draining = True
        self._transport.set_ready(False)
        if not self._transport.stop(self._options.server.grace_seconds):
            log.warning("%d waiting requests were refused after %.1f s of grace", self.registry.abandon(), monotonic() - start)
        self.registry.drain()
        self._runners.close()
        self._admin.stop()

    def _load(self, file: ModelFile) -> Served:
        session = Session(file.path, self._options.device, self._plan.threads)
        batcher = Batcher(
            file.name,
            str(file.version),
            session.run,
            self._options.batching,
            session.signature.batched,
            self._plan.runners,
            self._metrics.record_batch,
            shared=self._runners,
        )
        return Served(file.name, file.version, session, batcher)
