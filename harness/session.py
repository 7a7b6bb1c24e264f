"""One call of the program from its words to its exit code: plan, run, keep, report.

Everything measured goes to the journal first; results and reports are made from the journal, so an interrupted run, a
resumed one and a finished one take the same path.
"""

from __future__ import annotations

import contextlib
import gc
import os
import platform
import shutil
import sys
import tempfile
import threading
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from importlib import metadata
from pathlib import Path

import psutil
import trio

from wsgi_gauntlet.harness import registry
from wsgi_gauntlet.harness.baseline import session
from wsgi_gauntlet.harness.baseline.comparison import fails_run
from wsgi_gauntlet.harness.cli import exit_codes
from wsgi_gauntlet.harness.cli.options import check_output_files
from wsgi_gauntlet.harness.config import Configuration
from wsgi_gauntlet.harness.conformance.catalog import Scenario
from wsgi_gauntlet.harness.conformance.selection import (
    CaseSelection,
    Selection,
    case_selections,
    failed,
    runnable_cases,
)
from wsgi_gauntlet.harness.errors import ConfigurationError, NotInstalled, PageError
from wsgi_gauntlet.harness.load import runner
from wsgi_gauntlet.harness.load.thresholds import apply_thresholds
from wsgi_gauntlet.harness.model import SCHEMA, Grade, Results, Verdict
from wsgi_gauntlet.harness.model.listener import Listener, NullListener
from wsgi_gauntlet.harness.server import planning
from wsgi_gauntlet.harness.server.environments import versioned
from wsgi_gauntlet.harness.server.name import parse
from wsgi_gauntlet.harness.server.plan import Plan
from wsgi_gauntlet.harness.server.process.signals import run_until_interrupted
from wsgi_gauntlet.harness.server.process.supervisor import clear
from wsgi_gauntlet.harness.server.remote import proof, remote_server, target
from wsgi_gauntlet.harness.server.user_app import is_user_app, user_app_description
from wsgi_gauntlet.harness.session_work import RunStatus, SessionWork
from wsgi_gauntlet.harness.store import journal, output_folder, rerun_command
from wsgi_gauntlet.harness.store.host_info import processor_name
from wsgi_gauntlet.harness.store.journal import EndLine, Journal, LoadLine, ServerLine, StartLine
from wsgi_gauntlet.harness.store.outputs import write

DEFAULT_RUN_FOLDER = "gauntlet-out"
SCRATCH_PREFIX = "wsgi-gauntlet-"

EXIT_INTERRUPTED, EXIT_FAILED, INVALID, EXIT_ERROR = 130, 1, 3, 4


@dataclass(frozen=True)
class RunOptions:
    """What the user asked for. `cases` and `scenarios` are None where that half is not part of the call.

    `failed_in` is an earlier run, a folder or its results.json, to whose failed cells the call is narrowed. `target` is
    a server that somebody else started, in place of `servers`; what it must prove is that it knows `token`. With
    `tuned` each server is there a second time, as its documentation advises it.
    With `tolerant` a version that cannot be had is a server that is not here, instead of the end of the call.
    With `exitfirst` a check ends with the first cell that fails it.
    """

    servers: tuple[str, ...] = ()
    cases: Selection | None = None
    failed_in: Path | None = None
    scenarios: tuple[str, ...] | None = None
    load_options: runner.LoadOptions = field(default_factory=runner.LoadOptions)
    python: str = sys.executable
    app: str = registry.REFERENCE_APP
    command: str = ""
    out: Path | None = None
    resume: bool = False
    output_files: Mapping[str, Path] = field(default_factory=dict)
    baseline: Path | None = None
    update_baseline: bool = False
    tuned: bool = False
    target: str | None = None
    token: str = field(default="", repr=False)
    skip_unavailable_versions: bool = False
    exitfirst: bool = False


