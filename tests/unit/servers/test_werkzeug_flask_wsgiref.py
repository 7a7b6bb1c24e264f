"""Servers that are started by a script of a few lines: Werkzeug, Flask and wsgiref."""

from __future__ import annotations

import ast
from collections.abc import Callable
from pathlib import Path

import pytest

from wsgi_gauntlet.harness.errors import Unsupported
from wsgi_gauntlet.harness.http.address import Address
from wsgi_gauntlet.harness.server.adapter import Adapter, Launch, Protocol, start_command
from wsgi_gauntlet.harness.server.certificates import CertificateFiles
from wsgi_gauntlet.servers import flask, werkzeug, wsgiref

Launching = Callable[..., Launch]

IDENTITY = CertificateFiles(certificate=Path("/c.pem"), key=Path("/k.pem"))

ALL = [werkzeug.ADAPTER, flask.ADAPTER, wsgiref.ADAPTER]


@pytest.mark.parametrize("adapter", ALL, ids=lambda each: str(each.name))
def test_the_script_is_python_and_the_rest_are_its_arguments(adapter: Adapter, launching: Launching) -> None:
    command = adapter.command(launching())
    ast.parse(command.files["serve.py"])
    assert command.argv[:2] == ("/py/bin/python", "serve.py")
    assert command.reload_signal is None


@pytest.mark.parametrize("adapter", ALL, ids=lambda each: str(each.name))
@pytest.mark.parametrize("asked", [{"workers": 2}, {"keep_alive": 1.0}, {"timeout": 1.0}, {"backlog": 1}])
def test_what_none_of_them_can_do(adapter: Adapter, launching: Launching, asked: dict[str, int]) -> None:
    with pytest.raises(Unsupported, match="no option for"):
        start_command(adapter, launching(**asked))
    with pytest.raises(Unsupported, match="does not speak uwsgi"):
        start_command(adapter, launching(protocol=Protocol.UWSGI))


def test_werkzeug_is_threaded_by_default(launching: Launching) -> None:
    reference = "gauntlet_apps.reference:application"
    assert werkzeug.ADAPTER.command(launching()).argv[2:] == ("127.0.0.1", "8000", "threaded", "", "", "", reference)
    single = launching(variant="single", mount="/x", address=Address(path="/s"))
    assert werkzeug.ADAPTER.command(single).argv[2:] == ("unix:///s", "0", "single", "/x", "", "", reference)


def test_werkzeugs_threads_are_one_or_without_number(launching: Launching) -> None:
    with pytest.raises(Unsupported, match="werkzeug:threaded has one for each connection"):
        start_command(werkzeug.ADAPTER, launching(variant="single", threads=2))
    with pytest.raises(Unsupported, match="werkzeug:single has one"):
        start_command(werkzeug.ADAPTER, launching(variant="threaded", threads=1))
    assert werkzeug.ADAPTER.command(launching(variant="threaded", threads=2))
    assert werkzeug.ADAPTER.conditions(launching(variant="threaded"))["threads"] == "one a connection"
    assert werkzeug.ADAPTER.conditions(launching(variant="single"))["threads"] == 1


def test_werkzeugs_processes_are_forked_up_to_a_number(launching: Launching) -> None:
    assert werkzeug.ADAPTER.command(launching(variant="processes")).argv[4] == "40"
    assert werkzeug.ADAPTER.command(launching(variant="processes", workers=3)).argv[4] == "3"
    conditions = werkzeug.ADAPTER.conditions(launching(variant="processes", workers=3))
    assert (conditions["workers"], conditions["threads"]) == ("one a request, 3 at most", 1)
    with pytest.raises(Unsupported, match="werkzeug:single is that"):
        start_command(werkzeug.ADAPTER, launching(variant="processes", workers=1))
    with pytest.raises(Unsupported, match="either processes or threads"):
        start_command(werkzeug.ADAPTER, launching(variant="processes", threads=2))


def test_flasks_own_command_neither_reloads_nor_debugs(launching: Launching) -> None:
    launch = launching(variant="cli", address=Address(path="/s p"), identity=IDENTITY)
    command = flask.ADAPTER.command(launch)
    assert command.argv == (
        *("/py/bin/python", "-m", "flask", "--app", "gauntlet_apps.frameworks.flask_catch_all:application", "run"),
        *("--host", "unix:///s p", "--port", "0", "--cert", "/c.pem", "--key", "/k.pem"),
        *("--no-reload", "--no-debugger"),
    )
    assert not command.files
    with pytest.raises(Unsupported, match="flask has no option for mounting"):
        start_command(flask.ADAPTER, launching(variant="cli", mount="/x"))


def test_flask_serves_the_reference_app_inside_a_flask_app_and_a_users_own_as_it_is(launching: Launching) -> None:
    assert flask.ADAPTER.command(launching()).argv[-1] == "gauntlet_apps.frameworks.flask_catch_all:application"
    assert flask.ADAPTER.command(launching(app="mine:app")).argv[-1] == "mine:app"


def test_flask_serves_no_app_of_another_framework(launching: Launching) -> None:
    written = "gauntlet_apps.frameworks.flask_app:application"
    assert flask.ADAPTER.command(launching(app=written)).argv[-1] == written
    with pytest.raises(Unsupported, match="serves no app of another framework"):
        start_command(flask.ADAPTER, launching(app="gauntlet_apps.frameworks.django_app:application"))


def test_wsgiref_has_nothing_to_set(launching: Launching) -> None:
    for asked in ({"threads": 2}, {"mount": "/x"}, {"address": Address(path="/s")}):
        with pytest.raises(Unsupported, match="wsgiref has no option for"):
            start_command(wsgiref.ADAPTER, launching(**asked))
    assert wsgiref.ADAPTER.conditions(launching()) == {"workers": 1, "threads": 1, "keep-alive": 0, "backlog": 5}


@pytest.mark.parametrize("adapter", [wsgiref.ADAPTER, werkzeug.ADAPTER], ids=lambda each: str(each.name))
def test_a_handler_without_a_socket_stands_alone_in_its_folder(adapter: Adapter, launching: Launching) -> None:
    assert adapter.in_process_variants <= set(adapter.variants)
    launch = launching(variant="in-process", address=Address(port=8000, pipe_socket="/d"))
    command = adapter.command(launch)
    reference = "gauntlet_apps.reference:application"
    assert command.argv == ("/py/bin/python", "serve.py", "/d", "127.0.0.1", "8000", "", reference)
    for text in command.files.values():
        ast.parse(text, feature_version=(3, 8))
    assert "wsgi_gauntlet" not in command.files["socketless.py"]
    assert adapter.conditions(launch)["workers"] == 1
