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

from ...model import Measure

RATIOS = (0.5, 0.95, 1.05)
"""Gaps between two moves, as shares of the time-out that is configured."""

LOOK = 2.5
"""Time-outs that a client is looked at. gunicorn looks at its workers' clocks once a second, so that a time-out of two
seconds can take three."""

TOGETHER = 1.25
"""The factor on the silent client's time within which another is gone at the same time."""

AT_ONCE = 0.05
"""Seconds within which a connection has ended together with the answer on it."""


class Place(enum.StrEnum):
    """Where a client stops: in the middle of a request's head or of its body, or between two requests."""

    HEAD = "head"
    BODY = "body"
    IDLE = "idle"


class Deadline(enum.StrEnum):
    """What a time-out counts."""

    PER_GAP = "per gap"
    IN_ALL = "in all"
    NONE = "none seen"
    UNCLEAR = "unclear"


@dataclass(frozen=True)
class Edge:
    """One client. `how` is '408', 'FIN' or 'RST', '' for one that was still there when nobody looked on.

    Seconds: `gap` between two moves, math.inf for none; `lived` from its first stop until its end; `late` is by how
    much a move came late at most.
    """

    place: Place
    gap: float
    lived: float
    how: str = ""
    late: float = 0.0


@dataclass(frozen=True)
class Patience:
    """What a server does at one place. `freed` is None where a silent client was still there after `looked` seconds."""

    place: Place
    deadline: Deadline
    freed: float | None
    how: str
    looked: float
    told: str


TIMEOUTS = ("timeout", "socket-timeout", "harakiri")
"""The conditions in which an adapter names a time-out for requests; the shortest of them counts first."""

OF_ITS_OWN = {Place.HEAD: "head-timeout", Place.BODY: "body-timeout"}
"""The condition in which it names one for a place alone: no other counts there, even where this is no number."""


def configured(conditions: Mapping[str, object], place: Place) -> float | None:
    """Return the seconds that ought to pass at `place` by the `conditions` of a server, its front's where it has one.

    None where no setting is known. A server with one time-out for all of it, as waitress, has it as keep-alive.
    """
    front = conditions.get("front")
    here = front if isinstance(front, Mapping) else conditions
    own = OF_ITS_OWN.get(place, "")
    if own in here:
        return _shortest(here, own)
    names = () if place is Place.IDLE else TIMEOUTS
    return _shortest(here, *names) or _shortest(here, "keep-alive")


def _shortest(conditions: Mapping[str, object], *names: str) -> float | None:
    known = [each for name in names if isinstance(each := conditions.get(name), int | float) and each > 0]
    return float(min(known)) if known else None


def patience(edges: Sequence[Edge], place: Place, looked: float) -> Patience | None:
    """Return what `edges` say of `place`, None where none of them was silent there. `looked` is in seconds."""
    here = sorted((each for each in edges if each.place is place), key=lambda each: each.gap)
    if not here or here[-1].gap != math.inf:
        return None
    *moving, silent = here
    deadline, why = _deadline(moving, silent, looked)
    freed = silent.lived if silent.how else None
    return Patience(place, deadline, freed, silent.how, looked, why)


def measures(found: Patience | None, place: Place, timeout: float | None) -> tuple[Measure, Measure]:
    """Return the rows of one place, the same for every server. `timeout` is what is configured, None where unknown."""
    freed, per_gap = f"{place}: freed after", f"{place}: time-out is per gap"
    if found is None:
        return Measure(freed, None, "s", note="not measured"), Measure(per_gap, None, "yes/no", note="not measured")
    setting = f"configured: {timeout:g} s" if timeout is not None else "no time-out is known"
    value = {Deadline.PER_GAP: 1.0, Deadline.IN_ALL: 0.0}.get(found.deadline)
    ended = f"; by {found.how}" if found.how else ""
    return (
        Measure(
            freed,
            found.looked if found.freed is None else found.freed,
            "s",
            censored=found.freed is None,
            note=f"{setting}{ended}",
        ),
        Measure(per_gap, value, "yes/no", note=found.told),
    )


def tell(found: Sequence[Patience]) -> str:
    """Return in words how a server treats clients that stop."""
    where = {Place.HEAD: "in the head", Place.BODY: "in the body", Place.IDLE: "after an answer"}
    parts = []
    for each in found:
        if each.freed is None:
            parts.append(f"{where[each.place]} it is still there after {each.looked:.3g} s")
        else:
            counted = {Deadline.PER_GAP: ", counted per gap", Deadline.IN_ALL: ", counted in all"}
            after = "at once" if each.freed < AT_ONCE else f"after {each.freed:.2g} s"
            parts.append(f"{where[each.place]} it is freed {after}{counted.get(each.deadline, '')}")
    return f"A client that stops: {'; '.join(parts)}." if parts else ""


def late(edges: Sequence[Edge], timeouts: Mapping[Place, float | None]) -> str:
    """Return why these clients say nothing of the server, '' where they do.

    One that was to move just before the time-out, moved late and was freed may have been beyond it.
    """
    for each in edges:
        timeout = timeouts.get(each.place)
        if timeout is not None and each.how and each.gap < timeout <= each.gap + each.late:
            return (
                f"a move in the {each.place} that was due after {each.gap:.2f} s came {each.late * 1000:.0f} ms late, "
                f"beyond the time-out of {timeout:g} s; close other programs"
            )
    return ""


def _deadline(moving: Sequence[Edge], silent: Edge, looked: float) -> tuple[Deadline, str]:
    if not silent.how:
        gone = [each for each in moving if each.how]
        if gone:
            return Deadline.UNCLEAR, f"a silent client stayed, one with gaps of {gone[0].gap:.2f} s went"
        return Deadline.NONE, f"nobody was freed within {looked:.3g} s"
    if silent.place is Place.IDLE and silent.lived < AT_ONCE:
        return Deadline.UNCLEAR, "no connection is kept alive"
    told = "; ".join(_told(each) for each in moving)
    quick = [each for each in moving if each.gap < silent.lived]
    if not quick:
        return Deadline.UNCLEAR, f"freed sooner than any gap that was tried: {told}" if told else "only a silent one"
    if quick[0].how and quick[0].lived <= TOGETHER * silent.lived:
        return Deadline.IN_ALL, told
    if not quick[0].how and looked > TOGETHER * silent.lived:
        return Deadline.PER_GAP, told
    return Deadline.UNCLEAR, told


def _told(edge: Edge) -> str:
    came = f"freed after {edge.lived:.2f} s" if edge.how else "borne"
    return f"gaps of {edge.gap:.2f} s: {came}"