def run(options: RunOptions, configuration: Configuration, listener: Listener) -> tuple[Results, Path, int]:
    """Carry out `call`; return what was measured, the run folder and the exit code.

    Raises GauntletError for whatever kept it from running, or from keeping what it measured.
    """
    require_output_folder(options)
    baseline_session = session.open_baseline(options.baseline or configuration.baseline, update=options.update_baseline)
    options = _with_failed_cells(options)
    plans = plan_servers(options, configuration, listener)
    cells = _select_cases(options, plans)
    cases = {case.id: case.info() for share in cells.values() for case in share.reported}
    scenarios = _select_scenarios(options)
    status = RunStatus()
    with _open_run_folder(options) as run_journal, scratch() as scratch_folder:
        if run_journal.previous_folder is not None:
            listener.message(f"the earlier run in {run_journal.folder} was moved to {run_journal.previous_folder}")
        previous_results = (
            journal.read(run_journal.folder) if options.resume and _has_journal(run_journal.folder) else None
        )
        if previous_results is None:
            run_journal.write(StartLine(SCHEMA, environment(options), cases, {s.id: s.info() for s in scenarios}))
        if line := baseline_session.again(previous_results or journal.read(run_journal.folder)):
            run_journal.write(line)
        if cells and is_user_app(options.app):
            listener.message(user_app_description(options.app, options.load_options.page))
        for plan in plans:
            run_journal.write(ServerLine(planning.server_info(plan)))
            if not planning.server_info(plan).available:
                listener.message(f"{plan.name}: {planning.missing(plan).missing_message}")
        available = [plan for plan in plans if planning.server_info(plan).available]
        for cell in previous_results.load if previous_results is not None else ():
            # Thresholds may have changed since it was measured.
            if (rerun_command := apply_thresholds(configuration.thresholds, cell)) != cell:
                run_journal.write(LoadLine(rerun_command))
        work = SessionWork(
            run_journal,
            listener,
            scratch_folder,
            status,
            available,
            cells,
            scenarios,
            options.load_options,
            _finished_cells(previous_results),
            baseline_session,
            configuration.thresholds,
            options.exitfirst,
        )
        preload_thread = _start_report_preload(bool(work.loads))
        page_error: PageError | None = None
        try:
            run_until_interrupted(work.run, status, listener)
        except PageError as problem:
            page_error = problem
        if page_error is None and not status.incomplete:
            _update_baseline(baseline_session, run_journal, listener)
            run_journal.write(EndLine())
        elif baseline_session.update:
            listener.message(
                f"baseline {baseline_session.name}: not updated, the run was "
                f"{'stopped' if status.stopped else 'interrupted'}"
            )
        listener.progress("report", "writing the report")
        preload_thread.join()
        with _garbage_collector_paused():
            results = journal.read(run_journal.folder)
            write(results, run_journal.folder, options.output_files)
        if page_error is not None:
            raise page_error
        code = exit_code(results, status.interrupted, bool(status.failed_to_start))
        if not status.incomplete:
            nothing = exit_codes.told(
                results, [p for p in available if p.name not in status.failed_to_start], options.cases
            )
            for each in nothing.lines:
                listener.message(each)
            code = code or nothing.code
        return results, run_journal.folder, code


def _select_cases(options: RunOptions, plans: list[Plan]) -> dict[str, CaseSelection]:
    if options.cases is None:
        return {}
    known = runnable_cases(registry.cases(), options.cases, own_app=is_user_app(options.app))
    return case_selections(known, options.cases, [plan.name for plan in plans])


