"""The whole search with servers that a formula measures: stages, budget, resume, signals and the journal."""

from __future__ import annotations

import dataclasses
import functools
import os
import random
import re
import signal
import sys
from collections.abc import Callable
from importlib import metadata
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from msgspec.structs import replace

from wsgi_gauntlet.harness import session
from wsgi_gauntlet.harness.config import Configuration
from wsgi_gauntlet.harness.errors import (
    EXIT_FAILED,
    EXIT_INTERRUPTED,
    EXIT_INVALID,
    ConfigurationError,
    PageError,
    StorageFull,
)
from wsgi_gauntlet.harness.event_queue import EventQueue
from wsgi_gauntlet.harness.events import CandidateEliminated, CaseFinished, Event, Message, RoundFinished, TrialFinished
from wsgi_gauntlet.harness.model import CaseResult, Level, Results, Verdict
from wsgi_gauntlet.harness.model.recommendation import (
    Answer,
    FigureId,
    RecommendationCandidate,
    RequirementCheck,
    Stage,
    Trial,
)
from wsgi_gauntlet.harness.recommendation import run as search_run
from wsgi_gauntlet.harness.recommendation.candidates import PossibleCandidate
from wsgi_gauntlet.harness.recommendation.figures import figure
from wsgi_gauntlet.harness.recommendation.requirement_check import checked_cases
from wsgi_gauntlet.harness.recommendation.run import Outcome, SearchOptions, exit_code, recommend
from wsgi_gauntlet.harness.recommendation.server_search import ServerSearch
from wsgi_gauntlet.harness.server import adapter
from wsgi_gauntlet.harness.server.app_setup import AppSetupOptions
from wsgi_gauntlet.harness.store import journal
from wsgi_gauntlet.reports.text.recommendation_text import warnings

from ....helpers.journal_text import journal_text
from ....helpers.synthetic_search import App

SERVERS = ("gunicorn:sync", "gunicorn:gthread", "waitress", "nginx")
TRIAL_SECONDS = 6.0

installed_distribution = functools.cache(metadata.distribution)
installed_version = functools.cache(adapter._metadata_version)
BROKEN = checked_cases()[0].id


