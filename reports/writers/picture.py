"""One chart of a run as a file (`report --picture`): SVG, PNG or PDF, by its suffix."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

from wsgi_gauntlet.harness.errors import ConfigurationError
from wsgi_gauntlet.harness.model import Results
from wsgi_gauntlet.harness.model.naming import did_you_mean
from wsgi_gauntlet.reports.charts import matplotlib_canvas
from wsgi_gauntlet.reports.charts.chart import Chart
from wsgi_gauntlet.reports.charts.drawing import Drawing
from wsgi_gauntlet.reports.charts.run_charts import REQUIREMENTS, SLOW_CLIENTS, run_charts
from wsgi_gauntlet.reports.charts.standalone import standalone
from wsgi_gauntlet.reports.text.escaping import line


def _svg(drawing: Drawing) -> bytes:
    return standalone(drawing.render()).encode()


WRITERS: dict[str, Callable[[Drawing], bytes]] = {
    ".svg": _svg,
    ".png": matplotlib_canvas.png,
    ".pdf": matplotlib_canvas.pdf,
}
"""What writes the files of each suffix."""


@dataclass(frozen=True)
class PictureRequest:
    """A chart that the user wants in a file. Without a `chart` it is the first of a run."""

    chart: str
    path: Path


def parse_request(text: str) -> PictureRequest:
    """Return the request of `[CHART=]FILE`. Raises ConfigurationError if there is no writer for the file."""
    chart, equals, file = text.rpartition("=")
    if not file:
        raise ConfigurationError(f"--picture {text}: the file is missing; write --picture CHART=FILE.svg")
    if Path(file).suffix.lower() not in WRITERS:
        raise ConfigurationError(
            f"--picture {text}: this kind of file cannot be written; name a file that ends in .svg, .png or .pdf"
        )
    return PictureRequest(chart if equals else "", Path(file))


def draw_pictures(results: Results, requests: Sequence[PictureRequest]) -> dict[Path, bytes]:
    """Return the file of each request by its path. Raises ConfigurationError if the run has no such chart."""
    charts = run_charts(results) if requests else {}
    drawn = [(each.path, _find(charts, each.chart)) for each in requests]
    return {path: WRITERS[path.suffix.lower()](chart.draw(chart.small)) for path, chart in drawn}


def _find(charts: dict[str, Chart], name: str) -> Chart:
    if not charts:
        raise ConfigurationError("--picture: this run has no chart; run `wsgi-gauntlet run` first")
    if not name:
        return charts[next((each for each in (SLOW_CLIENTS, REQUIREMENTS) if each in charts), next(iter(charts)))]
    if name not in charts:
        known = ", ".join(map(line, charts))
        raise ConfigurationError(
            f"--picture: this run has no chart {name}{did_you_mean(name, charts)}; its charts are: {known}"
        )
    return charts[name]
