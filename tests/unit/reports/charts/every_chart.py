"""Every chart of this package, drawn from small made-up data, by the name of its golden file."""

from __future__ import annotations

from collections.abc import Callable

from wsgi_gauntlet.harness.model import Grade, ScenarioInfo, ScenarioResult
from wsgi_gauntlet.reports.analysis import aggregation
from wsgi_gauntlet.reports.charts.collapse_plot import collapse_data, collapse_plot
from wsgi_gauntlet.reports.charts.drawing import Drawing
from wsgi_gauntlet.reports.charts.history import VersionPoint, history_chart
from wsgi_gauntlet.reports.charts.intervals import NOISE_FLOOR_LABEL, POINTS, IntervalRow, interval_plot
from wsgi_gauntlet.reports.charts.latency_rows import latency_plot, latency_rows
from wsgi_gauntlet.reports.charts.line_plot import Axes, Line, line_plot
from wsgi_gauntlet.reports.charts.metric_bars import bar_plot, cost_bars, goodput_bars, size_ticks
from wsgi_gauntlet.reports.charts.percentile_plot import percentile_plot
from wsgi_gauntlet.reports.charts.recommendation_charts import recommendation_charts
from wsgi_gauntlet.reports.charts.requirement_bars import RequirementRow, requirement_bar, requirement_plot
from wsgi_gauntlet.reports.charts.run_note import RunNote, run_note
from wsgi_gauntlet.reports.charts.samples import shared_axes
from wsgi_gauntlet.reports.charts.step_curves import goodput_plot, p99_plot, rate_plot
from wsgi_gauntlet.reports.charts.strip import strip, strip_axes
from wsgi_gauntlet.reports.charts.strip_plot import strip_plot
from wsgi_gauntlet.reports.charts.time_panel import time_panel

from ....helpers import sample_recommendation
from ....helpers.sample_results import build
from ....helpers.sample_scenarios import build_scenarios

LONG = "nginx:unix+gunicorn:gthread@23.0.0[workers=4,threads=16,tls]"
HOSTILE = "<script>alert(1)</script>&\"'\u202e\x1b[31m</text><image href='x'/>"

RESULTS = build()
NOTE = run_note(RESULTS)
WINDOWED = build_scenarios(2)
KEPT = ("waitress", "gunicorn:gthread", "werkzeug", "wsgiref")
"""The servers of the golden files: unaffected, degraded, collapsed, invalid."""


def cells(scenario: str) -> list[ScenarioResult]:
    """Return the cells of KEPT in `scenario` of the made-up run."""
    return [each for each in aggregation.scenarios(RESULTS)[scenario][1] if each.server in KEPT]


INTERVALS = (
    IntervalRow("capacity", 1.08, 1.12, 1.18, "faster", colour="good"),
    IntervalRow("p99", 0.8, 0.97, 1.3, "inconclusive: 12 more rounds would tell 5 %"),
    IntervalRow("CPU a request", 1.2, 1.3, 1.4, "worse", colour="bad"),
    IntervalRow("memory", None, None, None, "invalid: the generator was late"),
    IntervalRow(NOISE_FLOOR_LABEL, 0.97, 1.004, 1.03, "", noise=True),
)
POINT_INTERVALS = (
    IntervalRow("users served", 0.021, 0.124, 0.2, "more users", colour="good"),
    IntervalRow("goodput", -0.31, -0.26, -0.2, "worse", colour="bad"),
    IntervalRow("users served, A / A", -0.04, 0.0, 0.04, "", noise=True),
)
REQUIREMENTS = (
    RequirementRow("waitress", 285, 16, 19, 10),
    RequirementRow("uwsgi", 180, 37, 64, 26),
    RequirementRow("wsgiref", 0, 0, 0),
)
VERSIONS = (
    VersionPoint("20.1.0", 30, 12, 1, 320),
    VersionPoint("22.0", reason="not checked: the environment could not be built"),
    VersionPoint("27.0.1", 11, 10, 0, 321, 19, 1),
)


def _windows(scenario: str) -> Drawing:
    loads = [each for each in WINDOWED.load if each.scenario == scenario]
    return time_panel(loads[0], shared_axes(loads), RunNote("2026-11-29", "2026-11-29", {loads[0].server: "1.0"}))


def _collapse(narrow: bool) -> Drawing:
    data = collapse_data(WINDOWED)
    assert data is not None
    return collapse_plot(data, narrow=narrow)


def _many_lines(narrow: bool) -> Drawing:
    axes = Axes((0, 3), (0, 30), [(0, "0"), (3, "3")], [(0, "0"), (30, "30")], "x", "y")
    lines = [Line(f"server {number}", [(0, number), (3, number + 2)], f"{number}") for number in range(14)]
    return line_plot(lines, axes, "Many lines", "", narrow=narrow)


def _recommended(name: str) -> Callable[[bool], Drawing]:
    charts = {each.name: each for each in recommendation_charts(sample_recommendation.results())}
    return charts[f"recommendation/{name}"].draw


