"""Inputs that a model has a value of its own for: taken when they are sent, left out otherwise, and no other request's business."""

from pathlib import Path

import numpy as np
import pytest
from grpc import StatusCode as Code

from service.engine.batcher import BatchOptions
from service.engine.device import DeviceOptions
from service.engine.session import Session
from service.request import DATATYPES, Array, TensorSpec
from service.rpc._pb import inference_pb2 as pb
from tests.service import models
from tests.service.conftest import Gated, Refused, Stub, arrays, refusal, request
from tests.service.models import save, save_repository

ROWS = np.array([[1, 2, 3], [4, 5, 6]], np.float32)


def scale(value: float, count: int = 3) -> Array:
    return np.full(count, value, np.float32)


def test_the_signature_says_what_may_be_left_out(tmp_path: Path) -> None:
    signature = Session(save(models.scaled(), tmp_path / "model.onnx"), DeviceOptions(), 1).signature
    spec = TensorSpec("scale", DATATYPES["FP32"], (3,), optional=True)
    assert signature.inputs == {"x": TensorSpec("x", DATATYPES["FP32"], ("batch", 3)), "scale": spec}
    assert signature.batched


def test_it_is_taken_when_it_is_sent_and_has_its_own_value_otherwise(stub: Stub) -> None:
    assert arrays(stub.infer(request("scaled", {"x": ROWS})))["y"].tolist() == (2 * ROWS).tolist()
    for inputs in ({"x": ROWS, "scale": scale(5)}, {"scale": scale(5), "x": ROWS}):
        assert arrays(stub.infer(request("scaled", inputs)))["y"].tolist() == (5 * ROWS).tolist()


REFUSED: dict[str, tuple[pb.ModelInferRequest, str]] = {
    "of another shape": (
        request("scaled", {"x": ROWS, "scale": scale(5, 2)}),
        "unexpected shape for input 'scale' for model 'scaled'. Expected [3], got [2]",
    ),
    "of another datatype": (
        request("scaled", {"x": ROWS, "scale": np.ones(3)}),
        "inference input 'scale' data-type is 'FP64', but model 'scaled' expects 'FP32'",
    ),
    "alone": (
        request("scaled", {"scale": scale(5)}),
        (
            "expected 1 inputs but got 1 inputs for model 'scaled'. Got input(s) ['scale'], but missing required input(s) ['x']. "
            "Please provide all required input(s)."
        ),
    ),
    "with no rows besides": (
        request("scaled", {"scale": scale(5), "x": ROWS[:0]}),
        "inference request batch size must be > 0 for 'scaled'",
    ),
}  # fmt: skip


@pytest.mark.parametrize(("message", "text"), REFUSED.values(), ids=REFUSED.keys())
def test_it_is_checked_like_any_other(stub: Stub, message: pb.ModelInferRequest, text: str) -> None:
    assert refusal(lambda: stub.infer(message)).text == text


def test_a_request_with_one_runs_by_itself(tmp_path: Path) -> None:
    gated = Gated(save_repository(tmp_path, "scaled"), BatchOptions())
    try:
        first = gated.stub.begin(request("scaled", {"x": ROWS[:1]}))
        gated.gate.wait()
        values = [5.0, None, 5.0, 7.0, None]
        calls = []
        for count, value in enumerate(values, 1):
            inputs = {"x": ROWS[:1]} if value is None else {"x": ROWS[:1], "scale": scale(value)}
            calls.append(gated.stub.begin(request("scaled", inputs)))
            gated.until_waiting(count)
        gated.gate.let(10)
        answers = [arrays(pb.ModelInferResponse.FromString(call.result()))["y"] for call in (first, *calls)]
    finally:
        gated.close()
    assert [answer.tolist() for answer in answers] == [(factor * ROWS[:1]).tolist() for factor in (2, 5, 2, 5, 7, 2)]
    assert sorted(len(feeds["x"]) for feeds in gated.gate.runs) == [1, 1, 1, 1, 2]


def test_scalars_and_tensors_without_elements_are_answered(stub: Stub) -> None:
    number = np.array(2.5, np.float32)
    assert arrays(stub.infer(request("scalar", {"x": number})))["y"].tolist() == 2.5
    for model, shape in (("centre", (0, 4)), ("ident_fp32", (3, 0)), ("unnamed", (2, 0, 2)), ("unnamed", (1, 3, 0))):
        answer = stub.infer(request(model, {"x": np.zeros(shape, np.float32)}))
        assert (list(answer.outputs[0].shape), list(answer.raw_output_contents)) == (list(shape), [b""])


def test_a_batch_of_no_rows_is_refused(stub: Stub) -> None:
    found = refusal(lambda: stub.infer(request("ident_fp32", {"x": np.zeros((0, 3), np.float32)})))
    assert found == Refused(Code.INVALID_ARGUMENT, "inference request batch size must be > 0 for 'ident_fp32'")
