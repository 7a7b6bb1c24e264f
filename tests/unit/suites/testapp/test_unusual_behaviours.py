"""The reference app where it does what apps seldom do: odd lengths, failing close(), late failures, other callables."""

from __future__ import annotations

import importlib
import io
from collections.abc import Iterator
from typing import Any

import pytest

from wsgi_gauntlet.suites.testapp import reference
from wsgi_gauntlet.suites.testapp.behaviours.body import INVALID_LENGTHS
from wsgi_gauntlet.suites.testapp.behaviours.start_response import PlannedError

from ....helpers.testapp_client import FakeHarness, FakeServer, environ, run


@pytest.mark.parametrize("kind", ["instance", "class"])
def test_the_app_is_the_kind_of_callable_that_the_environment_names(kind: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("WSGI_GAUNTLET_CALLABLE", kind)
    try:
        application: Any = importlib.reload(reference).application
        assert isinstance(application, type) == (kind == "class")
        server = FakeServer()
        assert b"".join(application(environ("/echo"), server.start_response)) == b"gauntlet tok\n"
        assert server.status == "200 OK"
    finally:
        monkeypatch.undo()
        importlib.reload(reference)


@pytest.mark.parametrize(
    ("target", "body"),
    [
        ("/write-empty", b"one\ntwo\n"),
        ("/write-then-stream", b"written\nblock 1\nblock 2\n"),
        ("/closing-held", b"one\n"),
        ("/latin1", b"body\n"),
        ("/two-lengths", b"body\n"),
    ],
)
def test_bodies(target: str, body: bytes) -> None:
    assert run(target)[1] == body


def test_every_byte_is_written_or_returned() -> None:
    assert run("/every-byte?how=write")[1] == run("/every-byte")[1]
    assert run("/every-byte?how=write")[0].written


def test_a_closing_body_has_the_status_that_is_asked_for() -> None:
    assert run("/closing?status=304%20Not%20Modified")[0].status == "304 Not Modified"


@pytest.mark.parametrize("target", ["/closing-badly", "/closing-badly?length=yes"])
def test_close_may_raise_and_tells_first(target: str, harness: FakeHarness) -> None:
    with pytest.raises(PlannedError, match="close"):
        run(target)
    assert len(harness.details("closed")) == 1


def test_a_body_that_cannot_be_iterated_can_be_closed(harness: FakeHarness) -> None:
    with pytest.raises(PlannedError, match="__iter__"):
        run("/closing-without-iteration")
    assert [detail["where"] for detail in harness.details("raised")] == ["iter"]
    assert len(harness.details("closed")) == 1


def test_a_closing_body_may_come_without_a_status(harness: FakeHarness) -> None:
    server, body = run("/closing-unstarted")
    assert (server.status, body) == ("", b"a body without a status\n")
    assert len(harness.details("closed")) == 1


@pytest.mark.parametrize("what", sorted(INVALID_LENGTHS))
def test_lengths_that_are_none(what: str) -> None:
    assert ("Content-Length", INVALID_LENGTHS[what]) in run(f"/odd-length?what={what}")[0].headers


def test_two_lengths_may_be_the_same() -> None:
    values = [value for name, value in run("/two-lengths?same=yes")[0].headers if name == "Content-Length"]
    assert values == ["5", "5"]


def test_what_was_written_cannot_be_replaced(harness: FakeHarness) -> None:
    server = FakeServer()
    server.sent = True
    with pytest.raises(PlannedError):
        reference.application(environ("/replace-after-write"), server.start_response)
    assert [detail["same"] for detail in harness.details("raised") if detail["where"] == "start_response"] == [True]


@pytest.mark.parametrize("when", ["written-body", "generator-unstarted", "generator-started", "blank-first"])
def test_late_failures(when: str) -> None:
    with pytest.raises(PlannedError):
        run(f"/fail?when={when}")


def test_an_app_may_exit_and_name_what_cannot_be_sent() -> None:
    with pytest.raises(SystemExit):
        run("/fail?when=system-exit")
    assert "\u2603" in run("/fail?when=status-not-latin1")[0].status


def test_two_lines_are_written_at_once() -> None:
    errors = io.StringIO()
    run("/errors-lines?line=word", **{"wsgi.errors": errors})
    assert errors.getvalue() == "word-1\nword-2\n"


def test_start_response_is_tried_again_after_an_error(harness: FakeHarness) -> None:
    def strict(_status: str, headers: list[tuple[str, Any]], _exc_info: Any = None) -> None:
        if any(type(value) is not str for _, value in headers):
            raise TypeError("a value is a str")

    reference.application(environ("/start-again"), strict)
    assert [(event["kind"], event["detail"]["where"]) for event in harness.events() if event["kind"] != "called"] == [
        ("raised", "first"),
        ("returned", "second"),
    ]


class _Wrapper:
    def __init__(self, file: Any, size: int = 512) -> None:
        self.file, self.size, self.close = file, size, getattr(file, "close", lambda: None)

    def __iter__(self) -> Iterator[bytes]:
        return iter(lambda: self.file.read(self.size), b"")


def test_uses_of_the_file_wrapper(harness: FakeHarness) -> None:
    wrapped: dict[str, Any] = {"wsgi.file_wrapper": _Wrapper}
    assert run("/file-wrapper?what=iterate-readable", **wrapped)[1] == b"iterated\n"
    assert harness.details("iterated")[0]["whole"]
    assert run("/file-wrapper?what=close-it", **wrapped)[1] == b"closed\n"
    assert len(harness.details("closed")) == 1
    assert run("/file-wrapper?what=moved", **wrapped)[1].startswith(b"line 0010\n")
