"""Groups of cases that run at the same time, and cells whose instance loses its files while others wait for them."""

from __future__ import annotations

from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import pytest
import trio
import trio.testing

from wsgi_gauntlet.harness.conformance import retry, runner, segmentation_tolerance
from wsgi_gauntlet.harness.conformance.attempt import Attempt
from wsgi_gauntlet.harness.conformance.basis import MUST_TEXT
from wsgi_gauntlet.harness.conformance.catalog import Case
from wsgi_gauntlet.harness.conformance.exchange import Exchange
from wsgi_gauntlet.harness.conformance.verdict import Judgement
from wsgi_gauntlet.harness.errors import InternalError, ServerDidNotStart, Unsupported
from wsgi_gauntlet.harness.http.segmentation import Segmentation
from wsgi_gauntlet.harness.model import CaseResult, Evidence, Level, Reference, Setup, Verdict
from wsgi_gauntlet.harness.server import planning
from wsgi_gauntlet.harness.server.plan import Plan

from ....helpers.runs import check_cases

PLAIN, TLS, THREADS = Setup(), Setup(tls=True), Setup(threads=4)


@dataclass
class Instance:
    """As much of a running server as is asked here."""

    setup: Setup
    intact: bool = True
    command_line: str = "serve"
    conditions: dict[str, object] = field(default_factory=dict)


async def run(_x: Exchange) -> None:
    """Nothing: no attempt is really made."""


def case(name: str, *needs: str, setup: Setup = PLAIN, segmentable: bool = False) -> Case:
    reference = Reference("RFC", "1", "q", "u")
    return Case(
        name, Level.MUST, reference, run, "It is.", needs=needs, setup=setup, segmentable=segmentable, basis=MUST_TEXT
    )


@dataclass
class FakeServers:
    """Instances and attempts that are not real. `opened` and `made` are the setups and the cases, in their order.

    `cut` is the verdict of attempts that are not sent whole; without it no request is well-formed.
    """

    monkeypatch: pytest.MonkeyPatch
    attempt: Callable[[str], Awaitable[Verdict]]
    failing_starts: int = 0
    failing_setups: tuple[Setup, ...] = ()
    cut: Verdict | None = None
    opened: list[Setup] = field(default_factory=list)
    made: list[str] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.monkeypatch.setattr(runner, "apply_setup", self._apply)
        self.monkeypatch.setattr(runner, "opened", self._open)
        self.monkeypatch.setattr(retry, "run_again", self._run_again)
        self.monkeypatch.setattr(retry, "ensure_responding", self._ensure_responding)

    def _apply(self, _plan: Plan, setup: Setup) -> Setup:
        if setup.mount:
            raise Unsupported("no mount")
        return setup

    @asynccontextmanager
    async def _open(self, setup: Setup, **_: Any) -> AsyncIterator[Instance]:
        self.opened.append(setup)
        if self.failing_starts >= len(self.opened) or setup in self.failing_setups:
            raise ServerDidNotStart("not this time")
        await trio.testing.wait_all_tasks_blocked()
        yield Instance(setup)

    async def _run_again(self, which: Case, _server: Any, segmentation: Any, _made: Any) -> Attempt:
        self.made.append(which.id)
        verdict = await self.attempt(which.id)
        if self.cut and segmentation is not Segmentation.WHOLE:
            verdict = self.cut
        return Attempt(Judgement(verdict), Evidence(), 0.0, segmentation, well_formed=self.cut is not None)

    async def _ensure_responding(self, _server: Any) -> list[str]:
        return []


async def check(folder: Path, *cases: Case, instances: int = 4) -> dict[str, Verdict]:
    """Return the verdicts of `cases`, of which a server of one plan runs so many at the same time."""
    return {cell.case: cell.verdict for cell in await checked(folder, *cases, instances=instances)}


async def checked(folder: Path, *cases: Case, instances: int = 1) -> list[CaseResult]:
    with trio.fail_after(30):
        found = await check_cases(folder, [planning.plan("wsgiref")], {"wsgiref": cases}, instances=instances)
    assert not found.failed
    return found.cases


