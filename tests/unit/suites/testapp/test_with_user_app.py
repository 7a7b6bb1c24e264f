"""The reference app with an app of the user's own beside it, called directly."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest

from wsgi_gauntlet.harness.server.user_app import USER_APP_HEADER
from wsgi_gauntlet.suites.testapp.core import user_app_choice

from ....helpers.testapp_client import FakeServer, environ


@pytest.fixture
def reported(monkeypatch: pytest.MonkeyPatch) -> list[tuple[str, dict[str, Any]]]:
    """Return what the app side reports, as (kind, detail)."""
    found: list[tuple[str, dict[str, Any]]] = []
    for module in ("call", "event_channel"):
        target = f"wsgi_gauntlet.suites.testapp.core.{module}.emit"
        monkeypatch.setattr(target, lambda kind, _token, detail: found.append((kind, detail)))
    return found


def both(app: Any, reference: Any = None) -> Any:
    made: Any = user_app_choice.with_user_app(reference, app)
    return made


def asking(how: str, path: str = "/", **variables: str) -> dict[str, Any]:
    name = f"HTTP_{USER_APP_HEADER.upper().replace('-', '_')}"
    return {**environ(path), name: how, "HTTP_X_GAUNTLET": "t0", **variables}


@pytest.mark.parametrize("path", ["/", "", "*", "//x", "/gauntlet-control/page", "http://a/b"])
def test_what_does_not_ask_for_the_app_reaches_the_reference_app_untouched(reported: Any, path: str) -> None:
    seen: list[Any] = []

    def reference(*positional: Any, **named: Any) -> str:
        seen.append((positional, named))
        return "its answer"

    given = environ(path)
    before = dict(given)
    assert both(None, reference)(given, start_response=len) == "its answer"
    assert both(None, reference)() == "its answer"
    ((positional, named), nothing) = seen
    assert positional[0] is given
    assert (given, named, nothing) == (before, {"start_response": len}, ((), {}))
    assert reported == []


def test_the_server_gets_what_the_app_returns_and_its_own_environ_is_used(reported: Any) -> None:
    body, seen = [b"one"], []

    def app(environ: Any, start_response: Any) -> Any:
        seen.append(environ)
        start_response("200 OK", [("A", "b")])
        return body

    server, given = FakeServer(), asking("ask")
    assert both(app)(given, server.start_response) is body
    assert seen[0] is given
    assert not [name for name in given if "GAUNTLET" in name]
    assert server.status == "200 OK"
    assert [kind for kind, _ in reported] == ["own-asked", "own-started", "own-answered"]
    assert reported[1][1] == {"status": "200 OK", "headers": [["A", "b"]]}
    assert reported[2][1] == {"watched": False}


class Closable(list[bytes]):
    closed = 0

    def close(self) -> None:
        self.closed += 1


def test_close_is_watched_where_the_answer_stays_what_it_is(reported: Any) -> None:
    body = Closable([b"one"])
    answer = both(lambda _environ, _start: body)(asking("ask"), None)
    assert answer is body
    assert len(answer) == 1
    answer.close()
    assert body.closed == 1
    assert [kind for kind, _ in reported][-2:] == ["own-answered", "closed"]
    assert reported[-2][1] == {"watched": True}


def test_close_of_a_generator_is_watched(reported: Any) -> None:
    ended = []

    def app(_environ: Any, _start_response: Any) -> Iterator[bytes]:
        try:
            yield b"one"
            yield b"two"
        finally:
            ended.append(True)

    answer = both(app)(asking("ask"), None)
    assert next(iter(answer)) == b"one"
    assert not hasattr(answer, "__len__")
    answer.close()
    assert ended == [True]
    assert reported[-1][0] == "closed"


def test_a_look_reports_what_the_app_gives_and_closes_it(reported: Any) -> None:
    body = Closable([b"one", b"three"])

    def app(environ: Any, start_response: Any) -> Any:
        write = start_response("200 OK", [("Content-Length", "10")])
        write(environ["REQUEST_METHOD"].encode())
        return body

    server = FakeServer()
    assert both(app)(asking("look", REQUEST_METHOD="HEAD"), server.start_response) == [b"looked at\n"]
    assert body.closed == 1
    kind, detail = reported[1]
    assert kind == "own-looked"
    assert (detail["status"], detail["headers"]) == ("200 OK", [["Content-Length", "10"]])
    assert (detail["size"], detail["ended"]) == (12, True)


def test_a_look_reports_what_the_app_raises(reported: Any) -> None:
    def app(_environ: Any, _start_response: Any) -> Any:
        raise ValueError("the till is empty")

    both(app)(asking("look"), FakeServer().start_response)
    kind, detail = reported[1]
    assert kind == "own-raised"
    assert detail["why"].startswith("raises: File ")
    assert detail["why"].endswith(" | ValueError: the till is empty")


def test_a_look_reports_an_app_that_leaves(reported: Any) -> None:
    def app(_environ: Any, _start_response: Any) -> Any:
        raise SystemExit(3)

    both(app)(asking("look"), FakeServer().start_response)
    assert reported[1][1]["why"].endswith(" | SystemExit: 3")


def test_a_look_reports_text_where_bytes_are_wanted(reported: Any) -> None:
    both(lambda _environ, _start: ["text"])(asking("look"), FakeServer().start_response)
    assert reported[1] == ("own-raised", {"why": "gives str instead of bytes"})


def test_a_look_at_an_answer_without_end_ends(reported: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(user_app_choice, "MAX_BODY_BYTES", 10)

    def app(_environ: Any, start_response: Any) -> Iterator[bytes]:
        start_response("200 OK", [])
        while True:
            yield b"more"

    both(app)(asking("look"), FakeServer().start_response)
    assert reported[1][1]["ended"] is False
