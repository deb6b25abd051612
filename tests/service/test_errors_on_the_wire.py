"""Each way in which a call can be wrong, with the code and the words that its caller gets, over a real channel."""

import logging
from collections import Counter
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import grpc
import numpy as np
import pytest

from service import errors
from service.engine.batcher import BatchOptions
from service.errors import Kind, ServiceError
from service.metrics import Metrics
from service.repository.layout import find_models
from service.request import Array
from service.rpc._pb import inference_pb2 as pb
from service.rpc.servicer import InferenceServicer
from service.rpc.status import CODES, code_of
from service.rpc.transport import THREADS, Transport, TransportOptions
from service.server import Options, Server
from tests.service.conftest import FREE_PORTS, PATIENCE, Gated, Refused, Stub, add2_request, arrays, refusal, registry_of, request, scrape
from tests.service.models import save_repository

Code = grpc.StatusCode
INVALID, NOT_FOUND = Code.INVALID_ARGUMENT, Code.NOT_FOUND
Edit = Callable[[pb.ModelInferRequest], object]
ROWS = np.ones((1, 4), np.float32)


@dataclass(frozen=True)
class Case:
    """A request that is refused, and how; the text is a part of what the caller reads."""

    why: str
    request: pb.ModelInferRequest
    code: grpc.StatusCode
    text: str


def add2(edit: Edit, rows: int = 1) -> pb.ModelInferRequest:
    """A good request to `add2`, spoilt by `edit`."""
    message = add2_request(rows)
    edit(message)
    return message


def inputs(*names: str, shape: tuple[int, ...] = (1, 4), dtype: str = "f4") -> pb.ModelInferRequest:
    """A request to `add2` with ones for inputs of those names."""
    message = pb.ModelInferRequest(model_name="add2")
    for name in names:
        message.inputs.add(name=name, datatype="FP32" if dtype == "f4" else "FP64", shape=shape)
        message.raw_input_contents.append(b"" if 0 in shape else np.ones(shape, dtype).tobytes())
    return message


def first(**fields: Any) -> pb.ModelInferRequest:
    """A request to `add2` whose first input differs from a good one in these fields."""
    message = add2_request()
    tensor = message.inputs[0]
    for name, value in fields.items():
        if name == "shape":
            tensor.shape[:] = value
        else:
            setattr(tensor, name, value)
    return message


def typed(datatype: str, shape: tuple[int, ...], **contents: Any) -> pb.ModelInferRequest:
    """A request with typed contents to the model that gives back what is of that datatype."""
    message = pb.ModelInferRequest(model_name=f"ident_{datatype.lower()}")
    message.inputs.add(name="x", datatype=datatype, shape=shape, contents=pb.InferTensorContents(**contents))
    return message


def strings(data: bytes, shape: tuple[int, ...] = (1, 1)) -> pb.ModelInferRequest:
    """A request with these raw bytes for strings."""
    message = pb.ModelInferRequest(model_name="ident_bytes", raw_input_contents=[data])
    message.inputs.add(name="x", datatype="BYTES", shape=shape)
    return message


def parameter(name: str, **choice: Any) -> pb.ModelInferRequest:
    """A good request to `add2` with a parameter."""
    return add2(lambda message: message.parameters[name].CopyFrom(pb.InferParameter(**choice)))


def on_output(name: str, **choice: Any) -> pb.ModelInferRequest:
    """A good request to `add2` that asks for `sum` with a parameter."""
    return add2(lambda message: message.outputs.add(name="sum").parameters[name].CopyFrom(pb.InferParameter(**choice)))


def on_input(choices: Mapping[str, pb.InferParameter]) -> pb.ModelInferRequest:
    """A request to `add2` whose first input has parameters in place of data."""
    message = add2_request()
    del message.raw_input_contents[:]
    for name, choice in choices.items():
        message.inputs[0].parameters[name].CopyFrom(choice)
    return message


def in_region(message: pb.ModelInferRequest) -> None:
    """Asks for an output in a region of shared memory."""
    output = message.outputs.add(name="sum")
    for name, choice in SIZED.items():
        output.parameters[name].CopyFrom(choice)


