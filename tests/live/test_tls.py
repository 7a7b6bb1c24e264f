"""Every adapter over TLS, and with variables of its deployer: it serves, and leaves neither process nor key."""

from __future__ import annotations

import json
import os
import shutil
import signal
import stat
import subprocess
import sys
import time
from dataclasses import replace
from pathlib import Path

import httpx
import pytest
import trio

from wsgi_gauntlet.harness import registry
from wsgi_gauntlet.harness.conformance import runner
from wsgi_gauntlet.harness.errors import ServerDidNotStart, Unsupported
from wsgi_gauntlet.harness.model import Setup, Verdict
from wsgi_gauntlet.harness.server import planning
from wsgi_gauntlet.harness.server.adapter import Installation, Settings
from wsgi_gauntlet.harness.server.plan import Plan
from wsgi_gauntlet.harness.server.readiness import ReadinessState, probe_readiness
from wsgi_gauntlet.servers import uwsgi

from ..helpers.adapter_names import names
from ..helpers.requirements import fail_or_skip, installed_plan
from ..helpers.runs import check_cases
from ..helpers.script_server import PATIENCE, alive, plan, running
from .test_adapters import serve

pytestmark = pytest.mark.live

WITHOUT = "was built without TLS|has no TLS of its own|speaks no TLS|no TLS on it|so it has no TLS"


def over_tls(plan: Plan) -> Plan:
    return runner.apply_setup(plan, Setup(tls=True))


@pytest.mark.parametrize("name", names())
async def test_it_serves_over_tls_where_it_can(name: str, folder: Path) -> None:
    try:
        server = await serve(over_tls(installed_plan(name)), folder)
    except Unsupported as reason:
        assert any(each in str(reason) for each in WITHOUT.split("|")), reason  # noqa: PT017 - where there is one
        return
    assert server.address.tls
    assert server.address.url.startswith("https://127.0.0.1:")


@pytest.mark.parametrize(
    "name",
    [
        "gunicorn:sync[tls]",
        "nginx:tcp+gunicorn[tls]",
        "nginx[tls]+gunicorn[tls]",
        "apache:tcp+gunicorn[tls]",
        "haproxy:tcp+gunicorn[tls]",
        "caddy:tcp+gunicorn[tls]",
    ],
)
async def test_a_user_names_where_tls_is_to_be(name: str, folder: Path) -> None:
    server = await serve(installed_plan(name), folder)
    assert server.address.tls is name.startswith(("gunicorn", "nginx[tls]"))


@pytest.mark.parametrize("name", ["gunicorn:gthread", "nginx:tcp+gunicorn"])
async def test_over_a_unix_socket_too(name: str, folder: Path) -> None:
    server = await serve(over_tls(replace(installed_plan(name), unix=True)), folder)
    assert (bool(server.address.path), server.address.tls) == (True, True)


@pytest.mark.parametrize("variant", ["http-socket", "http"])
async def test_debians_uwsgi_was_built_with_tls(variant: str, folder: Path) -> None:
    executable = shutil.which("uwsgi", path="/usr/bin")
    if executable is None:
        fail_or_skip("Debian's uwsgi is not installed")
    found = Installation(version=uwsgi.command_version(str(executable)), executable=str(executable))
    assert (await serve(over_tls(replace(installed_plan(f"uwsgi:{variant}"), found=found)), folder)).address.tls


async def test_a_command_template_speaks_tls_where_it_names_the_files(folder: Path) -> None:
    template = "{python} -m gunicorn --bind {host}:{port} --certfile {certificate} --keyfile {key} -w {workers} {app}"
    server = await serve(planning.plan("mine", custom={"mine": template}), folder)
    assert server.address.url.startswith("https://")


async def test_any_client_gets_the_nonce(folder: Path) -> None:
    async with (
        running(over_tls(installed_plan("gunicorn:sync")), folder) as server,
        httpx.AsyncClient(base_url=server.address.url, verify=False, trust_env=False) as client,
    ):
        assert (await client.get("/nonce")).text == server.nonce


# ---------------------------------------------------------------------- the key


def keys(home: Path) -> list[Path]:
    # Not rglob, which raises where a folder goes meanwhile.
    return sorted(Path(where, name) for where, _, names in os.walk(home) for name in names if name == "key.pem")


def modes(path: Path) -> tuple[int, int]:
    return stat.S_IMODE(path.parent.stat().st_mode), stat.S_IMODE(path.stat().st_mode)


