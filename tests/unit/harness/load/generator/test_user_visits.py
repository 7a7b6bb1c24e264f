"""Users of a generator keep their own cookies, whatever is learned from the responses to others."""

from __future__ import annotations

import pytest

from wsgi_gauntlet.harness.http.address import Address
from wsgi_gauntlet.harness.http.parser import ResponseParser
from wsgi_gauntlet.harness.load.generator.request_source import Match
from wsgi_gauntlet.harness.load.generator.user_visits import UserVisit, UserVisits
from wsgi_gauntlet.harness.load.verified_traffic import VerifiedTraffic
from wsgi_gauntlet.harness.traffic.model import FormBody, Sequence, Step, Traffic, ValueList

USERS = ("ada", "eve", "ken", "tim")
"""Names of one length, so that all responses have one shape."""

LOG_IN = Step(
    "log in",
    "POST",
    "/login",
    body=FormBody((("name", "${users.name}"),)),
    follow=True,
    contains=("Hello ${users.name}!",),
)
TRAFFIC = Traffic((Sequence("visit", (LOG_IN,)),), (ValueList("users", ("name",), tuple((each,) for each in USERS)),))


def answer(request: bytes, attributes: str) -> bytes:
    """Return the response of an app whose login redirects with a cookie, and whose page greets its owner."""
    if request.startswith(b"POST /login"):
        name = request.rpartition(b"name=")[2].decode()
        head = f"303 See Other\r\nLocation: /\r\nSet-Cookie: user={name}; Path=/{attributes}\r\nContent-Length: 0\r\n"
        return f"HTTP/1.1 {head}\r\n".encode()
    assert b"\r\nCookie: user=" in request
    page = b"Hello %b!" % request.partition(b"\r\nCookie: user=")[2].partition(b"\r\n")[0]
    return b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n%b" % (len(page), page)


def receive(visits: UserVisits, user: UserVisit, data: bytes) -> Match:
    """Let `user` receive a response as the loop does: parse and learn it if its bytes are not recognised."""
    match = Match.KEPT if data == user.response else visits.recognize(user, data)
    if match is Match.NONE:
        parser = ResponseParser()
        parser.feed(data)
        response = parser.response()
        assert visits.check(user, response) is None
        visits.learn(response, user, closes=False)
    return match


@pytest.mark.parametrize("attributes", ["", "; HttpOnly", "; Expires=Fri, 01 Jan 2100 00:00:00 GMT"])
def test_the_cookie_of_a_redirect_is_that_of_its_own_user(attributes: str) -> None:
    visits = UserVisits(VerifiedTraffic(TRAFFIC, ((None,),)), Address(port=80))
    user, matches = visits.take(), []
    for name in USERS * 3:
        assert user.request.endswith(f"name={name}".encode())
        matches.append(receive(visits, user, answer(user.request, attributes)))
        user = visits.following(user)
        assert f"\r\nCookie: user={name}\r\n".encode() in user.request
        matches.append(receive(visits, user, answer(user.request, attributes)))
        user = visits.following(user)
    assert matches[2:].count(Match.KEPT) >= len(USERS)
