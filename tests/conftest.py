"""What the tests of the whole product share: the digits, and servers as a user starts them."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from fcntl import LOCK_EX, flock
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import HealthCheck, settings
from numpy.typing import NDArray

os.environ["KERAS_BACKEND"] = "jax"  # before anything imports keras
# Keras computes each answer once, and compiling it takes longer than computing: half of the time of all tests is saved here.
os.environ.setdefault("XLA_FLAGS", "--xla_backend_optimization_level=0 --xla_llvm_disable_expensive_passes=true")

# How long an example takes says more of what runs beside it than of the code.
settings.register_profile("hornbeam", deadline=None, suppress_health_check=[HealthCheck.too_slow])
settings.load_profile("hornbeam")

ROOT = Path(__file__).parent.parent
DIGITS = ROOT / "tests" / "digits" / "digits.keras"
READY = re.compile(r"ready: gRPC on (\S+), metrics on (\S+), serving (.*)")
TO_TEST = ("--grpc-port", "0", "--admin-port", "0", "--drain-delay-seconds", "0")  # any ports, and gone when told to go
Floats = NDArray[np.float32]


@dataclass(frozen=True)
class HeldOut:
    """Images that training did not see, from 0 to 1, their labels, and Keras's probabilities as they were recorded."""

    images: Floats
    labels: NDArray[np.uint8]
    keras: Floats


@dataclass(frozen=True)
class Running:
    """A server that runs: where it listens, and its process."""

    address: str
    metrics: str
    process: subprocess.Popen[str]


@pytest.fixture(scope="session")
def held_out() -> HeldOut:
    with np.load(DIGITS.parent / "held_out.npz") as saved:
        return HeldOut(saved["images"].astype(np.float32) / 16, saved["labels"], saved["keras_probabilities"])


@pytest.fixture(scope="session")
def triton(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The interpreter of an environment that has Triton's client, whose pins are its own.

    It is made once for all workers; HORNBEAM_TEST_TRITON names one that is there already.
    """
    if given := os.environ.get("HORNBEAM_TEST_TRITON"):
        return Path(given)
    own = tmp_path_factory.getbasetemp()
    shared = own.parent if "PYTEST_XDIST_WORKER" in os.environ else own
    with (shared / "triton.lock").open("w") as lock:
        flock(lock, LOCK_EX)
        python = shared / "triton" / "bin" / "python"
        return python if python.exists() else make_environment(shared / "triton", ["tritonclient[grpc]>=2.73"])


@contextmanager
def serving(path: Path, *options: str, python: Path = Path(sys.executable)) -> Iterator[Running]:
    """`hornbeam-serve run` on free ports, by the interpreter `python`'s own installation, stopped at the end."""
    command = [str(python.parent / "hornbeam-serve"), "run", str(path), *TO_TEST, *options]
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True) as process:
        try:
            assert process.stdout is not None
            assert process.stderr is not None
            line = process.stdout.readline()
            ready = READY.match(line)
            assert ready, f"no ready line: {line!r}, {process.stderr.read() if not line else ''}"
            yield Running(ready[1], ready[2], process)
        finally:
            process.terminate()
            process.communicate(timeout=60)


def run(*command: str | Path, **options: Any) -> subprocess.CompletedProcess[str]:
    """A finished command, its output as text."""
    return subprocess.run([str(part) for part in command], capture_output=True, text=True, check=False, **options)


def check(*command: str | Path, **options: Any) -> str:
    """The output of a command that must succeed."""
    done = run(*command, **options)
    assert done.returncode == 0, f"{command}: {done.stdout}{done.stderr}"
    return done.stdout


def make_environment(directory: Path, packages: Sequence[str | Path]) -> Path:
    """The interpreter of a new virtual environment with `packages` and what they declare, and nothing else."""
    check(sys.executable, "-m", "venv", directory)
    python = directory / "bin" / "python"
    check(python, "-m", "pip", "install", "--quiet", "--disable-pip-version-check", *packages)
    return python
