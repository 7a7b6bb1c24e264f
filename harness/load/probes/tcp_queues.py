"""How much of a server's answers the kernel has taken: what is beyond that, the server still has in its hands.

Only where that is less than the answer does a slow reader trouble a server at all. Linux lists both ends of a loopback
connection: the bytes that the server's end has sent and nobody acknowledged, and those that lie unread at the client's.
"""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path

import trio

TABLES = (Path("/proc/net/tcp"), Path("/proc/net/tcp6"))
"""proc(5): sl, local_address, rem_address, st, tx_queue:rx_queue, ...; all of them hexadecimal."""


async def buffered_response_bytes(port: int) -> list[int]:
    """Return, for each connection to the server on `port` whose answer is on its way, the bytes the kernel holds of it.

    Empty where there is none, or the table cannot be read: a container may hide it.
    """
    return await trio.to_thread.run_sync(_read_tables, port)


def parse_tcp_table(lines: Iterable[str], port: int) -> list[int]:
    """Return what `taken` does, from the lines of such a table; those that are no entries are passed over."""
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
