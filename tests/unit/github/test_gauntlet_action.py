"""The steps of the GitHub action. tests/live/test_github_action.py runs the action itself."""

from __future__ import annotations

import json
import subprocess
import sys
import sysconfig
from collections.abc import Callable, Sequence
from pathlib import Path

import gauntlet_action as action
import pytest

HOSTILE = "$(touch x) `id` ${{ secrets.X }} ; rm -rf / \n::error::x\n--out=/etc 'a b'"


@pytest.fixture
def programs(monkeypatch: pytest.MonkeyPatch) -> tuple[list[list[str]], Callable[..., None]]:
    """The programs that were started, and a function that sets their exit codes, by a word in them."""
    started: list[list[str]] = []
    codes: dict[str, int] = {}

    def run(program: Sequence[str], *, check: bool) -> subprocess.CompletedProcess[str]:
        assert not check
        started.append(list(program))
        code = next((code for word, code in codes.items() if word in program), 0)
        return subprocess.CompletedProcess(program, code)

    def set_codes(**given: int) -> None:
        codes.update(given)

    monkeypatch.setattr(subprocess, "run", run)
    return started, set_codes


@pytest.mark.parametrize("inputs", [{}, {"INPUT_SHARDS": ""}, {"INPUT_SHARDS": "1"}])
def test_without_shards_there_is_one(inputs: dict[str, str]) -> None:
    assert action.shard_names(inputs) == ["1/1"]


def test_shards_are_numbered_from_one() -> None:
    assert action.shard_names({"INPUT_SHARDS": " 3 "}) == ["1/3", "2/3", "3/3"]


@pytest.mark.parametrize("number", ["0", "-1", "101", "1e1", "٣", "2]", HOSTILE])
def test_another_number_of_shards_is_refused(number: str, capfd: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit, match="2"):
        action.shard_names({"INPUT_SHARDS": number})
    printed = capfd.readouterr().out
    assert printed.startswith("::error title=wsgi-gauntlet::the input shards is a number from 1 to 100")
    assert printed.count("\n") == 1


def test_inputs_become_arguments(tmp_path: Path) -> None:
    inputs = {
        "INPUT_SERVERS": "gunicorn\n  'nginx+gunicorn[workers=2]'\n",
        "INPUT_SELECT": "http/framing pep3333",
        "INPUT_BASELINE": "known failures.toml",
        "INPUT_ARGUMENTS": "--app 'shop:create_app(\"x\")'",
        "INPUT_SHARD": "2/4",
    }
    assert action.check_arguments(inputs, tmp_path) == [
        "check",
        f"--out={tmp_path}",
        "--select=http/framing",
        "--select=pep3333",
        "--baseline=known failures.toml",
        "--shard=2/4",
        "--app",
        'shop:create_app("x")',
        "--",
        "gunicorn",
        "nginx+gunicorn[workers=2]",
    ]


def test_only_a_whole_run_has_outputs_for_people(tmp_path: Path) -> None:
    whole = action.check_arguments({"INPUT_BASE": "base/results.json"}, tmp_path)
    assert {"--annotations", "--base=base/results.json"} <= set(whole)
    assert "--annotations" not in action.check_arguments({"INPUT_SHARD": "1/2"}, tmp_path)


def test_hostile_inputs_are_only_words(tmp_path: Path) -> None:
    found = action.check_arguments({"INPUT_SERVERS": HOSTILE, "INPUT_COMMAND": HOSTILE}, tmp_path)
    assert f"--command={HOSTILE}" in found
    assert found.index("--") < found.index("$(touch") < found.index("--out=/etc") < found.index("a b")


def test_an_open_quotation_mark_is_said(capfd: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit, match="2"):
        action.words({"INPUT_SERVERS": "'gunicorn"}, "SERVERS")
    assert "the input servers has a quotation mark that is not closed" in capfd.readouterr().out


