"""Servers with a command of their own that came lately, as values; and one that is gone."""

from __future__ import annotations

import signal
from collections.abc import Callable
from pathlib import Path

import pytest

from wsgi_gauntlet.harness.errors import Unsupported
from wsgi_gauntlet.harness.http.address import Address
from wsgi_gauntlet.harness.server.adapter import Launch, Protocol, Settings, start_command
from wsgi_gauntlet.harness.server.certificates import identity_files
from wsgi_gauntlet.servers import aiohttp_wsgi, m0serve, meinheld, peregrine

Launching = Callable[..., Launch]

APP = "gauntlet_apps.reference:application"


def test_peregrine_takes_milliseconds(launching: Launching) -> None:
    launch = launching(workers=2, threads=3, keep_alive=2.5, timeout=0.25, backlog=16, mount="/x")
    command = peregrine.ADAPTER.command(launch)
    assert command.argv == (
        *("/py/bin/python", "-m", "peregrine", "--protocol", "wsgi", "--host", "127.0.0.1", "--port", "8000"),
        *("--workers", "2", "--wsgi-threads", "3", "--keep-alive", "2500", "--request-timeout", "250"),
        *("--backlog", "16", "--root-path", "/x", APP),
    )
    assert command.reload_signal is signal.SIGHUP
    assert peregrine.ADAPTER.conditions(launch) == {
        "workers": 2,
        "threads": 3,
        "keep-alive": 2.5,
        "timeout": 0.25,
        "backlog": 16,
        "connections": 4096,
    }


def test_peregrine_speaks_tls_and_over_a_unix_socket(launching: Launching) -> None:
    launch = launching(tls=True, address=Address(path="/a b/s", tls=True), identity=identity_files(Path("/private")))
    assert peregrine.ADAPTER.command(launch).argv[5:] == (
        *("--unix", "/a b/s", "--tls-cert", "/private/certificate.pem", "--tls-key", "/private/key.pem", APP),
    )


def test_peregrine_would_wait_for_no_request_with_a_time_out_of_0(launching: Launching) -> None:
    with pytest.raises(Unsupported, match="peregrine with a time-out of 0 s"):
        start_command(peregrine.ADAPTER, launching(timeout=0.0))
    assert "1" in peregrine.ADAPTER.command(launching(timeout=0.0001)).argv


def test_peregrine_is_tuned_by_a_worker_a_core() -> None:
    assert peregrine.ADAPTER.tuned_settings("", 8) == Settings(workers=8)


def test_m0serve_takes_whole_seconds(launching: Launching) -> None:
    launch = launching(workers=2, threads=3, keep_alive=2.5, timeout=0.25)
    assert m0serve.ADAPTER.command(launch).argv[5:] == (
        *("--host", "127.0.0.1", "--port", "8000", "--workers", "2", "--blocking-threads", "3"),
        *("--idle-timeout", "3", "--body-timeout", "1", APP),
    )
    conditions = m0serve.ADAPTER.conditions(launch)
    assert (conditions["threads"], conditions["keep-alive"], conditions["body-timeout"]) == (3, 3, 1)
    assert (conditions["head-timeout"], "timeout" in conditions) == (10, False)


def test_m0serve_keeps_no_connection_by_a_count_and_has_no_time_limit_with_0(launching: Launching) -> None:
    launch = launching(keep_alive=0.0, timeout=0.0)
    argv = m0serve.ADAPTER.command(launch).argv
    assert argv[9:] == ("--max-keepalive-requests", "1", "--body-timeout", "0", APP)
    conditions = m0serve.ADAPTER.conditions(launch)
    assert (conditions["keep-alive"], conditions["body-timeout"]) == (0, "no limit")


def test_m0serves_threads_depend_on_its_other_settings(launching: Launching) -> None:
    assert m0serve.ADAPTER.conditions(launching())["threads"] == 2
    assert m0serve.ADAPTER.conditions(launching(workers=2))["threads"] == 1


def test_m0serve_mounts_and_what_it_cannot_do(launching: Launching) -> None:
    assert m0serve.ADAPTER.command(launching(mount="/x")).argv[-2:] == ("--mount", f"/x={APP}")
    with pytest.raises(Unsupported, match="m0serve has no option for unix sockets"):
        start_command(m0serve.ADAPTER, launching(address=Address(path="/s")))
    with pytest.raises(Unsupported, match="m0serve has no option for backlog"):
        start_command(m0serve.ADAPTER, launching(backlog=16))
    with pytest.raises(Unsupported, match=r"nginx\[tls\]\+m0serve"):
        start_command(m0serve.ADAPTER, launching(tls=True))


def test_aiohttp_wsgi_is_called_by_its_own_options(launching: Launching) -> None:
    command = aiohttp_wsgi.ADAPTER.command(launching(threads=3, backlog=16, mount="/x"))
    assert command.argv == (
        *("/py/bin/python", "serve.py", "--quiet", "--host=127.0.0.1", "--port=8000"),
        *("--threads=3", "--backlog=16", "--script-name=/x", APP),
    )
    assert command.stop_signal is signal.SIGINT
    assert aiohttp_wsgi.ADAPTER.command(launching(address=Address(path="/a b/s"))).argv[3] == "--unix-socket=/a b/s"
    assert aiohttp_wsgi.ADAPTER.conditions(launching()) == {
        "workers": 1,
        "threads": 4,
        "keep-alive": 3630,
        "timeout": "no limit",
        "backlog": 1024,
    }


@pytest.mark.parametrize("asked", [{"workers": 2}, {"keep_alive": 0.0}, {"timeout": 1.0}])
def test_aiohttp_wsgi_has_no_option_for_the_rest(launching: Launching, asked: dict[str, float]) -> None:
    with pytest.raises(Unsupported, match="aiohttp-wsgi has no option for"):
        start_command(aiohttp_wsgi.ADAPTER, launching(**asked))


@pytest.mark.parametrize("adapter", [peregrine.ADAPTER, m0serve.ADAPTER, aiohttp_wsgi.ADAPTER])
def test_none_speaks_uwsgi(
    launching: Launching, adapter: peregrine.Peregrine | m0serve.M0serve | aiohttp_wsgi.AiohttpWsgi
) -> None:
    with pytest.raises(Unsupported, match=f"{adapter.name} does not speak uwsgi"):
        start_command(adapter, launching(protocol=Protocol.UWSGI))


def test_meinheld_is_listed_with_the_reason_why_it_cannot_be_had(launching: Launching) -> None:
    found = meinheld.ADAPTER.find("/nowhere/python3")
    assert not found.available
    assert not found.get
    assert "greenlet<0.5" in found.missing_message
    with pytest.raises(Unsupported, match=r"meinheld cannot be started: its last version, 1\.0\.2"):
        start_command(meinheld.ADAPTER, launching())
