"""Triton's classification extension: the largest values of each row as text, and what they cannot be had of."""

from __future__ import annotations

from typing import Any

import grpc
import numpy as np
import pytest

from service.errors import InvalidRequestError
from service.request import DATATYPES, Array, Tensor
from service.rpc._pb import inference_pb2 as pb
from service.rpc.classification import MAX_ELEMENTS, classified
from tests.service.conftest import Stub, arrays, refusal, request


def classes(stub: Stub, model: str, array: Array, count: int, output: str = "y") -> Array:
    """The classes of a model that gives back what it gets."""
    message = request(model, {"x": array}, output)
    message.outputs[0].parameters["classification"].int64_param = count
    found = stub.infer(message)
    assert [tensor.datatype for tensor in found.outputs] == ["BYTES"]
    return arrays(found)[output]


SCORES = np.array([[0.1, 0.75, -2.0], [3e8, 0.0, 1e-9]], np.float32)
TOP: dict[str, tuple[str, Array, int, list[Any]]] = {
    "the largest of each row": ("ident_fp32", SCORES, 1, [["0.750000:1"], ["300000000.000000:0"]]),
    "some of each row": ("ident_fp32", SCORES, 2, [["0.750000:1", "0.100000:0"], ["300000000.000000:0", "0.000000:2"]]),
    "more than there are": (
        "ident_fp32",
        SCORES,
        2**62,
        [["0.750000:1", "0.100000:0", "-2.000000:2"], ["300000000.000000:0", "0.000000:2", "0.000000:1"]],
    ),
    "doubles": ("ident_fp64", SCORES[:1].astype(np.float64), 1, [["0.750000:1"]]),
    "halves": ("ident_fp16", SCORES[:1].astype(np.float16), 1, [["0.750000:1"]]),
    "whole numbers": ("ident_int64", np.array([[-(2**63), 2**63 - 1, 0]]), 3, [[f"{2**63 - 1}:1", "0:2", f"{-(2**63)}:0"]]),
    "bytes": ("ident_uint8", np.array([[0, 255, 7]], np.uint8), 2, [["255:1", "7:2"]]),
    "unsigned of 64 bits": ("ident_uint64", np.array([[2**63, 2**64 - 1]], np.uint64), 2, [[f"{2**64 - 1}:1", f"{2**63}:0"]]),
    "equal values by their index": ("ident_int8", np.array([[5, 7, 5, 7]], np.int8), 4, [["7:1", "7:3", "5:0", "5:2"]]),
    "no number last": ("ident_fp32", np.array([[np.nan, np.inf, -np.inf]], np.float32), 3, [["inf:1", "-inf:2", "nan:0"]]),
    "rows of nothing": ("ident_fp32", np.zeros((2, 0), np.float32), 3, [[], []]),
    "a model without batch, flat": ("fixed", np.arange(6, dtype=np.float32).reshape(2, 3), 2, ["5.000000:5", "4.000000:4"]),
    "a scalar": ("scalar", np.array(1.5, np.float32), 3, ["1.500000:0"]),
}


@pytest.mark.parametrize(("model", "array", "count", "expected"), TOP.values(), ids=TOP.keys())
def test_the_largest_values_come_as_text(stub: Stub, model: str, array: Array, count: int, expected: list[Any]) -> None:
    assert classes(stub, model, array, count).tolist() == expected


def test_one_output_may_come_as_classes_and_another_whole(stub: Stub) -> None:
    rows = np.arange(4, dtype=np.float32).reshape(1, 4)
    message = request("add2", {"a": rows, "b": rows}, "sum", "difference")
    message.outputs[0].parameters["classification"].int64_param = 1
    found = arrays(stub.infer(message))
    assert found["sum"].tolist() == [["6.000000:3"]]
    np.testing.assert_array_equal(found["difference"], 0 * rows)


@pytest.mark.parametrize("name", ["BOOL", "BYTES"])
def test_what_has_no_order_has_no_classes(stub: Stub, name: str) -> None:
    array = np.zeros((1, 2), bool) if name == "BOOL" else np.array([["a"]], object)
    found = refusal(lambda: classes(stub, f"ident_{name.lower()}", array, 1))
    assert found.text == f"class result not available for output 'y' due to unsupported type '{name}'"
    assert found.code is grpc.StatusCode.INVALID_ARGUMENT


def test_classes_of_an_unknown_output_are_refused_as_the_output_is(stub: Stub) -> None:
    assert "unexpected inference output 'nope'" in refusal(lambda: classes(stub, "ident_fp32", SCORES, 1, "nope")).text


def tensor(*shape: int) -> Tensor:
    return Tensor("y", DATATYPES["INT8"], np.zeros(shape, np.int8))


@pytest.mark.parametrize(
    ("shape", "count", "batched"),
    [
        ((1, MAX_ELEMENTS + 1), 1, True),
        ((MAX_ELEMENTS + 1,), 1, False),
        ((2, MAX_ELEMENTS), MAX_ELEMENTS, True),
        ((1001, 1000), 1000, True),
    ],
    ids=["a long row", "a long answer without batch", "all of two long rows", "all of many rows"],
)
def test_too_many_values_are_refused(shape: tuple[int, ...], count: int, batched: bool) -> None:
    with pytest.raises(InvalidRequestError, match="classification output tensor too large"):
        classified(tensor(*shape), count, batched, ())


def test_as_many_values_as_may_be_are_told() -> None:
    assert classified(tensor(2, MAX_ELEMENTS), 1, True, ()).array.tolist() == [["0:0"], ["0:0"]]


def test_labels_follow_where_there_are_any() -> None:
    scores = Tensor("y", DATATYPES["FP32"], np.array([[0.25, 0.5, 0.125]], np.float32))
    assert classified(scores, 3, True, ["cat", "dog"]).array.tolist() == [["0.500000:1:dog", "0.250000:0:cat", "0.125000:2"]]


def test_rows_of_more_axes_are_flat() -> None:
    array = np.array([[[1, 2], [3, 4]], [[8, 7], [6, 5]]], np.int32)
    found = classified(Tensor("y", DATATYPES["INT32"], array), 2, True, ())
    assert found.array.tolist() == [["4:3", "3:2"], ["8:0", "7:1"]]
    assert found.datatype.name == "BYTES"


def test_the_extension_is_announced(stub: Stub) -> None:
    assert "classification" in pb.ServerMetadataResponse.FromString(stub.call("ServerMetadata", b"")).extensions
