"""Every adapter in every variant: it starts, serves the reference app, stops, and leaves nothing. New files in servers/
are tested by being there."""

from __future__ import annotations

import os
import shutil
import signal
import time
from collections.abc import Awaitable, Callable
from dataclasses import replace
from pathlib import Path

import pytest
import trio

from wsgi_gauntlet.harness.errors import ServerDidNotStart, Unsupported
from wsgi_gauntlet.harness.model import AppEvent
from wsgi_gauntlet.harness.server import instance, planning, readiness
from wsgi_gauntlet.harness.server.adapter import Installation, Settings
from wsgi_gauntlet.harness.server.instance import ServerInstance
from wsgi_gauntlet.harness.server.plan import Plan
from wsgi_gauntlet.harness.server.process import procfs
from wsgi_gauntlet.harness.server.readiness import ReadinessState, probe_readiness
from wsgi_gauntlet.harness.server.user_app import plan_with_control_paths
from wsgi_gauntlet.servers import nginx, uwsgi

from ..helpers.adapter_names import WITHOUT_MOUNTS, WITHOUT_UNIX_SOCKETS, names, reloads
from ..helpers.requirements import fail_or_skip, installed_plan

pytestmark = pytest.mark.live

PATIENCE = 60.0
WAKE_SECONDS = 5.0

FAILING_APP = "raise RuntimeError('not today')\n"

WITH_WSGI_PROCESSES = ("mod_wsgi:daemon", "mod_wsgi-express")
"""Servers whose app runs in processes that do not listen."""

DEADLINES = {"peregrine": 8.0}
"""Seconds for the start of an app that fails: one that tries again for ever takes all that it is given."""

FAILING_ONCE = f"""
import threading
from pathlib import Path

tried = Path(__file__).with_name("tried")
if tried.exists():
    threading.Event().wait()
tried.touch()
{FAILING_APP}"""
"""The app for a server that tries again for ever, which would compute all the time: at its second try it waits."""


async def nothing(_server: ServerInstance) -> None:
    pass


async def serve(
    plan: Plan, folder: Path, also: Callable[[ServerInstance], Awaitable[None]] = nothing
) -> ServerInstance:
    """Start it, ask it, do what `also` does, stop it, see that nothing is left, and return what it was."""
    async with instance.running(plan, scratch=folder / "scratch", logs=folder / "logs") as server:
        assert server.address.path or not plan.unix
        for _ in range(2):  # a server that is stuck after its first client is not ready
            answer = await probe_readiness(server.address, f"{server.settings.mount}/nonce", server.nonce)
            assert answer.state is ReadinessState.READY
        # The process of a CGI script ends with its answer, as that of a server which forks for each request.
        assert answer.pid in server.processes() or str(server.conditions["workers"]).startswith("one a request")
        assert server.alive
        assert {"workers", "threads"} & set(server.conditions)
        assert server.conditions["python"]
        event = await echoed(server)
        assert event.detail["environ"]["PATH_INFO"] == "/echo"
        assert event.detail["environ"].get("SCRIPT_NAME", "") == server.settings.mount
        seen, port = server.processes(), server.address.port
        await also(server)
        seen += server.processes()
        begun = time.monotonic()
        async with trio.open_nursery() as nursery:
            nursery.start_soon(wake, server)
            await server.stop(grace=PATIENCE)  # with the usual grace SIGKILL would end whoever ignores the signal
            nursery.cancel_scope.cancel()
        assert time.monotonic() - begun < PATIENCE
    assert [pid for pid in seen if os.path.exists(f"/proc/{pid}")] == []  # noqa: PTH110, ASYNC240 - no disk behind it
    assert not port or procfs.listening_inodes(port) == set()
    return server


async def wake(server: ServerInstance) -> None:
    """Connect every few seconds to a server that is asked to stop, and ask gevent again.

    Before gevent waits for events it looks for signals. One that comes between the two waits for the next event
    (gevent/libev/callbacks.c), and a busy machine makes that moment long.
    """
    while True:
        await trio.sleep(WAKE_SECONDS)
        if server.name.startswith("gevent"):
            server.send_signal(signal.SIGINT)
        await probe_readiness(server.address, "/", server.nonce)


