"""What connections that do nothing cost, and what a second worker brings."""

from __future__ import annotations

import socket
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from functools import partial

from tests.bench import sides
from tests.bench.models import model
from tests.bench.serving import Settings, Shape, requests_per_second
from tests.bench.table import compare, machine

IDLE = 1000  # connections that send nothing
CONNECTED = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n" + bytes([0, 0, 0, 4, 0, 0, 0, 0, 0])  # HTTP/2's preface and empty settings, RFC 9113 3.4
SHAPES = (Shape(1, 1), Shape(8, 8), Shape(64, 1))
# How gRPC's core waits for its sockets; the first is what the command sets, the second what grpcio does by itself.
WAITING = {"event engine not listening": "-event_engine_listener", "as grpcio has it": ""}


def idle(settings: Settings) -> None:
    """Requests a second with and without idle connections beside them, for each way in which the core can wait."""
    found = model("mlp")
    request = found.request()
    with ExitStack() as stack:
        servers = {
            name: stack.enter_context(sides.hornbeam(found, "queue", environment={"GRPC_EXPERIMENTS": value}))
            for name, value in WAITING.items()
        }
        rows: dict[str, dict[str, list[float]]] = {
            f"{name}{beside}": {shape.name: [] for shape in SHAPES} for name in servers for beside in ("", f", {IDLE} idle")
        }
        for _ in range(settings.repeats):
            for name, running in servers.items():
                for shape in SHAPES:
                    rows[name][shape.name].append(requests_per_second(running.address, request, shape, settings.seconds))
                with _idle(running.address):
                    for shape in SHAPES:
                        rate = requests_per_second(running.address, request, shape, settings.seconds)
                        rows[f"{name}, {IDLE} idle"][shape.name].append(rate)
    compare(f"idle connections, mlp, {len(request):,} bytes there", rows, {}, f"requests/s, {machine()}")


def workers(settings: Settings) -> None:
    """Requests a second of one worker and of two on all cores, which the load shares."""
    found = model("mlp")
    request = found.request()
    with ExitStack() as stack:
        start = partial(sides.hornbeam, found, "queue", cores=sides.all_cores())
        servers = {f"{count} workers": stack.enter_context(start("--workers", str(count))) for count in (1, 2)}
        rows: dict[str, dict[str, list[float]]] = {name: {shape.name: [] for shape in SHAPES[1:]} for name in servers}
        for _ in range(settings.repeats):
            for name, running in servers.items():
                for shape in SHAPES[1:]:
                    rows[name][shape.name].append(requests_per_second(running.address, request, shape, settings.seconds))
    compare(f"workers, mlp, {len(request):,} bytes there", rows, {}, f"requests/s, {machine()}")


@contextmanager
def _idle(address: str) -> Iterator[None]:
    host, _, port = address.rpartition(":")
    with ExitStack() as stack:
        for _ in range(IDLE):
            stack.enter_context(socket.create_connection((host, int(port)))).sendall(CONNECTED)
        yield