def plan_servers(options: RunOptions, configuration: Configuration, listener: Listener | None = None) -> list[Plan]:
    """Return the plans of the call's servers; what the user named must be there, what is ours to choose need not.

    For versions that the interpreter does not have, environments are made, of which `listener` hears.
    Raises UsageError, before anything is started; of a target whatever keeps it from proving itself.
    """
    if options.target is not None:
        found = target.parse_target(options.target)
        proof.require_token(options.token)
        return [
            remote_server.target_plan(found, trio.run(proof.resolve_and_verify, found, options.token), options.token)
        ]
    custom = dict(configuration.servers)
    names = list(options.servers)
    if options.command:
        custom["custom"] = options.command
        names = names or ["custom"]
        if not any(parse(each).server.adapter == "custom" for each in names if not each.endswith(".py")):
            raise ConfigurationError(
                f"--command is a server named custom, and named is {', '.join(names)}: leave that out, or add custom"
            )
    chosen = names or [*registry.default_variants(), *configuration.servers]
    twice = {name for name in chosen if chosen.count(name) > 1}
    if twice:
        raise ConfigurationError(f"{', '.join(sorted(twice))} is named twice; name each server once")
    python = interpreter(options.python)
    where = Path.cwd() if options.app != registry.REFERENCE_APP else None

    def plan(name: str) -> Plan:
        made = planning.plan(name, python=python, app=options.app, app_path=where, custom=custom)
        return replace(made, page=options.load_options.page)

    plans = [plan(name) for name in chosen]
    if not names:
        plans = _keep_installed(plans, listener or NullListener())
    if options.tuned:
        plans = [each for one in plans for each in (one, *map(plan, _tuned_variants(one, chosen)))]
    if names:
        for each in plans:
            planning.require(each, versions=False)
    checked_interpreters = planning.require_user_app(plans)
    # Not before all other words are known to be right: making an environment takes seconds.
    plans = [
        versioned.ensure_environments(
            each, listener or NullListener(), skip_unavailable_versions=options.skip_unavailable_versions
        )
        for each in plans
    ]
    if names and not options.skip_unavailable_versions:
        for each in plans:
            planning.require(each)
    planning.require_user_app(plans, checked_interpreters)
    return plans


def _keep_installed(plans: list[Plan], listener: Listener) -> list[Plan]:
    available = [plan for plan in plans if planning.missing(plan).available]
    if not available:
        raise NotInstalled("no server is installed; `wsgi-gauntlet servers` says how to get each")
    absent = [plan.name for plan in plans if plan not in available]
    if absent:
        listener.message(f"not installed: {', '.join(absent)}; `wsgi-gauntlet servers` says how to get each")
    return available


def _tuned_variants(plan: Plan, chosen: list[str]) -> list[str]:
    tuned_name = planning.tuned_variant_name(plan)
    return [tuned_name] if tuned_name and tuned_name not in chosen else []


def exit_code(results: Results, interrupted: bool, failed_to_start: bool) -> int:
    """Return what the process ends with, by the table in the command's help."""
    verdicts = {each.verdict for each in results.conformance}
    failing = any(map(fails_run, results.conformance))
    grades = {each.grade for each in results.load}
    if interrupted:
        return EXIT_INTERRUPTED
    if failed_to_start:
        return EXIT_ERROR
    if failing or any(each.broken for each in results.load):
        return EXIT_FAILED
    if Verdict.ERROR in verdicts or Grade.ERROR in grades:
        return EXIT_ERROR
    return INVALID if Grade.INVALID in grades else 0


def require_output_folder(options: RunOptions) -> None:
    """Raise ConfigurationError where what `call` is to write cannot be written, before anything is started."""
    output_folder.require_output_folder(options.out or Path(DEFAULT_RUN_FOLDER))
    check_output_files(options.output_files, options.out or Path(DEFAULT_RUN_FOLDER))


def environment(options: RunOptions) -> dict[str, object]:
    """Return what a reader must know of machine, program and call."""
    return {
        "program": f"wsgi-gauntlet {metadata.version('wsgi-gauntlet')}",
        "python": platform.python_version(),
        "system": f"{platform.system()} {platform.release()} {platform.machine()}",
        "processor": processor_name(),
        "cores": len(os.sched_getaffinity(0)),
        "memory": psutil.virtual_memory().total,
        "date": datetime.now(UTC).isoformat(timespec="seconds"),
        **({"app": options.app} if options.target is None else {"target": options.target}),
        **({"page": options.load_options.page} if is_user_app(options.app) else {}),
        "full": options.load_options.full,
        rerun_command.OPTIONS_KEY: rerun_command.options(
            options.python, options.app if is_user_app(options.app) else "", options.command, options.load_options.page
        ),
    }