async def test_a_group_runs_beside_the_first_one(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    both = {"plain": trio.Event(), "tls": trio.Event()}

    async def attempt(which: str) -> Verdict:
        both[which].set()
        for each in both.values():
            await each.wait()
        return Verdict.PASS

    FakeServers(monkeypatch, attempt)
    verdicts = await check(tmp_path, case("plain"), case("tls", setup=TLS))
    assert verdicts == {"plain": Verdict.PASS, "tls": Verdict.PASS}


async def test_a_setup_that_is_refused_before_the_first_verdict_still_gets_its_cells(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def attempt(_: str) -> Verdict:
        await trio.testing.wait_all_tasks_blocked()  # the other group has been refused
        return Verdict.PASS

    FakeServers(monkeypatch, attempt)
    verdicts = await check(tmp_path, case("plain"), case("mounted", setup=Setup(mount="/m")))
    assert verdicts == {"plain": Verdict.PASS, "mounted": Verdict.UNSUPPORTED}


async def test_a_group_waits_for_the_verdict_that_it_needs(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    async def attempt(which: str) -> Verdict:
        await trio.testing.wait_all_tasks_blocked()
        return Verdict.FAIL if which == "need" else Verdict.PASS

    servers = FakeServers(monkeypatch, attempt)
    verdicts = await check(tmp_path, case("need"), case("dep", "need", setup=TLS), case("other", setup=THREADS))
    assert verdicts == {"need": Verdict.FAIL, "dep": Verdict.SKIPPED, "other": Verdict.PASS}
    assert servers.made.count("need") == retry.MAX_ATTEMPTS
    assert servers.opened[-1] == TLS


async def test_a_case_that_must_be_alone_runs_after_all_others(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    async def attempt(_: str) -> Verdict:
        await trio.testing.wait_all_tasks_blocked()
        return Verdict.PASS

    servers = FakeServers(monkeypatch, attempt)
    await check(tmp_path, case("plain"), case("alone", setup=Setup(alone=True)), case("tls", setup=TLS))
    assert servers.made[-1] == "alone"


class Asked:
    """Which instances were asked whether a server takes cuts. It takes none if there is a `reason`."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch, reason: str) -> None:
        self._reason = reason
        self.instances: list[Any] = []
        monkeypatch.setattr(segmentation_tolerance, "_find_rejection", self._find_rejection)

    async def _find_rejection(self, server: Any) -> str:
        self.instances.append(server)
        await trio.testing.wait_all_tasks_blocked()
        return self._reason


async def test_a_server_whose_cut_cases_pass_is_not_asked_for_cuts(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked = Asked(monkeypatch, "it takes no cut")
    servers = FakeServers(monkeypatch, pass_at_once, cut=Verdict.PASS)
    cells = await checked(tmp_path, case("a", segmentable=True), case("b", segmentable=True))
    assert asked.instances == []
    assert [cell.segmentations for cell in cells] == [tuple(Segmentation)] * 2
    assert servers.made == ["a"] * 4 + ["b"] * 4


@pytest.mark.parametrize("verdict", [Verdict.FAIL, Verdict.INFO, Verdict.SKIPPED])
async def test_cases_count_whole_on_a_server_that_takes_no_cut(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, verdict: Verdict
) -> None:
    asked = Asked(monkeypatch, "it takes no cut")
    servers = FakeServers(monkeypatch, pass_at_once, cut=verdict)
    cells = await checked(tmp_path, case("a", segmentable=True), case("b", segmentable=True))
    assert len(asked.instances) == 1
    assert servers.made == ["a", "a", "b"], "nothing is cut any more"
    for cell in cells:
        assert (cell.verdict, cell.segmentations, cell.attempts) == (Verdict.PASS, (), 1)
        assert cell.evidence.process[0].endswith("it takes no cut")


async def test_a_case_that_fails_when_cut_fails_on_a_server_that_takes_cuts(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked = Asked(monkeypatch, "")
    FakeServers(monkeypatch, pass_at_once, cut=Verdict.FAIL)
    cells = await checked(tmp_path, case("a", segmentable=True), case("b", segmentable=True))
    assert len(asked.instances) == 1
    assert [cell.verdict for cell in cells] == [Verdict.FAIL] * 2


async def test_an_attempt_without_a_result_asks_nobody(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    asked = Asked(monkeypatch, "it takes no cut")
    FakeServers(monkeypatch, pass_at_once, cut=Verdict.ERROR)
    (cell,) = await checked(tmp_path, case("a", segmentable=True))
    assert (cell.verdict, asked.instances) == (Verdict.ERROR, [])


async def test_an_instance_of_the_plain_setup_is_asked_for_cuts(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked = Asked(monkeypatch, "it takes no cut")
    servers = FakeServers(monkeypatch, pass_at_once, cut=Verdict.FAIL)
    (cell,) = await checked(tmp_path, case("tls", setup=TLS, segmentable=True))
    assert cell.verdict is Verdict.PASS
    assert servers.opened == [TLS, PLAIN]
    assert [each.setup for each in asked.instances] == [PLAIN]


async def test_a_cut_counts_if_no_plain_instance_starts(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    asked = Asked(monkeypatch, "it takes no cut")
    FakeServers(monkeypatch, pass_at_once, cut=Verdict.FAIL, failing_setups=(PLAIN,))
    (cell,) = await checked(tmp_path, case("tls", setup=TLS, segmentable=True))
    assert (cell.verdict, asked.instances) == (Verdict.FAIL, [])


async def pass_at_once(_: str) -> Verdict:
    return Verdict.PASS


MANY_CASES = [case(f"case-{number}") for number in range(runner.CASES_PER_INSTANCE * 4)]


async def test_quick_cases_are_done_before_more_than_one_instance_has_started(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    servers = FakeServers(monkeypatch, pass_at_once)
    assert len(await check(tmp_path, *MANY_CASES)) == len(MANY_CASES)
    assert len(servers.opened) == 2


async def test_slow_cases_share_all_instances(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    running, all_run = 0, trio.Event()

    async def attempt(_: str) -> Verdict:
        nonlocal running
        running += 1
        if running == 4:
            all_run.set()
        await all_run.wait()
        return Verdict.PASS

    servers = FakeServers(monkeypatch, attempt)
    assert len(await check(tmp_path, *MANY_CASES, instances=4)) == len(MANY_CASES)
    assert len(servers.opened) == 4


async def test_after_a_failed_start_the_other_instances_start(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    servers = FakeServers(monkeypatch, pass_at_once, failing_starts=1)
    assert set((await check(tmp_path, *MANY_CASES, instances=4)).values()) == {Verdict.PASS}
    assert len(servers.opened) > 1


async def test_a_server_that_never_starts_is_started_twice(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Each start may take as long as its time-out."""
    servers = FakeServers(monkeypatch, pass_at_once, failing_starts=100)
    with trio.fail_after(30):
        found = await check_cases(tmp_path, [planning.plan("wsgiref")], {"wsgiref": MANY_CASES}, instances=4)
    assert found.failed_servers == {"wsgiref"}
    assert len(servers.opened) == 2


def test_a_server_that_is_checked_by_itself_has_more_instances() -> None:
    alone, *others = (runner.default_instances(servers) for servers in (1, 2, 6))
    assert alone > others[0] > others[1] == runner.MAX_INSTANCES


@pytest.mark.parametrize("tries", [1, 3])
async def test_what_needs_a_case_that_was_put_back_gets_a_cell_all_the_same(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, tries: int
) -> None:
    made: list[str] = []
    instances: list[Instance] = []
    both_run = trio.Event()

    @asynccontextmanager
    async def running(*_: Any, **__: Any) -> AsyncIterator[Instance]:
        await trio.testing.wait_all_tasks_blocked()  # a start takes long
        instances.append(Instance(PLAIN))
        if len(instances) == 2:
            both_run.set()
        yield instances[-1]
        instances.pop()

    async def run_again(which: Case, server: Any, segmentation: Any, _made: Any) -> Attempt:
        made.append(which.id)
        if which.id == "need" and made.count("need") == tries:
            await both_run.wait()
            await trio.testing.wait_all_tasks_blocked()  # the other instance waits for this case
            server.intact = False
            raise InternalError("its socket is gone")
        # In the first round of two it blames, so that the second looks at it again.
        verdict = Verdict.FAIL if which.id == "need" and made.count("need") < tries else Verdict.PASS
        return Attempt(Judgement(verdict), Evidence((), (), "", ()), 0.0, segmentation, False, ())

    monkeypatch.setattr(runner, "opened", running)
    monkeypatch.setattr(retry, "run_again", run_again)
    monkeypatch.setattr(runner, "CASES_PER_INSTANCE", 1)
    monkeypatch.setattr(runner, "REPEATED_CASES_PER_INSTANCE", 1)
    cases = {"wsgiref": [case("need"), case("dep", "need")]}
    with trio.fail_after(30):
        found = await check_cases(tmp_path, [planning.plan("wsgiref")], cases, instances=2, tries=tries)
    verdicts = {cell.case: cell.verdict for cell in found.cases}
    assert set(verdicts) == {"need", "dep"}
    assert verdicts["dep"] is Verdict.ERROR


def test_rotated_cases_are_the_same_cases() -> None:
    cases = [case(name) for name in "abcdef"]
    assert "".join(each.id for each in runner.rotate(cases, 0.0)) == "abcdef"
    assert "".join(each.id for each in runner.rotate(cases, 0.5)) == "defabc"
    assert "".join(each.id for each in runner.rotate(cases, 0.99)) == "fabcde"
    assert runner.rotate([], 0.5) == []


async def test_servers_that_are_checked_at_the_same_time_begin_at_different_cases(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """And a case still comes after those that it needs."""
    servers = FakeServers(monkeypatch, pass_at_once)
    plans = [replace(planning.plan("wsgiref"), name=name) for name in ("one", "two")]
    cases = [case("a"), case("b"), case("c", "b"), case("d")]
    found = await check_cases(tmp_path, plans, {each.name: cases for each in plans}, instances=1, parallel_servers=2)
    by_server = {name: [cell.case for cell in found.cases if cell.server == name] for name in ("one", "two")}
    assert by_server == {"one": ["a", "b", "c", "d"], "two": ["b", "c", "d", "a"]}
    assert len(servers.made) == 8
