"""Which models serve: each version's state, and the way from a name to something that can be asked.

The table is replaced, never changed in place: who asks sees all of a change or none of it, and takes no lock.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from enum import Enum
from threading import Lock
from types import MappingProxyType

from service.engine.admission import accept
from service.engine.batcher import Batcher, Job
from service.engine.session import Session, Warmed
from service.errors import ModelNotFoundError, ModelNotReadyError, quoted
from service.repository.layout import ModelFile, Stamp
from service.repository.model_config import ModelSettings
from service.request import Request, Timeline

__all__ = ["ModelStatus", "Registry", "Served", "State"]


class State(Enum):
    """Where a model version is in its life."""

    LOADING = "loading"
    READY = "ready"
    DRAINING = "draining"
    FAILED = "failed"
    UNLOADED = "unloaded"


@dataclass(frozen=True, slots=True, eq=False, weakref_slot=True)
class Served:
    """A version that has been loaded: its session, the batcher that runs it, how it was to be served, and the sizes that it has run."""

    name: str
    version: int
    session: Session
    batcher: Batcher
    settings: ModelSettings = field(default_factory=ModelSettings)
    warmed: tuple[Warmed, ...] = ()

    @property
    def source_sha256(self) -> str:
        """The hash of what the model was exported from, as the exporter wrote it."""
        return self.session.metadata.get("hornbeam.source_sha256", "")

    def job(self, request: Request, deadline: float | None, timeline: Timeline) -> Job:
        """The request as the batcher takes it. Raises InvalidRequestError when it does not fit the model."""
        fitted, rows = accept(request, self.session.signature, self.batcher.options, self.batcher.padding)
        return Job(fitted.feeds, rows, deadline, timeline, request.priority, fitted.shapes, fitted.lengths, fitted.alone)


@dataclass(slots=True, eq=False)
class ModelStatus:
    """One version of a model and what has become of it; `stamp` is that of the files that it was, or was to be, loaded from."""

    file: ModelFile
    state: State = State.LOADING
    served: Served | None = None
    load_seconds: float = 0.0
    reason: str = ""
    stamp: Stamp = ()

    @property
    def model(self) -> str:
        return self.file.name

    @property
    def version(self) -> str:
        return str(self.file.version)

    @property
    def ready(self) -> bool:
        return self.state is State.READY


@dataclass(frozen=True, slots=True)
class Model:
    """The versions of one model by number, and the labels of some of them."""

    versions: Mapping[int, ModelStatus]
    labels: Mapping[str, int] = field(default_factory=dict)
    newest_first: tuple[int, ...] = ()

    @classmethod
    def of(cls, versions: Mapping[int, ModelStatus], labels: Mapping[str, int]) -> Model:
        return cls(MappingProxyType(dict(versions)), labels, tuple(sorted(versions, reverse=True)))


class Registry:
    """The models of one server. `changed` is called after each change of what can be asked."""

    def __init__(self, changed: Callable[[], None] = lambda: None) -> None:
        self._changed = changed
        self._models: Mapping[str, Model] = MappingProxyType({})
        self._lock = Lock()
        self._started = False

    @property
    def ready(self) -> bool:
        """Whether the models that the server began with have been loaded. What fails afterwards takes down that model alone."""
        return self._started

    @property
    def table(self) -> object:
        """What a name leads to; another object after each change of it."""
        return self._models

    def started(self) -> None:
        """Says that the models that the server begins with have been loaded."""
        self._started = True

    def statuses(self) -> list[ModelStatus]:
        """Every version of every model, by name and version."""
        models = self._models
        return [models[name].versions[version] for name in sorted(models) for version in sorted(models[name].versions)]

    def knows(self, name: str) -> bool:
        """Whether there is a model of that name, in whatever state."""
        return name in self._models

    def of(self, name: str) -> Mapping[int, ModelStatus]:
        """The versions of a model by number; none of one that is not known."""
        return self._models[name].versions if name in self._models else {}

    def get(self, name: str, version: int | str | None) -> Served:
        """The version of that number or label, or the highest that is ready for None.

        Raises ModelNotFoundError or ModelNotReadyError.
        """
        model = self._models.get(name)
        if model is None:
            raise ModelNotFoundError(f"Request for unknown model: '{quoted(name)}' is not found")
        if isinstance(version, str):
            version = _labelled(name, model, version)
        if version is not None and version not in model.versions:
            raise ModelNotFoundError(f"Request for unknown model: '{name}' version {version} is not found")
        wanted = model.newest_first if version is None else (version,)
        for candidate in wanted:
            status = model.versions[candidate]
            if status.ready and (served := status.served) is not None:
                return served
        raise ModelNotReadyError(f"Request for unknown model: '{name}' version {wanted[0]} is not at ready state")

    def versions(self, name: str) -> list[str]:
        """The versions of a model that are ready, ascending."""
        return [str(version) for version, status in sorted(self.of(name).items()) if status.ready]

    def put(self, name: str, versions: Mapping[int, ModelStatus], labels: Mapping[str, int] | None = None) -> None:
        """Puts these versions in the place of all that the model had, at once.

        Without labels those that it has stay; without versions the model is forgotten.
        """
        with self._lock:
            models = dict(self._models)
            before = models.pop(name, Model({}))
            if versions:
                models[name] = Model.of(versions, before.labels if labels is None else labels)
            self._models = MappingProxyType(models)
        self._changed()

    def drain(self) -> None:
        """Finishes what every model has been given, and frees them all."""
        serving = self._serving()
        for status in serving:
            status.state = State.DRAINING
        for status in serving:
            if status.served is not None:
                status.served.batcher.drain()
                status.served = None

    def abandon(self) -> int:
        """Refuses what waits for any model, and says how many requests that were."""
        return sum(status.served.batcher.abandon() for status in self._serving() if status.served is not None)

    def _serving(self) -> Iterable[ModelStatus]:
        return [status for status in self.statuses() if status.served is not None]


def _labelled(name: str, model: Model, label: str) -> int:
    if label not in model.labels:
        known = f"; it has {', '.join(model.labels)}" if model.labels else ""
        raise ModelNotFoundError(f"Request for unknown model: '{name}' has no version labelled '{quoted(label)}'{known}")
    return model.labels[label]
