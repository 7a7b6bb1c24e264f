"""Run cases and scenarios on servers: plan, run, store, report.

The session is the only loop that stores results and passes events on. It writes each result to the journal before the
runner goes on. Reports are made from the journal alone, so finished, resumed and interrupted runs take the same path.
"""

from __future__ import annotations

import contextlib
import os
import platform
import shutil
import sys
import threading
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from itertools import chain
from pathlib import Path, PurePath
from typing import TYPE_CHECKING

import msgspec
import psutil
import trio

from wsgi_gauntlet import __version__
from wsgi_gauntlet.harness import exit_codes, registry
from wsgi_gauntlet.harness.baseline.comparison import fails_run
from wsgi_gauntlet.harness.baseline.session import BaselineSession, open_baseline
from wsgi_gauntlet.harness.config import Configuration
from wsgi_gauntlet.harness.conformance import runner
from wsgi_gauntlet.harness.conformance.catalog import Case
from wsgi_gauntlet.harness.conformance.selection import (
    CaseSelection,
    Selection,
    Shard,
    case_selections,
    failed,
    runnable_cases,
)
from wsgi_gauntlet.harness.conformance.validity import StallClock
from wsgi_gauntlet.harness.errors import ConfigurationError, NotInstalled, PageError, expected_error
from wsgi_gauntlet.harness.event_queue import EventQueue, handle_events
from wsgi_gauntlet.harness.events import (
    CaseFinished,
    Event,
    EventHandler,
    Message,
    Progress,
    ScenarioFinished,
    ServerFailed,
    ServerStarted,
    StageStarted,
    ignore_event,
)
from wsgi_gauntlet.harness.exclusions import Exclusions, check_names, describe_excluded
from wsgi_gauntlet.harness.load import thresholds
from wsgi_gauntlet.harness.load.catalog import Scenario, check_overrides, server_scenario_pairs
from wsgi_gauntlet.harness.load.options import LoadOptions
from wsgi_gauntlet.harness.model import (
    CONFIGURATION_KEY,
    SCHEMA,
    BaseRun,
    Exclusion,
    Results,
    ScenarioResult,
    ServerInfo,
)
from wsgi_gauntlet.harness.model.run_part import PART_KEY, RunPart
from wsgi_gauntlet.harness.public_results import private_names, publish
from wsgi_gauntlet.harness.run_inputs import (
    CURRENT_FOLDER,
    PYTHON,
    fingerprint,
    request_inputs,
    require_same_inputs,
    server_inputs,
)
from wsgi_gauntlet.harness.server import planning, server_config
from wsgi_gauntlet.harness.server.app_setup import AppSetup, AppSetupOptions
from wsgi_gauntlet.harness.server.app_setup_resolver import resolve_app_setup
from wsgi_gauntlet.harness.server.environments import versioned
from wsgi_gauntlet.harness.server.name import parse
from wsgi_gauntlet.harness.server.plan import Plan
from wsgi_gauntlet.harness.server.remote import attachment, proof, remote_server, target
from wsgi_gauntlet.harness.server.temp_dirs import RunFolders, scratch_folder
from wsgi_gauntlet.harness.server.user_app import is_user_app, user_app_description
from wsgi_gauntlet.harness.shutdown_signals import run_until_signal
from wsgi_gauntlet.harness.store import journal, output_folder, rerun_command
from wsgi_gauntlet.harness.store.evidence_digest import KEEP_ALL, with_digest
from wsgi_gauntlet.harness.store.journal import (
    BaseLine,
    CheckLine,
    EndLine,
    ExcludedLine,
    Journal,
    LoadLine,
    ServerLine,
    StartLine,
    StopLine,
)
from wsgi_gauntlet.harness.store.output_format import write_outputs

if TYPE_CHECKING:
    from wsgi_gauntlet.harness.cluster.cluster import Cluster

DEFAULT_RUN_FOLDER = "gauntlet-out"

MAX_NAMES = 4
"""Servers that a message names."""


