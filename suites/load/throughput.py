"""How many answers a second at how many connections: the closed loop, with all that such a figure does not say."""

from __future__ import annotations

import os
import secrets
from collections.abc import Sequence

from ...harness.address import Address
from ...harness.catalog import scenario
from ...harness.errors import BadConfiguration
from ...harness.load.arena import Arena
from ...harness.load.judging.grading import seconds, times
from ...harness.load.lanes.fastlane import closed_loop
from ...harness.load.lanes.lane_artefacts import lane_artefacts
from ...harness.load.lanes.lane_result import LaneResult
from ...harness.load.looking.sampler import Usage, usage
from ...harness.load.question import NotChecked, Page, Question, checked_page
from ...harness.model import GeneratorHealth, Grade, Load, Outcome, Phase, Step

WARM_UP = 0.2
"""Seconds of each step that do not count: connections are opened, caches filled."""

TRIES = 3
"""A server that was right at first and gives a wrong answer now and then is measured all the same: they are counted."""


@scenario(
    "Closed loop: service time at a given number of connections",
    smoke={"clients": 64, "duration": 0.7, "size": 2000, "factor": 8},
    full={"clients": 512, "duration": 5, "size": 2000, "factor": 2},
    in_run=True,
)
async def throughput(arena: Arena) -> Load:
    """One connection, then `factor` times as many, up to `clients`, each asking again as soon as it is answered.

    That is what the server takes for an answer while so many ask, not what users get who come when they like: a closed
    loop asks less as soon as the server is slower. Every answer is compared byte for byte with one that was checked.
    """
    ladder = _ladder(arena.count("clients"), arena.count("factor"))
    duration, size = arena.number("duration"), arena.count("size")
    results: list[LaneResult] = []
    phases: list[Phase] = []
    worked: list[float] = []
    trouble = ""
    asked: dict[str, object] = {}
    try:
        async with arena.server() as running:
            question = await arena.question(running)
            asked = dict(question.told)
            for number, connections in enumerate(ladder):
                name = f"{connections} connection{'' if connections == 1 else 's'}"
                arena.progress(number / len(ladder), name)
                # Also waits until the server has done with what the last step left it.
                page = await _page(running.address, question, size, tries=TRIES if results else 1)
                asked |= page.unchecked
                started = arena.elapsed
                before = await usage(running.processes()) if arena.started_here else None
                found = await closed_loop(
                    running.address,
                    page.request,
                    body=page.body,
                    connections=connections,
                    seconds=duration,
                    status=page.status,
                    mark=page.mark,
                    warm_up=WARM_UP,
                )
                worked.append(_for_one_answer(found, before, await usage(running.processes())) if before else 0.0)
                results.append(found)
                phases.append(found.phase(name, started + WARM_UP))
                arena.kept.append(phases[-1])
    except NotChecked as wrong:
        trouble = str(wrong)
    health = _health(results)
    steps = list(zip(results, phases, strict=True))
    return arena.load(
        throughput,
        Grade.ERROR if trouble else Grade.MEASURED if health.valid else Grade.INVALID,
        goodput=_goodput(phases),
        generator=health,
        phases=tuple(phases),
        steps=tuple(
            Step(each.connections, phase.goodput, phase.p50, phase.p99, each.rate, censored=phase.censored)
            for each, phase in steps
        ),
        percentiles=tuple(point for each, phase in steps for point in each.percentiles(phase.name)),
        conditions={"cores, shared with the generator": len(os.sched_getaffinity(0)), **asked},
        artefacts=(*lane_artefacts(results, worked), *_troubles(results)),
        note=" ".join(filter(None, (trouble, _note(steps)))),
    )


async def _page(address: Address, question: Question, size: int, *, tries: int) -> Page:
    """Return the page to ask for. Raises NotChecked where each of `tries` came to a wrong answer."""
    while True:
        tries -= 1
        try:
            return await checked_page(address, question, secrets.token_hex(8), size)
        except NotChecked:
            if not tries:
                raise


def _ladder(most: int, factor: int) -> list[int]:
    if factor < 2:
        raise BadConfiguration(f"the parameter 'factor' is to be at least 2, not {factor}: steps would never end")
    steps = [1]
    while steps[-1] * factor < most:
        steps.append(steps[-1] * factor)
    return steps if most == 1 else [*steps, most]


def _for_one_answer(found: LaneResult, before: Usage, after: Usage) -> float:
    """Return the seconds that the server's processes worked for one right answer."""
    return (after.cpu - before.cpu) / (after.at - before.at) / found.rate if found.ok else 0.0


def _goodput(phases: Sequence[Phase]) -> float | None:
    asked = sum(each.scheduled for each in phases)
    return sum(each.outcomes[Outcome.OK] for each in phases) / asked if asked else None


def _health(results: Sequence[LaneResult]) -> GeneratorHealth:
    """Return the health of the step in which the generator was worst off."""
    every = [each.health() for each in results]
    return min(every, key=lambda each: (each.valid, -each.cpu_share), default=GeneratorHealth(valid=True))


def _troubles(results: Sequence[LaneResult]) -> list[str]:
    counted: dict[str, int] = {}
    for each in results:
        for words, count in (each.troubles or {}).items():
            counted[words] = counted.get(words, 0) + count
    return [f"{words}: {times(count)}" for words, count in counted.items()]


def _note(steps: Sequence[tuple[LaneResult, Phase]]) -> str:
    if not any(each.ok for each, _ in steps):
        return ""
    best, phase = max(steps, key=lambda step: step[0].rate)
    bound = "at least " if phase.censored else ""
    return (
        f"At best {best.rate:,.0f} answers a second, at {phase.name}: half took up to {seconds(phase.p50 or 0.0)} and "
        f"99 % up to {bound}{seconds(phase.p99 or 0.0)}. That is service time at that concurrency, with the "
        "generator on the same machine; users who come when they like wait longer."
    )
