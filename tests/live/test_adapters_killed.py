"""Every adapter when the harness is killed, with one instance that serves and one half-way through its start.

In the variant that it has where none is named; in all of them where WSGI_GAUNTLET_EVERY_VARIANT is set.
"""

from __future__ import annotations

import contextlib
import json
import os
import subprocess
import sys
import time
from pathlib import Path

import pytest

from wsgi_gauntlet.harness.server.process import procfs

from ..helpers.adapter_names import defaults, names
from ..helpers.requirements import installed_plan
from ..helpers.script_server import alive

pytestmark = pytest.mark.live

PATIENCE = 60.0

HARNESS = """
import json, os, signal, sys, trio
from pathlib import Path
from wsgi_gauntlet.harness.server import instance as launch, planning

async def start(plan, ready):
    async with launch.running(plan, scratch=Path(sys.argv[3]), logs=Path(sys.argv[4])) as server:
        ready(server)
        await trio.sleep_forever()

async def main():
    plan = planning.plan(sys.argv[1], python=sys.argv[2])
    async with trio.open_nursery() as nursery:
        serving = []
        there = trio.Event()
        def ready(server):
            serving.append(server)
            there.set()
        nursery.start_soon(start, plan, ready)
        await there.wait()
        before = set(children())
        nursery.start_soon(start, plan, lambda server: None)
        while not (half := [each for pid in children() if pid not in before for each in below(pid)]):
            await trio.sleep(0.001)  # the supervisor has just started the server's first process
        pids = [*map(int, [*children(), *half]), *serving[0].processes()]
        reported = {"port": serving[0].address.tcp_port, "home": str(serving[0].folders[0]), "pids": pids}
        print(json.dumps(reported), flush=True)
        os.kill(os.getpid(), signal.SIGKILL)

def children():
    return below(os.getpid())

def below(pid):
    return Path(f"/proc/{pid}/task/{pid}/children").read_text().split()

trio.run(main)
"""


EVERY = bool(os.environ.get("WSGI_GAUNTLET_EVERY_VARIANT"))


@pytest.mark.parametrize("name", names() if EVERY else defaults())
def test_nothing_outlives_a_harness_that_is_killed(name: str, folder: Path) -> None:
    scratch = folder / "scratch"
    python = installed_plan(name).python
    argv = [sys.executable, "-c", HARNESS, name, python, str(scratch), str(folder / "logs")]
    done = subprocess.run(argv, capture_output=True, text=True, timeout=60, check=False)
    assert done.returncode == -9, done.stderr[-2000:]
    found = json.loads(done.stdout)
    assert Path(found["home"]).parent == scratch, "what is left would be looked for in the wrong place"

    def left() -> list[object]:
        # nginx writes its title over its environment, so it cannot be read; the pids of the others are unknown.
        known = [pid for pid in found["pids"] if alive(pid)]
        listening = procfs.listening_inodes(found["port"]) if found["port"] else ()
        return [*known, *reported(scratch), *listening, *(each for each in [scratch] if each.exists())]

    deadline = time.monotonic() + PATIENCE
    while remains := left():
        assert time.monotonic() < deadline, remains
        time.sleep(0.01)


def reported(scratch: Path) -> list[str]:
    """Return the command lines of all processes that know `scratch`: TMPDIR is there."""
    found = []
    for entry in Path("/proc").iterdir():
        with contextlib.suppress(OSError):
            if entry.name.isdigit() and os.fsencode(scratch) in (entry / "environ").read_bytes():
                found.append((entry / "cmdline").read_text())
    return found
