"""Tornado's script and what it is given, as values."""

from __future__ import annotations

import ast
import os
from collections.abc import Callable
from pathlib import Path

import pytest

from wsgi_gauntlet.harness.errors import Unsupported
from wsgi_gauntlet.harness.http.address import Address
from wsgi_gauntlet.harness.server.adapter import Launch, Protocol, Settings, start_command
from wsgi_gauntlet.harness.server.certificates import CertificateFiles
from wsgi_gauntlet.servers.tornado import ADAPTER

Launching = Callable[..., Launch]

IDENTITY = CertificateFiles(certificate=Path("/c.pem"), key=Path("/k.pem"))
REFERENCE = "gauntlet_apps.reference:application"


@pytest.fixture(autouse=True)
def cores(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(os, "cpu_count", lambda: 2)


def test_its_own_defaults_are_written_out(launching: Launching) -> None:
    command = ADAPTER.command(launching(variant="container"))
    assert command.argv == (
        *("/py/bin/python", "serve.py", "container", "127.0.0.1", "8000", "", "128", "1", "6", "3600", "0", "", ""),
        REFERENCE,
    )
    assert command.reload_signal is None
    ast.parse(command.files["serve.py"], feature_version=(3, 8))


def test_settings_become_arguments(launching: Launching) -> None:
    launch = launching(
        variant="threads",
        workers=2,
        threads=3,
        keep_alive=2.5,
        timeout=1.5,
        backlog=64,
        address=Address(host="", path="/s p"),
        identity=IDENTITY,
    )
    assert ADAPTER.command(launch).argv[2:] == (
        *("threads", "", "0", "/s p", "64", "2", "3", "2.5", "1.5", "/c.pem", "/k.pem"),
        REFERENCE,
    )


@pytest.mark.parametrize(
    ("asked", "reason"),
    [
        ({"threads": 2}, "tornado:threads has threads"),
        ({"mount": "/x"}, "no option for mounting"),
        ({"protocol": Protocol.UWSGI}, "does not speak uwsgi"),
    ],
)
@pytest.mark.parametrize("variant", ["container", "fallback"])
def test_what_it_cannot_do(launching: Launching, variant: str, asked: dict[str, object], reason: str) -> None:
    with pytest.raises(Unsupported, match=reason):
        start_command(ADAPTER, launching(variant=variant, **asked))


def test_conditions_are_the_figures_that_hold(launching: Launching) -> None:
    whole = {"workers": 1, "threads": 1, "keep-alive": 3600, "body-timeout": "no limit", "backlog": 128}
    assert ADAPTER.conditions(launching(variant="container")) == whole
    assert ADAPTER.conditions(launching(variant="threads")) == whole | {"threads": 6}
    assert ADAPTER.conditions(launching(variant="threads", threads=3, keep_alive=0.0)) == whole | {
        "threads": 3,
        "keep-alive": 0.0,
    }


def test_its_time_out_holds_for_bodies_alone(launching: Launching) -> None:
    conditions = ADAPTER.conditions(launching(keep_alive=4.0, timeout=2.5))
    assert (conditions["keep-alive"], conditions["body-timeout"], "timeout" in conditions) == (4.0, 2.5, False)


def test_its_guide_has_a_process_a_core() -> None:
    assert ADAPTER.tuned_settings("threads", 4) == Settings(workers=4)
