"""The findings of a run in sentences. Every report begins with them."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping
from dataclasses import dataclass

from wsgi_gauntlet.harness.model import BaselineStatus, ClaimVerdict, Grade, Results, ScenarioResult, Verdict
from wsgi_gauntlet.reports.analysis import aggregation
from wsgi_gauntlet.reports.analysis.key_figure import COLLAPSE_GOODPUT, COLLAPSED_GRADES
from wsgi_gauntlet.reports.analysis.requirements import conformance_findings, user_app_findings
from wsgi_gauntlet.reports.analysis.thresholds import thresholds_text
from wsgi_gauntlet.reports.text import recommendation_text
from wsgi_gauntlet.reports.text.comparison_summary import conclusions
from wsgi_gauntlet.reports.text.labels import (
    CLAIM_VERDICTS,
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
"""Scenarios or cells up to which each has its own sentence. Of more, one sentence has the numbers."""

SERVED_GOODPUT = 0.99
"""The goodput from which users are served. The grade `unaffected` has the same limit."""


@dataclass(frozen=True)
class KeyFinding:
    """`topic` is one or two words, `text` one or more sentences."""

    topic: str
    text: str


def key_findings(results: Results) -> list[KeyFinding]:
    """Return the findings, the most important first. There is always at least one."""
    nothing = (
        []
        if aggregation.tried(results) or results.comparisons or results.recommendation
        else [KeyFinding("No result", "No cell of this run has a result.")]
    )
    found = [
        *_recommendation_findings(results),
        *(KeyFinding("Compared in rounds", each) for one in results.comparisons for each in conclusions(one)),
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
    return nothing + found or [KeyFinding("No finding", "No cell of this run was judged.")]


def _recommendation_findings(results: Results) -> list[KeyFinding]:
    found = results.recommendation
    if found is None:
        return []
    parts = [(each.topic, " ".join(one.text for one in each.sentences(found))) for each in recommendation_text.PARTS]
    return [
        KeyFinding(
            "Recommendation", " ".join([f"{recommendation_text.title(found)}.", *recommendation_text.warnings(found)])
        ),
        *(KeyFinding(topic, text) for topic, text in parts if text),
    ]


def featured_scenario(results: Results) -> str | None:
    """Return the scenario of the first picture: classroom, else the first scenario with samples."""
    with_samples = [
        name for name, (_, cells) in aggregation.scenarios(results).items() if any(each.samples for each in cells)
    ]
    return "classroom" if "classroom" in with_samples else next(iter(with_samples), None)


def _classroom_findings(results: Results) -> list[KeyFinding]:
    cells = [
        each
        for each in results.load
        if each.scenario == "classroom" and each.grade not in NOT_JUDGED_GRADES and each.goodput is not None
    ]
    if not cells:
        return []
    cells.sort(key=lambda each: -(each.goodput or 0))
    # A person who waits for over a second is not served well, even if the response comes.
    served = [each for each in cells if (each.goodput or 0) >= SERVED_GOODPUT and each.grade not in COLLAPSED_GRADES]
    late = [each for each in cells if (each.goodput or 0) >= COLLAPSE_GOODPUT and each.grade in COLLAPSED_GRADES]
    rest = [each for each in cells if each not in served and each not in late]
    text = "While slow clients were connected, "
    if served:
        text += f"{join_names([_describe_served(each) for each in served])} served all other users"
        text += "; " if late or rest else "."
    if late:
        text += f"{join_names([_describe_late(each) for each in late])} responded late{'; ' if rest else '.'}"
    if rest:
        first = f"{rest[0].server} answered {percent(rest[0].goodput)} of the requests of other users in time"
        text += join_names([first, *(f"{each.server} {percent(each.goodput)}" for each in rest[1:])]) + "."
    not_recovered = [each.server for each in cells if each.grade is Grade.NOT_RECOVERED]
    if not_recovered:
        text += f" After the slow clients left, {join_names(not_recovered)} did not recover."
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
        if (
            judged := [
                each
                for each in cells
                if each.grade not in NOT_JUDGED_GRADES | {Grade.MEASURED} and _counts_slow_clients(each)
            ]
        )
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
            f"{pluralize(number, 'slow client')} made {join_names(by_number[number])} collapse"
            for number in sorted(by_number)
        ]
        for effect, cells in (
            ("unaffected", [each for each in judged if _is_unaffected(each)]),
            ("affected without a collapse", [each for each in judged if _is_affected_without_collapse(each)]),
        ):
            if cells:
                most = max(step.clients for each in cells for step in each.steps)
                verb = "were" if len(cells) > 1 else "was"
                servers = join_names([each.server for each in cells])
                parts.append(f"{servers} {verb} {effect} by {pluralize(most, 'slow client')}")
        found.append(KeyFinding("Slow clients", f"In {name}, {'; '.join(parts)}."))
    return found


def _counts_slow_clients(cell: ScenarioResult) -> bool:
    """Say whether the steps are numbers of slow clients. Those of a closed loop are connections, and have a rate."""
    return bool(cell.steps) and all(each.rate is None for each in cell.steps)


def _is_unaffected(cell: ScenarioResult) -> bool:
    return cell.collapse is None and cell.grade is Grade.UNAFFECTED


def _is_affected_without_collapse(cell: ScenarioResult) -> bool:
    return cell.collapse is None and cell.grade is not Grade.UNAFFECTED


def _summarize_slow_clients(slow_client_scenarios: dict[str, list[ScenarioResult]]) -> str:
    """Return for each server the number of scenarios in which it collapsed, and its smallest N*."""
    by_server: dict[str, list[ScenarioResult]] = defaultdict(list)
    for cells in slow_client_scenarios.values():
        for each in cells:
            by_server[each.server].append(each)
    without_collapse: dict[tuple[int, int], list[str]] = defaultdict(list)
    with_collapse = []
    for server, cells in by_server.items():
        collapsed = [each for each in cells if each.collapse is not None]
        if collapsed:
            worst = min(collapsed, key=lambda each: each.collapse or 0)
            with_collapse.append((worst.collapse or 0, len(collapsed), len(cells), server, worst.scenario))
        else:
            without_collapse[len(cells), sum(map(_is_affected_without_collapse, cells))].append(server)
    parts = [
        f"{join_names(servers)} collapsed in none of {pluralize(number, 'scenario')}"
        + (f", and users were affected in {affected}" if affected else "")
        for (number, affected), servers in sorted(without_collapse.items(), key=lambda each: each[0][1])
    ]
    parts += [
        f"{server} collapsed in {count} of {pluralize(number, 'scenario')} ({scenario}: N* {least})"
        for least, count, number, server, scenario in sorted(with_collapse, reverse=True)
    ]
    return "; ".join(parts) + "."


def _other_scenario_findings(results: Results) -> list[KeyFinding]:
    """Return the effect of the scenarios without a search for N*."""
    cells = [
        each
        for each in results.load
        if each.grade not in NOT_JUDGED_GRADES | {Grade.MEASURED}
        and not _counts_slow_clients(each)
        and each.scenario != "classroom"
    ]
    affected: dict[str, list[ScenarioResult]] = defaultdict(list)
    for each in cells:
        if each.grade is not Grade.UNAFFECTED:
            affected[each.server].append(each)
    parts = []
    number = len({each.scenario for each in cells})
    ordered = sorted(affected.items(), key=lambda each: len(each[1]))
    if len(ordered) > MAX_ITEMS_LISTED:
        counts = join_names([f"{server} in {len(found)}" for server, found in ordered])
        parts.append(f"in {pluralize(number, 'other scenario')}, users were affected with {counts}")
    else:
        for server, found in ordered:
            grades = [f"{each.grade.label} in {each.scenario}" for each in found]
            effect = join_names(grades) if len(grades) <= MAX_ITEMS_LISTED else f"affected in {len(grades)} scenarios"
            parts.append(f"{server} was {effect}")
    unaffected = [name for name in dict.fromkeys(each.server for each in cells) if name not in affected]
    if unaffected:
        verb = "were" if len(unaffected) > 1 else "was"
        where = "in the other scenario" if number == 1 else f"in all {number} other scenarios"
        parts.insert(0, f"{join_names(unaffected)} {verb} unaffected {where}")
    return [KeyFinding("Other load", f"{'; '.join(parts)}.")] if parts else []


def _measurement_findings(results: Results) -> list[KeyFinding]:
    """Return a finding if the run has figures only."""
    names = {each.scenario for each in results.load if each.grade is Grade.MEASURED and not each.claims}
    judged = results.conformance or any(each.grade not in NOT_JUDGED_GRADES | {Grade.MEASURED} for each in results.load)
    return (
        [KeyFinding("Measured", f"{join_names(sorted(names))}. These scenarios measure and do not judge.")]
        if names and not judged
        else []
    )


def _threshold_findings(results: Results) -> list[KeyFinding]:
    """Return the broken and the unchecked thresholds of the user, or their number if there are many."""
    broken = [(cell, each.message) for cell in results.load for each in cell.broken]
    unchecked = [(cell, each.message) for cell in results.load for each in cell.unchecked if each.required]
    parts = []
    for found, many in ((broken, "are broken by"), (unchecked, "were not checked for")):
        if len(found) <= MAX_ITEMS_LISTED:
            parts += [f"{cell.server} in {cell.scenario}: {message}" for cell, message in found]
        else:
            servers = join_names(dict.fromkeys(cell.server for cell, _ in found))
            parts.append(f"{len(found)} {many} {servers}")
    if parts:
        return [KeyFinding("Thresholds", f"{'; '.join(parts)}.")]
    text = thresholds_text(results).removeprefix("Thresholds: ")
    return [KeyFinding("Thresholds", text)] if text else []


def _claim_findings(results: Results) -> list[KeyFinding]:
    """Return the verdict of each claim by server, or the numbers if there are many."""
    found: dict[str, dict[ClaimVerdict, list[str]]] = {}
    by_server: dict[str, list[ClaimVerdict]] = defaultdict(list)
    for load in results.load:
        for each in load.claims:
            found.setdefault(each.statement, {}).setdefault(each.verdict, []).append(load.server)
            by_server[load.server].append(each.verdict)
    if not found:
        return []
    if len(found) <= MAX_ITEMS_LISTED:
        sentences = [f"“{statement}”: {_describe_claim(servers)}" for statement, servers in found.items()]
        return [KeyFinding("Claims", f"{'; '.join(sentences)}.")]
    if len(by_server) <= MAX_ITEMS_LISTED:
        counts = "".join(f"; {server}: {describe_claims(verdicts)}" for server, verdicts in by_server.items())
        return [KeyFinding("Claims", f"{len(found)} statements{counts}.")]
    every = describe_claims(verdict for verdicts in by_server.values() for verdict in verdicts)
    return [KeyFinding("Claims", f"{len(found)} statements on {len(by_server)} servers: {every}.")]


def _describe_claim(servers: Mapping[ClaimVerdict, list[str]]) -> str:
    return join_names(f"{each.label} on {join_names(servers[each])}" for each in CLAIM_VERDICTS if each in servers)


def _baseline_findings(results: Results) -> list[KeyFinding]:
    if not results.baseline or not results.conformance:
        return []
    fails, passes, met, stale = (
        len(aggregation.with_status(results, *each))
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
    text += f"; {pluralize(stale, 'entry', 'entries')} to check" if stale else ""
    return [KeyFinding("Baseline", f"{text}.")]


def _not_judged_findings(results: Results) -> list[KeyFinding]:
    parts = []
    for grade, why in (
        (Grade.INVALID, "the generator or the machine could not keep up"),
        (Grade.INCONCLUSIVE, "the noise was larger than the effect"),
        (Grade.ERROR, "the harness may be the cause"),
    ):
        cells = [f"{each.server} in {each.scenario}" for each in results.load if each.grade is grade]
        if cells:
            many = len(cells) > MAX_ITEMS_LISTED
            named = pluralize(len(cells), "cell of load", "cells of load") if many else join_names(cells)
            parts.append(f"{named} ({why})")
    errors = sum(each.verdict is Verdict.ERROR for each in results.conformance)
    if errors:
        parts.append(f"{pluralize(errors, 'cell')} of conformance (the harness may be the cause)")
    return [KeyFinding("Not judged", f"{'; '.join(parts)}. None of these blames a server.")] if parts else []


def _unavailable_servers(results: Results) -> list[KeyFinding]:
    unavailable = [each for each in results.servers.values() if not each.available]
    parts = []
    if not_installed := [each.name for each in unavailable if each.get]:
        are, them = ("are", "them") if len(not_installed) > 1 else ("is", "it")
        parts.append(f"{join_names(not_installed)} {are} not installed; the table of servers says how to get {them}.")
    if others := [each.name for each in unavailable if not each.get]:
        parts.append(f"{join_names(others)} did not run; the table of servers has the reasons.")
    return [KeyFinding("Not available", " ".join(parts))] if parts else []