CHARTS: dict[str, Callable[[bool], Drawing]] = {
    "strip": lambda _: strip(cells("classroom")[1], strip_axes(cells("classroom"))),
    "strip-invalid": lambda _: strip(cells("classroom")[3], strip_axes(cells("classroom"))),
    "strips": lambda narrow: strip_plot(cells("classroom"), "Classroom: response times", NOTE, narrow=narrow),
    "collapse": _collapse,
    "requirements": lambda narrow: requirement_plot(REQUIREMENTS, NOTE, narrow=narrow),
    "requirement-bar": lambda _: requirement_bar(REQUIREMENTS[0]),
    "latency": lambda narrow: latency_plot(latency_rows(cells("classroom")), "Response times", NOTE, narrow=narrow),
    "percentiles": lambda narrow: percentile_plot(cells("classroom"), "By percentile", NOTE, narrow=narrow),
    "rate": lambda narrow: rate_plot(cells("throughput"), "Requests per second", NOTE, narrow=narrow),
    "p99": lambda narrow: p99_plot(cells("throughput"), "p99 by connections", NOTE, narrow=narrow),
    "goodput-by-clients": lambda narrow: goodput_plot(cells("slow-headers/byte"), "Goodput", NOTE, narrow=narrow),
    "goodput": lambda narrow: bar_plot(
        goodput_bars(cells("classroom")), "Goodput", "goodput", NOTE, ticks=[(0, "0 %"), (1, "100 %")], narrow=narrow
    ),
    "memory": lambda narrow: bar_plot(
        cost_bars(cells("classroom"), "rss"), "Memory", "bytes", NOTE, ticks=size_ticks(1_050_000), narrow=narrow
    ),
    "history": lambda narrow: history_chart(VERSIONS, "gunicorn:sync", caption="2026-11-29", narrow=narrow),
    "intervals": lambda narrow: interval_plot(INTERVALS, title="A and B", caption="20 rounds", narrow=narrow),
    "interval-points": lambda narrow: interval_plot(
        POINT_INTERVALS, measure=POINTS, title="Shares of A and B", axis="B − A, in points", narrow=narrow
    ),
    "panel-samples": lambda _: time_panel(cells("classroom")[1], shared_axes(cells("classroom")), NOTE),
    "panel-soak": lambda _: _windows("soak"),
    "panel-ramp": lambda _: _windows("ramp"),
    "many-lines": _many_lines,
    "capacity-and-memory": _recommended("memory"),
    "p99-by-rate": _recommended("p99"),
    "users-among-slow": _recommended("users"),
}


def hostile_charts() -> dict[str, Drawing]:
    """Return charts whose every text from outside is hostile, and whose names have 60 characters and more."""
    name = f"{LONG}{HOSTILE}"
    note = RunNote(HOSTILE * 4, HOSTILE, {name: HOSTILE})
    loads = [_renamed(each, name) for each in (*cells("classroom"), *cells("throughput"), *cells("slow-headers/byte"))]
    found: dict[str, Drawing] = {}
    for narrow in (False, True):
        drawn = {
            "strips": strip_plot(loads, name, note, narrow=narrow),
            "latency": latency_plot(latency_rows(loads), name, note, narrow=narrow),
            "percentiles": percentile_plot(loads, name, note, narrow=narrow),
            "rate": rate_plot(loads, name, note, narrow=narrow),
            "p99": p99_plot(loads, name, note, narrow=narrow),
            "steps": goodput_plot(loads, name, note, narrow=narrow),
            "bars": bar_plot(goodput_bars(loads), name, HOSTILE, note, narrow=narrow),
            "requirements": requirement_plot([RequirementRow(name, 3, 2, 1)], note, narrow=narrow),
            "history": history_chart([VersionPoint(name, reason=HOSTILE)], name, caption=HOSTILE, narrow=narrow),
            "intervals": interval_plot([IntervalRow(name, 0.9, 1, 1.1, HOSTILE)], title=name, narrow=narrow),
        }
        found |= {f"{chart}{'-narrow' if narrow else ''}": each for chart, each in drawn.items()}
        hostile = sample_recommendation.renamed(sample_recommendation.recommendation(), name)
        for each in recommendation_charts(sample_recommendation.results(hostile)):
            found[f"{each.name}{'-narrow' if narrow else ''}"] = each.draw(narrow)
    axes = shared_axes(loads)
    return found | {"strip": strip(loads[0], axes), "panel": time_panel(loads[3], axes, note), "empty": _empty(name)}


def _renamed(load: ScenarioResult, name: str) -> ScenarioResult:
    import msgspec

    return msgspec.structs.replace(load, server=name, note=HOSTILE)


def _empty(name: str) -> Drawing:
    bare = ScenarioResult(name, "s", Grade.ERROR, note=HOSTILE)
    return strip(bare, shared_axes([bare]))


def scenario(name: str) -> ScenarioInfo:
    """Return the description of a scenario with this id."""
    return ScenarioInfo(name, f"About {name}", "What? How.")


def blank() -> Drawing:
    """Return an empty drawing."""
    return Drawing(100, 50, "a drawing")
