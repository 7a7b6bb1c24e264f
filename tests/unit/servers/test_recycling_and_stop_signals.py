"""The setting max-requests of every adapter, and what each says of the signals that stop it."""

from __future__ import annotations

import signal
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from wsgi_gauntlet.harness.http.address import Address
from wsgi_gauntlet.harness.registry import adapters
from wsgi_gauntlet.harness.server.adapter import Adapter, Launch, unsupported_reason
from wsgi_gauntlet.servers import (
    apache,
    caddy,
    gunicorn,
    haproxy,
    hypercorn,
    lighttpd,
    mod_wsgi,
    mod_wsgi_express,
    nginx,
    uvicorn,
    uwsgi,
)

Launching = Callable[..., Launch]

BEHIND = Address(port=1)


@pytest.mark.parametrize(
    ("adapter", "words", "asked"),
    [
        (gunicorn.ADAPTER, ("--max-requests", "100"), {}),
        (uwsgi.ADAPTER, ("--max-requests", "100", "--min-worker-lifetime", "1"), {}),
        (hypercorn.ADAPTER, ("--max-requests", "100"), {}),
        (uvicorn.ADAPTER, ("--limit-max-requests", "100"), {"workers": 2}),
        (mod_wsgi_express.ADAPTER, ("--maximum-requests", "100"), {}),
    ],
)
def test_the_setting_is_the_option_of_the_server(
    adapter: Adapter, words: tuple[str, ...], asked: dict[str, int], launching: Launching
) -> None:
    launch = launching(max_requests=100, python=sys.executable, **asked)
    assert unsupported_reason(adapter, launch) == ""
    argv = adapter.command(launch).argv
    first = argv.index(words[0])
    assert argv[first : first + len(words)] == words
    assert adapter.conditions(launch)["max-requests"] == 100
    assert "max-requests" not in adapter.conditions(launching(python=sys.executable, **asked))
    assert words[0] not in adapter.command(launching(python=sys.executable, **asked)).argv


def test_apache_replaces_its_processes_or_those_of_mod_wsgi(launching: Launching) -> None:
    for adapter, variant, line in (
        (apache.ADAPTER, "tcp", "MaxConnectionsPerChild 100"),
        (mod_wsgi.ADAPTER, "embedded", "MaxConnectionsPerChild 100"),
        (mod_wsgi.ADAPTER, "daemon", "maximum-requests=100"),
    ):
        launch = launching(max_requests=100, variant=variant, upstream=BEHIND if adapter.front else None)
        assert line in adapter.command(launch).files["apache.conf"]
        assert adapter.conditions(launch)["max-requests"] == 100


def test_uvicorn_with_one_worker_would_only_end(launching: Launching) -> None:
    assert "set workers=2 or more" in unsupported_reason(uvicorn.ADAPTER, launching(max_requests=100))


def test_uwsgi_without_a_master_would_only_end(launching: Launching) -> None:
    launch = launching(max_requests=100, features=frozenset({"no-master"}))
    assert "leave out no-master" in unsupported_reason(uwsgi.ADAPTER, launch)


@pytest.mark.parametrize(
    ("text", "reason"),
    [("", "add master = true to"), ("master = false", "add master = true to"), ("master = true", ""), ("M =", "")],
)
def test_uwsgi_has_the_master_of_the_users_file(tmp_path: Path, launching: Launching, text: str, reason: str) -> None:
    file = tmp_path / "uwsgi.ini"
    file.write_text(f"[uwsgi]\n{text}\n")
    found = unsupported_reason(uwsgi.ADAPTER, launching(max_requests=100, config=file))
    assert (reason in found) if reason else found == ""


