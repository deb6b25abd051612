"""Triton's names of metrics: there when they are asked for, and the same numbers as this server's own."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from service import options
from service.errors import ServiceError
from service.metrics.cgroup import Cgroup
from service.metrics.triton import REASONS, Cpu
from service.server import Options, Server
from tests.service.conftest import FREE_PORTS, Stub, add2_request, http, refusal, scrape
from tests.service.models import save_repository

MODEL = {"model": "add2", "version": "1"}


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    """A server that tells Triton's names, and has answered 1 and 3 rows and refused two requests."""
    repository = save_repository(tmp_path_factory.mktemp("triton"), "add2")
    server = Server(repository, options.build(Options, {"grpc_port": 0, "admin_port": 0, "metrics_compat": "triton"}))
    server.start()
    with Stub(server.grpc_port) as stub:
        for rows in (1, 3):
            stub.infer(add2_request(rows))
        for rows in (0, 0):
            refusal(lambda rows=rows: stub.infer(add2_request(rows)))  # type: ignore[misc]
    yield server
    server.stop()


def test_the_numbers_are_those_of_the_servers_own_metrics(server: Server) -> None:
    found = {name: value for (name, labels), value in scrape(server.admin_port).items() if labels == frozenset(MODEL.items())}
    assert found["nv_inference_request_success"] == found["hornbeam_request_duration_seconds_count"] == 2
    assert found["nv_inference_count"] == found["hornbeam_rows_total"] == 4
    assert found["nv_inference_exec_count"] == found["hornbeam_executions_total"] == 2
    assert found["nv_inference_pending_request_count"] == found["hornbeam_queue_rows"] == 0
    assert found["nv_model_load_duration_secs"] == found["hornbeam_model_load_seconds"] > 0
    for theirs, own in (
        ("request", "request_duration"),
        ("queue", "queue_duration"),
        ("compute_input", "batch_assembly"),
        ("compute_infer", "compute"),
        ("compute_output", "output"),
    ):
        assert found[f"nv_inference_{theirs}_duration_us"] == pytest.approx(found[f"hornbeam_{own}_seconds_sum"] * 1e6, abs=1)
        assert found[f"nv_inference_{theirs}_duration_us"] > 0


def test_failures_are_told_under_tritons_reasons(server: Server) -> None:
    found = scrape(server.admin_port)
    counts = {
        reason: found["nv_inference_request_failure", frozenset({**MODEL, "reason": reason}.items())]
        for reason in ("REJECTED", "CANCELED", "BACKEND", "OTHER")
    }
    assert counts == {"REJECTED": 0, "CANCELED": 0, "BACKEND": 0, "OTHER": 2}
    assert REASONS.keys() <= {error.reason for error in ServiceError.__subclasses__()}


def test_the_names_have_no_total_in_either_format(server: Server) -> None:
    for accept in ("", "application/openmetrics-text; version=1.0.0"):
        _, _, text = http(server.admin_port, "/metrics", accept)
        assert 'nv_inference_count{model="add2",version="1"} 4.0\n' in text
        assert "nv_inference_count_total" not in text


def test_without_being_asked_the_server_does_not_tell_them(tmp_path: Path) -> None:
    server = Server(save_repository(tmp_path, "add2"), FREE_PORTS)
    server.start()
    try:
        names = {name for name, _ in scrape(server.admin_port)}
    finally:
        server.stop()
    assert "hornbeam_rows_total" not in names  # nothing has been run
    assert not [name for name in names if name.startswith("nv_")]


def test_the_cpu_is_the_containers_and_its_use_that_since_the_last_reading() -> None:
    cpu = Cpu()
    first = {family.name: family.samples[0].value for family in cpu.families(Cgroup(cpu_seconds=1.0, memory_bytes=5), 2.0)}
    again = {family.name: family.samples[0].value for family in cpu.families(Cgroup(cpu_seconds=1e9, memory_limit_bytes=9), 2.0)}
    assert first["nv_cpu_utilization"] == 0
    assert first["nv_cpu_memory_used_bytes"] == 5
    assert first["nv_cpu_memory_total_bytes"] > 2**20  # the host's, where the container has no limit
    assert again == {"nv_cpu_utilization": 1.0, "nv_cpu_memory_total_bytes": 9}


def test_what_the_kernel_does_not_tell_is_not_told() -> None:
    assert {family.name for family in Cpu().families(Cgroup(), 2.0)} == {"nv_cpu_memory_total_bytes"}
