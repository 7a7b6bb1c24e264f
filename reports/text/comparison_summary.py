"""A comparison in words: texts of its figures, its conclusion, and its section of summary.md. Pure."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence

from wsgi_gauntlet.harness.load.analysis.units import format_times
from wsgi_gauntlet.harness.model import (
    BASELINE_LETTER,
    ComparisonResult,
    ComparisonWord,
    FigureComparison,
    Metric,
    Results,
)
from wsgi_gauntlet.reports.analysis.scoreboard import describe_as_run
from wsgi_gauntlet.reports.text import labels
from wsgi_gauntlet.reports.text.escaping import line
from wsgi_gauntlet.reports.text.markdown_text import code, prose, table_code

ORDER_OF_WORDS = (
    ComparisonWord.BETTER,
    ComparisonWord.WORSE,
    ComparisonWord.MORE,
    ComparisonWord.LESS,
    ComparisonWord.EQUAL,
    ComparisonWord.INCONCLUSIVE,
    ComparisonWord.NOT_COMPARED,
)

COLOURS = {ComparisonWord.BETTER: "good", ComparisonWord.WORSE: "bad"}
"""The colours of words, as names of charts/palette.py. Other words have none."""

MIN_CANDIDATES = 2

MAX_ADVISED_ROUNDS = 200
"""Further rounds that a report advises: more of them take hours."""

MAX_INVALID_REASONS = 3
"""Reasons of invalid rounds that are listed."""


def describe_candidate(comparison: ComparisonResult, letter: str) -> str:
    """Return a candidate as it was run: `B gunicorn (27.0.1 · 1 worker, 1 thread)`, with its app if it has one."""
    candidate, conditions = comparison.candidate(letter), comparison.conditions(letter)
    as_run = describe_as_run(candidate.version, conditions)
    python = f"Python {conditions['python']}" if conditions.get("python") else ""
    extras = " · ".join(filter(None, (as_run, python, candidate.app)))
    return f"{letter} {line(candidate.server, 60)}{f' ({line(extras, 100)})' if extras else ''}"


def describe_ratio(each: FigureComparison) -> str:
    """Return the ratio with its interval: `1.12 [1.09, 1.15]`; points for a difference of shares: `+12 [+9, +15] pt`.

    `<` and `>` stand before a ratio of a lower bound.
    """
    ratio = each.ratio
    if ratio is None:
        return labels.MISSING
    if each.difference:
        return f"{labels.points(ratio.estimate)} [{labels.points(ratio.low)}, {labels.points(ratio.high)}] pt"
    return f"{_bound(each)}{_factor(ratio.estimate)} [{_factor(ratio.low)}, {_factor(ratio.high)}]"


def describe_round_ratio(ratio: float, *, difference: bool = False) -> str:
    """Return the ratio of one round, or the difference of two shares."""
    return f"{labels.points(ratio)} pt" if difference else _factor(ratio)


def describe_noise(each: FigureComparison) -> str:
    """Return the range of A against A in 95 % of the rounds: `0.98–1.02`, or `±0.6 pt`."""
    if each.noise is None:
        return labels.MISSING
    if each.difference:
        return f"±{max(abs(each.noise.low), abs(each.noise.high)) * 100:.1f} pt"
    return f"{_factor(each.noise.low)}–{_factor(each.noise.high)}"


def short_text(each: FigureComparison) -> str:
    """Return the word of a figure without the number of further rounds."""
    return line(each.text.partition(":")[0].replace(" points", " pt"), 40)


def describe_value(value: float | None, unit: str, *, at_least: bool = False) -> str:
    """Return a figure in its unit."""
    if value is not None and unit == "share":
        return labels.percent(value)
    return labels.metric(Metric("value", "value", value, unit, at_least))


def describe_rounds(comparison: ComparisonResult) -> str:
    """Return the numbers of rounds, the seed and the time: `12 rounds in 5 min 30 s, seed 4711`."""
    valid = len(comparison.valid_rounds)
    invalid = len(comparison.rounds) - valid
    more = f" and {invalid} invalid" if invalid else ""
    seconds = labels.duration(comparison.seconds).replace(labels.NO_BREAK_SPACE, " ")
    return f"{labels.pluralize(valid, 'round')}{more} in {seconds}, seed {comparison.seed}"


def conclusions(comparison: ComparisonResult) -> list[str]:
    """Return one sentence for each candidate but A, with the figures of each word."""
    baseline = line(comparison.candidate(BASELINE_LETTER).name, 60)
    found = []
    for candidate in comparison.candidates:
        if candidate.letter == BASELINE_LETTER:
            continue
        own = [each for each in comparison.judged if each.letter == candidate.letter]
        parts = [text for word in ORDER_OF_WORDS if (text := _group(word, own))]
        name = line(candidate.name, 60)
        if parts:
            found.append(f"{name} against {baseline}: {'; '.join(parts)}.")
        else:
            found.append(f"{name} against {baseline}: no round is complete.")
    return found


def warnings(comparison: ComparisonResult) -> list[str]:
    """Return what a reader must know before they believe the words: an early end, disturbed rounds."""
    found = []
    if comparison.stopped:
        found.append(f"The comparison ended early: {line(comparison.stopped, 300)}.")
    if comparison.extended:
        times = format_times(comparison.extended)
        found.append(
            f"It went on {times} after its words could be seen. Each time, chance gets another opportunity: a word is "
            f"wrong with more than 5 %. A new comparison of {len(comparison.valid_rounds)} rounds is safer."
        )
    disturbed = list(dict.fromkeys(line(each.label, 40) for each in comparison.judged if each.noise_differs))
    if disturbed:
        found.append(f"A differs from itself in {', '.join(disturbed)}: something disturbs the comparison.")
    invalid = [each for each in comparison.rounds if not each.valid]
    if invalid:
        # Reasons that differ only in their numbers are one reason.
        reasons = list({re.sub(r"[\d.,]+", "", each.why): line(each.why, 200) for each in invalid}.values())
        text = f"{labels.pluralize(len(invalid), 'round')} did not count; no server is to blame"
        found.append(f"{text}: {'; '.join(reasons[:MAX_INVALID_REASONS])}.")
    return found


def open_questions(comparison: ComparisonResult) -> str:
    """Return how many more rounds each inconclusive figure needs, '' if none is open."""
    several = len(comparison.candidates) > MIN_CANDIDATES
    needs = [
        f"{line(each.label, 60)}{f' of {each.letter}' if several else ''} "
        f"{'too many' if each.more_rounds is None else f'{each.more_rounds:,}'}"
        for each in comparison.judged
        if each.word is ComparisonWord.INCONCLUSIVE
    ]
    return f"More rounds that would tell {comparison.threshold * 100:g} %: {', '.join(needs)}." if needs else ""


def more_rounds(comparison: ComparisonResult, limit: int = MAX_ADVISED_ROUNDS) -> int:
    """Return the further rounds, up to `limit`, that would decide every figure that so many decide; 0 if none is."""
    open_figures = [each for each in comparison.judged if each.word is ComparisonWord.INCONCLUSIVE]
    return max((each.more_rounds for each in open_figures if each.more_rounds and each.more_rounds <= limit), default=0)


def comparison_section(results: Results) -> str:
    """Return the section of summary.md about the comparisons, '' without any."""
    return "".join(text for each in results.comparisons for text in _section(each))


def _section(comparison: ComparisonResult) -> Iterator[str]:
    yield "## Comparison in rounds\n\n"
    for candidate in comparison.candidates:
        yield f"- {code(describe_candidate(comparison, candidate.letter))}\n"
    yield f"\n{describe_rounds(comparison)}. A ratio is server / A; an interval holds it with 95 %.\n\n"
    for text in conclusions(comparison):
        yield f"- {prose(text, 2_000)}\n"
    yield "\n| figure | server | word | ratio | rounds | A | server | A against A |\n"
    yield "| :-- | :-- | :-- | --: | --: | --: | --: | --: |\n"
    for each in comparison.judged:
        yield f"| {' | '.join(table_code(cell) for cell in table_row(each))} |\n"
    yield "\n"
    for text in filter(None, (open_questions(comparison), *warnings(comparison))):
        yield f"- {prose(text, 2_000)}\n"
    if again := repeat_command(comparison):
        yield f"\nThe same order again: {code(again)}\n"
    yield "\n"


def repeat_command(comparison: ComparisonResult) -> str:
    """Return the command that measures the same order again, '' if it is not known."""
    return line(f"{comparison.command} --seed {comparison.seed}") if comparison.command else ""


def round_heads(comparison: ComparisonResult) -> list[str]:
    """Return the heads of the table of every round."""
    return [
        *("round", "order"),
        *(f"{line(each.label, 40)}, {each.letter} {'−' if each.difference else '/'} A" for each in comparison.judged),
    ]


def round_rows(comparison: ComparisonResult) -> list[tuple[list[str], bool]]:
    """Return a row for each round, in the order of time, and whether it is valid."""
    found = []
    place = 0
    for each in comparison.rounds:
        head = [str(each.number), each.order]
        if each.valid:
            found.append(([*head, *(_round_ratio(one, place) for one in comparison.judged)], True))
            place += 1
        else:
            why = [f"invalid: {line(each.why, 200)}", *[""] * (len(comparison.judged) - 1)]
            found.append(([*head, *why[: len(comparison.judged)]], False))
    return found


def _round_ratio(each: FigureComparison, place: int) -> str:
    ratio = each.by_round[place] if place < len(each.by_round) else None
    return labels.MISSING if ratio is None else describe_round_ratio(ratio, difference=each.difference)


TABLE_HEADS = ("figure", "server", "word", "ratio", "rounds", "A", "server's value", "A against A")


def table_row(each: FigureComparison) -> tuple[str, ...]:
    """Return the cells of one figure below TABLE_HEADS."""
    return (
        line(each.label, 60),
        each.letter,
        line(each.text, 80) if not each.note else line(f"{each.text}: {each.note}", 200),
        describe_ratio(each),
        str(each.rounds),
        describe_value(each.baseline, each.unit, at_least=each.baseline_bound),
        describe_value(each.value, each.unit, at_least=each.value_bound),
        describe_noise(each),
    )


def _group(word: ComparisonWord, judged: Sequence[FigureComparison]) -> str:
    texts: dict[str, list[str]] = {}
    for each in judged:
        if each.word is word:
            detail = f" ({describe_estimate(each)})" if word.is_difference else ""
            texts.setdefault(short_text(each), []).append(f"{line(each.label, 60)}{detail}")
    return "; ".join(f"{text}: {', '.join(figures)}" for text, figures in texts.items())


def describe_estimate(each: FigureComparison) -> str:
    """Return the ratio alone: `1.12`, or `+12 pt`."""
    if each.ratio is None:
        return labels.MISSING
    return f"{_bound(each)}{describe_round_ratio(each.ratio.estimate, difference=each.difference)}"


def _bound(each: FigureComparison) -> str:
    return "<" if each.baseline_bound and not each.value_bound else ">" if each.value_bound else ""


def _factor(value: float) -> str:
    if value >= 1000 or 0 < value < 0.001:
        return f"{value:.0e}"
    if value >= 100:
        return f"{value:.0f}"
    if value >= 10:
        return f"{value:.1f}"
    return f"{value:.2f}" if value >= 0.1 else f"{value:.3f}"
