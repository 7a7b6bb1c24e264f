"""What the user may name as a target, and what is refused before anybody is asked."""

from __future__ import annotations

import pytest

from wsgi_gauntlet.harness.errors import TargetRefused
from wsgi_gauntlet.harness.server.remote.target import Target, parse_target


@pytest.mark.parametrize(
    ("text", "target", "expected"),
    [
        ("http://127.0.0.1:8000", Target("127.0.0.1", 8000), "127.0.0.1:8000"),
        ("http://127.0.0.1:8000/", Target("127.0.0.1", 8000), "127.0.0.1:8000"),
        ("HTTP://Box.lan:80/a/b/", Target("box.lan", 80, mount="/a/b"), "box.lan:80/a/b"),
        ("http://[::1]:8000", Target("::1", 8000), "[::1]:8000"),
        ("http://bücher.example:8000", Target("xn--bcher-kva.example", 8000), "xn--bcher-kva.example:8000"),
        ("unix:/run/app.sock", Target(path="/run/app.sock"), "unix:/run/app.sock"),
        ("unix:///run/app.sock", Target(path="/run/app.sock"), "unix:/run/app.sock"),
        ("http+unix://%2Frun%2Fapp.sock", Target(path="/run/app.sock"), "unix:/run/app.sock"),
        ("http+unix://%2Frun%2Fapp.sock/x", Target(path="/run/app.sock", mount="/x"), "unix:/run/app.sock/x"),
    ],
)
def test_forms(text: str, target: Target, expected: str) -> None:
    assert parse_target(text) == target
    assert str(target) == expected


@pytest.mark.parametrize(
    ("text", "why"),
    [
        ("https://h:443", "without TLS"),
        ("http://h", "names no port; write it, as http://h:8000"),
        ("http://h:0", "names no port"),
        ("http://h:99999", "no address of a server"),
        ("http://h:port", "no address of a server"),
        ("http://:80", "names no host"),
        ("http://[::1:80", "no address of a server"),
        ("http://" + "ü" * 70 + ":80", "is not a valid name of a host"),
        ("http://u@h:1", "a user or a password"),
        ("http://h:1/?q", "no query and no fragment"),
        ("http://h:1/?", "no query and no fragment"),
        ("http://h:1/#f", "no query and no fragment"),
        ("http://h:1//x", "is not valid in a request"),
        ("http://h:1/ü", "is not valid in a request"),
        ("http://h:1/a b", "no address of a server"),
        ("http://h:1/a\r\nX: y", "no address of a server"),
        ("ftp://h:1", "no address of a server"),
        ("h:1", "no address of a server"),
        ("http:h:1", "no address of a server"),
        ("", "no address of a server"),
        ("unix:app.sock", "must be absolute"),
        ("unix:", "must be absolute"),
        ("http+unix://app.sock", "must be absolute"),
        ("http+unix:///x", "must be absolute"),
    ],
)
def test_what_is_refused(text: str, why: str) -> None:
    with pytest.raises(TargetRefused, match=why) as raised:
        parse_target(text)
    assert "\n" not in str(raised.value)
    assert raised.value.exit_code == 2


def test_no_message_shows_a_password() -> None:
    for text in ("http://user:sesam@h:1", "https://user:sesam@h", "ftp://user:sesam@h:1"):
        with pytest.raises(TargetRefused) as raised:
            parse_target(text)
        assert "sesam" not in str(raised.value)
