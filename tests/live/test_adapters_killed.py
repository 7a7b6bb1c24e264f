"""Every adapter when the harness is killed, with one instance that serves and one half-way through its start."""

from __future__ import annotations

import contextlib
import os
import subprocess
import sys
import time
from pathlib import Path

import pytest

from wsgi_gauntlet.harness.launching import processes

from ..needed import served
from .adapter_names import defaults

pytestmark = pytest.mark.live

PATIENCE = 20.0

HARNESS = """
import os, signal, sys, trio
from pathlib import Path
from wsgi_gauntlet.harness import launch, planning

async def start(plan, ready):
    async with launch.running(plan, scratch=Path(sys.argv[3]), logs=Path(sys.argv[4])) as server:
        ready(server)
        await trio.sleep_forever()

async def main():
    plan = planning.plan(sys.argv[1], python=sys.argv[2])
    async with trio.open_nursery() as nursery:
        serving = trio.Event()
        def ready(server):
            print(server.address.tcp_port, flush=True)
            serving.set()
        nursery.start_soon(start, plan, ready)
        await serving.wait()
        before = set(children())
        nursery.start_soon(start, plan, lambda server: None)
        while not [pid for pid in children() if pid not in before and below(pid)]:
            await trio.sleep(0.001)  # the supervisor has just started the server's first process
        os.kill(os.getpid(), signal.SIGKILL)

def children():
    return below(os.getpid())

def below(pid):
    return Path(f"/proc/{pid}/task/{pid}/children").read_text().split()

trio.run(main)
"""


@pytest.mark.parametrize("name", defaults())
def test_nothing_outlives_a_harness_that_is_killed(name: str, folder: Path) -> None:
    scratch = folder / "scr atch"
    scratch.mkdir()
    python = served(name).python
    argv = [sys.executable, "-c", HARNESS, name, python, str(scratch), str(folder / "logs")]
    done = subprocess.run(argv, capture_output=True, text=True, timeout=60, check=False)
    assert done.returncode == -9, done.stderr[-2000:]
    port = int(done.stdout)
    deadline = time.monotonic() + PATIENCE
    while told(scratch) or scratch.exists():
        assert time.monotonic() < deadline, (told(scratch), list(scratch.rglob("*")))
        time.sleep(0.01)
    assert not port or processes.listening_inodes(port) == set()


def told(scratch: Path) -> list[str]:
    """Return the command lines of all processes that were told of `scratch`: TMPDIR is there."""
    found = []
    for entry in Path("/proc").iterdir():
        with contextlib.suppress(OSError):
            if entry.name.isdigit() and os.fsencode(scratch) in (entry / "environ").read_bytes():
                found.append((entry / "cmdline").read_text())
    return found
