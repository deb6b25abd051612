"""One port for several processes: each listens on it, and the kernel gives each new connection to one of them."""

from __future__ import annotations

import socket

from service.errors import StartupError

__all__ = ["HeldPort"]


class HeldPort:
    """A port that is taken and not listened on, so that it stays this server's whichever of its processes are there.

    Raises StartupError when another server listens there: it would go on getting a share of the connections.
    """

    def __init__(self, host: str, number: int) -> None:
        self._sockets: list[socket.socket] = []
        try:
            for address in _addresses(host, number):
                self._hold(*address)
        except OSError as error:
            self.close()
            raise StartupError(
                f"gRPC cannot listen on {host}:{number}: the port is in use, or the address is not of this machine; "
                "choose another with --grpc-port or --host"
            ) from error

    @property
    def number(self) -> int:
        """The port; 0 before there is one."""
        return int(self._sockets[0].getsockname()[1]) if self._sockets else 0

    def close(self) -> None:
        """Gives the port back."""
        for held in self._sockets:
            held.close()

    def _hold(self, family: int, host: str, number: int) -> None:
        address = host, number or self.number
        with socket.socket(family) as probe:
            probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)  # what is left of ended connections does not count
            probe.bind(address)  # which nobody who listens there lets happen, even if they would share
        held = socket.socket(family)
        self._sockets.append(held)
        held.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        held.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEPORT, 1)
        held.bind(address)


def _addresses(host: str, number: int) -> list[tuple[int, str, int]]:
    """Family, address and port of each address that a host's name has: gRPC listens on all of them."""
    found = socket.getaddrinfo(host, number, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE)
    return [(family, str(address[0]), number) for family, _, _, _, address in found]
