"""The scoreboard: a row for each server as it was run, from one scenario with slow clients and from conformance."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from wsgi_gauntlet.harness.errors import ConfigurationError
from wsgi_gauntlet.harness.model import CaseResult, Results, ScenarioResult, ServerInfo, Verdict
from wsgi_gauntlet.harness.server.name import parse
from wsgi_gauntlet.reports.analysis import aggregation
from wsgi_gauntlet.reports.analysis.comparison import split_chain
from wsgi_gauntlet.reports.analysis.requirements import by_requirement
from wsgi_gauntlet.reports.analysis.words import (
    RULES,
    Facts,
    Reason,
    Rule,
    Word,
    choose_word,
    connected_slow_clients,
    has_users_among_slow_clients,
    is_valid,
    serves_users,
    why_invalid,
)
from wsgi_gauntlet.reports.text import labels

CLASSROOM = "classroom"
"""The scenario of the scoreboard, if the run has a valid cell of it."""

CAPACITY_LABEL = "Requests/s at p99 ≤ 100 ms"
CAPACITY_NOTE = "the highest rate of arrivals with p99 ≤ 100 ms and goodput ≥ 0.99 (scenario capacity)"
CLOSED_LOOP_LABEL = "Requests/s, closed loop, best"
CLOSED_LOOP_NOTE = "the best rate of a closed loop: it says nothing about response times (scenario {})"


@dataclass(frozen=True)
class Row:
    """One server as it was run.

    `as_run` has its version, workers and threads. `front` is the proxy of a chain, '' without one. `strip` is the cell
    whose response times a report draws, and `served` (goodput), `p99` (seconds, a lower bound if `p99_at_least`) and
    `n` (requests) are its figures. They count only if `valid`; otherwise `invalid_reason` says why not.
    Requirements are counted once, however many variants their cases have. `judged` of them passed or were broken.
    `rate` is in requests per second; see Scoreboard.rate_note.
    """

    server: str
    title: str
    version: str
    as_run: str
    front: str
    word: Word
    word_reasons: tuple[Reason, ...]
    strip: ScenarioResult | None
    served: float | None
    p99: float | None
    p99_at_least: bool
    n: int
    valid: bool
    invalid_reason: str
    serves_users: bool
    security_broken: int
    security_judged: int
    must_broken: int
    should_broken: int
    passed: int
    judged: int
    rate: float | None
    rate_at_least: bool
    rate_scenario: str

    @property
    def behind(self) -> str:
        """The name of the server behind the proxy; the name of the server itself without a proxy."""
        return self.server.removeprefix(f"{self.front}+") if self.front else self.server


@dataclass(frozen=True)
class Scoreboard:
    """The rows, those that serve most users first, and what their columns mean.

    `scenario` is the id of the scenario with slow clients, '' if no cell of the run has any. `slow_clients` of `people`
    were slow in it; `people` is None if the scenario has no such number. `rate_label` heads the column of `rate`, and
    is '' if no row has a rate.
    """

    rows: tuple[Row, ...]
    scenario: str
    scenario_title: str
    slow_clients: int | None
    people: int | None
    rate_label: str
    rate_note: str
    rules: tuple[Rule, ...] = RULES

    @property
    def measured(self) -> tuple[Row, ...]:
        """The rows with valid figures of users among slow clients."""
        return tuple(each for each in self.rows if each.valid)


def scoreboard(results: Results) -> Scoreboard:
    """Return the scoreboard of `results`. It has a row for each server with a cell."""
    scenario = featured_slow_client_scenario(results)
    cells = {each.server: each for each in results.load if each.scenario == scenario}
    rates = _rates(results)
    infos = {each.name: each for each in aggregation.servers(results)}
    by_server: dict[str, list[CaseResult]] = {name: [] for name in aggregation.tried(results)}
    for each in results.conformance:
        by_server[each.server].append(each)
    rows = [_row(results, infos[name], checks, cells.get(name), rates) for name, checks in by_server.items()]
    rows.sort(key=_place)
    featured = [each.strip for each in rows if each.strip is not None and each.valid]
    info = results.scenarios.get(scenario)
    return Scoreboard(
        rows=tuple(rows),
        scenario=scenario,
        scenario_title=info.title if info is not None else scenario,
        slow_clients=max(map(slow_clients_of, featured), default=None),
        people=_people(featured),
        rate_label=rates.label if rates.by_server else "",
        rate_note=rates.note if rates.by_server else "",
    )


def featured_slow_client_scenario(results: Results) -> str:
    """Return the scenario of the scoreboard: classroom, else the one with slow clients and the most valid cells.

    It is '' if the run has no cell with slow clients. A scenario without a valid cell comes last.
    """
    valid: Counter[str] = Counter()
    for each in results.load:
        if not each.scenario.startswith("claims/") and (
            has_users_among_slow_clients(each) or each.scenario == CLASSROOM
        ):
            valid[each.scenario] += is_valid(each)
    if valid[CLASSROOM]:
        return CLASSROOM
    return max(valid, key=lambda each: (valid[each], each == CLASSROOM), default="")


def describe_as_run(version: str, conditions: Mapping[str, object]) -> str:
    """Return a server as it was run, as `27.0.1 · 1 worker, 1 thread`. Unknown parts are left out."""
    parts = [_describe_number(conditions.get(each), each) for each in ("workers", "threads")]
    return " · ".join(filter(None, (version, ", ".join(filter(None, parts)))))


def slow_clients_of(cell: ScenarioResult) -> int:
    """Return the number of slow clients in a cell, of its parameters if it has no count of connections."""
    asked = cell.parameters.get("clients", cell.parameters.get("slow"))
    return connected_slow_clients(cell) or (asked if isinstance(asked, int) else 0)


@dataclass(frozen=True)
class _Rates:
    """The rate of each server, whether it is a lower bound, and its scenario."""

    label: str
    note: str
    by_server: Mapping[str, tuple[float, bool, str]]


def _rates(results: Results) -> _Rates:
    """Return the capacities, or the best rates of closed loops if the run has no capacity: they are never mixed."""
    judged = [each for each in results.load if each.grade.is_judged and not each.scenario.startswith("claims/")]
    capacities = {
        each.server: (found.value, found.censored, each.scenario)
        for each in judged
        if (found := labels.capacity(each)) is not None and found.value is not None
    }
    if capacities:
        return _Rates(CAPACITY_LABEL, CAPACITY_NOTE, capacities)
    best: dict[str, tuple[float, bool, str]] = {}
    for each in judged:
        rate = labels.best_rate(each)
        if rate is not None and (each.server not in best or rate > best[each.server][0]):
            best[each.server] = (rate, False, each.scenario)
    scenarios = dict.fromkeys(scenario for _, _, scenario in best.values())
    return _Rates(CLOSED_LOOP_LABEL, CLOSED_LOOP_NOTE.format(labels.join_names(scenarios)), best)


def _row(
    results: Results, info: ServerInfo, checks: Sequence[CaseResult], strip: ScenarioResult | None, rates: _Rates
) -> Row:
    requirements = by_requirement(checks)
    verdicts = Counter(each.verdict for each in requirements)
    security = [each for each in requirements if each.is_security and each.verdict in (Verdict.PASS, Verdict.FAIL)]
    broken = [each for each in security if each.verdict is Verdict.FAIL]
    others = [each for each in results.load if each.server == info.name and _is_other_slow_client_cell(each, strip)]
    word, reasons = choose_word(
        Facts(
            server=info.name,
            for_development=info.for_development,
            among_slow_clients=strip,
            other_cells=others,
            security_broken=len(broken),
            security_judged=len(security),
            security_cases=tuple(
                cell.case
                for each in sorted(security, key=lambda found: found not in broken)
                for cell in sorted(each.cells, key=lambda found: not found.verdict.blames_server)
            ),
        )
    )
    phase = labels.during(strip) if strip is not None else None
    rate, rate_at_least, rate_scenario = rates.by_server.get(info.name, (None, False, ""))
    valid = strip is not None and is_valid(strip)
    return Row(
        server=info.name,
        title=info.title,
        version=info.version,
        as_run=describe_as_run(_version(info, strip), _conditions(results, info, strip)),
        front=_front(info.name),
        word=word,
        word_reasons=reasons,
        strip=strip,
        served=strip.goodput if strip is not None else None,
        p99=phase.p99 if phase is not None else None,
        p99_at_least=phase.censored if phase is not None else False,
        n=phase.scheduled if phase is not None else 0,
        valid=valid,
        invalid_reason="" if strip is None else why_invalid(strip),
        serves_users=strip is not None and valid and serves_users(strip),
        security_broken=len(broken),
        security_judged=len(security),
        must_broken=verdicts[Verdict.FAIL],
        should_broken=verdicts[Verdict.WARN],
        passed=verdicts[Verdict.PASS],
        judged=verdicts[Verdict.FAIL] + verdicts[Verdict.WARN] + verdicts[Verdict.PASS],
        rate=rate,
        rate_at_least=rate_at_least,
        rate_scenario=rate_scenario,
    )


def _is_other_slow_client_cell(cell: ScenarioResult, strip: ScenarioResult | None) -> bool:
    return (
        (strip is None or cell.scenario != strip.scenario)
        and not cell.scenario.startswith("claims/")
        and (cell.collapse is not None or has_users_among_slow_clients(cell))
    )


def _place(row: Row) -> tuple[bool, float, int, int, str]:
    served = row.served if row.valid and row.served is not None else None
    return (served is None, -(served or 0.0), row.security_broken, row.must_broken, row.server)


def _people(cells: Sequence[ScenarioResult]) -> int | None:
    numbers = {each.parameters.get("people") for each in cells}
    number = numbers.pop() if len(numbers) == 1 else None
    return number if isinstance(number, int) else None


def _version(info: ServerInfo, strip: ScenarioResult | None) -> str:
    return info.version or str(strip.conditions.get("version", "") if strip is not None else "")


def _conditions(results: Results, info: ServerInfo, strip: ScenarioResult | None) -> Mapping[str, object]:
    """Return the conditions of the featured cell, else those of the usual start, else those of another cell."""
    others = (each.conditions for each in results.load if each.server == info.name)
    known = ((strip.conditions if strip is not None else {}), info.conditions, *others)
    return next((each for each in known if "workers" in each or "threads" in each), {})


def _describe_number(value: object, what: str) -> str:
    """Return a number of workers or threads in words; adapters describe those that are no fixed number."""
    if isinstance(value, int):
        return labels.pluralize(value, what.removesuffix("s"))
    text = str(value) if value is not None else ""
    for short, article in (("one a connection", "connection"), ("one a request", "request")):
        if text.startswith(short):
            return f"a {what.removesuffix('s')} for each {article}{text.removeprefix(short)}"
    if text == "no limit":
        return f"{what} without a limit"
    return text if not text or what.removesuffix("s") in text or "greenlet" in text else f"{what}: {text}"


def _front(name: str) -> str:
    """Return the proxy of a chain as the user wrote it, '' for another server."""
    try:
        return split_chain(name)[0] if parse(name).front is not None else ""
    except ConfigurationError:
        return ""
