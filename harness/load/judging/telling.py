"""What a siege came to, in plain words. Values in, values out."""

from __future__ import annotations

from ...model import Grade
from ..siege import Siege
from .grading import GOOD, NOTICED, collapsed, seconds, told

UNTOLD = frozenset({Grade.INVALID, Grade.INCONCLUSIVE})
"""Grades whose reason is all there is to say."""


def tell_slow_clients(siege: Siege) -> str:
    """Return what the slow clients did to the other users, and how few of them it takes."""
    if siege.grade in UNTOLD:
        return siege.reason
    found = siege.collapse
    if found is None or found.at_most is None:
        return f"With {siege.clients} slow clients the other users got this: {told(siege.during)}."
    few = "One slow client is" if found.at_most == 1 else f"{found.at_most} slow clients are"
    said = f"{few} enough to take this server from its other users."
    if not found.exact:
        less = f"{found.above} {'is' if found.above == 1 else 'are'} not" if found.above else "Fewer may be"
        said = f"{said} {less}; there was no time to find the exact number."
    return f"{said} {tell_recovery(siege)}".strip()


def tell_classroom(siege: Siege, people: int) -> str:
    """Return what the people on good Wi-Fi got while `siege.clients` of `people` were on a bad one."""
    if siege.grade in UNTOLD:
        return siege.reason
    before, during = siege.before, siege.during
    few = f"With {siege.clients} of {people} people on bad Wi-Fi"
    others = f"the other {people - siege.clients}"
    pace = f"99 % of the answers came within {seconds(before.p99 or 0.0)}"
    if siege.grade is Grade.IMMUNE:
        now, then = seconds(during.p99 or 0.0), seconds(before.p99 or 0.0)
        if (during.p99 or 0.0) > NOTICED:
            return (
                f"{few}, 99 % of the answers to {others} came within {now}, and within {then} before: they wait "
                "without slow clients, too."
            )
        return f"{few}, {others} noticed nothing: 99 % of the answers came within {now}, {then} before."
    got = f"{few}, {others} got {during.goodput * 100:.0f} % of what they asked for"
    if during.p99 is not None:
        bound = "at least " if during.censored else ""
        got = f"{got}, and the slowest hundredth took {bound}{seconds(during.p99)}"
    return f"{got}; before, {before.goodput * 100:.0f} % came, and {pace}. {tell_recovery(siege)}".strip()


def tell_recovery(siege: Siege) -> str:
    """Return whether users were well served again once the slow clients had gone, '' where they always were."""
    if not collapsed(siege.during) and siege.during.goodput >= GOOD:
        return ""
    if siege.recovered is None:
        return f"Once the slow ones had gone, it did not serve well again within {siege.patience:g} s."
    if siege.recovered < 0.1:
        return "It served well again as soon as the slow ones had gone."
    return f"It served well again {seconds(siege.recovered)} after the slow ones had gone."
