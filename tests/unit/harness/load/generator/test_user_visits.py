"""Users in a loop: their requests are those of a visit, byte for byte, and each connection gets the right one."""

from __future__ import annotations

import gzip

import pytest

from wsgi_gauntlet.harness.http.address import Address
from wsgi_gauntlet.harness.http.parser import Response, ResponseParser
from wsgi_gauntlet.harness.load.generator import user_visits
from wsgi_gauntlet.harness.load.generator.loop import LoopCounters
from wsgi_gauntlet.harness.load.generator.request_source import Match, RequestEnd
from wsgi_gauntlet.harness.load.generator.user_visits import UserVisit, UserVisits
from wsgi_gauntlet.harness.load.verified_traffic import VerifiedTraffic
from wsgi_gauntlet.harness.recommendation.measurement import MIXED_UP
from wsgi_gauntlet.harness.traffic.compiled import CompiledTraffic
from wsgi_gauntlet.harness.traffic.model import (
    Body,
    Capture,
    FileBody,
    FilePart,
    FormBody,
    JsonBody,
    RawBody,
    Sequence,
    Step,
    Traffic,
    ValueList,
)
from wsgi_gauntlet.harness.traffic.visit import Visit

ADDRESS = Address(port=8000)
NAMES = ValueList("user", ("name",), (("ada & co",), ("bob",), ("cyd",)))


def users(*steps: Step, keep: bool = True, first_visit: int = 0, stride: int = 1, lists: bool = True) -> UserVisits:
    traffic = Traffic((Sequence("s", steps),), (NAMES,) if lists else (), "s.toml")
    expected = (tuple(None for _ in steps),)
    return UserVisits(VerifiedTraffic(traffic, expected, first_visit=first_visit, stride=stride, keep=keep), ADDRESS)


def raw(body: bytes = b"ok", *fields: bytes, status: bytes = b"200 OK") -> bytes:
    lines = b"".join(each + b"\r\n" for each in fields)
    return b"HTTP/1.1 %b\r\nContent-Length: %d\r\n%b\r\n%b" % (status, len(body), lines, body)


def parsed(data: bytes) -> Response:
    parser = ResponseParser()
    parser.feed(data)
    return parser.response()


def answer(source: UserVisits, user: UserVisit, data: bytes) -> Match:
    """Give `data` to `user` as a connection does, and return whether it was recognised."""
    match = source.recognize(user, data)
    if match is Match.NONE:
        response = parsed(data)
        assert source.check(user, response) is None
        source.learn(response, user, closes=response.announces_close)
    return match


@pytest.mark.parametrize("keep", [True, False])
@pytest.mark.parametrize(
    ("target", "method", "body", "headers"),
    [
        ("/a?b=c", "GET", None, ()),
        ("/a/${user.name}?b=${user.name}", "GET", None, (("Accept", "text/html"),)),
        ("/a", "POST", FormBody((("x", "1 2"), ("n", "${user.name}"))), (("X-Name", "${user.name}"),)),
        ("/a", "POST", JsonBody('{"n": "${user.name}"}'), (("Cookie", "own=1"),)),
        ("/a", "PUT", RawBody(b"\0data", "text/plain"), (("Host", "shop.test"),)),
        ("/a", "POST", FileBody((FilePart("f", "a.txt", "text/plain", b"x"),), (("n", "${user.name}"),)), ()),
        ("/a", "DELETE", None, ()),
        ("/a", "POST", None, ()),
    ],
)
def test_requests_are_those_of_a_visit(
    target: str, method: str, body: Body | None, headers: tuple[tuple[str, str], ...], keep: bool
) -> None:
    steps = (Step("first", "GET", "/"), Step("second", method, target, headers, body))
    source = users(*steps, keep=keep)
    user = source.take()
    answer(source, user, raw(b"ok", b"Set-Cookie: sid=5; Path=/"))
    source.following(user)
    visit = Visit(CompiledTraffic(Traffic((Sequence("s", steps),), (NAMES,)), keep=keep), 0, 0)
    visit.request(b"127.0.0.1:8000")
    visit.receive(parsed(raw(b"ok", b"Set-Cookie: sid=5; Path=/")))
    assert user.request == visit.request(b"127.0.0.1:8000").data
    kind = source.kind(user)
    assert kind.head is False
    assert kind.repeatable is (method in ("GET", "PUT", "DELETE"))
    assert kind.asks_close is not keep