@dataclass(frozen=True)
class RunOptions:
    """The options of a run. `cases` is None in a run of load alone, `scenarios` in a run of conformance alone.

    `failed_in` is an earlier run (its folder or results.json): only its failed cells are run. `target` is a running
    server in place of `servers`; it must prove that it knows `token`. With `tuned` each server is also run as its
    documentation recommends. The cases of `case_file` replace the catalogue. `exclude` are names of cases and scenarios
    to leave out, `thresholds` are limits as [SERVER::][SCENARIO::]NAME=VALUE. With `skip_unavailable_versions` a
    version that cannot be installed is reported as a missing server and does not end the run. With `exitfirst` the run
    ends at the first cell that fails it. `app_setup` is how the team of the user app runs it. `config` are the user's
    configuration files, each as FILE or SERVER=FILE. `base` is an earlier run that the reports compare this one with.
    `cluster` names a dask cluster whose workers generate the load or check the servers; `server_worker` names the one
    that starts the servers under load.
    With `public` the outputs leave out paths and names of this machine; the journal and the returned results keep them.
    `shard` is the part of the cells that is run; `cases` has the same one. `keep_evidence` is one of KEEP_EVIDENCE; ''
    leaves it to the configuration.
    """

    servers: tuple[str, ...] = ()
    cases: Selection | None = None
    case_file: Path | None = None
    failed_in: Path | None = None
    exclude: tuple[str, ...] = ()
    thresholds: tuple[str, ...] = ()
    scenarios: tuple[str, ...] | None = None
    load_options: LoadOptions = field(default_factory=LoadOptions)
    python: str = sys.executable
    app: str = registry.REFERENCE_APP
    app_setup: AppSetupOptions = field(default_factory=AppSetupOptions)
    command: str = ""
    config: tuple[str, ...] = ()
    out: Path | None = None
    resume: bool = False
    output_files: Mapping[str, Path] = field(default_factory=dict)
    public: bool = False
    base: Path | None = None
    baseline: Path | None = None
    update_baseline: bool = False
    tuned: bool = False
    target: str | None = None
    token: str = field(default="", repr=False)
    skip_unavailable_versions: bool = False
    exitfirst: bool = False
    shard: Shard | None = None
    cluster: str = ""
    server_worker: str = ""
    keep_evidence: str = ""


def run(options: RunOptions, configuration: Configuration, handle: EventHandler) -> tuple[Results, Path, int]:
    """Run the cells of `options`; return the results, the run folder and the exit code.

    `handle` gets every event. If it raises, the run stops, the report is written and the error is raised again.
    Raises GauntletError if the run cannot start or its results cannot be stored.
    """
    require_output_folder(options)
    with _opened_cluster(options, handle) as cluster:
        return _run(options, configuration, handle, cluster)


def _run(
    options: RunOptions, configuration: Configuration, handle: EventHandler, cluster: Cluster | None
) -> tuple[Results, Path, int]:
    known_cases = _load_cases(options.case_file) if options.case_file is not None else registry.cases()
    baseline_session = open_baseline(
        options.baseline or configuration.baseline,
        [each.id for each in known_cases],
        update=options.update_baseline,
    )
    base = _load_base(options)
    options = _with_failed_cells(options)
    selected_scenarios = select_scenarios(options)
    exclusions = _exclusions(options, configuration, known_cases)
    if options.cases is not None:
        options = replace(options, cases=exclusions.narrow(options.cases, _runnable(options, known_cases)))
    scenarios = exclusions.narrow_scenarios(selected_scenarios, may_be_empty=options.cases is not None)
    option_thresholds = _option_thresholds(options)
    plans = plan_servers(options, configuration, handle) if cluster is None else _plan_on_cluster(options, cluster)
    _check_threshold_places(configuration, option_thresholds, plans, scenarios, handle)
    selections = _select_cases(options, plans, known_cases)
    check_overrides(scenarios, options.load_options.overrides)
    loads = _loads(scenarios, plans, options.shard)
    with open_run_folder(options) as run_journal, scratch_folder() as scratch:
        mention_previous_run(run_journal, handle)
        previous_results = (
            journal.read(run_journal.folder) if options.resume and has_journal(run_journal.folder) else None
        )
        inputs = _inputs(options, plans)
        if previous_results is None:
            cases = {case.id: case.info() for each in selections.values() for case in each.reported}
            infos = {each.id: each.info() for each in scenarios}
            facts = environment(options, plans[0].app_setup if plans else AppSetup())
            facts |= {CONFIGURATION_KEY: str(configuration.file)} if configuration.file is not None else {}
            facts |= _part_fact(options, plans, known_cases, scenarios, inputs)
            run_journal.write(StartLine(SCHEMA, facts, cases, infos, inputs))
        else:
            require_same_inputs(run_journal, inputs)
        if base is not None:
            run_journal.write(BaseLine(base))
        excluded = exclusions.count(options.cases, _runnable(options, known_cases), selected_scenarios)
        _write_excluded(excluded, previous_results, run_journal, handle)
        if line := baseline_session.again(previous_results or journal.read(run_journal.folder)):
            run_journal.write(line)
        if selections and is_user_app(options.app):
            handle(Message(user_app_description(options.app, options.load_options.page)))
        recorder = _Recorder(
            run_journal,
            handle,
            baseline_session,
            configuration.thresholds,
            option_thresholds,
            keep_all_evidence=_keeps_all_evidence(options, configuration),
        )
        available = recorder.add_servers(plans)
        if previous_results is not None:
            recorder.judge_again(previous_results)
        if not (options.servers or options.scenarios or options.command or options.target) and options.cases is None:
            counts = f"{len(scenarios)} scenarios on {len(plans)} servers"
            handle(Message(f"{counts} can take hours; name servers, or scenarios with --scenario, to measure less"))
        cells = _remaining_cells(selections, loads, available, _finished_cells(previous_results))
        session = _Session(options, cells, recorder, RunFolders(scratch, run_journal.logs), cluster)
        preload_thread = start_report_preload()
        error: BaseException | None = None
        try:
            session.run_until_interrupted()
        except PageError as problem:
            error = problem
        error = error or recorder.handler_error
        if error is None and not session.incomplete:
            _update_baseline(baseline_session, run_journal, handle)
            run_journal.write(EndLine())
        elif error is None and session.stopped and not session.interrupted:
            run_journal.write(StopLine())
        if session.incomplete and baseline_session.update:
            how = "stopped" if session.stopped else "interrupted"
            recorder.pass_on(Message(f"baseline {baseline_session.name}: not updated, the run was {how}"))
        recorder.pass_on(Progress("report", "writing the report"))
        preload_thread.join()
        results = journal.read(run_journal.folder)
        write_reports(results, run_journal.folder, options)
        if error is not None:
            raise error
        code = exit_codes.exit_code(results, interrupted=session.interrupted, failed_to_start=bool(recorder.failed))
        if not session.incomplete:
            started = [plan for plan in available if plan.name not in recorder.failed]
            unjudged = exit_codes.unjudged_report(results, started, options.cases, known_cases, options.shard)
            for text in unjudged.lines:
                handle(Message(text))
            code = code or unjudged.code
        return results, run_journal.folder, code


