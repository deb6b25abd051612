"""One short method for each RPC: decode, ask, encode. The boundary around them turns errors into statuses, once."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from time import monotonic
from typing import NamedTuple
from weakref import ref

import grpc

from service import __version__
from service.engine.runners import Runners
from service.errors import InvalidRequestError, NotSupportedError
from service.repository.registry import Registry, Served
from service.request import Outcome, Statistics
from service.rpc import codec, description, metadata, repository_control
from service.rpc._pb import inference_pb2 as pb
from service.rpc.boundary import Begin, Boundary, Call, Failure, Trace, deadline_of, failure_of
from service.rpc.direct import MOST_CALLS, DirectInference
from service.rpc.inference import Inference
from service.rpc.repository_control import Control, NoControl
from service.rpc.settings import LogSettings, TraceSettings
from service.rpc.shared_memory import Regions, SharedMemoryOptions
from service.rpc.streaming import METHOD as STREAM_INFER
from service.rpc.streaming import Streams

__all__ = ["METHODS", "SERVICE", "STREAM_INFER", "InferenceServicer"]

DESCRIPTOR = pb.DESCRIPTOR.services_by_name["GRPCInferenceService"]
SERVICE = DESCRIPTOR.full_name
# Of Triton's, those that work; clients branch on them.
EXTENSIONS = (
    "classification",
    "model_repository",
    "schedule_policy",
    "model_configuration",
    "binary_tensor_data",
    "parameters",
    "statistics",
    "trace",
    "logging",
)
SHARED_MEMORY = "system_shared_memory"  # when it is on

Method = Callable[["InferenceServicer", bytes, Call, Trace], bytes]


class InferenceServicer:
    """The Open Inference Protocol and Triton's extensions over a registry of models.

    `observe` is told of each call, and of each request of a stream, when it has ended; `statistics` tells what a model version
    has done so far; `begin` begins a call's span, where calls are traced; `control` loads and unloads models for callers.
    """

    def __init__(
        self,
        registry: Registry,
        observe: Callable[[Outcome], None],
        statistics: Callable[[str, str], Statistics],
        begin: Begin | None = None,
        control: Control | None = None,
        shared_memory: SharedMemoryOptions | None = None,
    ) -> None:
        self._registry = registry
        self._statistics = statistics
        self._control = control or NoControl()
        self._regions = Regions(shared_memory or SharedMemoryOptions())
        self._log_settings, self._trace_settings = LogSettings(), TraceSettings()
        self._inference = Inference(self._served, self._regions)
        self._boundary = Boundary((observe, self._trace_settings.record), begin)
        self._known = _Known(None, {})
        self._streams = Streams(self._inference, self._boundary)
        self.draining = False

    def handlers(self) -> Mapping[str, grpc.RpcMethodHandler[bytes, bytes]]:
        """A handler of raw messages for every RPC of the protocol, by its name."""
        handlers: dict[str, grpc.RpcMethodHandler[bytes, bytes]] = {
            name: grpc.unary_unary_rpc_method_handler(self._handler(name, method)) for name, method in METHODS.items()
        }
        handlers[STREAM_INFER] = grpc.stream_stream_rpc_method_handler(self._streams.answers)
        return handlers

    def direct(self, runners: Runners | None, most: int = MOST_CALLS) -> DirectInference:
        """ModelInfer for a transport that answers from the completion queue, with no more than `most` calls in progress.

        With `runners` what is cheap is run by the queue's thread.
        """
        return DirectInference(self._inference, self._boundary, runners, most)

    def end_streams(self) -> None:
        """Has streams end when what they have read is answered; they would hold up a stop for the whole grace."""
        self._streams.end()

    def in_progress(self) -> list[tuple[str, str]]:
        """Model and version of each call that has not ended, empty where they are not known yet."""
        return self._boundary.in_progress()

    # The Open Inference Protocol.

    def server_live(self, data: bytes, call: Call, trace: Trace) -> bytes:
        return pb.ServerLiveResponse(live=True).SerializeToString()

    def server_ready(self, data: bytes, call: Call, trace: Trace) -> bytes:
        return pb.ServerReadyResponse(ready=self._registry.ready and not self.draining).SerializeToString()

    def server_metadata(self, data: bytes, call: Call, trace: Trace) -> bytes:
        extensions: Iterable[str] = (*EXTENSIONS, SHARED_MEMORY) if self._regions.enabled else EXTENSIONS
        return pb.ServerMetadataResponse(name="hornbeam", version=__version__, extensions=extensions).SerializeToString()

    def model_ready(self, data: bytes, call: Call, trace: Trace) -> bytes:
        request = codec.parse(pb.ModelReadyRequest, data)
        self._served(request.name, request.version, trace)
        return pb.ModelReadyResponse(ready=True).SerializeToString()

    def model_metadata(self, data: bytes, call: Call, trace: Trace) -> bytes:
        request = codec.parse(pb.ModelMetadataRequest, data)
        served = self._served(request.name, request.version, trace)
        return description.model_metadata(served, self._registry.versions(served.name)).SerializeToString()

    def model_infer(self, data: bytes, call: Call, trace: Trace) -> bytes:
        pending = self._inference.read(data, deadline_of(call), trace)
        if not call.add_callback(pending.job.future.cancel):  # type: ignore[arg-type]  # what it returns does not matter
            pending.job.future.cancel()
        encoded = pending.encode()
        trace.timeline.answered = monotonic()
        return encoded

    # Triton's extensions.

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
        repository_control.check_repository(request.repository_name)
        return description.repository_index(self._registry.statuses(), request.ready).SerializeToString()

    def repository_model_load(self, data: bytes, call: Call, trace: Trace) -> bytes:
        repository_control.load(self._control, codec.parse(pb.RepositoryModelLoadRequest, data))
        return pb.RepositoryModelLoadResponse().SerializeToString()

    def repository_model_unload(self, data: bytes, call: Call, trace: Trace) -> bytes:
        repository_control.unload(self._control, codec.parse(pb.RepositoryModelUnloadRequest, data))
        return pb.RepositoryModelUnloadResponse().SerializeToString()

    def shared_memory_status(self, data: bytes, call: Call, trace: Trace) -> bytes:
        found = self._regions.status(codec.parse(pb.SystemSharedMemoryStatusRequest, data).name)
        return description.shared_memory_status(found).SerializeToString()

    def shared_memory_register(self, data: bytes, call: Call, trace: Trace) -> bytes:
        request = codec.parse(pb.SystemSharedMemoryRegisterRequest, data)
        self._regions.register(request.name, request.key, request.offset, request.byte_size)
        return pb.SystemSharedMemoryRegisterResponse().SerializeToString()

    def shared_memory_unregister(self, data: bytes, call: Call, trace: Trace) -> bytes:
        self._regions.unregister(codec.parse(pb.SystemSharedMemoryUnregisterRequest, data).name)
        return pb.SystemSharedMemoryUnregisterResponse().SerializeToString()

    def cuda_unregister(self, data: bytes, call: Call, trace: Trace) -> bytes:
        """Every region is forgotten where there is none, which perf_analyzer asks for; a region by name there cannot be."""
        if codec.parse(pb.CudaSharedMemoryUnregisterRequest, data).name:
            raise _not_here("CudaSharedMemoryUnregister")
        return pb.CudaSharedMemoryUnregisterResponse().SerializeToString()

    def trace_setting(self, data: bytes, call: Call, trace: Trace) -> bytes:
        request = codec.parse(pb.TraceSettingRequest, data)
        if request.model_name:
            self._served(request.model_name, "", trace)
        return self._trace_settings.update(request.model_name, request.settings).SerializeToString()

    def log_settings(self, data: bytes, call: Call, trace: Trace) -> bytes:
        return self._log_settings.update(codec.parse(pb.LogSettingsRequest, data).settings).SerializeToString()

    def _served(self, name: str, version: str, trace: Trace) -> Served:
        """The model that a call names; its name becomes a label only once it is known to be one."""
        known = self._known
        if known.table is not self._registry.table:
            known = self._known = _Known(self._registry.table, {})
        found, number = known.versions.get((name, version), _UNKNOWN)
        if (served := found()) is not None:
            trace.model, trace.version = name, number
            return served
        if not name:
            raise InvalidRequestError("the request names no model", "model_name")
        if self._registry.knows(name):
            trace.model = name
        served = self._registry.get(name, codec.parse_version(version))
        trace.version = str(served.version)
        known.versions[name, version] = ref(served), trace.version  # if the table has changed meanwhile, this is not looked at again
        return served

    def _handler(self, name: str, method: Method) -> Callable[[bytes, grpc.ServicerContext], bytes]:
        """The boundary: what a method raises becomes a status, and every call is observed."""

        def handle(data: bytes, context: grpc.ServicerContext) -> bytes:
            trace, answer = self._boundary.enter(name, context.invocation_metadata()), b""
            failure: Failure | None = None
            try:
                answer = method(self, data, context, trace)
            except Exception as error:
                failure = failure_of(error, name, trace)
                failure.tell(context)
            self._boundary.leave(name, trace, failure)
            if failure is None and trace.debug:
                context.set_trailing_metadata(metadata.timing(trace.timeline))
            return answer

        return handle


class _Known(NamedTuple):
    """What names and versions, as callers write them, lead to in a table of the registry, and the version's number.

    Nothing that is known keeps an unloaded model in memory.
    """

    table: object
    versions: dict[tuple[str, str], tuple[Callable[[], Served | None], str]]


_UNKNOWN: tuple[Callable[[], None], str] = (lambda: None, "")


def _not_here(name: str) -> NotSupportedError:
    return NotSupportedError(f"{name} belongs to the extension cuda_shared_memory, which this server does not have")


def _missing(name: str) -> Method:
    """The method of an RPC that is not here."""

    def refuse(servicer: InferenceServicer, data: bytes, call: Call, trace: Trace) -> bytes:
        raise _not_here(name)

    return refuse


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
    "RepositoryModelLoad": InferenceServicer.repository_model_load,
    "RepositoryModelUnload": InferenceServicer.repository_model_unload,
    "SystemSharedMemoryStatus": InferenceServicer.shared_memory_status,
    "SystemSharedMemoryRegister": InferenceServicer.shared_memory_register,
    "SystemSharedMemoryUnregister": InferenceServicer.shared_memory_unregister,
    "TraceSetting": InferenceServicer.trace_setting,
    "LogSettings": InferenceServicer.log_settings,
    "CudaSharedMemoryUnregister": InferenceServicer.cuda_unregister,
    **{name: _missing(name) for name in ("CudaSharedMemoryStatus", "CudaSharedMemoryRegister")},
}
