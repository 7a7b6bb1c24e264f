"""How a server fares with the reference app's start_response, bodies and failures, called directly."""

from __future__ import annotations

from typing import Any

import pytest

from wsgi_gauntlet.suites.testapp import reference
from wsgi_gauntlet.suites.testapp.behaviours.body import EVERY_BYTE
from wsgi_gauntlet.suites.testapp.behaviours.file_wrapper import CONTENT
from wsgi_gauntlet.suites.testapp.behaviours.start_response import INJECTED_VALUES, INVALID_ARGUMENTS, PlannedError

from ....helpers.testapp_client import FakeHarness, FakeServer, environ, run


@pytest.mark.parametrize(
    ("target", "status", "body"),
    [
        ("/start", "200 OK", b"plain\n"),
        ("/start?third=none", "200 OK", b"plain\n"),
        ("/bare", "200 OK", b"bare\n"),
        ("/odd-case", "200 OK", b"odd\n"),
        ("/start-and-hold", "200 OK", b"late\n"),
        ("/empty-then-replace", "503 Changed Mind", b"replaced\n"),
        ("/empty-body", "200 OK", b""),
        ("/empty-body?what=generator", "200 OK", b""),
        ("/empty-body?what=blank", "200 OK", b""),
        ("/replace", "503 Changed Mind", b"replaced\n"),
        ("/start-late", "203 Late", b"late\n"),
        ("/play-dumb", "299 Gauntlet Run", b"dumb\n"),
        ("/every-byte", "200 OK", EVERY_BYTE),
        ("/stream", "200 OK", b"block 1\nblock 2\n"),
        ("/watched", "200 OK", b"one\ntwo\n"),
        ("/written-then-list", "200 OK", b"written\nreturned\n"),
        ("/empty-blocks", "200 OK", b"one\ntwo\n"),
        ("/write-and-hold", "200 OK", b"written\nreturned\n"),
        ("/write-in-order", "200 OK", b"one\ntwo\nthree\n"),
        ("/write-in-order?then=nothing", "200 OK", b"one\ntwo\n"),
        ("/write-returned", "200 OK", b"written\n"),
        ("/closing", "200 OK", b"one\ntwo\n"),
        ("/too-long", "200 OK", b"helloEXTRA"),
        ("/too-long?what=write", "200 OK", b"helloEXTRA"),
        ("/too-long?what=blocks", "200 OK", b"hello" + b"EXTRA" * 20),
        ("/too-short", "200 OK", b"short"),
        ("/unknown-length", "200 OK", b"one\ntwo\n"),
        ("/respond", "200 OK", b"gauntlet tok\n"),
        ("/respond?status=204+No+Content&framing=empty&h-X-A=b", "204 No Content", b""),
        ("/respond?framing=none&body=hi", "200 OK", b"hi"),
        ("/file-wrapper?what=file", "200 OK", b"no wsgi.file_wrapper\n"),
    ],
)
def test_behaviours_do_on_a_plain_server_what_they_say(target: str, status: str, body: bytes) -> None:
    server, got = run(target)
    assert (server.status, got) == (status, body)


@pytest.mark.parametrize("what", [f"{kind}-{count}" for kind in ("list", "tuple", "object") for count in (1, 2)])
def test_sized_bodies_have_the_length_that_they_say(what: str) -> None:
    result = reference.application(environ(f"/sized?what={what}"), FakeServer().start_response)
    assert len(result) == int(what[-1]) == len(list(result))


def test_nothing_is_put_between_the_server_and_the_body() -> None:
    assert type(reference.application(environ("/echo"), FakeServer().start_response)) is list
    assert type(reference.application(environ("/sized?what=tuple-2"), FakeServer().start_response)) is tuple


@pytest.mark.parametrize("what", ["list", "tuple", "generator", "iterator-class", "iterable-object", "file-like"])
def test_all_kinds_of_bodies_hold_the_same(what: str) -> None:
    assert run(f"/kinds?what={what}")[1] == b"one\ntwo\n"


@pytest.mark.parametrize("what", sorted(INVALID_ARGUMENTS))
def test_wrong_arguments_that_are_refused_are_answered_by_the_book(what: str, harness: FakeHarness) -> None:
    calls = []

    def refuse(status: Any, _headers: Any, exc_info: Any = None) -> None:
        calls.append((status, exc_info))
        if exc_info is None:
            raise ValueError("wrong")

    assert reference.application(environ(f"/start-wrongly?what={what}"), refuse) == [b"refused\n"]
    assert calls[1][0] == "500 Internal Server Error"
    assert harness.details("raised") == [{"where": "start_response", "type": "ValueError", "text": "wrong"}]


def test_wrong_arguments_that_are_taken_are_reported(harness: FakeHarness) -> None:
    assert run("/start-wrongly?what=name-empty")[1] == b"taken\n"
    assert harness.details("returned") == [{"where": "start_response"}]


@pytest.mark.parametrize("what", sorted(INJECTED_VALUES))
def test_inject_sends_what_it_says(what: str) -> None:
    server, body = run(f"/inject?what={what}")
    assert ("X-Test", INJECTED_VALUES[what]) in server.headers
    assert body == b"body\n"


