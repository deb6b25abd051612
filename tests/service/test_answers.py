"""Answers as they are put together from what is remembered: byte for byte what protobuf writes."""

from collections.abc import Sequence
from dataclasses import replace

import numpy as np
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as arrays

from service.request import DATATYPES, Array, Response, Tensor, TensorSpec
from service.rpc import codec
from service.rpc._pb import inference_pb2 as pb
from service.rpc.answers import Answer

NUMBERS = [datatype for datatype in DATATYPES.values() if datatype.name != "BYTES"]
shapes = st.lists(st.integers(0, 4), max_size=3).map(tuple)


@st.composite
def tensors(draw: st.DrawFn) -> Tensor:
    datatype = draw(st.sampled_from(NUMBERS))
    array: Array = draw(arrays.arrays(datatype.numpy, draw(shapes)))
    laid_out = draw(st.sampled_from(["in order", "transposed", "every other"]))
    if laid_out == "transposed":
        array = array.T
    elif laid_out == "every other" and array.ndim:
        array = array[::2]
    return Tensor(draw(st.text(max_size=4)), datatype, array)


def written(response: Response) -> bytes:
    """The message as protobuf writes it."""
    message = pb.ModelInferResponse()
    codec.fill_response(message, response, {})
    return message.SerializeToString()


def specs_of(tensors: Sequence[Tensor]) -> list[TensorSpec]:
    return [TensorSpec(tensor.name, tensor.datatype, tensor.array.shape) for tensor in tensors]


def answer_of(response: Response) -> Answer:
    """What writes answers like this one, all of whose outputs were asked for."""
    return Answer(response.model, response.version, specs_of(response.outputs), ())


def arrays_of(response: Response) -> list[Array]:
    return [tensor.array for tensor in response.outputs]


responses = st.builds(
    Response,
    st.text(max_size=4),
    st.sampled_from(["1", "27"]),
    st.text(max_size=200),
    st.lists(tensors(), max_size=3, unique_by=lambda tensor: tensor.name).map(tuple),
)


@given(responses)
def test_an_answer_is_what_protobuf_writes(response: Response) -> None:
    answer = answer_of(response)
    for _ in range(2):  # the second is put together from what is remembered
        assert answer.encode(response.id, arrays_of(response)) == written(response)


@given(responses, st.data())
def test_only_what_was_asked_for_is_written_in_that_order(response: Response, data: st.DataObject) -> None:
    named = {tensor.name: tensor for tensor in response.outputs}
    wanted = data.draw(st.lists(st.sampled_from(sorted(named)), min_size=1, unique=True)) if named else []
    answer = Answer(response.model, response.version, specs_of(response.outputs), wanted)
    asked = response if not wanted else replace(response, outputs=tuple(named[name] for name in wanted))
    assert answer.encode(response.id, arrays_of(response)) == written(asked)


@given(st.lists(shapes, min_size=2, max_size=6))
def test_each_answer_has_the_shape_of_its_own_output(given: list[tuple[int, ...]]) -> None:
    answer = Answer("m", "1", [TensorSpec("y", DATATYPES["INT8"], ())], ())
    for shape in given:
        array = np.zeros(shape, np.int8)
        assert answer.encode("", [array]) == written(Response("m", "1", "", (Tensor("y", DATATYPES["INT8"], array),)))


def test_a_large_tensor_is_what_protobuf_writes() -> None:
    response = Response("m", "1", "", (Tensor("y", DATATYPES["FP32"], np.arange(2**18, dtype=np.float32)),))
    assert answer_of(response).encode("", arrays_of(response)) == written(response)


def test_strings_are_left_to_protobuf() -> None:
    assert Answer("m", "1", [TensorSpec("s", DATATYPES["BYTES"], (1,))], ()).encode("", [np.array(["a"], object)]) is None


def test_numbers_of_another_type_than_they_are_sent_as_are_left_to_protobuf() -> None:
    assert Answer("m", "1", [TensorSpec("y", DATATYPES["FP32"], (2,))], ()).encode("", [np.zeros(2)]) is None


def test_what_is_remembered_is_bounded() -> None:
    answer = Answer("m", "1", [TensorSpec("y", DATATYPES["INT8"], (None,))], ())
    for length in range(10_000):
        answer.encode("", [np.zeros(length, np.int8)])
    assert len(answer._frames) <= 256
