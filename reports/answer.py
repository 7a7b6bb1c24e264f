"""What a run found, in sentences: the first thing that every report says."""

from __future__ import annotations

from collections import defaultdict
from dataclasses import dataclass

from ..harness.claim import Held
from ..harness.model import Grade, Load, Results, Standing, Verdict
from . import tally
from .requirements import conformance, own_app
from .words import HELD, UNJUDGED, counted, duration, during, got, percent, ratio, several, tallied

LISTED = 3
"""Scenarios, or cells, that are told one by one; more of them are told in one sentence."""

SERVED = 0.99
"""The share of correct answers from which users are served: the grade `immune` draws the same line."""


HALF = 0.5
"""The share of correct answers below which hardly anybody is served: the grade `collapses` draws the same line."""

LOST = frozenset({Grade.COLLAPSES, Grade.WEDGED})
"""Grades of servers that are taken from their users, by what is lost or by how long it takes."""


@dataclass(frozen=True)
class Sentence:
    """`lead` says what it is about, in one or two words."""

    lead: str
    text: str


def answer(results: Results) -> list[Sentence]:
    """Return the findings, the most telling first; never empty."""
    nothing = [] if tally.tried(results) else [Sentence("Nothing", "was measured: no cell of this run was decided.")]
    found = [
        *(Sentence(*each) for each in own_app(results)),
        *_users(results),
        *_slow(results),
        *_others(results),
        *_measured(results),
        *_folklore(results),
        *_thresholds(results),
        *(Sentence(*each) for each in conformance(results)),
        *_baseline(results),
        *_doubts(results),
        *_absent(results),
    ]
    return nothing + found or [Sentence("No finding", "No cell of this run could be judged.")]


def title(results: Results) -> str:
    """Return the heading of a report."""
    tried = len(tally.tried(results))
    return f"{counted(tried, 'WSGI server')} through the gauntlet" if tried else "No server went through the gauntlet"


def headline(results: Results) -> str | None:
    """Return the scenario whose picture opens a report: classroom, else the first with samples."""
    with_samples = [
        name for name, (_, cells) in tally.scenarios(results).items() if any(each.samples for each in cells)
    ]
    return "classroom" if "classroom" in with_samples else next(iter(with_samples), None)


def ran(results: Results) -> str:
    """Return what ran, on one line."""
    parts = [counted(len(tally.tried(results)), "server")]
    if results.checks:
        number = len({each.case for each in results.checks})
        parts.append(f"{counted(number, 'conformance case')} ({counted(len(results.checks), 'cell')})")
    if results.loads:
        parts.append(counted(len({each.scenario for each in results.loads}), "load scenario"))
    return ", ".join(parts)


def _users(results: Results) -> list[Sentence]:
    cells = [
        each
        for each in results.loads
        if each.scenario == "classroom" and each.grade not in UNJUDGED and each.goodput is not None
    ]
    if not cells:
        return []
    cells.sort(key=lambda each: -(each.goodput or 0))
    # What a person waits for over a second is not served, whatever share of it comes in the end.
    served = [each for each in cells if (each.goodput or 0) >= SERVED and each.grade not in LOST]
    late = [each for each in cells if (each.goodput or 0) >= HALF and each.grade in LOST]
    rest = [each for each in cells if each not in served and each not in late]
    text = "While some people in the classroom are slow, "
    if served:
        verb = "serve" if len(served) > 1 else "serves"
        text += (
            f"{several([_served(each) for each in served])} still {verb} everyone else{'; ' if late or rest else '.'}"
        )
    if late:
        verb = "keep" if len(late) > 1 else "keeps"
        text += f"{several([_late(each) for each in late])} {verb} them waiting{'; ' if rest else '.'}"
    if rest:
        first = f"{rest[0].server} answers {percent(rest[0].goodput)} of the others' requests in time"
        text += several([first, *(f"{each.server} {percent(each.goodput)}" for each in rest[1:])]) + "."
    wedged = [each.server for each in cells if each.grade is Grade.WEDGED]
    if wedged:
        text += f" After the slow ones had gone, {several(wedged)} did not recover."
    return [Sentence("Users", text)]


def _late(cell: Load) -> str:
    return f"{cell.server} ({got(cell)})"


