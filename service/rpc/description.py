"""What the protocol tells of models: their signatures, how they are served, and which there are."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import cast

from service.engine.queue import BatchOptions
from service.repository.layout import FILE
from service.repository.registry import ModelStatus, Served, State
from service.request import Datatype, Duration, Statistics, TensorSpec
from service.rpc._pb import inference_pb2 as pb
from service.rpc.shared_memory import Region

__all__ = ["model_config", "model_metadata", "model_statistics", "repository_index", "shared_memory_status"]

PLATFORM = "onnxruntime_onnx"
# Triton's words for the states.
STATES: Mapping[State, str] = {
    State.LOADING: "LOADING",
    State.READY: "READY",
    State.DRAINING: "UNLOADING",
    State.FAILED: "UNAVAILABLE",
    State.UNLOADED: "UNAVAILABLE",
}


def model_metadata(served: Served, versions: Iterable[str]) -> pb.ModelMetadataResponse:
    """A model's inputs and outputs, and what its exporter wrote into it; shapes count the batch."""
    signature = served.session.signature
    return pb.ModelMetadataResponse(
        name=served.name,
        versions=versions,
        platform=PLATFORM,
        inputs=_described(signature.inputs.values()),
        outputs=_described(signature.outputs.values()),
        properties=served.session.metadata,
    )


def model_config(served: Served) -> pb.ModelConfig:
    """How a model is served, as Triton writes it: where requests share runs, the dims leave the batch out."""
    signature, batched = served.session.signature, served.session.signature.batched
    kinds = pb.ModelInstanceGroup
    kind = kinds.KIND_CPU if served.session.provider == "CPUExecutionProvider" else kinds.KIND_GPU
    return pb.ModelConfig(
        name=served.name,
        platform=PLATFORM,
        backend="onnxruntime",
        version_policy=pb.ModelVersionPolicy(latest=pb.ModelVersionPolicy.Latest(num_versions=1)),
        max_batch_size=served.batcher.max_batch_rows if batched else 0,
        input=[
            pb.ModelInput(
                name=spec.name, data_type=_data_type(spec.datatype), dims=_dims(spec, batched and not spec.optional), optional=spec.optional
            )
            for spec in signature.inputs.values()
        ],
        output=[
            pb.ModelOutput(name=spec.name, data_type=_data_type(spec.datatype), dims=_dims(spec, batched))
            for spec in signature.outputs.values()
        ],
        instance_group=[pb.ModelInstanceGroup(name=served.name, count=served.batcher.runners, kind=kind)],
        default_model_filename=FILE,
        dynamic_batching=_dynamic_batching(served.batcher.options) if batched else None,
        model_transaction_policy=pb.ModelTransactionPolicy(decoupled=False),
    )


def model_statistics(found: Iterable[tuple[str, str, Statistics]]) -> pb.ModelStatisticsResponse:
    """What each model version, by name and number, has done so far; durations in nanoseconds, the last answer in milliseconds."""
    return pb.ModelStatisticsResponse(model_stats=[_statistics(*one) for one in found])


def repository_index(statuses: Iterable[ModelStatus], ready: bool) -> pb.RepositoryIndexResponse:
    """Every version with its state, or only those that can be asked."""
    index = pb.RepositoryIndexResponse.ModelIndex
    return pb.RepositoryIndexResponse(
        models=[
            index(name=status.model, version=status.version, state=STATES[status.state], reason=status.reason)
            for status in statuses
            if status.state is State.READY or not ready
        ]
    )


def shared_memory_status(regions: Iterable[Region]) -> pb.SystemSharedMemoryStatusResponse:
    """The regions by name; sizes and offsets in bytes."""
    response = pb.SystemSharedMemoryStatusResponse()
    for region in regions:
        told = response.regions[region.name]
        told.name, told.key, told.offset, told.byte_size = region.name, region.key, region.offset, region.byte_size
    return response


def _statistics(name: str, version: str, statistics: Statistics) -> pb.ModelStatistics:
    answered = statistics.success.count
    return pb.ModelStatistics(
        name=name,
        version=version,
        last_inference=round((statistics.last_answer or 0) * 1000),
        inference_count=statistics.rows,
        execution_count=statistics.executions,
        inference_stats=pb.InferStatistics(
            success=_duration(statistics.success),
            fail=_duration(statistics.fail),
            queue=_phase(statistics.queue, answered),
            compute_input=_phase(statistics.assembly, answered),
            compute_infer=_phase(statistics.compute, answered),
            compute_output=_phase(statistics.output, answered),
        ),
        batch_stats=[
            pb.InferBatchStatistics(batch_size=batch.rows, compute_input=_duration(batch.assembly), compute_infer=_duration(batch.compute))
            for batch in statistics.batches
        ],
    )


def _dynamic_batching(options: BatchOptions) -> pb.ModelDynamicBatching:
    """How requests wait for each other; where Triton's queue counts requests, this one counts rows."""
    policy = pb.ModelQueuePolicy(
        timeout_action=pb.ModelQueuePolicy.REJECT,
        default_timeout_microseconds=round(options.default_timeout_seconds * 1e6),
        allow_timeout_override=True,
        max_queue_size=min(options.max_queue_rows, 2**32 - 1),
    )
    return pb.ModelDynamicBatching(
        preferred_batch_size=options.preferred_rows,
        max_queue_delay_microseconds=round(options.max_delay_seconds * 1e6),
        priority_levels=options.priority_levels,
        default_priority_level=options.default_priority,
        default_queue_policy=policy,
    )


def _phase(duration: Duration, answered: int) -> pb.StatisticDuration:
    """A phase of the requests that were answered, each with the mean of all that have passed it.

    Others have passed it too: those whose answer is on its way, and those whose caller went away. Clients compare the
    counts of the phases, and perf_analyzer gives up where they differ.
    """
    mean = duration.seconds / duration.count if duration.count else 0.0
    return pb.StatisticDuration(count=answered, ns=round(mean * answered * 1e9))


def _duration(duration: Duration) -> pb.StatisticDuration:
    return pb.StatisticDuration(count=duration.count, ns=round(duration.seconds * 1e9))


def _described(specs: Iterable[TensorSpec]) -> list[pb.ModelMetadataResponse.TensorMetadata]:
    metadata = pb.ModelMetadataResponse.TensorMetadata
    return [metadata(name=spec.name, datatype=spec.datatype.name, shape=spec.wire_shape) for spec in specs]


def _data_type(datatype: Datatype) -> pb.DataType:
    """Triton's enumeration, which calls BYTES a string."""
    number = pb.DataType.Value("TYPE_STRING" if datatype.name == "BYTES" else f"TYPE_{datatype.name}")
    return cast("pb.DataType", number)


def _dims(spec: TensorSpec, batched: bool) -> list[int]:
    return spec.wire_shape[1:] if batched else spec.wire_shape