def empty(model: str, version: str = "") -> pb.ModelInferRequest:
    return pb.ModelInferRequest(model_name=model, model_version=version)


REGION = {"shared_memory_region": pb.InferParameter(string_param="r")}
SIZED = {**REGION, "shared_memory_byte_size": pb.InferParameter(int64_param=16)}
MANY = 100_000
REGIONS = 2  # of the cases name a region that is not there

CASES = (
    # Which model.
    Case("unknown model", empty("nope"), NOT_FOUND, "Request for unknown model: 'nope' is not found"),
    Case("unknown version", empty("add2", "99"), NOT_FOUND, "Request for unknown model: 'add2' version 99 is not found"),
    Case("version is a label of none", empty("add2", "abc"), NOT_FOUND, "Request for unknown model: 'add2' has no version labelled 'abc'"),
    Case("version is words", empty("add2", "a b"), INVALID, "from specified version string 'a b', version should be an integral value > 0"),
    Case("version is a number as Python has it", empty("add2", "1_0"), INVALID, "'1_0', version should be an integral value > 0"),
    Case("version is a number in spaces", empty("add2", " 1"), INVALID, "' 1', version should be an integral value > 0"),
    Case("version is a fraction", empty("add2", "1.5"), INVALID, "'1.5', version should be an integral value > 0"),
    Case("version is negative", empty("add2", "-1"), INVALID, "invalid model version specified '-1'"),
    Case("version is zero", empty("add2", "0"), INVALID, "invalid model version specified '0'"),
    Case("version of 5000 digits", empty("add2", "9" * 5000), INVALID, "invalid model version specified '999"),
    Case("version beyond 64 bits", empty("add2", "9" * 30), NOT_FOUND, "is not found"),
    Case("no model name", empty(""), INVALID, "names no model"),
    # Which inputs.
    Case("wrong input name", inputs("a", "zz"), INVALID, "unexpected inference input 'zz' for model 'add2'; it takes 'a', 'b'"),
    Case("an input too many", inputs("a", "b", "c"), INVALID, "unexpected inference input 'c' for model 'add2'; it takes 'a', 'b'"),
    Case("an input too few", inputs("a"), INVALID, "expected 2 inputs but got 1 inputs for model 'add2'. Got input(s) ['a'], but missing"),
    Case("no inputs", inputs(), INVALID, "missing required input(s) ['a', 'b']. Please provide all required input(s)."),
    Case("an input twice", inputs("a", "b", "a"), INVALID, "input 'a' already exists in request"),
    Case("very many inputs", inputs(*map(str, range(MANY)), shape=(0,)), INVALID, "unexpected inference input '0'"),
    # Datatypes and shapes.
    Case("wrong datatype", inputs("a", "b", dtype="f8"), INVALID, "input 'a' data-type is 'FP64', but model 'add2' expects 'FP32'"),
    Case("unknown datatype", first(datatype="FOO"), INVALID, "input 'a' data-type is 'FOO', which is none of BOOL, INT8"),
    Case("datatype in small letters", first(datatype="fp32"), INVALID, "data-type is 'fp32', which is none of"),
    Case("no datatype", first(datatype=""), INVALID, "data-type is '', which is none of"),
    Case(
        "wrong rank",
        inputs("a", "b", shape=(1, 2, 2)),
        INVALID,
        "unexpected shape for input 'a' for model 'add2'. Expected [-1,4], got [1,2,2]",
    ),
    Case(
        "wrong size", inputs("a", "b", shape=(1, 5)), INVALID, "unexpected shape for input 'a' for model 'add2'. Expected [-1,4], got [1,5]"
    ),
    Case("negative size", first(shape=[-1, 4]), INVALID, "negative dimension in the shape [-1, 4] of input 'a'"),
    Case("two negative sizes", first(shape=[-2, -2]), INVALID, "negative dimension"),
    Case(
        "a size of 2^40",
        first(shape=[2**40, 4]),
        INVALID,
        "input byte size mismatch for input 'a' for model 'add2'. Expected 17592186044416",
    ),
    Case("sizes whose product is 2^64 bytes", first(shape=[2**31, 2**31]), INVALID, "Expected 18446744073709551616, got 16"),
    Case("sizes beyond any array, of which one is 0", inputs("a", "b", shape=(0, 2**62, 2**62)), INVALID, "input 'a' is beyond any array"),
    Case(
        "typed likewise",
        typed("FP32", (0, 2**62, 2**62)),
        INVALID,
        "the shape [0, 4611686018427387904, 4611686018427387904] of input 'x' is",
    ),
    Case("more axes than any array", first(shape=[1] * 63 + [4, 1]), INVALID, "input 'a' has 65 dimensions, and may have 64"),
    Case(
        "different rows among inputs",
        request("add2", {"a": ROWS, "b": np.ones((2, 4), np.float32)}),
        INVALID,
        "input 'b' batch size does not match other inputs for 'add2'",
    ),
    Case("no rows", add2_request(0), INVALID, "batch size must be > 0 for 'add2'"),
    Case("no shape", inputs("a", "b", shape=()), INVALID, "input 'a' has no shape but model requires batch dimension for 'add2'"),
    Case(
        "another size than a model without batch has",
        request("fixed", {"x": np.ones((1, 3), np.float32)}),
        INVALID,
        "Expected [2,3], got [1,3]",
    ),
    # Raw contents.
    Case(
        "too few bytes",
        add2(lambda m: m.raw_input_contents.__setitem__(0, b"\0" * 12)),
        INVALID,
        "for input 'a' for model 'add2'. Expected 16, got 12",
    ),
    Case(
        "too many bytes",
        add2(lambda m: m.raw_input_contents.__setitem__(1, b"\0" * 17)),
        INVALID,
        "for input 'b' for model 'add2'. Expected 16, got 17",
    ),
    Case(
        "an entry too few",
        add2(lambda m: m.raw_input_contents.pop()),
        INVALID,
        "unable to find data for input tensor 'b' for model 'add2' in request.",
    ),
    Case("no entries", add2(lambda m: m.ClearField("raw_input_contents")), INVALID, "unable to find data for input tensor 'a'"),
    Case(
        "an entry too many",
        add2(lambda m: m.raw_input_contents.append(b"")),
        INVALID,
        "the number of inputs (2) does not match the expected number of raw input contents (3)",
    ),
    Case(
        "raw and typed contents",
        add2(lambda m: m.inputs[0].contents.fp32_contents.append(1)),
        INVALID,
        "contents field must not be specified when using raw_input_contents for 'a' for model 'add2'",
    ),
    # Typed contents.
    Case(
        "contents of another type",
        typed("FP32", (1, 1), int64_contents=[1]),
        INVALID,
        "unexpected explicit tensor data for input tensor 'x' for model 'ident_fp32' of type 'INT64', expected datatype 'FP32'",
    ),
    Case(
        "contents of two types",
        typed("FP32", (1, 1), fp32_contents=[1], bytes_contents=[b""]),
        INVALID,
        "of type 'BYTES', expected datatype 'FP32'",
    ),
    Case("typed contents of FP16", typed("FP16", (1, 1), fp32_contents=[1]), INVALID, "of type 'FP32', expected datatype 'FP16'"),
    Case(
        "too few elements", typed("FP32", (1, 3), fp32_contents=[1, 2]), INVALID, "for input 'x' for model 'ident_fp32'. Expected 3, got 2"
    ),
    Case("too many elements", typed("BOOL", (1, 1), bool_contents=[True] * 2), INVALID, "Expected 1, got 2"),
    Case("elements of 2^40 that are not there", typed("INT32", (1, 2**40), int_contents=[1]), INVALID, "Expected 1099511627776, got 1"),
    Case(
        "neither raw nor typed",
        typed("INT8", (1, 1)),
        INVALID,
        "unable to find data for input tensor 'x' for model 'ident_int8' in request.",
    ),
    Case("300 as INT8", typed("INT8", (1, 2), int_contents=[1, 300]), INVALID, "a value of input 'x' is out of the range of INT8"),
    Case("-129 as INT8", typed("INT8", (1, 1), int_contents=[-129]), INVALID, "out of the range of INT8"),
    Case("2^15 as INT16", typed("INT16", (1, 1), int_contents=[2**15]), INVALID, "out of the range of INT16"),
    Case("256 as UINT8", typed("UINT8", (1, 1), uint_contents=[256]), INVALID, "out of the range of UINT8"),
    Case("2^16 as UINT16", typed("UINT16", (1, 1), uint_contents=[2**16]), INVALID, "out of the range of UINT16"),
    Case(
        "typed strings that are not UTF-8",
        typed("BYTES", (1, 1), bytes_contents=[b"\xff"]),
        INVALID,
        "an element of input 'x' is not UTF-8",
    ),
    # Strings.
    Case(
        "a string's length cut short",
        strings(b"\1\0"),
        INVALID,
        "incomplete string length indicator for inference input 'x', expecting 4 bytes but only 2 bytes available",
    ),
    Case(
        "a string cut short",
        strings(b"\x64\0\0\0z"),
        INVALID,
        "incomplete string data for inference input 'x', expecting string of length 100 but only 1 bytes available",
    ),
    Case("a string of 4 GiB that is not there", strings(b"\xff\xff\xff\xff"), INVALID, "expecting string of length 4294967295"),
    Case(
        "a string too many",
        strings(b"\0\0\0\0" * 3, (1, 2)),
        INVALID,
        "unexpected number of string elements 3 for inference input 'x', expecting 2",
    ),
    Case(
        "a string too few",
        strings(b"\0\0\0\0", (1, 2)),
        INVALID,
        "unexpected number of string elements 1 for inference input 'x', expecting 2",
    ),
    Case("a string that is not UTF-8", strings(b"\1\0\0\0\xff"), INVALID, "an element of input 'x' is not UTF-8"),
    # Outputs.
    Case("unknown output", request("add2", {"a": ROWS, "b": ROWS}, "zz"), INVALID, "unexpected inference output 'zz' for model 'add2'"),
    Case("an output twice", request("add2", {"a": ROWS, "b": ROWS}, "sum", "sum"), INVALID, "output 'sum' already exists in request"),
    Case("very many outputs", request("add2", {"a": ROWS, "b": ROWS}, *map(str, range(MANY))), INVALID, "unexpected inference output '0'"),
    # Parameters.
    Case(
        "priority is a word",
        parameter("priority", string_param="high"),
        INVALID,
        "invalid value type for 'priority' parameter, expected int64_param or uint64_param.",
    ),
    Case("priority is negative", parameter("priority", int64_param=-1), INVALID, "invalid value for 'priority', expected value >= 0."),
    Case(
        "timeout is a fraction",
        parameter("timeout", double_param=0.5),
        INVALID,
        "invalid value type for 'timeout' parameter, expected int64_param",
    ),
    Case("timeout without a value", parameter("timeout"), INVALID, "invalid value type for 'timeout' parameter"),
    Case(
        "a reserved parameter",
        parameter("triton_final", bool_param=True),
        INVALID,
        "starting with 'triton_' are reserved for the server; found 'triton_final'",
    ),
    Case(
        "a sequence by number",
        parameter("sequence_id", int64_param=7),
        Code.UNIMPLEMENTED,
        "'sequence_id' belongs to the sequence extension",
    ),
    Case(
        "a sequence by name",
        parameter("sequence_id", string_param="s"),
        Code.UNIMPLEMENTED,
        "'sequence_id' belongs to the sequence extension",
    ),
    Case("the start of a sequence", parameter("sequence_start", bool_param=True), Code.UNIMPLEMENTED, "'sequence_start' belongs to"),
    Case("the end of a sequence", parameter("sequence_end", bool_param=True), Code.UNIMPLEMENTED, "'sequence_end' belongs to"),
    Case(
        "classes by name",
        on_output("classification", string_param="2"),
        INVALID,
        "invalid value type for 'classification' parameter, expected int64_param",
    ),
    Case("no classes", on_output("classification", int64_param=0), INVALID, "'classification' parameter, expected > 0, got 0"),
    Case("fewer classes than none", on_output("classification", int64_param=-1), INVALID, "expected > 0, got -1"),
    Case("input in unknown shared memory", on_input(SIZED), NOT_FOUND, "Unable to find shared memory region: 'r'"),
    Case(
        "output in unknown shared memory",
        add2(in_region),
        NOT_FOUND,
        "Unable to find shared memory region: 'r'",
    ),
    Case(
        "shared memory without its size",
        on_input(REGION),
        INVALID,
        "'shared_memory_byte_size' must be specified along with 'shared_memory_region' parameter for tensor 'a'",
    ),
    # What the model itself refuses or fails on.
    Case(
        "an id beyond the embedding",
        request("embedding", {"ids": np.array([[0, 9]])}),
        INVALID,
        "the model rejects the input: indices element out of",
    ),
    Case(
        "the model fails",
        request("reshape", {"x": np.ones(4, np.float32), "shape": np.array([3, 3])}),
        Code.INTERNAL,
        "the model failed on this input; the server's log says how",
    ),
)


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.why)
def test_a_wrong_request_is_refused_with_the_code_and_words_of_the_contract(stub: Stub, repository: Path, case: Case) -> None:
    found = refusal(lambda: stub.infer(case.request))
    assert case.text in found.text
    assert found.code is case.code
    assert str(repository) not in found.text
    assert "onnxruntime" not in found.text


