"""Load from several processes at once, for servers that take more than one can give."""

from __future__ import annotations

import pickle
import subprocess
import sys
from dataclasses import replace

from service.bench.load import Load, Sample, apply, merged
from service.errors import StartupError

__all__ = ["apply_from"]


def apply_from(load: Load, processes: int) -> Sample:
    """The load, shared out among `processes`; with one it is this one. Raises StartupError as `apply` does."""
    if processes == 1:
        return apply(load)
    workers = [_Worker(share) for share in _shares(load, processes)]
    try:
        for worker in workers:
            worker.ready()
        for worker in workers:
            worker.go()
        return merged([worker.sample() for worker in workers])
    finally:
        for worker in workers:
            worker.end()


def _shares(load: Load, processes: int) -> list[Load]:
    """Each process's part: its calls in flight or its part of the rate, and at least one connection."""
    shares = []
    for index in range(processes):
        in_flight = load.in_flight // processes + (index < load.in_flight % processes)
        connections = max(1, load.connections // processes)
        if in_flight or load.rate:
            shares.append(replace(load, in_flight=in_flight, rate=load.rate / processes, connections=connections, seed=load.seed + index))
    return shares


class _Worker:
    """Another process with its share of the load."""

    def __init__(self, load: Load) -> None:
        command = [sys.executable, "-m", "service.bench.processes"]
        self._process = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE)
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        self._to, self._from = self._process.stdin, self._process.stdout
        pickle.dump(load, self._to)
        self._to.flush()

    def ready(self) -> None:
        """Returns when it can begin."""
        self._from.readline()

    def go(self) -> None:
        """Has it begin."""
        self._to.write(b"go\n")
        self._to.flush()

    def sample(self) -> Sample:
        """What it measured."""
        found = pickle.load(self._from)
        if isinstance(found, StartupError):
            raise found
        assert isinstance(found, Sample)
        return found

    def end(self) -> None:
        """Stops it, whatever it does."""
        self._process.kill()
        self._process.communicate()


def _work() -> None:
    """A worker's life: it reads its load, says that it is ready, waits for the word, and writes its sample."""
    load = pickle.load(sys.stdin.buffer)
    print("ready", flush=True)
    sys.stdin.buffer.readline()
    result: Sample | StartupError
    try:
        result = apply(load)
    except StartupError as error:
        result = error
    pickle.dump(result, sys.stdout.buffer)
    sys.stdout.flush()


if __name__ == "__main__":
    _work()