def _keeps_all_evidence(options: RunOptions, configuration: Configuration) -> bool:
    return (options.keep_evidence or configuration.keep_evidence) == KEEP_ALL


def _exclusions(options: RunOptions, configuration: Configuration, known_cases: Sequence[Case]) -> Exclusions:
    """Return what the run leaves out. Raises UnknownName for a name that means nothing in it."""
    with_scenarios = options.scenarios is not None
    check_names(
        options.exclude,
        known_cases if options.cases is not None else None,
        registry.scenarios() if with_scenarios else None,
    )
    file = str(configuration.file or "pyproject.toml")
    return Exclusions(tuple(dict.fromkeys(options.exclude)), configuration.exclude, file)


def _option_thresholds(options: RunOptions) -> thresholds.Table:
    if not options.thresholds:
        return thresholds.NO_THRESHOLDS  # importing all scenarios takes a tenth of a second
    return thresholds.parse_options(options.thresholds, [each.id for each in registry.scenarios()])


def _check_threshold_places(
    configuration: Configuration,
    option_thresholds: thresholds.Table,
    plans: Sequence[Plan],
    scenarios: Sequence[Scenario],
    handle: EventHandler,
) -> None:
    """Refuse options for cells that the run does not have. Say which tables of the configuration are not for it."""
    names, ids = [each.name for each in plans], [each.id for each in scenarios]
    thresholds.require_measured(option_thresholds, names, ids)
    if scenarios and (text := thresholds.describe_unmeasured(configuration.thresholds, names, ids)):
        handle(Message(text))


def _write_excluded(
    excluded: tuple[Exclusion, ...], previous_results: Results | None, run_journal: Journal, handle: EventHandler
) -> None:
    """Store what the run leaves out, and say how much it is."""
    if excluded or (previous_results is not None and previous_results.excluded):
        run_journal.write(ExcludedLine(excluded))
    if text := describe_excluded(excluded):
        handle(Message(text))


def _inputs(options: RunOptions, plans: Sequence[Plan]) -> dict[str, str]:
    """Return the fingerprints of what the user gave, none for servers on other machines."""
    if options.target is not None or options.cluster or not plans:
        return {}
    load_options = options.load_options
    return {
        **server_inputs(interpreter(options.python), options.app, plans[0].app_setup),
        **request_inputs(load_options.page, load_options.traffic),
    }


