"""What a model has done, as the protocol's statistics tell it and as Prometheus is told: one truth, told twice."""

from collections.abc import Iterator
from pathlib import Path
from time import time

import grpc
import pytest

from service.engine.batcher import BatchOptions
from service.rpc._pb import inference_pb2 as pb
from service.server import Server
from tests.service.conftest import FREE_PORTS, Gated, Refused, Stub, add2_request, refusal, scrape
from tests.service.models import save_repository

LABELS = frozenset({"model": "add2", "version": "1"}.items())


@pytest.fixture
def asked(tmp_path: Path) -> Iterator[Server]:
    """A server whose model has answered 1, 2 and 2 rows, and refused two requests."""
    server = Server(save_repository(tmp_path, "add2", "windows"), FREE_PORTS)
    server.start()
    with Stub(server.grpc_port) as stub:
        for rows in (1, 2, 2):
            stub.infer(add2_request(rows))
        for _ in range(2):
            refusal(lambda: stub.infer(add2_request(0)))
    yield server
    server.stop()


def statistics(port: int, **fields: str) -> list[pb.ModelStatistics]:
    data = pb.ModelStatisticsRequest(**fields).SerializeToString()
    with Stub(port) as stub:
        return list(pb.ModelStatisticsResponse.FromString(stub.call("ModelStatistics", data)).model_stats)


def test_statistics_count_what_was_done(asked: Server) -> None:
    (found,) = statistics(asked.grpc_port, name="add2")
    assert (found.name, found.version) == ("add2", "1")
    assert (found.inference_count, found.execution_count) == (5, 3)
    assert abs(found.last_inference / 1000 - time()) < 60
    stats = found.inference_stats
    assert (stats.success.count, stats.fail.count) == (3, 2)
    for phase in (stats.queue, stats.compute_input, stats.compute_infer, stats.compute_output):
        assert phase.count == 3
        assert 0 < phase.ns < stats.success.ns
    assert 0 < stats.fail.ns < 60e9
    assert [(batch.batch_size, batch.compute_infer.count, batch.compute_input.count) for batch in found.batch_stats] == [
        (1, 1, 1),
        (2, 2, 2),
    ]


def test_statistics_and_metrics_agree(asked: Server) -> None:
    (found,) = statistics(asked.grpc_port, name="add2")
    metrics = {name: value for (name, labels), value in scrape(asked.admin_port).items() if labels == LABELS}
    stats = found.inference_stats
    assert found.inference_count == metrics["hornbeam_rows_total"]
    assert found.execution_count == metrics["hornbeam_executions_total"]
    for phase, name in (
        (stats.success, "hornbeam_request_duration_seconds"),
        (stats.queue, "hornbeam_queue_duration_seconds"),
        (stats.compute_output, "hornbeam_output_seconds"),
    ):
        assert phase.count == metrics[f"{name}_count"]
        assert phase.ns / 1e9 == pytest.approx(metrics[f"{name}_sum"], abs=1e-9)
    for field, name in (("compute_input", "hornbeam_batch_assembly_seconds"), ("compute_infer", "hornbeam_compute_seconds")):
        batches = [getattr(batch, field) for batch in found.batch_stats]
        assert sum(batch.count for batch in batches) == metrics[f"{name}_count"]
        assert sum(batch.ns for batch in batches) / 1e9 == pytest.approx(metrics[f"{name}_sum"], abs=1e-8)


def test_without_a_name_there_are_all_models(asked: Server) -> None:
    found = statistics(asked.grpc_port)
    assert [(model.name, model.execution_count) for model in found] == [("add2", 3), ("windows", 0)]


def test_there_are_none_of_an_unknown_model(asked: Server) -> None:
    found = refusal(lambda: statistics(asked.grpc_port, name="nope"))
    assert found == Refused(grpc.StatusCode.NOT_FOUND, "Request for unknown model: 'nope' is not found")


def test_each_request_counts_the_whole_time_of_its_batch(tmp_path: Path) -> None:
    gated = Gated(save_repository(tmp_path, "add2"), BatchOptions(max_batch_rows=8, max_queue_rows=8))
    try:
        first = gated.stub.begin(add2_request())
        gated.gate.wait()
        together = [gated.stub.begin(add2_request()) for _ in range(3)]
        gated.until_waiting(3)
        gated.gate.let(2)
        for call in (first, *together):
            call.result(timeout=30)
        one, three = gated.batches.get(timeout=30), gated.batches.get(timeout=30)
        for run in (one, three):
            gated.metrics.record_batch(run)
        found = gated.metrics.statistics("add2", "1")
    finally:
        gated.close()
    assert (found.executions, found.rows, found.compute.count) == (2, 4, 4)
    assert found.compute.seconds == pytest.approx(one.seconds + 3 * three.seconds)
    assert [(batch.rows, batch.compute.count) for batch in found.batches] == [(1, 1), (3, 1)]
