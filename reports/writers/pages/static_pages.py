"""The report as static pages for viewers that allow no scripts and no inline styles.

Jenkins serves files of a build with the policy `sandbox; default-src 'none'; img-src 'self'; style-src 'self'`. So each
page has only links to the style sheet and to pictures in the same folder. Nothing here has a script, a style element or
a style attribute. jinja2 escapes all values.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from functools import cache, partial
from importlib import resources

from markupsafe import Markup, escape

from wsgi_gauntlet.harness.model import (
    CaseResult,
    Results,
    ScenarioInfo,
    ScenarioResult,
    ServerInfo,
    Verdict,
)
from wsgi_gauntlet.harness.model.recommendation import PasteFile
from wsgi_gauntlet.harness.model.requirement import RequirementResult
from wsgi_gauntlet.harness.store import rerun_command
from wsgi_gauntlet.harness.store.evidence_limits import truncate_text
from wsgi_gauntlet.reports.analysis import aggregation, load_figures
from wsgi_gauntlet.reports.analysis.cards import cards
from wsgi_gauntlet.reports.analysis.changes import what_changed
from wsgi_gauntlet.reports.analysis.claims import statements, unmeasured_claims
from wsgi_gauntlet.reports.analysis.headline import headline, run_line
from wsgi_gauntlet.reports.analysis.key_figure import key_figure
from wsgi_gauntlet.reports.analysis.requirements import by_requirement
from wsgi_gauntlet.reports.analysis.scoreboard import Row, Scoreboard, scoreboard
from wsgi_gauntlet.reports.charts.chart import Chart
from wsgi_gauntlet.reports.charts.comparison_charts import comparison_charts
from wsgi_gauntlet.reports.charts.drawing import Table
from wsgi_gauntlet.reports.charts.recommendation_charts import recommendation_charts
from wsgi_gauntlet.reports.charts.requirement_bars import RequirementRow, requirement_bar
from wsgi_gauntlet.reports.charts.run_charts import collapse_chart, requirement_chart
from wsgi_gauntlet.reports.charts.run_note import run_note
from wsgi_gauntlet.reports.charts.scenario_charts import scenario_charts
from wsgi_gauntlet.reports.charts.standalone import standalone
from wsgi_gauntlet.reports.charts.strip import LEGEND, strip, strip_axes
from wsgi_gauntlet.reports.text import comparison_summary, labels, recommendation_text, run_environment
from wsgi_gauntlet.reports.text.escaping import escape_text, first_sentence, line
from wsgi_gauntlet.reports.text.failure_report import transcript

INDEX, STYLE, CHARTS = "index.html", "style.css", "charts"
"""The first page, the style sheet, and the folder of pictures."""

MAX_CHANGES = 100
"""Changes of one kind that the first page lists."""

MAX_EVIDENCE_CHARACTERS = 2000
"""Characters of the evidence and of the server log of one cell. report.html has more."""

MAX_NAME_CHARACTERS = 60
"""Characters of a server or scenario in a file name."""


@dataclass(frozen=True)
class Picture:
    """A chart on a page: the files with its pictures for wide and narrow pages, its title and its data."""

    file: str
    narrow: str
    title: str
    table: Table


@dataclass(frozen=True)
class Broken:
    """A requirement that a server broke: what was expected, what it did, and the sentence that asks for it.

    `replay` is the command that shows the worst variant again; `evidence` and `log` are those of that variant.
    """

    id: str
    level: str
    security: bool
    summary: str
    expected: str
    got: str
    source: str
    url: str
    quote: str
    variants: Sequence[str]
    replay: str
    evidence: str
    log: str


@dataclass(frozen=True)
class LoadCell:
    """One server in one scenario, for its page and for that of the scenario."""

    load: ScenarioResult
    title: str
    file: str
    sign: str
    grade: str
    figure: str


@dataclass(frozen=True)
class LoadDetail:
    """One server in one scenario in detail: what a reader must know, `tables` with their names, and the server log."""

    load: ScenarioResult
    texts: Sequence[str]
    tables: Sequence[tuple[str, load_figures.TextTable]]
    log: str


@dataclass(frozen=True)
class Rounds:
    """A comparison in rounds: its numbers, the servers, what it says, its figures and charts, and its warnings.

    `rounds` has every round, `command` measures the same order again.
    """

    title: str
    candidates: Sequence[str]
    conclusions: Sequence[str]
    table: Table
    pictures: Sequence[Picture]
    notes: Sequence[str]
    rounds: Table
    threshold: str
    rate: str
    command: str


@dataclass(frozen=True)
class Answer:
    """A recommendation: the question, `parts` (title, sentences with their figures), the files, charts and the race.

    `about_figures` says which of them can be compared, `meanings` are those of the columns, `out` has who left with the
    evidence, `command` repeats the search.
    """

    question: str
    search: str
    warnings: Sequence[str]
    parts: Sequence[tuple[str, Sequence[tuple[str, str]]]]
    files: Sequence[PasteFile]
    pictures: Sequence[Picture]
    table: Table
    about_figures: str
    meanings: Sequence[tuple[str, str]]
    out: Sequence[tuple[str, Sequence[str]]]
    invalid: Table
    command: str


@dataclass
class _Files:
    """The names of the pages by server and scenario, and the pictures that pages refer to."""

    servers: dict[str, str] = field(default_factory=dict)
    scenarios: dict[str, str] = field(default_factory=dict)
    pictures: dict[str, str] = field(default_factory=dict)

    def picture(self, chart: Chart) -> Picture:
        """Add the picture of `chart`."""
        name = _unique(chart.file_stem.lower(), ".svg", {each.partition("/")[2] for each in self.pictures})
        file = narrow = f"{CHARTS}/{name}"
        self.pictures[file] = standalone(chart.wide)
        if not chart.small:
            narrow = f"{CHARTS}/{name.removesuffix('.svg')}-narrow.svg"
            self.pictures[narrow] = standalone(chart.narrow)
        return Picture(file, narrow, chart.title, chart.table())


def static_pages(results: Results) -> dict[str, str]:
    """Return the texts of all files by their path: the first page, one for each server, one for each scenario."""
    board = scoreboard(results)
    files = _Files()
    for each in aggregation.tried(results):
        files.servers[each] = _unique(f"server-{_slug(each)}", ".html", set(files.servers.values()))
    for each in aggregation.scenarios(results):
        files.scenarios[each] = _unique(f"scenario-{_slug(each)}", ".html", set(files.scenarios.values()))
    pages = {INDEX: _index(results, board, files)}
    for row in board.rows:
        pages[files.servers[row.server]] = _server_page(results, row, files)
    for name, (info, cells) in aggregation.scenarios(results).items():
        pages[files.scenarios[name]] = _scenario_page(results, info, cells, files)
    return {**pages, **files.pictures, STYLE: _text("style.css")}


def _index(results: Results, board: Scoreboard, files: _Files) -> str:
    loads = [each.strip for each in board.rows if each.strip is not None]
    axes = strip_axes(loads) if loads else None
    charts = [each for each in (collapse_chart(results), requirement_chart(results, board)) if each is not None]
    return _render(
        "index.html.j2",
        results=results,
        title=headline(results, board).text,
        run=run_line(results).text,
        cards=cards(results, board),
        changed=what_changed(results),
        max_changes=MAX_CHANGES,
        recommendation=_answer(results, files),
        comparisons=[_rounds(results, place, files) for place in range(len(results.comparisons))],
        board=board,
        strips={
            each.server: Markup(strip(each.strip, axes).render())  # noqa: S704 - the chart escapes text
            for each in board.rows
            if each.strip is not None and axes is not None
        },
        bars={each.server: _bar(each) for each in board.rows if each.judged},
        legend=LEGEND,
        files=files,
        pictures=[files.picture(each) for each in charts],
        scenarios=[
            (info, files.scenarios[name], first_sentence(info.summary))
            for name, (info, _) in aggregation.scenarios(results).items()
        ],
        claims=statements(results),
        claim_verdicts=labels.CLAIM_VERDICTS,
        unmeasured_claims=unmeasured_claims(results),
        unavailable=[each for each in aggregation.servers(results) if not each.available],
        environment=run_environment.rows(results.environment),
    )


def _rounds(results: Results, place: int, files: _Files) -> Rounds:
    words, comparison = comparison_summary, results.comparisons[place]
    return Rounds(
        title=words.describe_rounds(comparison),
        candidates=[words.describe_candidate(comparison, each.letter) for each in comparison.candidates],
        conclusions=words.conclusions(comparison),
        table=Table(words.TABLE_HEADS, tuple(map(words.table_row, comparison.judged))),
        pictures=[files.picture(each) for each in comparison_charts(results, place)],
        notes=[each for each in (words.open_questions(comparison), *words.warnings(comparison)) if each],
        rounds=Table(words.round_heads(comparison), tuple(cells for cells, _ in words.round_rows(comparison))),
        threshold=f"{comparison.threshold * 100:g} %",
        rate=labels.rate(comparison.rate) if comparison.rate else "",
        command=words.repeat_command(comparison),
    )


def _answer(results: Results, files: _Files) -> Answer | None:
    found, words = results.recommendation, recommendation_text
    if found is None:
        return None
    return Answer(
        question=words.describe_question(found),
        search=words.describe_search(found),
        warnings=words.warnings(found),
        parts=[
            (part.title, [(each.text, words.describe_evidence(found, each)) for each in sentences])
            for part in words.PARTS
            if (sentences := part.sentences(found))
        ],
        files=found.files,
        pictures=[files.picture(each) for each in recommendation_charts(results)],
        table=Table(words.table_heads(found), words.table_rows(found)),
        about_figures=words.about_figures(found),
        meanings=[(words.FIGURES[each].label, words.FIGURES[each].meaning) for each in words.shown_figures(found)],
        out=[
            (
                f"{words.name(each.candidate)} ({words.STAGES[each.stage]}): {words.describe_elimination(each)}",
                words.evidence(each),
            )
            for each in words.ordered_eliminations(found)
        ],
        invalid=Table(
            ("candidate", "stage", "reason"),
            tuple(
                (words.name(each.candidate), words.STAGES[each.stage], line(each.reason, 300)) for each in found.invalid
            ),
        ),
        command=words.repeat_command(found),
    )


def _server_page(results: Results, row: Row, files: _Files) -> str:
    cells = [each for each in results.conformance if each.server == row.server]
    broken = [_broken(results, each) for each in by_requirement(cells) if each.verdict.blames_server]
    broken.sort(key=lambda each: (not each.security, each.level != "must", each.id))
    info = next((each for each in aggregation.servers(results) if each.name == row.server), None)
    found = aggregation.scenarios(results)
    return _render(
        "server.html.j2",
        title=row.server,
        row=row,
        info=info or ServerInfo(row.server, row.server, True),
        broken=broken,
        bar=_bar(row) if row.judged else None,
        not_judged=_not_judged(cells),
        loads=[
            _load_cell(each, found[each.scenario][0], files.scenarios[each.scenario])
            for each in results.load
            if each.server == row.server
        ],
    )


def _scenario_page(results: Results, info: ScenarioInfo, cells: Sequence[ScenarioResult], files: _Files) -> str:
    note = run_note(results)
    heads, rows = load_figures.figure_columns(cells)
    question = first_sentence(info.summary)
    return _render(
        "scenario.html.j2",
        title=info.title,
        question=question,
        method=info.summary.removeprefix(question),
        heads=heads,
        rows=[
            (_load_cell(each, info, files.servers[each.server]), figures)
            for each, figures in zip(cells, rows, strict=True)
        ],
        versions=note.versions,
        pictures=[files.picture(each) for each in scenario_charts(info, cells, note)],
        metrics=load_figures.metric_table(cells),
        details=[_load_detail(each) for each in cells],
        grades=[(entry.sign, grade.label, entry.meaning) for grade, entry in labels.GRADES.items()
                if any(each.grade is grade for each in cells)],
        caption=note.caption,
    )  # fmt: skip


def _load_detail(load: ScenarioResult) -> LoadDetail:
    texts = [
        "" if load.grade.is_judged else labels.measurement_problem(load),
        load.note,
        load_figures.describe_generator(load),
        load_figures.describe_cost(load),
        f"The server closed slow connections: {labels.disconnect(load, share=True)}." if load.disconnect else "",
        *load_figures.caveats(load),
    ]
    return LoadDetail(
        load,
        list(dict.fromkeys(filter(None, texts))),
        [
            (label, table)
            for label, table in (
                ("Phases", load_figures.phase_table(load)),
                ("Steps", load_figures.step_table(load)),
                ("Requests", load_figures.traffic_table(load)),
                ("Workers", load_figures.worker_table(load)),
            )
            if table.rows
        ],
        truncate_text(escape_text(load.log), MAX_EVIDENCE_CHARACTERS).strip("\n"),
    )


def _load_cell(load: ScenarioResult, info: ScenarioInfo, file: str) -> LoadCell:
    return LoadCell(load, info.title, file, labels.GRADES[load.grade].sign, labels.grade(load), key_figure(load))


def _broken(results: Results, requirement: RequirementResult) -> Broken:
    guilty = [each for each in requirement.cells if each.verdict.blames_server]
    worst = next((each for each in guilty if each.verdict is requirement.verdict), guilty[0])
    info = results.cases.get(worst.case)
    return Broken(
        id=requirement.id,
        level="must" if requirement.verdict is Verdict.FAIL else "should",
        security=requirement.is_security,
        summary=info.summary if info is not None else worst.summary,
        expected=worst.expected or (info.expected if info is not None else ""),
        got=worst.actual,
        source=f"{info.reference.document}, {info.reference.section}" if info is not None else "",
        url=info.reference.url if info is not None and info.reference.url.startswith("https://") else "",
        quote=info.reference.quote if info is not None else "",
        variants=[each.case for each in guilty] if len(requirement.cells) > 1 else [],
        replay=rerun_command.replay(line(worst.server), worst.case, rerun_command.given(results.environment)),
        evidence=truncate_text(transcript(worst.evidence), MAX_EVIDENCE_CHARACTERS),
        log=truncate_text(escape_text(worst.evidence.log), MAX_EVIDENCE_CHARACTERS).strip("\n"),
    )


def _not_judged(cells: Sequence[CaseResult]) -> list[tuple[str, str, str]]:
    """Return (case, verdict, reason) of the cells that are neither kept, broken nor only recorded."""
    verdicts = (Verdict.FLAKY, Verdict.ERROR, Verdict.SKIPPED, Verdict.UNSUPPORTED)
    return [(each.case, each.verdict.value, each.actual) for verdict in verdicts for each in cells
            if each.verdict is verdict]  # fmt: skip


def _bar(row: Row) -> Markup:
    counted = RequirementRow(row.server, row.passed, row.should_broken, row.must_broken, row.security_broken)
    return Markup(requirement_bar(counted).render())  # noqa: S704 - the chart escapes text


def _slug(name: str) -> str:
    return re.sub(r"[^a-z0-9]+", "-", name.lower()).strip("-")[:MAX_NAME_CHARACTERS].rstrip("-") or "x"


def _unique(stem: str, suffix: str, taken: set[str]) -> str:
    """Return a file name that is not in `taken`: the second one with the same letters ends in `-2`."""
    name, number = f"{stem}{suffix}", 1
    while name in taken:
        number += 1
        name = f"{stem}-{number}{suffix}"
    return name


def _render(template: str, **values: object) -> str:
    return _environment()(template)(**values, style=STYLE, index=INDEX)


@cache
def _environment() -> Callable[[str], Callable[..., str]]:
    import jinja2

    engine = jinja2.Environment(
        loader=jinja2.FunctionLoader(_text),
        autoescape=True,
        trim_blocks=True,
        lstrip_blocks=True,
        undefined=jinja2.StrictUndefined,
    )
    engine.filters |= {
        "line": line, "clean": escape_text, "prose": _prose, "counted": labels.pluralize, "percent": labels.percent,
        "duration": labels.duration, "rate": labels.rate, "conditions": labels.conditions,
    }  # fmt: skip
    return lambda name: partial(engine.get_template(name).render)


def _prose(text: str) -> Markup:
    """Return a text with the parts between backticks as code."""
    html_text = re.sub(r"`([^`]+)`", r"<code>\1</code>", str(escape(line(text))))
    return Markup(html_text)  # noqa: S704 - escaped before


def _text(name: str) -> str:
    return resources.files(__package__).joinpath("templates", name).read_text("utf-8")
