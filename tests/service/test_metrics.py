"""What Prometheus is told: every row of the table, under the labels that it declares, and counts equal to what was done."""

import re
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any

import grpc
import numpy as np
import pytest
from prometheus_client import Metric as Family
from prometheus_client.openmetrics.parser import text_string_to_metric_families as open_metrics
from prometheus_client.parser import text_string_to_metric_families as prometheus

from service.admin import Admin, AdminOptions
from service.errors import StartupError
from service.metrics import METRICS, Metric, Metrics
from service.rpc._pb import inference_pb2 as pb
from service.server import Server
from tests.service.conftest import FREE_PORTS, Stub, add2_request, http, refusal, request, scrape
from tests.service.models import save_repository

OPEN = "application/openmetrics-text; version=1.0.0; charset=utf-8"
Code = grpc.StatusCode


@pytest.fixture(scope="module")
def told(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    """A server that has been asked one thing of each kind, so that every metric has a sample."""
    server = Server(save_repository(tmp_path_factory.mktemp("told"), "add2", "windows"), FREE_PORTS)
    server.start()
    with Stub(server.grpc_port) as stub:
        stub.infer(add2_request())
        refusal(lambda: stub.infer(add2_request(0)))
    yield server
    server.stop()


def families(port: int) -> dict[str, Family]:
    _, _, text = http(port, "/metrics")
    return {family.name: family for family in prometheus(text)}


# The table.


@pytest.mark.parametrize("metric", METRICS, ids=lambda metric: metric.name)
def test_every_row_of_the_table_is_exposed_as_it_declares(told: Server, metric: Metric[Any]) -> None:
    family = families(told.admin_port)[metric.name]
    assert (family.type, family.documentation) == (metric.kind, metric.help)
    assert family.samples
    for sample in family.samples:
        assert set(sample.labels) - {"le"} == set(metric.labels)
    suffixes = {sample.name.removeprefix(metric.name) for sample in family.samples}
    assert suffixes - {"_created"} == {"counter": {"_total"}, "gauge": {""}, "histogram": {"_bucket", "_sum", "_count"}}[metric.kind]


def test_what_is_exposed_is_in_the_table_or_of_the_process(told: Server) -> None:
    exposed = {name for name in families(told.admin_port) if not name.startswith("process_") and not name.endswith("_created")}
    assert exposed == {metric.name for metric in METRICS}


@pytest.mark.parametrize("metric", METRICS, ids=lambda metric: metric.name)
def test_a_row_follows_the_conventions_of_prometheus(metric: Metric[Any]) -> None:
    assert re.fullmatch(r"hornbeam(_[a-z0-9]+)+", metric.name)
    assert metric.help.endswith(".")
    assert not metric.name.endswith("_total")  # which counters are given
    assert bool(metric.buckets) == (metric.kind == "histogram")
    assert list(metric.buckets) == sorted(metric.buckets)
    assert not {"id", "text", "message"} & set(metric.labels)


def test_no_two_rows_have_one_name() -> None:
    assert len({metric.name for metric in METRICS}) == len(METRICS)


def test_the_process_tells_of_itself(told: Server) -> None:
    assert families(told.admin_port)["process_resident_memory_bytes"].samples[0].value > 2**20


# Counts.

METHODS: Mapping[str, tuple[Callable[[Stub], object], dict[str, str]]] = {
    "an answer": (lambda stub: stub.infer(add2_request()), {"method": "ModelInfer", "code": "OK", "model": "add2", "version": "1"}),
    "a request that does not fit": (
        lambda stub: refusal(lambda: stub.infer(add2_request(0))),
        {"method": "ModelInfer", "code": "INVALID_ARGUMENT", "model": "add2", "version": "1"},
    ),
    "a request whose contents are wrong": (
        lambda stub: refusal(lambda: stub.infer(pb.ModelInferRequest(model_name="add2", raw_input_contents=[b""]))),
        {"method": "ModelInfer", "code": "INVALID_ARGUMENT", "model": "add2", "version": "1"},
    ),
    "a model that is not there": (
        lambda stub: refusal(lambda: stub.infer(pb.ModelInferRequest(model_name="made up"))),
        {"method": "ModelInfer", "code": "NOT_FOUND", "model": "", "version": ""},
    ),
    "a version that is not there": (
        lambda stub: refusal(lambda: stub.infer(pb.ModelInferRequest(model_name="add2", model_version="77"))),
        {"method": "ModelInfer", "code": "NOT_FOUND", "model": "add2", "version": ""},
    ),
    "no message": (
        lambda stub: refusal(lambda: stub.call("ModelInfer", b"\xff")),
        {"method": "ModelInfer", "code": "INVALID_ARGUMENT", "model": "", "version": ""},
    ),
    "something that is not supported": (
        lambda stub: refusal(lambda: stub.infer(sequence())),
        {"method": "ModelInfer", "code": "UNIMPLEMENTED", "model": "add2", "version": "1"},
    ),
    "liveness": (lambda stub: stub.call("ServerLive", b""), {"method": "ServerLive", "code": "OK", "model": "", "version": ""}),
    "readiness": (lambda stub: stub.call("ServerReady", b""), {"method": "ServerReady", "code": "OK", "model": "", "version": ""}),
    "metadata": (lambda stub: stub.call("ServerMetadata", b""), {"method": "ServerMetadata", "code": "OK", "model": "", "version": ""}),
    "a model's readiness": (
        lambda stub: stub.call("ModelReady", pb.ModelReadyRequest(name="add2").SerializeToString()),
        {"method": "ModelReady", "code": "OK", "model": "add2", "version": "1"},
    ),
    "a model's metadata": (
        lambda stub: stub.call("ModelMetadata", pb.ModelMetadataRequest(name="add2").SerializeToString()),
        {"method": "ModelMetadata", "code": "OK", "model": "add2", "version": "1"},
    ),
}
REASONS = {"INVALID_ARGUMENT": "invalid", "NOT_FOUND": "not_found", "UNIMPLEMENTED": "unsupported"}


def sequence() -> pb.ModelInferRequest:
    message = add2_request()
    message.parameters["sequence_id"].int64_param = 1
    return message


@pytest.mark.parametrize(("ask", "labels"), METHODS.values(), ids=METHODS.keys())
def test_a_call_is_counted_once_under_what_became_of_it(told: Server, ask: Callable[[Stub], object], labels: dict[str, str]) -> None:
    before = totals(told)
    with Stub(told.grpc_port) as stub:
        ask(stub)
    expected = {("hornbeam_requests_total", frozenset(labels.items())): 1.0}
    if labels["code"] != "OK":
        rejected = {"model": labels["model"], "version": labels["version"], "reason": REASONS[labels["code"]]}
        expected["hornbeam_rejections_total", frozenset(rejected.items())] = 1.0
    changed = {key: value - before.get(key, 0.0) for key, value in totals(told).items() if value != before.get(key)}
    assert changed == expected


def totals(server: Server) -> dict[tuple[str, frozenset[tuple[str, str]]], float]:
    return {
        key: value for key, value in scrape(server.admin_port).items() if key[0] in ("hornbeam_requests_total", "hornbeam_rejections_total")
    }


def test_rows_executions_and_durations_equal_what_was_done(tmp_path: Path) -> None:
    server = Server(save_repository(tmp_path, "add2"), FREE_PORTS)
    server.start()
    try:
        with Stub(server.grpc_port) as stub:
            for rows in (1, 2, 5):
                stub.infer(add2_request(rows))
            refusal(lambda: stub.infer(add2_request(0)))
        found = {
            name: value for (name, labels), value in scrape(server.admin_port).items() if dict(labels) == {"model": "add2", "version": "1"}
        }
    finally:
        server.stop()
    assert found["hornbeam_executions_total"] == 3
    assert found["hornbeam_rows_total"] == 8
    assert (found["hornbeam_batch_rows_count"], found["hornbeam_batch_rows_sum"]) == (3, 8)
    assert (found["hornbeam_batch_requests_count"], found["hornbeam_batch_requests_sum"]) == (3, 3)
    assert found["hornbeam_compute_seconds_count"] == 3
    assert found["hornbeam_queue_duration_seconds_count"] == 3  # what was refused never waited
    assert found["hornbeam_request_duration_seconds_count"] == 3
    assert 0 < found["hornbeam_compute_seconds_sum"] < found["hornbeam_request_duration_seconds_sum"] < 60
    assert found["hornbeam_queue_rows"] == 0
    assert found["hornbeam_model_ready"] == 1
    assert 0 < found["hornbeam_model_load_seconds"] < 60


def test_the_model_says_what_it_runs_on_and_what_it_was_made_of(told: Server) -> None:
    labels = {sample.labels["model"]: sample.labels for sample in families(told.admin_port)["hornbeam_model_info"].samples}
    assert labels == {
        "add2": {"model": "add2", "version": "1", "provider": "CPUExecutionProvider", "source_sha256": ""},
        "windows": {"model": "windows", "version": "1", "provider": "CPUExecutionProvider", "source_sha256": "0" * 64},
    }


def test_what_callers_make_up_never_becomes_a_label(told: Server) -> None:
    before = scrape(told.admin_port).keys()
    with Stub(told.grpc_port) as stub:
        for index in range(20):
            made_up = f"madeup{index}"
            refusal(lambda made_up=made_up: stub.infer(request(made_up, {"x": np.ones(1)})))  # type: ignore[misc]
            refusal(lambda made_up=made_up: stub.infer(request("add2", {"x": np.ones(1)}, version=made_up)))  # type: ignore[misc]
            refusal(lambda made_up=made_up: stub.infer(request("add2", {made_up: np.ones(1)}, made_up, id=made_up)))  # type: ignore[misc]
    _, _, text = http(told.admin_port, "/metrics")
    assert "madeup" not in text
    assert len(scrape(told.admin_port).keys() - before) <= 12  # codes and reasons not met before


def test_the_metrics_of_two_servers_are_apart() -> None:
    one, other = Metrics(), Metrics()
    assert one.exposition("")[0].count(b"# TYPE hornbeam") == other.exposition("")[0].count(b"# TYPE hornbeam") > 0


# The admin port.


def test_prometheus_gets_the_format_that_it_asks_for(told: Server) -> None:
    status, content_type, text = http(told.admin_port, "/metrics", OPEN)
    assert status == 200
    assert content_type.startswith("application/openmetrics-text")
    assert text.endswith("# EOF\n")
    assert {metric.name for metric in METRICS} <= {family.name for family in open_metrics(text)}  # type: ignore[no-untyped-call]


@pytest.mark.parametrize("accept", ["", "text/html,*/*;q=0.8", "text/plain"], ids=["nobody", "a browser", "plain text"])
def test_others_get_plain_text(told: Server, accept: str) -> None:
    status, content_type, text = http(told.admin_port, "/metrics", accept)
    assert status == 200
    assert content_type.startswith("text/plain")
    assert {metric.name for metric in METRICS} <= {family.name for family in prometheus(text)}


PAGES = {
    "/livez": (200, "live\n"),
    "/readyz": (200, "ready\n"),
    "/readyz?verbose": (200, "ready\n"),
    "/": (404, "there are /livez, /readyz, /metrics\n"),
    "/metrics/": (404, "there are /livez, /readyz, /metrics\n"),
    "/../etc/passwd": (404, "there are /livez, /readyz, /metrics\n"),
}


@pytest.mark.parametrize(("path", "answer"), PAGES.items(), ids=PAGES.keys())
def test_pages(told: Server, path: str, answer: tuple[int, str]) -> None:
    status, content_type, text = http(told.admin_port, path)
    assert (status, text) == answer
    assert content_type == "text/plain; charset=utf-8"


def test_readyz_follows_the_server() -> None:
    ready = [True]
    admin = Admin("127.0.0.1", AdminOptions(0), lambda accept: (b"", accept), lambda: ready[0])
    admin.start()
    try:
        assert http(admin.port, "/readyz")[0] == 200
        ready[0] = False
        assert http(admin.port, "/readyz") == (503, "text/plain; charset=utf-8", "not ready\n")
        assert http(admin.port, "/livez")[0] == 200
    finally:
        admin.stop()


def test_an_admin_port_that_is_taken_is_said(told: Server) -> None:
    with pytest.raises(StartupError, match=f"the admin port 127.0.0.1:{told.admin_port} cannot be had: .*choose another with --admin-port"):
        Admin("127.0.0.1", AdminOptions(told.admin_port), lambda accept: (b"", accept), lambda: True)


def test_an_admin_that_never_started_stops() -> None:
    admin = Admin("127.0.0.1", AdminOptions(0), lambda accept: (b"", accept), lambda: True)
    admin.stop()
    Admin("127.0.0.1", AdminOptions(admin.port), lambda accept: (b"", accept), lambda: True).stop()