@contextlib.contextmanager
def _garbage_collector_paused() -> Iterator[None]:
    # A report is a million small objects and none of them garbage before its end: looking for some takes a fifth of
    # the time that somebody who pressed Ctrl-C waits.
    gc.disable()
    try:
        yield
    finally:
        gc.enable()


def _start_report_preload(wanted: bool) -> threading.Thread:
    # Beside the start of the first servers, so that Ctrl-C at the end is not followed by seconds of imports. Only for
    # runs with load: nothing else has charts, and they are long.
    def prepare() -> None:
        # Where this process has just run out of something, the report itself will say so or find some again.
        with contextlib.suppress(OSError, ImportError, MemoryError):
            for output in registry.outputs().values() if wanted else ():
                output.prepare()

    thread = threading.Thread(target=prepare, daemon=True)
    thread.start()
    return thread


@contextlib.contextmanager
def scratch() -> Iterator[Path]:
    """Make a private folder (0700) for sockets and configuration, gone at the end.

    What a run that was killed left behind is cleared away first: the folder's name carries its maker's pid.
    """
    base = Path(tempfile.gettempdir())
    for left in base.glob(f"{SCRATCH_PREFIX}*-*"):
        pid = left.name.removeprefix(SCRATCH_PREFIX).partition("-")[0]
        with contextlib.suppress(FileNotFoundError):  # another run clears away as well
            if pid.isdigit() and not psutil.pid_exists(int(pid)) and left.lstat().st_uid == os.getuid():
                clear(left)
    scratch_folder = Path(tempfile.mkdtemp(prefix=f"{SCRATCH_PREFIX}{os.getpid()}-"))
    try:
        yield scratch_folder
    finally:
        clear(scratch_folder)


@contextlib.contextmanager
def _open_run_folder(options: RunOptions) -> Iterator[Journal]:
    if options.out is not None:
        with Journal.open(options.out, resume=options.resume) as run_journal:
            yield run_journal
        return
    with contextlib.ExitStack() as stack:
        for number in range(1, 100):
            path = Path(DEFAULT_RUN_FOLDER if number == 1 else f"{DEFAULT_RUN_FOLDER}-{number}")
            if journal.is_locked(path):
                continue  # another run of the same user in the same place: both keep their own
            yield stack.enter_context(Journal.open(path, resume=options.resume))
            return
        raise ConfigurationError(f"99 runs are writing to {DEFAULT_RUN_FOLDER}; name another folder with --out")


def _has_journal(folder: Path) -> bool:
    path = folder / journal.JOURNAL_FILENAME
    return path.exists() and path.stat().st_size > 0


def _finished_cells(previous_results: Results | None) -> set[tuple[str, str]]:
    if previous_results is None:
        return set()
    return {(c.server, c.case) for c in previous_results.conformance} | {
        (c.server, c.scenario) for c in previous_results.load
    }


def _with_failed_cells(options: RunOptions) -> RunOptions:
    """Return `call` with the run that it is narrowed to read, and that run's servers where it names none."""
    if options.failed_in is None or options.cases is None:
        return options
    found = failed(registry.load_results(options.failed_in))
    if not found:
        raise ConfigurationError(f"no cell failed in {options.failed_in}: there is nothing to run again")
    cases = replace(options.cases, failed_in=str(options.failed_in), failed=found)
    return replace(options, cases=cases, servers=options.servers or (() if options.command else tuple(found)))


def _update_baseline(baseline_session: session.BaselineSession, run_journal: Journal, listener: Listener) -> None:
    if baseline_session.update:
        results = journal.read(run_journal.folder)
        after, told = baseline_session.updated(results)
        if line := after.again(results):
            run_journal.write(line)
        listener.message(told)


def _select_scenarios(options: RunOptions) -> list[Scenario]:
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
    """Return where the interpreter is that the user names. Raises ConfigurationError."""
    found = shutil.which(python)
    if found is None:
        raise ConfigurationError(f"--python {python}: no such program; name an interpreter's path, as /usr/bin/python3")
    return str(Path(found).absolute())
