"""FastPySGI's script and FastWSGI's, which is the same with fewer settings."""

from __future__ import annotations

import ast
import json
from collections.abc import Callable
from pathlib import Path

import pytest

from wsgi_gauntlet.harness.errors import Unsupported
from wsgi_gauntlet.harness.http.address import Address
from wsgi_gauntlet.harness.server.adapter import Adapter, Launch, Protocol, start_command
from wsgi_gauntlet.harness.server.certificates import CertificateFiles
from wsgi_gauntlet.servers import fastpysgi, fastwsgi

Launching = Callable[..., Launch]

BOTH = [fastpysgi.ADAPTER, fastwsgi.ADAPTER]
IDENTITY = CertificateFiles(certificate=Path("/c.pem"), key=Path("/k.pem"))


def settings(adapter: Adapter, launch: Launch) -> object:
    return json.loads(adapter.command(launch).argv[-2])


@pytest.mark.parametrize("adapter", BOTH, ids=lambda each: str(each.name))
def test_its_own_defaults_are_left_alone(adapter: Adapter, launching: Launching) -> None:
    command = adapter.command(launching())
    assert command.argv == (
        *("/py/bin/python", "serve.py", adapter.name, "127.0.0.1", "8000", "1", "", "", "{}"),
        "gauntlet_apps.reference:application",
    )
    ast.parse(command.files["serve.py"], feature_version=(3, 8))
    assert command.reload_signal is None


@pytest.mark.parametrize("adapter", BOTH, ids=lambda each: str(each.name))
@pytest.mark.parametrize(
    ("asked", "reason"),
    [
        ({"threads": 2}, "no option for more than one thread"),
        ({"mount": "/x"}, "no option for mounting"),
        ({"address": Address(path="/s")}, "no option for unix sockets"),
        ({"protocol": Protocol.UWSGI}, "does not speak uwsgi"),
    ],
)
def test_what_neither_can_do(adapter: Adapter, launching: Launching, asked: dict[str, object], reason: str) -> None:
    with pytest.raises(Unsupported, match=reason):
        start_command(adapter, launching(**asked))


def test_settings_become_those_of_its_server(launching: Launching) -> None:
    launch = launching(workers=2, keep_alive=3.5, timeout=4.5, backlog=64, identity=IDENTITY)
    assert settings(fastpysgi.ADAPTER, launch) == {"next_req_timeout": 3500, "curr_req_timeout": 4500, "backlog": 64}
    assert fastpysgi.ADAPTER.command(launch).argv[5:8] == ("2", "/c.pem", "/k.pem")
    assert settings(fastpysgi.ADAPTER, launching(keep_alive=0.0)) == {"allow_keepalive": False}


@pytest.mark.parametrize(
    ("asked", "expected"),
    [
        ({"keep_alive": 2.5}, {"next_req_timeout": 2500, "svc_timer_interval": 2500}),
        ({"timeout": 1.5}, {"curr_req_timeout": 1500, "svc_timer_interval": 1500}),
        (
            {"keep_alive": 5.0, "timeout": 2.0},
            {"next_req_timeout": 5000, "curr_req_timeout": 2000, "svc_timer_interval": 2000},
        ),
        (
            {"keep_alive": 0.0, "timeout": 2.0},
            {"allow_keepalive": False, "curr_req_timeout": 2000, "svc_timer_interval": 2000},
        ),
        ({"timeout": 0.0}, {}),
    ],
)
def test_it_looks_as_often_as_its_shortest_time(
    launching: Launching, asked: dict[str, float], expected: dict[str, object]
) -> None:
    assert settings(fastpysgi.ADAPTER, launching(**asked)) == expected


def test_fastwsgi_knows_only_whether_connections_are_kept(launching: Launching) -> None:
    assert settings(fastwsgi.ADAPTER, launching(keep_alive=0.0, backlog=64)) == {"allow_keepalive": 0, "backlog": 64}
    for asked, reason in (
        ({"keep_alive": 1.0}, "can only keep no connection"),
        ({"timeout": 1.0}, "no option for timeout"),
        ({"identity": IDENTITY}, "no TLS"),
    ):
        with pytest.raises(Unsupported, match=reason):
            start_command(fastwsgi.ADAPTER, launching(**asked))


def test_conditions_are_the_figures_that_hold(launching: Launching) -> None:
    whole = {"workers": 1, "threads": 1, "keep-alive": "no limit", "timeout": "no limit", "backlog": 2048}
    assert fastpysgi.ADAPTER.conditions(launching()) == whole
    assert fastwsgi.ADAPTER.conditions(launching()) == whole | {"backlog": 1024}
    assert fastpysgi.ADAPTER.conditions(launching(keep_alive=2.0, timeout=3.0)) == whole | {
        "keep-alive": 2.0,
        "timeout": 3.0,
    }
