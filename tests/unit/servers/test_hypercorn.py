"""hypercorn's command line, as a value."""

from __future__ import annotations

import os
import signal
from collections.abc import Callable
from pathlib import Path

import pytest

from wsgi_gauntlet.harness.errors import Unsupported
from wsgi_gauntlet.harness.http.address import Address
from wsgi_gauntlet.harness.server.adapter import Launch, Protocol, start_command
from wsgi_gauntlet.harness.server.certificates import CertificateFiles
from wsgi_gauntlet.servers.hypercorn import ADAPTER

Launching = Callable[..., Launch]

IDENTITY = CertificateFiles(certificate=Path("/c.pem"), key=Path("/k.pem"))


@pytest.fixture(autouse=True)
def cores(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(os, "cpu_count", lambda: 2)


def test_its_own_defaults_are_left_alone(launching: Launching) -> None:
    command = ADAPTER.command(launching(address=Address(host="::1", port=8000)))
    assert command.argv == (
        *("/py/bin/python", "-m", "hypercorn", "--bind", "[::1]:8000"),
        "wsgi:gauntlet_apps.reference:application",
    )
    assert command.reload_signal is signal.SIGHUP


def test_settings_become_its_options(launching: Launching) -> None:
    launch = launching(
        workers=2,
        keep_alive=2.5,
        timeout=1.5,
        backlog=64,
        mount="/x",
        address=Address(path="/s"),
        identity=IDENTITY,
    )
    assert ADAPTER.command(launch).argv[3:-1] == (
        *("--bind", "unix:/s", "--workers", "2", "--keep-alive", "3", "--read-timeout", "2", "--backlog", "64"),
        *("--root-path", "/x", "--certfile", "/c.pem", "--keyfile", "/k.pem"),
    )


def test_its_threads_are_asyncios(launching: Launching) -> None:
    assert ADAPTER.command(launching(threads=6))
    with pytest.raises(Unsupported, match="asyncio's executor has 6"):
        start_command(ADAPTER, launching(threads=3))


def test_it_does_not_speak_uwsgi(launching: Launching) -> None:
    with pytest.raises(Unsupported, match="does not speak uwsgi"):
        start_command(ADAPTER, launching(protocol=Protocol.UWSGI))


def test_conditions_are_the_figures_that_hold(launching: Launching) -> None:
    whole = {"workers": 1, "threads": 6, "keep-alive": 5, "body-timeout": "no limit", "backlog": 100}
    assert ADAPTER.conditions(launching()) == whole
    assert ADAPTER.conditions(launching(keep_alive=1.5, timeout=0.2)) == whole | {"keep-alive": 2, "body-timeout": 1}


def test_without_a_keep_alive_time_it_has_none_for_a_request_either(launching: Launching) -> None:
    with pytest.raises(Unsupported, match="hypercorn with a keep-alive time of 0 s"):
        start_command(ADAPTER, launching(keep_alive=0.0))
