"""The journal: complete, incomplete, resumed, and on a full disk."""

import errno
import os
from collections.abc import Iterator
from contextlib import nullcontext
from pathlib import Path

import pytest

from wsgi_gauntlet.harness.errors import ConfigurationError, StorageFull
from wsgi_gauntlet.harness.model import (
    SCHEMA,
    BaseCase,
    BaseRun,
    CaseResult,
    ConnectionEvent,
    ConnectionEventKind,
    Evidence,
    Grade,
    Level,
    ScenarioResult,
    ServerInfo,
    Verdict,
)
from wsgi_gauntlet.harness.store import journal, output_folder
from wsgi_gauntlet.harness.store.journal import BaseLine, CheckLine, EndLine, Journal, LoadLine, ServerLine, StartLine
from wsgi_gauntlet.harness.store.json_encoding import to_json

from ....helpers.journal_text import journal_text

START = StartLine(SCHEMA, {"program": "wsgi-gauntlet"}, {}, {})


def cell(case: str, verdict: Verdict = Verdict.PASS) -> CaseResult:
    evidence = Evidence(wire=(ConnectionEvent(1.0, 1, ConnectionEventKind.RECEIVED, b"\x00\xff"),), log="caf\udce9")
    return CaseResult("gunicorn", case, Level.MUST, (), verdict, evidence=evidence)


def test_what_was_written_is_read_again(tmp_path: Path) -> None:
    with Journal.open(tmp_path / "out") as book:
        book.write(START)
        book.write(ServerLine(ServerInfo("gunicorn", "gunicorn", available=True)))
        book.write(ServerLine(ServerInfo("gunicorn", "gunicorn", available=True, command="gunicorn -b")))
        book.write(CheckLine(cell("a", Verdict.FAIL)))
        book.write(CheckLine(cell("a")))
        book.write(LoadLine(ScenarioResult("gunicorn", "classroom", Grade.UNAFFECTED)))
        assert not journal.read(book.folder).finished
        book.write(EndLine())
    results = journal.read(tmp_path / "out")
    assert results.finished
    assert results.servers["gunicorn"].command == "gunicorn -b"
    assert [(c.case, c.verdict) for c in results.conformance] == [("a", Verdict.PASS)]
    assert results.conformance[0].evidence.wire[0].data == b"\x00\xff"
    assert results.conformance[0].evidence.log == "caf\\udce9"
    assert [each.grade for each in results.load] == [Grade.UNAFFECTED]


def test_the_base_run_is_read_with_the_cells(tmp_path: Path) -> None:
    """A later line replaces it."""
    with Journal.open(tmp_path / "out") as book:
        book.write(START)
        for name in ("first", "second"):
            book.write(BaseLine(BaseRun(name, {}, {}, {"a": BaseCase(Level.MUST)}, {"gunicorn": {"a": Verdict.FAIL}})))
        book.write(CheckLine(cell("a")))
    results = journal.read(tmp_path / "out")
    assert results.base is not None
    assert (results.base.name, results.base.verdicts) == ("second", {"gunicorn": {"a": Verdict.FAIL}})
    assert [each.verdict for each in results.conformance] == [Verdict.PASS]


@pytest.mark.parametrize("incomplete", [b'{"line":"check","chec', b"\xff\xfe", b"{}"])
def test_an_incomplete_last_line_of_an_older_version_is_ignored(tmp_path: Path, incomplete: bytes) -> None:
    lines = to_json(START), to_json(CheckLine(cell("a"))), incomplete
    with Journal.open(tmp_path):
        pass
    (tmp_path / journal.JOURNAL_FILENAME).unlink()
    (tmp_path / journal.PLAIN_JOURNAL_FILENAME).write_bytes(b"\n".join(lines))
    assert [each.case for each in journal.read(tmp_path).conformance] == ["a"]
    with Journal.open(tmp_path, resume=True) as book:
        book.write(CheckLine(cell("b")))
    assert [each.case for each in journal.read(tmp_path).conformance] == ["a", "b"]
    assert not (tmp_path / journal.PLAIN_JOURNAL_FILENAME).exists()


@pytest.mark.parametrize("zeros", [0, 1, 500])
def test_a_kill_at_any_byte_keeps_all_earlier_lines(tmp_path: Path, zeros: int) -> None:
    """Each line is in the file when `write` returns, and a resumed run appends to what is left.

    After a power loss a file can have zeros in place of what was not written.
    """
    ends = []
    with Journal.open(tmp_path / "run") as book:
        for line in (START, CheckLine(cell("a")), CheckLine(cell("b"))):
            book.write(line)
            ends.append((tmp_path / "run" / journal.JOURNAL_FILENAME).stat().st_size)
    data = (tmp_path / "run" / journal.JOURNAL_FILENAME).read_bytes()
    for end in range(ends[0], len(data) + 1):
        (tmp_path / "run" / journal.JOURNAL_FILENAME).write_bytes(data[:end] + bytes(zeros))
        before = ["a", "b"][: sum(each <= end for each in ends) - 1]
        assert [each.case for each in journal.read(tmp_path / "run").conformance] == before
        with Journal.open(tmp_path / "run", resume=True) as book:
            book.write(CheckLine(cell("c")))
        assert [each.case for each in journal.read(tmp_path / "run").conformance] == [*before, "c"]


