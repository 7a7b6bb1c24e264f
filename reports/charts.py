"""The pictures of a run, drawn with matplotlib (which nothing else imports, and this only when drawing).

`python -m wsgi_gauntlet.reports.charts RUN OUT.svg [dark]` writes the classroom's picture of a run folder to a file.
"""

from __future__ import annotations

import io
import math
import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ..harness.errors import BadConfiguration, GauntletError
from ..harness.model import Load, Outcome, Results
from . import tally
from .answer import headline
from .json import load as load_results
from .samples import Frame, counted, frame, thinned
from .svg import DARK, LIGHT, SERIES, STAND_IN, standalone
from .visible import line
from .words import UNJUDGED, duration, during, grade, percent

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

LATE = frozenset({Outcome.TIMEOUT, Outcome.UNFINISHED, Outcome.NEVER_SENT})
"""No answer in time: drawn as crosses at the time they had been waited for."""

_MARKERS = "osD^vPX<>p"
_DASHES = ("-", (0, (5, 1.5)), (0, (2, 1.2)), (0, (6, 1.5, 1.5, 1.5)))
_SMALL, _TEXT = 8.5, 9.5


def prepare() -> None:
    """Import matplotlib and draw nothing once: half a second that a report need not wait for later."""
    with _figure(1, 1):
        pass


def latency(load: Load, shared: Frame) -> str:
    """Draw every request of `load` at its time and latency, and under it the adverse clients that were held."""
    with _figure(3.3, 2.1) as (figure, out):
        _latency(figure, load, shared, (0.175, 0.31, 0.81, 0.67), (0.175, 0.125, 0.81, 0.13))
    return out.text


def goodput(loads: Sequence[Load]) -> str:
    """Draw what share of the healthy users' requests each server answered; the unjudged ones are hatched."""
    ordered = sorted(loads, key=lambda each: (each.goodput is None, -(each.goodput or 0)))
    with _figure(7.2, 0.45 + 0.26 * len(ordered)) as (figure, out):
        height = 0.26 * len(ordered) / (0.45 + 0.26 * len(ordered))
        axes = _axes(figure, (0.24, 1 - height - 0.01, 0.66, height))
        for row, each in enumerate(ordered):
            _bar(axes, row, each)
        axes.set_ylim(len(ordered) - 0.4, -0.6)
        axes.set_yticks(range(len(ordered)), [_name(each) for each in ordered], parse_math=False)
        axes.tick_params(axis="y", length=0, labelcolor=STAND_IN["ink"])
        axes.set_xlim(0, 1)
        axes.set_xticks([0, 0.5, 1], ["0 %", "50 %", "100 %"])
        axes.grid(axis="x", color=STAND_IN["grid"], linewidth=0.7)
    return out.text


def percentiles(loads: Sequence[Load]) -> str:
    """Draw latency against percentile, its tail stretched (99 % stands as far from 90 % as that from 0 %)."""
    with _figure(7.2, 3.5) as (figure, out):
        axes = _axes(figure, (0.09, 0.14, 0.61, 0.82))
        top = 1.0
        for index, load in enumerate(loads):
            phase = during(load)
            curve = [each for each in load.percentiles if phase is None or each.phase == phase.name]
            points = [(-math.log10(1 - each.percentile / 100), each.latency) for each in curve if each.percentile < 100]
            if points:
                top = max(top, *(x for x, _ in points))
                _series(axes, index, load, [x for x, _ in points], [max(y, 1e-5) for _, y in points])
        ticks = [value for value in (0, 50, 90, 99, 99.9, 99.99) if -math.log10(1 - value / 100) <= top + 0.01]
        axes.set_xticks([-math.log10(1 - value / 100) for value in ticks], [f"{value:g} %" for value in ticks])
        axes.set_xlim(0, top)
        _log_seconds(axes)
        axes.grid(color=STAND_IN["grid"], linewidth=0.7)
        _legend(axes)
    return out.text


