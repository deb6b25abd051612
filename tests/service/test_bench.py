"""`hornbeam-serve bench`: real servers under real loads, short ones, and whether the numbers are what happened."""

from __future__ import annotations

import json
import os
import resource
import tomllib
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import grpc
import numpy as np
import pytest
from click.testing import CliRunner

from service.bench import tune as tuning
from service.bench.inputs import make_inputs, parse_shapes
from service.bench.load import Load, Sample, apply, merged
from service.bench.measuring import BenchOptions, Level
from service.bench.target import INFER, Target
from service.cli import main
from service.engine.batcher import BatchOptions
from service.errors import StartupError
from service.rpc._pb import inference_pb2 as pb
from service.rpc.transport import Transport, TransportOptions
from service.server import Server
from tests.service.conftest import FREE_PORTS, Gated, add2_request, until
from tests.service.models import save_repository

SHORT = ("--seconds", "0.2", "--warm-up", "0.05")
REQUEST = add2_request().SerializeToString()


@pytest.fixture(scope="module")
def asked(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    """A server whose statistics only these tests count in."""
    names = ("add2", "total", "scalar", "fixed", "embedding", "ident_bytes", "ident_bool", "reshape")
    server = Server(save_repository(tmp_path_factory.mktemp("asked"), *names), FREE_PORTS)
    server.start()
    yield server
    server.stop()


def bench(server: Server, *arguments: str) -> str:
    """What the command prints; it must succeed."""
    done = CliRunner().invoke(main, ["bench", *arguments, "--address", f"127.0.0.1:{server.grpc_port}"])
    assert done.exit_code == 0, done.output
    return done.output


def loads(server: Server, *arguments: str) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = json.loads(bench(server, *arguments, "--json"))["loads"]
    return found


def load(port: int, **fields: Any) -> Load:
    return Load(f"127.0.0.1:{port}", INFER, REQUEST, **{"seconds": 0.2, **fields})


def test_a_closed_loop_counts_what_it_did_and_what_the_server_did(asked: Server) -> None:
    one, eight = loads(asked, "add2", "--concurrency", "1,8", "--rows", "3", *SHORT)
    assert (one["in_flight"], eight["in_flight"]) == (1, 8)
    for found in (one, eight):
        assert found["codes"] == {"OK": found["sent"]}
        assert 0 < found["requests_per_second"] * 0.2 <= found["sent"]
        assert found["rows_per_second"] == pytest.approx(3 * found["requests_per_second"])
        latency = found["latency_seconds"]
        assert 0 < latency["p50"] <= latency["p90"] <= latency["p99"] <= latency["max"]
        server = found["server"]
        # A server may count a call after it has answered it, so that the last calls may be missing, or be those before.
        assert abs(server["requests"] - found["sent"]) <= found["in_flight"]
        assert abs(server["rows"] - 3 * found["sent"]) <= 3 * found["in_flight"]
        assert sum(server["runs_by_rows"].values()) == server["executions"]
        assert sum(int(rows) * runs for rows, runs in server["runs_by_rows"].items()) == server["rows"]
        assert 0 < server["mean_seconds"]["compute"] < server["mean_seconds"]["all"] < latency["max"]
        assert 0 < found["client"]["cpu_seconds_per_call"] < latency["max"]
    assert one["server"]["runs_by_rows"] == {"3": one["server"]["executions"]}


@pytest.mark.parametrize("fields", [{"in_flight": 4, "connections": 4}, {"rate": 200.0}], ids=["closed", "open"])
def test_a_load_has_as_many_files_open_as_it_may(asked: Server, fields: dict[str, float]) -> None:
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (min(max(soft, 2048), hard), hard))
    with ExitStack() as stack:
        stack.callback(resource.setrlimit, resource.RLIMIT_NOFILE, (soft, hard))
        for _ in range(1100):
            stack.enter_context(Path(os.devnull).open("rb"))
        sample = apply(load(asked.grpc_port, **fields))
    assert set(sample.codes) == {"OK"}
    assert sample.codes["OK"] == sample.sent > 0


def test_an_open_loop_sends_what_it_was_told_to(asked: Server) -> None:
    slow, fast = loads(asked, "add2", "--rate", "50,200", "--arrivals", "fixed", *SHORT)
    for found, rate in ((slow, 50), (fast, 200)):
        assert found["rate"] == rate
        assert found["sent"] == pytest.approx(0.2 * rate, abs=1)
        assert found["codes"] == {"OK": found["sent"]}


