"""The command `diff`: its exit codes, its outputs and its wrong calls."""

from __future__ import annotations

import json
import os
import pty
import re
import subprocess
import sys
from pathlib import Path

import msgspec
import pytest
from click.testing import CliRunner, Result
from rich.cells import cell_len

from wsgi_gauntlet.harness.cli.main import cli
from wsgi_gauntlet.harness.errors import ConfigurationError
from wsgi_gauntlet.harness.model import SCHEMA, CaseResult, Grade, Level, Results, ScenarioResult, ServerInfo, Verdict
from wsgi_gauntlet.harness.store import journal
from wsgi_gauntlet.reports.writers import json as json_writer

from ....helpers.sample_results import HOSTILE_TEXT

PASS, FAIL, WARN = Verdict.PASS, Verdict.FAIL, Verdict.WARN


def results(
    verdict: Verdict = PASS, grade: Grade = Grade.UNAFFECTED, server: str = "gunicorn", *, text: str = "x"
) -> Results:
    level = Level.SHOULD if verdict is WARN else Level.MUST
    return Results(
        SCHEMA,
        {"cores": 2},
        {server: ServerInfo(server, text, True, text)},
        (CaseResult(server, f"http/host/{text}", level, ("security",), verdict, text, text, text),),
        (ScenarioResult(server, "slow-read", grade, 0.9),),
    )


def write(folder: Path, name: str, found: Results) -> str:
    (folder / name).write_text(json_writer.render(found), "utf-8")
    return str(folder / name)


def call(folder: Path, base: Results, new: Results, *options: str) -> Result:
    arguments = ["diff", write(folder, "base.json", base), write(folder, "new.json", new), *options]
    return CliRunner(env={"COLUMNS": "80"}).invoke(cli, arguments)


@pytest.mark.parametrize(
    ("new", "options", "code"),
    [
        (results(), [], 0),
        (results(FAIL), [], 1),
        (results(FAIL), ["--fail-on", "must"], 1),
        (results(FAIL), ["--fail-on", "should"], 1),
        (results(FAIL), ["--fail-on", "grade"], 0),
        (results(WARN), [], 0),
        (results(WARN), ["--fail-on", "must", "--fail-on", "grade"], 0),
        (results(WARN), ["--fail-on", "should"], 1),
        (results(PASS, Grade.COLLAPSED), [], 0),
        (results(PASS, Grade.COLLAPSED), ["--fail-on", "must", "--fail-on", "grade"], 1),
        (results(Verdict.FLAKY, Grade.INVALID), ["--fail-on", "should", "--fail-on", "grade"], 0),
        (results(Verdict.ERROR, Grade.ERROR), ["--fail-on", "should", "--fail-on", "grade"], 0),
    ],
)
@pytest.mark.parametrize("output", [(), ("--json",), ("--all",)])
def test_exit_codes(tmp_path: Path, new: Results, options: list[str], code: int, output: tuple[str, ...]) -> None:
    done = call(tmp_path, results(), new, *options, *output)
    assert done.exit_code == code, done.output
    if output == ("--json",):
        assert bool(json.loads(done.stdout)["failures"]) == (code == 1)
    else:
        assert done.stdout.splitlines()[-1].startswith(f"Exit code {code}")


def test_a_run_folder_is_read_as_its_results_are(tmp_path: Path) -> None:
    folder = tmp_path / "run"
    with journal.Journal.open(folder) as written:
        written.write(journal.StartLine(SCHEMA, {"cores": 2}, {}, {}))
        written.write(journal.CheckLine(results(FAIL).conformance[0]))
        written.write(journal.EndLine())
    done = CliRunner().invoke(cli, ["diff", write(tmp_path, "base.json", results()), str(folder)])
    assert done.exit_code == 1
    assert "✗ security http/host/x  gunicorn" in done.stdout


