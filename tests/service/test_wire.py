"""Splitting a request without parsing it: never another meaning than protobuf's."""

from typing import Any

import pytest
from google.protobuf.message import DecodeError
from hypothesis import given, settings
from hypothesis import strategies as st

from service.rpc._pb import inference_pb2 as pb
from service.rpc.wire import RAW, field, split

texts = st.text(max_size=5)
parameters = st.dictionaries(texts, st.builds(lambda number: pb.InferParameter(int64_param=number), st.integers(0, 2**40)), max_size=2)
tensors = st.builds(
    pb.ModelInferRequest.InferInputTensor,
    name=texts,
    datatype=st.sampled_from(["FP32", "BYTES"]),
    shape=st.lists(st.integers(-1, 300), max_size=3),
    parameters=parameters,
)
requests = st.builds(
    pb.ModelInferRequest,
    model_name=texts,
    model_version=texts,
    id=texts,
    parameters=parameters,
    inputs=st.lists(tensors, max_size=3),
    outputs=st.lists(st.builds(pb.ModelInferRequest.InferRequestedOutputTensor, name=texts), max_size=2),
    raw_input_contents=st.lists(st.binary(max_size=200), max_size=3),
)


def parsed(data: bytes) -> Any:
    """The message as protobuf has it; None when it has none."""
    try:
        return pb.ModelInferRequest.FromString(data)
    except DecodeError:
        return None


def put_together(data: bytes) -> Any:
    """The message of what `split` found; None when it left it to protobuf."""
    found = split(data)
    if found is None:
        return None
    message = parsed(found.head)
    if message is None:
        return None
    try:
        message.id = found.id.decode()
    except UnicodeDecodeError:
        return None
    message.raw_input_contents.extend(data[start:end] for start, end in found.raws)
    return message


@given(requests)
@settings(max_examples=300, deadline=None)
def test_what_a_library_writes_is_split_and_means_the_same(message: Any) -> None:
    data = message.SerializeToString()
    found = put_together(data)
    assert found is not None
    assert found == message


@given(requests, st.data())
@settings(max_examples=400, deadline=None)
def test_bytes_that_were_tampered_with_mean_what_they_mean_to_protobuf_or_nothing(message: Any, data: st.DataObject) -> None:
    spoilt = bytearray(message.SerializeToString())
    for _ in range(data.draw(st.integers(1, 4))):
        at = data.draw(st.integers(0, len(spoilt)))
        edit = data.draw(st.sampled_from(["insert", "delete", "replace", "cut", "repeat"]))
        byte = data.draw(st.sampled_from([0, 1, 8, 10, 18, 26, 34, 42, 50, 58, 66, 127, 128, 255]))
        if edit == "insert":
            spoilt.insert(at, byte)
        elif edit == "repeat":
            spoilt[at:at] = spoilt[:at]
        elif edit == "cut":
            del spoilt[at:]
        elif at < len(spoilt):
            spoilt[at : at + 1] = b"" if edit == "delete" else bytes([byte])
    found = put_together(bytes(spoilt))
    if found is not None:
        assert found == parsed(bytes(spoilt))


@given(st.binary(max_size=40))
@settings(max_examples=1000, deadline=None)
def test_any_bytes_mean_what_they_mean_to_protobuf_or_nothing(data: bytes) -> None:
    found = put_together(data)
    if found is not None:
        assert found == parsed(data)


# What is left to protobuf.
LEFT = {
    "a name given twice": field(0x0A, 1) + b"a" + field(0x0A, 1) + b"b",
    "an id given twice": field(0x1A, 1) + b"a" + field(0x1A, 1) + b"b",
    "a version before the name": field(0x12, 1) + b"1" + field(0x0A, 1) + b"a",
    "a tensor before the name": field(RAW, 1) + b"x" + field(0x0A, 1) + b"a",
    "an unknown field": field(0x42, 1) + b"x",
    "a field of another type": b"\x08\x01",
    "a length of many bytes": b"\x0a" + b"\x80" * 9 + b"\x00",
    "a length beyond the end": field(RAW, 5) + b"x",
    "a tag without a length": b"\x0a",
    "a length that is cut off": b"\x3a\x80",
    "the end of a group": b"\x0c",
}


@pytest.mark.parametrize("data", LEFT.values(), ids=LEFT.keys())
def test_what_is_unusual_is_left_to_protobuf(data: bytes) -> None:
    assert split(data) is None


def test_requests_that_differ_in_their_id_and_numbers_have_one_head() -> None:
    one, other = (pb.ModelInferRequest(model_name="m", id=str(7**n), inputs=[{"name": "x"}], raw_input_contents=[bytes(n)]) for n in (1, 9))
    found = [split(message.SerializeToString()) for message in (one, other)]
    assert found[0] is not None
    assert found[1] is not None
    assert found[0].head == found[1].head
    assert (found[0].id, found[1].id) == (b"7", str(7**9).encode())


@given(st.integers(0, 2**28 - 1))
def test_a_length_is_written_as_protobuf_writes_it(length: int) -> None:
    encoded = field(RAW, length)
    value = sum((byte & 127) << 7 * index for index, byte in enumerate(encoded[1:]))
    assert value == length
    assert [byte > 127 for byte in encoded[1:]] == [True] * (len(encoded) - 2) + [False]
