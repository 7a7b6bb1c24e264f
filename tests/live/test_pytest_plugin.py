"""Cells as tests of pytest: every verdict, every way to choose and to run them, and what is left when cut short."""

import signal
from collections.abc import Iterator
from pathlib import Path
from xml.etree import ElementTree as ET

import pytest

from ..helpers.pytest_project import KNOWN, Project

pytestmark = pytest.mark.live

OWN = ("--wsgi-server", "waitress", "--wsgi-select", "own/", "--deselect", "wsgi-gauntlet::waitress::own/area/hangs")
ROOT = "wsgi-gauntlet::waitress::own/area"

WORDS = {
    "depends": "PASSED",
    "holds": "PASSED",
    "breaks": "FAILED",
    "advises": "WARN",
    "notes": "PASSED",
    "skips": "SKIPPED",
    "builds": "PASSED",
    "impossible": "SKIPPED",
    "wavers": "FAILED",
    "loses-events": "ERROR",
    "unix": "PASSED",
}


@pytest.fixture
def project(tmp_path: Path) -> Iterator[Project]:
    made = Project.made(tmp_path)
    yield made
    made.wait_until_clean()


def test_every_verdict_in_pytests_words(project: Project) -> None:
    assert project.outcomes(*OWN, code=1) == WORDS
    # A need runs once, whether it is an item or not; what blames the server is tried three times.
    assert project.ran().count("breaks") == 3
    assert project.ran().count("builds") == 1


def test_a_session_in_which_all_is_unsupported_is_no_success(project: Project) -> None:
    out = project.run("--wsgi-server", "waitress[tls]", "--wsgi-select", "own/area/holds", code=5)
    assert "waitress(tls): nothing was judged; -rs says why" in out


def test_a_failure_is_reported_with_the_text_of_the_case(project: Project) -> None:
    out = project.run(f"{ROOT}/breaks", f"{ROOT}/loses-events", f"{ROOT}/wavers", code=1)
    assert "waitress fails own/area/breaks (must)\nThe moon is a moon.\n\nexpected: the moon\n" in out
    assert "actual:   '\\x1b[31mcheese'" in out  # as text: nothing of a server's reaches the terminal raw
    assert "“a sentence that asks for it”\nhttps://peps.python.org/pep-3333/#environ-variables\n" in out
    assert "Why it matters: Whoever lands there wants to know." in out
    assert "Replay it: wsgi-gauntlet replay waitress own/area/breaks" in out
    assert " wsgi transcript " in out
    assert "GET /echo HTTP/1.1\\r\\n" in out
    assert "FAILED wsgi-gauntlet::waitress::own/area/breaks - fail: " in out
    assert "waitress sometimes fails own/area/wavers" in out
    assert "no verdict, for a reason that is not the server's fault: 3 of the app's events did not arrive" in out
    assert "Traceback" not in out
    assert "2 failed, 1 error" in out


def test_a_recommendation_passes_with_a_word_and_fails_where_that_is_asked_for(project: Project) -> None:
    out = project.run(f"{ROOT}/advises", "-rP")
    assert "recommendations (should) not followed: 1" in out
    assert " wsgi finding " in out
    assert "expected: butter" in out
    out = project.run(f"{ROOT}/advises", "--wsgi-strict", code=1)
    assert "waitress does not follow own/area/advises (should)" in out


@pytest.mark.parametrize("mode", ["load", "loadscope", "loadfile", "loadgroup", "worksteal"])
def test_workers_come_to_the_same(project: Project, mode: str) -> None:
    assert project.outcomes(*OWN, "-p", "xdist", "-n2", "--dist", mode, code=1) == WORDS


def test_junit_tells_failures_from_errors(project: Project) -> None:
    project.run(*OWN, "--junit-xml", "junit.xml", code=1)
    cases = {
        each.get("name", "").rpartition("/")[2]: each for each in ET.parse(project.path / "junit.xml").iter("testcase")
    }
    assert {each.get("classname") for each in cases.values()} == {"wsgi-gauntlet.waitress"}
    kinds = {name: each[-1].tag for name, each in cases.items() if each[-1].tag != "properties"}
    assert kinds == {
        "breaks": "failure",
        "wavers": "failure",
        "loses-events": "error",
        "skips": "skipped",
        "impossible": "skipped",
    }
    failure = cases["breaks"].find("failure")
    assert failure is not None
    assert "expected: the moon" in (failure.text or "")
    properties = {name: each.find("properties/property") for name, each in cases.items()}
    assert {name: each.get("value") for name, each in properties.items() if each is not None}["advises"] == "warn"


def test_stops_at_the_first_failure_and_goes_on_with_what_failed(project: Project) -> None:
    assert "1 failed, 2 passed" in project.run(*OWN, "-x", code=1)
    assert project.outcomes("--lf", *OWN, code=1) == {"breaks": "FAILED"}


