"""What the protocol promises when all is well: every method, every datatype, and what surrounds them."""

import runpy
from collections.abc import Callable, Iterator
from pathlib import Path
from threading import Thread
from typing import Any

import grpc
import numpy as np
import pytest
from google.protobuf import descriptor_pb2, descriptor_pool
from grpc_health.v1 import health_pb2, health_pb2_grpc
from grpc_reflection.v1alpha import reflection_pb2, reflection_pb2_grpc

from service import __version__
from service.request import DATATYPES, Array
from service.rpc import _pb
from service.rpc._pb import inference_pb2 as pb
from service.rpc.servicer import METHODS, SERVICE, STREAM_INFER
from service.server import Server
from tests.service.conftest import FREE_PORTS, PATIENCE, Stub, add2_request, arrays, raw, refusal, request
from tests.service.models import MODELS, save_repository

ROOT = Path(__file__).parents[2]
Serving = health_pb2.HealthCheckResponse

# The methods.


def test_server_live(stub: Stub) -> None:
    assert pb.ServerLiveResponse.FromString(stub.call("ServerLive", b"")).live


def test_server_ready(stub: Stub) -> None:
    assert pb.ServerReadyResponse.FromString(stub.call("ServerReady", b"")).ready


def test_server_metadata_announces_the_extensions_that_work_and_no_other(stub: Stub) -> None:
    assert pb.ServerMetadataResponse.FromString(stub.call("ServerMetadata", b"")) == pb.ServerMetadataResponse(
        name="hornbeam",
        version=__version__,
        extensions=[
            "classification",
            "model_repository",
            "schedule_policy",
            "model_configuration",
            "binary_tensor_data",
            "parameters",
            "statistics",
            "trace",
            "logging",
        ],
    )


@pytest.mark.parametrize("version", ["", "1"], ids=["the latest", "by number"])
def test_model_ready(stub: Stub, version: str) -> None:
    data = pb.ModelReadyRequest(name="add2", version=version).SerializeToString()
    assert pb.ModelReadyResponse.FromString(stub.call("ModelReady", data)).ready


def test_model_metadata(stub: Stub) -> None:
    tensor = pb.ModelMetadataResponse.TensorMetadata
    expected = pb.ModelMetadataResponse(
        name="add2",
        versions=["1"],
        platform="onnxruntime_onnx",
        inputs=[tensor(name=name, datatype="FP32", shape=[-1, 4]) for name in ("a", "b")],
        outputs=[tensor(name=name, datatype="FP32", shape=[-1, 4]) for name in ("sum", "difference")],
    )
    assert metadata(stub, "add2") == expected
    assert metadata(stub, "add2", "1") == expected


SHAPES = {"fixed": [2, 3], "scalar": [], "unnamed": [-1, -1, -1], "ident_bytes": [-1, -1]}


@pytest.mark.parametrize(("model", "shape"), SHAPES.items(), ids=SHAPES.keys())
def test_model_metadata_writes_what_is_free_as_minus_one(stub: Stub, model: str, shape: list[int]) -> None:
    found = metadata(stub, model)
    assert [list(tensor.shape) for tensor in (*found.inputs, *found.outputs)] == [shape, shape]


@pytest.mark.parametrize("name", DATATYPES)
def test_model_metadata_names_the_datatype(stub: Stub, name: str) -> None:
    found = metadata(stub, f"ident_{name.lower()}")
    assert [tensor.datatype for tensor in (*found.inputs, *found.outputs)] == [name, name]


def test_model_metadata_has_what_the_exporter_wrote(stub: Stub) -> None:
    assert dict(metadata(stub, "windows").properties) == {
        "hornbeam.batch_axes": '{"x": 0, "y": 0}',
        "hornbeam.source_sha256": "0" * 64,
    }


def test_model_infer(stub: Stub) -> None:
    a, b = np.arange(8, dtype=np.float32).reshape(2, 4), np.full((2, 4), 0.5, np.float32)
    found = stub.infer(request("add2", {"a": a, "b": b}, id="my request"))
    tensor = pb.ModelInferResponse.InferOutputTensor
    assert found == pb.ModelInferResponse(
        model_name="add2",
        model_version="1",
        id="my request",
        outputs=[tensor(name=name, datatype="FP32", shape=[2, 4]) for name in ("sum", "difference")],
        raw_output_contents=[raw(a + b), raw(a - b)],
    )


