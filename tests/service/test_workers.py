"""Several processes that serve as one: what callers and operators see of them, also when one of them dies."""

from __future__ import annotations

import os
import resource
import signal
import socket
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, suppress
from dataclasses import replace
from pathlib import Path
from threading import Event
from time import monotonic

import grpc
import numpy as np
import pytest

from service.errors import StartupError
from service.rpc._pb import inference_pb2 as pb
from service.rpc.shared_memory import SharedMemoryOptions
from service.rpc.transport import TransportOptions
from service.server import ServerOptions
from service.workers import Parent
from service.workers.port import HeldPort
from tests.service.conftest import FREE_PORTS, Refused, Stub, add2_request, arrays, http, refusal, request, scrape, until
from tests.service.models import add_constant, save, save_repository
from tests.service.test_lifecycle import ANY_PORT, LONG, Child, finished, running, slow_request
from tests.service.test_repository_control import load, unload

WORKERS = 2
MANY = 24  # connections: that all of them go to the same one of two workers happens once in eight million times
TWO = ("--workers", str(WORKERS))
EXPLICIT = (*ANY_PORT, *TWO, "--model-control", "explicit", "--load-model", "*")
ADD2 = frozenset({"model": "add2", "version": "1"}.items())
Samples = dict[tuple[str, frozenset[tuple[str, str]]], float]


