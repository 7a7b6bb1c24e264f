"""Stand-ins until the index and the scoreboard of the other areas are merged."""

from __future__ import annotations

from dataclasses import dataclass

from wsgi_gauntlet.harness.model import CaseInfo, Level, Results, ScenarioResult, Verdict
from wsgi_gauntlet.reports.analysis import aggregation, key_findings
from wsgi_gauntlet.reports.text import labels
from wsgi_gauntlet.reports.text.escaping import line

LETTERS = {
    Verdict.PASS: "p", Verdict.FAIL: "f", Verdict.WARN: "w", Verdict.INFO: "i", Verdict.UNSUPPORTED: "u",
    Verdict.SKIPPED: "s", Verdict.FLAKY: "k", Verdict.ERROR: "e",
}  # fmt: skip


def requirement_groups(results: Results) -> dict[str, list[CaseInfo]]:
    groups: dict[str, list[CaseInfo]] = {}
    for cases in aggregation.cases(results).values():
        for each in cases:
            groups.setdefault(each.id.rpartition("/")[0] if each.id.count("/") == 3 else each.id, []).append(each)
    return {name if len(variants) > 1 else variants[0].id: variants for name, variants in groups.items()}


def index(results: Results) -> dict[str, object]:
    groups = requirement_groups(results)
    cases, requirements, places = [], [], {}
    for r, (name, variants) in enumerate(groups.items()):
        first = variants[0]
        mine = []
        for each in variants:
            places[each.id] = len(cases)
            mine.append(len(cases))
            cases.append(
                {"id": each.id, "r": r, "variant": each.id.removeprefix(name).strip("/"), "summary": each.summary}
            )
        requirements.append({
            "id": name, "title": first.summary, "level": first.level, "tags": list(first.tags),
            "document": first.reference.document, "section": first.reference.section, "quote": first.reference.quote,
            "url": first.reference.url, "why": first.why, "sent": first.sent, "expected": first.expected,
            "basis": labels.basis(first.basis) if first.basis else "", "breach": "", "area": aggregation.area(name),
            "cases": mine,
        })  # fmt: skip
    servers = aggregation.servers(results)
    letters = {each.name: ["-"] * len(cases) for each in servers}
    actual: dict[str, dict[int, str]] = {each.name: {} for each in servers}
    for cell in results.conformance:
        letters[cell.server][places[cell.case]] = LETTERS[cell.verdict]
        if cell.verdict is not Verdict.PASS:
            actual[cell.server][places[cell.case]] = line(cell.actual, 200)
    return {
        "servers": [
            {
                "name": each.name, "title": each.title, "version": each.version, "variant": each.variant,
                "command": each.command, "python": each.python, "available": each.available, "why": each.why,
                "get": each.get, "workers": None, "threads": None, "as_run": as_run(results, each.name),
            }
            for each in servers
        ],
        "areas": list(aggregation.cases(results)),
        "requirements": requirements,
        "cases": cases,
        "verdicts": {name: "".join(each) for name, each in letters.items()},
        "actual": actual, "attempts": {}, "baseline": {}, "findings": {},
        "scenarios": [
            {"id": name, "title": info.title, "summary": info.summary}
            for name, (info, _) in aggregation.scenarios(results).items()
        ],
        "grades": {each.name: {load.scenario: load.grade for load in results.load if load.server == each.name} for each in servers},
    }  # fmt: skip


def as_run(results: Results, server: str) -> str:
    version = results.servers[server].version if server in results.servers else ""
    return line(version, 100)


@dataclass(frozen=True)
class Word:
    label: str
    sign: str
    kind: str
    rule: str


@dataclass(frozen=True)
class Row:
    server: str
    as_run: str
    word: Word | None
    word_reasons: tuple[str, ...]
    strip: ScenarioResult | None
    served: float | None
    p99: float | None
    p99_at_least: bool
    n: int
    valid: bool
    invalid_reason: str
    security_broken: int
    security_judged: int
    must_broken: int
    should_broken: int
    passed: int
    judged: int
    rate: float | None
    rate_note: str


@dataclass(frozen=True)
class Card:
    kind: str
    title: str
    headline: str
    text: str
    link_text: str = ""
    link: str = ""


@dataclass(frozen=True)
class Scoreboard:
    rows: tuple[Row, ...]


def scoreboard(results: Results) -> Scoreboard:
    featured = key_findings.featured_scenario(results)
    groups = requirement_groups(results)
    rows = []
    for server in aggregation.tried(results):
        cells = {each.case: each for each in results.conformance if each.server == server}
        must = should = passed = judged = security = security_judged = 0
        for variants in groups.values():
            verdicts = {cells[each.id].verdict for each in variants if each.id in cells}
            if not verdicts & {Verdict.PASS, Verdict.FAIL, Verdict.WARN}:
                continue
            judged += 1
            is_security = "security" in variants[0].tags and variants[0].level is Level.MUST
            security_judged += is_security
            if Verdict.FAIL in verdicts:
                must += 1
                security += is_security
            elif Verdict.WARN in verdicts:
                should += 1
            else:
                passed += 1
        load = next((each for each in results.load if each.server == server and each.scenario == featured), None)
        phase = labels.during(load) if load else None
        rates = [labels.best_rate(each) for each in results.load if each.server == server]
        rows.append(
            Row(
                server, as_run(results, server), Word("with care", "!", "warn", "rule-with-care"), (), load,
                load.goodput if load else None, phase.p99 if phase else None, bool(phase and phase.censored),
                phase.scheduled if phase else 0, load is None or load.grade.is_judged, load.note if load else "",
                security, security_judged, must, should, passed, judged,
                max((each for each in rates if each), default=None), "",
            )
        )  # fmt: skip
    return Scoreboard(tuple(rows))


def headline(results: Results) -> str:
    return key_findings.title(results)


def cards(results: Results) -> tuple[Card, ...]:
    return (Card("good", "A card", "waitress", "Every other user was served.", "see it", "#/slow-clients"),)
