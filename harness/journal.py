"""What happened, appended as it happens: `run.jsonl`, one JSON document a line, the first field saying what it is.

A line is written whole and flushed before the run goes on, so a kill -9 loses at most the cell that was under way; a
torn last line is what a kill or a full disk leaves, and reading passes over it. Everything else in a run folder can be
made again from the journal.
"""

from __future__ import annotations

import contextlib
import errno
import fcntl
import itertools
import os
import shlex
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import msgspec

from .documents import encoded
from .errors import BadConfiguration, StorageFull
from .folders import fit, mark
from .model import SCHEMA, CaseInfo, Check, Expectation, Load, Results, ScenarioInfo, ServerInfo

NAME = "run.jsonl"
PREVIOUS = "previous"
OURS = (NAME, "results.json", "report.html", "summary.md", "junit.xml", "logs")
"""What a run leaves in its folder; nothing else there is ever touched."""


class Start(msgspec.Struct, frozen=True, tag="run", tag_field="line"):
    """The first line: the machine, the program and the call."""

    schema: int
    environment: dict[str, Any]
    cases: dict[str, CaseInfo]
    scenarios: dict[str, ScenarioInfo]


class ServerLine(msgspec.Struct, frozen=True, tag="server", tag_field="line"):
    """A server as it was found or started; a later line about the same one replaces it."""

    server: ServerInfo


class CheckLine(msgspec.Struct, frozen=True, tag="check", tag_field="line"):
    """A decided cell of conformance."""

    check: Check


class LoadLine(msgspec.Struct, frozen=True, tag="load", tag_field="line"):
    """A measured cell of load."""

    load: Load


class Held(msgspec.Struct, frozen=True):
    """How a cell that is in the journal already stands to the baseline; None where there is nothing to say."""

    server: str
    case: str
    baseline: Expectation | None


class BaselineLine(msgspec.Struct, frozen=True, tag="baseline", tag_field="line"):
    """The baseline that the cells are held against ('' for none), and what it says of cells told before."""

    file: str
    held: tuple[Held, ...] = ()


class End(msgspec.Struct, frozen=True, tag="end", tag_field="line"):
    """The last line of a run that was not cut short."""


Line = Start | ServerLine | CheckLine | LoadLine | BaselineLine | End

_decoder = msgspec.json.Decoder(Line)


class Journal:
    """The journal of one run folder, open for appending and locked against a second run."""

    def __init__(self, folder: Path, descriptor: int, lock: int, earlier: Path | None = None) -> None:
        self.folder = folder
        self.earlier = earlier
        self._descriptor = descriptor
        self._lock = lock

    @classmethod
    @contextlib.contextmanager
    def open(cls, folder: Path, *, resume: bool = False) -> Iterator[Journal]:
        """Open `folder` for a run; what an earlier run left there moves to `previous/`, unless `resume` is set.

        `earlier` says where it went to, None where there was nothing. Raises BadConfiguration where another run uses
        the folder or it cannot be made, StorageFull where the disk is.
        """
        lock = claim(folder)
        try:
            earlier = None
            if not resume:
                earlier = set_aside(folder)
            else:
                with _storage(folder):
                    _mend(folder / NAME)
            with _storage(folder):
                descriptor = os.open(folder / NAME, os.O_WRONLY | os.O_CREAT | os.O_APPEND | os.O_CLOEXEC, 0o644)
            try:
                yield cls(folder, descriptor, lock, earlier)
            finally:
                os.close(descriptor)
        finally:
            os.close(lock)

    @property
    def logs(self) -> Path:
        """The folder of the servers' logs."""
        with _storage(self.folder):
            (self.folder / "logs").mkdir(exist_ok=True)
        return self.folder / "logs"

    def write(self, line: Line) -> None:
        """Append one line. Raises StorageFull where the disk is full; all earlier lines are safe then."""
        data = encoded(line) + b"\n"
        with _storage(self.folder):
            while data:
                data = data[os.write(self._descriptor, data) :]


def claim(folder: Path) -> int:
    """Make `folder` and lock it for this process; returns the descriptor that holds the lock until it is closed.

    Raises BadConfiguration where that cannot be, or the folder holds files of others, with what to do.
    """
    fit(folder)
    try:
        with _storage(folder):
            folder.mkdir(parents=True, exist_ok=True)
            mark(folder)
            lock = os.open(folder / ".lock", os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o644)
    except OSError as problem:
        raise BadConfiguration(f"cannot write to {folder}: {problem.strerror}; name another with --out") from None
    try:
        fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError:
        os.close(lock)
        raise BadConfiguration(f"another run is writing to {folder}; wait for it or name another with --out") from None
    return lock


@contextlib.contextmanager
def ready_folder(folder: Path, *, kept: bool) -> Iterator[Path | None]:
    """Make `folder` for a report and hold it; what is there already is moved away unless it is to be `kept`.

    Gives where it was moved to. Raises BadConfiguration where the folder cannot be had.
    """
    lock = claim(folder)
    try:
        yield None if kept else set_aside(folder)
    finally:
        os.close(lock)


