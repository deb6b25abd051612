"""Programs that the tests start beside the server, and end."""

from __future__ import annotations

import socket
import subprocess
import tempfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from threading import Event
from time import monotonic
from typing import Any

__all__ = ["PATIENCE", "answers", "free_port", "running", "until"]

PATIENCE = 60.0  # seconds after which something that should have happened did not


def free_port() -> int:
    """A port of loopback that nobody had a moment ago, for programs that cannot be told to choose."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def until(done: Callable[[], Any], what: str, process: subprocess.Popen[bytes] | None = None, patience: float = PATIENCE) -> Any:
    """What `done` gives once that is true; asks again and again, since other programs tell nobody."""
    deadline = monotonic() + patience
    while not (value := done()):
        assert process is None or process.poll() is None, f"it ended with {process.returncode if process else None}: {what}"
        assert monotonic() < deadline, f"not within {patience:g} s: {what}"
        Event().wait(0.05)
    return value


def answers(port: int, host: str = "127.0.0.1") -> bool:
    """Whether anybody listens there."""
    try:
        with socket.create_connection((host, port), timeout=1):
            return True
    except OSError:
        return False


@contextmanager
def running(*command: str | Path, listens_on: int, **options: Any) -> Iterator[subprocess.Popen[bytes]]:
    """A program that is up once it listens, and is told to end at the end."""
    with (
        tempfile.TemporaryFile() as log,
        subprocess.Popen(list(map(str, command)), stdout=log, stderr=subprocess.STDOUT, **options) as process,
    ):
        try:
            until(lambda: answers(listens_on), f"{command[0]} listens", process)
            yield process
        except BaseException:
            log.seek(0)
            print(log.read().decode(errors="replace")[-4000:])
            raise
        finally:
            process.terminate()
            process.wait(timeout=30)
