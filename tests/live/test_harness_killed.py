"""A harness or a supervisor that is killed leaves nothing running."""

from __future__ import annotations

import json
import os
import signal
import socket
import subprocess
import sys
import time
from pathlib import Path

import pytest

from ..helpers.script_server import PATIENCE, alive, parent, plan, running, until

pytestmark = pytest.mark.live


HARNESS = """
import json, os, signal, sys, trio
from pathlib import Path
from wsgi_gauntlet.harness.server import instance as launch
from wsgi_gauntlet.harness.server.adapter import Settings
from wsgi_gauntlet.harness.server.plan import Plan
from wsgi_gauntlet.harness.server.process.fork_server import ForkServers
from wsgi_gauntlet.servers.gunicorn import ADAPTER

async def main():
    plan = Plan("gunicorn", ADAPTER, ADAPTER.find(sys.executable), "sync", Settings(workers=2), sys.executable)
    with ForkServers.open() as fork_servers:
        forks = fork_servers if sys.argv[3] == "forked" else None
        places = {"scratch": Path(sys.argv[1]), "logs": Path(sys.argv[2])}
        async with launch.running(plan, **places, fork_servers=forks) as server:
            while len(server.processes()) < 3:
                await trio.sleep(0.01)
            print(json.dumps({"pids": server.processes(), "port": server.address.port}), flush=True)
            await trio.sleep_forever()

signal.signal(signal.SIGINT, signal.default_int_handler)  # a shell that started us in the background ignores it
trio.run(main)
"""


@pytest.mark.parametrize("start", ["plain", "forked"])
@pytest.mark.parametrize("number", [signal.SIGKILL, signal.SIGINT, signal.SIGTERM])
def test_a_harness_that_is_killed_leaves_nothing(folder: Path, number: signal.Signals, start: str) -> None:
    argv = [sys.executable, "-c", HARNESS, str(folder / "scratch"), str(folder / "logs"), start]
    with subprocess.Popen(argv, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL) as harness:
        assert harness.stdout is not None
        reported = json.loads(harness.stdout.readline())
        supervisors = [int(each) for each in children(harness.pid)]
        assert len(supervisors) == (2 if start == "forked" else 1), "the fork server is one of them"
        harness.send_signal(number)
        harness.wait(PATIENCE)
    deadline = time.monotonic() + PATIENCE
    while [pid for pid in (*reported["pids"], *supervisors) if alive(pid)] or (folder / "scratch").exists() != (
        number is signal.SIGINT
    ):
        assert time.monotonic() < deadline
        time.sleep(0.01)
    if number is signal.SIGINT:  # it could clear up by itself, and the scratch folder is its caller's
        assert list((folder / "scratch").iterdir()) == []
    (folder / "scratch").mkdir(exist_ok=True)
    with socket.socket() as probe:
        assert probe.connect_ex(("127.0.0.1", reported["port"])) != 0


def children(pid: int) -> list[str]:
    return Path(f"/proc/{pid}/task/{pid}/children").read_text().split()


async def test_a_killed_supervisor_shows_as_an_end(folder: Path) -> None:
    async with running(plan(), folder) as server:
        pid = server.pid
        os.kill(parent(pid), signal.SIGKILL)
        await until(lambda: not server.alive)
        assert server.ended == "an unknown end: its supervisor was killed"
        await until(lambda: not alive(pid))
