"""What Prometheus is told: every row of the table, under the labels that it declares, and counts equal to what was done."""

import platform
import re
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any

import grpc
import numpy as np
import onnxruntime
import pytest
from prometheus_client import Metric as Family
from prometheus_client.openmetrics.parser import text_string_to_metric_families as open_metrics
from prometheus_client.parser import text_string_to_metric_families as prometheus

import service
from service import __version__, options
from service.admin import Admin, AdminOptions
from service.engine.batcher import BatchOptions
from service.errors import StartupError
from service.lifecycle import Stage
from service.metrics import METRICS, Metric, Metrics, MetricsOptions
from service.metrics.exposition import KEPT
from service.repository.layout import ModelFile
from service.repository.registry import ModelStatus, State
from service.request import BatchRun, Load, Outcome, Timeline
from service.rpc._pb import inference_pb2 as pb
from service.server import Options, Server
from tests.service.conftest import FREE_PORTS, PATIENCE, Gated, Stub, TransportKind, add2_request, http, refusal, request, scrape, until
from tests.service.models import save_repository

OPEN = "application/openmetrics-text; version=1.0.0; charset=utf-8"
Code = grpc.StatusCode
ADD2 = frozenset({"model": "add2", "version": "1"}.items())
ELSEWHERE = {  # what not every machine has, and not this server: tests of their own show these
    *("hornbeam_cpu_periods", "hornbeam_cpu_throttled_periods", "hornbeam_cpu_throttled_seconds", "hornbeam_memory_limit_bytes"),
    *("hornbeam_tls_certificate_expiry_timestamp_seconds", "hornbeam_tls_reloads"),
}


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
    if metric.name in ELSEWHERE and not family.samples:
        return
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


