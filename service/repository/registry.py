"""Which models serve: each version's state, and the way from a name to something that can be asked."""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from enum import Enum
from time import monotonic

from service.engine.admission import accept
from service.engine.batcher import Batcher, Job
from service.engine.session import Session
from service.errors import ModelNotFoundError, ModelNotReadyError, StartupError, quoted
from service.repository.layout import ModelFile
from service.request import Request, Timeline

__all__ = ["ModelStatus", "Registry", "Served", "State"]

log = logging.getLogger("hornbeam.repository")


class State(Enum):
    """Where a model version is in its life."""

    LOADING = "loading"
    READY = "ready"
    DRAINING = "draining"
    FAILED = "failed"


@dataclass(frozen=True, slots=True)
class Served:
    """A version that has been loaded: its session, and the batcher that runs it."""

    name: str
    version: int
    session: Session
    batcher: Batcher

    def job(self, request: Request, deadline: float | None, timeline: Timeline) -> Job:
        """The request as the batcher takes it. Raises InvalidRequestError when it does not fit the model."""
        fitted, rows = accept(request, self.session.signature, self.batcher.options, self.batcher.padding)
        return Job(fitted.feeds, rows, deadline, timeline, request.priority, fitted.shapes, fitted.lengths)


@dataclass(slots=True)
class ModelStatus:
    """One version of a model and what has become of it."""

    file: ModelFile
    state: State = State.LOADING
    served: Served | None = None
    load_seconds: float = 0.0
    reason: str = ""

    @property
    def model(self) -> str:
        return self.file.name

    @property
    def version(self) -> str:
        return str(self.file.version)

    @property
    def provider(self) -> str:
        """ONNX Runtime's name for what the model runs on; empty until it is loaded."""
        return self.served.session.provider if self.served else ""

    @property
    def source_sha256(self) -> str:
        """The hash of what the model was exported from, as the exporter wrote it."""
        return self.served.session.metadata.get("hornbeam.source_sha256", "") if self.served else ""

    @property
    def waiting_rows(self) -> int:
        return self.served.batcher.waiting_rows if self.served else 0

    @property
    def running_rows(self) -> int:
        return self.served.batcher.running_rows if self.served else 0


class Registry:
    """The models of one server. `load` makes a version ready to serve, or raises StartupError."""

    def __init__(self, files: Sequence[ModelFile], load: Callable[[ModelFile], Served]) -> None:
        self._load = load
        self._models: dict[str, dict[int, ModelStatus]] = {}
        for file in files:
            self._models.setdefault(file.name, {})[file.version] = ModelStatus(file)

    @property
    def ready(self) -> bool:
        """Whether every model can be asked."""
        return all(status.state is State.READY for status in self.statuses())

    def statuses(self) -> list[ModelStatus]:
        """Every version of every model, by name and version."""
        return [self._models[name][version] for name in sorted(self._models) for version in sorted(self._models[name])]

    def load_all(self) -> None:
        """Loads every version. Raises StartupError, naming all that failed, when one does."""
        for status in self.statuses():
            self._load_one(status)
        if failed := [status.reason for status in self.statuses() if status.state is State.FAILED]:
            raise StartupError("; ".join(failed))

    def knows(self, name: str) -> bool:
        """Whether there is a model of that name, in whatever state."""
        return name in self._models

    def get(self, name: str, version: int | None) -> Served:
        """The version, or the highest that is ready for None. Raises ModelNotFoundError or ModelNotReadyError."""
        if name not in self._models:
            raise ModelNotFoundError(f"Request for unknown model: '{quoted(name)}' is not found")
        if version is not None and version not in self._models[name]:
            raise ModelNotFoundError(f"Request for unknown model: '{name}' version {version} is not found")
        wanted = self._versions(name) if version is None else [version]
        for candidate in wanted:
            status = self._models[name][candidate]
            if status.state is State.READY and status.served is not None:
                return status.served
        raise ModelNotReadyError(f"Request for unknown model: '{name}' version {wanted[0]} is not at ready state")

    def versions(self, name: str) -> list[str]:
        """The versions of a model that are ready, ascending."""
        return [str(version) for version in reversed(self._versions(name)) if self._models[name][version].state is State.READY]

    def drain(self) -> None:
        """Finishes what every model has been given, and frees them all."""
        for status in self._serving():
            status.state = State.DRAINING
        for status in self._serving():
            if status.served is not None:
                status.served.batcher.drain()
                status.served = None

    def abandon(self) -> int:
        """Refuses what waits for any model, and says how many requests that were."""
        return sum(status.served.batcher.abandon() for status in self._serving() if status.served is not None)

    def _versions(self, name: str) -> list[int]:
        return sorted(self._models[name], reverse=True)

    def _serving(self) -> Iterable[ModelStatus]:
        return [status for status in self.statuses() if status.served is not None]

    def _load_one(self, status: ModelStatus) -> None:
        file, start = status.file, monotonic()
        try:
            status.served = self._load(file)
        except StartupError as error:
            status.state, status.reason = State.FAILED, f"model '{file.name}' version {file.version}: {error}"
            return
        status.load_seconds = monotonic() - start
        status.state = State.READY
        batching = (
            f"up to {status.served.batcher.max_batch_rows} rows together" if status.served.session.signature.batched else "one at a time"
        )
        log.info(
            "model '%s' version %d is ready on %s, %s; loaded in %.3f s",
            *(file.name, file.version, status.served.session.provider, batching, status.load_seconds),
        )
