"""Servers that are started by a script with settings in JSON: their commands as values."""

from __future__ import annotations

import ast
import json
import signal
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from wsgi_gauntlet.harness.errors import Unsupported
from wsgi_gauntlet.harness.http.address import Address
from wsgi_gauntlet.harness.server.adapter import Adapter, Command, Launch, Protocol, start_command
from wsgi_gauntlet.harness.server.certificates import identity_files
from wsgi_gauntlet.servers import bjoern, cheroot, cherrypy, eventlet, gevent, pyruvate, twisted

Launching = Callable[..., Launch]

ALL: list[Adapter] = [
    cheroot.ADAPTER,
    cherrypy.ADAPTER,
    gevent.ADAPTER,
    eventlet.ADAPTER,
    bjoern.ADAPTER,
    twisted.ADAPTER,
    pyruvate.ADAPTER,
]
WITH_TLS = {"cheroot", "cherrypy", "gevent", "eventlet", "twisted"}
MOUNTING = {"cheroot", "cherrypy", "twisted"}
ONE_TIMEOUT = ["cheroot", "cherrypy", "twisted"]
BY_NAME = {each.name: each for each in ALL}


def script_options(command: Command) -> dict[str, Any]:
    """Return the options that the script is given."""
    options: dict[str, Any] = json.loads(command.argv[4])
    return options


@pytest.mark.parametrize("adapter", ALL, ids=lambda each: str(each.name))
def test_the_script_stands_alone_and_gets_its_address(adapter: Adapter, launching: Launching) -> None:
    command = adapter.command(launching())
    ast.parse(command.files["serve.py"], feature_version=(3, 8))
    assert "wsgi_gauntlet" not in command.files["serve.py"]
    assert command.argv[:4] == ("/py/bin/python", "serve.py", "127.0.0.1", "8000")
    assert command.argv[5:] == ("gauntlet_apps.reference:application",)
    assert command.reload_signal is None


@pytest.mark.parametrize("adapter", ALL, ids=lambda each: str(each.name))
def test_a_unix_socket_may_lie_in_any_folder(adapter: Adapter, launching: Launching) -> None:
    launch = launching(address=Address(path="/a b/s"))
    if adapter.name == "twisted":
        with pytest.raises(Unsupported, match="twisted has no option for unix sockets"):
            start_command(adapter, launch)
    else:
        assert adapter.command(launch).argv[2:4] == ("/a b/s", "0")


@pytest.mark.parametrize("adapter", ALL, ids=lambda each: str(each.name))
def test_none_of_them_has_workers_or_speaks_uwsgi(adapter: Adapter, launching: Launching) -> None:
    assert adapter.command(launching(workers=1))
    with pytest.raises(Unsupported, match="has no option for more than one worker"):
        start_command(adapter, launching(workers=2))
    with pytest.raises(Unsupported, match="does not speak uwsgi"):
        start_command(adapter, launching(protocol=Protocol.UWSGI))


@pytest.mark.parametrize("adapter", ALL, ids=lambda each: str(each.name))
def test_some_mount_the_app(adapter: Adapter, launching: Launching) -> None:
    if adapter.name in MOUNTING:
        assert script_options(adapter.command(launching(mount="/x")))["mount"] == "/x"
    else:
        with pytest.raises(Unsupported, match=f"{adapter.name} has no option for mounting"):
            start_command(adapter, launching(mount="/x"))


