"""Launching a good server: it runs, answers, restarts and leaves nothing."""

from __future__ import annotations

import os
import signal
import sys
from pathlib import Path

import pytest
import trio

from wsgi_gauntlet.harness.errors import ServerDidNotStart
from wsgi_gauntlet.harness.server import instance, planning
from wsgi_gauntlet.harness.server.process import procfs
from wsgi_gauntlet.harness.server.process.fork_server import ForkServers
from wsgi_gauntlet.harness.server.readiness import ReadinessState, probe_readiness

from ..helpers.requirements import installed
from ..helpers.script_server import PATIENCE, alive, plan, running, running_quietly, until

pytestmark = pytest.mark.live


async def test_a_good_server_runs_answers_and_leaves_nothing(folder: Path) -> None:
    async with running(plan(), folder) as server:
        assert server.alive
        assert server.ended == ""
        assert server.pid in server.processes()
        assert server.pid != os.getpid()
        assert os.getsid(server.pid) != os.getsid(0)
        assert (await probe_readiness(server.address, "/nonce", server.nonce)).state is ReadinessState.READY
        assert server.command_line.startswith(sys.executable)
        assert server.conditions["version"] == "1"
        assert server.history == [f"started as pid {server.pid} on {server.address}"]
        pid, port = server.pid, server.address.port
    assert not alive(pid)
    assert procfs.listening_inodes(port) == set()
    assert server.ended == "stopped"
    assert server.pid == 0
    assert server.conditions == {}


@pytest.mark.parametrize("forked", [True, False])
async def test_what_a_fork_server_started_is_killed_at_the_end(folder: Path, *, forked: bool) -> None:
    """Nobody looks at how an instance of a check ends. Another one ends in good order."""
    with ForkServers.open() as servers:
        async with instance.running(
            installed(planning.plan("gunicorn")),
            scratch=folder / "scratch",
            logs=folder / "logs",
            fork_servers=servers if forked else None,
        ) as server:
            processes = server.processes()
    assert not any(map(alive, processes))
    assert ("Shutting down: Master" in server._log.path.read_text()) is not forked


async def test_the_log_is_read_from_a_mark_and_noticed_to_grow(folder: Path) -> None:
    async with running(plan("print('hello', flush=True); serve()"), folder) as server:
        await until(lambda: "hello" in server.log_since(0))
        mark = server.log_position()
        await probe_readiness(server.address, "/echo?t=mark", "")
        await until(lambda: "t=mark" in server.log_since(mark))
        assert "hello" not in server.log_since(mark)
        await server.wait_for_log()
    assert "hello" in server._log.path.read_text()


async def test_the_app_reports_events_unless_it_is_not_observed(folder: Path) -> None:
    async with running(plan(), folder) as server:
        await probe_readiness(server.address, "/echo?t=token", "")
        with trio.fail_after(PATIENCE):
            event = await server.channel.wait(0, lambda each: each.token == "token")
        assert event.pid == server.pid
    async with running(plan(), folder, observe=False) as server:
        assert server.channel.environment == {}
        assert (await probe_readiness(server.address, "/echo?t=token", "")).data.startswith(b"HTTP/1.0 200")


async def test_the_servers_environment_is_clean(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("GUNICORN_CMD_ARGS", "--workers 9")
    monkeypatch.setenv("PYTHONWARNINGS", "error")
    script = "import os; print(sorted(os.environ), os.getcwd(), flush=True); serve()"
    async with running(plan(script, environment={"EXTRA": "1"}), folder) as server:
        await until(lambda: "HOME" in server.log_since(0))
        log = server.log_since(0)
    assert "'EXTRA'" in log
    assert "GUNICORN_CMD_ARGS" not in log
    assert "PYTHONWARNINGS" not in log
    assert str(folder / "scratch") in log


async def test_a_users_own_app_is_found_on_its_path_and_ready_with_any_answer(folder: Path) -> None:
    (folder / "own.py").write_text("def application(e, s):\n    s('404 Not Found', [])\n    return [b'mine']\n")
    async with running(plan(app="own:application", app_path=folder), folder) as server:
        assert b"mine" in (await probe_readiness(server.address, "/", "")).data


async def test_restarting_gives_a_fresh_process_under_the_same_name(folder: Path) -> None:
    async with running(plan(), folder) as server:
        before = server.pid
        os.kill(before, signal.SIGSEGV)
        await until(lambda: not server.alive)
        assert server.ended == "signal SIGSEGV"
        await server.restart()
        assert server.alive
        assert server.pid != before
        assert server.history[1] == "restarted (signal SIGSEGV)"
        await server.restart()
        assert server.history[3] == "restarted (it still ran)"


async def test_restarting_in_place_gives_a_fresh_process_on_the_same_port(folder: Path) -> None:
    async with running(plan(), folder) as server:
        before, address = server.pid, server.address
        await server.restart_in_place()
        assert server.pid != before
        assert not alive(before)
        assert server.address == address
        answer = await probe_readiness(address, "/nonce", server.nonce)
        assert (answer.state, answer.pid) == (ReadinessState.READY, server.pid)
        assert server.history[-1] == "stopped and started again in its place"
        os.kill(server.pid, signal.SIGKILL)
        await until(lambda: not server.alive)
        await server.restart_in_place()
        assert server.alive


async def test_a_front_goes_on_while_the_server_behind_it_is_restarted_in_place(folder: Path) -> None:
    async with running(installed(planning.plan("nginx:unix+waitress")), folder) as server:
        front, before = server.pid, set(server.processes())
        await server.restart_in_place()
        assert server.pid == front
        answer = await probe_readiness(server.address, "/nonce", server.nonce)
        assert answer.state is ReadinessState.READY
        assert answer.pid not in before


async def test_reloading_that_brings_no_new_process_is_said_so(folder: Path) -> None:
    script = "import signal; signal.signal(signal.SIGHUP, lambda *_: None); serve()"
    async with running(plan(script), folder) as server:
        server._deadline = 0.2
        with pytest.raises(ServerDidNotStart, match="did not load the app again"):
            await server.reload()


async def test_many_at_once_do_not_disturb_each_other(folder: Path) -> None:
    ports = []
    all_there = trio.Event()

    async def one() -> None:
        async with running_quietly(plan(), folder) as server:
            ports.append(server.address.port)
            assert (await probe_readiness(server.address, "/nonce", server.nonce)).state is ReadinessState.READY
            with trio.fail_after(PATIENCE):
                if len(ports) == 4:
                    all_there.set()
                await all_there.wait()

    async with trio.open_nursery() as nursery:
        for _ in range(4):
            nursery.start_soon(one)
    assert len(set(ports)) == 4
    assert len(list((folder / "logs").iterdir())) == 4
