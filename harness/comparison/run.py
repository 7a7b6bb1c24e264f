"""Run a comparison: plan the servers, measure the rounds, store them in the journal, and write the report."""

from __future__ import annotations

import dataclasses
import enum
import random
import shlex
import time
from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path

import msgspec
import trio

from wsgi_gauntlet.harness import session
from wsgi_gauntlet.harness.comparison import default_scenario
from wsgi_gauntlet.harness.comparison.candidates import CandidateOptions, PlannedCandidate, plan_candidate
from wsgi_gauntlet.harness.comparison.limits import RoundLimits
from wsgi_gauntlet.harness.comparison.runner import measure_rounds, resumed
from wsgi_gauntlet.harness.comparison.slot import ScenarioRun, SlotEnvironment, measure_slot, screen_capacity
from wsgi_gauntlet.harness.config import Configuration
from wsgi_gauntlet.harness.errors import (
    EXIT_FAILED,
    EXIT_INTERRUPTED,
    EXIT_INVALID,
    ConfigurationError,
    GauntletError,
    expected_error,
)
from wsgi_gauntlet.harness.event_queue import EventQueue, handle_events
from wsgi_gauntlet.harness.events import Event, EventHandler, Message, Progress, RoundFinished, StageStarted
from wsgi_gauntlet.harness.load.catalog import check_overrides
from wsgi_gauntlet.harness.load.parameters import Parameters
from wsgi_gauntlet.harness.model import SCHEMA, ComparisonResult, ComparisonWord, Results, SlotResult
from wsgi_gauntlet.harness.run_inputs import request_inputs, require_same_inputs, server_inputs
from wsgi_gauntlet.harness.server.app_setup import AppSetup
from wsgi_gauntlet.harness.server.temp_dirs import RunFolders, scratch_folder
from wsgi_gauntlet.harness.shutdown_signals import run_until_signal
from wsgi_gauntlet.harness.store import journal
from wsgi_gauntlet.harness.store.journal import ComparisonLine, EndLine, Journal, RoundLine, ServerLine, StartLine

INTERRUPTED = "interrupted"
"""Why a comparison stopped that a signal ended."""

MAX_SEED = 999_999
"""The largest seed that is drawn: short enough to type."""


class FailOn(enum.StrEnum):
    """What ends the command with exit code 1: a figure that is worse than that of A, or any difference."""

    SLOWER = "slower"
    DIFFERENT = "different"


@dataclass(frozen=True)
class CompareOptions:
    """The options of a comparison. `common` has those that a run has too; `candidates` has those of each server.

    `seed` is None to draw one. `threshold` is a share. `metrics` are default figures, empty for all.
    """

    candidates: tuple[CandidateOptions, ...]
    common: session.RunOptions
    limits: RoundLimits
    threshold: float
    seed: int | None = None
    until_decided: bool = False
    metrics: tuple[str, ...] = ()
    slot_parameters: default_scenario.SlotParameters = default_scenario.PARAMETERS
    command: str = ""


@dataclass(frozen=True)
class Outcome:
    """What a call of `compare` gives: the results in the run `folder`, and the error that ended it early."""

    results: Results
    comparison: ComparisonResult
    folder: Path
    error: GauntletError | OSError | None


def compare(options: CompareOptions, configuration: Configuration, handle: EventHandler) -> Outcome:
    """Compare servers in rounds. After an error or a signal, the rounds until then are stored and reported.

    Raises GauntletError if the comparison cannot start.
    """
    session.require_output_folder(options.common)
    scenarios = session.select_scenarios(options.common) if options.common.scenarios else []
    check_overrides(scenarios, options.common.load_options.overrides)
    candidates = [plan_candidate(each, options.common, configuration, handle) for each in options.candidates]
    setup = next((each.plan.app_setup for each in candidates if each.plan.app_setup.variables), AppSetup())
    options = replace(options, command=setup.command_for_people(options.command))
    runs = [ScenarioRun(each, options.common.load_options.parameters(each)) for each in scenarios]
    with session.open_run_folder(options.common) as run_journal, scratch_folder() as scratch:
        session.mention_previous_run(run_journal, handle)
        comparison = previous_comparison(options, candidates, runs, run_journal) or _new(options, candidates, runs)
        inputs = _inputs(options, candidates)
        if session.has_journal(run_journal.folder):
            require_same_inputs(run_journal, inputs)
        if not comparison.rounds:
            _write_start(session.environment(options.common, setup), comparison, candidates, runs, run_journal, inputs)
        handle(Message(f"seed {comparison.seed}"))
        preload_thread = session.start_report_preload()
        recorder = _Recorder(run_journal, handle, comparison)
        call = _Call(options, candidates, runs, RunFolders(scratch, run_journal.logs), recorder)
        error = call.run_until_interrupted()
        recorder.finish(INTERRUPTED if call.interrupted else str(error).partition("\n")[0] if error else "")
        preload_thread.join()
        results = journal.read(run_journal.folder)
        # The terminal shows the paths of this machine: its commands are for this user.
        measured = results.comparisons[-1]
        results = session.write_reports(results, run_journal.folder, options.common)
    return Outcome(results, measured, run_journal.folder, error)


