"""Claim: static files cost the app server nothing behind nginx. Their cost is measured alone and behind nginx."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated

from wsgi_gauntlet.harness.load.analysis.paired_comparison import (
    alternating_orders,
    grade_claims,
    keep_served_rounds,
    median,
    with_notes,
)
from wsgi_gauntlet.harness.load.catalog import scenario
from wsgi_gauntlet.harness.load.context import ScenarioContext
from wsgi_gauntlet.harness.load.experiments.comparison_plans import behind_front
from wsgi_gauntlet.harness.load.experiments.cpu_cost import CpuCost, judge_generator, measure_cpu_cost
from wsgi_gauntlet.harness.load.parameters import Parameter, Parameters
from wsgi_gauntlet.harness.load.workload import UserAppPage, VerifiedRequest, verify_request
from wsgi_gauntlet.harness.model import Grade, Metric, ScenarioResult
from wsgi_gauntlet.harness.server.server_under_test import ServerUnderTest
from wsgi_gauntlet.harness.server.static_files import STATIC_FILES, STATIC_FOLDER, static_content
from wsgi_gauntlet.suites.load.claims import rules
from wsgi_gauntlet.suites.load.claims.applicability import reason_not_proxyable

FRONT = "nginx[static]"

CPU_MEASURE = "CPU time of the server per 1,000 files"

FILE_NAME = "style.css"
"""A file of a typical size."""


@dataclass(frozen=True, kw_only=True)
class StaticParameters(Parameters):
    """Parameters of the claim about static files."""

    clients: Annotated[int, Parameter("", "connections of each closed loop")]
    duration: Annotated[float, Parameter("s", "length of each closed loop")]
    rounds: Annotated[int, Parameter("", "closed loops on each server")]


@scenario(
    "Claim: static files cost the app server nothing behind nginx",
    smoke=StaticParameters(clients=8, duration=0.8, rounds=4),
    full=StaticParameters(clients=16, duration=5, rounds=8),
    full_only=True,
    unsuitable_reason=reason_not_proxyable,
)
async def static(ctx: ScenarioContext[StaticParameters]) -> ScenarioResult:
    """Clients request the same file repeatedly, from the server alone and from nginx, which has it in a folder.

    Both servers run at the same time and take turns. Only the CPU time of the app server decides the claim. The CPU
    time of nginx does not count.
    """
    fronted = ctx.comparison(behind_front(ctx.plan, FRONT))
    ctx.progress(0.0, "starting both")
    async with ctx.server() as plain, fronted.server() as chain:
        arms = {
            "alone": (plain, await _page(plain, plain.reference_app_path)),
            "behind": (chain, await _page(chain, chain.settings.mount)),
        }
        found: dict[str, list[CpuCost]] = {where: [] for where in arms}
        rounds = ctx.parameters.rounds
        for number, order in enumerate(alternating_orders(range(2), rounds)):
            for place in order:
                ctx.progress(number / rounds, f"round {number + 1} of {rounds}")
                where = list(arms)[place]
                found[where].append(
                    await measure_cpu_cost(*arms[where], ctx.parameters.clients, ctx.parameters.duration)
                )
    every = [each.result for costs in found.values() for each in costs]
    health, caveats = judge_generator(every)
    kept, left_out = keep_served_rounds(found)
    alone, behind_it = kept["alone"], kept["behind"]
    claim = with_notes(
        rules.static(
            [each.server_cpu_per_1000 for each in alone],
            [each.server_cpu_per_1000 for each in behind_it],
            [each.resolution for each in behind_it],
        ),
        left_out,
    )
    return ctx.result(
        grade_claims([claim]) if health.valid else Grade.INVALID,
        claims=(claim,) if health.valid else (),
        goodput=min(each.goodput for each in every),
        generator=health,
        metrics=(
            Metric.labelled(f"{CPU_MEASURE}, alone", median([s.server_cpu_per_1000 for s in alone]), "s"),
            Metric.labelled(f"{CPU_MEASURE}, behind nginx", median([s.server_cpu_per_1000 for s in behind_it]), "s"),
            Metric(
                "cpu_time_of_nginx_per_1_000_files",
                "CPU time of nginx per 1,000 files",
                median([s.front_cpu_per_1000 for s in behind_it]),
                "s",
            ),
            Metric(
                "files_per_second_alone",
                "files per second, alone",
                median([s.result.rate for s in alone]),
                "requests/s",
            ),
            Metric(
                "files_per_second_behind_nginx",
                "files per second, behind nginx",
                median([s.result.rate for s in behind_it]),
                "requests/s",
            ),
        ),
        caveats=caveats,
        note=claim.figures,
    )


async def _page(running: ServerUnderTest, before: str) -> VerifiedRequest:
    body = static_content(FILE_NAME).encode("ascii")
    workload = UserAppPage(f"{before}/{STATIC_FOLDER}/{FILE_NAME}", 200, body, STATIC_FILES[FILE_NAME].size)
    return await verify_request(running.address, workload, "", len(body))