def _part_fact(
    options: RunOptions,
    plans: Sequence[Plan],
    known_cases: Sequence[Case],
    scenarios: Sequence[Scenario],
    inputs: Mapping[str, str],
) -> dict[str, object]:
    """Return which part of a run this is, with all that the other parts must have, too; nothing for a whole run."""
    if (shard := options.shard) is None:
        return {}
    infos = [planning.server_info(plan) for plan in plans]
    chosen = options.cases or Selection()
    cases = replace(chosen, shard=None, failed_in="").describe()
    failed_cells = sorted((server, sorted(ids)) for server, ids in chosen.failed.items())
    named = {
        "the version of wsgi-gauntlet": __version__,
        "the servers": [
            (each.name, each.version, [PurePath(file).name for file in each.configuration]) for each in infos
        ],
        "--command": options.command,
        "the cases of the catalogue": [(each.id, each.level) for each in known_cases],
        "the selected cases": (options.cases is None, cases, failed_cells),
        "the scenarios": [each.id for each in scenarios],
        "the parameters of scenarios": (options.load_options.full, sorted(options.load_options.overrides.items())),
        "--target": options.target,
    }
    # Another machine may have the same project and interpreter in other folders.
    given = {name: value for name, value in inputs.items() if name not in (CURRENT_FOLDER, PYTHON)}
    conditions = {**{name: fingerprint(value) for name, value in named.items()}, **given}
    return {PART_KEY: msgspec.to_builtins(RunPart(shard.number, shard.of, conditions))}


@dataclass(frozen=True)
class _RemainingCells:
    """The cells of a run that have no result yet.

    `cases` lists the cases by server, with those that they need. `reported` are the (server, case) whose results count.
    """

    plans: Sequence[Plan]
    cases: Mapping[str, Sequence[Case]]
    reported: frozenset[tuple[str, str]]
    loads: Sequence[tuple[Plan, Scenario]]


def _remaining_cells(
    selections: Mapping[str, CaseSelection],
    loads: Sequence[tuple[Plan, Scenario]],
    plans: Sequence[Plan],
    finished: set[tuple[str, str]],
) -> _RemainingCells:
    available = {plan.name for plan in plans}
    names = [plan.name for plan in plans if plan.name in selections]
    left = {name: {c.id for c in selections[name].reported if (name, c.id) not in finished} for name in names}
    cases = {
        name: [c for c in selections[name].cases if c.id in ids or c.id in selections[name].dependencies_only]
        for name, ids in left.items()
        if ids
    }
    return _RemainingCells(
        [plan for plan in plans if plan.name in cases],
        cases,
        frozenset((name, id_) for name, ids in left.items() for id_ in ids),
        [(plan, each) for plan, each in loads if plan.name in available and (plan.name, each.id) not in finished],
    )


def _loads(scenarios: Sequence[Scenario], plans: Sequence[Plan], shard: Shard | None) -> list[tuple[Plan, Scenario]]:
    """Return the cells of load, of a part only its own. Raises ConfigurationError if the part has none."""
    found = {f"{plan.name} {each.id}": (plan, each) for plan, each in server_scenario_pairs(scenarios, plans)}
    included = found if shard is None else shard.included(found)
    if found and not included:
        raise ConfigurationError(f"no cell is left by --shard {shard}: there is nothing to run")
    return [pair for name, pair in found.items() if name in included]


class _Recorder:
    """Write results to the journal and pass events on. With `keep_all_evidence` no cell has a digest instead.

    An error of the handler is kept in `handler_error`. It does not reach the runners, and later results are stored.
    """

    def __init__(
        self,
        run_journal: Journal,
        handle: EventHandler,
        baseline: BaselineSession,
        threshold_table: thresholds.Table,
        option_thresholds: thresholds.Table = thresholds.NO_THRESHOLDS,
        *,
        keep_all_evidence: bool = False,
    ) -> None:
        self._keep_all_evidence = keep_all_evidence
        self._journal = run_journal
        self._handle = handle
        self._baseline = baseline
        self._thresholds = threshold_table
        self._option_thresholds = option_thresholds
        self._server_infos: dict[str, ServerInfo] = {}
        self.failed: set[str] = set()
        self.handler_error: BaseException | None = None

    def add_servers(self, plans: Sequence[Plan]) -> list[Plan]:
        """Store the servers of the run and return those that are available."""
        for plan in plans:
            self._update(planning.server_info(plan))
            if not self._server_infos[plan.name].available:
                self._handle(Message(f"{plan.name}: {planning.missing(plan).missing_message}"))
        return [plan for plan in plans if self._server_infos[plan.name].available]

    def judge_again(self, previous_results: Results) -> None:
        """Store the cells of load whose broken thresholds changed: the user may have set other thresholds."""
        for cell in previous_results.load:
            if (judged := self._with_thresholds(cell)) != cell:
                self._journal.write(LoadLine(judged))

    def _with_thresholds(self, cell: ScenarioResult) -> ScenarioResult:
        return thresholds.apply_thresholds(self._thresholds, cell, self._option_thresholds)

    def record(self, event: Event) -> Event:
        """Store the result in `event` and pass the event on. Return it as it was stored. Raises StorageFull."""
        match event:
            case CaseFinished(cell):
                judged = self._baseline.apply(self._server_infos[cell.server], cell)
                event = CaseFinished(judged if self._keep_all_evidence else with_digest(judged))
                self._journal.write(CheckLine(event.cell))
            case ScenarioFinished(cell):
                event = ScenarioFinished(self._with_thresholds(cell))
                self._journal.write(LoadLine(event.cell))
            case ServerStarted(server, command_line, conditions):
                info = self._server_infos[server]
                self._update(msgspec.structs.replace(info, command=command_line, conditions=dict(conditions)))
            case ServerFailed(server, reason):
                self.failed.add(server)
                self._update(msgspec.structs.replace(self._server_infos[server], available=False, why=reason))
        self.pass_on(event)
        return event

    def pass_on(self, event: Event) -> None:
        """Give `event` to the handler, unless the handler raised an error before."""
        if self.handler_error is None:
            try:
                self._handle(event)
            except (Exception, SystemExit) as error:  # noqa: BLE001 - raised again when the results are safe
                self.handler_error = error

    def _update(self, info: ServerInfo) -> None:
        if info != self._server_infos.get(info.name):
            self._server_infos[info.name] = info
            self._journal.write(ServerLine(info))


