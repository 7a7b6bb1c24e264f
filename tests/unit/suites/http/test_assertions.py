"""What the http cases call refused, served, spoiled and closed, told from made-up answers; needs no socket."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from wsgi_gauntlet.harness.conformance.assertions import Violation
from wsgi_gauntlet.harness.http.parser import ConnectionState, Response, ResponseParser
from wsgi_gauntlet.harness.model import AppEvent
from wsgi_gauntlet.suites.http import assertions
from wsgi_gauntlet.suites.http.assertions import RequestResult


def response(text: bytes, ending: ConnectionState = ConnectionState.OPEN) -> Response:
    parser = ResponseParser()
    parser.feed(text)
    parser.eof(ending)
    return parser.response()


OK = response(b"HTTP/1.1 200 OK\r\nContent-Length: 15\r\n\r\ngauntlet t.next\n"[:-1])
NEXT = response(b"HTTP/1.1 200 OK\r\nContent-Length: 16\r\n\r\ngauntlet t.next\n")
BAD = response(b"HTTP/1.1 400 Bad Request\r\nContent-Length: 0\r\nConnection: close\r\n\r\n")
GONE = response(b"", ConnectionState.EOF)
SILENT = response(b"")


def called(token: str = "t", **environ: str) -> AppEvent:
    return AppEvent(1.0, "called", 1, 1, token, 0, {"method": "GET", "path": "/echo", "environ": environ})


def body(data: str) -> AppEvent:
    return AppEvent(1.0, "body", 1, 1, "t", 1, {"length": len(data), "data": data})


def result(
    first: Response,
    second_response: Response | None = None,
    *,
    calls: tuple[AppEvent, ...] = (),
    bodies: tuple[AppEvent, ...] = (),
    second_request_reached_app: bool = False,
) -> RequestResult:
    ending = first.ended if second_response is None else second_response.ended
    return RequestResult(first, second_response, ending, calls, bodies, second_request_reached_app)


SERVED = result(OK, NEXT, calls=(called(HTTP_A="b"),))
REFUSED = result(BAD, GONE)


def test_a_good_refusal() -> None:
    assertions.assert_rejected(REFUSED, closes=True)
    assert assertions.is_rejected_with(REFUSED)
    assert assertions.is_rejected(REFUSED)
    assert not assertions.is_rejected_with(REFUSED, (411,))
    assert REFUSED.closed
    assertions.assert_body_rejected(REFUSED)


def test_a_good_service() -> None:
    assert assertions.assert_served(SERVED) == {"HTTP_A": "b"}
    assertions.assert_not_smuggled(SERVED)
    assertions.assert_body_served(result(OK, NEXT, calls=(called(),), bodies=(body("hello"),)), b"hello")
    assertions.assert_body_served(result(response(b"HTTP/1.1 411 L\r\nContent-Length: 0\r\n\r\n"), GONE), b"hello")
    assertions.assert_in_sync(result(OK))


def test_a_word_less_end_rejects_but_does_not_refuse() -> None:
    dropped = result(GONE)
    assert assertions.is_rejected(dropped)
    assert not assertions.is_rejected_with(dropped)
    assert not assertions.is_rejected(result(SILENT))
    assert not assertions.is_rejected(result(GONE, calls=(called(),)))


@pytest.mark.parametrize(
    ("judge", "seen", "says"),
    [
        (assertions.assert_rejected, SERVED, "400 and the app not called"),
        (assertions.assert_rejected, result(GONE), "no response, connection closed; the app was not called"),
        (lambda s: assertions.assert_rejected(s, closes=True), result(BAD, NEXT), "on the same connection: 200 OK"),
        (lambda s: assertions.assert_rejected(s, range(400, 500)), SERVED, "a status from 400 to 499"),
        (assertions.closed, result(BAD, SILENT), "stayed open for 1.5 s"),
        (assertions.closed, result(BAD, BAD, second_request_reached_app=True), "(app called)"),
        (assertions.assert_served, REFUSED, "the request to be served"),
        (assertions.assert_served, result(OK, NEXT, calls=(called(), called())), "GET /echo, GET /echo"),
        (assertions.assert_served, result(OK, BAD, calls=(called(),)), "the next request on the connection served"),
        (assertions.assert_in_sync, result(OK, SILENT), "no response, connection open"),
        (assertions.assert_in_sync, result(OK, OK), "the next request"),
        (
            assertions.assert_in_sync,
            result(BAD, response(b"<body>", ConnectionState.EOF)),
            "nothing behind an answer that says",
        ),
        (
            lambda s: assertions.assert_body_served(s, b"hello"),
            result(OK, NEXT, calls=(called(),), bodies=(body("hel"),)),
            "'hel'",
        ),
        (lambda s: assertions.assert_body_served(s, b"hello"), SERVED, "the app to read b'hello'"),
        (assertions.assert_body_rejected, SERVED, "an error answer, or none"),
        (assertions.assert_body_rejected, result(SILENT), "the connection closed"),
        (
            assertions.assert_not_smuggled,
            result(OK, NEXT, calls=(called(), called("t.hidden"))),
            "never served as a request",
        ),
    ],
)
def test_what_is_told_of_a_fault(judge: Callable[[RequestResult], object], seen: RequestResult, says: str) -> None:
    with pytest.raises(Violation) as raised:
        judge(seen)
    assert says in str(raised.value)


def test_what_is_only_noted_says_so() -> None:
    with pytest.raises(Violation, match="nothing in particular: the colour is recorded; got red"):
        assertions.record_behaviour("the colour", "red")
