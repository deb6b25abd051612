"""What a server tells of its models in Triton's words: how each is served, and which there are."""

from pathlib import Path

import grpc
import pytest

from service.engine.queue import BatchOptions
from service.repository.layout import find_models
from service.repository.registry import ModelStatus, Registry, State
from service.request import DATATYPES, Duration, Statistics
from service.rpc import description
from service.rpc._pb import inference_pb2 as pb
from tests.service.conftest import Gated, Refused, Stub, refusal
from tests.service.models import MODELS, save_repository

KINDS = pb.ModelInstanceGroup


def config(stub: Stub, name: str, version: str = "") -> pb.ModelConfig:
    data = pb.ModelConfigRequest(name=name, version=version).SerializeToString()
    return pb.ModelConfigResponse.FromString(stub.call("ModelConfig", data)).config


def index(stub: Stub, **fields: bool | str) -> list[pb.RepositoryIndexResponse.ModelIndex]:
    data = pb.RepositoryIndexRequest(**fields).SerializeToString()  # type: ignore[arg-type]
    return list(pb.RepositoryIndexResponse.FromString(stub.call("RepositoryIndex", data)).models)


def test_the_config_of_a_model_that_is_batched_leaves_the_batch_out(stub: Stub) -> None:
    expected = pb.ModelConfig(
        name="add2",
        platform="onnxruntime_onnx",
        backend="onnxruntime",
        version_policy=pb.ModelVersionPolicy(latest=pb.ModelVersionPolicy.Latest(num_versions=1)),
        max_batch_size=64,
        input=[pb.ModelInput(name=name, data_type=pb.TYPE_FP32, dims=[4]) for name in ("a", "b")],
        output=[pb.ModelOutput(name=name, data_type=pb.TYPE_FP32, dims=[4]) for name in ("sum", "difference")],
        instance_group=[pb.ModelInstanceGroup(name="add2", count=1, kind=KINDS.KIND_CPU)],
        default_model_filename="model.onnx",
        dynamic_batching=pb.ModelDynamicBatching(
            default_queue_policy=pb.ModelQueuePolicy(allow_timeout_override=True, max_queue_size=4096)
        ),
        model_transaction_policy=pb.ModelTransactionPolicy(decoupled=False),
    )
    assert config(stub, "add2") == config(stub, "add2", "1") == expected


def test_the_config_tells_how_requests_wait_for_each_other(tmp_path: Path) -> None:
    options = BatchOptions(
        max_batch_rows=32,
        max_queue_rows=100,
        max_delay_seconds=0.0005,
        preferred_rows=(8, 16),
        default_timeout_seconds=1.5,
        priority_levels=3,
        default_priority=2,
    )
    gated = Gated(save_repository(tmp_path, "add2"), options)
    try:
        found = config(gated.stub, "add2")
    finally:
        gated.close()
    assert found.max_batch_size == 32
    assert found.dynamic_batching == pb.ModelDynamicBatching(
        preferred_batch_size=[8, 16],
        max_queue_delay_microseconds=500,
        priority_levels=3,
        default_priority_level=2,
        default_queue_policy=pb.ModelQueuePolicy(default_timeout_microseconds=1_500_000, allow_timeout_override=True, max_queue_size=100),
    )


def test_the_config_says_which_inputs_may_be_left_out(stub: Stub) -> None:
    assert [(given.name, given.optional, list(given.dims)) for given in config(stub, "scaled").input] == [
        ("x", False, [3]),
        ("scale", True, [3]),
    ]


def test_the_config_of_a_model_that_is_not_batched_has_all_of_its_shape(stub: Stub) -> None:
    found = config(stub, "fixed")
    assert (found.max_batch_size, list(found.input[0].dims)) == (0, [2, 3])
    assert not found.HasField("dynamic_batching")


@pytest.mark.parametrize("name", DATATYPES)
def test_the_config_names_the_datatype(stub: Stub, name: str) -> None:
    found = config(stub, f"ident_{name.lower()}")
    expected = "TYPE_STRING" if name == "BYTES" else f"TYPE_{name}"
    assert pb.DataType.Name(found.input[0].data_type) == pb.DataType.Name(found.output[0].data_type) == expected


def test_there_is_no_config_of_an_unknown_model(stub: Stub) -> None:
    found = refusal(lambda: config(stub, "nope"))
    assert found == Refused(grpc.StatusCode.NOT_FOUND, "Request for unknown model: 'nope' is not found")


def test_the_phases_of_requests_are_counted_alike_though_some_are_not_answered_yet() -> None:
    passed = Statistics(
        last_answer=None,
        rows=6,
        executions=5,
        success=Duration(4, 8.0),
        fail=Duration(1, 0.5),
        queue=Duration(6, 6.0),
        assembly=Duration(5, 1.0),
        compute=Duration(5, 2.5),
        output=Duration(4, 0.4),
        batches=(),
    )
    (told,) = description.model_statistics([("add2", "1", passed)]).model_stats
    stats = told.inference_stats
    phases = (stats.queue, stats.compute_input, stats.compute_infer, stats.compute_output)
    assert [phase.count for phase in phases] == [4] * 4 == [stats.success.count] * 4
    assert [phase.ns / 1e9 for phase in phases] == [4.0, 0.8, 2.0, 0.4]
    assert (stats.success.ns, stats.fail.count, stats.fail.ns) == (8_000_000_000, 1, 500_000_000)


def test_nothing_has_no_mean() -> None:
    nothing = Duration(0, 0.0)
    empty = Statistics(None, 0, 0, nothing, nothing, nothing, nothing, nothing, nothing, ())
    (told,) = description.model_statistics([("add2", "1", empty)]).model_stats
    assert (told.inference_stats.queue.count, told.inference_stats.queue.ns) == (0, 0)


def test_the_index_has_every_model(stub: Stub) -> None:
    found = index(stub)
    assert [model.name for model in found] == sorted(MODELS)
    assert {(model.version, model.state, model.reason) for model in found} == {("1", "READY", "")}
    assert index(stub, ready=True) == found


def test_the_index_of_a_named_repository_is_not_there(stub: Stub) -> None:
    found = refusal(lambda: index(stub, repository_name="other"))
    assert found.code is grpc.StatusCode.UNIMPLEMENTED
    assert "'repository_name' specification is not supported" in found.text


def test_the_index_tells_why_a_model_could_not_be_loaded(tmp_path: Path) -> None:
    (file,) = find_models(save_repository(tmp_path, "add2"))
    registry = Registry()
    registry.put("add2", {1: ModelStatus(file, State.FAILED, reason="it is broken")})
    (model,) = description.repository_index(registry.statuses(), ready=False).models
    assert (model.state, model.reason) == ("UNAVAILABLE", "it is broken")
    assert not description.repository_index(registry.statuses(), ready=True).models
