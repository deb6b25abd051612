"""Inferences from the completion queue: what it leans on, what it does with requests like those before, and how it ends."""

import logging
import socket
import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from threading import Thread

import grpc
import numpy as np
import pytest
from grpc import _server as stock

from service.engine.batcher import BatchOptions
from service.errors import StartupError
from service.rpc._pb import inference_pb2 as pb
from service.rpc.completion_queue import missing
from service.rpc.transport import Transport, TransportOptions
from tests.service.conftest import PATIENCE, Gated, Refused, Stub, TransportKind, add2_request, arrays, refusal, until
from tests.service.models import save_repository

Code = grpc.StatusCode
QUEUE, AUTO = (TransportOptions(grpc_port=0, transport="queue"), TransportOptions(grpc_port=0))


class Nothing:
    """A handler that is never reached."""

    def begin(self, message: bytes, call: object) -> None:
        raise AssertionError("nobody calls here")

    def flush(self) -> bool:
        return False


# How many calls there may be.


def test_calls_beyond_what_may_be_in_progress_are_refused_and_the_next_has_their_place(tmp_path: Path) -> None:
    gated = Gated(save_repository(tmp_path, "add2"), BatchOptions(max_batch_rows=1), most_calls=2)
    try:
        calls = [gated.stub.begin(add2_request()) for _ in range(2)]
        gated.gate.wait()
        gated.until_waiting(1)
        assert refusal(lambda: gated.stub.infer(add2_request())) == Refused(
            Code.RESOURCE_EXHAUSTED, "Exceeds maximum number of calls in progress, which is 2"
        )
        gated.gate.let(3)
        assert [arrays(pb.ModelInferResponse.FromString(call.result()))["sum"].shape for call in calls] == [(1, 4)] * 2
        assert arrays(gated.stub.infer(add2_request()))["sum"].shape == (1, 4)
    finally:
        gated.close()


@pytest.mark.parametrize(("kind", "most"), [("queue", 7), ("stock", 256)])
def test_the_most_calls_that_may_be_in_progress_are_told(kind: TransportKind, most: int) -> None:
    transport = Transport("127.0.0.1", TransportOptions(grpc_port=0, transport=kind, max_inflight_requests=7), {}, direct=Nothing())
    assert transport.max_requests == most
    assert transport.stop(0)


# What is private to grpcio.


def test_this_grpcio_has_what_the_completion_queue_needs() -> None:
    lacking = missing(grpc.server(ThreadPoolExecutor(1)))
    assert not lacking, (
        f"grpcio {grpc.__version__} has no {lacking}: service/rpc/completion_queue.py must learn its ways, or pin an older one"
    )


@pytest.fixture
def without(monkeypatch: pytest.MonkeyPatch) -> None:
    """A grpcio that has changed its insides."""
    monkeypatch.delattr(stock, "_process_event_and_continue")


@pytest.mark.usefixtures("without")
def test_without_it_the_stock_server_takes_over_and_says_so(caplog: pytest.LogCaptureFixture) -> None:
    with caplog.at_level(logging.WARNING, "hornbeam.rpc"):
        transport = Transport("127.0.0.1", AUTO, {}, direct=Nothing())
    assert transport.kind == "stock"
    assert "grpc._server._process_event_and_continue" in caplog.text
    assert transport.stop(0)


@pytest.mark.usefixtures("without")
def test_without_it_the_queue_is_refused_where_it_was_asked_for() -> None:
    with pytest.raises(StartupError, match=r"has no grpc\._server\._process_event_and_continue, .*; use --transport stock"):
        Transport("127.0.0.1", QUEUE, {}, direct=Nothing())


@pytest.mark.parametrize(("wanted", "kind"), [("auto", "queue"), ("queue", "queue"), ("stock", "stock")])
def test_the_queue_is_what_auto_means(tmp_path: Path, wanted: TransportKind, kind: str) -> None:
    gated = Gated(save_repository(tmp_path, "add2"), BatchOptions(), transport=wanted)
    try:
        assert gated.transport.kind == kind
    finally:
        gated.close()


# Requests like those before.


@pytest.fixture(params=["queue", "stock"])
def open_gate(tmp_path: Path, request: pytest.FixtureRequest) -> Iterator[Gated]:
    """A server of `add2` that has answered one request of one row."""
    gated = Gated(save_repository(tmp_path, "add2"), BatchOptions(max_batch_rows=8), transport=request.param)
    gated.gate.let(1000)
    gated.stub.infer(add2_request())
    yield gated
    gated.close()


def test_a_request_like_the_one_before_is_a_view_of_its_message_and_keeps_its_id(open_gate: Gated) -> None:
    for number in range(1, 4):
        message = add2_request(value=float(number))
        message.id = f"id-{number}"
        response = open_gate.stub.infer(message)
        assert response.id == f"id-{number}"
        assert arrays(response)["sum"].tolist() == [[number + 1.0] * 4]
    for number in range(1, 4):  # as long as the first, and without an id
        assert arrays(open_gate.stub.infer(add2_request(value=float(number))))["sum"].tolist() == [[number + 1.0] * 4]
    assert all(not array.flags.owndata for feeds in open_gate.gate.runs[1:] for array in feeds.values())


