"""Compare a run with an earlier one: what broke, what was fixed, and what can no longer be said. Pure.

`DiffDocument` is what `diff --json` prints. Its fields keep their names and meanings in schema 1.
"""

from __future__ import annotations

import enum
from collections import Counter
from collections.abc import Callable, Collection, Hashable, Iterable, Mapping
from dataclasses import dataclass, field, replace
from typing import TypeVar

from wsgi_gauntlet.harness.errors import ConfigurationError
from wsgi_gauntlet.harness.model import (
    BaseRun,
    CaseResult,
    Grade,
    Level,
    Results,
    ScenarioResult,
    ServerInfo,
    Verdict,
)
from wsgi_gauntlet.harness.model.naming import requirement_id
from wsgi_gauntlet.harness.server.name import parse
from wsgi_gauntlet.reports.analysis.comparison import GRADES_BEST_FIRST
from wsgi_gauntlet.reports.analysis.surroundings import (
    Difference,
    cell_differences,
    run_differences,
    server_differences,
)
from wsgi_gauntlet.reports.text import labels

Judged = TypeVar("Judged", Verdict, Grade)

SCHEMA = 1
"""The version of the document. A change that old readers cannot read raises it."""


class ChangeKind(enum.StrEnum):
    """The change of a cell, or of the grade of a cell of load.

    BROKEN: it passed and now blames the server. FIXED: it blamed the server and now passes. FLAKY: it is flaky in one
    of the runs, which proves neither. OTHER: its level changed, or no run judged it.
    """

    BROKEN = "broken"
    FIXED = "fixed"
    JUDGED_NOW = "judged_now"
    FLAKY = "flaky"
    NO_LONGER_JUDGED = "no_longer_judged"
    APPEARED = "appeared"
    DISAPPEARED = "disappeared"
    OTHER = "other"


class FailOn(enum.StrEnum):
    """What makes `diff` end with exit code 1. SHOULD includes MUST."""

    MUST = "must"
    SHOULD = "should"
    GRADE = "grade"


@dataclass(frozen=True)
class ServerMatch:
    """A server of both runs. `note` says how it was found if its name differs, else it is ''."""

    base: str
    new: str
    base_version: str = ""
    new_version: str = ""
    note: str = ""
    differences: tuple[Difference, ...] = ()


@dataclass(frozen=True)
class CellChange:
    """One case on one server, named as in the new run. `expected` and `actual` are those of the new run."""

    server: str
    case: str
    before: Verdict | None
    after: Verdict | None
    expected: str = ""
    actual: str = ""


@dataclass(frozen=True)
class RequirementChange:
    """A requirement with the cells that changed in the same way; its variants count once.

    `variants` has the number of its variants by server.
    """

    requirement: str
    kind: ChangeKind
    level: Level
    tags: tuple[str, ...]
    cells: tuple[CellChange, ...]
    variants: Mapping[str, int]

    @property
    def security(self) -> bool:
        """Say whether it protects against attacks."""
        return "security" in self.tags

    @property
    def blames_server(self) -> bool:
        """Say whether a cell blames its server in the new run."""
        return any(each.after is not None and each.after.blames_server for each in self.cells)

    @property
    def servers(self) -> dict[str, tuple[CellChange, ...]]:
        """The changed cells by server."""
        found: dict[str, tuple[CellChange, ...]] = {}
        for each in self.cells:
            found[each.server] = (*found.get(each.server, ()), each)
        return found


@dataclass(frozen=True)
class Figure:
    """One figure of both runs. `base_censored` and `new_censored` mark lower bounds."""

    id: str
    label: str
    unit: str
    base: float | None
    new: float | None
    base_censored: bool = False
    new_censored: bool = False


@dataclass(frozen=True)
class LoadChange:
    """One scenario on one server of both runs; `kind` is None if the grade is the same.

    `figures` is empty if the surroundings differ: `differences` says in what.
    """

    server: str
    scenario: str
    kind: ChangeKind | None
    before: Grade | None
    after: Grade | None
    differences: tuple[Difference, ...] = ()
    figures: tuple[Figure, ...] = ()

    @property
    def is_regression(self) -> bool:
        """Say whether the server is worse: nothing differs but the version of the server."""
        return self.kind is ChangeKind.BROKEN and not any(each for each in self.differences if not each.of_server)