def test_a_need_runs_before_a_case_that_is_alone(project: Project) -> None:
    assert project.outcomes(f"{ROOT}/builds") == {"builds": "PASSED"}
    assert project.ran()[0] == "holds"
    assert project.outcomes(f"{ROOT}/skips") == {"skips": "SKIPPED"}


def test_a_server_that_does_not_start_is_reported_at_once_for_each_cell(project: Project) -> None:
    project.write("mine.py", "import sys\nsys.exit('no such luck')\n")
    command = f"{{python}} {project.path}/mine.py {{port}}"
    out = project.run("--wsgi-command", command, "--wsgi-select", "own/", "-rE", "--junit-xml", "junit.xml", code=1)
    verdicts = [each.get("value") for each in ET.parse(project.path / "junit.xml").iter("property")]
    assert sorted(filter(None, verdicts)) == ["error"] * 11 + ["unsupported"]
    assert "1 skipped, 11 errors" in out  # the command takes no Unix socket
    assert "ERROR at setup of custom own/area/holds" in out
    assert "ERROR wsgi-gauntlet::custom::own/area/holds - custom did not start: exit code 1: no such luck" in out


def test_settings_are_part_of_the_id(project: Project) -> None:
    out = project.run("--wsgi-server", "waitress[threads=2]", "--wsgi-select", "own/area/holds", "-v")
    assert "wsgi-gauntlet::waitress(threads=2)::own/area/holds PASSED" in out
    assert project.outcomes("wsgi-gauntlet::waitress(threads=2)::own/area/holds") == {"holds": "PASSED"}
    assert project.outcomes("wsgi-gauntlet::waitress[threads=2]::own/area/holds") == {"holds": "PASSED"}


BASELINE = """
[[server]]
name = "waitress"

[[server.expected]]
case = "own/area/breaks"
verdict = "fail"
reason = "known since spring"

[[server.expected]]
case = "own/area/holds"
verdict = "fail"
reason = "was broken"

[[server.expected]]
case = "own/area/wavers"
verdict = "flaky"
reason = "it has moods"

[[server.expected]]
case = "own/area/advises"
verdict = "warn"
reason = "we like margarine"
"""


def test_a_baseline_is_a_strict_xfail(project: Project) -> None:
    project.write("known.toml", BASELINE)
    outcomes = project.outcomes(*OWN, "--wsgi-baseline", "known.toml", code=1)
    assert outcomes == {**WORDS, "breaks": "XFAIL", "wavers": "XFAIL", "advises": "XFAIL", "holds": "FAILED"}
    out = project.run(*OWN, "--wsgi-baseline", "known.toml", "-rx", code=1)
    assert "XFAIL wsgi-gauntlet::waitress::own/area/breaks - known since spring" in out
    assert "[XPASS(strict)] was broken; passes, but the baseline expects fail: delete lines 10 to 13 of" in out
    # The user's pyproject.toml may name it, and then it counts without the option.
    project.write("pyproject.toml", '[tool.wsgi-gauntlet]\nbaseline = "known.toml"\n')
    assert project.outcomes(f"{ROOT}/breaks") == {"breaks": "XFAIL"}


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM, signal.SIGKILL])
def test_nothing_is_left_when_it_is_cut_short(project: Project, number: signal.Signals) -> None:
    process = project.start("--wsgi-server", "waitress", "--wsgi-select", "own/", "-k", "holds or hangs")
    project.wait_until_ran(process, "hangs")
    out = project.interrupted(process, number)
    assert process.returncode != 0
    if number is signal.SIGINT:
        assert "KeyboardInterrupt" in out
        assert "1 passed" in out
    project.wait_until_clean()


TIME_OUT = """
import pytest

def pytest_collection_modifyitems(items):
    for item in items:
        if item.nodeid.endswith("/hangs"):
            item.add_marker(pytest.mark.timeout(4, func_only=True))
"""


def test_a_time_out_of_pytests_ends_the_case_and_the_next_one_runs(project: Project) -> None:
    # Neither the start of a server nor the next case has to be quick.
    project.write("conftest.py", TIME_OUT)
    chosen = ("wsgi-gauntlet::waitress::own/area/hangs", f"{ROOT}/unix", "-p", "pytest_timeout")
    assert project.outcomes(*chosen, code=1) == {"hangs": "FAILED", "unix": "PASSED"}


def test_cells_and_tests_of_the_users_own_run_side_by_side(project: Project) -> None:
    project.write("tests/test_own.py", "def test_one(): pass\n")
    assert project.outcomes("--wsgi-server", "waitress", "--wsgi-select", "own/area/holds") == {
        "test_one": "PASSED",
        "holds": "PASSED",
    }
    assert project.outcomes("-m", "wsgi_security", *OWN) == {"holds": "PASSED"}
    assert project.outcomes("-k", "unix or test_one", *OWN) == {"test_one": "PASSED", "unix": "PASSED"}


def test_every_case_of_the_small_catalogue_is_reported() -> None:
    assert {*KNOWN, "depends"} == set(WORDS)
