"""Each feature of nginx does what its word says, with the wheel's nginx and with the system's, and in odd places."""

from __future__ import annotations

import gzip
import os
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from dataclasses import replace
from pathlib import Path
from tempfile import TemporaryDirectory

import pytest
import trio

from wsgi_gauntlet.harness import registry
from wsgi_gauntlet.harness.errors import Unsupported
from wsgi_gauntlet.harness.http.http_connection import HttpConnection
from wsgi_gauntlet.harness.http.response import Response
from wsgi_gauntlet.harness.model import AppEvent, Verdict
from wsgi_gauntlet.harness.server import instance, planning
from wsgi_gauntlet.harness.server.adapter import distribution_version
from wsgi_gauntlet.harness.server.instance import ServerInstance
from wsgi_gauntlet.harness.server.plan import Plan
from wsgi_gauntlet.harness.server.readiness import probe_readiness
from wsgi_gauntlet.harness.server.static_files import STATIC_FILES, static_content
from wsgi_gauntlet.servers.nginx import command_version
from wsgi_gauntlet.suites.frameworks.parametrize import FRAMEWORKS

from ..helpers.requirements import SERVERS_PYTHON, fail_or_skip, installed, installed_plan, program
from ..helpers.runs import check_cases

pytestmark = pytest.mark.live

PATIENCE = 60.0
SYSTEMS = f"{os.environ.get('PATH', os.defpath)}:/usr/sbin:/usr/local/sbin"