def busy(folder: Path) -> bool:
    """Say whether another run is writing to `folder`."""
    try:
        with (folder / ".lock").open() as lock:
            fcntl.flock(lock, fcntl.LOCK_SH | fcntl.LOCK_NB)
    except BlockingIOError:
        return True
    except OSError:
        return False
    return False


def read(folder: Path) -> Results:
    """Return what the journal in `folder` tells, whole or cut short.

    Raises BadConfiguration where there is no journal, or one that this program cannot read.
    """
    path = folder / NAME
    try:
        lines = path.read_bytes().split(b"\n")
    except OSError as problem:
        raise BadConfiguration(f"no run in {folder}: {NAME}: {problem.strerror}") from None
    start: Start | None = None
    servers: dict[str, ServerInfo] = {}
    checks: dict[tuple[str, str], Check] = {}
    loads: dict[tuple[str, str], Load] = {}
    finished, baseline = False, ""
    for number, data in enumerate(lines, 1):
        if not data.strip():
            continue
        try:
            line = _decoder.decode(data)
        except msgspec.MsgspecError as problem:
            if number >= len(lines) - 1:
                break
            raise BadConfiguration(f"{path} line {number} is not of a journal of this version: {problem}") from None
        finished = False
        match line:
            case Start():
                start = line
            case ServerLine(server=server):
                servers[server.name] = server
            case CheckLine(check=check):
                checks[check.server, check.case] = check
            case LoadLine(load=load):
                loads[load.server, load.scenario] = load
            case BaselineLine(file=baseline, held=held):
                for each in held:
                    if cell := checks.get((each.server, each.case)):
                        checks[each.server, each.case] = msgspec.structs.replace(cell, baseline=each.baseline)
            case End():
                finished = True
    if start is None:
        raise BadConfiguration(f"{path} has no first line: nothing was measured before the run was cut short")
    if start.schema > SCHEMA:
        raise BadConfiguration(f"{path} was written by a newer wsgi-gauntlet (schema {start.schema}); update this one")
    return Results(
        schema=SCHEMA,
        environment=start.environment,
        servers=servers,
        checks=tuple(checks.values()),
        loads=tuple(loads.values()),
        cases=start.cases,
        scenarios=start.scenarios,
        finished=finished,
        baseline=baseline,
    )


def write_text(path: Path, text: str) -> None:
    """Put `text` into `path` at once or not at all: a reader, or a full disk, never leaves half a report.

    Raises StorageFull where the disk is full; an older file is kept then. A device or a pipe is written to as it is.
    """
    if path.exists() and not path.is_file():
        with _storage(path.parent), path.open("w", encoding="utf-8", errors="backslashreplace") as stream:
            stream.write(text)
        return
    path = path.resolve()  # a link stays one
    draft = path.with_name(f".{path.name}.{os.getpid()}")
    try:
        with _storage(path.parent):
            draft.write_text(text, encoding="utf-8", errors="backslashreplace")
            draft.replace(path)
    finally:
        draft.unlink(missing_ok=True)


def set_aside(folder: Path) -> Path | None:
    """Move what a run or a report left in `folder` into `previous/` there; return that, None where there is nothing.

    What `previous/` holds goes to `previous-2/` and so on first. Raises StorageFull, BadConfiguration.
    """
    there = [name for name in OURS if os.path.lexists(folder / name)]
    if not there:
        return None
    try:
        with _storage(folder):
            previous = folder / PREVIOUS
            if os.path.lexists(previous):
                number = next(each for each in itertools.count(2) if not os.path.lexists(folder / f"{PREVIOUS}-{each}"))
                previous.rename(folder / f"{PREVIOUS}-{number}")
            previous.mkdir()
            for name in there:
                (folder / name).rename(previous / name)
    except OSError as problem:
        raise BadConfiguration(f"cannot move the earlier run in {folder} away: {problem.strerror}") from None
    return previous


def _mend(path: Path) -> None:
    # A torn last line would swallow the first line of the resumed run.
    if path.exists():
        whole = path.read_bytes()
        if not whole.endswith(b"\n"):
            os.truncate(path, whole.rfind(b"\n") + 1)


@contextlib.contextmanager
def _storage(folder: Path) -> Iterator[None]:
    try:
        yield
    except OSError as problem:
        if problem.errno in (errno.ENOSPC, errno.EDQUOT, errno.EFBIG, errno.EIO):
            raise StorageFull(
                f"cannot write to {folder}: {problem.strerror}; what was measured before is in {folder / NAME}: "
                f"free some room, then `wsgi-gauntlet report {shlex.quote(str(folder))}` makes the report of it"
            ) from None
        place = problem.filename2 or problem.filename or folder
        raise BadConfiguration(
            f"cannot write {os.fsdecode(place)}: {problem.strerror}; move it away, or name another folder with --out"
        ) from None
