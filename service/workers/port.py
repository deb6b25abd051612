"""One port for several processes: each listens on it, and the kernel gives each new connection to one of them."""

from __future__ import annotations

import socket
from contextlib import ExitStack

from service.errors import StartupError

__all__ = ["HeldPort"]


class HeldPort:
    """A port that is taken and not listened on, so that it stays this server's whichever of its processes are there.

    Raises StartupError when another server listens there: it would go on getting a share of the connections.
    """

    def __init__(self, host: str, number: int) -> None:
        self._socket = _bound(host, number)
        self.number: int = self._socket.getsockname()[1]

    def close(self) -> None:
        """Gives the port back."""
        self._socket.close()


def _bound(host: str, number: int) -> socket.socket:
    try:
        family, kind, protocol, _, address = socket.getaddrinfo(host, number, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE)[0]
        with ExitStack() as stack:
            probe = stack.enter_context(socket.socket(family, kind, protocol))
            probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)  # what is left of ended connections does not count
            probe.bind(address)  # which nobody who listens there lets happen, even if they would share
            held = stack.enter_context(socket.socket(family, kind, protocol))
            probe.close()
            held.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            held.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEPORT, 1)
            held.bind(address)
            stack.pop_all()
            return held
    except OSError as error:
        raise StartupError(
            f"gRPC cannot listen on {host}:{number}: the port is in use, or the address is not of this machine; "
            "choose another with --grpc-port or --host"
        ) from error
