"""What a refusal carries beside its text, read as a client reads it: with gRPC's own library for google.rpc.Status."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import grpc
import pytest
from google.rpc import error_details_pb2
from grpc_status import rpc_status

from service.engine.batcher import BatchOptions
from service.errors import ServiceError
from service.rpc._pb import inference_pb2 as pb
from service.rpc.status import code_of
from tests.service.conftest import PATIENCE, Gated, Stub, add2_request
from tests.service.models import save_repository
from tests.service.test_errors_on_the_wire import CASES, Case

KINDS = {
    kind.DESCRIPTOR.full_name: kind for kind in (error_details_pb2.ErrorInfo, error_details_pb2.BadRequest, error_details_pb2.RetryInfo)
}
# By the name of the case: the field of the request that is to blame.
FIELDS = {
    "version is words": "model_version",
    "classes by name": "outputs[0].parameters['classification']",
    "no model name": "model_name",
    "wrong input name": "inputs[1].name",
    "an input too few": "inputs",
    "an input twice": "inputs",
    "wrong datatype": "inputs[0].datatype",
    "unknown datatype": "inputs[0].datatype",
    "wrong size": "inputs[0].shape",
    "negative size": "inputs[0].shape",
    "different rows among inputs": "inputs[1].shape",
    "too many bytes": "inputs[1]",
    "an entry too few": "inputs[1]",
    "an entry too many": "raw_input_contents",
    "raw and typed contents": "inputs[0].contents",
    "contents of another type": "inputs[0].contents.int64_contents",
    "300 as INT8": "inputs[0].contents",
    "a string cut short": "inputs[0]",
    "unknown output": "outputs[0].name",
    "an output twice": "outputs",
    "priority is a word": "parameters['priority']",
    "a reserved parameter": "parameters['triton_final']",
}


def refused(stub: Stub, request: pb.ModelInferRequest) -> grpc.Call:
    with pytest.raises(grpc.RpcError) as caught:
        stub.infer(request)
    call: Any = caught.value
    return call  # type: ignore[no-any-return]


def details(call: grpc.Call) -> dict[str, Any]:
    """The details by their message's name."""
    status = rpc_status.from_call(call)
    assert status is not None
    assert (status.code, status.message) == (call.code().value[0], (call.details() or "")[:1024])
    unpacked = {}
    for detail in status.details:
        message = KINDS[detail.TypeName()]()
        assert detail.Unpack(message)
        unpacked[detail.TypeName().rpartition(".")[2]] = message
    return unpacked


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.why)
def test_each_refusal_has_a_reason_and_a_wrong_request_the_field(stub: Stub, case: Case) -> None:
    found = details(refused(stub, case.request))
    assert found["ErrorInfo"].domain == "hornbeam"
    assert found["ErrorInfo"].reason.isupper()
    assert ("BadRequest" in found) == (case.code is grpc.StatusCode.INVALID_ARGUMENT)
    assert "RetryInfo" not in found


@pytest.mark.parametrize("why", FIELDS)
def test_the_field_is_the_one_to_blame(stub: Stub, why: str) -> None:
    (case,) = (case for case in CASES if case.why == why)
    (violation,) = details(refused(stub, case.request))["BadRequest"].field_violations
    assert violation.field == FIELDS[why]
    assert case.text in violation.description


def test_the_reason_tells_the_model_and_version(stub: Stub) -> None:
    message = add2_request()
    message.outputs.add(name="zz")
    info = details(refused(stub, message))["ErrorInfo"]
    assert (info.reason, dict(info.metadata)) == ("INVALID", {"model": "add2", "version": "1"})


def test_a_full_queue_tells_when_to_try_again(tmp_path: Path) -> None:
    gated = Gated(save_repository(tmp_path, "add2"), BatchOptions(max_batch_rows=1, max_queue_rows=1))
    try:
        running = gated.stub.begin(add2_request())
        gated.gate.wait()
        waiting = gated.stub.begin(add2_request())
        gated.until_waiting(1)
        call = refused(gated.stub, add2_request())
        found = details(call)
        assert call.code() is grpc.StatusCode.RESOURCE_EXHAUSTED
        assert found["ErrorInfo"].reason == "QUEUE_FULL"
        assert found["RetryInfo"].retry_delay.ToMilliseconds() == 100
        assert ("grpc-retry-pushback-ms", "100") in [tuple(pair) for pair in call.trailing_metadata() or ()]
        gated.gate.let(2)
        assert running.result(timeout=PATIENCE)
        assert waiting.result(timeout=PATIENCE)
    finally:
        gated.close()


def test_an_answer_has_no_details(stub: Stub) -> None:
    _, call = stub.method("ModelInfer").with_call(add2_request().SerializeToString(), timeout=PATIENCE)
    assert "grpc-status-details-bin" not in dict(call.trailing_metadata() or ())


@pytest.mark.parametrize("error", ServiceError.__subclasses__(), ids=lambda error: error.__name__)
def test_what_passes_may_be_tried_again_and_nothing_else(error: type[ServiceError]) -> None:
    passes = code_of(error("")) in (grpc.StatusCode.UNAVAILABLE, grpc.StatusCode.RESOURCE_EXHAUSTED)
    assert (error.retry_after is not None) == passes
