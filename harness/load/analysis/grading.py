"""From measured phases to a grade, in the words of the scenarios. Values in, values out.

the generator could not keep up                              invalid
the users were not served before any slow client came        inconclusive
goodput < 0.5 or p99 > 1 s                                   collapses; wedged, where 60 s brought no recovery
goodput >= 0.99 and (slowdown <= 2 or p99 <= 100 ms)         immune
else                                                         degrades
"""

from __future__ import annotations

import math
from collections.abc import Sequence

from wsgi_gauntlet.harness.model import GeneratorHealth, Grade, Outcome, Phase, Sample
from wsgi_gauntlet.harness.stats.summary import goodput, quantile, slowdown, waiting_times

COLLAPSED_GOODPUT = 0.5
"""Below this share of correct answers a server counts as taken from its users."""

COLLAPSED_P99_SECONDS = 1.0
"""Seconds. Beyond one second a person's flow of thought is interrupted (Nielsen 1993), and browsers show a spinner."""

GOOD_GOODPUT = 0.99
"""The share of correct answers that users take for "it works"."""

MAX_UNHARMED_SLOWDOWN = 2.0
"""The factor on p99 that still counts as unharmed."""

NOTICEABLE_SECONDS = 0.1
"""Seconds. Below 0.1 s people take an answer as instantaneous (Nielsen 1993); `capacity` has the same limit. A p99 of
under a hundred requests is their maximum: from 2 ms to 5 ms is one hiccup of the machine's scheduler and no harm, so
a factor on so small a p99 says nothing of the server."""

STEADY_SECONDS = 3.0
"""Seconds of undisturbed service that count as recovered."""

WEDGED_AFTER_SECONDS = 60.0
"""Seconds without recovery that count as wedged."""

MAX_LATENESS_SECONDS = 0.001
"""Seconds of lateness (p99) that a generator may always have where latencies themselves are quoted."""

MAX_LATENESS_SHARE = 0.1
"""The share of what is measured that the lateness (p99) may be where that is more: of the measured p50, and of the
shortest time that a grade turns on. Latencies under slow clients are judged against NOTICEABLE_SECONDS and
COLLAPSED_P99_SECONDS, so 10 ms late sends cannot move a grade, and they only make a server look worse than it is. To
ask for 1 ms here would call most cells invalid on a machine with two cores: server and generator share them, and the
kernel's scheduler lets a process that wakes wait for a slice of 3 ms (measured: 0.3 ms on an idle machine, 1 to 8 ms
beside a busy one)."""

MIN_SENT_SHARE = 0.99
"""The share of the offered rate that a generator must have sent."""

MIN_JUDGED_REQUESTS = 5
"""Requests in a phase below which nothing can be said of it."""


def collapsed(phase: Phase) -> bool:
    """Say whether the users of this phase were as good as without the server."""
    return phase.goodput < COLLAPSED_GOODPUT or (phase.p99 is not None and phase.p99 > COLLAPSED_P99_SECONDS)


def unharmed(before: Phase, during: Phase) -> bool:
    """Say whether the users of `during` were served as well as those of `before`, as far as a person can tell."""
    if during.goodput < GOOD_GOODPUT or during.p99 is None:
        return False
    ratio, _ = slowdown(before, during)
    return during.p99 <= NOTICEABLE_SECONDS or (ratio is not None and ratio <= MAX_UNHARMED_SLOWDOWN)


def grade(
    before: Phase, during: Phase, generator: GeneratorHealth, *, recovered: float | None, waited: float
) -> tuple[Grade, str]:
    """Return the grade and, in one sentence, what it rests on.

    `recovered` is seconds from the release of the slow clients, None where users were not well served again
    within the `waited` seconds.
    """
    if not generator.valid:
        return Grade.INVALID, f"Not a measurement of the server: {generator.why}."
    if before.scheduled < MIN_JUDGED_REQUESTS or during.scheduled < MIN_JUDGED_REQUESTS:
        return (
            Grade.INCONCLUSIVE,
            f"Only {min(before.scheduled, during.scheduled)} requests fell into a phase: measure longer.",
        )
    if before.goodput < GOOD_GOODPUT or collapsed(before):
        return Grade.INCONCLUSIVE, f"Already without slow clients users got this: {describe_phase(before)}."
    if collapsed(during):
        if recovered is None and waited >= WEDGED_AFTER_SECONDS:
            return (
                Grade.NOT_RECOVERED,
                f"{describe_phase(during)}, and no recovery within {waited:.0f} s of the last slow client.",
            )
        return Grade.COLLAPSED, f"{describe_phase(during)}."
    if unharmed(before, during):
        return Grade.UNAFFECTED, f"{describe_phase(during)}."
    return Grade.DEGRADED, f"{describe_phase(during)}."