def test_without_an_id_there_is_none_in_the_response(stub: Stub) -> None:
    assert stub.infer(add2_request()).id == ""


def test_inputs_may_come_in_any_order(stub: Stub) -> None:
    a, b = np.ones((1, 4), np.float32), np.full((1, 4), 3, np.float32)
    np.testing.assert_array_equal(arrays(stub.infer(request("add2", {"b": b, "a": a})))["difference"], a - b)


@pytest.mark.parametrize(
    "names",
    [("difference", "sum"), ("sum", "difference"), ("difference",), ("sum",)],
    ids=["in another order", "in the model's order", "only the last", "only the first"],
)
def test_outputs_come_as_they_were_asked_for(stub: Stub, names: tuple[str, ...]) -> None:
    a, b = np.full((1, 4), 5, np.float32), np.full((1, 4), 3, np.float32)
    found = stub.infer(request("add2", {"a": a, "b": b}, *names))
    values = {"sum": raw(a + b), "difference": raw(a - b)}
    assert [output.name for output in found.outputs] == list(names)
    assert list(found.raw_output_contents) == [values[name] for name in names]


def test_no_more_than_the_methods_of_the_proto_are_served_and_no_fewer() -> None:
    service = pb.DESCRIPTOR.services_by_name["GRPCInferenceService"]
    assert {*METHODS, STREAM_INFER} == {method.name for method in service.methods}


# Tensors.

VALUES: dict[str, list[Any]] = {
    "BOOL": [True, False],
    **{
        name: [np.iinfo(datatype.numpy).min, np.iinfo(datatype.numpy).max, 0, 1]
        for name, datatype in DATATYPES.items()
        if datatype.numpy.kind in "iu"
    },
    "FP16": [0.5, -65504.0, np.inf, np.nan],
    "FP32": [0.1, -3.4e38, np.inf, np.nan],
    "FP64": [0.1, -1.7e308, np.inf, np.nan],
    "BYTES": ["plain", "", "ünïcödé 角", "a\0b"],
}


def array_of(name: str) -> Array:
    """One row of telling values of a datatype."""
    return np.array([VALUES[name]], DATATYPES[name].numpy)


@pytest.mark.parametrize("name", DATATYPES)
def test_every_datatype_comes_back_from_raw_contents(stub: Stub, name: str) -> None:
    sent = array_of(name)
    message = request(f"ident_{name.lower()}", {"x": sent})
    message.inputs[0].datatype = name  # the bits of BF16 are an array of UINT16 to NumPy
    found = stub.infer(message)
    assert found.outputs[0].datatype == name
    assert list(found.outputs[0].shape) == list(sent.shape)
    assert list(found.raw_output_contents) == [raw(sent)]
    assert not found.outputs[0].HasField("contents")


@pytest.mark.parametrize("name", [name for name, datatype in DATATYPES.items() if datatype.contents])
def test_every_datatype_comes_back_from_typed_contents(stub: Stub, name: str) -> None:
    values = [value.encode() if isinstance(value, str) else value for value in array_of(name)[0].tolist()]
    field: Any = {DATATYPES[name].contents: values}
    message = pb.ModelInferRequest(model_name=f"ident_{name.lower()}")
    message.inputs.add(name="x", datatype=name, shape=[1, len(values)], contents=pb.InferTensorContents(**field))
    assert list(stub.infer(message).raw_output_contents) == [raw(array_of(name))]


def test_the_short_floats_alone_have_no_typed_contents_and_every_field_is_some_datatypes() -> None:
    assert [name for name, datatype in DATATYPES.items() if datatype.contents is None] == ["FP16", "BF16"]
    fields = {field.name for field in pb.InferTensorContents.DESCRIPTOR.fields}
    assert {datatype.contents for datatype in DATATYPES.values()} - {None} == fields