def test_replacing_too_late_raises_the_same_exception(harness: FakeHarness) -> None:
    with pytest.raises(PlannedError):
        run("/replace-too-late")
    (detail,) = harness.details("raised")
    assert (detail["where"], detail["same"], detail["traceback"]) == ("start_response", True, True)


def test_replacing_too_late_on_a_server_that_lets_it(harness: FakeHarness) -> None:
    body = reference.application(environ("/replace-too-late"), lambda *_arguments: None)
    assert b"".join(body) == b"first\nsecond\n"
    assert harness.details("returned") == [{"where": "start_response"}]


def test_starting_twice_is_reported(harness: FakeHarness) -> None:
    assert run("/start-twice")[1] == b"twice\n"
    assert harness.details("raised")[0]["where"] == "second"


def test_an_exc_info_that_is_kept_is_reported(harness: FakeHarness) -> None:
    kept: list[Any] = []
    run("/drop-exc-info")
    reference.application(environ("/drop-exc-info"), lambda *arguments: kept.append(arguments))
    assert [each["kept"] for each in harness.details("reference")] == [False, True]


def test_a_watched_body_tells_what_is_looked_up_on_it(harness: FakeHarness) -> None:
    run("/watched")
    assert {each["name"] for each in harness.details("attribute")} == {"close"}
    assert len(harness.details("closed")) == 1


def test_a_closing_body_tells_of_each_step(harness: FakeHarness) -> None:
    run("/closing")
    assert [event["kind"] for event in harness.events()] == ["called", "block", "block", "exhausted", "closed"]


@pytest.mark.parametrize("path", ["/closing-after-error", "/closing-after-start-error"])
def test_a_failing_body_is_closed_and_reported(path: str, harness: FakeHarness) -> None:
    with pytest.raises((PlannedError, AssertionError)):
        run(path)
    assert [event["kind"] for event in harness.events()][-2:] == ["raised", "closed"]


def test_an_endless_body_ends(harness: FakeHarness, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("wsgi_gauntlet.suites.testapp.behaviours.body.ENDLESS_BLOCKS", 3)
    assert len(run("/endless")[1]) == 3 * 32768
    assert harness.details("closed") == [{"blocks": 3, "all": 3}]


@pytest.mark.parametrize("when", ["before-start", "after-start", "mid-body"])
def test_failures_that_raise(when: str) -> None:
    with pytest.raises(PlannedError, match="gauntlet-secret"):
        run(f"/fail?when={when}")


def test_failures_that_return() -> None:
    def answer(when: str) -> Any:
        return reference.application(environ(f"/fail?when={when}"), FakeServer().start_response)

    assert answer("no-start") == [b"a body without a status\n"]
    assert answer("none") is None
    assert answer("none-unstarted") is None
    assert answer("not-latin1") == [b"body\n"]
    assert reference.application(environ("/str-block"), FakeServer().start_response) == ["text, not bytes\n"]


class Wrapper:
    """The file wrapper of PEP 3333."""

    def __init__(self, filelike: Any, blksize: int = 8192) -> None:
        self.filelike = filelike
        self.blksize = blksize
        if hasattr(filelike, "close"):
            self.close = filelike.close

    def __getitem__(self, key: int) -> bytes:
        if data := bytes(self.filelike.read(self.blksize)):
            return data
        raise IndexError


@pytest.mark.parametrize(
    ("what", "body"),
    [
        ("call", b"called\n"),
        ("iterate", b"iterated\n"),
        ("unused", b"something else\n"),
        ("close", CONTENT),
        ("file", CONTENT),
        ("memory", CONTENT),
        ("readable", CONTENT),
        ("offset", CONTENT[100:]),
        ("declared", CONTENT),
        ("wrapped", CONTENT.upper()),
    ],
)
@pytest.mark.filterwarnings("ignore::ResourceWarning")  # "unused" leaves its file to the collector, as an app may
def test_file_wrapper_uses(what: str, body: bytes, harness: FakeHarness) -> None:
    more = {"wsgi.file_wrapper": Wrapper}
    assert run(f"/file-wrapper?what={what}", **more)[1] == body
    assert not harness.events("raised")
    if what == "iterate":
        assert harness.details("iterated")[0]["whole"] is True


def test_a_server_without_file_wrapper_is_reported(harness: FakeHarness) -> None:
    run("/file-wrapper?what=file")
    assert len(harness.events("absent")) == 1


# ---------------------------------------------------------------------- through Flask


@pytest.mark.parametrize("target", ["/", "/echo", "/echo/a//b", "/unheard-of"])
def test_flask_reaches_the_reference_app(target: str, harness: FakeHarness) -> None:
    from wsgi_gauntlet.suites.testapp.frameworks.flask_catch_all import application

    server = FakeServer()
    result: Any = application(environ(target), server.start_response)
    assert b"".join(result) == b"gauntlet tok\n"
    assert server.status == "200 OK"
    assert harness.details("called")[0]["path"] == target