def test_every_refusal_is_counted(server: Server, stub: Stub) -> None:
    before = Counter(dict(_counted(server)))
    for case in CASES:
        refusal(lambda case=case: stub.infer(case.request))  # type: ignore[misc]
    counted = Counter(dict(_counted(server))) - before
    codes = Counter(case.code.name for case in CASES)
    assert {code: count for (name, code), count in counted.items() if name == "code"} == codes
    reasons = {reason: count for (name, reason), count in counted.items() if name == "reason"}
    expected = {"invalid": codes["INVALID_ARGUMENT"], "unsupported": codes["UNIMPLEMENTED"], "execution": codes["INTERNAL"]}
    unknown = {"not_found": codes["NOT_FOUND"] - REGIONS, "region_not_found": REGIONS}
    assert reasons == {**expected, **unknown}


def _counted(server: Server) -> Iterator[tuple[tuple[str, str], int]]:
    """How many refusals there were of each code, and for each reason."""
    for name, label in (("hornbeam_requests_total", "code"), ("hornbeam_rejections_total", "reason")):
        totals: Counter[str] = Counter()
        for (sample, labels), value in scrape(server.admin_port).items():
            if sample == name and dict(labels)[label] != "OK":
                totals[dict(labels)[label]] += int(value)
        yield from (((label, value), count) for value, count in totals.items())


