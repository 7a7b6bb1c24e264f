"""Versions of one server beside each other, in their order: what each fixed and what it broke. Pure."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from wsgi_gauntlet.harness.errors import ConfigurationError
from wsgi_gauntlet.harness.model import CaseResult, Results, ServerInfo, Verdict
from wsgi_gauntlet.harness.server.name import parse, without_version
from wsgi_gauntlet.reports.analysis import aggregation
from wsgi_gauntlet.reports.analysis.aggregation import VerdictCounts
from wsgi_gauntlet.reports.analysis.verdict_changes import BLAMING_VERDICTS, improved, version_sort_key, worsened


@dataclass(frozen=True)
class VerdictChange:
    """A case that came out otherwise than in the version before: the last in which it was judged."""

    before: CaseResult
    after: CaseResult

    @property
    def case(self) -> str:
        """The case's id."""
        return self.after.case


@dataclass(frozen=True)
class VersionResult:
    """One version. `name` is what the call named it; `why` says why it was not checked, '' for those that were.

    `fixed` and `broke` are against the versions before; both are empty for the first.
    """

    name: str
    version: str
    counts: VerdictCounts
    why: str = ""
    fixed: Sequence[VerdictChange] = ()
    broke: Sequence[VerdictChange] = ()

    @property
    def others(self) -> int:
        """How many cells neither blame it nor are a pass."""
        judged = (Verdict.PASS, Verdict.FAIL, Verdict.WARN, Verdict.FLAKY)
        return self.counts.total - sum(self.counts[each] for each in judged)


@dataclass(frozen=True)
class VersionHistory:
    """A server (named without a version) and two or more versions of it, the oldest first."""

    server: str
    points: Sequence[VersionResult] = field(default_factory=tuple)

    @property
    def checked(self) -> list[VersionResult]:
        """The versions that have cells."""
        return [each for each in self.points if each.counts.total]


def version_histories(results: Results) -> list[VersionHistory]:
    """Return the servers of which two versions or more were checked, each with its versions."""
    found: dict[str, dict[str, ServerInfo]] = {}
    # The one that is installed may be one of those that were named: the first with cells stands for a version.
    checked = set(aggregation.checked(results))
    for info in sorted(aggregation.servers(results), key=lambda each: each.name not in checked):
        base, version = _server_and_version(info)
        if version:
            found.setdefault(base, {}).setdefault(version, info)
    lines = [VersionHistory(base, _version_results(results, each)) for base, each in found.items() if len(each) > 1]
    return [each for each in lines if len(each.checked) > 1]


def _server_and_version(info: ServerInfo) -> tuple[str, str]:
    """Return the server without a version, and its version: '' where nobody knows it."""
    try:
        named = parse(info.name).server.version
        base = without_version(info.name)
    except ConfigurationError:  # an adapter's file, or an older run's
        return info.name, ""
    return base, info.version.rpartition(" + ")[2] or named


def _version_results(results: Results, infos: Mapping[str, ServerInfo]) -> list[VersionResult]:
    points: list[VersionResult] = []
    known: dict[str, CaseResult] = {}
    for version in sorted(infos, key=version_sort_key):
        info = infos[version]
        cells = [each for each in results.conformance if each.server == info.name]
        changes = [VerdictChange(known[each.case], each) for each in cells if each.case in known]
        fixed = [each for each in changes if improved(each.before, each.after)]
        broke = [each for each in changes if worsened(each.before, each.after)]
        why = "" if cells else info.why.removeprefix(f"{info.name} ") or "no case of it was tried"
        points.append(
            VersionResult(
                info.name, version, aggregation.count(cells), why, _most_severe_first(fixed), _most_severe_first(broke)
            )
        )
        known.update({each.case: each for each in cells if each.verdict in BLAMING_VERDICTS | {Verdict.PASS}})
    return points


def _most_severe_first(changes: Sequence[VerdictChange]) -> list[VerdictChange]:
    """Return what a must asks for first, in each the order of the cases."""
    order = list(Verdict)

    def place(change: VerdictChange) -> int:
        return min(
            order.index(each.verdict) for each in (change.before, change.after) if each.verdict in BLAMING_VERDICTS
        )

    return sorted(changes, key=place)
