"""Keeping what serves in step with what is there: loading, swapping and unloading models, by command or as their files change.

A version is swapped in one step, after it has been loaded, checked and warmed up; the one before it answers until then, and goes
once it has finished what it was given. What cannot be loaded changes nothing but its own state.
"""

from __future__ import annotations

import logging
from collections import defaultdict
from collections.abc import Callable, Iterable, Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from math import ceil
from pathlib import Path, PurePosixPath
from tempfile import TemporaryDirectory
from threading import Event, Lock, Thread
from time import monotonic
from typing import Annotated, Literal, Protocol

from service.engine.threads import available_cores
from service.errors import (
    ControlNotAllowedError,
    InvalidRequestError,
    LoadFailedError,
    ModelNotFoundError,
    StartupError,
    quoted,
)
from service.options import nearest
from service.repository.layout import ModelFile, ModelFolder, find_folder, find_folders, find_models, is_name
from service.repository.model_config import ModelSettings
from service.repository.registry import ModelStatus, Registry, Served, State
from service.repository.versions import choose
from service.request import Load

__all__ = ["Control", "Loader", "RepositoryOptions", "first_look"]

log = logging.getLogger("hornbeam.repository")


@dataclass(frozen=True, slots=True)
class RepositoryOptions:
    """Which models are loaded, and when."""

    model_control: Annotated[
        Literal["none", "poll", "explicit"],
        "Load all at the start (none), also follow changes of the files (poll), or load and unload on request (explicit).",
    ] = "none"
    poll_seconds: Annotated[float, "How often changes of the files are looked for where they are followed.", (0.01, None)] = 15.0
    load_model: Annotated[tuple[str, ...], "Models to load at the start where the rest is loaded on request; * for all."] = ()
    load_threads: Annotated[int, "How many models are loaded at a time at the start; 0 is as many as there are cores.", (0, None)] = 0
    exit_on_error: Annotated[bool, "Whether a model that cannot be loaded keeps the server from starting."] = True


def first_look(path: Path, options: RepositoryOptions) -> Mapping[str, ModelFolder]:
    """Every model at `path` by name. Raises StartupError when there is nothing and none may come later, or for options at odds."""
    if options.load_model and options.model_control != "explicit":
        raise StartupError(f"--load-model needs --model-control explicit; with {options.model_control} every model is loaded")
    if options.model_control == "none":
        find_models(path)
    return find_folders(path)


class Loader(Protocol):
    """Makes models ready to serve. Both raise StartupError."""

    def configure(self, folder: ModelFolder, override: str | None) -> ModelSettings:
        """How a model is to be served; `override` is a load request's configuration."""

    def load(self, file: ModelFile, settings: ModelSettings) -> tuple[Served, float]:
        """The version, checked and warmed up, and the seconds of warming up."""


