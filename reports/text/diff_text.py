"""The words of a difference of two runs, the same in every output."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from wsgi_gauntlet.harness.model import Grade, Metric, Verdict
from wsgi_gauntlet.reports.analysis.run_diff import (
    ChangeKind,
    Figure,
    LoadChange,
    RequirementChange,
    RunDiff,
    ServerMatch,
)
from wsgi_gauntlet.reports.analysis.surroundings import Difference
from wsgi_gauntlet.reports.text import labels

HEADINGS: dict[ChangeKind, str] = {
    ChangeKind.BROKEN: "Broken: passed before, fails or warns now",
    ChangeKind.FIXED: "Fixed: failed or warned before, passes now",
    ChangeKind.JUDGED_NOW: "Judged now, and not before",
    ChangeKind.FLAKY: "Flaky in one of the runs, which proves nothing",
    ChangeKind.NO_LONGER_JUDGED: "No longer judged",
    ChangeKind.APPEARED: "New cells: only the new run has them",
    ChangeKind.DISAPPEARED: "Missing cells: only the base has them",
    ChangeKind.OTHER: "Changed in another way, which proves nothing",
}
"""The headings of the sections, the most important first."""

GRADE_WORDS: dict[ChangeKind, str] = {
    ChangeKind.BROKEN: "worse",
    ChangeKind.FIXED: "better",
    ChangeKind.JUDGED_NOW: "judged now",
    ChangeKind.NO_LONGER_JUDGED: "no longer judged",
    ChangeKind.APPEARED: "new",
    ChangeKind.DISAPPEARED: "missing",
    ChangeKind.OTHER: "changed",
}

KINDS_WITH_TRANSITIONS = frozenset(
    {ChangeKind.NO_LONGER_JUDGED, ChangeKind.JUDGED_NOW, ChangeKind.OTHER, ChangeKind.FLAKY}
)
"""The kinds that do not say the verdicts before and after."""

MAIN_FIGURES = frozenset({"goodput", "p99", "collapse", "capacity", "best_rate"})
"""The figures of a short output."""

ONE_RUN_NOTE = "Each figure is from one run. `wsgi-gauntlet compare` tells a difference from noise."


def title(diff: RunDiff) -> str:
    """Return the numbers in one sentence without a full stop: `2 requirements broken (1 security), 1 fixed`."""
    broken, security = diff.broken, sum(each.security for each in diff.broken)
    text = f"{labels.pluralize(len(broken), 'requirement')} broken" if broken else "No requirement broken"
    text += f" ({security} security)" if security else ""
    text += f", {len(diff.fixed)} fixed" if diff.fixed else ""
    worse = sum(each.kind is ChangeKind.BROKEN for each in diff.loads)
    better = sum(each.kind is ChangeKind.FIXED for each in diff.loads)
    text += f", {labels.pluralize(worse, 'grade')} worse" if worse else ""
    text += f", {labels.pluralize(better, 'grade')} better" if better else ""
    return text


def server_match(match: ServerMatch) -> str:
    """Return a server of both runs with its versions: `gunicorn 23.0.0 → 27.0.1`."""
    name = match.new if match.base == match.new else f"{match.base} → {match.new}"
    versions = list(dict.fromkeys(each for each in (match.base_version, match.new_version) if each))
    text = f"{name} ({' → '.join(versions)})" if versions else name
    return f"{text}, {match.note}" if match.note else text


def only_lines(diff: RunDiff) -> list[str]:
    """Return a line for each thing that cannot be compared because one run lacks it."""
    found = []
    if diff.only_in_base:
        found.append(f"Only in the base: {', '.join(diff.only_in_base)}")
    if diff.only_in_new:
        found.append(f"Only in the new run: {', '.join(diff.only_in_new)}")
    found += [f"Not matched: {each}" for each in diff.ambiguous]
    for finished, what in ((diff.base_finished, "base"), (diff.new_finished, "new run")):
        if not finished:
            found.append(f"The {what} was interrupted: it lacks cells")
    return found


def differences(found: Iterable[Difference]) -> str:
    """Return differences as `processor A → B, cores 2 → 4`."""
    return ", ".join(f"{each.what} {each.base} → {each.new}" for each in found)


def server_counts(change: RequirementChange) -> list[str]:
    """Return the servers of a requirement, with the number of variants that changed if it has several."""
    return [
        f"{server} {len(cells)}/{change.variants[server]}" if change.variants[server] > 1 else server
        for server, cells in change.servers.items()
    ]


def transition(before: Verdict | Grade | None, after: Verdict | Grade | None) -> str:
    """Return `pass → fail`; a missing cell is `–`."""
    return " → ".join(_label(each) for each in (before, after))


def transitions(change: RequirementChange) -> str:
    """Return the different transitions of a requirement, '' if its kind says them already."""
    if change.kind not in KINDS_WITH_TRANSITIONS:
        return ""
    return ", ".join(dict.fromkeys(transition(each.before, each.after) for each in change.cells))


def sign(change: RequirementChange) -> str:
    """Return the sign of the worst verdict in the new run, else of the base."""
    verdicts = {each.after or each.before for each in change.cells}
    return next(mark.sign for verdict, mark in labels.VERDICTS.items() if verdict in verdicts)


def figure(found: Figure) -> str:
    """Return one figure of both runs: `p99 9 ms → 12 ms`."""
    values = ((found.base, found.base_censored), (found.new, found.new_censored))
    return f"{found.label} {' → '.join(_value(found, *each) for each in values)}"


def figures(change: LoadChange, *, every: bool = False) -> str:
    """Return the figures of a cell of load; without `every` only the main ones."""
    return ", ".join(figure(each) for each in change.figures if every or each.id in MAIN_FIGURES)


def grade_change(change: LoadChange) -> str:
    """Return one line about a grade that changed, and why it does not count as a regression if it does not."""
    assert change.kind is not None
    text = (
        f"{GRADE_WORDS[change.kind]}: {change.server} in {change.scenario}: {transition(change.before, change.after)}"
    )
    other = [each for each in change.differences if not each.of_server]
    if other and change.kind in (ChangeKind.BROKEN, ChangeKind.FIXED):
        text += f" (no proof: {differences(other)})"
    return text


def not_comparable(diff: RunDiff) -> list[str]:
    """Return one line for each set of differences that forbids to compare figures, with the number of cells."""
    groups: dict[tuple[Difference, ...], list[LoadChange]] = {}
    for each in diff.loads:
        if each.differences and each.before is not None and each.after is not None:
            groups.setdefault(each.differences, []).append(each)
    return [
        f"{_cells(cells)}: {differences(found)}"
        for found, cells in sorted(groups.items(), key=lambda each: -len(each[1]))
    ]


def _cells(cells: Sequence[LoadChange]) -> str:
    if len(cells) == 1:
        return f"{cells[0].server} in {cells[0].scenario}"
    return f"{len(cells)} cells of {', '.join(dict.fromkeys(each.server for each in cells))}"


def _label(value: Verdict | Grade | None) -> str:
    if value is None:
        return labels.MISSING
    return value.label if isinstance(value, Grade) else str(value)


def _value(found: Figure, value: float | None, censored: bool) -> str:
    if found.unit == "share":
        return labels.percent(value)
    return labels.metric(Metric(found.id, found.label, value, found.unit, censored))
