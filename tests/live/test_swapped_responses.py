"""Responses to another request are counted by the generators and in their scenarios."""

from __future__ import annotations

import itertools
import re
import socket
from collections.abc import Callable
from pathlib import Path

import pytest

from wsgi_gauntlet.harness.load.arrivals import Uniform
from wsgi_gauntlet.harness.load.catalog import Scenario
from wsgi_gauntlet.harness.load.generator.generator_result import GeneratorResult
from wsgi_gauntlet.harness.load.generator.loop import LoopOptions
from wsgi_gauntlet.harness.load.generator.process_pool import parallel_closed_loop, parallel_open_loop
from wsgi_gauntlet.harness.load.workload import VerifiedRequest
from wsgi_gauntlet.harness.model import Outcome, ScenarioResult
from wsgi_gauntlet.suites.load.throughput.capacity import capacity
from wsgi_gauntlet.suites.load.throughput.ramp import ramp
from wsgi_gauntlet.suites.load.throughput.steady import steady
from wsgi_gauntlet.suites.load.throughput.surge import surge
from wsgi_gauntlet.suites.load.throughput.throughput import throughput

from ..helpers.scenario_runs import make_context
from ..helpers.socket_servers import Behaviour, answer, requests, serving
from ..known_servers.adapter import plan

pytestmark = pytest.mark.live

MARK = b"0123456789abcdef"
REQUEST = b"GET /page?n=%s HTTP/1.1\r\nHost: localhost\r\n\r\n" % MARK

Page = Callable[[bytes], bytes]


def body(mark: bytes) -> bytes:
    return mark + b"\nand what every response must have\n"


PAGE = VerifiedRequest(REQUEST, body(MARK), mark=MARK)


def mark_of(request: bytes) -> bytes:
    return request.partition(b"?n=")[2].partition(b" ")[0]


async def closed(behave: Behaviour, clients: int = 2, processes: int = 1, seconds: float = 0.3) -> GeneratorResult:
    with serving(behave) as address:
        return await parallel_closed_loop(address, PAGE, LoopOptions(clients), seconds, processes=processes)


async def opened(behave: Behaviour, number: int = 60) -> GeneratorResult:
    with serving(behave) as address:
        return await parallel_open_loop(address, PAGE, LoopOptions(8), Uniform(number / 0.5), 0.5, processes=1)


@pytest.mark.parametrize("head", [b"", b"X-Asked: %s\r\n", b"Connection: close\r\n"], ids=["plain", "echo", "close"])
@pytest.mark.parametrize("processes", [1, 2])
async def test_right_answers_are_right(head: bytes, processes: int) -> None:
    marks: set[bytes] = set()

    def behave(conn: socket.socket, _number: int) -> None:
        for each in requests(conn):
            mark = mark_of(each)
            marks.add(mark)
            conn.sendall(answer(body(mark), head.replace(b"%s", mark)))
            if b"close" in head:
                return

    found = await closed(behave, processes=processes)
    assert found.ok == found.requests > 0, found.error_messages
    assert len(marks) > min(found.ok, 100) / 2


