"""Which requirements (must) a finalist breaks: a short check, each case sent in two ways and not in all."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

import trio

from wsgi_gauntlet.harness import registry
from wsgi_gauntlet.harness.conformance import runner
from wsgi_gauntlet.harness.conformance.catalog import Case, with_dependencies
from wsgi_gauntlet.harness.event_queue import EventQueue, handle_events
from wsgi_gauntlet.harness.events import CaseFinished, Event, Progress, ServerFailed
from wsgi_gauntlet.harness.model import CaseResult, Level, Verdict
from wsgi_gauntlet.harness.model.naming import requirement_id
from wsgi_gauntlet.harness.model.recommendation import FigureId, RequirementCheck, Stage, Trial
from wsgi_gauntlet.harness.model.requirement import JUDGED_VERDICTS, SECURITY_TAG, group_by_requirement
from wsgi_gauntlet.harness.recommendation.figures import figure
from wsgi_gauntlet.harness.server.plan import Plan
from wsgi_gauntlet.harness.server.temp_dirs import RunFolders
from wsgi_gauntlet.harness.server.user_app import without_user_app

MAX_SECONDS = 120.0
"""Seconds after which the check of one server ends. What was not asked until then does not count."""


def checked_cases() -> list[Case]:
    """Return the cases of the check, those of security first.

    Cases about TLS, about a framework and about the user app are left out: the search has no TLS, and the last two say
    nothing about the server. With the others come the cases that they need.
    """
    known = registry.cases()
    musts = [
        each
        for each in known
        if each.level is Level.MUST and not each.setup.tls and not each.setup.app and not each.own_app
    ]
    return sorted(with_dependencies(musts, known), key=lambda each: SECURITY_TAG not in each.tags)


def security_cases() -> list[Case]:
    """Return those of `checked_cases` that are about smuggling and injection, with the cases that they need."""
    known = checked_cases()
    return with_dependencies([each for each in known if SECURITY_TAG in each.tags], known)


async def check_requirements(plan: Plan, folders: RunFolders, seconds: float, events: EventQueue) -> Trial:
    """Return a trial with the requirements that the server of `plan` breaks. Puts a CaseFinished for each cell.

    It ends after `seconds`. The numbers are lower bounds then.
    """
    cases = checked_cases()
    cells, failed = await _check(plan, cases, folders, seconds, events)
    trial = trial_of_check(plan.name, cells, cases, failed)
    for each in cells:
        await events.put(CaseFinished(each))
    return trial


async def check_security(plan: Plan, folders: RunFolders, seconds: float, events: EventQueue) -> Trial:
    """Return a trial with the number of requirements of security that the server of `plan` breaks.

    It ends after `seconds`. The number is a lower bound then. The cells are not kept: those of a finalist are asked
    again with all its other requirements.
    """
    cases = security_cases()
    cells, failed = await _check(plan, cases, folders, seconds, events)
    return trial_of_security(plan.name, cells, cases, failed)


async def _check(
    plan: Plan, cases: Sequence[Case], folders: RunFolders, seconds: float, events: EventQueue
) -> tuple[list[CaseResult], str]:
    """Return the cells of `cases` that were judged within `seconds`, and why the server did not start, '' if it did."""
    cells: list[CaseResult] = []
    failed: list[str] = []

    def handle(event: Event) -> None:
        if isinstance(event, CaseFinished):
            cells.append(event.cell)
            events.put_progress(Progress(plan.name, f"requirements: {len(cells)} of {len(cases)} cases"))
        elif isinstance(event, ServerFailed):
            failed.append(event.reason)

    config = runner.RunnerConfig(folders, all_segmentations=False)
    with trio.move_on_after(min(MAX_SECONDS, seconds)):
        await handle_events(
            lambda own_events: runner.check([without_user_app(plan)], {plan.name: list(cases)}, config, own_events),
            handle,
        )
    return cells, failed[0] if failed else ""


def trial_of_check(server: str, cells: Sequence[CaseResult], cases: Iterable[Case], failed: str = "") -> Trial:
    """Return the trial of a check that asked `cases` and got `cells`. `failed` is why the server did not start."""
    found = count_requirements(cells, cases)
    if not found.judged:
        why = failed or "no case got a verdict in time"
        figures = tuple(figure(which, None, why=why) for which in (FigureId.MUST_BROKEN, FigureId.SECURITY_MUST_BROKEN))
        return Trial(server, Stage.CORRECTNESS, figures=figures)
    why = "" if found.complete else f"the time was over after {found.asked} of {found.wanted} requirements"
    counts = {FigureId.MUST_BROKEN: found.broken, FigureId.SECURITY_MUST_BROKEN: found.security_broken}
    figures = tuple(
        figure(which, float(count), bound=not found.complete, why=why or f"of {found.judged} requirements")
        for which, count in counts.items()
    )
    return Trial(server, Stage.CORRECTNESS, figures=figures, requirements=found)


def trial_of_security(server: str, cells: Iterable[CaseResult], cases: Iterable[Case], failed: str = "") -> Trial:
    """Return the trial of a check of security that asked `cases` and got `cells`, as `trial_of_check`."""
    of_security = {each.id: each for each in cases if SECURITY_TAG in each.tags}
    found = count_requirements([each for each in cells if each.case in of_security], of_security.values())
    number = float(found.broken) if found.judged else None
    why = f"of {found.judged} requirements of security" if found.judged else failed or "no case got a verdict in time"
    return Trial(
        server,
        Stage.SECURITY,
        figures=(figure(FigureId.SECURITY_MUST_BROKEN, number, bound=not found.complete, why=why),),
    )


def count_requirements(cells: Iterable[CaseResult], cases: Iterable[Case]) -> RequirementCheck:
    """Count the requirements (must) in `cells` of one server. The check wanted to ask `cases`.

    A requirement was asked if all variants of its case have a cell. One of which a variant is broken is broken.
    """
    variants: dict[str, int] = {}
    for case in cases:
        if case.level is Level.MUST:
            variants[requirement_id(case.id)] = variants.get(requirement_id(case.id), 0) + 1
    musts = [each for each in group_by_requirement(cells) if each.id in variants]
    asked = [each for each in musts if len(each.cells) == variants[each.id]]
    broken = [each for each in musts if each.verdict is Verdict.FAIL]
    held = [each for each in asked if each.verdict in JUDGED_VERDICTS - {Verdict.FAIL}]
    ordered = sorted(broken, key=lambda each: (not each.is_security, each.id))
    return RequirementCheck(
        broken=len(broken),
        security_broken=sum(each.is_security for each in broken),
        judged=len(broken) + len(held),
        asked=len(asked),
        wanted=len(variants),
        broken_cases=tuple(case for each in ordered for case in each.broken_cases),
    )