class _Session:
    """Run the cells of one run. `interrupted`: a signal ended it; `stopped`: it ended at the first failure."""

    def __init__(
        self,
        options: RunOptions,
        cells: _RemainingCells,
        recorder: _Recorder,
        folders: RunFolders,
        cluster: Cluster | None = None,
    ) -> None:
        self.options, self.cells, self.recorder, self.folders = options, cells, recorder, folders
        self._cluster = cluster
        self.interrupted = self.stopped = False
        self._scope = trio.CancelScope()

    @property
    def incomplete(self) -> bool:
        """Whether some cells were not run."""
        return self.interrupted or self.stopped

    def run_until_interrupted(self) -> None:
        """Run all cells, or run until a signal. Raises GauntletError and OSError without an exception group."""

        async def work() -> None:
            with self._scope:
                await handle_events(self._run_cells, self._handle_event)

        try:
            trio.run(run_until_signal, work, self._on_signal, clock=StallClock())
        except BaseExceptionGroup as group:
            raise expected_error(group) from None

    def _on_signal(self) -> None:
        self.interrupted = True
        self.recorder.pass_on(Message("interrupted: stopping the servers, then the report of the results until now"))

    async def _run_cells(self, events: EventQueue) -> None:
        load_options = self.options.load_options
        if self.cells.reported:
            await events.put(StageStarted("check", len(self.cells.reported)))
            # A run of cases and scenarios has less time for cases than `check` and `run --full`.
            all_segmentations = load_options.full or self.options.scenarios is None
            if self._cluster is not None:
                from wsgi_gauntlet.harness.cluster.worker_check import check_on_workers

                await check_on_workers(
                    self._cluster, self.cells.plans, self.cells.cases, events, all_segmentations=all_segmentations
                )
            else:
                config = runner.RunnerConfig(self.folders, all_segmentations=all_segmentations)
                await runner.check(self.cells.plans, self.cells.cases, config, events)
        if self.cells.loads:
            from wsgi_gauntlet.harness.load import runner as load_runner  # a check does not need the generators

            await events.put(StageStarted("load", len(self.cells.loads)))
            cells = ((plan, each) for plan, each in self.cells.loads if plan.name not in self.recorder.failed)
            await load_runner.load(cells, load_options, self.folders, events, self._cluster)

    def _handle_event(self, event: Event) -> None:
        if isinstance(event, CaseFinished) and (event.cell.server, event.cell.case) not in self.cells.reported:
            return  # another shard reports it
        stored = self.recorder.record(event)
        if self.recorder.handler_error is not None:
            self._scope.cancel()
        elif self.options.exitfirst and not self.stopped and (name := _failed_cell(stored)):
            self.stopped = True
            self.recorder.pass_on(Message(f"stopped at the first failure: {name}; --resume continues the run"))
            self._scope.cancel()


def _failed_cell(event: Event) -> str:
    """Return the server and the case or scenario of `event` if it ends the run with exit code 1, else ''."""
    match event:
        case CaseFinished(cell) if fails_run(cell):
            return f"{cell.server} {cell.case}"
        case ScenarioFinished(cell) if cell.broken:
            return f"{cell.server} {cell.scenario}"
    return ""


@contextlib.contextmanager
def _opened_cluster(options: RunOptions, handle: EventHandler) -> Iterator[Cluster | None]:
    """Connect to the cluster of a run for the block, if it has one. Raises ConfigurationError and NotInstalled."""
    if not options.cluster:
        yield None
        return
    from wsgi_gauntlet.harness.cluster.cluster import open_cluster  # it imports asyncio, which other runs do not need

    handle(Progress("cluster", f"connecting to {options.cluster}"))
    with open_cluster(options.cluster, server_worker=options.server_worker) as cluster:
        handle(Message(cluster.description))
        yield cluster


