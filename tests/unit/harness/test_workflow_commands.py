"""No text of a server becomes a command of the CI service that reads the output."""

from __future__ import annotations

import io
import json
import os
import pty
import re
import subprocess
import sys
import threading
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from rich.console import Console
from rich.text import Text

from wsgi_gauntlet.harness import registry
from wsgi_gauntlet.harness.model import Results, Verdict
from wsgi_gauntlet.harness.workflow_commands import (
    CommandEscapingStream,
    commands_escaped,
    escape_commands,
    stdout_for_commands,
)
from wsgi_gauntlet.reports.terminal.summary import summary
from wsgi_gauntlet.reports.text import failure_report

from ...helpers.hostile_texts import poisoned

ATTACKS = (
    "::error title=a::b",
    "::add-mask::the ::warning::word",
    "##[error]x",
    "x ##[set-output name=a]b",
    "\n::debug::x",
)
MAIN = "from wsgi_gauntlet.harness.cli.main import main; main()"


def commands(text: str) -> list[str]:
    """Return the lines that a runner takes for commands, as actions/runner reads them, or would without styles."""
    lines = re.split(r"\r\n|\r|\n", text)
    return [each for each in lines if re.match(r"(\s|\x1b\[[0-9;]*m)*::|(?i:.*##(vso)?\[)", each)]


@pytest.fixture(scope="module")
def hostile() -> Results:
    return poisoned(ATTACKS, names=False)


