"""One short method for each RPC: decode, ask, encode. The boundary around them turns errors into statuses, once."""

from __future__ import annotations

import logging
from collections.abc import Callable, Mapping
from concurrent.futures import CancelledError
from time import monotonic
from typing import Protocol

import grpc

from service import __version__
from service.errors import InvalidRequestError, NotSupportedError, RequestCancelledError, ServiceError, quoted
from service.repository.registry import Registry, Served
from service.request import Outcome, Request, Response, Statistics, Tensor, Timeline
from service.rpc import codec, description, metadata
from service.rpc._pb import inference_pb2 as pb
from service.rpc.status import code_of, trailers
from service.trace_context import TraceContext

__all__ = ["SERVICE", "Call", "InferenceServicer"]

log = logging.getLogger("hornbeam.rpc")
DESCRIPTOR = pb.DESCRIPTOR.services_by_name["GRPCInferenceService"]
SERVICE = DESCRIPTOR.full_name
EXTENSIONS = ("model_configuration", "statistics")  # of Triton's, those that work; clients branch on them


class Call(Protocol):
    """What a method may ask of its call; the stock transport's context is one, and there will be another."""

    def time_remaining(self) -> float | None:
        """Seconds to the caller's deadline, None without one."""

    def add_callback(self, callback: Callable[[], None]) -> bool:
        """Has `callback` called when the call ends, in whichever way; False when it has ended already."""


class Trace:
    """What a call turns out to be about, for the one line that is told of it."""

    __slots__ = ("context", "model", "request_id", "timeline", "version")

    def __init__(self) -> None:
        self.model = ""
        self.version = ""
        self.request_id = ""
        self.context: TraceContext | None = None
        self.timeline = Timeline(monotonic())


Method = Callable[["InferenceServicer", bytes, Call, Trace], bytes]
Begin = Callable[[str, TraceContext | None], tuple[object, TraceContext]]  # a span, and where it is, from a method and its caller's


class InferenceServicer:
    """The Open Inference Protocol over a registry of models.

    `observe` is told of each call when it has ended; `statistics` tells what a model version has done so far; `begin` begins a call's
    span, where calls are traced.
    """

    def __init__(
        self,
        registry: Registry,
        observe: Callable[[Outcome], None],
        statistics: Callable[[str, str], Statistics],
        begin: Begin | None = None,
    ) -> None:
        self._begin = begin
        self._calls: set[Trace] = set()
        self._registry = registry
        self._observe = observe
        self._statistics = statistics
        self.draining = False

    def handlers(self) -> Mapping[str, grpc.RpcMethodHandler[bytes, bytes]]:
        """A handler of raw messages for every RPC of the protocol, by its name."""
        return {name: grpc.unary_unary_rpc_method_handler(self._handler(name, METHODS[name])) for name in METHODS}

    def in_progress(self) -> list[tuple[str, str]]:
        """Model and version of each call that has not ended, empty where they are not known yet."""
        return [(trace.model, trace.version) for trace in list(self._calls)]

    def server_live(self, data: bytes, call: Call, trace: Trace) -> bytes:
        return pb.ServerLiveResponse(live=True).SerializeToString()

    def server_ready(self, data: bytes, call: Call, trace: Trace) -> bytes:
        return pb.ServerReadyResponse(ready=self._registry.ready and not self.draining).SerializeToString()

    def server_metadata(self, data: bytes, call: Call, trace: Trace) -> bytes:
        return pb.ServerMetadataResponse(name="hornbeam", version=__version__, extensions=EXTENSIONS).SerializeToString()

    def model_ready(self, data: bytes, call: Call, trace: Trace) -> bytes:
        request = codec.parse(pb.ModelReadyRequest, data)
        self._served(request.name, request.version, trace)
        return pb.ModelReadyResponse(ready=True).SerializeToString()

    def model_metadata(self, data: bytes, call: Call, trace: Trace) -> bytes:
        request = codec.parse(pb.ModelMetadataRequest, data)
        served = self._served(request.name, request.version, trace)
        return description.model_metadata(served, self._registry.versions(served.name)).SerializeToString()

    def model_config(self, data: bytes, call: Call, trace: Trace) -> bytes:
        request = codec.parse(pb.ModelConfigRequest, data)
        served = self._served(request.name, request.version, trace)
        return pb.ModelConfigResponse(config=description.model_config(served)).SerializeToString()

    def model_statistics(self, data: bytes, call: Call, trace: Trace) -> bytes:
        request = codec.parse(pb.ModelStatisticsRequest, data)
        if request.name:
            served = [self._served(request.name, request.version, trace)]
        else:
            served = [status.served for status in self._registry.statuses() if status.served is not None]
        found = ((one.name, str(one.version), self._statistics(one.name, str(one.version))) for one in served)
        return description.model_statistics(found).SerializeToString()

    def repository_index(self, data: bytes, call: Call, trace: Trace) -> bytes:
        request = codec.parse(pb.RepositoryIndexRequest, data)
        if request.repository_name:
            raise NotSupportedError("'repository_name' specification is not supported; this server has one repository")
        return description.repository_index(self._registry.statuses(), request.ready).SerializeToString()

    def model_infer(self, data: bytes, call: Call, trace: Trace) -> bytes:
        message = codec.parse(pb.ModelInferRequest, data)
        trace.request_id = quoted(message.id)
        served = self._served(message.model_name, message.model_version, trace)
        request = codec.decode_request(message, trace.timeline.received)
        response = _infer(served, request, call, trace.timeline)
        encoded = codec.encode_response(response)
        trace.timeline.answered = monotonic()
        return encoded

    def _served(self, name: str, version: str, trace: Trace) -> Served:
        """The model that a call names; its name becomes a label only once it is known to be one."""
        if not name:
            raise InvalidRequestError("the request names no model", "model_name")
        if self._registry.knows(name):
            trace.model = name
        served = self._registry.get(name, codec.parse_version(version))
        trace.version = str(served.version)
        return served

    def _handler(self, name: str, method: Method) -> Callable[[bytes, grpc.ServicerContext], bytes]:
        """The boundary: what a method raises becomes a status, and every call is observed."""

        def handle(data: bytes, context: grpc.ServicerContext) -> bytes:
            trace, code, reason, answer, text = Trace(), grpc.StatusCode.OK, None, b"", ""
            self._calls.add(trace)
            trace.context, debug = metadata.read(context.invocation_metadata())
            if self._begin is not None:
                trace.timeline.span, trace.context = self._begin(name, trace.context)
            try:
                answer = method(self, data, context, trace)
            except ServiceError as error:
                code, reason, text = code_of(error), error.reason, str(error)
                context.set_details(text)
                context.set_trailing_metadata(trailers(error, trace.model, trace.version))
            except Exception:  # a bug: the caller learns that, and the log what
                log.exception("%s failed", name)
                code, reason = grpc.StatusCode.INTERNAL, "bug"
                context.set_details("internal error; the server's log has the details")
            context.set_code(code)
            if debug and reason is None:
                context.set_trailing_metadata(metadata.timing(trace.timeline))
            trace.timeline.ended = monotonic()
            self._calls.discard(trace)
            self._observe(_outcome(name, code, reason, text, trace))
            return answer

        return handle


