"""Run a search: choose the candidates, screen them, measure the finals in rounds, and store the recommendation.

    correctness    in every trial: a wrong response under load rules a candidate out
    screening      short trials of each server, then of settings and proxies of the best ones; the best third goes on
    security       requirements of security, of the best servers in the screening
    finals         interleaved rounds with the statistics of `compare`
    checks         requirements (must), and reloads, of the best finalists

Each trial is in the journal before the search goes on. A resumed search takes the same way: it skips what is measured.
"""

from __future__ import annotations

import dataclasses
import math
import os
import random
import statistics
import time
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path

import msgspec
import trio

from wsgi_gauntlet.harness import session
from wsgi_gauntlet.harness.comparison.limits import RoundLimits
from wsgi_gauntlet.harness.comparison.run import MAX_SEED
from wsgi_gauntlet.harness.comparison.runner import letter, measure_rounds, resumed
from wsgi_gauntlet.harness.comparison.slot import SlotEnvironment
from wsgi_gauntlet.harness.config import Configuration
from wsgi_gauntlet.harness.conformance.validity import StallClock
from wsgi_gauntlet.harness.errors import (
    EXIT_FAILED,
    EXIT_INTERRUPTED,
    EXIT_INVALID,
    ConfigurationError,
    GauntletError,
    PageError,
    expected_error,
)
from wsgi_gauntlet.harness.event_queue import EventQueue, handle_events
from wsgi_gauntlet.harness.events import (
    CandidateEliminated,
    CaseFinished,
    Event,
    EventHandler,
    Message,
    Progress,
    RoundFinished,
    StageStarted,
    TrialFinished,
)
from wsgi_gauntlet.harness.model import SCHEMA, Candidate, ComparisonResult, Results, SlotResult
from wsgi_gauntlet.harness.model.recommendation import (
    Answer,
    CandidateFigures,
    Elimination,
    PasteFile,
    Recommendation,
    RecommendationCandidate,
    SearchConditions,
    Stage,
    Trial,
)
from wsgi_gauntlet.harness.recommendation import screening
from wsgi_gauntlet.harness.recommendation.candidates import (
    ServerCandidates,
    server_candidates,
    servers_with_settings,
    settings_of,
)
from wsgi_gauntlet.harness.recommendation.capacity import most_connections
from wsgi_gauntlet.harness.recommendation.decision import candidates_mixing_up, decide, requirements
from wsgi_gauntlet.harness.recommendation.figures import COMPARED_IN_FINALS, candidate_figures
from wsgi_gauntlet.harness.recommendation.findings import threads_mix_up, waiting_seconds
from wsgi_gauntlet.harness.recommendation.measurement import PARAMETERS, TrialParameters, measure_trial, users_rate
from wsgi_gauntlet.harness.recommendation.objective import HEADROOM, ranked
from wsgi_gauntlet.harness.recommendation.paste_files import paste_files
from wsgi_gauntlet.harness.recommendation.reload_test import measure_reload
from wsgi_gauntlet.harness.recommendation.requirement_check import check_requirements, check_security, checked_cases
from wsgi_gauntlet.harness.recommendation.server_search import ServerSearch, base_servers
from wsgi_gauntlet.harness.recommendation.time_budget import (
    FINALS_TRIAL_FACTOR,
    SECURITY_CHECK_SECONDS,
    SECURITY_CHECKS_AT_ONCE,
    SERVERS_SHARE,
    TimeBudget,
)
from wsgi_gauntlet.harness.run_inputs import request_inputs, require_same_inputs, server_inputs
from wsgi_gauntlet.harness.server import planning
from wsgi_gauntlet.harness.server.plan import Plan
from wsgi_gauntlet.harness.server.temp_dirs import RunFolders, scratch_folder
from wsgi_gauntlet.harness.server.user_app import is_user_app
from wsgi_gauntlet.harness.shutdown_signals import run_until_signal
from wsgi_gauntlet.harness.store import journal
from wsgi_gauntlet.harness.store.evidence_digest import KEEP_ALL, with_digest
from wsgi_gauntlet.harness.store.journal import (
    CheckLine,
    ComparisonLine,
    EndLine,
    Journal,
    RecommendationLine,
    RoundLine,
    ServerLine,
    StartLine,
    TrialLine,
)

INTERRUPTED = "interrupted"
"""Why a search stopped that a signal ended."""

COMPARED_ON_RESUME = (
    "app",
    "page",
    "traffic",
    "peak",
    "p99_limit",
    "users",
    "slow_clients",
    "memory_limit",
    "servers",
    "cores",
)
"""Conditions that a resumed search must share with the earlier one, because its trials depend on them."""

CHECKED_FINALISTS = 2
"""Finalists that are checked: the winner and the runner-up."""

MIN_CHECK_SECONDS, USEFUL_CHECK_SECONDS, RELOAD_SECONDS = 4.0, 12.0, 15.0
"""Seconds that must be left for the check of the finalists; that it gets before the reloads; of one reload test."""

MAX_NAMES = 8
"""Servers that a sentence names."""

THRESHOLD = 0.05
"""A smaller difference in the finals does not matter."""


