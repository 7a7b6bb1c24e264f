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

from . import again, discover, folders, journal, planning, rounds, unjudged
from .baselines import holding
from .baselines.baseline import breaks
from .catalog import Scenario
from .configuration import Configuration
from .errors import BadConfiguration, NoSuchPage, NotInstalled
from .interruption import until_done_or_interrupted
from .journal import End, Journal, LoadLine, ServerLine, Start
from .launching.ownapp import beside, is_own
from .launching.plan import Plan
from .launching.supervisor import clear
from .load.targets import elsewhere, proof, target
from .machine import processor
from .model import SCHEMA, Grade, Results, Verdict
from .naming import parse
from .options import fit_files
from .outputs import write
from .progress import Listener, Silence
from .selection import Selection, Share, failed, fitting, shares
from .thresholds import judged
from .versions import environments
from .work import Outcome, Work

FOLDER = "gauntlet-out"
SCRATCH = "wsgi-gauntlet-"

INTERRUPTED, FAILED, INVALID, TROUBLE = 130, 1, 3, 4


@dataclass(frozen=True)
class Call:
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
    narrowing: rounds.Narrowing = field(default_factory=rounds.Narrowing)
    python: str = sys.executable
    app: str = discover.REFERENCE_APP
    command: str = ""
    out: Path | None = None
    resume: bool = False
    files: Mapping[str, Path] = field(default_factory=dict)
    baseline: Path | None = None
    update_baseline: bool = False
    tuned: bool = False
    target: str | None = None
    token: str = field(default="", repr=False)
    tolerant: bool = False
    exitfirst: bool = False


def run(call: Call, configuration: Configuration, listener: Listener) -> tuple[Results, Path, int]:
    """Carry out `call`; return what was measured, the run folder and the exit code.

    Raises GauntletError for whatever kept it from running, or from keeping what it measured.
    """
    fit(call)
    against = holding.opened(call.baseline or configuration.baseline, update=call.update_baseline)
    call = _narrowed(call)
    plans = planned(call, configuration, listener)
    cells = _cells(call, plans)
    cases = {case.id: case.info() for share in cells.values() for case in share.own}
    scenarios = _scenarios(call)
    outcome = Outcome()
    with _folder(call) as book, scratch() as room:
        if book.earlier is not None:
            listener.remark(f"the earlier run in {book.folder} was moved to {book.earlier}")
        before = journal.read(book.folder) if call.resume and _begun(book.folder) else None
        if before is None:
            book.write(Start(SCHEMA, environment(call), cases, {s.id: s.info() for s in scenarios}))
        if line := against.again(before or journal.read(book.folder)):
            book.write(line)
        if cells and is_own(call.app):
            listener.remark(beside(call.app, call.narrowing.page))
        for plan in plans:
            book.write(ServerLine(planning.information(plan)))
            if not planning.information(plan).available:
                listener.remark(f"{plan.name}: {planning.missing(plan).lack}")
        here = [plan for plan in plans if planning.information(plan).available]
        for cell in before.loads if before is not None else ():
            # Thresholds may have changed since it was measured.
            if (again := judged(configuration.thresholds, cell)) != cell:
                book.write(LoadLine(again))
        work = Work(
            book,
            listener,
            room,
            outcome,
            here,
            cells,
            scenarios,
            call.narrowing,
            _decided(before),
            against,
            configuration.thresholds,
            call.exitfirst,
        )
        ready = _prepared(bool(work.loads))
        refused: NoSuchPage | None = None
        try:
            until_done_or_interrupted(work.do, outcome, listener)
        except NoSuchPage as problem:
            refused = problem
        if refused is None and not outcome.cut_short:
            _update(against, book, listener)
            book.write(End())
        elif against.update:
            listener.remark(
                f"baseline {against.name}: not updated, the run was {'stopped' if outcome.stopped else 'interrupted'}"
            )
        listener.working("report", "writing the report")
        ready.join()
        with _no_collector():
            results = journal.read(book.folder)
            write(results, book.folder, call.files)
        if refused is not None:
            raise refused
        code = exit_code(results, outcome.interrupted, bool(outcome.stranded))
        if not outcome.cut_short:
            nothing = unjudged.told(results, [p for p in here if p.name not in outcome.stranded], call.cases)
            for each in nothing.lines:
                listener.remark(each)
            code = code or nothing.code
        return results, book.folder, code


