"""A server below its supervisor, and what a hostile one can do to the pipes between that and the harness."""

from __future__ import annotations

import os
import signal
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import pytest
import trio
import trio.testing

from wsgi_gauntlet.harness.server.process import supervised_process
from wsgi_gauntlet.harness.server.process.procfs import exists
from wsgi_gauntlet.harness.server.process.supervised_process import Remains, SupervisedProcess

PATIENCE = 60.0

WAITING = """
import time
print("up", flush=True)
time.sleep(600)
"""

STOPPING = """
import os, signal, time
supervisor = os.getppid()
os.kill(supervisor, signal.SIGSTOP)
pipe = os.open(f"/proc/{supervisor}/fd/0", os.O_WRONLY | os.O_NONBLOCK)
try:
    while True:
        os.write(pipe, b"x" * 512)
except BlockingIOError:
    pass
open("up", "w").close()
time.sleep(600)
"""


@asynccontextmanager
async def started(folder: Path, script: str) -> AsyncIterator[SupervisedProcess]:
    home = folder / "home"
    home.mkdir()
    server = await SupervisedProcess.start(
        [sys.executable, "-c", script],
        environment=dict(os.environ),
        folder=home,
        log=folder / "log",
        remains=Remains(home),
    )
    try:
        yield server
    finally:
        await server.stop(signal.SIGTERM, 0.1)


async def until_there(path: Path) -> None:
    with trio.fail_after(PATIENCE):
        while not path.exists():  # noqa: ASYNC110, ASYNC240 - another process makes it
            await trio.sleep(0.01)


async def test_a_server_that_stops_its_supervisor_and_fills_its_pipe_does_not_hold_the_harness(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    # The order to stop is lost, and then it is killed.
    monkeypatch.setattr(supervised_process, "SUPERVISOR_EXIT_TIMEOUT", 0.5)
    async with started(tmp_path, STOPPING) as server:
        await until_there(tmp_path / "home" / "up")
    assert server.processes() == []
    assert not exists(server.pid)


async def test_two_can_wait_for_the_end_at_once(tmp_path: Path) -> None:
    async with started(tmp_path, WAITING) as server:
        with trio.fail_after(PATIENCE):
            async with trio.open_nursery() as nursery:
                nursery.start_soon(server.wait_ended)
                nursery.start_soon(server.wait_ended)
                await trio.testing.wait_all_tasks_blocked()
                server.send_signal(signal.SIGKILL)
        assert server.ended == "signal SIGKILL"


@pytest.mark.parametrize("supervisor", [0, -1, 1, 1 << 40])
async def test_a_report_that_names_another_supervisor_is_a_forgery(tmp_path: Path, supervisor: int) -> None:
    async with started(tmp_path, WAITING) as server:
        fresh = SupervisedProcess(server._process)
        fresh._feed(b'{"started": 1, "supervisor": %d}\n' % supervisor)
        assert fresh.pid == 0
