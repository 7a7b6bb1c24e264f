"""The healthy users against servers inside the test: every outcome, and latency from the intended time."""

import errno
from collections import Counter
from collections.abc import Callable, Sequence
from typing import Any

import pytest
import trio
import trio.testing

from wsgi_gauntlet.harness.errors import OutOfResources
from wsgi_gauntlet.harness.http.address import Address
from wsgi_gauntlet.harness.load.arrivals import Uniform
from wsgi_gauntlet.harness.load.clients.healthy_users import (
    WARM_UP_REQUESTS,
    HealthyUsers,
    PageView,
    limit_to_capacity_share,
    warm_up,
)
from wsgi_gauntlet.harness.model import Outcome, Sample
from wsgi_gauntlet.harness.stats.summary import summarize

Serving = Callable[..., Any]


def outcomes(healthy_users: HealthyUsers) -> dict[Outcome, int]:
    return dict(Counter(each.outcome for each in healthy_users.samples))


def most_at_once(samples: Sequence[Sample]) -> int:
    """Return the largest number of requests that were under way at the same time."""
    ends = [(each.intended + each.latency, each.service) for each in samples]
    return max(sum(end - service <= begun <= end for end, service in ends) for begun in (e - s for e, s in ends))


async def test_every_request_is_answered_and_half_of_them_on_kept_connections(serving: Serving) -> None:
    async with serving() as (address, toy):
        healthy_users = HealthyUsers(address, PageView())
        await healthy_users.run(Uniform(400), 0.25)
    assert outcomes(healthy_users) == {Outcome.OK: 99}
    fresh = sum(b"Connection: close" in head for head in toy.heads)
    assert 30 <= fresh <= 70
    assert healthy_users.keep_alive_responses == 99 - fresh
    assert healthy_users.reused_connection_responses == 99 - toy.connections
    # Connections are reused, so there are only as many kept ones as requests overlap: on a quick machine a few.
    assert fresh < toy.connections <= fresh + 2 * most_at_once(healthy_users.samples) + 2


async def test_a_server_that_always_closes_gets_fresh_connections(serving: Serving) -> None:
    async with serving(keep=False) as (address, toy):
        healthy_users = HealthyUsers(address, PageView())
        await healthy_users.run(Uniform(400), 0.1)
    assert outcomes(healthy_users) == {Outcome.OK: 39}
    assert toy.connections == 39
    assert healthy_users.reused_connection_responses == 0 < healthy_users.keep_alive_responses


async def test_a_kept_connection_that_was_closed_meanwhile_costs_nothing(serving: Serving) -> None:
    async def before(number: int) -> None:
        if number == 6:
            raise trio.BrokenResourceError

    async with serving(before=before) as (address, _):
        healthy_users = HealthyUsers(address, PageView(), seed=4)
        await healthy_users.run(Uniform(400), 0.1)
    # Only a request on a connection of its own cannot be asked again.
    assert outcomes(healthy_users).get(Outcome.OK, 0) >= 38


async def test_latency_counts_from_the_intended_time_while_a_server_stalls(serving: Serving) -> None:
    turn = trio.Lock()

    async def before(number: int) -> None:
        async with turn:
            if number == 1:
                await trio.sleep(0.5)

    async with serving(before=before) as (address, _):
        healthy_users = HealthyUsers(address, PageView())
        await healthy_users.run(Uniform(100), 0.4)
    assert outcomes(healthy_users) == {Outcome.OK: 39}
    # The first request met a stall of 0.5 s. The 38 others were due while it lasted: each has waited for the rest of
    # it. A generator that waits for the first answer before it sends the next would have seen a single slow one.
    for each in healthy_users.samples:
        assert each.latency >= 0.5 - (each.intended - 0.01) - 0.05
    assert sum(each.latency > 0.1 for each in healthy_users.samples) >= 38


async def test_a_late_send_is_part_of_the_latency_and_not_of_the_service_time(serving: Serving) -> None:
    async with serving() as (address, _):
        healthy_users = HealthyUsers(address, PageView())
        async with trio.open_nursery() as nursery:
            nursery.start_soon(healthy_users.run, Uniform(100), 1.0)
            await trio.sleep(0.005)
            blocked_until = trio.current_time() + 0.2
            while trio.current_time() < blocked_until:  # the generator itself is kept from working, for a known time
                pass
    # The first that was due in that time: they come 0.01 s apart.
    assert max(each.latency - each.service for each in healthy_users.samples) >= 0.19
    verdict = healthy_users.health(summarize(healthy_users.samples, "all", 0, 1))
    assert verdict.lateness_p99 >= 0.18
    # What was due outside of the phases that figures rest on says nothing of them.
    assert healthy_users.health(summarize(healthy_users.samples, "later", 1, 2)).valid


