"""One method of a stock gRPC server, answered straight from the C-core's completion queue.

grpcio's servers spend most of a small call in Python: a hand-off to a thread, conditions, objects for the state of each
call. Here the thread that polls the queue takes the call, and whoever has its answer sends it: two batches of operations
a call, and no hand-off. All other methods, and stopping, are the stock server's.

This is the only module that uses what is private to grpcio (`grpc._server` and `grpc._cython.cygrpc`); `missing` says
what a release of it no longer has.
"""

from __future__ import annotations

import logging
import math
import threading
import time
from collections.abc import Callable, Sequence
from typing import Any, Protocol

import grpc
from grpc import _server as stock
from grpc._cython import cygrpc  # type: ignore[attr-defined]  # compiled

__all__ = ["CompletionQueueLoop", "Handler", "QueueCall", "missing"]

log = logging.getLogger("hornbeam.rpc")
Trailers = Sequence[tuple[str, str | bytes]]

WAITING = 64  # calls that are asked for ahead, so that a burst of them finds a tag each
EMPTY_POLLS = 2  # before what has arrived is run: the first may only have read a socket
MOST_ARRIVED = 256  # calls that are taken before what they brought is run
IDLE_SECONDS = 1.0  # between two looks whether the server is still wanted
NO_FLAGS = 0
CODES = {code: code.value[0] for code in grpc.StatusCode}

# What is used of grpcio's insides: the loop of `grpc._server._serve`, taken apart.
PRIVATE = {
    stock: (
        *("_Server", "_ServerStage", "_begin_shutdown_once", "_process_event_and_continue", "_request_call"),
        *("_request_registered_call", "_stop_serving"),
    ),
    cygrpc: (
        *("CompletionType", "ReceiveCloseOnServerOperation", "ReceiveMessageOperation", "SendInitialMetadataOperation"),
        *("SendMessageOperation", "SendStatusFromServerOperation"),
    ),
}
STATE = ("completion_queue", "due", "lock", "registered_method_handlers", "server", "server_deallocated", "stage")


class Handler(Protocol):
    """What serves the method."""

    def begin(self, message: bytes, call: QueueCall) -> None:
        """Takes a call; its answer or its refusal may come at once, or later and from another thread."""

    def flush(self) -> bool:
        """Runs what was put off until the queue is empty; whether more of it is left."""


def missing(server: Any = None) -> str:
    """What this release of grpcio lacks of what is used here; empty when nothing."""
    lacking = [f"{module.__name__}.{name}" for module, names in PRIVATE.items() for name in names if not hasattr(module, name)]
    if server is not None:
        state = getattr(server, "_state", None)
        lacking += [f"the server's state's {name}" for name in STATE if not hasattr(state, name)]
    return ", ".join(lacking)


class QueueCall:
    """One call, and its tag on the completion queue: first for its message, then for its end."""

    __slots__ = ("_callbacks", "_deadline", "_due", "_ended", "_invocation_metadata", "_operations", "arrived", "watched")

    def __init__(self, event: Any, due: set[Any]) -> None:
        self._due = due
        self._operations = event.call
        self._deadline: float = event.call_details.deadline
        self._invocation_metadata = event.invocation_metadata
        self._callbacks: list[Callable[[], object]] = []
        self._ended = False
        self.arrived = False
        self.watched = False

    def receive(self) -> None:
        """Asks for the message."""
        self._due.add(self)
        self._operations.start_server_batch((cygrpc.ReceiveMessageOperation(NO_FLAGS),), self)

    def time_remaining(self) -> float | None:
        """Seconds to the caller's deadline, None without one."""
        return None if math.isinf(self._deadline) else max(self._deadline - time.time(), 0.0)

    def metadata(self) -> Sequence[tuple[str, str | bytes]]:
        """What the caller sent along."""
        return self._invocation_metadata or ()

    def add_callback(self, callback: Callable[[], object]) -> bool:
        """Has `callback` called when the call ends before it is answered; called by the queue's thread, before `begin` returns."""
        if not self.watched:
            self.watched = True
            tag = _Close(self)
            self._due.add(tag)
            self._operations.start_server_batch((cygrpc.ReceiveCloseOnServerOperation(NO_FLAGS),), tag)
        self._callbacks.append(callback)
        return True

    def answer(self, message: bytes, trailers: Trailers = ()) -> None:
        """Ends the call with an answer."""
        self._finish(cygrpc.StatusCode.ok, b"", trailers, cygrpc.SendMessageOperation(message, NO_FLAGS))

    def refuse(self, code: grpc.StatusCode, text: str, trailers: Trailers = ()) -> None:
        """Ends the call without one."""
        self._finish(CODES[code], text.encode(), trailers)

    def closed(self) -> None:
        """The call is over, and nobody waits for an answer if there was none."""
        if not self._ended:
            for callback in self._callbacks:
                callback()

    def _finish(self, code: int, text: bytes, trailers: Trailers, *message: Any) -> None:
        self._ended = True
        self._callbacks = []
        operations = [
            cygrpc.SendInitialMetadataOperation(None, NO_FLAGS),
            *message,
            cygrpc.SendStatusFromServerOperation(trailers or None, code, text, NO_FLAGS),
        ]
        if not self.watched:
            operations.append(cygrpc.ReceiveCloseOnServerOperation(NO_FLAGS))
        self._operations.start_server_batch(operations, self)


