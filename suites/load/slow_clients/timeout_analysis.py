"""Find out what a timeout counts: each gap, or the whole time. Pure.

Clients stall at one point of their conversation. One sends nothing more, the others send something every `gap`:

    silent      |-----------------x            disconnected after t
    gap 0.5 t   |----o----o----o----o----o     still connected well after t: the timeout is per gap
    gap 0.5 t   |----o----o-------x            disconnected at about t: the timeout is for the whole time
"""

from __future__ import annotations

import enum
import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from wsgi_gauntlet.harness.model import Metric

GAP_FACTORS = (0.5, 0.95, 1.05)
"""Gaps between two steps, as shares of the configured timeout."""

WATCH_FACTOR = 2.5
"""How long a client is watched, in timeouts. gunicorn checks its workers once per second, so a timeout of two seconds
can take three."""

SAME_TIME_FACTOR = 1.25
"""The factor on the time of the silent client within which another client ends at the same time."""

IMMEDIATE_SECONDS = 0.05
"""Seconds within which a connection has ended together with its response."""


class StallPoint(enum.StrEnum):
    """Where a client stalls: within the head or the body of a request, within a response, or between two requests."""

    HEAD = "head"
    BODY = "body"
    RESPONSE = "response"
    IDLE = "idle"


class TimeoutScope(enum.StrEnum):
    """What a timeout counts."""

    PER_GAP = "per gap"
    IN_ALL = "in all"
    NONE = "none found"
    UNCLEAR = "unclear"


@dataclass(frozen=True)
class StallResult:
    """One client. `how` is '408', 'FIN' or 'RST', '' if it was still connected at the end.

    Seconds: `gap` is between two steps, math.inf for a silent client; `lasted` is from the first stall to the end;
    `late` is the largest delay of a step.
    """

    place: StallPoint
    gap: float
    lasted: float
    how: str = ""
    late: float = 0.0


@dataclass(frozen=True)
class ObservedTimeout:
    """A timeout. `closed_after` is None if a silent client was still connected after `watched_seconds`."""

    place: StallPoint
    timeout_scope: TimeoutScope
    closed_after: float | None
    how: str
    watched_seconds: float
    details: str


REQUEST_TIMEOUT_CONDITIONS = ("timeout", "socket-timeout", "harakiri")
"""The conditions with which an adapter names a timeout for requests. The shortest one counts."""

STALL_POINT_CONDITIONS = {
    StallPoint.HEAD: "head-timeout",
    StallPoint.BODY: "body-timeout",
    StallPoint.RESPONSE: "send-timeout",
}
"""The condition for one stall point. No other counts there, even if this one is not a number."""


def configured_timeout(conditions: Mapping[str, object], place: StallPoint) -> float | None:
    """Return the configured timeout at `place` in seconds, from the `conditions` of a server or of its front.

    None if it is unknown. A server with one timeout for everything, such as waitress, names it keep-alive.
    """
    front = conditions.get("front")
    here = front if isinstance(front, Mapping) else conditions
    own = STALL_POINT_CONDITIONS.get(place, "")
    if own in here:
        return _shortest(here, own)
    names = () if place is StallPoint.IDLE else REQUEST_TIMEOUT_CONDITIONS
    # A time for idle connections need not be one for a response that is being sent.
    others = () if place is StallPoint.RESPONSE else ("keep-alive",)
    return _shortest(here, *names) or _shortest(here, *others)


def _shortest(conditions: Mapping[str, object], *names: str) -> float | None:
    known = [each for name in names if isinstance(each := conditions.get(name), int | float) and each > 0]
    return float(min(known)) if known else None


def observed_timeout(
    stall_results: Sequence[StallResult], place: StallPoint, watched_seconds: float
) -> ObservedTimeout | None:
    """Return the timeout at `place`, None without a result of a silent client there."""
    here = sorted((each for each in stall_results if each.place is place), key=lambda each: each.gap)
    if not here or here[-1].gap != math.inf:
        return None
    *moving, silent = here
    timeout_scope, why = _timeout_scope(moving, silent, watched_seconds)
    closed_after = silent.lasted if silent.how else None
    return ObservedTimeout(place, timeout_scope, closed_after, silent.how, watched_seconds, why)


