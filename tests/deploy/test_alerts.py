"""Alerts that fire: real servers with real faults, scraped by a real Prometheus, with the rules' minutes as seconds."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from threading import Event, Thread
from urllib.request import urlopen

import grpc
import numpy as np
import onnx
import pytest

from service.client import Client
from tests.conftest import READY, Running
from tests.deploy.processes import free_port, until
from tests.deploy.prometheus import RULES, Prometheus, hastened, prometheus
from tests.service.models import save_repository

pytestmark = pytest.mark.deploy
SECOND = 800_000  # steps of the slow model that take longer than the objective, half a second
CGROUPS = Path("/sys/fs/cgroup")
V1 = CGROUPS / "memory"  # where version 1 has its memory controller


@contextmanager
def serving(path: Path, *options: str) -> Iterator[Running]:
    """A server whose log nobody reads: these fail so often that a pipe would soon be full, and hold up who writes into it."""
    ports = ("--grpc-port", "0", "--admin-port", "0", "--drain-delay-seconds", "0")
    command = [sys.executable, "-m", "service", "run", str(path), *ports, *options]
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True) as process:
        try:
            assert process.stdout is not None
            ready = READY.match(process.stdout.readline())
            assert ready
            yield Running(ready[1], ready[2], process)
        finally:
            process.terminate()
            process.communicate(timeout=60)


@contextmanager
def calling(server: Running, model: str, callers: int, **inputs: np.ndarray) -> Iterator[None]:
    """Callers of a model, each with one call after the other, whatever comes of them."""
    stop = Event()

    def ask() -> None:
        with Client(server.address) as client:
            while not stop.is_set():
                try:
                    client.infer(model, inputs, timeout=60)
                except grpc.RpcError:
                    stop.wait(0.02)  # the next one, not all at once

    threads = [Thread(target=ask, daemon=True) for _ in range(callers)]
    for thread in threads:
        thread.start()
    try:
        yield
    finally:
        stop.set()


def until_fired(asked: Prometheus, expected: set[str], patience: float) -> set[str]:
    """All alerts that have fired by the time that the expected ones have."""
    fired: set[str] = set()

    def all_have() -> bool:
        fired.update(asked.firing())
        return expected <= fired

    try:
        until(all_have, f"{sorted(expected)} fire", patience=patience)
    except AssertionError as error:
        raise AssertionError(f"{sorted(expected - fired)} did not fire, and {sorted(fired)} did") from error
    return fired


def slowly(steps: int = SECOND) -> dict[str, np.ndarray]:
    return {"steps": np.array(steps, np.int64), "x": np.zeros(1, np.float32)}


@pytest.fixture
def faulty(tmp_path: Path) -> Path:
    """A model that answers, one that fails, and one that takes its time."""
    return save_repository(tmp_path / "faulty", "add2", "reshape", "slow")


def test_errors_latency_and_refusals_fire_their_alerts(faulty: Path, tmp_path: Path) -> None:
    expected = {
        "HornbeamErrorBudgetBurnFast",
        "HornbeamErrorBudgetBurnSlow",
        "HornbeamLatencyHigh",
        "HornbeamRejecting",
        "HornbeamLoadImbalance",
        "HornbeamTargetDown",
    }
    with ExitStack() as stack:
        server = stack.enter_context(serving(faulty, "--max-queue-rows", "2"))
        idle = stack.enter_context(serving(faulty))
        targets = [server.metrics, idle.metrics, f"127.0.0.1:{free_port()}"]
        asked = stack.enter_context(prometheus(tmp_path, targets, hastened(RULES.read_text())))
        with Client(idle.address) as client:
            client.infer("add2", {name: np.zeros((1, 4), np.float32) for name in "ab"})
        stack.enter_context(calling(server, "reshape", 1, x=np.zeros(3, np.float32), shape=np.array([2, 2])))
        stack.enter_context(calling(server, "slow", 6, **slowly()))
        fired = until_fired(asked, expected, patience=150)
        burning = 'ALERTS{alertname="HornbeamErrorBudgetBurnFast", alertstate="firing", model="reshape"}'
        until(lambda: asked.ask(burning), "the alert names the model that fails")
        assert not fired & {"HornbeamAbsent", "HornbeamModelNotReady", "HornbeamDeviceFallback"}


def test_saturation_fires_its_alert_and_the_end_of_all_servers_another(faulty: Path, tmp_path: Path) -> None:
    with ExitStack() as stack:
        stopped = stack.enter_context(ExitStack())
        server = stopped.enter_context(serving(faulty, "--max-inflight-requests", "256", "--grace-seconds", "0"))
        asked = stack.enter_context(prometheus(tmp_path, [server.metrics], hastened(RULES.read_text())))
        assert asked.firing() == set()
        with calling(server, "slow", 245, **slowly()):
            until(lambda: "HornbeamSaturated" in asked.firing(), "saturation fires", patience=120)
        stopped.close()
        until(lambda: "HornbeamAbsent" in asked.firing(), "absence fires", patience=60)


def endless() -> onnx.ModelProto:
    """A model whose rows the server compares when it loads it, for minutes: each run is a loop of many steps."""
    value = onnx.helper.make_tensor_value_info
    body = onnx.helper.make_graph(
        [onnx.helper.make_node("Identity", ["go"], ["on"]), onnx.helper.make_node("Neg", ["before"], ["after"])],
        "body",
        [value("step", onnx.TensorProto.INT64, []), value("go", onnx.TensorProto.BOOL, []), value("before", onnx.TensorProto.FLOAT, None)],
        [value("on", onnx.TensorProto.BOOL, []), value("after", onnx.TensorProto.FLOAT, None)],
    )
    steps = onnx.numpy_helper.from_array(np.array(10**9, np.int64), "steps")
    loop = onnx.helper.make_node("Loop", ["steps", "", "x"], ["y"], body=body)
    given, taken = ([value(name, onnx.TensorProto.FLOAT, ["batch", 1])] for name in "xy")
    graph = onnx.helper.make_graph([loop], "endless", given, taken, [steps])
    return onnx.helper.make_model(graph, opset_imports=[onnx.helper.make_opsetid("", 17)], ir_version=8)


def test_a_model_that_does_not_become_ready_fires_its_alert(tmp_path: Path) -> None:
    grpc_port, admin_port = free_port(), free_port()
    models = save_repository(tmp_path / "models", "add2")
    (models / "endless" / "1").mkdir(parents=True)
    onnx.save(endless(), models / "endless" / "1" / "model.onnx")
    command = [sys.executable, "-m", "service", "run", str(models), "--grpc-port", str(grpc_port), "--admin-port", str(admin_port)]
    with subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL) as process:
        try:
            with prometheus(tmp_path, [f"127.0.0.1:{admin_port}"], hastened(RULES.read_text())) as asked:
                until(lambda: "HornbeamModelNotReady" in asked.firing(), "a model is not ready", process, patience=60)
                assert "endless" in {one["metric"]["model"] for one in asked.ask('ALERTS{alertname="HornbeamModelNotReady"}')}
                with urlopen(f"http://127.0.0.1:{admin_port}/livez", timeout=10) as answer:
                    assert answer.status == 200
        finally:
            process.kill()


def test_a_version_that_cannot_be_loaded_fires_its_alert_and_no_other(faulty: Path, tmp_path: Path) -> None:
    follow = ("--model-control", "poll", "--poll-seconds", "0.2")
    with serving(faulty, *follow) as server, prometheus(tmp_path, [server.metrics], hastened(RULES.read_text())) as asked:
        broken = faulty / "add2" / "2" / "model.onnx"
        broken.parent.mkdir()
        (faulty / "new").write_bytes(b"no model")
        (faulty / "new").rename(broken)
        until(lambda: "HornbeamModelLoadFailing" in asked.firing(), "a failed load fires", patience=60)
        (failing,) = asked.ask('ALERTS{alertname="HornbeamModelLoadFailing", alertstate="firing"}')
        assert (failing["metric"]["model"], failing["metric"]["version"]) == ("add2", "2")
        with Client(server.address) as client:
            assert client.infer("add2", {name: np.ones((1, 4), np.float32) for name in "ab"})["sum"].tolist() == [[2.0] * 4]
        until(lambda: asked.ask("hornbeam:inflight:ratio"), "rules go on")
        assert asked.firing() == {"HornbeamModelLoadFailing"}


@contextmanager
def limited(models: Path, group: Path) -> Iterator[int]:
    """The admin port of a server in a cgroup of its own, which it sees as a container does."""
    place = V1 if V1.exists() else CGROUPS
    enter = f'echo $$ > {group}/cgroup.procs && mount --bind {group} {place} && exec "$@"'
    ports = (free_port(), free_port())
    server = [sys.executable, "-m", "service", "run", str(models), "--grpc-port", str(ports[0]), "--admin-port", str(ports[1])]
    with subprocess.Popen(["unshare", "--mount", "sh", "-c", enter, "sh", *server], stdout=subprocess.PIPE, text=True) as process:
        try:
            assert process.stdout is not None
            assert process.stdout.readline().startswith("ready:")
            yield ports[1]
        finally:
            process.kill()


def memory(port: int, name: str) -> float:
    """A metric of memory, as the server tells it."""
    with urlopen(f"http://127.0.0.1:{port}/metrics", timeout=10) as answer:
        lines = answer.read().decode().splitlines()
    return next((float(line.split()[1]) for line in lines if line.startswith(f"{name} ")), 0.0)


@pytest.fixture
def group() -> Iterator[Path]:
    """A cgroup with a memory limit to be set."""
    if os.geteuid() != 0:
        pytest.skip("only root makes cgroups")
    path = (V1 if V1.exists() else CGROUPS) / f"hornbeam-{os.getpid()}"
    try:
        path.mkdir()
    except OSError as error:
        pytest.skip(f"no cgroup can be made here: {error}")
    yield path
    until(lambda: _gone(path), "the cgroup is empty")


def _gone(path: Path) -> bool:
    try:
        path.rmdir()
    except OSError:
        return False
    return True


def test_memory_near_the_container_s_limit_fires_its_alert(faulty: Path, group: Path, tmp_path: Path) -> None:
    limit = group / ("memory.limit_in_bytes" if V1.exists() else "memory.max")
    if not limit.exists():
        pytest.skip("this machine's cgroups do not count memory")
    with limited(faulty, group) as port, prometheus(tmp_path, [f"127.0.0.1:{port}"], hastened(RULES.read_text())) as asked:
        assert asked.ask("hornbeam_memory_limit_bytes") == []
        limit.write_text(str(int(memory(port, "process_resident_memory_bytes") * 1.05) // 4096 * 4096))
        until(lambda: "HornbeamMemoryNearLimit" in asked.firing(), "memory fires", patience=90)
        assert memory(port, "hornbeam_memory_limit_bytes") == int(limit.read_text())
