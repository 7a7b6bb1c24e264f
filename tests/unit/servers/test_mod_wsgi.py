"""Apache's configuration with mod_wsgi, as a value, and which interpreter a mod_wsgi was built for."""

from __future__ import annotations

import ast
import shutil
from collections.abc import Callable
from pathlib import Path

import pytest

from wsgi_gauntlet.harness.errors import Unsupported
from wsgi_gauntlet.harness.http.address import Address
from wsgi_gauntlet.harness.server.adapter import Installation, Launch, Protocol, start_command
from wsgi_gauntlet.servers._support import apache_configuration
from wsgi_gauntlet.servers.mod_wsgi import ADAPTER

Launching = Callable[..., Launch]


@pytest.fixture(autouse=True)
def all_modules(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(apache_configuration, "module", lambda name: Path(f"/m/mod_{name}.so"))


def configuration(launch: Launch) -> list[str]:
    return ADAPTER.command(launch).files["apache.conf"].splitlines()


def test_the_script_finds_the_app(launching: Launching) -> None:
    script = ADAPTER.command(launching(app="gone's:x.y")).files["app.wsgi"]
    ast.parse(script, feature_version=(3, 8))
    assert '"gone\'s:x.y".partition' in script


def test_daemon_mode_has_its_own_defaults(launching: Launching) -> None:
    lines = configuration(launching())
    assert "WSGIDaemonProcess app home=/proc/self/cwd locale=C.UTF-8" in lines
    alias = 'WSGIScriptAlias "/" "/private/app.wsgi" process-group=app application-group=%{GLOBAL}'
    assert alias in lines
    assert ADAPTER.conditions(launching())["threads"] == 15
    assert not [line for line in lines if line.startswith(("StartServers", "ThreadsPerChild"))]


def test_daemon_mode_has_options_for_its_processes(launching: Launching) -> None:
    launch = launching(workers=3, threads=2, timeout=8.5, mount="/x", deployed=(("A", 'b"c'),))
    lines = configuration(launch)
    daemon = "WSGIDaemonProcess app home=/proc/self/cwd locale=C.UTF-8 processes=3 threads=2 request-timeout=9"
    assert daemon in lines
    assert 'SetEnv A "b\\"c"' in lines
    assert [line for line in lines if line.startswith('WSGIScriptAlias "/x" ')]
    assert "processes" not in "\n".join(configuration(launching(workers=1)))


def test_embedded_mode_is_apaches_own_processes(launching: Launching) -> None:
    launch = launching(variant="embedded", workers=2)
    lines = configuration(launch)
    assert {"StartServers 2", "MaxRequestWorkers 50"} <= set(lines)
    assert not [line for line in lines if line.startswith("WSGIDaemonProcess")]
    assert [line for line in lines if line.endswith("process-group=%{GLOBAL} application-group=%{GLOBAL}")]
    assert ADAPTER.conditions(launching(variant="embedded"))["workers"] == "3 to 16"


def test_what_it_cannot_do(launching: Launching) -> None:
    with pytest.raises(Unsupported, match="mod_wsgi has no option for unix sockets"):
        start_command(ADAPTER, launching(address=Address(path="/s")))
    with pytest.raises(Unsupported, match="does not speak uwsgi"):
        start_command(ADAPTER, launching(protocol=Protocol.UWSGI))


def module_file(folder: Path, content: bytes) -> Path:
    file = folder / "mod_wsgi.so"
    file.write_bytes(content)
    return file


def found(monkeypatch: pytest.MonkeyPatch, file: Path | None, apache: Installation) -> Installation:
    monkeypatch.setattr(apache_configuration, "module", lambda _: file)
    monkeypatch.setattr(apache_configuration, "found", lambda: apache)
    monkeypatch.setattr(shutil, "which", lambda name, **_: "/usr/bin/python3.1" if name == "python3.1" else None)
    return ADAPTER.find("/py")


def test_the_module_says_which_interpreter_runs_the_app(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    apache = Installation(version="2.4", executable="/a")
    built = module_file(tmp_path, b"\x003.1.9\x00libpython3.1.so.1.0\x004.9.4\x00mod_wsgi/%s\x00")
    assert found(monkeypatch, built, apache) == Installation(
        version="4.9.4", executable="/a", python="/usr/bin/python3.1"
    )


def test_what_is_missing_is_reported(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    apache = Installation(version="2.4", executable="/a")
    nothing = Installation(why="no Apache", get="get it")
    assert found(monkeypatch, None, nothing) == nothing
    assert found(monkeypatch, None, apache).why == "Apache has no mod_wsgi"
    other = module_file(tmp_path, b"libpython3.99")
    assert "built for python3.99, which is not there" in found(monkeypatch, other, apache).why