class Control:
    """Loads models from `path` into `registry`. `observe` is told of each attempt.

    With `folders` somebody else looks at what is there: it begins with these, and `follow` tells it of others.
    """

    def __init__(
        self,
        path: Path,
        registry: Registry,
        options: RepositoryOptions,
        loader: Loader,
        observe: Callable[[Load], None],
        folders: Mapping[str, ModelFolder] | None = None,
    ) -> None:
        self._path = path
        self._registry = registry
        self._options = options
        self._loader = loader
        self._observe = observe
        self._folders = folders
        self._locks: defaultdict[str, Lock] = defaultdict(Lock)
        self._given: dict[str, TemporaryDirectory[str]] = {}  # files that came with a load request, while their model serves
        self._seen: Mapping[str, ModelFolder] = {}
        self._tried: dict[str, ModelFolder] = {}
        self._stopped = Event()
        self._poller = Thread(target=self._poll, name="repository", daemon=True)

    def start(self) -> None:
        """Loads what is to serve from the start. Raises StartupError, naming all that failed, when something does not load."""
        with ThreadPoolExecutor(self._options.load_threads or ceil(available_cores()), "load") as loading:
            failed = [failure for failures in loading.map(self._reconcile, self._first()) for failure in failures]
        if failed and self._options.exit_on_error:
            raise StartupError("; ".join(failed))
        _log(failed)
        self._registry.started()
        if self._folders is None and self._options.model_control == "poll":
            self._poller.start()

    def stop(self) -> None:
        """Changes nothing any more, and removes what load requests brought along."""
        self._stopped.set()
        if self._poller.is_alive():
            self._poller.join()
        for directory in self._given.values():
            directory.cleanup()

    def load(self, name: str, config: str | None = None, files: Mapping[str, bytes] | None = None) -> None:
        """Loads a model, or loads it again as it is now.

        `files`, by their paths in the model's directory, take the place of those in the repository.
        Raises ControlNotAllowedError, ModelNotFoundError, InvalidRequestError, or LoadFailedError, after which the model serves as before.
        """
        self._check_control()
        if files and config is None:
            raise InvalidRequestError("files are taken only with the model's configuration; send `config` as well", "parameters['config']")
        if not is_name(name):
            raise ModelNotFoundError(f"failed to load '{quoted(name)}': no model can be called that")
        directory = _write(name, files) if files else None
        try:
            folder = find_folder(Path(directory.name) if directory else self._path, name)
        except StartupError as error:
            log.error("failed to load '%s': %s", name, error)
            raise LoadFailedError(f"failed to load '{name}': its directory cannot be read; the server's log says why") from error
        if folder is None or not folder.versions:
            raise ModelNotFoundError(f"failed to load '{quoted(name)}', failed to poll from model repository: there is no such model")
        if failed := self._reconcile(folder, config, again=True):
            _log(failed)
            if directory:
                directory.cleanup()
            raise LoadFailedError(_without_path(f"failed to load '{name}', {'; '.join(failed)}", folder))
        self._keep(name, directory)

    def unload(self, name: str) -> None:
        """Takes a model out of service once it has finished what it was given. Raises ControlNotAllowedError or ModelNotFoundError."""
        self._check_control()
        if not self._registry.knows(name):
            raise ModelNotFoundError(f"failed to unload '{quoted(name)}': there is no such model")
        with self._locks[name]:
            self._retire(name, {})
        self._keep(name, None)

    def refresh(self) -> None:
        """Follows what has changed since the last look. A model that is still being written is left for the next."""
        try:
            found = find_folders(self._path)
        except StartupError as error:
            log.warning("the repository cannot be read, and what serves stays: %s", error)
            return
        self.follow(found)

    def follow(self, found: Mapping[str, ModelFolder]) -> None:
        """Does what `refresh` does with what there is by now, as somebody has found it."""
        for name in sorted(self._seen.keys() | found.keys()):
            folder, before = found.get(name), self._seen.get(name)
            if folder != before:  # it may be half-written: only what has kept still from one look to the next is loaded
                continue
            if folder is not None and folder != self._tried.get(name):
                _log(self._reconcile(folder))
        for name in self._tried.keys() - found.keys() - self._seen.keys():
            log.info("model '%s' is gone from the repository", name)
            with self._locks[name]:
                self._retire(name, {}, forget=True)
            del self._tried[name]
        self._seen = found

    def _first(self) -> Iterable[ModelFolder]:
        """The models to start with; what is in the repository besides is known, and not loaded."""
        folders = self._folders
        if folders is None:
            folders = first_look(self._path, self._options)
        self._seen = folders
        if self._options.model_control != "explicit" or "*" in self._options.load_model:
            return folders.values()
        for name in self._options.load_model:
            if name not in folders:
                raise StartupError(f"--load-model {name}: {self._path} has no such model{nearest(name, folders)}")
        for name, folder in folders.items():
            statuses = {version: ModelStatus(file, State.UNLOADED, reason="not loaded") for version, file in folder.files().items()}
            self._registry.put(name, statuses)
        return [folders[name] for name in self._options.load_model]

    def _poll(self) -> None:
        while not self._stopped.wait(self._options.poll_seconds):
            try:
                self.refresh()
            except Exception:  # a bug: the next look must come all the same
                log.exception("the changes of the repository could not be followed, and are looked for again")

    def _check_control(self) -> None:
        if self._options.model_control != "explicit":
            raise ControlNotAllowedError

    def _keep(self, name: str, directory: TemporaryDirectory[str] | None) -> None:
        """Keeps the files that a load request brought while their model serves, and lets go of those before."""
        before = self._given.pop(name, None)
        if directory:
            self._given[name] = directory
        if before:
            before.cleanup()

    def _reconcile(self, folder: ModelFolder, override: str | None = None, again: bool = False) -> list[str]:
        """Brings a model in step with its folder, and says what failed; `again` loads even what has not changed."""
        with self._locks[folder.name]:
            before = self._tried.get(folder.name)
            self._tried[folder.name] = folder
            try:
                settings = self._loader.configure(folder, override)
            except StartupError as error:
                return self._unconfigured(folder, str(error))
            for warning in settings.warnings:
                log.warning("model '%s': %s", folder.name, warning)
            files = folder.files(settings.file)
            wanted = choose(files, settings.options.versions, settings.labels.values())
            if not wanted:
                return self._unconfigured(
                    folder, f"none of its versions {list(files)} is to serve, and of those that are there none is left"
                )
            same = before is not None and before.settings_stamp == folder.settings_stamp and not again
            kept = {version: status for version, status in self._unchanged(folder, wanted).items() if same}
            failures: list[str] = []
            tried = {version: self._attempt(files[version], settings, folder, failures) for version in wanted if version not in kept}
            self._swap(folder.name, kept, tried, settings.labels)
            return failures

    def _unchanged(self, folder: ModelFolder, wanted: Iterable[int]) -> dict[int, ModelStatus]:
        """The versions that serve already, of the files that are there."""
        current = self._registry.of(folder.name)
        return {
            version: current[version]
            for version in wanted
            if version in current and current[version].ready and current[version].stamp == folder.stamps.get(version, ())
        }

    def _unconfigured(self, folder: ModelFolder, text: str) -> list[str]:
        """What serves of a model stays; a model of which nothing does has failed."""
        failure = f"model '{folder.name}': {text}"
        reason = _without_path(failure, folder)
        serving = [status for status in self._registry.of(folder.name).values() if status.ready]
        for status in serving:
            status.reason = reason
        if not serving:
            self._registry.put(folder.name, {v: ModelStatus(file, State.FAILED, reason=reason) for v, file in folder.files().items()})
        for version in folder.versions:
            self._observe(Load(folder.name, str(version), "failure", 0.0))
        return [failure]

    def _attempt(self, file: ModelFile, settings: ModelSettings, folder: ModelFolder, failures: list[str]) -> ModelStatus:
        """The version, loaded or failed. While it loads, it is seen to, unless an older one of its number serves."""
        status = ModelStatus(file, stamp=folder.stamps.get(file.version, ()))
        current = self._registry.of(file.name)
        if file.version not in current or not current[file.version].ready:
            self._registry.put(file.name, {**current, file.version: status})
        start, warmup = monotonic(), 0.0
        try:
            status.served, warmup = self._loader.load(file, settings)
            status.load_seconds = monotonic() - start
            log.info("model '%s' version %d is ready; %s", file.name, file.version, _described(status.served, status.load_seconds))
        except StartupError as error:
            failures.append(f"model '{file.name}' version {file.version}: {error}")
            status.state, status.reason = State.FAILED, _without_path(failures[-1], folder)
        result = "success" if status.served else "failure"
        self._observe(Load(file.name, str(file.version), result, monotonic() - start, warmup))
        return status

    def _swap(self, name: str, kept: Mapping[int, ModelStatus], tried: Mapping[int, ModelStatus], labels: Mapping[str, int]) -> None:
        """Puts what was loaded in the place of what served; where something failed, what served before it stays."""
        loaded = {version: status for version, status in tried.items() if status.served}
        failed = {version: status for version, status in tried.items() if not status.served}
        serving = {version: status for version, status in self._registry.of(name).items() if status.ready}
        for version in failed.keys() & serving.keys():
            serving[version].reason = failed[version].reason
        for status in loaded.values():
            status.state = State.READY
        staying = serving if failed else {}
        self._retire(name, {**failed, **staying, **kept, **loaded}, labels)

    def _retire(
        self, name: str, versions: Mapping[int, ModelStatus], labels: Mapping[str, int] | None = None, forget: bool = False
    ) -> None:
        """Puts these versions into service; what served and no longer does finishes what it was given, and is freed."""
        before = self._registry.of(name)
        leaving = [status for status in before.values() if status.served and status not in versions.values()]
        unloaded = {} if versions or forget else {v: ModelStatus(s.file, State.UNLOADED, reason="unloaded") for v, s in before.items()}
        seen = {status.file.version: status for status in leaving}
        self._registry.put(name, {**seen, **versions}, labels)  # only then do they stop: there is always one to ask
        for status in leaving:
            status.state = State.DRAINING
        for status in leaving:
            if status.served is not None:
                status.served.batcher.drain()
                status.served = None
            log.info("model '%s' version %s is unloaded", status.model, status.version)
        self._registry.put(name, versions or unloaded)