def _cells(call: Call, plans: list[Plan]) -> dict[str, Share]:
    if call.cases is None:
        return {}
    known = fitting(discover.cases(), call.cases, own_app=is_own(call.app))
    return shares(known, call.cases, [plan.name for plan in plans])


def planned(call: Call, configuration: Configuration, listener: Listener | None = None) -> list[Plan]:
    """Return the plans of the call's servers; what the user named must be there, what is ours to choose need not.

    For versions that the interpreter does not have, environments are made, of which `listener` hears.
    Raises UsageError, before anything is started; of a target whatever keeps it from proving itself.
    """
    if call.target is not None:
        found = target.parse(call.target)
        proof.require_token(call.token)
        return [elsewhere.target_plan(found, trio.run(proof.find, found, call.token), call.token)]
    custom = dict(configuration.servers)
    names = list(call.servers)
    if call.command:
        custom["custom"] = call.command
        names = names or ["custom"]
        if not any(parse(each).server.adapter == "custom" for each in names if not each.endswith(".py")):
            raise BadConfiguration(
                f"--command is a server named custom, and named is {', '.join(names)}: leave that out, or add custom"
            )
    chosen = names or [*discover.lineup(), *configuration.servers]
    twice = {name for name in chosen if chosen.count(name) > 1}
    if twice:
        raise BadConfiguration(f"{', '.join(sorted(twice))} is named twice; name each server once")
    python = interpreter(call.python)
    where = Path.cwd() if call.app != discover.REFERENCE_APP else None

    def plan(name: str) -> Plan:
        made = planning.plan(name, python=python, app=call.app, app_path=where, custom=custom)
        return replace(made, page=call.narrowing.page)

    plans = [plan(name) for name in chosen]
    if not names:
        plans = _installed(plans, listener or Silence())
    if call.tuned:
        plans = [each for one in plans for each in (one, *map(plan, _twins(one, chosen)))]
    if names:
        for each in plans:
            planning.require(each, versions=False)
    looked = planning.require_own_app(plans)
    # Not before all other words are known to be right: making an environment takes seconds.
    plans = [environments.provided(each, listener or Silence(), tolerant=call.tolerant) for each in plans]
    if names and not call.tolerant:
        for each in plans:
            planning.require(each)
    planning.require_own_app(plans, looked)
    return plans


def _installed(plans: list[Plan], listener: Listener) -> list[Plan]:
    here = [plan for plan in plans if planning.missing(plan).here]
    if not here:
        raise NotInstalled("no server is installed; `wsgi-gauntlet servers` says how to get each")
    absent = [plan.name for plan in plans if plan not in here]
    if absent:
        listener.remark(f"not installed: {', '.join(absent)}; `wsgi-gauntlet servers` says how to get each")
    return here


def _twins(plan: Plan, chosen: list[str]) -> list[str]:
    twin = planning.tuned_twin(plan)
    return [twin] if twin and twin not in chosen else []


def exit_code(results: Results, interrupted: bool, stranded: bool) -> int:
    """Return what the process ends with, by the table in the command's help."""
    verdicts = {each.verdict for each in results.checks}
    failing = any(map(breaks, results.checks))
    grades = {each.grade for each in results.loads}
    if interrupted:
        return INTERRUPTED
    if stranded:
        return TROUBLE
    if failing or any(each.broken for each in results.loads):
        return FAILED
    if Verdict.ERROR in verdicts or Grade.ERROR in grades:
        return TROUBLE
    return INVALID if Grade.INVALID in grades else 0


def fit(call: Call) -> None:
    """Raise BadConfiguration where what `call` is to write cannot be written, before anything is started."""
    folders.fit(call.out or Path(FOLDER))
    fit_files(call.files, call.out or Path(FOLDER))


