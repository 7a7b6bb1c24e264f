"""Identify the sockets that listen at an address of this machine. If the socket changes, the server has changed.

A listening TCP socket is identified by its inode, a Unix socket by its file. Sockets on another machine or in another
network namespace are not visible.
"""

from __future__ import annotations

import contextlib
import os
import socket
import struct

from wsgi_gauntlet.harness.http.address import Address

_SOCK_DIAG = 4
"""NETLINK_SOCK_DIAG of <linux/netlink.h>. /proc/net/tcp has the same data, but takes 10 ms instead of 20 µs."""

_BY_FAMILY = 20
"""SOCK_DIAG_BY_FAMILY; every other type of message ends a dump."""

_DUMP = 0x301
"""NLM_F_REQUEST | NLM_F_DUMP."""

_LISTENING = 1 << 10
"""TCP_LISTEN as a bit of a set of states."""

_HEAD = struct.Struct("=LHHLL")
_REQUEST = struct.Struct("=BBBBL48s")
"""struct inet_diag_req_v2 of <linux/inet_diag.h>: family, protocol, ext, pad, states, an identity that is ignored."""

_PORT_AT, _INODE_AT, _MIN_SIZE = 4, 68, 72
"""Offsets of the source port (network order) and the inode in struct inet_diag_msg, and its size in bytes."""

MAX_MESSAGES = 256
"""The largest number of messages that are read of one dump."""


def listeners(address: Address) -> frozenset[str]:
    """Return the identities of the sockets that listen at `address`; empty if none is visible."""
    if address.path:
        try:
            found = os.stat(address.path)  # noqa: PTH116 - a call for each new connection
        except OSError:
            return frozenset()
        return frozenset({f"{found.st_dev}:{found.st_ino}:{found.st_ctime_ns}"})
    if not address.loopback:
        return frozenset()
    seen: set[str] = set()
    with contextlib.suppress(OSError):
        for family in (socket.AF_INET, socket.AF_INET6):
            seen.update(str(inode) for port, inode in _dump_listeners(family) if port == address.port)
    return frozenset(seen)


def parse_listeners(data: bytes) -> tuple[list[tuple[int, int]], bool]:
    """Return the port and inode of each socket in a netlink datagram, and whether it ends the dump."""
    found: list[tuple[int, int]] = []
    at = 0
    while at + _HEAD.size <= len(data):
        length, kind, *_ = _HEAD.unpack_from(data, at)
        if kind != _BY_FAMILY or length < _HEAD.size + _MIN_SIZE or at + length > len(data):
            return found, True
        body = at + _HEAD.size
        (port,) = struct.unpack_from("!H", data, body + _PORT_AT)
        (inode,) = struct.unpack_from("=L", data, body + _INODE_AT)
        found.append((port, inode))
        at += (length + 3) & ~3
    return found, False


def _dump_listeners(family: int) -> list[tuple[int, int]]:
    found: list[tuple[int, int]] = []
    with socket.socket(socket.AF_NETLINK, socket.SOCK_RAW, _SOCK_DIAG) as netlink:
        netlink.settimeout(1)
        body = _REQUEST.pack(family, socket.IPPROTO_TCP, 0, 0, _LISTENING, bytes(48))
        netlink.send(_HEAD.pack(_HEAD.size + len(body), _BY_FAMILY, _DUMP, 1, 0) + body)
        for _ in range(MAX_MESSAGES):
            some, over = parse_listeners(netlink.recv(65536))
            found += some
            if over:
                break
    return found