def test_the_setting_wins_over_the_users_file(tmp_path: Path, launching: Launching) -> None:
    ini = tmp_path / "uwsgi.ini"
    ini.write_text("[uwsgi]\nmaster = true\nR = 5\nmin-worker-lifetime = 60\n")
    command = uwsgi.ADAPTER.command(launching(max_requests=100, config=ini))
    assert "\nR = 5" not in command.files["uwsgi.ini"]
    assert "lifetime" not in command.files["uwsgi.ini"]
    assert {(each.setting, each.was, each.now) for each in command.overrides} == {
        ("R", "5", "100"),
        ("min-worker-lifetime", "60", "1"),
    }
    assert uwsgi.ADAPTER.conditions(launching(config=ini))["max-requests"] == 5
    conf = tmp_path / "site.conf"
    conf.write_text("MaxRequestsPerChild 5\nProxyPass / http://127.0.0.1:8000/\n")
    launch = launching(max_requests=100, config=conf, upstream=BEHIND)
    files = apache.ADAPTER.command(launch).files
    assert "MaxConnectionsPerChild 100" in files["apache.conf"]
    assert not any("MaxRequestsPerChild" in text for text in files.values())
    assert apache.ADAPTER.conditions(launching(config=conf, upstream=BEHIND))["max-requests"] == 5


def test_signals_are_the_same_with_the_users_file(tmp_path: Path, launching: Launching) -> None:
    texts = {
        gunicorn.ADAPTER: "workers = 2\n",
        uwsgi.ADAPTER: "[uwsgi]\nmaster = true\n",
        nginx.ADAPTER: "server { listen 80; location / { proxy_pass http://127.0.0.1:8000; } }\n",
        apache.ADAPTER: "ProxyPass / http://127.0.0.1:8000/\n",
        lighttpd.ADAPTER: 'proxy.server = ( "" => (( "host" => "127.0.0.1", "port" => 8000 )) )\n',
        haproxy.ADAPTER: "defaults\n mode http\nlisten f\n bind :80\n server s 127.0.0.1:8000\n",
        caddy.ADAPTER: """{"apps": {"http": {"servers": {"s": {"routes": [{"handle": [
            {"handler": "reverse_proxy", "upstreams": [{"dial": "127.0.0.1:8000"}]}]}]}}}}}""",
    }
    assert {each.name for each in texts} == {name for name, each in adapters().items() if each.config_patterns}
    for number, (adapter, text) in enumerate(texts.items()):
        file = tmp_path / f"{number}.{'json' if adapter is caddy.ADAPTER else 'conf'}"
        file.write_text(text)
        asked = {"python": sys.executable, "upstream": BEHIND if adapter.front else None}
        plain, own = (adapter.command(launching(**asked, **more)) for more in ({}, {"config": file}))
        for what in ("graceful_signals", "quick_signals", "stop_signal", "reload_signal"):
            assert getattr(own, what) == getattr(plain, what), (adapter.name, what)


@pytest.mark.parametrize("name", [name for name, each in adapters().items() if not each.recycles_workers])
def test_others_say_that_they_have_no_such_option(name: str, launching: Launching) -> None:
    adapter = adapters()[name]
    launch = launching(max_requests=100, upstream=BEHIND if adapter.front else None)
    if isinstance(adapter, Adapter):
        assert unsupported_reason(adapter, launch) == (
            f"{name} has no option for max-requests: it does not replace a process after many requests"
        )


def test_no_signal_is_both_graceful_and_quick(launching: Launching) -> None:
    for adapter in adapters().values():
        if not isinstance(adapter, Adapter) or adapter.unavailable_reason:
            continue
        launch = launching(python=sys.executable, upstream=BEHIND if adapter.front else None)
        if unsupported_reason(adapter, launch):
            continue
        command = adapter.command(launch)
        assert not set(command.graceful_signals) & set(command.quick_signals)


def test_documented_signals(launching: Launching) -> None:
    stops = gunicorn.ADAPTER.command(launching(python=sys.executable))
    assert (stops.graceful_signals, stops.quick_signals) == ((signal.SIGTERM,), (signal.SIGINT, signal.SIGQUIT))
    stops = nginx.ADAPTER.command(launching(upstream=BEHIND))
    assert (stops.graceful_signals, stops.quick_signals) == ((signal.SIGQUIT,), (signal.SIGTERM, signal.SIGINT))
    stops = apache.ADAPTER.command(launching(upstream=BEHIND))
    assert (stops.graceful_signals, stops.quick_signals) == ((signal.SIGWINCH,), (signal.SIGTERM, signal.SIGINT))
