"""One requirement on one server: the cells of all variants of its case, and the verdict that they give together."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from functools import cached_property

from wsgi_gauntlet.harness.model.conformance import CaseResult
from wsgi_gauntlet.harness.model.naming import requirement_id
from wsgi_gauntlet.harness.model.verdict import Level, Verdict

JUDGED_VERDICTS = frozenset({Verdict.PASS, Verdict.FAIL})
"""Verdicts of a judged requirement."""

SECURITY_TAG = "security"

DECISIVE_VERDICTS = (
    Verdict.FAIL,
    Verdict.WARN,
    Verdict.FLAKY,
    Verdict.ERROR,
    Verdict.PASS,
    Verdict.INFO,
    Verdict.SKIPPED,
    Verdict.UNSUPPORTED,
)
"""Verdicts in the order in which one variant decides for its requirement."""


@dataclass(frozen=True)
class RequirementResult:
    """One requirement on one server: `cells` are those of its variants."""

    id: str
    cells: tuple[CaseResult, ...]

    @cached_property
    def verdict(self) -> Verdict:
        """The verdict that decides for the requirement, by DECISIVE_VERDICTS."""
        if len(self.cells) == 1:
            return self.cells[0].verdict
        found = {each.verdict for each in self.cells}
        return next(each for each in DECISIVE_VERDICTS if each in found)

    @property
    def level(self) -> Level:
        """The level, which all variants share."""
        return self.cells[0].level

    @property
    def is_security(self) -> bool:
        """Say whether it is a requirement (must) against smuggling and injection."""
        return self.level is Level.MUST and any(SECURITY_TAG in each.tags for each in self.cells)

    @property
    def broken_cases(self) -> tuple[str, ...]:
        """The ids of the variants that the server broke."""
        return tuple(each.case for each in self.cells if each.verdict.blames_server)


def group_by_requirement(cells: Iterable[CaseResult]) -> list[RequirementResult]:
    """Return the requirements in `cells` of one server."""
    found: dict[str, list[CaseResult]] = {}
    for each in cells:
        found.setdefault(requirement_id(each.case), []).append(each)
    return [RequirementResult(id_, tuple(variants)) for id_, variants in found.items()]