async def echoed(server: ServerInstance) -> AppEvent:
    await probe_readiness(server.address, f"{server.settings.mount}/echo?t=it", "")
    with trio.fail_after(PATIENCE):
        return await server.channel.wait(0, lambda each: each.kind == "called" and each.token == "it")


@pytest.mark.parametrize("name", names())
async def test_it_serves_over_tcp(name: str, folder: Path) -> None:
    server = await serve(installed_plan(name), folder)
    assert server.name == name


def counted(server: ServerInstance) -> int:
    """Return the number of processes that the settings decide.

    Beside the processes of mod_wsgi, Apache has some of its own, and one more whenever too few of their threads are
    free. Only they listen.
    """
    processes = server.processes()
    if server.name not in WITH_WSGI_PROCESSES:
        return len(processes)
    return sum(not procfs.owns_port([each], server.address.port) for each in processes)


def mounted(plan: Plan) -> Plan:
    plan = replace(plan, settings=replace(plan.settings, mount="/mounted"))
    return replace(plan, upstream=replace(plan.upstream, settings=plan.settings)) if plan.upstream else plan


@pytest.mark.parametrize("name", [name for name in names() if name not in WITHOUT_UNIX_SOCKETS])
async def test_it_serves_over_a_unix_socket(name: str, folder: Path) -> None:
    await serve(replace(installed_plan(name), unix=True), folder)


@pytest.mark.parametrize("name", sorted(WITHOUT_UNIX_SOCKETS))
async def test_who_has_no_unix_socket_says_so(name: str, folder: Path) -> None:
    with pytest.raises(Unsupported, match="socket"):
        await serve(replace(installed_plan(name), unix=True), folder)


@pytest.mark.parametrize("name", sorted(WITHOUT_MOUNTS))
async def test_who_mounts_no_app_says_so(name: str, folder: Path) -> None:
    with pytest.raises(Unsupported, match="mount"):
        await serve(mounted(installed_plan(name)), folder)


@pytest.mark.parametrize("name", names())
async def test_on_ipv6_it_mounts_the_app_and_reloads_where_it_can(name: str, folder: Path) -> None:
    plan = installed_plan(name)
    upstream = replace(plan.upstream, host="::1") if plan.upstream else None
    plan = replace(plan, host="::1", upstream=upstream)

    async def reloaded(server: ServerInstance) -> None:
        async def ready() -> bool:
            return (
                await probe_readiness(server.address, f"{server.reference_app_path}/nonce", server.nonce)
            ).state is ReadinessState.READY

        assert server.address.pipe_socket or server.address.host == "::1"
        if not reloads(name):
            with pytest.raises(Unsupported, match="no signal that loads the app again"):
                await server.reload()
            return
        await server.reload()
        # One that is on its way out may still take a connection and close it.
        with trio.fail_after(PATIENCE):
            while not await ready():  # noqa: ASYNC110 - nothing tells
                await trio.sleep(0.01)

    await serve(plan if name in WITHOUT_MOUNTS else mounted(plan), folder, reloaded)


