"""Baselines, shards and reruns through the command: a real server with a fault that is known, and every exit."""

import json
import os
from pathlib import Path
from xml.etree import ElementTree as ET

import pytest

from wsgi_gauntlet.harness.store import journal

from ..helpers.page_content import page_content
from ..helpers.preloaded_program import run_preloaded

pytestmark = pytest.mark.live

BROKEN, KEPT = "http/request-line/http09", "http/responses/head-status/list"
TWO = ("--select", BROKEN, "--select", KEPT)
ENTRY = """
[[server.expected]]
case = "{case}"
verdict = "fail"
reason = "wsgiref is for trying things out"
"""


def call(place: Path, *arguments: str, code: int) -> str:
    """Run the command in `place`; return what it said on stderr."""
    done = run_preloaded(arguments, place, {**os.environ, "COLUMNS": "160", "NO_COLOR": "1"})
    assert done.returncode == code, done.stderr
    assert "Traceback" not in done.stderr
    return done.stderr


def check(place: Path, *arguments: str, code: int) -> str:
    """Check wsgiref, which answers HTTP/0.9 without a status line, in two cases."""
    return call(place, "check", "wsgiref", *TWO, *arguments, code=code)


def expecting(place: Path, *cases: str, extra: str = "") -> Path:
    """Write a baseline that expects `cases` to fail."""
    file = place / "known.toml"
    entries = "".join(ENTRY.format(case=case) + extra for case in cases)
    file.write_text(f'# Mine.\n[[server]]\nname = "wsgiref"\n{entries}')
    return file


def test_x_stops_at_the_first_failure_and_resume_goes_on(tmp_path: Path) -> None:
    later = "pep3333/environ/server-name-port-unix"  # needs another setup, so it comes after what fails
    words = ("check", "wsgiref", "reference", "--select", BROKEN, "--select", later, "--out", "out")
    said = call(tmp_path, *words, "-x", "--baseline", "known.toml", "--update-baseline", code=1)
    assert "stopped at the first failure" in said
    assert "known.toml: not updated, the run was stopped" in said
    assert not (tmp_path / "known.toml").exists()
    first = journal.read(tmp_path / "out")
    assert "wsgiref" in {each.server for each in first.conformance if each.case == BROKEN}
    assert (first.stopped, first.finished) == (True, False)
    assert "stopped at its first failure" in (tmp_path / "out" / "summary.md").read_text()

    call(tmp_path, *words, "--resume", code=1)
    whole = journal.read(tmp_path / "out")
    assert (whole.stopped, whole.finished) == (False, True)
    assert {(each.server, each.case.startswith(later)) for each in whole.conformance} == {
        ("wsgiref", True), ("wsgiref", False), ("reference", True), ("reference", False),
    }  # fmt: skip


def test_x_passes_over_what_the_baseline_expects(tmp_path: Path) -> None:
    expecting(tmp_path, BROKEN)
    assert "stopped" not in check(tmp_path, "-x", "--baseline", "known.toml", code=0)


def test_an_expected_fail_is_accepted_and_shown_with_its_reason(tmp_path: Path) -> None:
    assert "✗ http/request-line/http09  wsgiref" in check(tmp_path, code=1)
    expecting(tmp_path, BROKEN)
    said = check(tmp_path, "--baseline", "known.toml", "--junit", "junit.xml", code=0)
    assert "Nothing unexpected; 1 cell as known.toml expects." in said
    counts = ET.parse(tmp_path / "junit.xml").getroot()
    assert (counts.get("failures"), counts.get("skipped")) == ("0", "1")
    for name in ("results.json", "summary.md"):
        assert "wsgiref is for trying things out" in (tmp_path / "gauntlet-out" / name).read_text()
    assert "wsgiref is for trying things out" in page_content(tmp_path / "gauntlet-out" / "report.html")
    again = call(tmp_path, "report", "gauntlet-out", code=0)
    assert again.count("\n") > 3
    assert said.endswith(again)


def test_an_unexpected_pass_says_what_to_delete(tmp_path: Path) -> None:
    file = expecting(tmp_path, BROKEN, KEPT)
    said = check(tmp_path, "--baseline", "known.toml", code=1)
    assert "delete lines 10 to 13 of known.toml" in said
    lines = file.read_text().splitlines(keepends=True)
    file.write_text("".join(lines[:9] + lines[13:]))
    check(tmp_path, "--baseline", "known.toml", code=0)


def test_an_unexpected_fail_and_one_whose_entry_expired(tmp_path: Path) -> None:
    expecting(tmp_path)
    said = check(tmp_path, "--baseline", "known.toml", "--verbose", code=1)
    assert "fails, and the baseline has no entry for it" in said
    assert "✗ http/request-line/http09  wsgiref" in said
    expecting(tmp_path, BROKEN, extra="expires = 2020-02-02\n")
    assert "expired on 2020-02-02: wsgiref is for" in check(tmp_path, "--baseline", "known.toml", code=1)
    kept = check(tmp_path, "--baseline", "known.toml", "--update-baseline", code=1)
    assert "1 expired and still needed" in kept