async def test_the_key_is_private_and_a_restart_leaves_no_old_one(folder: Path) -> None:
    async with running(over_tls(installed_plan("gunicorn:gthread")), folder) as server:
        [first] = keys(folder)
        assert modes(first) == (0o700, 0o600)
        before = server.address
        await server.restart()
        [second] = keys(folder)
        assert second != first
        assert modes(second) == (0o700, 0o600)
        assert server.address != before
        assert (await probe_readiness(server.address, "/nonce", server.nonce)).state is ReadinessState.READY
        await server.reload()
        assert server.alive
    assert keys(folder) == []


async def test_a_crashed_server_leaves_no_key(folder: Path) -> None:
    async with running(over_tls(installed_plan("werkzeug:threaded")), folder) as server:
        os.kill(server.pid, signal.SIGSEGV)
        assert await server.wait_for_end(PATIENCE)
        await server.restart()
        assert len(keys(folder)) == 1
    assert keys(folder) == []


HARNESS = """
import json, sys, trio
from pathlib import Path
from wsgi_gauntlet.harness.server import instance as launch
from wsgi_gauntlet.harness.server.adapter import Settings
from wsgi_gauntlet.harness.server.plan import Plan
from wsgi_gauntlet.servers.gunicorn import ADAPTER

async def main():
    settings = Settings(tls=True)
    plan = Plan("gunicorn", ADAPTER, ADAPTER.find(sys.executable), "sync", settings, sys.executable)
    async with launch.running(plan, scratch=Path(sys.argv[1]), logs=Path(sys.argv[2])) as server:
        print(json.dumps(server.processes()), flush=True)
        await trio.sleep_forever()

trio.run(main)
"""


def test_a_harness_that_is_killed_leaves_no_key(folder: Path) -> None:
    argv = [sys.executable, "-c", HARNESS, str(folder / "scratch"), str(folder / "logs")]
    with subprocess.Popen(argv, stdout=subprocess.PIPE) as harness:
        assert harness.stdout is not None
        pids = json.loads(harness.stdout.readline())
        assert len(keys(folder)) == 1
        harness.kill()
    deadline = time.monotonic() + PATIENCE
    while keys(folder) or any(alive(pid) for pid in pids):
        assert time.monotonic() < deadline
        time.sleep(0.01)


async def test_a_server_that_takes_no_notice_of_its_certificate_did_not_start(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("wsgi_gauntlet.harness.server.readiness.WRONG_RESPONSE_TIMEOUT", 0.1)
    with pytest.raises(ServerDidNotStart, match="it accepted a connection and spoke no TLS on it"):
        async with running(plan(settings=Settings(tls=True)), folder):
            pass


# ---------------------------------------------------------------------- what the cases find


CONFIGURABLE, SCHEME, HTTPS, PROTOCOL = (
    f"pep3333/environ/{name}"
    for name in ("configurable", "url-scheme-tls", "tls-variables/https", "tls-variables/ssl-protocol")
)


@pytest.mark.parametrize(
    ("name", "verdicts"),
    [
        ("wsgiref:server", {CONFIGURABLE: Verdict.PASS, SCHEME: Verdict.UNSUPPORTED}),
        ("uwsgi:http-socket", {CONFIGURABLE: Verdict.PASS}),
        ("gunicorn:sync", {CONFIGURABLE: Verdict.WARN, SCHEME: Verdict.PASS, HTTPS: Verdict.WARN}),
        # TLS ends at the front: over HTTP the server cannot know, over uwsgi it knows.
        ("nginx:tcp+gunicorn:sync", {SCHEME: Verdict.PASS, HTTPS: Verdict.SKIPPED, PROTOCOL: Verdict.SKIPPED}),
        (
            "nginx+uwsgi",
            {CONFIGURABLE: Verdict.PASS, SCHEME: Verdict.PASS, HTTPS: Verdict.PASS, PROTOCOL: Verdict.SKIPPED},
        ),
        ("mine", {CONFIGURABLE: Verdict.UNSUPPORTED, SCHEME: Verdict.UNSUPPORTED}),
    ],
)
async def test_what_the_cases_find(name: str, verdicts: dict[str, Verdict], folder: Path) -> None:
    custom = {"mine": "{python} -m waitress --listen={host}:{port} {app}"}
    server = planning.plan(name, custom=custom) if name in custom else installed_plan(name)
    with trio.fail_after(60):
        found = await check_cases(folder, [server], {server.name: [registry.case(id_) for id_ in verdicts]})
    assert not found.failed
    assert {cell.case: cell.verdict for cell in found.cases} == verdicts, [
        (cell.case, cell.actual) for cell in found.cases
    ]