@dataclass(frozen=True)
class RunDiff:
    """The difference of two runs. `same` counts the cells of conformance whose verdict is the same."""

    base: str
    new: str
    servers: tuple[ServerMatch, ...]
    only_in_base: tuple[str, ...]
    only_in_new: tuple[str, ...]
    ambiguous: tuple[str, ...]
    differences: tuple[Difference, ...]
    requirements: tuple[RequirementChange, ...]
    loads: tuple[LoadChange, ...]
    same: int = 0
    base_finished: bool = True
    new_finished: bool = True

    @property
    def not_compared(self) -> str:
        """The reason why the runs cannot be compared, '' if they can."""
        if not self.servers:
            return "the runs have no server in common"
        appeared = (ChangeKind.APPEARED, ChangeKind.DISAPPEARED)
        kinds = [*(each.kind for each in self.requirements), *(each.kind for each in self.loads)]
        return "" if self.same or set(kinds) - set(appeared) else "the runs have no cell in common"

    @property
    def regressions(self) -> list[LoadChange]:
        """The cells of load whose server is worse."""
        return [each for each in self.loads if each.is_regression]

    def of_kind(self, *kinds: ChangeKind) -> list[RequirementChange]:
        """Return the requirements with a change of `kinds`, the most important first."""
        return [each for each in self.requirements if each.kind in kinds]

    @property
    def broken(self) -> list[RequirementChange]:
        """The requirements that broke, security first."""
        return self.of_kind(ChangeKind.BROKEN)

    @property
    def fixed(self) -> list[RequirementChange]:
        """The requirements that were fixed, security first."""
        return self.of_kind(ChangeKind.FIXED)

    @property
    def grade_changes(self) -> list[LoadChange]:
        """The cells of load whose grade changed, the worse ones first."""
        order = list(ChangeKind)
        changed = [(order.index(each.kind), each) for each in self.loads if each.kind is not None]
        return [each for _, each in sorted(changed, key=lambda pair: pair[0])]

    @property
    def comparable_loads(self) -> list[LoadChange]:
        """The cells of load with figures."""
        return [each for each in self.loads if each.figures]

    def failures(self, fail_on: Collection[FailOn]) -> list[str]:
        """Return why the difference ends with exit code 1, one text for each reason; [] if it does not."""
        must = [each for each in self.broken if _breaks(each, Verdict.FAIL)]
        should = [each for each in self.broken if _breaks(each, Verdict.WARN)]
        found = []
        if must and {FailOn.MUST, FailOn.SHOULD} & set(fail_on):
            found.append(f"{labels.pluralize(len(must), 'requirement (must)', 'requirements (must)')} broke")
        if should and FailOn.SHOULD in fail_on:
            found.append(
                f"{labels.pluralize(len(should), 'recommendation (should)', 'recommendations (should)')} broke"
            )
        if self.regressions and FailOn.GRADE in fail_on:
            found.append(f"{labels.pluralize(len(self.regressions), 'grade')} got worse")
        return found


@dataclass(frozen=True)
class DiffDocument:
    """The document of `diff --json`. `failures` say why the command ends with 1."""

    diff: RunDiff
    failures: tuple[str, ...] = ()
    schema: int = SCHEMA


@dataclass(frozen=True)
class _Side:
    """One run in the form that both runs have."""

    servers: Mapping[str, ServerInfo]
    levels: Mapping[str, tuple[Level, tuple[str, ...]]]
    verdicts: Mapping[str, Mapping[str, Verdict]]
    loads: Mapping[str, Mapping[str, ScenarioResult]]

    @property
    def names(self) -> list[str]:
        """The servers with a cell."""
        return list(dict.fromkeys([*self.verdicts, *self.loads]))


@dataclass
class _Matches:
    pairs: list[ServerMatch] = field(default_factory=list)
    ambiguous: list[str] = field(default_factory=list)


def run_diff(base: BaseRun, new: Results, name: str = "") -> RunDiff:
    """Return the difference of `new` to `base`. `name` is the path of the new run."""
    before, after = _base_side(base), _new_side(new)
    matches = _match_servers(before, after)
    cells = {(each.server, each.case): each for each in new.conformance}
    changes: list[tuple[ChangeKind, CellChange]] = []
    variants: dict[str, Counter[str]] = {}
    same = 0
    for match in matches.pairs:
        old, now = before.verdicts.get(match.base, {}), after.verdicts.get(match.new, {})
        both = dict.fromkeys([*now, *old]) if old and now else {}
        variants[match.new] = Counter(map(requirement_id, both))
        for case in both:
            kind = change_kind(old.get(case), now.get(case))
            if kind is None:
                same += 1
                continue
            changes.append((kind, _cell_change(match.new, case, old.get(case), cells.get((match.new, case)))))
    differences = run_differences(base.environment, new.environment)
    paired = {each.base for each in matches.pairs}, {each.new for each in matches.pairs}
    return RunDiff(
        base=base.name,
        new=name,
        servers=tuple(matches.pairs),
        only_in_base=tuple(each for each in before.names if each not in paired[0]),
        only_in_new=tuple(each for each in after.names if each not in paired[1]),
        ambiguous=tuple(matches.ambiguous),
        differences=tuple(differences),
        requirements=tuple(_requirements(changes, before, after, variants)),
        loads=tuple(_loads(matches.pairs, before, after, differences)),
        same=same,
        base_finished=base.finished,
        new_finished=new.finished,
    )


