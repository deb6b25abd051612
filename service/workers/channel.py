"""Questions and answers both ways through one pipe, each side from any thread."""

from __future__ import annotations

import logging
from collections.abc import Callable
from concurrent.futures import Future
from itertools import count
from multiprocessing.connection import Connection
from threading import Lock, Thread
from typing import Any

from service.errors import ServiceError, StartupError
from service.workers.messages import Answer, Ask, Message

__all__ = ["Channel", "ChannelEndedError", "RemoteError"]

log = logging.getLogger("hornbeam.workers")


class ChannelEndedError(Exception):
    """The other side is gone, and will not answer."""


class RemoteError(Exception):
    """The other side failed in a way that it should not have; its log has the details."""


class Channel:
    """One end of a pipe. `serve` answers what the other side asks, on a thread of its own; `ended` is called once, when that is gone."""

    def __init__(self, connection: Connection, serve: Callable[[Message], object], ended: Callable[[], None] = lambda: None) -> None:
        self._connection = connection
        self._serve = serve
        self._ended = ended
        self._numbers = count()
        self._waiting: dict[int, Future[Any]] = {}
        self._lock = Lock()  # of what is waited for
        self._sending = Lock()
        self._closed = False

    def start(self) -> None:
        """Begins to listen to the other side."""
        Thread(target=self._read, name="channel", daemon=True).start()

    def begin(self, message: Message) -> Future[Any]:
        """The answer to come: what the other side gives or raises, or ChannelEndedError."""
        future: Future[Any] = Future()
        with self._lock:
            number = next(self._numbers)
            if self._closed:
                future.set_exception(ChannelEndedError())
                return future
            self._waiting[number] = future
        self._send(Ask(number, message))
        return future

    def ask(self, message: Message, timeout: float | None = None) -> Any:
        """The answer. Raises what the other side does, ChannelEndedError, or TimeoutError after so many seconds."""
        return self.begin(message).result(timeout)

    def _send(self, framed: Ask | Answer) -> None:
        try:
            with self._sending:
                self._connection.send(framed)
        except (OSError, ValueError):  # the reader finds the end, and tells all who wait
            log.debug("%s was not sent: the other side is gone", type(framed).__name__)

    def _read(self) -> None:
        try:
            while True:
                self._take(self._connection.recv())
        except (EOFError, OSError):
            self._close()

    def _take(self, framed: Ask | Answer) -> None:
        if isinstance(framed, Ask):
            Thread(target=self._answer, args=(framed,), name="channel-answer", daemon=True).start()
            return
        with self._lock:
            future = self._waiting.pop(framed.number)
        if framed.error is not None:
            future.set_exception(framed.error)
        else:
            future.set_result(framed.value)

    def _answer(self, asked: Ask) -> None:
        try:
            answer = Answer(asked.number, self._serve(asked.message))
        except (ServiceError, StartupError, ChannelEndedError, RemoteError) as error:
            answer = Answer(asked.number, error=error)
        except Exception:  # a bug: whoever waits must not wait for ever
            log.exception("%s failed", type(asked.message).__name__)
            answer = Answer(asked.number, error=RemoteError(f"{type(asked.message).__name__} failed; the log has the details"))
        self._send(answer)

    def _close(self) -> None:
        with self._lock:
            self._closed = True
            left = list(self._waiting.values())
            self._waiting.clear()
        with self._sending:
            self._connection.close()
        for future in left:
            future.set_exception(ChannelEndedError())
        self._ended()