def test_the_names_of_the_cases_are_distinct() -> None:
    assert len({case.why for case in CASES}) == len(CASES)


PARAMETERS = {"bool_param": True, "int64_param": -1, "string_param": "s", "double_param": 0.5, "uint64_param": 1}
FINE = {
    "a custom parameter": parameter("mine", uint64_param=2**63),
    "priority": parameter("priority", uint64_param=3),
    "priority of 64 bits": parameter("priority", uint64_param=2**64 - 1),
    "timeout of 64 bits": parameter("timeout", uint64_param=2**64 - 1),
    **{f"a parameter of type {kind}": parameter("mine", **{kind: value}) for kind, value in PARAMETERS.items()},
    "a parameter without a value": parameter("mine"),
    "timeout of a minute": parameter("timeout", int64_param=60_000_000),
    "timeout of none": parameter("timeout", uint64_param=0),
    "the empty final response of C++ clients": parameter("triton_enable_empty_final_response", bool_param=True),
    "no sequence": parameter("sequence_id", int64_param=0),
    "version by number": add2(lambda message: setattr(message, "model_version", "1")),
}


@pytest.mark.parametrize("message", FINE.values(), ids=FINE.keys())
def test_what_looks_odd_but_means_nothing_here_is_answered(stub: Stub, message: pb.ModelInferRequest) -> None:
    np.testing.assert_array_equal(arrays(stub.infer(message))["sum"], 2 * ROWS)


