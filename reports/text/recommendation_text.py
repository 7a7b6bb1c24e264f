"""A recommendation in words: the question, the figures, the race, and its section of summary.md. Pure."""

from __future__ import annotations

import re
import shlex
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass

from wsgi_gauntlet.harness.load.analysis.units import format_bytes, format_rate
from wsgi_gauntlet.harness.model import Results
from wsgi_gauntlet.harness.model.recommendation import (
    Answer,
    CandidateFigures,
    CaseCell,
    Cell,
    Elimination,
    FigureId,
    MeasuredFigure,
    PasteFile,
    Recommendation,
    RecommendationCandidate,
    Stage,
)
from wsgi_gauntlet.reports.text import labels
from wsgi_gauntlet.reports.text.escaping import escape_text, line
from wsgi_gauntlet.reports.text.markdown_text import code, prose, table_code, table_prose

MAX_NAME_CHARACTERS = 100
"""Characters of a server name with its settings."""

MAX_SENTENCE_CHARACTERS = 1000

MAX_INVALID_REASONS = 3
"""Reasons of invalid measurements that a warning names. The report lists all measurements."""

MAX_OUT_LISTED = 40
"""Candidates that left the race and have a line in summary.md. report.html lists all."""


MAX_CASES_LISTED = 20
"""Broken cases of one sentence that summary.md lists. report.html has links to all."""

RESUMED_FACTOR = 1.2
"""A search that took this many budgets was resumed: one call keeps its budget to a tenth."""

MAX_EVIDENCE_LINES = 20
"""Lines of evidence for one candidate that left the race."""


@dataclass(frozen=True)
class FigureWords:
    """The name of a figure, and what it says, for a reader who never measured a server."""

    label: str
    meaning: str


FIGURES: dict[FigureId, FigureWords] = {
    FigureId.CAPACITY: FigureWords(
        "capacity", "The most requests a second that the server answers correctly within the p99 limit."
    ),
    FigureId.P99_AT_PEAK: FigureWords(
        "p99 at the peak", "At your peak, 99 of 100 requests get their answer at least this fast."
    ),
    FigureId.GOODPUT_ALONE: FigureWords(
        "users served", "The share of requests that get the correct answer in time without slow clients."
    ),
    FigureId.GOODPUT_AMONG_SLOW: FigureWords(
        "served among slow clients", "The same share while slow clients hold connections."
    ),
    FigureId.MEMORY: FigureWords(
        "peak memory", "The most memory of all its processes together. A page that they share counts once."
    ),
    FigureId.CPU: FigureWords("CPU a request", "The processor time that one request costs."),
    FigureId.MEMORY_GROWTH: FigureWords(
        "left behind a request", "Memory that one request leaves behind: a leak if it goes on."
    ),
    FigureId.SLOWEST_REQUEST: FigureWords(
        "slowest alone", "The slowest request of your traffic while the server has nothing else to do."
    ),
    FigureId.MUST_BROKEN: FigureWords("musts broken", "Requirements of PEP 3333 and HTTP that it breaks."),
    FigureId.SECURITY_MUST_BROKEN: FigureWords(
        "security musts broken", "Those of them against smuggling and injection."
    ),
    FigureId.RELOAD_LOSSES: FigureWords(
        "lost in a reload", "Requests that fail while it loads a new version of the app."
    ),
}
"""In the order of the tables."""

STAGES: dict[Stage, str] = {
    Stage.START: "start",
    Stage.CORRECTNESS: "correct answers",
    Stage.SCREENING: "screening",
    Stage.SECURITY: "security",
    Stage.FINALS: "finals",
    Stage.RELOAD: "reload",
}

NOT_MEASURED = "not measured"

RUNNER_UP_FIGURES = (FigureId.CAPACITY, FigureId.P99_AT_PEAK, FigureId.GOODPUT_AMONG_SLOW, FigureId.MEMORY)
"""The figures that the sentence about the runner-up rests on, as far as they were measured."""

