"""What is drawn of many samples, and the axes that all servers of a scenario share."""

from __future__ import annotations

import msgspec
import pytest

from wsgi_gauntlet.harness.model import Grade, Outcome, Percentile, Phase, Results, Sample, ScenarioResult, Window
from wsgi_gauntlet.reports.analysis import aggregation
from wsgi_gauntlet.reports.charts import samples
from wsgi_gauntlet.reports.charts.latency_curve import latency_curve
from wsgi_gauntlet.reports.charts.percentile_plot import percentile_plot
from wsgi_gauntlet.reports.charts.run_note import RunNote
from wsgi_gauntlet.reports.charts.strip import slow_client_times, strip
from wsgi_gauntlet.reports.charts.time_panel import line_segments, time_panel

from .svg_reading import crosses, dots, texts


def test_what_went_wrong_is_never_thinned_out() -> None:
    """Of twenty thousand correct responses some are drawn; the timeouts all are."""
    good = [Sample(number / 1000, 0.01, 0.01, Outcome.OK) for number in range(20_000)]
    bad = [Sample(number / 10, 5.0, 5.0, Outcome.TIMEOUT) for number in range(30)]
    kept = samples.downsample(good + bad)
    assert sum(each.outcome is Outcome.TIMEOUT for each in kept) == 30
    assert len(kept) <= samples.MAX_SAMPLES_DRAWN + 30
    assert [each.intended for each in kept] == sorted(each.intended for each in kept)


def test_the_slowest_responses_are_never_thinned_out() -> None:
    """They are what a reader looks for."""
    good = [Sample(number / 100, 0.001 + (number % 7) / 1e5, 0.001, Outcome.OK) for number in range(9000)]
    slow = [Sample(number + 0.5, 0.9, 0.9, Outcome.OK) for number in range(80)]
    kept = samples.downsample(good + slow, 300)
    assert sum(each.latency == 0.9 for each in kept) == 80
    assert len(kept) <= 302


def test_every_sample_is_in_the_panel() -> None:
    """Correct responses, failed requests and requests without a response, each with a mark."""
    outcomes = [Outcome.OK, Outcome.TIMEOUT, Outcome.WRONG, Outcome.NEVER_SENT, Outcome.ERROR, Outcome.UNFINISHED]
    every = tuple(Sample(float(at), 0.1 * (at + 1), 0.1, each) for at, each in enumerate(outcomes))
    load = ScenarioResult("a", "classroom", Grade.DEGRADED, samples=every)
    drawn = time_panel(load, samples.shared_axes([load]), RunNote()).render()
    assert len(dots(drawn, "good")) == 1
    assert len(crosses(drawn, "bad")) == 3
    assert drawn.count('class="f-odd"') == 1  # one path with both triangles
    assert drawn.count("z", drawn.index('class="f-odd"') - 200, drawn.index('class="f-odd"')) == 2


def test_servers_share_their_axes(results: Results) -> None:
    """Or they could not be compared."""
    classroom = aggregation.scenarios(results)["classroom"][1]
    shared = samples.shared_axes(classroom)
    assert shared.last == 18
    assert shared.slow_clients == 8
    assert shared.lowest < min(sample.latency for load in classroom for sample in load.samples)
    assert shared.highest > 5


def test_all_servers_begin_at_the_left() -> None:
    """Also one whose first round was discarded."""
    first = ScenarioResult(
        "a", "s", Grade.UNAFFECTED, phases=(Phase("during", 1, 5, 1, {}, 1.0),),
        samples=(Sample(3, 0.1, 0.1, Outcome.OK),),
    )  # fmt: skip
    again = msgspec.structs.replace(
        first, phases=(Phase("during", 31, 35, 1, {}, 1.0),), slow_clients=((31.0, 3), (33.0, 0)),
        samples=(Sample(33, 0.1, 0.1, Outcome.OK),),
    )  # fmt: skip
    shared = samples.shared_axes([first, again])
    assert shared.last == 4
    assert dots(strip(first, shared).render(), "good") == dots(strip(again, shared).render(), "good")
    assert slow_client_times(again) == [(31, 33)]