def timeout_measures(found: ObservedTimeout | None, place: StallPoint, timeout: float | None) -> tuple[Metric, Metric]:
    """Return the two metrics of one stall point. `timeout` is the configured one, None if unknown."""
    closed_after, per_gap = f"{place}: disconnected after", f"{place}: timeout is per gap"
    if found is None:
        return Metric.labelled(closed_after, None, "s", note="not measured"), Metric.labelled(
            per_gap, None, "yes/no", note="not measured"
        )
    setting = f"configured: {timeout:g} s" if timeout is not None else "no timeout is known"
    value = {TimeoutScope.PER_GAP: 1.0, TimeoutScope.IN_ALL: 0.0}.get(found.timeout_scope)
    ended = f"; by {found.how}" if found.how else ""
    return (
        Metric.labelled(
            closed_after,
            found.watched_seconds if found.closed_after is None else found.closed_after,
            "s",
            censored=found.closed_after is None,
            note=f"{setting}{ended}",
        ),
        Metric.labelled(per_gap, value, "yes/no", note=found.details),
    )


def describe_timeouts(found: Sequence[ObservedTimeout]) -> str:
    """Describe how a server treats clients that stall."""
    where = {
        StallPoint.HEAD: "in the head",
        StallPoint.BODY: "in the body",
        StallPoint.RESPONSE: "in the response",
        StallPoint.IDLE: "after a response",
    }
    parts = []
    for each in found:
        if each.closed_after is None:
            parts.append(f"{where[each.place]} it is still connected after {each.watched_seconds:.3g} s")
        else:
            counted = {TimeoutScope.PER_GAP: ", counted per gap", TimeoutScope.IN_ALL: ", counted in all"}
            after = "at once" if each.closed_after < IMMEDIATE_SECONDS else f"after {each.closed_after:.2g} s"
            parts.append(f"{where[each.place]} it is disconnected {after}{counted.get(each.timeout_scope, '')}")
    return f"A client that stalls: {'; '.join(parts)}." if parts else ""


def late_move(stall_results: Sequence[StallResult], timeouts: Mapping[StallPoint, float | None]) -> str:
    """Return why these clients say nothing about the server, '' if they do.

    A late step of a client just below the timeout may have exceeded the timeout.
    """
    for each in stall_results:
        timeout = timeouts.get(each.place)
        if timeout is not None and each.how and each.gap < timeout <= each.gap + each.late:
            return (
                f"a step in the {each.place} was due after {each.gap:.2f} s and came {each.late * 1000:.0f} ms late, "
                f"after the timeout of {timeout:g} s; close other programs"
            )
    return ""


def _timeout_scope(
    moving: Sequence[StallResult], silent: StallResult, watched_seconds: float
) -> tuple[TimeoutScope, str]:
    if not silent.how:
        gone = [each for each in moving if each.how]
        if gone:
            return (
                TimeoutScope.UNCLEAR,
                f"a silent client stayed, one with gaps of {gone[0].gap:.2f} s was disconnected",
            )
        return TimeoutScope.NONE, f"no client was disconnected within {watched_seconds:.3g} s"
    if silent.place is StallPoint.IDLE and silent.lasted < IMMEDIATE_SECONDS:
        return TimeoutScope.UNCLEAR, "the server keeps no connection alive"
    details = "; ".join(_describe_stall(each) for each in moving)
    quick = [each for each in moving if each.gap < silent.lasted]
    if not quick:
        return (
            TimeoutScope.UNCLEAR,
            f"disconnected before the shortest gap: {details}" if details else "only a silent client",
        )
    if quick[0].how and quick[0].lasted <= SAME_TIME_FACTOR * silent.lasted:
        return TimeoutScope.IN_ALL, details
    if not quick[0].how and watched_seconds > SAME_TIME_FACTOR * silent.lasted:
        return TimeoutScope.PER_GAP, details
    return TimeoutScope.UNCLEAR, details


def _describe_stall(edge: StallResult) -> str:
    came = f"disconnected after {edge.lasted:.2f} s" if edge.how else "allowed"
    return f"gaps of {edge.gap:.2f} s: {came}"
