"""What the tests of launching share: servers of a few lines, and that nothing of them is left."""

from __future__ import annotations

import signal
import sys
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import replace
from pathlib import Path

import pytest
import trio

from wsgi_gauntlet.harness.errors import ServerDidNotStart
from wsgi_gauntlet.harness.server import instance
from wsgi_gauntlet.harness.server.adapter import Adapter, Command, Installation, Launch, Settings
from wsgi_gauntlet.harness.server.instance import ServerInstance
from wsgi_gauntlet.harness.server.plan import Plan

PATIENCE = 60.0

GOOD = """
import importlib, socketserver, sys
from wsgiref.simple_server import WSGIServer, make_server
module, _, attribute = sys.argv[3].partition(":")
application = getattr(importlib.import_module(module), attribute)
class Server(socketserver.ThreadingMixIn, WSGIServer): daemon_threads = True
def serve(): make_server(sys.argv[1], int(sys.argv[2]), application, Server).serve_forever()
"""


class Script(Adapter):
    """A server that is a few lines of Python; `serve()` in them is a good server."""

    name = "script"
    title = "a script"

    def __init__(self, script: str) -> None:
        self.script = script

    def command(self, instance: Launch) -> Command:
        argv = (instance.python, "s.py", instance.address.host, str(instance.address.port), instance.app)
        return Command(argv, files={"s.py": GOOD + self.script}, reload_signal=signal.SIGHUP)


def plan(script: str = "serve()", **changed: object) -> Plan:
    adapter = Script(script)
    found = Installation(version="1", executable=sys.executable)
    return replace(Plan("script", adapter, found, "", Settings(), sys.executable), **changed)  # type: ignore[arg-type]


@asynccontextmanager
async def running(
    plan: Plan, folder: Path, *, observe: bool = True, deadline: float = 15.0
) -> AsyncIterator[ServerInstance]:
    """Run it, and see that nothing of it is left afterwards."""
    seen: list[int] = []
    try:
        async with instance.running(
            plan, scratch=folder / "scratch", logs=folder / "logs", observe=observe, deadline=deadline
        ) as server:
            yield server
            seen += server.processes()
    finally:
        assert list((folder / "scratch").iterdir()) == []
        assert not [pid for pid in seen if alive(pid)]


async def refused(plan: Plan, folder: Path, deadline: float = 15.0) -> str:
    """Return why it did not start."""
    with pytest.raises(ServerDidNotStart) as raised:
        async with running(plan, folder, deadline=deadline):
            pass
    message = str(raised.value)
    assert "\n" not in message
    return message


def still_there(path: Path) -> bool:
    return path.exists()


def parent(pid: int) -> int:
    return int(Path("/proc", str(pid), "stat").read_text().rpartition(")")[2].split()[1])


def alive(pid: int) -> bool:
    try:
        return Path("/proc", str(pid), "stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except OSError:
        return False


async def until(condition: Callable[[], object]) -> None:
    with trio.fail_after(PATIENCE):
        while not condition():  # noqa: ASYNC110 - processes and files set no trio event
            await trio.sleep(0.01)


@asynccontextmanager
async def running_quietly(plan: Plan, folder: Path) -> AsyncIterator[ServerInstance]:
    async with instance.running(plan, scratch=folder / "scratch", logs=folder / "logs") as server:
        yield server