@pytest.mark.parametrize(
    ("turn", "expected"),
    [
        (lambda _n, answer: answer.replace(b" 200 ", b" 503 "), Outcome.ERROR),
        (lambda _n, answer: answer.replace(b"\r\n\r\n", b"\r\n\r\nX", 1)[:-1], Outcome.WRONG),
        (lambda _n, answer: answer.replace(b"Length: 2000", b"Length: 1999")[:-1], Outcome.WRONG),
        (lambda _n, answer: answer.replace(b"Length: 2000", b"Length: 2001"), Outcome.TIMEOUT),
        (lambda _n, _answer: b"", Outcome.TIMEOUT),
    ],
)
async def test_an_answer_that_is_not_the_page_is_no_goodput(
    serving: Serving, turn: Callable[[int, bytes], bytes], expected: Outcome
) -> None:
    async with serving(turn=turn) as (address, _):
        healthy_users = HealthyUsers(address, PageView(), timeout=0.05 if expected is Outcome.TIMEOUT else 30.0)
        healthy_users._random.random = lambda: 0.0  # type: ignore[method-assign]  # all of them over kept connections
        await healthy_users.run(Uniform(200), 0.02)
    assert set(outcomes(healthy_users)) == {expected}


async def test_a_time_out_is_a_lower_bound(serving: Serving) -> None:
    async def before(_number: int) -> None:
        await trio.sleep(30)

    async with serving(before=before) as (address, _):
        healthy_users = HealthyUsers(address, PageView(assets=2), timeout=0.05)
        await healthy_users.run(Uniform(100), 0.015)
    page = next(each for each in healthy_users.samples if each.outcome is Outcome.TIMEOUT)
    assert page.latency >= page.service >= 0.05
    # The page's assets were scheduled with it: they stay in goodput's denominator.
    assert outcomes(healthy_users) == {Outcome.TIMEOUT: 1, Outcome.NEVER_SENT: 2}


async def test_assets_follow_their_page(serving: Serving) -> None:
    async with serving() as (address, toy):
        healthy_users = HealthyUsers(address, PageView(size=5000, assets=4, asset_size=10))
        await healthy_users.run(Uniform(100), 0.025)
    assert outcomes(healthy_users) == {Outcome.OK: 10}
    assert sum(b"size=5000" in head for head in toy.heads) == 2
    assert PageView(assets=4).requests == 5


async def test_refused_connections_are_errors() -> None:
    listeners = await trio.open_tcp_listeners(0, host="127.0.0.1")
    port = listeners[0].socket.getsockname()[1]
    await listeners[0].aclose()
    healthy_users = HealthyUsers(Address(port=port), PageView())
    await healthy_users.run(Uniform(100), 0.03)
    assert set(outcomes(healthy_users)) == {Outcome.ERROR}


async def test_stop_ends_arrivals_and_cut_ends_what_is_on_its_way(serving: Serving) -> None:
    arrived = trio.Event()

    async def before(number: int) -> None:
        if number == 3:
            arrived.set()
        await trio.sleep_forever()

    async with serving(before=before) as (address, _), trio.open_nursery() as nursery:
        healthy_users = HealthyUsers(address, PageView())
        nursery.start_soon(healthy_users.run, Uniform(100), 60)
        await arrived.wait()
        healthy_users.stop()
        await trio.testing.wait_all_tasks_blocked()
        in_flight = healthy_users.samples_since()
        assert healthy_users.in_flight == len(in_flight) >= 3
        assert {each.outcome for each in in_flight} == {Outcome.UNFINISHED}
        assert healthy_users.samples_since(in_flight[-1].intended + 1000) == []
        healthy_users.cancel_in_flight()
    assert outcomes(healthy_users) == {Outcome.UNFINISHED: len(in_flight)}


async def test_warming_up_tells_how_long_an_answer_takes(serving: Serving) -> None:
    async def before(_number: int) -> None:
        await trio.sleep(0.01)

    async with serving(before=before) as (address, toy):
        assert await warm_up(address) >= 0.01
    assert toy.connections == WARM_UP_REQUESTS


def test_users_ask_for_a_tenth_of_the_capacity_at_most() -> None:
    assert limit_to_capacity_share(20, 0.001) == 20
    assert limit_to_capacity_share(20, 0.1) == pytest.approx(1.0)
    assert limit_to_capacity_share(20, 0.0) == 20


async def test_no_server_is_blamed_for_what_this_machine_has_run_out_of(
    serving: Serving, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with serving() as (address, _):
        healthy_users = HealthyUsers(address, PageView())

        def none_left(*_arguments: object) -> None:
            raise OSError(errno.EMFILE, "Too many open files")

        monkeypatch.setattr("trio.socket.socket", none_left)
        with pytest.RaisesGroup(pytest.RaisesExc(OutOfResources, match="--slow-clients")):
            await healthy_users.run(Uniform(100), 0.015)


async def test_who_stops_holds_nobody_up(serving: Serving) -> None:
    async with serving() as (address, _), trio.open_nursery() as nursery:
        healthy_users = HealthyUsers(address, PageView())
        nursery.start_soon(healthy_users.run, Uniform(500), 60)
        with trio.fail_after(30):
            while not healthy_users.about_to_send():
                await trio.lowlevel.checkpoint()
        healthy_users.stop()
        assert not healthy_users.about_to_send()
    assert not healthy_users.about_to_send()
