"""granian's command line, as a value."""

from __future__ import annotations

import signal
from collections.abc import Callable
from pathlib import Path

import pytest

from wsgi_gauntlet.harness.errors import Unsupported
from wsgi_gauntlet.harness.http.address import Address
from wsgi_gauntlet.harness.server.adapter import Launch, Protocol, Settings, start_command
from wsgi_gauntlet.harness.server.certificates import CertificateFiles
from wsgi_gauntlet.servers.granian import ADAPTER

Launching = Callable[..., Launch]

IDENTITY = CertificateFiles(certificate=Path("/c.pem"), key=Path("/k.pem"))


def test_its_own_defaults_are_left_alone(launching: Launching) -> None:
    command = ADAPTER.command(launching())
    assert command.argv == (
        *("/py/bin/python", "-m", "granian", "--interface", "wsgi", "--host", "127.0.0.1", "--port", "8000"),
        "gauntlet_apps.reference:application",
    )
    assert command.reload_signal is signal.SIGHUP


def test_settings_become_its_options(launching: Launching) -> None:
    launch = launching(
        workers=2, threads=3, timeout=1.5, backlog=256, mount="/x", address=Address(path="/s"), identity=IDENTITY
    )
    assert ADAPTER.command(launch).argv[5:-1] == (
        *("--uds", "/s", "--workers", "2", "--blocking-threads", "3", "--http1-header-read-timeout", "1500"),
        *("--backlog", "256", "--url-path-prefix", "/x", "--ssl-certificate", "/c.pem", "--ssl-keyfile", "/k.pem"),
    )


def test_one_option_is_its_time_out_and_its_keep_alive(launching: Launching) -> None:
    assert "--http1-header-read-timeout 2500 " in " ".join(ADAPTER.command(launching(keep_alive=2.5)).argv)
    assert "--no-http1-keep-alive " in " ".join(ADAPTER.command(launching(keep_alive=0.0)).argv)
    assert ADAPTER.command(launching(keep_alive=3.0, timeout=3.0))
    with pytest.raises(Unsupported, match="one option for keep-alive and timeout together"):
        start_command(ADAPTER, launching(keep_alive=3.0, timeout=4.0))


@pytest.mark.parametrize(
    ("asked", "reason"),
    [
        ({"timeout": 61.0}, "60 s at most"),
        ({"timeout": 0.0}, "above 0 s"),
        ({"backlog": 16}, "128 at least"),
        ({"protocol": Protocol.UWSGI}, "does not speak uwsgi"),
    ],
)
def test_what_it_cannot_do(launching: Launching, asked: dict[str, object], reason: str) -> None:
    with pytest.raises(Unsupported, match=reason):
        start_command(ADAPTER, launching(**asked))


def test_conditions_are_the_figures_that_hold(launching: Launching) -> None:
    whole = {"workers": 1, "threads": 512, "keep-alive": 30, "timeout": 30, "body-timeout": "no limit", "backlog": 1024}
    assert ADAPTER.conditions(launching()) == whole
    assert ADAPTER.conditions(launching(keep_alive=0.0)) == whole | {"keep-alive": 0}
    assert ADAPTER.conditions(launching(workers=2, backlog=256)) == whole | {
        "workers": 2,
        "threads": 64,
        "backlog": 256,
    }
    assert ADAPTER.conditions(launching(threads=3, timeout=5.0)) == whole | {
        "threads": 3,
        "keep-alive": 5.0,
        "timeout": 5.0,
    }


def test_its_documentation_begins_with_a_worker_a_core() -> None:
    assert ADAPTER.tuned_settings("", 4) == Settings(workers=4)
