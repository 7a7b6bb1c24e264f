"""What a siege came to, in plain words. Values in, values out."""

from __future__ import annotations

from ..model import Grade
from .grading import GOOD, collapsed, seconds, told
from .siege import Siege

UNTOLD = frozenset({Grade.INVALID, Grade.INCONCLUSIVE})
"""Grades whose reason is all there is to say."""


def tell_slow_clients(siege: Siege, doing: str) -> str:
    """Return what clients that are `doing` so did to the others, and how many it takes."""
    if siege.grade in UNTOLD:
        return siege.reason
    found = siege.collapse
    if found is None or found.at_most is None:
        return f"With {siege.clients} clients that {doing}, this is what the other users got: {told(siege.during)}."
    one = found.at_most == 1
    few = f"{found.at_most} client{'' if one else 's'} that {doing}"
    if found.exact:
        said = f"{few} {'takes' if one else 'take'} this server from its other users."
    else:
        said = (
            f"{few} take this server from its other users and {found.above} do not; there was no time to find the "
            "exact number."
        )
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
        return f"{few}, {others} noticed nothing: 99 % of the answers came within {now}, {then} before."
    got = f"{few}, {others} got {during.goodput:.0%} of what they asked for"
    if during.p99 is not None:
        bound = "at least " if during.censored else ""
        got = f"{got}, and the slowest hundredth took {bound}{seconds(during.p99)}"
    return f"{got}; before, {before.goodput:.0%} came, and {pace}. {tell_recovery(siege)}".strip()


def tell_recovery(siege: Siege) -> str:
    """Return whether users were well served again once the slow clients had gone, '' where they always were."""
    if not collapsed(siege.during) and siege.during.goodput >= GOOD:
        return ""
    if siege.recovered is None:
        return f"Once the slow ones had gone, it did not serve well again within {siege.patience:g} s."
    if siege.recovered < 0.1:
        return "It served well again as soon as the slow ones had gone."
    return f"It served well again {seconds(siege.recovered)} after the slow ones had gone."
