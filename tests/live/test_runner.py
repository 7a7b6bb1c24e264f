"""Cells on real instances: every verdict, in the order that needs ask for, and servers that fall over."""

import gc
import os
import signal
import sys
import weakref
from collections.abc import Awaitable, Callable
from pathlib import Path

import pytest
import trio

from wsgi_gauntlet.harness import registry
from wsgi_gauntlet.harness.conformance import attempt, runner
from wsgi_gauntlet.harness.conformance.assertions import fail_case
from wsgi_gauntlet.harness.conformance.basis import MUST_TEXT, pep3333
from wsgi_gauntlet.harness.conformance.catalog import INFO, MUST, SHOULD, Case, case
from wsgi_gauntlet.harness.conformance.exchange import Exchange
from wsgi_gauntlet.harness.conformance.validity import invalid_reason
from wsgi_gauntlet.harness.errors import EventsLost
from wsgi_gauntlet.harness.model import CaseResult, ConnectionEventKind, Level, Setup, Verdict
from wsgi_gauntlet.harness.server import planning
from wsgi_gauntlet.harness.server.instance import ServerInstance, running
from wsgi_gauntlet.harness.server.plan import Plan
from wsgi_gauntlet.harness.server.server_under_test import ObservedServer

from ..helpers.runs import check_cases
from ..reference_server import adapter as reference_server

pytestmark = pytest.mark.live

Run = Callable[[Exchange], Awaitable[None]]


def made(name: str, run: Run, level: Level = MUST, **options: object) -> Case:
    async def wrapped(x: Exchange) -> None:
        """It holds."""
        await run(x)

    wrapped.__module__, wrapped.__name__ = "wsgi_gauntlet.suites.own.area", name
    found = case(level, pep3333("The Application", "a sentence"), basis=MUST_TEXT, **options)(wrapped)  # type: ignore[arg-type]
    assert isinstance(found, Case)
    return found


async def answered(x: Exchange) -> None:
    event = await x.app("/echo")
    assert event.detail["path"] == "/echo"


async def broken(_x: Exchange) -> None:
    fail_case("the moon", "cheese")


async def checked(tmp_path: Path, plan: Plan, *cases: Case, tries: int = 3) -> tuple[dict[str, CaseResult], list[str]]:
    with trio.fail_after(60):
        found = await check_cases(tmp_path, [plan], {plan.name: cases}, tries=tries)
    cells = {cell.case.rpartition("/")[2]: cell for cell in found.cases}
    assert len(cells) == len(found.cases)
    return cells, found.failed


async def test_what_a_case_holds_is_freed_without_the_garbage_collector(folder: Path) -> None:
    """A case may hold megabytes of bodies. Garbage is collected seldom while cases run."""
    held: list[weakref.ref[Exchange]] = []

    async def passes(x: Exchange) -> None:
        held.append(weakref.ref(x))
        await answered(x)

    async def fails(x: Exchange) -> None:
        await passes(x)
        await broken(x)

    async def raises(x: Exchange) -> None:
        await passes(x)
        raise ValueError

    async with running(reference_server.plan(sys.executable), scratch=folder, logs=folder) as server:
        gc.disable()
        try:
            cases = [made(run.__name__, run) for run in (passes, fails, raises, passes)]
            verdicts = [(await attempt.attempt(each, server)).judgement.verdict for each in cases]
            left = [each() is not None for each in held]
        finally:
            gc.enable()
    assert verdicts == [Verdict.PASS, Verdict.FAIL, Verdict.ERROR, Verdict.PASS]
    assert left[:-1] == [False] * 3, "each instance keeps its last exchange alone"