def test_nan_and_infinity_are_numbers(stub: Stub) -> None:
    odd = np.array([[np.nan, np.inf, -np.inf, 1.0]], np.float32)
    np.testing.assert_array_equal(arrays(stub.infer(request("add2", {"a": odd, "b": ROWS})))["sum"], odd + 1)


# Calls of other methods, and calls that are no request at all.

OTHER: Mapping[str, tuple[str, bytes, Refused]] = {
    "ModelInfer with no message": ("ModelInfer", b"\xff\xff", Refused(INVALID, "Unable to parse ModelInferRequest")),
    "ModelInfer with a name that is not UTF-8": ("ModelInfer", b"\x0a\x01\xff", Refused(INVALID, "Unable to parse ModelInferRequest")),
    "ModelReady with no message": ("ModelReady", b"\xff", Refused(INVALID, "Unable to parse ModelReadyRequest")),
    "ModelReady of an unknown model": (
        "ModelReady",
        pb.ModelReadyRequest(name="nope").SerializeToString(),
        Refused(NOT_FOUND, "Request for unknown model: 'nope' is not found"),
    ),
    "ModelReady of an unknown version": (
        "ModelReady",
        pb.ModelReadyRequest(name="add2", version="2").SerializeToString(),
        Refused(NOT_FOUND, "Request for unknown model: 'add2' version 2 is not found"),
    ),
    "ModelReady of no model": ("ModelReady", b"", Refused(INVALID, "the request names no model")),
    "ModelMetadata with no message": ("ModelMetadata", b"\xff", Refused(INVALID, "Unable to parse ModelMetadataRequest")),
    "ModelMetadata of an unknown model": (
        "ModelMetadata",
        pb.ModelMetadataRequest(name="nope").SerializeToString(),
        Refused(NOT_FOUND, "Request for unknown model: 'nope' is not found"),
    ),
    "ModelMetadata of a version that is none": (
        "ModelMetadata",
        pb.ModelMetadataRequest(name="add2", version="0").SerializeToString(),
        Refused(INVALID, "invalid model version specified '0', version should be an integral value > 0"),
    ),
    "unknown method": ("ModelDream", b"", Refused(Code.UNIMPLEMENTED, "Method not found!")),
}


