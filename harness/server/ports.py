"""Ports for the servers under test: below the range that the kernel uses by itself, and leased among runs.

A lease is an abstract Unix socket named after the port. The kernel frees it when the process ends, however it ends.
Another run on this machine sees the lease before a server binds the port.
"""

from __future__ import annotations

import contextlib
import random
import socket
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from wsgi_gauntlet.harness.errors import OutOfResources
from wsgi_gauntlet.harness.http.address import host_family

LOWEST_PORT = 10240
"""Well-known services use the ports below."""

PORT_SPAN = 16384
"""The number of ports below the ephemeral range that may be leased."""

LEASE_ATTEMPTS = 200


def loopback_host() -> str:
    """Return the loopback address of this machine: 127.0.0.1, or ::1 if it has IPv6 alone.

    Raises OutOfResources if it has neither.
    """
    for host in ("127.0.0.1", "::1"):
        if can_listen_on(host):
            return host
    raise OutOfResources("neither 127.0.0.1 nor ::1 can be bound; start the loopback interface: ip link set lo up")


def port_range(ephemeral: str) -> range:
    """Return the ports that may be leased, given the text of /proc/sys/net/ipv4/ip_local_port_range."""
    try:
        low, high = (int(word) for word in ephemeral.split())
    except ValueError:
        low, high = 32768, 60999
    if low - LOWEST_PORT >= 1024:
        return range(max(LOWEST_PORT, low - PORT_SPAN), low)
    if 65536 - high > 1024:
        return range(high + 1, 65536)
    return range(LOWEST_PORT, 32768)  # the kernel uses these too, so a start may have to be repeated


def can_listen_on(host: str) -> bool:
    """Return whether this machine has the IP address `host`."""
    with contextlib.suppress(OSError), socket.socket(host_family(host), socket.SOCK_STREAM) as probe:
        probe.bind((host, 0))
        return True
    return False


@contextmanager
def leased_port(host: str = "127.0.0.1") -> Iterator[int]:
    """Lease a port that nobody listens on and no other run has leased. Raises OutOfResources if there is none."""
    try:
        ephemeral = Path("/proc/sys/net/ipv4/ip_local_port_range").read_text(encoding="ascii")
    except OSError:
        ephemeral = ""
    candidates = port_range(ephemeral)
    with contextlib.ExitStack() as stack:
        for _ in range(LEASE_ATTEMPTS):
            port = random.choice(candidates)
            try:
                lease = stack.enter_context(socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM))
            except OSError as error:
                raise OutOfResources(f"cannot open a socket: {error.strerror}; raise `ulimit -n`") from error
            try:
                lease.bind(f"\0wsgi-gauntlet-port-{port}")
            except OSError:
                lease.close()
                continue
            if port_is_free(port, host):
                yield port
                return
            lease.close()
    raise OutOfResources(
        f"no free port on {host} in {LEASE_ATTEMPTS} tries between {candidates.start} and {candidates.stop}"
    )


def port_is_free(port: int, host: str = "127.0.0.1") -> bool:
    """Return whether `port` can be bound. Without SO_REUSEADDR: a port whose last connections linger is not free."""
    with socket.socket(host_family(host), socket.SOCK_STREAM) as probe:
        try:
            probe.bind((host, port))
        except OSError:
            return False
    return True