def test_poisson_arrivals_come_at_their_rate_on_average(asked: Server) -> None:
    samples = [apply(load(asked.grpc_port, rate=500.0, seed=seed)) for seed in range(3)]
    assert 240 < sum(sample.sent for sample in samples) < 360  # 300, and more than three standard deviations beside
    assert len({sample.sent for sample in samples}) > 1
    assert all(sample.codes == {"OK": sample.sent} for sample in samples)


def test_an_open_loop_counts_from_when_a_call_was_due(gated: Gated) -> None:
    with ThreadPoolExecutor(1) as threads:
        running = threads.submit(apply, load(gated.transport.port, rate=10.0, arrivals="fixed", seconds=0.35))
        gated.gate.wait()
        gated.until_waiting(2)
        gated.gate.let(2)
        sample = running.result(timeout=30)
    assert sample.codes == {"OK": 3}
    latencies = sorted(sample.latencies)
    assert latencies[2] - latencies[0] == pytest.approx(0.2, abs=0.1)  # due 0.2 s apart, and answered at once
    assert sample.elapsed >= latencies[2]


def test_every_refusal_is_counted_under_its_code(gated: Gated) -> None:
    port = gated.transport.port
    with ThreadPoolExecutor(2) as threads:
        runs = threads.submit(apply, load(port, in_flight=1, seconds=0.05))
        gated.gate.wait()
        waits = threads.submit(apply, load(port, in_flight=4, seconds=0.05))
        gated.until_waiting(4)  # all that the queue takes
        refused = apply(load(port, rate=100.0, arrivals="fixed", seconds=0.055))
        gated.gate.let(1000)
        answered = merged([runs.result(timeout=30), waits.result(timeout=30)])
    assert refused.codes == {"RESOURCE_EXHAUSTED": 5}
    assert (refused.sent, refused.errors, refused.in_time, len(refused.failed_latencies)) == (5, 5, 0, 5)
    assert np.isnan(refused.percentile(50))
    assert (answered.sent, answered.errors) == (5, 0)


def test_a_call_that_is_never_answered_ends_by_its_timeout(gated: Gated) -> None:
    sample = apply(load(gated.transport.port, in_flight=1, seconds=0.05, timeout=0.1))
    assert sample.codes == {"DEADLINE_EXCEEDED": 1}
    gated.gate.let(1)


def test_what_is_the_limit_is_said(asked: Server) -> None:
    found = bench(asked, "add2", "--concurrency", "2", *SHORT).splitlines()
    assert found[0].startswith(f"add2 at 127.0.0.1:{asked.grpc_port} (hornbeam ")
    assert found[0].endswith(f"1 row a request, {len(REQUEST)} bytes there, {found[0].split()[-2]} back")
    assert found[1] == "closed loop, 0.2 s each after 0.05 s of warm-up"
    assert found[3].split()[:5] == ["in", "flight", "requests/s", "rows/s", "p50"]
    cells = found[4].split()
    assert len(cells) == 14
    assert (cells[0], cells[7]) == ("2", "0")
    assert float(cells[1].replace(",", "")) > 0
    assert found[6].startswith("2 in flight: rows in a run x runs: ")
    busy = Sample(1.0, sent=1000, cpu_seconds=0.95, elapsed=1.0)
    assert busy.busy == pytest.approx(0.95)


def test_several_processes_share_a_load(asked: Server) -> None:
    (found,) = loads(asked, "add2", "--rate", "100", "--arrivals", "fixed", "--processes", "2", "--seconds", "0.2", "--warm-up", "0")
    assert found["client"]["processes"] == 2
    assert found["sent"] == pytest.approx(20, abs=2)
    assert found["codes"] == {"OK": found["sent"]}


def test_samples_add_up() -> None:
    one, two = Sample(1.0, sent=3, in_time=2, cpu_seconds=0.5, elapsed=1.0), Sample(1.0, sent=5, in_time=4, cpu_seconds=1.5, elapsed=2.0)
    one.codes.update(["OK", "OK", "INTERNAL"])
    two.codes.update(["OK"] * 5)
    one.latencies.extend([0.1, 0.3])
    two.latencies.extend([0.2, 0.4])
    whole = merged([one, two])
    assert (whole.sent, whole.throughput, whole.errors, whole.codes["OK"]) == (8, 6.0, 1, 7)
    assert [whole.percentile(percent) for percent in (0, 50, 99, 100)] == [0.1, 0.3, 0.4, 0.4]
    assert whole.busy == pytest.approx(0.5)


