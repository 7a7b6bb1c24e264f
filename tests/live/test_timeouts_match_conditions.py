"""Time-outs of a server: its conditions agree with what a client observes."""

from __future__ import annotations

from pathlib import Path

import pytest
import trio

from wsgi_gauntlet.harness.model import Grade
from wsgi_gauntlet.harness.server import instance
from wsgi_gauntlet.harness.server.instance import ServerInstance
from wsgi_gauntlet.servers.uwsgi import SOCKET_TIMEOUT

from ..helpers.requirements import installed_plan
from ..helpers.scenario_runs import attempts, measured

pytestmark = pytest.mark.live

HEAD = b"GET /nonce HTTP/1.1\r\nHost: localhost\r\n"
BODY = b"POST /sink HTTP/1.1\r\nHost: localhost\r\nContent-Length: 9\r\n\r\n"
"""A request whose body does not come."""


async def lived(server: ServerInstance, sent: bytes, patience: float) -> float:
    """Return for how many seconds after its last word from the server a client is borne that sends `sent`."""
    stream = await trio.open_tcp_stream(server.address.host, server.address.port)
    async with stream:
        await stream.send_all(sent)
        last = trio.current_time()
        with trio.fail_after(patience):
            while await stream.receive_some(65536):
                last = trio.current_time()
        return trio.current_time() - last


@pytest.mark.parametrize(("name", "expected"), [("waitress[keep-alive=1]", 1), ("uwsgi:http[keep-alive=1]", 2)])
async def test_a_short_keep_alive_time_is_kept(name: str, expected: int, folder: Path) -> None:
    async with instance.running(installed_plan(name), scratch=folder / "scratch", logs=folder / "logs") as server:
        assert server.conditions["keep-alive"] == expected
        # Before it got all options for that, the one took 30 s and the other 60.
        assert await lived(server, HEAD + b"\r\n", 20) >= expected - 0.1


async def test_a_harakiri_of_0_ends_no_request(folder: Path) -> None:
    async with instance.running(
        installed_plan("uwsgi[timeout=0]"), scratch=folder / "scratch", logs=folder / "logs"
    ) as server:
        assert server.conditions["harakiri"] == 0
        # The shortest harakiri there is would end at 1 s what the app waits for; the socket time-out does later.
        assert await lived(server, BODY, 20) >= SOCKET_TIMEOUT - 0.1


async def test_a_harakiri_is_no_time_for_heads(folder: Path) -> None:
    async with instance.running(
        installed_plan("uwsgi[timeout=1]"), scratch=folder / "scratch", logs=folder / "logs"
    ) as server:
        assert await lived(server, HEAD, 20) >= SOCKET_TIMEOUT - 0.1
        assert server.conditions["head-timeout"] == SOCKET_TIMEOUT


async def test_the_edge_of_a_routers_heads_is_its_own(folder: Path) -> None:
    for _ in attempts():
        cell = await measured("timeout-edge", installed_plan("uwsgi:http"), folder, duration=1.5)
        if cell.grade is not Grade.INVALID:  # a busy machine has moves of clients come late
            break
    notes = {each.label: each.note for each in cell.metrics}
    assert notes["head: disconnected after"].startswith("configured: 60 s")
    assert notes["body: disconnected after"].startswith("configured: 4 s")
