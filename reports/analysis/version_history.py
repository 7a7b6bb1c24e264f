"""The versions of one server in order, with the cases that each version fixed and broke."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from wsgi_gauntlet.harness.errors import ConfigurationError
from wsgi_gauntlet.harness.model import CaseResult, Results, ServerInfo, Verdict
from wsgi_gauntlet.harness.server.name import parse, without_version
from wsgi_gauntlet.reports.analysis import aggregation
from wsgi_gauntlet.reports.analysis.aggregation import VerdictCounts
from wsgi_gauntlet.reports.analysis.comparison import improved, version_sort_key, worsened


@dataclass(frozen=True)
class VerdictChange:
    """A case whose verdict changed since the last version in which it was judged."""

    before: CaseResult
    after: CaseResult

    @property
    def case(self) -> str:
        """The id of the case."""
        return self.after.case


@dataclass(frozen=True)
class VersionResult:
    """One version. `name` is its name in the call. `why` is the reason if it was not checked.

    `fixed` and `broke` are relative to earlier versions, and empty for the first one.
    """

    name: str
    version: str
    counts: VerdictCounts
    why: str = ""
    fixed: Sequence[VerdictChange] = ()
    broke: Sequence[VerdictChange] = ()

    @property
    def others(self) -> int:
        """The number of cells that are neither judged nor flaky."""
        judged = (Verdict.PASS, Verdict.FAIL, Verdict.WARN, Verdict.FLAKY)
        return self.counts.total - sum(self.counts[each] for each in judged)


@dataclass(frozen=True)
class VersionHistory:
    """A server (its name has no version) and two or more versions of it, the oldest first."""

    server: str
    points: Sequence[VersionResult] = field(default_factory=tuple)

    @property
    def checked(self) -> list[VersionResult]:
        """The versions that have cells."""
        return [each for each in self.points if each.counts.total]


def version_histories(results: Results) -> list[VersionHistory]:
    """Return the servers with two or more checked versions."""
    found: dict[str, dict[str, ServerInfo]] = {}
    # The installed version can also be named explicitly. The first server with cells represents a version.
    checked = set(aggregation.checked(results))
    for info in sorted(aggregation.servers(results), key=lambda each: each.name not in checked):
        base, version = _server_and_version(info)
        if version:
            found.setdefault(base, {}).setdefault(version, info)
    lines = [VersionHistory(base, _version_results(results, each)) for base, each in found.items() if len(each) > 1]
    return [each for each in lines if len(each.checked) > 1]


def _server_and_version(info: ServerInfo) -> tuple[str, str]:
    """Return the server name without a version, and the version, or '' if it is unknown."""
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
        why = "" if cells else info.why.removeprefix(f"{info.name} ") or "none of its cases ran"
        points.append(
            VersionResult(
                info.name, version, aggregation.count(cells), why, _most_severe_first(fixed), _most_severe_first(broke)
            )
        )
        known.update({each.case: each for each in cells if each.verdict.blames_server or each.verdict is Verdict.PASS})
    return points


def _most_severe_first(changes: Sequence[VerdictChange]) -> list[VerdictChange]:
    """Return the changes of requirements (must) first, then in the order of the cases."""
    order = list(Verdict)

    def place(change: VerdictChange) -> int:
        return min(order.index(each.verdict) for each in (change.before, change.after) if each.verdict.blames_server)

    return sorted(changes, key=place)