@pytest.mark.parametrize(
    "arguments",
    [
        pytest.param(("total", "--shape", "x:5"), id="a free axis"),
        pytest.param(("scalar",), id="no axes"),
        pytest.param(("fixed",), id="no batch"),
        pytest.param(("embedding",), id="indices"),
        pytest.param(("embedding", "--data", "zeros"), id="zeros"),
        pytest.param(("ident_bytes", "--shape", "x:2", "--rows", "2"), id="strings"),
        pytest.param(("ident_bool", "--shape", "x:2"), id="booleans"),
        pytest.param(("add2", "--version", "1"), id="a version"),
    ],
)
def test_inputs_are_made_up_for(asked: Server, arguments: tuple[str, ...]) -> None:
    (found,) = loads(asked, *arguments, "--concurrency", "1", "--seconds", "0.05", "--warm-up", "0")
    assert found["codes"] == {"OK": found["sent"]}
    assert found["sent"]


def test_inputs_from_a_file_are_the_rows_of_the_file(asked: Server, tmp_path: Path) -> None:
    rows = np.arange(8.0).reshape(2, 4)  # float64, and the model takes float32
    np.savez(tmp_path / "rows.npz", a=rows, b=-rows)
    with Target(f"127.0.0.1:{asked.grpc_port}") as target:
        a, b = make_inputs(target.model("add2", ""), 3, {}, str(tmp_path / "rows.npz"))
    assert a.array.dtype == np.float32
    assert a.array.tolist() == [*rows.tolist(), rows[0].tolist()]
    assert b.array.tolist() == (-a.array).tolist()


def test_random_rows_differ_and_are_the_same_each_time(asked: Server) -> None:
    with Target(f"127.0.0.1:{asked.grpc_port}") as target:
        model = target.model("add2", "")
    first, again = (make_inputs(model, 2, parse_shapes(["a:4"]), "random") for _ in range(2))
    assert first[0].array[0].tolist() != first[0].array[1].tolist()
    assert [tensor.array.tolist() for tensor in first] == [tensor.array.tolist() for tensor in again]


@pytest.fixture
def plain(gated: Gated) -> Iterator[str]:
    """The address of a server that has nothing but the protocol itself."""
    kept = {name: handler for name, handler in gated.servicer.handlers().items() if name in ("ModelMetadata", "ModelInfer")}
    about = pb.ServerMetadataResponse(name="plain", version="1").SerializeToString()
    kept["ServerMetadata"] = grpc.unary_unary_rpc_method_handler(lambda data, context: about)
    transport = Transport("127.0.0.1", TransportOptions(grpc_port=0), kept)
    transport.start()
    gated.gate.let(100_000)
    yield f"127.0.0.1:{transport.port}"
    transport.stop(5)


def test_a_server_without_extensions_is_measured_from_outside(plain: str) -> None:
    done = CliRunner().invoke(main, ["bench", "add2", "--address", plain, "--concurrency", "2", "--rows", "2", *SHORT])
    assert done.exit_code == 0, done.output
    lines = done.output.splitlines()
    assert "(plain 1): 2 rows a request" in lines[0]
    assert "queue" not in lines[3]
    assert len(lines[4].split()) == 8


def test_a_server_that_is_stopped_under_load_ends_the_measurement(tmp_path: Path) -> None:
    server = Server(save_repository(tmp_path, "add2"), FREE_PORTS)
    server.start()
    with ThreadPoolExecutor(1) as threads:
        running = threads.submit(apply, load(server.grpc_port, in_flight=2, seconds=30.0))
        until(lambda: _answered(server) > 0)
        server.stop()
        with pytest.raises(StartupError, match="there is no server at"):
            running.result(timeout=30)


def _answered(server: Server) -> int:
    return server._metrics.statistics("add2", "1").success.count


def test_another_kind_of_server_is_told_apart(asked: Server) -> None:
    with pytest.raises(StartupError, match="does not speak gRPC without TLS"):
        apply(load(asked.admin_port))


