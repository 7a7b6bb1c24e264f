"""A phase out of the windows of an open loop: what users got who came in one stretch of it. Pure."""

from __future__ import annotations

from collections.abc import Sequence

from wsgi_gauntlet.harness.load.analysis.grading import NOTICEABLE_SECONDS
from wsgi_gauntlet.harness.load.generator.generator_result import GeneratorWindow, quantile
from wsgi_gauntlet.harness.model import Outcome, Phase
from wsgi_gauntlet.harness.stats.histogram import Histogram


def phase_from_windows(windows: Sequence[GeneratorWindow], name: str, started: float) -> Phase:
    """Sum up `windows`, at least one, as the phase `name` of a lane that began `started` seconds into the scenario.

    A window knows of three outcomes: right, given up (timed out or never sent), and failed in any other way.
    """
    latency = Histogram.merged(each.latency for each in windows)
    given_up = Histogram.merged(each.waiting for each in windows)
    scheduled, ok, waited = sum(each.scheduled for each in windows), len(latency), len(given_up)
    outcomes = {outcome.value: 0 for outcome in Outcome}
    outcomes |= {Outcome.OK: ok, Outcome.TIMEOUT: waited, Outcome.ERROR: scheduled - ok - waited}
    marks = [quantile(latency, given_up, q) for q in (0.5, 0.9, 0.99, 1.0)]
    p50, p90, p99, maximum = (mark and mark[0] for mark in marks)
    return Phase(
        name,
        started + windows[0].at,
        started + windows[-1].at + windows[-1].seconds,
        scheduled,
        {str(outcome): count for outcome, count in outcomes.items()},
        ok / scheduled if scheduled else 1.0,
        p50=p50,
        p90=p90,
        p99=p99,
        maximum=maximum,
        censored=bool(marks[2] and marks[2][1]),
    )


def count_timely(window: GeneratorWindow, limit: float = NOTICEABLE_SECONDS) -> int:
    """Return how many of the requests due in `window` were rightly answered within `limit` seconds."""
    return round(window.latency.fraction_between(0.0, limit) * window.ok)
