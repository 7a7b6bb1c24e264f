"""Compare the verdicts of a server that the harness started with those of the same server as a target.

python -m tests.helpers.verdict_differences RUN TARGET_RUN
"""

from __future__ import annotations

import sys
from dataclasses import dataclass
from pathlib import Path

from wsgi_gauntlet.harness import registry
from wsgi_gauntlet.harness.model import CaseResult, Results, Verdict


@dataclass(frozen=True)
class Differences:
    """`changed` are the cells with another verdict, `unsupported` those that only the target does not support."""

    changed: tuple[tuple[CaseResult, CaseResult], ...]
    unsupported: tuple[CaseResult, ...]
    total: int


def differences(started: Results, target: Results) -> Differences:
    """Return how the verdicts of `target` differ from those of `started`."""
    before = {cell.case: cell for cell in started.conformance}
    changed = [(before[cell.case], cell) for cell in target.conformance if cell.verdict != before[cell.case].verdict]
    return Differences(
        tuple(pair for pair in changed if pair[1].verdict is not Verdict.UNSUPPORTED),
        tuple(cell for _, cell in changed if cell.verdict is Verdict.UNSUPPORTED),
        len(target.conformance),
    )


def main(first: str, second: str) -> None:
    """Write the differences of two runs to stdout."""
    found = differences(registry.load_results(Path(first)), registry.load_results(Path(second)))
    lines = [f"unsupported  {cell.case}: {cell.actual}" for cell in found.unsupported]
    lines += [
        f"{before.verdict} -> {after.verdict}  {after.case}: {before.actual} -> {after.actual}"
        for before, after in found.changed
    ]
    share = 100 * len(found.unsupported) / found.total
    more = f"{len(found.unsupported)} more unsupported ({share:.1f} %)"
    lines.append(f"{found.total} cells: {len(found.changed)} differ, {more}")
    sys.stdout.write("\n".join(lines) + "\n")


if __name__ == "__main__":
    main(*sys.argv[1:])