@pytest.mark.parametrize(
    ("name", "settings", "count"),
    [
        ("gunicorn:sync", Settings(workers=2, timeout=9, backlog=16), 3),
        ("gunicorn:gthread", Settings(workers=2, threads=3, keep_alive=1), 3),
        ("uwsgi:http-socket", Settings(workers=2, threads=2, timeout=9, backlog=16), 3),
        ("uwsgi:http", Settings(workers=2, keep_alive=3), 4),
        ("waitress", Settings(threads=1, keep_alive=5, backlog=16), 1),
        ("werkzeug:single", Settings(workers=1, threads=1), 1),
        ("nginx:tcp+gunicorn", Settings(workers=2, keep_alive=3.5, timeout=9.5, backlog=16), 5),
        ("apache:tcp+gunicorn", Settings(workers=2, threads=4, keep_alive=3.5, timeout=9.5, backlog=16), 5),
        ("lighttpd:tcp+gunicorn", Settings(workers=2, keep_alive=3.5, timeout=9.5, backlog=16), 5),
        # That these two have one process says little, that they serve that they know what they were given.
        ("haproxy:tcp+gunicorn", Settings(threads=2, keep_alive=3.5, timeout=9.5, backlog=16), 3),
        ("caddy:tcp+gunicorn", Settings(keep_alive=3.5, timeout=9.5), 3),
        ("mod_wsgi:daemon", Settings(workers=2, threads=3, keep_alive=3.5, timeout=9.5, backlog=16), 2),
        ("mod_wsgi:embedded", Settings(workers=2, threads=3, keep_alive=3.5, timeout=9.5, backlog=16), 3),
        ("mod_wsgi-express", Settings(workers=2, threads=3, keep_alive=3.5, timeout=9.5, backlog=16), 2),
        ("cgi:lighttpd", Settings(workers=2, keep_alive=3.5, timeout=9.5, backlog=16), 3),
        ("cgi:apache", Settings(workers=2, threads=3, keep_alive=3.5, timeout=9.5, backlog=16), 4),
    ],
)
async def test_settings_reach_the_server(name: str, settings: Settings, count: int, folder: Path) -> None:
    plan = replace(installed_plan(name), settings=settings)
    for _ in range(3):  # on a busy machine Apache may replace a process that came late, and stay at another number
        async with instance.running(plan, scratch=folder / "scratch", logs=folder / "logs") as server:
            with trio.move_on_after(PATIENCE / 3):
                while counted(server) != count:  # noqa: ASYNC110 - nothing tells a fork, nor a CGI script's end
                    await trio.sleep(0.01)
            found = counted(server)
            assert (await probe_readiness(server.address, "/nonce", server.nonce)).state is ReadinessState.READY
        if found == count:
            break
    assert found == count


@pytest.mark.parametrize(
    "name", ["uwsgi:http-socket", "uwsgi:http", "nginx:uwsgi_pass+uwsgi:http-socket", "nginx:tcp+uwsgi:http-socket"]
)
async def test_debians_own_serve_as_well(name: str, folder: Path) -> None:
    plan = installed_plan(name)
    for part in filter(None, (plan, plan.upstream)):
        executable = shutil.which(part.adapter.name, path="/usr/bin:/usr/sbin")
        if executable is None:
            fail_or_skip(f"Debian's {part.adapter.name} is not installed")
        asked = uwsgi.command_version if part.adapter.name == "uwsgi" else nginx.command_version
        found = Installation(version=asked(str(executable)), executable=str(executable))
        assert found.version
        plan = replace(plan, found=found) if part is plan or part.adapter is plan.adapter else plan
        if plan.upstream is not None and part.adapter is plan.upstream.adapter:
            plan = replace(plan, upstream=replace(plan.upstream, found=found))
    await serve(plan, folder)


@pytest.mark.parametrize(
    "template",
    [
        "{python} -m gunicorn --no-control-socket --bind {host}:{port} --workers {workers} {app}",
        "{python} -m waitress --unix-socket={socket} --threads={threads} {app}",
    ],
)
async def test_a_command_template_serves(template: str, folder: Path) -> None:
    await serve(planning.plan("mine", custom={"mine": template}), folder)


@pytest.mark.parametrize("name", [name for name in names() if "+" not in name])
async def test_an_app_that_fails_at_start_is_one_line(name: str, folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(readiness, "PROBE_INTERVAL", 0.1)  # some servers load the app again for each request
    (folder / "broken.py").write_text(FAILING_ONCE if name in DEADLINES else FAILING_APP)
    # Apache starts all the same and answers 500; behind the control paths that differs from an app's own response.
    plan = plan_with_control_paths(replace(installed_plan(name), app="broken:application", app_path=folder))
    deadline = DEADLINES.get(name, 15.0)
    with pytest.raises(ServerDidNotStart) as raised:
        async with instance.running(plan, scratch=folder / "scratch", logs=folder / "logs", deadline=deadline):
            pass
    assert "not today" in str(raised.value)
    assert "\n" not in str(raised.value)
