"""Where a lane's connections come from: sockets, and the loopback addresses that give them local ports.

A TCP connection is told from others by both ends' addresses and ports, so one client address has as many connections to
one server as there are local ports: 28,232 (net.ipv4.ip_local_port_range), each held for a second and more after its
end where the client closed it. All of 127.0.0.0/8 is this machine, so there are more addresses: the lane moves on to
the next one in time, and at once where an address has no port left. [::1] is a single address.
"""

from __future__ import annotations

import errno
import socket

from wsgi_gauntlet.harness.errors import OutOfResources
from wsgi_gauntlet.harness.http.address import Address

CONNECTS_PER_SOURCE = 10_000
"""Connects after which the next 127.0.0.x is the source: well before the ports of one are used up."""

SOURCE_COUNT = 254
"""127.0.0.1 to 127.0.0.254."""

_BIND_WITHOUT_PORT = 24
"""IP_BIND_ADDRESS_NO_PORT of <linux/in.h>: the port is chosen at connect, from all that are free for that server."""


class SourceAddresses:
    """Makes connections to `address`."""

    def __init__(self, address: Address) -> None:
        self._target: str | tuple[str, int] = address.path or (address.host, address.port)
        self._family = socket.AF_UNIX if address.path else socket.AF_INET6 if ":" in address.host else socket.AF_INET
        self._has_many_sources = self._family == socket.AF_INET and address.host.startswith("127.")
        self._source = 0
        self._opened = 0

    def connect(self, open_connections: int) -> tuple[socket.socket, int]:
        """Return a socket that does not block, and the error number of connect() on it: 0 or EINPROGRESS if it goes.

        `held` is how many connections there are already, for messages. EADDRNOTAVAIL means that two addresses had no
        local port left, one after the other. Raises OutOfResources where no descriptor is left.
        """
        if self._opened == CONNECTS_PER_SOURCE:
            self._use_next_source()
        sock = self._socket(open_connections)
        code = sock.connect_ex(self._target)
        if code == errno.EADDRNOTAVAIL and self._has_many_sources:
            sock.close()
            self._use_next_source()
            sock = self._socket(open_connections)
            code = sock.connect_ex(self._target)
        self._opened += 1
        return sock, code

    def _use_next_source(self) -> None:
        self._source = (self._source + 1) % SOURCE_COUNT
        self._opened = 0

    def _socket(self, open_connections: int) -> socket.socket:
        try:
            sock = socket.socket(self._family, socket.SOCK_STREAM)
        except OSError as error:
            if error.errno not in (errno.EMFILE, errno.ENFILE, errno.ENOBUFS, errno.ENOMEM):
                raise
            raise OutOfResources(
                f"no descriptor for connection {open_connections + 1} ({error.strerror}); "
                "raise `ulimit -n` or ask for fewer connections"
            ) from error
        sock.setblocking(False)
        if self._family != socket.AF_UNIX:
            sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        if self._has_many_sources and self._source:
            sock.setsockopt(socket.IPPROTO_IP, _BIND_WITHOUT_PORT, 1)
            sock.bind((f"127.0.0.{1 + self._source}", 0))
        return sock
