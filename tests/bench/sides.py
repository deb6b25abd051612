"""What is compared: each side serves a model on the server's core, or says why it cannot."""

from __future__ import annotations

import json
import os
import shutil
import socket
import subprocess
import sys
import venv
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from functools import cache, partial
from pathlib import Path
from tempfile import TemporaryDirectory, TemporaryFile
from time import monotonic, sleep
from typing import IO

from service.bench.target import Target
from service.errors import StartupError
from tests.bench import models
from tests.bench.models import Model, Skipped

PYTHON = Path(sys.executable)
ROOT = Path(__file__).parent.parent.parent
READY = "ready: gRPC on "
PATIENCE = 60.0  # seconds for a server to start
PEERS = Path(__file__).parent / "peers"
KSERVE = ("kserve>=0.15", "onnxruntime")
MLSERVER = ("mlserver>=1.6", "onnxruntime")
TRITON = "HORNBEAM_BENCH_TRITON"  # host:port of one that serves a repository with the same models


@dataclass(frozen=True)
class Running:
    """A server that runs: its address, and its process where it is one of ours."""

    address: str
    process: subprocess.Popen[str] | None = None

    @property
    def resident_megabytes(self) -> float:
        """Memory of the process and what it started; 0 where it is not known."""
        return _resident(self.process.pid) / 1e6 if self.process else 0.0


_ALLOWED = sorted(os.sched_getaffinity(0))  # before anything is pinned


def cores() -> tuple[set[int], set[int]]:
    """The server's core and the load's, which are the same where there is only one."""
    return {_ALLOWED[0]}, {_ALLOWED[-1]}


def all_cores() -> set[int]:
    """Every core that this process may use."""
    return set(_ALLOWED)


def pin(core: set[int]) -> None:
    """Keeps this process, and what it starts, on `core`."""
    os.sched_setaffinity(0, core)


@contextmanager
def started(
    command: Sequence[str | Path], ready: str = "ready", environment: Mapping[str, str] | None = None, on: set[int] | None = None
) -> Iterator[tuple[subprocess.Popen[str], str]]:
    """A process on the server's core, or `on` others, and the line that it wrote which starts with `ready`, unless that is empty.

    Raises Skipped when it ends before.
    """
    with TemporaryFile("w+") as errors:
        process = subprocess.Popen(
            [str(part) for part in command],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE if ready else errors,
            stderr=errors,
            text=True,
            cwd=ROOT,
            env={**os.environ, **(environment or {})},
            preexec_fn=partial(pin, on or cores()[0]),
        )
        try:
            yield process, _until(process, ready, errors) if ready else ""
        finally:
            process.terminate()
            with suppress(subprocess.TimeoutExpired):
                process.wait(10)
            process.kill()
            process.communicate()


def _until(process: subprocess.Popen[str], ready: str, errors: IO[str]) -> str:
    assert process.stdout is not None
    for line in process.stdout:
        if line.startswith(ready):
            return line
    raise Skipped(_last_words(errors))


def _last_words(errors: IO[str]) -> str:
    errors.seek(0)
    lines = errors.read().strip().splitlines()
    return lines[-1][:200] if lines else "it ended without a word"


@cache
def transports() -> tuple[str, ...]:
    """The transports of this server that can be chosen between; one without a name where there is no choice."""
    text = subprocess.run([sys.executable, "-m", "service", "run", "--help"], capture_output=True, text=True, cwd=ROOT, check=True).stdout
    return ("queue", "stock") if "--transport" in text else ("",)


@contextmanager
def hornbeam(
    model: Model, transport: str = "", *flags: str, environment: Mapping[str, str] | None = None, cores: set[int] | None = None
) -> Iterator[Running]:
    """This server with the model, on its core or on others."""
    chosen = ("--transport", transport) if transport else ()
    command = [sys.executable, "-m", "service", "run", model.repository, "--grpc-port", "0", "--admin-port", "0", *chosen, *flags]
    with started(command, READY, environment, cores) as (process, line):
        yield Running(_address(line), process)


@contextmanager
def floor(answer: bytes) -> Iterator[Running]:
    """The completion queue's loop with one answer for all."""
    with TemporaryDirectory() as directory:
        file = Path(directory) / "answer"
        file.write_bytes(answer)
        with started([sys.executable, "-m", "tests.bench.floor", file], READY) as (process, line):
            yield Running(_address(line), process)


@contextmanager
def aio(model: Model) -> Iterator[Running]:
    """grpcio's own way of writing an echo."""
    with started([sys.executable, "-m", "tests.bench.aio"], READY) as (process, line):
        yield Running(_address(line), process)


