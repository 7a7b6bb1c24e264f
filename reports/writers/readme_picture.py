"""The picture of the README: one row per server, with the latency of its users while slow clients are connected.

`python -m wsgi_gauntlet.reports.writers.readme_picture RUN FOLDER` writes a light and a dark one into FOLDER. `make
picture` measures first.
"""

from __future__ import annotations

import sys
from collections.abc import Sequence
from pathlib import Path

from wsgi_gauntlet.harness.errors import ConfigurationError, GauntletError
from wsgi_gauntlet.harness.model import Results, ScenarioInfo, ScenarioResult
from wsgi_gauntlet.reports.analysis import aggregation
from wsgi_gauntlet.reports.analysis.key_findings import featured_scenario
from wsgi_gauntlet.reports.charts.canvas import SMALL_TEXT_POINTS, Canvas, canvas
from wsgi_gauntlet.reports.charts.panels import Panel, draw_slow_clients, latency, shade_slow_clients, time_scale
from wsgi_gauntlet.reports.charts.samples import shared_axes
from wsgi_gauntlet.reports.charts.scales import Scale, steps
from wsgi_gauntlet.reports.charts.svg import DARK, LIGHT, standalone
from wsgi_gauntlet.reports.text import labels
from wsgi_gauntlet.reports.text.escaping import line
from wsgi_gauntlet.reports.writers.json import load as load_results

THEME_FILES = ((LIGHT, "{}.svg"), (DARK, "{}-dark.svg"))
"""Themes and the names of their files, by scenario."""

WIDTH = 9.2
_HEAD, _FOOT, _ROW = 0.86, 0.32, 1.04
_LEFT, _RIGHT = 2.75, 9.02


def picture(results: Results, theme: dict[str, str]) -> str:
    """Return the picture of `results` in the colours of `theme` as an SVG file.

    Raises ConfigurationError if no scenario of the run has samples.
    """
    info, loads = _find_scenario(results)
    shared = shared_axes(loads)
    with canvas(WIDTH, _HEAD + _ROW * len(loads) + _FOOT) as drawn:
        _draw_title(drawn, info, loads)
        for row, load in enumerate(loads):
            _draw_server(drawn, load, _HEAD + _ROW * row)
            panel = Panel(drawn, load, shared, time_scale(load, shared, _LEFT, _RIGHT))
            _draw_row(panel, _HEAD + _ROW * row)
        floor = _HEAD + _ROW * len(loads) - 0.14
        drawn.draw_x_axis(
            Scale(0, shared.last, _LEFT, _RIGHT),
            [(each, f"{each:g} s") for each in steps(shared.last, 8)],
            floor,
            floor,
        )
    return standalone(drawn.svg, f"{line(info.title)}: response times over time, server by server", theme)


def main(arguments: Sequence[str]) -> int:
    """Write the pictures of the run in `arguments[0]` into the folder `arguments[1]`."""
    if len(arguments) != 2:
        sys.stderr.write("usage: python -m wsgi_gauntlet.reports.writers.readme_picture RUN FOLDER\n")
        return 2
    try:
        results = load_results(Path(arguments[0]))
        name = _find_scenario(results)[0].id.replace("/", "-")
        for theme, file in THEME_FILES:
            Path(arguments[1], file.format(name)).write_text(picture(results, theme), "utf-8")
    except (GauntletError, OSError) as why:
        sys.stderr.write(f"{why}\n")
        return why.exit_code if isinstance(why, GauntletError) else 2
    return 0


def _find_scenario(results: Results) -> tuple[ScenarioInfo, list[ScenarioResult]]:
    name = featured_scenario(results)
    if name is None:
        raise ConfigurationError("this run has no scenario with samples to draw: run `wsgi-gauntlet load` first")
    info, cells = aggregation.scenarios(results)[name]
    return info, [each for each in cells if each.samples]


def _draw_title(drawn: Canvas, info: ScenarioInfo, loads: Sequence[ScenarioResult]) -> None:
    drawn.text((0.18, 0.27), line(info.title, 70), size=15, bold=True)
    parameters = loads[0].parameters
    people, slow = parameters.get("people"), parameters.get("clients")
    others = f"the other {people - slow}" if isinstance(people, int) and isinstance(slow, int) else "the other users"
    drawn.text((0.18, 0.55), f"Requests of {others}:", "muted")
    x = 2.75
    for shape, size, colour, label in (
        ("o", 5.0, "good", "correct"),
        ("x", 6.0, "bad", "no response by then"),
        ("^", 6.0, "odd", "error or wrong response"),
        ("s", 7.0, "slow", "slow clients"),
    ):
        drawn.marks(shape, [(x, 0.55)], colour, size)
        drawn.text((x + 0.12, 0.55), label, "muted")
        x += 0.5 + 0.074 * len(label)


def _draw_server(drawn: Canvas, load: ScenarioResult, top: float) -> None:
    share = load.goodput
    not_judged = load.grade in labels.NOT_JUDGED_GRADES or share is None
    colour = "doubt" if not_judged else "good" if (share or 0) >= 0.99 else "bad" if (share or 0) < 0.5 else "odd"
    drawn.text((0.18, top + 0.1), line(load.server, 24), size=10.5, bold=True)
    drawn.text((0.18, top + 0.38), labels.percent(share), colour, size=17, bold=True)
    drawn.text((1.12, top + 0.32), "answered", "muted", size=SMALL_TEXT_POINTS)
    drawn.text((1.12, top + 0.46), "in time", "muted", size=SMALL_TEXT_POINTS)
    drawn.text((0.18, top + 0.64), labels.grade(load), "muted", size=SMALL_TEXT_POINTS)
    drawn.text((0.18, top + 0.79), _conditions(load), "muted", size=7.5)


def _draw_row(panel: Panel, top: float) -> None:
    shade_slow_clients(panel, top, top + 0.88)
    latency(panel, top + 0.02, top + 0.7, size=3.2)
    draw_slow_clients(panel, top + 0.72, top + 0.88)
    panel.drawn.rules([((panel.time.start, top + 0.88), (panel.time.end, top + 0.88))], "grid")


def _conditions(load: ScenarioResult) -> str:
    known = load.conditions
    parts = [str(known["version"])] if "version" in known else []
    for name in ("workers", "threads"):
        if name in known:
            value = known[name]
            parts.append(labels.pluralize(value, name[:-1]) if isinstance(value, int) else f"{name}: {value}")
    return line(" · ".join(parts), 44)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
