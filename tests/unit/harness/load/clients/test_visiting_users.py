"""Healthy users of traffic: steps in order, think times, redirects, and wrong pages."""

from __future__ import annotations

import itertools
import math
from collections import Counter
from collections.abc import Callable

import pytest
import trio

from wsgi_gauntlet.harness.http.address import Address
from wsgi_gauntlet.harness.http.http_connection import HttpConnection
from wsgi_gauntlet.harness.http.response import Response
from wsgi_gauntlet.harness.load import traffic_workload
from wsgi_gauntlet.harness.load.arrivals import Uniform
from wsgi_gauntlet.harness.load.clients.healthy_users import HealthyUsers, PageView, warm_up
from wsgi_gauntlet.harness.load.clients.visiting_users import VisitingUsers
from wsgi_gauntlet.harness.load.traffic_workload import TrafficWorkload, learn_traffic
from wsgi_gauntlet.harness.load.unexpected_response import UnexpectedResponse
from wsgi_gauntlet.harness.load.workload import verify_request
from wsgi_gauntlet.harness.model import Outcome
from wsgi_gauntlet.harness.traffic.model import Capture, Sequence, Step, Traffic, ValueList
from wsgi_gauntlet.harness.traffic.mount import with_mount

from .....helpers.shop_server import VISIT, Reply, Shop, open_shop, shop_traffic

Change = Callable[[str, int, Reply], Reply | None]


