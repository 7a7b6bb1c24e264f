"""A badge for a README, in the format of shields' endpoint: one label, one message, one colour.

https://shields.io/badges/endpoint-badge
"""

from __future__ import annotations

import json

from wsgi_gauntlet.harness.model import Results
from wsgi_gauntlet.reports.analysis.changes import what_changed
from wsgi_gauntlet.reports.analysis.scoreboard import Row, Scoreboard, scoreboard
from wsgi_gauntlet.reports.analysis.words import Word
from wsgi_gauntlet.reports.text.escaping import line
from wsgi_gauntlet.reports.text.labels import pluralize

LABEL = "wsgi-gauntlet"
MAX_CHARACTERS = 80

COLOURS = {
    Word.HOLDS_UP: "brightgreen",
    Word.WITH_CARE: "yellow",
    Word.NOT_ALONE: "red",
    Word.DEVELOPMENT_ONLY: "lightgrey",
    Word.NOT_MEASURED: "lightgrey",
    Word.NOT_CHECKED: "lightgrey",
}
"""The names of shields' colours."""


def render(results: Results) -> str:
    """Return the badge of `results`: the changes if there is a baseline or a base run, else the scoreboard in short."""
    message, colour = _message(results)
    document = {
        "schemaVersion": 1,
        "label": LABEL,
        "message": line(message, MAX_CHARACTERS) or "no result",
        "color": colour,
    }
    return f"{json.dumps(document, indent=2)}\n"


def _message(results: Results) -> tuple[str, str]:
    changed = what_changed(results)
    if changed is not None:
        if changed.not_compared:
            return "nothing was compared", "lightgrey"
        worse = [f"{pluralize(changed.worse_grades, 'grade')} worse"] if changed.worse_grades else []
        new = [pluralize(len(changed.new_failures), "new failure")] if changed.new_failures else []
        return (", ".join([*new, *worse]), "red") if new or worse else ("nothing new", "brightgreen")
    board = scoreboard(results)
    if not board.rows:
        return "no result", "lightgrey"
    if len(board.rows) == 1:
        return _one_server(board.rows[0])
    return _several_servers(board)


def _one_server(row: Row) -> tuple[str, str]:
    requirements = f"{row.must_broken} of {row.judged} requirements (must) broken" if row.judged else ""
    if row.word not in (Word.NOT_MEASURED, Word.NOT_CHECKED):
        return " · ".join(filter(None, (str(row.word), requirements))), COLOURS[row.word]
    if not row.judged:
        return str(row.word), COLOURS[row.word]
    return requirements, "red" if row.security_broken else "yellow" if row.must_broken else "brightgreen"


def _several_servers(board: Scoreboard) -> tuple[str, str]:
    if board.measured:
        served = sum(each.serves_users for each in board.measured)
        return f"{served} of {len(board.measured)} servers serve their users among slow clients", "blue"
    judged = [each for each in board.rows if each.judged]
    if not judged:
        return "nothing was judged", "lightgrey"
    clean = sum(not each.must_broken for each in judged)
    return f"{clean} of {len(judged)} servers break no requirement (must)", "blue"
