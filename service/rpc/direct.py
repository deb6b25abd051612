"""ModelInfer without a thread that waits: whoever has the answer sends it.

What is cheap to compute is run by the thread that polls the completion queue, as soon as the queue is empty; what is costly
is run by the model's runners, which answer from where they are.

That thread works in phases: it takes all calls, runs them, encodes all answers, and sends them. The C-core's code and Python's
then do not drive each other out of the processor's caches with every call.
"""

from __future__ import annotations

import logging
from functools import partial
from threading import get_ident
from time import monotonic

from service.engine.promise import Promise
from service.engine.runners import Runners
from service.rpc import metadata
from service.rpc.boundary import Boundary, Failure, Trace, deadline_of, failure_of
from service.rpc.completion_queue import QueueCall
from service.rpc.inference import Asked, Inference, outputs_of

__all__ = ["METHOD", "MOST_CALLS", "DirectInference"]

log = logging.getLogger("hornbeam.rpc")
METHOD = "ModelInfer"
MOST_CALLS = 4096  # in progress, unless it is said otherwise
AT_A_TIME = 0.002  # seconds of cheap runs, after which the queue is looked at again


class DirectInference:
    """Serves ModelInfer from the completion queue, as long as no more than `most` calls are in progress.

    Cheap work is done on its thread where `runners` are given.
    """

    def __init__(self, inference: Inference, boundary: Boundary, runners: Runners | None, most: int) -> None:
        self._inference = inference
        self._boundary = boundary
        self._runners = runners
        self._most = most
        self._thread = 0  # that polls the queue
        self._unsent: list[tuple[QueueCall, bytes, metadata.Trailers]] = []  # of that thread

    def begin(self, message: bytes, call: QueueCall) -> None:
        """Takes a call; it is ended when its request has been computed, or at once when it cannot be."""
        trace = self._boundary.enter(METHOD, call.metadata())
        try:
            self._boundary.check_place(self._most)
            pending = self._inference.read(message, deadline_of(call), trace, here=self._runners is not None)
        except Exception as error:  # the boundary
            self._end(call, trace, failure_of(error, METHOD, trace))
            return
        future = pending.job.future  # whose callback must not lead back to it: the message would stay until the next collection
        if not pending.here:  # else it is computed before a cancellation could be heard of
            call.add_callback(future.cancel)
        future.add_done_callback(partial(self._answer, pending.asked, call, trace))

    def flush(self) -> bool:
        """Runs what was left to the queue's thread, and answers it; whether more of it is left."""
        if self._runners is None:
            return False
        self._thread = get_ident()
        left = self._runners.work_here(AT_A_TIME)
        unsent, self._unsent = self._unsent, []
        for call, encoded, trailers in unsent:
            try:
                call.answer(encoded, trailers)
            except Exception:  # a bug: the others must have theirs
                log.exception("sending an answer failed")
        return left

    def _answer(self, asked: Asked, call: QueueCall, trace: Trace, future: Promise) -> None:
        try:
            encoded = asked.encode(outputs_of(future))
        except Exception as error:  # the boundary
            self._end(call, trace, failure_of(error, METHOD, trace))
            return
        trace.timeline.answered = monotonic()
        self._boundary.leave(METHOD, trace, None)
        trailers = metadata.timing(trace.timeline) if trace.debug else ()
        if get_ident() == self._thread:
            self._unsent.append((call, encoded, trailers))
        else:
            call.answer(encoded, trailers)

    def _end(self, call: QueueCall, trace: Trace, failure: Failure) -> None:
        self._boundary.leave(METHOD, trace, failure)
        call.refuse(failure.code, failure.text, failure.trailers)