@dataclass(frozen=True)
class SearchOptions:
    """The options of a search. `common` has those that a run has too.

    `peak` is requests/s (0: none), `p99_limit` seconds, `memory_limit` bytes (0: none), `budget` seconds. `seed` is
    None to draw one. `servers` are server names, empty for those that are installed.
    """

    common: session.RunOptions
    servers: tuple[str, ...] = ()
    peak: float = 0.0
    p99_limit: float = 0.3
    users: int = 40
    slow_clients: int = 8
    memory_limit: int = 0
    budget: float = 600.0
    seed: int | None = None
    traffic: str = ""
    command: str = ""


@dataclass(frozen=True)
class SearchSpace:
    """The servers of a search with their candidates, and how many `settings` the first round has time for.

    `left_out` are the names of servers that it has no time for.
    """

    servers: tuple[ServerCandidates, ...]
    settings: int
    left_out: tuple[str, ...] = ()

    @property
    def first(self) -> tuple[RecommendationCandidate, ...]:
        """The first candidate of each server."""
        return tuple(each.first for each in self.servers)

    @property
    def every(self) -> tuple[RecommendationCandidate, ...]:
        """All candidates, those included that are never measured."""
        return tuple(one for each in self.servers for one in each.every)

    def settings_among(self, candidates: Sequence[RecommendationCandidate]) -> tuple[RecommendationCandidate, ...]:
        """Return those of `candidates` that are settings of the servers, as they are now: versions may differ."""
        settings = {each.name: each for each in self.every if each not in self.first}
        return tuple(settings[each.name] for each in candidates if each.name in settings)


@dataclass(frozen=True)
class Outcome:
    """What a search gives: the results in the run `folder`, and the error that ended it early."""

    results: Results
    recommendation: Recommendation
    folder: Path
    error: GauntletError | OSError | None


def recommend(options: SearchOptions, configuration: Configuration, handle: EventHandler) -> Outcome:
    """Search the server for the user's app. After an error or a signal, the trials until then are stored and reported.

    Raises GauntletError if the search cannot start.
    """
    began = time.monotonic()
    session.require_output_folder(options.common)
    space = _search_space(options, configuration)
    found = space.first
    plans = _plans(options, configuration, space.every, handle)
    setup = next(iter(plans.values())).app_setup
    options = dataclasses.replace(options, command=setup.command_for_people(options.command))
    with session.open_run_folder(options.common) as run_journal, scratch_folder() as scratch:
        session.mention_previous_run(run_journal, handle)
        earlier = previous_search(options, run_journal)
        state = earlier[0] if earlier else _new(options, found)
        # The settings of a resumed search are candidates from the start: it has trials of them.
        stored = space.settings_among(state.candidates)
        names = {each.name for each in (*found, *stored)}
        state = msgspec.structs.replace(
            state,
            candidates=(*found, *stored),
            finalists=tuple(each for each in state.finalists if each in names),
            not_measured=_without_time(space),
        )
        load_options = options.common.load_options
        inputs = {
            **server_inputs(session.interpreter(options.common.python), options.common.app, setup),
            **request_inputs(load_options.page, load_options.traffic),
        }
        if earlier is not None:
            require_same_inputs(run_journal, inputs)
        else:
            cases = {each.id: each.info() for each in checked_cases()}
            facts = session.environment(options.common, setup)
            run_journal.write(StartLine(SCHEMA, facts, cases, {}, inputs))
            for each in found:
                run_journal.write(ServerLine(planning.server_info(plans[each.name])))
        recorder = _Recorder(
            run_journal,
            handle,
            state,
            earlier[1] if earlier else None,
            keep_all_evidence=configuration.keep_evidence == KEEP_ALL,
        )
        recorder.update(state)
        settings = f", then at most {_settings(space.settings)} of the best ones" if space.settings else ""
        more = f"; the budget has no time for {len(space.left_out)} more" if space.left_out else ""
        count = f"{len(found)} server{'s' if len(found) != 1 else ''}"
        handle(Message(f"{count}{settings}, seed {state.conditions.seed}{more}"))
        preload_thread = session.start_report_preload()
        search = _Search(options, space, plans, RunFolders(scratch, run_journal.logs), recorder, began)
        error = search.run_until_interrupted()
        stopped = INTERRUPTED if search.interrupted else str(error).partition("\n")[0] if error else ""
        recorder.finish(stopped, plans, options.common.app_setup.over(configuration.app_setup).env_file)
        preload_thread.join()
        results = journal.read(run_journal.folder)
        recommendation = results.recommendation
        assert recommendation is not None
        results = session.write_reports(results, run_journal.folder, options.common)
    return Outcome(results, recommendation, run_journal.folder, error)


def exit_code(found: Recommendation) -> int:
    """Return the exit code of a search that no error ended, as the command's help lists them."""
    if found.stopped == INTERRUPTED:
        return EXIT_INTERRUPTED
    return {Answer.RECOMMENDED: 0, Answer.NONE_HOLDS: EXIT_FAILED, Answer.NOT_DECIDED: EXIT_INVALID}[found.answer]


