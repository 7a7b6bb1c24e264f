"""The words of a comparison."""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np
import pytest

from tests.helpers.synthetic_comparisons import QUIET, comparison
from wsgi_gauntlet.harness.stats.early_stop import Look, planned_looks
from wsgi_gauntlet.harness.stats.judgement import Conclusion, Judgement, decided, judge, more_rounds, noise_floor
from wsgi_gauntlet.harness.stats.paired_ratio import CAPACITY, CPU, MEMORY, P99, SERVED, Metric, Ratio

WIGGLE = (0.01, -0.012, 0.004, -0.006, 0.011, -0.007, 0.002, -0.002, 0.008, -0.008)


def around(metric: Metric, mean: float, noise: float = 1.0, wiggle: Sequence[float] = WIGGLE) -> Ratio:
    """Return a ratio of ten rounds with blocks near `mean`."""
    return Ratio(metric, tuple(mean + noise * each for each in wiggle))


def only(ratio: Ratio, margin: float = 0.05) -> Judgement:
    """Return the judgement of one metric."""
    return judge({"it": ratio}, margin)["it"]


@pytest.mark.parametrize(
    ("metric", "higher", "lower"),
    [
        (CAPACITY, "faster", "slower"),
        (P99, "slower", "faster"),
        (SERVED, "more users", "fewer users"),
        (CPU, "more CPU", "less CPU"),
        (MEMORY, "more memory", "less memory"),
    ],
)
def test_a_large_difference_gets_the_word_of_its_direction(metric: Metric, higher: str, lower: str) -> None:
    up, down = only(around(metric, 0.2)), only(around(metric, -0.2))
    assert (up.word, down.word) == (higher, lower)
    better = (Conclusion.BETTER, Conclusion.WORSE)
    assert (up.conclusion, down.conclusion) == (better if metric.higher_is_better else better[::-1])
    assert up.rounds_needed == 0
    assert up.p < 0.001
    assert up.rounds == 10


def test_the_interval_is_a_ratio_or_points() -> None:
    ratio, share = only(around(P99, math.log(1.2))).interval, only(around(SERVED, -0.2)).interval
    assert ratio is not None
    assert share is not None
    assert ratio.estimate == pytest.approx(1.2, abs=0.01)
    assert share.estimate == pytest.approx(-0.2, abs=0.01)


def test_a_small_difference_is_called_no_difference_above_the_margin() -> None:
    assert only(around(P99, 0.0)).word == "no difference above 5 %"
    assert only(around(SERVED, 0.0)).word == "no difference above 5 points"
    assert only(around(P99, 0.05), margin=0.1).word == "no difference above 10 %"


def test_no_difference_above_the_margin_has_precedence_over_a_tiny_difference() -> None:
    found = only(around(P99, 0.02, noise=0.2))
    assert found.p < 0.01
    assert found.word == "no difference above 5 %"
    assert only(around(P99, 0.02, noise=0.2), margin=0.01).word == "slower"


def test_noise_is_inconclusive_and_says_how_many_rounds_are_missing() -> None:
    found = only(around(P99, 0.01, noise=10.0, wiggle=(0.01, 0.01, -0.01, -0.01, 0.004, 0.004, -0.005, -0.005)))
    assert found.conclusion is Conclusion.INCONCLUSIVE
    assert found.rounds_needed is not None
    assert found.rounds_needed > 0
    assert found.rounds_needed % 2 == 0
    assert found.word == f"inconclusive: {found.rounds_needed} more rounds would tell 5 %"


def test_hopeless_noise_says_so() -> None:
    found = only(Ratio(P99, (5.0, 5.0, -5.0, -5.0, 4.0, 4.0, -4.0, -4.0)))
    assert found.rounds_needed is None
    assert found.word == "inconclusive: more than 9,998 more rounds would tell 5 %"


@pytest.mark.parametrize("rounds", [0, 1, 2, 4, 5])
def test_fewer_than_six_rounds_decide_nothing(rounds: int) -> None:
    found = only(around(P99, 1.0).first(rounds))
    assert found.conclusion is Conclusion.INCONCLUSIVE
    assert found.rounds == rounds // 2 * 2
    assert found.rounds_needed is not None
    assert found.rounds_needed + found.rounds >= 6
    assert (found.interval is None) == (rounds < 4)


def test_rounds_that_are_not_valid_do_not_count() -> None:
    ratio = around(P99, 0.2)
    holes = Ratio(P99, (*ratio.rounds[:3], None, *ratio.rounds[4:]))
    assert only(holes).rounds == 8
    assert only(Ratio(P99, (None,) * 10)).conclusion is Conclusion.INCONCLUSIVE
    assert only(Ratio(P99, (None,) * 10)).rounds_needed == 6


