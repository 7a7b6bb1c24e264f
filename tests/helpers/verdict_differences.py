"""Compare the verdicts of two runs, for example of a server that the harness started and of the same as a target.

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
    """`changed` are the cells with another verdict, `unsupported` those that only the target does not support.

    `missing` are cells of the first run that the second one does not have, and `added` those of the second alone.
    """

    changed: tuple[tuple[CaseResult, CaseResult], ...]
    unsupported: tuple[CaseResult, ...]
    missing: tuple[CaseResult, ...]
    added: tuple[CaseResult, ...]
    total: int


def differences(started: Results, target: Results) -> Differences:
    """Return how the verdicts of `target` differ from those of `started`.

    The only server of one run is compared with the only one of the other, whatever their names are.
    """
    by_server = any(len({cell.server for cell in run.conformance}) > 1 for run in (started, target))
    before, after = (
        {(cell.server if by_server else "", cell.case): cell for cell in run.conformance} for run in (started, target)
    )
    changed = [
        (before[key], cell) for key, cell in after.items() if key in before and cell.verdict != before[key].verdict
    ]
    return Differences(
        tuple(pair for pair in changed if pair[1].verdict is not Verdict.UNSUPPORTED),
        tuple(cell for _, cell in changed if cell.verdict is Verdict.UNSUPPORTED),
        tuple(cell for key, cell in before.items() if key not in after),
        tuple(cell for key, cell in after.items() if key not in before),
        len(before.keys() | after.keys()),
    )


def main(first: str, second: str) -> None:
    """Write the differences of two runs to stdout."""
    found = differences(registry.load_results(Path(first)), registry.load_results(Path(second)))
    lines = [f"unsupported  {cell.server}  {cell.case}: {cell.actual}" for cell in found.unsupported]
    lines += [
        f"{before.verdict} -> {after.verdict}  {after.server}  {after.case}: {before.actual} -> {after.actual}"
        for before, after in found.changed
    ]
    lines += [f"{cell.verdict} -> no cell  {cell.server}  {cell.case}" for cell in found.missing]
    lines += [f"no cell -> {cell.verdict}  {cell.server}  {cell.case}" for cell in found.added]
    share = 100 * len(found.unsupported) / found.total if found.total else 0
    lines.append(
        f"{found.total} cells: {len(found.changed)} differ, {len(found.missing)} missing, {len(found.added)} added, "
        f"{len(found.unsupported)} more unsupported ({share:.1f} %)"
    )
    sys.stdout.write("\n".join(lines) + "\n")


if __name__ == "__main__":
    main(*sys.argv[1:])
