"""What a run found, in sentences: the first thing that every report says."""

from __future__ import annotations

from collections import defaultdict
from dataclasses import dataclass

from wsgi_gauntlet.harness.model import BaselineStatus, ClaimVerdict, Grade, Results, ScenarioResult, Verdict
from wsgi_gauntlet.reports.analysis import aggregation
from wsgi_gauntlet.reports.analysis.requirements import conformance_findings, user_app_findings
from wsgi_gauntlet.reports.text.labels import (
    HELD,
    NOT_JUDGED_GRADES,
    describe_claims,
    describe_service,
    duration,
    during,
    join_names,
    percent,
    pluralize,
    ratio,
)

MAX_ITEMS_LISTED = 3
"""Scenarios, or cells, that are told one by one; more of them are told in one sentence."""

SERVED_GOODPUT = 0.99
"""The share of correct answers from which users are served: the grade `immune` draws the same line."""


COLLAPSE_GOODPUT = 0.5
"""The share of correct answers below which hardly anybody is served: the grade `collapses` draws the same line."""

COLLAPSED_GRADES = frozenset({Grade.COLLAPSED, Grade.WEDGED})
"""Grades of servers that are taken from their users, by what is lost or by how long it takes."""


@dataclass(frozen=True)
class KeyFinding:
    """`lead` says what it is about, in one or two words."""

    topic: str
    text: str


def key_findings(results: Results) -> list[KeyFinding]:
    """Return the findings, the most telling first; never empty."""
    nothing = (
        [] if aggregation.tried(results) else [KeyFinding("Nothing", "was measured: no cell of this run was decided.")]
    )
    found = [
        *(KeyFinding(*each) for each in user_app_findings(results)),
        *_classroom_findings(results),
        *_slow_client_findings(results),
        *_other_scenario_findings(results),
        *_measurement_findings(results),
        *_claim_findings(results),
        *_threshold_findings(results),
        *(KeyFinding(*each) for each in conformance_findings(results)),
        *_baseline_findings(results),
        *_not_judged_findings(results),
        *_unavailable_servers(results),
    ]
    return nothing + found or [KeyFinding("No finding", "No cell of this run could be judged.")]


def title(results: Results) -> str:
    """Return the heading of a report."""
    tried = len(aggregation.tried(results))
    return f"{pluralize(tried, 'WSGI server')} through the gauntlet" if tried else "No server went through the gauntlet"


def featured_scenario(results: Results) -> str | None:
    """Return the scenario whose picture opens a report: classroom, else the first with samples."""
    with_samples = [
        name for name, (_, cells) in aggregation.scenarios(results).items() if any(each.samples for each in cells)
    ]
    return "classroom" if "classroom" in with_samples else next(iter(with_samples), None)


def run_description(results: Results) -> str:
    """Return what ran, on one line."""
    parts = [pluralize(len(aggregation.tried(results)), "server")]
    if results.conformance:
        number = len({each.case for each in results.conformance})
        parts.append(f"{pluralize(number, 'conformance case')} ({pluralize(len(results.conformance), 'cell')})")
    if results.load:
        parts.append(pluralize(len({each.scenario for each in results.load}), "load scenario"))
    return ", ".join(parts)


def _classroom_findings(results: Results) -> list[KeyFinding]:
    cells = [
        each
        for each in results.load
        if each.scenario == "classroom" and each.grade not in NOT_JUDGED_GRADES and each.goodput is not None
    ]
    if not cells:
        return []
    cells.sort(key=lambda each: -(each.goodput or 0))
    # What a person waits for over a second is not served, whatever share of it comes in the end.
    served = [each for each in cells if (each.goodput or 0) >= SERVED_GOODPUT and each.grade not in COLLAPSED_GRADES]
    late = [each for each in cells if (each.goodput or 0) >= COLLAPSE_GOODPUT and each.grade in COLLAPSED_GRADES]
    rest = [each for each in cells if each not in served and each not in late]
    text = "While some people in the classroom are slow, "
    if served:
        verb = "serve" if len(served) > 1 else "serves"
        text += (
            f"{join_names([_describe_served(each) for each in served])} still {verb} everyone "
            f"else{'; ' if late or rest else '.'}"
        )
    if late:
        verb = "keep" if len(late) > 1 else "keeps"
        text += f"{join_names([_describe_late(each) for each in late])} {verb} them waiting{'; ' if rest else '.'}"
    if rest:
        first = f"{rest[0].server} answers {percent(rest[0].goodput)} of the others' requests in time"
        text += join_names([first, *(f"{each.server} {percent(each.goodput)}" for each in rest[1:])]) + "."
    wedged = [each.server for each in cells if each.grade is Grade.WEDGED]
    if wedged:
        text += f" After the slow ones had gone, {join_names(wedged)} did not recover."
    return [KeyFinding("Users", text)]


def _describe_late(cell: ScenarioResult) -> str:
    return f"{cell.server} ({describe_service(cell)})"


