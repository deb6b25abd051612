"""The admin port: metrics for Prometheus, and probes for those that do not speak gRPC."""

from __future__ import annotations

import logging
from collections.abc import Callable
from dataclasses import dataclass
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from threading import Thread
from typing import Annotated, ClassVar

from service.errors import StartupError

__all__ = ["Admin", "AdminOptions"]

log = logging.getLogger("hornbeam.admin")


@dataclass(frozen=True, slots=True)
class AdminOptions:
    """Where the admin port is."""

    admin_port: Annotated[int, "Port for /metrics, /livez, /readyz and /startupz; 0 for any that is free.", (0, 65535)] = 8002


class Admin:
    """An HTTP server for operators. Raises StartupError when its port cannot be had.

    `expose` gives the metrics and their content type for an Accept header; `is_ready` is what /readyz answers, and `has_started`
    what /startupz does. /livez asks nobody: it is answered while there is a thread to answer, so that a server that is busy, or
    whose model cannot be loaded, is not restarted for it.
    """

    def __init__(
        self,
        host: str,
        options: AdminOptions,
        expose: Callable[[str], tuple[bytes, str]],
        is_ready: Callable[[], bool],
        has_started: Callable[[], bool],
    ) -> None:
        class Handler(_Handler):
            routes: ClassVar = {
                "/livez": lambda _: _text(200, "live"),
                "/readyz": lambda _: _text(200, "ready") if is_ready() else _text(503, "not ready"),
                "/startupz": lambda _: _text(200, "started") if has_started() else _text(503, "starting"),
                "/metrics": lambda accept: (200, *expose(accept)),
            }

        try:
            self._server = ThreadingHTTPServer((host, options.admin_port), Handler)
        except OSError as error:
            raise StartupError(
                f"the admin port {host}:{options.admin_port} cannot be had: {error.strerror}; choose another with --admin-port or --host"
            ) from error
        self._server.daemon_threads = True
        self.port: int = self._server.server_address[1]
        self._thread = Thread(target=self._server.serve_forever, name="admin", daemon=True)

    def start(self) -> None:
        """Begins to answer, if it does not already."""
        if not self._thread.is_alive():
            self._thread.start()

    def stop(self) -> None:
        """Answers no more, and gives the port back."""
        if self._thread.is_alive():
            self._server.shutdown()
            self._thread.join()
        self._server.server_close()


Answer = tuple[int, bytes, str]


class _Handler(BaseHTTPRequestHandler):
    routes: ClassVar[dict[str, Callable[[str], Answer]]]
    server_version = "hornbeam"
    sys_version = ""
    timeout = 10  # seconds for a peer to say what it wants

    def do_GET(self) -> None:
        status, body, content_type = self._answer(self.path.split("?", 1)[0])
        self.send_response(status)
        self.send_header("Content-Type", content_type)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        if self.command != "HEAD":
            self.wfile.write(body)

    def _answer(self, path: str) -> Answer:
        route = self.routes.get(path)
        if route is None:
            return _text(404, f"there are {', '.join(self.routes)}")
        try:
            return route(self.headers.get("Accept", ""))
        except Exception:  # a bug: who asks must hear of it, and the log have it in its own form
            log.exception("%s failed", path)
            return _text(500, "internal error; the server's log has the details")

    do_HEAD = do_GET  # noqa: N815  the base class's name

    def log_message(self, format: str, *args: object) -> None:
        """Nothing: probes and scrapes come every few seconds."""


def _text(status: int, text: str) -> Answer:
    return status, f"{text}\n".encode(), "text/plain; charset=utf-8"
