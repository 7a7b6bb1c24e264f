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

from wsgi_gauntlet.harness.errors import ConfigurationError, StorageFull
from wsgi_gauntlet.harness.model import (
    SCHEMA,
    BaselineExpectation,
    CaseInfo,
    CaseResult,
    Results,
    ScenarioInfo,
    ScenarioResult,
    ServerInfo,
)
from wsgi_gauntlet.harness.store import schema_1
from wsgi_gauntlet.harness.store.json_encoding import to_json
from wsgi_gauntlet.harness.store.output_folder import mark_folder, require_output_folder

JOURNAL_FILENAME = "run.jsonl"
PREVIOUS_FOLDER = "previous"
RUN_FILES = (JOURNAL_FILENAME, "results.json", "report.html", "summary.md", "junit.xml", "logs")
"""What a run leaves in its folder; nothing else there is ever touched."""


class StartLine(msgspec.Struct, frozen=True, tag="run", tag_field="line"):
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

    check: CaseResult


class LoadLine(msgspec.Struct, frozen=True, tag="load", tag_field="line"):
    """A measured cell of load."""

    load: ScenarioResult


class BaselineChange(msgspec.Struct, frozen=True):
    """How a cell that is in the journal already stands to the baseline; None where there is nothing to say."""

    server: str
    case: str
    baseline: BaselineExpectation | None


class BaselineLine(msgspec.Struct, frozen=True, tag="baseline", tag_field="line"):
    """The baseline that the cells are held against ('' for none), and what it says of cells told before."""

    file: str
    applied: tuple[BaselineChange, ...] = ()


class EndLine(msgspec.Struct, frozen=True, tag="end", tag_field="line"):
    """The last line of a run that was not cut short."""


Line = StartLine | ServerLine | CheckLine | LoadLine | BaselineLine | EndLine

_decoder: msgspec.json.Decoder[Line] = msgspec.json.Decoder(Line)


class _Version(msgspec.Struct):
    schema: int = SCHEMA


def _schema(first_line: bytes) -> int:
    try:
        return msgspec.json.decode(first_line, type=_Version).schema
    except msgspec.MsgspecError:
        return SCHEMA


def _decode_line(data: bytes, schema: int) -> Line:
    if schema == 1:
        data = msgspec.json.encode(schema_1.upgrade_line(msgspec.json.decode(data)))
    return _decoder.decode(data)


class Journal:
    """The journal of one run folder, open for appending and locked against a second run."""

    def __init__(self, folder: Path, descriptor: int, lock: int, previous_folder: Path | None = None) -> None:
        self.folder = folder
        self.previous_folder = previous_folder
        self._descriptor = descriptor
        self._lock = lock

    @classmethod
    @contextlib.contextmanager
    def open(cls, folder: Path, *, resume: bool = False) -> Iterator[Journal]:
        """Open `folder` for a run; what an earlier run left there moves to `previous/`, unless `resume` is set.

        `earlier` says where it went to, None where there was nothing. Raises ConfigurationError where another run uses
        the folder or it cannot be made, StorageFull where the disk is.
        """
        lock = lock_folder(folder)
        try:
            previous_folder = None
            if not resume:
                previous_folder = move_to_previous(folder)
            else:
                with _storage_errors(folder):
                    _drop_torn_line(folder / JOURNAL_FILENAME)
            with _storage_errors(folder):
                descriptor = os.open(
                    folder / JOURNAL_FILENAME, os.O_WRONLY | os.O_CREAT | os.O_APPEND | os.O_CLOEXEC, 0o644
                )
            try:
                yield cls(folder, descriptor, lock, previous_folder)
            finally:
                os.close(descriptor)
        finally:
            os.close(lock)

    @property
    def logs(self) -> Path:
        """The folder of the servers' logs."""
        with _storage_errors(self.folder):
            (self.folder / "logs").mkdir(exist_ok=True)
        return self.folder / "logs"

    def write(self, line: Line) -> None:
        """Append one line. Raises StorageFull where the disk is full; all earlier lines are safe then."""
        data = to_json(line) + b"\n"
        with _storage_errors(self.folder):
            while data:
                data = data[os.write(self._descriptor, data) :]


def lock_folder(folder: Path) -> int:
    """Make `folder` and lock it for this process; returns the descriptor that holds the lock until it is closed.

    Raises ConfigurationError where that cannot be, or the folder holds files of others, with what to do.
    """
    require_output_folder(folder)
    try:
        with _storage_errors(folder):
            folder.mkdir(parents=True, exist_ok=True)
            mark_folder(folder)
            lock = os.open(folder / ".lock", os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o644)
    except OSError as problem:
        raise ConfigurationError(f"cannot write to {folder}: {problem.strerror}; name another with --out") from None
    try:
        fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError:
        os.close(lock)
        raise ConfigurationError(
            f"another run is writing to {folder}; wait for it or name another with --out"
        ) from None
    return lock


