"""Load on a server from this process: calls in a closed loop or an open one, and how long each took.

Closed: so many calls are in progress at any time, each followed by the next. It finds what a server can do. Open: calls
arrive at a rate, whether or not those before have been answered, and each is timed from when it was to arrive: an answer
that makes others wait counts as late for them too (there is no coordinated omission).
"""

from __future__ import annotations

import random
import select
import socket
from array import array
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from math import ceil
from time import monotonic, process_time
from typing import Literal

from service.bench.http2 import Connection, ProtocolError
from service.errors import StartupError

__all__ = ["CODES", "Arrivals", "Load", "Sample", "apply", "merged"]

Arrivals = Literal["poisson", "fixed"]
CHUNK = 2**18  # bytes that are read at once
SELECTABLE = 1024  # file descriptors from here on select() does not take; below them it is the quicker one
LATE = 2.0  # seconds beyond a call's timeout after which it is not waited for
# gRPC's status codes by their number: https://github.com/grpc/grpc/blob/master/doc/statuscodes.md
CODES = (
    *("OK", "CANCELLED", "UNKNOWN", "INVALID_ARGUMENT", "DEADLINE_EXCEEDED", "NOT_FOUND", "ALREADY_EXISTS", "PERMISSION_DENIED"),
    *("RESOURCE_EXHAUSTED", "FAILED_PRECONDITION", "ABORTED", "OUT_OF_RANGE", "UNIMPLEMENTED", "INTERNAL", "UNAVAILABLE", "DATA_LOSS"),
    "UNAUTHENTICATED",
)


@dataclass(frozen=True, slots=True)
class Load:
    """What to ask of a server, how often and for how long.

    `rate` in calls a second makes the loop open; otherwise `in_flight` calls are in progress. They are spread over
    `connections`, begin within `seconds`, and each has `timeout` seconds.
    """

    address: str
    path: str
    message: bytes
    seconds: float
    in_flight: int = 1
    rate: float = 0.0
    arrivals: Arrivals = "poisson"
    connections: int = 1
    timeout: float = 10.0
    seed: int = 0


@dataclass(slots=True)
class Sample:
    """What came of a load. Every call that was sent has a code; `in_time` were answered well within `seconds`.

    `latencies` are of the calls with code OK, in seconds; `cpu_seconds` is what sending and receiving cost this side.
    """

    seconds: float
    sent: int = 0
    in_time: int = 0
    codes: Counter[str] = field(default_factory=Counter)
    latencies: array[float] = field(default_factory=lambda: array("d"))
    failed_latencies: array[float] = field(default_factory=lambda: array("d"))
    cpu_seconds: float = 0.0
    elapsed: float = 0.0
    processes: int = 1

    @property
    def throughput(self) -> float:
        """Good answers a second."""
        return self.in_time / self.seconds

    @property
    def errors(self) -> int:
        """Calls that were not answered well."""
        return self.sent - self.codes["OK"]

    @property
    def busy(self) -> float:
        """The share of its time that this side computed: near 1, it measures itself and not the server."""
        return self.cpu_seconds / self.elapsed / self.processes if self.elapsed else 0.0

    def percentile(self, percent: float) -> float:
        """The latency in seconds that so many percent of good answers did not exceed; not a number without any."""
        if not self.latencies:
            return float("nan")
        ordered = sorted(self.latencies)
        return ordered[min(len(ordered) - 1, int(len(ordered) * percent / 100))]


def merged(samples: Sequence[Sample]) -> Sample:
    """The sample of several processes that loaded a server at the same time."""
    whole = Sample(max(sample.seconds for sample in samples), processes=len(samples))
    for sample in samples:
        whole.sent += sample.sent
        whole.in_time += sample.in_time
        whole.codes += sample.codes
        whole.latencies += sample.latencies
        whole.failed_latencies += sample.failed_latencies
        whole.cpu_seconds += sample.cpu_seconds
        whole.elapsed = max(whole.elapsed, sample.elapsed)
    return whole


def apply(load: Load) -> Sample:
    """Loads the server, and returns when every call has ended. Raises StartupError when the server cannot be talked to."""
    connections = [_Link(load) for _ in range(load.connections)]
    try:
        return _Loop(load, connections).run()
    finally:
        for connection in connections:
            connection.close()


