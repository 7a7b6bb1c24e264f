"""The whole search with servers that a formula measures: stages, budget, resume, signals and the journal."""

from __future__ import annotations

import dataclasses
import os
import signal
import sys
from collections.abc import Callable
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from msgspec.structs import replace

from wsgi_gauntlet.harness import session
from wsgi_gauntlet.harness.config import Configuration
from wsgi_gauntlet.harness.errors import EXIT_FAILED, EXIT_INTERRUPTED, EXIT_INVALID, ConfigurationError, StorageFull
from wsgi_gauntlet.harness.events import CandidateEliminated, Event, RoundFinished, TrialFinished
from wsgi_gauntlet.harness.model import Results
from wsgi_gauntlet.harness.model.recommendation import (
    Answer,
    FigureId,
    RecommendationCandidate,
    Stage,
    Trial,
)
from wsgi_gauntlet.harness.recommendation import run as search_run
from wsgi_gauntlet.harness.recommendation.figures import figure
from wsgi_gauntlet.harness.recommendation.run import Outcome, SearchOptions, exit_code, recommend
from wsgi_gauntlet.harness.store import journal

from ....helpers.synthetic_search import App

SERVERS = ("gunicorn:sync", "gunicorn:gthread", "waitress", "nginx")
TRIAL_SECONDS = 6.0


class Machine:
    """A clock that only measurements move, and servers whose figures are a formula."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch, folder: Path) -> None:
        self.now = 1000.0
        self.app = App(cpu=0.002, wait=0.02)
        self.events: list[Event] = []
        self.measured: list[tuple[str, Stage, int]] = []
        self.seconds = TRIAL_SECONDS
        self.before_trial: Callable[[str, Stage], Trial | None] = lambda _name, _stage: None
        self.folder = folder
        self._candidates: dict[str, RecommendationCandidate] = {}
        monkeypatch.setattr(search_run, "time", SimpleNamespace(monotonic=lambda: self.now))
        monkeypatch.setattr(search_run, "measure_trial", self._measure)
        monkeypatch.setattr(search_run, "check_security", self._check)
        monkeypatch.setattr(search_run, "measure_reload", self._reload)
        monkeypatch.setattr(search_run, "write_outputs", lambda *_arguments: None)
        monkeypatch.setattr(session, "start_report_preload", lambda: SimpleNamespace(join=lambda: None))
        self._plans = search_run._plans

        def plans(options: Any, configuration: Any, found: Any, handle: Any) -> Any:
            self._candidates = {each.name: each for each in found}
            return self._plans(options, configuration, found, handle)

        monkeypatch.setattr(search_run, "_plans", plans)

    async def _measure(self, plan: Any, stage: Stage, parameters: Any, _environment: Any, on_activity: Any) -> Trial:
        on_activity("closed loop")
        self.measured.append((plan.name, stage, parameters.round))
        self.now += self.seconds
        candidate = self._candidates[plan.name]
        special = self.before_trial(plan.name, stage)
        return special or self.app.trial(candidate, stage, parameters.round)

    async def _check(self, plan: Any, _folders: Any, _seconds: float, _on_activity: Any) -> Trial:
        self.now += 5
        return Trial(plan.name, Stage.CORRECTNESS, figures=(figure(FigureId.SECURITY_MUST_BROKEN, 0.0),))

    async def _reload(self, plan: Any, _environment: Any, _on_activity: Any) -> Trial:
        self.now += 10
        return Trial(plan.name, Stage.RELOAD, figures=(figure(FigureId.RELOAD_LOSSES, 0.0),))

    def options(self, **changes: Any) -> SearchOptions:
        common = session.RunOptions(python=sys.executable, out=self.folder)
        return dataclasses.replace(SearchOptions(common, SERVERS, peak=60.0, seed=7), **changes)

    def search(self, **changes: Any) -> Outcome:
        self.began = self.now
        return recommend(self.options(**changes), Configuration(), self.events.append)

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
    decided = {each.candidate for each in found.eliminated} | set(found.finalists)
    assert decided == {each.name for each in found.candidates}, "every candidate is a finalist or has a reason"
    assert found.finished
    assert machine.stored().finished
    winner = found.figures_of(found.winner)
    assert winner.reload_losses is not None
    assert winner.reload_losses.value == 0
    assert machine.seen(CandidateEliminated)[-1].left == len(found.finalists)
    assert {each.name for each in outcome.results.comparisons[-1].candidates} == set(found.finalists)


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


def test_the_candidates_are_the_same_each_time(machine: Machine) -> None:
    first = [each.name for each in machine.search().recommendation.candidates]
    second = [each.name for each in machine.search().recommendation.candidates]
    assert first == second
    assert first[:3] != sorted(first[:3]) or len(set(first)) == len(first)


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


def test_a_server_that_does_not_start_is_out_with_its_reason(machine: Machine) -> None:
    machine.before_trial = lambda name, stage: (
        Trial(name, stage, ruled_out="It cannot serve the app: no module shop") if name.startswith("waitress") else None
    )
    found = machine.search().recommendation
    left = [each for each in found.eliminated if each.stage is Stage.START]
    assert left
    assert all(each.candidate.startswith("waitress") for each in left)


def test_nobody_holds_what_the_user_asks_for(machine: Machine) -> None:
    found = machine.search(peak=90_000.0).recommendation
    assert (found.answer, found.winner) == (Answer.NONE_HOLDS, "")
    assert exit_code(found) == EXIT_FAILED


def test_one_candidate_needs_no_finals(machine: Machine) -> None:
    found = machine.search(servers=("waitress[threads=16]",)).recommendation
    assert found.winner == "waitress[threads=16]"
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


def test_a_full_disk_ends_the_search_with_the_trials_until_then(machine: Machine) -> None:
    def fill(_name: str, _stage: Stage) -> Trial | None:
        if len(machine.measured) == 4:
            raise StorageFull("the disk is full")
        return None

    machine.before_trial = fill
    outcome = machine.search()
    assert isinstance(outcome.error, StorageFull)
    assert outcome.recommendation.stopped == "the disk is full"
    assert len(outcome.recommendation.trials) == 3


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
    text = (machine.folder / "run.jsonl").read_text()
    assert '"trials":[]' in text
    assert replace(outcome.recommendation, trials=()).winner in text
