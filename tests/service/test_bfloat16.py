"""BF16: the bits go in and come out, and what is computed of them is right."""

from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as arrays_of
from onnx import TensorProto, helper

from service.engine.bfloat16 import from_float, to_float
from service.engine.device import DeviceOptions
from service.engine.session import Session
from service.errors import StartupError
from service.request import DATATYPES, Array
from tests.service import models
from tests.service.conftest import Refused, Stub, datatype_of, refusal, request
from tests.service.models import build, save

BITS = np.array([[0x3F80, 0xC000, 0x7F80], [0x3E20, 0x0001, 0x4049]], np.uint16)
NUMBERS = np.array([[1.0, -2.0, np.inf], [0.15625, 2.0**-133, 3.140625]], np.float32)


@given(arrays_of.arrays(np.uint16, st.integers(0, 20)))
def test_every_number_is_its_bits_again(bits: Array) -> None:
    assert from_float(to_float(bits)).tolist() == bits.tolist()


def test_bits_stand_for_the_numbers_that_they_do() -> None:
    assert to_float(BITS).tolist() == NUMBERS.tolist()


@pytest.mark.parametrize(
    "bits",
    [BITS, BITS[:, ::2], np.asfortranarray(BITS), np.frombuffer(b"\0" + BITS.tobytes(), np.uint16, 6, 1).reshape(2, 3), BITS[:0]],
    ids=["rows", "every other column", "columns first", "unaligned and read-only", "no rows"],
)
def test_a_model_computes_with_them(bits: Array, tmp_path: Path) -> None:
    session = Session(save(models.to_float(), tmp_path / "model.onnx"), DeviceOptions(), 1)
    wide, y = session.run({"x": bits})
    assert (wide.dtype.name, y.dtype.name) == ("float32", "uint16")
    assert wide.tolist() == to_float(bits).tolist()
    assert y.tolist() == bits.tolist()
    assert session.signature.batched


def test_an_answer_outlives_the_run(tmp_path: Path) -> None:
    session = Session(save(models.ident("BF16", ["batch", "n"]), tmp_path / "model.onnx"), DeviceOptions(), 1)
    first = session.run({"x": BITS})[0]
    for value in range(50):
        session.run({"x": np.full((2, 3), value, np.uint16)})
    assert first.tolist() == BITS.tolist()


def test_over_the_wire_the_bytes_are_the_bits(stub: Stub) -> None:
    message = request("to_float", {"x": BITS})
    message.inputs[0].datatype = "BF16"
    found = stub.infer(message)
    assert [(output.name, output.datatype, list(output.shape)) for output in found.outputs] == [
        ("y", "FP32", [2, 3]),
        ("z", "BF16", [2, 3]),
    ]
    assert list(found.raw_output_contents) == [NUMBERS.tobytes(), BITS.tobytes()]


def test_a_uint16_is_none(stub: Stub) -> None:
    assert datatype_of(BITS) == "UINT16"
    found = refusal(lambda: stub.infer(request("to_float", {"x": BITS})))
    assert found.text == "inference input 'x' data-type is 'UINT16', but model 'to_float' expects 'BF16'"


def test_it_has_no_typed_contents(stub: Stub) -> None:
    message = request("to_float", {"x": BITS})
    message.inputs[0].datatype = "BF16"
    del message.raw_input_contents[:]
    message.inputs[0].contents.uint_contents.extend(BITS.ravel().tolist())
    found = refusal(lambda: stub.infer(message))
    assert isinstance(found, Refused)
    assert "unexpected explicit tensor data for input tensor 'x' for model 'to_float'" in found.text


def test_a_model_of_strings_besides_is_refused(tmp_path: Path) -> None:
    bits, texts = (TensorProto.BFLOAT16, ["n"]), (TensorProto.STRING, ["n"])
    nodes = [helper.make_node("Identity", [name], [name + "out"]) for name in ("b", "s")]
    model = build(nodes, {"b": bits, "s": texts}, {"bout": bits, "sout": texts})
    with pytest.raises(StartupError, match="input 's' is of strings, and others are BF16, which cannot be run together"):
        Session(save(model, tmp_path / "model.onnx"), DeviceOptions(), 1)


def test_rows_that_see_each_other_are_seen_to(tmp_path: Path) -> None:
    bits: tuple[int, models.Shape] = (TensorProto.BFLOAT16, ["batch", 4])
    nodes = [
        helper.make_node("Cast", ["x"], ["wide"], to=TensorProto.FLOAT),
        helper.make_node("Softmax", ["wide"], ["s"], axis=0),
        helper.make_node("Cast", ["s"], ["y"], to=TensorProto.BFLOAT16),
    ]
    session = Session(save(build(nodes, {"x": bits}, {"y": bits}), tmp_path / "model.onnx"), DeviceOptions(), 1)
    assert not session.signature.batched
    assert session.signature.inputs["x"].datatype is DATATYPES["BF16"]
