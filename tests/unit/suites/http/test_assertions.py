"""The shared assertions of the http cases, with constructed results and without sockets."""

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
REJECTED = result(BAD, GONE)


def test_a_correct_rejection() -> None:
    assertions.assert_rejected(REJECTED, closes=True)
    assert assertions.is_rejected_with(REJECTED)
    assert assertions.is_rejected(REJECTED)
    assert not assertions.is_rejected_with(REJECTED, (411,))
    assert REJECTED.closed
    assertions.assert_body_rejected(REJECTED)


def test_a_correct_response() -> None:
    assert assertions.assert_served(SERVED) == {"HTTP_A": "b"}
    assertions.assert_not_smuggled(SERVED)
    assertions.assert_body_served(result(OK, NEXT, calls=(called(),), bodies=(body("hello"),)), b"hello")
    assertions.assert_body_served(result(response(b"HTTP/1.1 411 L\r\nContent-Length: 0\r\n\r\n"), GONE), b"hello")
    assertions.assert_in_sync(result(OK))


def test_a_close_without_a_response_is_a_rejection_without_a_status() -> None:
    dropped = result(GONE)
    assert assertions.is_rejected(dropped)
    assert not assertions.is_rejected_with(dropped)
    assert not assertions.is_rejected(result(SILENT))
    assert not assertions.is_rejected(result(GONE, calls=(called(),)))


@pytest.mark.parametrize(
    ("judge", "judged", "message"),
    [
        (assertions.assert_rejected, SERVED, "400 and the app not called"),
        (assertions.assert_rejected, result(GONE), "; the app was not called"),
        (lambda s: assertions.assert_rejected(s, closes=True), result(BAD, NEXT), "on the same connection: 200 OK"),
        (lambda s: assertions.assert_rejected(s, range(400, 500)), SERVED, "a status from 400 to 499"),
        (assertions.assert_closed, result(BAD, SILENT), "stayed open for 1.5 s"),
        (assertions.assert_closed, result(BAD, BAD, second_request_reached_app=True), "(app called)"),
        (assertions.assert_served, REJECTED, "the request to be served"),
        (assertions.assert_served, result(OK, NEXT, calls=(called(), called())), "GET /echo, GET /echo"),
        (assertions.assert_served, result(OK, BAD, calls=(called(),)), "the next request on the connection served"),
        (assertions.assert_in_sync, result(OK, SILENT), "connection open"),
        (assertions.assert_in_sync, result(OK, OK), "the next request"),
        (
            assertions.assert_in_sync,
            result(BAD, response(b"<body>", ConnectionState.EOF)),
            "nothing after a response that says",
        ),
        (
            lambda s: assertions.assert_body_served(s, b"hello"),
            result(OK, NEXT, calls=(called(),), bodies=(body("hel"),)),
            "'hel'",
        ),
        (lambda s: assertions.assert_body_served(s, b"hello"), SERVED, "the app to read b'hello'"),
        (assertions.assert_body_rejected, SERVED, "an error status or no response"),
        (assertions.assert_body_rejected, result(SILENT), "the connection closed"),
        (
            assertions.assert_not_smuggled,
            result(OK, NEXT, calls=(called(), called("t.hidden"))),
            "no bytes of a body served as a request",
        ),
    ],
)
def test_the_violation_says_what_is_wrong(
    judge: Callable[[RequestResult], object], judged: RequestResult, message: str
) -> None:
    with pytest.raises(Violation) as raised:
        judge(judged)
    assert message in str(raised.value)


def test_recorded_behaviour_requires_nothing() -> None:
    with pytest.raises(Violation, match="nothing in particular: the colour is recorded; got red"):
        assertions.record_behaviour("the colour", "red")


def test_a_value_of_environ_is_recorded_or_else_the_response() -> None:
    with pytest.raises(Violation, match="got 'a'"):
        assertions.record_environ_value("HTTP_A", ["a"], SERVED)
    with pytest.raises(Violation, match="got 400 Bad Request"):
        assertions.record_environ_value("HTTP_A", [], REJECTED)


def test_no_byte_may_follow_the_headers() -> None:
    assertions.assert_no_body(result(OK, NEXT))
    assertions.assert_no_body(result(OK, GONE))
    with pytest.raises(Violation, match="nothing between the headers and the next response"):
        assertions.assert_no_body(result(OK, response(b"<body>", ConnectionState.EOF)))
