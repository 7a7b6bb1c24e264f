"""How many requirements of security a server breaks: a short check, each case sent in two ways and not in all."""

from __future__ import annotations

from collections.abc import Callable

import trio

from wsgi_gauntlet.harness import registry
from wsgi_gauntlet.harness.conformance import runner
from wsgi_gauntlet.harness.conformance.catalog import Case, with_dependencies
from wsgi_gauntlet.harness.event_queue import handle_events
from wsgi_gauntlet.harness.events import CaseFinished, Event, ServerFailed
from wsgi_gauntlet.harness.model import BasisKind, CaseResult, Level, Verdict
from wsgi_gauntlet.harness.model.recommendation import FigureId, Stage, Trial
from wsgi_gauntlet.harness.recommendation.figures import figure
from wsgi_gauntlet.harness.server.plan import Plan
from wsgi_gauntlet.harness.server.temp_dirs import RunFolders
from wsgi_gauntlet.harness.server.user_app import without_user_app

MAX_SECONDS = 30.0
"""Seconds after which the check of one server ends. Cases without a verdict do not count then."""


def security_cases() -> list[Case]:
    """Return the cases with the level must whose reason is security, without those about TLS and HTTP/2."""
    return [
        each
        for each in registry.cases()
        if each.level is Level.MUST and each.basis.kind is BasisKind.SECURITY and not each.setup.tls
    ]


async def check_security(plan: Plan, folders: RunFolders, seconds: float, on_activity: Callable[[str], None]) -> Trial:
    """Return a trial with the number of requirements that the server of `plan` breaks, and their names.

    It ends after `seconds`. The number is a lower bound then.
    """
    wanted = security_cases()
    cases = with_dependencies(wanted, registry.cases())
    ids = {each.id for each in wanted}
    cells: list[CaseResult] = []
    failed: list[str] = []

    def handle(event: Event) -> None:
        if isinstance(event, CaseFinished) and event.cell.case in ids:
            cells.append(event.cell)
            on_activity(f"security: {len(cells)} of {len(ids)} requirements")
        elif isinstance(event, ServerFailed):
            failed.append(event.reason)

    began = trio.current_time()
    config = runner.RunnerConfig(folders, all_segmentations=False)
    with trio.move_on_after(min(MAX_SECONDS, seconds)) as time_limit:
        await handle_events(
            lambda events: runner.check([without_user_app(plan)], {plan.name: cases}, config, events), handle
        )
    broken = sorted(each.case for each in cells if each.verdict is Verdict.FAIL)
    judged = any(each.verdict in (Verdict.PASS, Verdict.FAIL) for each in cells)
    why = "" if judged else failed[0] if failed else "no case got a verdict in time"
    if judged and time_limit.cancelled_caught:
        why = f"the time was over after {len(cells)} of {len(ids)} requirements"
    broken_count = float(len(broken)) if judged else None
    return Trial(
        plan.name,
        Stage.CORRECTNESS,
        figures=(figure(FigureId.SECURITY_MUST_BROKEN, broken_count, bound=time_limit.cancelled_caught, why=why),),
        evidence=tuple(broken),
        seconds=trio.current_time() - began,
    )