NONE_HOLDS_TITLE, NOT_DECIDED_TITLE = "No server meets your requirements", "The search has no answer"


@dataclass(frozen=True)
class Sentence:
    """A sentence of the answer, the figures that it rests on, and the cells of conformance."""

    text: str
    cells: tuple[Cell, ...] = ()
    cases: tuple[CaseCell, ...] = ()


def title(found: Recommendation) -> str:
    """Return the answer in one sentence without a full stop."""
    if found.headline:
        return line(found.headline, 300).rstrip(".")
    if found.answer is Answer.RECOMMENDED and found.winner:
        return f"Use {name(found.winner)}"
    return NONE_HOLDS_TITLE if found.answer is Answer.NONE_HOLDS else NOT_DECIDED_TITLE


def name(candidate: str) -> str:
    """Return the name of a candidate on one line. Of a long one the middle is left out: names differ at both ends."""
    flat = line(candidate)
    if len(flat) <= MAX_NAME_CHARACTERS:
        return flat
    half = MAX_NAME_CHARACTERS // 2
    return f"{flat[: half - 1]}…{flat[-half:]}"


def describe_candidate(found: Recommendation, candidate: str) -> str:
    """Return how a candidate runs: `23.0.0 · 2 workers · 4 threads · behind nginx`, '' if nothing is known."""
    info = _candidate(found, candidate)
    if info is None:
        return ""
    parts = (
        line(info.version, 40),
        labels.pluralize(info.workers, "worker") if info.workers is not None else "",
        labels.pluralize(info.threads, "thread") if info.threads is not None else "",
        f"behind {line(info.front, 30)}" if info.front else "",
        line(info.advice, 80),
    )
    return " · ".join(filter(None, parts))


def describe_question(found: Recommendation) -> str:
    """Return what the user asked for: the app, its traffic, the peak and the limits."""
    asked = found.conditions
    parts = (
        line(asked.app, 100),
        f"traffic of {line(asked.traffic, 100)}" if asked.traffic else f"page {line(asked.page, 100)}",
        f"{format_rate(asked.peak)} at the peak" if asked.peak > 0 else "",
        f"p99 of at most {labels.duration(asked.p99_limit)}" if asked.p99_limit > 0 else "",
        labels.pluralize(asked.users, "user") if asked.users > 0 else "",
        labels.pluralize(asked.slow_clients, "slow client") if asked.slow_clients > 0 else "no slow clients",
        f"at most {size(asked.memory_limit)} of memory" if asked.memory_limit > 0 else "",
        labels.pluralize(asked.cores, "core") if asked.cores > 0 else "",
    )
    return ", ".join(filter(None, parts))


def describe_search(found: Recommendation) -> str:
    """Return how long the search was and what it measured, with its seed."""
    measured = {each.candidate for each in found.figures if any(_has_value(each, which) for which in FigureId)}
    # A search that was killed has no figures yet.
    measured |= {
        each.candidate for each in found.trials if each.valid and any(e.value is not None for e in each.figures)
    }
    spent, budget = labels.duration(found.seconds), labels.duration(found.conditions.budget)
    resumed = found.seconds > RESUMED_FACTOR * found.conditions.budget
    parts = (
        f"{labels.pluralize(len(found.candidates), 'candidate')}, {len(measured)} measured",
        f"{labels.pluralize(found.rounds, 'round')} of the finals" if found.rounds else "",
        f"{spent} in several calls, the last with a budget of {budget}" if resumed else f"{spent} of {budget}",
        f"seed {found.conditions.seed}",
    )
    return ", ".join(filter(None, parts))


def size(count: float) -> str:
    """Return bytes with decimal prefixes, as `--memory` and the sentences of the search have them: `2.0 GB`."""
    return format_bytes(count).replace(" ", labels.NO_BREAK_SPACE)