def _plan_on_cluster(options: RunOptions, cluster: Cluster) -> list[Plan]:
    """Return the plans of the servers of a run with a cluster: the target, or those that a worker starts.

    Raises UsageError before anything is started.
    """
    if options.target is not None:
        return plan_servers(options, Configuration())
    if not options.servers:
        raise ConfigurationError("--cluster requires the names of servers: name what the workers start")
    _require_each_once(options.servers)
    from wsgi_gauntlet.harness.cluster.worker_server import plan_on_worker

    cluster.serves = options.scenarios is not None

    async def plan_all() -> list[Plan]:
        python = "" if options.python == sys.executable else options.python
        return [await plan_on_worker(cluster, each, python) for each in options.servers]

    return trio.run(plan_all)


def _load_cases(file: Path) -> tuple[Case, ...]:
    from wsgi_gauntlet.harness.fuzz import case_file  # few runs need it, and it takes a tenth of the start of each

    return case_file.load(file)


def _select_cases(options: RunOptions, plans: list[Plan], known_cases: Sequence[Case]) -> dict[str, CaseSelection]:
    if options.cases is None:
        return {}
    return case_selections(_runnable(options, known_cases), options.cases, [plan.name for plan in plans])


def _runnable(options: RunOptions, known_cases: Sequence[Case]) -> Sequence[Case]:
    """Return the cases that can run: those about a user app need one."""
    if options.cases is None:
        return known_cases
    return runnable_cases(known_cases, options.cases, own_app=is_user_app(options.app))


def plan_servers(options: RunOptions, configuration: Configuration, handle: EventHandler = ignore_event) -> list[Plan]:
    """Return the plans of the servers. Servers that the user named must be installed; default servers need not be.

    For versions that are not installed, environments are made; `handle` gets their progress.
    Raises UsageError before anything is started, and TargetRefused if a target does not prove itself.
    """
    if options.target is not None:
        found = target.parse_target(options.target)
        proof.require_token(options.token)
        address = trio.run(proof.resolve_and_verify, found, options.token)
        remote = remote_server.target_plan(found, address, options.token)
        if options.scenarios is None:
            trio.run(_try_target, remote, handle)
        return [remote]
    custom = dict(configuration.servers)
    names = list(options.servers)
    if options.command:
        custom["custom"] = options.command
        names = names or ["custom"]
        if not any(parse(each).server.adapter == "custom" for each in names if not each.endswith(".py")):
            raise ConfigurationError(
                f"--command describes the server named custom, but the servers are {', '.join(names)}: "
                "leave them out, or add custom"
            )
    chosen = names or [*registry.default_variants(), *configuration.servers]
    _require_each_once(chosen)
    python = interpreter(options.python)
    where = Path.cwd() if options.app != registry.REFERENCE_APP else None

    setup = _app_setup(options, configuration, where, handle)
    configs: Mapping[str, Path] = {}

    def plan(name: str) -> Plan:
        made = planning.plan(
            name,
            python=python,
            app=options.app,
            app_path=where,
            custom=custom,
            configs=configs,
            app_setup=setup,
        )
        return replace(made, page=options.load_options.page)

    plans = [plan(name) for name in chosen]
    configs = server_config.configs_for(options.config, configuration.configs, plans)
    if configs:
        plans = [plan(name) for name in chosen]
    if not names:
        plans = _keep_installed(plans, handle)
    if options.tuned:
        plans = [each for one in plans for each in (one, *map(plan, _tuned_variants(one, chosen)))]
    if names:
        for each in plans:
            planning.require(each, versions=False)
    else:
        plans = _keep_those_that_run_the_app(plans, handle)
    checked_interpreters = planning.require_user_app(plans)
    # Last, because making an environment takes seconds: all other options are known to be right now.
    plans = [
        versioned.ensure_environments(each, handle, skip_unavailable_versions=options.skip_unavailable_versions)
        for each in plans
    ]
    if names and not options.skip_unavailable_versions:
        for each in plans:
            planning.require(each)
    planning.require_user_app(plans, checked_interpreters)
    plans = [server_config.with_overrides(each) if planning.missing(each).available else each for each in plans]
    for text in (*chain.from_iterable(map(server_config.description, plans)), *_static_description(plans)):
        handle(Message(text))
    return plans


async def _try_target(plan: Plan, handle: EventHandler) -> None:
    """Require that `plan` can be checked, and say what its way of running means. Raises TargetRefused."""
    async with attachment.attached(plan) as observed:
        if observed.one_at_a_time:
            handle(
                Message(
                    f"{plan.name} answers one request at a time: cases that need a second one meanwhile are unsupported"
                )
            )
        if observed.plan.front:
            handle(
                Message(
                    f"{plan.name} seems to be behind a proxy ({observed.plan.front}): cases that proxies may break are "
                    "skipped, and the others judge proxy and server together"
                )
            )


