"""What a server tells of its models in Triton's words: how each is served, and which there are."""

from pathlib import Path

import grpc
import pytest

from service.errors import StartupError
from service.repository.layout import ModelFile, find_models
from service.repository.registry import Registry, Served
from service.request import DATATYPES, Duration, Statistics
from service.rpc import description
from service.rpc._pb import inference_pb2 as pb
from tests.service.conftest import Refused, Stub, refusal
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
        dynamic_batching=pb.ModelDynamicBatching(),
        model_transaction_policy=pb.ModelTransactionPolicy(decoupled=False),
    )
    assert config(stub, "add2") == config(stub, "add2", "1") == expected


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
    def load(file: ModelFile) -> Served:
        raise StartupError("it is broken")

    registry = Registry(find_models(save_repository(tmp_path, "add2")), load)
    with pytest.raises(StartupError, match="it is broken"):
        registry.load_all()
    (model,) = description.repository_index(registry.statuses(), ready=False).models
    assert (model.state, model.reason) == ("UNAVAILABLE", "model 'add2' version 1: it is broken")
    assert not description.repository_index(registry.statuses(), ready=True).models
