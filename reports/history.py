"""Versions of one server beside each other, in their order: what each fixed and what it broke. Pure."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from ..harness.errors import BadConfiguration
from ..harness.model import Check, Results, ServerInfo, Verdict
from ..harness.naming import parse, unversioned
from . import tally
from .comparing import BLAMED, gains, loses, release
from .tally import Tally


@dataclass(frozen=True)
class Change:
    """A case that came out otherwise than in the version before: the last in which it was judged."""

    before: Check
    after: Check

    @property
    def case(self) -> str:
        """The case's id."""
        return self.after.case


@dataclass(frozen=True)
class Point:
    """One version. `name` is what the call named it; `why` says why it was not checked, '' for those that were.

    `fixed` and `broke` are against the versions before; both are empty for the first.
    """

    name: str
    version: str
    counts: Tally
    why: str = ""
    fixed: Sequence[Change] = ()
    broke: Sequence[Change] = ()

    @property
    def others(self) -> int:
        """How many cells neither blame it nor are a pass."""
        judged = (Verdict.PASS, Verdict.FAIL, Verdict.WARN, Verdict.FLAKY)
        return self.counts.total - sum(self.counts[each] for each in judged)


@dataclass(frozen=True)
class Timeline:
    """A server (named without a version) and two or more versions of it, the oldest first."""

    server: str
    points: Sequence[Point] = field(default_factory=tuple)

    @property
    def checked(self) -> list[Point]:
        """The versions that have cells."""
        return [each for each in self.points if each.counts.total]


def timelines(results: Results) -> list[Timeline]:
    """Return the servers of which two versions or more were checked, each with its versions."""
    found: dict[str, dict[str, ServerInfo]] = {}
    # The one that is installed may be one of those that were named: the first with cells stands for a version.
    checked = set(tally.checked(results))
    for info in sorted(tally.servers(results), key=lambda each: each.name not in checked):
        base, version = _of(info)
        if version:
            found.setdefault(base, {}).setdefault(version, info)
    lines = [Timeline(base, _points(results, each)) for base, each in found.items() if len(each) > 1]
    return [each for each in lines if len(each.checked) > 1]


def _of(info: ServerInfo) -> tuple[str, str]:
    """Return the server without a version, and its version: '' where nobody knows it."""
    try:
        named = parse(info.name).server.version
        base = unversioned(info.name)
    except BadConfiguration:  # an adapter's file, or an older run's
        return info.name, ""
    return base, info.version.rpartition(" + ")[2] or named


def _points(results: Results, infos: Mapping[str, ServerInfo]) -> list[Point]:
    points: list[Point] = []
    known: dict[str, Check] = {}
    for version in sorted(infos, key=release):
        info = infos[version]
        cells = [each for each in results.checks if each.server == info.name]
        changes = [Change(known[each.case], each) for each in cells if each.case in known]
        fixed = [each for each in changes if gains(each.before, each.after)]
        broke = [each for each in changes if loses(each.before, each.after)]
        why = "" if cells else info.why.removeprefix(f"{info.name} ") or "no case of it was tried"
        points.append(Point(info.name, version, tally.count(cells), why, _sorted(fixed), _sorted(broke)))
        known.update({each.case: each for each in cells if each.verdict in BLAMED | {Verdict.PASS}})
    return points


def _sorted(changes: Sequence[Change]) -> list[Change]:
    """Return what a must asks for first, in each the order of the cases."""
    order = list(Verdict)

    def place(change: Change) -> int:
        return min(order.index(each.verdict) for each in (change.before, change.after) if each.verdict in BLAMED)

    return sorted(changes, key=place)