def _static_description(plans: Sequence[Plan]) -> Iterator[str]:
    """Yield a sentence about static files that servers of `plans` do not send, for people."""
    names = [each.name for each in plans if each.app_setup.static and each.static_server is None]
    if names:
        prefixes = ", ".join(each.prefix for each in plans[0].app_setup.static)
        more = f" and {len(names) - MAX_NAMES} more" if len(names) > MAX_NAMES else ""
        verb = "sends no files by itself" if len(names) == 1 else "send no files by themselves"
        yield f"{', '.join(names[:MAX_NAMES])}{more} {verb}: requests below {prefixes} reach the app"


def _require_each_once(names: Sequence[str]) -> None:
    twice = {name for name in names if names.count(name) > 1}
    if twice:
        raise ConfigurationError(f"{', '.join(sorted(twice))} is named twice; name each server once")


def _app_setup(
    options: RunOptions, configuration: Configuration, folder: Path | None, handle: EventHandler
) -> AppSetup:
    """Return how the user app is run. Raises ConfigurationError if there are options for it, and no user app."""
    if folder is None:
        if given := options.app_setup.given:
            raise ConfigurationError(f"{given} requires --app: name your app, as --app shop.wsgi:application")
        return AppSetup()
    found = resolve_app_setup(options.app_setup.over(configuration.app_setup), options.app, folder)
    if found.left_out:
        handle(Message(f"left out of the env file, because they configure servers: {', '.join(found.left_out)}"))
    return found.setup


def _keep_installed(plans: list[Plan], handle: EventHandler) -> list[Plan]:
    available = [plan for plan in plans if planning.missing(plan).available]
    if not available:
        raise NotInstalled("no server is installed; `wsgi-gauntlet servers` lists the commands that install them")
    absent = [plan.name for plan in plans if plan not in available]
    if absent:
        handle(
            Message(f"not installed: {', '.join(absent)}; `wsgi-gauntlet servers` lists the commands that install them")
        )
    return available


def _keep_those_that_run_the_app(plans: list[Plan], handle: EventHandler) -> list[Plan]:
    """Return `plans` without servers whose own interpreter has not the packages of the user app."""
    kept = []
    for each in plans:
        if fault := planning.own_interpreter_fault(each):
            handle(Message(f"{each.name} is left out: {fault}"))
        else:
            kept.append(each)
    return kept


def _tuned_variants(plan: Plan, chosen: list[str]) -> list[str]:
    tuned_name = planning.tuned_variant_name(plan)
    return [tuned_name] if tuned_name and tuned_name not in chosen else []


def require_output_folder(options: RunOptions) -> None:
    """Raise ConfigurationError, before anything is started, if the outputs of the run cannot be written."""
    output_folder.require_output_folder(options.out or Path(DEFAULT_RUN_FOLDER))
    output_folder.check_output_files(options.output_files, options.out or Path(DEFAULT_RUN_FOLDER))


def environment(options: RunOptions, setup: AppSetup) -> dict[str, object]:
    """Return the facts about the machine, the program and the options that a reader of the report needs.

    `setup` is that of the user app. Values of its env file are not shown.
    """
    return {
        "program": f"wsgi-gauntlet {__version__}",
        "python": platform.python_version(),
        "system": f"{platform.system()} {platform.release()} {platform.machine()}",
        "processor": _processor_name(),
        "cores": len(os.sched_getaffinity(0)),
        "memory": psutil.virtual_memory().total,
        "date": datetime.now(UTC).isoformat(timespec="seconds"),
        **({"app": options.app} if options.target is None else {"target": options.target}),
        **({"cluster": options.cluster} if options.cluster else {}),
        **_requested(options),
        "full": options.load_options.full,
        rerun_command.OPTIONS_KEY: [
            *rerun_command.options(
                options.python,
                options.app if is_user_app(options.app) else "",
                options.command,
                options.load_options.page,
                options.config,
                str(options.case_file or ""),
                [setup.for_people(each) for each in options.app_setup.words()],
            ),
            *(("--target", options.target) if options.target else ()),
        ],
    }


def _requested(options: RunOptions) -> dict[str, object]:
    """Return what users request of the user app."""
    if options.load_options.traffic is not None:
        return {"traffic": PurePath(options.load_options.traffic.source).name}
    return {"page": options.load_options.page} if is_user_app(options.app) else {}


