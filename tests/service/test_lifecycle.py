"""The command as an operator has it: how it starts, how it stops, and what it says to each mistake."""

from __future__ import annotations

import os
import re
import signal
import socket
import subprocess
import sys
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, fields, is_dataclass
from pathlib import Path
from time import monotonic
from typing import Any, get_type_hints

import grpc
import numpy as np
import pytest
from grpc_health.v1 import health_pb2, health_pb2_grpc
from onnx import helper

from service import __version__, options
from service.lifecycle import Lifecycle, Stage
from service.rpc._pb import inference_pb2 as pb
from service.server import Options, Server
from tests.service.conftest import FREE_PORTS, PATIENCE, Refused, Stub, add2_request, arrays, http, refusal, request, scrape, until
from tests.service.models import add2, centre, save, save_repository

COMMAND = str(Path(sys.executable).parent / "hornbeam-serve")
READY = re.compile(r"ready: gRPC on 127\.0\.0\.1:(\d+), metrics on http://127\.0\.0\.1:(\d+)/metrics, serving (.*)\n")
ANY_PORT = ("--grpc-port", "0", "--admin-port", "0", "--drain-delay-seconds", "0")
PATIENT = ("--grpc-port", "0", "--admin-port", "0", "--drain-delay-seconds")
LONG = 1_500_000  # steps of the slow model: about a second
SLOW = frozenset({"model": "slow", "version": "1"}.items())


class Child:
    """The command, running, after it has said that it is ready."""

    def __init__(self, process: subprocess.Popen[str]) -> None:
        self.process = process
        self.line = self.read()
        ready = READY.fullmatch(self.line)
        assert ready, self.line
        self.grpc_port, self.admin_port, self.serving = int(ready[1]), int(ready[2]), ready[3]

    def read(self) -> str:
        """The next line that it writes to its output."""
        assert self.process.stdout is not None
        return self.process.stdout.readline()

    def ends(self) -> tuple[int, str, str]:
        """Exit code and what else it wrote to its output and to its errors."""
        out, err = self.process.communicate(timeout=PATIENCE)
        return self.process.returncode, out, err


@contextmanager
def running(path: Path, *options: str, **environment: str) -> Iterator[Child]:
    command = [COMMAND, "run", str(path), *options]
    pipes: Mapping[str, Any] = {"stdout": subprocess.PIPE, "stderr": subprocess.PIPE, "text": True}
    with subprocess.Popen(command, env=os.environ | environment, **pipes) as process:
        try:
            yield Child(process)
        finally:
            process.kill()


def one_runs_and_one_waits(child: Child) -> bool:
    """Whether the server has both of two calls, and has begun the first."""
    seen = scrape(child.admin_port)
    return seen["hornbeam_running_rows", SLOW] == 1 and seen["hornbeam_queue_rows", SLOW] == 1


