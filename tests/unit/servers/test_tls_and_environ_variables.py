"""How each server gets its certificate and key, and why some are not; how it gets its deployer's variables."""

from __future__ import annotations

import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from wsgi_gauntlet.harness.errors import ConfigurationError, Unsupported
from wsgi_gauntlet.harness.http.address import Address
from wsgi_gauntlet.harness.registry import adapters
from wsgi_gauntlet.harness.server.adapter import Launch, Protocol, start_command
from wsgi_gauntlet.harness.server.certificates import identity_files
from wsgi_gauntlet.servers import command_template, flask, gunicorn, nginx, uwsgi, waitress, werkzeug, wsgiref

Launching = Callable[..., Launch]

FILES = ("/private/certificate.pem", "/private/key.pem")
BEHIND = Address(port=9000)


@pytest.fixture
def over_tls(launching: Launching) -> Launching:
    def launch(**given: Any) -> Launch:
        given.setdefault("address", Address(port=8000, tls=True))
        return launching(tls=True, identity=identity_files(Path("/private")), **given)

    return launch


@pytest.fixture(autouse=True)
def built_with_tls(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(gunicorn, "distribution_version", lambda *_: "27.0.1")
    monkeypatch.setattr(uwsgi, "command_version", lambda _: "2.0.21")
    for module in (uwsgi, nginx):
        monkeypatch.setattr(module, "has_tls", lambda _: True)


def test_gunicorn_has_options(over_tls: Launching, launching: Launching) -> None:
    line = " ".join(gunicorn.ADAPTER.command(over_tls()).argv)
    assert f"--certfile {FILES[0]} --keyfile {FILES[1]} gauntlet_apps" in line
    assert "--certfile" not in gunicorn.ADAPTER.command(launching()).argv


@pytest.mark.parametrize("adapter", [werkzeug.ADAPTER, flask.ADAPTER])
def test_the_scripts_make_a_context_of_them(over_tls: Launching, adapter: werkzeug.Werkzeug) -> None:
    made = adapter.command(over_tls())
    assert made.argv[-3:-1] == FILES
    assert "ssl_context=ssl_context" in made.files["serve.py"]


def test_uwsgi_has_another_option_for_each_variant(over_tls: Launching) -> None:
    for variant, option in (("http-socket", "--https-socket"), ("http", "--https")):
        argv = uwsgi.ADAPTER.command(over_tls(variant=variant)).argv
        assert argv[argv.index(option) + 1] == ",".join(("127.0.0.1:8000", *FILES))


def test_a_uwsgi_without_tls_says_so(over_tls: Launching, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(uwsgi, "has_tls", lambda _: False)
    with pytest.raises(Unsupported, match=r"/py/bin/python was built without TLS: its --cflags have no -DUWSGI_SSL"):
        start_command(uwsgi.ADAPTER, over_tls())


def test_uwsgis_own_protocol_has_no_tls(over_tls: Launching) -> None:
    with pytest.raises(Unsupported, match=r"nginx:tcp\+uwsgi\[tls\]"):
        start_command(uwsgi.ADAPTER, over_tls(protocol=Protocol.UWSGI))


def test_nginx_ends_tls(over_tls: Launching) -> None:
    lines = configuration(over_tls(upstream=BEHIND, backlog=64))
    assert "listen 127.0.0.1:8000 ssl backlog=64;" in lines
    assert f"ssl_certificate {FILES[0]};" in lines
    assert f"ssl_certificate_key {FILES[1]};" in lines
    assert "proxy_pass http://127.0.0.1:9000;" in lines


def test_nginx_speaks_tls_to_a_server_behind_that_does(launching: Launching) -> None:
    lines = configuration(launching(upstream=Address(port=9000, tls=True)))
    assert "listen 127.0.0.1:8000;" in lines
    assert "proxy_pass https://127.0.0.1:9000;" in lines
    assert not [line for line in lines if line.startswith("ssl_")]


def test_an_nginx_without_tls_says_so(over_tls: Launching, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(nginx, "has_tls", lambda _: False)
    with pytest.raises(Unsupported, match="was built without TLS: its -V has no http_ssl_module"):
        start_command(nginx.ADAPTER, over_tls(upstream=BEHIND))


def configuration(launch: Launch) -> list[str]:
    return [line.strip() for line in nginx.ADAPTER.command(launch).files["nginx.conf"].splitlines()]


def test_two_servers_have_no_tls_of_their_own(over_tls: Launching) -> None:
    with pytest.raises(Unsupported, match=r"waitress speaks no TLS of its own; .* nginx\[tls\]\+waitress"):
        start_command(waitress.ADAPTER, over_tls())
    with pytest.raises(Unsupported, match="wsgiref has no TLS of its own"):
        start_command(wsgiref.ADAPTER, over_tls())


def test_a_template_names_both_files_and_is_then_always_over_tls(over_tls: Launching) -> None:
    mine = command_template.CommandServer("mine", "serve --cert {certificate} --key {key} {host}:{port} {app}")
    assert mine.tls_only
    assert mine.command(over_tls()).argv[1:5] == ("--cert", FILES[0], "--key", FILES[1])


def test_a_template_without_them_speaks_no_tls(over_tls: Launching) -> None:
    mine = command_template.CommandServer("mine", "serve {port} {app}")
    assert not mine.tls_only
    with pytest.raises(Unsupported, match=r"has no \{certificate\} and \{key\}, so it speaks no TLS"):
        start_command(mine, over_tls())


def test_a_template_with_one_of_them_cannot_work() -> None:
    with pytest.raises(ConfigurationError, match=r"needs both \{certificate\} and \{key\}, or neither"):
        command_template.CommandServer("mine", "serve --cert {certificate} {port} {app}")


@pytest.mark.parametrize("name", ["missing", "python"])
def test_a_command_that_is_neither_has_no_tls(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, name: str) -> None:
    monkeypatch.undo()
    executable = sys.executable if name == "python" else str(tmp_path / name)
    assert not uwsgi.has_tls(executable)
    assert not nginx.has_tls(executable)


def test_uwsgi_has_an_option_for_environ(launching: Launching) -> None:
    argv = uwsgi.ADAPTER.command(launching(deployed=(("A", "1"), ("B", "/x")))).argv
    assert argv[-2:] == ("--route-run=addvar:A=1", "--route-run=addvar:B=/x")


def test_every_server_says_how_a_deployers_variables_were_handed_over() -> None:
    silent = [name for name, adapter in adapters().items() if not adapter.environ_support and not adapter.front]
    assert silent == []
