"""Addresses of servers: TCP or a Unix socket, plain or TLS, or pipes to a handler that is called without a socket."""

from __future__ import annotations

import ipaddress
import socket
from dataclasses import dataclass
from functools import cached_property

NOMINAL_PORT = 8000
"""The port that requests name if the server has none: the one of wsgiref's documentation."""


@dataclass(frozen=True)
class Address:
    """The address of a listening server.

    With `path` (a Unix socket) or `pipe_socket` (see transports.py), only the Host header uses `host` and `port`.
    """

    host: str = "127.0.0.1"
    port: int = 0
    path: str = ""
    tls: bool = False
    pipe_socket: str = ""

    @property
    def authority(self) -> str:
        """The value of the Host header."""
        if self.path:
            return "localhost"
        return f"[{self.host}]:{self.port}" if ":" in self.host else f"{self.host}:{self.port}"

    @property
    def tcp_port(self) -> int:
        """The TCP port that the server listens on, 0 if it listens on none."""
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

    @cached_property
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
