"""Every adapter in every variant: it starts, serves the reference app, stops, and leaves nothing. New files in servers/
are tested by being there."""

from __future__ import annotations

import os
import shutil
import time
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from tempfile import TemporaryDirectory

import pytest
import trio

from wsgi_gauntlet.harness import launch, planning
from wsgi_gauntlet.harness.adapter import Found, Settings
from wsgi_gauntlet.harness.errors import ServerDidNotStart, Unsupported
from wsgi_gauntlet.harness.launch import Running
from wsgi_gauntlet.harness.launching import processes
from wsgi_gauntlet.harness.launching.ownapp import behind_control
from wsgi_gauntlet.harness.launching.plan import Plan
from wsgi_gauntlet.harness.launching.ready import State, ask
from wsgi_gauntlet.harness.model import AppEvent
from wsgi_gauntlet.servers import nginx, uwsgi

from ..needed import absent, served
from .adapter_names import names

pytestmark = pytest.mark.live

PATIENCE = 20.0
STOPS_WITHIN = 5.0


@pytest.fixture
def folder() -> Iterator[Path]:
    """With a space in its path, and so in every path that a server is given."""
    with TemporaryDirectory(prefix="g -") as name:
        for each in ("scratch", "logs"):
            Path(name, each).mkdir()
        yield Path(name)


async def serve(plan: Plan, folder: Path) -> Running:
    """Start it, ask it, stop it, see that nothing is left, and return what it was."""
    async with launch.running(plan, scratch=folder / "scratch", logs=folder / "logs") as server:
        for _ in range(2):  # a server that is stuck after its first client is not ready
            answer = await ask(server.address, f"{server.settings.mount}/nonce", server.nonce)
            assert answer.state is State.READY
        # The process of a CGI script ends with its answer, as that of a server which forks for each request.
        assert answer.pid in server.processes() or str(server.conditions["workers"]).startswith("one a request")
        assert server.alive
        assert {"workers", "threads"} & set(server.conditions)
        assert server.conditions["python"]
        seen, port = server.processes(), server.address.port
        event = await echoed(server)
        assert event.detail["environ"]["PATH_INFO"] == "/echo"
        assert event.detail["environ"].get("SCRIPT_NAME", "") == server.settings.mount
        begun = time.monotonic()
    assert time.monotonic() - begun < STOPS_WITHIN
    assert [pid for pid in seen if os.path.exists(f"/proc/{pid}")] == []  # noqa: PTH110, ASYNC240 - no disk behind it
    assert not port or processes.listening_inodes(port) == set()
    assert os.listdir(folder / "scratch") == []  # noqa: PTH208 - likewise
    return server


async def echoed(server: Running) -> AppEvent:
    await ask(server.address, f"{server.settings.mount}/echo?t=it", "")
    with trio.fail_after(PATIENCE):
        return await server.channel.wait(0, lambda each: each.kind == "called" and each.token == "it")


@pytest.mark.parametrize("name", names())
async def test_it_serves_over_tcp(name: str, folder: Path) -> None:
    server = await serve(served(name), folder)
    assert server.name == name


async def refusal(plan: Plan, folder: Path) -> str:
    """Serve it, or return why it has no way to."""
    try:
        await serve(plan, folder)
    except Unsupported as reason:
        return str(reason)
    return ""


@pytest.mark.parametrize("name", names())
async def test_it_serves_over_a_unix_socket_where_it_can(name: str, folder: Path) -> None:
    plan = served(name)
    refused = await refusal(replace(plan, unix=True), folder)
    assert not refused or "socket" in refused


@pytest.mark.parametrize("name", names())
async def test_it_mounts_the_app_where_it_can(name: str, folder: Path) -> None:
    plan = served(name)
    plan = replace(plan, settings=replace(plan.settings, mount="/mounted"))
    if plan.upstream is not None:
        plan = replace(plan, upstream=replace(plan.upstream, settings=plan.settings))
    refused = await refusal(plan, folder)
    assert not refused or "mount" in refused


@pytest.mark.parametrize("name", names())
async def test_on_ipv6_it_serves_and_reloads_where_it_can(name: str, folder: Path) -> None:
    plan = served(name)
    upstream = replace(plan.upstream, host="::1") if plan.upstream else None
    plan = replace(plan, host="::1", upstream=upstream)
    async with launch.running(plan, scratch=folder / "scratch", logs=folder / "logs") as server:
        assert server.address.door or server.address.host == "::1"
        before = server.processes()
        try:
            await server.reload()
        except Unsupported:
            return
        assert server.alive
        with trio.fail_after(PATIENCE):  # those that reload without a gap go on answering from the old ones meanwhile
            while (await ask(server.address, "/nonce", server.nonce)).pid in before:  # noqa: ASYNC110 - nothing tells
                await trio.sleep(0.05)


@pytest.mark.parametrize(
    ("name", "settings", "count"),
    [
        ("gunicorn:sync", Settings(workers=2, timeout=9, backlog=16), 3),
        ("gunicorn:gthread", Settings(workers=2, threads=3, keep_alive=1), 3),
        ("uwsgi:http-socket", Settings(workers=2, threads=2, timeout=9, backlog=16), 3),
        ("uwsgi:http", Settings(workers=2, keep_alive=3), 4),
        ("waitress", Settings(threads=1, keep_alive=5, backlog=16), 1),
        ("werkzeug:single", Settings(workers=1, threads=1), 1),
        ("nginx:tcp+gunicorn", Settings(workers=2, keep_alive=3, timeout=9, backlog=16), 5),
    ],
)
async def test_settings_reach_the_server(name: str, settings: Settings, count: int, folder: Path) -> None:
    plan = replace(served(name), settings=settings)
    async with launch.running(plan, scratch=folder / "scratch", logs=folder / "logs") as server:
        with trio.fail_after(PATIENCE):
            while len(server.processes()) < count:  # noqa: ASYNC110 - a fork sets no event
                await trio.sleep(0.01)
        assert len(server.processes()) == count
        assert (await ask(server.address, "/nonce", server.nonce)).state is State.READY


@pytest.mark.parametrize(
    "name", ["uwsgi:http-socket", "uwsgi:http", "nginx:uwsgi_pass+uwsgi:http-socket", "nginx:tcp+uwsgi:http-socket"]
)
async def test_debians_own_serve_as_well(name: str, folder: Path) -> None:
    plan = served(name)
    for part in filter(None, (plan, plan.upstream)):
        executable = shutil.which(part.adapter.name, path="/usr/bin:/usr/sbin")
        if executable is None:
            absent(f"Debian's {part.adapter.name} is not installed")
        asked = uwsgi.command_version if part.adapter.name == "uwsgi" else nginx.command_version
        found = Found(version=asked(str(executable)), executable=str(executable))
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
async def test_an_app_that_fails_at_start_is_one_line(name: str, folder: Path) -> None:
    (folder / "broken.py").write_text("raise RuntimeError('not today')\n")
    # Those that root starts as an ordinary user are to find the app as well.
    folder.chmod(0o755)  # noqa: ASYNC240 - no disk behind it
    # Apache starts all the same and answers 500; behind the control paths that is told from an app's own answer.
    plan = behind_control(replace(served(name), app="broken:application", app_path=folder))
    with pytest.raises(ServerDidNotStart) as raised:
        # One that tries again for ever takes all the time that it is given.
        async with launch.running(plan, scratch=folder / "scratch", logs=folder / "logs", deadline=8):
            pass
    assert "not today" in str(raised.value)
    assert "\n" not in str(raised.value)