def test_typed_contents_of_one_input_may_stand_beside_those_of_another(stub: Stub) -> None:
    message = pb.ModelInferRequest(model_name="add2")
    for name, value in (("a", 1.0), ("b", 2.0)):
        message.inputs.add(name=name, datatype="FP32", shape=[1, 4], contents=pb.InferTensorContents(fp32_contents=[value] * 4))
    np.testing.assert_array_equal(arrays(stub.infer(message))["sum"], np.full((1, 4), 3, np.float32))


def test_any_byte_but_zero_is_true(stub: Stub) -> None:
    message = request("ident_bool", {"x": np.zeros((1, 4), bool)})
    message.raw_input_contents[0] = b"\0\1\2\xff"
    assert list(stub.infer(message).raw_output_contents) == [b"\0\1\1\1"]


SHAPED: dict[str, tuple[str, Array]] = {
    "a scalar": ("scalar", np.array(7.5, np.float32)),
    "a model without batch": ("fixed", np.arange(6, dtype=np.float32).reshape(2, 3)),
    "rows of no elements": ("ident_fp32", np.empty((3, 0), np.float32)),
    "rows of no strings": ("ident_bytes", np.empty((3, 0), object)),
    "as many rows as a batch may have": ("ident_int8", np.zeros((64, 2), np.int8)),
}


@pytest.mark.parametrize(("model", "array"), SHAPED.values(), ids=SHAPED.keys())
def test_shapes_are_kept(stub: Stub, model: str, array: Array) -> None:
    found = stub.infer(request(model, {"x": array}))
    assert list(found.outputs[0].shape) == list(array.shape)
    assert list(found.raw_output_contents) == [raw(array)]


def test_no_elements_may_be_sent_as_typed_contents_that_are_not_there(stub: Stub) -> None:
    message = pb.ModelInferRequest(model_name="ident_fp32")
    message.inputs.add(name="x", datatype="FP32", shape=[2, 0])
    found = stub.infer(message)
    assert list(found.outputs[0].shape) == [2, 0]
    assert list(found.raw_output_contents) == [b""]


def test_an_axis_of_no_elements_is_fine_where_the_model_has_no_batch(stub: Stub) -> None:
    message = request("reshape", {"x": np.empty(0, np.float32), "shape": np.array([0, 5])})
    message.inputs[1].shape[:] = [2]
    assert list(stub.infer(message).outputs[0].shape) == [0, 5]


# Health.


@pytest.mark.parametrize("name", ["", SERVICE, "add2"], ids=["of the server", "of the service", "of a model"])
def test_health_check(stub: Stub, name: str) -> None:
    checked = health_pb2_grpc.HealthStub(stub.channel).Check(health_pb2.HealthCheckRequest(service=name), timeout=PATIENCE)
    assert checked.status == Serving.SERVING


def test_health_list_has_the_server_the_service_and_every_model(stub: Stub) -> None:
    listed = health_pb2_grpc.HealthStub(stub.channel).List(health_pb2.HealthListRequest(), timeout=PATIENCE)
    assert set(listed.statuses) == {"", SERVICE, *MODELS}
    assert {state.status for state in listed.statuses.values()} == {Serving.SERVING}


def test_health_check_of_what_is_not_there(stub: Stub) -> None:
    check: Callable[..., Any] = health_pb2_grpc.HealthStub(stub.channel).Check
    found = refusal(lambda: check(health_pb2.HealthCheckRequest(service="nope"), timeout=PATIENCE))
    assert found.code is grpc.StatusCode.NOT_FOUND


@pytest.mark.parametrize("name", ["", SERVICE, "add2"], ids=["of the server", "of the service", "of a model"])
def test_who_watches_health_is_told_that_the_server_stops_and_does_not_hold_it_up(tmp_path: Path, name: str) -> None:
    server = Server(save_repository(tmp_path, "add2"), FREE_PORTS)
    server.start()
    with Stub(server.grpc_port) as stub:
        watch = health_pb2_grpc.HealthStub(stub.channel).Watch(health_pb2.HealthCheckRequest(service=name), timeout=PATIENCE)
        seen: Iterator[Any] = iter(watch)
        assert next(seen).status == Serving.SERVING
        stopping = Thread(target=server.stop)
        stopping.start()
        assert next(seen).status == Serving.NOT_SERVING
        assert list(seen) == []
        stopping.join(PATIENCE / 2)
        assert not stopping.is_alive()


