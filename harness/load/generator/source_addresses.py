"""The local addresses of a loop's connections.

The kernel identifies a TCP connection by the addresses and ports of both ends. So one client address can have only as
many connections to one server as there are local ports: 28,232 (net.ipv4.ip_local_port_range). A port stays in use for
more than a second after the client closed the connection. All of 127.0.0.0/8 is this machine, so there are more client
addresses. [::1] is a single address.
"""

from __future__ import annotations

import errno
import socket

from wsgi_gauntlet.harness.http.address import Address
from wsgi_gauntlet.harness.http.http_connection import BIND_WITHOUT_PORT
from wsgi_gauntlet.harness.limits import as_out_of_resources

CONNECTS_PER_SOURCE = 10_000
"""Connects after which the next 127.0.0.x is used, well before the ports of one address are used up."""

SOURCE_COUNT = 254
"""127.0.0.1 to 127.0.0.254."""


class SourceAddresses:
    """Start connections to `address`, from another local address whenever the ports of one run out."""

    def __init__(self, address: Address) -> None:
        self._address = address
        self._has_many_sources = address.family == socket.AF_INET and address.host.startswith("127.")
        self._source = 0
        self._opened = 0

    def connect(self) -> tuple[socket.socket, int]:
        """Return a non-blocking socket and the error number of connect(): 0 or EINPROGRESS means success.

        EADDRNOTAVAIL means that two addresses had no free local port. Raises OutOfResources if no descriptor is left.
        """
        if self._opened == CONNECTS_PER_SOURCE:
            self._use_next_source()
        sock = self._socket()
        code = sock.connect_ex(self._address.socket_address)
        if code == errno.EADDRNOTAVAIL and self._has_many_sources:
            sock.close()
            self._use_next_source()
            sock = self._socket()
            code = sock.connect_ex(self._address.socket_address)
        self._opened += 1
        return sock, code

    def _use_next_source(self) -> None:
        self._source = (self._source + 1) % SOURCE_COUNT
        self._opened = 0

    def _socket(self) -> socket.socket:
        try:
            sock = socket.socket(self._address.family, socket.SOCK_STREAM)
        except OSError as error:
            raise as_out_of_resources(error) from error
        sock.setblocking(False)
        if not self._address.path:
            sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        if self._has_many_sources and self._source:
            sock.setsockopt(socket.IPPROTO_IP, BIND_WITHOUT_PORT, 1)
            sock.bind((f"127.0.0.{1 + self._source}", 0))
        return sock
