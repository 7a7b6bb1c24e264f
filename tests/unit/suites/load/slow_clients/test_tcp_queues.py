"""What Linux says of both ends of a connection."""

import os
from contextlib import suppress
from pathlib import Path

import pytest
import trio

from wsgi_gauntlet.suites.load.slow_clients import tcp_queues
from wsgi_gauntlet.suites.load.slow_clients.tcp_queues import buffered_response_bytes, parse_tcp_table

from .....helpers.script_server import PATIENCE
from .....helpers.tcp_server import listening

TABLE = """\
  sl  local_address rem_address   st tx_queue rx_queue tr tm->when retrnsmt   uid  timeout inode
   0: 0100007F:1F90 00000000:0000 0A 00000000:00000003 00:00000000 00000000     0        0 1 1 0 100 0 0 10 0
   1: 0100007F:1F90 0100007F:C001 01 00007000:00000000 01:00000014 00000000     0        0 2 4 0 20 4 30 10 -1
   2: 0100007F:C001 0100007F:1F90 01 00000000:00000400 00:00000000 00000000     0        0 3 1 0 20 4 30 10 -1
   3: 0100007F:1F90 0100007F:C002 01 00000000:00000000 00:00000000 00000000     0        0 4 1 0 20 4 30 10 -1
   4: 0100007F:1F90 0100007F:C003 04 00000010:00000000 01:00000014 00000000     0        0 0 4 0 20 4 30 10 -1
   5: 0100007F:0016 0100007F:C004 01 00009999:00000000 01:00000014 00000000     0        0 5 4 0 20 4 30 10 -1
nonsense
   6: odd
"""


def test_a_table_of_connections() -> None:
    assert parse_tcp_table(TABLE.splitlines(), 8080) == [0x7000 + 0x400, 0x10]
    assert parse_tcp_table(TABLE.splitlines(), 9) == []


async def test_a_table_that_is_not_there_says_nothing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(tcp_queues, "TABLES", (tmp_path / "none",))
    assert await buffered_response_bytes(80) == []


async def test_an_answer_that_nobody_reads_is_seen() -> None:
    sent = 0
    full = trio.Event()

    async def handler(stream: trio.SocketStream) -> None:
        nonlocal sent
        with suppress(BlockingIOError):
            while sent < 50_000_000:
                sent += os.write(stream.socket.fileno(), b"x" * 50_000)
        full.set()
        await trio.sleep_forever()

    async with listening(handler) as address, await trio.open_tcp_stream("127.0.0.1", address.port):
        await full.wait()
        assert sent < 50_000_000
        with trio.fail_after(PATIENCE):
            # What is received and not yet acknowledged is in both queues.
            while await buffered_response_bytes(address.port) != [sent]:  # noqa: ASYNC110 - the kernel sets no event
                await trio.sleep(0.01)