def previous_search(
    options: SearchOptions, run_journal: Journal
) -> tuple[Recommendation, ComparisonResult | None] | None:
    """Return the search that --resume continues and its finals, None for a new search.

    Raises ConfigurationError if the folder has another search.
    """
    if not options.common.resume or not session.has_journal(run_journal.folder):
        return None
    results = journal.read(run_journal.folder)
    last = results.recommendation
    if last is None:
        raise ConfigurationError(f"{run_journal.folder} has no search to resume; name another folder with --out")
    wanted = _conditions(options, last.conditions.seed)
    for each in COMPARED_ON_RESUME:
        if getattr(wanted, each) != getattr(last.conditions, each):
            raise ConfigurationError(
                f"the search in {run_journal.folder} has another value for {each.replace('_', ' ')}: resume it with "
                f"`{last.conditions.command} --resume`, or name another folder with --out"
            )
    if options.seed not in (None, last.conditions.seed):
        raise ConfigurationError(
            f"the search in {run_journal.folder} has the seed {last.conditions.seed}: leave out --seed to resume it"
        )
    finals = results.comparisons[-1] if results.comparisons else None
    # Who leaves is found again from the trials. The new budget counts from now.
    state = msgspec.structs.replace(last, conditions=wanted, eliminated=(), finished=False, stopped="")
    return state, finals


def _conditions(options: SearchOptions, seed: int) -> SearchConditions:
    return SearchConditions(
        app=options.common.app if is_user_app(options.common.app) else "",
        peak=options.peak,
        p99_limit=options.p99_limit,
        users=options.users,
        slow_clients=options.slow_clients,
        memory_limit=options.memory_limit,
        cores=len(os.sched_getaffinity(0)),
        budget=options.budget,
        seed=seed,
        traffic=options.traffic,
        page=options.common.load_options.page,
        servers=options.servers,
        command=options.command,
    )


def _new(options: SearchOptions, found: tuple[RecommendationCandidate, ...]) -> Recommendation:
    seed = random.SystemRandom().randint(1, MAX_SEED) if options.seed is None else options.seed
    return Recommendation(_conditions(options, seed), found)


def _search_space(options: SearchOptions, configuration: Configuration) -> SearchSpace:
    """Return the servers that the budget has time for. Raises GauntletError if there is no candidate."""
    search = ServerSearch(
        session.interpreter(options.common.python),
        options.common.app,
        Path.cwd() if is_user_app(options.common.app) else None,
        configuration,
    )
    bases, fronts = base_servers(search, options.servers)
    cores = len(os.sched_getaffinity(0))
    found = server_candidates(bases, fronts, cores, options.memory_limit, search.possible)
    if not found and not options.memory_limit:
        raise ConfigurationError(
            "none of the servers can be started here with TCP and without TLS: name others with --servers"
        )
    if not found:
        raise ConfigurationError(
            "no candidate fits into --memory: name more of it, or name other servers with --servers"
        )
    # The user's own choices are all measured, however many they are.
    named = {f"{each.front}+{each.text}" if each.front else each.text for each in bases if each.fixed}
    budget = TimeBudget(options.budget)
    own = sum(each.first.name in named for each in found)
    others = [each for each in found if each.first.name not in named][: max(0, budget.servers(len(found)) - own)]
    chosen = tuple(each for each in found if each.first.name in named or each in others)
    settings = sum(len(each.every) - 1 for each in chosen)
    places = max(0, budget.candidates(len(found)) - len(chosen))
    left_out = tuple(each.first.name for each in found if each not in chosen)
    return SearchSpace(chosen, min(places, settings), left_out)


def _without_time(space: SearchSpace) -> tuple[str, ...]:
    """Return sentences about servers, and about settings as a whole, that the budget has no time for."""
    texts = []
    if space.left_out:
        texts.append(
            f"The budget has no time for {_named(space.left_out)}. Use a longer --budget, or name some with --servers."
        )
    if not space.settings and len(space.every) > len(space.first):
        texts.append("The budget has no time for other settings and proxies. A longer --budget measures them.")
    return tuple(texts)


def _settings(count: int) -> str:
    return f"{count} setting{'s' if count != 1 else ''}"


def _named(names: Sequence[str]) -> str:
    """Return the names in words; of many, the first ones and the number of the others."""
    shown = [*names[:MAX_NAMES], *([f"{len(names) - MAX_NAMES} more"] if len(names) > MAX_NAMES else [])]
    return f"{', '.join(shown[:-1])} and {shown[-1]}" if len(shown) > 1 else "".join(shown)


def _plans(
    options: SearchOptions,
    configuration: Configuration,
    found: Sequence[RecommendationCandidate],
    handle: EventHandler,
) -> dict[str, Plan]:
    common = dataclasses.replace(options.common, servers=tuple(each.name for each in found))
    return {each.name: each for each in session.plan_servers(common, configuration, handle)}


