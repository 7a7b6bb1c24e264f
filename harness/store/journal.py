"""The journal `run.jsonl.zst`: one JSON document per line, appended as soon as a result is known.

The lines are compressed: see compressed_lines.py. Older versions wrote them as `run.jsonl`, which `read` also reads.
The first field of a line is its kind. The harness writes a line before it goes on, so `kill -9` loses at most the
current cell. A kill or a full disk can leave an incomplete last line, which `read` ignores. All other files of a run
folder can be made again from the journal.
"""

from __future__ import annotations

import contextlib
import errno
import fcntl
import itertools
import os
import shlex
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import msgspec

from wsgi_gauntlet.harness.errors import ConfigurationError, StorageFull
from wsgi_gauntlet.harness.model import (
    SCHEMA,
    BaselineExpectation,
    BaseRun,
    CaseInfo,
    CaseResult,
    ComparisonResult,
    Evidence,
    Exclusion,
    Results,
    RoundResult,
    ScenarioInfo,
    ScenarioResult,
    ServerInfo,
)
from wsgi_gauntlet.harness.model.recommendation import Recommendation, Trial
from wsgi_gauntlet.harness.store import schema_1
from wsgi_gauntlet.harness.store.compressed_lines import DamagedFile, LineWriter, is_complete, read_lines, rewrite
from wsgi_gauntlet.harness.store.garbage_collector import garbage_collector_paused
from wsgi_gauntlet.harness.store.json_encoding import to_json
from wsgi_gauntlet.harness.store.output_folder import RUN_FOLDER, mark_folder, require_output_folder
from wsgi_gauntlet.harness.store.stored_evidence import JournalFile, StoredEvidence

JOURNAL_FILENAME = "run.jsonl.zst"
PLAIN_JOURNAL_FILENAME = "run.jsonl"
"""The journal of older versions."""
PREVIOUS_FOLDER = "previous"
RUN_FILES = (
    JOURNAL_FILENAME,
    PLAIN_JOURNAL_FILENAME,
    "results.json",
    "report.html",
    "summary.md",
    "junit.xml",
    "logs",
    "pages",
)
"""The files of a run in its folder. The harness touches no others there."""


class StartLine(msgspec.Struct, frozen=True, tag="run", tag_field="line"):
    """The first line: the machine, the program, the options, the cases and the scenarios.

    `inputs` are fingerprints of what the user gave, by option: see run_inputs.py. Older runs have none.
    """

    schema: int
    environment: dict[str, object]
    cases: dict[str, CaseInfo]
    scenarios: dict[str, ScenarioInfo]
    inputs: dict[str, str] = {}


class ServerLine(msgspec.Struct, frozen=True, tag="server", tag_field="line"):
    """A server as it was found or started. A later line about the same server replaces it."""

    server: ServerInfo


class CheckLine(msgspec.Struct, frozen=True, tag="check", tag_field="line"):
    """A finished cell of conformance."""

    check: CaseResult


class LoadLine(msgspec.Struct, frozen=True, tag="load", tag_field="line"):
    """A finished cell of load."""

    load: ScenarioResult


class BaselineChange(msgspec.Struct, frozen=True):
    """The new baseline status of a cell that is already in the journal; None if the baseline does not apply."""

    server: str
    case: str
    baseline: BaselineExpectation | None


class BaselineLine(msgspec.Struct, frozen=True, tag="baseline", tag_field="line"):
    """The baseline file of the run ('' for none), and the new status of earlier cells."""

    file: str
    applied: tuple[BaselineChange, ...] = ()


class ComparisonLine(msgspec.Struct, frozen=True, tag="comparison", tag_field="line"):
    """A comparison as far as it is, without its rounds. A later line replaces it."""

    comparison: ComparisonResult


class RoundLine(msgspec.Struct, frozen=True, tag="round", tag_field="line"):
    """A finished round of the last comparison before this line."""

    round: RoundResult


class RecommendationLine(msgspec.Struct, frozen=True, tag="recommendation", tag_field="line"):
    """A search as far as it is, without its trials. A later line replaces it."""

    recommendation: Recommendation