def describe_value(which: FigureId, value: float) -> str:
    """Return a value of a figure in its unit."""
    match which:
        case FigureId.CAPACITY:
            return format_rate(value)
        case FigureId.P99_AT_PEAK | FigureId.CPU | FigureId.SLOWEST_REQUEST:
            return labels.duration(value)
        case FigureId.GOODPUT_ALONE | FigureId.GOODPUT_AMONG_SLOW:
            return labels.percent(value)
        case FigureId.MEMORY | FigureId.MEMORY_GROWTH:
            return size(value)
        case FigureId.MUST_BROKEN | FigureId.SECURITY_MUST_BROKEN | FigureId.RELOAD_LOSSES:
            return labels.number(value)


def describe_figure(which: FigureId, figure: MeasuredFigure | None) -> str:
    """Return the value of a figure: `812/s`, `≥ 812/s`, `invalid` or `not measured`, and `–` without a measurement."""
    if figure is None:
        return labels.MISSING
    if figure.value is None:
        return "invalid" if figure.n_invalid else NOT_MEASURED
    return f"{f'≥{labels.NO_BREAK_SPACE}' if figure.bound else ''}{describe_value(which, figure.value)}"


def describe_spread(which: FigureId, figure: MeasuredFigure | None) -> str:
    """Return the range and the number of measurements: `790/s to 830/s, n = 5, 1 invalid`. Or why there is no value."""
    if figure is None:
        return NOT_MEASURED
    parts = []
    if figure.value is not None:
        if figure.low is not None and figure.high is not None and figure.low < figure.high:
            parts.append(f"{describe_value(which, figure.low)} to {describe_value(which, figure.high)}")
        parts.append(f"n = {figure.n}")
    if figure.n_invalid:
        parts.append(f"{figure.n_invalid} invalid")
    if figure.why:
        parts.append(line(figure.why, 200))
    return ", ".join(parts)


def why_no_value(figure: MeasuredFigure | None) -> str:
    """Return why a chart has no value of this figure, '' if it has one."""
    if figure is None:
        return NOT_MEASURED
    if figure.value is not None:
        return ""
    word = "invalid" if figure.n_invalid else NOT_MEASURED
    return f"{word}: {line(figure.why, 160)}" if figure.why else word


def describe_cells(found: Recommendation, cells: Sequence[Cell]) -> str:
    """Return the figures that a sentence rests on: `waitress: capacity 812/s, peak memory 80 MB; ...`."""
    by_candidate: dict[str, list[str]] = {}
    for each in cells:
        by_candidate.setdefault(each.candidate, []).append(describe_cell(found, each))
    return "; ".join(f"{name(candidate)}: {', '.join(texts)}" for candidate, texts in by_candidate.items())


def describe_evidence(found: Recommendation, each: Sentence) -> str:
    """Return the figures and the cells of conformance that a sentence rests on."""
    cases = [line(one.case, 120) for one in each.cases[:MAX_CASES_LISTED]]
    more = len(each.cases) - len(cases)
    parts = (describe_cells(found, each.cells), ", ".join([*cases, *([f"{more} more"] if more else [])]))
    return "; ".join(filter(None, parts))


def describe_cell(found: Recommendation, cell: Cell) -> str:
    """Return one figure with its name: `capacity 812/s`."""
    figure = found.figures_of(cell.candidate).figure(cell.figure)
    return f"{FIGURES[cell.figure].label} {describe_figure(cell.figure, figure)}"


def ordered_names(found: Recommendation) -> list[str]:
    """Return the names of all candidates: the winner, the runner-up, the finalists, the others in the race, and then
    those that left it, the last one first."""
    out = {each.candidate: each for each in found.eliminated}
    stages = list(Stage)
    left = sorted(out.values(), key=lambda each: -stages.index(each.stage))
    in_race = [each.name for each in found.candidates if each.name not in out]
    names = [found.winner, found.runner_up, *found.finalists, *in_race, *(each.candidate for each in left)]
    return [each for each in dict.fromkeys(names) if each]


