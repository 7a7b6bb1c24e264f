"""A CGI script, its web server's configuration and what hands it the server's environment."""

from __future__ import annotations

import ast
import json
import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from wsgi_gauntlet.harness.errors import Unsupported
from wsgi_gauntlet.harness.http.address import Address
from wsgi_gauntlet.harness.server.adapter import Installation, Launch, Protocol, start_command
from wsgi_gauntlet.servers import cgi
from wsgi_gauntlet.servers._support import apache_configuration, lighttpd_configuration
from wsgi_gauntlet.servers.cgi import ADAPTER

Launching = Callable[..., Launch]


@pytest.fixture(autouse=True)
def both_are_here(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(apache_configuration, "module", lambda name: Path(f"/m/mod_{name}.so"))
    monkeypatch.setattr(apache_configuration, "found", lambda: Installation(version="2.4", executable="/a"))
    monkeypatch.setattr(lighttpd_configuration, "found", lambda: Installation(version="1.4", executable="/l"))


def test_the_script_is_for_all_paths_below_the_mount(launching: Launching) -> None:
    for mount, expected in (("", 'alias.url = ( "/" => "/private/app.cgi/" )'), ("/x", '"/x" => "/private/app.cgi" )')):
        command = ADAPTER.command(launching(variant="lighttpd", mount=mount))
        assert command.argv == ("/py/bin/python", "start.py", "/l", "-D", "-f", "/private/lighttpd.conf")
        assert expected in command.files["lighttpd.conf"]
    command = ADAPTER.command(launching(variant="apache"))
    assert command.argv[2] == "/a"
    assert 'ScriptAlias "/" "/private/app.cgi/"' in command.files["apache.conf"]
    assert command.executables == ("app.cgi",)


def test_the_scripts_are_for_any_python_and_any_path(launching: Launching) -> None:
    command = ADAPTER.command(launching(python="/a b/python", folder=Path("/it's")))
    for name in ("start.py", "serve.py"):
        ast.parse(command.files[name], feature_version=(3, 8))
    assert command.files["app.cgi"] == "#!/bin/sh\nexec '/a b/python' '/it'\"'\"'s/serve.py'\n"


def test_a_request_is_answered_with_the_servers_environment(launching: Launching, tmp_path: Path) -> None:
    folder = tmp_path / "a b"
    (folder / "apps").mkdir(parents=True)
    (folder / "apps" / "shop.py").write_text(
        "def application(environ, start_response):\n"
        "    start_response('200 OK', [])\n"
        "    return [repr((environ['DEPLOYED'], environ['PATH_INFO'])).encode()]\n"
    )
    launch = launching(variant="lighttpd", python=sys.executable, folder=folder, app="shop:application")
    command = ADAPTER.command(launch)
    for name, text in command.files.items():
        (folder / name).write_text(text)
    (folder / "app.cgi").chmod(0o700)
    environment = {"PATH": os.environ["PATH"], "PYTHONPATH": str(folder / "apps"), "DEPLOYED": "é\"'$ x"}
    subprocess.run([sys.executable, "start.py", "/bin/true"], cwd=folder, env=environment, check=True)
    assert json.loads((folder / "environment.json").read_text())["DEPLOYED"] == environment["DEPLOYED"]
    request = {"REQUEST_METHOD": "GET", "PATH_INFO": "/x", "SERVER_NAME": "a", "SERVER_PORT": "1"}
    done = subprocess.run([folder / "app.cgi"], env=request, capture_output=True, text=True, check=True, cwd="/")
    assert done.stdout.startswith("Status: 200 OK")
    assert done.stdout.endswith(repr((environment["DEPLOYED"], "/x")))


def test_what_it_cannot_do(launching: Launching) -> None:
    with pytest.raises(Unsupported, match="cgi has no option for unix sockets"):
        start_command(ADAPTER, launching(variant="apache", address=Address(path="/s")))
    with pytest.raises(Unsupported, match="cgi does not speak uwsgi"):
        start_command(ADAPTER, launching(protocol=Protocol.UWSGI))


def test_conditions_tell_of_both(launching: Launching) -> None:
    conditions = ADAPTER.conditions(launching(variant="apache"))
    assert (conditions["workers"], conditions["web server"], conditions["web server's workers"]) == (
        "one a request",
        "2.4",
        "3 to 16",
    )


def test_each_variant_needs_its_web_server(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(lighttpd_configuration, "found", lambda: Installation(why="no lighttpd", get="get it"))
    assert ADAPTER.missing_for("/py", "apache").available
    assert ADAPTER.missing_for("/py", "lighttpd").why == "no lighttpd"


@pytest.mark.parametrize("reached", [True, False])
def test_its_user_must_reach_the_interpreter(monkeypatch: pytest.MonkeyPatch, reached: bool) -> None:
    monkeypatch.setattr(cgi, "unreachable_when_unprivileged", lambda _: not reached)
    found = ADAPTER.find(sys.executable)
    assert found.available is reached
    assert reached or "--python /usr/bin/python3" in found.get
