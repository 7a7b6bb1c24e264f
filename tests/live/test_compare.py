"""`compare` with servers whose ratio is known by construction. Times are long, so that a busy machine moves nothing."""

from __future__ import annotations

import json
import signal
import subprocess
import sys
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path

import psutil
import pytest

from wsgi_gauntlet.harness import session
from wsgi_gauntlet.harness.comparison import default_scenario, run
from wsgi_gauntlet.harness.comparison.candidates import candidate_options
from wsgi_gauntlet.harness.comparison.limits import RoundLimits
from wsgi_gauntlet.harness.comparison.run import CompareOptions, FailOn, Outcome
from wsgi_gauntlet.harness.config import Configuration
from wsgi_gauntlet.harness.errors import ConfigurationError
from wsgi_gauntlet.harness.events import Event, RoundFinished
from wsgi_gauntlet.harness.load.options import LoadOptions
from wsgi_gauntlet.harness.model import ComparisonWord, FigureComparison
from wsgi_gauntlet.harness.store import journal

from ..helpers.processes import is_alive
from ..helpers.pytest_project import ended
from ..helpers.scenario_runs import attempts

pytestmark = [pytest.mark.live, pytest.mark.timeout(300)]

TESTS = Path(__file__).resolve().parents[1]

SHORT = replace(default_scenario.PARAMETERS, closed_loop=0.3, open_loop=0.3, slow_clients=1.0)
"""A slot so short that it says little about a real server."""

LAUNCHER = f"""
import runpy, sys
sys.path.insert(0, {str(TESTS)!r})
runpy.run_module("known_servers." + sys.argv.pop(1), run_name="__main__", alter_sys=True)
"""

PROGRAM = """
import signal, sys
signal.signal(signal.SIGINT, signal.default_int_handler)  # a shell that started us in the background ignores it
from wsgi_gauntlet.harness.load.analysis import cpu_contention
from wsgi_gauntlet.harness.load.generator import generator_health
# This test counts rounds: whatever else the machine does, they are valid.
generator_health.MIN_SENT_SHARE, generator_health.MAX_LATENESS_SECONDS, generator_health.MAX_CPU_SHARE = 0.5, 60.0, 2.0
cpu_contention.MAX_OTHERS_SHARE = cpu_contention.MAX_STEAL_SHARE = 2.0
from wsgi_gauntlet.harness.cli.main import main
main()
"""


@pytest.fixture
def known(tmp_path: Path) -> Mapping[str, str]:
    """The command templates of servers with a known ratio."""
    launcher = tmp_path / "launcher.py"
    launcher.write_text(LAUNCHER)
    template = f"{{python}} {launcher} NAME {{host}} {{port}} ARGUMENTS {{app}}"
    arguments = {
        "quick": ("fixed_service_time", "4 20"),
        "slow": ("fixed_service_time", "4 60"),
        "four-threads": ("thread_per_connection", "4"),
        "many-threads": ("thread_per_connection", "64"),
    }
    return {
        name: template.replace("NAME", module).replace("ARGUMENTS", words)
        for name, (module, words) in arguments.items()
    }


def compare(
    folder: Path, known: Mapping[str, str], *servers: str, limits: RoundLimits | None = None, **fields: object
) -> Outcome:
    """Compare known servers in short slots, and return the outcome."""
    candidates = candidate_options(servers, python=(), default_python=sys.executable, app=(), command="", config=())
    common = session.RunOptions(servers=servers, out=folder / "out", **fields.pop("common", {}))  # type: ignore[arg-type]
    options = CompareOptions(
        candidates,
        common,
        limits or RoundLimits(rounds=6),
        0.05,
        slot_parameters=SHORT,
        **fields,  # type: ignore[arg-type]
    )
    events: list[Event] = []
    outcome = run.compare(options, Configuration(servers=known), events.append)
    assert outcome.error is None, outcome.error
    assert [each for each in events if isinstance(each, RoundFinished)]
    assert (outcome.folder / "report.html").exists()
    return outcome


def word(outcome: Outcome, figure: str) -> FigureComparison:
    return next(each for each in outcome.comparison.judged if each.figure == figure)


def test_a_server_that_takes_three_times_as_long_is_slower(tmp_path: Path, known: Mapping[str, str]) -> None:
    for number in attempts():
        found = compare(tmp_path / str(number), known, "quick", "slow", metrics=("capacity", "p50"))
        capacity, p50 = word(found, "capacity"), word(found, "p50")
        if ComparisonWord.INCONCLUSIVE not in (capacity.word, p50.word):
            break  # other programs on the machine scatter the rounds
    assert (capacity.word, capacity.text) == (ComparisonWord.WORSE, "slower")
    assert capacity.ratio is not None
    # A closed loop of 0.3 s has five responses a slot: its ends move the rate by some per cent.
    assert 0.9 * capacity.ratio.low <= 1 / 3 <= 1.1 * capacity.ratio.high < 1
    assert (p50.word, p50.text) == (ComparisonWord.WORSE, "slower")
    assert p50.ratio is not None
    assert p50.ratio.low > 1
    assert 0.9 * p50.ratio.low <= 3 <= 1.1 * p50.ratio.high
    assert 0 < found.comparison.rate < 4 / 0.06, "both can serve it"
    assert run.exit_code(found.comparison, FailOn.SLOWER) == 1
    assert run.exit_code(found.comparison, None) == 0
    assert {each.figure for each in found.comparison.judged} == {"capacity", "p50"}
    for each in found.comparison.judged:
        assert each.noise is not None
        assert each.noise.low <= 1 <= each.noise.high


