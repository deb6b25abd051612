"""ModelStreamInfer: many requests on one call, as many in the queue at once as may be, answered in their order.

Each stream has two threads, whatever the number of its requests: one reads them and queues them, the other, which is the
call's own, waits for the answer that is next. The order is Triton's: that of the requests, for models that give one answer
to each.
"""

from __future__ import annotations

from collections.abc import Iterator
from queue import SimpleQueue
from threading import Lock, Semaphore, Thread
from time import monotonic

import grpc

from service.errors import DrainingError, RequestCancelledError
from service.rpc import codec
from service.rpc._pb import inference_pb2 as pb
from service.rpc.boundary import Boundary, Failure, Trace, deadline_of, failure_of
from service.rpc.inference import Inference, Pending

__all__ = ["MAX_IN_FLIGHT", "METHOD", "Streams"]

METHOD = "ModelStreamInfer"
MAX_IN_FLIGHT = 256  # requests of one stream that have been read and not answered; beyond them reading waits
STATUS_WANTED = ("triton_grpc_error", "true")  # metadata: the first error ends the stream, as its status


class Streams:
    """The streams in progress; each request of each of them passes the boundary."""

    def __init__(self, inference: Inference, boundary: Boundary) -> None:
        self._inference = inference
        self._boundary = boundary
        self._open: set[_Stream] = set()
        self._lock = Lock()
        self._ended = False

    def answers(self, requests: Iterator[bytes], context: grpc.ServicerContext) -> Iterator[bytes]:
        """The messages that answer those of `requests`."""
        stream = _Stream(self._inference, self._boundary, context)
        with self._lock:
            self._open.add(stream)
            if self._ended:
                stream.drain()
        try:
            yield from stream.answers(requests)
        finally:
            with self._lock:
                self._open.discard(stream)

    def end(self) -> None:
        """Reads no more requests: streams end once what was read has been answered, and so do those that are yet to begin."""
        with self._lock:
            self._ended = True
            streams = list(self._open)
        for stream in streams:
            stream.drain()


class _Entry:
    """A request of a stream: queued, or failed before it was."""

    __slots__ = ("failure", "id", "pending", "trace")

    def __init__(self, trace: Trace) -> None:
        self.trace = trace
        self.id = ""
        self.pending: Pending | None = None
        self.failure: Failure | None = None

    def cancel(self) -> bool:
        """Takes the request out of the queue; False when it is not there, or not there any more."""
        return self.pending is not None and self.pending.job.future.cancel()


class _Stream:
    """One stream: what has been read waits in `_read` in its order, and None there is the end of it."""

    def __init__(self, inference: Inference, boundary: Boundary, context: grpc.ServicerContext) -> None:
        self._inference = inference
        self._boundary = boundary
        self._context = context
        self._deadline = deadline_of(context)  # one for all: what is read first is computed first
        self._slots = Semaphore(MAX_IN_FLIGHT)
        self._read: SimpleQueue[_Entry | None] = SimpleQueue()
        self._in_flight: set[_Entry] = set()
        self._lock = Lock()
        self._over = False
        self._draining = False

    def answers(self, requests: Iterator[bytes]) -> Iterator[bytes]:
        """Answers until the requests end, the caller goes away, or, where that was wanted, one fails."""
        if not self._context.add_callback(self._cancel):
            return
        Thread(target=self._take, args=(requests,), name="stream", daemon=True).start()
        status_wanted = STATUS_WANTED in {(key, str(value).lower()) for key, value in self._context.invocation_metadata() or ()}
        try:
            while (entry := self._read.get()) is not None:
                answer = self._answer(entry)
                if entry.failure is not None and status_wanted:
                    entry.failure.tell(self._context)
                    return
                yield answer
                self._slots.release()
            if self._draining:
                error = DrainingError("the server is about to stop and reads no more requests of this stream")
                failure_of(error, METHOD, Trace()).tell(self._context)
        finally:
            self._cancel()
            with self._lock:
                entries = list(self._in_flight)
            for entry in entries:  # those that run, and whose answer nobody will read
                self._give_up(entry)
            self._slots.release()  # the reader may wait for one

    def drain(self) -> None:
        """Answers what has been read, and then ends with a status that says why."""
        self._draining = True
        self._read.put(None)

    def _take(self, requests: Iterator[bytes]) -> None:
        """Reads requests and queues them, until there are no more; on a thread of its own."""
        try:
            while self._slots.acquire() and (data := next(requests, None)) is not None and self._begin(data):
                pass
        except grpc.RpcError:  # the caller went away
            pass
        finally:
            self._read.put(None)

    def _begin(self, data: bytes) -> bool:
        """Queues a request; False when the stream is over, and nothing is to be read any more."""
        with self._lock:
            if self._over or self._draining:
                return False
            entry = _Entry(self._boundary.enter(METHOD, self._context.invocation_metadata() or ()))
            self._in_flight.add(entry)
        try:
            message = codec.parse(pb.ModelInferRequest, data)
            entry.id = message.id
            entry.pending = self._inference.begin(message, self._deadline, entry.trace)
        except Exception as error:  # the boundary of a request: the stream goes on
            entry.failure = failure_of(error, METHOD, entry.trace)
        if self._over:
            entry.cancel()
        self._read.put(entry)
        return True

    def _answer(self, entry: _Entry) -> bytes:
        """The message that answers a request, which has been told of; waits for it."""
        message = pb.ModelStreamInferResponse()
        if entry.pending is not None:
            try:
                entry.pending.fill(message.infer_response)
            except Exception as error:  # the boundary of a request: the stream goes on
                entry.failure = failure_of(error, METHOD, entry.trace)
        if entry.failure is not None:
            message = pb.ModelStreamInferResponse(error_message=entry.failure.text)
            message.infer_response.id = entry.id
        message.infer_response.parameters["triton_final_response"].bool_param = True
        encoded = message.SerializeToString()
        if entry.failure is None:
            entry.trace.timeline.answered = monotonic()
        self._tell(entry)
        return encoded

    def _cancel(self) -> None:
        """Has nothing more queued, and takes what waits out of the queue."""
        with self._lock:
            self._over = True
            entries = list(self._in_flight)
        for entry in entries:
            if entry.cancel():
                self._give_up(entry)

    def _give_up(self, entry: _Entry) -> None:
        """Tells of a request that will not be answered."""
        if entry.failure is None:
            entry.failure = failure_of(RequestCancelledError("the stream ended before the request was answered"), METHOD, entry.trace)
        self._tell(entry)

    def _tell(self, entry: _Entry) -> None:
        with self._lock:
            if entry not in self._in_flight:
                return
            self._in_flight.remove(entry)
        self._boundary.leave(METHOD, entry.trace, entry.failure)