class TrialLine(msgspec.Struct, frozen=True, tag="trial", tag_field="line"):
    """A finished trial of the search."""

    trial: Trial


class BaseLine(msgspec.Struct, frozen=True, tag="base", tag_field="line"):
    """The run that the user compares this one with. A later line replaces it."""

    base: BaseRun


class ExcludedLine(msgspec.Struct, frozen=True, tag="excluded", tag_field="line"):
    """What the user left out of the run. A later line replaces it."""

    excluded: tuple[Exclusion, ...]


class StopLine(msgspec.Struct, frozen=True, tag="stop", tag_field="line"):
    """The last line of a run that stopped at its first failure, as the user wanted."""


class EndLine(msgspec.Struct, frozen=True, tag="end", tag_field="line"):
    """The last line of a complete run."""


Line = (
    StartLine
    | ServerLine
    | CheckLine
    | LoadLine
    | BaselineLine
    | BaseLine
    | ExcludedLine
    | StopLine
    | ComparisonLine
    | RoundLine
    | RecommendationLine
    | TrialLine
    | EndLine
)

_CellWithoutEvidence = msgspec.defstruct(
    "_CellWithoutEvidence",
    [
        (each.name, each.type, each.default) if each.default is not msgspec.NODEFAULT else (each.name, each.type)
        for each in msgspec.structs.fields(CaseResult)
        if each.name != "evidence"
    ],
    frozen=True,
)
"""The fields of CaseResult. The decoder skips the evidence: it is most of the journal."""


class _CheckWithoutEvidence(msgspec.Struct, frozen=True, tag="check", tag_field="line"):
    check: _CellWithoutEvidence  # type: ignore[valid-type]


_decoder: msgspec.json.Decoder[Line] = msgspec.json.Decoder(Line)
_ReadLine = (
    StartLine
    | ServerLine
    | _CheckWithoutEvidence
    | LoadLine
    | BaselineLine
    | BaseLine
    | ExcludedLine
    | StopLine
    | ComparisonLine
    | RoundLine
    | RecommendationLine
    | TrialLine
    | EndLine
)
_decoder_without_evidence: msgspec.json.Decoder[_ReadLine] = msgspec.json.Decoder(_ReadLine)


class _Version(msgspec.Struct):
    schema: int = SCHEMA


class _Inputs(msgspec.Struct):
    inputs: dict[str, str] = {}


def _schema(first_line: bytes) -> int:
    try:
        return msgspec.json.decode(first_line, type=_Version).schema
    except msgspec.MsgspecError:
        return SCHEMA


def _upgraded(data: bytes, schema: int) -> bytes:
    if schema == 1:
        return msgspec.json.encode(schema_1.upgrade_line(msgspec.json.decode(data, type=dict)))
    return data


class Journal:
    """The journal of one run folder, open for appending and locked against other runs."""

    def __init__(self, folder: Path, descriptor: int, lock: int, previous_folder: Path | None = None) -> None:
        self.folder = folder
        self.previous_folder = previous_folder
        self._writer = LineWriter(descriptor)
        self._lock = lock

    @classmethod
    @contextlib.contextmanager
    def open(cls, folder: Path, *, resume: bool = False) -> Iterator[Journal]:
        """Open `folder` for a run. The files of an earlier run move to `previous_folder`, unless `resume` is set.

        Raises ConfigurationError if another run uses the folder or it cannot be created, StorageFull if the disk is
        full.
        """
        lock = lock_folder(folder)
        try:
            previous_folder = None
            if not resume:
                previous_folder = move_to_previous(folder)
            else:
                with _storage_errors(folder):
                    _prepare_to_append(folder)
            with _storage_errors(folder):
                descriptor = os.open(
                    folder / JOURNAL_FILENAME, os.O_WRONLY | os.O_CREAT | os.O_APPEND | os.O_CLOEXEC, 0o644
                )
            opened = cls(folder, descriptor, lock, previous_folder)
            try:
                yield opened
            finally:
                with contextlib.suppress(OSError):
                    opened._writer.close()
                os.close(descriptor)
        finally:
            os.close(lock)

    @property
    def logs(self) -> Path:
        """The folder of the server logs."""
        with _storage_errors(self.folder):
            (self.folder / "logs").mkdir(exist_ok=True)
        return self.folder / "logs"

    def write(self, line: Line) -> None:
        """Append one line. Raises StorageFull if the disk is full; all earlier lines are safe then."""
        data = to_json(line) + b"\n"
        with _storage_errors(self.folder):
            self._writer.write(data)


