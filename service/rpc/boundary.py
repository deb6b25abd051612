"""Where calls end: what is known of one while it goes on, and what its failure is to its caller and to the log."""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from time import monotonic
from typing import Protocol

import grpc

from service.errors import ExecutionFailedError, OutOfMemoryError, QueueFullError, ServiceError
from service.request import Outcome, Timeline
from service.rpc import metadata
from service.rpc.status import code_of, trailers
from service.trace_context import TraceContext

__all__ = ["Begin", "Boundary", "Call", "Failure", "Trace", "deadline_of", "failure_of"]

log = logging.getLogger("hornbeam.rpc")
Begin = Callable[[str, TraceContext | None], tuple[object, TraceContext]]  # a span, and where it is, from a method and its caller's


class Call(Protocol):
    """What a method may ask of its call; the stock transport's context is one, and there will be another."""

    def time_remaining(self) -> float | None:
        """Seconds to the caller's deadline, None without one."""

    def add_callback(self, callback: Callable[[], None]) -> bool:
        """Has `callback` called when the call ends, in whichever way; False when it has ended already."""


def deadline_of(call: Call) -> float | None:
    """When a call's caller stops waiting, on the monotonic clock in seconds; None for one that never does."""
    remaining = call.time_remaining()
    return None if remaining is None else monotonic() + remaining


class Trace:
    """What a call turns out to be about, for the one line that is told of it.

    `context` is the trace that it is a part of; `debug` says that the caller wants to know where the time went.
    """

    __slots__ = ("context", "debug", "model", "request_id", "timeline", "version")

    def __init__(self) -> None:
        self.model = ""
        self.version = ""
        self.request_id = ""
        self.context: TraceContext | None = None
        self.debug = False
        self.timeline = Timeline(monotonic())


@dataclass(frozen=True, slots=True)
class Failure:
    """What a caller gets in place of an answer, for the metrics the reason, and for the log alone what was at the bottom of it."""

    code: grpc.StatusCode
    text: str
    reason: str
    trailers: tuple[tuple[str, str | bytes], ...] = ()
    cause: str = ""

    def tell(self, context: grpc.ServicerContext) -> None:
        """Makes this the status that the call ends with."""
        context.set_code(self.code)
        context.set_details(self.text)
        context.set_trailing_metadata(self.trailers)


def failure_of(error: Exception, method: str, trace: Trace) -> Failure:
    """What an error is to the caller; the log alone has what a bug is."""
    if isinstance(error, MemoryError):
        log.error("%s of model '%s': no memory: %s", method, trace.model, error)
        error = OutOfMemoryError("the server has not enough memory for the request")
    if isinstance(error, ServiceError):
        cause = str(error.__cause__ or "") if isinstance(error, ExecutionFailedError | OutOfMemoryError) else ""
        return Failure(code_of(error), str(error), error.reason, trailers(error, trace.model, trace.version), cause)
    log.error("%s failed", method, exc_info=error)
    return Failure(grpc.StatusCode.INTERNAL, "internal error; the server's log has the details", "bug")


class Boundary:
    """The calls in progress: who begins one comes in here, and whoever ends it tells of it here.

    Each of `observers` is told of each call that has ended; `begin` begins its span, where calls are traced.
    """

    def __init__(self, observers: Sequence[Callable[[Outcome], None]], begin: Begin | None = None) -> None:
        self._observers = observers
        self._begin = begin
        self._calls: set[Trace] = set()

    def in_progress(self) -> list[tuple[str, str]]:
        """Model and version of each call that has not ended, empty where they are not known yet."""
        return [(trace.model, trace.version) for trace in list(self._calls)]

    def check_place(self, most: int) -> None:
        """Raises QueueFullError when more than `most` calls have not ended."""
        if len(self._calls) > most:
            raise QueueFullError(f"Exceeds maximum number of calls in progress, which is {most}")

    def enter(self, method: str, given: Iterable[tuple[str, str | bytes]]) -> Trace:
        """What is known of a call, or of a request of a stream, that begins with the metadata that was `given`."""
        trace = Trace()
        self._calls.add(trace)
        trace.context, trace.debug = metadata.read(given)
        if self._begin is not None:
            trace.timeline.span, trace.context = self._begin(method, trace.context)
        return trace

    def leave(self, method: str, trace: Trace, failure: Failure | None) -> None:
        """Tells of a call, or of a request of a stream, that ends now."""
        trace.timeline.ended = monotonic()
        self._calls.discard(trace)
        outcome = _outcome(method, trace, failure)
        for tell in self._observers:
            tell(outcome)


def _outcome(method: str, trace: Trace, failure: Failure | None) -> Outcome:
    trace_id, sampled = (trace.context.trace_id, trace.context.sampled) if trace.context else ("", False)
    if failure is None:
        return Outcome(method, "OK", trace.timeline, trace.model, trace.version, None, trace_id, sampled, trace.request_id)
    return Outcome(
        method,
        failure.code.name,
        trace.timeline,
        trace.model,
        trace.version,
        failure.reason or None,
        trace_id,
        sampled,
        trace.request_id,
        failure.text,
        failure.cause,
    )
