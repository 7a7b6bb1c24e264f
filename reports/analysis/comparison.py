"""Compare servers that differ in one thing: a proxy, a version or tuned settings."""

from __future__ import annotations

import enum
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace

from packaging.version import InvalidVersion, Version

from wsgi_gauntlet.harness.errors import ConfigurationError
from wsgi_gauntlet.harness.model import CaseResult, Grade, Results, ScenarioResult, ServerInfo, Verdict
from wsgi_gauntlet.harness.server.name import ServerSpec, parse
from wsgi_gauntlet.reports.analysis import aggregation
from wsgi_gauntlet.reports.text import labels

JUDGED_VERDICTS = frozenset({Verdict.FAIL, Verdict.WARN, Verdict.PASS, Verdict.INFO, Verdict.FLAKY})

GRADES_BEST_FIRST = (Grade.UNAFFECTED, Grade.DEGRADED, Grade.COLLAPSED, Grade.NOT_RECOVERED)
"""The grades that can be compared, the best first."""


class Difference(enum.Enum):
    """The difference between two servers, with the words for better and worse."""

    FRONT = ("masked", "caused")
    VERSION = ("fixed", "broke")
    TUNED = ("improved", "worsened")

    @property
    def improved_label(self) -> str:
        """The word for a case that only the plain server breaks."""
        return self.value[0]

    @property
    def worsened_label(self) -> str:
        """The word for a case that only the other server breaks."""
        return self.value[1]


@dataclass(frozen=True)
class ServerComparison:
    """The servers `plain` and `other`: without and with a proxy, older and newer, default and tuned.

    `what` names the difference. `same` counts the cases with equal verdicts, `not_judged` those without a verdict for
    one of the servers. `improved`, `worsened` and `changes` (neither of them) are pairs (plain, other).
    """

    plain: str
    other: str
    difference: Difference
    what: str
    same: int
    not_judged: int
    improved: Sequence[tuple[CaseResult, CaseResult]]
    worsened: Sequence[tuple[CaseResult, CaseResult]]
    changes: Sequence[tuple[CaseResult, CaseResult]]
    loads: Sequence[tuple[ScenarioResult, ScenarioResult]]

    @property
    def summary(self) -> str:
        """The numbers in words, or '' if there are no common cases."""
        if not (self.same or self.improved or self.worsened or self.changes or self.not_judged):
            return ""
        parts = [
            f"{self.difference.improved_label} {len(self.improved)}",
            f"{self.difference.worsened_label} {len(self.worsened)}",
            f"the same in {labels.pluralize(self.same, 'case')}",
        ]
        if self.changes:
            parts.append(f"other changes in {len(self.changes)}")
        if self.not_judged:
            parts.append(f"{self.not_judged} not judged for both")
        return ", ".join(parts)

    @property
    def better(self) -> int:
        """The number of scenarios in which `other` is better."""
        return sum(compare_loads(*each) > 0 for each in self.loads)

    @property
    def worse(self) -> int:
        """The number of scenarios in which `other` is worse."""
        return sum(compare_loads(*each) < 0 for each in self.loads)


@dataclass(frozen=True)
class MissingServer:
    """A chain whose server is not part of the run without the proxy. `alone` is the name to add to the call."""

    chain: str
    front: str
    alone: str


@dataclass(frozen=True)
class _NormalizedName:
    """A server name with its variant and versions, so that equal servers have equal names."""

    server: ServerSpec
    front: ServerSpec | None = None


def find_pairs(results: Results) -> list[ServerComparison]:
    """Return every pair of the run with a common case or scenario, chains first.

    Three or more versions are part of the version history instead.
    """
    forms = _normalized_names(results)
    by_form: dict[_NormalizedName, str] = {}
    for name, form in forms.items():
        by_form.setdefault(form, name)
    found = (*_front_candidates(forms, by_form), *_version_candidates(by_form), *_tuned_candidates(forms, by_form))
    return [comparison for each in found if (comparison := _compare(results, *each)).summary or comparison.loads]


def missing_servers(results: Results) -> list[MissingServer]:
    """Return the chains whose server behind the proxy is not part of the run by itself."""
    called = {_normalize(each) for each in aggregation.servers(results)}
    return [
        MissingServer(name, *split_chain(name))
        for name, form in _normalized_names(results).items()
        if form.front is not None and replace(form, front=None) not in called
    ]


def compare_loads(plain: ScenarioResult, other: ScenarioResult) -> int:
    """Return 1 if `other` is better, -1 if it is worse, else 0. The grade decides, then N* if both collapsed."""
    if plain.grade not in GRADES_BEST_FIRST or other.grade not in GRADES_BEST_FIRST:
        return 0
    before, after = GRADES_BEST_FIRST.index(plain.grade), GRADES_BEST_FIRST.index(other.grade)
    if before == after and plain.collapse is not None and other.collapse is not None:
        before, after = other.collapse, plain.collapse
    return (before > after) - (before < after)