def journal_path(folder: Path) -> Path:
    """Return the path of the journal in `folder`, that of an older version if there is only such a one."""
    plain = folder / PLAIN_JOURNAL_FILENAME
    return plain if plain.exists() and not (folder / JOURNAL_FILENAME).exists() else folder / JOURNAL_FILENAME


def _require_one_journal(folder: Path) -> None:
    if all((folder / each).exists() for each in (JOURNAL_FILENAME, PLAIN_JOURNAL_FILENAME)):
        raise ConfigurationError(
            f"{folder} has two journals: {JOURNAL_FILENAME}, and {PLAIN_JOURNAL_FILENAME} of an older version; move "
            "the one away that you do not want"
        )


def lock_folder(folder: Path, what: str = RUN_FOLDER) -> int:
    """Create `folder` for `what` and lock it for this process; return the descriptor of the lock.

    Closing it ends the lock. Raises ConfigurationError if this is not possible, or if the folder has files of others.
    """
    require_output_folder(folder, what)
    try:
        with _storage_errors(folder):
            folder.mkdir(parents=True, exist_ok=True)
            mark_folder(folder, what)
            lock = os.open(folder / ".lock", os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o644)
    except OSError as problem:
        raise ConfigurationError(
            f"cannot write to {folder}: {problem.strerror}; name another folder with --out"
        ) from None
    try:
        fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError:
        os.close(lock)
        raise ConfigurationError(
            f"another run is writing to {folder}; wait for it or name another folder with --out"
        ) from None
    return lock