@pytest.fixture(autouse=True)
def no_delay(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(traffic_workload, "RELEARN_DELAY_SECONDS", 0.0)


def outcomes(users: HealthyUsers) -> dict[Outcome, int]:
    return dict(Counter(each.outcome for each in users.samples))


async def visited(shop: Shop, address: Address, arrivals: int, change: Change | None = None) -> HealthyUsers:
    """Let so many arrivals come, each after the response to the last one, so that one user makes whole visits."""
    workload = await learn_traffic(address, shop_traffic())
    shop.change = change or shop.change
    shop.log.clear()
    users = HealthyUsers(address, PageView(), workload=workload, timeout=60.0)
    assert users._users is not None
    for _ in range(arrivals):
        await users._run_step(users._users, users.now)
    users.cancel_in_flight()  # it closes the kept connections
    return users


@pytest.mark.parametrize("keep", [True, False])
async def test_arrivals_are_the_steps_of_visits(keep: bool) -> None:
    shop = Shop(keep=keep)
    with open_shop(shop) as address:
        users = await visited(shop, address, 2 * len(VISIT))
    visit = [
        "GET /login",
        "POST /login",
        "GET /home",
        "GET /list?page=1",
        "POST /basket",
        "GET /basket",
        "POST /logout",
    ]
    assert [line for line, _ in shop.log] == 2 * visit
    # Each login has one request more, for its redirect.
    assert outcomes(users) == {Outcome.OK: 2 * len(visit)}
    assert [cookie.count("=") for _, cookie in shop.log] == 2 * [0, 1, 2, 2, 2, 2, 2]


async def test_arrivals_come_in_time() -> None:
    shop = Shop()
    with open_shop(shop) as address:
        workload = await learn_traffic(address, shop_traffic())
        shop.log.clear()
        users = HealthyUsers(address, PageView(), workload=workload, timeout=60.0)
        await users.run(Uniform(100), 0.2)
    redirects = sum(line == "GET /home" for line, _ in shop.log)
    assert outcomes(users) == {Outcome.OK: 19 + redirects}


async def test_a_page_of_another_user_is_wrong_and_ends_the_visit() -> None:
    shop = Shop()

    def mixed_up(line: str, _number: int, reply: Reply) -> Reply:
        return (reply[0], reply[1], b"<html>Basket of nobody</html>") if line == "GET /basket" else reply

    with open_shop(shop) as address:
        users = await visited(shop, address, 2 * (len(VISIT) - 1), mixed_up)
    lines = Counter(line for line, _ in shop.log)
    assert outcomes(users)[Outcome.WRONG] == lines["GET /basket"] == 2
    assert (lines["GET /login"], lines["POST /logout"]) == (2, 0)


async def test_an_error_status_is_an_error() -> None:
    shop = Shop()
    with open_shop(shop) as address:
        workload = await learn_traffic(address, shop_traffic())
        shop.change = lambda line, _number, reply: (503, (), b"") if line == "GET /login" else reply
        users = HealthyUsers(address, PageView(), workload=workload)
        await users.run(Uniform(200), 0.05)
        assert workload.outcome(await probe(address, workload), "", 0) is Outcome.ERROR
        with pytest.raises(
            UnexpectedResponse, match=r"one request for form of shop\.toml .*`wsgi-gauntlet traffic check`"
        ):
            await verify_request(address, workload, "", 0)
    assert set(outcomes(users)) == {Outcome.ERROR}


async def probe(address: Address, workload: TrafficWorkload) -> Response:
    connection = await HttpConnection.open(address)
    try:
        return await connection.send_request(workload.request(address, "", 0, keep=False))
    finally:
        connection.close()


async def test_users_wait_for_their_think_time_and_new_ones_come_instead() -> None:
    traffic = Traffic((Sequence("s", (Step("a", "GET", "/list?a", think_time=5.0), Step("b", "GET", "/list?b"))),))
    shop = Shop()
    with open_shop(shop) as address:
        workload = await learn_traffic(address, traffic)
    users = VisitingUsers(workload, address, 1, itertools.count())
    first = users.next_user(0.0)
    first.visit.skip()
    users.answered(first, 5.0, 1.0)
    # At 5 s the first user still thinks, so another one begins.
    second = users.next_user(5.0)
    assert second is not first
    assert second.visit.position == 0
    assert users.next_user(6.0) is first
    first.visit.skip()
    users.answered(first, 0.0, 6.5)
    # The visit of the first user has ended.
    assert users.next_user(9.0) is not first


async def test_long_think_times_can_be_shortened() -> None:
    steps = (Step("a", "GET", "/list?a", think_time=3600.0), Step("b", "GET", "/list?b"))
    shop = Shop()
    with open_shop(shop) as address:
        workload = await learn_traffic(address, Traffic((Sequence("s", steps),)))
        for longest, second in ((math.inf, "GET /list?a"), (0.0, "GET /list?b")):
            shop.log.clear()
            users = HealthyUsers(address, PageView(), workload=workload, timeout=60.0, longest_think_time=longest)
            assert users._users is not None
            for _ in range(2):
                await users._run_step(users._users, users.now)
            users.cancel_in_flight()
            assert [line for line, _ in shop.log] == ["GET /list?a", second]


async def test_a_new_user_never_has_the_row_of_a_present_one() -> None:
    names = ValueList("user", ("name",), (("anna",), ("bob",)))
    steps = (Step("a", "GET", "/list?${user.name}"), Step("b", "GET", "/list"))
    shop = Shop()
    with open_shop(shop) as address:
        workload = await learn_traffic(address, Traffic((Sequence("s", steps),), (names,)))
    users = VisitingUsers(workload, address, 1, itertools.count())
    thinks = users.next_user(0.0)
    assert thinks.visit.values["user.name"] == "anna"
    for _ in range(3):
        other = users.next_user(0.0)
        assert other.visit.values["user.name"] == "bob"
        users.left(other)


async def test_a_request_without_its_value_is_wrong_and_not_sent() -> None:
    link = Capture("link", "<li>([a-z]*)")
    steps = (Step("a", "GET", "/list", captures=(link,)), Step("b", "GET", "/list?${link}"))
    traffic = Traffic((Sequence("s", steps),))
    shop = Shop()
    with open_shop(shop) as address:
        workload = await learn_traffic(address, traffic)
        users = HealthyUsers(address, PageView(), workload=workload)
        assert users._users is not None
        lost = users._users.next_user(0.0)
        lost.visit.skip()
        shop.log.clear()
        assert await users._attempt_step(users._users, lost, True) is Outcome.WRONG
    assert shop.log == []


async def test_a_link_to_another_site_ends_the_visit_and_is_not_wrong() -> None:
    link = Capture("link", "<li>([a-z:/.]*)")
    traffic = Traffic((Sequence("s", (Step("a", "GET", "/list", captures=(link,)), Step("b", "GET", "${link}"))),))
    shop = Shop()
    shop.change = lambda line, _number, reply: (200, (), b"") if line == "GET /shirt" else reply
    with open_shop(shop) as address:
        workload = await learn_traffic(address, traffic)
        shop.change = lambda _line, _number, reply: (*reply[:2], reply[2].replace(b"shirt", b"http://other.test/"))
        users = HealthyUsers(address, PageView(), workload=workload, timeout=60.0)
        assert users._users is not None
        users._users._expected = ((None, None),)
        shop.log.clear()
        for _ in range(3):
            await users._run_step(users._users, users.now)
        users.cancel_in_flight()
    assert outcomes(users) == {Outcome.OK: 3}
    assert [line for line, _ in shop.log] == ["GET /list"] * 3


async def test_a_request_that_must_not_be_repeated_is_sent_once() -> None:
    shop = Shop()
    with open_shop(shop) as address:
        users = await visited(shop, address, 8, lambda line, _n, reply: None if line == "POST /basket" else reply)
    assert sum(line == "POST /basket" for line, _ in shop.log) == 2
    assert sum(each.outcome is not Outcome.OK for each in users.samples) == 2


async def test_the_warm_up_requests_the_first_page() -> None:
    shop = Shop()
    with open_shop(shop) as address:
        workload = await learn_traffic(address, shop_traffic())
        shop.log.clear()
        with trio.fail_after(20):
            assert await warm_up(address, workload) > 0
    assert {line for line, _ in shop.log} == {"GET /login"}


def test_a_mount_is_part_of_paths_but_not_of_links() -> None:
    traffic = shop_traffic(*VISIT, Step("link", "GET", "${link}"))
    mounted = with_mount(traffic, "/app")
    assert [each.target for each in mounted.sequences[0].steps][:3] == ["/app/login", "/app/login", "/app/list?page=1"]
    assert mounted.sequences[0].steps[-1].target == "${link}"
    assert with_mount(traffic, "") is traffic
