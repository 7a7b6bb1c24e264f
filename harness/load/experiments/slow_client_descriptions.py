"""Describe the result of an experiment with slow clients in plain words. Pure."""

from __future__ import annotations

from wsgi_gauntlet.harness.load.analysis.grading import (
    GOOD_GOODPUT,
    NOTICEABLE_SECONDS,
    collapsed,
    describe_phase,
    format_seconds,
    format_share,
)
from wsgi_gauntlet.harness.load.experiments.slow_clients import SlowClientResult
from wsgi_gauntlet.harness.model import Grade

REASON_ONLY_GRADES = frozenset({Grade.INVALID, Grade.INCONCLUSIVE})
"""Grades whose reason is all there is to say."""


def describe_slow_clients(result: SlowClientResult) -> str:
    """Return what the slow clients did to the other users, and how few of them it takes."""
    if result.grade in REASON_ONLY_GRADES:
        return result.reason
    found = result.collapse
    if found is None or found.at_most is None:
        return f"With {result.clients} slow clients the other users got this: {describe_phase(result.during)}."
    few = "One slow client is" if found.at_most == 1 else f"{found.at_most} slow clients are"
    text = f"{few} enough to take this server from its other users."
    if not found.exact:
        less = f"{found.above} {'is' if found.above == 1 else 'are'} not" if found.above else "Fewer may be"
        text = f"{text} {less}; there was no time to find the exact number."
    return f"{text} {describe_recovery(result)}".strip()


def describe_classroom(result: SlowClientResult, people: int) -> str:
    """Return what the people on good Wi-Fi got while `result.clients` of `people` were on a bad one."""
    if result.grade in REASON_ONLY_GRADES:
        return result.reason
    before, during = result.before, result.during
    few = f"With {result.clients} of {people} people on bad Wi-Fi"
    others = f"the other {people - result.clients}"
    pace = f"99 % of the answers came within {format_seconds(before.p99 or 0.0)}"
    if result.grade is Grade.UNAFFECTED:
        now, then = format_seconds(during.p99 or 0.0), format_seconds(before.p99 or 0.0)
        if (during.p99 or 0.0) > NOTICEABLE_SECONDS:
            return (
                f"{few}, 99 % of the answers to {others} came within {now}, and within {then} before: they wait "
                "without slow clients, too."
            )
        return f"{few}, {others} noticed nothing: 99 % of the answers came within {now}, {then} before."
    got = f"{few}, {others} got {format_share(during.goodput)} of what they asked for"
    if during.p99 is not None:
        bound = "at least " if during.censored else ""
        got = f"{got}, and the slowest hundredth took {bound}{format_seconds(during.p99)}"
    return f"{got}; before, {format_share(before.goodput)} came, and {pace}. {describe_recovery(result)}".strip()


def describe_recovery(result: SlowClientResult) -> str:
    """Return whether users were well served again once the slow clients had gone, '' where they always were."""
    if not collapsed(result.during) and result.during.goodput >= GOOD_GOODPUT:
        return ""
    if result.recovered is None:
        return f"Once the slow ones had gone, it did not serve well again within {result.patience:g} s."
    if result.recovered < 0.1:
        return "It served well again as soon as the slow ones had gone."
    return f"It served well again {format_seconds(result.recovered)} after the slow ones had gone."
