"""Figures are written so that nobody reads more into them than was measured."""

from __future__ import annotations

import pytest

from wsgi_gauntlet.harness.model import Grade, Metric, Outcome, Phase, ScenarioResult, Step, Verdict
from wsgi_gauntlet.reports.text import labels


@pytest.mark.parametrize(
    ("share", "shown"),
    [
        (None, "–"),
        (1.0, "100 %"),
        (0.0, "0 %"),
        (0.9999, "99.99 %"),
        (0.995, "99.5 %"),
        (0.00001, "< 0.1 %"),
        (0.5, "50 %"),
        (0.041, "4 %"),
    ],
)
def test_a_share_is_never_rounded_to_all_or_nothing(share: float | None, shown: str) -> None:
    """One request lost of ten thousand is not 100 %."""
    assert labels.percent(share).replace("\u00a0", " ") == shown


@pytest.mark.parametrize(
    ("seconds", "shown"),
    [
        (0, "0 s"),
        (0.00025, "250 µs"),
        (0.0094, "9.4 ms"),
        (0.0945, "94.5 ms"),
        (0.5, "500 ms"),
        (5.0, "5 s"),
        (187.4, "3 min 07 s"),
    ],
)
def test_a_time_has_the_unit_that_suits_it(seconds: float, shown: str) -> None:
    """Three figures at most."""
    assert labels.duration(seconds).replace("\u00a0", " ") == shown


def test_lower_bounds_say_so() -> None:
    """A time-out is not a measured time."""
    assert labels.duration(5, at_least=True) == "≥\u00a05\u00a0s"
    assert labels.ratio(555.6, at_least=True) == "≥\u00a0556\u00a0×"
    assert labels.duration(None) == labels.ratio(None) == labels.rate(None) == "–"


def test_every_verdict_and_grade_has_a_mark() -> None:
    """Signs of verdicts are all different: colour is never needed to tell them apart."""
    assert set(labels.VERDICTS) == set(Verdict)
    assert set(labels.GRADES) == set(Grade)
    assert len({each.sign for each in labels.VERDICTS.values()}) == len(Verdict)


def test_the_phase_with_the_slow_clients() -> None:
    """By its name, else what is neither before nor after, else any."""
    before, during, after = (Phase(name, 0, 1, 1, {Outcome.OK: 1}, 1.0) for name in ("baseline", "during", "recovery"))
    load = ScenarioResult("a", "b", Grade.UNAFFECTED)
    assert labels.during(load) is None
    assert labels.during(ScenarioResult("a", "b", Grade.UNAFFECTED, phases=(before,))) is before
    assert labels.during(ScenarioResult("a", "b", Grade.UNAFFECTED, phases=(during, before, after))) is during
    surge = Phase("surge", 0, 1, 1, {Outcome.OK: 1}, 1.0)
    assert labels.during(ScenarioResult("a", "b", Grade.UNAFFECTED, phases=(before, surge, after))) is surge
    assert labels.during(ScenarioResult("a", "b", Grade.UNAFFECTED, phases=(before, after))) is before
    rates = (Step(1, rate=900.0), Step(8, rate=2000.0), Step(64, rate=1500.0))
    assert labels.during(ScenarioResult("a", "b", Grade.MEASURED, phases=(before, after, before), steps=rates)) is after
    assert labels.during(ScenarioResult("a", "b", Grade.MEASURED, phases=(before, after), steps=rates[1:])) is before


def test_sizes_rates_and_lists() -> None:
    """The small helps that sentences are made of."""
    assert labels.size(512).replace("\u00a0", " ") == "512 B"
    assert labels.size(1536).replace("\u00a0", " ") == "1.5 KiB"
    assert labels.size(25_769_803_776).replace("\u00a0", " ") == "24.0 GiB"
    assert labels.rate(0.5) == "0.5/s"
    assert labels.rate(12345.6) == "12,346/s"
    assert labels.join_names([]) == ""
    assert labels.join_names(["a", "b", "c"]) == "a, b and c"
    assert labels.pluralize(1, "server") == "1 server"
    assert labels.conditions({"workers": 1, "keep-alive": 5.0, "tls": False, "n": [1, 2]}) == (
        "workers 1 · keep-alive 5 · tls no · n 1, 2"
    )


@pytest.mark.parametrize(
    ("measures", "shown"),
    [
        ((Metric("capacity", "capacity", 914.0, "requests/s"),), "914/s"),
        ((Metric("capacity", "capacity", 914.0, "requests/s", censored=True),), "≥ 914/s"),
        ((Metric("capacity", "capacity", None, "requests/s"),), "–"),
        ((Metric("capacity_estimated", "capacity, estimated", 914.0, "requests/s"),), "–"),
    ],
)
def test_a_search_for_capacity_comes_to_one_rate(measures: tuple[Metric, ...], shown: str) -> None:
    load = ScenarioResult("a", "capacity", Grade.MEASURED, metrics=measures)
    assert labels.format_best_rate(load).replace("\u00a0", " ") == shown
    stepped = ScenarioResult("a", "throughput", Grade.MEASURED, metrics=measures, steps=(Step(8, rate=300.0),))
    assert labels.format_best_rate(stepped) == "300/s"