def test_a_server_that_has_stopped_cannot_be_asked(tmp_path: Path) -> None:
    server = Server(save_repository(tmp_path, "add2"), FREE_PORTS)
    server.start()
    with Stub(server.grpc_port) as stub:
        assert stub.infer(add2_request())
        server.stop()
        assert refusal(lambda: stub.infer(add2_request())).code is grpc.StatusCode.UNAVAILABLE
    assert not server.ready


# Reflection.


def reflect(stub: Stub, asked: Any) -> Any:
    """The answer to one question of reflection."""
    ask = reflection_pb2_grpc.ServerReflectionStub(stub.channel).ServerReflectionInfo
    (answer,) = ask(iter([asked]), timeout=PATIENCE)
    return answer


def test_reflection_lists_the_services(stub: Stub) -> None:
    answer = reflect(stub, reflection_pb2.ServerReflectionRequest(list_services=""))
    assert {service.name for service in answer.list_services_response.service} == {
        "inference.GRPCInferenceService",
        "grpc.health.v1.Health",
        "grpc.reflection.v1.ServerReflection",
        "grpc.reflection.v1alpha.ServerReflection",
    }


def test_both_versions_of_reflection_answer_alike(stub: Stub) -> None:
    asked = reflection_pb2.ServerReflectionRequest(file_by_filename="inference.proto")
    v1 = stub.channel.stream_stream(
        "/grpc.reflection.v1.ServerReflection/ServerReflectionInfo",
        reflection_pb2.ServerReflectionRequest.SerializeToString,
        reflection_pb2.ServerReflectionResponse.FromString,
    )
    (answer,) = v1(iter([asked]), timeout=PATIENCE)
    assert answer == reflect(stub, asked)


@pytest.mark.parametrize(
    ("asked", "name"),
    [
        ({"file_containing_symbol": "inference.GRPCInferenceService"}, "inference.proto"),
        ({"file_containing_symbol": "inference.ModelInferRequest"}, "inference.proto"),
        ({"file_by_filename": "inference.proto"}, "inference.proto"),
        ({"file_containing_symbol": "grpc.health.v1.Health"}, "grpc_health/v1/health.proto"),
    ],
    ids=["our service", "our message", "our file", "the health service"],
)
def test_reflection_gives_descriptors(stub: Stub, asked: dict[str, str], name: str) -> None:
    answer = reflect(stub, reflection_pb2.ServerReflectionRequest(**asked))
    found = descriptor_pb2.FileDescriptorProto.FromString(answer.file_descriptor_response.file_descriptor_proto[0])
    assert found.name.endswith(name)
    if name == "inference.proto":
        assert found == descriptor_pb2.FileDescriptorProto.FromString(pb.DESCRIPTOR.serialized_pb)


def test_reflection_says_what_it_does_not_know(stub: Stub) -> None:
    answer = reflect(stub, reflection_pb2.ServerReflectionRequest(file_containing_symbol="inference.Nope"))
    assert answer.error_response.error_code == grpc.StatusCode.NOT_FOUND.value[0]


# The generated messages.


@pytest.mark.parametrize("name", ["inference.ModelInferRequest", "inference.GRPCInferenceService"])
def test_messages_live_in_a_pool_of_their_own(name: str) -> None:
    find = "FindServiceByName" if name.endswith("Service") else "FindMessageTypeByName"
    assert getattr(pb.POOL, find)(name).full_name == name
    with pytest.raises(KeyError):
        getattr(descriptor_pool.Default(), find)(name)


def test_what_is_committed_is_what_the_generator_makes(tmp_path: Path) -> None:
    runpy.run_path(str(ROOT / "proto" / "generate.py"))["main"](tmp_path)
    committed = Path(str(_pb.__file__)).parent
    for name in ("inference_pb2.py", "inference_pb2.pyi"):
        assert (tmp_path / name).read_text() == (committed / name).read_text()


def metadata(stub: Stub, name: str, version: str = "") -> pb.ModelMetadataResponse:
    data = pb.ModelMetadataRequest(name=name, version=version).SerializeToString()
    return pb.ModelMetadataResponse.FromString(stub.call("ModelMetadata", data))