@pytest.fixture(scope="module")
def hostile_run(hostile: Results, tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("run") / "results.json"
    path.write_text(registry.outputs()["json"].render(hostile))
    return path


@pytest.mark.parametrize(
    ("text", "escaped"),
    [
        ("::error::x", r":\u003aerror::x"),
        ("a\n \t::error::x", "a\n \t:\\u003aerror::x"),
        ("a\r::error::x", "a\r:\\u003aerror::x"),
        ("\u00a0::error::x", "\u00a0:\\u003aerror::x"),
        ("\x1b[1m::error::x", "\x1b[1m:\\u003aerror::x"),
        ("a ##[error]x ##VSO[task]", r"a ##\u005berror]x ##VSO\u005btask]"),
        ("tests/a.py::test [::1]:80 std::move #[1] # #[a]", "tests/a.py::test [::1]:80 std::move #[1] # #[a]"),
    ],
)
def test_only_what_a_runner_reads_as_a_command_is_escaped(text: str, escaped: str) -> None:
    assert escape_commands(text) == escaped


def test_a_json_reader_gets_the_same_text() -> None:
    value = ["##[error]x", "::error::y"]
    shown = escape_commands(json.dumps(value, indent=1))
    assert not commands(shown)
    assert json.loads(shown) == value


@given(
    st.lists(
        st.sampled_from(["::", ":", "#", "##", "[", "vso", "error", " ", "\n", "\r", "x" * 30, "\x1b[1m"]), max_size=30
    )
)
def test_pieces_of_a_text_are_escaped_like_the_whole(pieces: list[str]) -> None:
    written = io.StringIO(newline="")
    stream = CommandEscapingStream(written)
    for each in pieces:
        assert stream.write(each) == len(each)
    assert not commands(written.getvalue())
    assert written.getvalue() == escape_commands("".join(pieces))


@pytest.mark.parametrize("width", range(8, 40))
def test_a_wrapped_line_is_no_command(width: int) -> None:
    text = Text("the server says ::error title=a::b and ::warning::c or " + "y" * 30 + "::debug::x")
    plain, written = io.StringIO(), io.StringIO()
    Console(file=plain, width=width).print(text)
    Console(file=CommandEscapingStream(written), width=width).print(text)  # type: ignore[arg-type]
    assert not commands(written.getvalue())
    assert written.getvalue().replace(r"\u003a", ":") == plain.getvalue()


def test_threads_can_write_lines_at_the_same_time() -> None:
    written = io.StringIO()
    stream = CommandEscapingStream(written)
    writers = [threading.Thread(target=lambda: [stream.write(" ::error::x\n") for _ in range(200)]) for _ in range(4)]
    for each in writers:
        each.start()
    for each in writers:
        each.join()
    assert written.getvalue() == " :\\u003aerror::x\n" * 800


def test_the_streams_are_those_of_before_after_the_block(capsys: pytest.CaptureFixture[str]) -> None:
    before = sys.stdout, sys.stderr
    with commands_escaped():
        print("::error::out", file=sys.stdout)  # noqa: T201 - it is what the test is about
        print("::error::err", file=sys.stderr)  # noqa: T201
        print("::error::meant", file=stdout_for_commands())
    assert (sys.stdout, sys.stderr) == before
    shown = capsys.readouterr()
    assert shown.out == ":\\u003aerror::out\n::error::meant\n"
    assert shown.err == ":\\u003aerror::err\n"


@pytest.mark.slow
@pytest.mark.parametrize("columns", [40, 61, 80])
def test_a_report_prints_no_command_in_a_terminal(columns: int, hostile_run: Path, tmp_path: Path) -> None:
    unescaped = io.StringIO()
    summary(registry.load_results(hostile_run), None, Console(file=unescaped, width=columns), verbose=True)
    assert commands(unescaped.getvalue()), "the texts of the test reach no start of a line"
    own_end, other_end = pty.openpty()
    process = subprocess.Popen(
        [sys.executable, "-c", MAIN, "report", hostile_run, "--out", tmp_path / "out", "--verbose"],
        stdout=other_end,
        stderr=other_end,
        env={**os.environ, "COLUMNS": str(columns), "TERM": "xterm"},
    )
    os.close(other_end)
    data = b""
    while piece := _read(own_end):
        data += piece
    os.close(own_end)
    assert process.wait(30) == 0, data
    text = data.decode()
    assert r"\u003a" in text
    assert not commands(text)


def _read(terminal: int) -> bytes:
    try:
        return os.read(terminal, 65_536)
    except OSError:  # the end of a terminal
        return b""


@pytest.mark.slow
@pytest.mark.parametrize("encoding", ["utf-8", "ascii"])
def test_no_stream_of_the_command_has_a_command(encoding: str, hostile_run: Path, tmp_path: Path) -> None:
    done = subprocess.run(
        [sys.executable, "-c", MAIN, "report", hostile_run, "--out", tmp_path / "out", "--verbose", "--json"],
        capture_output=True,
        text=True,
        env={**os.environ, "PYTHONIOENCODING": encoding},
        check=True,
    )
    assert not commands(done.stderr)
    assert not commands(done.stdout)
    found = [each["actual"] for each in json.loads(done.stdout)["conformance"]]
    assert found == [each.actual for each in registry.load_results(hostile_run).conformance]


@pytest.mark.slow
def test_errors_are_no_commands(tmp_path: Path) -> None:
    for arguments in (["report", "##[error]x"], ["cases", "##[error]x"], ["##[error]x"]):
        done = subprocess.run(
            [sys.executable, "-c", MAIN, *arguments], capture_output=True, text=True, cwd=tmp_path, check=False
        )
        assert done.returncode == 2
        assert "u005berror" in done.stderr
        assert not commands(done.stderr)


@pytest.mark.slow
def test_annotations_stay_commands(hostile_run: Path, tmp_path: Path) -> None:
    arguments = ["report", str(hostile_run), "--out", str(tmp_path / "out"), "--annotations"]
    done = subprocess.run([sys.executable, "-c", MAIN, *arguments], capture_output=True, text=True, check=True)
    assert done.stdout.splitlines()
    for each in done.stdout.splitlines():
        assert re.fullmatch(r"::(error|warning|notice) title=[^:,]+::.*", each)


def test_what_pytest_shows_has_no_command(hostile: Results) -> None:
    reached = 0
    for cell in hostile.conformance:
        case = hostile.cases[cell.case]
        texts = [
            failure_report.headline(cell),
            failure_report.one_line(cell.actual),
            failure_report.failure(cell, case),
        ]
        texts += [text for _, text in failure_report.sections(cell, case)]
        assert not commands("\n".join(texts))
        reached += cell.verdict is not Verdict.PASS and "u003a" in "".join(texts)
    assert reached > 3
