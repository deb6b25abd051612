"""The parent of several processes that serve as one: it starts them, starts them again, and speaks for all of them.

It takes no calls. It holds the gRPC port, which the workers listen on, and has the admin port; it has every worker make each change
of the models, and remembers the changes, so that one that comes later has them too before it takes calls.
"""

from __future__ import annotations

import logging
from collections import Counter
from collections.abc import Callable, Collection, Iterable, Mapping
from concurrent.futures import Future, wait
from dataclasses import replace
from pathlib import Path
from threading import Event, Lock, Thread
from time import monotonic
from typing import Any

from service.admin import Admin
from service.errors import ControlNotAllowedError, ModelNotReadyError, StartupError
from service.lifecycle import Lifecycle, Stage
from service.metrics.readings import WorkersReading
from service.metrics.samples import exposition, of_parent
from service.repository.control import first_look
from service.repository.layout import ModelFolder, find_folders
from service.request import Statistics
from service.server import Options
from service.workers.channel import ChannelEndedError
from service.workers.crew import Crew, Worker
from service.workers.messages import (
    Failed,
    Follow,
    Listening,
    Load,
    Loaded,
    Message,
    ReadMetrics,
    ReadReady,
    ReadStatistics,
    Stop,
    Unload,
    Withdraw,
)
from service.workers.port import HeldPort
from service.workers.restarts import PAUSES, Restarts

__all__ = ["Parent"]

log = logging.getLogger("hornbeam.workers")
READING = 2.0  # seconds for a worker to tell what it counts; after that, what it told last counts
WITHDRAWING = 5.0  # seconds for all workers to say that they are not ready
LEAVING = 5.0  # seconds beyond the grace for a worker to end; then it is killed


