"""Traffic in the closed loop, the open loop and generator processes, against a shop with known faults."""

from __future__ import annotations

import itertools
from collections import Counter

import pytest

from wsgi_gauntlet.harness.errors import PageError
from wsgi_gauntlet.harness.http.address import Address
from wsgi_gauntlet.harness.load import traffic_workload
from wsgi_gauntlet.harness.load.arrivals import Uniform
from wsgi_gauntlet.harness.load.generator import user_visits
from wsgi_gauntlet.harness.load.generator.closed_loop import closed_loop
from wsgi_gauntlet.harness.load.generator.generator_result import GeneratorResult
from wsgi_gauntlet.harness.load.generator.loop import LoopOptions
from wsgi_gauntlet.harness.load.generator.open_loop import open_loop
from wsgi_gauntlet.harness.load.generator.process_pool import parallel_closed_loop, parallel_open_loop
from wsgi_gauntlet.harness.load.traffic_workload import TrafficWorkload, learn_traffic
from wsgi_gauntlet.harness.load.workload import verify_request
from wsgi_gauntlet.harness.traffic.model import Step, Traffic

from ..helpers.shop_server import VISIT, Reply, Shop, open_shop, shop_traffic

pytestmark = pytest.mark.live


@pytest.fixture(autouse=True)
def no_delay(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(traffic_workload, "RELEARN_DELAY_SECONDS", 0.0)


async def learned(address: Address, traffic: Traffic | None = None) -> TrafficWorkload:
    return await learn_traffic(address, traffic or shop_traffic())


async def measure(
    shop: Shop, address: Address, workload: TrafficWorkload, *, users: int = 3, least: int = 10 * len(VISIT)
) -> GeneratorResult:
    """Run a closed loop until more than `least` requests were sent, for longer if the machine was stopped."""
    for longer in (1, 5, 25):
        found = await closed_loop(address, workload.verified(keep=shop.keep), LoopOptions(users), 0.2 * longer)
        if found.requests > least:
            break
    return found


@pytest.mark.parametrize(("keep", "chunks"), [(True, False), (False, False), (True, True), (False, True)])
async def test_every_visit_is_complete_and_in_order(keep: bool, chunks: bool) -> None:
    shop = Shop(keep=keep, chunks=chunks)
    with open_shop(shop) as address:
        found = await measure(shop, address, await learned(address))
    assert found.requests == found.ok > 10 * len(VISIT), found.error_messages
    by_step = {each.name: each.ok for each in found.steps}
    assert list(by_step) == [f"buy: {each.name}" for each in VISIT]
    # The login is followed by a redirect, which is a request of the same step.
    assert abs(by_step["buy: login"] - 2 * by_step["buy: basket"]) <= 12
    assert sum(by_step.values()) == found.ok
    assert all(each.p99 and not each.failed for each in found.steps)
    # A new visit has no cookie. The later steps have those of the visit: the second is that of the login.
    for line, cookie in shop.log:
        assert cookie.count("=") == {"GET /login": 0, "POST /login": 1}.get(line, 2), (line, cookie)


async def test_most_responses_are_recognised_without_a_parser(monkeypatch: pytest.MonkeyPatch) -> None:
    parsed: Counter[str] = Counter()
    check = user_visits.UserVisits.check

    def counting(self: user_visits.UserVisits, *arguments: object) -> object:
        parsed["responses"] += 1
        return check(self, *arguments)  # type: ignore[arg-type]

    monkeypatch.setattr(user_visits.UserVisits, "check", counting)
    shop = Shop()
    with open_shop(shop) as address:
        found = await measure(shop, address, await learned(address))
    assert found.ok == found.requests
    # Names have two lengths in this shop, and only the first response of each shape is parsed.
    assert parsed["responses"] < 40
    assert found.ok > 60


async def test_an_open_loop_sends_the_next_steps_of_idle_users() -> None:
    shop = Shop()
    with open_shop(shop) as address:
        workload = await learned(address)
        shop.log.clear()
        found = await open_loop(address, workload.verified(), LoopOptions(20), [n / 500 for n in range(100)])
    assert found.ok == found.requests == 100
    assert len(shop.log) == 100 + found.lead_in_requests
    assert {line for line, _ in shop.log} >= {"GET /login", "GET /home", "POST /basket", "GET /basket"}
    assert sum(each.ok for each in found.steps) == 100


@pytest.mark.parametrize("processes", [1, 2])
async def test_processes_share_the_visits(processes: int) -> None:
    shop = Shop()
    with open_shop(shop) as address:
        workload = await learned(address)
        closed = await parallel_closed_loop(address, workload.verified(), LoopOptions(4), 0.3, processes=processes)
        opened = await parallel_open_loop(
            address, workload.verified(), LoopOptions(8), Uniform(200), 0.5, processes=processes
        )
    assert closed.requests == closed.ok > 0, closed.error_messages
    assert opened.requests == opened.ok == 99, opened.error_messages
    assert {each.name for each in closed.steps} == {f"buy: {each.name}" for each in VISIT}
    assert closed.processes == opened.processes == processes
    # Each process plays its visits to their middle before the common start.
    assert closed.lead_in_requests > 0
    assert opened.lead_in_requests > 0


def mixed_up(line: str, _number: int, reply: Reply) -> Reply:
    """Show the page of user 0 to everybody."""
    if line == "GET /basket":
        return reply[0], reply[1], b"<html><h1>Basket of user-00-0</h1><p>1 shirt</p></html>"
    return reply


def stale_list(line: str, _number: int, reply: Reply) -> Reply:
    return (reply[0], reply[1], reply[2].replace(b"hat", b"HAT")) if line.startswith("GET /list") else reply


def without_token(line: str, _number: int, reply: Reply) -> Reply:
    return (reply[0], reply[1], reply[2].replace(b"name=", b"NAME=")) if line == "GET /login" else reply


def failing_basket(line: str, _number: int, reply: Reply) -> Reply:
    return (500, reply[1], reply[2]) if line == "POST /basket" else reply


def other_site(line: str, _number: int, reply: Reply) -> Reply:
    if line != "POST /login":
        return reply
    return (
        302,
        tuple(("Location", "http://other.test/") if name == "Location" else (name, value) for name, value in reply[1]),
        b"",
    )


@pytest.mark.parametrize(
    ("fault", "step", "message", "wrong"),
    [
        (mixed_up, "basket", "the page of another user: it has user.name 'user-00-0'", True),
        (stale_list, "list", "body", True),
        (without_token, "form", "csrf", True),
        (failing_basket, "add", "status 500", False),
        (other_site, "login", "redirects to another site", True),
    ],
)
async def test_a_wrong_response_is_counted_with_its_step(fault: object, step: str, message: str, wrong: bool) -> None:
    shop = Shop()
    with open_shop(shop) as address:
        workload = await learned(address)
        shop.change = fault  # type: ignore[assignment]
        found = await measure(shop, address, workload)
    failed = {each.name: each.failed for each in found.steps if each.failed}
    assert list(failed) == [f"buy: {step}"]
    assert (found.wrong, found.errors) == ((failed[f"buy: {step}"], 0) if wrong else (0, failed[f"buy: {step}"]))
    (text,) = found.error_messages or {}
    assert text.startswith(f"buy: {step}: ")
    assert message in text
    # The visit ends there: no later step was requested.
    names = [each.name for each in VISIT]
    later = names[names.index(step) + 1 :]
    assert all(each.ok == 0 for each in found.steps if each.name.removeprefix("buy: ") in later) or step == "basket"


async def test_the_evidence_of_mixed_up_users_names_both() -> None:
    shop = Shop()
    with open_shop(shop) as address:
        workload = await learned(address)

        def swap(line: str, _number: int, reply: Reply) -> Reply:
            names = sorted(shop.sessions.values())
            if line != "GET /basket" or len(names) < 2:
                return reply
            mine = next(each for each in names if each.encode() in reply[2])
            other = next(each for each in names if each != mine)
            return reply[0], reply[1], reply[2].replace(mine.encode(), other.encode())

        shop.change = swap
        found = await measure(shop, address, workload, users=8)
    assert found.wrong
    assert any(
        "it has user.name 'user-" in each and "in place of 'user-" in each for each in found.error_messages or ()
    )


async def test_a_server_that_closes_kept_connections_loses_no_visit() -> None:
    shop = Shop()
    with open_shop(shop) as address:
        workload = await learned(address)
        shop.change = lambda line, number, reply: None if line == "GET /basket" and number % 5 == 0 else reply
        found = await measure(shop, address, workload)
    # Only a request on a connection of its own counts as failed: the others are repeated by the same user.
    assert found.dropped
    assert found.ok > 5 * len(VISIT)
    assert set(found.error_messages or {}) <= {"buy: basket: the connection was closed without a response"}
    assert not found.wrong


async def test_sequences_come_by_their_weights_in_a_seeded_order() -> None:
    shop = Shop()
    traffic = Traffic(
        (
            shop_traffic(Step("a", "GET", "/list?a"), weight=3).sequences[0],
            shop_traffic(Step("b", "GET", "/list?b"), weight=1).sequences[0],
        ),
        source="two.toml",
    )
    with open_shop(shop) as address:
        workload = await learned(address, traffic)
        shop.log.clear()
        await measure(shop, address, workload, least=500)
    counted = Counter(line for line, _ in shop.log)
    assert 2 < counted["GET /list?a"] / counted["GET /list?b"] < 4.5


async def test_wrong_responses_while_learning_name_the_step() -> None:
    shop = Shop()
    shop.change = failing_basket
    with open_shop(shop) as address:
        with pytest.raises(PageError, match=r"shop.toml: buy: add: status 500 in place of 200 to 399.*traffic check"):
            await learned(address)
        shop.change = lambda _line, _number, reply: reply
        with pytest.raises(PageError, match=r"buy: login: not sent: \$\{csrf\} has no value"):
            await learned(address, shop_traffic(VISIT[1]))


async def test_the_first_request_of_traffic_is_that_of_an_idle_server() -> None:
    shop = Shop()
    with open_shop(shop) as address:
        workload = await learned(address)
        assert workload.requests_per_step == pytest.approx(7 / 6)
        first = await verify_request(address, workload, "", 0)
        second = await verify_request(address, workload, "", 0, keep=False)
    assert first != second
    assert shop.log[-1][0] == "GET /login"
    assert "the whole body of" in str(workload.conditions["correct response"])
    assert workload.conditions["traffic"] == "shop.toml: 6 requests in 1 sequence"


async def test_value_rows_go_on_from_load_to_load() -> None:
    shop = Shop()
    with open_shop(shop) as address:
        workload = await learned(address)
        firsts = list(itertools.islice((workload.verified().first_visit for _ in itertools.count()), 3))
    assert len(set(firsts)) == 3