@contextmanager
def triton(model: Model) -> Iterator[Running]:
    """Triton, one instance on one thread, batching what waits without a delay: its best on these models."""
    if address := os.environ.get(TRITON):
        yield Running(address)
        return
    if not (command := shutil.which("tritonserver")):
        raise Skipped(f"no tritonserver on the PATH, and no address in {TRITON}")
    port, http, metrics = _free_port(), _free_port(), _free_port()
    with TemporaryDirectory() as directory:
        home = Path(directory) / model.name
        (home / "1").mkdir(parents=True)
        shutil.copy(model.file, home / "1" / "model.onnx")
        (home / "config.pbtxt").write_text(
            f'name: "{model.name}"\nbackend: "onnxruntime"\nmax_batch_size: 64\ndynamic_batching {{ max_queue_delay_microseconds: 0 }}\n'
            "instance_group [ { kind: KIND_CPU count: 1 } ]\n"
            'parameters { key: "intra_op_thread_count" value: { string_value: "1" } }\n'
        )
        flags = ["--model-repository", directory, "--grpc-port", str(port), "--http-port", str(http), "--metrics-port", str(metrics)]
        with started([command, *flags], "") as (process, _):
            yield _answering(model, process, port)


@contextmanager
def kserve(model: Model) -> Iterator[Running]:
    """KServe's Python server, with ONNX Runtime in a model of its own."""
    python, port = environment("kserve", KSERVE), _free_port()
    with started([python, PEERS / "kserve_onnx.py", model.file, model.name, str(port)], "") as (process, _):
        yield _answering(model, process, port)


@contextmanager
def mlserver(model: Model) -> Iterator[Running]:
    """MLServer with ONNX Runtime in a runtime of its own, adaptive batching, and no worker beside the server."""
    python, port = environment("mlserver", MLSERVER), _free_port()
    with TemporaryDirectory() as directory:
        settings = {"grpc_port": port, "http_port": _free_port(), "metrics_port": _free_port(), "parallel_workers": 0, "debug": False}
        one = {"name": model.name, "implementation": "mlserver_onnx.Onnx", "max_batch_size": 64, "max_batch_time": 0.0005}
        (Path(directory) / "settings.json").write_text(json.dumps(settings))
        (Path(directory) / "model-settings.json").write_text(json.dumps({**one, "parameters": {"uri": str(model.file)}}))
        paths = {"PYTHONPATH": str(PEERS)}
        with started([python.parent / "mlserver", "start", directory], "", paths) as (process, _):
            yield _answering(model, process, port)


def environment(name: str, packages: Sequence[str]) -> Path:
    """The interpreter of an environment with `packages`, which is kept. Raises Skipped when they cannot be had."""
    home = models.cache() / name
    python = home / "bin" / "python"
    if (home / "complete").exists():
        return python
    venv.create(home, clear=True, with_pip=True)
    done = subprocess.run([python, "-m", "pip", "install", "--quiet", *packages], capture_output=True, text=True, check=False)
    if done.returncode:
        raise Skipped(f"pip cannot install it: {(done.stderr.strip().splitlines() or ['no word'])[-1][:160]}")
    (home / "complete").touch()
    return python


def _address(line: str) -> str:
    return line.removeprefix(READY).partition(",")[0].strip()


def _answering(model: Model, process: subprocess.Popen[str], port: int) -> Running:
    """The server once it answers; they do not say when they are ready."""
    end, request, refused = monotonic() + PATIENCE, model.request(), ""
    while monotonic() < end and process.poll() is None:
        try:
            with Target(f"127.0.0.1:{port}") as target:
                target.answer(request)
        except StartupError as error:
            refused = str(error)
            sleep(0.2)
        else:
            return Running(f"127.0.0.1:{port}", process)
    raise Skipped(refused if process.poll() is None else f"it ended with code {process.returncode}")


def _free_port() -> int:
    with socket.socket() as listening:
        listening.bind(("127.0.0.1", 0))
        port: int = listening.getsockname()[1]
        return port


def _resident(pid: int) -> float:
    """Bytes that a process and its children have in memory."""
    total = 0.0
    with suppress(OSError):
        for line in Path(f"/proc/{pid}/status").read_text().splitlines():
            if line.startswith("VmRSS:"):
                total += float(line.split()[1]) * 1024
        for task in Path(f"/proc/{pid}/task").iterdir():
            total += sum(_resident(int(child)) for child in (task / "children").read_text().split())
    return total