def _outcome(method: str, code: grpc.StatusCode, reason: str | None, text: str, trace: Trace) -> Outcome:
    trace_id, sampled = (trace.context.trace_id, trace.context.sampled) if trace.context else ("", False)
    return Outcome(method, code.name, trace.model, trace.version, reason, trace.timeline, trace_id, sampled, trace.request_id, text)


def _infer(served: Served, request: Request, call: Call, timeline: Timeline) -> Response:
    """Runs a request, among others if the model allows. Raises ServiceError when it is not answered."""
    timeline.deadline = _deadline(request, call)
    job = served.job(request, timeline.deadline, timeline)
    served.batcher.submit(job)
    if not call.add_callback(job.future.cancel):  # type: ignore[arg-type]  # what it returns does not matter
        job.future.cancel()
    try:
        outputs = job.future.result()
    except CancelledError:
        raise RequestCancelledError("the caller cancelled the request") from None
    signature = served.session.signature
    computed = dict(zip(signature.outputs, outputs, strict=True))
    names = request.outputs or tuple(signature.outputs)
    tensors = tuple(Tensor(name, signature.outputs[name].datatype, computed[name]) for name in names)
    return Response(served.name, str(served.version), request.id, tensors)


def _deadline(request: Request, call: Call) -> float | None:
    """The earlier of the call's deadline and the request's own, on the monotonic clock."""
    remaining = call.time_remaining()
    given = [request.deadline, None if remaining is None else monotonic() + remaining]
    return min((deadline for deadline in given if deadline is not None), default=None)


METHODS: Mapping[str, Method] = {
    "ServerLive": InferenceServicer.server_live,
    "ServerReady": InferenceServicer.server_ready,
    "ServerMetadata": InferenceServicer.server_metadata,
    "ModelReady": InferenceServicer.model_ready,
    "ModelMetadata": InferenceServicer.model_metadata,
    "ModelInfer": InferenceServicer.model_infer,
    "ModelConfig": InferenceServicer.model_config,
    "ModelStatistics": InferenceServicer.model_statistics,
    "RepositoryIndex": InferenceServicer.repository_index,
}