def _describe_served(cell: ScenarioResult) -> str:
    phase = during(cell)
    if cell.grade is Grade.DEGRADED and cell.slowdown is not None:
        return f"{cell.server} ({ratio(cell.slowdown, at_least=cell.slowdown_censored)} slower)"
    if phase is None or phase.p99 is None:
        return cell.server
    return f"{cell.server} (p99 {duration(phase.p99, at_least=phase.censored)})"


def _slow_client_findings(results: Results) -> list[KeyFinding]:
    slow_client_scenarios = {
        name: judged
        for name, (_, cells) in aggregation.scenarios(results).items()
        if (judged := [each for each in cells if each.grade not in NOT_JUDGED_GRADES | {Grade.MEASURED} and each.steps])
    }
    if len(slow_client_scenarios) > MAX_ITEMS_LISTED:
        return [KeyFinding("Slow clients", _summarize_slow_clients(slow_client_scenarios))]
    found = []
    for name, judged in slow_client_scenarios.items():
        by_number: dict[int, list[str]] = defaultdict(list)
        for each in judged:
            if each.collapse is not None:
                by_number[each.collapse].append(each.server)
        parts = [
            f"{pluralize(number, 'slow client')} {'stop' if number > 1 else 'stops'} {join_names(by_number[number])}"
            for number in sorted(by_number)
        ]
        for verbs, stood in (
            (("hold out against", "holds out against"), [each for each in judged if _is_unaffected(each)]),
            (
                ("are harmed, and not stopped, by", "is harmed, and not stopped, by"),
                [e for e in judged if _is_affected_without_collapse(e)],
            ),
        ):
            if stood:
                most = max(step.clients for each in stood for step in each.steps)
                verb = verbs[0] if len(stood) > 1 else verbs[1]
                parts.append(
                    f"{join_names([each.server for each in stood])} {verb} {most if most < 2 else f'all {most}'}"
                )
        found.append(KeyFinding("Slow clients", f"In {name}, {'; '.join(parts)}."))
    return found


def _is_unaffected(cell: ScenarioResult) -> bool:
    return cell.collapse is None and cell.grade is Grade.UNAFFECTED


def _is_affected_without_collapse(cell: ScenarioResult) -> bool:
    return cell.collapse is None and cell.grade is not Grade.UNAFFECTED


def _summarize_slow_clients(slow_client_scenarios: dict[str, list[ScenarioResult]]) -> str:
    """Return for each server how many kinds of slow clients it stands, and how few of the worst kind stop it."""
    by_server: dict[str, list[ScenarioResult]] = defaultdict(list)
    for cells in slow_client_scenarios.values():
        for each in cells:
            by_server[each.server].append(each)
    standing: dict[tuple[int, int], list[str]] = defaultdict(list)
    falling = []
    for server, cells in by_server.items():
        fallen = [each for each in cells if each.collapse is not None]
        if fallen:
            worst = min(fallen, key=lambda each: each.collapse or 0)
            falling.append((worst.collapse or 0, len(fallen), len(cells), server, worst.scenario))
        else:
            standing[len(cells), sum(map(_is_affected_without_collapse, cells))].append(server)
    parts = [
        f"{join_names(servers)} {'hold' if len(servers) > 1 else 'holds'} out against each of the {number} kinds tried"
        if not harmed
        else f"{join_names(servers)} {'fall' if len(servers) > 1 else 'falls'} to none of the {number} kinds tried, "
        f"with users harmed by {harmed}"
        for (number, harmed), servers in sorted(standing.items(), key=lambda each: each[0][1])
    ]
    for few, fallen_in, tried, server, scenario in sorted(falling, reverse=True):
        verb = "suffices" if few == 1 else "suffice"
        parts.append(
            f"{server} falls to {fallen_in} of {tried} kinds ({pluralize(few, 'client')} {verb} in {scenario})"
        )
    return "; ".join(parts) + "."


def _other_scenario_findings(results: Results) -> list[KeyFinding]:
    """Say which scenarios without a search for N* harm the users of which server."""
    cells = [
        each
        for each in results.load
        if each.grade not in NOT_JUDGED_GRADES | {Grade.MEASURED} and not each.steps and each.scenario != "classroom"
    ]
    harmed: dict[str, list[ScenarioResult]] = defaultdict(list)
    for each in cells:
        if each.grade is not Grade.UNAFFECTED:
            harmed[each.server].append(each)
    parts = []
    number = len({each.scenario for each in cells})
    ordered = sorted(harmed.items(), key=lambda each: len(each[1]))
    if len(ordered) > MAX_ITEMS_LISTED:
        counts = join_names([f"{server} in {len(found)}" for server, found in ordered])
        parts.append(f"of {pluralize(number, 'scenario')} without a search for N* users are harmed with {counts}")
    else:
        for server, found in ordered:
            told = [f"{each.grade} in {each.scenario}" for each in found]
            harm = join_names(told) if len(told) <= MAX_ITEMS_LISTED else f"is harmed in {len(told)} scenarios"
            parts.append(f"{server} {harm}")
    sound = [name for name in dict.fromkeys(each.server for each in cells) if name not in harmed]
    if sound:
        verb = "stand" if len(sound) > 1 else "stands"
        parts.insert(0, f"{join_names(sound)} {verb} {'the other scenario' if number == 1 else f'all {number} others'}")
    return [KeyFinding("Also", f"{'; '.join(parts)}.")] if parts else []