@pytest.mark.parametrize(("method", "data", "expected"), OTHER.values(), ids=OTHER.keys())
def test_other_calls_are_refused_in_these_words(stub: Stub, method: str, data: bytes, expected: Refused) -> None:
    assert refusal(lambda: stub.call(method, data)) == expected


def test_a_message_over_the_limit_is_refused_and_the_connection_goes_on(repository: Path) -> None:
    options = Options(transport=TransportOptions(grpc_port=0, max_message_bytes=1024), admin=FREE_PORTS.admin)
    server = Server(repository / "add2" / "1" / "model.onnx", options)
    server.start()
    try:
        with Stub(server.grpc_port) as stub:
            assert refusal(lambda: stub.infer(add2_request(60))).code is Code.RESOURCE_EXHAUSTED
            assert arrays(stub.infer(add2_request(8)))["sum"].shape == (8, 4)
    finally:
        server.stop()


# Names with control characters, and very long ones.

EVIL = "evil\n2026-01-01 ERROR forged\x1b[31m\0"
EVIL_REQUESTS = {
    "model": empty(EVIL),
    "version": empty("add2", EVIL),
    "input": inputs("a", EVIL),
    "input of no datatype": inputs("a", "b", EVIL),
    "input given twice": inputs(EVIL, EVIL),
    "datatype": first(datatype=EVIL),
    "input of negative size": first(name=EVIL, shape=[-1]),
    "input of too few bytes": first(name=EVIL, shape=[9]),
    "output": request("add2", {"a": ROWS, "b": ROWS}, EVIL),
    "output given twice": request("add2", {"a": ROWS, "b": ROWS}, EVIL, EVIL),
    "parameter": parameter(f"triton_{EVIL}", bool_param=True),
    "region": on_input(
        {"shared_memory_region": pb.InferParameter(string_param=EVIL), "shared_memory_byte_size": pb.InferParameter(int64_param=1)}
    ),
}


