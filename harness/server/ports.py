"""Ports for the servers under test: below what the kernel hands out by itself, and leased among our own runs.

A lease is an abstract Unix socket named after the port. The kernel frees it with the process, however that dies, and
another run of ours on this machine sees it before either has bound the port.
"""

from __future__ import annotations

import contextlib
import random
import socket
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from wsgi_gauntlet.harness.errors import OutOfResources

LOWEST_PORT = 10240
"""Below are the ports that well-known services are configured on."""

PORT_SPAN = 16384
"""How many ports below the ephemeral range are drawn from."""

LEASE_ATTEMPTS = 200


def loopback_host() -> str:
    """Return the loopback address that this machine has: 127.0.0.1, or ::1 on one with IPv6 alone.

    Raises OutOfResources where it has neither.
    """
    for family, host in ((socket.AF_INET, "127.0.0.1"), (socket.AF_INET6, "::1")):
        with contextlib.suppress(OSError), socket.socket(family, socket.SOCK_STREAM) as probe:
            probe.bind((host, 0))
            return host
    raise OutOfResources("neither 127.0.0.1 nor ::1 can be bound; bring the loopback up: ip link set lo up")


def port_range(ephemeral: str) -> range:
    """Return the ports to draw from, given the text of /proc/sys/net/ipv4/ip_local_port_range."""
    try:
        low, high = (int(word) for word in ephemeral.split())
    except ValueError:
        low, high = 32768, 60999
    if low - LOWEST_PORT >= 1024:
        return range(max(LOWEST_PORT, low - PORT_SPAN), low)
    if 65536 - high > 1024:
        return range(high + 1, 65536)
    return range(LOWEST_PORT, 32768)  # the kernel hands these out too, so a start may have to be tried again


@contextmanager
def leased_port(host: str = "127.0.0.1") -> Iterator[int]:
    """Hold a port that nothing listens on and no other run of ours has; raises OutOfResources where there is none."""
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
                raise OutOfResources(f"no socket to be had: {error.strerror}; raise `ulimit -n`") from error
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
    """Say whether `port` can be bound. Without SO_REUSEADDR: a port whose last connections linger is not free."""
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    with socket.socket(family, socket.SOCK_STREAM) as probe:
        try:
            probe.bind((host, port))
        except OSError:
            return False
    return True