def test_a_case_that_is_new_is_no_regression(tmp_path: Path) -> None:
    done = call(tmp_path, results(text="other"), results(FAIL, text="x"), "--fail-on", "should")
    assert done.exit_code == 0
    assert "New cells: only the new run has them (1 requirement)" in done.stdout
    assert "✗ security http/host/x  gunicorn" in done.stdout


@pytest.mark.parametrize("options", [(), ("--all",)])
def test_each_output_names_what_broke(tmp_path: Path, options: tuple[str, ...]) -> None:
    target = tmp_path / "comment.md"
    done = call(tmp_path, results(), results(FAIL), "--markdown", str(target), *options)
    assert done.exit_code == 1
    assert "1 requirement broken (1 security); 0 cells as before." in done.stdout
    assert done.stdout.splitlines()[-1] == "Exit code 1: 1 requirement (must) broke."
    assert target.read_text().startswith("## 1 requirement broken (1 security)\n\n")


@pytest.mark.parametrize(
    ("base", "new", "says"),
    [
        ("nowhere", "new.json", "there is no nowhere; name a run folder or a results.json"),
        ("base.json", "nowhere", "there is no nowhere; name a run folder or a results.json"),
        ("broken.json", "new.json", "broken.json is not a results.json"),
        ("base.json", "other.json", "have no server in common (gunicorn and waitress); name two runs of the same"),
        ("base.json", "cases.json", "base.json and cases.json: the runs have no cell in common; name two runs of the "),
        ("both.json", "two.json", "could be gunicorn@2 or gunicorn@3); name two runs of the same server"),
    ],
)
def test_bad_input_is_one_line(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, base: str, new: str, says: str) -> None:
    monkeypatch.chdir(tmp_path)
    write(tmp_path, "base.json", results())
    write(tmp_path, "new.json", results())
    write(tmp_path, "other.json", results(server="waitress"))
    write(tmp_path, "both.json", results(server="gunicorn@1"))
    two = [results(server=each) for each in ("gunicorn@2", "gunicorn@3")]
    write(tmp_path, "two.json", Results(SCHEMA, {}, {}, tuple(each.conformance[0] for each in two)))
    (tmp_path / "broken.json").write_text("{")
    write(tmp_path, "cases.json", msgspec.structs.replace(results(FAIL, text="y"), load=()))
    done = CliRunner().invoke(cli, ["diff", base, new])
    assert isinstance(done.exception, ConfigurationError)
    assert says in str(done.exception)
    assert "\n" not in str(done.exception)
    assert done.exception.exit_code == 2


def test_a_file_that_cannot_be_written_is_an_error_before_anything_else(tmp_path: Path) -> None:
    done = call(tmp_path, results(), results(FAIL), "--markdown", str(tmp_path / "nowhere" / "x.md"))
    assert isinstance(done.exception, ConfigurationError)
    assert "create it first" in str(done.exception)


@pytest.mark.parametrize("columns", [80, 60])
def test_a_terminal_gets_lines_that_fit_and_no_escape_of_a_server(tmp_path: Path, columns: int) -> None:
    """In a real terminal, with names of 60 characters, wide ones and hostile text."""
    texts = [
        HOSTILE_TEXT.encode("utf-8", "replace").decode(),
        "伺服器" * 10,
        "a-very-long-name-" * 4,
        "\u202e\u200b\x9b2J",
    ]
    servers = ["nginx+gunicorn:gthread@27.0.1[workers=16,threads=32]", *("s" * 60 + each for each in texts)]
    paths = []
    for name, verdict, grade in (("base.json", PASS, Grade.UNAFFECTED), ("new.json", FAIL, Grade.COLLAPSED)):
        every = [results(verdict, grade, server, text=each) for server in servers for each in texts]
        merged = Results(
            SCHEMA,
            {"cores": 2},
            {name: info for each in every for name, info in each.servers.items()},
            tuple(each.conformance[0] for each in every),
            tuple(each.load[0] for each in every),
        )
        paths.append(write(tmp_path, name, merged))
    own_end, other_end = pty.openpty()
    program = "from wsgi_gauntlet.harness.cli.main import main; main()"
    process = subprocess.Popen(
        [sys.executable, "-c", program, "diff", *paths, "--all"],
        stdout=other_end,
        stderr=other_end,
        env={**os.environ, "COLUMNS": str(columns), "TERM": "xterm"},
    )
    os.close(other_end)
    data = b""
    while True:
        try:
            piece = os.read(own_end, 65_536)
        except OSError:  # the end of a terminal
            break
        if not piece:
            break
        data += piece
    os.close(own_end)
    assert process.wait(30) == 1, data
    text = re.sub(r"\x1b\[[0-9;]*m", "", data.decode())
    assert "Exit code 1" in text
    assert "broken" in text
    hidden = {chr(each) for each in (*range(9), *range(11, 13), *range(14, 32), 0x9B, 0x202E, 0x200B)}
    assert not set(text) & hidden
    for line in text.splitlines():
        assert cell_len(line) <= columns, line


