"""The behaviours of the test app that answer with what they saw, and with bodies and headers of given sizes."""

from __future__ import annotations

import json

from wsgi_gauntlet.suites.testapp.behaviours.fingerprint import short
from wsgi_gauntlet.suites.testapp.core.pattern import letters, pattern

from ....helpers.testapp_client import run


def test_a_fingerprint_has_all_of_the_request() -> None:
    server, body = run("/fingerprint/a?b=c", b"hello", HTTP_X_A="1")
    seen = json.loads(body)
    assert server.status == "200 OK"
    assert (seen["method"], seen["path"], seen["query"]) == ("POST", "/fingerprint/a", "b=c")
    assert seen["headers"]["HTTP_X_A"] == "1"
    assert seen["body"].startswith("5 bytes, ")


def test_a_long_value_is_shown_as_its_length_and_digest() -> None:
    assert short("a" * 100) == "a" * 100
    assert short("a" * 101).startswith("101 characters, ")
    assert short("a" * 101) != short("b" * 101)


def test_a_replaced_response_is_replaced() -> None:
    server, body = run("/fingerprint?replace=yes&status=503+Changed+Mind")
    assert server.status == "503 Changed Mind"
    assert json.loads(body)["query"].startswith("replace")


def test_blocks_join_to_the_pattern() -> None:
    assert run("/sized-blocks?sizes=5,1,100")[1] == pattern(106)
    assert run("/sized-blocks?sizes=5,1,100&how=write")[1] == pattern(106)
    assert run("/sized-blocks?count=4")[1] == pattern(7)


def test_headers_have_the_size_and_the_number() -> None:
    server, _ = run("/sized-headers?value=300&count=2")
    assert ("X-Sized", letters(300)) in server.headers
    assert [value for name, value in server.headers if name == "Set-Cookie"] == [letters(300), "number=0", "number=1"]


def test_lines_are_counted() -> None:
    body = b"a\nbb\n\n"
    for how in ("readline", "iterate", "readlines"):
        _, answer = run(f"/input-lines?how={how}&count=3", body)
        assert json.loads(answer)["lengths"] == [2, 3, 1]