def improved(before: CaseResult, after: CaseResult) -> bool:
    """Say whether `before` blames the server and `after` is a pass. A flaky cell shows no difference."""
    return before.verdict.blames_server and after.verdict is Verdict.PASS


def worsened(before: CaseResult, after: CaseResult) -> bool:
    """Say whether `before` is a pass and `after` blames the server."""
    return improved(after, before)


def version_sort_key(version: str) -> tuple[bool, Version | str]:
    """Return the sort key of a version: `23.0.0rc1` comes before `23.0.0`. Others than PEP 440 are first."""
    try:
        return True, Version(version)
    except InvalidVersion:
        return False, version


_Candidate = tuple[str, str, Difference, str]


def _front_candidates(
    forms: Mapping[str, _NormalizedName], by_form: Mapping[_NormalizedName, str]
) -> Iterator[_Candidate]:
    for name, form in forms.items():
        if form.front is not None and (plain := by_form.get(replace(form, front=None))):
            yield plain, name, Difference.FRONT, split_chain(name)[0]


def _version_candidates(by_form: Mapping[_NormalizedName, str]) -> Iterator[_Candidate]:
    groups: dict[_NormalizedName, list[_NormalizedName]] = {}
    for form in by_form:
        groups.setdefault(replace(form, server=replace(form.server, version="")), []).append(form)
    for each in groups.values():
        if len(each) == 2 and all(one.server.version for one in each):
            older, newer = sorted(each, key=lambda one: version_sort_key(one.server.version))
            what = f"{older.server.version} → {newer.server.version}"
            yield by_form[older], by_form[newer], Difference.VERSION, what


def _tuned_candidates(
    forms: Mapping[str, _NormalizedName], by_form: Mapping[_NormalizedName, str]
) -> Iterator[_Candidate]:
    for name, form in forms.items():
        for place in ("server", "front"):
            part: ServerSpec | None = getattr(form, place)
            if part is None or not part.settings.tuned:
                continue
            untuned = replace(part, settings=replace(part.settings, tuned=False))
            plain = by_form.get(
                _NormalizedName(untuned, form.front) if place == "server" else _NormalizedName(form.server, untuned)
            )
            if plain:
                yield plain, name, Difference.TUNED, f"{part.adapter} tuned"


def _normalized_names(results: Results) -> dict[str, _NormalizedName]:
    """Return the normalized names of all servers with a cell. The name of a file or a template has none."""
    ran = set(aggregation.tried(results))
    found = {}
    for info in aggregation.servers(results):
        form = _normalize(info) if info.name in ran else None
        if form is not None:
            found[info.name] = form
    return found


def _normalize(info: ServerInfo) -> _NormalizedName | None:
    try:
        name = parse(info.name)
    except ConfigurationError:
        return None
    front, joined, behind = info.version.rpartition(" + ")
    server = replace(name.server, variant=name.server.variant or info.variant, version=behind or name.server.version)
    if name.front is None:
        return _NormalizedName(server)
    return _NormalizedName(server, replace(name.front, version=(front if joined else "") or name.front.version))


def split_chain(chain: str) -> tuple[str, str]:
    """Return the proxy and the server of a chain as the user wrote them. A version can have a + too.

    Raises ConfigurationError if `chain` is no server name.
    """
    wanted = parse(chain).server
    for at in (each.start() for each in re.finditer(r"\+", chain)):
        front, alone = chain[:at], chain[at + 1 :]
        try:
            if parse(alone).server == wanted and parse(alone).front is None:
                return front, alone
        except ConfigurationError:
            continue
    return "", chain


def _compare(results: Results, plain: str, other: str, difference: Difference, what: str) -> ServerComparison:
    first = {each.case: each for each in results.conformance if each.server == plain}
    both = [(first[each.case], each) for each in results.conformance if each.server == other and each.case in first]
    judged = [each for each in both if {each[0].verdict, each[1].verdict} <= JUDGED_VERDICTS]
    differing = [each for each in judged if each[0].verdict is not each[1].verdict]
    improved_cells = [each for each in differing if improved(*each)]
    worsened_cells = [each for each in differing if worsened(*each)]
    loads = {each.scenario: each for each in results.load if each.server == plain}
    return ServerComparison(
        plain,
        other,
        difference,
        what,
        same=len(judged) - len(differing),
        not_judged=len(both) - len(judged),
        improved=improved_cells,
        worsened=worsened_cells,
        changes=[each for each in differing if each not in improved_cells and each not in worsened_cells],
        loads=[
            (loads[each.scenario], each) for each in results.load if each.server == other and each.scenario in loads
        ],
    )