def _write(name: str, files: Mapping[str, bytes]) -> TemporaryDirectory[str]:
    """A repository with one model, of files that came with a request.

    Raises InvalidRequestError for a path that leads elsewhere, and LoadFailedError where no file can be written.
    """
    paths = {given: PurePosixPath(given) for given in files}
    for given, path in paths.items():
        if path.is_absolute() or not path.parts or any(part.startswith(".") for part in path.parts) or "\0" in given:
            raise InvalidRequestError(
                f"file '{quoted(given)}' is no path within a model's directory; write it like 'file:1/model.onnx'",
                f"parameters['file:{quoted(given)}']",
            )
    try:
        directory = TemporaryDirectory(prefix="hornbeam-")
    except OSError as error:
        raise LoadFailedError(
            f"failed to load '{name}': the server has no place for the files of a request; give it a writable temporary directory"
        ) from error
    try:
        for given, content in files.items():
            target = Path(directory.name, name, paths[given])
            target.parent.mkdir(parents=True, exist_ok=True)
            target.write_bytes(content)
    except OSError as error:
        directory.cleanup()
        raise InvalidRequestError(f"the files of the request cannot be written: {error.strerror}", "parameters") from error
    return directory


def _log(failures: Iterable[str]) -> None:
    for failure in failures:
        log.error("%s", failure)


def _without_path(text: str, folder: ModelFolder) -> str:
    """What callers may read: no path of the server's."""
    directory = folder.path.parent if folder.path.is_file() else folder.path
    return text.replace(f"{directory}/", "")


def _described(served: Served, seconds: float) -> str:
    rows = f"up to {served.batcher.max_batch_rows} rows together" if served.session.signature.batched else "one at a time"
    return f"on {served.session.provider}, {rows}, loaded in {seconds:.3f} s"
