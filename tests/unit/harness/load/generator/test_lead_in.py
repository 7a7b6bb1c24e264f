"""The lead-in of a load: from its first request on, a load of visits has all steps in their shares."""

from __future__ import annotations

import socket
import threading
import time
from collections import Counter

import msgspec
import pytest

from wsgi_gauntlet.harness.errors import OutOfResources
from wsgi_gauntlet.harness.http.address import Address
from wsgi_gauntlet.harness.http.http_connection import HttpConnection
from wsgi_gauntlet.harness.load.arrivals import Uniform
from wsgi_gauntlet.harness.load.generator import lead_in as module
from wsgi_gauntlet.harness.load.generator.closed_loop import closed_loop
from wsgi_gauntlet.harness.load.generator.generator_result import GeneratorResult
from wsgi_gauntlet.harness.load.generator.lead_in import lead_in, spread_places
from wsgi_gauntlet.harness.load.generator.loop import LoopOptions
from wsgi_gauntlet.harness.load.generator.open_loop import open_loop
from wsgi_gauntlet.harness.load.generator.process_pool import parallel_closed_loop, parallel_open_loop
from wsgi_gauntlet.harness.load.generator.user_visits import UserVisits
from wsgi_gauntlet.harness.load.verified_traffic import VerifiedTraffic
from wsgi_gauntlet.harness.traffic.model import Sequence, Step, Traffic, ValueList

from .....helpers.shop_server import USERS, VISIT, Shop, open_shop, shop_traffic
from .....helpers.socket_servers import answer, requests, serving, silent

COSTS = (1, 10, 10, 10, 30, 10, 10, 10)
"""The cost of each step: the first one is the cheapest."""

ROUNDS = 3
UNUSED_PORT = 1


def verified(traffic: Traffic, first_visit: int = 0) -> VerifiedTraffic:
    return VerifiedTraffic(
        traffic, tuple(tuple(None for _ in each.steps) for each in traffic.sequences), first_visit=first_visit
    )


def steps(number: int, name: str = "s") -> tuple[Step, ...]:
    return tuple(Step(f"{name}{each}", "GET", f"/{name}{each}") for each in range(number))


def one_sequence(number: int) -> Traffic:
    return Traffic((Sequence("visit", steps(number)),), source="visit.toml")


async def led_in(
    address: Address, traffic: Traffic, users: int, *, rate: float | None = None, first_visit: int = 0
) -> tuple[int, list[int], list[str]]:
    """Return the requests of a lead-in, the next step of each user, and their names."""
    visits = UserVisits(verified(traffic, first_visit), address)
    sent = await lead_in(address, visits, users, rate=rate)
    taken = [visits.take() for _ in range(users)]
    return sent, [each.step.index for each in taken], [each.visit.values.get("user.name", "") for each in taken]


# ---------------------------------------------------------------------- places


