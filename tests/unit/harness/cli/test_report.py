"""`report --split` and `report --picture`."""

from __future__ import annotations

import json as stdlib_json
from pathlib import Path
from xml.etree import ElementTree as ET

import pytest
from click.testing import CliRunner, Result

from wsgi_gauntlet.harness.cli.main import cli
from wsgi_gauntlet.harness.errors import ConfigurationError
from wsgi_gauntlet.harness.model import SCHEMA, Verdict
from wsgi_gauntlet.harness.store.journal import CheckLine, Journal, StartLine
from wsgi_gauntlet.reports.writers import json

from ....helpers.sample_results import build


@pytest.fixture(scope="module")
def run(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The results of a run."""
    file = tmp_path_factory.mktemp("run") / "results.json"
    file.write_text(json.render(build()))
    return file


def report(run: Path, out: Path, *arguments: str) -> Result:
    return CliRunner().invoke(cli, ["report", str(run), "--out", str(out), *arguments])


def error(result: Result) -> str:
    """Return the message of a ConfigurationError, which main() prints as one line with exit code 2."""
    assert isinstance(result.exception, ConfigurationError), result.output
    assert "\n" not in str(result.exception)
    return str(result.exception)


def test_split_writes_pages_beside_the_report(run: Path, tmp_path: Path) -> None:
    out = tmp_path / "out"
    result = report(run, out, "--split")
    assert result.exit_code == 0, result.output
    assert "pages without scripts: " in result.output
    assert (out / "report.html").is_file()
    assert (out / "pages" / "index.html").is_file()
    assert (out / "pages" / "charts" / "slow-clients.svg").is_file()


def test_a_report_without_a_journal_keeps_the_evidence_and_its_earlier_files(tmp_path: Path) -> None:
    """A run that is read from its journal, a report of it somewhere else, and a report of that in its place."""
    failed = next(each for each in build().conformance if each.verdict is Verdict.FAIL and each.evidence.wire)
    with Journal.open(tmp_path / "run") as book:
        book.write(StartLine(SCHEMA, {}, build().cases, {}))
        book.write(CheckLine(failed))
    out = tmp_path / "out"
    assert report(tmp_path / "run", tmp_path / "run").exit_code == 0
    assert "evidence" not in stdlib_json.loads((tmp_path / "run" / "results.json").read_text())["conformance"][0]
    assert report(tmp_path / "run", out).exit_code == 0
    written = (out / "results.json").read_bytes()
    assert stdlib_json.loads(written)["conformance"][0]["evidence"]["wire"]
    again = report(out, out)
    assert f"the earlier files of {out} were moved to {out / 'previous'}" in " ".join(again.output.split())
    assert (out / "results.json").read_bytes() == written == (out / "previous" / "results.json").read_bytes()


def test_the_pages_of_an_earlier_report_are_kept_in_previous(run: Path, tmp_path: Path) -> None:
    out = tmp_path / "out"
    report(run, out, "--split")
    result = report(run, out)
    assert result.exit_code == 0, result.output
    assert not (out / "pages").exists()
    assert (out / "previous" / "pages" / "index.html").is_file()


def test_pictures_are_files_of_their_own(run: Path, tmp_path: Path) -> None:
    """Without a chart it is N* of every server."""
    first, second = tmp_path / "n.svg", tmp_path / "strips.svg"
    result = report(run, tmp_path / "out", "--picture", str(first), "--picture", f"classroom/strips={second}")
    assert result.exit_code == 0, result.output
    for path, title in ((first, "How many slow clients"), (second, "Forty people in a classroom")):
        assert title in (ET.fromstring(path.read_text()).get("aria-label") or "")
        assert "class=" not in path.read_text()


def test_the_suffix_of_a_picture_says_what_it_is(run: Path, tmp_path: Path) -> None:
    """In any case of letters."""
    files = {"n.svg": b"<svg ", "n.png": b"\x89PNG\r\n\x1a\n", "n.PDF": b"%PDF-"}
    pictures = [part for name in files for part in ("--picture", f"classroom/strips={tmp_path / name}")]
    result = report(run, tmp_path / "out", *pictures)
    assert result.exit_code == 0, result.output
    for name, start in files.items():
        assert (tmp_path / name).read_bytes().startswith(start)


@pytest.mark.parametrize(
    ("picture", "message"),
    [
        ("n.gif", "this kind of file cannot be written; name a file that ends in .svg, .png or .pdf"),
        ("classroom/strips=png", "name a file that ends in .svg, .png or .pdf"),
        ("classroom/strips=", "the file is missing"),
        ("nothing=n.svg", "this run has no chart nothing; its charts are: slow-clients, requirements, "),
        ("classroom/strip=n.svg", "did you mean classroom/strips"),
        ("no/such/folder/n.svg", "there is no folder"),
    ],
)
def test_a_wrong_picture_says_what_to_do(run: Path, tmp_path: Path, picture: str, message: str) -> None:
    """Before anything is written."""
    out = tmp_path / "out"
    assert message in error(report(run, out, "--picture", picture))
    assert not out.exists()


def test_two_pictures_are_two_files(run: Path, tmp_path: Path) -> None:
    (tmp_path / "sub").mkdir()
    files = [str(tmp_path / "n.svg"), f"classroom/strips={tmp_path}/sub/../n.svg"]
    message = error(report(run, tmp_path / "out", "--picture", files[0], "--picture", files[1]))
    assert message.endswith("n.svg: two charts have the same file; name another file")
    assert not (tmp_path / "n.svg").exists()


def test_pages_never_replace_files_of_others(run: Path, tmp_path: Path) -> None:
    out = tmp_path / "out"
    report(run, out)
    (out / "pages").mkdir()
    (out / "pages" / "mine.txt").write_text("mine")
    assert "not of an earlier run" in error(report(run, out, "--split"))
    assert (out / "pages" / "mine.txt").read_text() == "mine"


def test_a_report_without_split_removes_the_earlier_pages_and_no_file_of_others(tmp_path: Path) -> None:
    folder = tmp_path / "run"
    with Journal.open(folder) as book:
        book.write(StartLine(SCHEMA, {}, {}, {}))
    (folder / "notes.txt").write_text("mine")
    assert CliRunner().invoke(cli, ["report", str(folder), "--split"]).exit_code == 0
    assert (folder / "pages" / "index.html").exists()
    result = CliRunner().invoke(cli, ["report", str(folder)])
    assert result.exit_code == 0, result.output
    assert "the earlier pages without scripts were removed" in result.output
    assert not (folder / "pages").exists()
    assert (folder / "notes.txt").read_text() == "mine"
    assert "removed" not in CliRunner().invoke(cli, ["report", str(folder)]).output
