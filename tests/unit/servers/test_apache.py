"""Apache's configuration as a front, as a value, and what all configurations of Apache have in common."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from wsgi_gauntlet.harness.errors import Unsupported
from wsgi_gauntlet.harness.http.address import Address
from wsgi_gauntlet.harness.server.adapter import Command, Launch, Protocol, start_command
from wsgi_gauntlet.harness.server.certificates import identity_files
from wsgi_gauntlet.servers import gunicorn, uwsgi
from wsgi_gauntlet.servers._support import apache_configuration
from wsgi_gauntlet.servers.apache import ADAPTER

Launching = Callable[..., Launch]

BEHIND = Address(port=9000)


@pytest.fixture(autouse=True)
def all_modules(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(apache_configuration, "module", lambda name: Path(f"/m/mod_{name}.so"))


def configuration(command: Command) -> list[str]:
    return command.files["apache.conf"].splitlines()


def test_all_that_it_writes_is_in_its_folder(launching: Launching) -> None:
    command = ADAPTER.command(launching(executable="/a", upstream=BEHIND, folder=Path("/a b")))
    assert command.argv == ("/a", "-f", "/a b/apache.conf", "-D", "FOREGROUND")
    lines = configuration(command)
    expected = ('ServerRoot "/a b"', 'PidFile "/a b/apache.pid"', 'Mutex "file:/a b" default', "ErrorLog /dev/stderr")
    assert set(expected) <= set(lines)


def test_it_keeps_its_defaults_and_passes_host_on(launching: Launching) -> None:
    lines = configuration(ADAPTER.command(launching(upstream=BEHIND)))
    assert "Listen 127.0.0.1:8000" in lines
    assert 'ProxyPass / "http://127.0.0.1:9000/"' in lines
    assert "ProxyPreserveHost On" in lines
    assert 'LoadModule proxy_http_module "/m/mod_proxy_http.so"' in lines
    assert not [line for line in lines if "Timeout" in line or "Backlog" in line or "SSL" in line]


def test_a_socket_behind_and_uwsgi(launching: Launching) -> None:
    lines = configuration(ADAPTER.command(launching(upstream=Address(path="/a b/s"))))
    assert 'ProxyPass / "unix:../a b/s|http://localhost/"' in lines
    spoken = launching(upstream=Address(path="/s"), upstream_protocol=Protocol.UWSGI)
    lines = configuration(ADAPTER.command(spoken))
    assert 'ProxyPass / "unix:../s|uwsgi://localhost/"' in lines
    assert 'LoadModule proxy_uwsgi_module "/m/mod_proxy_uwsgi.so"' in lines


def test_tls_before_it_and_behind_it(launching: Launching) -> None:
    launch = launching(
        upstream=Address(port=9000, tls=True), tls=True, identity=identity_files(Path("/i")), address=Address(port=8000)
    )
    lines = configuration(ADAPTER.command(launch))
    assert "Listen 127.0.0.1:8000 https" in lines
    assert "SSLEngine on" in lines
    assert 'SSLCertificateFile "/i/certificate.pem"' in lines
    assert {"SSLProxyEngine On", "SSLProxyCheckPeerName Off"} <= set(lines)
    assert 'ProxyPass / "https://127.0.0.1:9000/"' in lines


def test_settings_become_directives(launching: Launching) -> None:
    launch = launching(upstream=BEHIND, workers=2, threads=4, keep_alive=0.5, timeout=6.5, backlog=64)
    lines = configuration(ADAPTER.command(launch))
    expected = {"StartServers 2", "ServerLimit 2", "ThreadsPerChild 4", "MaxRequestWorkers 8", "MinSpareThreads 8"}
    assert expected | {"KeepAliveTimeout 500ms", "Timeout 7", "ListenBacklog 64"} <= set(lines)
    conditions = ADAPTER.conditions(launch)
    assert (conditions["workers"], conditions["threads"], conditions["timeout"], conditions["passes on"]) == (
        2,
        4,
        7,
        "http over TCP",
    )


@pytest.mark.parametrize(
    ("asked", "workers"),
    [
        ({}, "3 to 16"),
        ({"threads": 4}, "3 to 16"),
        ({"threads": 100}, "3 to 4"),
        ({"threads": 150}, "2"),
        ({"threads": 500}, "1"),
        ({"threads": 150, "workers": 5}, "5"),
    ],
)
def test_its_processes_have_as_many_threads_as_it_would_have_had(
    launching: Launching, asked: dict[str, int], workers: str
) -> None:
    assert str(ADAPTER.conditions(launching(upstream=BEHIND, **asked))["workers"]) == workers


def test_what_it_cannot_do(launching: Launching) -> None:
    with pytest.raises(Unsupported, match="apache has no option for unlimited time"):
        start_command(ADAPTER, launching(upstream=BEHIND, timeout=0.0))
    with pytest.raises(Unsupported, match="needs a server behind it"):
        start_command(ADAPTER, launching())
    with pytest.raises(Unsupported, match="apache has no option for unix sockets"):
        start_command(ADAPTER, launching(upstream=BEHIND, address=Address(path="/s")))


def test_a_module_that_is_not_there_is_named(launching: Launching, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(
        apache_configuration, "module", lambda name: None if "proxy" in name else Path(f"/m/mod_{name}.so")
    )
    with pytest.raises(Unsupported, match="has no mod_proxy"):
        start_command(ADAPTER, launching(upstream=BEHIND))


def test_the_protocol_follows_the_variant_and_else_the_server_behind() -> None:
    assert ADAPTER.protocol_for("", gunicorn.ADAPTER) == (Protocol.HTTP, False)
    assert ADAPTER.protocol_for("", uwsgi.ADAPTER) == (Protocol.UWSGI, True)
    assert ADAPTER.protocol_for("tcp", uwsgi.ADAPTER) == (Protocol.HTTP, False)
    assert ADAPTER.protocol_for("unix", uwsgi.ADAPTER) == (Protocol.HTTP, True)


@pytest.mark.parametrize(
    ("value", "expected"),
    [("/a b", '"/a b"'), ('a"b', '"a\\"b"'), ("a\\b", '"a\\\\b"'), ("${HOME}", '"${dollar}{HOME}"'), ("$1", '"$1"')],
)
def test_a_word_means_itself(value: str, expected: str) -> None:
    assert apache_configuration.quoted(value) == expected
