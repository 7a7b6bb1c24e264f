"""Requests sent before the answers to those before them: few clients do it, and all proxies once did."""

from __future__ import annotations

import itertools
from collections import Counter
from collections.abc import Sequence
from statistics import median

import trio

from ...harness.catalog import scenario
from ...harness.load.arena import Arena
from ...harness.load.clients.pipelined import Came, Ended, Pipelined, pipeline
from ...harness.load.judging.grading import seconds
from ...harness.model import GeneratorHealth, Grade, Load, Measure

DEPTHS = (2, 16)
"""Requests sent at once on one connection."""

SIZE = 2000
"""Bytes of each answer."""

AT_ONCE = 0.0005
"""Seconds between two answers that are no wait."""

ROUNDS = 100
"""Rounds at one depth at most."""


@scenario(
    "Pipelined requests: answers in order, each to its own",
    smoke={"clients": 4, "duration": 1.5, "wait": 150, "patience": 5},
    full={"clients": 16, "duration": 20, "wait": 500, "patience": 30},
)
async def pipelining(arena: Arena) -> Load:
    """Clients send 2 and 16 requests at once on each connection, the first of which takes its time.

    A server that gives each request to a thread of its own must hold back the quick answers until the slow one is out;
    one that answers in the order in which its threads are done hands one page to whom another belongs. To answer the
    first and close is allowed: RFC 9112, section 9.3.2, has clients ask again.
    """
    clients, duration, wait = arena.count("clients"), arena.number("duration"), arena.count("wait")
    # Where one process serves all in turn, the last waits for the slow requests of all the others.
    patience = arena.number("patience") + clients * wait / 1000
    found: list[Pipelined] = []
    numbers = itertools.count(1)
    async with arena.server() as running:
        for at, depth in enumerate(DEPTHS):
            ends = arena.elapsed + duration
            for _ in range(ROUNDS):
                arena.progress(at / len(DEPTHS), f"{depth} requests at once on each of {clients} connections")
                mine = [tuple(f"pipe-{next(numbers):x}" for _ in range(depth)) for _ in range(clients)]
                known = frozenset(itertools.chain.from_iterable(mine))

                async def one(nonces: Sequence[str], known: frozenset[str] = known) -> None:
                    found.append(
                        await pipeline(
                            running.address,
                            running.reference,
                            nonces,
                            known,
                            size=SIZE,
                            wait=wait,
                            patience=patience,
                        )
                    )

                async with trio.open_nursery() as nursery:
                    for nonces in mine:
                        nursery.start_soon(one, nonces)
                if arena.elapsed >= ends or any(each.ended in (Ended.SILENT, Ended.WRONG) for each in found):
                    break
        grade, note = judged(found)
        # How late a request goes out moves neither the order of its answers nor their number.
        sound = GeneratorHealth(valid=True)
        return arena.load(pipelining, grade, generator=sound, measures=measured(found), note=note)


def judged(found: Sequence[Pipelined]) -> tuple[Grade, str]:
    """Return the grade and why."""
    wrong = [each for each in found if each.came is not Came.RIGHT]
    if wrong:
        kinds = Counter(each.came for each in wrong)
        said = "; ".join(f"{number} times {kind}" for kind, number in kinds.items())
        where = f"On {len(wrong)} of {len(found)} connections"
        return Grade.COLLAPSES, f"{where} an answer was not the one that was due: {said}. First: {wrong[0].what}."
    silent = [each for each in found if each.ended is Ended.SILENT]
    if silent:
        lost, asked = sum(each.lost for each in silent), sum(each.depth for each in silent)
        where = f"On {len(silent)} of {len(found)} connections {lost} of {asked} requests"
        return Grade.DEGRADES, f"{where} were neither answered nor given back by closing the connection."
    early = [each for each in found if not each.right]
    if early:
        how = Counter(each.ended for each in early).most_common(1)[0][0]
        return Grade.DEGRADES, f"{len(early)} of {len(found)} connections ended without even the first answer ({how})."
    return Grade.IMMUNE, _told(found)


def measured(found: Sequence[Pipelined]) -> tuple[Measure, ...]:
    """Return the figures that a reader compares."""
    gaps = [each.gap for each in found if each.gap is not None]
    in_order = sum(each.came is Came.RIGHT for each in found)
    return (
        Measure("connections in order", in_order, note=f"of {len(found)}"),
        Measure(
            "answers lost", sum(each.lost for each in found), note="requests that were neither answered nor closed"
        ),
        Measure("answers on a connection at most", max((each.right for each in found), default=0)),
        Measure(
            "second answer after the first",
            median(gaps) if gaps else None,
            "s",
            note="while the others' slow requests are served, too" if gaps else "there was no second answer",
        ),
    )


def _told(found: Sequence[Pipelined]) -> str:
    if all(each.ended is Ended.ALL for each in found):
        gap = median(each.gap or 0.0 for each in found)
        then = "right behind the first" if gap < AT_ONCE else f"{seconds(gap)} after the first's end"
        return f"On {len(found)} connections all answers came, in order; the second began {then}."
    most = max(each.right for each in found)
    if most == 1:
        return "It answers the first request only and closes the connection, which is allowed; clients ask again."
    whole = sum(each.ended is Ended.ALL for each in found)
    return (
        f"Answers came in order; on {len(found) - whole} of {len(found)} connections the server closed before the last "
        "one, which is allowed, and clients ask again."
    )
