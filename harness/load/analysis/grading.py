"""Grade measured phases. Pure.

the generator could not keep up                              invalid
the users were not served well before the slow clients       inconclusive
goodput < 0.5 or p99 > 1 s                                   collapsed; not recovered if 60 s bring no good service
goodput >= 0.99 and (slowdown <= 2 or p99 <= 100 ms)         unaffected
else                                                         degraded
"""

from __future__ import annotations

from collections.abc import Sequence

from wsgi_gauntlet.harness.load.analysis.units import format_seconds, format_share
from wsgi_gauntlet.harness.model import GeneratorHealth, Grade, Outcome, Phase, Sample
from wsgi_gauntlet.harness.stats.summary import goodput, quantile, slowdown, waiting_times

COLLAPSED_GOODPUT = 0.5
"""The share of correct responses below which a server counts as collapsed."""

COLLAPSED_P99_SECONDS = 1.0
"""Seconds. A longer wait interrupts a person's flow of thought (Nielsen 1993), and browsers show a spinner."""

GOOD_GOODPUT = 0.99
"""Users are served well if at least this share of the requests gets a correct response."""

MAX_UNHARMED_SLOWDOWN = 2.0
"""The factor on p99 that still counts as no harm."""

NOTICEABLE_SECONDS = 0.1
"""Seconds. Below 0.1 s a response feels instantaneous (Nielsen 1993). `capacity` has the same limit. The p99 of fewer
than a hundred requests is their maximum. One scheduling delay changes it from 2 ms to 5 ms, so a factor on such a small
p99 says nothing about the server."""

STEADY_SECONDS = 3.0
"""Seconds of good service that count as recovery."""

NOT_RECOVERED_AFTER_SECONDS = 60.0
"""Seconds without good service after which a server counts as not recovered."""

MIN_JUDGED_REQUESTS = 5
"""Requests that a phase needs for a grade."""


def collapsed(phase: Phase) -> bool:
    """Say whether the server was practically unusable in this phase."""
    return phase.goodput < COLLAPSED_GOODPUT or (phase.p99 is not None and phase.p99 > COLLAPSED_P99_SECONDS)


def unharmed(before: Phase, during: Phase) -> bool:
    """Say whether a person would notice no difference between `before` and `during`."""
    if during.goodput < GOOD_GOODPUT or during.p99 is None:
        return False
    ratio, _ = slowdown(before, during)
    return during.p99 <= NOTICEABLE_SECONDS or (ratio is not None and ratio <= MAX_UNHARMED_SLOWDOWN)


def grade(
    before: Phase, during: Phase, generator: GeneratorHealth, *, recovered: float | None, waited: float
) -> tuple[Grade, str]:
    """Return the grade and one sentence with its reason.

    `recovered` is the seconds from the release of the slow clients to good service, None if it did not come within
    `waited` seconds.
    """
    if not generator.valid:
        return Grade.INVALID, f"Not a measurement of the server: {generator.why}."
    if before.scheduled < MIN_JUDGED_REQUESTS or during.scheduled < MIN_JUDGED_REQUESTS:
        return (
            Grade.INCONCLUSIVE,
            f"Only {min(before.scheduled, during.scheduled)} requests were due in a phase: measure longer.",
        )
    if before.goodput < GOOD_GOODPUT or collapsed(before):
        return Grade.INCONCLUSIVE, f"Users were not served well even without slow clients: {describe_phase(before)}."
    if collapsed(during):
        if recovered is None and waited >= NOT_RECOVERED_AFTER_SECONDS:
            return (
                Grade.NOT_RECOVERED,
                f"{describe_phase(during)}, and no good service within {waited:.0f} s after the last slow client.",
            )
        return Grade.COLLAPSED, f"{describe_phase(during)}."
    if unharmed(before, during):
        return Grade.UNAFFECTED, f"{describe_phase(during)}."
    return Grade.DEGRADED, f"{describe_phase(during)}."


def describe_phase(phase: Phase) -> str:
    """Return the goodput and p99 of `phase` as text."""
    if phase.p99 is None:
        return f"{format_share(phase.goodput)} of {phase.scheduled} requests answered"
    bound = "at least " if phase.censored else ""
    return (
        f"{format_share(phase.goodput)} of {phase.scheduled} requests answered, p99 {bound}{format_seconds(phase.p99)}"
    )


def recovery_time(samples: Sequence[Sample], released: float, ended: float, baseline_p99: float | None) -> float | None:
    """Return the seconds from `released` to STEADY_SECONDS seconds of good service, None if that never came.

    Good service: goodput of at least GOOD_GOODPUT, and p99 of at most twice the baseline's or NOTICEABLE_SECONDS.
    Only requests due in [`released`, `ended`) count. Times are seconds from the start of the scenario.
    """
    after = sorted((each for each in samples if released <= each.intended < ended), key=lambda each: each.intended)
    limit = max(MAX_UNHARMED_SLOWDOWN * (baseline_p99 or 0.0), NOTICEABLE_SECONDS)
    bad = [each.intended for each in after if each.outcome is not Outcome.OK or each.latency > limit]
    # Good service can only begin at the release, or right after a request that was served badly.
    for begin in (released, *bad):
        if begin + STEADY_SECONDS > ended:
            return None
        inside = [each for each in after if begin <= each.intended < begin + STEADY_SECONDS and each.intended != begin]
        waited = [latency for latency, _ in waiting_times(inside)]
        if waited and goodput(inside) >= GOOD_GOODPUT and quantile(waited, GOOD_GOODPUT) <= limit:
            return begin - released
    return None
