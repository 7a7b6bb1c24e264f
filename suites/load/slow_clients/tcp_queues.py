"""Read how much of each response the kernel has buffered. The server still has to send the rest.

A slow reader affects a server only if the kernel cannot buffer the whole response. Linux lists both ends of a loopback
connection: the bytes that the server sent without acknowledgement, and the bytes that the client has not read.
"""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path

import trio

TABLES = (Path("/proc/net/tcp"), Path("/proc/net/tcp6"))
"""proc(5): sl, local_address, rem_address, st, tx_queue:rx_queue, ...; all of them hexadecimal."""


async def buffered_response_bytes(port: int) -> list[int]:
    """Return the buffered bytes for each connection to `port` with a response in transit.

    The list is empty if there is none, or if the table is not readable, as in some containers.
    """
    return await trio.to_thread.run_sync(_read_tables, port)


def parse_tcp_table(lines: Iterable[str], port: int) -> list[int]:
    """Return the buffered bytes of each connection, from the lines of such a table. Other lines are ignored."""
    sent: dict[int, int] = {}
    unread: dict[int, int] = {}
    for line in lines:
        words = line.split()
        if len(words) < 5 or not words[0].endswith(":") or words[4].count(":") != 1:
            continue
        here, there = (int(words[at].rpartition(":")[2], 16) for at in (1, 2))
        tx, rx = (int(word, 16) for word in words[4].split(":"))
        if here == port and there and tx:
            sent[there] = tx
        elif there == port:
            unread[here] = rx
    return [tx + unread.get(client, 0) for client, tx in sent.items()]


def _read_tables(port: int) -> list[int]:
    found: list[int] = []
    for table in TABLES:
        try:
            with table.open(encoding="ascii") as lines:
                found += parse_tcp_table(lines, port)
        except OSError:
            continue
    return found
