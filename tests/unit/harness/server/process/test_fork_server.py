"""A server that is forked from a process with its modules is what the interpreter would have started."""

from __future__ import annotations

import json
import os
import signal
import sys
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import psutil
import pytest
import trio

from wsgi_gauntlet.harness.server.process import fork_server
from wsgi_gauntlet.harness.server.process.fork_server import ForkServers, Preload
from wsgi_gauntlet.harness.server.process.procfs import descendant_pids
from wsgi_gauntlet.harness.server.process.supervised_process import Fork, Remains, SupervisedProcess

PATIENCE = 60.0


@pytest.fixture
def before() -> set[int]:
    """The processes below this one: other tests of the same process of pytest may have left programs that wait."""
    return set(descendant_pids(os.getpid()))


REPORT = """
import json, os, random, signal, sys, tempfile, threading

def annotated(x: int): pass

print(json.dumps({
    "argv": [sys.argv, sys.orig_argv, sys.executable, sys.flags],
    "path": sys.path,
    "environment": dict(os.environ),
    "folders": [os.getcwd(), tempfile.gettempdir()],
    "signals": {each: repr(signal.getsignal(each)).partition(" at ")[0] for each in sorted(signal.valid_signals())},
    "mask": sorted(signal.pthread_sigmask(signal.SIG_BLOCK, ())),
    "descriptors": len(os.listdir("/proc/self/fd")),
    "streams": [(repr(each), each.seekable(), each.line_buffering) for each in (sys.stdin, sys.stdout, sys.stderr)],
    "input": sys.stdin.read(),
    "main": [__name__, os.path.basename(__file__), __spec__ and __spec__.name],
    "module": sys.modules["__main__"].__dict__ is globals(),
    "loader": type(__loader__).__name__,
    "annotations": repr(annotated.__annotations__),
    "modules": [name for name in ("supervisor", "fork_server_main") if name in sys.modules],
    "leads": os.getsid(0) == os.getpgid(0) == os.getpid(),
    "threads": threading.active_count(),
    "umask": os.umask(0),
}), flush=True)
{then}
"""


@asynccontextmanager
async def started(
    folder: Path, argv: Sequence[str], fork: Fork | None = None, **environment: str
) -> AsyncIterator[SupervisedProcess]:
    for name in ("home", "path", "temporary"):
        (folder / name).mkdir(exist_ok=True)
    (folder / "log").unlink(missing_ok=True)
    server = await SupervisedProcess.start(
        argv,
        environment={
            "PYTHONPATH": f"{folder}/path:{folder}",
            "PYTHONUNBUFFERED": "1",
            "TMPDIR": f"{folder}/temporary",
            **environment,
        },
        folder=folder / "home",
        log=folder / "log",
        remains=Remains(folder / "home"),
        fork=fork,
    )
    try:
        yield server
    finally:
        await server.stop(signal.SIGTERM, 0)


async def report_of(folder: Path, argv: Sequence[str], fork: Fork | None = None) -> tuple[dict[str, Any], str]:
    """Return what the program says of its process, and how it ended."""
    with trio.fail_after(PATIENCE):
        async with started(folder, argv, fork, PROVES="is in the environment") as server:
            await server.wait_ended()
            return json.loads((folder / "log").read_text().splitlines()[0]), server.ended


def preload(folder: Path, *modules: str) -> Preload:
    """Return what a fork server of programs in `folder` has ready; `tempfile` knows its folder before the fork."""
    (folder / "knows_too_early.py").write_text("import tempfile; tempfile.gettempdir()")
    environment = {"PYTHONPATH": str(folder), "PYTHONUNBUFFERED": "1", "OF_THE_FORK_SERVER": "alone"}
    return Preload(sys.executable, ("knows_too_early", *modules), tuple(environment.items()))


@pytest.mark.parametrize("argv", [("-m", "report", "an", "argument"), ("report.py", "an", "argument")])
async def test_a_fork_is_what_the_interpreter_would_have_started(tmp_path: Path, argv: tuple[str, ...]) -> None:
    (tmp_path / "home").mkdir()
    (tmp_path / "home" / "report.py").write_text(REPORT.replace("{then}", "sys.exit(3)"))
    command = (sys.executable, *argv)
    with ForkServers.open() as servers:
        forked, end = await report_of(tmp_path, command, Fork(servers, preload(tmp_path)))
    plain, plain_end = await report_of(tmp_path, command)
    assert forked == plain
    assert end == plain_end == "exit code 3"
    assert forked["environment"]["PROVES"] == "is in the environment"