def test_the_manual_has_every_metric_as_the_table_has_it() -> None:
    manual = (Path(str(service.__file__)).parent / "README.md").read_text()
    told = re.findall(r"^\| `(hornbeam_\w+)` \| (\w+) \| ([\w, ]*) \| (.*) \|$", manual, re.MULTILINE)
    suffix = {"counter": "_total"}
    assert told == [(metric.name + suffix.get(metric.kind, ""), metric.kind, ", ".join(metric.labels), metric.help) for metric in METRICS]


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
    both = {"version": "1", "provider": "CPUExecutionProvider", "device": "cpu", "requested_device": "cpu"}
    assert labels == {
        "add2": {"model": "add2", "source_sha256": "", **both},
        "windows": {"model": "windows", "source_sha256": "0" * 64, **both},
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


# Gauges.


def test_calls_and_runs_in_progress_are_told_while_they_are(tmp_path: Path) -> None:
    gated = Gated(save_repository(tmp_path, "add2"), BatchOptions(max_batch_rows=8, max_queue_rows=8))
    gated.metrics.watch(gated.registry.statuses)
    gated.metrics.watch_calls(gated.servicer._boundary.in_progress)
    try:
        calls = [gated.stub.begin(add2_request(2))]
        gated.gate.wait()
        calls.append(gated.stub.begin(add2_request(3)))
        gated.until_waiting(3)
        during = gauges(gated.metrics)
        gated.gate.let(2)
        for call in calls:
            call.result()
        until(lambda: gauges(gated.metrics)["hornbeam_running_rows"] == 0)
        after = gauges(gated.metrics)
    finally:
        gated.close()
    names = ("hornbeam_inflight_requests", "hornbeam_queue_requests", "hornbeam_queue_rows", "hornbeam_running_rows")
    assert [during[name] for name in names] == [2, 1, 3, 2]
    assert [after[name] for name in names] == [0, 0, 0, 0]


def gauges(metrics: Metrics, **labels: str) -> dict[str, float]:
    """The samples of model `add2`, or with other labels, by name."""
    wanted = {"model": "add2", "version": "1"} | labels
    text = metrics.exposition("")[0].decode()
    return {sample.name: sample.value for family in prometheus(text) for sample in family.samples if sample.labels == wanted}


def test_a_model_is_in_one_state_at_a_time() -> None:
    status = ModelStatus(ModelFile("add2", 1, Path("model.onnx")))
    metrics = Metrics()
    metrics.watch(lambda: [status])
    for state in State:
        status.state = state
        found = [gauges(metrics, state=other.value)["hornbeam_model_state"] for other in State]
        assert found == [float(other is state) for other in State]


def test_the_server_says_at_which_stage_of_its_life_it_is(tmp_path: Path) -> None:
    server = Server(save_repository(tmp_path, "add2"), FREE_PORTS)
    server.start()
    try:
        before = scrape(server.admin_port)
        server.withdraw()
        after = scrape(server.admin_port)
    finally:
        server.stop()
    stages = [("hornbeam_server_state", frozenset({"state": stage.value}.items())) for stage in Stage]
    assert [before[stage] for stage in stages] == [0, 1, 0, 0]
    assert [after[stage] for stage in stages] == [0, 0, 1, 0]


def test_the_way_of_inferences_is_told(server: Server, transport: TransportKind) -> None:
    (sample,) = families(server.admin_port)["hornbeam_transport_info"].samples
    assert (sample.labels, sample.value) == ({"transport": transport}, 1)


def test_cheap_runs_are_done_by_the_thread_that_takes_the_calls(
    server: Server, transport: TransportKind, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("service.engine.batcher.CHEAP", PATIENCE)
    monkeypatch.setattr("service.engine.batcher.STALL", PATIENCE)
    calls, found = 0, scrape(server.admin_port)
    with Stub(server.grpc_port) as stub:
        # The first shows what it costs, and that is learned once it has been answered: the next may still come too early.
        while calls < 2 or (transport == "queue" and found["hornbeam_inline_executions_total", ADD2] < 2):
            stub.infer(add2_request())
            calls, found = calls + 1, scrape(server.admin_port)
            assert calls < 100
    assert found["hornbeam_executions_total", ADD2] == calls
    assert found["hornbeam_inline_executions_total", ADD2] < calls
    assert transport == "queue" or found["hornbeam_inline_executions_total", ADD2] == 0


def test_the_server_says_what_it_is_made_of(told: Server) -> None:
    (sample,) = families(told.admin_port)["hornbeam_build_info"].samples
    assert sample.value == 1
    assert sample.labels == {"version": __version__, "onnxruntime": onnxruntime.__version__, "python": platform.python_version()}


def test_threads_are_told_by_what_they_are_for(told: Server) -> None:
    found = {sample.labels["pool"]: sample.value for sample in families(told.admin_port)["hornbeam_threads"].samples}
    assert set(found) == {"rpc", "runner", "admin", "other", "native"}
    assert found["runner"] >= 1
    assert found["rpc"] >= 1
    assert found["admin"] >= 1


def test_a_load_is_counted_and_what_may_fail_begins_at_nothing() -> None:
    metrics = Metrics()
    status = ModelStatus(ModelFile("add2", 1, Path("model.onnx")))
    metrics.watch(lambda: [status])
    metrics.record_load(Load("add2", "1", "success", 2.0, 0.5))
    metrics.record_load(Load("add2", "1", "failure", 1.0))
    metrics.record_load(Load("add2", "1", "failure", 1.0))
    assert gauges(metrics, result="success")["hornbeam_model_loads_total"] == 1
    assert gauges(metrics, result="failure")["hornbeam_model_loads_total"] == 2
    assert gauges(metrics)["hornbeam_model_warmup_seconds"] == 0.5
    for code in ("OK", "INTERNAL"):
        assert gauges(metrics, method="ModelInfer", code=code)["hornbeam_requests_total"] == 0


def test_padding_and_slack_are_counted() -> None:
    metrics = Metrics()
    metrics.record_batch(BatchRun("add2", "1", 1, 3, 0.1, 0.2, padding_rows=1, padding_elements=8))
    metrics.record_batch(BatchRun("add2", "1", 1, 4, 0.1, 0.2))
    for deadline in (None, 3.5, 2.5):
        metrics.record_call(Outcome("ModelInfer", "OK", Timeline(1.0, answered=3.0, ended=3.0, deadline=deadline), "add2", "1"))
    found = gauges(metrics)
    assert (found["hornbeam_batch_padding_rows_total"], found["hornbeam_padding_elements_total"]) == (1, 8)
    assert (found["hornbeam_deadline_slack_seconds_count"], found["hornbeam_deadline_slack_seconds_sum"]) == (2, 0.5)


def test_the_deadline_of_a_call_gives_its_slack(told: Server) -> None:
    key = ("hornbeam_deadline_slack_seconds_sum", frozenset({"model": "windows", "version": "1"}.items()))
    with Stub(told.grpc_port) as stub:
        stub.begin(request("windows", {"x": np.ones((1, 1, 4), np.float32)}), timeout=20.0).result()
    assert 10.0 < scrape(told.admin_port)[key] < 20.0


# What does not grow.


def test_the_gauges_of_a_model_go_with_it_and_its_counters_after_a_while() -> None:
    metrics, there = Metrics(), [ModelStatus(ModelFile("add2", version, Path("model.onnx"))) for version in range(1, 101)]
    metrics.watch(lambda: there)
    for status in there:
        metrics.record_load(Load("add2", status.version, "success", 0.1, 0.1))
        metrics.record_batch(BatchRun("add2", status.version, 1, 1, 0.1, 0.1))
        metrics.record_call(Outcome("ModelInfer", "OK", Timeline(1.0, ended=2.0), "add2", status.version))
    assert len(versions(metrics, "hornbeam_model_ready")) == len(versions(metrics, "hornbeam_executions_total")) == 100
    del there[:-2]
    assert versions(metrics, "hornbeam_model_ready") == {"99", "100"}
    for name in ("hornbeam_executions_total", "hornbeam_requests_total", "hornbeam_model_loads_total"):
        assert versions(metrics, name) == {str(version) for version in range(101 - 2 - KEPT, 101)}
    assert metrics.statistics("add2", "1").executions == 0
    assert metrics.statistics("add2", "100").executions == 1


def versions(metrics: Metrics, name: str) -> set[str]:
    return set(re.findall(rf'^{name}{{.*version="(\d+)"', metrics.exposition("")[0].decode(), re.MULTILINE))


# Examples and buckets.


def test_a_bucket_names_a_trace_that_is_in_it(tmp_path: Path) -> None:
    server, ids = Server(save_repository(tmp_path, "add2"), FREE_PORTS), ["a" * 32, "b" * 32]
    server.start()
    try:
        with Stub(server.grpc_port) as stub:
            for trace, flags in zip(ids, ("01", "00"), strict=True):
                headers = (("traceparent", f"00-{trace}-{'c' * 16}-{flags}"),)
                stub.method("ModelInfer")(add2_request().SerializeToString(), metadata=headers)
        _, _, text = http(server.admin_port, "/metrics", OPEN)
        _, _, plain = http(server.admin_port, "/metrics")
    finally:
        server.stop()
    samples = [sample for family in open_metrics(text) for sample in family.samples]  # type: ignore[no-untyped-call]
    found = {sample.name: sample.exemplar.labels for sample in samples if sample.exemplar}
    assert found["hornbeam_request_duration_seconds_bucket"] == {"trace_id": ids[0]}
    assert ids[1] not in text  # which nobody keeps
    assert ids[0] not in plain


def test_the_bounds_of_latency_may_be_chosen(tmp_path: Path) -> None:
    server = Server(
        save_repository(tmp_path, "add2"), options.build(Options, {"grpc_port": 0, "admin_port": 0, "latency_buckets": (0.5, 2.0)})
    )
    server.start()
    try:
        with Stub(server.grpc_port) as stub:
            stub.infer(add2_request())
        found = families(server.admin_port)
    finally:
        server.stop()
    bounds = {name: [sample.labels["le"] for sample in found[name].samples if "le" in sample.labels] for name in found}
    assert bounds["hornbeam_compute_seconds"] == bounds["hornbeam_request_duration_seconds"] == ["0.5", "2.0", "+Inf"]
    assert bounds["hornbeam_batch_rows"][:2] == ["1.0", "2.0"]


@pytest.mark.parametrize("bounds", [(), (1.0, 1.0), (2.0, 1.0), (0.0, 1.0)], ids=["none", "twice the same", "falling", "zero"])
def test_bounds_that_do_not_ascend_are_refused(bounds: tuple[float, ...]) -> None:
    with pytest.raises(StartupError, match="--latency-buckets are seconds above 0, ascending"):
        Metrics(MetricsOptions(latency_buckets=bounds))


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
    "/startupz": (200, "started\n"),
    "/readyz?verbose": (200, "ready\n"),
    "/": (404, "there are /livez, /readyz, /startupz, /metrics\n"),
    "/metrics/": (404, "there are /livez, /readyz, /startupz, /metrics\n"),
    "/../etc/passwd": (404, "there are /livez, /readyz, /startupz, /metrics\n"),
}


@pytest.mark.parametrize(("path", "answer"), PAGES.items(), ids=PAGES.keys())
def test_pages(told: Server, path: str, answer: tuple[int, str]) -> None:
    status, content_type, text = http(told.admin_port, path)
    assert (status, text) == answer
    assert content_type == "text/plain; charset=utf-8"


def test_readyz_follows_the_server() -> None:
    ready = [True]
    admin = Admin("127.0.0.1", AdminOptions(0), lambda accept: (b"", accept), lambda: ready[0], lambda: True)
    admin.start()
    try:
        assert http(admin.port, "/readyz")[0] == 200
        ready[0] = False
        assert http(admin.port, "/readyz") == (503, "text/plain; charset=utf-8", "not ready\n")
        assert http(admin.port, "/livez")[0] == 200
    finally:
        admin.stop()


def test_metrics_that_fail_are_said_to_who_asks_and_in_the_log(caplog: pytest.LogCaptureFixture) -> None:
    def expose(accept: str) -> tuple[bytes, str]:
        raise ZeroDivisionError("a secret")

    admin = Admin("127.0.0.1", AdminOptions(0), expose, lambda: True, lambda: True)
    admin.start()
    try:
        status, _, text = http(admin.port, "/metrics")
        assert (status, text) == (500, "internal error; the server's log has the details\n")
        assert http(admin.port, "/livez")[0] == 200
    finally:
        admin.stop()
    assert "/metrics failed" in caplog.text
    assert "a secret" in caplog.text


def test_an_admin_port_that_is_taken_is_said(told: Server) -> None:
    with pytest.raises(StartupError, match=f"the admin port 127.0.0.1:{told.admin_port} cannot be had: .*choose another with --admin-port"):
        Admin("127.0.0.1", AdminOptions(told.admin_port), lambda accept: (b"", accept), lambda: True, lambda: True)


def test_an_admin_that_never_started_stops() -> None:
    admin = Admin("127.0.0.1", AdminOptions(0), lambda accept: (b"", accept), lambda: True, lambda: True)
    admin.stop()
    Admin("127.0.0.1", AdminOptions(admin.port), lambda accept: (b"", accept), lambda: True, lambda: True).stop()
