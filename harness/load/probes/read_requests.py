"""Say whether the server has read all bytes that a client sent: only then is the request in flight in the server.

Linux lists the server's end of a loopback connection with the bytes that nobody has read. A connection that the server
has not accepted has no inode.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable
from pathlib import Path

TABLES = (Path("/proc/net/tcp"), Path("/proc/net/tcp6"))
"""proc(5): sl, local_address, rem_address, st, tx_queue:rx_queue, tr, retrnsmt, uid, timeout, inode; numbers of ports
and queues are hexadecimal."""

INODE_COLUMN = 9


def read_clients(server_port: int, client_ports: Collection[int]) -> set[int]:
    """Return the clients, by their ports, whose connections the server accepted and whose bytes it has all read."""
    found: set[int] = set()
    for table in TABLES:
        try:
            with table.open(encoding="ascii") as lines:
                found |= parse_read_clients(lines, server_port)
        except OSError:
            continue
    return found & set(client_ports)


def parse_read_clients(lines: Iterable[str], server_port: int) -> set[int]:
    """Return the ports of such clients from the lines of a table. Other lines are ignored."""
    found = set()
    for line in lines:
        words = line.split()
        if len(words) <= INODE_COLUMN or not words[0].endswith(":") or words[4].count(":") != 1:
            continue
        here, there = (int(words[at].rpartition(":")[2], 16) for at in (1, 2))
        unread = int(words[4].partition(":")[2], 16)
        if here == server_port and there and not unread and words[INODE_COLUMN] != "0":
            found.add(there)
    return found
