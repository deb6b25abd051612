"""Answers as they are put together from what is remembered: byte for byte what protobuf writes."""

import numpy as np
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as arrays

from service.request import DATATYPES, Array, Response, Tensor
from service.rpc import codec
from service.rpc._pb import inference_pb2 as pb
from service.rpc.answers import Answers

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


responses = st.builds(
    Response, st.text(max_size=4), st.sampled_from(["1", "27"]), st.text(max_size=200), st.lists(tensors(), max_size=3).map(tuple)
)
KNOWN = Answers()


@given(responses)
def test_an_answer_is_what_protobuf_writes(response: Response) -> None:
    for answers in (Answers(), KNOWN, KNOWN):
        assert answers.encode(response) == written(response)


def test_a_large_tensor_is_what_protobuf_writes() -> None:
    response = Response("m", "1", "", (Tensor("y", DATATYPES["FP32"], np.arange(2**18, dtype=np.float32)),))
    assert Answers().encode(response) == written(response)


def test_strings_are_left_to_protobuf() -> None:
    strings = Tensor("s", DATATYPES["BYTES"], np.array(["a"], object))
    assert Answers().encode(Response("m", "1", "", (strings,))) is None


def test_numbers_of_another_type_than_they_are_sent_as_are_left_to_protobuf() -> None:
    assert Answers().encode(Response("m", "1", "", (Tensor("y", DATATYPES["FP32"], np.zeros(2)),))) is None


def test_what_is_remembered_is_bounded() -> None:
    answers = Answers()
    for length in range(10_000):
        answers.encode(Response("m", "1", "", (Tensor("y", DATATYPES["INT8"], np.zeros(length, np.int8)),)))
    assert len(answers._frames) <= 4096
