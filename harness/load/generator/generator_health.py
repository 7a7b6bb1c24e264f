"""The rules that decide whether a generator was fit to measure a server. Pure.

A load generator that is late, or busy itself, measures its own speed. Then the result is `invalid`.
"""

from __future__ import annotations

import math
from collections.abc import Sequence

from wsgi_gauntlet.harness.load.analysis.grading import NOTICEABLE_SECONDS
from wsgi_gauntlet.harness.model import GeneratorHealth
from wsgi_gauntlet.harness.stats.histogram import Histogram

MIN_SENT_SHARE = 0.99
"""The share of the offered rate that a generator must have sent (SCENARIOS.md, method 2)."""

MAX_LATENESS_SECONDS = 0.001
"""Seconds of lateness (p99) that are always allowed, however fast the server is (method 2)."""

MAX_LATENESS_SHARE = 0.1
"""The lateness (p99) that is allowed as a share of the measured p50, or of the shortest time that decides a grade.

Latencies under slow clients are judged against NOTICEABLE_SECONDS and COLLAPSED_P99_SECONDS. Sends that are 10 ms late
cannot change such a grade, and they only make a server look worse. A limit of 1 ms would make most cells invalid on a
machine with two cores: server and generator share them, and the kernel lets a process that wakes wait for up to 3 ms
(measured: 0.3 ms on an idle machine, 1 to 8 ms beside a busy process)."""

MAX_CPU_SHARE = 0.95
"""Above this share of a core, a closed loop measured itself: the server may have waited for the generator."""

_RATE_TOLERANCE = 1e-9
"""Rates are quotients of counts; rounding must not make 99 of 100 requests less than 99 %."""


def lateness_p99(lateness: Histogram | Sequence[float]) -> float:
    """Return the p99 of the lateness in seconds, 0 without sends.

    One send in a hundred may be later. At least one always may, or else a single pause of the machine would decide.
    """
    sends = len(lateness)
    rank = sends - math.ceil(sends / 100)
    if isinstance(lateness, Histogram):
        return lateness.quantile(rank / sends) if sends else 0.0
    return sorted(lateness)[rank - 1] if rank else 0.0


def late_reason(
    *, offered: float, achieved: float, lateness: float, p50: float | None, time_resolution: float = 0.0
) -> str:
    """Return why a generator did not keep its schedule, '' if it did.

    Rates are in requests per second, times in seconds. `p50` is the measured median latency. `time_resolution` is the
    shortest time that decides anything, 0 where the latencies themselves are reported.
    """
    if achieved < MIN_SENT_SHARE * offered * (1 - _RATE_TOLERANCE):
        return (
            f"the generator sent {achieved:.4g} of {offered:.4g} requests per second; close other programs, or "
            "offer a lower rate"
        )
    allowed = max(MAX_LATENESS_SECONDS, MAX_LATENESS_SHARE * max(p50 or 0.0, time_resolution))
    if lateness > allowed:
        return (
            f"the generator sent 1 % of its requests {lateness * 1e3:.1f} ms late or more ({allowed * 1e3:.1f} ms are "
            "allowed); close other programs, or offer a lower rate"
        )
    return ""


def health_of_sends(
    lateness: Sequence[float],
    *,
    due: int,
    seconds: float,
    p50: float | None = None,
    cpu_share: float = 0.0,
    time_resolution: float = NOTICEABLE_SECONDS,
) -> GeneratorHealth:
    """Return the health of a generator from the lateness of each send, in seconds.

    `due` requests were scheduled in `seconds`. `cpu_share` is of one core. The rest is as in `late_reason`.
    """
    offered, achieved, late = due / seconds, len(lateness) / seconds, lateness_p99(lateness)
    why = late_reason(offered=offered, achieved=achieved, lateness=late, p50=p50, time_resolution=time_resolution)
    return GeneratorHealth(not why, cpu_share, late, offered, achieved, why)