@contextlib.contextmanager
def open_report_folder(folder: Path, *, keep_files: bool) -> Iterator[Path | None]:
    """Make `folder` for a report and hold it; what is there already is moved away unless it is to be `kept`.

    Gives where it was moved to. Raises ConfigurationError where the folder cannot be had.
    """
    lock = lock_folder(folder)
    try:
        yield None if keep_files else move_to_previous(folder)
    finally:
        os.close(lock)


def is_locked(folder: Path) -> bool:
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

    Raises ConfigurationError where there is no journal, or one that this program cannot read.
    """
    path = folder / JOURNAL_FILENAME
    try:
        lines = path.read_bytes().split(b"\n")
    except OSError as problem:
        raise ConfigurationError(f"no run in {folder}: {JOURNAL_FILENAME}: {problem.strerror}") from None
    schema = _schema(lines[0])
    start: StartLine | None = None
    servers: dict[str, ServerInfo] = {}
    checks: dict[tuple[str, str], CaseResult] = {}
    loads: dict[tuple[str, str], ScenarioResult] = {}
    finished, baseline = False, ""
    for number, data in enumerate(lines, 1):
        if not data.strip():
            continue
        try:
            line = _decode_line(data, schema)
        except msgspec.MsgspecError as problem:
            if number >= len(lines) - 1:
                break
            raise ConfigurationError(f"{path} line {number} is not of a journal of this version: {problem}") from None
        finished = False
        match line:
            case StartLine():
                start = line
            case ServerLine(server=server):
                servers[server.name] = server
            case CheckLine(check=check):
                checks[check.server, check.case] = check
            case LoadLine(load=load):
                loads[load.server, load.scenario] = load
            case BaselineLine(file=baseline, applied=applied):
                for each in applied:
                    if cell := checks.get((each.server, each.case)):
                        checks[each.server, each.case] = msgspec.structs.replace(cell, baseline=each.baseline)
            case EndLine():
                finished = True
    if start is None:
        raise ConfigurationError(f"{path} has no first line: nothing was measured before the run was cut short")
    if start.schema > SCHEMA:
        raise ConfigurationError(
            f"{path} was written by a newer wsgi-gauntlet (schema {start.schema}); update this one"
        )
    return Results(
        schema=SCHEMA,
        environment=start.environment,
        servers=servers,
        conformance=tuple(checks.values()),
        load=tuple(loads.values()),
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
        with _storage_errors(path.parent), path.open("w", encoding="utf-8", errors="backslashreplace") as stream:
            stream.write(text)
        return
    path = path.resolve()  # a link stays one
    temporary = path.with_name(f".{path.name}.{os.getpid()}")
    try:
        with _storage_errors(path.parent):
            temporary.write_text(text, encoding="utf-8", errors="backslashreplace")
            temporary.replace(path)
    finally:
        temporary.unlink(missing_ok=True)


def move_to_previous(folder: Path) -> Path | None:
    """Move what a run or a report left in `folder` into `previous/` there; return that, None where there is nothing.

    What `previous/` holds goes to `previous-2/` and so on first. Raises StorageFull, ConfigurationError.
    """
    existing = [name for name in RUN_FILES if os.path.lexists(folder / name)]
    if not existing:
        return None
    try:
        with _storage_errors(folder):
            previous = folder / PREVIOUS_FOLDER
            if os.path.lexists(previous):
                number = next(
                    each for each in itertools.count(2) if not os.path.lexists(folder / f"{PREVIOUS_FOLDER}-{each}")
                )
                previous.rename(folder / f"{PREVIOUS_FOLDER}-{number}")
            previous.mkdir()
            for name in existing:
                (folder / name).rename(previous / name)
    except OSError as problem:
        raise ConfigurationError(f"cannot move the earlier run in {folder} away: {problem.strerror}") from None
    return previous


def _drop_torn_line(path: Path) -> None:
    # A torn last line would swallow the first line of the resumed run.
    if path.exists():
        whole = path.read_bytes()
        if not whole.endswith(b"\n"):
            os.truncate(path, whole.rfind(b"\n") + 1)


@contextlib.contextmanager
def _storage_errors(folder: Path) -> Iterator[None]:
    try:
        yield
    except OSError as problem:
        if problem.errno in (errno.ENOSPC, errno.EDQUOT, errno.EFBIG, errno.EIO):
            raise StorageFull(
                f"cannot write to {folder}: {problem.strerror}; what was measured before is in "
                f"{folder / JOURNAL_FILENAME}: "
                f"free some room, then `wsgi-gauntlet report {shlex.quote(str(folder))}` makes the report of it"
            ) from None
        place = problem.filename2 or problem.filename or folder
        raise ConfigurationError(
            f"cannot write {os.fsdecode(place)}: {problem.strerror}; move it away, or name another folder with --out"
        ) from None
