"""uvicorn's command line, as a value, and the module that puts a2wsgi before the app."""

from __future__ import annotations

import ast
import signal
from collections.abc import Callable
from pathlib import Path

import pytest

from wsgi_gauntlet.harness.errors import Unsupported
from wsgi_gauntlet.harness.http.address import Address
from wsgi_gauntlet.harness.server.adapter import Launch, Protocol, start_command
from wsgi_gauntlet.harness.server.certificates import CertificateFiles
from wsgi_gauntlet.servers.uvicorn import ADAPTER

Launching = Callable[..., Launch]

IDENTITY = CertificateFiles(certificate=Path("/c.pem"), key=Path("/k.pem"))


def test_its_own_wsgi_mode_is_had_also_where_a2wsgi_is_installed(launching: Launching) -> None:
    command = ADAPTER.command(launching(variant="wsgi"))
    assert command.argv == (
        *("/py/bin/python", "-m", "uvicorn", "--interface", "wsgi", "--host", "127.0.0.1", "--port", "8000"),
        *("--http", "h11", "--loop", "asyncio", "--no-access-log", "gauntlet_apps.reference:application"),
    )
    assert command.reload_signal is None
    with pytest.raises(ModuleNotFoundError):
        exec(command.files["a2wsgi.py"])


def test_the_parser_is_the_one_of_the_variant(launching: Launching) -> None:
    argv = ADAPTER.command(launching(variant="httptools")).argv
    assert argv[argv.index("--http") + 1] == "httptools"
    assert argv[argv.index("--interface") + 1] == "wsgi"


def test_through_a2wsgi_it_serves_a_module_of_the_harness(launching: Launching) -> None:
    command = ADAPTER.command(launching(variant="a2wsgi", app="it's:app", threads=3))
    assert command.argv[3:5] == ("--interface", "asgi3")
    assert command.argv[-1] == "through_a2wsgi:application"
    text = command.files["through_a2wsgi.py"]
    ast.parse(text, feature_version=(3, 8))
    assert """"it's:app".partition""" in text
    assert "workers=3" in text


def test_settings_become_its_options(launching: Launching) -> None:
    launch = launching(
        variant="wsgi", workers=2, keep_alive=2.5, backlog=64, address=Address(path="/s p"), identity=IDENTITY
    )
    command = ADAPTER.command(launch)
    assert command.argv[5:7] == ("--uds", "/s p")
    assert "--workers 2 --timeout-keep-alive 3 --backlog 64 --ssl-certfile /c.pem --ssl-keyfile /k.pem" in " ".join(
        command.argv
    )
    assert command.reload_signal is signal.SIGHUP


@pytest.mark.parametrize(
    ("asked", "reason"),
    [
        ({"threads": 3}, "uvicorn:a2wsgi has any number"),
        ({"timeout": 1.0}, "no option for timeout"),
        ({"mount": "/x"}, "no option for mounting"),
        ({"protocol": Protocol.UWSGI}, "does not speak uwsgi"),
    ],
)
def test_what_it_cannot_do(launching: Launching, asked: dict[str, object], reason: str) -> None:
    with pytest.raises(Unsupported, match=reason):
        start_command(ADAPTER, launching(variant="wsgi", **asked))


def test_conditions_are_the_figures_that_hold(launching: Launching) -> None:
    whole = {"workers": 1, "threads": 10, "keep-alive": 5, "backlog": 2048}
    assert ADAPTER.conditions(launching(variant="wsgi")) == whole
    assert ADAPTER.conditions(launching(variant="a2wsgi", threads=3, keep_alive=0.0)) == whole | {
        "threads": 3,
        "keep-alive": 0,
    }
