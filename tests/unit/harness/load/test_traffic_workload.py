"""What is learned of some traffic: bodies, rows and figures, on a small server that answers by a function."""

from __future__ import annotations

import socket
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from urllib.parse import unquote

import pytest

from wsgi_gauntlet.harness.http.address import Address
from wsgi_gauntlet.harness.load import traffic_workload
from wsgi_gauntlet.harness.load.traffic_workload import TrafficWorkload, learn_traffic
from wsgi_gauntlet.harness.traffic.model import Sequence, Step, Traffic, ValueList
from wsgi_gauntlet.harness.traffic.player import PlayedRequest
from wsgi_gauntlet.harness.traffic.visit import Visit

from ....helpers.socket_servers import serving

App = Callable[[str, str], tuple[int, bytes]]
"""It gets the method and the target of a request, and returns the status and the body of its response."""


@pytest.fixture(autouse=True)
def no_delay(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(traffic_workload, "RELEARN_DELAY_SECONDS", 0.0)


@contextmanager
def open_app(app: App) -> Iterator[Address]:
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
        return [replace(each, seconds=seconds[each.target]) for each in await real_play(address, visit)]

    real_play = traffic_workload.play
    monkeypatch.setattr(traffic_workload, "play", play)
    often = Sequence("often", (Step("a", "GET", "/slow"),), weight=3)
    rarely = Sequence("rarely", (Step("b", "GET", "/go", follow=True), Step("c", "GET", "/slow")), weight=1)
    workload = await learned(app, often, rarely)
    # Of four visits three have one request of 4 s. The other one has three of 2 s, 6 s and 4 s in two steps.
    assert workload.requests_per_step == pytest.approx((3 * 1 + 3) / (3 * 1 + 2))
    assert workload.latency_ratio == pytest.approx((3 * 4 + 12) / 6 / 4)


async def test_the_conditions_of_one_request_and_of_two_are_right_english() -> None:
    def app(_method: str, _target: str) -> tuple[int, bytes]:
        return 200, b"page"

    steps = (Step("a", "GET", "/a"), Step("b", "GET", "/b"))
    one, two = await learned(app, Sequence("s", steps[:1])), await learned(app, Sequence("s", steps))
    assert "the whole body of 1 of 1 request, the" in str(one.conditions["correct response"])
    assert "the whole body of 2 of 2 requests, the" in str(two.conditions["correct response"])
