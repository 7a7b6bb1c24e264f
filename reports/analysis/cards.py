"""The cards of the first screen. A card exists only if the run has its data, and cites the cells of its figures."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from wsgi_gauntlet.harness.model import Results, Verdict
from wsgi_gauntlet.reports.analysis.comparison import Difference, ServerComparison, find_pairs
from wsgi_gauntlet.reports.analysis.headline import describe_slow_clients
from wsgi_gauntlet.reports.analysis.requirements import by_requirement
from wsgi_gauntlet.reports.analysis.scoreboard import Row, Scoreboard, scoreboard
from wsgi_gauntlet.reports.analysis.words import Word
from wsgi_gauntlet.reports.text.fragments import part
from wsgi_gauntlet.reports.text.labels import duration, join_names, percent, pluralize, shorten_list

MAX_SERVERS_ADVISED = 2
"""Servers that a card names as its answer."""

MAX_FRONTS = 3
"""Comparisons with a proxy that a card describes."""


TUNING_SETTINGS = ("tuned", "workers=", "threads=")
"""Settings in a server name with which a run tries more workers or threads."""


@dataclass(frozen=True)
class Citation:
    """A cell whose figures a card uses: of load if it has a `scenario`, else of conformance."""

    server: str
    scenario: str = ""


@dataclass(frozen=True)
class CardLink:
    """A link of a card to a view of the page: `fragment` is its route, as `#/compare`."""

    label: str
    fragment: str


@dataclass(frozen=True)
class Card:
    """One card. `title` is a question or a topic, `answer` a few words, `text` the figures behind it.

    `tone` is the kind of news: good, care, compare or bad.
    """

    id: str
    title: str
    answer: str
    text: str
    tone: str
    cites: tuple[Citation, ...]
    link: CardLink | None = None


def cards(results: Results, board: Scoreboard | None = None) -> tuple[Card, ...]:
    """Return the cards of `results`; `board` is its scoreboard if the caller has it."""
    board = board if board is not None else scoreboard(results)
    found = (_deploy(board), _without_front(board), _front_helps(results, board), _fall(results, board))
    return tuple(each for each in found if each is not None)


def _deploy(board: Scoreboard) -> Card | None:
    """Advise the servers that hold up and break the fewest security requirements."""
    best = _best([each for each in board.rows if each.word is Word.HOLDS_UP])
    if not best or len(board.rows) == 1:
        return None
    return Card(
        "deploy",
        "If you deploy one of these as it comes",
        " or ".join(each.server for each in best),
        _describe_service(best),
        "good",
        _cite(best, board),
    )


def _without_front(board: Scoreboard) -> Card | None:
    """Advise the servers that serve their users without a proxy, if the first card does not name one already."""
    named = _best([each for each in board.rows if each.word is Word.HOLDS_UP])
    if any(each.front for each in board.rows) and not all(each.front for each in named):
        return None  # the first card has the answer
    candidates = [
        each
        for each in board.rows
        if not each.front and each.serves_users and each.word in (Word.HOLDS_UP, Word.WITH_CARE)
    ]
    best = _best(candidates)
    if not best or best == named:
        return None
    return Card(
        "without-front",
        "Without a front",
        " or ".join(each.server for each in best),
        _describe_service(best),
        "good" if best[0].word is Word.HOLDS_UP else "care",
        _cite(best, board),
        CardLink("see them", f"#/cells?is=fail&tag=security&server={part(best[0].server)}"),
    )


def _front_helps(results: Results, board: Scoreboard) -> Card | None:
    """Compare the servers with and without a proxy in the same run."""
    rows = {each.server: each for each in board.rows}
    pairs = [each for each in find_pairs(results) if each.difference is Difference.FRONT]
    fronts = list(dict.fromkeys(rows[each.other].front for each in pairs))
    shown = [each for each in pairs if rows[each.other].front == fronts[0]] if fronts else []
    served = [each for each in shown if rows[each.plain].valid and rows[each.other].valid]
    if not shown:
        return None
    answer = ""
    if served:
        # The pair with the largest difference answers; the text has the others.
        first = max(served, key=lambda each: (rows[each.other].served or 0.0) - (rows[each.plain].served or 0.0))
        before, after = rows[first.plain].served, rows[first.other].served
        answer = f"{percent(before)} → {percent(after)} of users served"
        shown = [first, *(each for each in shown if each is not first)]
    faults = {each.other: _compare_requirements(results, each) for each in shown}
    texts = [_describe_pair(each, rows, *faults[each.other]) for each in shown[:MAX_FRONTS]]
    if len(shown) > MAX_FRONTS:
        texts.append(pluralize(len(shown) - MAX_FRONTS, "other pair"))
    servers = [rows[name] for each in shown[:MAX_FRONTS] for name in (each.plain, each.other)]
    return Card(
        "front",
        f"Does {fronts[0]} in front help?",
        answer or f"{pluralize(sum(masked for masked, _ in faults.values()), 'fault')} masked",
        " · ".join(texts),
        "compare",
        _cite(servers, board),
        CardLink("compare", f"#/compare/{part(shown[0].plain)}..{part(shown[0].other)}"),
    )


def _compare_requirements(results: Results, pair: ServerComparison) -> tuple[int, int]:
    """Return the requirements that only the plain server breaks, and those that only the chain breaks."""
    plain, other = (
        {
            each.id: each.verdict
            for each in by_requirement(cell for cell in results.conformance if cell.server == server)
        }
        for server in (pair.plain, pair.other)
    )
    both = [(verdict, other[id_]) for id_, verdict in plain.items() if id_ in other]
    masked = sum(before.blames_server and after is Verdict.PASS for before, after in both)
    return masked, sum(after.blames_server and before is Verdict.PASS for before, after in both)


def _describe_pair(pair: ServerComparison, rows: dict[str, Row], masked: int, caused: int) -> str:
    parts = []
    plain, other = rows[pair.plain], rows[pair.other]
    if plain.valid and other.valid:
        parts.append(f"{percent(plain.served)} → {percent(other.served)}")
    if pair.summary:
        parts.append(f"{pluralize(masked, 'fault')} masked")
        parts.append(f"{caused} new {'one' if caused == 1 else 'ones'}")
    return f"{pair.plain}: {', '.join(parts)}" if parts else pair.plain


def _fall(results: Results, board: Scoreboard) -> Card | None:
    """Name the servers that do not serve their users while clients are slow."""
    measured = board.measured
    fallen = [each for each in measured if not each.serves_users]
    if not fallen:
        return None
    text = f"{join_names(shorten_list([each.server for each in fallen]))}."
    tried = any(setting in each.server for each in board.rows for setting in TUNING_SETTINGS)
    if not tried and results.environment.get("target") is None:
        text += " More workers or threads: not tried here (--tuned)."
    return Card(
        "fall",
        f"Fall to {describe_slow_clients(board).partition(' of ')[0]} slow clients"
        if board.slow_clients and board.slow_clients > 1
        else "Fall to slow clients",
        f"{len(fallen)} of {len(measured)}",
        text,
        "bad",
        _cite(fallen, board),
        CardLink("see how", f"#/load/{board.scenario}"),
    )


def _best(rows: Sequence[Row]) -> list[Row]:
    """Return the rows that break the fewest security requirements, the most served first."""
    return sorted(rows, key=lambda each: (each.security_broken, -(each.served or 0.0), each.must_broken))[
        :MAX_SERVERS_ADVISED
    ]


def _describe_service(rows: Sequence[Row]) -> str:
    every = "every other user" if all(each.served == 1.0 for each in rows) else f"{_served(rows)} of other users"
    times = ", ".join(duration(each.p99, at_least=each.p99_at_least) for each in rows if each.p99 is not None)
    text = f"{every} served{f' (p99 {times})' if times else ''}"
    if any(each.security_judged for each in rows):
        broken = ", ".join(f"{each.security_broken} of {each.security_judged}" for each in rows)
        text += f"; security requirements broken: {broken}"
    return text


def _served(rows: Sequence[Row]) -> str:
    return join_names(dict.fromkeys(percent(each.served) for each in rows))


def _cite(rows: Sequence[Row], board: Scoreboard) -> tuple[Citation, ...]:
    found = []
    for each in rows:
        if each.valid:
            found.append(Citation(each.server, board.scenario))
        if each.judged:
            found.append(Citation(each.server))
    return tuple(dict.fromkeys(found))
