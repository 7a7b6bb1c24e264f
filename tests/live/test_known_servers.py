"""Servers whose answer is known by construction: the scenarios must find it, counts exactly and N* to within one.

A machine that is busy only makes an answer later. So a latency is held to the server's own log from below, exactly;
benchmarks/known_answers.py holds it from above, too, on a quiet machine.
"""

from __future__ import annotations

import re
import signal
import threading
from collections.abc import Callable, Collection
from pathlib import Path

import pytest
import trio

from wsgi_gauntlet.harness.load.analysis import grading
from wsgi_gauntlet.harness.load.clients.aborting_client import AbortPoint
from wsgi_gauntlet.harness.model import Grade, Outcome, ScenarioResult
from wsgi_gauntlet.harness.server import planning
from wsgi_gauntlet.harness.server.plan import Plan
from wsgi_gauntlet.harness.server.process import procfs

from ..helpers.requirements import installed
from ..helpers.scenario_runs import attempts, run_until_graded, run_until_valid
from ..known_servers.adapter import plan

pytestmark = pytest.mark.live

NARROW = {"baseline": 1.0, "duration": 1.5, "recovery": 2.0, "budget": 30.0}
"""With a search that comes to its end."""

SHORT = {"clients": 1, "baseline": 2.0, "duration": 2.0, "recovery": 0.5, "budget": 0.1}
"""Without one: what is known is what users get, slow clients or not."""

PRECISE = 0.02
"""How far below the server's own figure a latency may come out: the server's clock is read later than the client's."""

BUSY = 1.0
"""Seconds by which a busy machine may make an answer later."""


SCENARIO = "slow-headers/byte"


async def side_by_side(folder: Path, parameters: dict[str, float], *servers: Plan) -> list[ScenarioResult]:
    """Run SCENARIO on all `servers` at once: what decides is a second or more.

    With SHORT a server that is bad without any slow client gets no grade.
    """
    cells: dict[str, ScenarioResult] = {}

    async def one(server: Plan) -> None:
        run = run_until_valid if parameters is SHORT else run_until_graded
        cells[server.name] = await run(SCENARIO, server, folder, **parameters)

    async with trio.open_nursery() as nursery:
        for server in servers:
            nursery.start_soon(one, server)
    return [cells[server.name] for server in servers]


async def test_n_is_found_to_within_one(folder: Path) -> None:
    for numbers in ((1, 3), (7,)):
        cells = await side_by_side(
            folder, {**NARROW, "clients": 16}, *(plan("thread_per_connection", each) for each in numbers)
        )
        for number, cell in zip(numbers, cells, strict=True):
            assert cell.grade is Grade.COLLAPSED, cell.note
            assert cell.collapse is not None
            assert abs(cell.collapse - number) <= 1


