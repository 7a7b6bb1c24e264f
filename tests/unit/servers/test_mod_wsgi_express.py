"""mod_wsgi-express's command line, as a value."""

from __future__ import annotations

import ast
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from wsgi_gauntlet.harness.errors import Unsupported
from wsgi_gauntlet.harness.http.address import Address
from wsgi_gauntlet.harness.server.adapter import Adapter, Installation, Launch, Protocol, start_command
from wsgi_gauntlet.harness.server.certificates import identity_files
from wsgi_gauntlet.servers import mod_wsgi_express
from wsgi_gauntlet.servers._support import apache_configuration
from wsgi_gauntlet.servers.mod_wsgi_express import ADAPTER

Launching = Callable[..., Launch]


def test_a_script_does_what_its_command_does(launching: Launching) -> None:
    command = ADAPTER.command(launching())
    ast.parse(command.files["start.py"], feature_version=(3, 8))
    assert command.argv[:4] == ("/py/bin/python", "start.py", "127.0.0.1", "setup-server")
    line = " ".join(command.argv)
    assert "--application-type module gauntlet_apps.reference --callable-object application" in line
    assert "--host 127.0.0.1 --port 8000" in line
    assert "--threads" not in line


@pytest.mark.parametrize("place", ["mod_wsgi/express/cli.py", "mod_wsgi/server.py"], ids=["since 6.0", "before"])
def test_its_main_is_found_where_the_version_has_it(tmp_path: Path, launching: Launching, place: str) -> None:
    there = tmp_path / place
    there.parent.mkdir(parents=True)
    there.write_text(
        "import pathlib\n"
        "def main():\n"
        "    script = pathlib.Path('apachectl')\n"
        "    script.write_text('#!/bin/sh\\necho $0 $*\\n')\n"
        "    script.chmod(0o700)\n"
    )
    (tmp_path / "start.py").write_text(ADAPTER.command(launching()).files["start.py"])
    argv = [sys.executable, "start.py", "127.0.0.1", "setup-server"]
    done = subprocess.run(argv, cwd=tmp_path, capture_output=True, text=True, check=True)
    assert done.stdout == "./apachectl start -DFOREGROUND\n"


def test_settings_become_its_options(launching: Launching) -> None:
    launch = launching(workers=2, threads=3, keep_alive=1.5, timeout=7.0, backlog=9, mount="/x", deployed=(("A", "b"),))
    line = " ".join(ADAPTER.command(launch).argv)
    assert "--processes 2 --threads 3 --keep-alive-timeout 2 --socket-timeout 7 --request-timeout 7" in line
    assert line.endswith("--server-backlog 9 --mount-point /x --setenv A b")
    assert "--processes" not in ADAPTER.command(launching(workers=1)).argv


def test_its_one_host_is_a_name_where_apache_wants_brackets_once(launching: Launching) -> None:
    argv = ADAPTER.command(launching(address=Address(host="::1", port=8000))).argv
    assert argv[2] == "::1"
    assert argv[argv.index("--host") + 1] == "localhost"


def test_tls_is_on_its_one_port(launching: Launching, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(apache_configuration, "module", lambda name: Path(f"/m/mod_{name}.so"))
    command = ADAPTER.command(launching(tls=True, identity=identity_files(Path("/i"))))
    assert "--include-file" in command.argv
    assert 'SSLCertificateKeyFile "/i/key.pem"' in command.files["tls.conf"]


def test_what_it_cannot_do(launching: Launching) -> None:
    with pytest.raises(Unsupported, match="no option for unix sockets"):
        start_command(ADAPTER, launching(address=Address(path="/s")))
    with pytest.raises(Unsupported, match="does not speak uwsgi"):
        start_command(ADAPTER, launching(protocol=Protocol.UWSGI))
    with pytest.raises(Unsupported, match="apache has no option for unlimited time"):
        start_command(ADAPTER, launching(timeout=0.0))


@pytest.mark.parametrize("reached", [True, False])
def test_its_user_must_reach_its_interpreter(monkeypatch: pytest.MonkeyPatch, reached: bool) -> None:
    monkeypatch.setattr(Adapter, "find", lambda *_: Installation(version="6", executable="/root/py"))
    monkeypatch.setattr(mod_wsgi_express, "unreachable_when_unprivileged", lambda _: not reached)
    found = ADAPTER.find("/root/py")
    assert found.available is reached
    assert reached or "cannot reach /root/py" in found.missing_message
