"""More and more users, until there are more than the server can serve: where does it bend, and does it break?"""

from __future__ import annotations

from ...harness.catalog import scenario
from ...harness.load.again import once_more_if_late
from ...harness.load.arena import Arena
from ...harness.load.judging.grading import NOTICED, seconds, told
from ...harness.load.pacing import Ramp
from ...harness.load.question import NotChecked
from ...harness.load.rates.bench import bench, grade_of
from ...harness.load.rates.capacity import a_second
from ...harness.load.rates.knee import behind, knee
from ...harness.load.rates.pool import allowed
from ...harness.load.rates.stretch import stretch, timely
from ...harness.model import Load, Measure, Phase, Window

BEYOND = 1.5
"""How far the ramp goes, as a share of capacity (SCENARIOS.md)."""

WINDOWS = 20
"""Of one ramp: then each is 7.5 % of capacity above the one before."""


@scenario(
    "Open model: from nothing to 1.5 times capacity",
    smoke={"clients": 4096, "duration": 3.5, "estimate": 0.25, "size": 2000},
    full={"clients": 16384, "duration": 60, "estimate": 3, "size": 2000},
)
async def ramp(arena: Arena) -> Load:
    """Requests come faster and faster, from none to 1.5 times capacity in `duration` seconds, evenly spaced.

    The knee is the rate beyond which fewer are answered than come, or more than one in a hundred takes over 100 ms, or
    over twice what a page takes when nobody else asks. They come over as many connections as that takes, up to
    `clients`. A good server goes on to answer as many as it can past it; a bad one answers fewer and fewer. What is
    capacity is estimated first on the same server; `rate`, where given, is the rate at the ramp's end instead.
    """
    return await once_more_if_late(arena, lambda: _round(arena))


async def _round(arena: Arena) -> Load:
    duration = arena.number("duration")
    trouble = changed = ""
    note: list[str] = []
    measures: list[Measure] = []
    phases: tuple[Phase, ...] = ()
    windows: tuple[Window, ...] = ()
    async with bench(arena) as b:
        try:
            assumed = None if "rate" in arena.parameters else await b.assume(note)
            last = arena.number("rate") if assumed is None else BEYOND * assumed.rate
            if assumed is not None:
                measures.append(Measure("capacity, estimated", assumed.rate, "requests/s"))
            arena.progress(0.25, f"from 0 to {a_second(last)}")
            pacer = Ramp(0.0, last, duration)
            found = await b.offer("ramp", pacer, duration, window=duration / WINDOWS)
            began, limit = b.started(found), allowed(b.alone)
            windows = tuple(each.window(began) for each in found.windows)
            bend = knee(behind(found.windows, limit))
            rate = last if bend is None else pacer.rate(found.windows[bend].at)
            parts = [
                ("up to the knee", found.windows[:bend]),
                ("past the knee", found.windows[bend:] if bend is not None else ()),
            ]
            phases = tuple(stretch(each, name, began) for name, each in parts if each)
            measures.insert(0, _knee(rate, last, reached=bend is not None))
            if bend is not None:
                past = found.windows[bend:]
                due = max(1, sum(each.scheduled for each in past))
                share = 100 * sum(timely(each, limit) for each in past) / due
                measures.insert(1, Measure("goodput past the knee", 100 * phases[-1].goodput, "%"))
                measures.insert(2, Measure(f"answered within {seconds(limit)} past the knee", share, "%"))
            note.insert(0, _told(rate, phases, limit, reached=bend is not None))
            now = await b.after(assumed) if assumed is not None else None
            if now is not None:
                changed = f"After it the server answered {a_second(now)} in a closed loop: its capacity has changed."
        except NotChecked as wrong:
            trouble = str(wrong)
    health = b.health(NOTICED)
    return arena.load(
        ramp,
        grade_of(trouble, changed, health),
        goodput=phases[-1].goodput if phases else None,
        phase=phases[-1].name if phases else "",
        generator=health,
        phases=phases,
        windows=windows,
        percentiles=b.percentiles(),
        measures=tuple(measures),
        conditions=b.conditions(),
        artefacts=b.artefacts(),
        note=" ".join(filter(None, (trouble, health.why and f"Not a measurement: {health.why}.", changed, *note))),
    )


def _knee(rate: float, last: float, *, reached: bool) -> Measure:
    step = f"Windows of the ramp are {a_second(last / WINDOWS)} apart."
    return Measure("knee", rate, "requests/s", censored=not reached, note=step)


def _told(rate: float, phases: tuple[Phase, ...], limit: float, *, reached: bool) -> str:
    if not reached:
        return f"Up to {a_second(rate)} no knee was seen: {told(phases[0])}."
    if len(phases) == 1:
        return f"From the start more than one in a hundred took over {seconds(limit)} or was lost: {told(phases[0])}."
    before, past = map(told, phases)
    return f"From about {a_second(rate)} on users have to wait: {before} before, {past} past it."
