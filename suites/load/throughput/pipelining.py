"""Requests sent before the answers to those before them: few clients do it, and all proxies once did."""

from __future__ import annotations

import itertools
from collections import Counter
from collections.abc import Sequence
from statistics import median

import trio

from wsgi_gauntlet.harness.conformance.catalog import scenario
from wsgi_gauntlet.harness.load.analysis.grading import format_seconds
from wsgi_gauntlet.harness.load.clients.pipelining import PipelineEnd, PipelineResult, ResponseMatch, send_pipeline
from wsgi_gauntlet.harness.load.context import ScenarioContext
from wsgi_gauntlet.harness.model import GeneratorHealth, Grade, Metric, ScenarioResult

DEPTHS = (2, 16)
"""Requests sent at once on one connection."""

BODY_BYTES = 2000
"""Bytes of each answer."""

NO_WAIT_SECONDS = 0.0005
"""Seconds between two answers that are no wait."""

MAX_ROUNDS = 100
"""Rounds at one depth at most."""


@scenario(
    "Pipelined requests: answers in order, each to its own",
    smoke={"clients": 4, "duration": 1.5, "wait": 150, "patience": 5},
    full={"clients": 16, "duration": 20, "wait": 500, "patience": 30},
)
async def pipelining(ctx: ScenarioContext) -> ScenarioResult:
    """Clients send 2 and 16 requests at once on each connection, the first of which takes its time.

    A server that gives each request to a thread of its own must hold back the quick answers until the slow one is out;
    one that answers in the order in which its threads are done hands one page to whom another belongs. To answer the
    first and close is allowed: RFC 9112, section 9.3.2, has clients ask again.
    """
    clients, duration, wait = ctx.count("clients"), ctx.number("duration"), ctx.count("wait")
    # Where one process serves all in turn, the last waits for the slow requests of all the others.
    patience = ctx.number("patience") + clients * wait / 1000
    found: list[PipelineResult] = []
    numbers = itertools.count(1)
    async with ctx.server() as running:
        for at, depth in enumerate(DEPTHS):
            ends = ctx.elapsed + duration
            for _ in range(MAX_ROUNDS):
                ctx.progress(at / len(DEPTHS), f"{depth} requests at once on each of {clients} connections")
                mine = [tuple(f"pipe-{next(numbers):x}" for _ in range(depth)) for _ in range(clients)]
                known = frozenset(itertools.chain.from_iterable(mine))

                async def one(nonces: Sequence[str], known: frozenset[str] = known) -> None:
                    found.append(
                        await send_pipeline(
                            running.address,
                            running.reference_app_path,
                            nonces,
                            known,
                            size=BODY_BYTES,
                            wait=wait,
                            patience=patience,
                        )
                    )

                async with trio.open_nursery() as nursery:
                    for nonces in mine:
                        nursery.start_soon(one, nonces)
                if ctx.elapsed >= ends or any(each.ended in (PipelineEnd.SILENT, PipelineEnd.WRONG) for each in found):
                    break
        grade, note = judge_pipelines(found)
        # How late a request goes out moves neither the order of its answers nor their number.
        sound = GeneratorHealth(valid=True)
        return ctx.load(pipelining, grade, generator=sound, metrics=pipeline_measures(found), note=note)


def judge_pipelines(found: Sequence[PipelineResult]) -> tuple[Grade, str]:
    """Return the grade and why."""
    wrong = [each for each in found if each.response_match is not ResponseMatch.RIGHT]
    if wrong:
        kinds = Counter(each.response_match for each in wrong)
        wrong_kinds = "; ".join(f"{number} times {kind}" for kind, number in kinds.items())
        where = f"On {len(wrong)} of {len(found)} connections"
        return (
            Grade.COLLAPSED,
            f"{where} an answer was not the one that was due: {wrong_kinds}. First: {wrong[0].detail}.",
        )
    silent = [each for each in found if each.ended is PipelineEnd.SILENT]
    if silent:
        lost, asked = sum(each.lost for each in silent), sum(each.depth for each in silent)
        where = f"On {len(silent)} of {len(found)} connections {lost} of {asked} requests"
        return Grade.DEGRADED, f"{where} were neither answered nor given back by closing the connection."
    early = [each for each in found if not each.right]
    if early:
        how = Counter(each.ended for each in early).most_common(1)[0][0]
        return Grade.DEGRADED, f"{len(early)} of {len(found)} connections ended without even the first answer ({how})."
    return Grade.UNAFFECTED, _describe_order(found)


def pipeline_measures(found: Sequence[PipelineResult]) -> tuple[Metric, ...]:
    """Return the figures that a reader compares."""
    gaps = [each.second_response_delay for each in found if each.second_response_delay is not None]
    in_order = sum(each.response_match is ResponseMatch.RIGHT for each in found)
    return (
        Metric("connections_in_order", "connections in order", in_order, note=f"of {len(found)}"),
        Metric(
            "answers_lost",
            "answers lost",
            sum(each.lost for each in found),
            note="requests that were neither answered nor closed",
        ),
        Metric(
            "answers_on_a_connection_at_most",
            "answers on a connection at most",
            max((each.right for each in found), default=0),
        ),
        Metric(
            "second_answer_after_the_first",
            "second answer after the first",
            median(gaps) if gaps else None,
            "s",
            note="while the others' slow requests are served, too" if gaps else "there was no second answer",
        ),
    )


def _describe_order(found: Sequence[PipelineResult]) -> str:
    if all(each.ended is PipelineEnd.ALL for each in found):
        second_response_delay = median(each.second_response_delay or 0.0 for each in found)
        then = (
            "right behind the first"
            if second_response_delay < NO_WAIT_SECONDS
            else f"{format_seconds(second_response_delay)} after the first's end"
        )
        return f"On {len(found)} connections all answers came, in order; the second began {then}."
    most = max(each.right for each in found)
    if most == 1:
        return "It answers the first request only and closes the connection, which is allowed; clients ask again."
    whole = sum(each.ended is PipelineEnd.ALL for each in found)
    return (
        f"Answers came in order; on {len(found) - whole} of {len(found)} connections the server closed before the last "
        "one, which is allowed, and clients ask again."
    )