class _Close:
    """The tag of the end of a call that is watched."""

    __slots__ = ("call",)

    def __init__(self, call: QueueCall) -> None:
        self.call = call


class _Awaited:
    """The tag of a call that was asked for and has not arrived."""

    __slots__ = ()


class CompletionQueueLoop:
    """Serves `method` of a stock server by `handler`; every other event goes to the stock code.

    To be started in place of the server's own `start`. Stopping is the server's: each tag that is out is in its `due`.
    """

    def __init__(self, server: grpc.Server, method: str, handler: Handler) -> None:
        self._state: Any = server._state  # type: ignore[attr-defined]
        self._method = method
        self._handler = handler
        self._arrived: list[tuple[bytes, QueueCall]] = []  # and not begun
        self._state.server.register_method(method)
        self._thread = threading.Thread(target=self._serve, name="completion-queue", daemon=True)

    def start(self) -> None:
        """Begins to take calls."""
        with self._state.lock:
            self._state.server.start()
            self._state.stage = stock._ServerStage.STARTED
            for method in self._state.registered_method_handlers:
                stock._request_registered_call(self._state, method)
            stock._request_call(self._state)
            for _ in range(WAITING):
                self._await_call()
        self._thread.start()

    def _await_call(self) -> None:
        tag = _Awaited()
        queue = self._state.completion_queue
        self._state.server.request_registered_call(queue, queue, self._method, tag)
        self._state.due.add(tag)

    def _serve(self) -> None:
        poll, nothing = self._state.completion_queue.poll, cygrpc.CompletionType.queue_timeout
        empty, left = 0, False
        while True:
            event = poll(0.0 if self._arrived or left else time.time() + IDLE_SECONDS)
            if event.completion_type != nothing:
                empty = 0
                if not self._take(event):
                    return
                event = None  # it may hold the last reference to a call, which must not outlive the next poll
                if len(self._arrived) >= MOST_ARRIVED:
                    left = self._flush()
                continue
            empty += 1
            if empty >= EMPTY_POLLS and (self._arrived or left):
                left = self._flush()
            if self._state.server_deallocated:
                stock._begin_shutdown_once(self._state)

    def _flush(self) -> bool:
        """Has what has arrived served; whether more is left of it."""
        arrived, self._arrived = self._arrived, []
        for message, call in arrived:
            self._begin(message, call)
        try:
            return self._handler.flush()
        except Exception:  # a bug: the loop must go on
            log.exception("running what had arrived failed")
            return False

    def _begin(self, message: bytes, call: QueueCall) -> None:
        try:
            self._handler.begin(message, call)
        except Exception:  # a bug: the caller must not wait for ever
            log.exception("taking a call failed")
            call.refuse(grpc.StatusCode.INTERNAL, "internal error; the server's log has the details")

    def _take(self, event: Any) -> bool:
        """Handles an event; False when it was the last."""
        tag = event.tag
        if type(tag) is QueueCall:
            return self._progress(tag, event)
        if type(tag) is _Awaited:
            return self._arrive(tag, event)
        if type(tag) is _Close:
            self._state.due.discard(tag)
            tag.call.closed()
            return not self._over()
        return bool(stock._process_event_and_continue(self._state, event))

    def _arrive(self, tag: _Awaited, event: Any) -> bool:
        """A call, whose message is asked for; or the end of waiting for one."""
        self._state.due.discard(tag)
        if not event.success:
            return not self._over()
        with self._state.lock:
            if self._state.stage is stock._ServerStage.STARTED:
                self._await_call()
        QueueCall(event, self._state.due).receive()
        return True

    def _progress(self, call: QueueCall, event: Any) -> bool:
        """A call's message, or its end."""
        if call.arrived:
            self._state.due.discard(call)
            return not self._over()
        call.arrived = True
        message = event.batch_operations[0].message()
        if message is None:  # it ended before it said anything
            self._state.due.discard(call)
            return not self._over()
        self._arrived.append((message, call))
        return True

    def _over(self) -> bool:
        """Whether the server has stopped, and this was the last that it waited for."""
        if self._state.stage is stock._ServerStage.STARTED:
            return False
        with self._state.lock:
            return bool(self._state.stage is not stock._ServerStage.STARTED and stock._stop_serving(self._state))
