"""OpenTelemetry's spans, as its own exporter in memory gets them; the one for OTLP is seen to be made and to be refused."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from queue import SimpleQueue
from time import time_ns
from typing import Any

import grpc
import pytest

pytest.importorskip("opentelemetry.sdk", reason="OpenTelemetry is not installed: pip install 'hornbeam[test]'")

from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export import SimpleSpanProcessor
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter
from opentelemetry.trace import SpanKind, StatusCode

from service import options
from service.engine.batcher import BatchOptions
from service.request import BatchRun, Outcome
from service.rpc.servicer import SERVICE, InferenceServicer
from service.rpc.transport import Transport, TransportOptions
from service.server import Options, Server
from service.tracing import TraceOptions, Tracer, exporting
from tests.service.conftest import PATIENCE, Gated, Stub, add2_request, refusal, until
from tests.service.models import save_repository

COLLECTOR = "opentelemetry.proto.collector.trace.v1.TraceService"
TRACE, SPAN = "4bf92f3577b34da6a3ce929d0e0e4736", "00f067aa0ba902b7"


class Traced(Gated):
    """A gated server whose calls and batches are traced into memory."""

    def __init__(self, repository: Path) -> None:
        self.kept = InMemorySpanExporter()
        provider = TracerProvider()
        provider.add_span_processor(SimpleSpanProcessor(self.kept))
        self.tracer = Tracer(provider)
        super().__init__(repository, BatchOptions(max_batch_rows=8, max_queue_rows=8))
        self.transport.stop(0)
        self.stub.__exit__()
        self.servicer = InferenceServicer(self.registry, self.told, self.metrics.statistics, self.tracer.begin)
        self.transport = Transport("127.0.0.1", TransportOptions(grpc_port=0), self.servicer.handlers())
        self.transport.start()
        self.stub = Stub(self.transport.port)

    def told(self, outcome: Outcome) -> None:
        self.outcomes.put(outcome)
        self.tracer.record_call(outcome)

    def batch(self) -> BatchRun:
        """The next execution, which is traced."""
        run = self.batches.get(timeout=PATIENCE)
        self.tracer.record_batch(run)
        return run

    def spans(self, name: str, number: int) -> list[Any]:
        """That many spans of a name, when they are there."""
        until(lambda: len(self._named(name)) >= number)
        assert len(self._named(name)) == number
        return self._named(name)

    def _named(self, name: str) -> list[Any]:
        return [span for span in self.kept.get_finished_spans() if span.name == name]


@pytest.fixture
def traced(tmp_path: Path) -> Iterator[Traced]:
    traced = Traced(save_repository(tmp_path, "add2"))
    yield traced
    traced.close()


def begin(traced: Traced, flags: str) -> Any:
    headers = (("traceparent", f"00-{TRACE}-{SPAN}-{flags}"),)
    return traced.stub.method("ModelInfer").future(add2_request(2).SerializeToString(), timeout=PATIENCE, metadata=headers)


def test_a_call_is_a_span_of_its_callers_trace_with_its_wait_and_its_run_below(traced: Traced) -> None:
    before = time_ns()
    call = begin(traced, "01")
    traced.gate.let()
    call.result()
    (span,) = traced.spans(f"{SERVICE}/ModelInfer", 1)
    assert span.kind is SpanKind.SERVER
    assert (f"{span.context.trace_id:032x}", f"{span.parent.span_id:016x}") == (TRACE, SPAN)
    assert span.attributes["rpc.method"] == "ModelInfer"
    assert (span.attributes["hornbeam.model"], span.attributes["hornbeam.batch.rows"]) == ("add2", 2)
    assert span.attributes["rpc.response.status_code"] == "OK"
    (queue,), (execute,) = traced.spans("queue", 1), traced.spans("execute", 1)
    assert [child.parent.span_id for child in (queue, execute)] == [span.context.span_id] * 2
    assert abs(queue.end_time - execute.start_time) < 10**7
    margin = 10**7  # the clocks of spans and of the timeline are two
    assert before - margin < queue.start_time <= execute.start_time <= execute.end_time <= span.end_time + margin
    outcome = traced.outcomes.get(timeout=PATIENCE)
    assert (outcome.trace, outcome.sampled) == (TRACE, True)


def test_a_batch_is_a_span_of_its_own_trace_with_links_to_its_calls(traced: Traced) -> None:
    calls = [begin(traced, "01")]
    traced.gate.wait()
    calls += [begin(traced, "01"), begin(traced, "01")]
    traced.until_waiting(4)
    traced.gate.let(2)
    for call in calls:
        call.result()
    assert [traced.batch().requests, traced.batch().requests] == [1, 2]
    requests = {span.context.span_id for span in traced.spans(f"{SERVICE}/ModelInfer", 3)}
    alone, together = traced.spans("batch", 2)
    assert (together.attributes["hornbeam.batch.requests"], together.attributes["hornbeam.batch.rows"]) == (2, 4)
    linked = [{link.context.span_id for link in span.links} for span in (alone, together)]
    assert [len(ids) for ids in linked] == [1, 2]
    assert linked[0] | linked[1] == requests
    for span in (alone, together):
        assert span.parent is None
        assert f"{span.context.trace_id:032x}" != TRACE
        assert span.end_time > span.start_time


def test_what_the_caller_does_not_record_is_not_recorded(traced: Traced) -> None:
    call = begin(traced, "00")
    traced.gate.let()
    call.result()
    traced.batch()
    outcome = traced.outcomes.get(timeout=PATIENCE)
    assert (outcome.trace, outcome.sampled) == (TRACE, False)
    assert traced.kept.get_finished_spans() == ()


def test_a_call_without_a_trace_begins_one(traced: Traced) -> None:
    traced.gate.let()
    traced.stub.infer(add2_request())
    (span,) = traced.spans(f"{SERVICE}/ModelInfer", 1)
    outcome = traced.outcomes.get(timeout=PATIENCE)
    assert span.parent is None
    assert (outcome.trace, outcome.sampled) == (f"{span.context.trace_id:032x}", True)


def test_a_refusal_that_is_the_callers_fault_is_no_error_of_the_server(traced: Traced) -> None:
    refusal(lambda: traced.stub.infer(add2_request(0)))
    (span,) = traced.spans(f"{SERVICE}/ModelInfer", 1)
    assert span.status.status_code is StatusCode.UNSET
    assert (span.attributes["rpc.response.status_code"], span.attributes["hornbeam.reason"]) == ("INVALID_ARGUMENT", "invalid")
    assert not traced.kept.get_finished_spans()[1:]  # it neither waited nor ran


def test_a_refusal_under_load_is_an_error(traced: Traced) -> None:
    first = begin(traced, "01")
    traced.gate.wait()
    waiting = [traced.stub.begin(add2_request(8))]
    traced.until_waiting(8)
    call = traced.stub.begin(add2_request(1), timeout=0.05)
    call.exception()
    traced.gate.let(3)
    for other in (first, *waiting):
        other.result()
    refusals = [span for span in traced.spans(f"{SERVICE}/ModelInfer", 3) if span.attributes["rpc.response.status_code"] != "OK"]
    assert [span.attributes["hornbeam.reason"] for span in refusals] == ["queue_full"]


# Whether there are any.


def test_nothing_is_traced_unless_it_is_asked_for() -> None:
    assert exporting(TraceOptions()) is None


def test_an_endpoint_switches_tracing_on() -> None:
    tracer = exporting(TraceOptions(otel_endpoint="http://127.0.0.1:1"))
    assert tracer is not None
    tracer.stop()


def test_the_spans_of_a_server_arrive_where_they_are_sent(tmp_path: Path) -> None:
    arrived: SimpleQueue[ExportTraceServiceRequest] = SimpleQueue()

    def export(data: bytes, context: grpc.ServicerContext) -> bytes:
        arrived.put(ExportTraceServiceRequest.FromString(data))
        return b""  # an empty response: all were taken

    collector = grpc.server(ThreadPoolExecutor(1))
    handlers: dict[str, grpc.RpcMethodHandler[bytes, bytes]] = {"Export": grpc.unary_unary_rpc_method_handler(export)}
    collector.add_generic_rpc_handlers((grpc.method_handlers_generic_handler(COLLECTOR, handlers),))
    endpoint = f"http://127.0.0.1:{collector.add_insecure_port('127.0.0.1:0')}"
    collector.start()
    given = {"grpc_port": 0, "admin_port": 0, "otel_endpoint": endpoint}
    server = Server(save_repository(tmp_path, "add2"), options.build(Options, given))
    server.start()
    with Stub(server.grpc_port) as stub:
        stub.infer(add2_request())
    server.stop()  # which sends what has not been sent
    collector.stop(0)
    (resource,) = arrived.get(timeout=PATIENCE).resource_spans
    names = {span.name for scope in resource.scope_spans for span in scope.spans}
    assert names == {f"{SERVICE}/ModelInfer", "queue", "execute", "batch"}
    assert ("service.name", "hornbeam") in {(pair.key, pair.value.string_value) for pair in resource.resource.attributes}


def test_a_server_that_does_not_trace_does_not_load_opentelemetry() -> None:
    code = "import sys, service.cli; print(*[name for name in sys.modules if name.startswith('opentelemetry')])"
    assert subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout.strip() == ""


def test_without_opentelemetry_it_is_said_how_to_get_it() -> None:
    code = (
        "import sys; sys.modules['opentelemetry'] = None\n"
        "from service.tracing import TraceOptions, exporting\n"
        "from service.errors import StartupError\n"
        "try: exporting(TraceOptions('otel'))\n"
        "except StartupError as error: print(error)\n"
    )
    said = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout
    assert said.startswith("--tracing otel needs OpenTelemetry, which is not installed: ")
    assert said.endswith("pip install 'hornbeam[otel]'\n")
