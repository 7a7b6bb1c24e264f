"""Compare two servers of the run: known pairs first, then any two."""

from __future__ import annotations

from wsgi_gauntlet.harness.model import Results, ScenarioResult
from wsgi_gauntlet.reports.analysis import aggregation, comparison, in_process
from wsgi_gauntlet.reports.analysis.comparison import Difference, ServerComparison
from wsgi_gauntlet.reports.text import labels
from wsgi_gauntlet.reports.text.escaping import line
from wsgi_gauntlet.reports.writers.html.view import View

NOTES = {
    Difference.FRONT: "Masked: only {plain} breaks the case. Caused: only {other} breaks it.",
    Difference.VERSION: "Fixed: only {plain} breaks the case. Broke: only {other} breaks it.",
    Difference.TUNED: "{other} has the settings that its documentation recommends, {plain} has the defaults.",
}


def block(results: Results) -> dict[str, object] | None:
    """Return the known pairs, the chains without a pair, and the figures of each server under load.

    `better` and `worse` of a pair count scenarios. `figures` has by server and scenario {grade, sign, label, rank,
    note, figures: [[name, text], ...]}. The lower `rank` is better: grade, then N*. It is null if there is none.
    """
    if len(aggregation.tried(results)) < 2:
        return None
    figures: dict[str, dict[str, object]] = {}
    for each in results.load:
        figures.setdefault(each.server, {})[each.scenario] = load_figures(each)
    return {
        "pairs": [*map(_pair, comparison.find_pairs(results)), *map(_in_process_pair, in_process.find_pairs(results))],
        "missing": [[each.chain, line(each.front), each.alone] for each in comparison.missing_servers(results)],
        "figures": figures,
    }


def title(found: ServerComparison) -> str:
    """Return the title of a pair."""
    match found.difference:
        case Difference.FRONT:
            return f"{found.what} in front of {found.plain}"
        case Difference.VERSION:
            return f"{found.plain} and {found.other}: {found.what}"
        case Difference.TUNED:
            return f"{found.what}: {found.other} and {found.plain}"


def load_figures(load: ScenarioResult) -> dict[str, object]:
    """Return the grade of a cell, and its figures as texts. A cell that is not judged has no figures."""
    figures: list[list[str]] = []
    if load.grade not in labels.NOT_JUDGED_GRADES:
        phase = labels.during(load)
        if load.goodput is not None:
            figures.append(["goodput", labels.percent(load.goodput)])
        if phase is not None and phase.p99 is not None:
            requests = labels.pluralize(phase.scheduled, "request")
            figures.append(["p99", f"{labels.duration(phase.p99, at_least=phase.censored)} (n = {requests})"])
        if load.slowdown is not None:
            figures.append(["slowdown", labels.ratio(load.slowdown, at_least=load.slowdown_censored)])
        if load.collapse is not None:
            figures.append(["N*", labels.pluralize(load.collapse, "slow client")])
        if load.recovery is not None:
            figures.append(["recovery", labels.duration(load.recovery)])
        if (best := labels.best_rate(load)) is not None:
            figures.append(["best rate", labels.rate(best)])
        figures += [[line(each.label, 80), labels.metric(each)] for each in load.metrics if each.value is not None]
    comparable = load.grade in comparison.GRADES_BEST_FIRST
    return {
        "grade": load.grade.value,
        "sign": labels.GRADES[load.grade].sign,
        "label": labels.grade(load),
        "rank": [comparison.GRADES_BEST_FIRST.index(load.grade), -(load.collapse or 0)] if comparable else None,
        "figures": figures,
        "note": line(load.note, 400) if load.grade in labels.NOT_JUDGED_GRADES else "",
    }


def _pair(found: ServerComparison) -> dict[str, object]:
    return {
        "plain": found.plain,
        "other": found.other,
        "title": line(title(found)),
        "note": line(NOTES[found.difference].format(plain=found.plain, other=found.other)),
        "summary": line(found.summary),
        "words": list(found.difference.value),
        "better": found.better,
        "worse": found.worse,
    }


def _in_process_pair(found: in_process.InProcessComparison) -> dict[str, object]:
    return {
        "plain": found.wire,
        "other": found.in_process,
        "title": line(f"{found.wire} on the wire and in-process"),
        "note": "A difference shows an error of tests without sockets.",
        "summary": line(found.summary),
        "words": ["passes in-process only", "passes on the wire only"],
        "better": 0,
        "worse": 0,
    }


VIEW = View(name="compare", title="Compare", order=45, block=block)