@pytest.mark.parametrize(
    ("arguments", "sentence"),
    [
        pytest.param(("nope",), "refused ModelMetadata: NOT_FOUND, Request for unknown model: 'nope' is not found", id="no such model"),
        pytest.param(("add2", "--version", "9"), "refused ModelMetadata: NOT_FOUND, Request for unknown model", id="no such version"),
        pytest.param(
            ("add2", "--concurrency", "0"), "--concurrency takes whole numbers above 0 with commas between them", id="nothing in flight"
        ),
        pytest.param(("add2", "--concurrency", "1.5"), "--concurrency takes whole numbers above 0", id="half a call"),
        pytest.param(("add2", "--rate", "fast"), "--rate takes numbers above 0 with commas between them", id="a rate in words"),
        pytest.param(("add2", "--rate", "inf"), "--rate takes numbers above 0", id="a rate without end"),
        pytest.param(
            ("total",), "input 'x' of model 'total' has free axes, [-1] in each row; say how long they are, as in --shape x:8", id="free"
        ),
        pytest.param(("add2", "--shape", "a:5"), "--shape: input 'a' of model 'add2' is [4] in each row, not [5]", id="another size"),
        pytest.param(("add2", "--shape", "c:4"), "--shape: model 'add2' has no input 'c'; it has a, b", id="no such input"),
        pytest.param(("add2", "--shape", "a=4"), "--shape is written input:1,2,3, and was given 'a=4'", id="no shape"),
        pytest.param(("add2", "--data", "rows.csv"), "--data is random, zeros or an .npz file, and rows.csv cannot be read", id="no file"),
        pytest.param(("reshape", "--shape", "x:5", "--data", "zeros"), "refused ModelInfer: IN", id="inputs that the model fails on"),
    ],
)
def test_a_wrong_argument_is_one_sentence(asked: Server, arguments: tuple[str, ...], sentence: str) -> None:
    done = CliRunner().invoke(main, ["bench", *arguments, "--address", f"127.0.0.1:{asked.grpc_port}", *SHORT])
    assert done.exit_code == 2
    assert done.output.startswith("Error: ")
    assert sentence in done.output
    assert done.output.count("\n") == 1


@pytest.mark.parametrize(
    ("arrays", "sentence"),
    [
        pytest.param({"a": np.zeros((1, 4))}, "has no array 'b', which model 'add2' takes; it has a", id="one input only"),
        pytest.param({"a": np.zeros((1, 4)), "b": np.zeros((1, 3))}, "'b' is [1,3], and model 'add2' takes [1,4]", id="another shape"),
        pytest.param(
            {"a": np.zeros((1, 4)), "b": np.zeros((1, 4), complex)}, "'b' is complex128, and model 'add2' takes FP32", id="another type"
        ),
    ],
)
def test_a_file_that_does_not_fit_is_one_sentence(asked: Server, tmp_path: Path, arrays: dict[str, Any], sentence: str) -> None:
    np.savez(tmp_path / "rows.npz", **arrays)
    command = ["bench", "add2", "--address", f"127.0.0.1:{asked.grpc_port}", "--data", str(tmp_path / "rows.npz")]
    done = CliRunner().invoke(main, command)
    assert (done.exit_code, done.output.count("\n")) == (2, 1)
    assert sentence in done.output


def test_nobody_there_is_one_sentence() -> None:
    done = CliRunner().invoke(main, ["bench", "add2", "--address", "127.0.0.1:1"])
    assert done.exit_code == 2
    assert done.output.startswith("Error: the server at 127.0.0.1:1 refused ServerMetadata: UNAVAILABLE")


QUICK = BenchOptions(concurrency=(2,), seconds=0.1, warm_up_seconds=0.0)


def test_a_tuned_setting_is_written_where_the_server_reads_it(tmp_path: Path) -> None:
    name, file = tuning.tuned_file(save_repository(tmp_path, "add2"))
    shown: list[tuning.Trial] = []
    found = tuning.tune(name, file, QUICK, 10.0, shown.append, {"max_batch_rows": (1,)})
    assert found == tuning.Found(shown[0], tuple(shown))
    (trial,) = shown
    assert trial.values == {"max_batch_rows": 1}
    assert trial.rows_per_second > 0
    assert 0 < trial.p50 <= trial.p99
    assert (trial.rows_per_run, trial.errors) == (1, 0)
    place = tuning.config_path(file)
    assert place == tmp_path / "add2" / "config.toml"
    tuning.write(place, found, "why\nand how")
    assert place.read_text().startswith("# why\n# and how\n")
    assert tomllib.loads(place.read_text()) == {"batching": {"max_batch_rows": 1}}
    tuning.write(place, found, "again")
    assert place.with_name("config.toml~").read_text().startswith("# why\n")
    server = Server(tmp_path, FREE_PORTS)
    server.start()
    served = server.registry.get("add2", None)
    server.stop()
    assert served.batcher.max_batch_rows == 1