def throughput(loads: Sequence[Load]) -> str:
    """Draw requests per second against connections of a closed loop."""
    with _figure(7.2, 3.5) as (figure, out):
        axes = _axes(figure, (0.09, 0.16, 0.61, 0.80))
        for index, load in enumerate(loads):
            steps = sorted((each for each in load.steps if each.rate is not None), key=lambda each: each.clients)
            if steps:
                _series(axes, index, load, [each.clients for each in steps], [each.rate or 0 for each in steps])
        _clients(axes, [each.clients for load in loads for each in load.steps], "connections")
        axes.set_ylim(bottom=0)
        axes.yaxis.set_major_formatter(lambda value, _position: f"{value:,.0f}/s")
        axes.grid(color=STAND_IN["grid"], linewidth=0.7)
        _legend(axes)
    return out.text


def slow(loads: Sequence[Load]) -> str:
    """Draw, a strip for each server, the healthy users' goodput against the number of slow clients; N* is marked."""
    drawn = [each for each in loads if each.steps]
    height = 0.62 + 0.46 * len(drawn)
    everyone = [each.clients for load in drawn for each in load.steps]
    with _figure(7.2, height) as (figure, out):
        for row, load in enumerate(drawn):
            bottom = 1 - (0.05 + 0.46 * (row + 1)) / height
            axes = _axes(figure, (0.24, bottom, 0.6, 0.34 / height))
            _strip(axes, load)
            last = row == len(drawn) - 1
            _clients(axes, everyone, "slow clients" if last else "", labels=last)
    return out.text