class _Recorder:
    """Write the search to the journal and pass events on. `state` and `finals` are what is stored.

    With `keep_all_evidence` no cell has a digest instead.
    """

    def __init__(
        self,
        run_journal: Journal,
        handle: EventHandler,
        state: Recommendation,
        finals: ComparisonResult | None,
        *,
        keep_all_evidence: bool = False,
    ) -> None:
        self._keep_all_evidence = keep_all_evidence
        self.state = state
        self.finals = finals
        self._journal = run_journal
        self._handle = handle
        self._offset = state.seconds
        self._began = time.monotonic()

    def record(self, event: Event) -> None:
        """Store what `event` says, and pass it on."""
        match event:
            case TrialFinished(trial):
                self._journal.write(TrialLine(trial))
                self.state = msgspec.structs.replace(self.state, trials=(*self.state.trials, trial))
            case CaseFinished(cell):
                self._journal.write(CheckLine(cell if self._keep_all_evidence else with_digest(cell)))
            case CandidateEliminated(elimination):
                self.update(msgspec.structs.replace(self.state, eliminated=(*self.state.eliminated, elimination)))
            case RoundFinished():
                self._journal.write(RoundLine(event.round))
                self.update_finals(event.comparison)
        self._handle(event)

    def update(self, state: Recommendation) -> None:
        """Store the search without its trials, which have lines of their own."""
        self.state = msgspec.structs.replace(state, seconds=self._offset + time.monotonic() - self._began)
        self._journal.write(RecommendationLine(msgspec.structs.replace(self.state, trials=())))

    def add(self, candidates: Sequence[RecommendationCandidate], plans: Mapping[str, Plan]) -> None:
        """Store candidates that join the race, with their servers."""
        new = [each for each in candidates if each not in self.state.candidates]
        for each in new:
            self._journal.write(ServerLine(planning.server_info(plans[each.name])))
        self.update(msgspec.structs.replace(self.state, candidates=(*self.state.candidates, *new)))

    def update_finals(self, comparison: ComparisonResult) -> None:
        """Store the comparison of the finals without its rounds."""
        self.finals = comparison
        self._journal.write(ComparisonLine(msgspec.structs.replace(comparison, rounds=())))

    def finish(self, stopped: str, plans: Mapping[str, Plan], env_file: Path | None) -> None:
        """Decide and store the answer with its files; `stopped` is why the search ended early, '' if it did not."""
        decided = decide(self.state, self.finals)
        files: list[PasteFile] = []
        for name in filter(None, (decided.winner, decided.runner_up)):
            made, why = paste_files(plans[name], env_file)
            files += made
            if why:
                self._handle(Message(f"{name}: no files to paste, because {why}"))
        decided = msgspec.structs.replace(decided, files=tuple(files))
        self.update(msgspec.structs.replace(decided, stopped=stopped, finished=not stopped))
        if not stopped:
            self._journal.write(EndLine())