def _measurement_findings(results: Results) -> list[KeyFinding]:
    """Say that there are figures, where they are all there is."""
    names = {each.scenario for each in results.load if each.grade is Grade.MEASURED and not each.claims}
    judged = results.conformance or any(each.grade not in NOT_JUDGED_GRADES | {Grade.MEASURED} for each in results.load)
    return (
        [KeyFinding("Measured", f"{join_names(sorted(names))}, without right or wrong.")]
        if names and not judged
        else []
    )


def _threshold_findings(results: Results) -> list[KeyFinding]:
    """Say which of the user's thresholds are broken, of more than a few by how many cells."""
    found = [(cell, each) for cell in results.load for each in cell.broken]
    if not found:
        return []
    if len(found) <= MAX_ITEMS_LISTED:
        told = "; ".join(f"{cell.server} in {cell.scenario}: {each.message}" for cell, each in found)
        return [KeyFinding("Thresholds", f"{told}.")]
    servers = join_names(dict.fromkeys(cell.server for cell, _ in found))
    return [KeyFinding("Thresholds", f"{len(found)} are broken, by {servers}.")]


def _claim_findings(results: Results) -> list[KeyFinding]:
    """Say which statements held on which servers; of more than a few, how many."""
    found: dict[str, dict[ClaimVerdict, list[str]]] = {}
    by_server: dict[str, list[ClaimVerdict]] = defaultdict(list)
    for load in results.load:
        for each in load.claims:
            found.setdefault(each.statement, {}).setdefault(each.verdict, []).append(load.server)
            by_server[load.server].append(each.verdict)
    if not found:
        return []
    if len(found) <= MAX_ITEMS_LISTED:
        told = [
            f"“{statement}”: "
            f"{join_names([f'{held} on {join_names(servers[held])}' for held in HELD if held in servers])}"
            for statement, servers in found.items()
        ]
        return [KeyFinding("Folklore", f"{'; '.join(told)}.")]
    if len(by_server) <= MAX_ITEMS_LISTED:
        counts = "".join(f"; {server}: {describe_claims(held)}" for server, held in by_server.items())
        return [KeyFinding("Folklore", f"{len(found)} statements{counts}.")]
    every = describe_claims(held for each in by_server.values() for held in each)
    return [KeyFinding("Folklore", f"{len(found)} statements on {len(by_server)} servers: {every}.")]


def _baseline_findings(results: Results) -> list[KeyFinding]:
    if not results.baseline or not results.conformance:
        return []
    fails, passes, met, stale = (
        len(aggregation.standing(results, *each))
        for each in (
            (BaselineStatus.UNEXPECTED_FAIL,),
            (BaselineStatus.UNEXPECTED_PASS,),
            (BaselineStatus.EXPECTED,),
            (BaselineStatus.OTHER, BaselineStatus.EXPIRED),
        )
    )
    unexpected = [pluralize(fails, "unexpected fail")] if fails else []
    unexpected += [pluralize(passes, "unexpected pass", "unexpected passes")] if passes else []
    text = join_names(unexpected).capitalize() if unexpected else "Nothing unexpected"
    text += f"; {pluralize(met, 'cell')} as {results.baseline} expects"
    text += f"; {pluralize(stale, 'entry', 'entries')} to look at" if stale else ""
    return [KeyFinding("Baseline", f"{text}.")]


def _not_judged_findings(results: Results) -> list[KeyFinding]:
    parts = []
    for grade, why in (
        (Grade.INVALID, "the generator or this machine could not keep up"),
        (Grade.INCONCLUSIVE, "the noise is wider than the threshold"),
        (Grade.ERROR, "the harness failed"),
    ):
        cells = [f"{each.server} in {each.scenario}" for each in results.load if each.grade is grade]
        if cells:
            told = (
                join_names(cells)
                if len(cells) <= MAX_ITEMS_LISTED
                else pluralize(len(cells), "cell of load", "cells of load")
            )
            parts.append(f"{told} ({why})")
    errors = sum(each.verdict is Verdict.ERROR for each in results.conformance)
    if errors:
        parts.append(f"{pluralize(errors, 'cell')} of conformance (the harness failed)")
    return [KeyFinding("Not judged", f"{'; '.join(parts)}. None of this counts against a server.")] if parts else []


def _unavailable_servers(results: Results) -> list[KeyFinding]:
    unavailable = [each for each in results.servers.values() if not each.available]
    parts = []
    if not_installed := [each.name for each in unavailable if each.get]:
        were, them = ("were", "them") if len(not_installed) > 1 else ("was", "it")
        parts.append(f"{join_names(not_installed)} {were} not tried; the table says how to get {them}.")
    if others := [each.name for each in unavailable if not each.get]:
        parts.append(f"{join_names(others)} could not be tried; the table says why.")
    return [KeyFinding("Not here", " ".join(parts))] if parts else []
