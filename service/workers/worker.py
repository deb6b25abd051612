"""What a worker runs: a server that is a part of one, and answers its parent beside its callers."""

from __future__ import annotations

import logging
import os
import signal
from collections.abc import Mapping
from concurrent.futures import TimeoutError as TimedOut
from multiprocessing.connection import Connection
from pathlib import Path
from threading import Event

from service import garbage, logs
from service.errors import DrainingError, LoadFailedError, StartupError, quoted
from service.repository.layout import ModelFolder
from service.request import Statistics
from service.server import Options, Part, Server
from service.workers.channel import Channel, ChannelEndedError, RemoteError
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
    Report,
    Stop,
    Unload,
    Withdraw,
)

__all__ = ["main"]

log = logging.getLogger("hornbeam.workers")
STATISTICS_SECONDS = 10.0  # the parent itself waits for less


def main(connection: Connection, path: Path, options: Options, folders: Mapping[str, ModelFolder]) -> None:
    """Serves until the parent says stop, or is gone. Signals are the parent's: it tells its workers what is to be done."""
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, signal.SIG_IGN)
    signal.pthread_sigmask(signal.SIG_UNBLOCK, (signal.SIGTERM, signal.SIGINT))
    logs.configure(options.logging)
    _Worker(connection, path, options, folders).run()


class _Worker:
    """A server, and its end of the channel to the parent."""

    def __init__(self, connection: Connection, path: Path, options: Options, folders: Mapping[str, ModelFolder]) -> None:
        self._path = path
        self._folders = folders
        self._options = options
        self._server: Server | None = None
        self._stop = Event()
        self._stopped = Event()
        self._leaving = False
        self._channel = Channel(connection, self._serve, self._orphaned)

    def run(self) -> None:
        """Starts, serves, and stops."""
        self._channel.start()
        workers = self._options.server.workers
        part = Part(workers, self._folders, _Changes(self._channel), self._statistics, lambda: self._channel.ask(Loaded()))
        try:
            self._server = Server(self._path, self._options, part)
            self._server.start()
            self._channel.ask(Listening())
            garbage.spare()
        except StartupError as error:
            self._channel.ask(Failed(str(error)))
            return
        except ChannelEndedError:
            os._exit(1)  # nobody is there to say what to serve
        self._stop.wait()
        self._server.stop()
        self._stopped.set()

    def _serve(self, message: Message) -> object:
        """What the parent asks; nothing comes before the server is there that needs it."""
        match message:
            case Load(name, config, files):
                self._served.control.load(name, config, files)
            case Unload(name):
                self._served.control.unload(name)
            case Follow(folders):
                self._served.control.follow(folders)
            case ReadMetrics():
                return self._report()
            case ReadStatistics(model, version):
                return self._served.statistics(model, version)
            case ReadReady():
                return frozenset(
                    (status.model, status.version, bool(status.reason)) for status in self._served.registry.statuses() if status.ready
                )
            case Withdraw():
                self._leaving = True
                self._served.withdraw()
            case Stop():
                self._leaving = True
                self._stop.set()
                self._stopped.wait()
        return None

    @property
    def _served(self) -> Server:
        if self._server is None:
            raise DrainingError("the worker is not there yet")
        return self._server

    def _report(self) -> Report:
        server = self._served
        versions = [(status.model, status.version) for status in server.registry.statuses()]
        return Report(server.families(), {version: server.statistics(*version) for version in versions})

    def _statistics(self, model: str, version: str) -> Statistics:
        """What all workers have done, or this one, when there is no parent any more to tell."""
        try:
            found: Statistics = self._channel.ask(ReadStatistics(model, version), STATISTICS_SECONDS)
        except (ChannelEndedError, TimedOut):
            log.warning("the parent does not answer: the statistics are those of this worker alone")
            return self._served.statistics(model, version)
        return found

    def _orphaned(self) -> None:
        """The parent is gone: at once, if it was about to stop and was told to hurry; else callers get their answers first."""
        if self._leaving and not self._stopped.is_set():
            os._exit(1)
        self._stop.set()


class _Changes:
    """Has the parent have all workers change their models."""

    def __init__(self, channel: Channel) -> None:
        self._channel = channel

    def load(self, name: str, config: str | None = None, files: Mapping[str, bytes] | None = None) -> None:
        """Returns when every worker has the model. Raises ServiceError."""
        self._ask(Load(name, config, files))

    def unload(self, name: str) -> None:
        """Returns when no worker has the model. Raises ServiceError."""
        self._ask(Unload(name))

    def _ask(self, change: Load | Unload) -> None:
        try:
            self._channel.ask(change)
        except RemoteError as error:
            raise LoadFailedError(f"failed to change '{quoted(change.name)}': {error}") from error
        except ChannelEndedError as error:
            raise DrainingError("the server is about to stop, and changes no models") from error
