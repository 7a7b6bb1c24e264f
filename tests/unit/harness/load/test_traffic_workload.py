"""What is learned of some traffic: bodies, rows and figures, on a small server that answers by a function."""

from __future__ import annotations

import itertools
import socket
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from urllib.parse import unquote

import pytest
from msgspec.structs import replace as replace_struct

from wsgi_gauntlet.harness.errors import PageError
from wsgi_gauntlet.harness.http.address import Address
from wsgi_gauntlet.harness.http.parser import ResponseParser
from wsgi_gauntlet.harness.http.response import Response
from wsgi_gauntlet.harness.load import traffic_workload
from wsgi_gauntlet.harness.load.generator.closed_loop import closed_loop
from wsgi_gauntlet.harness.load.generator.loop import LoopOptions
from wsgi_gauntlet.harness.load.traffic_workload import SlowestRequest, TrafficWorkload, learn_traffic
from wsgi_gauntlet.harness.traffic import player
from wsgi_gauntlet.harness.traffic.compiled import compile_step
from wsgi_gauntlet.harness.traffic.model import Sequence, Step, Traffic, ValueList
from wsgi_gauntlet.harness.traffic.player import PlayedRequest, expected_body
from wsgi_gauntlet.harness.traffic.visit import Fault, StepOutcome, Visit

from ....helpers.socket_servers import serving

App = Callable[[str, str], tuple[int, bytes]]
"""It gets the method and the target of a request, and returns the status and the body of its response."""


