"""Every output of one recorded run, byte for byte as it is kept in golden/.

`golden/run.jsonl.gz` is the journal of a real run, written by the first version (schema 1). It has fewer cells than the
run had. Some grades, all claims and the baseline were set by hand, so that each kind occurs. The journal never changes.
`golden/figures.json` has the verdict, the grade and the figures of each cell. It never changes either: a change of it
is a change of results. All other files follow the texts of the outputs. To write them again:

    python -m tests.unit.reports.test_golden
"""

from __future__ import annotations

import gzip
import io
import json
import tempfile
from collections.abc import Callable
from html.parser import HTMLParser
from pathlib import Path

import pytest
from click.testing import CliRunner
from rich.console import Console

from wsgi_gauntlet.harness.cli.main import cli
from wsgi_gauntlet.harness.model import CaseResult, Results, ScenarioResult
from wsgi_gauntlet.harness.store import journal
from wsgi_gauntlet.reports.terminal.summary import summary
from wsgi_gauntlet.reports.writers import json as json_writer
from wsgi_gauntlet.reports.writers import junit, markdown
from wsgi_gauntlet.reports.writers.html import report_page

FOLDER = Path(__file__).parent / "golden"
COLUMNS = 80
"""Characters in a line of the terminal."""

EXPLAINED_CASES = ("http/framing/te-and-cl", "pep3333/close/on-client-gone", "http/request-line/http09")
SECONDS_DIGITS = 9
"""Digits of a figure that figures.json keeps: enough for a nanosecond."""


class VisibleText(HTMLParser):
    """Collects what a reader of a page sees, a line for each piece of text; charts, styles and scripts are left out."""

    def __init__(self) -> None:
        super().__init__()
        self.lines: list[str] = []
        self._hidden = 0

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:  # noqa: ARG002 - the base class calls it so
        self._hidden += tag in ("style", "script", "svg")

    def handle_endtag(self, tag: str) -> None:
        self._hidden -= tag in ("style", "script", "svg")

    def handle_data(self, data: str) -> None:
        if not self._hidden and data.strip():
            self.lines.append(" ".join(data.split()))


def recorded_run() -> Results:
    """Return the recorded run, read as every journal is."""
    with tempfile.TemporaryDirectory() as folder:
        Path(folder, journal.PLAIN_JOURNAL_FILENAME).write_bytes(
            gzip.decompress((FOLDER / "run.jsonl.gz").read_bytes())
        )
        return journal.read(Path(folder))


def html_text(results: Results) -> str:
    """Return the visible text of report.html."""
    page = VisibleText()
    page.feed(report_page.render(results))
    return "\n".join(page.lines) + "\n"


def terminal_summary(results: Results) -> str:
    """Return what the terminal shows at the end of the run: the conclusion alone, then with --verbose."""
    out = io.StringIO()
    console = Console(file=out, width=COLUMNS, force_terminal=False, no_color=True)
    for verbose in (False, True):
        summary(results, Path("gauntlet-out"), console, verbose=verbose)
    return out.getvalue()


def help_texts(_: Results) -> str:
    """Return `--help` of the program and of each command."""
    return "\n".join(_output(*words, "--help") for words in ([], *([name] for name in sorted(cli.commands))))


def explanations(_: Results) -> str:
    """Return what `explain` prints of EXPLAINED_CASES."""
    return "\n".join(_output("explain", case) for case in EXPLAINED_CASES)


OUTPUTS: dict[str, Callable[[Results], str]] = {
    "results.json.gz": json_writer.render,
    "report.txt": html_text,
    "summary.md": markdown.render,
    "junit.xml": junit.render,
    "terminal.txt": terminal_summary,
    "help.txt": help_texts,
    "explain.txt": explanations,
}


def figures(results: Results) -> dict[str, object]:
    """Return what must never change: the verdict, the grade and the figures of each cell."""
    return {
        "conformance": {f"{each.server} {each.case}": _case_figures(each) for each in results.conformance},
        "load": {f"{each.server} {each.scenario}": _load_figures(each) for each in results.load},
    }


def _case_figures(cell: CaseResult) -> str:
    return f"{cell.verdict} ({cell.level}, {cell.attempts})"


def _load_figures(cell: ScenarioResult) -> dict[str, object]:
    return {
        "grade": cell.grade.value,
        "goodput": _rounded(cell.goodput),
        "slowdown": _rounded(cell.slowdown),
        "collapse": cell.collapse,
        "recovery": _rounded(cell.recovery),
        "phases": [[each.name, each.scheduled, _rounded(each.goodput), _rounded(each.p99)] for each in cell.phases],
        "steps": [[each.clients, _rounded(each.goodput), _rounded(each.rate)] for each in cell.steps],
        "samples": len(cell.samples),
        "metrics": [_rounded(each.value) for each in cell.metrics],
    }


def _rounded(value: float | None) -> float | None:
    return None if value is None else round(value, SECONDS_DIGITS)


def _output(*words: str) -> str:
    result = CliRunner(env={"COLUMNS": str(COLUMNS)}).invoke(cli, words, terminal_width=COLUMNS)
    assert result.exit_code == 0, result.output
    return f"$ wsgi-gauntlet {' '.join(words)}\n{result.output}"


def _read(name: str) -> str:
    data = (FOLDER / name).read_bytes()
    return (gzip.decompress(data) if name.endswith(".gz") else data).decode()


def _write(name: str, text: str) -> None:
    data = text.encode("utf-8", "backslashreplace")
    (FOLDER / name).write_bytes(gzip.compress(data, 9, mtime=0) if name.endswith(".gz") else data)


@pytest.fixture(scope="module")
def run() -> Results:
    return recorded_run()


@pytest.mark.parametrize("name", OUTPUTS)
def test_an_output_is_as_it_is_kept(name: str, run: Results) -> None:
    """Where this fails on purpose: `python -m tests.unit.reports.test_golden`, and read the difference."""
    assert OUTPUTS[name](run) == _read(name)


def test_no_figure_changes(run: Results) -> None:
    assert figures(run) == json.loads(_read("figures.json"))


def main() -> None:
    """Write every golden file but the journal and the figures, which must not change."""
    results = recorded_run()
    for name, render in OUTPUTS.items():
        _write(name, render(results))
    if not (FOLDER / "figures.json").exists():
        _write("figures.json", json.dumps(figures(results), indent=0) + "\n")


if __name__ == "__main__":
    main()
