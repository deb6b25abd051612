"""Bytes in, bytes out: the gRPC server, its port and its settings; the only module that knows grpcio's ways.

Beside the inference service it serves grpc.health.v1 and reflection, so that probes and grpcurl work.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from threading import Lock
from typing import Annotated, Any

import grpc
from google.protobuf import descriptor_pool
from grpc_health.v1 import health, health_pb2, health_pb2_grpc
from grpc_reflection.v1alpha import reflection

from service.errors import StartupError
from service.rpc._pb import inference_pb2 as pb
from service.rpc.servicer import SERVICE

__all__ = ["Transport", "TransportOptions"]

THREADS = 256  # one for each call in progress: it waits there for its batch
LAST_WORDS = 1.0  # seconds after the grace for refusals to be sent; then gRPC cuts off what is left
HEALTH_NAMES = ("", SERVICE)


@dataclass(frozen=True, slots=True)
class TransportOptions:
    """How gRPC listens."""

    grpc_port: Annotated[int, "Port for gRPC; 0 for any that is free.", (0, 65535)] = 8001
    max_message_bytes: Annotated[int, "Largest message that is taken or sent.", (1, 2**31 - 1)] = 64 * 2**20


class Transport:
    """A gRPC server on a port of its own. Raises StartupError when the port cannot be had."""

    def __init__(self, host: str, options: TransportOptions, handlers: Mapping[str, grpc.RpcMethodHandler[bytes, bytes]]) -> None:
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
        self._health = _Health()
        health_pb2_grpc.add_HealthServicer_to_server(self._health, self._server)
        names = (SERVICE, health.SERVICE_NAME, reflection.SERVICE_NAME)
        reflection.enable_server_reflection(names, self._server, pool=_Pools())
        self.set_ready(False)
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

    def set_ready(self, ready: bool) -> None:
        """What health checks answer, and watchers are told."""
        states = health_pb2.HealthCheckResponse
        for name in HEALTH_NAMES:
            self._health.set(name, states.SERVING if ready else states.NOT_SERVING)

    def stop(self, grace: float) -> bool:
        """Takes no more calls, and gives those in progress `grace` seconds; whether all of them ended by themselves."""
        stopped = self._server.stop(grace + LAST_WORDS)
        self._health.end_watches()
        return stopped.wait(grace)


class _Health(health.HealthServicer):  # type: ignore[misc]  # untyped
    """Health whose watchers can be let go: each is a call in progress, and would hold up a stop for the whole grace."""

    def __init__(self) -> None:
        super().__init__()
        self._ends: set[Callable[[None], None]] = set()
        self._ended = False
        self._lock = Lock()

    def Watch(self, request: Any, context: grpc.ServicerContext, send_response_callback: Any = None) -> Any:  # noqa: N802
        with self._lock:
            self._ends.add(send_response_callback)
            ended = self._ended
        context.add_callback(lambda: self._ends.discard(send_response_callback))
        watcher = super().Watch(request, context, send_response_callback)
        if ended:
            send_response_callback(None)
        return watcher

    def end_watches(self) -> None:
        """Ends every watch there is, and those that are yet to begin."""
        with self._lock:
            self._ended = True
            ends = list(self._ends)
        for end in ends:
            end(None)


class _Pools:
    """What reflection looks names up in: this server's own messages, then those that everybody shares."""

    def __init__(self) -> None:
        self._pools = (pb.POOL, descriptor_pool.Default())

    def __getattr__(self, name: str) -> Any:
        def look_up(*arguments: Any) -> Any:
            for pool in self._pools[:-1]:
                try:
                    return getattr(pool, name)(*arguments)
                except KeyError:
                    continue
            return getattr(self._pools[-1], name)(*arguments)

        return look_up
