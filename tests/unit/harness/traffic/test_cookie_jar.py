"""The cookies of a visit, as RFC 6265 has them."""

from __future__ import annotations

import pytest

from wsgi_gauntlet.harness.traffic.cookie_jar import MAX_COOKIES, CookieJar, join_cookies, split_cookies

NOW = 1_700_000_000.0


def jar(*headers: bytes, path: bytes = b"/shop/page") -> CookieJar:
    made = CookieJar()
    for each in headers:
        made.store(each, path, NOW)
    return made


def test_a_cookie_is_sent_back_as_it_came() -> None:
    assert jar(b'a="x y"; Path=/; HttpOnly; Secure; SameSite=Lax; Domain=shop.example').header(b"/") == b'a="x y"'
    assert jar(b"a=b=c; path=/").header(b"/any") == b"a=b=c"
    assert jar(b"a=; path=/").header(b"/") == b"a="


@pytest.mark.parametrize(
    ("cookie_path", "path", "sent"),
    [
        (b"/", b"/x", True),
        (b"/shop", b"/shop", True),
        (b"/shop", b"/shop/x", True),
        (b"/shop", b"/shopping", False),
        (b"/shop/", b"/shop/x", True),
        (b"/shop/", b"/shop", False),
        (b"", b"/shop/other", True),  # the default path is the folder of the page
        (b"", b"/other", False),
        (b"relative", b"/shop/x", True),
    ],
)
def test_the_path_decides(cookie_path: bytes, path: bytes, sent: bool) -> None:
    assert bool(jar(b"a=1; Path=" + cookie_path).header(path)) is sent


def test_the_longer_path_comes_first_and_both_cookies_are_sent() -> None:
    made = jar(b"a=1; Path=/", b"b=2; Path=/", b"a=3; Path=/shop")
    assert made.header(b"/shop") == b"a=3; a=1; b=2"
    assert made.header(b"/") == b"a=1; b=2"


@pytest.mark.parametrize(
    "attribute",
    [
        b"Max-Age=0",
        b"max-age=-1",
        b"Max-Age=00",
        b"Expires=Thu, 01 Jan 1970 00:00:00 GMT",
        b"expires=Thu, 01-Jan-1970 00:00:00 GMT",
        b"Expires=Wed, 01 Mar 2023 00:00:00 GMT",
        b"Max-Age=0; Expires=Wed, 01 Mar 2090 00:00:00 GMT",
        b"Expires=Wed, 01 Mar 2090 00:00:00 GMT; Max-Age=0",
    ],
)
def test_an_expired_cookie_leaves(attribute: bytes) -> None:
    made = jar(b"a=1; Path=/", b"b=2; Path=/")
    assert made.header(b"/") == b"a=1; b=2"
    made.store(b"a=; Path=/; " + attribute, b"/", NOW)
    assert made.header(b"/") == b"b=2"


@pytest.mark.parametrize(
    "attribute",
    [
        b"Max-Age=60",
        b"Max-Age=x",
        b"Expires=Wed, 01 Mar 2090 00:00:00 GMT",
        b"Expires=yesterday",
        b"Expires=",
        b"Max-Age=60; Expires=Thu, 01 Jan 1970 00:00:00 GMT",
        b"Expires=Thu, 99 Foo 99999999999 00:00:00 GMT",
    ],
)
def test_other_cookies_stay(attribute: bytes) -> None:
    assert jar(b"a=1; Path=/; " + attribute).header(b"/") == b"a=1"


def test_deletion_needs_the_same_path() -> None:
    assert jar(b"a=1; Path=/", b"a=; Path=/shop; Max-Age=0").header(b"/") == b"a=1"


@pytest.mark.parametrize("header", [b"", b"a", b"=x", b" =x; Path=/", b"a=\x00b", b"a=b\r\nX: y", b"a=" + b"x" * 5000])
def test_wrong_cookies_are_ignored(header: bytes) -> None:
    assert jar(header).header(b"/shop/") == b""


def test_a_server_cannot_fill_the_memory() -> None:
    made = CookieJar()
    for number in range(10 * MAX_COOKIES):
        made.store(b"c%d=1; Path=/" % number, b"/", NOW)
    assert len(made.cookies(b"/")) == MAX_COOKIES
    assert made.value("c0") is None
    assert made.value(f"c{10 * MAX_COOKIES - 1}") == "1"


def test_cookie_headers_are_split_and_joined() -> None:
    assert join_cookies(split_cookies(b"a=1;b=2; c = x=y ;junk; =z").items()) == b"a=1; b=2; c=x=y"
