"""Requests that are sent before the response to the previous one. Few clients do so today."""

from __future__ import annotations

import itertools
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from statistics import median
from typing import Annotated

import trio

from wsgi_gauntlet.harness.load.analysis.units import format_seconds
from wsgi_gauntlet.harness.load.catalog import scenario
from wsgi_gauntlet.harness.load.clients.pipelining import PipelineEnd, PipelineResult, ResponseMatch, send_pipeline
from wsgi_gauntlet.harness.load.context import ScenarioContext
from wsgi_gauntlet.harness.load.parameters import Parameter, Parameters
from wsgi_gauntlet.harness.model import GeneratorHealth, Grade, Metric, ScenarioResult

DEPTHS = (2, 16)
"""Requests that are sent at once on one connection."""

BODY_BYTES = 2000
"""Bytes of each response."""

NO_WAIT_SECONDS = 0.0005
"""Seconds between two responses below which there was no wait."""

MAX_ROUNDS = 100
"""The most rounds at one depth."""


@dataclass(frozen=True, kw_only=True)
class PipeliningParameters(Parameters):
    """Parameters of `pipelining`."""

    clients: Annotated[int, Parameter("", "simultaneous connections")]
    duration: Annotated[float, Parameter("s", "time for each number of pipelined requests")]
    wait: Annotated[int, Parameter("ms", "time that the app needs for the first request of a connection")]
    patience: Annotated[float, Parameter("s", "longest wait for all responses of a connection")]


@scenario(
    "Pipelined requests: responses in order, each for its own request",
    smoke=PipeliningParameters(clients=4, duration=1.5, wait=150, patience=5),
    full=PipeliningParameters(clients=16, duration=20, wait=500, patience=30),
)
async def pipelining(ctx: ScenarioContext[PipeliningParameters]) -> ScenarioResult:
    """Clients send 2 and 16 requests at once on each connection. The first request of each connection is slow.

    If a server runs each request in a separate thread, it must delay the quick responses until the slow one is sent.
    Without that, clients get responses for other requests. A server may also send the first response and close the
    connection: by RFC 9112, section 9.3.2, clients then repeat the others.
    """
    clients, duration, wait = ctx.parameters.clients, ctx.parameters.duration, ctx.parameters.wait
    # With a single process, the last connection waits for the slow requests of all others.
    patience = ctx.parameters.patience + clients * wait / 1000
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
        # A late request changes neither the order nor the number of responses.
        health = GeneratorHealth(valid=True)
        return ctx.result(grade, generator=health, metrics=pipeline_measures(found), note=note)


def judge_pipelines(found: Sequence[PipelineResult]) -> tuple[Grade, str]:
    """Return the grade and its reason."""
    wrong = [each for each in found if each.response_match is not ResponseMatch.RIGHT]
    if wrong:
        kinds = Counter(each.response_match for each in wrong)
        wrong_kinds = "; ".join(f"{number} times {kind}" for kind, number in kinds.items())
        where = f"On {len(wrong)} of {len(found)} connections"
        return (
            Grade.COLLAPSED,
            f"{where} a response was not the expected one: {wrong_kinds}. First: {wrong[0].detail}.",
        )
    silent = [each for each in found if each.ended is PipelineEnd.SILENT]
    if silent:
        lost, asked = sum(each.lost for each in silent), sum(each.depth for each in silent)
        where = f"On {len(silent)} of {len(found)} connections {lost} of {asked} requests"
        return Grade.DEGRADED, f"{where} got no response, and the server did not close the connection."
    early = [each for each in found if not each.right]
    if early:
        how = Counter(each.ended for each in early).most_common(1)[0][0]
        return (
            Grade.DEGRADED,
            f"{len(early)} of {len(found)} connections ended without even the first response ({how}).",
        )
    return Grade.UNAFFECTED, _describe_order(found)


def pipeline_measures(found: Sequence[PipelineResult]) -> tuple[Metric, ...]:
    """Return the metrics of the result."""
    gaps = [each.second_response_delay for each in found if each.second_response_delay is not None]
    in_order = sum(each.response_match is ResponseMatch.RIGHT for each in found)
    return (
        Metric("connections_in_order", "connections in order", in_order, note=f"of {len(found)}"),
        Metric(
            "responses_lost",
            "responses lost",
            sum(each.lost for each in found),
            note="requests without a response or a closed connection",
        ),
        Metric(
            "most_responses_on_a_connection",
            "most responses on a connection",
            max((each.right for each in found), default=0),
        ),
        Metric(
            "second_response_after_the_first",
            "second response after the first",
            median(gaps) if gaps else None,
            "s",
            note="while the slow requests of other connections are served" if gaps else "there was no second response",
        ),
    )


def _describe_order(found: Sequence[PipelineResult]) -> str:
    if all(each.ended is PipelineEnd.ALL for each in found):
        second_response_delay = median(each.second_response_delay or 0.0 for each in found)
        then = (
            "right after the first"
            if second_response_delay < NO_WAIT_SECONDS
            else f"{format_seconds(second_response_delay)} after the end of the first"
        )
        return f"On {len(found)} connections all responses came in order; the second began {then}."
    most = max(each.right for each in found)
    if most == 1:
        return "Each connection got only the first response and was closed, which is allowed; clients repeat the rest."
    whole = sum(each.ended is PipelineEnd.ALL for each in found)
    return (
        f"Responses came in order. On {len(found) - whole} of {len(found)} connections the server closed before the "
        "last one, which is allowed; clients repeat the rest."
    )