def test_requests_that_were_cancelled_between_two_phases_are_no_failures() -> None:
    """The figures do not count them, so no chart shows them."""
    phases = (Phase("baseline", 0, 2, 1, {"ok": 1}, 1.0), Phase("during", 3, 5, 1, {"timeout": 1}, 0.0))
    between = Sample(2.5, 0.01, 0.0, Outcome.NEVER_SENT)
    inside = Sample(3.5, 5.0, 5.0, Outcome.TIMEOUT)
    good = Sample(2.6, 0.01, 0.01, Outcome.OK)
    load = ScenarioResult("a", "classroom", Grade.DEGRADED, phases=phases, samples=(between, inside, good))
    assert samples.judged_samples(load) == [inside, good]
    assert samples.judged_samples(msgspec.structs.replace(load, phases=())) == [between, inside, good]


def test_windows_without_a_response_interrupt_the_line() -> None:
    windows = tuple(
        Window(
            float(at), 1.0, 100.0, 0.0 if at == 2 else 0.9, None if at == 2 else 0.01, None if at == 2 else 0.1, 9, 3
        )
        for at in range(5)
    )
    load = ScenarioResult("a", "reload", Grade.DEGRADED, windows=windows, slow_clients=((0.0, 2), (4.0, 0)))
    shared = samples.shared_axes([load])
    assert (shared.last, shared.rate, shared.rss, shared.descriptors, shared.slow_clients) == (5.0, 100.0, 9, 3, 2)
    assert [len(each) for each in line_segments(windows, "p99")] == [2, 2]
    shown = [each.text.replace("\u00a0", " ") for each in texts(time_panel(load, shared, RunNote()).render())]
    assert {"100/s", "9 B", "slow clients", "2", "dashed: descriptors, up to 3"} <= set(shown)


def _tailed(*outcomes: Outcome, exact: bool = True) -> ScenarioResult:
    kept = tuple(Sample(float(at), 0.1 * (at + 1), 0.1, each) for at, each in enumerate(outcomes))
    counts = {each.value: outcomes.count(each) for each in set(outcomes)}
    curve = tuple(Percentile("during", each, 0.1 + each / 50) for each in (0.0, 50.0, 90.0, 99.0, 99.99, 99.999))
    phase = Phase("during", 0, 100, len(outcomes), counts, 0.5)
    return ScenarioResult("a", "s", Grade.DEGRADED, phases=(phase,), percentiles=curve, samples=kept if exact else ())


@pytest.mark.parametrize("exact", [True, False])
def test_a_tail_that_waits_is_a_bound(exact: bool) -> None:
    """From the first request on that was still waiting: from the samples, or by what the phase counted."""
    load = _tailed(*[Outcome.OK] * 6, *[Outcome.TIMEOUT] * 2, *[Outcome.UNFINISHED] * 2, Outcome.ERROR, exact=exact)
    curve = latency_curve(load)
    assert curve.exact == pytest.approx(60)
    assert max(percentile for percentile, _ in curve.points) == 99.99
    drawn = percentile_plot([load], "P", RunNote()).render()
    assert "lower bound" in drawn
    assert "99.99\u00a0%" in drawn
    assert "lower bound" not in percentile_plot([_tailed(*[Outcome.OK] * 6, exact=exact)], "P", RunNote()).render()


def _phased(*phases: tuple[str, float | None], curves: tuple[str, ...] = ()) -> ScenarioResult:
    made = tuple(Phase(name, 0, 1, 1, {}, 1.0, p99=p99) for name, p99 in phases)
    return ScenarioResult(
        "a", "s", Grade.UNAFFECTED, phases=made, percentiles=tuple(Percentile(each, 50, 0.1) for each in curves)
    )


def test_a_curve_may_span_phases() -> None:
    """Then it has a name of its own. A curve that counts from the send itself is another."""
    load = _phased(("up", 0.1), ("past", 0.2), curves=("ramp", "ramp, service time"))
    assert latency_curve(load).phase == "ramp"
    assert latency_curve(load).points == [(50, 0.1)]
    assert latency_curve(_phased(("up", 0.1), curves=("a", "b"))).points == []