@pytest.mark.parametrize("adapter", ALL, ids=lambda each: str(each.name))
def test_some_speak_tls(adapter: Adapter, launching: Launching, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(twisted, "distribution_version", lambda *_: "26.4.0")
    launch = launching(tls=True, address=Address(port=8000, tls=True), identity=identity_files(Path("/private")))
    if adapter.name in WITH_TLS:
        values = set(map(str, script_options(adapter.command(launch)).values()))
        assert values >= {"/private/certificate.pem", "/private/key.pem"}
    else:
        with pytest.raises(Unsupported, match=rf"nginx\[tls\]\+{adapter.name}"):
            start_command(adapter, launch)


def test_twisted_needs_more_for_tls(launching: Launching, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(twisted, "distribution_version", lambda *_: "")
    with pytest.raises(Unsupported, match=r"pip install 'twisted\[tls\]'"):
        start_command(twisted.ADAPTER, launching(tls=True))


@pytest.mark.parametrize("name", ONE_TIMEOUT)
def test_one_timeout_stands_for_two_settings(name: str, launching: Launching) -> None:
    adapter = BY_NAME[name]
    for asked in ({"keep_alive": 2.5}, {"timeout": 2.5}, {"keep_alive": 2.5, "timeout": 2.5}):
        launch = launching(**asked)
        assert 2.5 in script_options(adapter.command(launch)).values()
        conditions = adapter.conditions(launch)
        assert (conditions["keep-alive"], conditions["timeout"]) == (2.5, 2.5)
    with pytest.raises(Unsupported, match="one timeout for requests and for kept connections"):
        start_command(adapter, launching(keep_alive=1.0, timeout=2.0))
    with pytest.raises(Unsupported, match="serves nobody with a timeout of 0 s"):
        start_command(adapter, launching(keep_alive=0.0))


@pytest.mark.parametrize("name", ["gevent", "bjoern", "pyruvate"])
def test_some_have_no_timeout(name: str, launching: Launching) -> None:
    for asked in (0.0, 5.0):
        with pytest.raises(Unsupported, match=f"{name} has no option for timeout"):
            start_command(BY_NAME[name], launching(timeout=asked))
        if name != "pyruvate":
            with pytest.raises(Unsupported, match=f"{name} has no option for keep alive"):
                start_command(BY_NAME[name], launching(keep_alive=asked))


def test_left_alone_they_have_their_own_defaults(launching: Launching) -> None:
    for adapter in (cheroot.ADAPTER, cherrypy.ADAPTER, gevent.ADAPTER, eventlet.ADAPTER, bjoern.ADAPTER):
        assert script_options(adapter.command(launching())) == {}
    assert script_options(twisted.ADAPTER.command(launching())) == {"threads": 20, "timeout": 60, "backlog": 50}
    assert script_options(pyruvate.ADAPTER.command(launching())) == {"threads": 2}


def test_settings_become_their_options(launching: Launching) -> None:
    launch = launching(threads=3, backlog=16)
    assert script_options(cheroot.ADAPTER.command(launch)) == {"numthreads": 3, "max": 3, "request_queue_size": 16}
    assert script_options(cherrypy.ADAPTER.command(launch)) == {
        "thread_pool": 3,
        "thread_pool_max": 3,
        "socket_queue_size": 16,
    }
    assert script_options(gevent.ADAPTER.command(launch)) == {"spawn": 3, "backlog": 16}
    assert script_options(eventlet.ADAPTER.command(launch)) == {"max_size": 3, "backlog": 16}
    assert script_options(twisted.ADAPTER.command(launch)) == {"threads": 3, "timeout": 60, "backlog": 16}
    assert script_options(bjoern.ADAPTER.command(launching(backlog=16, threads=1))) == {"backlog": 16}
    for adapter in (cheroot, cherrypy, gevent, eventlet, twisted):
        conditions = adapter.ADAPTER.conditions(launch)
        assert conditions["backlog"] == 16
        assert str(conditions["threads"]).startswith("3")


def test_what_ends_them_in_good_order(launching: Launching) -> None:
    ends = {each.name: each.command(launching()).stop_signal for each in ALL}
    assert {name for name, number in ends.items() if number is signal.SIGINT} == {
        *("cheroot", "gevent", "eventlet", "bjoern")
    }


def test_bjoern_has_one_thread(launching: Launching) -> None:
    with pytest.raises(Unsupported, match="bjoern has no option for more than one thread"):
        start_command(bjoern.ADAPTER, launching(threads=2))


def test_bjoern_is_found_by_either_distribution(monkeypatch: pytest.MonkeyPatch) -> None:
    versions = {"bjoern": "3.2.1"}
    monkeypatch.setattr(bjoern, "distribution_version", lambda _, name: versions.get(name, ""))
    assert bjoern.ADAPTER.find("/nowhere/python3").version == "3.2.1"
    versions.clear()
    monkeypatch.setattr("wsgi_gauntlet.harness.server.adapter.distribution_version", lambda *_: "")
    assert bjoern.ADAPTER.find("/nowhere/python3").get == "/nowhere/python3 -m pip install bjoern-binary"


def test_gevent_is_patched_by_default(launching: Launching) -> None:
    patched = gevent.ADAPTER.command(launching(variant="patched")).files["serve.py"]
    unpatched = gevent.ADAPTER.command(launching(variant="unpatched")).files["serve.py"]
    assert patched.index("patch_all()") < patched.index("gevent.pywsgi")
    assert "patch_all" not in unpatched


@pytest.mark.parametrize("adapter", [gevent.ADAPTER, eventlet.ADAPTER], ids=lambda each: str(each.name))
def test_two_take_a_deployers_variables(adapter: Adapter, launching: Launching) -> None:
    assert script_options(adapter.command(launching(deployed=(("A", "1"),)))) == {"environ": {"A": "1"}}


def test_eventlet_has_two_times(launching: Launching) -> None:
    launch = launching(keep_alive=0.0, timeout=3.0)
    assert script_options(eventlet.ADAPTER.command(launch)) == {"keepalive": 0.0, "socket_timeout": 3.0}
    assert eventlet.ADAPTER.conditions(launch)["keep-alive"] == 0.0
    assert eventlet.ADAPTER.conditions(launching(timeout=3.0))["keep-alive"] == 3.0
    assert eventlet.ADAPTER.conditions(launching())["timeout"] == "no limit"
    assert "reuse_port=False" in eventlet.ADAPTER.command(launching()).files["serve.py"]


def test_pyruvate_keeps_no_connection(launching: Launching) -> None:
    assert script_options(pyruvate.ADAPTER.command(launching(keep_alive=0.0, threads=4))) == {"threads": 4}
    with pytest.raises(Unsupported, match="then it ends them"):
        start_command(pyruvate.ADAPTER, launching(keep_alive=1.2))
    assert pyruvate.ADAPTER.conditions(launching())["keep-alive"] == 0
    with pytest.raises(Unsupported, match="pyruvate has no option for backlog"):
        start_command(pyruvate.ADAPTER, launching(backlog=5))
