"""What nobody would send: mutated messages, and tensors of every kind there and back."""

from __future__ import annotations

from typing import Any

import grpc
import numpy as np
import pytest
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as arrays_of

from service.request import DATATYPES, Array, Request, Response, Tensor
from service.rpc import codec
from service.rpc._pb import inference_pb2 as pb
from service.rpc.shared_memory import Regions, SharedMemoryOptions
from tests.service.conftest import PATIENCE, Stub, request
from tests.service.models import MODELS
from tests.service.test_errors_on_the_wire import CASES

SEEDS = [case.request.SerializeToString() for case in CASES if len(case.request.SerializeToString()) < 4096]
NO_REGIONS = Regions(SharedMemoryOptions())
# What a caller may be answered with. A bug would be INTERNAL, which is the model's to fail with; it is told apart by its text.
ANSWERS = {
    grpc.StatusCode.INVALID_ARGUMENT,
    grpc.StatusCode.NOT_FOUND,
    grpc.StatusCode.UNIMPLEMENTED,
    grpc.StatusCode.DEADLINE_EXCEEDED,
}
CALM = settings(max_examples=150, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])


@st.composite
def mutated(draw: st.DrawFn) -> bytes:
    """A message of the error cases with bytes changed, taken out, put in, or repeated."""
    data = bytearray(draw(st.sampled_from(SEEDS)))
    for _ in range(draw(st.integers(1, 6))):
        at = draw(st.integers(0, len(data)))
        piece = draw(st.binary(max_size=8))
        kind = draw(st.sampled_from(["set", "cut", "insert", "repeat"]))
        if kind == "set":
            data[at : at + len(piece)] = piece
        elif kind == "cut":
            del data[at : at + draw(st.integers(1, 16))]
        elif kind == "insert":
            data[at:at] = piece
        else:
            data[at:at] = data[at : at + 32]
    return bytes(data)


@CALM
@given(data=mutated())
@example(data=b"")
def test_a_mutated_message_always_has_an_answer_or_a_status(stub: Stub, data: bytes) -> None:
    try:
        answer = stub.call("ModelInfer", data)
    except grpc.RpcError as caught:
        error: Any = caught
        assert error.code() in ANSWERS or "the model failed on this input" in error.details(), error
    else:
        assert pb.ModelInferResponse.FromString(answer).model_name in MODELS


@CALM
@given(messages=st.lists(mutated(), max_size=8))
def test_mutated_messages_of_a_stream_each_have_an_answer(stub: Stub, messages: list[bytes]) -> None:
    answers = [pb.ModelStreamInferResponse.FromString(data) for data in stub.stream(iter(messages), timeout=PATIENCE)]
    assert len(answers) == len(messages)
    assert not [answer for answer in answers if answer.error_message.startswith("internal error")]


@pytest.mark.parametrize("method", ["RepositoryModelLoad", "TraceSetting", "LogSettings", "SystemSharedMemoryRegister", "ModelStatistics"])
@settings(parent=CALM, max_examples=30)
@given(data=st.binary(max_size=64))
def test_any_bytes_to_any_method_have_an_answer_or_a_status(stub: Stub, method: str, data: bytes) -> None:
    try:
        assert stub.call(method, data) is not None
    except grpc.RpcError as caught:
        error: Any = caught
        assert error.code() in {*ANSWERS, grpc.StatusCode.FAILED_PRECONDITION}, error


SHAPES = st.lists(st.integers(0, 4), max_size=4).map(tuple)


@st.composite
def tensors(draw: st.DrawFn) -> Tensor:
    """A tensor of any datatype and shape: scalars, and axes of no elements, among them."""
    datatype = DATATYPES[draw(st.sampled_from(sorted(DATATYPES)))]
    shape = draw(SHAPES)
    if datatype.name == "BYTES":
        texts = st.text(st.characters(exclude_categories=["Cs"]), max_size=8)
        return Tensor("x", datatype, draw(arrays_of.arrays(object, shape, elements=texts, fill=st.nothing())))
    return Tensor("x", datatype, draw(arrays_of.arrays(datatype.numpy, shape)))


def same(found: Array, sent: Array) -> None:
    assert (found.dtype, found.shape) == (sent.dtype, sent.shape)
    if sent.dtype == object:
        assert found.tolist() == sent.tolist()
    else:
        assert found.tobytes() == np.ascontiguousarray(sent).tobytes()


@settings(max_examples=100, deadline=None)
@given(sent=st.lists(tensors(), min_size=1, max_size=3), id=st.text(max_size=5), priority=st.integers(0, 2**64 - 1))
def test_a_request_comes_back_as_it_went(sent: list[Tensor], id: str, priority: int) -> None:
    inputs = tuple(Tensor(f"x{index}", tensor.datatype, tensor.array) for index, tensor in enumerate(sent))
    request = Request("model", "1", id, inputs, ("y", "z"), priority=priority)
    found = codec.decode_request(codec.parse(pb.ModelInferRequest, codec.encode_request(request)), 0.0, NO_REGIONS)
    assert (found.model, found.version, found.id, found.outputs, found.priority) == ("model", "1", id, ("y", "z"), priority)
    assert [(tensor.name, tensor.datatype) for tensor in found.inputs] == [(tensor.name, tensor.datatype) for tensor in inputs]
    for tensor, before in zip(found.inputs, inputs, strict=True):
        same(tensor.array, before.array)


@settings(max_examples=100, deadline=None)
@given(sent=st.lists(tensors(), max_size=3))
def test_a_response_comes_back_as_it_went(sent: list[Tensor]) -> None:
    message = pb.ModelInferResponse()
    codec.fill_response(message, Response("model", "2", "id", tuple(sent)), {})
    found = codec.decode_response(message.SerializeToString())
    assert (found.model, found.version, found.id) == ("model", "2", "id")
    for tensor, before in zip(found.outputs, sent, strict=True):
        assert (tensor.name, tensor.datatype) == (before.name, before.datatype)
        same(tensor.array, before.array)


@settings(max_examples=100, deadline=None)
@given(sent=tensors().filter(lambda tensor: tensor.datatype.contents is not None))
def test_typed_contents_are_the_same_as_raw_ones(sent: Tensor) -> None:
    values = [value.encode() if isinstance(value, str) else value for value in sent.array.flatten().tolist()]
    contents: Any = {str(sent.datatype.contents): values}
    message = pb.ModelInferRequest()
    message.inputs.add(name="x", datatype=sent.datatype.name, shape=sent.array.shape, contents=pb.InferTensorContents(**contents))
    (found,) = codec.decode_request(message, 0.0, NO_REGIONS).inputs
    same(found.array, sent.array)


@CALM
@given(name=st.sampled_from([name for name in DATATYPES if name != "BYTES"]), data=st.data())
def test_a_model_gives_back_what_it_was_sent_bit_by_bit(stub: Stub, name: str, data: st.DataObject) -> None:
    shape = data.draw(st.tuples(st.integers(1, 4), st.integers(0, 5)))
    sent = data.draw(arrays_of.arrays(DATATYPES[name].numpy, shape))
    message = request(f"ident_{name.lower()}", {"x": sent})
    message.inputs[0].datatype = name  # NumPy has no BF16, and its arrays are of UINT16
    found = stub.infer(message)
    assert (found.outputs[0].datatype, tuple(found.outputs[0].shape)) == (name, shape)
    assert list(found.raw_output_contents) == [sent.tobytes()]
