"""The app has changed and the server is told to load it anew, at half load: what do the users notice?"""

from __future__ import annotations

from collections.abc import Sequence

import trio

from ...harness.catalog import scenario
from ...harness.errors import Unsupported
from ...harness.load.again import once_more_if_late
from ...harness.load.arena import Arena
from ...harness.load.clients.upload import UploadEnd
from ...harness.load.disturbance import ORDER, unfit
from ...harness.load.judging.grading import NOTICED, grade, seconds
from ...harness.load.judging.lost import Lost, lost
from ...harness.load.looking.roll_call import RollCall
from ...harness.load.pacing import Poisson
from ...harness.load.question import NotChecked
from ...harness.load.rates.bench import Bench, bench
from ...harness.load.reloading import Reload, Reloading, under_load, uploads
from ...harness.model import GeneratorHealth, Grade, Load, Measure, Outcome, Phase
from ...harness.stats import slowdown

TIMES = 3
"""Reloads under load."""

SHARE = 0.5
"""Of capacity: half."""

MOST = 1000.0
"""Requests a second at most, unless `rate` asks for more: a server that starts anew is to have the cores for it."""


@scenario(
    "Reload at half load, a slow upload open across it",
    smoke={
        "clients": 128,
        "duration": 1.2,
        "baseline": 0.8,
        "estimate": 0.15,
        "size": 2000,
        "upload": 1.0,
        "patience": 5,
        "grace": 3,
    },
    full={
        "clients": 256,
        "duration": 30,
        "baseline": 20,
        "estimate": 3,
        "size": 2000,
        "upload": 25,
        "patience": 60,
        "grace": 60,
    },
)
async def reload(arena: Arena) -> Load:
    """Three times the server is told to load its app anew while requests come at half of what it can answer.

    A slow upload is open each time. Where the server has a signal for it, that is sent; one that has none is stopped
    and started again on the same port, as its operator would. Nothing is to be lost: requests that are refused, cut
    off, answered wrongly or not at all are counted, each kind for itself.
    """
    if not arena.started_here:
        raise Unsupported("someone else started this server, and nobody here may reload it")
    return await once_more_if_late(arena, lambda: _round(arena))


async def _round(arena: Arena) -> Load:
    trouble = ""
    rate = 0.0
    async with bench(arena) as b, trio.open_nursery() as nursery:
        roll = RollCall(b.running)
        r = Reloading(
            b,
            roll,
            patience=arena.number("patience"),
            grace=arena.number("grace"),
            uploading=arena.number("upload"),
        )
        nursery.start_soon(roll.run)
        try:
            rate = await _course(arena, b, r)
        except NotChecked as wrong:
            trouble = str(wrong)
        nursery.cancel_scope.cancel()
    found = lost(b.results[1:])
    health = unfit(b.health(NOTICED), _unloaded(r.reloads))
    mark, reason, ratio, bound = _graded(b.phases, health)
    flaws = _flaws(found, b.phases[1:], r)
    if trouble and not flaws:
        mark, reason = Grade.ERROR, trouble
    elif flaws and mark in ORDER:
        mark = Grade.DEGRADES if _served(b.phases[1:]) else Grade.COLLAPSES
    elif mark is Grade.COLLAPSES:
        mark = Grade.DEGRADES
    return arena.load(
        reload,
        mark,
        goodput=_goodput(b.phases[1:]),
        slowdown=ratio,
        slowdown_censored=bound,
        generator=health,
        phases=tuple(b.phases),
        percentiles=b.percentiles(),
        measures=_measures(found, b, r, rate),
        windows=tuple(each.window(b.started(result)) for result in b.results for each in result.windows),
        conditions={
            "reload": "stopped and started again" if r.restarts else "its own signal",
            "requests/s": round(rate, 1),
            **b.conditions(),
        },
        artefacts=b.artefacts(),
        note=reason if mark not in ORDER else " ".join((*flaws, _told(r, rate, b.phases[1:]), reason)),
    )


async def _course(arena: Arena, b: Bench, r: Reloading) -> float:
    """Let the server through all of it and return the requests per second that were offered."""
    arena.progress(0.05, "estimating capacity")
    question = await arena.question(b.running)
    beside, capacity = await r.capacity(question, arena.number("estimate"))
    rate = arena.number("rate") if "rate" in arena.parameters else min(SHARE * capacity, MOST)
    arena.progress(0.2, f"{rate:.0f} requests/s without a reload")
    await r.users("baseline", Poisson(rate, 1), arena.number("baseline"), uploading=beside)
    for number in range(1, TIMES + 1):
        arena.progress(0.2 + 0.2 * number, f"reload {number} of {TIMES} at {rate:.0f} requests/s")
        await r.reload(f"reload {number}", Poisson(rate, 1 + number), arena.number("duration"), uploading=beside)
        if r.failed:
            return rate
    if not beside:
        arena.progress(0.9, "a reload under a slow upload, which takes the whole server")
        await r.reload_under_upload()
    return rate


