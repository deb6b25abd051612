"""The workers that there are, and what those that are gone have left behind."""

from __future__ import annotations

import signal
from collections.abc import Callable, Mapping, Sequence
from multiprocessing import get_context, resource_tracker
from multiprocessing.connection import Connection
from multiprocessing.context import SpawnProcess
from pathlib import Path
from threading import Event, Lock

from service.metrics.samples import Family
from service.repository.layout import ModelFolder
from service.request import Statistics
from service.server import Options
from service.workers import worker as program
from service.workers.channel import Channel
from service.workers.merge import kept, merge, merge_statistics
from service.workers.messages import Message, Report, Stop

__all__ = ["Crew", "Worker"]

SIGNALS = (signal.SIGTERM, signal.SIGINT)


class Worker:
    """One process: `member` from when it has the models that the others have, `up` from when it takes calls.

    `failure` is why it could not, `retired` that it was told to end so that another takes its place.
    """

    def __init__(self, number: int, process: SpawnProcess, connection: Connection, serve: Callable[[Worker, Message], object]) -> None:
        self.number = number
        self.channel = Channel(connection, lambda message: serve(self, message), self._lost)
        self.alive = True
        self.member = False
        self.up = False
        self.retired = False
        self.failure = ""
        self.families: Sequence[Family] = ()
        self.statistics: dict[tuple[str, str], Statistics] = {}
        self._process = process

    @property
    def pid(self) -> int:
        """The id of its process."""
        return self._process.pid or 0

    def join(self) -> int | None:
        """Its exit code, negative for a signal, once it has ended."""
        self._process.join()
        self._lost()
        return self._process.exitcode

    def kill(self) -> None:
        """Ends it at once."""
        self._process.kill()

    def retire(self) -> None:
        """Has it take no more calls, and end once it has finished those in progress."""
        self.retired, self.member = True, False
        self.channel.begin(Stop())

    def _lost(self) -> None:
        self.alive = False


class Crew:
    """All workers. The sums over them do not go down when one ends: what it told last is kept."""

    def __init__(self) -> None:
        self._context = get_context("spawn")  # a fork would take along the threads' locks, and what gRPC has set up
        self._workers: list[Worker] = []
        self.started = 0  # in all
        self._lock = Lock()
        self._left: Sequence[Family] = ()
        self._left_statistics: dict[tuple[str, str], Statistics] = {}

    def start(
        self,
        number: int,
        what: tuple[Path, Options, Mapping[str, ModelFolder]],
        serve: Callable[[Worker, Message], object],
        stopping: Event,
    ) -> Worker | None:
        """A new worker of the repository, options and models of `what`; None when no more are wanted.

        Signals that come meanwhile are for the parent alone.
        """
        with self._lock:
            if stopping.is_set():
                return None
            own, theirs = self._context.Pipe()
            process = self._context.Process(target=program.main, args=(theirs, *what), name=f"worker-{number}")
            resource_tracker.ensure_running()  # which would unblock the signals
            signal.pthread_sigmask(signal.SIG_BLOCK, SIGNALS)
            try:
                process.start()
            finally:
                signal.pthread_sigmask(signal.SIG_UNBLOCK, SIGNALS)
            theirs.close()
            worker = Worker(number, process, own, serve)
            self._workers.append(worker)
            self.started += 1
        worker.channel.start()
        return worker

    def bury(self, worker: Worker) -> None:
        """Takes out a worker that has ended, and keeps what it has counted."""
        with self._lock:
            self._workers.remove(worker)
            self._left = merge([self._left, kept(worker.families)])
            for version, found in worker.statistics.items():
                self._left_statistics[version] = merge_statistics([*self._of(self._left_statistics, version), found])

    def all(self) -> list[Worker]:
        """Every worker whose process has not ended."""
        with self._lock:
            return list(self._workers)

    def members(self) -> list[Worker]:
        """Those that changes of the models go to."""
        return [worker for worker in self.all() if worker.alive and worker.member]

    def up(self) -> list[Worker]:
        """Those that take calls."""
        return [worker for worker in self.all() if worker.alive and worker.up]

    def keep(self, worker: Worker, report: Report) -> None:
        """Takes down what a worker has told."""
        with self._lock:
            worker.families = report.families
            worker.statistics.update(report.statistics or {})

    def keep_statistics(self, worker: Worker, model: str, version: str, found: Statistics) -> None:
        """Takes down the statistics that a worker has told of a model version."""
        with self._lock:
            worker.statistics[model, version] = found

    def families(self, own: Sequence[Family]) -> tuple[Family, ...]:
        """What all of them have told last, those that are gone included, and `own`."""
        with self._lock:
            return merge([*(worker.families for worker in self._workers), self._left, own])

    def statistics(self, model: str, version: str) -> Statistics:
        """What all of them have told last of a model version."""
        key = model, version
        with self._lock:
            found = [one for worker in self._workers for one in self._of(worker.statistics, key)]
            return merge_statistics([*self._of(self._left_statistics, key), *found])

    @staticmethod
    def _of(table: dict[tuple[str, str], Statistics], key: tuple[str, str]) -> list[Statistics]:
        return [table[key]] if key in table else []