class Parent:
    """A server of the models at `path` in several processes. Raises StartupError when a port cannot be had.

    `gave_up` is called when a worker keeps dying, and `failure` says so from then on: the server should stop.
    """

    def __init__(self, path: Path, options: Options, gave_up: Callable[[], None] = lambda: None) -> None:
        if options.shared_memory.shared_memory:
            raise StartupError(
                "--shared-memory and --workers do not go together: a region is registered with one process; leave one of them out"
            )
        self._path = path
        self._gave_up = gave_up
        self._port = HeldPort(options.server.host, options.transport.grpc_port)
        self._options = replace(options, transport=replace(options.transport, grpc_port=self._port.number))
        self._life = Lifecycle()
        self._crew = Crew()
        self._changing = Lock()  # of the models, one change after the other
        self._changes: dict[str, Load | Unload] = {}  # the last that succeeded, by model
        self._folders: Mapping[str, ModelFolder] = {}  # what there is, as all workers are told
        self._reading = Lock()
        self._stopping = Event()
        self._first = Event()  # all workers are there for the first time, or one cannot be
        self.failure = ""
        self.serving: list[str] = []
        self._admin = Admin(options.server.host, options.admin, self._exposition, lambda: self.ready, lambda: self._life.started)
        self._slots = [Thread(target=self._keep, args=(number,), name=f"worker-{number}", daemon=True) for number in self._numbers]
        self._poller = Thread(target=self._poll, name="repository", daemon=True)

    @property
    def _numbers(self) -> range:
        return range(1, self._options.server.workers + 1)

    @property
    def ready(self) -> bool:
        """Whether calls are welcome: a worker that is being started again does not make the others unwelcome."""
        return self._life.ready and bool(self._crew.up())

    @property
    def grpc_port(self) -> int:
        return self._port.number

    @property
    def admin_port(self) -> int:
        return self._admin.port

    @property
    def processes(self) -> list[int]:
        """The ids of the workers' processes that take calls."""
        return [worker.pid for worker in self._crew.up()]

    def start(self) -> None:
        """Returns when every worker has its models and takes calls. Raises StartupError when one cannot; then all have been stopped."""
        self._folders = first_look(self._path, self._options.repository)
        self._admin.start()
        for slot in self._slots:
            slot.start()
        self._first.wait()
        if self._stopping.is_set():
            return  # it was told to stop before they were there
        if self.failure:
            self.stop()
            raise StartupError(self.failure)
        self.serving = [f"{model} version {version}" for model, version, _ in sorted(self._ask_any(ReadReady()))]
        self._life.enter(Stage.SERVING)
        if self._options.repository.model_control == "poll":
            self._poller.start()

    def withdraw(self) -> None:
        """Says everywhere that the server is not ready, and serves on. From here on no worker is started."""
        if self._life.enter(Stage.DRAINING):
            self._stopping.set()
            self._first.set()
            wait(self._begin(self._crew.up(), Withdraw()), WITHDRAWING)

    def stop(self) -> None:
        """Ends all workers, each once it has finished what is in progress, or the grace is over."""
        self.withdraw()
        for worker in self._crew.all():
            if worker.up:
                worker.channel.begin(Stop())
            else:
                worker.kill()
        end = monotonic() + self._options.server.grace_seconds + LEAVING
        for slot in self._slots:
            if slot.ident is not None:
                slot.join(max(0.0, end - monotonic()))
        for worker in self._crew.all():
            log.error("worker %d did not end within the grace, and is killed", worker.number)
            worker.kill()
        self._admin.stop()
        self._port.close()
        self._life.enter(Stage.STOPPED)

    # Starting workers, and starting them again.

    def _keep(self, number: int) -> None:
        """Keeps one worker running."""
        restarts = Restarts()
        while True:
            began = monotonic()
            worker = self._crew.start(number, (self._path, self._of_worker(), self._folders), self._serve, self._stopping)
            if worker is None:
                return
            code = worker.join()
            self._crew.bury(worker)
            if self._stopping.is_set():
                return
            if not self._first.is_set():
                self._fail(worker.failure or f"worker {number} ended with code {code} while it started; its log says more")
                return
            if (pause := self._pause(worker, restarts, monotonic() - began, code)) is None:
                self._fail(f"worker {number} ended {len(PAUSES) + 1} times soon after its start, last with code {code}; its log says more")
                self._gave_up()
                return
            if self._stopping.wait(pause):
                return

    def _of_worker(self) -> Options:
        """The options of a worker. One that comes later need not load all at once: what it lacks of what others serve keeps it out."""
        if not self._first.is_set():
            return self._options
        return replace(self._options, repository=replace(self._options.repository, exit_on_error=False))

    def _pause(self, worker: Worker, restarts: Restarts, lived: float, code: int | None) -> float | None:
        """Seconds until the worker is started again, None to give up."""
        if worker.failure and self._crew.up():
            pause = restarts.after_refusal()
            log.error("worker %d cannot take part, and is tried again in %g s: %s", worker.number, pause, worker.failure)
            return pause
        if worker.retired:
            return 0.0
        found = restarts.after_death(lived)
        if found is not None:
            log.error("worker %d ended with code %s after %.1f s; it is started again in %g s", worker.number, code, lived, found)
        return found

    def _fail(self, failure: str) -> None:
        self.failure = self.failure or failure
        self._first.set()

    # What workers say.

    def _serve(self, worker: Worker, message: Message) -> object:
        match message:
            case Loaded():
                self._admit(worker)
            case Listening():
                worker.up = True
                log.info("worker %d takes calls; its process is %d", worker.number, worker.pid)
                if len(self._crew.up()) == len(self._numbers):
                    self._first.set()
            case Failed(text):
                worker.failure = worker.failure or text
            case Load() | Unload():
                self._change(message)
            case ReadStatistics(model, version):
                return self._statistics(model, version)
        return None

    def _admit(self, worker: Worker) -> None:
        """Brings a worker to where the others are. Raises StartupError when that cannot be."""
        with self._changing:
            for change in self._changes.values():
                if failed := worker.channel.begin(change).exception():
                    log.warning("worker %d could not repeat a change of '%s': %s", worker.number, change.name, failed)
            others, has = self._crew.members(), worker.channel.ask(ReadReady())
            wanted = self._ask_any(ReadReady()) if others else has
            if lacking := _versions(wanted) - _versions(has):
                listed = ", ".join(f"{model} version {version}" for model, version in sorted(lacking))
                raise StartupError(f"it could not load what the other workers serve: {listed}")
            if self._stopping.is_set():
                raise StartupError("the server is about to stop")
            worker.member = True

    # Changes of the models.

    def _change(self, change: Load | Unload) -> None:
        """Has all workers change a model. Raises what they do."""
        if self._options.repository.model_control != "explicit":
            raise ControlNotAllowedError
        with self._changing:
            members = self._crew.members()
            begun = dict(zip(members, self._begin(members, change), strict=True))
            wait(begun.values())
            ended = {worker: future.exception() for worker, future in begun.items()}  # those that are gone come again with the change
            failed = {worker: error for worker, error in ended.items() if error and not isinstance(error, ChannelEndedError)}
            done = [worker for worker, error in ended.items() if not error]
            if not done and not failed:
                raise ModelNotReadyError("no worker is there to change its models; ask again")
            if done and len(done) >= len(failed):
                self._changes[change.name] = change
        if failed:
            self._part_with(change, failed, done)
            raise next(iter(failed.values()))

    def _part_with(self, change: Load | Unload, failed: dict[Worker, BaseException], done: Collection[Worker]) -> None:
        """Has the fewer of them come again where some did a thing that others could not."""
        if not done:
            return
        odd = list(failed) if len(done) >= len(failed) else list(done)
        for worker, error in failed.items():
            log.error("worker %d could not change '%s' as others did: %s", worker.number, change.name, error)
        self._retire(odd)

    def _retire(self, workers: Iterable[Worker]) -> None:
        """Ends workers that differ from the others; they are started again."""
        for worker in workers:
            log.error("worker %d differs from the others, and is started again", worker.number)
            worker.retire()

    def _poll(self) -> None:
        """Looks at the files for all workers, so that all see the same."""
        while not self._stopping.wait(self._options.repository.poll_seconds):
            try:
                found = find_folders(self._path)
            except (OSError, StartupError) as error:
                log.warning("the repository cannot be read, and what serves stays: %s", error)
                continue
            with self._changing:
                self._folders, members = found, self._crew.members()
                wait(self._begin(members, Follow(found)))
                self._compare(members)

    def _compare(self, members: Collection[Worker]) -> None:
        """Parts with the workers that do not have what most have."""
        futures = zip(members, self._begin(members, ReadReady()), strict=True)
        has = {worker: future.result() for worker, future in futures if not future.exception()}
        if len(set(has.values())) > 1:
            usual = Counter(has.values()).most_common(1)[0][0]
            self._retire(worker for worker, found in has.items() if found != usual)

    # What all have counted.

    def _exposition(self, accept: str) -> tuple[bytes, str]:
        with self._reading:
            for worker, report in self._gather(ReadMetrics()):
                self._crew.keep(worker, report)
        own = of_parent(WorkersReading(len(self._crew.up()), max(0, self._crew.started - len(self._numbers))))
        return exposition(self._crew.families(own), accept)

    def _statistics(self, model: str, version: str) -> Statistics:
        with self._reading:
            for worker, found in self._gather(ReadStatistics(model, version)):
                self._crew.keep_statistics(worker, model, version, found)
        return self._crew.statistics(model, version)

    def _gather(self, message: Message) -> list[tuple[Worker, Any]]:
        """What each worker that takes calls answers, of those that do in time."""
        workers = self._crew.up()
        futures = self._begin(workers, message)
        answered, _ = wait(futures, READING)
        pairs = zip(workers, futures, strict=True)
        return [(worker, future.result()) for worker, future in pairs if future in answered and not future.exception()]

    def _ask_any(self, message: Message) -> Any:
        """What the first of the workers that are there answers."""
        for worker in self._crew.members():
            future = worker.channel.begin(message)
            if not future.exception():
                return future.result()
        return frozenset()

    @staticmethod
    def _begin(workers: Iterable[Worker], message: Message) -> list[Future[Any]]:
        return [worker.channel.begin(message) for worker in workers]


def _versions(found: Iterable[tuple[str, str, bool]]) -> set[tuple[str, str]]:
    return {(model, version) for model, version, _ in found}