@pytest.fixture(params=["the wheel", "the system's"])
def executable(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> str:
    """Return '' for the one that is found first, the wheel's, or the path of the system's, which is older."""
    monkeypatch.setenv("PATH", SYSTEMS)
    return "" if request.param == "the wheel" else program("nginx", package="nginx-light")


@pytest.fixture
def odd_folder() -> Iterator[Path]:
    """A folder whose path has everything that a configuration file could take for its own syntax, but for a $."""
    with TemporaryDirectory(prefix="g {;}'\\#") as name:
        for each in ("scratch", "logs"):
            Path(name, each).mkdir()
        yield Path(name)


def plan(name: str, executable: str = "") -> Plan:
    found = installed_plan(name)
    if executable:
        found = replace(found, found=replace(found.found, executable=executable, version=command_version(executable)))
    return found


@asynccontextmanager
async def running(plan: Plan, folder: Path) -> AsyncIterator[ServerInstance]:
    with trio.fail_after(PATIENCE):
        async with instance.running(plan, scratch=folder / "scratch", logs=folder / "logs") as server:
            yield server


async def get(server: ServerInstance, path: str, *fields: str) -> Response:
    link = await HttpConnection.open(server.address)
    try:
        lines = "".join(f"{each}\r\n" for each in (f"Host: {server.address.authority}", *fields))
        return await link.send_request(f"GET {path} HTTP/1.1\r\n{lines}Connection: close\r\n\r\n".encode())
    finally:
        link.close()


async def connected(server: ServerInstance) -> trio.SocketStream:
    return await trio.open_tcp_stream(server.address.host, server.address.port)


async def calls(server: ServerInstance, token: str) -> list[AppEvent]:
    """Return the app's calls with that token; all that were made before this is asked."""
    mark = f"after-{token}"
    await get(server, f"/echo?t={mark}")
    await server.channel.wait(0, lambda each: each.kind == "called" and each.token == mark)
    return [each for each in server.channel.since(0) if each.kind == "called" and each.token == token]


@pytest.mark.parametrize("name", ["nginx:tcp[unbuffered]+gunicorn", "nginx[unbuffered]+uwsgi"])
async def test_unbuffered_hands_on_what_there_is(name: str, executable: str, folder: Path) -> None:
    """Both ways: the app is called before the body has ended, and its first block arrives before the second is made."""
    async with running(plan(name, executable), folder) as server:
        async with await connected(server) as half:
            await half.send_all(b"POST /echo?t=half HTTP/1.1\r\nHost: x\r\nContent-Length: 9\r\n\r\nhalf")
            await server.channel.wait(0, lambda each: each.kind == "called" and each.token == "half")
        async with await connected(server) as slow:
            await slow.send_all(b"GET /stream?t=slow HTTP/1.1\r\nHost: x\r\n\r\n")
            seen = b""
            while b"block 1" not in seen:
                seen += await slow.receive_some()
            server.channel.release("slow:second")
            while b"block 2" not in seen:
                seen += await slow.receive_some()


async def test_buffered_the_app_is_called_once_the_body_is_there(executable: str, folder: Path) -> None:
    async with running(plan("nginx:tcp+gunicorn", executable), folder) as server:
        async with await connected(server) as half:
            await half.send_all(b"POST /echo?t=half HTTP/1.1\r\nHost: x\r\nContent-Length: 8\r\n\r\nhalf")
            assert await calls(server, "half") == []
            await half.send_all(b"half")
            assert (await half.receive_some()).startswith(b"HTTP/1.1 200 ")
            assert len(await calls(server, "half")) == 1
        whole = await get(server, "/page?n=x&size=3000000")
        assert (whole.complete, whole.length) == (True, 3_000_000)


@pytest.mark.parametrize("kept", [True, False])
async def test_connections_to_the_server_behind_are_kept(kept: bool, executable: str, folder: Path) -> None:
    # So long that no pause between two requests, however slow the machine, has the server behind close one.
    name = f"nginx:tcp{'[upstream-keep-alive]' if kept else ''}+gunicorn:gthread[keep-alive=30]"
    async with running(plan(name, executable), folder) as server:
        for token in "abc":
            await get(server, f"/echo?t={token}")
        seen = [(await calls(server, token))[0].detail["environ"] for token in "abc"]
        assert (len({each["REMOTE_PORT"] for each in seen}) == 1) is kept
        assert not kept or {each["SERVER_PROTOCOL"] for each in seen} == {"HTTP/1.1"}


async def test_gzip_is_for_those_who_ask(executable: str, folder: Path) -> None:
    async with running(plan("nginx:unix[gzip]+gunicorn", executable), folder) as server:
        for path in ("/page?n=x&size=2000", "/static/style.css"):
            plain = await get(server, path)
            packed = await get(server, path, "Accept-Encoding: gzip")
            assert plain.header("Content-Encoding") is None
            assert packed.header("Content-Encoding") == b"gzip"
            assert gzip.decompress(packed.body) == plain.body
        photograph = await get(server, "/static/photograph.jpg", "Accept-Encoding: gzip")
        assert photograph.body == static_content("photograph.jpg").encode()


@pytest.mark.parametrize("name", ["nginx:unix[static]+gunicorn", "nginx:unix+gunicorn"])
async def test_static_files_are_the_same_and_cost_the_app_nothing(name: str, executable: str, folder: Path) -> None:
    async with running(plan(name, executable), folder) as server:
        for file, asset in STATIC_FILES.items():
            answer = await get(server, f"/static/{file}?t={file}")
            assert (answer.status, answer.body) == (200, static_content(file).encode())
            assert answer.header("Content-Type") == asset.type.encode()
            assert len(await calls(server, file)) == ("static" not in name)
        assert (await get(server, "/static/none.css")).status == 404


@pytest.mark.parametrize("name", ["nginx:tcp[cache]+gunicorn", "nginx[cache]+uwsgi"])
async def test_a_cached_answer_does_not_reach_the_app(name: str, executable: str, folder: Path) -> None:
    async with running(plan(name, executable), folder) as server:
        first, again = [await get(server, "/page?n=x&t=twice") for _ in range(2)]
        assert (first.status, first.body) == (200, again.body)
        assert len(await calls(server, "twice")) == 1
        for _ in range(2):  # what says no-store is not kept
            assert (await probe_readiness(server.address, "/nonce", server.nonce)).pid in server.processes()
        for token in ("one", "two"):  # each attempt at a case reaches the app
            await get(server, "/echo", f"X-Gauntlet: {token}")
            assert len(await calls(server, token)) == 1


async def test_a_cache_is_not_in_the_way_of_what_is_asked_of_the_server_behind(folder: Path) -> None:
    """Neither of what the harness asks within a case, nor of an answer that an app makes anew for those who have it."""
    server = planning.plan("nginx:tcp[cache]+gunicorn", python=str(SERVERS_PYTHON))
    for distribution in FRAMEWORKS.values():
        if not distribution_version(str(SERVERS_PYTHON), distribution):
            fail_or_skip(f"{distribution} is not installed for {SERVERS_PYTHON}; make it with: make install-test")
    cases = ["pep3333/error-handling/survives", *(f"frameworks/{each}/unchanged" for each in FRAMEWORKS)]
    with trio.fail_after(60):
        found = await check_cases(folder, [installed(server)], {server.name: [registry.case(id_) for id_ in cases]})
    assert not found.failed
    assert {cell.case: cell.verdict for cell in found.cases} == dict.fromkeys(cases, Verdict.PASS), [
        (cell.case, cell.actual) for cell in found.cases
    ]


async def test_two_answer_by_turns(executable: str, folder: Path) -> None:
    async with running(plan("nginx:unix[balanced]+gunicorn", executable), folder) as server:
        pids = [(await probe_readiness(server.address, "/nonce", server.nonce)).pid for _ in range(6)]
        assert len(set(pids)) == 2
        assert pids == pids[:2] * 3
        await server.reload()
        assert server.alive


@pytest.mark.parametrize(
    "name", ["nginx:tcp[by-path]+gunicorn", "nginx[by-path]+uwsgi", "nginx:unix[by-path]+waitress"]
)
async def test_the_second_app_knows_its_path(name: str, executable: str, folder: Path) -> None:
    async with running(plan(name, executable), folder) as server:
        first, second = [
            (await probe_readiness(server.address, f"{at}/nonce", server.nonce)).pid for at in ("", "/second")
        ]
        assert first != second
        seen = []
        for number, target in enumerate(("/echo/a%20b", "/second/echo/a%20b")):
            await get(server, f"{target}?t={number}")
            [called] = await calls(server, str(number))
            environ = called.detail["environ"]
            seen.append((called.pid, environ.get("SCRIPT_NAME", ""), environ["PATH_INFO"]))
        assert seen == [(first, "", "/echo/a b"), (second, "/second", "/echo/a b")]


async def test_all_at_once_where_every_path_is_odd(executable: str, odd_folder: Path) -> None:
    name = "nginx:unix[gzip,static,cache,balanced,by-path,upstream-keep-alive,tuned]+gunicorn:gthread"
    async with running(replace(plan(name, executable), unix=True), odd_folder) as server:
        await serves_all(server)


@pytest.mark.parametrize("name", ["nginx[tls,static]+uwsgi", "nginx:unix+gunicorn"])
async def test_other_ways_of_passing_on_where_every_path_is_odd(name: str, executable: str, odd_folder: Path) -> None:
    async with running(plan(name, executable), odd_folder) as server:
        assert (await probe_readiness(server.address, "/nonce", server.nonce)).pid in server.processes()


async def test_a_dollar_in_a_sockets_path_is_no_variable(executable: str) -> None:
    with TemporaryDirectory(prefix="g-$a-") as name:
        folder = Path(name)
        for each in ("scratch", "logs"):
            (folder / each).mkdir()
        async with running(plan("nginx:unix+gunicorn", executable), folder) as server:
            assert (await probe_readiness(server.address, "/nonce", server.nonce)).pid in server.processes()


async def test_all_at_once_on_ipv6(executable: str, folder: Path) -> None:
    chosen = plan("nginx:tcp[gzip,static,cache,balanced,by-path,upstream-keep-alive]+gunicorn:gthread", executable)
    assert chosen.upstream is not None
    chosen = replace(chosen, host="::1", upstream=replace(chosen.upstream, host="::1"))
    async with running(chosen, folder) as server:
        assert server.address.authority.startswith("[::1]:")
        await serves_all(server)


async def serves_all(server: ServerInstance) -> None:
    assert (await get(server, "/page?n=x&size=2000")).length == 2000
    assert (await get(server, "/static/style.css?t=no")).body == static_content("style.css").encode()
    assert await calls(server, "no") == []
    packed = await get(server, "/page?n=x&size=2000", "Accept-Encoding: gzip")
    assert gzip.decompress(packed.body).startswith(b"x\n")
    pids = {(await probe_readiness(server.address, f"{at}/nonce", server.nonce)).pid for at in ("", "", "/second")}
    assert len(pids) == 3


async def test_a_server_that_cannot_be_mounted_is_not_selected_by_path(folder: Path) -> None:
    """And says so, in place of answering for the wrong path."""
    with pytest.raises(Unsupported, match="wsgiref has no option for mounting"):
        async with running(plan("nginx[by-path]+wsgiref"), folder):
            pass
