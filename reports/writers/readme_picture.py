"""The picture of the README: one row per server, with the latency of its users while slow clients are connected.

`python -m wsgi_gauntlet.reports.writers.readme_picture RUN FOLDER` writes a light and a dark one into FOLDER. `make
picture` measures first.
"""

from __future__ import annotations

import sys
from collections.abc import Mapping, Sequence
from pathlib import Path

from wsgi_gauntlet.harness.errors import ConfigurationError, GauntletError
from wsgi_gauntlet.harness.model import Results, ScenarioInfo, ScenarioResult
from wsgi_gauntlet.reports.analysis import aggregation
from wsgi_gauntlet.reports.analysis.key_findings import featured_scenario
from wsgi_gauntlet.reports.charts.palette import DARK, LIGHT
from wsgi_gauntlet.reports.charts.run_note import run_note
from wsgi_gauntlet.reports.charts.standalone import standalone
from wsgi_gauntlet.reports.charts.strip_plot import strip_plot
from wsgi_gauntlet.reports.text.escaping import line
from wsgi_gauntlet.reports.writers.json import load as load_results

THEME_FILES = ((LIGHT, "{}.svg"), (DARK, "{}-dark.svg"))
"""Themes and the names of their files, by scenario."""


def picture(results: Results, theme: Mapping[str, str]) -> str:
    """Return the picture of `results` in the colours of `theme` as an SVG file.

    Raises ConfigurationError if no scenario of the run has samples.
    """
    info, loads = _find_scenario(results)
    return standalone(strip_plot(loads, line(info.title, 120), run_note(results)).render(), theme)


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


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