async def test_a_fork_has_the_modules_already(tmp_path: Path) -> None:
    (tmp_path / "home").mkdir()
    (tmp_path / "counted.py").write_text("import os; open(os.environ['COUNT'], 'a').write('imported ')")
    (tmp_path / "home" / "server.py").write_text("import counted, os; print(os.getpid(), os.getppid(), flush=True)")
    count = tmp_path / "count"
    ready = preload(tmp_path, "counted")
    ready = Preload(ready.python, ready.modules, (*ready.environment, ("COUNT", str(count))))
    with ForkServers.open() as servers:
        for _ in range(3):
            async with started(tmp_path, [sys.executable, "server.py"], Fork(servers, ready)) as server:
                await server.wait_ended()
                pid, parent = map(int, (tmp_path / "log").read_text().split())
                assert pid == server.pid
                assert parent not in (os.getpid(), pid)
    assert count.read_text() == "imported "


async def test_each_seeds_its_own_random_numbers(tmp_path: Path) -> None:
    (tmp_path / "home").mkdir()
    (tmp_path / "home" / "server.py").write_text("import random; print(random.random(), flush=True)")
    numbers = set()
    with ForkServers.open() as servers:
        for _ in range(3):
            async with started(
                tmp_path, [sys.executable, "server.py"], Fork(servers, preload(tmp_path, "random"))
            ) as server:
                await server.wait_ended()
                numbers.add((tmp_path / "log").read_text())
    assert len(numbers) == 3


async def test_a_traceback_is_in_the_log(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "home").mkdir()
    (tmp_path / "home" / "server.py").write_text("raise RuntimeError('it has no configuration')")
    monkeypatch.chdir(tmp_path)
    with ForkServers.open() as servers:
        fork = Fork(servers, preload(tmp_path))
        async with started(Path(), [sys.executable, "server.py"], fork) as server:  # as with --out FOLDER
            await server.wait_ended()
            assert server.ended == "exit code 1"
    assert "RuntimeError: it has no configuration" in (tmp_path / "log").read_text()


WAITING = "import os, time; print(os.getpid(), flush=True); time.sleep(600)"


@pytest.mark.parametrize("modules", [("no_such_module",), ("ends",), ("hangs",)])
async def test_without_a_fork_server_the_interpreter_starts_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, modules: tuple[str, ...], before: set[int]
) -> None:
    (tmp_path / "home").mkdir()
    (tmp_path / "home" / "server.py").write_text(WAITING)
    (tmp_path / "ends.py").write_text("import os; os._exit(0)")
    (tmp_path / "hangs.py").write_text("import time; time.sleep(600)")
    monkeypatch.setattr(fork_server, "FORK_SECONDS", 0.2 if modules == ("hangs",) else PATIENCE)
    with ForkServers.open() as servers:
        for _ in range(2):
            fork = Fork(servers, preload(tmp_path, *modules))
            async with started(tmp_path, [sys.executable, "server.py"], fork) as server:
                assert psutil.Process(server.pid).cmdline()[-1] == "server.py"
    assert set(descendant_pids(os.getpid())) == before


async def test_the_end_of_a_fork_server_ends_no_server(tmp_path: Path, before: set[int]) -> None:
    (tmp_path / "home").mkdir()
    (tmp_path / "home" / "server.py").write_text(WAITING)
    with ForkServers.open() as servers:
        fork = Fork(servers, preload(tmp_path))
        async with started(tmp_path, [sys.executable, "server.py"], fork) as server:
            (found,) = [
                each
                for each in psutil.Process().children()
                if fork_server.MAIN.name in " ".join(each.cmdline()) and server.pid not in descendant_pids(each.pid)
            ]
            found.kill()
            found.wait()
            assert server.ended == ""
            (tmp_path / "other").mkdir()
            (tmp_path / "other" / "home").mkdir()
            (tmp_path / "other" / "home" / "server.py").write_text(WAITING)
            async with started(tmp_path / "other", [sys.executable, "server.py"], fork) as another:
                assert psutil.Process(another.pid).cmdline()[-1] == "server.py"
            assert server.ended == ""
    assert set(descendant_pids(os.getpid())) == before


async def test_a_supervisor_alone_is_forked(tmp_path: Path, before: set[int]) -> None:
    with ForkServers.open() as servers:
        argv = [sys.executable, "-c", WAITING]
        async with started(tmp_path, argv, Fork(servers, Preload())) as server:
            assert psutil.Process(server.pid).cmdline() == argv
            supervisor = psutil.Process(server.pid).parent()
            assert supervisor is not None
            assert fork_server.MAIN.name in " ".join(supervisor.cmdline())
        assert server.ended
    assert set(descendant_pids(os.getpid())) == before
