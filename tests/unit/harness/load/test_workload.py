"""What users ask, and which answers are right: the user's own page is learned before anything is measured."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from wsgi_gauntlet.harness.errors import ConfigurationError, PageError, Unsupported
from wsgi_gauntlet.harness.http.address import Address
from wsgi_gauntlet.harness.http.parser import ResponseParser
from wsgi_gauntlet.harness.load import workload as workload_module
from wsgi_gauntlet.harness.load.options import validated_path
from wsgi_gauntlet.harness.load.unexpected_response import UnexpectedResponse
from wsgi_gauntlet.harness.load.workload import (
    ReferencePage,
    UserAppPage,
    learn_expected_response,
    verify_request,
)
from wsgi_gauntlet.harness.model import Outcome

Serving = Callable[..., Any]

PAGE = "/p?n=x&size=4"
"""The toy server's answer to it is `x`, a newline and two dots."""


@pytest.fixture(autouse=True)
def at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(workload_module, "RECHECK_DELAY_SECONDS", 0.0)


def answer(raw: bytes) -> Any:
    parser = ResponseParser()
    parser.feed(raw)
    parser.eof()
    return parser.response()


async def test_a_page_that_stays_the_same_is_compared(serving: Serving) -> None:
    async with serving() as (address, toy):
        page = await learn_expected_response(address, PAGE)
    assert page == UserAppPage(PAGE, 200, b"x\n..", 4)
    assert len(toy.heads) == 3
    assert toy.heads[0].startswith(b"GET /p?n=x&size=4 HTTP/1.1\r\n")
    assert page.conditions == {"page": PAGE, "correct response": "200, complete, 4 bytes compared"}


async def test_a_page_that_changes_is_not(serving: Serving) -> None:
    def turn(number: int, raw: bytes) -> bytes:
        return raw.replace(b"x\n", b"%d\n" % number)

    async with serving(turn=turn) as (address, _):
        page = await learn_expected_response(address, PAGE)
        assert page.body is None
        with pytest.raises(Unsupported, match="differ each time"):
            await verify_request(address, page, "", 0)


async def test_one_change_in_the_last_answer_is_enough(serving: Serving) -> None:
    async with serving(turn=lambda number, raw: raw.replace(b"..", b"!!") if number == 3 else raw) as (address, _):
        assert (await learn_expected_response(address, PAGE)).body is None


@pytest.mark.parametrize(
    ("change", "why"),
    [
        ((b"200 OK", b"404 Not Found"), r"returns 404: use another page with --app-path$"),
        ((b"200 OK", b"500 Oops"), "returns 500"),
        ((b"200 OK", b"400 No"), "the app may reject requests for this host"),
        ((b"HTTP/1.1 200 OK", b"hello"), "use another page with --app-path"),
        ((b"\n..", b"\n"), "returns an incomplete response"),
    ],
)
async def test_errors_are_no_pages(serving: Serving, change: tuple[bytes, bytes], why: str) -> None:
    async with serving(turn=lambda _, raw: raw.replace(*change)) as (address, _):
        with pytest.raises(PageError, match=why):
            await learn_expected_response(address, PAGE)


async def test_a_redirect_is_an_answer_and_must_stay_one(serving: Serving) -> None:
    async with serving(turn=lambda _, raw: raw.replace(b"200 OK", b"302 Found")) as (address, _):
        assert (await learn_expected_response(address, PAGE)).status == 302
    async with serving(turn=lambda n, raw: raw.replace(b"200 OK", b"302 Found") if n == 2 else raw) as (address, _):
        with pytest.raises(PageError, match="200, 302, 200 in turn"):
            await learn_expected_response(address, PAGE)


def test_a_redirect_has_a_caveat() -> None:
    assert UserAppPage("/", 200).caveat == ""
    assert UserAppPage("/a", 302).caveat.startswith("/a returns 302, a redirect, which users do not follow")


def test_what_own_pages_are_held_to() -> None:
    right = answer(b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok")
    wrong = answer(b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nno")
    error = answer(b"HTTP/1.1 503 No\r\nContent-Length: 2\r\n\r\nok")
    cut = answer(b"HTTP/1.1 200 OK\r\nContent-Length: 3\r\n\r\nok")
    compared, free = UserAppPage("/", 200, b"ok", 2), UserAppPage("/")
    assert [compared.outcome(each, "", 0) for each in (right, wrong, error, cut)] == [
        Outcome.OK,
        Outcome.WRONG,
        Outcome.ERROR,
        Outcome.ERROR,
    ]
    assert free.outcome(wrong, "", 0) is Outcome.OK
    assert free.outcome(cut, "", 0) is Outcome.ERROR


def test_kept_and_fresh_requests() -> None:
    address = Address(port=80)
    for workload in (UserAppPage("/x"), ReferencePage("/m")):
        kept = workload.request(address, "n", 5, keep=True)
        fresh = workload.request(address, "n", 5, keep=False)
        assert b"\r\nHost: 127.0.0.1:80\r\n" in kept
        assert fresh == kept.replace(b"keep-alive", b"close")
    assert ReferencePage("/m").request(address, "n", 5, keep=True).startswith(b"GET /m/page?n=n&size=5 ")


async def test_generators_get_the_correct_response(serving: Serving) -> None:
    async with serving() as (address, _):
        page = await verify_request(address, ReferencePage(), "abc", 10)
        assert page.body == b"abc\n......"
        assert b"\r\nConnection: keep-alive\r\n" in page.request
        once = await verify_request(address, ReferencePage(), "abc", 10, keep=False)
        assert b"\r\nConnection: close\r\n" in once.request
        assert b"keep-alive" not in once.request
        own = await verify_request(address, UserAppPage(PAGE, 200, b"x\n..", 4), "", 0)
        assert (own.body, own.status) == (b"x\n..", 200)
        with pytest.raises(UnexpectedResponse, match="one request for /p"):
            await verify_request(address, UserAppPage(PAGE, 200, b"other", 5), "", 0)
        with pytest.raises(Unsupported, match="too long"):
            await verify_request(address, ReferencePage(), "abc", 9_000_000)


@pytest.mark.parametrize("path", ["/", "/x/y?z=%20", "/~a!$&'()*+,;=:@"])
def test_paths(path: str) -> None:
    assert validated_path(path) == path


@pytest.mark.parametrize("path", ["", "x", "http://x/", "/a b", "/a#b", "/ä", "/a\r\nX: y", "/gauntlet-control/page"])
def test_what_is_no_path(path: str) -> None:
    with pytest.raises(ConfigurationError, match="--app-path"):
        validated_path(path)
