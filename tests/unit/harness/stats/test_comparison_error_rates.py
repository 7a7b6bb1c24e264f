"""The words of comparisons on synthetic data of known truth. Naive procedures err too often on the same data."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pytest

from tests.helpers.synthetic_comparisons import NAIVE, QUIET, TYPICAL, Machine, comparison
from wsgi_gauntlet.harness.stats import judgement
from wsgi_gauntlet.harness.stats.binomial import exact_interval
from wsgi_gauntlet.harness.stats.early_stop import Look, planned_looks
from wsgi_gauntlet.harness.stats.judgement import Conclusion, decided, judge
from wsgi_gauntlet.harness.stats.paired_ratio import METRICS, P99, Metric, Scale

pytestmark = pytest.mark.slow

SCRIPT = Path(__file__).parents[4] / "benchmarks" / "compare_error_rates.py"

RUNS = 1000

DIFFERENT = (Conclusion.BETTER, Conclusion.WORSE)

FIVE_PERCENT_LARGER = [0.05 if each.scale is Scale.DIFFERENCE else 1.05 for each in METRICS]


@pytest.fixture(autouse=True)
def _no_further_rounds(monkeypatch: pytest.MonkeyPatch) -> None:
    """Leave out how many more rounds would tell: no conclusion depends on it, and it takes 40 % of the judgement."""
    monkeypatch.setattr(judgement, "more_rounds", lambda *_: None)


@pytest.mark.parametrize("machine", [TYPICAL, QUIET, Machine(step=0.05)], ids=["typical", "quiet", "rounded"])
@pytest.mark.parametrize("rounds", [6, 16])
def test_equal_candidates_are_called_different_at_most_once_in_twenty(rounds: int, machine: Machine) -> None:
    rng = np.random.default_rng(rounds)
    false = sum(
        any(each.conclusion in DIFFERENT for each in judge(comparison(rng, rounds, machine=machine)).values())
        for _ in range(RUNS)
    )
    assert false <= 0.05 * RUNS


def test_one_metric_alone_errs_at_most_once_in_twenty() -> None:
    rng = np.random.default_rng(2)
    false = sum(judge(comparison(rng, 10, metrics=[P99]))[P99.name].conclusion in DIFFERENT for _ in range(RUNS))
    assert false <= 0.05 * RUNS


def false_stops(metrics: Sequence[Metric], rounds: int, noise: float | None, machine: Machine) -> int:
    """Return how often equal candidates differ with `--until-decided`."""
    rng = np.random.default_rng(3)
    looks = planned_looks(rounds)
    noises = None if noise is None else [noise] * len(metrics)
    false = 0
    for _ in range(RUNS):
        ratios = comparison(rng, rounds, metrics=metrics, noise=noises, machine=machine)
        decision = next(each for each in (decided(ratios, look) for look in looks) if each.stop)
        false += any(each.conclusion in DIFFERENT for each in decision.judgements.values())
    return false


def test_stopping_early_errs_at_most_once_in_twenty() -> None:
    assert false_stops(METRICS[:3], 16, None, TYPICAL) <= 0.05 * RUNS


def test_stopping_early_in_steady_noise_keeps_the_level(monkeypatch: pytest.MonkeyPatch) -> None:
    # The hardest case: the t test errs exactly with its level.
    assert false_stops([P99], 32, 0.08, QUIET) <= 0.05 * RUNS
    # The control: the same looks without stricter levels.
    monkeypatch.setattr(Look, "level", lambda _look, alpha: alpha)
    low, _ = exact_interval(false_stops([P99], 32, 0.08, QUIET), RUNS)
    assert low > 0.1


@pytest.mark.parametrize("rounds", [6, 16])
def test_a_difference_of_the_margin_is_called_none_at_most_once_in_twenty(rounds: int) -> None:
    rng = np.random.default_rng(rounds)
    false = 0
    for _ in range(RUNS):
        found = judge(comparison(rng, rounds, effect=FIVE_PERCENT_LARGER))
        false += any(each.conclusion is Conclusion.EQUIVALENT for each in found.values())
    assert false <= 0.05 * RUNS


@pytest.mark.parametrize(("rounds", "noise", "least"), [(10, 0.02, 0.99), (16, 0.04, 0.99), (24, 0.08, 0.95)])
def test_a_change_of_ten_percent_is_found(rounds: int, noise: float, least: float) -> None:
    rng = np.random.default_rng(rounds)
    runs = 200
    found = [
        judge(comparison(rng, rounds, metrics=[P99], noise=[noise], effect=[1.1], machine=QUIET))[P99.name].conclusion
        for _ in range(runs)
    ]
    assert found.count(Conclusion.WORSE) / runs >= least
    assert Conclusion.BETTER not in found


@pytest.mark.parametrize("name", NAIVE)
def test_naive_procedures_err_more_often(name: str) -> None:
    rounds = 10 if name == "percentile bootstrap" else 16
    share = NAIVE[name](np.random.default_rng(5), RUNS, rounds, 0.04)
    low, _ = exact_interval(round(share * RUNS), RUNS)
    assert low > 0.05


def test_the_script_prints_the_same_tables_for_the_same_seed() -> None:
    argv = [sys.executable, str(SCRIPT), "--comparisons", "10", "--only", "power", "limits"]
    runs = [subprocess.run(argv, capture_output=True, text=True, timeout=100, check=False) for _ in range(2)]
    assert [each.returncode for each in runs] == [0, 0], runs[0].stderr
    assert runs[0].stdout == runs[1].stdout
    assert "B takes 10 % longer" in runs[0].stdout