def ordered_eliminations(found: Recommendation) -> list[Elimination]:
    """Return who left the race: first those with evidence against them, then the last one first."""
    stages = list(Stage)
    return sorted(found.eliminated, key=lambda each: (not each.evidence, -stages.index(each.stage)))


def describe_place(found: Recommendation, candidate: str) -> str:
    """Return where a candidate ended, as `recommended`, `runner-up`, `not distinguished`, `finalist` or `out: ...`."""
    if candidate == found.winner:
        return "recommended"
    if candidate == found.runner_up:
        return "runner-up"
    if (left := found.elimination(candidate)) is not None:
        return f"out: {STAGES[left.stage]}"
    if any(each.candidate == candidate for each in found.not_distinguished):
        return "not distinguished"
    return "finalist" if candidate in found.finalists else "in the race"


def shown_figures(found: Recommendation) -> list[FigureId]:
    """Return the figures that at least one candidate has."""
    return [each for each in FIGURES if any(one.figure(each) is not None for one in found.figures)]


def reasons(found: Recommendation) -> list[Sentence]:
    """Return why the answer is the answer."""
    return [Sentence(_sentence(each.text), each.cells, each.cases) for each in found.reasons]


def runner_up(found: Recommendation) -> list[Sentence]:
    """Return the runner-up, when to take it, and what its checks found. Without a sentence if there is none."""
    if not found.runner_up:
        return []
    when = _sentence(found.when_runner_up)
    figures = found.figures_of(found.runner_up)
    cells = tuple(Cell(found.runner_up, each) for each in RUNNER_UP_FIGURES if figures.figure(each) is not None)
    checks = [Sentence(_sentence(each.text), each.cells, each.cases) for each in found.about_runner_up]
    return [Sentence(f"{name(found.runner_up)}. {when}".rstrip(" "), cells), *checks]


def not_distinguished(found: Recommendation) -> list[Sentence]:
    """Return a sentence for each candidate that the rounds do not distinguish from the winner."""
    return [
        Sentence(_about(each.candidate, _sentence(each.text) or "No difference is shown."), each.cells)
        for each in found.not_distinguished
    ]


def changes(found: Recommendation) -> list[Sentence]:
    """Return what would change the answer, a condition and its answer in each sentence."""
    return [
        Sentence(
            f"{_capitalized(line(each.condition, 200)).rstrip('.:')}: {_sentence(each.answer)}",
            _measured(found, each.cells),
        )
        for each in found.what_would_change
    ]


def not_measured(found: Recommendation) -> list[Sentence]:
    """Return which servers and settings were no candidates, and why."""
    return [Sentence(_sentence(each)) for each in found.not_measured]


@dataclass(frozen=True)
class Part:
    """A part of the answer below its headline: its title, the same in one or two words, and its sentences."""

    title: str
    topic: str
    sentences: Callable[[Recommendation], list[Sentence]]


PARTS = (
    Part("Why", "Why", reasons),
    Part("Runner-up", "Runner-up", runner_up),
    Part("Not distinguished", "Not distinguished", not_distinguished),
    Part("What would change the answer", "Would change", changes),
    Part("Not measured", "Not measured", not_measured),
)
"""The parts of the answer, in their order."""


def describe_elimination(each: Elimination) -> str:
    """Return why a candidate left the race, and which other one is better."""
    reason = _sentence(each.reason) or "No reason is known."
    better = f" Better: {name(each.better)}." if each.better and name(each.better) not in reason else ""
    return f"{reason}{better}"


def evidence(each: Elimination) -> list[str]:
    """Return the first lines of the evidence against a candidate that left the race."""
    return [line(text, 400) for text in each.evidence[:MAX_EVIDENCE_LINES]]


