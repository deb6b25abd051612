"""Servers side by side: the same requests to each in turn, round after round, all on one core and the load on another."""

from __future__ import annotations

import os
import re
import shutil
import statistics
import subprocess
import tempfile
from collections.abc import Callable, Iterator, Mapping
from contextlib import AbstractContextManager, ExitStack, contextmanager
from dataclasses import dataclass
from functools import partial
from pathlib import Path

import grpc

from service.bench.load import Load, Sample, apply
from service.bench.target import INFER
from tests.bench import sides
from tests.bench.models import Model, Skipped, model
from tests.bench.sides import Running
from tests.bench.table import REPEATS, compare, machine, row, table

RATE = re.compile(r"finished in .*?, ([\d.]+) req/s")
COUNTS = re.compile(r"requests: \d+ total, \d+ started, (\d+) done, (\d+) succeeded")


@dataclass(frozen=True)
class Settings:
    """How long and how often."""

    seconds: float = 1.0
    repeats: int = REPEATS


@dataclass(frozen=True)
class Shape:
    """Calls in flight: so many connections, and so many calls on each."""

    connections: int
    streams: int

    @property
    def name(self) -> str:
        return f"{self.connections}x{self.streams}"

    @property
    def in_flight(self) -> int:
        return self.connections * self.streams


SHAPES = (Shape(1, 1), Shape(1, 8), Shape(8, 8), Shape(64, 1))
Measure = Callable[[Shape, float], float]  # requests a second, in so many seconds


def serving(name: str, settings: Settings) -> None:
    """Requests a second of every side that there is, at each number of calls in flight."""
    found = model(name)
    request = found.request()
    shapes = SHAPES if len(request) < 100_000 else (Shape(1, 1), Shape(4, 2))
    skipped: dict[str, str] = {}
    with ExitStack() as stack:
        measures = dict(_sides(found, request, stack, skipped))
        rows: dict[str, dict[str, list[float]]] = {side: {shape.name: [] for shape in shapes} for side in measures}
        for shape in shapes:
            for seconds in (settings.seconds / 4, *[settings.seconds] * settings.repeats):  # the first warms up
                for side in list(rows):
                    try:
                        rate = measures[side](shape, seconds)
                    except Skipped as reason:
                        skipped[side] = f"at {shape.name} {reason}"
                        del rows[side]
                    else:
                        rows[side][shape.name].append(rate)
    for cells in rows.values():
        for rates in cells.values():
            del rates[0]
    unit = (
        f"requests/s of one row, load from {'h2load' if shutil.which('h2load') else 'the open loop of hornbeam-serve bench'}, {machine()}"
    )
    compare(f"{name}, {len(request):,} bytes there", rows, skipped, unit)
    if name == "echo":
        for side, cells in list(rows.items())[:-1]:  # the last sends nothing
            print(f"{side:34}  {statistics.median(cells['4x2']) * 2 * len(request) / 1e6:,.0f} MB/s there and back at 4x2")


def _sides(found: Model, request: bytes, stack: ExitStack, skipped: dict[str, str]) -> Iterator[tuple[str, Measure]]:
    starters: dict[str, Callable[[], AbstractContextManager[Running]]] = {
        f"hornbeam {transport}".strip(): partial(sides.hornbeam, found, transport) for transport in sides.transports()
    }
    if found.name == "echo":
        starters["grpc.aio, protobuf's own classes"] = partial(sides.aio, found)
    starters |= {"Triton": partial(sides.triton, found), "KServe": partial(sides.kserve, found), "MLServer": partial(sides.mlserver, found)}
    answer = b""
    for name, start in starters.items():
        try:
            running = stack.enter_context(start())
            answer = answer or _answer(running.address, request)
        except Skipped as reason:
            skipped[name] = str(reason)
        else:
            yield name, partial(requests_per_second, running.address, request)
    yield "floor: queue, canned answer", partial(requests_per_second, stack.enter_context(sides.floor(answer)).address, request)
    yield "ONNX Runtime alone, rows/s", stack.enter_context(_alone(found))


@contextmanager
def _alone(found: Model) -> Iterator[Measure]:
    """ONNX Runtime in a process, with as many rows a run as there would be calls in flight."""
    with sides.started([sides.PYTHON, "-m", "tests.bench.direct", found.file]) as (process, _):
        asked, answers = process.stdin, process.stdout
        assert asked is not None
        assert answers is not None

        def measure(shape: Shape, seconds: float) -> float:
            print(shape.in_flight, seconds, file=asked, flush=True)
            return float(answers.readline())

        yield measure