def exit_code(comparison: ComparisonResult, fail_on: FailOn | None) -> int:
    """Return the exit code of a comparison that no error ended, as the command's help lists them."""
    if comparison.stopped == INTERRUPTED:
        return EXIT_INTERRUPTED
    words = {each.word for each in comparison.judged}
    if fail_on is FailOn.SLOWER and ComparisonWord.WORSE in words:
        return EXIT_FAILED
    if fail_on is FailOn.DIFFERENT and any(each.is_difference for each in words):
        return EXIT_FAILED
    return 0 if any(each.is_decided for each in words) else EXIT_INVALID


def _new(
    options: CompareOptions, candidates: Sequence[PlannedCandidate], runs: Sequence[ScenarioRun]
) -> ComparisonResult:
    return ComparisonResult(
        candidates=tuple(each.candidate for each in candidates),
        seed=random.SystemRandom().randint(1, MAX_SEED) if options.seed is None else options.seed,
        threshold=options.threshold,
        scenarios=tuple(each.scenario.id for each in runs),
        metrics=options.metrics if not runs else (),
        planned_rounds=options.limits.rounds if options.until_decided else None,
        until_decided=options.until_decided,
        command=options.command,
    )


def previous_comparison(
    options: CompareOptions,
    candidates: Sequence[PlannedCandidate],
    runs: Sequence[ScenarioRun],
    run_journal: Journal,
) -> ComparisonResult | None:
    """Return the comparison that --resume continues, None for a new one.

    Raises ConfigurationError if the folder has another comparison.
    """
    if not options.common.resume or not session.has_journal(run_journal.folder):
        return None
    found = journal.read(run_journal.folder).comparisons
    if not found:
        raise ConfigurationError(f"{run_journal.folder} has no comparison to resume; name another folder with --out")
    last = found[-1]
    wanted = _new(options, candidates, runs)
    for what, mine, other in (
        ("servers", _identity(wanted), _identity(last)),
        ("scenarios", wanted.scenarios, last.scenarios),
        ("metrics", wanted.metrics, last.metrics),
        ("threshold", wanted.threshold, last.threshold),
        ("--until-decided", wanted.until_decided, last.until_decided),
        ("seed", options.seed or last.seed, last.seed),
        ("its options", _command_words(options.command), _command_words(last.command)),
    ):
        if mine != other:
            raise ConfigurationError(
                f"the comparison in {run_journal.folder} has another value for {what}: resume it with "
                f"`{last.command} --resume`, or name another folder with --out"
            )
    return resumed(last, wanted.planned_rounds)


def _command_words(command: str) -> list[str]:
    """Return the words of the command of a comparison without its folder, which does not change the servers."""
    words = shlex.split(command)
    if "--out" in words:
        place = words.index("--out")
        del words[place : place + 2]
    return words


def _identity(comparison: ComparisonResult) -> tuple[tuple[str, ...], ...]:
    return tuple((each.server, each.version, each.python, each.app) for each in comparison.candidates)


def _inputs(options: CompareOptions, candidates: Sequence[PlannedCandidate]) -> dict[str, str]:
    """Return the fingerprints of what the user gave, those of each candidate with its letter."""
    load_options = options.common.load_options
    found = request_inputs(load_options.page, load_options.traffic)
    for each, planned in zip(options.candidates, candidates, strict=True):
        own = server_inputs(session.interpreter(each.python), each.app, planned.plan.app_setup)
        found |= {f"{option} of {each.letter}": value for option, value in own.items()}
    return found


def _write_start(
    facts: dict[str, object],
    comparison: ComparisonResult,
    candidates: Sequence[PlannedCandidate],
    runs: Sequence[ScenarioRun],
    run_journal: Journal,
    inputs: dict[str, str],
) -> None:
    infos = {each.scenario.id: each.scenario.info() for each in runs}
    run_journal.write(StartLine(SCHEMA, facts, {}, infos, inputs))
    for each in candidates:
        run_journal.write(ServerLine(each.info))
    run_journal.write(ComparisonLine(comparison))