@pytest.mark.parametrize("message", EVIL_REQUESTS.values(), ids=EVIL_REQUESTS.keys())
def test_control_characters_of_a_caller_reach_neither_texts_nor_logs(
    stub: Stub, caplog: pytest.LogCaptureFixture, message: pb.ModelInferRequest
) -> None:
    with caplog.at_level(logging.DEBUG, "hornbeam"):
        text = refusal(lambda: stub.infer(message)).text
    assert "evil?2026-01-01 ERROR forged?[31m?" in text
    assert all(char.isprintable() for char in text)
    assert all(record.getMessage().isprintable() for record in caplog.records)


LONG = "x" * 100_000
LONG_REQUESTS = {
    "model": empty(LONG),
    "version": empty("add2", LONG),
    "input": inputs(LONG),
    "output": request("add2", {"a": ROWS, "b": ROWS}, LONG),
    "axes": first(shape=[-1] * 100_000),
    "axes of nothing": first(shape=[0] * 100_000),
    "axes whose product is a number of millions of digits": first(shape=[2**62] * 100_000),
}


@pytest.mark.parametrize("message", LONG_REQUESTS.values(), ids=LONG_REQUESTS.keys())
def test_what_is_too_long_is_not_sent_back(stub: Stub, message: pb.ModelInferRequest) -> None:
    found = refusal(lambda: stub.infer(message))
    assert found.code in (INVALID, NOT_FOUND)
    assert len(found.text) < 500


# The queue.


def test_beyond_what_may_wait_a_request_is_refused_at_once(gated: Gated) -> None:
    running = gated.stub.begin(add2_request(1))
    gated.gate.wait()
    waiting = gated.stub.begin(add2_request(3))
    gated.until_waiting(3)
    found = refusal(lambda: gated.stub.infer(add2_request(2)))
    assert found == Refused(Code.RESOURCE_EXHAUSTED, "Exceeds maximum queue size: 3 rows are waiting, and 4 may")
    gated.gate.let(2)
    assert [len(arrays(pb.ModelInferResponse.FromString(call.result()))["sum"]) for call in (running, waiting)] == [1, 3]


def test_beyond_what_may_be_in_progress_a_call_is_refused_at_once(tmp_path: Path) -> None:
    gated = Gated(
        save_repository(tmp_path, "add2"), BatchOptions(max_batch_rows=1, max_queue_rows=1000, max_queue_seconds=0), transport="stock"
    )
    try:
        calls = [gated.stub.begin(add2_request()) for _ in range(THREADS)]
        gated.gate.wait()
        gated.until_waiting(THREADS - 1)
        assert refusal(lambda: gated.stub.infer(add2_request())).code is Code.RESOURCE_EXHAUSTED
        gated.gate.let(1000)
        assert all(call.result() for call in calls)
    finally:
        gated.close()


def test_a_request_whose_own_timeout_passes_in_the_queue_is_not_computed(gated: Gated) -> None:
    running = gated.stub.begin(add2_request(1))
    gated.gate.wait()
    late = add2_request(2)
    late.parameters["timeout"].int64_param = 1  # microsecond
    waiting = gated.stub.begin(late)
    gated.until_waiting(2)
    gated.gate.let(2)
    assert refusal(waiting.result) == Refused(Code.DEADLINE_EXCEEDED, "Request timeout expired")
    assert running.result()
    assert [len(feeds["a"]) for feeds in gated.gate.runs] == [1]


def test_a_request_whose_deadline_passes_in_the_queue_is_not_computed(gated: Gated) -> None:
    running = gated.stub.begin(add2_request(1))
    gated.gate.wait()
    waiting = gated.stub.begin(add2_request(2), timeout=0.2)
    gated.until_waiting(2)
    assert refusal(waiting.result).code is Code.DEADLINE_EXCEEDED
    gated.gate.let(2)
    assert running.result()
    assert gated.stub.infer(add2_request(3))
    assert [len(feeds["a"]) for feeds in gated.gate.runs] == [1, 3]


def test_a_request_that_is_cancelled_in_the_queue_is_not_computed(gated: Gated) -> None:
    running = gated.stub.begin(add2_request(1))
    gated.gate.wait()
    waiting = gated.stub.begin(add2_request(2))
    gated.until_waiting(2)
    waiting.cancel()
    outcome = gated.outcomes.get(timeout=PATIENCE)
    assert (outcome.code, outcome.reason) == ("CANCELLED", "cancelled")
    gated.gate.let(2)
    assert running.result()
    assert gated.stub.infer(add2_request(3))
    assert [len(feeds["a"]) for feeds in gated.gate.runs] == [1, 3]