async def test_a_server_that_never_recovers_is_not_recovered(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    # A minute in earnest. A busy machine needs more than 4 s for a server that recovers at once.
    parameters = {**NARROW, "clients": 60, "duration": 1.5, "recovery": 12.0, "budget": 0.1}
    monkeypatch.setattr(grading, "NOT_RECOVERED_AFTER_SECONDS", 12.0)
    stuck, slots = await side_by_side(
        folder, parameters, plan("hangs_when_full", 40), plan("thread_per_connection", 40)
    )
    assert (stuck.grade, stuck.recovery) == (Grade.NOT_RECOVERED, None)
    assert "no good service within 12 s" in stuck.note or "did not serve well again within 12 s" in stuck.note
    assert slots.grade is Grade.COLLAPSED
    assert slots.recovery is not None


async def test_less_patience_than_a_minute_calls_nobody_not_recovered(folder: Path) -> None:
    parameters = {**NARROW, "clients": 60, "duration": 1.5, "recovery": 1.0, "budget": 0.1}
    (stuck,) = await side_by_side(folder, parameters, plan("hangs_when_full", 40))
    assert (stuck.grade, stuck.recovery) == (Grade.COLLAPSED, None)


@pytest.mark.parametrize("every", [4, 7])
async def test_lost_requests_are_counted_exactly(every: int, folder: Path) -> None:
    (cell,) = await side_by_side(folder, SHORT, plan("loses_pages", every, "cut"))
    assert cell.grade is Grade.DEGRADED  # it loses them without any slow client, too
    assert cell.note.startswith("Without any slow client "), cell.note
    outcomes = [each.outcome for each in cell.samples]
    assert set(outcomes) <= {Outcome.OK, Outcome.ERROR, Outcome.UNFINISHED}
    cut = outcomes.count(Outcome.UNFINISHED)  # on their way at the end of the scenario
    assert len(outcomes) // every - cut <= outcomes.count(Outcome.ERROR) <= len(outcomes) // every
    for phase in cell.phases:
        assert abs(phase.outcomes[Outcome.ERROR] - phase.scheduled / every) < 1 + cut
        assert phase.goodput == pytest.approx(1 - 1 / every, abs=(1 + cut) / phase.scheduled)


async def test_five_lost_of_a_thousand_are_a_fault_however_good_the_goodput(folder: Path) -> None:
    """Two loads of 500 requests. Pages that the harness checks between them may be among the lost ones."""
    cell = await run_until_graded("steady", plan("loses_pages", 200, "cut"), folder, rate=500, duration=1)
    sent = sum(each.scheduled for each in cell.phases)
    lost = sum(each.outcomes[Outcome.ERROR] for each in cell.phases)
    assert abs(lost - sent / 200) <= 1
    assert cell.goodput is not None
    assert cell.goodput >= 0.99
    assert cell.grade is Grade.DEGRADED
    assert cell.note.startswith(f"Without any slow client {lost} of {sent:,} requests were lost ({lost} failed): 0.")


async def test_requests_that_are_never_answered_are_counted_exactly(folder: Path) -> None:
    (cell,) = await side_by_side(folder, SHORT, plan("loses_pages", 5, "never"))
    outcomes = [each.outcome for each in cell.samples]
    lost = len(outcomes) - outcomes.count(Outcome.OK)
    assert set(outcomes) <= {Outcome.OK, Outcome.TIMEOUT, Outcome.UNFINISHED}
    # When the slow clients go and at the end all are cut off; each time one more may be under way.
    assert len(outcomes) // 5 <= lost <= len(outcomes) // 5 + 2
    baseline = cell.phases[0]
    assert abs(baseline.scheduled - baseline.outcomes[Outcome.OK] - baseline.scheduled / 5) < 1
    assert baseline.censored


async def test_a_closed_loop_counts_what_is_lost(folder: Path) -> None:
    cell = await run_until_graded(
        "throughput", plan("loses_pages", 9, "cut"), folder, clients=4, factor=4, duration=0.4
    )
    for clients, phase in zip((1, 4), cell.phases, strict=True):
        assert phase.scheduled > 18
        assert abs(phase.outcomes[Outcome.ERROR] - phase.scheduled / 9) < 1 + clients


@pytest.mark.parametrize(("every", "milliseconds"), [(20, 500), (10, 300)])
async def test_the_p99_is_that_of_the_late_answers(every: int, milliseconds: int, folder: Path) -> None:
    for _ in attempts():
        (cell,) = await side_by_side(folder, SHORT, plan("delays_pages", every, milliseconds))
        if all(each.scheduled >= every for each in cell.phases[:2]):
            break  # on a slow machine the phases may have too few requests for a late one each
    assert_p99_as_logged(cell, cell.phases[0].name, cell.phases[1].name)


async def test_the_p99_of_a_closed_loop_is_that_of_the_late_answers(folder: Path) -> None:
    cell = await run_until_graded(
        "throughput", plan("delays_pages", 20, 300), folder, clients=1, factor=2, duration=2.5
    )
    assert_p99_as_logged(cell, "1 connection")


async def test_a_stall_counts_for_all_who_were_due_in_it(folder: Path) -> None:
    """With coordinated omission one request would have waited, and the others would have been asked later."""
    for _ in attempts():
        (cell,) = await side_by_side(folder, SHORT, plan("stalls_once", 12, 0.8))
        # A baseline that came late is thrown away, and begun again on a fresh instance: the last one counts.
        stall = [float(each) for each in re.findall(r"^stalled ([\d.]+)$", cell.log, re.MULTILINE)][-1]
        least = stall * (1 - PRECISE)
        first = next(each for each in cell.samples if each.service >= least)
        over = first.intended + least
        # Users come before the baseline, too: a busy machine may begin it in the middle of the stall, or later.
        baseline = cell.phases[0]
        waiting = [
            each
            for each in cell.samples
            if max(first.intended, baseline.started) <= each.intended < min(over, baseline.ended)
        ]
        if waiting:
            break
    # Arrivals are Poisson's with a fixed seed, at less than 20 a second where the server is slow to begin
    # with.
    inside = [each for each in cell.samples if first.intended < each.intended < over]
    assert {each.outcome for each in inside} == {Outcome.OK}
    # On a busy machine a few overtake the one that stalls before the server has begun with it.
    assert sum(each.intended + each.latency >= over for each in inside) >= 4
    assert baseline.p99 is not None
    assert baseline.p99 >= over - min(each.intended for each in waiting)


async def test_a_descriptor_for_each_disconnect_is_counted_as_one(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    send_signal = procfs.send_signal

    def send_late(pid: int, number: signal.Signals, among: Callable[[], Collection[int]]) -> bool:
        """Send the signal; a server that may go on does so a moment later, as on a busy machine."""
        if number is not signal.SIGCONT:
            return send_signal(pid, number, among)
        threading.Timer(0.05, send_signal, (pid, number, among)).start()
        return True

    monkeypatch.setattr(procfs, "send_signal", send_late)
    each = 12
    short = {"clients": 10, "moment": 0.5, "baseline": 0.6, "duration": 0.6, "recovery": 1.0}
    for flaw, left in (("leaks_descriptors", 100.0), ("correct", 0.0)):
        cell = await run_until_graded("disconnect", plan(flaw), folder, disconnects=each, **short)
        found = {measure.label: measure.value for measure in cell.metrics}
        assert found["disconnects counted"] == 5 * each + 3
        assert found["descriptors left per 100 disconnects"] == left
        assert found["new connections served afterwards"] == 100
        assert found["threads left"] == 0
        if left:
            assert cell.grade in (Grade.DEGRADED, Grade.COLLAPSED)
            assert f"{each} of {each} in the head, {each} of {each} in the body, {each} of {each}" in cell.note
            assert "3 of 3 in the queue" in cell.note


async def test_a_server_that_spins_or_keeps_memory_is_found(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    points = AbortPoint.HEAD, AbortPoint.RESPONSE
    monkeypatch.setattr("wsgi_gauntlet.suites.load.operations.disconnect.abort_points", lambda _address: points)
    short = {"disconnects": 20, "clients": 10, "moment": 0.5, "baseline": 1.0, "duration": 0.6, "recovery": 1.0}
    for _ in attempts():
        cell = await run_until_graded("disconnect", plan("spins_after_disconnect"), folder, **short)
        if cell.grade is not Grade.UNAFFECTED:
            break  # a loop that spins gets no core for a moment if many other processes want one
    assert cell.grade in (Grade.DEGRADED, Grade.COLLAPSED), cell.note
    assert "it spins" in cell.note
    # A longer moment: the server releases everything else, so only a busy machine uses it.
    longer = {**short, "moment": 5.0, "memory_wait": 0.5}
    cell = await run_until_graded("disconnect", plan("keeps_memory", 100_000), folder, **longer)
    assert cell.grade in (Grade.DEGRADED, Grade.COLLAPSED), cell.note
    (kept,) = [each.value for each in cell.metrics if each.id == "memory_kept_per_disconnect"]
    assert 90_000 < (kept or 0) < 200_000
    assert "its memory kept growing" in cell.note
    assert "it spins" not in cell.note


@pytest.mark.parametrize(("seconds", "how", "flaw"), [(0.5, "fin", True), (0.5, "reset", False), (30, "fin", False)])
async def test_a_file_that_is_cut_in_a_pause_is_found(seconds: float, how: str, flaw: bool, folder: Path) -> None:
    cell = await run_until_graded(
        "paused-read", plan("cuts_paused_responses", seconds, how), folder, pause=1.5, baseline=1.0, recovery=1.0
    )
    found = {each.label: each.value for each in cell.metrics}
    assert found["whole downloads"] == (4 if seconds > 1 else 0)
    assert ("4 of 4 files were cut short by FIN" in cell.note) is flaw
    if flaw:
        assert cell.grade in (Grade.DEGRADED, Grade.COLLAPSED)


async def test_the_memory_of_a_stopped_reader_is_that_of_its_response(folder: Path) -> None:
    size, short = 1_000_000, {"baseline": 1.0, "duration": 0.6, "recovery": 1.0, "clients": 16, "budget": 0.1}
    short["disconnect_wait"] = 0.1
    for server, least, most in (("correct", 0.9, 5.0), ("streams_pages", 0.0, 0.5)):
        cell = await run_until_graded("slow-read", plan(server), folder, size=size, **short)
        (memory,) = [each for each in cell.metrics if each.id == "memory_per_stopped_reader"]
        assert memory.note.startswith("16 of 16 clients"), memory.note
        assert least * size <= (memory.value or 0) <= most * size


async def test_what_a_reload_loses_is_counted(folder: Path) -> None:
    away, rate = 0.5, 100
    cell = await run_until_graded("reload", plan("stops_listening_on_reload", away), folder, rate=rate)
    found = {measure.label: measure.value for measure in cell.metrics}
    logged = [float(each) for each in re.findall(r"^away ([\d.]+)$", cell.log, re.MULTILINE)]
    assert cell.grade in (Grade.DEGRADED, Grade.COLLAPSED), cell.note
    assert len(logged) == 3
    lost, due = found["requests lost"], rate * sum(logged)
    assert lost is not None
    assert lost > due - 4 * due**0.5  # arrivals are Poisson's
    assert lost < due + 4 * due**0.5 + 3 * rate * BUSY
    assert found["slow uploads lost"] == 3
    gap = found["longest gap without a response"]
    assert gap is not None
    assert max(logged) <= gap <= max(logged) + BUSY  # it is asked every 20 ms


def logged_delays(cell: ScenarioResult) -> list[float]:
    """Return the seconds by which the server says that it was late."""
    return [float(each) for each in re.findall(r"^delayed ([\d.]+)$", cell.log, re.MULTILINE)]


def assert_p99_as_logged(cell: ScenarioResult, *names: str) -> None:
    """Hold the p99 of the phases to what the server's own clock says of its late answers."""
    logged = logged_delays(cell)
    assert len(logged) > len(names)
    for phase in (each for each in cell.phases if each.name in names):
        assert phase.p99 is not None
        assert min(logged) * (1 - PRECISE) <= phase.p99 <= max(logged) + BUSY
        curve = [each.latency for each in cell.percentiles if each.phase == phase.name]
        assert min(logged) * (1 - PRECISE) <= curve[-1] <= max(logged) + BUSY


async def test_a_front_that_hands_over_whole_requests_is_unaffected(folder: Path) -> None:
    fronted = installed(planning.plan("nginx+gunicorn:sync"))
    (cell,) = await side_by_side(folder, {**NARROW, "clients": 8}, fronted)
    assert cell.collapse is None
    assert cell.goodput == 1.0
    assert cell.grade in (Grade.UNAFFECTED, Grade.DEGRADED)  # beside other tests the machine may be slow