async def test_a_server_that_is_done_is_freed_without_the_garbage_collector(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It has two events for each case, and a run has many servers."""
    runs: list[weakref.ref[object]] = []
    original = runner._ServerRun.run

    async def run(self: runner._ServerRun) -> None:
        runs.append(weakref.ref(self))
        await original(self)

    monkeypatch.setattr(runner._ServerRun, "run", run)
    gc.disable()
    try:
        cells, _ = await checked(folder, reference_server.plan(sys.executable), made("fine", answered))
        left = [each() for each in runs]
    finally:
        gc.enable()
    assert cells["fine"].verdict is Verdict.PASS
    assert left == [None]


async def test_every_verdict_comes_out(tmp_path: Path) -> None:
    attempts = []

    async def sometimes(x: Exchange) -> None:
        attempts.append(x.token)
        if len(attempts) == 1:
            await broken(x)

    async def never_ends(_x: Exchange) -> None:
        await trio.sleep_forever()

    async def loses_events(_x: Exchange) -> None:
        raise EventsLost("3 events")

    async def none(x: Exchange) -> None:
        x.unsupported("no such thing")

    cells, failed_to_start = await checked(
        tmp_path,
        planning.plan("wsgiref"),
        made("needy", answered, needs=["own/area/fails"]),
        made("content", answered, needs=["own/area/passes"]),
        made("passes", answered),
        made("fails", broken),
        made("warns", broken, SHOULD),
        made("tells", answered, INFO),
        made("flaky", sometimes),
        made("endless", never_ends, deadline=0.1),
        made("loses_events", loses_events),
        made("unsupported", none),
        tries=2,
    )
    assert not failed_to_start
    assert {name: str(cell.verdict) for name, cell in cells.items()} == {
        "needy": "skipped",
        "content": "pass",
        "passes": "pass",
        "fails": "fail",
        "warns": "warn",
        "tells": "info",
        "flaky": "flaky",
        "endless": "error",
        "loses-events": "error",
        "unsupported": "unsupported",
    }
    assert "own/area/fails" in cells["needy"].actual
    assert (cells["fails"].expected, cells["fails"].actual, cells["fails"].attempts) == ("the moon", "cheese", 2)
    assert "did not come to an end" in cells["endless"].actual
    evidence = cells["passes"].evidence
    assert {event.kind for event in evidence.wire} >= {
        ConnectionEventKind.OPENED,
        ConnectionEventKind.SENT,
        ConnectionEventKind.RECEIVED,
    }
    assert [event.kind for event in evidence.app if event.kind == "called"] == ["called"]


@pytest.mark.parametrize(("number", "verdict"), [(signal.SIGSEGV, Verdict.FAIL), (signal.SIGKILL, Verdict.ERROR)])
async def test_a_server_that_dies_in_a_case_is_started_again(
    tmp_path: Path, number: signal.Signals, verdict: Verdict
) -> None:
    async def killing(x: Exchange) -> None:
        assert isinstance(x.server, ServerInstance)
        os.kill(x.server.pid, number)
        await x.server.wait_for_end(10)
        await x.get("/echo")

    cells, _ = await checked(
        tmp_path, planning.plan("wsgiref"), made("kills", killing), made("after", answered), tries=1
    )
    assert cells["kills"].verdict is verdict
    assert any(number.name in note for note in cells["kills"].evidence.process)
    assert cells["after"].verdict is Verdict.PASS


async def test_a_setup_that_a_server_has_no_way_for_is_unsupported(tmp_path: Path) -> None:
    cells, failed_to_start = await checked(
        tmp_path,
        planning.plan("gunicorn:sync"),
        made("plain", answered),
        made("threaded", answered, setup=Setup(threads=4)),
        made("alone", answered, setup=Setup(workers=2, alone=True)),
    )
    assert not failed_to_start
    assert [str(cells[name].verdict) for name in ("plain", "threaded", "alone")] == ["pass", "unsupported", "pass"]
    assert "thread" in cells["threaded"].actual


async def test_a_server_that_never_starts_has_no_cells(tmp_path: Path) -> None:
    plan = planning.plan("custom", custom={"custom": "{python} -c 'raise SystemExit(7)' {port}"})
    cells, failed_to_start = await checked(tmp_path, plan, made("plain", answered))
    assert cells == {}
    assert len(failed_to_start) == 1
    assert "exit code 7" in failed_to_start[0]


async def test_a_case_waits_for_the_verdict_it_needs_from_another_setup(tmp_path: Path) -> None:
    needy_runs = []

    async def fails_late(_x: Exchange) -> None:
        await trio.sleep(0.3)
        fail_case("the moon", "cheese")

    async def needy(x: Exchange) -> None:
        needy_runs.append(x.token)

    cells, _ = await checked(
        tmp_path,
        planning.plan("gunicorn"),
        made("plain", answered),
        made("late", fails_late, setup=Setup(threads=1)),
        made("needy", needy, setup=Setup(workers=2), needs=["own/area/late"]),
    )
    assert (cells["late"].verdict, cells["needy"].verdict) == (Verdict.FAIL, Verdict.SKIPPED)
    assert not needy_runs


def test_order_and_groups() -> None:
    first = made("first", answered, needs=["own/area/second"])
    second = made("second", answered, needs=["own/area/first"])
    third = made("third", answered, setup=Setup(threads=4))
    assert [c.id[-6:] for c in runner.order_by_dependency([first, second])] == ["second", "/first"]
    assert list(runner.group_by_setup([third, first])) == [Setup(), Setup(threads=4)]


def test_a_setup_changes_the_server_behind_a_front() -> None:
    plan = planning.plan("nginx+gunicorn")
    apply_setup = runner.apply_setup(plan, Setup(threads=4, mount="/x"))
    assert apply_setup.upstream is not None
    assert (apply_setup.upstream.settings.threads, apply_setup.upstream.settings.mount) == (4, "/x")
    assert (apply_setup.settings.threads, apply_setup.settings.mount) == (None, "/x")


async def test_a_server_is_asked_again_after_anything_but_a_response(tmp_path: Path) -> None:
    """Otherwise a case would blame a server for what the case before it did."""
    seen: list[tuple[bool, bool]] = []

    async def leaves_it_idle(x: Exchange) -> None:
        assert await x.alive()
        seen.append((x.responded_last, x.server.responded_last))

    async def sends_more(x: Exchange) -> None:
        assert await x.alive()
        await x.get("/echo")
        seen.append((x.responded_last, x.server.responded_last))

    async def keeps_a_connection(x: Exchange) -> None:
        await x.connect()
        assert await x.alive()
        seen.append((x.responded_last, x.server.responded_last))

    async def stops_it(x: Exchange) -> None:
        assert await x.alive()
        x.server.send_signal(signal.SIGSTOP)
        seen.append((x.responded_last, x.server.responded_last))

    runs = {"a": leaves_it_idle, "b": sends_more, "c": keeps_a_connection, "d": stops_it, "e": answered}
    cases = [made(*each, segmentable=False) for each in runs.items()]
    cells, failed = await checked(tmp_path, planning.plan("waitress"), *cases, tries=1)
    assert not failed
    assert seen == [(True, False), *[(False, False)] * 3], "it is false for the server during an attempt"
    assert {name: cell.verdict for name, cell in cells.items()} == dict.fromkeys("abcde", Verdict.PASS)
    assert "it was restarted" in "".join(cells["e"].evidence.process)


async def test_a_server_that_has_just_responded_is_not_asked_again(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked: list[str] = []

    async def is_responding(server: ObservedServer) -> bool:
        asked.append(server.name)
        return True

    async def leaves_it_idle(x: Exchange) -> None:
        assert await x.alive()

    monkeypatch.setattr(attempt, "is_responding", is_responding)
    cases = [made(name, leaves_it_idle, segmentable=False) for name in "abc"]
    cells, _ = await checked(tmp_path, planning.plan("wsgiref"), *cases, tries=1)
    assert len(cells) == 3
    assert asked == []
    cells, _ = await checked(tmp_path, planning.plan("wsgiref"), *[made(name, answered) for name in "abc"], tries=1)
    assert len(cells) == 3
    assert len(asked) == 2, "the first case comes after the start"


async def test_a_failing_attempt_is_judged_before_the_server_is_asked_whether_it_runs(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The request begins another attempt of the event channel, which forgets what disturbed this one."""
    steps: list[str] = []
    is_responding = attempt.is_responding

    def why(server: ObservedServer, since: float) -> str:
        steps.append("judged")
        return invalid_reason(server, since)

    async def asks(server: ObservedServer) -> bool:
        steps.append("asked")
        return await is_responding(server)

    async def fails(x: Exchange) -> None:
        await answered(x)
        fail_case("the moon", "cheese")

    monkeypatch.setattr(attempt, "invalid_reason", why)
    monkeypatch.setattr(attempt, "is_responding", asks)
    cells, _ = await checked(tmp_path, planning.plan("wsgiref"), made("a", fails, segmentable=False), tries=1)
    assert cells["a"].verdict is Verdict.FAIL
    assert steps == ["judged", "asked"]
    assert [event.detail["path"] for event in cells["a"].evidence.app if event.kind == "called"] == ["/echo"]
    assert not [event for event in cells["a"].evidence.wire if b"/sync" in event.data]


async def test_a_server_that_ends_after_a_failing_attempt_is_noticed(tmp_path: Path) -> None:
    async def ends_it(x: Exchange) -> None:
        x.server.send_signal(signal.SIGKILL)
        fail_case("the moon", "cheese")

    cells, _ = await checked(tmp_path, planning.plan("wsgiref"), made("a", ends_it), made("b", answered), tries=1)
    assert cells["a"].verdict is Verdict.ERROR
    assert "the server ended during the case: signal SIGKILL" in cells["a"].evidence.process
    assert cells["b"].verdict is Verdict.PASS


@pytest.mark.parametrize("fault", ["head-in-one-piece", "no-cut-behind-the-target"])
async def test_a_server_that_takes_no_cuts_is_blamed_for_that_alone(tmp_path: Path, fault: str) -> None:
    chosen = [each for each in registry.cases() if each.id.startswith(("http/connection/cut-", "http/host/"))]
    plan = reference_server.plan(sys.executable, fault)
    with trio.fail_after(60):
        found = await check_cases(tmp_path, [plan], {plan.name: chosen})
    assert len(found.cases) == len(chosen)
    blamed = {cell.case for cell in found.cases if cell.verdict.blames_server}
    assert blamed == {each.id for each in chosen if each.id.startswith("http/connection/cut-")}
    whole_only = [cell for cell in found.cases if "sent whole only" in "".join(cell.evidence.process)]
    assert whole_only
    assert {cell.segmentations for cell in whole_only} == {()}
