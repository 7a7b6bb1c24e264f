"""lighttpd's configuration, as a value."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from wsgi_gauntlet.harness.errors import Unsupported
from wsgi_gauntlet.harness.http.address import Address
from wsgi_gauntlet.harness.server.adapter import Command, Launch, Protocol, start_command
from wsgi_gauntlet.harness.server.certificates import identity_files
from wsgi_gauntlet.servers import gunicorn
from wsgi_gauntlet.servers._support import lighttpd_configuration
from wsgi_gauntlet.servers.lighttpd import ADAPTER

Launching = Callable[..., Launch]

BEHIND = Address(port=9000)


def configuration(command: Command) -> list[str]:
    return command.files["lighttpd.conf"].splitlines()


def test_it_keeps_its_defaults(launching: Launching) -> None:
    command = ADAPTER.command(launching(executable="/l", upstream=BEHIND, folder=Path("/a b")))
    assert command.argv == ("/l", "-D", "-f", "/a b/lighttpd.conf")
    assert configuration(command) == [
        'server.modules = ( "mod_proxy" )',
        'server.document-root = "/a b/nothing"',
        'server.upload-dirs = ( "/a b" )',
        'server.errorlog = "/dev/stderr"',
        'server.bind = "127.0.0.1"',
        "server.port = 8000",
        'proxy.server = ( "" => (( "host" => "127.0.0.1", "port" => 9000 )) )',
    ]


def test_sockets_and_ipv6(launching: Launching) -> None:
    lines = configuration(ADAPTER.command(launching(upstream=Address(path="/s"), address=Address(path="/f"))))
    assert 'server.bind = "/f"' in lines
    assert 'proxy.server = ( "" => (( "socket" => "/s" )) )' in lines
    lines = configuration(ADAPTER.command(launching(upstream=BEHIND, address=Address(host="::1", port=1))))
    assert {'server.bind = "[::1]"', "server.port = 1"} <= set(lines)


def test_settings_become_directives(launching: Launching) -> None:
    launch = launching(upstream=BEHIND, workers=2, keep_alive=3.5, timeout=6.0, backlog=64)
    lines = configuration(ADAPTER.command(launch))
    expected = {"server.max-worker = 2", "server.max-keep-alive-idle = 4", "server.max-read-idle = 6"}
    assert expected | {"server.max-write-idle = 6", "server.listen-backlog = 64"} <= set(lines)
    conditions = ADAPTER.conditions(launch)
    assert (conditions["workers"], conditions["keep-alive"], conditions["backlog"]) == (2, 4, 64)


@pytest.mark.parametrize("has_tls", [True, False])
def test_its_tls_is_a_module_that_may_be_missing(
    launching: Launching, monkeypatch: pytest.MonkeyPatch, has_tls: bool
) -> None:
    monkeypatch.setattr(lighttpd_configuration, "has_tls", lambda: has_tls)
    launch = launching(upstream=BEHIND, tls=True, identity=identity_files(Path("/i")))
    if not has_tls:
        with pytest.raises(Unsupported, match="lighttpd-mod-openssl"):
            start_command(ADAPTER, launch)
        return
    lines = configuration(ADAPTER.command(launch))
    assert {'server.modules = ( "mod_openssl", "mod_proxy" )', 'ssl.privkey = "/i/key.pem"'} <= set(lines)


def test_what_it_cannot_do(launching: Launching) -> None:
    with pytest.raises(Unsupported, match="lighttpd has no option for unlimited time"):
        start_command(ADAPTER, launching(upstream=BEHIND, timeout=0.0))
    with pytest.raises(Unsupported, match="needs a server behind it"):
        start_command(ADAPTER, launching())
    with pytest.raises(Unsupported, match="no option for threads"):
        start_command(ADAPTER, launching(upstream=BEHIND, threads=2))
    with pytest.raises(Unsupported, match="no TLS to the server behind"):
        start_command(ADAPTER, launching(upstream=Address(port=1, tls=True)))


def test_it_speaks_http_to_all(launching: Launching) -> None:
    assert ADAPTER.protocol_for("", gunicorn.ADAPTER) == (Protocol.HTTP, False)
    assert ADAPTER.protocol_for("unix", gunicorn.ADAPTER) == (Protocol.HTTP, True)
    assert ADAPTER.conditions(launching(upstream=Address(path="/s")))["passes on"] == "http over a Unix socket"


def test_a_string_means_itself() -> None:
    assert lighttpd_configuration.quoted('a "b" \\c \\"') == '"a \\"b\\" \\c \\\\""'