def _processor_name() -> str:
    """Return the name of the processor, as the system reports it."""
    with contextlib.suppress(OSError):
        for line in Path("/proc/cpuinfo").read_text().splitlines():
            if line.startswith("model name"):
                return line.partition(":")[2].strip()
    return platform.processor() or platform.machine()


def start_report_preload() -> threading.Thread:
    """Start a thread that imports what the reports need."""

    # While the first servers start, the imports delay nothing; after Ctrl-C the user would wait for them.
    def prepare() -> None:
        # If the process is out of descriptors or memory now, the report itself retries or fails with a message.
        with contextlib.suppress(OSError, ImportError, MemoryError):
            for output in registry.outputs().values():
                output.prepare()

    thread = threading.Thread(target=prepare, daemon=True)
    thread.start()
    return thread


def mention_previous_run(run_journal: Journal, handle: EventHandler) -> None:
    """Say where the files of an earlier run went, if there was one in the folder."""
    if run_journal.previous_folder is not None:
        handle(Message(f"the earlier run in {run_journal.folder} was moved to {run_journal.previous_folder}"))


def write_reports(results: Results, folder: Path, options: RunOptions) -> Results:
    """Write all outputs of `results` into the run folder. Return the results as they are written: see --public."""
    shown = publish(results, private_names(results, [folder])) if options.public else results
    write_outputs(shown, folder, registry.outputs(), options.output_files)
    return shown


@contextlib.contextmanager
def open_run_folder(options: RunOptions) -> Iterator[Journal]:
    """Open the journal in the run folder of `options`, or in a new folder if another run uses the default one."""
    if options.out is not None:
        with Journal.open(options.out, resume=options.resume) as run_journal:
            yield run_journal
        return
    with contextlib.ExitStack() as stack:
        for number in range(1, 100):
            path = Path(DEFAULT_RUN_FOLDER if number == 1 else f"{DEFAULT_RUN_FOLDER}-{number}")
            if journal.is_locked(path):
                continue  # another run uses this folder
            yield stack.enter_context(Journal.open(path, resume=options.resume))
            return
        raise ConfigurationError(f"99 runs are writing to {DEFAULT_RUN_FOLDER}; name another folder with --out")


def has_journal(folder: Path) -> bool:
    """Say whether `folder` has a run that can be resumed."""
    path = journal.journal_path(folder)
    return path.exists() and path.stat().st_size > 0


def _finished_cells(previous_results: Results | None) -> set[tuple[str, str]]:
    if previous_results is None:
        return set()
    return {(c.server, c.case) for c in previous_results.conformance} | {
        (c.server, c.scenario) for c in previous_results.load
    }


def _with_failed_cells(options: RunOptions) -> RunOptions:
    """Return `options` with the failed cells of the run `failed_in`, and with its servers if none are named."""
    if options.failed_in is None or options.cases is None:
        return options
    found = failed(registry.load_results(options.failed_in))
    if not found:
        raise ConfigurationError(f"no cell failed in {options.failed_in}: there is nothing to run again")
    cases = replace(options.cases, failed_in=str(options.failed_in), failed=found)
    return replace(options, cases=cases, servers=options.servers or (() if options.command else tuple(found)))


def _load_base(options: RunOptions) -> BaseRun | None:
    """Return the base run, read before an earlier run in the run folder moves away."""
    if options.base is None:
        return None
    if options.resume and options.base.resolve() == (options.out or Path(DEFAULT_RUN_FOLDER)).resolve():
        raise ConfigurationError(f"--base {options.base} is the run that --resume continues; name an earlier run")
    return registry.load_base(options.base)


def _update_baseline(baseline_session: BaselineSession, run_journal: Journal, handle: EventHandler) -> None:
    if baseline_session.update:
        results = journal.read(run_journal.folder)
        after, summary = baseline_session.updated(results)
        if line := after.again(results):
            run_journal.write(line)
        handle(Message(summary))


def select_scenarios(options: RunOptions) -> list[Scenario]:
    """Return the scenarios of a run. Raises UnknownName."""
    if options.scenarios is None:
        return []
    if options.scenarios:
        found = [each for name in options.scenarios for each in registry.scenarios_named(name)]
        return list({each.id: each for each in found}.values())
    if options.load_options.full:
        return list(registry.scenarios())
    return [
        each for each in registry.scenarios() if each.in_default_run or (options.cases is None and not each.full_only)
    ]


def interpreter(python: str) -> str:
    """Return the path of the interpreter `python`. Raises ConfigurationError."""
    found = shutil.which(python)
    if found is None:
        inside = Path(python, "bin", "python")
        if inside.is_file():
            raise ConfigurationError(f"--python {python} is a folder; name the interpreter in it: {inside}")
        raise ConfigurationError(
            f"--python {python}: no such program; give the path of an interpreter, such as /usr/bin/python3"
        )
    return str(Path(found).absolute())
