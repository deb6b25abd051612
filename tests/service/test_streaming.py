"""Many requests on one call: their order, what they share a run with, how they fail, and how the call ends."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from queue import SimpleQueue
from threading import Thread
from threading import enumerate as enumerate_threads
from typing import Any

import grpc
import numpy as np
import pytest
from google.rpc import error_details_pb2
from grpc_status import rpc_status

from service.engine.batcher import BatchOptions
from service.request import Array, Outcome
from service.rpc._pb import inference_pb2 as pb
from service.rpc.streaming import MAX_IN_FLIGHT
from service.server import Server
from tests.service.conftest import FREE_PORTS, PATIENCE, Feeds, Gated, Refused, Stub, add2_request, arrays, refusal, scrape, until
from tests.service.models import save_repository
from tests.service.test_errors_on_the_wire import CASES, Case

STRICT = (("triton_grpc_error", "true"),)


class Stream:
    """One ModelStreamInfer call: what is put is sent, what comes is read one by one; None ends the requests."""

    def __init__(self, stub: Stub, metadata: tuple[tuple[str, str | bytes], ...] = (), timeout: float = PATIENCE) -> None:
        self._requests: SimpleQueue[bytes | None] = SimpleQueue()
        self.call: Any = stub.stream(iter(self._requests.get, None), metadata=metadata, timeout=timeout)

    def put(self, *requests: pb.ModelInferRequest) -> None:
        for message in requests:
            self._requests.put(message.SerializeToString())

    def end(self) -> None:
        self._requests.put(None)

    def get(self) -> pb.ModelStreamInferResponse:
        return pb.ModelStreamInferResponse.FromString(next(self.call))

    def rest(self) -> list[pb.ModelStreamInferResponse]:
        return [pb.ModelStreamInferResponse.FromString(data) for data in self.call]


def numbered(number: int, rows: int = 1) -> pb.ModelInferRequest:
    """A request with its number for an id, whose sum is the number + 1 everywhere."""
    message = add2_request(rows, number)
    message.id = str(number)
    return message


def wrong(id: str = "wrong") -> pb.ModelInferRequest:
    return pb.ModelInferRequest(model_name="nope", id=id)


def sums(responses: Sequence[pb.ModelStreamInferResponse]) -> list[float]:
    return [float(arrays(response.infer_response)["sum"][0, 0]) for response in responses]


def test_answers_come_in_the_order_of_the_requests(stub: Stub) -> None:
    stream = Stream(stub)
    stream.put(*(numbered(number, rows=1 + number % 3) for number in range(100)))
    stream.end()
    found = stream.rest()
    assert [response.infer_response.id for response in found] == [str(number) for number in range(100)]
    assert sums(found) == [number + 1 for number in range(100)]
    assert [arrays(response.infer_response)["sum"].shape for response in found] == [(1 + number % 3, 4) for number in range(100)]
    assert {response.error_message for response in found} == {""}
    assert stream.call.code() is grpc.StatusCode.OK


def test_an_answer_comes_before_the_next_request_is_sent(stub: Stub) -> None:
    stream = Stream(stub)
    for number in range(3):
        stream.put(numbered(number))
        assert sums([stream.get()]) == [number + 1]
    stream.end()
    assert stream.rest() == []


@pytest.mark.parametrize("asked", [True, False], ids=["asked for", "not asked for"])
def test_the_only_answer_to_a_request_says_that_it_is_the_last(stub: Stub, asked: bool) -> None:
    message = add2_request()
    if asked:
        message.parameters["triton_enable_empty_final_response"].bool_param = True
    stream = Stream(stub)
    stream.put(message)
    stream.end()
    (found,) = stream.rest()
    assert found.infer_response.parameters["triton_final_response"].bool_param
    assert len(found.infer_response.outputs) == 2


def test_a_stream_without_requests_ends_well(stub: Stub) -> None:
    stream = Stream(stub)
    stream.end()
    assert stream.rest() == []
    assert stream.call.code() is grpc.StatusCode.OK


def test_the_requests_of_a_stream_share_runs(gated: Gated) -> None:
    stream = Stream(gated.stub)
    stream.put(numbered(0))
    gated.gate.wait()
    stream.put(*(numbered(number) for number in range(1, 5)))
    gated.until_waiting(4)
    gated.gate.let(2)
    stream.end()
    assert sums(stream.rest()) == [1, 2, 3, 4, 5]
    assert [len(feeds["a"]) for feeds in gated.gate.runs] == [1, 4]


def test_no_more_requests_are_read_than_may_be_in_flight(tmp_path: Path) -> None:
    gated = Gated(save_repository(tmp_path, "add2"), BatchOptions(max_batch_rows=1, max_queue_rows=10 * MAX_IN_FLIGHT, max_queue_seconds=0))
    try:
        stream = Stream(gated.stub, timeout=1000 * PATIENCE)  # the gate makes a run look long, and turns late
        stream.put(*(numbered(number) for number in range(MAX_IN_FLIGHT + 50)))
        stream.end()
        gated.gate.wait()
        gated.until_waiting(MAX_IN_FLIGHT - 1)
        gated.gate.let()
        assert sums([stream.get()]) == [1]
        until(lambda: len(gated.gate.runs) == 2)
        gated.until_waiting(MAX_IN_FLIGHT - 1)  # one has gone, and one more was read
        gated.gate.let(1000)
        assert sums(stream.rest()) == [number + 1 for number in range(1, MAX_IN_FLIGHT + 50)]
    finally:
        gated.close()


# What goes wrong, in the default mode.


def test_a_wrong_request_is_answered_and_the_stream_goes_on(stub: Stub) -> None:
    stream = Stream(stub)
    stream.put(numbered(1), wrong("mine"), numbered(2))
    stream.end()
    good, bad, last = stream.rest()
    assert sums([good, last]) == [2, 3]
    assert bad.error_message == "Request for unknown model: 'nope' is not found"
    assert bad.infer_response.id == "mine"
    assert not bad.infer_response.outputs
    assert stream.call.code() is grpc.StatusCode.OK


def test_what_is_no_message_is_answered_and_the_stream_goes_on(stub: Stub) -> None:
    answers = stub.stream(iter([b"\xff", numbered(1).SerializeToString()]), timeout=PATIENCE)
    bad, good = (pb.ModelStreamInferResponse.FromString(data) for data in answers)
    assert bad.error_message == "Unable to parse ModelInferRequest"
    assert sums([good]) == [2]


def test_every_wrong_request_has_the_words_that_it_has_alone(stub: Stub) -> None:
    stream = Stream(stub)
    for index, case in enumerate(CASES):
        message = pb.ModelInferRequest()
        message.CopyFrom(case.request)
        message.id = str(index)
        stream.put(message)
    stream.end()
    found = stream.rest()
    assert [response.infer_response.id for response in found] == [str(index) for index in range(len(CASES))]
    assert [case.why for case, response in zip(CASES, found, strict=True) if case.text not in response.error_message] == []


def test_a_bug_fails_the_request_and_not_the_stream(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    def broken(feeds: Feeds) -> list[Array]:
        if feeds["a"][0, 0] == 1:
            raise ZeroDivisionError("a secret")
        return [feeds["a"], feeds["b"]]

    gated = Gated(save_repository(tmp_path, "add2"), BatchOptions(max_batch_rows=1), broken)
    try:
        gated.gate.let(2)
        stream = Stream(gated.stub)
        stream.put(numbered(1), numbered(2))
        stream.end()
        bad, good = stream.rest()
        assert (bad.error_message, bad.infer_response.id) == ("internal error; the server's log has the details", "1")
        assert (good.error_message, good.infer_response.id) == ("", "2")
        assert "a secret" in caplog.text
    finally:
        gated.close()


# Where the caller wants the status.


@pytest.mark.parametrize("case", CASES[::7], ids=lambda case: case.why)
def test_the_first_error_ends_the_stream_where_that_is_wanted(stub: Stub, case: Case) -> None:
    stream = Stream(stub, STRICT)
    stream.put(numbered(1), case.request)
    assert sums([stream.get()]) == [2]
    found = refusal(stream.get)
    assert (found.code, case.text in found.text) == (case.code, True)
    status = rpc_status.from_call(stream.call)
    assert status is not None
    assert next(detail.TypeName() for detail in status.details) == error_details_pb2.ErrorInfo.DESCRIPTOR.full_name


def test_what_was_read_after_the_error_is_not_answered_and_is_counted(gated: Gated) -> None:
    stream = Stream(gated.stub, STRICT)
    stream.put(numbered(0))
    gated.gate.wait()
    stream.put(wrong(), numbered(1), numbered(2))
    gated.until_waiting(2)
    gated.gate.let()
    assert sums([stream.get()]) == [1]
    assert refusal(stream.get).code is grpc.StatusCode.NOT_FOUND
    assert sorted(outcomes(gated, 4)) == [("CANCELLED", "cancelled")] * 2 + [("NOT_FOUND", "not_found"), ("OK", None)]


# How streams end.


def test_what_waits_is_not_computed_when_the_caller_goes_away(gated: Gated) -> None:
    stream = Stream(gated.stub)
    stream.put(numbered(0))
    gated.gate.wait()
    stream.put(numbered(1), numbered(2))
    gated.until_waiting(2)
    stream.call.cancel()
    assert outcomes(gated, 2) == [("CANCELLED", "cancelled")] * 2
    gated.gate.let(2)
    assert gated.stub.infer(add2_request(3))
    assert [len(feeds["a"]) for feeds in gated.gate.runs] == [1, 3]


def test_the_deadline_of_the_call_is_that_of_its_requests(gated: Gated) -> None:
    stream = Stream(gated.stub, timeout=0.3)
    stream.put(numbered(0))
    gated.gate.wait()
    stream.put(numbered(1))
    gated.until_waiting(1)
    assert refusal(stream.get).code is grpc.StatusCode.DEADLINE_EXCEEDED
    assert outcomes(gated, 1) == [("CANCELLED", "cancelled")]
    gated.gate.let(2)
    assert gated.stub.infer(add2_request(3))
    assert [len(feeds["a"]) for feeds in gated.gate.runs] == [1, 3]


def test_a_request_of_a_stream_may_have_a_timeout_of_its_own(gated: Gated) -> None:
    late = numbered(1)
    late.parameters["timeout"].int64_param = 1  # microsecond
    stream = Stream(gated.stub)
    stream.put(numbered(0))
    gated.gate.wait()
    stream.put(late)
    gated.until_waiting(1)
    gated.gate.let()
    stream.end()
    good, bad = stream.rest()
    assert sums([good]) == [1]
    assert (bad.error_message, bad.infer_response.id) == ("Request timeout expired", "1")


def test_each_request_of_a_stream_is_told_of(gated: Gated) -> None:
    gated.gate.let(2)
    stream = Stream(gated.stub)
    stream.put(numbered(1), wrong())
    stream.end()
    assert len(stream.rest()) == 2
    good, bad = (gated.outcomes.get(timeout=PATIENCE) for _ in range(2))
    assert (good.method, good.code, good.model, good.version, good.reason) == ("ModelStreamInfer", "OK", "add2", "1", None)
    assert (bad.method, bad.code, bad.model, bad.version, bad.reason) == ("ModelStreamInfer", "NOT_FOUND", "", "", "not_found")
    stamps = [getattr(good.timeline, name) for name in ("received", "queued", "started", "computed", "answered", "ended")]
    assert stamps == sorted(stamps)
    assert gated.outcomes.empty()


def test_the_metrics_count_the_requests_of_streams(tmp_path: Path) -> None:
    server = Server(save_repository(tmp_path, "add2"), FREE_PORTS)
    server.start()
    try:
        with Stub(server.grpc_port) as stub:
            stream = Stream(stub)
            stream.put(*(numbered(number) for number in range(10)), wrong())
            stream.end()
            stream.rest()
        found = scrape(server.admin_port)
    finally:
        server.stop()
    called = {dict(labels)["code"]: value for (name, labels), value in found.items() if name == "hornbeam_requests_total"}
    assert called == {"OK": 10, "NOT_FOUND": 1, "INTERNAL": 0}


@pytest.fixture
def stopping(tmp_path: Path) -> Iterator[Callable[[], Thread]]:
    """Has a server of `add2` stop, on a thread that ends when it has."""
    threads: list[Thread] = []
    server = Server(save_repository(tmp_path, "add2"), FREE_PORTS)
    server.start()

    def stop() -> Thread:
        threads.append(Thread(target=server.stop))
        threads[0].start()
        return threads[0]

    stop.port = server.grpc_port  # type: ignore[attr-defined]
    yield stop
    for thread in threads:
        thread.join(PATIENCE)


def test_a_stream_that_idles_does_not_hold_up_a_stop(stopping: Callable[[], Thread]) -> None:
    with Stub(stopping.port) as stub:  # type: ignore[attr-defined]
        stream = Stream(stub)
        stream.put(numbered(1))
        assert sums([stream.get()]) == [2]
        thread = stopping()
        found = refusal(stream.get)
        assert found == Refused(grpc.StatusCode.UNAVAILABLE, "the server is about to stop and reads no more requests of this stream")
        thread.join(PATIENCE / 2)
        assert not thread.is_alive()


def test_what_a_stream_has_sent_is_answered_when_the_server_stops(gated: Gated) -> None:
    stream = Stream(gated.stub)
    stream.put(numbered(0))
    gated.gate.wait()
    stream.put(numbered(1), numbered(2))
    gated.until_waiting(2)
    gated.servicer.end_streams()
    gated.gate.let(2)
    assert sums([stream.get() for _ in range(3)]) == [1, 2, 3]
    assert refusal(stream.get).code is grpc.StatusCode.UNAVAILABLE
    late = Stream(gated.stub)
    assert refusal(late.get).code is grpc.StatusCode.UNAVAILABLE


def test_streams_beside_each_other_do_not_mix(stub: Stub) -> None:
    streams = [Stream(stub) for _ in range(8)]
    for number in range(40):
        streams[number % 8].put(numbered(number))
    for stream in streams:
        stream.end()
    found = [sums(stream.rest()) for stream in streams]
    assert found == [[number + 1 for number in range(start, 40, 8)] for start in range(8)]


def test_the_answers_of_a_stream_are_those_of_requests_alone(stub: Stub) -> None:
    random = np.random.default_rng(7)
    messages = [
        add2_request(int(rows), float(value)) for rows, value in zip(random.integers(1, 9, 50), random.normal(size=50), strict=True)
    ]
    stream = Stream(stub)
    stream.put(*messages)
    stream.end()
    for message, found in zip(messages, stream.rest(), strict=True):
        alone = stub.infer(message)
        assert list(found.infer_response.raw_output_contents) == list(alone.raw_output_contents)


def readers() -> int:
    """How many streams are being read in this process."""
    return sum(thread.name == "stream" for thread in enumerate_threads())


def test_no_thread_is_left_of_streams_whose_callers_went_away(stub: Stub) -> None:
    until(lambda: readers() == 0)
    streams = [Stream(stub) for _ in range(20)]
    for index, stream in enumerate(streams):
        stream.put(*(numbered(number) for number in range(index)))
    until(lambda: readers() == len(streams))
    for index, stream in enumerate(streams):
        if index % 2:
            assert sums([stream.get()]) == [1]
        stream.call.cancel()
    until(lambda: readers() == 0)


def test_no_thread_is_left_of_a_stream_that_ended_while_it_was_full(tmp_path: Path) -> None:
    until(lambda: readers() == 0)
    gated = Gated(save_repository(tmp_path, "add2"), BatchOptions(max_batch_rows=1, max_queue_rows=10 * MAX_IN_FLIGHT, max_queue_seconds=0))
    try:
        stream = Stream(gated.stub, STRICT)
        stream.put(numbered(0), wrong(), *(numbered(number) for number in range(2 * MAX_IN_FLIGHT)))
        gated.gate.wait()
        gated.until_waiting(MAX_IN_FLIGHT - 2)
        gated.gate.let()
        assert sums([stream.get()]) == [1]
        assert refusal(stream.get).code is grpc.StatusCode.NOT_FOUND
        until(lambda: readers() == 0)
    finally:
        gated.close()


def outcomes(gated: Gated, count: int) -> list[tuple[str, str | None]]:
    """The code and reason of the next `count` calls that ended."""
    told: list[Outcome] = [gated.outcomes.get(timeout=PATIENCE) for _ in range(count)]
    return [(outcome.code, outcome.reason) for outcome in told]