@pytest.fixture(scope="module")
def two(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A repository of a quick model and a slow one."""
    return save_repository(tmp_path_factory.mktemp("two"), "add2", "slow")


def slow_request(steps: int) -> pb.ModelInferRequest:
    return request("slow", {"steps": np.array(steps), "x": np.ones(1, np.float32)})


# Starting and stopping.


def test_it_says_when_it_is_ready_and_what_it_serves(two: Path) -> None:
    with running(two, *ANY_PORT) as child, Stub(child.grpc_port) as stub:
        assert child.serving == "add2 version 1, slow version 1"
        assert http(child.admin_port, "/readyz")[0] == 200
        assert stub.infer(add2_request())
        child.process.terminate()
        code, out, err = child.ends()
    assert (code, out) == (0, "stopping: requests in progress are finished first\nstopped\n")
    assert "Traceback" not in err


def test_a_lone_file_is_served_under_its_own_name(two: Path, tmp_path: Path) -> None:
    path = tmp_path / "mine.onnx"
    path.write_bytes(lone(two).read_bytes())
    with running(path, *ANY_PORT) as child:
        assert child.serving == "mine version 1"


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT], ids=["SIGTERM", "SIGINT"])
def test_a_signal_lets_what_is_in_progress_finish(two: Path, number: signal.Signals) -> None:
    with running(two, *ANY_PORT) as child, Stub(child.grpc_port) as stub:
        calls = [stub.begin(slow_request(LONG)), stub.begin(slow_request(LONG + 1))]
        until(lambda: one_runs_and_one_waits(child))
        child.process.send_signal(number)
        assert child.read() == "stopping: requests in progress are finished first\n"
        until(lambda: http(child.admin_port, "/readyz")[0] == 503)
        assert http(child.admin_port, "/livez")[0] == 200
        with Stub(child.grpc_port) as late:
            assert refusal(lambda: late.infer(add2_request())).code is grpc.StatusCode.UNAVAILABLE
        assert not all(call.done() for call in calls)
        answers = [arrays(pb.ModelInferResponse.FromString(call.result()))["y"].item() for call in calls]
        code, out, err = child.ends()
    assert answers == [1.0, -1.0]  # an even and an odd number of changes of sign
    assert (code, out) == (0, "stopped\n")
    assert "Traceback" not in err


def test_what_is_not_finished_within_the_grace_is_refused(two: Path) -> None:
    with running(two, *ANY_PORT, "--grace-seconds", "0.1") as child, Stub(child.grpc_port) as stub:
        calls = [stub.begin(slow_request(LONG)), stub.begin(slow_request(LONG))]
        until(lambda: one_runs_and_one_waits(child))
        child.process.terminate()
        ended = [call.exception() for call in calls]
        code, out, err = child.ends()
    refused = [Refused(error.code(), error.details()) for error in ended if error is not None]
    assert Refused(grpc.StatusCode.UNAVAILABLE, "the server stopped before the request was computed") in refused
    assert code == 0
    assert out.endswith("stopped\n")
    assert re.search(r"1 waiting requests were refused after \d+\.\d s of grace", err)
    assert "Traceback" not in err


@pytest.mark.parametrize("second", [signal.SIGTERM, signal.SIGINT], ids=["SIGTERM", "SIGINT"])
def test_a_second_signal_ends_it_at_once(two: Path, second: signal.Signals) -> None:
    with running(two, *ANY_PORT) as child, Stub(child.grpc_port) as stub:
        calls = [stub.begin(slow_request(LONG)), stub.begin(slow_request(LONG + 1))]
        until(lambda: one_runs_and_one_waits(child))
        child.process.terminate()
        child.read()
        child.process.send_signal(second)
        assert child.ends()[0] == -second
        assert refusal(calls[0].result).code is grpc.StatusCode.UNAVAILABLE


def test_a_client_that_keeps_calling_while_the_server_drains_sees_no_failed_call(two: Path) -> None:
    with running(two, *PATIENT, "1.5") as child, Stub(child.grpc_port) as stub:
        health = health_pb2_grpc.HealthStub(stub.channel)
        asked = health_pb2.HealthCheckRequest(service="add2")
        assert health.Check(asked).status == health_pb2.HealthCheckResponse.SERVING
        child.process.terminate()
        assert child.read() == "draining: calls are still taken for 1.5 s\n"
        begun, answered = monotonic(), 0
        assert [http(child.admin_port, page)[0] for page in ("/readyz", "/livez", "/startupz")] == [503, 200, 200]
        assert health.Check(asked).status == health_pb2.HealthCheckResponse.NOT_SERVING
        while monotonic() - begun < 1.2:
            stub.infer(add2_request())
            answered += 1
        with Stub(child.grpc_port) as late:
            assert late.infer(add2_request())
        code, out, _ = child.ends()
    assert answered > 10
    assert (code, out) == (0, "stopping: requests in progress are finished first\nstopped\n")
    assert 1.4 < monotonic() - begun < PATIENCE


def test_a_second_signal_ends_the_drain_delay_at_once(two: Path) -> None:
    with running(two, *PATIENT, "3600") as child:
        child.process.terminate()
        assert child.read().startswith("draining: ")
        child.process.terminate()
        code, out, err = child.ends()
    assert (code, out) == (-signal.SIGTERM, "")
    assert "Traceback" not in err


def test_at_a_terminal_nobody_waits_for_the_drain_delay(two: Path) -> None:
    with running(two, *PATIENT, "3600") as child:
        child.process.send_signal(signal.SIGINT)
        code, out, _ = child.ends()
    assert (code, out) == (0, "stopping: requests in progress are finished first\nstopped\n")


def test_a_stage_never_goes_back() -> None:
    life = Lifecycle()
    seen = [(life.stage, life.started, life.ready)]
    for stage in (Stage.SERVING, Stage.DRAINING, Stage.STOPPED):
        assert life.enter(stage)
        assert not life.enter(stage)
        assert not life.enter(Stage.STARTING)
        seen.append((life.stage, life.started, life.ready))
    assert seen == [
        (Stage.STARTING, False, False),
        (Stage.SERVING, True, True),
        (Stage.DRAINING, True, False),
        (Stage.STOPPED, True, False),
    ]


def test_what_stops_before_it_served_has_not_started() -> None:
    life = Lifecycle()
    assert life.enter(Stage.DRAINING)
    assert not life.started


def test_start_up_readiness_and_liveness_are_three_answers(two: Path) -> None:
    server = Server(two, FREE_PORTS)
    assert server._admin
    server._admin.start()  # as `start` does before it loads the models
    pages = ("/livez", "/startupz", "/readyz")
    before = [http(server.admin_port, page)[0] for page in pages]
    server.start()
    serving = [http(server.admin_port, page)[0] for page in pages]
    server.withdraw()
    draining = [http(server.admin_port, page)[0] for page in pages]
    server.stop()
    assert (before, serving, draining) == ([200, 503, 503], [200, 200, 200], [200, 200, 503])
    assert server.stage is Stage.STOPPED


def test_a_server_gives_its_ports_back_and_stops_twice(two: Path) -> None:
    first = Server(two, FREE_PORTS)
    first.start()
    ports = first.grpc_port, first.admin_port
    first.stop()
    first.stop()
    again = Server(two, options.build(Options, {"grpc_port": ports[0], "admin_port": ports[1]}))
    again.start()
    assert (again.grpc_port, again.admin_port, again.ready) == (*ports, True)
    again.stop()


# What an operator can get wrong.


@pytest.fixture
def busy() -> Iterator[str]:
    """A port that somebody else listens on."""
    with socket.create_server(("127.0.0.1", 0)) as taken:
        yield str(taken.getsockname()[1])


def broken(directory: Path) -> Path:
    path = directory / "broken.onnx"
    path.write_bytes(b"not a model")
    return path


def misnamed(directory: Path) -> Path:
    return save_repository(directory, "add2").joinpath("add2").rename(directory / "add 2").parent


def foreign(directory: Path) -> Path:
    path = directory / "model.keras"
    path.write_bytes(b"PK")
    return path


def lone(repository: Path) -> Path:
    return repository / "add2" / "1" / "model.onnx"


def malformed(directory: Path) -> Path:
    return save(centre(metadata={"hornbeam.batch_axes": "{"}), directory / "odd.onnx")


@dataclass(frozen=True)
class Setting:
    """What a mistake is made with: an empty directory, a good repository, and a busy port."""

    empty: Path
    good: Path
    busy: str


Mistake = Callable[[Setting], Sequence[str | Path]]  # the arguments of the command
MISTAKES: Mapping[str, tuple[Mistake, str]] = {
    "no such path": (lambda at: [at.empty / "nope"], "nope; give a model repository or an .onnx file"),
    "a repository without a model": (lambda at: [at.empty], "holds no model: expected"),
    "a model's own directory": (lambda at: [at.good / "add2"], "holds no model: expected"),
    "a name that cannot be a model's": (lambda at: [misnamed(at.empty)], "'add 2' cannot be the name of a model"),
    "a broken .onnx": (lambda at: [broken(at.empty)], "broken.onnx cannot be loaded:"),
    "metadata that no exporter wrote": (lambda at: [malformed(at.empty)], "hornbeam.batch_axes"),
    "not an .onnx": (lambda at: [foreign(at.empty)], "model.keras is no .onnx file; `hornbeam export"),
    "a busy gRPC port": (lambda at: [at.good, "--grpc-port", at.busy], "choose another with --grpc-port"),
    "a busy admin port": (lambda at: [at.good, "--admin-port", at.busy], "choose another with --admin-port"),
    "an address of nobody": (lambda at: [at.good, "--host", "203.0.113.7"], "gRPC cannot listen on 203.0.113.7:0"),
    "a device that is not there": (
        lambda at: [lone(at.good), "--device", "cuda"],
        "--device cuda was asked for, and this ONNX Runtime has",
    ),
}


@pytest.mark.parametrize(("mistake", "text"), MISTAKES.values(), ids=MISTAKES.keys())
def test_a_mistake_is_one_sentence_and_exit_code_2(two: Path, tmp_path: Path, busy: str, mistake: Mistake, text: str) -> None:
    path, *options = mistake(Setting(tmp_path, two, busy))
    code, out, err = finished(str(path), *ANY_PORT, *map(str, options))
    assert (code, out) == (2, "")
    assert err.startswith("Error: ")
    assert text in err
    assert err.count("\n") == 1


VALUES: Mapping[str, tuple[str, str]] = {
    "a word for a port": ("--grpc-port", "http"),
    "a port beyond the last": ("--grpc-port", "65536"),
    "a negative port": ("--grpc-port", "-1"),
    "an admin port beyond the last": ("--admin-port", "99999"),
    "a negative admin port": ("--admin-port", "-1"),
    "an unknown device": ("--device", "tpu"),
    "a negative grace": ("--grace-seconds", "-1"),
    "a grace without an end": ("--grace-seconds", "inf"),
    "a drain delay without an end": ("--drain-delay-seconds", "inf"),
    "a switch that is none": ("--tracing", "yes"),
    "batches of no rows": ("--max-batch-rows", "0"),
    "a queue of no rows": ("--max-queue-rows", "0"),
    "messages of no bytes": ("--max-message-bytes", "0"),
    "messages beyond what gRPC can": ("--max-message-bytes", "2147483648"),
}


@pytest.mark.parametrize(("flag", "value"), VALUES.values(), ids=VALUES.keys())
def test_a_bad_value_of_an_option_is_refused(two: Path, flag: str, value: str) -> None:
    code, out, err = finished(str(two), *ANY_PORT, flag, value)
    assert (code, out) == (2, "")
    assert err.splitlines()[-1].startswith(f"Error: Invalid value for '{flag}'")
    assert "Traceback" not in err


def finished(*arguments: str) -> tuple[int, str, str]:
    """How the command ends that should not start."""
    done = subprocess.run([COMMAND, "run", *arguments], capture_output=True, text=True, timeout=PATIENCE, check=False)
    return done.returncode, done.stdout, done.stderr


# Options.


def leaves(group: type) -> Iterator[tuple[str, Any]]:
    """The name and default of every field of a group that is no group itself."""
    hints = get_type_hints(group)
    for field in fields(group):
        if is_dataclass(hints[field.name]):
            yield from leaves(hints[field.name])
        else:
            yield field.name, field.default


OPTIONS = list(options.options(Options))


def test_every_field_is_an_option_and_none_twice() -> None:
    found = [(option.name, option.default) for option in OPTIONS]
    assert found == list(leaves(Options))
    assert len({name for name, _ in found}) == len(found)


@pytest.mark.parametrize("option", OPTIONS, ids=lambda option: option.name)
def test_an_option_has_help_a_flag_and_an_environment_name(option: options.Option) -> None:
    assert option.help.endswith(".")
    assert option.flag == "--" + option.name.replace("_", "-")
    assert option.environment == f"HORNBEAM_{option.name}".upper()
    least, most = option.bounds
    assert option.many or least is None or least <= option.default
    assert option.many or most is None or option.default <= most
    assert option.type in (str, bool) or least is not None
    values = option.default if option.many else (option.default,)
    assert all(type(value) is option.type for value in values)


def test_the_command_explains_every_option() -> None:
    out = " ".join(subprocess.run([COMMAND, "run", "--help"], capture_output=True, text=True, check=True).stdout.split())
    for option in OPTIONS:
        assert option.flag in out
        assert option.environment in out
        assert option.help in out


def test_the_command_knows_its_version() -> None:
    done = subprocess.run([sys.executable, "-m", "service", "--version"], capture_output=True, text=True, check=True)
    assert done.stdout == f"hornbeam-serve {__version__}\n"


def test_values_reach_the_part_that_declares_them() -> None:
    assert options.build(Options, {}) == Options()
    built = options.build(Options, {"grpc_port": 1, "admin_port": 2, "max_queue_rows": 3, "grace_seconds": 4.0, "device": "cuda"})
    found = (
        built.transport.grpc_port,
        built.admin.admin_port,
        built.batching.max_queue_rows,
        built.server.grace_seconds,
        built.device.device,
    )
    assert found == (1, 2, 3, 4.0, "cuda")
    assert built.batching.max_batch_rows == Options().batching.max_batch_rows


def test_options_may_come_from_the_environment_and_flags_win(two: Path) -> None:
    environment = {
        "HORNBEAM_GRPC_PORT": "0",
        "HORNBEAM_ADMIN_PORT": "70000",
        "HORNBEAM_MAX_BATCH_ROWS": "3",
        "HORNBEAM_SPLIT_LARGE": "false",
    }
    with running(two, "--admin-port", "0", **environment) as child, Stub(child.grpc_port) as stub:
        assert "batch-size must be <= 3" in refusal(lambda: stub.infer(add2_request(4))).text
        assert stub.infer(add2_request(3))


@pytest.mark.parametrize("workers", ["1", "2"], ids=["one process", "two workers"])
@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT], ids=["SIGTERM", "SIGINT"])
def test_a_server_that_is_still_loading_stops_when_it_is_told_to(tmp_path: Path, number: int, workers: str) -> None:
    model = add2()
    helper.set_model_props(model, {"hornbeam.samples_sha256": "0" * 64})
    samples = save(model, tmp_path / "add2" / "1" / "model.onnx").with_name("samples.npz")
    os.mkfifo(samples)  # that nobody writes to: whoever reads it waits for ever
    pipes: Mapping[str, Any] = {"stdout": subprocess.PIPE, "stderr": subprocess.PIPE, "text": True}
    writers: list[int] = []
    with subprocess.Popen([COMMAND, "run", str(tmp_path), *ANY_PORT, "--workers", workers], **pipes) as process:
        try:
            until(lambda: opened(samples, writers))
            process.send_signal(number)
            out, err = process.communicate(timeout=PATIENCE)
        finally:
            process.kill()
            for writer in writers:
                os.close(writer)
    assert (process.returncode, out, err) == (0, "stopped before it was ready\n", "")


def opened(fifo: Path, writers: list[int]) -> bool:
    """Whether somebody reads from it, who then waits for what the new one of `writers` will write."""
    try:
        writers.append(os.open(fifo, os.O_WRONLY | os.O_NONBLOCK))
    except OSError:
        return False
    return True


def test_options_that_contradict_each_other_are_one_sentence(tmp_path: Path) -> None:
    done = subprocess.run([COMMAND, "run", str(tmp_path), "--allowed-rows", "8,4"], capture_output=True, text=True, check=False)
    assert (done.returncode, done.stderr) == (2, "Error: the largest of allowed_rows must be max_batch_rows, and 8 is not 64\n")
