"""Numbers of workers and threads stand side by side."""

from __future__ import annotations

from io import StringIO

from rich.console import Console

from wsgi_gauntlet.harness.model import SCHEMA, Grade, Metric, Results, ScenarioResult, ServerInfo, Step
from wsgi_gauntlet.reports.analysis.scaling import scaling_tables
from wsgi_gauntlet.reports.terminal import summary as closing
from wsgi_gauntlet.reports.writers import markdown
from wsgi_gauntlet.reports.writers.html.views import slow_clients


def cell(server: str, capacity: float, workers: int | str, scenario: str = "capacity") -> ScenarioResult:
    return ScenarioResult(
        server,
        scenario,
        Grade.MEASURED,
        metrics=(Metric("capacity", "capacity", capacity, "requests/s"),),
        conditions={"workers": workers, "threads": 1},
    )


def of(*loads: ScenarioResult) -> Results:
    return Results(SCHEMA, {}, {each.server: ServerInfo(each.server, "s", True) for each in loads}, load=loads)


RUN = of(
    cell("gunicorn[workers=4]", 1900, 4),
    cell("gunicorn", 500, 1),
    cell("gunicorn[workers=2]", 950, 2),
    ScenarioResult("gunicorn[workers=2]", "churn", Grade.DEGRADED, goodput=0.9, conditions={"workers": 2}),
    cell("waitress", 800, "unknown"),
    cell("gunicorn[workers=2,threads=4]", 2000, 2),
)


def test_workers_of_one_server_are_in_order_and_nothing_else_differs() -> None:
    (found,) = [each for each in scaling_tables(RUN) if each.what == "workers"]
    assert (found.server, found.scenarios) == ("gunicorn", ["capacity", "churn"])
    assert found.cells == [["1", "· 500/s", "–"], ["2", "· 950/s", "! 90\u00a0%"], ["4", "· 1,900/s", "–"]]


def test_threads_too() -> None:
    (found,) = [each for each in scaling_tables(RUN) if each.what == "threads"]
    assert found.cells == [["1", "· 950/s", "! 90\u00a0%"], ["4", "· 2,000/s", "–"]]


def test_a_single_number_is_no_comparison() -> None:
    assert scaling_tables(of(cell("gunicorn", 1, 1), cell("gunicorn:gthread[workers=2]", 1, 2))) == []
    assert scaling_tables(of(cell("gunicorn", 1, 1), cell("gunicorn[workers=1]", 1, 1))) == []
    assert scaling_tables(of(cell("target (127.0.0.1:80)", 1, "unknown"))) == []


def test_every_report_has_them_and_the_terminal_the_capacity() -> None:
    assert "## `gunicorn` by number of workers\n\n| `workers` | `capacity` | `churn` |" in markdown.render(RUN)
    block = slow_clients.block(RUN)
    assert block is not None
    assert block["scaling"] == [
        {
            "title": "gunicorn by number of workers",
            "heads": ["workers", "capacity", "churn"],
            "rows": [["1", "· 500/s", "–"], ["2", "· 950/s", "! 90\u00a0%"], ["4", "· 1,900/s", "–"]],
        },
        {
            "title": "gunicorn by number of threads",
            "heads": ["threads", "capacity", "churn"],
            "rows": [["1", "· 950/s", "! 90\u00a0%"], ["4", "· 2,000/s", "–"]],
        },
    ]
    shown = StringIO()
    closing.summary(
        of(cell("gunicorn", 500, 1), cell("gunicorn[workers=2]", 950, 2)), console=Console(file=shown), verbose=True
    )
    text = shown.getvalue()
    assert "gunicorn by number of workers" in text
    assert [line.split() for line in text.splitlines() if "grade" in line] == [["server", "grade", "capacity"]]
    assert "950/s" in text


def test_a_closed_loop_is_shown_by_its_best_rate() -> None:
    loads = [
        ScenarioResult(
            f"gunicorn[workers={number}]", "throughput", Grade.MEASURED, steps=(Step(8, rate=1000.0 * number),)
        )
        for number in (1, 2)
    ]
    (found,) = scaling_tables(of(*loads))
    assert [row[1] for row in found.cells] == ["· 1,000/s", "· 2,000/s"]
