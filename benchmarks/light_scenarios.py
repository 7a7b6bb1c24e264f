"""Compare the figures of `classroom` on several servers at the same time with those of one server at a time.

    python benchmarks/light_scenarios.py waitress gunicorn:gthread granian bjoern [--rounds 5] [--python PYTHON]

In each round, in random order, every server is measured alone, alone again, and all of them together. The ratio of
`again` to `alone` is the noise; the ratio of `together` to `alone` must lie within it. Close other programs before:
this script does not discard results that were taken beside them.
"""

# ruff: noqa: T201 - this script prints its result

from __future__ import annotations

import argparse
import random
import statistics
import sys
import tempfile
from collections import defaultdict
from collections.abc import Callable, Sequence
from functools import partial
from pathlib import Path
from unittest import mock

import trio

from wsgi_gauntlet.harness import registry
from wsgi_gauntlet.harness.event_queue import handle_events
from wsgi_gauntlet.harness.events import Event, ScenarioFinished
from wsgi_gauntlet.harness.load import runner
from wsgi_gauntlet.harness.model import ScenarioResult
from wsgi_gauntlet.harness.server import planning
from wsgi_gauntlet.harness.server.plan import Plan
from wsgi_gauntlet.harness.server.temp_dirs import RunFolders
from wsgi_gauntlet.harness.stats.summary import bootstrap_interval

Figures = dict[tuple[str, str, str], float]
"""Milliseconds by server, phase and percentile."""


def main() -> None:
    """Measure and print the table."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n\n")[0])
    parser.add_argument("servers", nargs="+", metavar="SERVER")
    parser.add_argument("--rounds", type=int, default=5, metavar="N")
    parser.add_argument("--python", default=sys.executable, help="the interpreter that has the servers")
    options = parser.parse_args()
    plans = [planning.plan(name, python=options.python) for name in options.servers]
    ways: dict[str, Callable[[], Figures]] = {
        "alone": lambda: _figures(plans, 1),
        "again": lambda: _figures(plans, 1),
        "together": lambda: _figures(plans, len(plans)),
    }
    ratios: dict[tuple[str, ...], list[float]] = defaultdict(list)
    for number in range(1, options.rounds + 1):
        names = random.sample(sorted(ways), len(ways))
        found = {name: ways[name]() for name in names}
        for key in found["alone"]:
            for way in ("again", "together"):
                ratios[(*key, way)].append(found[way][key] / found["alone"][key])
        print(f"round {number} of {options.rounds}", file=sys.stderr)
    print(f"{'ratio to alone':44} median  95 % interval")
    for row, values in sorted(ratios.items()):
        low, high = bootstrap_interval(values)
        print(f"{' '.join(row):44} {statistics.median(values):6.3f}  {low:.3f} to {high:.3f}")


def _figures(plans: Sequence[Plan], together: int) -> Figures:
    """Return the figures of each server, measured with so many at the same time."""
    found: Figures = {}
    for cell in _cells(plans, together):
        for phase in cell.phases:
            if phase.p50 is not None and phase.p99 is not None and phase.name != "recovery":
                found[cell.server, phase.name, "p50"] = 1000 * phase.p50
                found[cell.server, phase.name, "p99"] = 1000 * phase.p99
    return found


def _cells(plans: Sequence[Plan], together: int) -> list[ScenarioResult]:
    cells: list[ScenarioResult] = []

    def collect(event: Event) -> None:
        if isinstance(event, ScenarioFinished):
            cells.append(event.cell)

    scenario = registry.scenario("classroom")
    with (
        tempfile.TemporaryDirectory(prefix="light-") as folder,
        mock.patch.object(runner, "MAX_GROUP_SIZE", together),
        mock.patch.object(runner, "left_a_core_idle", return_value=True),
        mock.patch.object(runner, "apply_cpu_contention", lambda cell, _samples, **_options: cell),
    ):
        folders = RunFolders(Path(folder), Path(folder))
        load = partial(runner.load, [(plan, scenario) for plan in plans], runner.LoadOptions(), folders)
        trio.run(handle_events, load, collect)
    return cells


if __name__ == "__main__":
    main()