class Machine:
    """A clock that only measurements move, and servers whose figures are a formula."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch, folder: Path) -> None:
        self.now = 1000.0
        self.app = App(cpu=0.002, wait=0.02)
        self.events: list[Event] = []
        self.measured: list[tuple[str, Stage, int]] = []
        self.seconds = TRIAL_SECONDS
        self.before_trial: Callable[[str, Stage], Trial | None] = lambda _name, _stage: None
        self.security_broken: Callable[[str], float] = lambda _name: 0.0
        self.checked_for_security: list[str] = []
        self.folder = folder
        self.configuration = Configuration()
        self._candidates: dict[str, RecommendationCandidate] = {}
        monkeypatch.setattr(search_run, "time", SimpleNamespace(monotonic=lambda: self.now))
        monkeypatch.setattr(search_run, "measure_trial", self._measure)
        monkeypatch.setattr(search_run, "check_requirements", self._check)
        monkeypatch.setattr(search_run, "check_security", self._check_security)
        monkeypatch.setattr(search_run, "measure_reload", self._reload)
        monkeypatch.setattr(session, "write_outputs", lambda *_arguments: None)
        monkeypatch.setattr(session, "start_report_preload", lambda: SimpleNamespace(join=lambda: None))
        self._plans = search_run._plans

        def plans(options: Any, configuration: Any, found: Any, handle: Any) -> Any:
            self._candidates = {each.name: each for each in found}
            return self._plans(options, configuration, found, handle)

        monkeypatch.setattr(search_run, "_plans", plans)
        # A search asks for versions some hundred times. The installed ones do not change meanwhile.
        monkeypatch.setattr(metadata, "distribution", installed_distribution)
        monkeypatch.setattr(adapter, "_metadata_version", installed_version)

    async def _measure(self, plan: Any, stage: Stage, parameters: Any, _environment: Any, on_activity: Any) -> Trial:
        on_activity("closed loop")
        self.measured.append((plan.name, stage, parameters.round))
        self.now += self.seconds
        candidate = self._candidates[plan.name]
        special = self.before_trial(plan.name, stage)
        return special or self.app.trial(candidate, stage, parameters.round)

    async def _check(self, plan: Any, _folders: Any, _seconds: float, events: EventQueue) -> Trial:
        self.now += 5
        await events.put(CaseFinished(CaseResult(plan.name, BROKEN, Level.MUST, (), Verdict.FAIL)))
        return Trial(
            plan.name,
            Stage.CORRECTNESS,
            figures=(figure(FigureId.MUST_BROKEN, 2.0), figure(FigureId.SECURITY_MUST_BROKEN, 0.0)),
            requirements=RequirementCheck(2, 0, 300, 310, 310, ("http/a/b", "http/a/c")),
        )

    async def _check_security(self, plan: Any, _folders: Any, _seconds: float, _events: EventQueue) -> Trial:
        self.now += 2
        self.checked_for_security.append(plan.name)
        broken = self.security_broken(plan.name)
        return Trial(plan.name, Stage.SECURITY, figures=(figure(FigureId.SECURITY_MUST_BROKEN, broken),))

    async def _reload(self, plan: Any, _environment: Any, _on_activity: Any) -> Trial:
        self.now += 10
        return Trial(plan.name, Stage.RELOAD, figures=(figure(FigureId.RELOAD_LOSSES, 0.0),))

    def options(self, **changes: Any) -> SearchOptions:
        common = session.RunOptions(python=sys.executable, out=self.folder)
        return dataclasses.replace(SearchOptions(common, SERVERS, peak=60.0, seed=7), **changes)

    def candidate(self, name: str) -> RecommendationCandidate:
        return self._candidates[name]

    def search(self, **changes: Any) -> Outcome:
        self.began = self.now
        return recommend(self.options(**changes), self.configuration, self.events.append)

    def stored(self) -> Results:
        return journal.read(self.folder)

    def seen(self, kind: type) -> list[Any]:
        return [each for each in self.events if isinstance(each, kind)]


@pytest.fixture
def machine(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Machine:
    return Machine(monkeypatch, tmp_path / "out")


def test_a_search_screens_many_and_decides_among_finalists_in_rounds(machine: Machine) -> None:
    outcome = machine.search()
    found = outcome.recommendation
    assert outcome.error is None
    assert found.answer is Answer.RECOMMENDED
    assert exit_code(found) == 0
    assert len(found.candidates) >= 12
    assert found.rounds >= 6
    assert 2 <= len(found.finalists) <= 4
    placed = {each.candidate for each in found.eliminated} | set(found.finalists)
    assert placed == {each.name for each in found.candidates}, "every candidate is a finalist or has a reason"
    assert found.finished
    assert machine.stored().finished
    winner = found.figures_of(found.winner)
    assert winner.reload_losses is not None
    assert winner.reload_losses.value == 0
    assert machine.seen(CandidateEliminated)[-1].left == len(found.finalists)
    assert {each.name for each in outcome.results.comparisons[-1].candidates} == set(found.finalists)


def test_the_checks_of_the_winner_and_the_runner_up_are_in_the_answer(machine: Machine) -> None:
    outcome = machine.search()
    found = outcome.recommendation
    checked = {each.candidate for each in found.trials if each.stage is Stage.CORRECTNESS}
    reloaded = {each.candidate for each in found.trials if each.stage is Stage.RELOAD}
    assert checked == reloaded == {found.winner, found.runner_up}
    for reasons in (found.reasons, found.about_runner_up):
        assert any("lost when it is reloaded" in each.text for each in reasons)
        assert any("breaks 2 of 300 requirements" in each.text and each.cases for each in reasons)
    stored = {(each.server, each.case): each.verdict for each in outcome.results.conformance}
    assert stored == {(name, BROKEN): Verdict.FAIL for name in checked}
    assert BROKEN in outcome.results.cases


def test_a_lean_server_that_breaks_security_is_not_recommended(machine: Machine) -> None:
    first = machine.search().recommendation
    assert len(set(machine.checked_for_security)) == len(machine.checked_for_security)
    unsafe = first.candidate(first.winner).server
    machine.folder = machine.folder.with_name("again")
    machine.security_broken = lambda name: 30.0 if unsafe in name else 1.0
    found = machine.search().recommendation
    assert found.candidate(found.winner).server != unsafe
    assert found.candidate(found.runner_up).server != unsafe
    known = [each for each in found.trials if each.stage is Stage.SECURITY]
    settings = {each.candidate for each in known if found.candidate(each.candidate).server == unsafe}
    assert len(settings) > 1, "the settings of a server share one check"
    assert any("broken requirements of security (30 against 1)" in each.reason for each in found.eliminated)


def test_a_short_search_has_no_time_for_a_check_of_security(machine: Machine) -> None:
    found = machine.search(budget=120.0).recommendation
    assert machine.checked_for_security == []
    assert found.answer is Answer.RECOMMENDED


def test_a_resumed_search_does_not_check_security_twice(machine: Machine) -> None:
    machine.search()
    machine.checked_for_security.clear()
    machine.search(common=dataclasses.replace(machine.options().common, resume=True))
    assert machine.checked_for_security == []


@pytest.mark.parametrize(("budget", "seconds"), [(600.0, 6.0), (600.0, 12.0), (60.0, 5.0), (120.0, 8.0)])
def test_the_budget_is_kept_to_a_tenth(machine: Machine, budget: float, seconds: float) -> None:
    machine.seconds = seconds
    machine.search(budget=budget)
    assert machine.now - machine.began <= 1.1 * budget
    assert machine.now - machine.began >= 0.6 * budget


def test_the_budget_is_kept_if_every_measurement_is_invalid(machine: Machine) -> None:
    machine.before_trial = lambda name, stage: Trial(name, stage, valid=False, why="busy")
    found = machine.search(budget=120.0).recommendation
    assert machine.now - machine.began <= 1.1 * 120
    assert found.answer is Answer.NOT_DECIDED
    assert exit_code(found) == EXIT_INVALID
    assert found.invalid


def test_candidates_without_time_are_named_and_not_blamed(machine: Machine) -> None:
    machine.seconds = 30.0
    found = machine.search(budget=200.0).recommendation
    late = [each for each in found.eliminated if "no time left" in each.reason]
    assert late
    assert all(found.figures_of(each.candidate).capacity is None for each in late)


def test_candidates_without_time_are_named_even_if_others_were_ruled_out_before(machine: Machine) -> None:
    machine.before_trial = lambda name, stage: (
        Trial(name, stage, ruled_out="It cannot serve the app: no") if len(machine.measured) <= 2 else None
    )
    machine.seconds = 12.0
    found = machine.search(budget=200.0).recommendation
    measured = {name for name, _, _ in machine.measured}
    late = [each for each in found.eliminated if each.candidate not in measured]
    assert late
    assert all("no time left" in each.reason for each in late)


def test_the_candidates_are_the_same_each_time(machine: Machine) -> None:
    first = [each.name for each in machine.search().recommendation.candidates]
    second = [each.name for each in machine.search().recommendation.candidates]
    assert first == second
    assert len(set(first)) == len(first)


def test_an_app_that_mixes_up_users_is_found_and_threads_are_ruled_out(machine: Machine) -> None:
    machine.app = App(cpu=0.002, wait=0.002, thread_safe=False)
    found = machine.search().recommendation
    assert found.candidate(found.winner).threads == 1
    ruled_out = [each for each in found.eliminated if each.stage is Stage.CORRECTNESS]
    assert ruled_out
    assert all((found.candidate(each.candidate).threads or 0) > 1 for each in ruled_out)
    assert "the page of another user" in ruled_out[0].evidence[0]
    assert any("thread-safe" in each.text for each in found.reasons)


def test_a_finalist_that_is_wrong_in_the_finals_leaves_and_the_others_begin_again(machine: Machine) -> None:
    wrong: list[str] = []

    def rule_out(name: str, stage: Stage) -> Trial | None:
        if stage is Stage.FINALS and not wrong:
            wrong.append(name)
        if stage is Stage.FINALS and name in wrong:
            return Trial(name, stage, ruled_out="It mixes up users.", evidence=("seen",))
        return None

    machine.before_trial = rule_out
    found = machine.search().recommendation
    (name,) = wrong
    left = found.elimination(name)
    assert left is not None
    assert left.evidence == ("seen",)
    assert found.winner
    assert found.winner != name
    assert name not in found.finalists


def test_a_candidate_with_threads_that_had_luck_is_ruled_out_with_the_evidence_of_the_others(
    machine: Machine,
) -> None:
    machine.app = App(cpu=0.002, wait=0.002, thread_safe=False)
    lucky: list[str] = []

    def be_lucky(name: str, stage: Stage) -> Trial | None:
        each = machine.candidate(name)
        if (each.threads or 1) > 1 and not lucky:
            lucky.append(name)
        return dataclasses.replace(machine.app, thread_safe=True).trial(each, stage) if name in lucky else None

    machine.before_trial = be_lucky
    found = machine.search().recommendation
    left = found.elimination(lucky[0])
    assert left is not None
    assert left.stage is Stage.CORRECTNESS
    assert "does that too and gave wrong responses" in left.reason
    assert "the page of another user" in left.evidence[0]
    assert found.candidate(found.winner).threads == 1


def test_a_page_that_fails_on_one_server_rules_that_server_out(machine: Machine) -> None:
    def fail(name: str, _stage: Stage) -> Trial | None:
        if name.startswith("waitress"):
            raise PageError("the page / answers 500")
        return None

    machine.before_trial = fail
    outcome = machine.search()
    assert outcome.error is None
    out = [each for each in outcome.recommendation.eliminated if each.candidate.startswith("waitress")]
    assert {each.reason for each in out} == {"It cannot serve the app: the page / answers 500"}


def test_a_page_that_fails_on_two_servers_ends_the_search(machine: Machine) -> None:
    def fail(name: str, _stage: Stage) -> Trial | None:
        raise PageError(f"the page / answers 500 on {name}")

    machine.before_trial = fail
    outcome = machine.search()
    assert isinstance(outcome.error, PageError)
    names = [name for name, _, _ in machine.measured]
    # Each is measured twice. Two candidates of one server are no proof.
    assert names == [each for each in dict.fromkeys(names) for _ in range(2)]
    servers = [machine.candidate(each).server for each in dict.fromkeys(names)]
    assert len(set(servers)) == 2
    assert servers.index(servers[-1]) == len(servers) - 1
    assert str(outcome.error) == f"the page / answers 500 on {names[0]}"
    # After the page is corrected, the search can go on with all servers.
    machine.before_trial = lambda _name, _stage: None
    again = dataclasses.replace(machine.options().common, resume=True)
    found = machine.search(common=again)
    assert found.error is None
    assert not [each for each in found.recommendation.eliminated if each.stage is Stage.START]


def test_a_page_that_fails_on_the_only_server_ends_the_search(machine: Machine) -> None:
    def fail(_name: str, _stage: Stage) -> Trial | None:
        raise PageError("the page / answers 500")

    machine.before_trial = fail
    outcome = machine.search(servers=("waitress",))
    assert isinstance(outcome.error, PageError)
    assert len(machine.measured) == 2


def test_a_page_that_fails_on_the_first_server_only_rules_that_server_out(machine: Machine) -> None:
    first: list[str] = []

    def fail(name: str, _stage: Stage) -> Trial | None:
        first.append(name)
        if name == first[0]:
            raise PageError("the page / answers 500")
        return None

    machine.before_trial = fail
    outcome = machine.search()
    assert outcome.error is None
    left = outcome.recommendation.elimination(first[0])
    assert left is not None
    assert (left.stage, left.reason) == (Stage.START, "It cannot serve the app: the page / answers 500")
    assert outcome.recommendation.winner not in ("", first[0])
    assert [name for name, _, _ in machine.measured].count(first[0]) == 2


def test_one_wrong_page_is_measured_once_more(machine: Machine) -> None:
    failed: list[str] = []

    def fail(name: str, _stage: Stage) -> Trial | None:
        if not failed:
            failed.append(name)
            raise PageError("the page / answers 500")
        return None

    machine.before_trial = fail
    outcome = machine.search()
    assert outcome.error is None
    (message,) = [each for each in machine.seen(Message) if "is measured once more" in each.text]
    assert message.text == f"{failed[0]} is measured once more: the page / answers 500"
    left = outcome.recommendation.elimination(failed[0])
    assert left is None or left.stage is not Stage.START


def test_a_finalist_that_was_wrong_stays_out_of_a_resumed_search(machine: Machine) -> None:
    wrong: list[str] = []

    def rule_out_then_interrupt(name: str, stage: Stage) -> Trial | None:
        if stage is not Stage.FINALS or len(wrong) > 1:
            return None
        wrong.append(name)
        if len(wrong) > 1:
            os.kill(os.getpid(), signal.SIGINT)
            return None
        return Trial(name, stage, ruled_out="It mixes up users.", evidence=("the page of another user",))

    machine.before_trial = rule_out_then_interrupt
    machine.search()
    machine.before_trial = lambda _name, _stage: None
    common = dataclasses.replace(machine.options().common, resume=True)
    machine.measured.clear()
    found = machine.search(common=common).recommendation
    left = found.elimination(wrong[0])
    assert left is not None
    assert left.evidence == ("the page of another user",)
    assert wrong[0] not in {name for name, _, _ in machine.measured}


def test_a_resumed_search_has_the_same_finalists_and_goes_on_with_their_rounds(machine: Machine) -> None:
    def interrupt(_name: str, stage: Stage) -> None:
        if stage is Stage.FINALS and sum(each is Stage.FINALS for _, each, _ in machine.measured) == 12:
            os.kill(os.getpid(), signal.SIGINT)

    machine.before_trial = interrupt
    first = machine.search().recommendation
    # In longer trials they look worse: that must not bring back those that left.
    machine.app = App(cpu=0.004, wait=0.04)
    machine.before_trial = lambda _name, _stage: None
    common = dataclasses.replace(machine.options().common, resume=True)
    outcome = machine.search(common=common)
    assert set(outcome.recommendation.finalists) == set(first.finalists)
    assert len(outcome.results.comparisons) == 1
    assert outcome.recommendation.rounds > first.rounds > 0
    assert outcome.results.comparisons[0].extended == 0, "too few rounds for a word were seen before"


def test_finals_that_go_on_after_their_end_are_extended(machine: Machine) -> None:
    first = machine.search().results.comparisons[-1]
    assert (first.finished, first.extended) == (True, 0)
    common = dataclasses.replace(machine.options().common, resume=True)
    second = machine.search(common=common).results.comparisons[-1]
    assert len(second.rounds) > len(first.rounds)
    assert second.extended == 1


def test_without_a_valid_trial_only_a_few_go_into_the_finals(machine: Machine) -> None:
    machine.before_trial = lambda name, stage: (
        Trial(name, stage, valid=False, why="busy") if stage is Stage.SCREENING else None
    )
    found = machine.search().recommendation
    finals = {name for name, stage, _ in machine.measured if stage is Stage.FINALS}
    assert 2 <= len(finals) <= 4
    assert found.winner in finals
    disturbed = [each for each in found.eliminated if each.stage is Stage.SCREENING]
    assert disturbed
    assert all("says nothing about the server" in each.reason for each in disturbed)


def test_servers_beyond_the_budget_are_counted_and_named(machine: Machine) -> None:
    servers = ("gunicorn:sync", "gunicorn:gthread", "waitress", "wsgiref", "werkzeug", "nginx")
    found = machine.search(budget=20.0, servers=servers).recommendation
    (text,) = [each.text for each in machine.seen(Message) if "seed 7" in each.text]
    assert text.startswith("3 servers, seed 7; the budget has no time for ")
    assert found.not_measured[0].startswith("The budget has no time for wsgiref")
    assert found.not_measured[1].startswith("The budget has no time for other settings and proxies.")


MANY_SERVERS = ("waitress", "gunicorn:sync", "wsgiref", "werkzeug:threaded", "gunicorn:gthread", "werkzeug:single")


def test_settings_and_proxies_are_those_of_the_best_servers(machine: Machine) -> None:
    good = ("gunicorn:gthread", "gunicorn:sync", "waitress")

    def be_slow(name: str, stage: Stage) -> Trial | None:
        slow = dataclasses.replace(machine.app, cpu=0.05)
        return None if any(each in name for each in good) else slow.trial(machine.candidate(name), stage)

    machine.before_trial = be_slow
    found = machine.search(servers=(*MANY_SERVERS, "nginx"), peak=0.0).recommendation
    first, later = (found.candidates[:6], found.candidates[6:])
    assert not any(each.front for each in first)
    assert len(later) >= 10
    assert {each.front for each in later} == {"", "nginx"}
    assert all(any(name in each.name for name in good) for each in later)
    placed = {each.candidate for each in found.eliminated} | set(found.finalists)
    assert placed == {each.name for each in found.candidates}, "every candidate is a finalist or has a reason"
    others, more = found.not_measured
    assert others.startswith("Other settings and proxies of ")
    assert "werkzeug" in others
    assert re.match(r"The budget has no time for [1-9][0-9]* more settings of .*gunicorn:gthread", more)


def test_slow_clients_drop_no_server_that_a_proxy_may_protect(machine: Machine) -> None:
    machine.app = App(cpu=0.005)
    machine.search(servers=(*MANY_SERVERS, "nginx"), peak=0.0)
    behind = {name for name, _, _ in machine.measured if name.startswith("nginx+gunicorn:sync")}
    assert behind, "alone it serves few users beside slow clients"


@pytest.mark.parametrize(("peak", "threads"), [(0.0, 64), (10.0, None), (900.0, 128)])
def test_an_app_that_waits_is_measured_with_the_threads_of_littles_law(
    machine: Machine, monkeypatch: pytest.MonkeyPatch, peak: float, threads: int | None
) -> None:
    monkeypatch.setattr(os, "sched_getaffinity", lambda _process: {0, 1})
    machine.app = App(cpu=0.0001, wait=0.05)
    machine.search(peak=peak)
    names = {name for name, _, _ in machine.measured}
    assert {each for each in (64, 128) if any(f"threads={each}" in name for name in names)} == (
        {threads} if threads else set()
    )


def test_a_search_interrupted_among_settings_takes_the_same_way(machine: Machine) -> None:
    def interrupt(_name: str, _stage: Stage) -> None:
        if len(machine.measured) == 12:
            os.kill(os.getpid(), signal.SIGINT)

    machine.before_trial = interrupt
    first = machine.search(servers=(*MANY_SERVERS, "nginx")).recommendation
    machine.before_trial = lambda _name, _stage: None
    common = dataclasses.replace(machine.options().common, resume=True)
    resumed = machine.search(servers=(*MANY_SERVERS, "nginx"), common=common).recommendation
    assert [each.name for each in resumed.candidates] == [each.name for each in first.candidates]
    names = [each.name for each in resumed.candidates]
    assert len(names) == len(set(names)) > 6
    assert resumed.not_measured == first.not_measured


def test_settings_without_a_first_valid_measurement_are_named(machine: Machine) -> None:
    machine.before_trial = lambda name, stage: (
        Trial(name, stage, valid=False, why="busy") if stage is Stage.SCREENING else None
    )
    found = machine.search().recommendation
    (text,) = found.not_measured
    assert text.startswith("Other settings and proxies of gunicorn:sync")
    assert text.endswith("were not measured: their first settings have no valid figures.")


def test_a_server_that_does_not_start_is_not_called_worse(machine: Machine) -> None:
    machine.before_trial = lambda name, stage: (
        Trial(name, stage, ruled_out="It cannot serve the app: no module shop") if name.startswith("waitress") else None
    )
    found = machine.search().recommendation
    (text,) = [each for each in found.not_measured if each.startswith("Other settings")]
    assert text.startswith("Other settings and proxies of waitress were not measured: their first settings have no")
    assert not any("waitress" in name for name, _, _ in machine.measured[1:] if name != "waitress")


def test_a_resumed_search_with_another_version_of_a_server_has_no_candidate_twice(
    machine: Machine, monkeypatch: pytest.MonkeyPatch
) -> None:
    machine.search()
    possible = ServerSearch.possible

    def newer(own: ServerSearch, name: str) -> PossibleCandidate | None:
        found = possible(own, name)
        return found and dataclasses.replace(found, candidate=replace(found.candidate, version="99"))

    monkeypatch.setattr(ServerSearch, "possible", newer)
    common = dataclasses.replace(machine.options().common, resume=True)
    names = [each.name for each in machine.search(common=common).recommendation.candidates]
    assert len(names) == len(set(names)) > 3


def test_finals_without_a_valid_round_leave_the_answer_of_the_screening(machine: Machine) -> None:
    machine.before_trial = lambda name, stage: (
        Trial(name, stage, valid=False, why="busy") if stage is Stage.FINALS else None
    )
    found = machine.search(budget=120.0).recommendation
    assert (found.answer, found.rounds) == (Answer.RECOMMENDED, 0)
    assert found.winner in found.finalists
    assert any("short trials of the screening" in each for each in warnings(found))


def test_a_finalist_that_fails_to_start_once_is_measured_once_more(machine: Machine) -> None:
    failed: list[str] = []

    def fail(name: str, stage: Stage) -> Trial | None:
        if stage is Stage.FINALS and failed.count(name) < 1:
            failed.append(name)
            if len(failed) % 2:
                raise PageError("the page / answers 500")
            return Trial(name, stage, ruled_out="It cannot serve the app: no start")
        return None

    machine.before_trial = fail
    found = machine.search().recommendation
    assert len(failed) >= 2
    assert set(failed) == set(found.finalists)
    assert len([each for each in machine.seen(Message) if "is measured once more" in each.text]) == len(failed)
    assert not [each for each in found.eliminated if each.stage is Stage.START]


def test_a_finalist_that_fails_to_start_twice_leaves(machine: Machine) -> None:
    failed: list[str] = []

    def fail(name: str, stage: Stage) -> Trial | None:
        if stage is Stage.FINALS and (not failed or name in failed):
            failed.append(name)
            return Trial(name, stage, ruled_out="It cannot serve the app: no start")
        return None

    machine.before_trial = fail
    found = machine.search().recommendation
    left = found.elimination(failed[0])
    assert left is not None
    assert (left.stage, left.reason) == (Stage.START, "It cannot serve the app: no start")
    assert failed == [failed[0]] * 2
    assert found.winner not in ("", failed[0])


def test_finals_that_the_budget_ends_are_finished_and_name_no_command(machine: Machine) -> None:
    def take_long(_name: str, stage: Stage) -> None:
        if stage is Stage.FINALS and sum(each is Stage.FINALS for _, each, _ in machine.measured) == 12:
            machine.now += 400  # in a round, with no time for its other trials

    machine.before_trial = take_long
    outcome = machine.search()
    (finals,) = outcome.results.comparisons
    assert 0 < len(finals.rounds) < 6
    assert finals.finished
    assert finals.command == ""


def be_noisy(machine: Machine, seed: int) -> None:
    """Let each measurement differ by up to a tenth, and a tenth of the trials by a third, as on a busy machine."""
    draw = random.Random(seed)

    def trial(name: str, stage: Stage) -> Trial:
        found = machine.app.trial(machine.candidate(name), stage, machine.measured[-1][2])
        factor = draw.uniform(0.9, 1.1) * (0.67 if draw.random() < 0.1 else 1.0)
        factors = {FigureId.CAPACITY.value: factor, FigureId.P99_AT_PEAK.value: 1 / factor}
        noisy = tuple(
            replace(each, value=each.value * factors.get(each.id, 1.0)) if each.value is not None else each
            for each in found.figures
        )
        return replace(found, figures=noisy)

    machine.before_trial = trial


@pytest.mark.parametrize("seed", [1, 2, 3])
def test_an_app_that_waits_gets_threads_in_spite_of_noise(machine: Machine, seed: int) -> None:
    machine.app = App(cpu=0.0002, wait=0.05)
    be_noisy(machine, seed)
    found = machine.search(peak=0.0).recommendation
    winner = found.candidate(found.winner)
    assert (winner.workers or 1) * (winner.threads or 1) >= 32
    (text,) = [each.text for each in found.reasons if each.text.startswith("The app waits")]
    match = re.search(r"takes about ([0-9]+) ms", text)
    assert match
    assert float(match[1]) == pytest.approx(50, rel=0.15)


@pytest.mark.parametrize("seed", [1, 2, 3])
def test_an_app_that_computes_gets_a_worker_for_each_core_in_spite_of_noise(machine: Machine, seed: int) -> None:
    cores = len(os.sched_getaffinity(0))
    machine.app = App(cpu=0.005, cores=cores)
    be_noisy(machine, seed)
    found = machine.search(peak=0.0).recommendation
    assert any(each.text.startswith("CPU time is the limit") for each in found.reasons)
    assert any(each.text.startswith("More threads gain nothing") for each in found.reasons)
    assert found.candidate(found.winner).workers == cores


@pytest.mark.parametrize("seed", [1, 2, 3])
def test_a_lock_is_found_in_spite_of_noise(machine: Machine, seed: int) -> None:
    machine.app = App(cpu=0.0002, wait=0.02, locked=True)
    be_noisy(machine, seed)
    found = machine.search(peak=100.0).recommendation
    assert found.answer is Answer.NONE_HOLDS
    assert any(each.text.startswith("The app serves one request at a time") for each in found.reasons)


def test_a_server_that_does_not_start_is_out_with_its_reason(machine: Machine) -> None:
    machine.before_trial = lambda name, stage: (
        Trial(name, stage, ruled_out="It cannot serve the app: no module shop") if name.startswith("waitress") else None
    )
    found = machine.search().recommendation
    left = [each for each in found.eliminated if each.stage is Stage.START]
    assert left
    assert all(each.candidate.startswith("waitress") for each in left)


def test_a_single_candidate_that_does_not_hold_is_checked_too(machine: Machine) -> None:
    found = machine.search(servers=("waitress[threads=16]",), peak=90_000.0).recommendation
    assert found.answer is Answer.NONE_HOLDS
    assert any("breaks 2 of 300 requirements" in each.text for each in found.reasons)


def test_nobody_holds_what_the_user_asks_for(machine: Machine) -> None:
    found = machine.search(peak=90_000.0).recommendation
    assert (found.answer, found.winner) == (Answer.NONE_HOLDS, "")
    assert exit_code(found) == EXIT_FAILED


def test_one_candidate_needs_no_finals(machine: Machine) -> None:
    found = machine.search(servers=("waitress[threads=16]",)).recommendation
    assert found.winner == "waitress[threads=16]"
    assert machine.checked_for_security == [], "there is nothing to choose by it"
    assert not machine.seen(RoundFinished)


def test_a_resumed_search_measures_no_trial_twice(machine: Machine) -> None:
    def interrupt(_name: str, _stage: Stage) -> None:
        if len(machine.measured) == 5:
            os.kill(os.getpid(), signal.SIGINT)

    machine.before_trial = interrupt
    outcome = machine.search()
    assert outcome.recommendation.stopped == search_run.INTERRUPTED
    assert exit_code(outcome.recommendation) == EXIT_INTERRUPTED
    assert not machine.stored().finished
    known = [(each.candidate, each.stage, each.round) for each in outcome.recommendation.trials]
    assert known
    machine.measured.clear()
    machine.before_trial = lambda _name, _stage: None
    options = machine.options()
    resumed = machine.search(common=dataclasses.replace(options.common, resume=True)).recommendation
    assert resumed.finished
    assert resumed.conditions.seed == 7
    assert resumed.seconds > outcome.recommendation.seconds
    screened = [each for each in machine.measured if each[1] is Stage.SCREENING]
    assert not set(screened) & set(known)
    assert set(known) <= {(each.candidate, each.stage, each.round) for each in resumed.trials}


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"peak": 61.0}, "another value for peak"),
        ({"memory_limit": 10**9}, "another value for memory limit"),
        ({"servers": ("waitress",)}, "another value for servers"),
        ({"seed": 8}, "has the seed 7: leave out --seed"),
    ],
)
def test_another_search_is_not_resumed(machine: Machine, changes: dict[str, Any], message: str) -> None:
    machine.search()
    common = dataclasses.replace(machine.options().common, resume=True)
    with pytest.raises(ConfigurationError, match=message):
        machine.search(common=common, **changes)


def test_another_interpreter_is_not_resumed(machine: Machine, tmp_path: Path) -> None:
    machine.search()
    (tmp_path / "env").symlink_to(sys.prefix)
    other = tmp_path / "env" / Path(sys.executable).relative_to(sys.prefix)
    stored = (machine.folder / journal.JOURNAL_FILENAME).read_bytes()
    common = dataclasses.replace(machine.options().common, resume=True, python=str(other))
    with pytest.raises(ConfigurationError, match="had another value for --python; "):
        machine.search(common=common)
    assert (machine.folder / journal.JOURNAL_FILENAME).read_bytes() == stored


def test_a_full_disk_ends_the_search_with_the_trials_until_then(machine: Machine) -> None:
    def fill(_name: str, _stage: Stage) -> Trial | None:
        if len(machine.measured) == 4:
            raise StorageFull("the disk is full")
        return None

    machine.before_trial = fill
    outcome = machine.search()
    assert isinstance(outcome.error, StorageFull)
    assert outcome.recommendation.stopped == "the disk is full"
    assert len([each for each in outcome.recommendation.trials if each.stage is Stage.SCREENING]) == 3


def test_a_wrong_response_on_a_busy_machine_counts_after_a_resume_too(machine: Machine) -> None:
    """The first call ends after a trial that was wrong and invalid; the second must not measure it again."""
    wrong: list[str] = []

    def stop(name: str, stage: Stage) -> Trial | None:
        if wrong:
            raise StorageFull("the disk is full")
        wrong.append(name)
        return Trial(name, stage, valid=False, why="busy", ruled_out="It mixes up users.", evidence=("seen",))

    machine.before_trial = stop
    machine.search()
    machine.before_trial = lambda _name, _stage: None
    measured = len(machine.measured)
    common = dataclasses.replace(machine.options().common, resume=True)
    found = machine.search(common=common).recommendation
    left = found.elimination(wrong[0])
    assert left is not None
    assert (left.stage, left.evidence) == (Stage.CORRECTNESS, ("seen",))
    assert wrong[0] not in {name for name, _, _ in machine.measured[measured:]}
    assert not [each for each in found.invalid if each.candidate == wrong[0]]


def test_a_server_that_fails_to_start_once_in_the_screening_is_measured_once_more(machine: Machine) -> None:
    failed: list[str] = []

    def fail(name: str, stage: Stage) -> Trial | None:
        if stage is Stage.SCREENING and not failed:
            failed.append(name)
            return Trial(name, stage, ruled_out="It cannot serve the app: no start")
        return None

    machine.before_trial = fail
    found = machine.search().recommendation
    left = found.elimination(failed[0])
    assert left is None or left.stage is not Stage.START
    assert found.figures_of(failed[0]).is_measured


def test_an_invalid_trial_is_measured_once_more(machine: Machine) -> None:
    disturbed: list[str] = []

    def disturb(name: str, stage: Stage) -> Trial | None:
        if stage is Stage.SCREENING and not disturbed:
            disturbed.append(name)
            return Trial(name, stage, valid=False, why="busy")
        return None

    machine.before_trial = disturb
    found = machine.search(servers=("waitress", "nginx")).recommendation
    assert [(each.candidate, each.reason) for each in found.invalid] == [(disturbed[0], "busy")]
    assert machine.measured.count((disturbed[0], Stage.SCREENING, 1)) == 2


def test_a_candidate_that_was_never_measured_validly_is_named_and_not_blamed(machine: Machine) -> None:
    machine.before_trial = lambda name, stage: (
        Trial(name, stage, valid=False, why="busy") if name.startswith("nginx+waitress") else None
    )
    found = machine.search(servers=("waitress", "nginx")).recommendation
    left = [each for each in found.eliminated if each.candidate.startswith("nginx+waitress")]
    assert left
    assert all("says nothing about the server" in each.reason for each in left)


def test_without_memory_for_any_candidate_the_option_is_named(machine: Machine) -> None:
    with pytest.raises(ConfigurationError, match="--memory"):
        machine.search(memory_limit=2**20)


def test_the_trials_are_in_the_results_and_the_line_has_none(machine: Machine) -> None:
    outcome = machine.search()
    assert len(outcome.recommendation.trials) == len(machine.seen(TrialFinished))
    text = journal_text(machine.folder)
    assert '"trials":[]' in text
    assert replace(outcome.recommendation, trials=()).winner in text


def test_the_files_name_the_variables_of_the_table_too(machine: Machine, monkeypatch: pytest.MonkeyPatch) -> None:
    files: list[Path | None] = []

    def paste(_plan: Any, env_file: Path | None) -> tuple[tuple[()], str]:
        files.append(env_file)
        return (), ""

    monkeypatch.setattr(search_run, "paste_files", paste)
    machine.configuration = Configuration(app_setup=AppSetupOptions(env_file=Path("/shop/.env")))
    machine.search()
    assert files
    assert set(files) == {Path("/shop/.env")}
