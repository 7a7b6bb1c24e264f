"""Caddy's configuration, as a value."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from wsgi_gauntlet.harness.errors import Unsupported
from wsgi_gauntlet.harness.http.address import Address
from wsgi_gauntlet.harness.server.adapter import Launch, Protocol, start_command
from wsgi_gauntlet.harness.server.certificates import identity_files
from wsgi_gauntlet.servers import gunicorn
from wsgi_gauntlet.servers.caddy import ADAPTER

Launching = Callable[..., Launch]

BEHIND = Address(port=9000)


def configuration(launch: Launch) -> dict[str, Any]:
    parsed: dict[str, Any] = json.loads(ADAPTER.command(launch).files["caddy.json"])
    return parsed


def server(launch: Launch) -> dict[str, Any]:
    parsed: dict[str, Any] = configuration(launch)["apps"]["http"]["servers"]["front"]
    return parsed


def test_it_writes_nothing_outside_its_folder(launching: Launching) -> None:
    command = ADAPTER.command(launching(executable="/c", upstream=BEHIND))
    assert command.argv == ("/c", "run", "--config", "/private/caddy.json")
    assert set(command.environment.values()) == {"/private"}
    parsed = configuration(launching(upstream=BEHIND))
    assert parsed["admin"] == {"disabled": True, "config": {"persist": False}}
    assert parsed["storage"]["root"] == "/private"


def test_it_keeps_its_defaults(launching: Launching) -> None:
    assert server(launching(upstream=BEHIND)) == {
        "listen": ["tcp/127.0.0.1:8000"],
        "routes": [
            {
                "handle": [
                    {
                        "handler": "reverse_proxy",
                        "upstreams": [{"dial": "127.0.0.1:9000"}],
                        "transport": {"protocol": "http"},
                    }
                ]
            }
        ],
        "automatic_https": {"disable": True},
    }


def test_sockets(launching: Launching) -> None:
    parsed = server(launching(upstream=Address(path="/s s"), address=Address(path="/f")))
    assert parsed["listen"] == ["unix//f"]
    assert parsed["routes"][0]["handle"][0]["upstreams"] == [{"dial": "unix//s s"}]


def test_tls_before_it_and_behind_it(launching: Launching) -> None:
    launch = launching(upstream=Address(port=9000, tls=True), tls=True, identity=identity_files(Path("/i")))
    assert server(launch)["tls_connection_policies"] == [{}]
    assert server(launch)["routes"][0]["handle"][0]["transport"]["tls"] == {"insecure_skip_verify": True}
    files = configuration(launch)["apps"]["tls"]["certificates"]["load_files"]
    assert files == [{"certificate": "/i/certificate.pem", "key": "/i/key.pem"}]
    assert ADAPTER.conditions(launch)["passes on"] == "https over TCP"


def test_settings_become_its_own_in_nanoseconds(launching: Launching) -> None:
    launch = launching(upstream=BEHIND, keep_alive=1.5, timeout=2.0)
    parsed = server(launch)
    assert parsed["idle_timeout"] == 1_500_000_000
    assert parsed["read_timeout"] == parsed["write_timeout"] == 2_000_000_000
    assert parsed["routes"][0]["handle"][0]["transport"]["read_timeout"] == 2_000_000_000
    assert ADAPTER.conditions(launch)["keep-alive"] == 1.5


@pytest.mark.parametrize("asked", [{"workers": 2}, {"threads": 2}, {"backlog": 3}])
def test_what_it_cannot_do(launching: Launching, asked: dict[str, int]) -> None:
    with pytest.raises(Unsupported, match="caddy has no option for"):
        start_command(ADAPTER, launching(upstream=BEHIND, **asked))
    with pytest.raises(Unsupported, match="uses its default of 300 s for an idle time-out of 0"):
        start_command(ADAPTER, launching(upstream=BEHIND, keep_alive=0.0))
    with pytest.raises(Unsupported, match="needs a server behind it"):
        start_command(ADAPTER, launching())


def test_it_speaks_http_to_all(launching: Launching) -> None:
    assert ADAPTER.protocol_for("", gunicorn.ADAPTER) == (Protocol.HTTP, False)
    assert ADAPTER.protocol_for("unix", gunicorn.ADAPTER) == (Protocol.HTTP, True)
    assert ADAPTER.conditions(launching(upstream=Address(path="/s")))["passes on"] == "http over a Unix socket"
