"""gunicorn's command line, as a value."""

from __future__ import annotations

import signal
from collections.abc import Callable

import pytest

from wsgi_gauntlet.harness.errors import Unsupported
from wsgi_gauntlet.harness.http.address import Address
from wsgi_gauntlet.harness.server.adapter import Launch, Protocol, Settings, start_command
from wsgi_gauntlet.servers import gunicorn
from wsgi_gauntlet.servers.gunicorn import ADAPTER

Launching = Callable[..., Launch]


@pytest.fixture(autouse=True)
def version(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(gunicorn, "distribution_version", lambda *_: "27.0.1")


def test_its_own_defaults_are_left_alone(launching: Launching) -> None:
    command = ADAPTER.command(launching(variant="sync"))
    assert command.argv == (
        *("/py/bin/python", "-m", "gunicorn", "--bind", "127.0.0.1:8000", "--worker-class", "sync"),
        *("--worker-tmp-dir", "/private", "--no-control-socket", "--http-parser", "python"),
        "gauntlet_apps.reference:application",
    )
    assert command.reload_signal is signal.SIGHUP
    assert command.environment == {}


def test_settings_become_its_options(launching: Launching) -> None:
    launch = launching(
        variant="gthread", workers=4, threads=8, keep_alive=5.0, timeout=30.0, backlog=64, address=Address(path="/s")
    )
    line = " ".join(ADAPTER.command(launch).argv)
    assert "--bind unix:/s --worker-class gthread" in line
    assert "--workers 4 --threads 8 --keep-alive 5 --timeout 30 --backlog 64 gauntlet_apps" in line


def test_a_mount_is_set_by_script_name(launching: Launching) -> None:
    assert ADAPTER.command(launching(mount="/x")).environment == {"SCRIPT_NAME": "/x"}


@pytest.mark.parametrize(
    ("version", "socket", "parser"),
    [
        ("25.2.0", True, True),
        ("25.1.0", True, False),
        ("25.0.3", False, False),
        ("20.1.0", False, False),
        ("", False, False),
        ("26.0", True, True),
    ],
)
def test_only_versions_that_know_an_option_are_given_it(
    launching: Launching, monkeypatch: pytest.MonkeyPatch, version: str, socket: bool, parser: bool
) -> None:
    monkeypatch.setattr(gunicorn, "distribution_version", lambda *_: version)
    argv = ADAPTER.command(launching()).argv
    assert ("--no-control-socket" in argv) is socket
    assert ("--http-parser" in argv) is parser


def test_the_sync_worker_has_neither_threads_nor_keep_alive(launching: Launching) -> None:
    with pytest.raises(Unsupported, match="gunicorn:gthread has a pool"):
        start_command(ADAPTER, launching(variant="sync", threads=2))
    with pytest.raises(Unsupported, match="no option for keep alive"):
        start_command(ADAPTER, launching(variant="sync", keep_alive=2.0))
    assert ADAPTER.command(launching(variant="sync", threads=1))


def test_fractions_of_seconds_are_no_option_of_it(launching: Launching) -> None:
    line = " ".join(ADAPTER.command(launching(variant="gthread", keep_alive=0.2, timeout=1.5)).argv)
    assert "--keep-alive 1 --timeout 2 " in line
    conditions = ADAPTER.conditions(launching(variant="gthread", keep_alive=0.2, timeout=1.5))
    assert (conditions["keep-alive"], conditions["timeout"]) == (1, 2)


def test_conditions_are_the_figures_that_hold(launching: Launching) -> None:
    assert ADAPTER.conditions(launching(variant="sync")) == {
        "workers": 1,
        "threads": 1,
        "keep-alive": 0,
        "timeout": 30,
        "backlog": 2048,
    }
    assert ADAPTER.conditions(launching(variant="gthread", threads=8, timeout=0.0)) == {
        "workers": 1,
        "threads": 8,
        "keep-alive": 2,
        "timeout": 0,
        "backlog": 2048,
    }


def test_the_asgi_worker_serves_the_app_through_a2wsgi(launching: Launching) -> None:
    command = ADAPTER.command(launching(variant="asgi", threads=3, mount="/x", keep_alive=1.0))
    assert command.argv[-7:] == (
        *("--keep-alive", "1", "--asgi-loop", "asyncio", "--root-path", "/x"),
        "through_a2wsgi:application",
    )
    assert "--threads" not in command.argv
    assert "workers=3" in command.files["through_a2wsgi.py"]
    assert command.environment == {}


@pytest.mark.parametrize(("variant", "stop"), [("asgi", signal.SIGTERM), ("gevent", signal.SIGQUIT)])
def test_each_worker_is_asked_to_stop_by_what_it_obeys_at_once(
    launching: Launching, variant: str, stop: signal.Signals
) -> None:
    assert ADAPTER.command(launching(variant=variant)).stop_signal is stop


@pytest.mark.parametrize(
    ("variant", "asked", "reason"),
    [
        ("gevent", {"threads": 2}, "greenlets instead of threads"),
        ("tornado", {"threads": 2}, "on its event loop"),
        ("tornado", {"keep_alive": 1.0}, "keeps connections as Tornado does"),
        ("tornado", {"mount": "/x"}, "gunicorn has no option for mounting"),
        ("eventlet", {}, "no eventlet worker since version 26.0"),
        ("sync", {"protocol": Protocol.UWSGI}, "does not speak uwsgi"),
    ],
)
def test_what_a_worker_would_take_and_ignore_is_refused(
    launching: Launching, variant: str, asked: dict[str, object], reason: str
) -> None:
    with pytest.raises(Unsupported, match=reason):
        start_command(ADAPTER, launching(variant=variant, **asked))


def test_older_versions_have_the_eventlet_worker(launching: Launching, monkeypatch: pytest.MonkeyPatch) -> None:
    missing_for = ADAPTER.missing_for("/py", "eventlet")
    assert missing_for.why == "gunicorn has had no eventlet worker since version 26.0"
    assert missing_for.get == "/py -m pip install 'gunicorn<26' eventlet"
    monkeypatch.setattr(gunicorn, "distribution_version", lambda *_: "25.3.0")
    assert ADAPTER.command(launching(variant="eventlet")).argv[5:7] == ("--worker-class", "eventlet")


def test_the_asgi_worker_is_newer_than_the_others(launching: Launching, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(gunicorn, "distribution_version", lambda *_: "23.0.0")
    missing_for = ADAPTER.missing_for("/py", "asgi")
    assert missing_for.why == "gunicorn has no ASGI worker before version 24.0"
    assert missing_for.get == "/py -m pip install 'gunicorn>=24' a2wsgi"
    with pytest.raises(Unsupported, match=r"no ASGI worker before version 24\.0"):
        start_command(ADAPTER, launching(variant="asgi"))
    monkeypatch.setattr(gunicorn, "distribution_version", lambda *_: "24.0.0")
    assert ADAPTER.command(launching(variant="asgi"))


@pytest.mark.parametrize(
    ("variant", "differs"),
    [
        ("gevent", {"greenlets": 1000}),
        ("tornado", {"keep-alive": 3600}),
        ("asgi", {"threads": 10}),
        ("eventlet", {"greenlets": 1000}),
    ],
)
def test_conditions_of_the_other_workers(launching: Launching, variant: str, differs: dict[str, int]) -> None:
    whole = {"workers": 1, "threads": 1, "keep-alive": 2, "timeout": 30, "backlog": 2048}
    assert ADAPTER.conditions(launching(variant=variant)) == whole | differs


def test_its_documentation_has_two_workers_a_core_and_one() -> None:
    assert ADAPTER.tuned_settings("sync", 2) == Settings(workers=5)
    assert ADAPTER.tuned_settings("gthread", 2) == Settings(workers=5, threads=4)
