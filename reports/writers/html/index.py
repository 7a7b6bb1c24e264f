"""The block "index" of the page: servers, requirements, cases, and the verdict of each cell.

The page reads it at once, so it has no evidence, and repeated texts are in it once.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from wsgi_gauntlet.harness.baseline.comparison import describe_status
from wsgi_gauntlet.harness.model import BaselineExpectation, CaseInfo, CaseResult, Results, ServerInfo, Verdict
from wsgi_gauntlet.harness.model.naming import group_variants
from wsgi_gauntlet.harness.model.requirement import DECISIVE_VERDICTS
from wsgi_gauntlet.harness.server.user_app import USER_APP_CASE_PREFIX
from wsgi_gauntlet.reports.analysis import aggregation
from wsgi_gauntlet.reports.analysis.scoreboard import describe_as_run
from wsgi_gauntlet.reports.text import labels
from wsgi_gauntlet.reports.text.escaping import escape_text, line
from wsgi_gauntlet.reports.writers.html.verdict_letters import LETTERS, NOT_ASKED

MAX_ACTUAL_CHARACTERS = 300
"""Characters of the behaviour of a cell. The evidence has all of it."""

MAX_STATUS_CHARACTERS = 500
"""Characters of how a cell compares to the baseline."""

MAX_FINDING_CHARACTERS = 400
"""Characters of a lint finding."""


def index(results: Results) -> dict[str, object]:
    """Return the block. Places of servers, requirements, cases and findings count from 0.

    `decisive` has the letters of verdicts in the order in which one variant decides for its requirement. `of_app` says
    that a requirement checks the user's app. `verdicts` has a letter for each case. `actual` has the behaviour in cells
    that are not a pass, `attempts` those of them that had several. `baseline` has {status, text, link}. `findings` are
    places in `finding_lines`.
    """
    groups = _groups(results)
    variants = [each for group in groups.values() for each in group]
    places = {each.id: place for place, each in enumerate(variants)}
    servers = aggregation.servers(results)
    cells = _Cells([each.name for each in servers], places)
    for cell in results.conformance:
        cells.add(cell)
    return {
        "servers": [_server(results, each) for each in servers],
        "decisive": "".join(LETTERS[each] for each in DECISIVE_VERDICTS),
        "areas": list(dict.fromkeys(aggregation.area(each.id) for each in variants)),
        "requirements": [_requirement(name, group, places) for name, group in groups.items()],
        "cases": [
            {
                "id": each.id,
                "r": number,
                "variant": each.id.removeprefix(name).strip("/"),
                "summary": escape_text(each.summary),
            }
            for number, (name, group) in enumerate(groups.items())
            for each in group
        ],
        "verdicts": {name: "".join(letters) for name, letters in cells.verdicts.items()},
        "actual": cells.actual,
        "attempts": cells.attempts,
        "baseline": cells.baseline,
        "findings": cells.findings,
        "finding_lines": list(cells.finding_lines),
        "scenarios": [
            {"id": name, "title": escape_text(info.title), "summary": escape_text(info.summary)}
            for name, (info, _) in aggregation.scenarios(results).items()
        ],
        "grades": _grades(results, servers),
    }


def case_places(results: Results) -> dict[str, int]:
    """Return the places of the cases in the index."""
    ids = [each.id for group in _groups(results).values() for each in group]
    return {each: place for place, each in enumerate(ids)}


def _groups(results: Results) -> dict[str, list[CaseInfo]]:
    return group_variants(each for area in aggregation.cases(results).values() for each in area)


class _Cells:
    """What the index has of cells, by server and place of the case."""

    def __init__(self, servers: Sequence[str], places: Mapping[str, int]) -> None:
        self._places = places
        self.verdicts = {name: [NOT_ASKED] * len(places) for name in servers}
        self.actual: dict[str, dict[int, str]] = {name: {} for name in servers}
        self.attempts: dict[str, dict[int, int]] = {name: {} for name in servers}
        self.baseline: dict[str, dict[int, dict[str, str]]] = {name: {} for name in servers}
        self.findings: dict[str, dict[int, list[int]]] = {name: {} for name in servers}
        self.finding_lines: dict[str, int] = {}
        self._lines: dict[str, str] = {}

    def add(self, cell: CaseResult) -> None:
        """Add a cell."""
        place = self._places[cell.case]
        self.verdicts[cell.server][place] = LETTERS[cell.verdict]
        if cell.verdict is not Verdict.PASS:
            if cell.actual:
                self.actual[cell.server][place] = self._line(cell.actual, MAX_ACTUAL_CHARACTERS)
            if cell.attempts > 1:
                self.attempts[cell.server][place] = cell.attempts
        if cell.baseline is not None:
            self.baseline[cell.server][place] = {
                "status": cell.baseline.status.value,
                "text": line(_standing(cell, cell.baseline), MAX_STATUS_CHARACTERS),
                "link": _link(cell.baseline.link),
            }
        if cell.findings:
            self.findings[cell.server][place] = [
                self.finding_lines.setdefault(self._line(each, MAX_FINDING_CHARACTERS), len(self.finding_lines))
                for each in cell.findings
            ]

    def _line(self, text: str, limit: int) -> str:
        """Return `line` of `text`. Thousands of cells have the same text."""
        if text not in self._lines:
            self._lines[text] = line(text, limit)
        return self._lines[text]


def _server(results: Results, info: ServerInfo) -> dict[str, object]:
    conditions = next(
        (
            each
            for each in (info.conditions, *(each.conditions for each in results.load if each.server == info.name))
            if "workers" in each or "threads" in each
        ),
        {},
    )
    return {
        "name": info.name,
        "title": line(info.title),
        "version": line(info.version),
        "variant": line(info.variant),
        "command": escape_text(info.command),
        "python": line(info.python),
        "available": info.available,
        "why": line(info.why),
        "get": escape_text(info.get),
        "workers": _condition(conditions, "workers"),
        "threads": _condition(conditions, "threads"),
        "as_run": line(describe_as_run(info.version, conditions)),
    }


def _standing(cell: CaseResult, expectation: BaselineExpectation) -> str:
    """Return how a cell compares to the baseline, with the last day of the entry, and its link if it is no web page."""
    text = describe_status(cell)
    if expectation.expires and not expectation.expired:
        text += f"; until {expectation.expires}"
    return f"{text} ({expectation.link})" if expectation.link and not _link(expectation.link) else text


def _link(url: str) -> str:
    """Return `url` if it is a web page: a script must not become a link."""
    return line(url) if url.startswith(("https://", "http://")) else ""


def _condition(conditions: Mapping[str, object], name: str) -> int | str | None:
    """Return the number, or its description in the words of the adapter."""
    value = conditions.get(name)
    return value if value is None or isinstance(value, int) else line(str(value))


def _requirement(name: str, variants: Sequence[CaseInfo], places: Mapping[str, int]) -> dict[str, object]:
    first = variants[0]
    return {
        "id": name,
        "title": escape_text(first.summary),
        "level": first.level.value,
        "tags": list(dict.fromkeys(tag for each in variants for tag in each.tags)),
        "document": escape_text(first.reference.document),
        "section": escape_text(first.reference.section),
        "quote": escape_text(first.reference.quote),
        "url": _link(first.reference.url),
        "why": escape_text(first.why),
        "sent": escape_text(first.sent),
        "expected": escape_text(first.expected),
        "basis": escape_text(labels.basis(first.basis)) if first.basis is not None else "",
        "breach": labels.BREACHES[first.breach] if first.breach is not None else "",
        "area": aggregation.area(name),
        "of_app": name.startswith(USER_APP_CASE_PREFIX),
        "cases": [places[each.id] for each in variants],
    }


def _grades(results: Results, servers: Sequence[ServerInfo]) -> dict[str, dict[str, str]]:
    found: dict[str, dict[str, str]] = {each.name: {} for each in servers}
    for each in results.load:
        found[each.server][each.scenario] = each.grade.value
    return found