def warnings(found: Recommendation) -> list[str]:
    """Return what a reader must know before they believe the answer: an early end, and invalid measurements."""
    texts = []
    if not found.finished:
        texts.append("The search is not finished. The answer rests on the measurements until then.")
    if found.stopped:
        texts.append(f"The search ended early: {line(found.stopped, 300).rstrip('.')}.")
    if not found.rounds and found.finished and len(found.candidates) > 1 and found.answer is not Answer.NOT_DECIDED:
        texts.append(
            f"{'The finals have no valid round' if found.finalists else 'There were no finals'}. The answer rests on "
            "the short trials of the screening, often a single one of each candidate."
        )
    if found.invalid:
        # Reasons that differ only in their numbers are one reason.
        distinct = list(
            {re.sub(r"[\d.,]+", "", each.reason): line(each.reason, 200) for each in found.invalid}.values()
        )
        count = labels.pluralize(len(found.invalid), "measurement")
        more = f"; and {len(distinct) - MAX_INVALID_REASONS} more" if len(distinct) > MAX_INVALID_REASONS else ""
        named = "; ".join(each.rstrip(".") for each in distinct[:MAX_INVALID_REASONS])
        texts.append(f"{count} did not count; no server is to blame: {named}{more}.")
    return texts


def files_of(found: Recommendation, candidate: str) -> list[PasteFile]:
    """Return the files that deploy `candidate`."""
    return [each for each in found.files if each.candidate == candidate]


def start_commands(found: Recommendation) -> list[str]:
    """Return the commands that start the winner: that of its server, then that of its proxy. Units of systemd are
    another way to start the server, so theirs are not among them."""
    files = [each for each in files_of(found, found.winner) if each.start and not each.name.endswith(".service")]
    return [line(each.start) for each in files]


def repeat_command(found: Recommendation) -> str:
    """Return the command that repeats the search with its budget and its seed, '' if it is not known."""
    asked = found.conditions
    if not asked.command:
        return ""
    given = (("--budget", f"{asked.budget:g}s"), ("--seed", f"{asked.seed}"))
    try:
        words = shlex.split(asked.command)
    except ValueError:  # an old result may have been edited
        words = asked.command.split()
    return line(" ".join([asked.command, *(f"{name} {value}" for name, value in given if name not in words)]))


TABLE_HEADS_BEFORE = ("candidate", "as it ran", "place")


def about_figures(found: Recommendation) -> str:
    """Return how the figures of finalists differ from those of the others, '' if all are from trials of one kind."""
    short = [
        each for each in found.figures if each.candidate not in found.finalists and _has_value(each, FigureId.CAPACITY)
    ]
    if not found.rounds or not short:
        return ""
    return (
        "Finalists have the figures of the finals, the others those of short trials. Short trials do not check the "
        "capacity at steady rates, so it may be too high: compare finalists only with each other."
    )


def table_heads(found: Recommendation) -> list[str]:
    """Return the heads of the table of all candidates."""
    return [*TABLE_HEADS_BEFORE, *(FIGURES[each].label for each in shown_figures(found))]


def table_rows(found: Recommendation) -> list[list[str]]:
    """Return a row for each candidate below `table_heads`."""
    shown = shown_figures(found)
    return [
        [
            name(each),
            describe_candidate(found, each),
            describe_place(found, each),
            *(describe_figure(which, found.figures_of(each).figure(which)) for which in shown),
        ]
        for each in ordered_names(found)
    ]


def recommendation_lines(results: Results) -> list[str]:
    """Return the section of summary.md about the recommendation, in pieces that cannot be cut; none without one."""
    found = results.recommendation
    return [] if found is None else list(_section(found))


