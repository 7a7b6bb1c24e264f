"""Counts over the cells of a run, and the order of servers and cases in reports."""

from __future__ import annotations

import itertools
import operator
from collections import Counter, defaultdict
from collections.abc import Iterable
from dataclasses import dataclass

from wsgi_gauntlet.harness.baseline.comparison import fails_run
from wsgi_gauntlet.harness.model import (
    BaselineStatus,
    CaseInfo,
    CaseResult,
    Reference,
    Results,
    ScenarioInfo,
    ScenarioResult,
    ServerInfo,
    Verdict,
)
from wsgi_gauntlet.harness.server.user_app import USER_APP_CASE_PREFIX

_SERVER = operator.attrgetter("server")

NEUTRAL_VERDICTS = (Verdict.INFO, Verdict.UNSUPPORTED, Verdict.SKIPPED, Verdict.ERROR)
"""Verdicts that neither pass nor blame the server."""


@dataclass(frozen=True)
class VerdictCounts:
    """The number of cells of each verdict. `security` counts the fails with that tag, `unexpected` the cells that
    differ from the baseline and fail the run."""

    verdicts: Counter[Verdict]
    security: int = 0
    unexpected: int = 0

    @property
    def others(self) -> str:
        """The numbers of the neutral verdicts, as `20 info, 3 unsupported`, or ''."""
        return ", ".join(f"{number} {each}" for each in NEUTRAL_VERDICTS if (number := self.verdicts[each]))

    @property
    def total(self) -> int:
        """The number of all cells."""
        return self.verdicts.total()

    def __getitem__(self, verdict: Verdict) -> int:
        return self.verdicts[verdict]


def count(cells: Iterable[CaseResult]) -> VerdictCounts:
    """Count the verdicts of `cells`."""
    verdicts: Counter[Verdict] = Counter()
    security = unexpected = 0
    for each in cells:
        verdicts[each.verdict] += 1
        security += each.verdict is Verdict.FAIL and "security" in each.tags
        unexpected += each.baseline is not None and fails_run(each)
    return VerdictCounts(verdicts, security, unexpected)


def cells_by_server(results: Results) -> dict[str, list[CaseResult]]:
    """Return the cells of conformance by the name of the server."""
    found: dict[str, list[CaseResult]] = {}
    for each in results.conformance:
        found.setdefault(each.server, []).append(each)
    return found


def server_cells(cells: Iterable[CaseResult]) -> list[CaseResult]:
    """Return `cells` without those that check the user app."""
    return [each for each in cells if not each.case.startswith(USER_APP_CASE_PREFIX)]


def count_for_server(results: Results, server: str) -> VerdictCounts:
    """Count the verdicts of `server`, without the cells that check the user app."""
    return count(server_cells(each for each in results.conformance if each.server == server))


def area(case: str) -> str:
    """Return the area of a case id, as `pep3333/environ`."""
    return "/".join(case.split("/")[:2])


def servers(results: Results) -> list[ServerInfo]:
    """Return every server of the run in the order of the call, also one that only has cells."""
    known = dict(results.servers)
    for name in tried(results):
        known.setdefault(name, ServerInfo(name, name, True))
    return list(known.values())


def tried(results: Results) -> list[str]:
    """Return the names of all servers with a cell."""
    return list(dict.fromkeys(map(_SERVER, itertools.chain(results.conformance, results.load))))


def checked(results: Results) -> list[str]:
    """Return the names of all servers with a cell of conformance."""
    found = set(map(_SERVER, results.conformance))
    return [each.name for each in servers(results) if each.name in found]


def searched(results: Results) -> frozenset[str]:
    """Return the names of the candidates of a search. Their broken requirements are part of its answer, no failures."""
    found = results.recommendation
    return frozenset() if found is None else frozenset(each.name for each in found.candidates)


def cases(results: Results) -> dict[str, list[CaseInfo]]:
    """Return the cases that have a cell, by area, in the order of the catalogue. A missing description stays empty."""
    known = dict(results.cases)
    for cell in results.conformance:
        if cell.case not in known:
            nowhere = Reference("", "", "", "")
            known[cell.case] = CaseInfo(cell.case, cell.level, cell.tags, cell.summary, nowhere)
    ran = {cell.case for cell in results.conformance}
    found: dict[str, list[CaseInfo]] = defaultdict(list)
    for each in known.values():
        if each.id in ran:
            found[area(each.id)].append(each)
    return dict(found)


def scenarios(results: Results) -> dict[str, tuple[ScenarioInfo, list[ScenarioResult]]]:
    """Return the scenarios that have a cell, with their cells, in the order of the call."""
    known = dict(results.scenarios)
    for each in results.load:
        known.setdefault(each.scenario, ScenarioInfo(each.scenario, each.scenario, ""))
    order = {each.name: place for place, each in enumerate(servers(results))}
    found = {}
    for name, info in known.items():
        cells = sorted((each for each in results.load if each.scenario == name), key=lambda each: order[each.server])
        if cells:
            found[name] = (info, cells)
    return found


def with_status(results: Results, *wanted: BaselineStatus) -> list[CaseResult]:
    """Return the cells with a baseline status of `wanted`, in that order, then by case and server."""
    order = {each.name: place for place, each in enumerate(servers(results))}
    found = [each for each in results.conformance if each.baseline is not None and each.baseline.status in wanted]

    def place(cell: CaseResult) -> tuple[int, str, int]:
        assert cell.baseline is not None
        return wanted.index(cell.baseline.status), cell.case, order[cell.server]

    return sorted(found, key=place)
