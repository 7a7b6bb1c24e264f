"""The baseline of a run, from opening the file to writing it."""

import datetime as dt
from dataclasses import replace
from pathlib import Path

import msgspec
import pytest

from wsgi_gauntlet.harness.baseline.session import BaselineSession, open_baseline
from wsgi_gauntlet.harness.errors import ConfigurationError
from wsgi_gauntlet.harness.model import (
    SCHEMA,
    BaselineExpectation,
    BaselineStatus,
    CaseResult,
    Level,
    Results,
    ServerInfo,
    Verdict,
)
from wsgi_gauntlet.harness.store import journal
from wsgi_gauntlet.harness.store.journal import BaselineChange, BaselineLine, CheckLine, Journal, StartLine

CASE, OTHER = "pep3333/environ/exact-dict", "http/request-line/baseline"
IDS = (CASE, OTHER)
KNOWN = f'[[server]]\nname = "s"\n\n[[server.expected]]\ncase = "{CASE}"\nverdict = "fail"\nreason = "r"\n'
SERVER = ServerInfo("s", "S", True, "1.0")


def cell(case: str, verdict: Verdict, baseline: BaselineExpectation | None = None) -> CaseResult:
    return CaseResult("s", case, Level.MUST, (), verdict, baseline=baseline)


def run(*cells: CaseResult, baseline: str = "") -> Results:
    return Results(SCHEMA, {}, {"s": SERVER}, cells, baseline=baseline)


def test_a_run_without_a_baseline_says_nothing() -> None:
    none = open_baseline(None, IDS, update=False)
    fail = cell(CASE, Verdict.FAIL)
    assert none.apply(SERVER, fail) is fail
    assert none.again(run(fail)) is None


def test_cells_get_their_status_at_once_and_again_if_the_file_is_another(tmp_path: Path) -> None:
    file = tmp_path / "known.toml"
    file.write_text(KNOWN)
    opened = open_baseline(file, IDS, update=False)
    met = opened.apply(SERVER, cell(CASE, Verdict.FAIL))
    assert met.baseline is not None
    assert met.baseline.status is BaselineStatus.EXPECTED
    assert opened.again(run(met, baseline=str(file))) is None
    line = opened.again(run(cell(CASE, Verdict.FAIL), cell(OTHER, Verdict.PASS)))
    assert line == BaselineLine(str(file), (BaselineChange("s", CASE, met.baseline),))
    assert open_baseline(None, IDS, update=False).again(run(met, baseline=str(file))) == BaselineLine(
        "", (BaselineChange("s", CASE, None),)
    )


def test_the_journal_stores_the_status_of_cells(tmp_path: Path) -> None:
    mark = BaselineExpectation(BaselineStatus.UNEXPECTED_FAIL)
    with Journal.open(tmp_path) as book:
        book.write(StartLine(SCHEMA, {}, {}, {}))
        book.write(BaselineLine("known.toml"))
        book.write(CheckLine(cell(CASE, Verdict.FAIL, mark)))
        book.write(CheckLine(cell(OTHER, Verdict.PASS)))
    first = journal.read(tmp_path)
    assert first.baseline == "known.toml"
    assert [each.baseline for each in first.conformance] == [mark, None]
    with Journal.open(tmp_path, resume=True) as book:
        book.write(BaselineLine("other.toml", (BaselineChange("s", CASE, None), BaselineChange("s", "gone", mark))))
    second = journal.read(tmp_path)
    assert second.baseline == "other.toml"
    assert second.conformance == tuple(msgspec.structs.replace(each, baseline=None) for each in first.conformance)


def test_an_update_is_written_and_applies(tmp_path: Path) -> None:
    target, file = tmp_path / "real.toml", tmp_path / "known.toml"
    target.write_text(f"# mine\n\n{KNOWN}")
    file.symlink_to(target)
    after, summary = open_baseline(file, IDS, update=True).updated(
        run(cell(CASE, Verdict.PASS), cell(OTHER, Verdict.FAIL))
    )
    assert summary == f"baseline {file}: 1 added, 1 removed"
    assert file.is_symlink()
    assert target.read_text().startswith("# mine\n")
    assert CASE not in target.read_text()
    apply = after.apply(SERVER, cell(OTHER, Verdict.FAIL))
    assert apply.baseline is not None
    assert apply.baseline.status is BaselineStatus.EXPECTED


def test_nothing_to_write_leaves_no_file(tmp_path: Path) -> None:
    file = tmp_path / "known.toml"
    opened = open_baseline(file, IDS, update=True)
    after, summary = opened.updated(run(cell(OTHER, Verdict.PASS)))
    assert summary == f"baseline {file}: nothing to change"
    assert after is opened
    assert not file.exists()


def test_a_file_that_cannot_be_opened_is_an_error_before_anything_starts(tmp_path: Path) -> None:
    with pytest.raises(ConfigurationError, match="--update-baseline needs a file"):
        open_baseline(None, IDS, update=True)
    with pytest.raises(ConfigurationError, match="does not exist; create it first"):
        open_baseline(tmp_path / "nowhere" / "known.toml", IDS, update=True)
    with pytest.raises(ConfigurationError, match="there is no baseline"):
        open_baseline(tmp_path / "known.toml", IDS, update=False)
    with pytest.raises(ConfigurationError, match="name a readable file"):
        open_baseline(tmp_path, IDS, update=True)


def test_a_file_that_cannot_be_written_is_one_line(tmp_path: Path) -> None:
    folder = tmp_path / "folder"
    folder.mkdir()
    broken = replace(open_baseline(tmp_path / "known.toml", IDS, update=True), file=folder)
    with pytest.raises(ConfigurationError, match="cannot be written"):
        broken.updated(run(cell(OTHER, Verdict.FAIL)))
    assert isinstance(broken, BaselineSession)
    assert isinstance(broken.today, dt.date)
