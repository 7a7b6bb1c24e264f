"""For a few seconds three times as many users come as the server can serve: who is lost, and how long does it last?"""

from __future__ import annotations

from ...harness.catalog import scenario
from ...harness.load.again import once_more_if_late
from ...harness.load.arena import Arena
from ...harness.load.judging.grading import FEWEST, NOTICED, STEADY
from ...harness.load.pacing import Steps
from ...harness.load.question import NotChecked
from ...harness.load.rates.backlog import left, recovered, waiting
from ...harness.load.rates.bench import bench
from ...harness.load.rates.capacity import a_second
from ...harness.load.rates.stretch import stretch
from ...harness.load.rates.surging import LOW, PEAK, Surge, grade_surge
from ...harness.model import Grade, Load, Measure, Phase, Window

WIDTH = 0.1
"""Seconds of a window, and so what recovery is exact to."""

LONGEST = 5.0
"""Seconds that the time before the surge is made longer at most, so that FEWEST requests are due in it."""


@scenario(
    "Open model: a surge to three times capacity",
    smoke={
        "clients": 4096,
        "duration": 0.5,
        "baseline": 0.6,
        "recovery": 3,
        "timeout": 5,
        "estimate": 0.25,
        "size": 2000,
    },
    full={
        "clients": 16384,
        "duration": 5,
        "baseline": 10,
        "recovery": 60,
        "timeout": 20,
        "estimate": 3,
        "size": 2000,
    },
)
async def surge(arena: Arena) -> Load:
    """Requests come at 20 % of capacity, at 300 % for `duration` seconds, and at 20 % again; evenly spaced.

    Nobody can answer those in time, so a queue of twice the surge's length is no fault: users here wait `timeout`
    seconds, long enough for a server that loses none and answers one after the other. Counted are requests lost, the
    longest queue, and the seconds after the surge until users are well served for 3 s. What is capacity is estimated
    first on the same server; `rate`, where given, is the rate before and after, and the surge is 15 times that.
    """
    return await once_more_if_late(arena, lambda: _round(arena))


async def _round(arena: Arena) -> Load:
    trouble = ""
    note: list[str] = []
    measures: list[Measure] = []
    phases: tuple[Phase, ...] = ()
    windows: tuple[Window, ...] = ()
    mark, back, goodput = Grade.ERROR, None, None
    async with bench(arena) as b:
        try:
            assumed = None if "rate" in arena.parameters else await b.assume(note)
            capacity = arena.number("rate") / LOW if assumed is None else assumed.rate
            low, high = LOW * capacity, PEAK * capacity
            length, patience = arena.number("duration"), arena.number("recovery")
            before = max(arena.number("baseline"), min(2 * FEWEST / low, LONGEST))
            # In whole windows, so that none lies on both sides of an edge.
            before, length = (max(1, round(each / WIDTH)) * WIDTH for each in (before, length))
            arena.progress(0.2, f"{a_second(low)}, then {a_second(high)}, then {a_second(low)}")
            pacer = Steps(((low, before), (high, length), (low, patience + STEADY)))
            found = await b.offer(
                "surge", pacer, before + length + patience + STEADY, timeout=arena.number("timeout"), window=WIDTH
            )
            began = b.started(found)
            windows = tuple(each.window(began) for each in found.windows)
            first, second = round(before / WIDTH), round((before + length) / WIDTH)
            phases = (
                stretch(found.windows[:first], "before", began),
                stretch(found.windows[first:second], "surge", began),
                stretch(found.windows[second:], "after", began),
            )
            back = recovered(found.windows, before + length, phases[0].p99)
            queue = waiting(found.windows)
            pace = sum(left(found.windows, answers_only=True)[first:second]) / length
            came = Surge(
                phases[0], phases[1], phases[2], patience=patience, recovered=back, queued=queue[second - 1], pace=pace
            )
            mark, reason = grade_surge(came, b.health(NOTICED))
            longest = round(max(queue))
            # A server that is not well again cannot be asked what its capacity is.
            now = await b.after(assumed) if assumed is not None and back is not None else None
            if now is not None:
                reason += f" After it the server answered {a_second(now)} in a closed loop: its capacity has changed."
                mark = mark if mark is Grade.INVALID else Grade.INCONCLUSIVE
            goodput = phases[1].goodput
            note[:0] = [reason, f"At most {longest:,} requests waited at once."]
            measures = [
                Measure("requests lost", came.lost, "", note="Of those that came in the surge and after it."),
                Measure("longest queue", longest),
                Measure("recovery", patience if back is None else back, "s", censored=back is None),
                Measure("pace in the surge", pace, "requests/s", note="Right answers a second."),
                Measure("capacity, estimated", capacity, "requests/s"),
            ]
        except NotChecked as wrong:
            trouble = str(wrong)
    return arena.load(
        surge,
        mark,
        goodput=goodput,
        recovery=back,
        generator=b.health(NOTICED),
        phases=phases,
        windows=windows,
        measures=tuple(measures),
        conditions=b.conditions(),
        artefacts=b.artefacts(),
        note=" ".join(filter(None, (trouble, *note))),
    )
