"""The first screen of the page as values for the template: cards, the scoreboard, and what changed."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from markupsafe import Markup

from wsgi_gauntlet.harness.model import Results
from wsgi_gauntlet.reports.charts.palette import LIGHT
from wsgi_gauntlet.reports.charts.strip import strip, strip_axes
from wsgi_gauntlet.reports.text import labels
from wsgi_gauntlet.reports.text.escaping import line
from wsgi_gauntlet.reports.writers.html.provisional import Row, Word, scoreboard

BAR_WIDTH, BAR_HEIGHT = 204, 10


@dataclass(frozen=True)
class ScoreRow:
    """One server of the scoreboard, as text. `sort` has the values by which the script sorts."""

    place: int
    server: str
    as_run: str
    word: Word | None
    reasons: str
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
    sort: dict[str, float]


def score_rows(results: Results) -> list[ScoreRow]:
    """Return the rows of the scoreboard in their order."""
    rows = scoreboard(results).rows
    loads = [each.strip for each in rows if each.strip is not None]
    axes = strip_axes(loads) if loads else None
    return [
        _row(place, each, Markup(strip(each.strip, axes)) if each.strip is not None and axes is not None else None)  # noqa: S704 - the chart escapes all text
        for place, each in enumerate(rows)
    ]


def _row(place: int, row: Row, drawn: Markup | None) -> ScoreRow:
    served_kind = "" if row.served is None else "good" if row.served >= 0.99 else "bad" if row.served < 0.5 else "odd"
    p99 = labels.duration(row.p99, at_least=row.p99_at_least) if row.p99 is not None else ""
    return ScoreRow(
        place=place,
        server=line(row.server),
        as_run=line(row.as_run),
        word=row.word,
        reasons=" ".join(line(each) for each in row.word_reasons),
        strip=drawn,
        served=labels.percent(row.served) if row.served is not None else labels.MISSING,
        served_kind=served_kind if row.valid else "doubt",
        p99=f"p99 {p99}" if p99 else "",
        served_title=f"{labels.pluralize(row.n, 'request')} while the slow clients were there" if row.n else "",
        security=str(row.security_broken) if row.security_judged else labels.MISSING,
        security_kind="bad" if row.security_broken >= 10 else "",
        security_title=f"of {row.security_judged} that could be judged" if row.security_judged else "",
        bar=_bar(row) if row.judged else None,
        bar_text=f"{row.must_broken} must · {row.should_broken} should · of {row.judged}" if row.judged else "",
        rate=labels.rate(row.rate),
        rate_title=line(row.rate_note),
        sort={
            "served": -1.0 if row.served is None else row.served,
            "security": float(row.security_broken) if row.security_judged else 1e9,
            "requirements": row.must_broken / row.judged if row.judged else 2.0,
            "rate": row.rate or 0.0,
        },
    )


def _bar(row: Row) -> Markup:
    """Return the bar of requirements: met, broken (should), broken (must)."""
    parts = (
        ("pass", row.judged - row.must_broken - row.should_broken),
        ("warn", row.should_broken),
        ("bad", row.must_broken),
    )
    left, drawn = 0.0, []
    for colour, count in parts:
        width = BAR_WIDTH * count / row.judged
        if count:
            drawn.append(
                f'<rect x="{left:.1f}" y="0" width="{width:.1f}" height="{BAR_HEIGHT}" class="f-{colour}" fill="{LIGHT[colour]}"/>'
            )
        left += width
    return Markup(  # noqa: S704 - numbers and constants
        f'<svg class="bar" viewBox="0 0 {BAR_WIDTH} {BAR_HEIGHT}" preserveAspectRatio="none" '
        f'width="{BAR_WIDTH}" height="{BAR_HEIGHT}" aria-hidden="true">{"".join(drawn)}</svg>'
    )


def score_table(rows: Sequence[ScoreRow]) -> dict[str, object]:
    """Return the scoreboard as heads and rows, for the export of the page."""
    heads = ["server", "as run", "in short", "users served", "p99", "security musts broken", "requirements", "rate"]
    return {
        "heads": heads,
        "rows": [
            [each.server, each.as_run, each.word.label if each.word else "", each.served, each.p99.removeprefix("p99 "),
             each.security, each.bar_text, each.rate]
            for each in rows
        ],
        "sort": [each.sort for each in rows],
    }  # fmt: skip
