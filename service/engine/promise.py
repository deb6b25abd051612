"""What a caller of the engine waits for: outputs, an error, or that nobody wants them any more.

`concurrent.futures.Future` says the same, with a condition in each, which costs a small call more than its share of the run.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Sequence
from concurrent.futures import CancelledError
from threading import Event, Lock

from service.request import Array

__all__ = ["Promise"]

log = logging.getLogger("hornbeam.engine")
PENDING, CLAIMED, CANCELLED, KEPT = range(4)

Callback = Callable[["Promise"], object]


class Promise:
    """The outputs of a job, in the model's order. Whoever claims it computes them; whoever cancels it before keeps that from happening."""

    __slots__ = ("_callbacks", "_error", "_lock", "_outputs", "_state", "_waiter", "cancelled")

    def __init__(self) -> None:
        self._lock = Lock()
        self._state = PENDING
        self._outputs: Sequence[Array] = ()
        self._error: Exception | None = None
        self._callbacks: tuple[Callback, ...] = ()
        self._waiter: Event | None = None
        self.cancelled = False

    def claim(self) -> bool:
        """Whether it is the caller's to keep; False when it has been cancelled, or is another's."""
        with self._lock:
            if self._state != PENDING:
                return False
            self._state = CLAIMED
            return True

    def cancel(self) -> bool:
        """Gives it up, unless somebody has claimed it; whether it is given up."""
        with self._lock:
            if self._state != PENDING:
                return self.cancelled
            self._state, self.cancelled = CANCELLED, True
            callbacks, self._callbacks = self._callbacks, ()
        self._tell(callbacks)
        return True

    def set_result(self, outputs: Sequence[Array]) -> None:
        """Keeps it."""
        self._outputs = outputs
        with self._lock:
            self._state = KEPT
            callbacks, self._callbacks = self._callbacks, ()  # they lead to whom they tell, and may lead back to this
        self._tell(callbacks)

    def set_exception(self, error: Exception) -> None:
        """Ends it with what waiting for it raises."""
        self._error = error
        with self._lock:
            self._state = KEPT
            callbacks, self._callbacks = self._callbacks, ()  # they lead to whom they tell, and may lead back to this
        self._tell(callbacks)

    @property
    def done(self) -> bool:
        """Whether it has ended in whichever way."""
        return self._state >= CANCELLED

    def exception(self) -> Exception | None:
        """Why there are no outputs; None for one that was kept, or has not ended."""
        return CancelledError() if self.cancelled else self._error

    def result(self, timeout: float | None = None) -> Sequence[Array]:
        """The outputs, waiting for them for `timeout` seconds. Raises what it ended with, CancelledError, or TimeoutError."""
        if self._state < CANCELLED:
            self._wait(timeout)
        if self.cancelled:
            raise CancelledError
        if self._error is not None:
            raise self._error
        return self._outputs

    def add_done_callback(self, callback: Callback) -> None:
        """Has `callback` called with this when it has ended: by whoever ends it, or at once when it has ended already."""
        with self._lock:
            if self._state < CANCELLED:
                self._callbacks = (*self._callbacks, callback)
                return
        self._tell((callback,))

    def _tell(self, callbacks: tuple[Callback, ...]) -> None:
        if self._waiter is not None:
            self._waiter.set()
        for callback in callbacks:
            try:
                callback(self)
            except Exception:  # a bug: whoever computes must go on
                log.exception("telling of the end of a request failed")

    def _wait(self, timeout: float | None) -> None:
        with self._lock:
            if self.done:
                return
            waiter = self._waiter = self._waiter or Event()
        if not waiter.wait(timeout):
            raise TimeoutError(f"not computed within {timeout} s")
