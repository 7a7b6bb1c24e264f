"""Where a server's patience ends, and what it counts: each gap by itself, or all of them together.

Clients stop at one place of their conversation. One says nothing more at all, the others make a move each `gap`:

    silent      |-----------------x            freed after t
    gap 0.5 t   |----o----o----o----o----o     still there well after t: the deadline is per gap
    gap 0.5 t   |----o----o-------x            gone at about t: it is for all of them together

Values in, values out.
"""

from __future__ import annotations

import enum
import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from wsgi_gauntlet.harness.model import Metric

GAP_FACTORS = (0.5, 0.95, 1.05)
"""Gaps between two moves, as shares of the time-out that is configured."""

WATCH_FACTOR = 2.5
"""Time-outs that a client is looked at. gunicorn looks at its workers' clocks once a second, so that a time-out of two
seconds can take three."""

SAME_TIME_FACTOR = 1.25
"""The factor on the silent client's time within which another is gone at the same time."""

IMMEDIATE_SECONDS = 0.05
"""Seconds within which a connection has ended together with the answer on it."""


class StallPoint(enum.StrEnum):
    """Where a client stops: in the middle of a request's head or of its body, or between two requests."""

    HEAD = "head"
    BODY = "body"
    IDLE = "idle"


class TimeoutScope(enum.StrEnum):
    """What a time-out counts."""

    PER_GAP = "per gap"
    IN_ALL = "in all"
    NONE = "none seen"
    UNCLEAR = "unclear"


@dataclass(frozen=True)
class StallResult:
    """One client. `how` is '408', 'FIN' or 'RST', '' for one that was still there when nobody looked on.

    Seconds: `gap` between two moves, math.inf for none; `lived` from its first stop until its end; `late` is by how
    much a move came late at most.
    """

    place: StallPoint
    gap: float
    lasted: float
    how: str = ""
    late: float = 0.0


@dataclass(frozen=True)
class ObservedTimeout:
    """What a server does at one place. `freed` is None where a silent client was still there after `looked` seconds."""

    place: StallPoint
    timeout_scope: TimeoutScope
    closed_after: float | None
    how: str
    watched_seconds: float
    details: str


REQUEST_TIMEOUT_CONDITIONS = ("timeout", "socket-timeout", "harakiri")
"""The conditions in which an adapter names a time-out for requests; the shortest of them counts first."""

STALL_POINT_CONDITIONS = {StallPoint.HEAD: "head-timeout", StallPoint.BODY: "body-timeout"}
"""The condition in which it names one for a place alone: no other counts there, even where this is no number."""


def configured_timeout(conditions: Mapping[str, object], place: StallPoint) -> float | None:
    """Return the seconds that ought to pass at `place` by the `conditions` of a server, its front's where it has one.

    None where no setting is known. A server with one time-out for all of it, as waitress, has it as keep-alive.
    """
    front = conditions.get("front")
    here = front if isinstance(front, Mapping) else conditions
    own = STALL_POINT_CONDITIONS.get(place, "")
    if own in here:
        return _shortest(here, own)
    names = () if place is StallPoint.IDLE else REQUEST_TIMEOUT_CONDITIONS
    return _shortest(here, *names) or _shortest(here, "keep-alive")


def _shortest(conditions: Mapping[str, object], *names: str) -> float | None:
    known = [each for name in names if isinstance(each := conditions.get(name), int | float) and each > 0]
    return float(min(known)) if known else None


def observed_timeout(
    stall_results: Sequence[StallResult], place: StallPoint, watched_seconds: float
) -> ObservedTimeout | None:
    """Return what `edges` say of `place`, None where none of them was silent there. `looked` is in seconds."""
    here = sorted((each for each in stall_results if each.place is place), key=lambda each: each.gap)
    if not here or here[-1].gap != math.inf:
        return None
    *moving, silent = here
    timeout_scope, why = _timeout_scope(moving, silent, watched_seconds)
    closed_after = silent.lasted if silent.how else None
    return ObservedTimeout(place, timeout_scope, closed_after, silent.how, watched_seconds, why)


def timeout_measures(found: ObservedTimeout | None, place: StallPoint, timeout: float | None) -> tuple[Metric, Metric]:
    """Return the rows of one place, the same for every server. `timeout` is what is configured, None where unknown."""
    closed_after, per_gap = f"{place}: freed after", f"{place}: time-out is per gap"
    if found is None:
        return Metric.labelled(closed_after, None, "s", note="not measured"), Metric.labelled(
            per_gap, None, "yes/no", note="not measured"
        )
    setting = f"configured: {timeout:g} s" if timeout is not None else "no time-out is known"
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
    """Return in words how a server treats clients that stop."""
    where = {StallPoint.HEAD: "in the head", StallPoint.BODY: "in the body", StallPoint.IDLE: "after an answer"}
    parts = []
    for each in found:
        if each.closed_after is None:
            parts.append(f"{where[each.place]} it is still there after {each.watched_seconds:.3g} s")
        else:
            counted = {TimeoutScope.PER_GAP: ", counted per gap", TimeoutScope.IN_ALL: ", counted in all"}
            after = "at once" if each.closed_after < IMMEDIATE_SECONDS else f"after {each.closed_after:.2g} s"
            parts.append(f"{where[each.place]} it is freed {after}{counted.get(each.timeout_scope, '')}")
    return f"A client that stops: {'; '.join(parts)}." if parts else ""


def late_move(stall_results: Sequence[StallResult], timeouts: Mapping[StallPoint, float | None]) -> str:
    """Return why these clients say nothing of the server, '' where they do.

    One that was to move just before the time-out, moved late and was freed may have been beyond it.
    """
    for each in stall_results:
        timeout = timeouts.get(each.place)
        if timeout is not None and each.how and each.gap < timeout <= each.gap + each.late:
            return (
                f"a move in the {each.place} that was due after {each.gap:.2f} s came {each.late * 1000:.0f} ms late, "
                f"beyond the time-out of {timeout:g} s; close other programs"
            )
    return ""


def _timeout_scope(
    moving: Sequence[StallResult], silent: StallResult, watched_seconds: float
) -> tuple[TimeoutScope, str]:
    if not silent.how:
        gone = [each for each in moving if each.how]
        if gone:
            return TimeoutScope.UNCLEAR, f"a silent client stayed, one with gaps of {gone[0].gap:.2f} s went"
        return TimeoutScope.NONE, f"nobody was freed within {watched_seconds:.3g} s"
    if silent.place is StallPoint.IDLE and silent.lasted < IMMEDIATE_SECONDS:
        return TimeoutScope.UNCLEAR, "no connection is kept alive"
    details = "; ".join(_describe_stall(each) for each in moving)
    quick = [each for each in moving if each.gap < silent.lasted]
    if not quick:
        return (
            TimeoutScope.UNCLEAR,
            f"freed sooner than any gap that was tried: {details}" if details else "only a silent one",
        )
    if quick[0].how and quick[0].lasted <= SAME_TIME_FACTOR * silent.lasted:
        return TimeoutScope.IN_ALL, details
    if not quick[0].how and watched_seconds > SAME_TIME_FACTOR * silent.lasted:
        return TimeoutScope.PER_GAP, details
    return TimeoutScope.UNCLEAR, details


def _describe_stall(edge: StallResult) -> str:
    came = f"freed after {edge.lasted:.2f} s" if edge.how else "borne"
    return f"gaps of {edge.gap:.2f} s: {came}"