@contextlib.contextmanager
def open_report_folder(folder: Path, *, keep_files: bool) -> Iterator[Path | None]:
    """Create and lock `folder` for a report. Existing files move to another folder, unless `keep_files` is set.

    Yields that other folder, None if there is none. Raises ConfigurationError if the folder cannot be used.
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


@garbage_collector_paused()
def read(folder: Path) -> Results:
    """Return the results in the journal of `folder`, complete or not. Evidence stays in the file until it is used.

    Raises ConfigurationError if there is no journal, or if this version cannot read it.
    """
    _require_one_journal(folder)
    path = journal_path(folder)
    start: StartLine | None = None
    servers: dict[str, ServerInfo] = {}
    checks: dict[tuple[str, str], CaseResult] = {}
    loads: dict[tuple[str, str], ScenarioResult] = {}
    comparisons: dict[tuple[object, ...], ComparisonResult] = {}
    rounds: dict[tuple[object, ...], list[RoundResult]] = {}
    comparison_key: tuple[object, ...] = ()
    finished, stopped, baseline = False, False, ""
    base: BaseRun | None = None
    excluded: tuple[Exclusion, ...] = ()
    recommendation: Recommendation | None = None
    trials: list[Trial] = []
    for line in _lines(path):
        finished, stopped = isinstance(line, EndLine), isinstance(line, StopLine)
        match line:
            case StartLine():
                start = line
            case ServerLine(server=server):
                servers[server.name] = server
            case CaseResult() as check:
                checks[check.server, check.case] = check
            case LoadLine(load=load):
                loads[load.server, load.scenario] = load
            case ComparisonLine(comparison=comparison):
                comparison_key = comparison.key
                comparisons[comparison_key] = comparison
            case RoundLine(round=found):
                rounds.setdefault(comparison_key, []).append(found)
            case BaseLine(base=base):
                pass
            case ExcludedLine(excluded=excluded):
                pass
            case RecommendationLine(recommendation=recommendation):
                pass
            case TrialLine(trial=trial):
                trials.append(trial)
            case BaselineLine(file=baseline, applied=applied):
                _apply_baseline(applied, checks)
    if start is None:
        raise ConfigurationError(f"{path} has no first line: the run ended before it measured anything; run it again")
    if start.schema > SCHEMA:
        raise ConfigurationError(f"a newer wsgi-gauntlet wrote {path} (schema {start.schema}); update this one")
    return Results(
        schema=SCHEMA,
        environment=start.environment,
        servers=servers,
        conformance=tuple(checks.values()),
        load=tuple(loads.values()),
        cases=start.cases,
        scenarios=start.scenarios,
        comparisons=tuple(
            msgspec.structs.replace(each, rounds=tuple(rounds.get(key, ()))) for key, each in comparisons.items()
        ),
        finished=finished,
        excluded=excluded,
        stopped=stopped,
        baseline=baseline,
        base=base,
        recommendation=msgspec.structs.replace(recommendation, trials=tuple(trials)) if recommendation else None,
    )


def read_inputs(folder: Path) -> dict[str, str]:
    """Return the fingerprints in the first line of the journal of `folder`, none for a run that kept none.

    `read` reports a line that cannot be read.
    """
    with (
        journal_path(folder).open("rb") as stream,
        contextlib.suppress(msgspec.MsgspecError, ValueError),
    ):
        for _, data in read_lines(stream.fileno()):
            return msgspec.json.decode(data, type=_Inputs).inputs
    return {}


def _apply_baseline(changes: Iterable[BaselineChange], checks: dict[tuple[str, str], CaseResult]) -> None:
    for each in changes:
        if cell := checks.get((each.server, each.case)):
            checks[each.server, each.case] = msgspec.structs.replace(cell, baseline=each.baseline)


def write_text(path: Path, text: str | Iterable[str]) -> None:
    """Write `text`, or its parts, into `path` completely or not at all. A device or a pipe is written to directly.

    Raises StorageFull if the disk is full; an older file stays then.
    """
    parts = (text,) if isinstance(text, str) else text
    write_bytes(path, (each.encode("utf-8", "backslashreplace") for each in parts))


def write_bytes(path: Path, parts: Iterable[bytes]) -> None:
    """Write `parts` as write_text() does."""
    if path.exists() and not path.is_file():
        with _storage_errors(path.parent):
            _write_parts(path, parts)
        return
    path = path.resolve()  # so that a link stays a link
    temporary = path.with_name(f".{path.name}.{os.getpid()}")
    try:
        with _storage_errors(path.parent):
            _write_parts(temporary, parts)
            temporary.replace(path)
    finally:
        temporary.unlink(missing_ok=True)


def _write_parts(path: Path, parts: Iterable[bytes]) -> None:
    with path.open("wb") as stream:
        stream.writelines(parts)


def move_to_previous(folder: Path, files: Sequence[str] = RUN_FILES) -> Path | None:
    """Move `files`, those of a run or a report, in `folder` into its `previous/`; return that, None if there are none.

    An existing `previous/` is renamed to `previous-2/` and so on. Raises StorageFull, ConfigurationError.
    """
    existing = [name for name in files if os.path.lexists(folder / name)]
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
        raise ConfigurationError(
            f"cannot move the earlier run in {folder}: {problem.strerror}; name another folder with --out"
        ) from None
    return previous


def _lines(path: Path) -> Iterator[Line | CaseResult]:
    """Yield the lines of the journal at `path`, those of schema 1 in the form of schema 2; of a check, its cell.

    An incomplete last line is left out. Raises ConfigurationError.
    """
    try:
        with path.open("rb") as stream:
            schema = next((_schema(data) for _, data in read_lines(stream.fileno())), SCHEMA)
            file = JournalFile(stream.fileno(), _EvidenceDecoder(path, schema))
            shared: dict[object, object] = {}
            for number, (place, data) in enumerate(read_lines(stream.fileno()), 1):
                try:
                    line = _decoder_without_evidence.decode(_upgraded(data, schema)) if data.strip() else None
                except (msgspec.MsgspecError, UnicodeDecodeError) as problem:
                    if not data.endswith(b"\n"):
                        return
                    raise _invalid_line(path, number, problem) from None
                if isinstance(line, _CheckWithoutEvidence):
                    yield _cell(line.check, StoredEvidence(file=file, place=place, number=number), shared)
                elif line is not None:
                    yield line
    except OSError as problem:
        raise ConfigurationError(
            f"no run in {path.parent}: {path.name}: {problem.strerror}; name the folder of a run"
        ) from None
    except DamagedFile as problem:
        raise ConfigurationError(
            f"{path} is {problem}; `zstdcat` prints the lines before: write them into a file {PLAIN_JOURNAL_FILENAME} "
            "in another folder, and name that folder"
        ) from None


_SHARED_FIELDS = ("server", "case", "tags", "summary", "expected", "actual", "findings", "segmentations")
_SHARED_PLACES = [_CellWithoutEvidence.__struct_fields__.index(each) for each in _SHARED_FIELDS]
_EVIDENCE_PLACE = CaseResult.__struct_fields__.index("evidence")


def _cell(found: msgspec.Struct, evidence: Evidence, shared: dict[object, object]) -> CaseResult:
    """Return the cell of `found` with `evidence`. Equal texts become one object: most cells repeat them."""
    values = list(msgspec.structs.astuple(found))
    for place in _SHARED_PLACES:
        values[place] = shared.setdefault(values[place], values[place])
    values.insert(_EVIDENCE_PLACE, evidence)
    return CaseResult(*values)


@dataclass(frozen=True)
class _EvidenceDecoder:
    path: Path
    schema: int

    def __call__(self, data: bytes, number: int) -> Evidence:
        """Return the evidence in line `number` of the journal. Raises ConfigurationError."""
        try:
            line = _decoder.decode(_upgraded(data, self.schema))
        except (msgspec.MsgspecError, UnicodeDecodeError) as problem:
            raise _invalid_line(self.path, number, problem) from None
        assert isinstance(line, CheckLine)
        return line.check.evidence


def _invalid_line(path: Path, number: int, problem: Exception) -> ConfigurationError:
    return ConfigurationError(
        f"{path} line {number} is not a line of this version: {problem}; use the version that wrote it"
    )


def _prepare_to_append(folder: Path) -> None:
    """Write the whole lines into a new file, unless lines can be appended to the journal as it is.

    An incomplete frame cannot be followed by another one. The old file stays until the new one is complete.
    """
    path, plain = folder / JOURNAL_FILENAME, folder / PLAIN_JOURNAL_FILENAME
    for left in folder.glob(f".{JOURNAL_FILENAME}.*"):  # by a process that was killed; the folder is locked
        left.unlink()
    _require_one_journal(folder)
    existing = journal_path(folder)
    if not existing.exists():
        return
    temporary = folder / f".{JOURNAL_FILENAME}.{os.getpid()}"
    try:
        with existing.open("rb") as stream:
            if existing == plain or not is_complete(stream.fileno()):
                rewrite(stream.fileno(), temporary)
                temporary.replace(path)
        if existing == plain:
            plain.unlink()
    except DamagedFile as problem:
        raise ConfigurationError(f"{existing} is {problem}; name another folder with --out") from None
    finally:
        temporary.unlink(missing_ok=True)


@contextlib.contextmanager
def _storage_errors(folder: Path) -> Iterator[None]:
    try:
        yield
    except OSError as problem:
        if problem.errno in (errno.ENOSPC, errno.EDQUOT, errno.EFBIG, errno.EIO):
            advice = "free disk space, then repeat the command"
            if journal_path(folder).exists():  # a report in a folder of its own has no journal
                advice = (
                    f"the results so far are in {journal_path(folder)}: free disk space, then "
                    f"`wsgi-gauntlet report {shlex.quote(str(folder))}` writes their report"
                )
            raise StorageFull(f"cannot write to {folder}: {problem.strerror}; {advice}") from None
        place = problem.filename2 or problem.filename or folder
        raise ConfigurationError(
            f"cannot write {os.fsdecode(place)}: {problem.strerror}; move it, or name another folder with --out"
        ) from None