@pytest.mark.parametrize("offset", [0.0, 0.4, 0.999])
def test_users_are_spread_over_the_steps_and_so_are_the_first_of_them(offset: float) -> None:
    eight = [[0] * 8]
    assert sorted(spread_places(eight, [1.0], 8, offset)) == [(0, step, 0) for step in range(8)]
    many = spread_places(eight, [1.0], 64, offset)
    for first in (8, 16, 32, 64):
        assert Counter(many[:first]) == {(0, step, 0): first // 8 for step in range(8)}
    few = spread_places(eight, [1.0], 2, offset)
    assert abs(few[0].step - few[1].step) == 4


def test_longer_and_more_frequent_sequences_have_more_users() -> None:
    # Of 8 requests, 5 are those of the frequent sequence, and each step of the other one is one.
    places = spread_places([[0], [0, 0, 0]], [5.0, 1.0], 80, 0.3)
    assert Counter(places) == {(0, 0, 0): 50, (1, 0, 0): 10, (1, 1, 0): 10, (1, 2, 0): 10}


def test_a_redirect_is_a_place_of_its_own() -> None:
    assert sorted(spread_places([[0, 2]], [1.0], 4, 0.5)) == [(0, 0, 0), (0, 1, 0), (0, 1, 1), (0, 1, 2)]


def test_one_user_begins_anywhere() -> None:
    four = [[0] * 4]
    assert [spread_places(four, [1.0], 1, number / 4)[0].step for number in range(4)] == [0, 1, 2, 3]
    assert spread_places(four, [1.0], 0, 0.5) == []


# ---------------------------------------------------------------------- known answers


class _Rounds:
    """A server that answers alone, and after `begin` one request of each of 8 connections at a time, ROUNDS times."""

    def __init__(self) -> None:
        self.answered: Counter[str] = Counter()
        self.barrier = threading.Barrier(len(COSTS))
        self.in_rounds = False

    def behave(self, conn: socket.socket, _number: int) -> None:
        done = 0
        for request in requests(conn):
            if self.in_rounds:
                if done == ROUNDS:
                    return silent(conn, 0)
                try:
                    self.barrier.wait()
                except threading.BrokenBarrierError:
                    return None
                done += 1
                self.answered[request.split(b" ")[1].decode()] += 1
            conn.sendall(answer())
        return None

    async def begin(self) -> int:
        self.in_rounds = True
        return time.perf_counter_ns()

    @property
    def mean_cost(self) -> float:
        return sum(COSTS[int(path[2:])] * count for path, count in self.answered.items()) / self.answered.total()


async def _load_in_rounds(kind: str, seconds: float) -> tuple[_Rounds, GeneratorResult]:
    server, page, options = _Rounds(), verified(one_sequence(len(COSTS))), LoopOptions(len(COSTS))
    with serving(server.behave) as address:
        try:
            if kind == "closed":
                return server, await closed_loop(address, page, options, seconds, start=server.begin)
            schedule = [0.0] * (ROUNDS * len(COSTS))
            return server, await open_loop(address, page, options, schedule, start=server.begin)
        finally:
            server.barrier.abort()


@pytest.mark.parametrize("kind", ["closed", "open"])
async def test_a_short_load_costs_the_server_as_much_per_request_as_a_long_one(kind: str) -> None:
    for seconds in (0.2, 2.0, 20.0):  # longer if the machine was stopped
        server, found = await _load_in_rounds(kind, seconds)
        if found.ok == ROUNDS * len(COSTS):
            break
    assert server.answered == {f"/s{step}": ROUNDS for step in range(len(COSTS))}
    assert server.mean_cost == sum(COSTS) / len(COSTS)
    assert {each.name: each.ok for each in found.steps} == {f"visit: s{step}": ROUNDS for step in range(len(COSTS))}
    # The users had come to their steps by 0 + 1 + ... + 7 requests, which no figure counts.
    assert found.lead_in_requests == 28
    assert found.requests == ROUNDS * len(COSTS)


@pytest.mark.parametrize("kind", ["closed", "open"])
async def test_the_lead_in_is_over_when_the_load_is_ready(kind: str) -> None:
    shop, page, options = Shop(), verified(shop_traffic()), LoopOptions(4)
    before: list[int] = []

    async def ready() -> None:
        before.append(len(shop.log))

    with open_shop(shop) as address:
        if kind == "closed":
            found = await parallel_closed_loop(address, page, options, 0.01, processes=1, on_ready=ready)
        else:
            found = await parallel_open_loop(address, page, options, Uniform(100), 0.1, processes=1, on_ready=ready)
    assert before == [found.lead_in_requests]
    assert found.lead_in_requests > 0


async def test_a_user_goes_on_with_the_session_of_the_lead_in() -> None:
    shop = Shop()
    with open_shop(shop) as address:
        sent, at, names = await led_in(address, shop_traffic(), len(VISIT))
        assert sent == len(shop.log)
        assert sorted(at) == list(range(len(VISIT)))
        # The users have rows of their own.
        assert len({*names}) == len(names)
        found = await closed_loop(address, verified(shop_traffic()), LoopOptions(len(VISIT)), 0.1)
    assert found.requests == found.ok, found.error_messages


async def test_a_user_begins_after_a_redirect_too() -> None:
    shop = Shop()
    page = msgspec.structs.replace(verified(shop_traffic()), redirects=((0, 1, 0, 0, 0, 0),))
    with open_shop(shop) as address:
        visits = UserVisits(page, address)
        await lead_in(address, visits, len(VISIT) + 1)
        taken = [visits.take() for _ in range(len(VISIT) + 1)]
        found = await closed_loop(address, page, LoopOptions(len(VISIT) + 1), 0.1)
    assert sorted((each.step.index, each.hop) for each in taken) == [
        (0, 0),
        (1, 0),
        (1, 1),
        (2, 0),
        (3, 0),
        (4, 0),
        (5, 0),
    ]
    (redirected,) = (each for each in taken if each.hop)
    assert redirected.request.startswith(b"GET /home ")
    assert b"session=" in redirected.request
    assert found.requests == found.ok, found.error_messages


async def test_a_visit_with_fewer_redirects_than_others_goes_on_or_ends() -> None:
    shop = Shop()
    page = msgspec.structs.replace(verified(one_list()), redirects=((0, 0, 3, 3),))
    with open_shop(shop) as address:
        visits = UserVisits(page, address)
        await lead_in(address, visits, 10)
        taken = [visits.take() for _ in range(10)]
    assert {each.hop for each in taken} == {0}
    # Of 4 places in the last step, 3 are after redirects that did not come: these visits ended.
    assert Counter(each.step.index for each in taken) == {0: 4, 1: 1, 2: 1, 3: 4}


async def test_the_same_load_begins_with_the_same_steps() -> None:
    shop = Shop()
    with open_shop(shop) as address:
        runs = [await led_in(address, shop_traffic(), 3, first_visit=first) for first in (7, 7, *range(8, 20))]
    assert runs[0] == runs[1]
    assert len({tuple(at) for _, at, _ in runs}) > 1


async def test_the_users_of_an_open_loop_are_as_many_as_its_rate_needs() -> None:
    shop = Shop()
    with open_shop(shop) as address:
        _, at, _ = await led_in(address, one_list(), 40, rate=1e-9)
    assert sum(step > 0 for step in at) <= module.PLAYED_AT_ONCE
    assert max(at) > 0


def one_list() -> Traffic:
    return Traffic((Sequence("list", tuple(Step(f"s{each}", "GET", "/list") for each in range(4))),))


# ---------------------------------------------------------------------- servers with faults


async def test_nothing_is_sent_if_all_sequences_have_one_step() -> None:
    shop = Shop()
    with open_shop(shop) as address:
        sent, at, _ = await led_in(address, shop_traffic(VISIT[0]), 5)
    assert (sent, at, shop.log) == (0, [0] * 5, [])


async def test_a_server_that_is_gone_is_the_fault_of_the_load() -> None:
    address = Address(port=UNUSED_PORT)
    _, at, _ = await led_in(address, shop_traffic(), 20)
    assert at == [0] * 20
    found = await closed_loop(address, verified(shop_traffic()), LoopOptions(4), 0.05)
    assert (found.ok, found.refused > 0) == (0, True)


async def test_a_server_that_never_answers_delays_nothing_for_long(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "MAX_SECONDS", 0.05)
    monkeypatch.setattr(module, "RESPONSE_SECONDS", 0.05)
    with serving(silent) as address:
        _, at, names = await led_in(address, shop_traffic(), 20)
    # A visit whose request may have been handled does not go on.
    assert at == [0] * 20
    assert len({*names}) == 20


async def test_a_visit_with_a_wrong_response_begins_again_and_the_load_finds_the_fault() -> None:
    shop = Shop()
    shop.change = lambda line, _number, reply: (500, *reply[1:]) if line == "POST /basket" else reply
    with open_shop(shop) as address:
        _, at, names = await led_in(address, shop_traffic(), 2 * len(VISIT))
        found = await closed_loop(address, verified(shop_traffic()), LoopOptions(4), 0.2)
        for longer in (5, 25):
            if found.errors:
                break
            found = await closed_loop(address, verified(shop_traffic()), LoopOptions(4), 0.2 * longer)
    assert sorted(at) == [*[0] * 6, 1, 1, 2, 2, 3, 3]
    assert len({*names}) == len(names)
    assert [*(found.error_messages or {})] == ["buy: add: status 500 in place of 200 to 399"]


async def test_no_value_to_go_on_with_is_a_wrong_response() -> None:
    shop = Shop()
    shop.change = lambda line, _number, reply: (*reply[:2], b"no token") if line == "GET /login" else reply
    with open_shop(shop) as address:
        _, at, _ = await led_in(address, shop_traffic(), len(VISIT))
    assert at == [0] * len(VISIT)


async def test_no_descriptor_left_is_the_plain_error(monkeypatch: pytest.MonkeyPatch) -> None:
    async def none_left(_address: Address) -> HttpConnection:
        raise OutOfResources("none left")

    monkeypatch.setattr(HttpConnection, "open", none_left)
    with pytest.raises(OutOfResources, match="none left"):
        await led_in(Address(port=UNUSED_PORT), shop_traffic(), 20)


# ---------------------------------------------------------------------- bounds


async def test_a_visit_that_is_not_at_its_step_in_time_begins_where_it_is(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "PLAYED_AT_ONCE", 1)
    monkeypatch.setattr(module, "MAX_REQUESTS", 5)
    shop = Shop()
    with open_shop(shop) as address:
        sent, at, _ = await led_in(address, one_list(), 8)
    assert sent == len(shop.log) == sum(at) == 5


async def test_after_the_time_all_begin_at_their_first_step(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "MAX_SECONDS", 0.0)
    shop = Shop()
    with open_shop(shop) as address:
        assert (await led_in(address, shop_traffic(), 8))[:2] == (0, [0] * 8)


def few_rows(number: int) -> Traffic:
    return Traffic(shop_traffic().sequences, (ValueList("user", ("name",), USERS.rows[:number]),))


async def test_with_few_rows_users_share_them_in_a_closed_loop_only() -> None:
    shop = Shop()
    with open_shop(shop) as address:
        _, at, names = await led_in(address, few_rows(2), len(VISIT))
        assert sorted(at) == list(range(len(VISIT)))
        assert {*names} == {name for (name,) in USERS.rows[:2]}
        shop.sessions.clear()
        visits = UserVisits(verified(few_rows(2)), address)
        await lead_in(address, visits, len(VISIT), rate=1e6)
        first, second = visits.take(), visits.take()
    assert first.visit.values["user.name"] != second.visit.values["user.name"]
    assert len({*shop.sessions.values()}) <= 2


def test_all_first_users_have_different_places_for_any_number() -> None:
    for users in range(1, 40):
        assert sorted(each.step for each in spread_places([[0] * users], [1.0], users, 0.5)) == [*range(users)]