def environment(call: Call) -> dict[str, object]:
    """Return what a reader must know of machine, program and call."""
    return {
        "program": f"wsgi-gauntlet {metadata.version('wsgi-gauntlet')}",
        "python": platform.python_version(),
        "system": f"{platform.system()} {platform.release()} {platform.machine()}",
        "processor": processor(),
        "cores": len(os.sched_getaffinity(0)),
        "memory": psutil.virtual_memory().total,
        "date": datetime.now(UTC).isoformat(timespec="seconds"),
        **({"app": call.app} if call.target is None else {"target": call.target}),
        **({"page": call.narrowing.page} if is_own(call.app) else {}),
        "full": call.narrowing.full,
        again.OPTIONS: again.options(
            call.python, call.app if is_own(call.app) else "", call.command, call.narrowing.page
        ),
    }


@contextlib.contextmanager
def _no_collector() -> Iterator[None]:
    # A report is a million small objects and none of them garbage before its end: looking for some takes a fifth of
    # the time that somebody who pressed Ctrl-C waits.
    gc.disable()
    try:
        yield
    finally:
        gc.enable()


def _prepared(wanted: bool) -> threading.Thread:
    # Beside the start of the first servers, so that Ctrl-C at the end is not followed by seconds of imports. Only for
    # runs with load: nothing else has charts, and they are long.
    def prepare() -> None:
        # Where this process has just run out of something, the report itself will say so or find some again.
        with contextlib.suppress(OSError, ImportError, MemoryError):
            for output in discover.outputs().values() if wanted else ():
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
    for left in base.glob(f"{SCRATCH}*-*"):
        pid = left.name.removeprefix(SCRATCH).partition("-")[0]
        with contextlib.suppress(FileNotFoundError):  # another run clears away as well
            if pid.isdigit() and not psutil.pid_exists(int(pid)) and left.lstat().st_uid == os.getuid():
                clear(left)
    room = Path(tempfile.mkdtemp(prefix=f"{SCRATCH}{os.getpid()}-"))
    try:
        yield room
    finally:
        clear(room)


@contextlib.contextmanager
def _folder(call: Call) -> Iterator[Journal]:
    if call.out is not None:
        with Journal.open(call.out, resume=call.resume) as book:
            yield book
        return
    with contextlib.ExitStack() as stack:
        for number in range(1, 100):
            path = Path(FOLDER if number == 1 else f"{FOLDER}-{number}")
            if journal.busy(path):
                continue  # another run of the same user in the same place: both keep their own
            yield stack.enter_context(Journal.open(path, resume=call.resume))
            return
        raise BadConfiguration(f"99 runs are writing to {FOLDER}; name another folder with --out")


def _begun(folder: Path) -> bool:
    path = folder / journal.NAME
    return path.exists() and path.stat().st_size > 0


def _decided(before: Results | None) -> set[tuple[str, str]]:
    if before is None:
        return set()
    return {(c.server, c.case) for c in before.checks} | {(c.server, c.scenario) for c in before.loads}


def _narrowed(call: Call) -> Call:
    """Return `call` with the run that it is narrowed to read, and that run's servers where it names none."""
    if call.failed_in is None or call.cases is None:
        return call
    found = failed(discover.stored(call.failed_in))
    if not found:
        raise BadConfiguration(f"no cell failed in {call.failed_in}: there is nothing to run again")
    cases = replace(call.cases, failed_in=str(call.failed_in), failed=found)
    return replace(call, cases=cases, servers=call.servers or (() if call.command else tuple(found)))


def _update(against: holding.Holding, book: Journal, listener: Listener) -> None:
    if against.update:
        results = journal.read(book.folder)
        after, told = against.updated(results)
        if line := after.again(results):
            book.write(line)
        listener.remark(told)


def _scenarios(call: Call) -> list[Scenario]:
    if call.scenarios is None:
        return []
    if call.scenarios:
        found = [each for name in call.scenarios for each in discover.family_of_scenarios(name)]
        return list({each.id: each for each in found}.values())
    if call.narrowing.full:
        return list(discover.scenarios())
    return [each for each in discover.scenarios() if each.in_run or (call.cases is None and not each.full_only)]


def interpreter(python: str) -> str:
    """Return where the interpreter is that the user names. Raises BadConfiguration."""
    found = shutil.which(python)
    if found is None:
        raise BadConfiguration(f"--python {python}: no such program; name an interpreter's path, as /usr/bin/python3")
    return str(Path(found).absolute())