def _served(cell: Load) -> str:
    phase = during(cell)
    if cell.grade is Grade.DEGRADES and cell.slowdown is not None:
        return f"{cell.server} ({ratio(cell.slowdown, at_least=cell.slowdown_censored)} slower)"
    if phase is None or phase.p99 is None:
        return cell.server
    return f"{cell.server} (p99 {duration(phase.p99, at_least=phase.censored)})"


def _slow(results: Results) -> list[Sentence]:
    sieges = {
        name: judged
        for name, (_, cells) in tally.scenarios(results).items()
        if (judged := [each for each in cells if each.grade not in UNJUDGED | {Grade.MEASURED} and each.steps])
    }
    if len(sieges) > LISTED:
        return [Sentence("Slow clients", _many_sieges(sieges))]
    found = []
    for name, judged in sieges.items():
        by_number: dict[int, list[str]] = defaultdict(list)
        for each in judged:
            if each.collapse is not None:
                by_number[each.collapse].append(each.server)
        parts = [
            f"{counted(number, 'slow client')} {'stop' if number > 1 else 'stops'} {several(by_number[number])}"
            for number in sorted(by_number)
        ]
        for verbs, stood in (
            (("hold out against", "holds out against"), [each for each in judged if _unharmed(each)]),
            (("are harmed, and not stopped, by", "is harmed, and not stopped, by"), [e for e in judged if _harmed(e)]),
        ):
            if stood:
                most = max(step.clients for each in stood for step in each.steps)
                verb = verbs[0] if len(stood) > 1 else verbs[1]
                parts.append(f"{several([each.server for each in stood])} {verb} {most if most < 2 else f'all {most}'}")
        found.append(Sentence("Slow clients", f"In {name}, {'; '.join(parts)}."))
    return found


def _unharmed(cell: Load) -> bool:
    return cell.collapse is None and cell.grade is Grade.IMMUNE


def _harmed(cell: Load) -> bool:
    return cell.collapse is None and cell.grade is not Grade.IMMUNE


def _many_sieges(sieges: dict[str, list[Load]]) -> str:
    """Return for each server how many kinds of slow clients it stands, and how few of the worst kind stop it."""
    by_server: dict[str, list[Load]] = defaultdict(list)
    for cells in sieges.values():
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
            standing[len(cells), sum(map(_harmed, cells))].append(server)
    parts = [
        f"{several(servers)} {'hold' if len(servers) > 1 else 'holds'} out against each of the {number} kinds tried"
        if not harmed
        else f"{several(servers)} {'fall' if len(servers) > 1 else 'falls'} to none of the {number} kinds tried, "
        f"with users harmed by {harmed}"
        for (number, harmed), servers in sorted(standing.items(), key=lambda each: each[0][1])
    ]
    for few, fallen_in, tried, server, scenario in sorted(falling, reverse=True):
        verb = "suffices" if few == 1 else "suffice"
        parts.append(f"{server} falls to {fallen_in} of {tried} kinds ({counted(few, 'client')} {verb} in {scenario})")
    return "; ".join(parts) + "."


def _others(results: Results) -> list[Sentence]:
    """Say which scenarios without a search for N* harm the users of which server."""
    cells = [
        each
        for each in results.loads
        if each.grade not in UNJUDGED | {Grade.MEASURED} and not each.steps and each.scenario != "classroom"
    ]
    harmed: dict[str, list[Load]] = defaultdict(list)
    for each in cells:
        if each.grade is not Grade.IMMUNE:
            harmed[each.server].append(each)
    parts = []
    number = len({each.scenario for each in cells})
    ordered = sorted(harmed.items(), key=lambda each: len(each[1]))
    if len(ordered) > LISTED:
        counts = several([f"{server} in {len(found)}" for server, found in ordered])
        parts.append(f"of {counted(number, 'scenario')} without a search for N* users are harmed with {counts}")
    else:
        for server, found in ordered:
            told = [f"{each.grade} in {each.scenario}" for each in found]
            parts.append(f"{server} {several(told) if len(told) <= LISTED else f'is harmed in {len(told)} scenarios'}")
    sound = [name for name in dict.fromkeys(each.server for each in cells) if name not in harmed]
    if sound:
        verb = "stand" if len(sound) > 1 else "stands"
        parts.insert(0, f"{several(sound)} {verb} {'the other scenario' if number == 1 else f'all {number} others'}")
    return [Sentence("Also", f"{'; '.join(parts)}.")] if parts else []