class _Link:
    """A connection and its socket."""

    def __init__(self, load: Load) -> None:
        self._load = load
        self._open()

    def _open(self) -> None:
        host, _, port = self._load.address.rpartition(":")
        try:
            self.socket = socket.create_connection((host.strip("[]"), int(port)), self._load.timeout)
        except OSError as error:
            raise StartupError(f"there is no server at {self._load.address}: {error.strerror or error}") from error
        self.socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self.socket.setblocking(False)
        self.calls = Connection(self._load.address, self._load.path, self._load.message, self._load.timeout)
        self._unsent = b""

    def fileno(self) -> int:
        """The socket's, for select."""
        return self.socket.fileno()

    def send(self) -> bool:
        """Sends what is to be sent; whether something is left."""
        data = self._unsent + self.calls.take() if self._unsent else self.calls.take()
        if not data:
            return False
        try:
            sent = self.socket.send(data)
        except BlockingIOError:
            sent = 0
        except OSError:  # the other side has gone; what is received says so
            return False
        self._unsent = data[sent:]
        return bool(self._unsent)

    def receive(self) -> list[tuple[float, str]]:
        """The calls that ended, and their codes; a connection that the server closed is replaced."""
        try:
            data = self.socket.recv(CHUNK)
        except BlockingIOError:
            return []
        except OSError:
            data = b""
        try:
            ended = [(call.tag, _name(call.code)) for call in self.calls.receive(data)]
        except ProtocolError as error:
            raise StartupError(f"the server at {self._load.address} does not speak gRPC without TLS: {error}") from error
        if not data or self.calls.finished:
            ended += [(tag, "UNAVAILABLE") for tag in self.calls.lost()]
            self._replace()
        return ended

    def _replace(self) -> None:
        """A new connection, with the calls that the old one had not begun."""
        put_off = self.calls.put_off()
        self.socket.close()
        self._open()
        for tag in put_off:
            self.calls.ask(tag)

    def close(self) -> None:
        self.socket.close()


class _Loop:
    """The calls of one load."""

    def __init__(self, load: Load, links: Sequence[_Link]) -> None:
        self._load = load
        self._links = links
        self._sample = Sample(load.seconds)
        self._start = monotonic()
        self._end = self._start + load.seconds
        self._arrivals = self._times() if load.rate else iter(())
        self._next = next(self._arrivals, None)

    def run(self) -> Sample:
        """The sample, when all calls have ended or cannot be waited for."""
        computed = process_time()
        if not self._load.rate:
            for index in range(self._load.in_flight):
                self._ask(self._links[index % len(self._links)], self._start)
        while self._next is not None or any(link.calls.in_progress for link in self._links):
            self._arrive()
            blocked = [link for link in self._links if link.send()]
            readable = _readable(self._links, blocked, self._patience())
            now = monotonic()
            for link in readable:
                for started, code in link.receive():
                    self._record(started, now, code)
                    if not self._load.rate and now < self._end:
                        self._ask(link, now)
            if now > self._end + self._load.timeout + LATE:
                self._give_up(now)
        self._sample.elapsed = monotonic() - self._start
        self._sample.cpu_seconds = process_time() - computed
        return self._sample

    def _times(self) -> Iterator[float]:
        """When calls are to arrive."""
        generator, gap, time = random.Random(self._load.seed), 1 / self._load.rate, self._start
        while True:
            time += generator.expovariate(self._load.rate) if self._load.arrivals == "poisson" else gap
            if time >= self._end:
                return
            yield time

    def _arrive(self) -> None:
        """Asks what has come to be asked."""
        now = monotonic()
        while self._next is not None and self._next <= now:
            self._ask(self._links[self._sample.sent % len(self._links)], self._next)
            self._next = next(self._arrivals, None)

    def _patience(self) -> float:
        """Seconds until there is something to do, whatever the server does."""
        return max((self._end + self._load.timeout + LATE if self._next is None else self._next) - monotonic(), 0.0)

    def _ask(self, link: _Link, started: float) -> None:
        self._sample.sent += 1
        link.calls.ask(started)

    def _record(self, started: float, now: float, code: str) -> None:
        self._sample.codes[code] += 1
        if code == "OK":
            self._sample.latencies.append(now - started)
            self._sample.in_time += now <= self._end
        else:
            self._sample.failed_latencies.append(now - started)

    def _give_up(self, now: float) -> None:
        for link in self._links:
            for started in link.calls.lost() + link.calls.put_off():
                self._record(started, now, "DEADLINE_EXCEEDED")


def _readable(links: Sequence[_Link], blocked: Sequence[_Link], seconds: float) -> Sequence[_Link]:
    """The links that have something to read, when any has, or one that is blocked can go on, or the seconds have passed."""
    if max(link.fileno() for link in links) < SELECTABLE:
        return select.select(links, blocked, (), seconds)[0]
    poll, by_number = select.poll(), {link.fileno(): link for link in links}
    for number in by_number:
        poll.register(number, select.POLLIN)
    for link in blocked:
        poll.modify(link.fileno(), select.POLLIN | select.POLLOUT)
    return [by_number[number] for number, events in poll.poll(ceil(1000 * seconds)) if events & ~select.POLLOUT]


def _name(code: int) -> str:
    return CODES[code] if code < len(CODES) else "UNKNOWN"
