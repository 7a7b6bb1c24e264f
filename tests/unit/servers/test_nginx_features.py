"""What nginx is asked for in brackets, as configuration; that it does what it says:
tests/live/test_nginx_features.py."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from wsgi_gauntlet.harness.errors import Unsupported
from wsgi_gauntlet.harness.http.address import Address
from wsgi_gauntlet.harness.server.adapter import Launch, Protocol, Settings, start_command
from wsgi_gauntlet.harness.server.certificates import identity_files
from wsgi_gauntlet.harness.server.static_files import STATIC_FILES, static_content
from wsgi_gauntlet.servers import nginx
from wsgi_gauntlet.servers._support.nginx_configuration import quoted
from wsgi_gauntlet.servers.nginx import ADAPTER

Launching = Callable[..., Launch]

BEHIND, OTHER, THIRD = Address(port=9000), Address(port=9001), Address(port=9002)
OVER_UWSGI = {"upstream": Address(path="/s"), "upstream_protocol": Protocol.UWSGI}


@pytest.fixture
def with_features(launching: Launching) -> Launching:
    def launch(*features: str, **given: object) -> Launch:
        return launching(**{"upstream": BEHIND, "features": frozenset(features), **given})

    return launch


def lines(launch: Launch) -> list[str]:
    return [each.strip() for each in ADAPTER.command(launch).files["nginx.conf"].splitlines()]


def within(launch: Launch, head: str) -> list[str]:
    """Return the directives of the block that begins with `head`."""
    found = lines(launch)
    start = found.index(f"{head} {{")
    return found[start + 1 : found.index("}", start)]


@pytest.mark.parametrize(("given", "module"), [({}, "proxy"), (OVER_UWSGI, "uwsgi")])
def test_unbuffered_means_both_ways(with_features: Launching, given: dict[str, object], module: str) -> None:
    found = within(with_features("unbuffered", **given), "location /")
    assert {f"{module}_buffering off;", f"{module}_request_buffering off;"} <= set(found)


def test_connections_behind_are_kept(with_features: Launching) -> None:
    launch = with_features("upstream-keep-alive")
    assert within(launch, "upstream servers") == ["server 127.0.0.1:9000;", "keepalive 32;"]
    assert {"proxy_pass http://servers;", "proxy_http_version 1.1;", 'proxy_set_header Connection "";'} <= set(
        within(launch, "location /")
    )
    assert ADAPTER.conditions(launch)["kept to the server behind"] == 32


@pytest.mark.parametrize(("version", "kept"), [("1.22.1", 0), ("1.29.7", 32), ("1.31.3", 32), ("", 0)])
def test_newer_versions_keep_connections_to_a_group(
    with_features: Launching, monkeypatch: pytest.MonkeyPatch, version: str, kept: int
) -> None:
    monkeypatch.setattr(nginx, "command_version", lambda _: version)
    conditions = ADAPTER.conditions(with_features("balanced", other_upstreams=(OTHER,)))
    assert (conditions["kept to the server behind"], conditions["features"]) == (kept, "balanced")
    assert ADAPTER.conditions(with_features())["kept to the server behind"] == 0


def test_many_connections_raise_the_default(with_features: Launching) -> None:
    assert within(with_features("many-connections"), "events") == ["worker_connections 20000;"]
    assert ADAPTER.conditions(with_features("many-connections"))["worker-connections"] == 20_000
    assert within(with_features(), "events") == []


def test_gzip_takes_the_kinds_of_text_there_are(with_features: Launching) -> None:
    found = lines(with_features("gzip"))
    assert "gzip on;" in found
    assert "gzip_types text/plain text/css text/javascript application/javascript image/svg+xml;" in found


def test_static_files_are_those_of_the_app(with_features: Launching) -> None:
    command = ADAPTER.command(with_features("static"))
    assert command.files["static/style.css"] == static_content("style.css")
    assert len(command.files) == 1 + len(STATIC_FILES)
    assert within(with_features("static"), "location /static/")[0] == "alias /private/static/;"
    assert "location /mounted/static/ {" in lines(with_features("static", mount="/mounted"))
    assert list(ADAPTER.command(with_features()).files) == ["nginx.conf"]


@pytest.mark.parametrize(("given", "module"), [({}, "proxy"), (OVER_UWSGI, "uwsgi")])
def test_a_cache_lies_in_its_folder(with_features: Launching, given: dict[str, object], module: str) -> None:
    launch = with_features("cache", **given)
    assert f"{module}_cache_path /private/cache keys_zone=responses:1m;" in lines(launch)
    assert f"{module}_cache_valid 200 302 10m;" in within(launch, "location /")


def test_two_servers_get_requests_by_turns(with_features: Launching) -> None:
    launch = with_features("balanced", other_upstreams=(OTHER,))
    assert within(launch, "upstream servers") == ["server 127.0.0.1:9000;", "server 127.0.0.1:9001;"]
    assert "proxy_pass http://servers;" in within(launch, "location /")


def test_the_second_has_a_path_of_its_own(with_features: Launching) -> None:
    launch = with_features("by-path", other_upstreams=(OTHER,))
    assert "proxy_pass http://127.0.0.1:9001;" in within(launch, "location /second/")
    assert "proxy_pass http://127.0.0.1:9000;" in within(launch, "location /")


def test_both_take_three(with_features: Launching) -> None:
    launch = with_features("by-path", "balanced", other_upstreams=(OTHER, THIRD))
    assert within(launch, "upstream servers") == ["server 127.0.0.1:9000;", "server 127.0.0.1:9001;"]
    assert "proxy_pass http://127.0.0.1:9002;" in within(launch, "location /second/")


@pytest.mark.parametrize(
    ("features", "mounts"),
    [
        ((), [""]),
        (("gzip", "cache"), [""]),
        (("balanced",), ["", ""]),
        (("by-path",), ["", "/second"]),
        (("by-path", "balanced"), ["", "", "/second"]),
    ],
)
def test_how_many_are_started_and_where_they_are_mounted(features: tuple[str, ...], mounts: list[str]) -> None:
    settings = Settings(features=frozenset(features))
    assert [ADAPTER.upstream_mount(settings, number) for number in range(ADAPTER.upstream_count(settings))] == mounts


def test_what_cannot_be_had_together(with_features: Launching, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(nginx, "has_tls", lambda _: True)
    with pytest.raises(Unsupported, match="cache or unbuffered"):
        start_command(ADAPTER, with_features("cache", "unbuffered"))
    with pytest.raises(Unsupported, match="the uwsgi protocol keeps no connection"):
        start_command(ADAPTER, with_features("upstream-keep-alive", **OVER_UWSGI))
    for app in ("shop.wsgi:application", "gauntlet_apps.user_app:application"):
        with pytest.raises(Unsupported, match="not those of a user app"):
            start_command(ADAPTER, with_features("static", app=app))
    dollar = Path("/a$b")
    for given in ({"features": frozenset({"static"})}, {"identity": identity_files(dollar)}):
        with pytest.raises(Unsupported, match=r"takes the \$ in /a\$b for a variable"):
            start_command(ADAPTER, with_features(folder=dollar, **given))


@pytest.mark.parametrize(
    ("text", "word"),
    [
        ("/a/b-c_d.e", "/a/b-c_d.e"),
        ("[::1]:8000", "[::1]:8000"),
        ("/a b", '"/a b"'),
        ('/a"b', '"/a\\"b"'),
        ("/a\\n", '"/a\\\\n"'),
        ("/a;{b}#", '"/a;{b}#"'),
        ("", '""'),
    ],
)
def test_any_path_is_one_word(text: str, word: str) -> None:
    assert quoted(text) == word


@pytest.mark.parametrize("path", ["/a:b/s", "/a$b/s"])
def test_a_path_that_proxy_pass_would_take_apart_stands_in_a_group(with_features: Launching, path: str) -> None:
    launch = with_features(upstream=Address(path=path))
    assert within(launch, "upstream servers") == [f"server {quoted(f'unix:{path}')};"]
    assert "proxy_pass http://servers;" in within(launch, "location /")