def _measured(results: Results) -> list[Sentence]:
    """Say that there are figures, where they are all there is."""
    names = {each.scenario for each in results.loads if each.grade is Grade.MEASURED and not each.claims}
    judged = results.checks or any(each.grade not in UNJUDGED | {Grade.MEASURED} for each in results.loads)
    return [Sentence("Measured", f"{several(sorted(names))}, without right or wrong.")] if names and not judged else []


def _thresholds(results: Results) -> list[Sentence]:
    """Say which of the user's thresholds are broken, of more than a few by how many cells."""
    found = [(cell, each) for cell in results.loads for each in cell.broken]
    if not found:
        return []
    if len(found) <= LISTED:
        told = "; ".join(f"{cell.server} in {cell.scenario}: {each.told}" for cell, each in found)
        return [Sentence("Thresholds", f"{told}.")]
    servers = several(dict.fromkeys(cell.server for cell, _ in found))
    return [Sentence("Thresholds", f"{len(found)} are broken, by {servers}.")]


def _folklore(results: Results) -> list[Sentence]:
    """Say which statements held on which servers; of more than a few, how many."""
    found: dict[str, dict[Held, list[str]]] = {}
    by_server: dict[str, list[Held]] = defaultdict(list)
    for load in results.loads:
        for each in load.claims:
            found.setdefault(each.statement, {}).setdefault(each.held, []).append(load.server)
            by_server[load.server].append(each.held)
    if not found:
        return []
    if len(found) <= LISTED:
        told = [
            f"“{statement}”: {several([f'{held} on {several(servers[held])}' for held in HELD if held in servers])}"
            for statement, servers in found.items()
        ]
        return [Sentence("Folklore", f"{'; '.join(told)}.")]
    if len(by_server) <= LISTED:
        counts = "".join(f"; {server}: {tallied(held)}" for server, held in by_server.items())
        return [Sentence("Folklore", f"{len(found)} statements{counts}.")]
    every = tallied(held for each in by_server.values() for held in each)
    return [Sentence("Folklore", f"{len(found)} statements on {len(by_server)} servers: {every}.")]


def _baseline(results: Results) -> list[Sentence]:
    if not results.baseline or not results.checks:
        return []
    fails, passes, met, stale = (
        len(tally.standing(results, *each))
        for each in (
            (Standing.UNEXPECTED_FAIL,),
            (Standing.UNEXPECTED_PASS,),
            (Standing.EXPECTED,),
            (Standing.OTHER, Standing.EXPIRED),
        )
    )
    unexpected = [counted(fails, "unexpected fail")] if fails else []
    unexpected += [counted(passes, "unexpected pass", "unexpected passes")] if passes else []
    text = several(unexpected).capitalize() if unexpected else "Nothing unexpected"
    text += f"; {counted(met, 'cell')} as {results.baseline} expects"
    text += f"; {counted(stale, 'entry', 'entries')} to look at" if stale else ""
    return [Sentence("Baseline", f"{text}.")]


def _doubts(results: Results) -> list[Sentence]:
    parts = []
    for grade, why in (
        (Grade.INVALID, "the generator or this machine could not keep up"),
        (Grade.INCONCLUSIVE, "the noise is wider than the threshold"),
        (Grade.ERROR, "the harness failed"),
    ):
        cells = [f"{each.server} in {each.scenario}" for each in results.loads if each.grade is grade]
        if cells:
            told = several(cells) if len(cells) <= LISTED else counted(len(cells), "cell of load", "cells of load")
            parts.append(f"{told} ({why})")
    errors = sum(each.verdict is Verdict.ERROR for each in results.checks)
    if errors:
        parts.append(f"{counted(errors, 'cell')} of conformance (the harness failed)")
    return [Sentence("Not judged", f"{'; '.join(parts)}. None of this counts against a server.")] if parts else []


def _absent(results: Results) -> list[Sentence]:
    absent = [each for each in results.servers.values() if not each.available]
    parts = []
    if lacking := [each.name for each in absent if each.get]:
        were, them = ("were", "them") if len(lacking) > 1 else ("was", "it")
        parts.append(f"{several(lacking)} {were} not tried; the table says how to get {them}.")
    if others := [each.name for each in absent if not each.get]:
        parts.append(f"{several(others)} could not be tried; the table says why.")
    return [Sentence("Not here", " ".join(parts))] if parts else []