@pytest.fixture(autouse=True)
def no_delay(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(traffic_workload, "RELEARN_DELAY_SECONDS", 0.0)


@contextmanager
def open_app(app: App, *, keep: bool = True) -> Iterator[Address]:
    def behave(conn: socket.socket, _number: int) -> None:
        data = b""
        while piece := conn.recv(65536):
            data += piece
            while b"\r\n\r\n" in data:
                head, _, data = data.partition(b"\r\n\r\n")
                method, target, _ = head.partition(b"\r\n")[0].decode().split(" ")
                status, body = app(method, unquote(target))
                location = b"Location: /next\r\n" if status in range(300, 400) else b""
                conn.sendall(
                    b"HTTP/1.1 %d Fine\r\n%bContent-Length: %d\r\n\r\n%b" % (status, location, len(body), body)
                )
                if not keep:
                    return

    with serving(behave) as address:
        yield address


def user_list(*names: str) -> ValueList:
    return ValueList("user", ("name",), tuple((each,) for each in names))


async def learned(app: App, *sequences: Sequence, values: tuple[ValueList, ...] = ()) -> TrafficWorkload:
    with open_app(app) as address:
        return await learn_traffic(address, Traffic(sequences, values, "a.toml"))


async def test_each_sequence_is_learned_with_both_rows_of_a_short_list() -> None:
    seen: list[str] = []

    def app(_method: str, target: str) -> tuple[int, bytes]:
        seen.append(target)
        return 200, f"<html><p>Hello {target.rpartition('/')[2]}</p></html>".encode()

    one = Sequence("one", (Step("a", "GET", "/one/${user.name}"),))
    two = Sequence("two", (Step("b", "GET", "/two/${user.name}"),))
    workload = await learned(app, one, two, values=(user_list("anna", "bob"),))
    assert set(seen) == {"/one/anna", "/one/bob", "/two/anna", "/two/bob"}
    # No name is part of what is compared.
    for (expected,) in workload.expected:
        assert expected is not None
        assert expected.whole is None
        assert expected.pieces == (b"<html><p>Hello ", b"</p></html>")


async def test_the_mean_of_requests_and_seconds_is_that_of_weighted_visits(monkeypatch: pytest.MonkeyPatch) -> None:
    seconds = {"/slow": 4.0, "/go": 2.0, "/next": 6.0}

    def app(_method: str, target: str) -> tuple[int, bytes]:
        return (302, b"") if target == "/go" else (200, b"page")

    async def play(address: Address, visit: Visit) -> list[PlayedRequest]:
        return [replace(each, seconds=seconds[each.target]) for each in await player.play(address, visit)]

    monkeypatch.setattr(traffic_workload, "play", play)
    often = Sequence("often", (Step("a", "GET", "/slow"),), weight=3)
    rarely = Sequence("rarely", (Step("b", "GET", "/go", follow=True), Step("c", "GET", "/slow")), weight=1)
    workload = await learned(app, often, rarely)
    # Of four visits three have one request of 4 s. The other one has three of 2 s, 6 s and 4 s in two steps.
    assert workload.requests_per_step == pytest.approx((3 * 1 + 3) / (3 * 1 + 2))
    assert workload.latency_ratio == pytest.approx((3 * 4 + 12) / 6 / 4)
    assert workload.mean_seconds == pytest.approx((3 * 4 + 12) / 6)
    assert workload.slowest == SlowestRequest("b", 6.0), "the redirect that its step follows"
    workload = await learned(app, often, replace_struct(rarely, weight=0.01))
    assert workload.slowest == SlowestRequest("a", 4.0), "one of 300 requests does not decide p99"


@pytest.mark.parametrize("keep", [True, False])
async def test_a_server_that_keeps_no_connection_gets_one_for_each_request(keep: bool) -> None:
    """uWSGI closes each connection without saying so. A form that is sent on it must not be sent again."""
    steps = (Step("page", "GET", "/"), Step("form", "POST", "/form"))
    traffic = Traffic((Sequence("visit", steps),))
    with open_app(lambda _method, _target: (200, b"page"), keep=keep) as address:
        workload = await learn_traffic(address, traffic)
        found = await closed_loop(address, workload.verified(), LoopOptions(2), 0.1)
    assert workload.keeps_connections is keep
    assert ("connections" in workload.conditions) is not keep
    assert found.ok > 0
    assert (found.errors, found.dropped) == (0, 0), found.error_messages


async def test_one_request_shows_nothing_of_kept_connections() -> None:
    with open_app(lambda _method, _target: (200, b"page"), keep=False) as address:
        workload = await learn_traffic(address, Traffic((Sequence("visit", (Step("page", "GET", "/"),)),)))
    assert workload.keeps_connections


def redirect_to(path: str, status: int = 302) -> Response:
    raw = f"HTTP/1.1 {status} Found\r\nLocation: {path}\r\nContent-Length: 0\r\n\r\n".encode()
    parser = ResponseParser()
    parser.feed(raw)
    return parser.response()


async def test_a_redirect_that_is_always_the_same_is_compared() -> None:
    def app(_method: str, target: str) -> tuple[int, bytes]:
        return (302, b"") if target == "/save" else (200, b"page")

    workload = await learned(app, Sequence("s", (Step("save", "POST", "/save"), Step("page", "GET", "/page"))))
    save, page = workload.expected[0]
    assert save is not None
    assert page is not None
    assert (save.redirect, page.redirect) == ((302, b"/next"), None)
    assert save.describe() == "the empty body, and the redirect to /next"

    def outcome(response: Response) -> StepOutcome:
        visit = Visit(workload.new_visits(keep=True), 0, 0, expected=workload.expected[0])
        visit.request(b"localhost")
        return visit.receive(response)

    for same in ("/next", "/next?saved=1", "http://localhost/next"):
        assert outcome(redirect_to(same)).ok
    for other, status in (("/login?next=/save", 302), ("/next", 303), ("http://other.test/next", 302)):
        wrong = outcome(redirect_to(other, status))
        assert wrong.fault is Fault.REDIRECT
        assert "in place of a redirect to '/next' with status 302" in wrong.reason
    assert outcome(Response(status=200, complete=True)).fault is Fault.REDIRECT


def test_a_redirect_that_differs_in_the_visits_is_not_compared() -> None:
    step = Step("save", "POST", "/save")
    played = [
        PlayedRequest(compile_step(step), "POST", "/save", StepOutcome(True, "end"), 302, redirect_path=path)
        for path in (b"/item/1", b"/item/2")
    ]
    found = expected_body(played)
    assert found is not None
    assert found.redirect is None
    same = expected_body([played[0], played[0]])
    assert same is not None
    assert same.redirect == (302, b"/item/1")
    never = replace(played[0], step=compile_step(replace_struct(step, compare=False)))
    assert expected_body([never]) is None


async def test_the_conditions_of_one_request_and_of_two_are_right_english() -> None:
    def app(_method: str, _target: str) -> tuple[int, bytes]:
        return 200, b"page"

    steps = (Step("a", "GET", "/a"), Step("b", "GET", "/b"))
    one, two = await learned(app, Sequence("s", steps[:1])), await learned(app, Sequence("s", steps))
    assert "the whole body of 1 of 1 request, the" in str(one.conditions["correct response"])
    assert "the whole body of 2 of 2 requests, the" in str(two.conditions["correct response"])


class Board:
    """A board of notices: `/NAME/put`, `/NAME/board` and `/NAME/take`. `fault` may replace a response."""

    def __init__(self) -> None:
        self.notices: list[str] = []
        self.seen: list[str] = []
        self.fault: Callable[[str, int], tuple[int, bytes] | None] = lambda _target, _number: None

    def __call__(self, _method: str, target: str) -> tuple[int, bytes]:
        self.seen.append(target)
        if (wrong := self.fault(target, len(self.seen))) is not None:
            return wrong
        _, name, what = target.split("/")
        if what == "put":
            self.notices.append(name)
        elif what == "take":
            self.notices.remove(name)
        entries = "".join(f"<li>By {each}</li>" for each in self.notices)
        page = f"<html><h1>The board</h1><p>You are {name}</p><ul>{entries}</ul></html>" if what == "board" else "done"
        return 200, page.encode()


NOTICE = Sequence(
    "notice",
    (
        Step("put", "GET", "/${user.name}/put"),
        Step("board", "GET", "/${user.name}/board", contains=("You are ${user.name}",)),
        Step("take", "GET", "/${user.name}/take"),
    ),
)
USERS = user_list(*(f"user{number:02d}" for number in range(20)))


async def test_a_page_with_entries_of_other_users_is_right_in_visits_in_turn() -> None:
    board = Board()
    workload = await learned(board, NOTICE, values=(USERS,))
    put, page, take = workload.expected[0]
    assert [each.whole for each in (put, take) if each is not None] == [b"done"] * 2
    assert page is not None
    for names in (["me"], ["me", "you"], ["you", "they", "me"]):
        entries = "".join(f"<li>By {each}</li>" for each in names)
        body = f"<html><h1>The board</h1><p>You are me</p><ul>{entries}</ul></html>".encode()
        assert page.difference(body, len(body)) == ""
    assert page.difference(b"<html><h1>Sorry</h1></html>", 27)
    # Nothing is left: all visits were played to their end.
    assert board.notices == []
    assert len(board.seen) == 9 + 9


async def test_visits_in_turn_that_disturb_each_other_do_not_blame_the_server() -> None:
    board = Board()
    locked: set[str] = set()

    def locks(target: str, _number: int) -> tuple[int, bytes] | None:
        """Refuse a board while another user has a notice there, and lock out such a user for ever."""
        name = target.split("/")[1]
        if target.endswith("/board") and set(board.notices) - {name}:
            locked.update(board.notices)
        return (403, b"locked") if name in locked else None

    board.fault = locks
    # Two rows: the last visit has the row of a visit in turn.
    workload = await learned(board, NOTICE, values=(user_list("anna", "bob"),))
    assert locked == {"anna", "bob"}
    page = workload.expected[0][1]
    assert page is not None
    assert b"<html><h1>The board</h1><p>You are " in page.pieces
    assert workload.requests_per_step == 1.0


async def test_visits_one_after_the_other_must_be_correct() -> None:
    board = Board()
    # The last three requests are the last visit; no visit in turn had a fault.
    board.fault = lambda _target, number: (500, b"") if number == 9 + 9 else None
    with pytest.raises(PageError, match="notice: take: status 500"):
        await learned(board, NOTICE, values=(USERS,))


async def test_a_page_of_another_user_is_found_after_visits_in_turn() -> None:
    workload = await learned(Board(), NOTICE, values=(USERS,))
    visit = Visit(workload.new_visits(keep=True), 0, 0, expected=workload.expected[0])
    visit.skip()
    visit.request(b"localhost")
    body = b"<html><h1>The board</h1><p>You are user01</p><ul><li>By user00</li></ul></html>"
    outcome = visit.receive(Response(status=200, body=body, length=len(body), complete=True))
    assert outcome.fault is Fault.OWNER


async def test_a_text_of_a_body_is_found_whether_the_whole_body_is_compared_or_parts_of_it() -> None:
    count = itertools.count()

    def app(_method: str, target: str) -> tuple[int, bytes]:
        token = b"%032x" % next(count) if target == "/token" else b"same"
        return 200, b"<html><a href='http://127.0.0.1:8123/'>home</a>" + b"<i>" + token + b"</i></html>"

    for path in ("/token", "/same"):
        workload = await learned(app, Sequence("a", (Step("a", "GET", path),)))
        assert workload.contains(b"8123")
        assert not workload.contains(b"8124")