def picture(results: Results, *, dark: bool = False) -> str:
    """Return the opening picture of `results` as an SVG file: latency over time, all servers side by side.

    Raises BadConfiguration where no scenario of the run has samples.
    """
    name = headline(results)
    if name is None:
        raise BadConfiguration("this run has no scenario with samples to draw: run `wsgi-gauntlet load` first")
    info, cells = tally.scenarios(results)[name]
    loads = [each for each in cells if each.samples]
    columns = min(4, len(loads))
    rows = math.ceil(len(loads) / columns)
    width, head, cell = max(2.75 * columns + 0.1, 5.6), 0.62, 2.15
    with _figure(width, head + cell * rows) as (figure, out):
        height = head + cell * rows
        figure.text(0.1 / width, 1 - 0.22 / height, info.title, color=STAND_IN["ink"], fontsize=13, weight="bold")
        figure.text(
            0.1 / width,
            1 - 0.46 / height,
            "one dot: one answer · ×: no answer by then · ▲: an error or a wrong answer · grey below: slow clients",
            color=STAND_IN["muted"],
            fontsize=_SMALL,
        )
        shared = frame(loads)
        for index, load in enumerate(loads):
            left = (0.6 + 2.75 * (index % columns)) / width
            base = 1 - (head + cell * (index // columns + 1)) / height
            wide = 2.12 / width
            _latency(
                figure,
                load,
                shared,
                (left, base + 0.55 / height, wide, 1.2 / height),
                (left, base + 0.27 / height, wide, 0.2 / height),
            )
            figure.text(left, base + 1.93 / height, _name(load), color=STAND_IN["ink"], weight="bold", parse_math=False)
            figure.text(
                left, base + 1.79 / height, f"{percent(load.goodput)} answered in time · {grade(load)}",
                color=STAND_IN["muted"], fontsize=_SMALL,
            )  # fmt: skip
    return standalone(out.text, f"{info.title}: latency over time for each server", DARK if dark else LIGHT)


def main(arguments: Sequence[str]) -> int:
    """Write the picture of the run in `arguments[0]` to the file `arguments[1]`; `dark` may follow."""
    if len(arguments) not in {2, 3} or arguments[2:] not in ([], ["dark"]):
        sys.stderr.write("usage: python -m wsgi_gauntlet.reports.charts RUN OUT.svg [dark]\n")
        return 2
    try:
        Path(arguments[1]).write_text(picture(load_results(Path(arguments[0])), dark=len(arguments) == 3), "utf-8")
    except GauntletError as why:
        sys.stderr.write(f"{why}\n")
        return why.exit_code
    return 0


class _Out:
    text = ""


@contextmanager
def _figure(width: float, height: float) -> Iterator[tuple[Figure, _Out]]:
    import matplotlib as mpl
    from matplotlib.backends.backend_svg import FigureCanvasSVG
    from matplotlib.figure import Figure

    out = _Out()
    settings: Any = {
        "svg.fonttype": "none",
        "svg.hashsalt": "wsgi-gauntlet",
        "font.family": ["DejaVu Sans"],
        "font.size": _TEXT,
        "path.simplify": False,
    }
    with mpl.rc_context(settings):
        figure = Figure(figsize=(width, height))
        figure.patch.set_visible(False)
        FigureCanvasSVG(figure)
        yield figure, out
        file = io.StringIO()
        figure.savefig(file, format="svg", metadata={"Date": None, "Creator": None, "Format": None, "Type": None})
        out.text = file.getvalue()


def _axes(figure: Figure, place: tuple[float, float, float, float]) -> Axes:
    axes = figure.add_axes(place)
    axes.patch.set_visible(False)
    for side, spine in axes.spines.items():
        spine.set_visible(side == "bottom")
        spine.set_color(STAND_IN["muted"])
        spine.set_linewidth(0.8)
    axes.tick_params(which="both", color=STAND_IN["muted"], labelcolor=STAND_IN["muted"], labelsize=_SMALL, length=3)
    axes.set_axisbelow(True)
    return axes


def _latency(
    figure: Figure,
    load: Load,
    shared: Frame,
    place: tuple[float, float, float, float],
    below: tuple[float, float, float, float],
) -> None:
    axes = _axes(figure, place)
    samples = thinned(counted(load))
    kinds = {
        "good": ("o", 2.4, [each for each in samples if each.outcome is Outcome.OK]),
        "odd": ("^", 4.2, [each for each in samples if each.outcome in {Outcome.ERROR, Outcome.WRONG}]),
        "bad": ("x", 4.2, [each for each in samples if each.outcome in LATE]),
    }
    for colour, (marker, size, marked) in kinds.items():
        axes.plot(
            [each.intended for each in marked],
            [max(each.latency, 1e-5) for each in marked],
            marker,
            color=STAND_IN[colour],
            markersize=size,
            markeredgewidth=1.1 if marker == "x" else 0,
            alpha=0.75 if colour == "good" else 1,
        )
    axes.set_xlim(0, shared.last)
    _log_seconds(axes)
    axes.set_ylim(shared.lowest, shared.highest)
    axes.grid(axis="y", color=STAND_IN["grid"], linewidth=0.7)
    axes.tick_params(axis="x", labelbottom=False, length=0)
    crowd = _axes(figure, below)
    crowd.set_xlim(0, shared.last)
    crowd.set_ylim(0, max(shared.crowd, 1) * 1.05)
    crowd.set_yticks([])
    crowd.xaxis.set_major_locator(_whole_seconds(shared.last))
    crowd.xaxis.set_major_formatter(lambda value, _position: f"{value:g} s")
    if load.crowd:
        times, clients = [at for at, _ in load.crowd], [number for _, number in load.crowd]
        crowd.fill_between(
            [*times, shared.last], [*clients, clients[-1]], step="post", color=STAND_IN["crowd"], linewidth=0, alpha=0.8
        )
        most = max(range(len(clients)), key=clients.__getitem__)
        until = times[most + 1] if most + 1 < len(times) else shared.last
        if clients[most]:
            axes.axvspan(times[most], until, color=STAND_IN["band"], linewidth=0, zorder=0)
            crowd.text(
                (times[most] + until) / 2, max(shared.crowd, 1) * 0.47, f"{clients[most]} slow",
                ha="center", va="center", fontsize=_SMALL, color=STAND_IN["ink"],
            )  # fmt: skip


def _bar(axes: Axes, row: int, load: Load) -> None:
    share = load.goodput
    unjudged = load.grade in UNJUDGED or share is None
    colour = STAND_IN[
        "doubt" if unjudged else "good" if (share or 0) >= 0.99 else "bad" if (share or 0) < 0.5 else "odd"
    ]
    axes.barh(row, share or 0, height=0.62, color="none" if unjudged else colour, edgecolor=colour, linewidth=0.8,
              linestyle="--" if unjudged else "-")  # fmt: skip
    told = f"{percent(share)}  {load.grade.value}" if unjudged else percent(share)
    axes.text(min(share or 0, 1) + 0.012, row, told, va="center", fontsize=_SMALL, color=STAND_IN["ink"], clip_on=False)


def _strip(axes: Axes, load: Load) -> None:
    steps = sorted((each for each in load.steps if each.goodput is not None), key=lambda each: each.clients)
    numbers, shares = [each.clients for each in steps], [each.goodput or 0 for each in steps]
    colour = STAND_IN["doubt"] if load.grade in UNJUDGED else STAND_IN["good"]
    axes.fill_between(numbers, shares, color=colour, alpha=0.22, linewidth=0)
    axes.plot(numbers, shares, color=colour, linewidth=1.4)
    for collapsed, marker, shade in ((False, "o", colour), (True, "x", STAND_IN["bad"])):
        points = [each for each in steps if each.collapsed is collapsed]
        axes.plot([each.clients for each in points], [each.goodput or 0 for each in points], marker, color=shade,
                  markersize=3 if marker == "o" else 5, markeredgewidth=1.4, clip_on=False)  # fmt: skip
    axes.set_ylim(0, 1.08)
    axes.set_yticks([])
    if load.collapse is not None:
        axes.axvline(load.collapse, color=STAND_IN["bad"], linewidth=1, linestyle=(0, (2, 1.5)))
    axes.text(-0.02, 0.4, _name(load), transform=axes.transAxes, ha="right", va="center", color=STAND_IN["ink"],
              parse_math=False)  # fmt: skip
    told = f"N* = {load.collapse}" if load.collapse is not None else grade(load)
    shade = STAND_IN["bad"] if load.collapse is not None else STAND_IN["muted"]
    axes.text(1.03, 0.4, told, transform=axes.transAxes, va="center", color=shade, fontsize=_SMALL)


def _series(axes: Axes, index: int, load: Load, x: Sequence[float], y: Sequence[float]) -> None:
    axes.plot(
        x,
        y,
        color=STAND_IN[f"series-{index % SERIES}"],
        marker=_MARKERS[index % len(_MARKERS)],
        linestyle=_DASHES[index % len(_DASHES)],
        markersize=4,
        linewidth=1.5,
        label=_name(load),
        clip_on=False,
    )


def _legend(axes: Axes) -> None:
    handles, labels = axes.get_legend_handles_labels()
    if not handles:
        return
    last: list[Any] = [each.get_ydata() for each in axes.get_lines()]
    ends = [float(each[-1]) for each in last]
    order = sorted(range(len(handles)), key=lambda place: -ends[place])
    legend = axes.legend(
        [handles[place] for place in order],
        [labels[place] for place in order],
        loc="center left",
        bbox_to_anchor=(1.02, 0.5),
        frameon=False,
        labelcolor=STAND_IN["ink"],
        handlelength=2.6,
        labelspacing=0.55,
    )
    for text in legend.get_texts():
        text.set_parse_math(False)


def _clients(axes: Axes, numbers: Sequence[int], label: str, *, labels: bool = True) -> None:
    ticks = sorted(set(numbers)) or [1]
    powers = [each for each in ticks if each & (each - 1) == 0] or ticks
    axes.set_xscale("log", base=2)
    axes.set_xlim(min(ticks) * 0.9, max(max(ticks), min(ticks) * 2) * 1.1)
    axes.set_xticks(powers, [str(each) for each in powers] if labels else [""] * len(powers))
    axes.minorticks_off()
    if label:
        axes.set_xlabel(label, color=STAND_IN["muted"], fontsize=_SMALL)


def _log_seconds(axes: Axes) -> None:
    axes.set_yscale("log")
    axes.minorticks_off()
    axes.yaxis.set_major_formatter(lambda value, _position: duration(value))


def _whole_seconds(last: float) -> Any:
    from matplotlib.ticker import MaxNLocator

    return MaxNLocator(nbins=4 if last > 5 else 3, integer=last > 5)


def _name(load: Load) -> str:
    return line(load.server, 26)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
