"""What the http cases call refused, served, spoiled and closed, told from made-up answers; needs no socket."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from wsgi_gauntlet.harness.expect import Violation
from wsgi_gauntlet.harness.model import AppEvent
from wsgi_gauntlet.harness.response import Ending, Response, ResponseParser
from wsgi_gauntlet.suites.http import verbs
from wsgi_gauntlet.suites.http.verbs import Seen


def answer(text: bytes, ending: Ending = Ending.OPEN) -> Response:
    parser = ResponseParser()
    parser.feed(text)
    parser.eof(ending)
    return parser.response()


OK = answer(b"HTTP/1.1 200 OK\r\nContent-Length: 15\r\n\r\ngauntlet t.next\n"[:-1])
NEXT = answer(b"HTTP/1.1 200 OK\r\nContent-Length: 16\r\n\r\ngauntlet t.next\n")
BAD = answer(b"HTTP/1.1 400 Bad Request\r\nContent-Length: 0\r\nConnection: close\r\n\r\n")
GONE = answer(b"", Ending.EOF)
SILENT = answer(b"")


def called(token: str = "t", **environ: str) -> AppEvent:
    return AppEvent(1.0, "called", 1, 1, token, 0, {"method": "GET", "path": "/echo", "environ": environ})


def body(data: str) -> AppEvent:
    return AppEvent(1.0, "body", 1, 1, "t", 1, {"length": len(data), "data": data})


def told(
    first: Response,
    after: Response | None = None,
    *,
    calls: tuple[AppEvent, ...] = (),
    bodies: tuple[AppEvent, ...] = (),
    went_on: bool = False,
) -> Seen:
    ending = first.ended if after is None else after.ended
    return Seen(first, after, ending, calls, bodies, went_on)


SERVED = told(OK, NEXT, calls=(called(HTTP_A="b"),))
REFUSED = told(BAD, GONE)


def test_a_good_refusal() -> None:
    verbs.refused(REFUSED, closes=True)
    assert verbs.was_refused(REFUSED)
    assert verbs.was_rejected(REFUSED)
    assert not verbs.was_refused(REFUSED, (411,))
    assert REFUSED.closed
    verbs.spoiled(REFUSED)


def test_a_good_service() -> None:
    assert verbs.served(SERVED) == {"HTTP_A": "b"}
    verbs.never_hidden(SERVED)
    verbs.served_body(told(OK, NEXT, calls=(called(),), bodies=(body("hello"),)), b"hello")
    verbs.served_body(told(answer(b"HTTP/1.1 411 L\r\nContent-Length: 0\r\n\r\n"), GONE), b"hello")
    verbs.in_step(told(OK))


def test_a_word_less_end_rejects_but_does_not_refuse() -> None:
    dropped = told(GONE)
    assert verbs.was_rejected(dropped)
    assert not verbs.was_refused(dropped)
    assert not verbs.was_rejected(told(SILENT))
    assert not verbs.was_rejected(told(GONE, calls=(called(),)))


@pytest.mark.parametrize(
    ("judge", "seen", "says"),
    [
        (verbs.refused, SERVED, "400 and the app not called"),
        (verbs.refused, told(GONE), "no answer, connection closed; the app was not called"),
        (lambda s: verbs.refused(s, closes=True), told(BAD, NEXT), "on the same connection: 200 OK"),
        (lambda s: verbs.refused(s, range(400, 500)), SERVED, "a status from 400 to 499"),
        (verbs.closed, told(BAD, SILENT), "stayed open for 1.5 s"),
        (verbs.closed, told(BAD, BAD, went_on=True), "(app called)"),
        (verbs.served, REFUSED, "the request to be served"),
        (verbs.served, told(OK, NEXT, calls=(called(), called())), "GET /echo, GET /echo"),
        (verbs.served, told(OK, BAD, calls=(called(),)), "the next request on the connection served"),
        (verbs.in_step, told(OK, SILENT), "no answer, connection open"),
        (verbs.in_step, told(OK, OK), "the next request"),
        (verbs.in_step, told(BAD, answer(b"<body>", Ending.EOF)), "nothing behind an answer that says"),
        (lambda s: verbs.served_body(s, b"hello"), told(OK, NEXT, calls=(called(),), bodies=(body("hel"),)), "'hel'"),
        (lambda s: verbs.served_body(s, b"hello"), SERVED, "the app to read b'hello'"),
        (verbs.spoiled, SERVED, "an error answer, or none"),
        (verbs.spoiled, told(SILENT), "the connection closed"),
        (verbs.never_hidden, told(OK, NEXT, calls=(called(), called("t.hidden"))), "never served as a request"),
    ],
)
def test_what_is_told_of_a_fault(judge: Callable[[Seen], object], seen: Seen, says: str) -> None:
    with pytest.raises(Violation) as raised:
        judge(seen)
    assert says in str(raised.value)


def test_what_is_only_noted_says_so() -> None:
    with pytest.raises(Violation, match="nothing in particular: the colour is recorded; got red"):
        verbs.noted("the colour", "red")