async def test_answers_whose_coding_cuts_the_mark_are_right() -> None:
    def behave(conn: socket.socket, _number: int) -> None:
        for each in requests(conn):
            page = body(mark_of(each))
            pieces = b"5\r\n%s\r\n%x\r\n%s\r\n0\r\n\r\n" % (page[:5], len(page) - 5, page[5:])
            conn.sendall(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n" + pieces)

    found = await closed(behave)
    assert found.ok == found.requests > 0, found.error_messages


async def test_answers_in_pieces_and_with_a_new_date_are_right() -> None:
    seconds = itertools.cycle(range(10, 60))

    def behave(conn: socket.socket, _number: int) -> None:
        for number, each in enumerate(requests(conn)):
            head = b"Date: %d\r\n" % next(seconds) if number % 5 == 0 else b"Date: 9\r\n"
            data = answer(body(mark_of(each)), head)
            conn.sendall(data[:70])
            conn.sendall(data[70:])

    found = await closed(behave)
    assert found.ok == found.requests > 0, found.error_messages


def sent(faulty: Callable[[bytes, list[bytes]], bytes], every: int = 5) -> tuple[Behaviour, Callable[[], int]]:
    """Return a server of whose answers on a connection every `every`-th is what `faulty` makes; and how many were.

    `faulty` is given the right page and the connection's pages so far, the right one last.
    """
    count = itertools.count()

    def behave(conn: socket.socket, _number: int) -> None:
        pages: list[bytes] = []
        for number, each in enumerate(requests(conn), 1):
            pages.append(body(mark_of(each)))
            if number % every:
                conn.sendall(answer(pages[-1]))
            else:
                next(count)
                conn.sendall(faulty(pages[-1], pages))

    return behave, lambda: next(count)


FAULTS = {
    "the one before on this connection": lambda _right, pages: answer(pages[-2]),
    "the first on this connection": lambda _right, pages: answer(pages[0]),
    "from another time": lambda right, _pages: answer(body(b"f" * len(MARK)) if right else b""),
    "one byte of the mark": lambda right, _pages: answer(right[:3] + b"~" + right[4:]),
    "one byte near the end": lambda right, _pages: answer(right[:-3] + b"~" + right[-2:]),
    "cut and filled up": lambda right, _pages: answer(right[:20].ljust(len(right))),
}


@pytest.mark.parametrize("fault", FAULTS)
async def test_every_wrong_answer_is_counted(fault: str) -> None:
    for seconds in (0.3, 3.0, 30.0):  # for longer if the machine was so slow that no connection had five requests
        behave, seen = sent(FAULTS[fault])
        found = await closed(behave, seconds=seconds)
        if found.wrong:
            break
    # The end of the loop may cut off a response on each of its two connections.
    assert 0 < found.wrong <= seen() <= found.wrong + 2
    assert found.errors == 0
    behave, seen = sent(FAULTS[fault])
    found = await opened(behave)
    assert found.scheduled == 59
    assert found.wrong == seen() > 0


async def test_an_answer_that_comes_twice_is_counted() -> None:
    twice: Callable[[bytes, list[bytes]], bytes] = lambda right, _pages: answer(right) * 2  # noqa: E731
    for measure in (closed, opened):
        behave, seen = sent(twice)
        found = await measure(behave)
        assert 0 < found.errors + found.wrong <= seen() <= found.errors + found.wrong + 2


async def test_an_answer_that_comes_again_later_takes_back_the_one_before() -> None:
    def behave(conn: socket.socket, _number: int) -> None:
        for each in requests(conn):
            conn.sendall(answer(body(mark_of(each))))
            conn.sendall(answer(body(mark_of(each))))

    found = await opened(behave)
    # Nobody waits for what comes after the last answer on each of the eight connections.
    assert found.ok <= 8, found.error_messages
    assert (found.ok + found.errors + found.wrong, found.scheduled) == (59, 59)


async def test_responses_of_two_processes_are_distinguished() -> None:
    """The first answer of all goes to everybody: the two processes have no mark in common."""
    first: list[bytes] = []

    def behave(conn: socket.socket, _number: int) -> None:
        for each in requests(conn):
            first.append(mark_of(each))
            conn.sendall(answer(body(first[0])))

    found = await closed(behave, clients=4, processes=2)
    # Each of the four connections has that mark once in many.
    assert found.ok <= 4 + found.requests / 50
    assert found.wrong > 0


async def run(scenario: Scenario, folder: Path, every: int, **parameters: float) -> tuple[ScenarioResult, int]:
    """Return the cell, and how many pages the server sent to the wrong client."""
    ctx = make_context(scenario, plan("swaps_responses", every), folder, parameters)
    cell = await scenario.run(ctx)
    counts = re.findall(r"swapped (\d+)", cell.log)
    return cell, int(counts[-1]) if counts else 0


def wrong(cell: ScenarioResult) -> int:
    return sum(each.outcomes[Outcome.WRONG] for each in cell.phases)


async def test_throughput_counts_swapped_answers(folder: Path) -> None:
    cell, _ = await run(throughput, folder, 40, clients=8, duration=1)
    # One connection alone has nobody to change answers with.
    few, many = cell.phases
    assert few.outcomes[Outcome.WRONG] == 0
    assert many.outcomes[Outcome.WRONG] / many.scheduled == pytest.approx(2 / 40, rel=0.2)
    assert cell.goodput is not None
    assert cell.goodput < 1
    assert any("wrong body" in words for words in cell.caveats)
    assert any(words.startswith("the correct response to another request: ") for words in cell.caveats)


async def test_steady_counts_swapped_answers(folder: Path) -> None:
    cell, swapped = await run(steady, folder, 20, rate=200, duration=0.5, budget=0.1)
    assert wrong(cell) == pytest.approx(swapped, rel=0.2)
    assert swapped >= 10


async def test_capacity_counts_swapped_answers(folder: Path) -> None:
    cell, _ = await run(capacity, folder, 20, rate=100, duration=0.5, budget=1)
    scheduled = sum(each.scheduled for each in cell.phases)
    assert wrong(cell) / scheduled == pytest.approx(2 / 20, rel=0.25)


async def test_a_ramp_counts_swapped_answers(folder: Path) -> None:
    cell, swapped = await run(ramp, folder, 20, rate=300, duration=1)
    assert any(words.startswith("the correct response to another request: ") for words in cell.caveats)
    assert cell.goodput is not None
    assert 1 - cell.goodput == pytest.approx(2 / 20, rel=0.2)
    assert swapped >= 10


async def test_a_surge_counts_swapped_answers(folder: Path) -> None:
    cell, swapped = await run(surge, folder, 20, rate=40, duration=0.5, recovery=0.5)
    lost = next(each.value for each in cell.metrics if each.label == "requests lost")
    before = cell.phases[0].scheduled * (1 - cell.phases[0].goodput)
    assert lost is not None
    assert lost + before == pytest.approx(swapped, abs=2)