def requests_per_second(address: str, request: bytes, shape: Shape, seconds: float) -> float:
    """What a server does with that many calls in flight. Raises Skipped when it fails any."""
    if not shutil.which("h2load"):
        sample = load(address, request, seconds, in_flight=shape.in_flight, connections=shape.connections)
        _all_answered(sample)
        return sample.throughput
    with tempfile.NamedTemporaryFile() as body:
        Path(body.name).write_bytes(b"\0" + len(request).to_bytes(4, "big") + request)
        windows = ("-w", "24", "-W", "28")
        shaped = ("-c", str(shape.connections), "-m", str(shape.streams), "-D", f"{max(seconds, 1):.0f}", *windows)
        headers = ("-H", "content-type: application/grpc", "-H", "te: trailers", "-d", body.name)
        command = ["h2load", *shaped, *headers, f"http://{address}{INFER}"]
        out = subprocess.run(command, capture_output=True, text=True, check=True, preexec_fn=partial(sides.pin, sides.cores()[1])).stdout
    rate, counts = RATE.search(out), COUNTS.search(out)
    if not rate or not counts or counts[1] != counts[2]:
        raise Skipped(f"h2load had answers that were no answers: {out.strip().splitlines()[-5:]}")
    return float(rate[1])


def load(address: str, request: bytes, seconds: float, **fields: float) -> Sample:
    """What the project's own generator does, on the load's core."""
    return apply(Load(address, INFER, request, seconds, **fields))  # type: ignore[arg-type]


def _all_answered(sample: Sample) -> None:
    if sample.errors:
        raise Skipped(f"not all were answered: {dict(sample.codes)}")


def _answer(address: str, request: bytes) -> bytes:
    with grpc.insecure_channel(address, options=[("grpc.max_receive_message_length", -1)]) as channel:
        infer: grpc.UnaryUnaryMultiCallable[bytes, bytes] = channel.unary_unary(INFER)
        return infer(request, timeout=30)


def latency(name: str, settings: Settings) -> None:
    """Open loop at 70 % of the rate that saturates: how much longer the slowest wait."""
    for side, running, request in _own(name):
        rates, ratios, medians, tails, busy = [], [], [], [], []
        for _ in range(settings.repeats):
            most = load(running.address, request, settings.seconds, in_flight=64, connections=8).throughput
            sample = load(running.address, request, 2 * settings.seconds, rate=0.7 * most, connections=8)
            rates.append(most)
            medians.append(sample.percentile(50) * 1e6)
            tails.append(sample.percentile(99) * 1e6)
            ratios.append(sample.percentile(99) / sample.percentile(50))
            busy.append(100 * sample.busy)
        table(f"{name}, {side}: at 70 % of the saturating rate", machine())
        row("saturating rate, requests/s", rates, 0)
        row("p50, us", medians, 0)
        row("p99, us", tails, 0)
        row("p99 / p50", ratios, 1)
        row("generator busy, %", busy, 0)


def overload(name: str, settings: Settings) -> None:
    """Open loop at three times the rate that saturates: what is still answered, how soon, and how soon the rest is refused."""
    for side, running, request in _own(name):
        columns: dict[str, list[float]] = {}
        codes: set[str] = set()
        for _ in range(settings.repeats):
            most = load(running.address, request, settings.seconds, in_flight=64, connections=8).throughput
            sample = load(running.address, request, 2 * settings.seconds, rate=3 * most, connections=8, timeout=5.0)
            codes |= set(sample.codes)
            for column, value in _overloaded(most, sample).items():
                columns.setdefault(column, []).append(value)
        table(f"{name}, {side}: at 3 times the saturating rate", machine())
        for column, values in columns.items():
            row(column, values, 1)
        print("codes: " + ", ".join(sorted(codes)))


def _overloaded(most: float, sample: Sample) -> Mapping[str, float]:
    refused = sorted(sample.failed_latencies)
    return {
        "saturating rate, requests/s": most,
        "sent, requests/s": sample.sent / sample.elapsed,
        "goodput / saturating rate": sample.throughput / most,
        "not answered, % of what was sent": 100 * sample.errors / sample.sent,
        "p99 of what was answered, ms": sample.percentile(99) * 1e3,
        "median until refused, ms": refused[len(refused) // 2] * 1e3 if refused else 0.0,
        "generator busy, %": 100 * sample.busy,
    }


def _own(name: str) -> Iterator[tuple[str, Running, bytes]]:
    """This server, by each transport, and this process on the load's core meanwhile."""
    found, before = model(name), os.sched_getaffinity(0)
    sides.pin(sides.cores()[1])
    try:
        for transport in sides.transports():
            with sides.hornbeam(found, transport) as running:
                yield transport or "hornbeam", running, found.request()
    finally:
        sides.pin(before)