def test_earlier_runs_are_all_kept_and_strangers_are_left_alone(tmp_path: Path) -> None:
    for number in (1, 2, 3):
        with Journal.open(tmp_path) as book:
            book.write(START)
            book.write(CheckLine(cell(str(number))))
            assert book.previous_folder == (tmp_path / journal.PREVIOUS_FOLDER if number > 1 else None)
        (tmp_path / "mine.txt").write_text("keep")
        (tmp_path / journal.PREVIOUS_FOLDER).mkdir(exist_ok=True)
        (tmp_path / journal.PREVIOUS_FOLDER / f"mine-{number}.txt").write_text("keep")
    output_folder = ("", "previous", "previous-3", "previous-2")
    there = {
        each: journal.read(tmp_path / each).conformance[0].case
        for each in output_folder
        if (tmp_path / each / journal.JOURNAL_FILENAME).exists()
    }
    assert there == {"": "3", "previous": "2", "previous-3": "1"}
    assert (tmp_path / "mine.txt").read_text() == "keep"
    assert len(list(tmp_path.rglob("mine-*.txt"))) == 3


def files(folder: Path) -> dict[str, str]:
    return {str(each.relative_to(folder)): each.read_text() for each in folder.rglob("*") if each.is_file()}


@pytest.mark.parametrize(
    "name", ["summary.md", "results.json", "report.html", "previous/thesis.md", "logs/a", ".env", "a"]
)
def test_a_folder_of_somebody_is_refused_and_left_as_it_is(tmp_path: Path, name: str) -> None:
    (tmp_path / name).parent.mkdir(exist_ok=True)
    (tmp_path / name).write_text("mine")
    for resume in (False, True):
        with pytest.raises(ConfigurationError, match="not of an earlier run"), Journal.open(tmp_path, resume=resume):
            pass
    with pytest.raises(ConfigurationError, match="not of an earlier run"):
        journal.lock_folder(tmp_path)
    assert files(tmp_path) == {name: "mine"}


@pytest.mark.parametrize("name", [journal.JOURNAL_FILENAME, journal.PLAIN_JOURNAL_FILENAME])
def test_a_journal_of_the_harness_marks_a_folder_and_another_file_does_not(tmp_path: Path, name: str) -> None:
    """An artifact of CI has no hidden files."""
    with Journal.open(tmp_path / "run") as book:
        book.write(START)
    written = (tmp_path / "run" / journal.JOURNAL_FILENAME).read_bytes()
    copy = tmp_path / "copy"
    copy.mkdir()
    (copy / name).write_text('{"level": "info"}\n')
    with pytest.raises(ConfigurationError), Journal.open(copy):
        pass
    (copy / name).write_bytes(written if name == journal.JOURNAL_FILENAME else journal_text(tmp_path / "run").encode())
    with Journal.open(copy) as book:
        assert book.previous_folder == copy / journal.PREVIOUS_FOLDER


@pytest.mark.parametrize("place", ["/", "file", "file/below", "link", "dangling", "x" * 300, "/dev/null"])
def test_what_can_be_no_run_folder_is_said_before_anything_is_made(tmp_path: Path, place: str) -> None:
    (tmp_path / "file").write_text("mine")
    (tmp_path / "folder").mkdir()
    (tmp_path / "link").symlink_to("folder")
    (tmp_path / "dangling").symlink_to("nowhere")
    for what in (output_folder.require_output_folder, journal.lock_folder):
        with pytest.raises(ConfigurationError, match="--out") as raised:
            what(tmp_path / place)
        assert "\n" not in str(raised.value)
    assert files(tmp_path) == {"file": "mine"}
    assert not list((tmp_path / "folder").iterdir())


def test_an_empty_folder_may_be_kept_in_a_repository(tmp_path: Path) -> None:
    (tmp_path / ".gitignore").write_text("*")
    with Journal.open(tmp_path):
        pass
    assert (tmp_path / ".gitignore").read_text() == "*"


def test_a_device_and_a_link_stay_what_they_are(tmp_path: Path) -> None:
    (tmp_path / "null").symlink_to("/dev/null")
    (tmp_path / "link").symlink_to("target")
    for name in ("null", "link"):
        journal.write_text(tmp_path / name, "text")
        assert (tmp_path / name).is_symlink()
    assert (tmp_path / "target").read_text() == "text"
    assert not Path("/dev/null").is_file()
    reading, writing = os.pipe()
    journal.write_text(Path(f"/dev/fd/{writing}"), "text")
    assert os.read(reading, 10) == b"text"
    os.close(reading)
    os.close(writing)