def describe_phase(phase: Phase) -> str:
    """Return what the users of `phase` got, in words."""
    if phase.p99 is None:
        return f"{format_share(phase.goodput)} of {phase.scheduled} requests answered"
    bound = "at least " if phase.censored else ""
    return (
        f"{format_share(phase.goodput)} of {phase.scheduled} requests answered, p99 {bound}{format_seconds(phase.p99)}"
    )


def format_share(share: float) -> str:
    """Return a share of 1 as per cent, cut and never rounded up: `97 %`, `98.9 %`, `99.95 %`; `100 %` means all.

    The nearer it is to 1, the more digits it has, so that 99.96 % is not taken for all of it.
    """
    if share >= 1 or share <= 0:
        return f"{share * 100:.0f} %"
    if share < 0.001:
        return "< 0.1 %"
    digits = next((digits for digits, limit in ((1, 0.01), (0, 0.9), (1, 0.99), (2, 0.9999)) if share < limit), 3)
    # 0.29 * 100 is 28.999999999999996 in floating point; what is added is far below the last digit.
    cut = math.floor(share * 100 * 10**digits + 1e-6) / 10**digits
    return f"{min(cut, 99.999):.3f}".rstrip("0").rstrip(".") + " %"


def format_seconds(value: float) -> str:
    """Return a time as a person reads it: `3.2 ms`, `450 ms`, `5.0 s`."""
    if value < 0.01:
        return f"{value * 1000:.1f} ms"
    return f"{value * 1000:.0f} ms" if value < 1 else f"{value:.1f} s"


def format_times(count: int) -> str:
    """Return how often something was seen: `once`, `3 times`."""
    return "once" if count == 1 else f"{count} times"


def format_bytes(count: float) -> str:
    """Return a number of bytes as a person reads it: `512 bytes`, `31 KB`, `2.6 MB`."""
    if abs(count) < 1e4:
        return f"{count:.0f} bytes"
    return f"{count / 1e3:.0f} KB" if abs(count) < 1e6 else f"{count / 1e6:.1f} MB"


def recovery_time(samples: Sequence[Sample], released: float, ended: float, baseline_p99: float | None) -> float | None:
    """Return the seconds from `released` until users are well served for STEADY_SECONDS seconds, None if that never
    came.

    Well served: goodput of at least GOOD_GOODPUT and p99 of at most twice the baseline's (or below what a person
    notices). Only requests due in [`released`, `ended`) count, in seconds from the scenario's start.
    """
    after = sorted((each for each in samples if released <= each.intended < ended), key=lambda each: each.intended)
    limit = max(MAX_UNHARMED_SLOWDOWN * (baseline_p99 or 0.0), NOTICEABLE_SECONDS)
    bad = [each.intended for each in after if each.outcome is not Outcome.OK or each.latency > limit]
    # Good service can only begin at the release itself, or right after a request that was not well served.
    for begin in (released, *bad):
        if begin + STEADY_SECONDS > ended:
            return None
        inside = [each for each in after if begin <= each.intended < begin + STEADY_SECONDS and each.intended != begin]
        waited = [latency for latency, _ in waiting_times(inside)]
        if waited and goodput(inside) >= GOOD_GOODPUT and quantile(waited, GOOD_GOODPUT) <= limit:
            return begin - released
    return None


def health(
    lateness: Sequence[float],
    *,
    due: int,
    sent: int,
    elapsed: float,
    cpu_share: float,
    p50: float | None,
    judged: float = NOTICEABLE_SECONDS,
) -> GeneratorHealth:
    """Judge the generator by its own figures: `lateness` in seconds per send, `cpu_share` of one core.

    `due` requests were scheduled in `elapsed` seconds and `sent` of them went out. `p50` is the median latency that
    was measured, `judged` the shortest latency that decides anything, both in seconds; 0 where latencies are quoted
    for their own sake.
    """
    # One send in a hundred may be later, and always one: under a hundred sends the p99 would be the one worst hiccup.
    late = sorted(lateness)[-1 - math.ceil(len(lateness) / 100)] if len(lateness) > 1 else 0.0
    allowed = max(MAX_LATENESS_SECONDS, MAX_LATENESS_SHARE * (p50 or 0.0), MAX_LATENESS_SHARE * judged)
    why = ""
    if sent < MIN_SENT_SHARE * due:
        why = f"the generator sent {sent} of {due} requests that were due; close other programs or lower --rate"
    elif late > allowed:
        why = (
            f"the generator sent 1 % of its requests {late * 1000:.1f} ms late or more, where {allowed * 1000:.1f} ms "
            "is allowed; close other programs"
        )
    return GeneratorHealth(not why, cpu_share, late, due / elapsed, sent / elapsed, why)
