"""Decide whether runs are the parts of one run. Pure."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from wsgi_gauntlet.harness.model import Results
from wsgi_gauntlet.harness.model.run_part import RunPart, part_of
from wsgi_gauntlet.harness.store.merge import environments

MAX_NAMED = 10
"""Missing parts that a message names."""


@dataclass(frozen=True)
class PartsReport:
    """What is wrong with the parts of a report.

    `mixed` says why parts do not belong together, '' if they do. `missing` says which parts are not there, '' if all
    are.
    """

    mixed: str = ""
    missing: str = ""


@dataclass
class _Group:
    """Parts with the same configuration: their numbers, and the name of the first one."""

    name: str
    part: RunPart
    numbers: set[int] = field(default_factory=set)

    @property
    def missing(self) -> list[int]:
        return [each for each in range(1, self.part.of + 1) if each not in self.numbers]

    def __str__(self) -> str:
        return f"{self.name} (part {self.part})"


def inspect_parts(runs: Mapping[str, Results]) -> PartsReport:
    """Return what is wrong with the parts among `runs`, by the name that the user gave each. Whole runs are ignored.

    Several complete sets of parts belong together: they are runs of different days. If a set is incomplete and there is
    another one, the parts are of different runs.
    """
    groups: list[_Group] = []
    for name, run in runs.items():
        for environment in environments(run):
            part = part_of(environment)
            if part is None:
                continue
            same = [each for each in groups if _difference(each.part, part) == ""]
            group = same[0] if same else _Group(name, part)
            groups += [] if same else [group]
            group.numbers.add(part.number)
    incomplete = [each for each in groups if each.missing]
    if not incomplete:
        return PartsReport()
    if len(groups) > 1:
        one = incomplete[0]
        other = next(each for each in groups if each is not one)
        what = _difference(other.part, one.part)
        return PartsReport(
            mixed=f"{other} and {one} are parts of different runs: they differ in {what}; "
            "give all parts of one run, or of several runs"
        )
    missing = incomplete[0].missing
    named = ", ".join(f"{each}/{incomplete[0].part.of}" for each in missing[:MAX_NAMED])
    more = f" and {len(missing) - MAX_NAMED} more" if len(missing) > MAX_NAMED else ""
    return PartsReport(missing=f"without {named}{more}: the report has no cells of these parts")


def _difference(one: RunPart, other: RunPart) -> str:
    """Return what differs between the runs of two parts, '' if nothing does."""
    if one.of != other.of:
        return "the number of parts"
    keys = dict.fromkeys([*one.configuration, *other.configuration])
    return ", ".join(each for each in keys if one.configuration.get(each) != other.configuration.get(each))