def test_a_folder_has_one_writer(tmp_path: Path) -> None:
    assert not journal.is_locked(tmp_path / "nowhere")
    with Journal.open(tmp_path):
        assert journal.is_locked(tmp_path)
        with pytest.raises(ConfigurationError, match="another run"), Journal.open(tmp_path):
            pass
    assert not journal.is_locked(tmp_path)


def test_a_folder_that_cannot_be_made_is_one_line(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(ConfigurationError, match="--out"), Journal.open(tmp_path / "file"):
        pass
    with pytest.raises(ConfigurationError, match="--out"), Journal.open(tmp_path / "file" / "below"):
        pass


def test_a_full_disk_keeps_what_was_measured(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with Journal.open(tmp_path) as book:
        book.write(START)
        book.write(CheckLine(cell("a")))

        def full(*_: object) -> int:
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

        with monkeypatch.context() as patch:
            patch.setattr(os, "write", full)
            with pytest.raises(StorageFull, match="wsgi-gauntlet report"):
                book.write(CheckLine(cell("b")))
    assert [each.case for each in journal.read(tmp_path).conformance] == ["a"]


@pytest.mark.parametrize(
    ("content", "says"),
    [
        (None, "no run in"),
        (b"", "before it measured anything"),
        (b"not json\n{}\n{}\n", "line 1 is not a line of this version"),
        (b'{"line":"run","schema":99,"environment":{},"cases":{},"scenarios":{}}\n', "newer wsgi-gauntlet"),
    ],
)
def test_what_is_no_journal_says_so(tmp_path: Path, content: bytes | None, says: str) -> None:
    if content is not None:
        (tmp_path / journal.JOURNAL_FILENAME).write_bytes(content)
    with pytest.raises(ConfigurationError) as raised:
        journal.read(tmp_path)
    assert says in str(raised.value)
    assert "\n" not in str(raised.value)


@pytest.mark.parametrize("resume", [False, True])
def test_two_journals_are_one_too_many(tmp_path: Path, resume: bool) -> None:
    """An older version has run in the folder: which run is meant?"""
    with Journal.open(tmp_path) as book:
        book.write(START)
    (tmp_path / journal.PLAIN_JOURNAL_FILENAME).write_bytes(to_json(START))
    opened = Journal.open(tmp_path, resume=True) if resume else nullcontext()
    with pytest.raises(ConfigurationError, match=r"has two journals: .* of an older version; move the one"), opened:
        journal.read(tmp_path)
    assert (tmp_path / journal.PLAIN_JOURNAL_FILENAME).exists()


def test_what_a_killed_resume_left_is_removed(tmp_path: Path) -> None:
    with Journal.open(tmp_path) as book:
        book.write(START)
    (tmp_path / ".run.jsonl.zst.1").touch()
    with Journal.open(tmp_path, resume=True):
        pass
    assert not (tmp_path / ".run.jsonl.zst.1").exists()


def test_a_report_is_put_down_whole_or_not_at_all(tmp_path: Path) -> None:
    path = tmp_path / "report.html"
    journal.write_text(path, "old")

    def parts() -> Iterator[str]:
        yield "new"
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    with pytest.raises(StorageFull, match=r"No space left on device; free disk space, then repeat the command$"):
        journal.write_text(path, parts())
    assert path.read_bytes() == b"old"
    assert list(tmp_path.iterdir()) == [path]
    journal.write_text(path, ["ne", "wer"])
    assert path.read_text() == "newer"


@pytest.mark.parametrize("resume", [False, True])
def test_a_folder_in_the_journals_place_is_said_in_one_line(tmp_path: Path, resume: bool) -> None:
    with journal.Journal.open(tmp_path / "run"):
        pass
    (tmp_path / "run" / journal.JOURNAL_FILENAME).unlink()
    (tmp_path / "run" / journal.JOURNAL_FILENAME / "x").mkdir(parents=True)
    if resume:
        with (
            pytest.raises(ConfigurationError, match=r"run\.jsonl\.zst: Is a directory; move it, or"),
            journal.Journal.open(tmp_path / "run", resume=True),
        ):
            pass
        assert (tmp_path / "run" / journal.JOURNAL_FILENAME / "x").is_dir()
    else:
        with journal.Journal.open(tmp_path / "run"):
            assert (tmp_path / "run" / journal.JOURNAL_FILENAME).is_file()


def test_a_folder_in_a_reports_place_is_said_in_one_line(tmp_path: Path) -> None:
    (tmp_path / "report.html" / "x").mkdir(parents=True)
    with pytest.raises(ConfigurationError, match=r"report\.html: Is a directory; move it, or"):
        journal.write_text(tmp_path / "report.html", "text")
    assert sorted(each.name for each in tmp_path.iterdir()) == ["report.html"]
