"""The README's picture, drawn from a run folder: one row a server, what its users got while some were slow.

`python -m wsgi_gauntlet.reports.picture RUN FOLDER` writes it into FOLDER, light and dark; `make picture`
measures first.
"""

from __future__ import annotations

import sys
from collections.abc import Sequence
from pathlib import Path

from ..harness.errors import BadConfiguration, GauntletError
from ..harness.model import Load, Results, ScenarioInfo
from . import tally, words
from .answer import headline
from .charts import SMALL, Canvas, canvas
from .json import load as load_results
from .panels import crowd, crowd_band, latency, moments
from .samples import Frame, frame
from .scales import Scale, steps
from .svg import DARK, LIGHT, standalone
from .visible import line

FILES = ((LIGHT, "{}.svg"), (DARK, "{}-dark.svg"))
"""Themes and the names of their files, by scenario."""

WIDTH = 9.2
_HEAD, _FOOT, _ROW = 0.86, 0.32, 1.04
_LEFT, _RIGHT = 2.75, 9.02


def picture(results: Results, theme: dict[str, str]) -> str:
    """Return the picture of `results` in the colours of `theme` as an SVG file.

    Raises BadConfiguration where no scenario of the run has samples.
    """
    info, loads = _scenario(results)
    shared = frame(loads)
    with canvas(WIDTH, _HEAD + _ROW * len(loads) + _FOOT) as drawn:
        _title(drawn, info, loads)
        for row, load in enumerate(loads):
            _server(drawn, load, _HEAD + _ROW * row)
            _row(drawn, load, shared, moments(load, shared, _LEFT, _RIGHT), _HEAD + _ROW * row)
        floor = _HEAD + _ROW * len(loads) - 0.14
        drawn.below(
            Scale(0, shared.last, _LEFT, _RIGHT),
            [(each, f"{each:g} s") for each in steps(shared.last, 8)],
            floor,
            floor,
        )
    return standalone(drawn.svg, f"{line(info.title)}: response times over time, server by server", theme)


def main(arguments: Sequence[str]) -> int:
    """Write the pictures of the run in `arguments[0]` into the folder `arguments[1]`."""
    if len(arguments) != 2:
        sys.stderr.write("usage: python -m wsgi_gauntlet.reports.picture RUN FOLDER\n")
        return 2
    try:
        results = load_results(Path(arguments[0]))
        name = _scenario(results)[0].id.replace("/", "-")
        for theme, file in FILES:
            Path(arguments[1], file.format(name)).write_text(picture(results, theme), "utf-8")
    except (GauntletError, OSError) as why:
        sys.stderr.write(f"{why}\n")
        return why.exit_code if isinstance(why, GauntletError) else 2
    return 0


def _scenario(results: Results) -> tuple[ScenarioInfo, list[Load]]:
    name = headline(results)
    if name is None:
        raise BadConfiguration("this run has no scenario with samples to draw: run `wsgi-gauntlet load` first")
    info, cells = tally.scenarios(results)[name]
    return info, [each for each in cells if each.samples]


def _title(drawn: Canvas, info: ScenarioInfo, loads: Sequence[Load]) -> None:
    drawn.text(0.18, 0.27, line(info.title, 70), size=15, bold=True)
    parameters = loads[0].parameters
    people, slow = parameters.get("people"), parameters.get("clients")
    others = f"the other {people - slow}" if isinstance(people, int) and isinstance(slow, int) else "the other users"
    drawn.text(0.18, 0.55, f"What {others} get:", "muted")
    x = 2.75
    for shape, size, colour, told in (
        ("o", 5.0, "good", "an answer"),
        ("x", 6.0, "bad", "no answer by then"),
        ("^", 6.0, "odd", "error or wrong answer"),
        ("s", 7.0, "crowd", "slow clients"),
    ):
        drawn.marks(shape, [(x, 0.55)], colour, size)
        drawn.text(x + 0.12, 0.55, told, "muted")
        x += 0.5 + 0.074 * len(told)


def _server(drawn: Canvas, load: Load, top: float) -> None:
    share = load.goodput
    unjudged = load.grade in words.UNJUDGED or share is None
    colour = "doubt" if unjudged else "good" if (share or 0) >= 0.99 else "bad" if (share or 0) < 0.5 else "odd"
    drawn.text(0.18, top + 0.1, line(load.server, 24), size=10.5, bold=True)
    drawn.text(0.18, top + 0.38, words.percent(share), colour, size=17, bold=True)
    drawn.text(1.12, top + 0.32, "answered", "muted", size=SMALL)
    drawn.text(1.12, top + 0.46, "in time", "muted", size=SMALL)
    drawn.text(0.18, top + 0.64, words.grade(load), "muted", size=SMALL)
    drawn.text(0.18, top + 0.79, _conditions(load), "muted", size=7.5)


def _row(drawn: Canvas, load: Load, shared: Frame, time: Scale, top: float) -> None:
    crowd_band(drawn, load, shared, time, top, top + 0.88)
    latency(drawn, load, shared, time, top + 0.02, top + 0.7, size=3.2)
    crowd(drawn, load, shared, time, top + 0.72, top + 0.88)
    drawn.rules([((time.start, top + 0.88), (time.end, top + 0.88))], "grid")


def _conditions(load: Load) -> str:
    known = load.conditions
    told = [str(known["version"])] if "version" in known else []
    for name in ("workers", "threads"):
        if name in known:
            value = known[name]
            told.append(words.counted(value, name[:-1]) if isinstance(value, int) else f"{name}: {value}")
    return line(" · ".join(told), 44)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
