"""Where a server listens: TCP or a Unix socket, plain or TLS; or how its handler is reached without a socket."""

from __future__ import annotations

import ipaddress
import socket
from dataclasses import dataclass

NOMINAL_PORT = 8000
"""What requests name where there is no port: the one of wsgiref's own documentation."""


@dataclass(frozen=True)
class Address:
    """A listening server. With `path`, its Unix socket, host and port are only what requests name.

    So they are with `door`, where pipes are handed to a server that has no socket (see piped.py).
    """

    host: str = "127.0.0.1"
    port: int = 0
    path: str = ""
    tls: bool = False
    pipe_socket: str = ""

    @property
    def authority(self) -> str:
        """What belongs into the Host header."""
        if self.path:
            return "localhost"
        return f"[{self.host}]:{self.port}" if ":" in self.host else f"{self.host}:{self.port}"

    @property
    def tcp_port(self) -> int:
        """The port that it listens on, 0 where that is none."""
        return 0 if self.path or self.pipe_socket else self.port

    @property
    def url(self) -> str:
        """The origin, without a path."""
        return f"{'https' if self.tls else 'http'}://{self.authority}"

    @property
    def family(self) -> socket.AddressFamily:
        """The address family of a socket that connects to this address."""
        return socket.AF_UNIX if self.path else host_family(self.host)

    @property
    def socket_address(self) -> str | tuple[str, int]:
        """The argument of `socket.connect`."""
        return self.path or (self.host, self.port)

    @property
    def loopback(self) -> bool:
        """Say whether the address cannot leave this machine."""
        if self.path or self.pipe_socket:
            return True
        try:
            return ipaddress.ip_address(self.host).is_loopback
        except ValueError:
            return False

    def __str__(self) -> str:
        if self.pipe_socket:
            return "pipes to its handler"
        return f"unix:{self.path}" if self.path else self.authority


def host_family(host: str) -> socket.AddressFamily:
    """Return the address family of an IP address in text form."""
    return socket.AF_INET6 if ":" in host else socket.AF_INET
