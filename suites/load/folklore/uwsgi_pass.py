"""uwsgi_pass is cheaper than HTTP to uWSGI: nginx and uWSGI by three ways, and what a request costs both of them."""

from __future__ import annotations

import secrets
from contextlib import AsyncExitStack

from ....harness.catalog import scenario
from ....harness.load.arena import Arena
from ....harness.load.judging import folklore
from ....harness.load.judging.claims import graded, in_turn, middle, noting, served
from ....harness.load.question import checked_page
from ....harness.load.rates.spending import Spent, fit, spent
from ....harness.load.variants import behind
from ....harness.model import Grade, Load, Measure
from .about import not_uwsgi

WAYS = {"nginx:uwsgi_pass": "uwsgi_pass", "nginx:unix": "HTTP over a Unix socket", "nginx:tcp": "HTTP over TCP"}


@scenario(
    "Folklore: uwsgi_pass is cheaper than HTTP to uWSGI",
    smoke={"clients": 8, "duration": 0.6, "rounds": 5, "size": 2000},
    full={"clients": 16, "duration": 5, "rounds": 12, "size": 2000},
    full_only=True,
    unfit=not_uwsgi,
)
async def uwsgi_pass(arena: Arena) -> Load:
    """nginx passes the same requests on by the uwsgi protocol over a Unix socket, by HTTP over one, and over TCP.

    The three run side by side and take turns. The first two differ in the protocol alone; the third is what most
    configurations have. Every way opens a connection to uWSGI for each request.
    """
    size, rounds = arena.count("size"), arena.count("rounds")
    found: dict[str, list[Spent]] = {front: [] for front in WAYS}
    async with AsyncExitStack() as stack:
        arms = []
        for number, front in enumerate(WAYS):
            arena.progress(0.1 * number / len(WAYS), f"starting {front}")
            beside = arena.beside(behind(arena.plan, front))
            running = await stack.enter_async_context(beside.server())
            question = await beside.question(running)
            arms.append((running, await checked_page(running.address, question, secrets.token_hex(8), size)))
        for number, order in enumerate(in_turn(range(len(WAYS)), rounds)):
            for place in order:
                arena.progress(0.1 + 0.9 * number / rounds, f"round {number + 1} of {rounds}")
                running, page = arms[place]
                front = list(WAYS)[place]
                found[front].append(await spent(running, page, arena.count("clients"), arena.number("duration")))
    every = [each.result for spents in found.values() for each in spents]
    health, told = fit(every)
    found, left_out = served(found)
    costs = {front: [each.each for each in spents] for front, spents in found.items()}
    claims = tuple(
        noting(folklore.cheaper(costs["nginx:uwsgi_pass"], costs[front], way), left_out)
        for front, way in (("nginx:unix", "a Unix socket"), ("nginx:tcp", "TCP"))
    )
    return arena.load(
        uwsgi_pass,
        graded(claims) if health.valid else Grade.INVALID,
        claims=claims if health.valid else (),
        goodput=min(each.goodput for each in every),
        generator=health,
        measures=tuple(each for front, way in WAYS.items() for each in _measures(way, found[front])),
        artefacts=told,
        note=" ".join(each.figures for each in claims),
    )


def _measures(way: str, found: list[Spent]) -> tuple[Measure, ...]:
    return (
        Measure(f"CPU of nginx per 1,000 requests, {way}", middle([s.front_each for s in found]), "s"),
        Measure(f"CPU of uWSGI per 1,000 requests, {way}", middle([s.server_each for s in found]), "s"),
        Measure(f"answers a second, {way}", middle([s.result.rate for s in found]), "requests/s"),
    )