def _unloaded(reloads: Sequence[Reload]) -> str:
    late = sum(each.loaded is False for each in reloads)
    return f"{late} of {len(reloads)} reloads began when the load was over" if late else ""


def _graded(phases: Sequence[Phase], health: GeneratorHealth) -> tuple[Grade, str, float | None, bool]:
    """Return the grade of the worst reload, what it rests on, and the slowdown with whether it is a lower bound."""
    if len(phases) < 2:
        return Grade.ERROR, "There was no reload under load.", None, False
    before, *during = phases
    graded = [(*grade(before, each, health, recovered=None, waited=0.0), each) for each in during]
    mark, reason, worst = max(
        graded,
        key=lambda each: (ORDER.index(each[0]) if each[0] in ORDER else len(ORDER), each[2].p99 or 0.0),
    )
    ratio, bound = slowdown(before, worst)
    return mark, f"{worst.name}: {reason}" if mark in ORDER else reason, ratio, bound


def _served(phases: Sequence[Phase]) -> bool:
    """Say whether any user was served in the last stretch."""
    return bool(phases) and phases[-1].outcomes[Outcome.OK] > 0


def _flaws(found: Lost, phases: Sequence[Phase], r: Reloading) -> list[str]:
    flaws = []
    asked = sum(each.scheduled for each in phases)
    if found.total:
        flaws.append(f"{found.total:,} of {asked:,} requests were lost: {found.told}.")
    ends = [each for each in uploads(r.reloads) if each.end is not UploadEnd.SURVIVED]
    if ends:
        how = "; ".join(dict.fromkeys(each.told for each in ends))
        flaws.append(f"{len(ends)} of {len(uploads(r.reloads))} slow uploads were lost: {how}.")
    if r.failed:
        flaws.append(f"It did not come back from reload {len(r.reloads)}: {r.failed}.")
    return flaws


def _told(r: Reloading, rate: float, phases: Sequence[Phase]) -> str:
    loaded = under_load(r.reloads)
    did = "Stopped and started again on its port (it has no reload)" if r.restarts else "Reloaded"
    said = f"{did} {len(loaded)} times at {rate:,.0f} requests/s."
    if loaded:
        said = f"{said} For at most {seconds(max(each.gap for each in loaded))} nobody got an answer."
    survived = [each for each in uploads(r.reloads) if each.end is UploadEnd.SURVIVED]
    if survived and len(survived) == len(uploads(r.reloads)):
        alone = "" if len(survived) >= len(loaded) else ", in a reload without load: it takes the whole server"
        said = f"{said} The slow upload came through{alone or ' each time'}."
    return said if phases else ""


def _goodput(phases: Sequence[Phase]) -> float | None:
    asked = sum(each.scheduled for each in phases)
    return sum(each.outcomes[Outcome.OK] for each in phases) / asked if asked else None


def _measures(found: Lost, b: Bench, r: Reloading, rate: float) -> tuple[Measure, ...]:
    loaded = under_load(r.reloads)
    after = [each.after for each in loaded]
    ends = uploads(r.reloads)
    kept = sum(each.end is UploadEnd.SURVIVED for each in ends)
    told = "; ".join(f"{each.told}, after {seconds(each.after)}" for each in ends)
    known = [each for each in after if each is not None]
    return (
        Measure("requests lost", found.total, note=f"of {sum(each.scheduled for each in b.phases[1:]):,}"),
        *(Measure(f"lost: {kind}", count) for kind, count in found.kinds()),
        Measure(
            "sent again on a new connection",
            sum(each.dropped for each in b.results[1:]),
            note="The server closed a kept connection just then; clients repeat such a request, and it is not lost. "
            f"{sum(each.dropped for each in b.results[:1])} before the first reload.",
        ),
        Measure("slow uploads lost", len(ends) - kept, note=f"of {len(ends)}: {told}" if ends else "none was open"),
        Measure(
            "new process answers after",
            max(known) if known and len(known) == len(after) else None,
            "s",
            note=f"the longest of {len(after)}" if len(known) == len(after) else "not after each reload",
        ),
        Measure(
            "longest gap without an answer",
            max((each.gap for each in loaded), default=None),
            "s",
            note="to any of the users of a question sent every 20 ms",
        ),
        Measure("offered", rate, "requests/s"),
    )