# Models and servers that are not ready.


@pytest.fixture
def loading(repository: Path) -> Iterator[tuple[InferenceServicer, Stub]]:
    """A server whose models have not been loaded."""
    servicer = InferenceServicer(registry_of(find_models(repository)), lambda _: None, Metrics().statistics)
    transport = Transport("127.0.0.1", TransportOptions(grpc_port=0), servicer.handlers())
    transport.start()
    with Stub(transport.port) as stub:
        yield servicer, stub
    assert transport.stop(PATIENCE)


@pytest.mark.parametrize(
    ("method", "message"),
    [
        ("ModelInfer", add2_request()),
        ("ModelReady", pb.ModelReadyRequest(name="add2")),
        ("ModelMetadata", pb.ModelMetadataRequest(name="add2", version="1")),
    ],
    ids=["ModelInfer", "ModelReady", "ModelMetadata"],
)
def test_a_model_that_is_loading_is_unavailable(loading: tuple[InferenceServicer, Stub], method: str, message: Any) -> None:
    _, stub = loading
    found = refusal(lambda: stub.call(method, message.SerializeToString()))
    assert found == Refused(Code.UNAVAILABLE, "Request for unknown model: 'add2' version 1 is not at ready state")


def test_a_server_that_drains_is_not_ready(gated: Gated) -> None:
    gated.servicer.draining = True
    assert not pb.ServerReadyResponse.FromString(gated.stub.call("ServerReady", b"")).ready
    assert pb.ServerLiveResponse.FromString(gated.stub.call("ServerLive", b"")).live


def test_a_model_that_is_about_to_be_unloaded_is_unavailable(gated: Gated) -> None:
    gated.batcher.drain()
    found = refusal(lambda: gated.stub.infer(add2_request()))
    assert found == Refused(Code.UNAVAILABLE, "model 'add2' version 1 is about to be unloaded")


def test_a_bug_is_the_callers_to_know_of_and_the_logs_to_explain(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    def broken(_: object) -> list[Array]:
        raise ZeroDivisionError(f"a secret in {tmp_path}")

    gated = Gated(save_repository(tmp_path, "add2"), BatchOptions(), broken)
    try:
        gated.gate.let()
        found = refusal(lambda: gated.stub.infer(add2_request()))
    finally:
        gated.close()
    assert found == Refused(Code.INTERNAL, "internal error; the server's log has the details")
    assert "a secret" in caplog.text


def test_no_memory_is_the_callers_to_know_of(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    def exhausted(_: object) -> list[Array]:
        raise MemoryError(f"a secret in {tmp_path}")

    gated = Gated(save_repository(tmp_path, "add2"), BatchOptions(), exhausted)
    try:
        gated.gate.let()
        found = refusal(lambda: gated.stub.infer(add2_request()))
        outcome = gated.outcomes.get(timeout=PATIENCE)
    finally:
        gated.close()
    assert found == Refused(Code.RESOURCE_EXHAUSTED, "the server has not enough memory for the request")
    assert outcome.reason == "memory"
    assert "a secret" in caplog.text


# The tables of errors.


def descendants(kind: type[ServiceError]) -> Iterator[type[ServiceError]]:
    for child in kind.__subclasses__():
        yield child
        yield from descendants(child)


def test_every_kind_of_error_has_a_code_of_its_own() -> None:
    assert set(CODES) == set(Kind)
    assert len(set(CODES.values())) == len(Kind)
    assert Code.OK not in CODES.values()


def test_every_error_has_a_kind_and_a_reason_and_is_exported() -> None:
    found = list(descendants(ServiceError))
    assert {error.kind for error in found} == set(Kind)
    assert len({error.reason for error in found}) == len(found)
    assert {error.__name__ for error in found} <= set(errors.__all__)
    assert all(code_of(error("text")) is CODES[error.kind] for error in found)
    assert all(error.__name__ in (errors.__doc__ or "") for error in found)