def change_kind(before: Verdict | None, after: Verdict | None) -> ChangeKind | None:
    """Return the kind of a change of a verdict (None: no cell), None if nothing changed.

    Only a pass that now blames the server is BROKEN: nothing else proves that the server became worse.
    """
    return _change_kind(before, after, _verdict_kind)


def grade_change_kind(before: Grade | None, after: Grade | None) -> ChangeKind | None:
    """Return the kind of a change of a grade, BROKEN for a worse and FIXED for a better one. None: it is the same."""
    return _change_kind(before, after, _grade_kind)


def _change_kind(
    before: Judged | None, after: Judged | None, both_kind: Callable[[Judged, Judged], ChangeKind]
) -> ChangeKind | None:
    """Return None if nothing changed, else the kind of the change.

    `both_kind` returns it if both runs have a result that is judged, or neither has.
    """
    if before is after:
        return None
    if before is None:
        return ChangeKind.APPEARED
    if after is None:
        return ChangeKind.DISAPPEARED
    if before.is_judged is not after.is_judged:
        return ChangeKind.JUDGED_NOW if after.is_judged else ChangeKind.NO_LONGER_JUDGED
    return both_kind(before, after)


def _verdict_kind(before: Verdict, after: Verdict) -> ChangeKind:
    if Verdict.FLAKY in (before, after):
        return ChangeKind.FLAKY
    if before is Verdict.PASS and after.blames_server:
        return ChangeKind.BROKEN
    if before.blames_server and after is Verdict.PASS:
        return ChangeKind.FIXED
    return ChangeKind.OTHER


def _grade_kind(before: Grade, after: Grade) -> ChangeKind:
    if before not in GRADES_BEST_FIRST or after not in GRADES_BEST_FIRST:
        return ChangeKind.OTHER
    worse = GRADES_BEST_FIRST.index(after) > GRADES_BEST_FIRST.index(before)
    return ChangeKind.BROKEN if worse else ChangeKind.FIXED


def _breaks(change: RequirementChange, verdict: Verdict) -> bool:
    return any(each.after is verdict for each in change.cells)


def _base_side(base: BaseRun) -> _Side:
    return _Side(
        base.servers,
        {case: (each.level, each.tags) for case, each in base.cases.items()},
        base.verdicts,
        _loads_by_server(base.load),
    )


def _new_side(new: Results) -> _Side:
    verdicts: dict[str, dict[str, Verdict]] = {}
    for each in new.conformance:
        verdicts.setdefault(each.server, {})[each.case] = each.verdict
    cells = {each.case: (each.level, each.tags) for each in new.conformance}
    return _Side(new.servers, cells, verdicts, _loads_by_server(new.load))


def _loads_by_server(loads: Iterable[ScenarioResult]) -> dict[str, dict[str, ScenarioResult]]:
    found: dict[str, dict[str, ScenarioResult]] = {}
    for each in loads:
        found.setdefault(each.server, {})[each.scenario] = each
    return found


def _match_servers(before: _Side, after: _Side) -> _Matches:
    """Match servers by name, then by name and variant, then without the version if only one of each run is left."""
    found = _Matches()
    left, right = before.names, after.names
    keys: tuple[tuple[Callable[[str, ServerInfo | None], Hashable], str], ...] = (
        (lambda name, _: name, ""),
        (lambda name, info: _server_key(name, info, version=True), "the same server and variant"),
        (lambda name, info: _server_key(name, info, version=False), "matched without the version"),
    )
    for key, note in keys:
        olds, news = _group(left, before, key), _group(right, after, key)
        for each, names in olds.items():
            others = news.get(each, [])
            if len(names) == len(others) == 1:
                found.pairs.append(_server_match(names[0], others[0], before, after, note))
            elif others:
                found.ambiguous.append(f"{', '.join(names)} could be {' or '.join(others)}")
        paired = {each.base for each in found.pairs}, {each.new for each in found.pairs}
        left, right = (
            [each for each in left if each not in paired[0]],
            [each for each in right if each not in paired[1]],
        )
    order = {name: place for place, name in enumerate(after.names)}
    found.pairs.sort(key=lambda each: order[each.new])
    return found


