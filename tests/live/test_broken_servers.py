"""Launching servers that do everything wrong: each ends in one sentence, and leaves nothing."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
import trio

from wsgi_gauntlet.harness.errors import InstanceFilesDeleted, NotInstalled, StorageFull, Unsupported
from wsgi_gauntlet.harness.server import instance, readiness
from wsgi_gauntlet.harness.server.adapter import Command, Installation, Launch
from wsgi_gauntlet.harness.server.process.unprivileged_user import User

from ..helpers.script_server import PATIENCE, Script, alive, plan, refused, running, until

pytestmark = pytest.mark.live

DEADLINES = (0.5, 5.0, 30.0)
"""Seconds for the start of a server that never starts: more for a machine on which its program begins later."""


async def test_who_gave_up_root_cannot_enter_a_private_folder(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    class Unprivileged(Script):
        unprivileged_user = True

    monkeypatch.setattr(instance, "unprivileged_user", lambda: User(os.getuid(), os.getgid()))
    own = folder / "own"
    own.mkdir(mode=0o700)
    (own / "mine.py").write_text("application = None\n")
    said = await refused(plan(adapter=Unprivileged("serve()"), app="mine:application", app_path=own), folder)
    assert f"cannot enter {own} for the app: let others pass" in said


async def test_a_server_that_ignores_sigterm_is_killed(folder: Path) -> None:
    script = "import signal; signal.signal(signal.SIGTERM, signal.SIG_IGN); serve()"
    async with running(plan(script), folder) as server:
        pid = server.pid
    assert not alive(pid)


async def test_what_a_server_abandons_ends_with_it(folder: Path) -> None:
    script = (
        "import os, time\n"
        "if os.fork() == 0:\n"
        "    os.setsid()\n"
        "    if os.fork() == 0:\n"
        "        print('abandoned', os.getpid(), flush=True)\n"
        "        time.sleep(600)\n"
        "    os._exit(0)\n"
        "os.wait()\n"
        "serve()"
    )
    async with running(plan(script), folder) as server:
        await until(lambda: "abandoned" in server.log_since(0))
        pid = int(server.log_since(0).split("abandoned ")[1].split()[0])
        assert pid in server.processes()
    assert not alive(pid)


async def test_a_server_that_leaves_the_foreground_did_not_start(folder: Path) -> None:
    script = "import os, sys, time\nif os.fork(): os._exit(0)\ntime.sleep(600)"
    message = await refused(plan(script), folder)
    assert message == "script did not start: exit code 0 (a server must stay in the foreground), and logged nothing"


async def test_ten_megabytes_of_log_do_no_harm(folder: Path) -> None:
    script = "import sys\nfor _ in range(10_000): sys.stderr.write('x' * 1023 + '\\n')\nserve()"
    async with running(plan(script), folder) as server:
        assert 10_000_000 < server.log_position() < 17_000_000
        assert "bytes left out]" in server.log_since(0)
        assert len(server.log_since(0)) < 70_000


async def test_an_app_that_does_not_import_is_one_line(folder: Path) -> None:
    message = await refused(plan(app="nowhere:application"), folder)
    assert message == "script did not start: exit code 1: ModuleNotFoundError: No module named 'nowhere'"


async def test_a_server_that_crashes_at_start_names_its_signal(folder: Path) -> None:
    message = await refused(plan("import os; os.kill(os.getpid(), 11)"), folder)
    assert message == "script did not start: signal SIGSEGV, and logged nothing"


async def test_a_server_that_never_listens_is_given_up(folder: Path) -> None:
    for deadline in DEADLINES:
        message = await refused(
            plan("import time; print('waiting', flush=True); time.sleep(600)"), folder, deadline=deadline
        )
        if message.endswith("waiting"):
            break
    assert message == f"script did not start: it accepted no connection for {deadline:g} s: waiting"


async def test_a_server_that_never_answers_is_given_up(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("wsgi_gauntlet.harness.server.readiness.PROBE_TIMEOUT", 0.1)
    script = "import socket, time; s = socket.create_server((sys.argv[1], int(sys.argv[2]))); time.sleep(600)"
    for deadline in DEADLINES:
        message = await refused(plan(script), folder, deadline=deadline)
        if "accepted no connection" not in message:
            break
    assert message.startswith(f"script did not start: it accepted a connection and said nothing for {deadline:g} s")


async def test_a_server_that_answers_garbage_is_given_up(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(readiness, "WRONG_RESPONSE_TIMEOUT", 0.1)
    script = (
        "import socket\n"
        "s = socket.create_server((sys.argv[1], int(sys.argv[2])))\n"
        "while True:\n"
        "    c, _ = s.accept(); c.recv(9999); c.sendall(b'\\0\\xffgarbage'); c.close()"
    )
    message = await refused(plan(script), folder)
    assert "did not serve the app: the response to GET /nonce was '\\x00ÿgarbage'" in message


async def test_a_command_that_cannot_be_run_is_said_so(folder: Path) -> None:
    message = await refused(plan(python="/nonexistent/python"), folder)
    assert "No such file" in message


async def test_a_server_that_is_not_here_says_how_to_get_it(folder: Path) -> None:
    with pytest.raises(NotInstalled, match="script: it is not here; get it with: get-it"):
        async with running(plan(found=Installation(why="it is not here", get="get-it")), folder):
            pass


async def test_what_the_adapter_has_no_option_for_is_unsupported(folder: Path) -> None:
    class Without(Script):
        def command(self, _: Launch) -> Command:
            raise Unsupported("no such option")

    with pytest.raises(Unsupported, match="no such option"):
        async with running(plan(adapter=Without("")), folder):
            pass


@pytest.mark.parametrize("scratch", ["missing/scratch", "file"])
async def test_a_folder_that_cannot_be_made_is_said_so(scratch: str, folder: Path) -> None:
    (folder / "file").touch()
    with pytest.raises(StorageFull, match="TMPDIR"):
        async with instance.running(plan(), scratch=folder / scratch, logs=folder / "logs"):
            pass


@pytest.mark.parametrize("step", ["create_log_file", "create_app_path", "write_launch_files", "start_command"])
async def test_files_that_go_while_it_starts_are_said_so(
    step: str, folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    original = getattr(instance, step)

    def beaten(*positional: Any, **named: Any) -> Any:
        for home in (folder / "scratch").iterdir():
            shutil.rmtree(home)
        return original(*positional, **named)

    monkeypatch.setattr(instance, step, beaten)
    with pytest.raises(InstanceFilesDeleted, match="were deleted while it started"):
        async with running(plan(), folder):
            pass


async def test_a_log_that_cannot_be_written_is_said_so(folder: Path) -> None:
    with pytest.raises(StorageFull, match="No such file or directory"):
        async with instance.running(plan(), scratch=folder / "scratch", logs=folder / "missing"):
            pass


@pytest.mark.parametrize("room", [0, 8, 20, 26])
def test_a_machine_without_descriptors_is_no_fault_of_the_server(folder: Path, room: int) -> None:
    """In a process of its own, which then has only so many left."""
    argv = [sys.executable, "-c", STARVED, str(folder / "scratch"), str(folder / "logs"), str(room)]
    done = subprocess.run(argv, capture_output=True, text=True, timeout=PATIENCE, check=False)
    assert done.stdout.startswith(("OutOfResources", "it runs")), done.stderr[-2000:]


STARVED = """
import os, resource, sys, trio
from pathlib import Path
from wsgi_gauntlet.harness.server import instance as launch
from wsgi_gauntlet.harness.server.adapter import Settings
from wsgi_gauntlet.harness.server.plan import Plan
from wsgi_gauntlet.harness.errors import GauntletError
from wsgi_gauntlet.servers.wsgiref import ADAPTER

