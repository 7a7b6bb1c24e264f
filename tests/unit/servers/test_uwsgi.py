"""uWSGI's command line, as a value, and where it is looked for."""

from __future__ import annotations

import shutil
import signal
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from wsgi_gauntlet.harness.errors import Unsupported
from wsgi_gauntlet.harness.http.address import Address
from wsgi_gauntlet.harness.server.adapter import Launch, Protocol, start_command
from wsgi_gauntlet.servers import uwsgi
from wsgi_gauntlet.servers.uwsgi import ADAPTER, command_version

Launching = Callable[..., Launch]


@pytest.fixture(autouse=True)
def version(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(uwsgi, "command_version", lambda _: "2.0.30")


def test_it_has_a_master_needs_its_app_and_dies_on_term(launching: Launching) -> None:
    command = ADAPTER.command(launching(executable="/opt/uwsgi"))
    assert command.argv == (
        *("/opt/uwsgi", "--http-socket", "127.0.0.1:8000", "--master", "--need-app", "--die-on-term"),
        *("--disable-logging", "--module", "gauntlet_apps.reference:application"),
    )
    assert command.stop_signal is signal.SIGTERM
    assert command.reload_signal is signal.SIGHUP


def test_the_wheel_gets_the_interpreter_for_reload(launching: Launching) -> None:
    argv = ADAPTER.command(launching(executable="/py/bin/pyuwsgi")).argv
    assert argv[:3] == ("/py/bin/pyuwsgi", "--binary-path", "/py/bin/python")


@pytest.mark.parametrize(("variant", "plugins"), [("http-socket", "python3"), ("http", "http,python3")])
def test_debians_needs_its_plugins(
    launching: Launching, monkeypatch: pytest.MonkeyPatch, variant: str, plugins: str
) -> None:
    monkeypatch.setattr(uwsgi, "command_version", lambda _: "2.0.21-debian")
    argv = ADAPTER.command(launching(executable="/usr/bin/uwsgi", variant=variant)).argv
    assert argv[1:3] == ("--plugin", plugins)


def test_settings_become_its_options(launching: Launching) -> None:
    launch = launching(
        variant="http", workers=4, threads=2, keep_alive=5.0, timeout=30.0, backlog=64, address=Address(path="/s")
    )
    line = " ".join(ADAPTER.command(launch).argv)
    assert "--http /s --master" in line
    assert "--http-keepalive=5 --http-auto-chunked" in line
    assert "--processes 4 --threads 2 --listen 64 --harakiri 30" in line


def test_behind_a_front_it_speaks_uwsgi_whatever_its_variant(launching: Launching) -> None:
    for variant in ("http-socket", "http", "gevent"):
        launch = launching(variant=variant, protocol=Protocol.UWSGI, address=Address(path="/s"))
        assert "--uwsgi-socket /s" in " ".join(ADAPTER.command(launch).argv)


def test_a_mount_takes_the_place_of_the_module(launching: Launching) -> None:
    argv = ADAPTER.command(launching(mount="/x")).argv
    assert argv[-3:] == ("--mount", "/x=gauntlet_apps.reference:application", "--manage-script-name")
    assert "--module" not in argv


def test_only_the_router_keeps_connections_alive(launching: Launching) -> None:
    with pytest.raises(Unsupported, match="uwsgi:http"):
        start_command(ADAPTER, launching(variant="http-socket", keep_alive=5.0))


def test_conditions_are_the_figures_that_hold(launching: Launching) -> None:
    assert ADAPTER.conditions(launching(workers=2)) == {
        "workers": 2,
        "threads": 1,
        "keep-alive": 0,
        "socket-timeout": 4,
        "head-timeout": 4,
        "harakiri": 0,
        "backlog": 100,
        "buffer-size": 4096,
    }


@pytest.mark.parametrize(("asked", "expected"), [(0.0, 0), (0.2, 1), (2.5, 3)])
def test_harakiri_is_whole_seconds_and_left_out_where_it_is_none(
    launching: Launching, asked: float, expected: int
) -> None:
    launch = launching(timeout=asked)
    argv = ADAPTER.command(launch).argv
    assert argv[argv.index("--disable-logging") + 1 : -2] == (("--harakiri", str(expected)) if expected else ())
    assert ADAPTER.conditions(launch)["harakiri"] == expected


@pytest.mark.parametrize(("asked", "expected"), [(0.0, 0), (0.5, 2), (1.0, 2), (2.5, 3)])
def test_the_router_keeps_connections_for_two_seconds_at_least(
    launching: Launching, asked: float, expected: int
) -> None:
    launch = launching(variant="http", keep_alive=asked)
    said = [each for each in ADAPTER.command(launch).argv if each.startswith("--http-keepalive")]
    assert said == ([f"--http-keepalive={expected}"] if expected else [])
    assert ADAPTER.conditions(launch)["keep-alive"] == expected


def test_harakiri_is_no_time_for_heads(launching: Launching) -> None:
    assert ADAPTER.conditions(launching(timeout=2.0))["head-timeout"] == 4
    expected = ADAPTER.conditions(launching(variant="gevent", timeout=2.0))
    assert (expected["harakiri"], {"head-timeout", "socket-timeout"} & set(expected)) == (2, set())


def test_the_router_has_a_time_of_its_own_for_heads(launching: Launching) -> None:
    assert ADAPTER.conditions(launching(variant="http"))["head-timeout"] == 60
    assert "head-timeout" not in ADAPTER.conditions(launching(variant="http", protocol=Protocol.UWSGI))


def interpreter(folder: Path, *commands: str) -> str:
    for name in commands:
        (folder / name).touch(mode=0o755)
    return str(folder / "python")


@pytest.mark.parametrize("name", ["pyuwsgi", "uwsgi"])
def test_the_interpreters_own_goes_first(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, name: str) -> None:
    python = interpreter(tmp_path, name)
    monkeypatch.setattr(uwsgi, "distribution_version", lambda _, asked: "2.0.30" if asked == name else "")
    found = ADAPTER.find(python)
    assert (found.version, found.executable) == ("2.0.30", str(tmp_path / name))


def test_one_on_path_serves_as_well(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(shutil, "which", lambda name: "/usr/bin/uwsgi" if name == "uwsgi" else None)
    found = ADAPTER.find(interpreter(tmp_path))
    assert (found.version, found.executable, found.python) == ("2.0.30", "/usr/bin/uwsgi", "")
    monkeypatch.setattr(uwsgi, "command_version", lambda _: "2.0.21-debian")
    assert ADAPTER.find(str(tmp_path / "python")).python == "/usr/bin/python3"


def test_where_there_is_none_it_says_how_to_get_it(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(shutil, "which", lambda _: None)
    found = ADAPTER.find(interpreter(tmp_path))
    assert not found.available
    assert found.get.endswith("-m pip install pyuwsgi")


def test_a_command_that_is_no_uwsgi_has_no_version(tmp_path: Path) -> None:
    assert command_version(str(tmp_path / "missing")) == ""
    assert command_version(sys.executable) == ""


def test_gevent_mode_has_greenlets_and_no_threads(launching: Launching, monkeypatch: pytest.MonkeyPatch) -> None:
    line = " ".join(ADAPTER.command(launching(variant="gevent")).argv)
    assert "--http-socket 127.0.0.1:8000 --master" in line
    assert "--gevent 100 --gevent-monkey-patch --module" in line
    assert ADAPTER.conditions(launching(variant="gevent"))["greenlets"] == 100
    with pytest.raises(Unsupported, match="threads do not work in its gevent mode"):
        start_command(ADAPTER, launching(variant="gevent", threads=2))
    monkeypatch.setattr(uwsgi, "command_version", lambda _: "2.0.21-debian")
    assert ADAPTER.command(launching(variant="gevent")).argv[1:3] == ("--plugin", "python3,gevent_python3")


def test_debians_gevent_mode_is_a_package_of_its_own(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(shutil, "which", lambda name: "/usr/bin/uwsgi" if name == "uwsgi" else None)
    monkeypatch.setattr(uwsgi, "command_version", lambda _: "2.0.21-debian")
    monkeypatch.setattr(uwsgi, "DEBIAN_GEVENT_PLUGIN", tmp_path / "missing")
    missing_for = ADAPTER.missing_for(interpreter(tmp_path), "gevent")
    assert missing_for.get == "apt-get install uwsgi-plugin-gevent-python3"
    assert not ADAPTER.missing_for(str(tmp_path / "python"), "http").why


def test_without_a_master_nothing_watches_for_harakiri(launching: Launching) -> None:
    features = frozenset({"no-master"})
    assert features <= set(ADAPTER.features)
    assert "--master" not in ADAPTER.command(launching(features=features)).argv
    with pytest.raises(Unsupported, match="harakiri is the master's doing"):
        start_command(ADAPTER, launching(features=features, timeout=5.0))