def test_holm_counts_every_metric_of_every_candidate() -> None:
    borderline = Ratio(P99, (0.0, 0.05, 0.09, 0.02, 0.14, 0.06, 0.02, 0.08))
    alone = only(borderline)
    assert alone.word == "slower"
    noise = [around(P99, 0.0, noise=20) for _ in range(9)]
    found = judge({("B", 0): borderline, **{("C", place): each for place, each in enumerate(noise)}})
    assert found["B", 0].word.startswith("inconclusive")
    assert found["B", 0].p == pytest.approx(10 * alone.p)
    assert found["B", 0].interval == alone.interval


def test_no_metrics_have_no_words() -> None:
    assert judge(dict[str, Ratio]()) == {}


def test_an_early_look_needs_a_clearer_difference() -> None:
    ratio = Ratio(P99, (0.0, 0.05, 0.09, 0.02, 0.14, 0.06, 0.02, 0.08))
    looks = planned_looks(32)
    early = next(each for each in looks if each.rounds[each.index] == 8)
    assert only(ratio).word == "slower"
    assert judge({"it": ratio}, look=early)["it"].conclusion is Conclusion.INCONCLUSIVE
    assert judge({"it": ratio}, look=Look.only(8))["it"].word == "slower"


def test_a_comparison_stops_when_every_metric_has_a_word_or_at_the_end() -> None:
    rounds = tuple(0.3 + each / 10 for each in WIGGLE)
    clear, noisy = Ratio(P99, rounds * 4), Ratio(MEMORY, (0.3, 0.3, -0.3, -0.3) * 8)
    looks = planned_looks(32)
    stops = [decided({"p99": clear}, each).stop for each in looks]
    assert True in stops[:-1]
    first = stops.index(True)
    assert decided({"p99": clear}, looks[first]).judgements["p99"].rounds == looks[first].rounds[first]
    both = [decided({"p99": clear, "memory": noisy}, each) for each in looks]
    assert [each.stop for each in both] == [False] * (len(looks) - 1) + [True]
    assert both[-1].judgements["p99"].word == "slower"
    assert both[-1].judgements["memory"].word.startswith("inconclusive")


def test_a_metric_that_cannot_be_measured_keeps_nothing_from_stopping() -> None:
    clear = Ratio(P99, tuple(0.3 + each / 10 for each in WIGGLE) * 4)
    never = Ratio(MEMORY, (None,) * 40)
    looks = planned_looks(32)
    alone = [decided({"p99": clear}, each).stop for each in looks]
    beside = [decided({"p99": clear, "memory": never}, each) for each in looks]
    assert [each.stop for each in beside].index(True) <= alone.index(True) + 1
    assert beside[-1].judgements["memory"].conclusion is Conclusion.INCONCLUSIVE
    assert [decided({"memory": never}, each).stop for each in looks] == [False] * (len(looks) - 1) + [True]


def test_the_further_rounds_decide_four_times_out_of_five() -> None:
    rng = np.random.default_rng(4)
    decisions = []
    for _ in range(400):
        ratio = comparison(rng, 80, metrics=[P99], noise=[0.06], machine=QUIET)[P99.name]
        needed = only(ratio.first(20)).rounds_needed
        if needed:
            decisions.append(only(ratio.first(20 + needed)).conclusion is not Conclusion.INCONCLUSIVE)
    assert len(decisions) > 50
    assert sum(decisions) / len(decisions) == pytest.approx(0.8, abs=0.12)


def test_further_rounds_by_hand() -> None:
    # Blocks with a deviation of 0.05: (t(0.025) + t(0.1)) * 0.05 <= log(1.05) * sqrt(n) from n = 14 blocks on.
    deviation = 0.05 / math.sqrt(2)
    ratio = Ratio(P99, (deviation, deviation, -deviation, -deviation))
    assert more_rounds(ratio, 0.05, 0.05) == 2 * 14 - 4


def test_the_noise_floor_is_the_range_of_the_rounds_of_a_against_a() -> None:
    quiet = noise_floor(around(P99, 0.0))
    assert quiet is not None
    assert quiet.low < 1 < quiet.high
    assert quiet.low * quiet.high == pytest.approx(1)
    assert not quiet.differs
    assert quiet.low < math.exp(min(WIGGLE))
    assert math.exp(max(WIGGLE)) < quiet.high
    disturbed = noise_floor(around(P99, 0.3))
    assert disturbed is not None
    assert disturbed.differs
    assert noise_floor(Ratio(P99, (0.1, 0.1, 0.1))) is None
