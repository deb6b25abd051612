"""Bytes in, bytes out: the gRPC server, its port and its settings; the only module that knows grpcio's ways.

Beside the inference service it serves grpc.health.v1 and reflection, so that probes and grpcurl work.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import Annotated

import grpc
from grpc_health.v1 import health_pb2_grpc

from service.errors import StartupError
from service.rpc import reflection
from service.rpc.health import Health
from service.rpc.servicer import SERVICE

__all__ = ["Transport", "TransportOptions"]

THREADS = 256  # one for each call in progress: it waits there for its batch
LAST_WORDS = 1.0  # seconds after the grace for refusals to be sent; then gRPC cuts off what is left


@dataclass(frozen=True, slots=True)
class TransportOptions:
    """How gRPC listens."""

    grpc_port: Annotated[int, "Port for gRPC; 0 for any that is free.", (0, 65535)] = 8001
    max_message_bytes: Annotated[int, "Largest message that is taken or sent.", (1, 2**31 - 1)] = 64 * 2**20


class Transport:
    """A gRPC server on a port of its own; `end_streams` lets go calls that might last. Raises StartupError when the port cannot be had."""

    def __init__(
        self,
        host: str,
        options: TransportOptions,
        handlers: Mapping[str, grpc.RpcMethodHandler[bytes, bytes]],
        end_streams: Callable[[], None] = lambda: None,
    ) -> None:
        self._end_streams = end_streams
        self._server = grpc.server(
            ThreadPoolExecutor(THREADS, thread_name_prefix="rpc"),
            maximum_concurrent_rpcs=THREADS,
            options=[
                ("grpc.so_reuseport", 0),  # or a second server on a busy port would start, and take half of the calls
                ("grpc.max_receive_message_length", options.max_message_bytes),
                ("grpc.max_send_message_length", options.max_message_bytes),
            ],
        )
        self._server.add_generic_rpc_handlers((grpc.method_handlers_generic_handler(SERVICE, dict(handlers)),))
        self._health = Health()
        health_pb2_grpc.add_HealthServicer_to_server(self._health, self._server)
        self._server.add_generic_rpc_handlers(reflection.handlers())
        try:
            self.port: int = self._server.add_insecure_port(f"{host}:{options.grpc_port}")
        except RuntimeError as error:
            raise StartupError(
                f"gRPC cannot listen on {host}:{options.grpc_port}: the port is in use, or the address is not of this machine; "
                "choose another with --grpc-port or --host"
            ) from error

    def start(self) -> None:
        """Begins to take calls."""
        self._server.start()

    def set_ready(self, ready: bool, models: Iterable[str] = ()) -> None:
        """What health checks answer of the server and of its models, and watchers are told."""
        self._health.tell(ready, models)

    def stop(self, grace: float) -> bool:
        """Takes no more calls, and gives those in progress `grace` seconds; whether all of them ended by themselves."""
        stopped = self._server.stop(grace + LAST_WORDS)
        self._health.end_watches()
        self._end_streams()
        return stopped.wait(grace)