class _Recorder:
    """Write rounds to the journal and pass events on. `comparison` is the comparison as far as it is stored."""

    def __init__(self, run_journal: Journal, handle: EventHandler, comparison: ComparisonResult) -> None:
        self.comparison = comparison
        self._earlier_rounds = len(comparison.rounds)
        self._journal = run_journal
        self._handle = handle

    def record(self, event: Event) -> None:
        """Store the round in `event`, if it is one, and pass the event on."""
        if isinstance(event, RoundFinished):
            self._journal.write(RoundLine(event.round))
            self.update(event.comparison)
        self._handle(event)

    def update(self, comparison: ComparisonResult) -> None:
        """Store what the comparison says, without its rounds, which have lines of their own."""
        self.comparison = comparison
        self._journal.write(ComparisonLine(msgspec.structs.replace(comparison, rounds=())))

    def finish(self, stopped: str) -> None:
        """Store the end of the comparison; `stopped` is why it ended early, '' if it did not."""
        if stopped:
            self.update(msgspec.structs.replace(self.comparison, stopped=stopped))
            return
        if len(self.comparison.rounds) > self._earlier_rounds:
            self.update(msgspec.structs.replace(self.comparison, finished=True))
        self._journal.write(EndLine())


class _Call:
    """The measurements of one call of the command."""

    def __init__(
        self,
        options: CompareOptions,
        candidates: Sequence[PlannedCandidate],
        runs: Sequence[ScenarioRun],
        folders: RunFolders,
        recorder: _Recorder,
    ) -> None:
        self.interrupted = False
        self._options = options
        self._candidates = {each.candidate.letter: each for each in candidates}
        self._runs = list(runs)
        self._recorder = recorder
        load_options = options.common.load_options
        self._environment = SlotEnvironment(folders, load_options.traffic or load_options.page, options.metrics)
        self._slot_parameters = default_scenario.parameters_for(options.metrics, options.slot_parameters)

    def run_until_interrupted(self) -> GauntletError | OSError | None:
        """Measure the rounds until the end or a signal. Return the error that ended them, None if none did."""
        try:
            trio.run(self._main)
        except BaseExceptionGroup as group:
            return expected_error(group)
        return None

    async def _main(self) -> None:
        await run_until_signal(partial(handle_events, self._measure, self._recorder.record), self._on_signal)

    def _on_signal(self) -> None:
        self.interrupted = True
        self._recorder.record(Message("interrupted: stopping the servers, then the report of the finished rounds"))

    async def _measure(self, events: EventQueue) -> None:
        began = time.monotonic()
        limits = self._options.limits
        if not self._runs and self._slot_parameters.open_loop is not None and not self._recorder.comparison.rate:
            await self._find_rate(events)
        comparison = self._recorder.comparison
        done = len(comparison.valid_rounds)
        if comparison.until_decided and limits.rounds is not None:
            comparison = msgspec.structs.replace(comparison, planned_rounds=max(limits.rounds, done))
        elif comparison.planned_rounds is not None and done >= comparison.planned_rounds:
            # A resumed comparison with a new budget: its further rounds are planned after the next one.
            comparison = msgspec.structs.replace(comparison, planned_rounds=None)
        await events.put(StageStarted("compare", limits.rounds or 0))

        async def measure(letter: str, number: int) -> SlotResult:
            runs = self._runs or [ScenarioRun(default_scenario.SCENARIO, self._parameters(comparison.rate, number))]
            name = self._candidates[letter].candidate.name
            found = await measure_slot(
                self._candidates[letter].plan,
                letter,
                runs,
                self._environment,
                lambda doing: events.put_progress(Progress(name, f"round {number}: {doing}")),
            )
            return found if number == 1 else msgspec.structs.replace(found, conditions={})

        await measure_rounds(comparison, limits, measure, events, began=began)

    async def _find_rate(self, events: EventQueue) -> None:
        capacities = []
        for planned in self._candidates.values():

            def on_activity(doing: str, name: str = planned.candidate.name) -> None:
                events.put_progress(Progress(name, f"first look: {doing}"))

            capacities.append(
                await screen_capacity(planned.plan, self._slot_parameters, self._environment, on_activity)
            )
        rate = default_scenario.common_rate(capacities)
        self._recorder.update(msgspec.structs.replace(self._recorder.comparison, rate=rate))

    def _parameters(self, rate: float, number: int) -> Parameters:
        return dataclasses.replace(self._slot_parameters, rate=rate or None, round=number)
