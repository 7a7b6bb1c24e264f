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

from wsgi_gauntlet.harness import discover, launch, planning, processes
from wsgi_gauntlet.harness.adapter import Found, Settings
from wsgi_gauntlet.harness.errors import ServerDidNotStart, Unsupported
from wsgi_gauntlet.harness.launch import Running
from wsgi_gauntlet.harness.model import AppEvent
from wsgi_gauntlet.harness.plan import Plan
from wsgi_gauntlet.harness.ready import State, ask
from wsgi_gauntlet.servers import nginx, uwsgi

from ..needed import absent, served

pytestmark = pytest.mark.live

PATIENCE = 20.0
STOPS_WITHIN = 5.0


def names() -> list[str]:
    """Return every adapter in every variant; a front with a server behind it."""
    found = []
    for adapter in discover.adapters().values():
        if adapter.gone:
            continue
        for variant in adapter.variants or ("",):
            name = f"{adapter.name}:{variant}" if variant else adapter.name
            behind = "uwsgi" if variant.startswith("uwsgi") else "gunicorn"
            found.append(f"{name}+{behind}" if adapter.front else name)
    return [*found, "nginx+uwsgi"]


def here(name: str) -> Plan:
    """Return the plan for `name`; a server that is missing fails in CI and is skipped elsewhere."""
    return served(name)


def adapter(name: str) -> str:
    return name.partition(":")[0]


@pytest.fixture
def folder() -> Iterator[Path]:
    with TemporaryDirectory(prefix="g-") as name:
        for each in ("scratch", "logs"):
            Path(name, each).mkdir()
        yield Path(name)


async def serve(plan: Plan, folder: Path) -> Running:
    """Start it, ask it, stop it, see that nothing is left, and return what it was."""
    async with launch.running(plan, scratch=folder / "scratch", logs=folder / "logs") as server:
        for _ in range(2):  # a server that is stuck after its first client is not ready
            answer = await ask(server.address, f"{server.settings.mount}/nonce", server.nonce)
            assert answer.state is State.READY
        assert answer.pid in server.processes()
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
    server = await serve(here(name), folder)
    assert server.name == name


@pytest.mark.parametrize("name", names())
async def test_it_serves_over_a_unix_socket_where_it_can(name: str, folder: Path) -> None:
    refusal = ""
    try:
        await serve(replace(here(name), unix=True), folder)
    except Unsupported as reason:
        refusal = str(reason)
    assert refusal in ("", f"{adapter(name)} has no option for unix sockets", f"{name} has no socket of any kind")


@pytest.mark.parametrize("name", names())
async def test_it_mounts_the_app_where_it_can(name: str, folder: Path) -> None:
    plan = here(name)
    plan = replace(plan, settings=replace(plan.settings, mount="/mounted"))
    if plan.upstream is not None:
        plan = replace(plan, upstream=replace(plan.upstream, settings=plan.settings))
    refusal = ""
    try:
        await serve(plan, folder)
    except Unsupported as reason:
        refusal = str(reason)
    assert refusal in ("", f"{adapter(name)} has no option for mounting")


@pytest.mark.parametrize("name", names())
async def test_it_reloads_where_it_can(name: str, folder: Path) -> None:
    async with launch.running(here(name), scratch=folder / "scratch", logs=folder / "logs") as server:
        before = server.processes()
        try:
            await server.reload()
        except Unsupported:
            return
        assert server.alive
        assert (await echoed(server)).pid not in before


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
    plan = replace(here(name), settings=settings)
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
    plan = here(name)
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


async def test_an_app_that_fails_at_start_is_one_line_for_every_server(folder: Path) -> None:
    (folder / "broken.py").write_text("raise RuntimeError('not today')\n")
    for name in names():
        plan = here(name)
        if plan.upstream is not None:
            continue
        plan = replace(plan, app="broken:application", app_path=folder)
        with pytest.raises(ServerDidNotStart) as raised:
            await serve(plan, folder)
        assert "not today" in str(raised.value), name
        assert "\n" not in str(raised.value)
