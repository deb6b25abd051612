"""Batching across calls changes no answer: crowds of concurrent calls on real servers, each compared with its call alone."""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from functools import cache
from pathlib import Path

import grpc
import numpy as np
import onnxruntime
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from onnx import TensorProto, helper

from service.engine.batcher import BatchOptions
from service.engine.padding import PaddedAxis
from service.request import Array
from service.rpc._pb import inference_pb2 as pb
from service.server import Options, Server
from tests.service.conftest import FREE_PORTS, PATIENCE, Gated, Stub, add2_request, arrays, refusal, request, scrape
from tests.service.models import MODELS, build, save, save_repository

CALLS = 300
CROWDED = Options(transport=FREE_PORTS.transport, admin=FREE_PORTS.admin, batching=BatchOptions(max_batch_rows=32, max_queue_rows=10_000))
random = np.random.default_rng(5)

Rows = Callable[[int], dict[str, Array]]


@pytest.fixture(scope="module")
def crowded(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    """A server of its own, so that its metrics tell of these tests alone."""
    names = ("add2", "total", "embedding", "ident_bytes", "centre", "centre_int64", "windows", "apart")
    server = Server(save_repository(tmp_path_factory.mktemp("crowded"), *names), CROWDED)
    server.start()
    yield server
    server.stop()


def floats(*shape: int) -> Array:
    return random.normal(size=shape).astype(np.float32)


# Each model with what its call number `index` sends: rows that no other call sends, of several counts and shapes.
BATCHED: dict[str, Rows] = {
    "add2": lambda index: {"a": floats(1 + index % 3, 4), "b": floats(1 + index % 3, 4)},
    "total": lambda index: {"x": floats(1 + index % 2, 3 + index % 4)},
    "embedding": lambda index: {"ids": random.integers(0, 4, (1 + index % 5, 2))},
    "ident_bytes": lambda index: {"x": np.array([[f"call {index}", "é" * (index % 7)]], object)},
    "windows": lambda index: {"x": floats(1, 1, 5)},
}
APART: dict[str, Rows] = {
    "centre": lambda index: {"x": floats(2, 4)},
    "centre_int64": lambda index: {"x": random.integers(0, 1000, (2, 4))},
    "apart": lambda index: {"x": floats(1, 1, 5)},
}


def crowd(port: int, messages: Sequence[pb.ModelInferRequest]) -> list[pb.ModelInferResponse]:
    """The responses to calls that are all in progress at once, from two connections."""
    with Stub(port) as one, Stub(port) as other:
        calls = [(one, other)[index % 2].begin(message) for index, message in enumerate(messages)]
        return [pb.ModelInferResponse.FromString(call.result()) for call in calls]


@pytest.mark.parametrize("model", [*BATCHED, *APART])
def test_in_a_crowd_each_call_is_answered_as_alone(crowded: Server, model: str) -> None:
    rows = (BATCHED | APART)[model]
    messages = [request(model, rows(index), id=str(index)) for index in range(CALLS if model == "add2" else 100)]
    with Stub(crowded.grpc_port) as stub:
        alone = [stub.infer(message) for message in messages]
    before = counts(crowded, model)
    together = waves(crowded.grpc_port, messages)
    executions, requests = (after - earlier for after, earlier in zip(counts(crowded, model), before, strict=True))
    assert [response.id for response in together] == [message.id for message in messages]
    for found, expected in zip(together, alone, strict=True):
        assert found.outputs == expected.outputs
        for name, array in arrays(found).items():
            check_equal(array, arrays(expected)[name])
    assert requests == len(messages)
    if model in BATCHED:
        assert executions < requests
    else:
        assert executions == requests


def waves(port: int, messages: Sequence[pb.ModelInferRequest]) -> list[pb.ModelInferResponse]:
    """A crowd after another, each of fewer calls than a server takes at once."""
    size = 150
    return [response for start in range(0, len(messages), size) for response in crowd(port, messages[start : start + size])]


def check_equal(found: Array, expected: Array) -> None:
    if found.dtype.kind == "f":
        np.testing.assert_allclose(found, expected, rtol=1e-6, atol=1e-6)
    else:
        np.testing.assert_array_equal(found, expected)


def counts(server: Server, model: str) -> tuple[float, float]:
    """Executions of a model, and the calls that were answered."""
    values = scrape(server.admin_port)
    labels = {"model": model, "version": "1"}
    return (
        values.get(("hornbeam_executions_total", frozenset(labels.items())), 0.0),
        values.get(("hornbeam_requests_total", frozenset({**labels, "method": "ModelInfer", "code": "OK"}.items())), 0.0),
    )


def test_calls_that_meet_at_a_busy_model_share_one_run(gated: Gated) -> None:
    first = gated.stub.begin(add2_request(1))
    gated.gate.wait()
    others = [gated.stub.begin(add2_request(1, value)) for value in (10.0, 20.0, 30.0)]
    gated.until_waiting(3)
    gated.gate.let(2)
    answers = [arrays(pb.ModelInferResponse.FromString(call.result()))["sum"] for call in (first, *others)]
    assert [answer.tolist() for answer in answers] == [[[value] * 4] for value in (2.0, 11.0, 21.0, 31.0)]
    told = [gated.batches.get(timeout=PATIENCE) for _ in range(2)]
    assert [(run.requests, run.rows) for run in told] == [(1, 1), (3, 3)]


def test_a_call_that_the_model_refuses_does_not_harm_its_neighbours(tmp_path: Path) -> None:
    gated = Gated(save_repository(tmp_path, "embedding"), BatchOptions())
    try:
        first = gated.stub.begin(request("embedding", {"ids": np.array([[0, 0]])}))
        gated.gate.wait()
        good = gated.stub.begin(request("embedding", {"ids": np.array([[1, 2]])}))
        bad = gated.stub.begin(request("embedding", {"ids": np.array([[1, 99]])}))
        gated.until_waiting(2)
        gated.gate.let(4)
        assert refusal(bad.result).code is grpc.StatusCode.INVALID_ARGUMENT
        assert first.result()
        expected = [[[3.0, 4.0, 5.0], [6.0, 7.0, 8.0]]]
        assert arrays(pb.ModelInferResponse.FromString(good.result()))["y"].tolist() == expected
    finally:
        gated.close()


# Under random concurrency, sizes and cancellations each answer equals the unbatched run of its own rows.


@dataclass(frozen=True)
class Sent:
    """A call: to which model, how many rows of what length, made from which seed, and whether its caller goes away."""

    model: str
    rows: int
    length: int
    seed: int
    cancelled: bool

    @property
    def feeds(self) -> dict[str, Array]:
        generator = np.random.default_rng(self.seed)
        if self.model == "embedding":
            return {"ids": generator.integers(0, 4, (self.rows, 2))}
        if self.model == "add2":
            return {name: generator.normal(size=(self.rows, 4)).astype(np.float32) for name in ("a", "b")}
        return {"x": generator.normal(size=(self.rows, self.length)).astype(np.float32)}


@pytest.fixture(scope="module")
def small(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stub]:
    """A server of small batches, so that requests of a few rows fill, share and exceed them."""
    options = BatchOptions(max_batch_rows=8, allowed_rows=(2, 8), max_queue_rows=10_000)
    server = Server(
        save_repository(tmp_path_factory.mktemp("small"), "add2", "total", "embedding"),
        Options(transport=FREE_PORTS.transport, admin=FREE_PORTS.admin, batching=options),
    )
    server.start()
    with Stub(server.grpc_port) as stub:
        yield stub
    server.stop()


@cache
def unbatched(model: str) -> onnxruntime.InferenceSession:
    """The model without a server."""
    return onnxruntime.InferenceSession(MODELS[model]().SerializeToString(), providers=["CPUExecutionProvider"])


sent = st.builds(
    Sent,
    st.sampled_from(["add2", "total", "embedding"]),
    st.integers(1, 20),
    st.integers(1, 3),
    st.integers(0, 2**32),
    st.sampled_from([False] * 4 + [True]),
)


@given(calls=st.lists(sent, min_size=1, max_size=40))
@settings(max_examples=25, deadline=None)
def test_whatever_runs_together_each_answer_is_that_of_its_own_rows(small: Stub, calls: list[Sent]) -> None:
    begun = []
    for index, call in enumerate(calls):
        begun.append(small.begin(request(call.model, call.feeds, id=f"{index}/{call.seed}")))
        if call.cancelled:
            begun[-1].cancel()
    for index, (call, progress) in enumerate(zip(calls, begun, strict=True)):
        if progress.cancelled():
            assert call.cancelled
            continue
        response = pb.ModelInferResponse.FromString(progress.result())
        assert response.id == f"{index}/{call.seed}"
        found = arrays(response)
        session = unbatched(call.model)
        expected = zip([output.name for output in session.get_outputs()], session.run(None, call.feeds), strict=True)
        for name, array in expected:
            assert found[name].shape == array.shape
            check_equal(found[name], array)


# Larger than a batch, and padding.


def test_a_request_of_more_rows_than_a_batch_is_answered_whole(small: Stub) -> None:
    answer = arrays(small.infer(add2_request(100, 3.0)))
    assert answer["sum"].tolist() == [[4.0] * 4] * 100


def test_it_is_refused_where_requests_are_not_split(tmp_path: Path) -> None:
    gated = Gated(save_repository(tmp_path, "add2"), BatchOptions(max_batch_rows=8, split_large=False))
    try:
        refused = refusal(lambda: gated.stub.infer(add2_request(9)))
        assert (refused.code, refused.text) == (
            grpc.StatusCode.INVALID_ARGUMENT,
            "inference request batch-size must be <= 8 for 'add2'",
        )
    finally:
        gated.close()


def test_requests_of_different_lengths_share_a_run_where_they_are_padded(tmp_path: Path) -> None:
    rows = (TensorProto.FLOAT, ["batch", "length"])
    axis = helper.make_tensor("axis", TensorProto.INT64, [1], [1])
    nodes = [
        helper.make_node("Mul", ["x", "mask"], ["real"]),
        helper.make_node("ReduceSum", ["real", "axis"], ["total"], keepdims=0),
        helper.make_node("Neg", ["x"], ["each"]),
    ]
    outputs = {"each": rows, "total": (TensorProto.FLOAT, ["batch"])}
    save(build(nodes, {"x": rows, "mask": rows}, outputs, [axis]), tmp_path / "masked" / "1" / "model.onnx")
    gated = Gated(tmp_path, BatchOptions(max_batch_rows=8), padding=[PaddedAxis("x", 1, (4, 8), 99.0, "mask")])
    try:
        begun = [gated.stub.begin(request("masked", {"x": np.ones((1, 1), np.float32)}))]
        gated.gate.wait()
        values = [np.full((2, length), float(length), np.float32) for length in (1, 3, 4)]
        begun += [gated.stub.begin(request("masked", {"x": array})) for array in values]
        gated.until_waiting(6)
        gated.gate.let(2)
        answers = [arrays(pb.ModelInferResponse.FromString(call.result())) for call in begun]
        for array, answer in zip(values, answers[1:], strict=True):
            assert answer["each"].tolist() == (-array).tolist()
            assert answer["total"].tolist() == array.sum(axis=1).tolist()
        told = [gated.batches.get(timeout=PATIENCE) for _ in range(2)]
        assert [(run.requests, run.rows, run.padding_rows, run.padding_elements) for run in told] == [(1, 1, 0, 6), (3, 6, 0, 16)]
        refused = refusal(lambda: gated.stub.infer(request("masked", {"x": np.ones((1, 9), np.float32)})))
        assert refused.code is grpc.StatusCode.INVALID_ARGUMENT
        assert "Its axis 1 may be up to 8 (it is padded to one of 4, 8), got 9" in refused.text
    finally:
        gated.close()