async def main():
    plan = Plan("wsgiref", ADAPTER, ADAPTER.find(sys.executable), "", Settings(), sys.executable)
    lowest = os.dup(0)
    os.close(lowest)
    resource.setrlimit(resource.RLIMIT_NOFILE, (lowest + int(sys.argv[3]), 4096))
    try:
        async with launch.running(plan, scratch=Path(sys.argv[1]), logs=Path(sys.argv[2])):
            print("it runs")
    except GauntletError as error:
        print(type(error).__name__, error)

trio.run(main)
"""


async def test_what_the_block_raises_comes_out_as_it_is(folder: Path) -> None:
    with pytest.raises(KeyError, match="mine"):
        async with running(plan(), folder):
            raise KeyError("mine")


@pytest.mark.parametrize("after", [0.0, 0.02, 0.05, 0.08, 0.12])
async def test_giving_up_at_any_moment_of_a_start_leaves_what_is_others_alone(folder: Path, after: float) -> None:
    with trio.move_on_after(after):
        async with running(plan("import time; time.sleep(600)"), folder):
            pass
    # The run's other servers have their folders in it.
    assert (folder / "scratch").is_dir()
    assert list((folder / "scratch").iterdir()) == []


async def test_giving_up_in_the_middle_of_a_start_leaves_nothing(folder: Path) -> None:
    with trio.move_on_after(0.3) as scope:
        async with running(plan("import time; time.sleep(600)"), folder):
            pass
    assert scope.cancelled_caught
