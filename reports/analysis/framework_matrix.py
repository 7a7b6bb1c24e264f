"""The results of each server with the app of each framework."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from wsgi_gauntlet.harness.model import CaseResult, Results, Verdict
from wsgi_gauntlet.reports.analysis import aggregation
from wsgi_gauntlet.reports.text import labels

FRAMEWORK_CASE_PREFIX = "frameworks/"
"""The start of the ids of cases with a framework app. The name of the framework follows."""

JUDGED_VERDICTS = frozenset({Verdict.PASS, Verdict.FAIL, Verdict.WARN, Verdict.FLAKY})

MAX_SERVERS_NAMED = 4
"""Servers up to which the summary names the failures. Of more it gives the number only."""


@dataclass(frozen=True)
class FrameworkResult:
    """One server with one framework: `passed` of `judged` cells passed. `worst` has the worst verdict.

    `failed_cases` are the last parts of the ids of cases that failed, warn or are flaky.
    """

    server: str
    framework: str
    passed: int
    judged: int
    worst: CaseResult
    failed_cases: tuple[str, ...] = ()

    @property
    def verdict(self) -> Verdict:
        """The worst verdict of the cells."""
        return self.worst.verdict

    @property
    def count(self) -> str:
        """Passed and judged cells, as `12/13`, or '' if none was judged."""
        return f"{self.passed}/{self.judged}" if self.judged else ""

    @property
    def all_passed(self) -> bool | None:
        """Say whether all judged cells passed, or None if none was judged."""
        return self.passed == self.judged if self.judged else None


@dataclass(frozen=True)
class FrameworkMatrix:
    """Each server with each framework. `unavailable` has the reasons for frameworks that no server could serve."""

    servers: Sequence[str]
    frameworks: Sequence[str]
    pairings: Mapping[tuple[str, str], FrameworkResult]
    unavailable: Mapping[str, str]

    @property
    def summary(self) -> str:
        """The result in one or two sentences."""
        judged = [each for each in self.pairings.values() if each.all_passed is not None]
        broken = [each for each in judged if not each.all_passed]
        pairs = labels.pluralize(len(judged), "pairing")
        if not judged:
            return "No framework app could run."
        if not broken:
            return f"All cases passed in each of {pairs} of a server and a framework."
        return (
            f"All cases passed in {len(judged) - len(broken)} of {pairs} of a server and a framework. "
            f"Cases failed {self._failing_servers(broken)}."
        )

    def failed_cases(self, server: str) -> str:
        """Return the failed cases of `server`, as `streamed, head (Django)`."""
        own = [each for each in self.pairings.values() if each.server == server and each.all_passed is not None]
        by_case: dict[str, list[str]] = {}
        for each in own:
            for name in each.failed_cases:
                by_case.setdefault(name, []).append(each.framework.title())
        return ", ".join(
            name if len(by_case[name]) == len(own) else f"{name} ({', '.join(by_case[name])})"
            for name in sorted(by_case, key=lambda each: (-len(by_case[each]), each))
        )

    def _failing_servers(self, broken: Sequence[FrameworkResult]) -> str:
        by_server: dict[str, list[str]] = {}
        for each in broken:
            by_server.setdefault(each.server, []).append(each.framework.title())
        if len(by_server) > MAX_SERVERS_NAMED:
            return f"on {len(by_server)} of {len(self.servers)} servers"
        parts = []
        for server, names in by_server.items():
            tried = [each for each in self.pairings.values() if each.server == server and each.all_passed is not None]
            every = len(names) == len(tried) > 1
            parts.append(f"with {'all of them' if every else labels.join_names(names)} on {server}")
        return labels.join_names(parts)


def framework_matrix(results: Results) -> FrameworkMatrix | None:
    """Return the matrix of the run, or None if it has no framework cases."""
    found: dict[tuple[str, str], list[CaseResult]] = {}
    for each in results.conformance:
        if each.case.startswith(FRAMEWORK_CASE_PREFIX):
            found.setdefault((each.server, each.case.split("/")[1]), []).append(each)
    if not found:
        return None
    known = [
        area.removeprefix(FRAMEWORK_CASE_PREFIX)
        for area in aggregation.cases(results)
        if area.startswith(FRAMEWORK_CASE_PREFIX)
    ]
    pairings = {key: _framework_result(*key, cells) for key, cells in found.items()}
    unavailable = {name: why for name in known if (why := _unavailable_reason(name, pairings))}
    return FrameworkMatrix(
        [name for name in aggregation.checked(results) if any(server == name for server, _ in found)],
        [name for name in known if name not in unavailable],
        pairings,
        unavailable,
    )


def _framework_result(server: str, framework: str, cells: Sequence[CaseResult]) -> FrameworkResult:
    order = list(labels.VERDICTS)
    first = (Verdict.FAIL, Verdict.WARN, Verdict.FLAKY, Verdict.ERROR)
    worst = min(
        cells,
        key=lambda each: (each.verdict not in first, each.verdict not in JUDGED_VERDICTS, order.index(each.verdict)),
    )
    counts = aggregation.count(cells)
    failed_cases = tuple(
        each.case.rpartition("/")[2] for each in cells if each.verdict in JUDGED_VERDICTS - {Verdict.PASS}
    )
    return FrameworkResult(
        server, framework, counts[Verdict.PASS], sum(counts[each] for each in JUDGED_VERDICTS), worst, failed_cases
    )


def _unavailable_reason(framework: str, pairings: Mapping[tuple[str, str], FrameworkResult]) -> str:
    """Return the reason why no server could serve the framework app, or '' if one could."""
    own = [each for (_, name), each in pairings.items() if name == framework]
    if any(each.judged or each.verdict is not Verdict.UNSUPPORTED for each in own):
        return ""
    reasons = dict.fromkeys(each.worst.actual for each in own)
    return next((each for each in reasons if "is not installed" in each), next(iter(reasons)))