def test_a_report_with_a_base_keeps_it(tmp_path: Path) -> None:
    """In its results.json and in what the terminal says first."""
    base, new = write(tmp_path, "base.json", results()), write(tmp_path, "new.json", results(FAIL))
    done = CliRunner().invoke(cli, ["report", new, "--base", base, "--out", str(tmp_path / "out")])
    assert done.exit_code == 0, done.output
    assert "1 broken, 0 fixed" in done.stderr
    found = json_writer.load(tmp_path / "out").base
    assert found is not None
    assert (found.name, found.verdicts) == (base, {"gunicorn": {"http/host/x": PASS}})


def test_a_base_with_nothing_in_common_is_no_good_news(tmp_path: Path) -> None:
    """Every output says that nothing was compared, and the annotations list all failures."""
    base, new = write(tmp_path, "base.json", results(server="waitress")), write(tmp_path, "new.json", results(FAIL))
    out, badge = tmp_path / "out", tmp_path / "badge.json"
    options = ["--base", base, "--out", str(out), "--badge", str(badge), "--annotations"]
    done = CliRunner(env={"COLUMNS": "200"}).invoke(cli, ["report", new, *options])
    assert done.exit_code == 0, done.output
    reason = "the runs have no server in common"
    assert f"base.json: {reason}" in done.stderr
    assert done.stdout.startswith("::error title=gunicorn%3A http/host/x [security]::")
    assert f"Nothing was compared with {base}: {reason}." in done.stdout
    assert json.loads(badge.read_text())["message"] == "nothing was compared"
    assert f": {reason}." in (out / "summary.md").read_text()
    page = (out / "report.html").read_text()
    assert ">Nothing was compared against" in page
    assert ">The runs have no server in common.<" in page


def test_a_grade_that_got_worse_is_no_good_news(tmp_path: Path) -> None:
    base, new = write(tmp_path, "base.json", results()), write(tmp_path, "new.json", results(grade=Grade.COLLAPSED))
    out, badge = tmp_path / "out", tmp_path / "badge.json"
    done = CliRunner().invoke(cli, ["report", new, "--base", base, "--out", str(out), "--badge", str(badge)])
    assert done.exit_code == 0, done.output
    assert json.loads(badge.read_text())["message"] == "1 grade worse"
    assert "0 new failures, 1 grade worse, 1 as before" in (out / "summary.md").read_text()
    assert ">1 grade worse, 1 as before<" in (out / "report.html").read_text()


def test_a_flaky_cell_has_its_verdicts(tmp_path: Path) -> None:
    assert "    pass → flaky\n" in call(tmp_path, results(), results(Verdict.FLAKY)).stdout


def test_a_run_that_is_resumed_is_not_its_own_base(tmp_path: Path) -> None:
    arguments = ["check", "wsgiref", "--resume", "--out", str(tmp_path), "--base", str(tmp_path)]
    done = CliRunner().invoke(cli, arguments)
    assert isinstance(done.exception, ConfigurationError)
    assert "is the run that --resume continues; name an earlier run" in str(done.exception)
