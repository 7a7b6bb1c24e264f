"""Static files cost the app server nothing behind nginx: what they cost it alone, and what they cost it then."""

from __future__ import annotations

from ....harness.assets import ASSETS, FOLDER, content
from ....harness.catalog import scenario
from ....harness.launch import Running
from ....harness.load.arena import Arena
from ....harness.load.judging import folklore
from ....harness.load.judging.claims import graded, in_turn, middle, noting, served
from ....harness.load.question import OwnPage, Page, checked_page
from ....harness.load.rates.spending import Spent, fit, spent
from ....harness.load.variants import behind
from ....harness.model import Grade, Load, Measure
from .about import not_for_nginx

FRONT = "nginx[static]"

CPU = "CPU of the server per 1,000 files"

FILE = "style.css"
"""A file of the size that most are."""


@scenario(
    "Folklore: static files cost the app server nothing behind nginx",
    smoke={"clients": 8, "duration": 0.8, "rounds": 4},
    full={"clients": 16, "duration": 5, "rounds": 8},
    full_only=True,
    unfit=not_for_nginx,
)
async def static(arena: Arena) -> Load:
    """The same file again and again: from the server alone, and from nginx before it, which has it in a folder.

    Both servers run side by side and take turns. What counts is the CPU time of the app server's own processes, those
    of nginx left out.
    """
    fronted = arena.beside(behind(arena.plan, FRONT))
    arena.progress(0.0, "starting both")
    async with arena.server() as plain, fronted.server() as chain:
        arms = {
            "alone": (plain, await _page(plain, plain.reference)),
            "behind": (chain, await _page(chain, chain.settings.mount)),
        }
        found: dict[str, list[Spent]] = {where: [] for where in arms}
        rounds = arena.count("rounds")
        for number, order in enumerate(in_turn(range(2), rounds)):
            for place in order:
                arena.progress(number / rounds, f"round {number + 1} of {rounds}")
                where = list(arms)[place]
                found[where].append(await spent(*arms[where], arena.count("clients"), arena.number("duration")))
    every = [each.result for spents in found.values() for each in spents]
    health, told = fit(every)
    kept, left_out = served(found)
    alone, behind_it = kept["alone"], kept["behind"]
    claim = noting(
        folklore.static(
            [each.server_each for each in alone],
            [each.server_each for each in behind_it],
            [each.resolution for each in behind_it],
        ),
        left_out,
    )
    return arena.load(
        static,
        graded([claim]) if health.valid else Grade.INVALID,
        claims=(claim,) if health.valid else (),
        goodput=min(each.goodput for each in every),
        generator=health,
        measures=(
            Measure(f"{CPU}, alone", middle([s.server_each for s in alone]), "s"),
            Measure(f"{CPU}, behind nginx", middle([s.server_each for s in behind_it]), "s"),
            Measure("CPU of nginx per 1,000 files", middle([s.front_each for s in behind_it]), "s"),
            Measure("files a second, alone", middle([s.result.rate for s in alone]), "requests/s"),
            Measure("files a second, behind nginx", middle([s.result.rate for s in behind_it]), "requests/s"),
        ),
        artefacts=told,
        note=claim.figures,
    )


async def _page(running: Running, before: str) -> Page:
    body = content(FILE).encode("ascii")
    question = OwnPage(f"{before}/{FOLDER}/{FILE}", 200, body, ASSETS[FILE].size)
    return await checked_page(running.address, question, "", len(body))