def test_a_visit_ends_and_a_new_one_has_an_empty_jar_and_the_next_row() -> None:
    source = users(Step("a", "GET", "/a/${user.name}"), Step("b", "GET", "/b"), first_visit=1, stride=2)
    user = source.take()
    requests = []
    for _ in range(4):
        requests.append(user.request)
        answer(source, user, raw(b"ok", b"Set-Cookie: sid=5; Path=/"))
        source.following(user)
    assert [each.split(b" ")[1] for each in requests] == [b"/a/bob", b"/b", b"/a/ada%20&%20co", b"/b"]
    assert [b"Cookie: sid=5" in each for each in requests] == [False, True, False, True]


def test_short_visits_never_take_the_row_of_a_long_one() -> None:
    source = users(Step("a", "GET", "/a/${user.name}"), Step("b", "GET", "/b"))
    long, short = source.take(), source.take()
    answer(source, long, raw())
    source.following(long)
    names = []
    for _ in range(10):
        names.append(short.visit.values["user.name"])
        answer(source, short, raw())
        source.following(short)
    assert set(names) == {"bob", "cyd"}
    # The visit of the first user ends, and then its row is free.
    answer(source, long, raw())
    source.following(long)
    names = [long.visit.values["user.name"]]
    for _ in range(6):
        names.append(short.visit.values["user.name"])
        answer(source, short, raw())
        source.following(short)
    assert "ada & co" in names


def test_a_cookie_without_a_path_belongs_to_the_folder_of_each_users_own_request() -> None:
    source = users(Step("edit", "GET", "/p/${user.name}/edit"), Step("save", "POST", "/p/${user.name}/save"))
    ada, bob = source.take(), source.take()
    page = raw(b"ok", b"Set-Cookie: t=1")
    assert [answer(source, user, page) for user in (ada, bob)] == [Match.NONE, Match.KEPT]
    for user in (ada, bob):
        assert source.following(user).request.startswith(b"POST /p/")
        assert b"Cookie: t=1\r\n" in user.request


def test_every_visit_has_the_origin_even_if_no_request_needs_it() -> None:
    source = users(Step("a", "GET", "/a", contains=("${origin}/b",)))
    page = raw(b'<a href="http://127.0.0.1:8000/b">')
    user = source.take()
    assert answer(source, user, page) is Match.NONE
    # The next visit begins without the work of a Visit.
    assert answer(source, source.following(user), page) is Match.KEPT
    source.following(user)
    other_origin = page.replace(b"127.0.0.1", b"127.0.0.9")
    assert source.recognize(user, other_origin) is Match.NONE
    assert source.check(user, parsed(other_origin)) is not None


def test_the_exact_response_of_one_user_is_that_of_all() -> None:
    source = users(Step("a", "GET", "/a"), Step("b", "GET", "/b"))
    first, second = source.take(), source.take()
    assert answer(source, first, raw()) is Match.NONE
    assert answer(source, second, raw()) is Match.KEPT
    third = source.take()
    # Bodies are not compared here, so they are holes, and no bytes are the only correct ones.
    assert third.response != raw()
    assert answer(source, third, raw(b"OK")) is Match.KEPT
    assert answer(source, source.take(), raw(b"longer")) is Match.NONE


