"""Request handlers called without a socket: what an app does there stays in the server's process."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from tempfile import TemporaryDirectory

import pytest
import trio

from wsgi_gauntlet.harness import registry
from wsgi_gauntlet.harness.conformance.attempt import attempt, is_responding
from wsgi_gauntlet.harness.conformance.runner import apply_setup
from wsgi_gauntlet.harness.errors import Unsupported
from wsgi_gauntlet.harness.http.connection import Connection, Transcript
from wsgi_gauntlet.harness.http.parser import ConnectionState
from wsgi_gauntlet.harness.model import Setup, Verdict
from wsgi_gauntlet.harness.server import instance, planning
from wsgi_gauntlet.harness.server.plan import Plan

from ..helpers.requirements import installed
from ..helpers.scenario_runs import make_context

pytestmark = pytest.mark.live

ASK = b"GET /%s HTTP/1.1\r\nHost: x\r\n\r\n"

HOSTILE = """\
import os, time

def application(environ, start_response):
    what = environ["PATH_INFO"]
    if what == "/exit":
        os._exit(3)
    if what == "/close-all":
        os.closerange(3, 100)
    if what == "/hang":
        while True:
            time.sleep(1)
    start_response("200 OK", [("Content-Length", "2")])
    return [b"ok"]
"""

NAMES = ["wsgiref:in-process", "werkzeug:in-process"]


@pytest.fixture
def folder() -> Iterator[Path]:
    with TemporaryDirectory(prefix="g-") as name:
        for each in ("scratch", "logs"):
            (Path(name) / each).mkdir()
        (Path(name) / "hostile.py").write_text(HOSTILE)
        yield Path(name)


def starting(plan: Plan, folder: Path) -> Plan:
    return replace(plan, app="hostile:application", app_path=folder)


@pytest.mark.parametrize("name", NAMES)
async def test_cases_run_as_they_do_over_a_socket(name: str, folder: Path) -> None:
    plan = planning.plan(name)
    async with instance.running(plan, scratch=folder / "scratch", logs=folder / "logs") as server:
        assert server.address.pipe_socket
        assert await is_responding(server)
        for case, verdict in [
            ("pep3333/environ/path-info/decoded", Verdict.PASS),  # events
            ("pep3333/close/on-client-gone", None),  # a barrier, and a client that goes
            ("http/limits/half-request-then-fin/line", None),  # a half-close
        ]:
            made = await attempt(registry.case(case), server)
            assert made.judgement.verdict is not Verdict.ERROR, made.judgement
            assert verdict in (None, made.judgement.verdict)
            assert await is_responding(server)


@pytest.mark.parametrize(("path", "ended"), [("exit", "exit code 3"), ("close-all", "")])
async def test_an_app_that_breaks_its_process_is_the_servers_end_and_not_the_harness_s(
    path: str, ended: str, folder: Path
) -> None:
    plan = starting(planning.plan("wsgiref:in-process"), folder)
    async with instance.running(plan, scratch=folder / "scratch", logs=folder / "logs") as server:
        connection = await Connection.open(server.address, Transcript())
        await connection.send(ASK % path.encode())
        assert await connection.ending() is ConnectionState.EOF
        assert await server.wait_for_end(30 if ended else 0.05) in (ended, "exit code 1")  # without its door it may end
        await connection.close()
        await server.restart(grace=0)
        connection = await Connection.open(server.address, Transcript())
        await connection.send(ASK % b"")
        assert (await connection.response()).status == 200
        await connection.close()


async def test_a_handler_that_hangs_is_ended_with_everything_else(folder: Path) -> None:
    plan = starting(planning.plan("wsgiref:in-process"), folder)
    with trio.fail_after(20):
        async with instance.running(plan, scratch=folder / "scratch", logs=folder / "logs") as server:
            connection = await Connection.open(server.address, Transcript())
            await connection.send(ASK % b"hang")
            assert (await connection.response(timeout=0.1)).status is None
            waiting = await Connection.open(server.address, Transcript())
            await waiting.send(ASK % b"")
            await server.stop(grace=0)
            assert await connection.ending() is ConnectionState.EOF
            assert await waiting.ending() is ConnectionState.EOF  # nobody took it
            for each in (connection, waiting):
                await each.close()
    assert list((folder / "scratch").iterdir()) == []


@pytest.mark.parametrize(
    ("setup", "why"),
    [
        (Setup(unix=True), "so it has no Unix socket"),
        (Setup(tls=True), "has no socket, so it has no TLS"),
        (Setup(workers=2), "has no option for more than one worker"),
    ],
)
async def test_what_makes_no_sense_without_a_socket(setup: Setup, why: str, folder: Path) -> None:
    for name in NAMES:
        plan = apply_setup(planning.plan(name), setup)
        with pytest.raises(Unsupported, match=why):
            async with instance.running(plan, scratch=folder / "scratch", logs=folder / "logs"):
                pass


async def test_a_front_and_load_need_a_socket(folder: Path) -> None:
    plan = installed(planning.plan("nginx+wsgiref:in-process"))
    with pytest.raises(Unsupported, match="no socket that the proxy could connect to"):
        async with instance.running(plan, scratch=folder / "scratch", logs=folder / "logs"):
            pass
    plan = planning.plan("wsgiref:in-process")
    ctx = make_context("classroom", plan, folder)
    with pytest.raises(Unsupported, match="has no socket"):
        async with ctx.server():
            pass
