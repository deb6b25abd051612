"""Bytes in, bytes out: the gRPC server, its port and its settings; the only module that knows grpcio's ways.

Beside the inference service it serves grpc.health.v1 and reflection, so that probes and grpcurl work.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import Annotated, Literal

import grpc
from grpc_health.v1 import health_pb2_grpc

from service.errors import StartupError
from service.rpc import reflection
from service.rpc.completion_queue import CompletionQueueLoop, Handler, missing
from service.rpc.direct import METHOD, MOST_CALLS
from service.rpc.health import Health
from service.rpc.servicer import SERVICE
from service.rpc.tls import from_files

__all__ = ["Transport", "TransportOptions"]

log = logging.getLogger("hornbeam.rpc")
THREADS = 256  # one for each call in progress: it waits there for its batch
LAST_WORDS = 1.0  # seconds after the grace for refusals to be sent; then gRPC cuts off what is left


@dataclass(frozen=True, slots=True)
class TransportOptions:
    """How gRPC listens."""

    transport: Annotated[
        Literal["auto", "queue", "stock"],
        "How inferences are taken: straight from gRPC's completion queue, or by its stock server; auto is queue where grpcio allows it.",
    ] = "auto"
    grpc_port: Annotated[int, "Port for gRPC; 0 for any that is free.", (0, 65535)] = 8001
    max_message_bytes: Annotated[int, "Largest message that is taken or sent.", (1, 2**31 - 1)] = 64 * 2**20
    max_metadata_bytes: Annotated[int, "Most that the metadata of a call may be.", (1024, 2**20)] = 16 * 2**10
    max_inflight_requests: Annotated[
        int, "Most calls in progress where inferences come from the queue; what comes beyond is refused. Stock takes 256.", (1, None)
    ] = MOST_CALLS
    max_concurrent_streams: Annotated[int, "Most calls in progress on one connection; a client keeps back the next.", (1, 2**31 - 1)] = 1024
    keepalive_seconds: Annotated[
        float, "A silent connection is asked after so long whether it is still there; 0 for never.", (0, 10**6)
    ] = 300.0
    min_ping_interval_seconds: Annotated[float, "A client that asks so more often than this is cut off.", (0, 10**6)] = 10.0
    max_connection_age_seconds: Annotated[
        float, "A connection is closed after so long, so that clients find new replicas; 0 for never.", (0, 10**6)
    ] = 300.0
    max_connection_age_grace_seconds: Annotated[
        float, "How long calls on a connection that is closed for its age may go on; 0 for as long as they like.", (0, 10**6)
    ] = 0.0
    tls_cert: Annotated[str, "File of the server's certificate, with its chain, in PEM; with --tls-key it makes the port TLS."] = ""
    tls_key: Annotated[str, "File of the certificate's key in PEM, without a password."] = ""
    tls_client_ca: Annotated[str, "File of the authorities whose certificates callers must show, in PEM: mutual TLS."] = ""


class Transport:
    """A gRPC server on a port of its own; `end_streams` lets go calls that might last. Raises StartupError when the port cannot be had.

    With `shared` other processes listen there too, and the port is listened on from `start` on.
    """

    def __init__(
        self,
        host: str,
        options: TransportOptions,
        handlers: Mapping[str, grpc.RpcMethodHandler[bytes, bytes]],
        end_streams: Callable[[], None] = lambda: None,
        direct: Handler | None = None,
        shared: bool = False,
    ) -> None:
        self._end_streams = end_streams
        self._address = f"{host}:{options.grpc_port}"
        self._shared = shared
        self._server = grpc.server(
            ThreadPoolExecutor(THREADS, thread_name_prefix="rpc"),
            maximum_concurrent_rpcs=THREADS,
            options=_channel_arguments(options, shared),
        )
        self._server.add_generic_rpc_handlers((grpc.method_handlers_generic_handler(SERVICE, dict(handlers)),))
        self._health = Health()
        health_pb2_grpc.add_HealthServicer_to_server(self._health, self._server)
        self._server.add_generic_rpc_handlers(reflection.handlers())
        self._loop = self._queue_loop(options.transport, direct)
        self._max_requests = options.max_inflight_requests
        self.certificates = from_files(options.tls_cert, options.tls_key, options.tls_client_ca)
        self.port: int = options.grpc_port if shared else self._listen()

    def _listen(self) -> int:
        try:
            if self.certificates is None:
                return self._server.add_insecure_port(self._address)
            return self._server.add_secure_port(self._address, self.certificates.credentials())
        except RuntimeError as error:
            raise StartupError(
                f"gRPC cannot listen on {self._address}: the port is in use, or the address is not of this machine; "
                "choose another with --grpc-port or --host"
            ) from error

    @property
    def max_requests(self) -> int:
        """Most calls that may be in progress."""
        return THREADS if self._loop is None else self._max_requests

    @property
    def kind(self) -> str:
        """Which transport takes inferences: queue or stock."""
        return "stock" if self._loop is None else "queue"

    def start(self) -> None:
        """Begins to take calls. Raises StartupError when a port that is shared cannot be had."""
        if self._shared:
            self._listen()
        if self._loop is None:
            self._server.start()
        else:
            self._loop.start()

    def _queue_loop(self, wanted: str, direct: Handler | None) -> CompletionQueueLoop | None:
        """The completion queue's loop, or None for the stock server's. Raises StartupError when it was asked for and cannot be had."""
        if wanted == "stock" or direct is None:
            return None
        if not (lacking := missing(self._server)):
            return CompletionQueueLoop(self._server, f"/{SERVICE}/{METHOD}", direct)
        text = f"grpcio {grpc.__version__} has no {lacking}, which the transport 'queue' is made of"
        if wanted == "queue":
            raise StartupError(f"{text}; use --transport stock, or a grpcio that Hornbeam was tested with")
        log.warning("%s: inferences go through gRPC's stock server, which is slower", text)
        return None

    def set_ready(self, ready: bool, models: Mapping[str, bool] | None = None) -> None:
        """What health checks answer of the server and of each model, and watchers are told; `ready` of all models without any."""
        self._health.tell(ready, models)

    def stop(self, grace: float) -> bool:
        """Takes no more calls, and gives those in progress `grace` seconds; whether all of them ended by themselves."""
        stopped = self._server.stop(grace + LAST_WORDS)
        self._health.end_watches()
        self._end_streams()
        return stopped.wait(grace)


def _channel_arguments(options: TransportOptions, shared: bool = False) -> list[tuple[str, int]]:
    """gRPC core's settings, in milliseconds and bytes."""
    arguments = {
        "grpc.so_reuseport": int(shared),  # else a second server on a busy port would start, and take half of the calls
        "grpc.max_receive_message_length": options.max_message_bytes,
        "grpc.max_send_message_length": options.max_message_bytes,
        "grpc.max_metadata_size": options.max_metadata_bytes,
        "grpc.absolute_max_metadata_size": options.max_metadata_bytes,  # above the first, calls are refused by chance up to this
        "grpc.max_concurrent_streams": options.max_concurrent_streams,
        "grpc.http2.min_ping_interval_without_data_ms": _milliseconds(options.min_ping_interval_seconds),
        "grpc.keepalive_time_ms": _milliseconds(options.keepalive_seconds),
        "grpc.max_connection_age_ms": _milliseconds(options.max_connection_age_seconds),
        "grpc.max_connection_age_grace_ms": _milliseconds(options.max_connection_age_grace_seconds),
    }
    return [(name, value) for name, value in arguments.items() if value or name == "grpc.so_reuseport"]


def _milliseconds(seconds: float) -> int:
    return round(seconds * 1000)