def test_a_server_does_not_differ_from_itself(tmp_path: Path, known: Mapping[str, str]) -> None:
    found = compare(tmp_path, known, "quick", "quick", metrics=("capacity",))
    assert not word(found, "capacity").word.is_difference
    assert [each.name for each in found.comparison.candidates] == ["quick", "quick (B)"]
    assert run.exit_code(found.comparison, FailOn.DIFFERENT) in (0, 3)


def test_more_threads_serve_more_users_beside_slow_clients(tmp_path: Path, known: Mapping[str, str]) -> None:
    found = compare(tmp_path, known, "four-threads", "many-threads", metrics=("served", "served_p99"))
    served = word(found, "served")
    assert (served.word, served.text) == (ComparisonWord.BETTER, "more users")
    assert served.difference
    assert found.comparison.rate == 0
    assert word(found, "served_p99").word in (ComparisonWord.BETTER, ComparisonWord.NOT_COMPARED)


def test_a_scenario_is_compared_by_its_own_figures_and_can_be_resumed(tmp_path: Path, known: Mapping[str, str]) -> None:
    load_options = LoadOptions(other_parameters={"duration": "0.5", "clients": "4", "factor": "4"})
    common = {"scenarios": ("throughput",), "load_options": load_options}
    first = compare(tmp_path, known, "quick", "slow", limits=RoundLimits(rounds=2), common=common)
    assert "throughput:rate" in {each.figure for each in first.comparison.judged}
    second = compare(tmp_path, known, "quick", "slow", limits=RoundLimits(rounds=6), common={**common, "resume": True})
    assert second.comparison.seed == first.comparison.seed
    assert (first.comparison.extended, second.comparison.extended) == (0, 1)
    assert second.comparison.rounds[:2] == first.comparison.rounds
    assert [each.number for each in second.comparison.rounds] == [1, 2, 3, 4, 5, 6]
    rate = word(second, "throughput:rate")
    assert rate.word not in (ComparisonWord.BETTER, ComparisonWord.EQUAL)
    assert rate.ratio is not None
    assert rate.ratio.estimate < 0.8
    assert second.results.scenarios.keys() == {"throughput"}
    with pytest.raises(ConfigurationError, match="has another value for servers"):
        compare(tmp_path, known, "slow", "quick", common={**common, "resume": True})


def test_until_decided_stops_at_a_large_difference(tmp_path: Path, known: Mapping[str, str]) -> None:
    found = compare(
        tmp_path, known, "quick", "slow", metrics=("capacity",), limits=RoundLimits(rounds=40), until_decided=True
    )
    assert len(found.comparison.rounds) < 40
    assert found.comparison.stopped == "every figure is decided"
    assert word(found, "capacity").word is ComparisonWord.WORSE


def test_ctrl_c_keeps_the_finished_rounds_and_resume_goes_on(tmp_path: Path) -> None:
    words = ["compare", "wsgiref", "wsgiref", "--metric", "served", "--seed", "5"]
    process = subprocess.Popen(
        [sys.executable, "-c", PROGRAM, *words, "--rounds", "8"], cwd=tmp_path, stderr=subprocess.PIPE, text=True
    )
    assert process.stderr is not None
    lines = []
    for line in process.stderr:
        lines.append(line)
        if line.startswith("round 1 "):
            break
    else:
        pytest.fail(f"no round was measured: {ended(process, 10)}, {lines}")
    assert "seed 5" in "".join(lines)
    children = psutil.Process(process.pid).children(recursive=True)
    process.send_signal(signal.SIGINT)
    text = ended(process, 60)[1]
    assert process.returncode == 130, text
    assert "Traceback" not in text
    assert not [each for each in children if is_alive(each)]
    out = tmp_path / "gauntlet-out"
    (kept,) = journal.read(out).comparisons
    assert [each.number for each in kept.rounds] == [1]
    assert kept.stopped == "interrupted"
    assert json.loads((out / "results.json").read_text())["comparisons"][0]["seed"] == 5
    done = subprocess.run(
        [sys.executable, "-c", PROGRAM, *words, "--rounds", "2", "--resume", "--json"],
        cwd=tmp_path, capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert done.returncode == 3, done.stderr
    (resumed,) = json.loads(done.stdout)["comparisons"]
    assert [each["number"] for each in resumed["rounds"]] == [1, 2]
    assert resumed["rounds"][0]["slots"][0]["letter"] == kept.rounds[0].slots[0].letter
    assert resumed["finished"]
    assert resumed["extended"] == 0


def test_a_server_that_cannot_start_ends_the_comparison_with_one_line(tmp_path: Path) -> None:
    done = subprocess.run(
        [sys.executable, "-c", PROGRAM, "compare", "wsgiref", "custom", "--metric", "capacity", "--rounds", "6",
         "--command", "{python} -c raise(SystemExit(3)) {port}"],
        cwd=tmp_path, capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert done.returncode == 4, done.stderr
    assert done.stderr.splitlines()[-1].startswith("wsgi-gauntlet: custom did not start: ")
    assert "Traceback" not in done.stderr
