"""Where calls end: what is known of one while it goes on, and what its failure is to its caller and to the log."""

from __future__ import annotations

import logging
from collections.abc import Callable
from dataclasses import dataclass
from time import monotonic
from typing import Protocol

import grpc

from service.errors import OutOfMemoryError, ServiceError
from service.request import Outcome, Timeline
from service.rpc.status import code_of, trailers

__all__ = ["Call", "Failure", "Trace", "failure_of", "outcome_of"]

log = logging.getLogger("hornbeam.rpc")


class Call(Protocol):
    """What a method may ask of its call; the stock transport's context is one, and there will be another."""

    def time_remaining(self) -> float | None:
        """Seconds to the caller's deadline, None without one."""

    def add_callback(self, callback: Callable[[], None]) -> bool:
        """Has `callback` called when the call ends, in whichever way; False when it has ended already."""


class Trace:
    """What a call turns out to be about, for the one line that is told of it."""

    __slots__ = ("model", "timeline", "version")

    def __init__(self) -> None:
        self.model = ""
        self.version = ""
        self.timeline = Timeline(monotonic())


@dataclass(frozen=True, slots=True)
class Failure:
    """What a caller gets in place of an answer, and for the metrics the reason."""

    code: grpc.StatusCode
    text: str
    reason: str
    trailers: tuple[tuple[str, str | bytes], ...] = ()

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
        return Failure(code_of(error), str(error), error.reason, trailers(error, trace.model, trace.version))
    log.error("%s failed", method, exc_info=error)
    return Failure(grpc.StatusCode.INTERNAL, "internal error; the server's log has the details", "bug")


def outcome_of(method: str, trace: Trace, failure: Failure | None) -> Outcome:
    """What is told of a call, or of a request of a stream, that ends now."""
    trace.timeline.ended = monotonic()
    code = grpc.StatusCode.OK if failure is None else failure.code
    return Outcome(method, code.name, trace.model, trace.version, failure.reason if failure else None, trace.timeline)
