"""HAProxy's configuration, as a value."""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path

import pytest

from wsgi_gauntlet.harness.errors import Unsupported
from wsgi_gauntlet.harness.http.address import Address
from wsgi_gauntlet.harness.server.adapter import Command, Launch, Protocol, start_command
from wsgi_gauntlet.harness.server.certificates import identity_files
from wsgi_gauntlet.servers import gunicorn
from wsgi_gauntlet.servers.haproxy import ADAPTER, quoted

Launching = Callable[..., Launch]

BEHIND = Address(port=9000)


def configuration(command: Command) -> list[str]:
    return [line.strip() for line in command.files["haproxy.cfg"].splitlines()]


def test_it_begins_as_its_manual_does(launching: Launching) -> None:
    command = ADAPTER.command(launching(executable="/h", upstream=BEHIND))
    assert command.argv == ("/h", "-f", "/private/haproxy.cfg", "-db")
    lines = configuration(command)
    assert {'bind "127.0.0.1:8000"', 'server app "127.0.0.1:9000"', "timeout client 50000ms"} <= set(lines)
    assert not [line for line in lines if "nbthread" in line or "keep-alive" in line]


def test_sockets(launching: Launching) -> None:
    lines = configuration(ADAPTER.command(launching(upstream=Address(path="/s s"), address=Address(path="/f"))))
    assert {'bind "unix@/f"', 'server app "unix@/s s"'} <= set(lines)


def test_the_path_of_a_socket_means_itself(launching: Launching) -> None:
    lines = configuration(ADAPTER.command(launching(upstream=Address(path="/$s"), address=Address(path="/f,g"))))
    assert {'bind "unix@/f\\${comma}g"', 'server app "unix@/\\${dollar}s"'} <= set(lines)
    assert {'setenv dollar "\\$"', 'setenv comma ","'} <= set(lines)


def test_settings_become_directives(launching: Launching) -> None:
    launch = launching(upstream=BEHIND, workers=1, threads=2, keep_alive=3.5, timeout=6.0, backlog=64)
    lines = configuration(ADAPTER.command(launch))
    expected = {"nbthread 2", "timeout http-keep-alive 3500ms", "timeout server 6000ms"}
    assert expected | {'bind "127.0.0.1:8000" backlog 64'} <= set(lines)
    conditions = ADAPTER.conditions(launch)
    assert (conditions["threads"], conditions["keep-alive"], conditions["backlog"]) == (2, 3.5, 64)


def test_no_keep_alive_is_an_option_of_its_own(launching: Launching) -> None:
    lines = configuration(ADAPTER.command(launching(upstream=BEHIND, keep_alive=0.0)))
    assert "option httpclose" in lines
    assert not [line for line in lines if "http-keep-alive" in line]


def test_its_threads_are_the_cores_that_it_has(launching: Launching) -> None:
    conditions = ADAPTER.conditions(launching(upstream=Address(path="/s")))
    assert conditions["threads"] == len(os.sched_getaffinity(0))
    assert conditions["passes on"] == "http over a Unix socket"


def test_a_script_joins_certificate_and_key(launching: Launching) -> None:
    launch = launching(
        executable="/h", upstream=Address(port=9000, tls=True), tls=True, identity=identity_files(Path("/i"))
    )
    command = ADAPTER.command(launch)
    assert command.argv[:5] == ("/bin/sh", "start.sh", "/i/certificate.pem", "/i/key.pem", "/h")
    lines = configuration(command)
    assert 'bind "127.0.0.1:8000" ssl crt "/private/identity.pem"' in lines
    assert 'server app "127.0.0.1:9000" ssl verify none' in lines


def test_what_it_cannot_do(launching: Launching) -> None:
    with pytest.raises(Unsupported, match="needs a server behind it"):
        start_command(ADAPTER, launching())
    with pytest.raises(Unsupported, match=r"haproxy\[threads=2\]"):
        start_command(ADAPTER, launching(upstream=BEHIND, workers=2))


def test_it_speaks_http_to_all() -> None:
    assert ADAPTER.protocol_for("", gunicorn.ADAPTER) == (Protocol.HTTP, False)
    assert ADAPTER.protocol_for("unix", gunicorn.ADAPTER) == (Protocol.HTTP, True)


def test_a_word_means_itself() -> None:
    assert quoted('a "b" \\c $d') == '"a \\"b\\" \\\\c \\$d"'