def test_an_update_settles_it_and_the_configured_file_is_used(tmp_path: Path) -> None:
    (tmp_path / "pyproject.toml").write_text('[tool.wsgi-gauntlet]\nbaseline = "known.toml"\n')
    assert "there is no baseline known.toml" in check(tmp_path, code=2)
    assert "baseline known.toml: 1 added" in check(tmp_path, "--update-baseline", code=0)
    assert "not yet explained; found with" in (tmp_path / "known.toml").read_text()
    check(tmp_path, code=0)
    expecting(tmp_path, KEPT)
    assert "baseline known.toml: 1 added, 1 removed" in check(tmp_path, "--update-baseline", code=0)
    assert (tmp_path / "known.toml").read_text().startswith("# Mine.\n")


def test_a_resumed_run_is_held_against_the_baseline_of_the_new_call(tmp_path: Path) -> None:
    check(tmp_path, code=1)
    expecting(tmp_path, BROKEN)
    assert "1 cell as known.toml expects" in check(tmp_path, "--resume", "--baseline", "known.toml", code=0)
    assert "✗ http/request-line/http09  wsgiref" in check(tmp_path, "--resume", code=1)


def test_only_what_failed_runs_again_and_of_the_same_servers(tmp_path: Path) -> None:
    call(tmp_path, "check", "wsgiref", "waitress", *TWO, "--out", "first", code=1)
    failed = {
        (each.server, each.case) for each in journal.read(tmp_path / "first").conformance if each.verdict == "fail"
    }
    assert ("wsgiref", BROKEN) in failed
    call(tmp_path, "check", "--rerun-failed", "first/results.json", "--out", "second", code=1)
    assert {(each.server, each.case) for each in journal.read(tmp_path / "second").conformance} == failed
    call(tmp_path, "check", "wsgiref", "--select", KEPT, "--out", "good", code=0)
    assert "no cell failed in good" in call(tmp_path, "check", "--rerun-failed", "good", code=2)
    assert "there is nothing to run" in call(tmp_path, "check", "gunicorn", "--rerun-failed", "first", code=2)


def test_shards_together_are_the_whole(tmp_path: Path) -> None:
    # All but one need http/chunked/one-chunk, which one shard reports and both run.
    some = (
        "check",
        "waitress",
        "--select",
        "http/chunked/zero-padded",
        "--select",
        "http/chunked/extension-whitespace",
    )
    call(tmp_path, *some, "--out", "whole", code=1)
    shards = []
    for number in ("1", "2"):
        out = tmp_path / f"shard-{number}"
        run_preloaded([*some, "--shard", f"{number}/2", "--out", str(out)], tmp_path, os.environ)
        shards.append(journal.read(out).conformance)
    assert [len(each) for each in shards] == [4, 4]
    whole = journal.read(tmp_path / "whole").conformance
    said = sorted((each.case, each.verdict) for part in shards for each in part)
    assert said == sorted((each.case, each.verdict) for each in whole)
    call(tmp_path, "report", "shard-1", "shard-2", "--out", "both", code=0)
    assert len(json.loads((tmp_path / "both" / "results.json").read_text())["conformance"]) == len(whole)

    assert "without 2/2: " in call(tmp_path, "report", "shard-1", "--out", "half", code=0)
    run_preloaded([*some[:4], "--shard", "2/2", "--out", "other"], tmp_path, os.environ)
    said_of_other = call(tmp_path, "report", "shard-1", "other", "--out", "mixed", code=2)
    assert "are parts of different runs: they differ in the selected cases" in said_of_other
    assert not (tmp_path / "mixed").exists()


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        (["--update-baseline"], "--update-baseline needs a file"),
        (["--baseline", "nowhere.toml"], "there is no baseline nowhere.toml"),
        (["--shard", "3/2"], "use the form K/N"),
        (["--shard", "1/99"], "--shard 1/99: there is nothing to run"),
        (["--tag", "securty"], "did you mean security"),
        (["--level", "info"], "no case is left by"),
        (["--level", "most"], "--level"),
        (["--rerun-failed", "nowhere"], "nowhere"),
    ],
)
def test_a_call_that_cannot_be_is_one_line(tmp_path: Path, arguments: list[str], says: str) -> None:
    said = check(tmp_path, *arguments, code=2)
    lines = [each for each in said.splitlines() if not each.endswith("getting ready")]  # which a busy machine prints
    assert len(lines) == 1
    assert says in lines[0]
    assert not (tmp_path / "gauntlet-out").exists()