def _section(found: Recommendation) -> Iterator[str]:
    yield f"## Recommendation\n\n**{prose(title(found), 400)}**\n\n"
    yield f"{prose(describe_question(found), 1_000)}.\n\n"
    for text in warnings(found):
        yield f"> {prose(text, MAX_SENTENCE_CHARACTERS)}\n\n"
    for part in PARTS:
        sentences = part.sentences(found)
        if not sentences:
            continue
        yield f"### {part.title}\n\n"
        for each in sentences:
            cells = code(describe_cells(found, each.cells), MAX_SENTENCE_CHARACTERS)
            yield f"- {prose(each.text, MAX_SENTENCE_CHARACTERS)}{f' ({cells})' if cells else ''}\n"
            for case in each.cases[:MAX_CASES_LISTED]:
                yield f"  - {code(case.case)}\n"
            if len(each.cases) > MAX_CASES_LISTED:
                yield f"  - {len(each.cases) - MAX_CASES_LISTED} more are in report.html\n"
        yield "\n"
    rows = table_rows(found)
    if rows:
        heads = table_heads(found)
        frame = f"| {' | '.join(map(table_prose, heads))} |\n|{' :-- |' * len(TABLE_HEADS_BEFORE)}"
        yield f"### All candidates\n\n{frame}{' --: |' * (len(heads) - len(TABLE_HEADS_BEFORE))}\n"
        for row in rows:
            yield f"| {' | '.join(table_code(cell) for cell in row)} |\n"
        yield "\n"
        if about := about_figures(found):
            yield f"{about}\n\n"
    yield from _out_lines(found)
    yield from _file_lines(found)
    yield f"{prose(describe_search(found))}.\n\n"
    if again := repeat_command(found):
        yield f"The same search again: {code(again, 0)}\n\n"


def _out_lines(found: Recommendation) -> Iterator[str]:
    if not found.eliminated:
        return
    yield "### Out of the race\n\n"
    for each in ordered_eliminations(found)[:MAX_OUT_LISTED]:
        yield f"- {code(name(each.candidate))} ({STAGES[each.stage]}): {prose(describe_elimination(each), 600)}\n"
        for text in each.evidence[:3]:
            yield f"  - {code(text)}\n"
    if len(found.eliminated) > MAX_OUT_LISTED:
        yield f"- {len(found.eliminated) - MAX_OUT_LISTED} more are in report.html\n"
    yield "\n"


def _file_lines(found: Recommendation) -> Iterator[str]:
    if not found.files:
        return
    yield "### Files to paste\n\n"
    for each in found.files:
        yield (f"{code(each.name)} for {code(name(each.candidate))}. {_markdown_of_use(each)}\n\n{fenced(each.text)}\n")


def _markdown_of_use(each: PasteFile) -> str:
    # A command without its end is of no use.
    place = f"Save it as {code(each.install_path, limit=0)}." if each.install_path else ""
    start = f"Then run {code(each.start, limit=0)}." if each.start else ""
    return " ".join(filter(None, (place, start)))


def fenced(text: str) -> str:
    """Return `text` as a block of code. Nothing in it ends the block, and no character of it acts."""
    clean = escape_text(text).rstrip("\n")
    longest = max(map(len, re.findall(r"`+", clean)), default=0)
    marks = "`" * max(3, longest + 1)
    return f"{marks}\n{clean}\n{marks}\n"


def _has_value(figures: CandidateFigures, which: FigureId) -> bool:
    figure = figures.figure(which)
    return figure is not None and figure.value is not None


def _measured(found: Recommendation, cells: Sequence[Cell]) -> tuple[Cell, ...]:
    """Return those of `cells` that have a figure."""
    return tuple(each for each in cells if found.figures_of(each.candidate).figure(each.figure) is not None)


def _candidate(found: Recommendation, candidate: str) -> RecommendationCandidate | None:
    return next((each for each in found.candidates if each.name == candidate), None)


def _sentence(text: str) -> str:
    """Return `text` on one line, with a full stop."""
    flat = line(text, MAX_SENTENCE_CHARACTERS)
    return flat if not flat or flat[-1] in ".!?…" else f"{flat}."


def _about(candidate: str, sentence: str) -> str:
    """Return a sentence that names its candidate."""
    return sentence if sentence.startswith(name(candidate)) else f"{name(candidate)}: {sentence}"


def _capitalized(text: str) -> str:
    return text[:1].upper() + text[1:]
