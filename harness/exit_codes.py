"""Choose the exit code of a run, and explain which servers it could not judge."""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass

from wsgi_gauntlet.harness import registry
from wsgi_gauntlet.harness.baseline.comparison import fails_run
from wsgi_gauntlet.harness.conformance.catalog import Case
from wsgi_gauntlet.harness.conformance.selection import Selection, Shard, chosen
from wsgi_gauntlet.harness.errors import (
    EXIT_ERROR,
    EXIT_FAILED,
    EXIT_INTERRUPTED,
    EXIT_INVALID,
    EXIT_USAGE,
    GauntletError,
)
from wsgi_gauntlet.harness.model import Grade, Results, Verdict
from wsgi_gauntlet.harness.server import planning
from wsgi_gauntlet.harness.server.plan import Plan

NO_SCENARIO_MESSAGE = "nothing was measured: no scenario fits it"


@dataclass(frozen=True)
class UnjudgedReport:
    """One line for each server without a judged cell, and the exit code if all other results are as expected."""

    lines: tuple[str, ...] = ()
    code: int = 0


def exit_code(results: Results, *, interrupted: bool, failed_to_start: bool) -> int:
    """Return the exit code of a run, as the command's help lists them."""
    verdicts = {each.verdict for each in results.conformance}
    grades = {each.grade for each in results.load}
    if interrupted:
        return EXIT_INTERRUPTED
    if failed_to_start:
        return EXIT_ERROR
    if any(map(fails_run, results.conformance)) or any(each.broken for each in results.load):
        return EXIT_FAILED
    if Verdict.ERROR in verdicts or Grade.ERROR in grades:
        return EXIT_ERROR
    unchecked = any(each.required for cell in results.load for each in cell.unchecked)
    return EXIT_INVALID if Grade.INVALID in grades or unchecked else 0


def unjudged_report(
    results: Results,
    plans: Sequence[Plan],
    selection: Selection | None,
    cases: Sequence[Case] | None = None,
    shard: Shard | None = None,
) -> UnjudgedReport:
    """Return which servers of `plans` have no judged cell; `selection` is None in a run of load alone.

    `cases` are the cases that it selects from, by default the catalogue.

    A run without any judged cell is no success, and neither is one with a server that cannot be started as named. One
    shard may have no cells, because the others have them.
    """
    known = registry.cases() if cases is None else cases
    asked = {each.id for each in chosen(known, selection)} if selection is not None else None
    found = unjudged_servers(results, [plan.name for plan in plans], asked)
    left = (
        f"nothing to check, {selection.describe()} leaves no cell of it"
        if selection is not None
        else f"nothing to measure, --shard {shard} leaves no cell of it"
        if shard is not None
        else NO_SCENARIO_MESSAGE
    )
    lines = tuple(f"{server}: {left if why == NO_SCENARIO_MESSAGE else why}" for server, (_, why) in found.items())
    cannot = any(cannot_start_reason(plan) for plan in plans if plan.name in found)
    shard = shard or (selection.shard if selection is not None else None)
    if found and len(found) == len(plans) and shard is None:
        return UnjudgedReport(lines, max(code for code, _ in found.values()))
    return UnjudgedReport(lines, EXIT_USAGE if cannot else 0)


def unjudged_servers(
    results: Results, servers: Sequence[str], asked: Collection[str] | None = None
) -> Mapping[str, tuple[int, str]]:
    """Return for each of `servers` without a judged cell the exit code and one line that says why.

    `asked` are the ids of the selected cases, None for all: cases that only they need do not count.
    """
    found = {}
    for server in servers:
        cells = list(_cells(results, server, asked))
        if not any(judged for judged, _, _ in cells):
            found[server] = _explain([(kind, reason) for _, kind, reason in cells])
    return found


def cannot_start_reason(plan: Plan) -> str:
    """Return why the server cannot be started as named (tiny[tls], and tiny has no TLS), '' if it can."""
    if not planning.missing(plan).available:
        return ""
    try:
        return plan.unsupported_reason()
    except GauntletError:
        return ""  # another error, which the start reports


def _cells(results: Results, server: str, asked: Collection[str] | None) -> Iterator[tuple[bool, str, str]]:
    for check in results.conformance:
        if check.server == server and (asked is None or check.case in asked):
            yield check.verdict.is_judged, check.verdict, check.actual
    for load in results.load:
        if load.server == server:
            why = load.note or (load.generator.why if load.generator is not None else "")
            yield load.grade.is_judged, load.grade, why


def _explain(cells: Sequence[tuple[str, str]]) -> tuple[int, str]:
    if not cells:
        return EXIT_USAGE, NO_SCENARIO_MESSAGE
    kinds = Counter(kind for kind, _ in cells)
    code = EXIT_USAGE
    if Grade.INVALID in kinds or Grade.INCONCLUSIVE in kinds:
        code = EXIT_INVALID
    if Verdict.ERROR in kinds:
        code = EXIT_ERROR
    counts = ", ".join(f"{number} {kind}" for kind, number in kinds.most_common())
    reasons = Counter(reason for _, reason in cells if reason).most_common()
    reason = f" ({'mostly: ' if len(reasons) > 1 else ''}{reasons[0][0]})" if reasons else ""
    return code, f"nothing was judged: {counts}{reason}"