class _Search:
    """The measurements of one call of the command."""

    def __init__(
        self,
        options: SearchOptions,
        space: SearchSpace,
        plans: dict[str, Plan],
        folders: RunFolders,
        recorder: _Recorder,
        began: float,
    ) -> None:
        self.interrupted = False
        self._options = options
        self._space = space
        self._plans = plans
        self._recorder = recorder
        self._folders = folders
        load_options = options.common.load_options
        self._environment = SlotEnvironment(folders, load_options.traffic or load_options.page)
        self._budget = TimeBudget(options.budget)
        self._began = began
        self._in_race = list(space.first)
        # Another number of finalists would begin the rounds again.
        in_finals = {each.candidate for each in recorder.state.trials if each.stage is Stage.FINALS}
        self._earlier_finalists = len(in_finals | set(recorder.state.finalists)) if in_finals else 0
        # A wrong response counts even if the machine was too busy for figures, and whatever came after it. A search
        # that ended because no server gave the right page measures again: the app may be right now.
        trials = sorted(recorder.state.trials, key=lambda each: bool(each.ruled_out and each.evidence))
        measured = any(each.valid and each.figures for each in trials)
        self._known = {
            (each.candidate, each.stage, each.round): each
            for each in trials
            if (each.valid and (measured or not each.ruled_out)) or (each.ruled_out and each.evidence)
        }
        self._first_page_error: tuple[str, PageError] | None = None
        """The server that gave the first wrong page before any valid trial, and what was wrong."""
        self._wrong_pages: set[str] = set()
        """The candidates that gave a wrong page twice."""

    def run_until_interrupted(self) -> GauntletError | OSError | None:
        """Measure until the end or a signal. Return the error that ended the search, None if none did."""
        try:
            trio.run(self._main, clock=StallClock())
        except BaseExceptionGroup as group:
            return expected_error(group)
        return None

    async def _main(self) -> None:
        await run_until_signal(partial(handle_events, self._search, self._recorder.record), self._on_signal)

    def _on_signal(self) -> None:
        self.interrupted = True
        self._recorder.record(Message("interrupted: stopping the servers, then the answer of the trials until now"))

    @property
    def _elapsed(self) -> float:
        return time.monotonic() - self._began

    @property
    def _seconds_left(self) -> float:
        return max(0.0, self._budget.seconds - self._elapsed)

    def _figures(self, name: str) -> CandidateFigures:
        """Return the figures of the screening. A resumed search has trials of the finals too: they are longer."""
        stages = (Stage.SCREENING, Stage.SECURITY)
        return candidate_figures(name, (each for each in self._recorder.state.trials if each.stage in stages))

    async def _search(self, events: EventQueue) -> None:
        await events.put(StageStarted("recommend", len(self._in_race)))
        await self._screen(events)
        await self._rule_out_known(events)
        if len(self._in_race) > 1:
            await self._run_finals(events)
        await self._check_finalists(events)

    # ------------------------------------------------------------------ screening

    async def _rule_out_known(self, events: EventQueue) -> None:
        """Rule out the finalists that were wrong in the finals before the search was resumed."""
        for trial in self._known.values():
            if trial.stage is Stage.FINALS and trial.ruled_out and trial.evidence:
                for each in self._in_race:
                    if each.name == trial.candidate:
                        await self._rule_out(each, trial, events)

    async def _screen(self, events: EventQueue) -> None:
        finalists = self._finalists()
        count = len(self._in_race) + self._space.settings
        rounds = screening.rounds_needed(count, finalists)
        for number in range(1, rounds + 1):
            until = self._budget.round_end(number, rounds, count)
            if number == 1 and self._space.settings:
                scale = self._budget.scale(until - self._elapsed, count)
                await self._screen_once(1, self._in_race, scale, SERVERS_SHARE * until, events)
                await self._rule_out_threads(events)
                began = self._elapsed
                await self._check_security(events)
                until += self._elapsed - began
                joining = await self._add_settings(events)
                await self._screen_once(1, joining, scale, until, events)
            else:
                scale = self._budget.scale(until - self._elapsed, len(self._in_race))
                await self._screen_once(number, self._in_race, scale, until, events)
            await self._rule_out_threads(events)
            if number == 1:
                await self._check_security(events)
            finalists = self._finalists()
            wanted = requirements(self._recorder.state.conditions, margin=screening.SCREENING_MARGIN)
            known = [each for each in self._in_race if self._figures(each.name).is_measured]
            if not known:
                continue
            found = screening.screen(known, self._figures, wanted, finalists)
            await self._eliminate([*found.eliminated, *self._disturbed(known)], events)
            self._in_race = list(found.kept)
            if len(self._in_race) <= finalists:
                break
        if not any(self._figures(each.name).is_measured for each in self._in_race):
            # Without a valid trial nobody has left the race, and the finals have no time for everyone.
            await self._eliminate(self._disturbed(self._in_race[:finalists]), events)

    async def _add_settings(self, events: EventQueue) -> list[RecommendationCandidate]:
        """Let settings and proxies of the best servers join the race; servers that others beat leave it.

        A proxy can protect a server from slow clients, so they do not count yet if there is a proxy. Return who joins.
        """
        with_proxies = any(one.front and not each.first.front for each in self._space.servers for one in each.settings)
        wanted = requirements(self._recorder.state.conditions, margin=screening.SCREENING_MARGIN)

        def figures(name: str) -> CandidateFigures:
            found = self._figures(name)
            return msgspec.structs.replace(found, goodput_among_slow=None) if with_proxies else found

        known = [each for each in self._in_race if figures(each.name).is_measured]
        order = ranked(known, figures, wanted)
        best = order[: servers_with_settings(self._space.settings)]
        if len(known) > len(best):
            found = screening.screen(known, figures, wanted, max(len(best), self._finalists()))
            names = {each.name for each in best}
            await self._eliminate([each for each in found.eliminated if each.candidate not in names], events)
        by_first = {each.first: each for each in self._space.servers}
        possible = settings_of([by_first[each] for each in best], self._requests_at_a_time(known))
        stored = self._space.settings_among(self._recorder.state.candidates)
        joining = list(dict.fromkeys([*stored, *possible[: self._space.settings]]))
        self._recorder.add(joining, self._plans)
        worse = [each for each in known if each not in best]
        self._note_not_measured(best, worse, len([each for each in possible if each not in joining]))
        self._in_race += joining
        if joining:
            count = f"{len(joining)} more candidate{'s' if len(joining) != 1 else ''}"
            text = f"{count}: settings of {_named([each.name for each in best])}"
            await events.put(Message(text))
        return joining

    def _requests_at_a_time(self, known: Sequence[RecommendationCandidate]) -> int:
        """Return how many requests the app must serve at a time, by Little's law; 1 if it does not wait."""
        asked = self._recorder.state.conditions
        connections = most_connections(asked.users, asked.peak, asked.p99_limit)
        seconds = waiting_seconds(known, self._figures, connections)
        if seconds is None:
            return 1
        return math.ceil(HEADROOM * asked.peak * seconds) if asked.peak else connections

    def _note_not_measured(
        self, best: Sequence[RecommendationCandidate], worse: Sequence[RecommendationCandidate], left: int
    ) -> None:
        """Store which settings are not measured, and why. `left` settings of the `best` have no time."""
        searched = _named([each.name for each in best]) if best else ""
        with_settings = [each.first for each in self._space.servers if len(each.every) > 1]
        beaten = [each.name for each in with_settings if each in worse]
        without_figures = [each.name for each in with_settings if each not in worse and each not in best]
        texts = list(_without_time(self._space))
        was = "was" if len(best) == 1 else "were"
        if beaten:
            texts.append(
                f"Other settings and proxies of {_named(beaten)} were not measured: {searched} {was} better with the "
                "first settings."
            )
        if without_figures:
            texts.append(
                f"Other settings and proxies of {_named(without_figures)} were not measured: their first settings have "
                "no valid figures."
            )
        if left:
            texts.append(
                f"The budget has no time for {left} more {'setting' if left == 1 else 'settings'} of {searched}. "
                "A longer --budget measures more."
            )
        self._recorder.update(msgspec.structs.replace(self._recorder.state, not_measured=tuple(texts)))

    async def _rule_out_threads(self, events: EventQueue) -> None:
        """Rule out the candidates with threads that had luck, if the others show that the app is not thread-safe."""
        mixing = candidates_mixing_up(self._recorder.state)
        correct = [each for each in self._in_race if self._figures(each.name).is_measured]
        if not threads_mix_up(correct, mixing):
            return
        found = self._recorder.state.elimination(mixing[0].name)
        reason = (
            f"It serves several requests at a time in one process. {mixing[0].name} does that too and gave wrong "
            "responses, so the app is not thread-safe."
        )
        evidence = found.evidence if found is not None else ()
        lucky = [each for each in self._in_race if (each.threads or 1) > 1]
        await self._eliminate(
            [Elimination(each.name, Stage.CORRECTNESS, reason, evidence=evidence) for each in lucky], events
        )

    async def _check_security(self, events: EventQueue) -> None:
        """Check the requirements of security of the best servers that were not checked yet, if the budget has time.

        They do not depend on the workers and threads, so the settings of a server share one check.
        """
        wanted = requirements(self._recorder.state.conditions, margin=screening.SCREENING_MARGIN)
        measured = [each for each in self._in_race if self._figures(each.name).is_measured]
        if len({_kind(each) for each in measured}) == 1:
            return
        chosen: dict[tuple[str, str, str], RecommendationCandidate] = {}
        for each in ranked(measured, self._figures, wanted):
            if not self._security_trials(each):
                chosen.setdefault(_kind(each), each)
        limiter = trio.CapacityLimiter(SECURITY_CHECKS_AT_ONCE)

        async def check(candidate: RecommendationCandidate) -> None:
            async with limiter:
                plan = self._plans[candidate.name]
                measure = partial(self._measure_security, plan, events)
                await self._store(measure, candidate, events, Stage.SECURITY)

        async with trio.open_nursery() as nursery:
            for each in [*chosen.values()][: self._budget.security_checks]:
                nursery.start_soon(check, each)
        for each in measured:
            if (known := self._security_trials(each)) and known[0].candidate != each.name:
                shared = msgspec.structs.replace(known[0], candidate=each.name, started=self._elapsed, seconds=0.0)
                if not self._has(each, Stage.SECURITY):
                    await events.put(TrialFinished(shared, len(self._in_race), self._seconds_left))

    async def _measure_security(self, plan: Plan, events: EventQueue, _on_activity: Callable[[str], None]) -> Trial:
        return await check_security(plan, self._folders, 2 * SECURITY_CHECK_SECONDS, events)

    def _security_trials(self, candidate: RecommendationCandidate) -> list[Trial]:
        """Return the checks of security of the server of `candidate`, with whatever settings."""
        by_name = {each.name: each for each in self._recorder.state.candidates}
        return [
            each
            for each in self._recorder.state.trials
            if each.stage is Stage.SECURITY
            and each.valid
            and (own := by_name.get(each.candidate)) is not None
            and _kind(own) == _kind(candidate)
        ]

    def _disturbed(self, known: Sequence[RecommendationCandidate]) -> list[Elimination]:
        """Return the candidates without a valid measurement: they cannot be compared with the others."""
        return [
            Elimination(
                each.name,
                Stage.SCREENING,
                f"Its measurements did not count, which says nothing about the server: {self._why_invalid(each.name)}.",
            )
            for each in self._in_race
            if each not in known
        ]

    def _why_invalid(self, name: str) -> str:
        trials = [each for each in self._recorder.state.trials if each.candidate == name and not each.valid]
        return trials[-1].why if trials else "it has no capacity"

    def _finalists(self) -> int:
        if self._earlier_finalists:
            return self._earlier_finalists
        trials = [each for each in self._recorder.state.trials if each.stage is Stage.SCREENING]
        lengths = [each.seconds for each in trials if each.valid and each.seconds]
        usual = sum(lengths) / len(lengths) if lengths else 8.0
        elapsed = max(self._elapsed, self._budget.screening_end)
        return self._budget.finalists(elapsed, FINALS_TRIAL_FACTOR * usual)

    async def _screen_once(
        self, number: int, candidates: Sequence[RecommendationCandidate], scale: float, until: float, events: EventQueue
    ) -> None:
        """Measure one trial of each candidate until a time, and disturbed ones once more if there is time.

        `scale` is the length of the measurements, 1 for the usual one.
        """
        parameters = self._parameters(scale, number)
        again: list[tuple[RecommendationCandidate, Trial]] = []
        racing = list(candidates)
        for place, each in enumerate(racing):
            if self._elapsed > until and place >= 2:
                await self._out_of_time(racing[place:], number, events)
                break
            trial = await self._trial(each, Stage.SCREENING, parameters, events)
            if trial.ruled_out and (trial.evidence or each.name in self._wrong_pages):
                await self._rule_out(each, trial, events)
            elif trial.ruled_out or not trial.valid:
                again.append((each, trial))  # one failed start says little
        self._in_race = [each for each in self._in_race if not self._is_gone(each.name)]
        for each, first in again:
            trial = first
            if self._elapsed < until:
                trial = await self._trial(each, Stage.SCREENING, parameters, events)
            if trial.ruled_out:
                await self._rule_out(each, trial, events)
        self._in_race = [each for each in self._in_race if not self._is_gone(each.name)]

    async def _out_of_time(self, late: Sequence[RecommendationCandidate], number: int, events: EventQueue) -> None:
        """Eliminate the candidates that a first round has no time for. In a later round they keep their figures."""
        if number > 1:
            return
        reason = "It was not measured: the budget had no time left for it. A longer --budget measures it."
        await self._eliminate([Elimination(each.name, Stage.SCREENING, reason) for each in late], events)

    async def _trial(
        self, candidate: RecommendationCandidate, stage: Stage, parameters: TrialParameters, events: EventQueue
    ) -> Trial:
        """Return the trial of a candidate: the stored one of a resumed search, else a new one."""
        key = candidate.name, stage, parameters.round
        if key in self._known:
            return self._known[key]
        measure = partial(self._measure_candidate, self._plans[candidate.name], stage, parameters, events)
        return await self._store(measure, candidate, events, stage, parameters.round)

    async def _measure_candidate(
        self,
        plan: Plan,
        stage: Stage,
        parameters: TrialParameters,
        events: EventQueue,
        on_activity: Callable[[str], None],
    ) -> Trial:
        """Return a trial of the screening. One wrong page may be an accident, so it is measured once more."""
        try:
            return await measure_trial(plan, stage, parameters, self._environment, on_activity)
        except PageError as problem:
            why = str(problem).partition("\n")[0]
        await events.put(Message(f"{plan.name} is measured once more: {why}"))
        return await measure_trial(plan, stage, parameters, self._environment, on_activity)

    async def _store(
        self,
        measure: Callable[[Callable[[str], None]], Awaitable[Trial]],
        candidate: RecommendationCandidate,
        events: EventQueue,
        stage: Stage,
        number: int = 1,
    ) -> Trial:
        """Measure a trial and store it. It is cut off where the search would take too long."""

        def on_activity(doing: str) -> None:
            events.put_progress(Progress(candidate.name, doing))

        started = self._elapsed
        found = Trial(candidate.name, stage, number, valid=False, why="the time of the search was over")
        with trio.move_on_after(self._budget.latest_end - started):
            try:
                found = await measure(on_activity)
            except PageError as problem:
                self._require_another_server(candidate, problem)
                self._wrong_pages.add(candidate.name)
                why = str(problem).partition("\n")[0]
                found = Trial(candidate.name, stage, number, ruled_out=f"It cannot serve the app: {why}")
        trial = msgspec.structs.replace(found, started=started, seconds=self._elapsed - started)
        await events.put(TrialFinished(trial, len(self._in_race), self._seconds_left))
        return trial

    def _require_another_server(self, candidate: RecommendationCandidate, problem: PageError) -> None:
        """Raise the first wrong page if a second server gives one too, or if no other server can give the right one.

        Then the user must correct the page. If another server gave the right page, this server is wrong.
        """
        if any(each.valid and each.figures for each in self._recorder.state.trials):
            return
        first = self._first_page_error = self._first_page_error or (candidate.server, problem)
        if first[0] != candidate.server or not any(each.name != candidate.name for each in self._in_race):
            raise first[1]

    async def _rule_out(self, candidate: RecommendationCandidate, trial: Trial, events: EventQueue) -> None:
        stage = Stage.CORRECTNESS if trial.evidence or trial.figures else Stage.START
        await self._eliminate([Elimination(candidate.name, stage, trial.ruled_out, evidence=trial.evidence)], events)

    async def _eliminate(self, eliminations: Sequence[Elimination], events: EventQueue) -> None:
        for each in eliminations:
            self._in_race = [one for one in self._in_race if one.name != each.candidate]
            await events.put(CandidateEliminated(each, len(self._in_race)))

    def _is_gone(self, name: str) -> bool:
        return self._recorder.state.elimination(name) is not None

    def _parameters(self, scale: float, number: int, *, curve: bool = False) -> TrialParameters:
        options = self._options
        return dataclasses.replace(
            PARAMETERS,
            loop=PARAMETERS.loop * scale,
            open_loop=PARAMETERS.open_loop * scale,
            users_phase=PARAMETERS.users_phase * scale,
            peak=options.peak or None,
            p99_limit=options.p99_limit,
            users=most_connections(options.users, options.peak, options.p99_limit),
            users_rate=users_rate(options.users, options.slow_clients, options.peak),
            slow_clients=options.slow_clients or None,
            curve=1 if curve else None,
            round=number,
        )

    # ------------------------------------------------------------------ finals

    async def _run_finals(self, events: EventQueue) -> None:
        """Measure the finalists in interleaved rounds. One that sends a wrong response leaves, and they begin again."""
        while len(self._in_race) > 1:
            try:
                await self._run_rounds(self._comparison(), events)
            except _RuledOut as found:
                await self._rule_out(found.candidate, found.trial, events)
            except _OutOfTime:
                if self._recorder.finals is not None:
                    self._recorder.update_finals(msgspec.structs.replace(self._recorder.finals, finished=True))
                return
            else:
                return

    async def _run_rounds(self, finals: ComparisonResult, events: EventQueue) -> None:
        names = tuple(each.name for each in finals.candidates)
        self._recorder.update(msgspec.structs.replace(self._recorder.state, finalists=names))
        if not finals.rounds:
            self._recorder.update_finals(finals)
        slots = len(names) + 1
        scale = self._budget.finals_scale(self._elapsed, slots)
        scales: dict[int, float] = {}
        lengths: list[float] = []
        by_letter = {each.letter: self._recorder.state.candidate(each.name) for each in finals.candidates}

        async def measure(own: str, number: int) -> SlotResult:
            candidate, plan = by_letter[own], self._plans[by_letter[own].name]
            if self._elapsed > self._budget.finals_deadline:
                raise _OutOfTime
            if number not in scales:
                before = scales.get(number - 1, scale)
                usual = statistics.mean(lengths[-slots:]) if lengths else 0.0
                scales[number] = self._budget.shorter_scale(before, self._elapsed, slots, number - 1, usual)
            own_parameters = self._parameters(scales[number], number, curve=True)
            measure_own = partial(self._measure_finalist, plan, own_parameters, events)
            trial = await self._store(measure_own, candidate, events, Stage.FINALS, number)
            lengths.append(trial.seconds)
            if trial.ruled_out:
                raise _RuledOut(candidate, trial)
            figures = tuple(each for each in trial.figures if each.id in COMPARED_IN_FINALS)
            return SlotResult(own, figures, valid=trial.valid, why=trial.why)

        # The budget of the rounds counts from the start of the search.
        limits = RoundLimits(budget=self._budget.finals_end)
        await measure_rounds(finals, limits, measure, events, began=self._began, clock=time.monotonic)

    async def _measure_finalist(
        self,
        plan: Plan,
        parameters: TrialParameters,
        events: EventQueue,
        on_activity: Callable[[str], None],
    ) -> Trial:
        """Return a trial of the finals. A finalist has served the app before, so one failed start says little."""
        try:
            found = await measure_trial(plan, Stage.FINALS, parameters, self._environment, on_activity)
            why = "" if found.evidence or found.figures else found.ruled_out
        except PageError as problem:
            why = str(problem).partition("\n")[0]
        if not why:
            return found
        await events.put(Message(f"{plan.name} is measured once more: {why}"))
        return await measure_trial(plan, Stage.FINALS, parameters, self._environment, on_activity)

    def _comparison(self) -> ComparisonResult:
        """Return the comparison of the finalists: that of a resumed search if it has the same ones, else a new one."""
        state = self._recorder.state
        # It has no command: `recommend` cannot repeat the rounds alone, as `compare` does.
        found = ComparisonResult(
            candidates=tuple(
                Candidate(letter(number), each.name, each.name, each.version, "", state.conditions.app)
                for number, each in enumerate(self._in_race)
            ),
            seed=state.conditions.seed,
            threshold=THRESHOLD,
            metrics=tuple(COMPARED_IN_FINALS),
            rate=state.conditions.peak,
        )
        earlier = self._recorder.finals
        if earlier is not None and earlier.key == found.key:
            # Invalid rounds of an earlier call say nothing about the machine now.
            return resumed(msgspec.structs.replace(earlier, rounds=earlier.valid_rounds))
        return found

    # ------------------------------------------------------------------ checks

    async def _check_finalists(self, events: EventQueue) -> None:
        """Check the requirements of the best finalists at the same time, then reload them, as far as there is time."""
        decided = decide(self._recorder.state, self._recorder.finals)
        best = [each for each in (decided.winner, decided.runner_up) if each] or list(decided.finalists)
        if not best and decided.answer is Answer.NONE_HOLDS:
            best = [each.name for each in self._in_race]
        chosen = [self._recorder.state.candidate(each) for each in best[:CHECKED_FINALISTS]]
        left = self._budget.seconds - self._elapsed
        reloads = sum(not self._has(each, Stage.RELOAD) for each in chosen)
        seconds = max(left - reloads * RELOAD_SECONDS, min(left, USEFUL_CHECK_SECONDS))
        if left > MIN_CHECK_SECONDS:
            async with trio.open_nursery() as nursery:
                for each in chosen:
                    if not self._has(each, Stage.CORRECTNESS):
                        nursery.start_soon(self._check, each, seconds, events)
        for each in chosen:
            if self._budget.seconds - self._elapsed > RELOAD_SECONDS and not self._has(each, Stage.RELOAD):
                reload = partial(measure_reload, self._plans[each.name], self._environment)
                await self._store(reload, each, events, Stage.RELOAD)

    async def _check(self, candidate: RecommendationCandidate, seconds: float, events: EventQueue) -> None:
        async def check(_on_activity: Callable[[str], None]) -> Trial:
            return await check_requirements(self._plans[candidate.name], self._folders, seconds, events)

        await self._store(check, candidate, events, Stage.CORRECTNESS)

    def _has(self, candidate: RecommendationCandidate, stage: Stage) -> bool:
        own = (each for each in self._recorder.state.trials if each.candidate == candidate.name)
        return any(each.stage is stage and each.valid for each in own)


def _kind(candidate: RecommendationCandidate) -> tuple[str, str, str]:
    """Return what the verdicts of a candidate depend on: not on its workers and threads."""
    return candidate.server, candidate.variant, candidate.front


class _RuledOut(Exception):
    """A finalist sent a wrong response in the finals."""

    def __init__(self, candidate: RecommendationCandidate, trial: Trial) -> None:
        super().__init__(candidate.name)
        self.candidate = candidate
        self.trial = trial


class _OutOfTime(Exception):
    """The finals have no time left for another slot."""