@pytest.fixture(scope="module")
def root(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The models of the workers that the tests share, some of which change them."""
    return save_repository(tmp_path_factory.mktemp("shared"), "add2", "slow")


@pytest.fixture(scope="module")
def two(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Models that stay as they are."""
    return save_repository(tmp_path_factory.mktemp("two"), "add2", "slow")


@pytest.fixture(scope="module")
def shared(root: Path) -> Iterator[Child]:
    """Two workers whose models are under their callers' control."""
    with running(root, *EXPLICIT) as child:
        yield child


@pytest.fixture
def stubs(shared: Child) -> Iterator[Sequence[Stub]]:
    """As many connections as make sure that each worker has one."""
    with ExitStack() as stack:
        yield [stack.enter_context(Stub(shared.grpc_port)) for _ in range(MANY)]


def workers_of(child: Child) -> list[int]:
    """The processes that the command has started to serve."""
    found = []
    for entry in Path("/proc").iterdir():
        try:
            parent = int((entry / "stat").read_text().rsplit(")", 1)[1].split()[1]) if entry.name.isdigit() else 0
            command = (entry / "cmdline").read_bytes() if parent == child.process.pid else b""
        except OSError:
            continue
        found += [int(entry.name)] if b"spawn_main" in command else []
    return found


def connections_of(worker: int, port: int) -> int:
    """The connections to the port that a process has."""
    rows = [line.split() for name in ("tcp", "tcp6") for line in Path("/proc/net", name).read_text().splitlines()[1:]]
    inodes = {row[9] for row in rows if row[3] == "01" and int(row[1].rsplit(":", 1)[1], 16) == port}
    links = []
    for descriptor in Path(f"/proc/{worker}/fd").iterdir():
        try:
            links.append(str(descriptor.readlink()))
        except OSError:
            continue
    return sum(link.removeprefix("socket:[").removesuffix("]") in inodes for link in links)


def settled(child: Child) -> bool:
    """Whether all workers take calls."""
    return scrape(child.admin_port)["hornbeam_workers", frozenset()] == WORKERS


def counts(samples: Samples) -> Samples:
    """What must not go down."""
    return {key: value for key, value in samples.items() if key[0].endswith(("_total", "_count", "_bucket"))}


def statistics(stub: Stub, model: str) -> pb.ModelStatistics:
    answer = pb.ModelStatisticsResponse.FromString(stub.call("ModelStatistics", pb.ModelStatisticsRequest(name=model).SerializeToString()))
    return answer.model_stats[0]


def load_file(stub: Stub, model: str, file: bytes) -> None:
    """Has a model loaded that comes with the request."""
    message = pb.RepositoryModelLoadRequest(model_name=model)
    message.parameters["config"].string_param = "{}"
    message.parameters["file:1/model.onnx"].bytes_param = file
    stub.call("RepositoryModelLoad", message.SerializeToString())


def plus(stub: Stub, model: str) -> float:
    """What a model of one constant adds."""
    answer = stub.infer(request(model, {"x": np.zeros((1, 4), np.float32)}))
    return float(arrays(answer)["y"][0, 0])


# Serving as one.


def test_calls_are_answered_by_all_workers(shared: Child, stubs: Sequence[Stub]) -> None:
    for stub in stubs:
        assert (arrays(stub.infer(add2_request(value=2.0)))["sum"] == 3.0).all()
    shares = [connections_of(worker, shared.grpc_port) for worker in workers_of(shared)]
    assert len(shares) == WORKERS
    assert min(shares) > 0
    assert sum(shares) >= MANY


def test_the_metrics_and_statistics_are_those_of_all_whoever_is_asked(shared: Child, stubs: Sequence[Stub]) -> None:
    before, known = scrape(shared.admin_port), statistics(stubs[0], "add2")
    for rows, stub in enumerate(stubs, 1):
        stub.infer(add2_request(rows))
    after = scrape(shared.admin_port)
    rows_sent = MANY * (MANY + 1) // 2

    def grown(name: str, **labels: str) -> float:
        key = name, ADD2 | frozenset(labels.items())
        return after[key] - before.get(key, 0.0)

    assert grown("hornbeam_requests_total", method="ModelInfer", code="OK") == MANY
    assert grown("hornbeam_rows_total") == rows_sent
    assert grown("hornbeam_request_duration_seconds_count") == MANY
    assert grown("hornbeam_batch_rows_bucket", le="8.0") == 8
    assert after["hornbeam_model_ready", ADD2] == 1
    for stub in stubs:
        told = statistics(stub, "add2")
        assert told.inference_stats.success.count - known.inference_stats.success.count == MANY
        assert told.inference_count - known.inference_count == rows_sent
        assert {batch.batch_size for batch in told.batch_stats} >= set(range(1, MANY + 1))


def test_a_load_is_answered_when_every_worker_has_the_model_and_an_unload_when_none_has(stubs: Sequence[Stub]) -> None:
    for constant in (3.0, 4.0):
        given = add_constant(constant).SerializeToString()
        load_file(stubs[0], "given", given)
        assert [plus(stub, "given") for stub in stubs] == [constant] * MANY
    unload(stubs[1], "given")
    found = {refusal(lambda stub=stub: plus(stub, "given")).code for stub in stubs}  # type: ignore[misc]
    assert found == {grpc.StatusCode.UNAVAILABLE}


def test_a_load_that_fails_is_told_once_and_changes_nothing(root: Path, stubs: Sequence[Stub]) -> None:
    path = save(add_constant(1.0), root / "mine" / "1" / "model.onnx")
    load(stubs[0], "mine")
    path.write_bytes(b"no model")
    refused = refusal(lambda: load(stubs[1], "mine"))
    assert refused.code is grpc.StatusCode.INTERNAL
    assert refused.text.startswith("failed to load 'mine', model 'mine' version 1: ")
    assert [plus(stub, "mine") for stub in stubs] == [1.0] * MANY
    nobody = "failed to load 'nope', failed to poll from model repository: there is no such model"
    assert refusal(lambda: load(stubs[1], "nope")) == Refused(grpc.StatusCode.NOT_FOUND, nobody)
    unload(stubs[0], "mine")
    path.unlink()


def test_one_that_cannot_do_what_the_others_did_is_started_again_and_then_can(shared: Child, stubs: Sequence[Stub]) -> None:
    load_file(stubs[0], "odd", add_constant(5.0).SerializeToString())
    odd = workers_of(shared)[0]
    resource.prlimit(odd, resource.RLIMIT_FSIZE, (0, 0))  # it cannot write the files that come with the request
    given = add_constant(6.0).SerializeToString()
    refused = refusal(lambda: load_file(stubs[0], "odd", given))
    assert refused == Refused(grpc.StatusCode.INVALID_ARGUMENT, "the files of the request cannot be written: File too large")
    until(lambda: odd not in workers_of(shared) and settled(shared))
    with ExitStack() as stack:
        fresh = [stack.enter_context(Stub(shared.grpc_port)) for _ in range(MANY)]
        assert [plus(stub, "odd") for stub in fresh] == [6.0] * MANY
    unload(stubs[0], "odd")


# A worker that dies.


def test_one_that_can_no_longer_load_what_the_other_serves_takes_no_calls_until_it_can(root: Path, shared: Child) -> None:
    path = save(add_constant(8.0), root / "fragile" / "1" / "model.onnx")
    with Stub(shared.grpc_port) as stub:
        load(stub, "fragile")
    path.write_bytes(b"no model")
    restarts = scrape(shared.admin_port)["hornbeam_worker_restarts_total", frozenset()]
    os.kill(workers_of(shared)[0], signal.SIGKILL)
    until(lambda: scrape(shared.admin_port)["hornbeam_worker_restarts_total", frozenset()] >= restarts + 2)
    assert not settled(shared)
    with ExitStack() as stack:
        fresh = [stack.enter_context(Stub(shared.grpc_port)) for _ in range(MANY)]
        assert [plus(stub, "fragile") for stub in fresh] == [8.0] * MANY
        save(add_constant(8.0), path)
        until(lambda: settled(shared))
        unload(fresh[0], "fragile")
    path.unlink()


def test_one_that_is_killed_under_load_comes_back_with_all_models_and_nothing_else_fails(shared: Child, stubs: Sequence[Stub]) -> None:
    given = add_constant(7.0).SerializeToString()
    load_file(stubs[0], "given", given)
    restarts = scrape(shared.admin_port)["hornbeam_worker_restarts_total", frozenset()]
    assert [plus(stub, "given") for stub in stubs] == [7.0] * MANY
    victim, other = workers_of(shared)
    lost = connections_of(victim, shared.grpc_port)
    done = Event()

    def ask(stub: Stub) -> list[grpc.RpcError]:
        failures = []
        while not done.is_set():
            try:
                assert plus(stub, "given") == 7.0
            except grpc.RpcError as error:
                failures.append(error)
        return failures

    with ThreadPoolExecutor(MANY) as pool:
        asking = [pool.submit(ask, stub) for stub in stubs]
        seen = counts(scrape(shared.admin_port))
        os.kill(victim, signal.SIGKILL)
        until(lambda: victim not in workers_of(shared))
        assert http(shared.admin_port, "/readyz")[0] == 200
        until(lambda: grows(shared, seen) and settled(shared))
        done.set()
        failures = [future.result() for future in asking]
    assert sum(map(bool, failures)) <= lost
    assert {error.code() for each in failures for error in each} <= {grpc.StatusCode.UNAVAILABLE}
    assert scrape(shared.admin_port)["hornbeam_worker_restarts_total", frozenset()] == restarts + 1
    assert other in workers_of(shared)
    with ExitStack() as stack:
        fresh = [stack.enter_context(Stub(shared.grpc_port)) for _ in range(MANY)]
        assert [plus(stub, "given") for stub in fresh] == [7.0] * MANY
        assert all(connections_of(worker, shared.grpc_port) for worker in workers_of(shared))
    assert statistics(stubs[0], "given").inference_count >= MANY


def grows(child: Child, seen: Samples) -> bool:
    """True; no count is below what was seen of it last."""
    now = counts(scrape(child.admin_port))
    assert {key: (value, now.get(key)) for key, value in seen.items() if now.get(key, -1.0) < value} == {}
    seen.update(now)
    return True


def test_when_one_keeps_dying_the_command_ends_and_says_so(two: Path) -> None:
    with running(two, *ANY_PORT, *TWO) as child:
        stays = workers_of(child)[0]
        while child.process.poll() is None:
            for worker in set(workers_of(child)) - {stays}:
                with suppress(ProcessLookupError):
                    os.kill(worker, signal.SIGKILL)
            os.sched_yield()
        code, out, err = child.ends()
    assert (code, out) == (1, "")
    assert err.splitlines()[-1].startswith("Error: worker ")
    assert "ended 6 times soon after its start, last with code -9; its log says more" in err.splitlines()[-1]


def test_when_the_parent_is_killed_the_workers_end(two: Path) -> None:
    with running(two, *ANY_PORT, *TWO) as child:
        workers = workers_of(child)
        assert len(workers) == WORKERS
        child.process.kill()
        child.process.wait()
        until(lambda: not any(map(alive, workers)))


def alive(process: int) -> bool:
    """Whether a process runs; one that nobody has waited for is none."""
    try:
        return Path(f"/proc/{process}/stat").read_text().rsplit(")", 1)[1].split()[0] != "Z"
    except OSError:
        return False


# Starting and stopping.


def test_changed_files_are_seen_by_all_and_stopping_fails_no_call(tmp_path: Path) -> None:
    root = save_repository(tmp_path, "add2", "slow")
    options = ("--grpc-port", "0", "--admin-port", "0", "--drain-delay-seconds", "0.5", "--model-control", "poll", "--poll-seconds", "0.1")
    with running(root, *options, *TWO) as child, ExitStack() as stack:
        stubs = [stack.enter_context(Stub(child.grpc_port)) for _ in range(MANY)]
        save(add_constant(5.0), root / "new" / "1" / "model.onnx")
        until(lambda: all(answers(lambda stub=stub: plus(stub, "new") == 5.0) for stub in stubs))  # type: ignore[misc]
        late = stubs[0].begin(slow_request(LONG))
        child.process.terminate()
        assert child.read() == "draining: calls are still taken for 0.5 s\n"
        begun, answered = monotonic(), 0
        assert [http(child.admin_port, page)[0] for page in ("/readyz", "/livez", "/startupz")] == [503, 200, 200]
        while monotonic() - begun < 0.3:
            for stub in stubs:
                assert plus(stub, "new") == 5.0
                answered += 1
        assert arrays(pb.ModelInferResponse.FromString(late.result()))["y"].item() == 1.0
        code, out, err = child.ends()
    assert answered >= MANY
    assert (code, out) == (0, "stopping: requests in progress are finished first\nstopped\n")
    assert "Traceback" not in err


def answers(call: Callable[[], bool]) -> bool:
    try:
        return call()
    except grpc.RpcError:
        return False


def test_a_second_signal_ends_all_at_once(two: Path) -> None:
    with running(two, *ANY_PORT, *TWO) as child, Stub(child.grpc_port) as stub:
        call = stub.begin(slow_request(LONG * 100))
        until(lambda: scrape(child.admin_port)["hornbeam_running_rows", frozenset({("model", "slow"), ("version", "1")})] == 1)
        workers = workers_of(child)
        child.process.terminate()
        child.read()
        child.process.terminate()
        assert child.ends()[0] == -signal.SIGTERM
        assert refusal(call.result).code is grpc.StatusCode.UNAVAILABLE
        until(lambda: not any(map(alive, workers)))


LISTENERS = {
    "one that is alone": ("127.0.0.1", False),
    "one that would share it": ("127.0.0.1", True),
    "one on one of the host's addresses": ("localhost", True),
}


@pytest.mark.parametrize(("host", "reuse"), LISTENERS.values(), ids=LISTENERS.keys())
def test_a_port_that_somebody_listens_on_is_refused(two: Path, host: str, reuse: bool) -> None:
    with socket.socket() as other:
        other.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEPORT, int(reuse))
        other.bind(("127.0.0.1", 0))
        other.listen()
        port = other.getsockname()[1]
        options = replace(FREE_PORTS, transport=TransportOptions(grpc_port=port), server=ServerOptions(host=host, workers=2))
        with pytest.raises(StartupError) as caught:
            Parent(two, options)
    assert str(caught.value) == (
        f"gRPC cannot listen on {host}:{port}: the port is in use, or the address is not of this machine; "
        "choose another with --grpc-port or --host"
    )


def test_a_port_that_is_free_is_chosen_held_and_given_back() -> None:
    held = HeldPort("localhost", 0)
    port = held.number
    with pytest.raises(OSError, match="in use"), socket.socket() as other:
        other.bind(("127.0.0.1", port))
    held.close()
    again = HeldPort("localhost", port)
    assert again.number == port
    again.close()


def test_a_model_that_cannot_be_loaded_stops_all(tmp_path: Path) -> None:
    root = save_repository(tmp_path, "add2")
    path = root / "broken" / "1" / "model.onnx"
    path.parent.mkdir(parents=True)
    path.write_bytes(b"no model")
    code, out, err = finished(str(root), *ANY_PORT, *TWO)
    assert (code, out) == (2, "")
    assert err.splitlines()[-1].startswith("Error: model 'broken' version 1: ")
    assert "Traceback" not in err


def test_shared_memory_is_one_process_s(two: Path) -> None:
    options = replace(FREE_PORTS, shared_memory=SharedMemoryOptions(shared_memory=True), server=ServerOptions(workers=2))
    with pytest.raises(StartupError, match="--shared-memory and --workers do not go together: a region is registered with one process"):
        Parent(two, options)
