"""The recommendation: the answer, each sentence with its figures, the files to paste, the charts and the race."""

from __future__ import annotations

from collections.abc import Sequence

from wsgi_gauntlet.harness.model import Results
from wsgi_gauntlet.harness.model.recommendation import Cell, PasteFile, Recommendation
from wsgi_gauntlet.reports.charts.recommendation_charts import recommendation_charts
from wsgi_gauntlet.reports.text import recommendation_text as words
from wsgi_gauntlet.reports.text.escaping import escape_text, line
from wsgi_gauntlet.reports.writers.html.chart_data import chart_data
from wsgi_gauntlet.reports.writers.html.view import View


def block(results: Results) -> dict[str, object] | None:
    """Return the answer, the table of all candidates, the race, the files and the charts, or None without an answer.

    `parts` have sentences, each with `cells`: {candidate, figure, text}, and `cases`: {server, case, text}. `rows`
    have a cell for each of `heads`: {figure, text, spread}. `shown` of a file is its text without characters that act;
    `text` is the file.
    """
    found = results.recommendation
    if found is None:
        return None
    return {
        "title": words.title(found),
        "question": words.describe_question(found),
        "search": words.describe_search(found),
        "warnings": words.warnings(found),
        "about_figures": words.about_figures(found),
        "parts": [
            {"title": part.title, "sentences": [_sentence(found, each) for each in sentences]}
            for part in words.PARTS
            if (sentences := part.sentences(found))
        ],
        "files": [_file(each) for each in found.files],
        "charts": [chart_data(each) for each in recommendation_charts(results)],
        "heads": [
            {"figure": each.value, "label": words.FIGURES[each].label, "meaning": words.FIGURES[each].meaning}
            for each in words.shown_figures(found)
        ],
        "rows": [_row(found, each) for each in words.ordered_names(found)],
        "out": [
            {
                "name": words.name(each.candidate),
                "stage": words.STAGES[each.stage],
                "text": words.describe_elimination(each),
                "evidence": words.evidence(each),
            }
            for each in words.ordered_eliminations(found)
        ],
        "invalid": [
            [words.name(each.candidate), words.STAGES[each.stage], line(each.reason, 300)] for each in found.invalid
        ],
        "command": words.repeat_command(found),
        "rounds": bool(results.comparisons),
    }


def _sentence(found: Recommendation, each: words.Sentence) -> dict[str, object]:
    cases = [{"server": one.server, "case": one.case, "text": line(one.case, 200)} for one in each.cases]
    return {"text": each.text, "cells": _cells(found, each.cells), "cases": cases}


def _cells(found: Recommendation, cells: Sequence[Cell]) -> list[dict[str, str]]:
    return [
        {
            "candidate": words.name(each.candidate),
            "figure": each.figure.value,
            "text": words.describe_cell(found, each),
        }
        for each in cells
    ]


def _row(found: Recommendation, candidate: str) -> dict[str, object]:
    figures = found.figures_of(candidate)
    return {
        "name": words.name(candidate),
        "as_run": words.describe_candidate(found, candidate),
        "place": words.describe_place(found, candidate),
        "out": found.elimination(candidate) is not None,
        "cells": [
            {
                "figure": each.value,
                "text": words.describe_figure(each, figures.figure(each)),
                "spread": "" if figures.figure(each) is None else words.describe_spread(each, figures.figure(each)),
            }
            for each in words.shown_figures(found)
        ],
    }


def _file(each: PasteFile) -> dict[str, str]:
    return {
        "candidate": words.name(each.candidate),
        "name": line(each.name, 100),
        "text": each.text.encode("utf-8", "backslashreplace").decode(),
        "shown": escape_text(each.text),
        "path": line(each.install_path),
        "start": line(each.start),
    }


VIEW = View(name="recommendation", title="Recommendation", order=1, block=block)
