"""Observations and their differences."""

from __future__ import annotations

from dataclasses import replace

import pytest

from wsgi_gauntlet.harness.fuzz.differences import Difference, difference
from wsgi_gauntlet.harness.fuzz.observation import (
    Answer,
    AppCall,
    End,
    Observation,
    Outcome,
    app_calls,
    observation,
    parse_responses,
)
from wsgi_gauntlet.harness.http.parser import ConnectionState
from wsgi_gauntlet.harness.model import AppEvent

GOOD = Answer(2, complete=True, well_formed=True)
BAD = Answer(4, complete=True, well_formed=True)
CALL = AppCall("POST", "/read", "to=end", b"hello", (("HTTP_HOST", "a"),))
SECOND = AppCall("GET", "/second", "")

SERVED = Observation((CALL,), (GOOD,), End.NEXT_SERVED)
REFUSED = Observation((), (BAD,), End.CLOSED)
DROPPED = Observation((), (), End.CLOSED)
FAILED = Observation((replace(CALL, body=None),), (BAD,), End.CLOSED)
WAITS = Observation((), (), End.SILENT, waited=True)


def test_outcomes() -> None:
    seen = [each.outcome for each in (SERVED, REFUSED, DROPPED, FAILED, WAITS)]
    assert seen == [Outcome.SERVED, Outcome.REFUSED, Outcome.REFUSED, Outcome.FAILED, Outcome.WAITS]
    assert Observation((), (GOOD,), End.CLOSED).outcome is Outcome.ANSWERED


@pytest.mark.parametrize(
    ("reference", "other"),
    [
        (SERVED, SERVED),
        (SERVED, replace(SERVED, end=End.CLOSED)),
        (REFUSED, FAILED),
        (WAITS, replace(WAITS, calls=(replace(CALL, body=None),))),
    ],
)
def test_what_each_server_may_choose_is_no_difference(reference: Observation, other: Observation) -> None:
    assert difference(reference, other) is None
    assert difference(other, reference) is None


@pytest.mark.parametrize(
    ("other", "expected"),
    [
        (REFUSED, Difference("outcome", "served", "rejected")),
        (WAITS, Difference("outcome", "served", "waits")),
        (replace(SERVED, ended="signal SIGSEGV"), Difference("process", "runs on", "ended with signal SIGSEGV")),
        (replace(SERVED, busy=True), Difference("processor", "idle", "works on without a request")),
        (replace(SERVED, calls=(CALL, CALL), answers=(GOOD, GOOD)), Difference("calls of the app", "1", "2")),
        (replace(SERVED, calls=(replace(CALL, body=b"hell"),)), Difference("body", "read whole", "shorter")),
        (replace(SERVED, calls=(replace(CALL, body=None),)), Difference("body", "read whole", "not read")),
        (replace(SERVED, calls=(replace(CALL, path=""),)), Difference("path", "there", "empty")),
        (replace(SERVED, calls=(replace(CALL, method="GET"),)), Difference("method", "as it was sent", "changed")),
        (replace(SERVED, calls=(replace(CALL, variables=()),)), Difference("HTTP_HOST", "there", "missing")),
        (
            replace(SERVED, answers=(GOOD, BAD), end=End.CLOSED),
            Difference("responses", "one for each call", "a refusal more"),
        ),
        (
            replace(SERVED, end=End.SILENT),
            Difference("connection afterwards", "closed, or next request served", "open and silent"),
        ),
    ],
)
def test_the_first_difference_counts(other: Observation, expected: Difference) -> None:
    assert difference(SERVED, other) == expected


def test_a_server_may_close_before_a_later_request_and_not_serve_more() -> None:
    both, first = replace(SERVED, calls=(CALL, SECOND), answers=(GOOD, GOOD)), replace(SERVED, end=End.CLOSED)
    assert difference(both, first) is None
    assert difference(first, both) == Difference("calls of the app", "1", "2")


def test_refusals_differ_in_form_only() -> None:
    found = difference(REFUSED, DROPPED)
    assert found == Difference("form of a refusal", "4xx", "no response")
    assert found.is_general
    kept = difference(REFUSED, replace(REFUSED, end=End.NEXT_SERVED))
    assert kept is not None
    assert kept.is_general


def test_an_incomplete_request_that_the_app_gets_as_complete() -> None:
    found = difference(WAITS, replace(WAITS, calls=(CALL,)))
    assert found is not None
    assert found.aspect == "incomplete request"


def event(kind: str, thread: int, **detail: object) -> AppEvent:
    return AppEvent(0.0, kind, 1, thread, detail=detail)


def test_a_body_belongs_to_the_last_call_of_its_thread() -> None:
    environ = {"HTTP_X_A": "b", "HTTP_CONNECTION": "close", "CONTENT_TYPE": "", "SERVER_NAME": "a"}
    first = event("called", 1, method="POST", path="/read", query="", environ=environ)
    second = event("called", 2, method="GET", path="/", query="q", environ={})
    calls = app_calls([first, second, event("body", 1, data="hello")])
    assert calls == [AppCall("POST", "/read", "", b"hello", (("HTTP_X_A", "b"),)), AppCall("GET", "/", "q")]


def test_the_next_request_is_no_part_of_the_observation() -> None:
    response = b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok"
    responses = parse_responses(response + response, head=False, ended=ConnectionState.EOF)
    called = event("called", 1, method="GET", path="/", query="", environ={})
    following = event("called", 1, method="GET", path="/next-request", query="", environ={})
    seen = observation([called, following], responses, ConnectionState.EOF)
    assert seen == Observation((AppCall("GET", "/", ""),), (GOOD,), End.NEXT_SERVED)
    assert seen.describe() == "served; app called for GET /; responses 2xx; next request served"


def test_what_is_no_response_is_malformed() -> None:
    (response,) = parse_responses(b"<html>", head=False, ended=ConnectionState.EOF)
    seen = observation([], [response], ConnectionState.EOF)
    assert not seen.answers[0].well_formed
    assert seen.outcome is Outcome.REFUSED