def test_no_value_can_set_another_output(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("GITHUB_OUTPUT", str(tmp_path / "outputs"))
    action.set_output("run", "x\nEOF\nother=y")
    first, *value, last = (tmp_path / "outputs").read_text().splitlines()
    assert value == ["x", "EOF", "other=y"]
    assert first == f"run<<{last}"
    assert len(last) == 32


def test_plan_sets_a_json_list(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("GITHUB_OUTPUT", str(tmp_path / "outputs"))
    monkeypatch.setenv("INPUT_SHARDS", "2")
    assert action.main(["plan"]) == 0
    assert json.loads((tmp_path / "outputs").read_text().splitlines()[1]) == ["1/2", "2/2"]


def test_packages_of_the_user_are_installed_first(programs: tuple[list[list[str]], Callable[..., None]]) -> None:
    started, set_codes = programs
    assert action.install({"INPUT_INSTALL": "gunicorn -r 'my requirements.txt'"}) == 0
    assert started[0][:3] == [sys.executable, "-m", "pip"]
    assert started[0][-3:] == ["gunicorn", "-r", "my requirements.txt"]
    assert started[1][-1] == str(action.ROOT)
    set_codes(gunicorn=1)
    assert action.install({"INPUT_INSTALL": "gunicorn"}) == 1
    assert len(started) == 3


def test_a_python_of_the_system_is_refused_before_anything_is_installed(
    programs: tuple[list[list[str]], Callable[..., None]],
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capfd: pytest.CaptureFixture[str],
) -> None:
    monkeypatch.setattr(sysconfig, "get_path", lambda _: str(tmp_path))
    monkeypatch.setattr(sys, "prefix", sys.base_prefix)
    assert action.install({}) == 0
    (tmp_path / "EXTERNALLY-MANAGED").write_text("")
    with pytest.raises(SystemExit, match="2"):
        action.install({})
    assert "set the input python" in capfd.readouterr().out
    assert len(programs[0]) == 1


@pytest.mark.parametrize(
    ("fail_on", "base", "check", "diff", "code"),
    [
        ("", "", 0, None, 0),
        ("", "", 1, None, 1),
        ("", "base", 1, 0, 1),
        ("", "base", 0, 1, 0),
        ("must", "base", 1, 0, 0),
        ("must", "base", 0, 1, 1),
        ("should", "base", 1, 1, 1),
        ("must", "base", 1, 2, 0),  # other servers than in the base run
        ("must", "base", 1, 4, 4),
        ("", "base", 1, 4, 4),
        ("must", "", 1, None, 0),
        ("must", "base", 2, None, 2),
        ("must", "base", 3, None, 3),
        ("", "base", 4, None, 4),
    ],
)
def test_the_exit_code(
    fail_on: str,
    base: str,
    check: int,
    diff: int | None,
    code: int,
    programs: tuple[list[list[str]], Callable[..., None]],
) -> None:
    started, set_codes = programs
    set_codes(diff=diff or 0)
    assert action.gate({"INPUT_FAIL_ON": fail_on, "INPUT_BASE": base}, Path("run"), check) == code
    assert len(started) == (0 if diff is None else 1)
    assert all(f"--fail-on={fail_on or 'must'}" in each for each in started)


@pytest.mark.parametrize("shard", ["", "1/2"])
def test_a_program_that_crashes_is_no_failure_of_a_server(
    shard: str,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    programs: tuple[list[list[str]], Callable[..., None]],
) -> None:
    monkeypatch.setenv("RUNNER_TEMP", str(tmp_path))
    programs[1](check=1)
    assert action.check({"INPUT_SHARD": shard, "INPUT_FAIL_ON": "must"}) == 4


@pytest.mark.parametrize("arguments", ["--level must", "--public --level must"])
def test_the_paths_of_a_public_report_are_in_no_journal_that_is_uploaded(
    arguments: str,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    programs: tuple[list[list[str]], Callable[..., None]],
) -> None:
    monkeypatch.setenv("RUNNER_TEMP", str(tmp_path))
    monkeypatch.setenv("GITHUB_OUTPUT", str(tmp_path / "outputs"))
    run = tmp_path / "wsgi-gauntlet" / "check"
    action.check({"INPUT_ARGUMENTS": arguments, "INPUT_SHARD": "1/1"})
    public = "--public" in arguments
    assert (str(run / "run" / "run.jsonl.zst") not in (tmp_path / "outputs").read_text()) == public
    (run / "run").mkdir()
    (run / "run" / "run.jsonl.zst").touch()
    action.join({"INPUT_SHARDS": "1", "INPUT_PARTS": str(run)})
    assert ("--public" in programs[0][-1]) == public


def test_another_fail_on_is_refused(capfd: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit, match="2"):
        action.fail_on({"INPUT_FAIL_ON": "may"})
    assert "the input fail-on is empty, must or should, and not 'may'" in capfd.readouterr().out


def test_a_summary_that_is_too_large_for_github_is_left_out(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("GITHUB_STEP_SUMMARY", str(tmp_path / "summary"))
    (tmp_path / "diff.md").write_text("# What changed")
    (tmp_path / "summary.md").write_bytes(b"x" * action.MAX_SUMMARY_BYTES)
    action.write_summary(tmp_path)
    assert (tmp_path / "summary").read_text() == "# What changed\n"


def part(folder: Path, number: int, code: int, *, results: bool = True) -> None:
    place = folder / f"wsgi-gauntlet-part-{number}"
    (place / "run").mkdir(parents=True)
    (place / "exit-code").write_text(str(code))
    if results:
        (place / "run" / "run.jsonl.zst").write_text("")


@pytest.mark.parametrize(
    ("codes", "expected"), [((0, 0), 0), ((0, 1), 1), ((1, 3), 3), ((2, 1), 2), ((1,), 2), ((3,), 3), ((), 2)]
)
def test_the_worst_part_counts_and_a_missing_part_too(
    codes: tuple[int, ...],
    expected: int,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    programs: tuple[list[list[str]], Callable[..., None]],
) -> None:
    monkeypatch.setenv("RUNNER_TEMP", str(tmp_path))
    for number, code in enumerate(codes, 1):
        part(tmp_path / "parts", number, code)
    assert action.join({"INPUT_SHARDS": "2", "INPUT_PARTS": str(tmp_path / "parts")}) == expected
    joined = [program[program.index("--") + 1 :] for program in programs[0]]
    assert [len(each) for each in joined] == ([len(codes)] if codes else [])


def test_a_single_part_has_no_folder_of_its_own(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, programs: tuple[list[list[str]], Callable[..., None]]
) -> None:
    monkeypatch.setenv("RUNNER_TEMP", str(tmp_path))
    (tmp_path / "parts" / "run").mkdir(parents=True)
    (tmp_path / "parts" / "run" / "run.jsonl").write_text("")
    (tmp_path / "parts" / "exit-code").write_text("1")
    assert action.join({"INPUT_SHARDS": "1", "INPUT_PARTS": str(tmp_path / "parts")}) == 1
    assert programs[0][0][-1] == str(tmp_path / "parts" / "run")


def test_a_part_without_results_is_not_joined(
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    programs: tuple[list[list[str]], Callable[..., None]],
    capfd: pytest.CaptureFixture[str],
) -> None:
    monkeypatch.setenv("RUNNER_TEMP", str(tmp_path))
    part(tmp_path / "parts", 1, 0)
    part(tmp_path / "parts", 2, 4, results=False)
    assert action.join({"INPUT_SHARDS": "2", "INPUT_PARTS": str(tmp_path / "parts")}) == 4
    assert "1 of 2 parts have results" in capfd.readouterr().out
    assert len(programs[0]) == 1