def _group(
    names: Iterable[str], side: _Side, key: Callable[[str, ServerInfo | None], Hashable]
) -> dict[Hashable, list[str]]:
    found: dict[Hashable, list[str]] = {}
    for each in names:
        found.setdefault(key(each, side.servers.get(each)), []).append(each)
    return found


def _server_key(name: str, info: ServerInfo | None, *, version: bool) -> Hashable:
    try:
        parsed = parse(name)
    except ConfigurationError:
        return name  # an adapter file, or a name of another version
    server = replace(parsed.server, variant=parsed.server.variant or (info.variant if info else ""))
    front = parsed.front
    if not version:
        server = replace(server, version="")
        front = replace(front, version="") if front is not None else None
    return (server, front)


def _server_match(base: str, new: str, before: _Side, after: _Side, note: str) -> ServerMatch:
    old, now = before.servers.get(base), after.servers.get(new)
    return ServerMatch(
        base, new, old.version if old else "", now.version if now else "", note, tuple(server_differences(old, now))
    )


def _cell_change(server: str, case: str, before: Verdict | None, now: CaseResult | None) -> CellChange:
    if now is None:
        return CellChange(server, case, before, None)
    return CellChange(server, case, before, now.verdict, now.expected, now.actual)


def _requirements(
    changes: Iterable[tuple[ChangeKind, CellChange]],
    before: _Side,
    after: _Side,
    variants: Mapping[str, Mapping[str, int]],
) -> list[RequirementChange]:
    groups: dict[tuple[ChangeKind, str], list[CellChange]] = {}
    for kind, each in changes:
        groups.setdefault((kind, requirement_id(each.case)), []).append(each)
    found = []
    for (kind, requirement), cells in groups.items():
        known = [after.levels.get(each.case) or before.levels.get(each.case) or (Level.INFO, ()) for each in cells]
        tags = tuple(dict.fromkeys(tag for _, each in known for tag in each))
        counts = {each.server: variants[each.server][requirement] for each in cells}
        found.append(RequirementChange(requirement, kind, known[0][0], tags, tuple(cells), counts))
    kinds, levels = list(ChangeKind), list(Level)
    found.sort(
        key=lambda each: (
            kinds.index(each.kind),
            not each.security,
            not each.blames_server,
            levels.index(each.level),
            -len(each.servers),
            each.requirement,
        )
    )
    return found


def _loads(
    matches: Iterable[ServerMatch], before: _Side, after: _Side, differences: Iterable[Difference]
) -> list[LoadChange]:
    found: list[LoadChange] = []
    for match in matches:
        old, now = before.loads.get(match.base, {}), after.loads.get(match.new, {})
        both = dict.fromkeys([*now, *old]) if old and now else {}
        found += [_load_change(match, each, old.get(each), now.get(each), differences) for each in both]
    return found


def _load_change(
    match: ServerMatch,
    scenario: str,
    old: ScenarioResult | None,
    now: ScenarioResult | None,
    differences: Iterable[Difference],
) -> LoadChange:
    grades = old.grade if old else None, now.grade if now else None
    kind = grade_change_kind(*grades)
    if old is None or now is None:
        return LoadChange(match.new, scenario, kind, *grades)
    conditions = cell_differences(old, now)
    differing = (
        *differences,
        *conditions,
        *(each for each in match.differences if each.what not in {c.what for c in conditions}),
    )
    both = old.grade.is_judged and now.grade.is_judged
    figures = _figures(old, now) if both and not differing else ()
    figures = tuple(each for each in figures if each.base is not None or each.new is not None)
    return LoadChange(match.new, scenario, kind, *grades, differing, figures)


def _figures(old: ScenarioResult, now: ScenarioResult) -> Iterable[Figure]:
    before, after = labels.during(old), labels.during(now)
    yield Figure("goodput", "goodput", "share", old.goodput, now.goodput)
    if before is not None and after is not None:
        yield Figure("p99", "p99", "s", before.p99, after.p99, before.censored, after.censored)
    yield Figure("slowdown", "slowdown", "×", old.slowdown, now.slowdown, old.slowdown_censored, now.slowdown_censored)
    yield Figure("collapse", "N*", "", old.collapse, now.collapse)
    yield Figure("recovery", "recovery", "s", old.recovery, now.recovery)
    yield Figure("best_rate", "best rate", "requests/s", labels.best_rate(old), labels.best_rate(now))
    known = {each.id: each for each in old.metrics}
    for metric in now.metrics:
        if (earlier := known.get(metric.id)) is not None and earlier.unit == metric.unit:
            yield Figure(
                metric.id, metric.label, metric.unit, earlier.value, metric.value, earlier.censored, metric.censored
            )