SPOILT = {
    "a tensor too short": lambda message: message.raw_input_contents.__setitem__(0, b"short"),
    "a tensor too few": lambda message: message.raw_input_contents.pop(),
    "a tensor too many": lambda message: message.raw_input_contents.append(b""),
    "as long, and cut elsewhere": lambda message: message.raw_input_contents.__setitem__(slice(None), [b"x" * 20, b"x" * 12]),
}


@pytest.mark.parametrize("edit", SPOILT.values(), ids=SPOILT.keys())
def test_a_wrong_one_among_them_is_refused_in_the_same_words(open_gate: Gated, edit: object) -> None:
    message = add2_request()
    edit(message)  # type: ignore[operator]
    known = refusal(lambda: open_gate.stub.infer(message))
    message.parameters["unheard"].bool_param = True  # another head, which was never seen
    assert known == refusal(lambda: open_gate.stub.infer(message))
    assert known.code is Code.INVALID_ARGUMENT


def test_an_id_that_is_no_text_is_refused_though_its_like_is_known(open_gate: Gated) -> None:
    message = add2_request()
    message.id = "ab"
    data = message.SerializeToString().replace(b"\x1a\x02ab", b"\x1a\x02\xff\xfe")
    assert refusal(lambda: open_gate.stub.call("ModelInfer", data)) == Refused(Code.INVALID_ARGUMENT, "Unable to parse ModelInferRequest")


def test_the_timeout_and_the_outputs_of_one_head_hold_for_all_of_its_requests(tmp_path: Path) -> None:
    gated = Gated(save_repository(tmp_path, "add2"), BatchOptions(max_batch_rows=1))
    try:
        message = add2_request()
        message.outputs.add(name="difference")
        message.parameters["timeout"].int64_param = 60_000_000
        for _ in range(3):
            gated.gate.let()
            assert [output.name for output in gated.stub.infer(message).outputs] == ["difference"]
            gated.gate.wait()
        message.parameters["timeout"].int64_param = 1
        for _ in range(2):
            running = gated.stub.begin(add2_request())
            gated.gate.wait()
            waiting = gated.stub.begin(message)
            gated.until_waiting(1)
            gated.gate.let()
            assert refusal(waiting.result) == Refused(Code.DEADLINE_EXCEEDED, "Request timeout expired")
            running.result()
    finally:
        gated.close()


# How it ends.


def listens(port: int) -> bool:
    with socket.socket() as caller:
        return caller.connect_ex(("127.0.0.1", port)) == 0


def test_a_stop_lets_what_is_in_progress_finish_and_takes_no_more(gated: Gated) -> None:
    running = gated.stub.begin(add2_request())
    gated.gate.wait()
    stopped: list[bool] = []
    stopping = Thread(target=lambda: stopped.append(gated.transport.stop(PATIENCE)))
    stopping.start()
    until(lambda: not listens(gated.transport.port))
    with Stub(gated.transport.port) as late:
        assert refusal(lambda: late.infer(add2_request())).code is Code.UNAVAILABLE
    gated.gate.let()
    assert arrays(pb.ModelInferResponse.FromString(running.result()))["sum"].tolist() == [[2.0] * 4]
    stopping.join(PATIENCE)
    assert stopped == [True]


def test_after_the_grace_what_is_in_progress_is_cut_off(gated: Gated) -> None:
    running = gated.stub.begin(add2_request())
    gated.gate.wait()
    assert not gated.transport.stop(0.0)
    assert refusal(running.result).code in (Code.CANCELLED, Code.UNAVAILABLE)


def test_no_thread_is_left_of_it(tmp_path: Path) -> None:
    gated = Gated(save_repository(tmp_path, "add2"), BatchOptions())
    (thread,) = [each for each in threading.enumerate() if each.name == "completion-queue" and each is gated.transport._loop._thread]  # type: ignore[union-attr]
    gated.close()
    thread.join(PATIENCE)
    assert not thread.is_alive()


def test_a_method_that_is_not_there_is_the_stock_servers_to_refuse(gated: Gated) -> None:
    assert refusal(lambda: gated.stub.call("Nope", b"")).code is Code.UNIMPLEMENTED


def test_many_calls_at_once_from_many_connections_are_all_answered(open_gate: Gated) -> None:
    stubs = [Stub(open_gate.transport.port) for _ in range(8)]
    calls = [stubs[index % 8].begin(add2_request(value=float(index))) for index in range(200)]
    sums = [arrays(pb.ModelInferResponse.FromString(call.result()))["sum"] for call in calls]
    np.testing.assert_array_equal(np.concatenate(sums)[:, 0], np.arange(200) + 1.0)
    for stub in stubs:
        stub.__exit__()
