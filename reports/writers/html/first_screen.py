"""The first screen of the page as values for the template: the scoreboard, what changed, and broken requirements."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from markupsafe import Markup

from wsgi_gauntlet.harness.model import CaseResult, Results, Verdict
from wsgi_gauntlet.reports.analysis import aggregation
from wsgi_gauntlet.reports.analysis.changes import ChangedRequirement, WhatChanged
from wsgi_gauntlet.reports.analysis.changes import by_requirement as changes_by_requirement
from wsgi_gauntlet.reports.analysis.requirements import by_requirement
from wsgi_gauntlet.reports.analysis.scoreboard import Row, Scoreboard
from wsgi_gauntlet.reports.analysis.words import MAX_SECURITY_SHARE, SERVED_GOODPUT, Word
from wsgi_gauntlet.reports.charts.palette import LIGHT
from wsgi_gauntlet.reports.charts.strip import strip, strip_axes
from wsgi_gauntlet.reports.text import labels
from wsgi_gauntlet.reports.text.escaping import line

BAR_WIDTH, BAR_HEIGHT = 204, 10
"""Pixels of the bar of requirements."""

COLLAPSED_GOODPUT = 0.5
"""The goodput below which the figure has the colour of a failure. The grade `collapsed` has the same limit."""

SIGNS: dict[Word, tuple[str, str]] = {
    Word.HOLDS_UP: ("✓", "good"),
    Word.WITH_CARE: ("!", "warn"),
    Word.NOT_ALONE: ("✗", "bad"),
    Word.DEVELOPMENT_ONLY: ("", "plain"),
    Word.NOT_MEASURED: ("", "plain"),
    Word.NOT_CHECKED: ("", "plain"),
}
"""The sign of a word, clear without colour, and its CSS class."""


@dataclass(frozen=True)
class Pill:
    """The word of a server, with the link to its rule and its reasons."""

    word: str
    sign: str
    kind: str
    link: str
    reasons: str


@dataclass(frozen=True)
class ScoreRow:
    """One server of the scoreboard. All values are texts, ready for the page.

    `served_kind` and `security_kind` are CSS classes. `served_title` has n. `bar` and `strip` are charts.
    """

    place: int
    server: str
    as_run: str
    pill: Pill
    strip: Markup | None
    served: str
    served_kind: str
    p99: str
    served_title: str
    security: str
    security_kind: str
    security_title: str
    bar: Markup | None
    bar_text: str
    rate: str
    rate_title: str


@dataclass(frozen=True)
class ChangedScreen:
    """What changed, by requirement. `headline` counts the new failures, `rest` all other cells; it can be ''."""

    base: str
    headline: str
    rest: str
    failures: Sequence[ChangedRequirement]
    mended: Sequence[ChangedRequirement]
    differing: Sequence[ChangedRequirement]


@dataclass(frozen=True)
class BrokenRequirement:
    """A requirement that a server broke. `variants` is `3 of 8 variants`, or '' if the case has only one."""

    id: str
    level: str
    security: bool
    summary: str
    variants: str


@dataclass(frozen=True)
class BrokenList:
    """The broken requirements of a server: security first, then must, then should. `left_out` did not fit."""

    server: str
    text: str
    requirements: Sequence[BrokenRequirement]
    left_out: int


def score_rows(board: Scoreboard) -> list[ScoreRow]:
    """Return the rows of the scoreboard in its order."""
    loads = [each.strip for each in board.rows if each.strip is not None]
    axes = strip_axes(loads) if loads else None
    found = []
    for place, each in enumerate(board.rows):
        drawn = strip(each.strip, axes).render() if each.strip is not None and axes is not None else ""
        found.append(_row(place, each, board, Markup(drawn) if drawn else None))  # noqa: S704 - the chart escapes text
    return found


def score_table(board: Scoreboard, rows: Sequence[ScoreRow]) -> dict[str, object]:
    """Return the scoreboard for the script: heads and rows for exports, and the values by which it sorts."""
    heads = [
        "server", "as run", "in short", "users served", "p99", "requests", "security musts broken",
        "security musts judged", "musts broken", "shoulds broken", "requirements judged",
        board.rate_label or "requests/s",
    ]  # fmt: skip
    return {
        "heads": heads,
        "rows": [
            [
                text.server, text.as_run, text.pill.word,
                text.served if row.valid else row.invalid_reason, text.p99.removeprefix("p99 ") if row.valid else "",
                row.n or "", text.security, row.security_judged, row.must_broken, row.should_broken, row.judged,
                text.rate,
            ]
            for row, text in zip(board.rows, rows, strict=True)
        ],
        "sort": [_sort_values(each) for each in board.rows],
    }  # fmt: skip


def _sort_values(row: Row) -> dict[str, float]:
    """Return the values by which the script sorts, the best first when they rise."""
    return {
        "served": -row.served if row.valid and row.served is not None else 1.0,
        "security": float(row.security_broken) if row.security_judged else 1e9,
        "requirements": (row.must_broken + row.should_broken / 1000) / row.judged if row.judged else 1e9,
    }


def _row(place: int, row: Row, board: Scoreboard, drawn: Markup | None) -> ScoreRow:
    served, served_kind, p99, served_title = _service(row)
    sign, kind = SIGNS[row.word]
    return ScoreRow(
        place=place,
        server=line(row.server),
        as_run=line(row.as_run),
        pill=Pill(
            row.word.value, sign, kind,
            f"rule-{row.word_reasons[0].rule.id}" if row.word_reasons else "columns",
            " ".join(line(each.text) for each in row.word_reasons),
        ),
        strip=drawn,
        served=served,
        served_kind=served_kind,
        p99=p99,
        served_title=served_title,
        security=str(row.security_broken) if row.security_judged else labels.MISSING,
        security_kind="bad" if _breaks_much(row) else "",
        security_title=f"{row.security_broken} of {row.security_judged}" if row.security_judged else "none judged",
        bar=_bar(row) if row.judged else None,
        bar_text=f"{row.must_broken} must · {row.should_broken} should · of {row.judged}" if row.judged else "",
        rate=f"{'≥ ' if row.rate_at_least else ''}{labels.rate(row.rate)}",
        rate_title=line(f"{board.rate_note}; {row.rate_scenario}" if row.rate_scenario else "not measured"),
    )  # fmt: skip


def _service(row: Row) -> tuple[str, str, str, str]:
    """Return the share of served users, its CSS class, p99 or that it does not count, and the title."""
    if row.served is None:
        return labels.MISSING, "doubt", "", line(row.invalid_reason) or "not measured"
    n = f"{labels.pluralize(row.n, 'request')} of healthy users while slow clients were there"
    p99 = f"p99 {labels.duration(row.p99, at_least=row.p99_at_least)}" if row.p99 is not None else ""
    if not row.valid:
        why = "; ".join(filter(None, (row.invalid_reason, p99, n)))
        return labels.percent(row.served), "doubt", "does not count", line(f"does not count: {why}")
    kind = "good" if row.serves_users else "bad" if row.served < COLLAPSED_GOODPUT else "odd"
    if row.served >= SERVED_GOODPUT and not row.serves_users:
        kind = "bad"  # all got a response, and too late
    return labels.percent(row.served), kind, p99, n


def _breaks_much(row: Row) -> bool:
    return row.security_broken > MAX_SECURITY_SHARE * row.security_judged


def _bar(row: Row) -> Markup:
    """Return the bar of requirements: met, broken (should), broken (must)."""
    met = row.judged - row.must_broken - row.should_broken
    left, drawn = 0.0, []
    for colour, count in (("pass", met), ("warn", row.should_broken), ("bad", row.must_broken)):
        width = BAR_WIDTH * count / row.judged
        if count:
            place = f'x="{left:.1f}" y="0" width="{width:.1f}" height="{BAR_HEIGHT}"'
            drawn.append(f'<rect {place} class="f-{colour}" fill="{LIGHT[colour]}"/>')
        left += width
    size = f'viewBox="0 0 {BAR_WIDTH} {BAR_HEIGHT}" width="{BAR_WIDTH}" height="{BAR_HEIGHT}"'
    shapes = "".join(drawn)
    return Markup(  # noqa: S704 - numbers and constants
        f'<svg class="bar" {size} preserveAspectRatio="none" aria-hidden="true">{shapes}</svg>'
    )


def changed_screen(changed: WhatChanged) -> ChangedScreen:
    """Return `changed` for the page. A requirement is listed once, however many of its variants and servers changed."""
    failures = changes_by_requirement(changed.new_failures)
    text = changed.title
    if len(failures) < len(changed.new_failures):
        text += f" of {labels.pluralize(len(failures), 'requirement')}"
    return ChangedScreen(
        base=changed.base,
        headline=text,
        rest=f"{changed.not_compared.capitalize()}." if changed.not_compared else ", ".join(changed.details),
        failures=failures,
        mended=changes_by_requirement(changed.fixed),
        differing=changes_by_requirement(changed.others),
    )


def broken_lists(results: Results, max_requirements: int) -> list[BrokenList]:
    """Return what each server broke, with at most `max_requirements` in all: each server gets an equal share."""
    cells: dict[str, list[CaseResult]] = {name: [] for name in aggregation.checked(results)}
    for each in results.conformance:
        cells[each.server].append(each)
    broken = {server: _broken(results, found) for server, found in cells.items()}
    share = max_requirements // max(len(broken), 1)
    return [
        BrokenList(line(server), _count(found), found[:share], max(len(found) - share, 0))
        for server, found in broken.items()
        if found
    ]


def _broken(results: Results, cells: Sequence[CaseResult]) -> list[BrokenRequirement]:
    found = []
    for each in by_requirement(cells):
        if not each.verdict.blames_server:
            continue
        info = results.cases.get(each.cells[0].case)
        number = len(each.cells)
        found.append(
            BrokenRequirement(
                line(each.id),
                "must" if each.verdict is Verdict.FAIL else "should",
                each.is_security,
                line(info.summary if info is not None else each.cells[0].summary),
                f"{len(each.broken_cases)} of {number} variants" if number > 1 else "",
            )
        )
    return sorted(found, key=lambda each: (not each.security, each.level != "must"))


def _count(found: Sequence[BrokenRequirement]) -> str:
    musts = sum(each.level == "must" for each in found)
    security = sum(each.security for each in found)
    return f"{musts} must ({security} security), {len(found) - musts} should"
