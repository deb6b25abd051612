"""What the gRPC port puts up with: large metadata, and connections that never end."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path
from threading import Event
from typing import Any

import grpc
import pytest

from service import options
from service.rpc.transport import TransportOptions, _channel_arguments
from service.server import Options, Server
from tests.service.conftest import PATIENCE, Stub, add2_request
from tests.service.models import save_repository


@pytest.fixture
def serve(tmp_path: Path) -> Iterator[Callable[..., Server]]:
    """Starts a server with options of the transport, on free ports."""
    servers: list[Server] = []

    def start(**values: Any) -> Server:
        server = Server(save_repository(tmp_path, "add2"), options.build(Options, {"grpc_port": 0, "admin_port": 0, **values}))
        servers.append(server)
        server.start()
        return server

    yield start
    for server in servers:
        server.stop()


def ask(stub: Stub, padding: int) -> grpc.StatusCode:
    """How a call ends that has so many bytes of metadata more than it needs."""
    call = stub.method("ModelInfer").future(add2_request().SerializeToString(), metadata=(("x-padding", "x" * padding),), timeout=PATIENCE)
    call.exception()
    code: grpc.StatusCode = call.code()
    return code


def test_metadata_beyond_the_limit_is_refused_and_the_connection_lives(serve: Callable[..., Server]) -> None:
    with Stub(serve(max_metadata_bytes=4096).grpc_port) as stub:
        assert ask(stub, 2000) is grpc.StatusCode.OK
        assert ask(stub, 5000) is grpc.StatusCode.RESOURCE_EXHAUSTED
        assert ask(stub, 2000) is grpc.StatusCode.OK


def test_a_connection_ends_with_its_age_and_no_call_with_it(serve: Callable[..., Server]) -> None:
    with Stub(serve(max_connection_age_seconds=0.3).grpc_port) as stub:
        left = Event()
        stub.infer(add2_request())
        stub.channel.subscribe(lambda state: left.set() if state is not grpc.ChannelConnectivity.READY else None, try_to_connect=False)
        left.clear()
        answered = 0
        while not left.is_set():
            assert stub.infer(add2_request())
            answered += 1
        assert stub.infer(add2_request())
        assert answered > 1


def test_nought_leaves_a_setting_to_grpc() -> None:
    given = TransportOptions(keepalive_seconds=0, max_connection_age_seconds=0, min_ping_interval_seconds=0)
    names = {name for name, _ in _channel_arguments(given)}
    assert not names & {
        *("grpc.keepalive_time_ms", "grpc.max_connection_age_ms", "grpc.max_connection_age_grace_ms"),
        "grpc.http2.min_ping_interval_without_data_ms",
    }
    assert "grpc.so_reuseport" in names
    assert dict(_channel_arguments(TransportOptions(max_connection_age_seconds=1.5)))["grpc.max_connection_age_ms"] == 1500