def test_a_closed_connection_leaves_the_visit_where_it_was() -> None:
    source = users(Step("a", "GET", "/a"), Step("b", "POST", "/b"), Step("c", "GET", "/c"))
    one, two = source.take(), source.take()
    answer(source, one, raw(b"ok", b"Connection: close"))
    source.put_back(one, RequestEnd.ANSWERED)
    source.put_back(two, RequestEnd.NOT_SENT)
    # The one whose request was not answered comes first, with the same request.
    assert source.take() is two
    assert two.request.startswith(b"GET /a ")
    assert source.take() is one
    assert one.request.startswith(b"POST /b ")
    assert not source.kind(one).repeatable
    source.put_back(one, RequestEnd.FAILED)
    assert source.take() is one
    assert one.request.startswith(b"GET /a ")


def test_a_response_that_closes_the_connection_is_recognised_as_such() -> None:
    source = users(Step("a", "GET", "/a"))
    answer(source, source.take(), raw(b"ok", b"Connection: close"))
    assert source.recognize(source.take(), raw(b"ok", b"Connection: close")) is Match.CLOSES


def test_redirects_are_followed_with_the_cookies_of_this_user() -> None:
    source = users(Step("login", "POST", "/login", follow=True), Step("home", "GET", "/home"))
    for number, expected in ((1, Match.NONE), (2, Match.KEPT)):
        user = source.take()
        moved = raw(b"", b"Location: /welcome", b"Set-Cookie: sid=%d; Path=/" % number, status=b"302 Found")
        assert answer(source, user, moved) is expected
        source.following(user)
        assert user.request.startswith(b"GET /welcome ")
        assert b"Cookie: sid=%d\r\n" % number in user.request
        assert source.kind(user).repeatable
        assert answer(source, user, raw(b"welcome")) is expected
        source.following(user)
        assert user.request.startswith(b"GET /home ")
        assert answer(source, user, raw(b"home")) is expected


def test_endless_redirects_are_wrong() -> None:
    source = users(Step("loop", "GET", "/loop", follow=True))
    user = source.take()
    moved = raw(b"", b"Location: /loop", status=b"302 Found")
    for _ in range(10):
        answer(source, user, moved)
        source.following(user)
    assert source.recognize(user, moved) is Match.NONE
    wrong = source.check(user, parsed(moved))
    assert wrong is not None
    assert wrong.body
    assert "more than 10 redirects" in wrong.message


def test_a_link_of_a_page_is_the_next_target() -> None:
    source = users(
        Step("list", "GET", "/list/", captures=(Capture("link", 'href="([^"]*)"'),)), Step("item", "GET", "${link}")
    )
    for link in (b"item/17", b"item/99"):
        user = source.take()
        answer(source, user, raw(b'<a href="%b">' % link))
        source.following(user)
        assert user.request.startswith(b"GET /list/%b " % link)
        answer(source, user, raw(b"an item"))


LINK = (Step("list", "GET", "/list", captures=(Capture("link", 'href="([^"]*)"'),)), Step("item", "GET", "${link}"))


@pytest.mark.parametrize(
    ("is_link", "wrong", "message"),
    [
        (True, 0, "s: item: not sent, because ${link} is a link to another site"),
        (False, 1, "s: item: no response had the value link, which it needs"),
    ],
)
def test_a_missing_value_ends_the_visit_and_a_link_to_another_site_is_not_wrong(
    is_link: bool, wrong: int, message: str
) -> None:
    source = users(*LINK)
    counters = LoopCounters(0)
    source.restart_counters(counters)
    user = source.take()
    answer(source, user, raw(b'<a href="http://other.test/">'))
    if not is_link:
        del user.visit.values["link"]
    source.following(user)
    assert user.request.startswith(b"GET /list ")
    assert counters.wrong == wrong
    assert list(counters.error_messages) == [message]
    assert [(each.name, each.failed) for each in source.steps()] == [("s: list", 0), ("s: item", wrong)]


def test_traffic_that_cannot_begin_says_what_to_do() -> None:
    with pytest.raises(ValueError, match=r"s.toml: no visit can be made.*traffic check"):
        users(Step("a", "GET", "/${nothing}")).take()