# Rows a second of each attempt, by the value tried; the p99 in seconds is the value / 10, and the bound 6.4.
@pytest.mark.parametrize(
    ("given", "best", "attempts"),
    [
        pytest.param({64: [100], 1: [50]}, 64, 2, id="what is there is best"),
        pytest.param({64: [100], 1: [200]}, 1, 6, id="another is better each time"),
        pytest.param({64: [100], 1: [102]}, 64, 6, id="another is better by no more than noise"),
        pytest.param({64: [10, 100, 100], 1: [90]}, 64, 6, id="what is there was unlucky at first"),
        pytest.param({64: [100], 1: [200, 90, 90]}, 64, 6, id="another was lucky at first"),
        pytest.param({64: [100], 1: [110], 2: [150]}, 2, 7, id="of two that are better the better"),
        pytest.param({128: [900], 1: [100]}, 1, 6, id="what is there is too late"),
        pytest.param({64: [100], 128: [900]}, 64, 2, id="another is too late"),
    ],
)
def test_of_several_values_the_best_is_chosen(given: dict[int, list[int]], best: int, attempts: int) -> None:
    rates = {value: [*found, *[found[-1]] * attempts] for value, found in given.items()}

    def attempt(values: tuning.Values) -> tuning.Trial:
        value = values["rows"]
        return tuning.Trial(values, rates[value].pop(0), value / 20, value / 10, value, 0)

    found = tuning.search(attempt, {"rows": tuple(given)}, 6.4, "here")
    assert found.best.values == {"rows": best}
    assert len(found.trials) == attempts


def test_each_setting_is_tried_with_those_chosen_before_it() -> None:
    tried: list[tuning.Values] = []

    def attempt(values: tuning.Values) -> tuning.Trial:
        tried.append(values)
        return tuning.Trial(values, values["rows"] * values["runners"], 0.1, 0.2, 1, 0)

    found = tuning.search(attempt, {"rows": (1, 4), "runners": (1, 2)}, 1.0, "here")
    assert found.best.values == {"rows": 4, "runners": 2}
    assert found.best.rows_per_second == 8
    assert {"rows": 1, "runners": 2} not in tried
    assert [trial.values for trial in found.trials] == tried


@pytest.mark.parametrize(
    ("p99", "errors", "sentence"),
    [
        pytest.param(2.0, 0, "no setting keeps the p99 within 1000 ms at 8 in flight: the lowest was 2000.000 ms", id="too late"),
        pytest.param(0.5, 1, "no setting answers every call at 8 in flight", id="refusals"),
    ],
)
def test_when_nothing_will_do_that_is_said(p99: float, errors: int, sentence: str) -> None:
    with pytest.raises(StartupError, match=sentence):
        tuning.search(lambda values: tuning.Trial(values, 1, p99, p99, 1, errors), {"rows": (1, 2)}, 1.0, "at 8 in flight")


def test_a_server_that_does_not_start_is_one_sentence(tmp_path: Path) -> None:
    (tmp_path / "broken.onnx").write_bytes(b"nothing")
    with pytest.raises(StartupError, match=r"the server did not start with --max-batch-rows 8: .*broken\.onnx.* cannot be loaded"):
        tuning.tune("broken", tmp_path / "broken.onnx", QUICK, 1.0, lambda trial: None, {"max_batch_rows": (8,)})


@pytest.mark.parametrize(
    ("path", "sentence"),
    [
        pytest.param("nowhere", "there is no ", id="nothing there"),
        pytest.param("", " holds several models, add2, total; name one, as in ", id="two models"),
        pytest.param("add2/config.toml", " is no .onnx file", id="a file of another kind"),
        pytest.param("add2", "config.toml is there already; give --force to replace it", id="a configuration"),
        pytest.param("add2/1/model.onnx", "config.toml is there already; give --force to replace it", id="its file"),
    ],
)
def test_what_cannot_be_tuned_is_one_sentence(tmp_path: Path, path: str, sentence: str) -> None:
    save_repository(tmp_path, "add2", "total")
    (tmp_path / "add2" / "config.toml").write_text("")
    done = CliRunner().invoke(main, ["bench", "--tune", str(tmp_path / path)])
    assert (done.exit_code, done.output.count("\n")) == (2, 1)
    assert sentence in done.output
    assert (tmp_path / "add2" / "config.toml").read_text() == ""


def test_a_file_by_itself_has_no_place_for_a_configuration(tmp_path: Path) -> None:
    save_repository(tmp_path, "add2")
    lone = (tmp_path / "add2" / "1" / "model.onnx").rename(tmp_path / "lone.onnx")
    assert tuning.tuned_file(lone) == ("lone", lone)
    assert tuning.config_path(lone) is None


def test_a_request_of_more_rows_than_a_batch_is_never_tried() -> None:
    candidates = tuning._candidates(Level(4), 16)["max_batch_rows"]
    assert candidates == (64, 16, 32)
    assert BatchOptions().max_batch_rows == tuning.USUAL