def test_one_message_for_each_fault_of_a_step() -> None:
    source = users(Step("a", "GET", "/a", contains=("shirt",)))
    messages = set()
    for body in (b"hat", b"coat"):
        wrong = source.check(source.take(), parsed(raw(body)))
        assert wrong is not None
        messages.add(wrong.message)
    assert messages == {"the body does not contain 'shirt'"}
    error = source.check(source.take(), parsed(raw(status=b"503 No")))
    assert error is not None
    assert not error.body


def test_a_page_without_its_user_is_no_proof_of_a_mix_up() -> None:
    source = users(Step("a", "GET", "/a", contains=("Hello ${user.name}",)))
    wrong = source.check(source.take(), parsed(raw(b"Sorry, please try again")))
    assert wrong is not None
    assert wrong.message.startswith("a page without the text of its user: ")
    assert MIXED_UP not in wrong.message


def message_for(source: UserVisits, body: bytes, *fields: bytes) -> str:
    """Return the message of the first user, `ada & co`, whose page is `body`. Another user is there, too."""
    user = source.take()
    source.take()
    wrong = source.check(user, parsed(raw(body, *fields)))
    assert wrong is not None
    assert wrong.body
    return wrong.message


HELLO = Step("a", "GET", "/a", contains=("Hello ${user.name}",))
OF_BOB = "the page of another user: it has user.name 'bob' in place of 'ada & co'"


def test_the_page_of_another_user_has_the_text_with_the_values_of_that_user() -> None:
    assert message_for(users(HELLO), b"<h1>Hello bob</h1>") == OF_BOB
    # Cyd has no visit now: the row of the list is known.
    assert "'cyd' in place of" in message_for(users(HELLO), b"<h1>Hello cyd</h1>")


def test_the_name_of_another_user_in_another_text_is_no_proof() -> None:
    message = message_for(users(HELLO), b"<p>bob wrote: please try again</p>")
    assert message.startswith("a page without the text of its user: ")


def test_the_page_of_another_user_may_be_compressed() -> None:
    body = gzip.compress(b"<h1>Hello bob</h1>")
    assert message_for(users(HELLO), body, b"Content-Encoding: gzip") == OF_BOB


def test_a_mix_up_is_named_even_if_an_error_page_came_first() -> None:
    source = users(HELLO)
    assert "a page without" in message_for(source, b"sorry")
    user = source.take()
    assert user.visit.values["user.name"] == "cyd"
    wrong = source.check(user, parsed(raw(b"<h1>Hello bob</h1>")))
    assert wrong is not None
    assert wrong.message == "the page of another user: it has user.name 'bob' in place of 'cyd'"


def test_captured_values_of_a_present_visit_prove_a_mix_up() -> None:
    own_key = Capture("key", "key=([a-z]+)")
    source = users(Step("a", "GET", "/a", captures=(own_key,)), Step("b", "GET", "/b", contains=("Key ${key}",)))
    one, two = source.take(), source.take()
    for user, key in ((one, b"mine"), (two, b"yours")):
        answer(source, user, raw(b"key=" + key))
        source.following(user)
    wrong = source.check(one, parsed(raw(b"Key yours")))
    assert wrong is not None
    assert wrong.message == "the page of another user: it has key 'yours' in place of 'mine'"


def test_steps_beyond_the_limit_are_counted_together(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(user_visits, "MAX_STEP_NAMES", 2)
    source = users(*(Step(f"n{number}", "GET", "/") for number in range(4)))
    assert [each.name for each in source.steps()] == ["s: n0", "s: n1", "other steps"]


def test_a_request_of_one_step_has_one_name() -> None:
    assert user_visits.step_name("home", "home") == "home"
    assert user_visits.step_name("buy", "home") == "buy: home"


def test_a_head_request_has_no_body_to_read() -> None:
    source = users(Step("a", "HEAD", "/a"))
    assert source.kind(source.take()).head
