"""Compare `capacity` with wrk: servers with a thread for each connection, whose pages take a known time.

    python benchmarks/capacity_vs_wrk.py [--milliseconds 1 60 250] [--limit 2000] [--connections 64 512 2048]

For each page time wrk asks a fresh server over each number of connections in turn, --seconds long, or as long as 40
pages take. Its best figure is what the server can do. Then the scenario `capacity` finds the highest rate that users
are served well at, on another fresh server, and then wrk once more, since a machine changes: the best of both times
counts. The ratio of capacity and wrk's best is to be within --within of 1. A search in which the generator itself was
late, which only has a lower bound, is made again, twice at most. Nothing else should run on the machine.

The server has a thread for each connection and answers --limit pages a second at most, by construction: as many pages
may be under way at once as that takes. So the machine is not what both run out of, and its noise is in neither figure.
With --limit 0 there is no such limit, and the server's own Python is at its end first. All programs share the cores
then: whatever one takes is missing for the others, and wrk itself differs by half from one run to the next. wrk's short
runs also begin with the start of a thread for each connection, which `capacity` leaves to its warm-up: where a page
takes 250 ms it gets far less answered than the server can do.

Ends with 0 where all ratios are within, 1 where one is not, 2 where something is missing.
"""

# ruff: noqa: T201 - what this script prints is its result

from __future__ import annotations

import argparse
import math
import re
import subprocess
import sys
import tempfile
from pathlib import Path

import trio
from nginx_server import ToolMissing, tool

from wsgi_gauntlet.harness import registry
from wsgi_gauntlet.harness.load.context import ScenarioContext
from wsgi_gauntlet.harness.model import Grade, Metric, ScenarioResult
from wsgi_gauntlet.harness.server.plan import Plan

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "tests"))

from known_servers.adapter import plan

UNLIMITED = 100_000
"""Pages that may be under way at once without a limit: more than there are connections."""

MARK = "5f0c36ea94d1b827"
"""Of the page that wrk asks for: the one that `capacity` asks for, with one mark."""

TRIES = 3
"""Searches until the generator kept up: what it could not offer is no limit of the server."""

PAGES = 40
"""So many times as long as a page takes a run of wrk lasts at least: the first of them is missing in its figure."""

SIZE = 2000
"""Bytes of a page."""


def main(argv: list[str] | None = None) -> int:
    """Run the comparison and return the exit code."""
    options = _options(argv)
    try:
        wrk = tool("wrk")
    except ToolMissing as missing:
        print(missing, file=sys.stderr)
        return 2
    all_within = True
    print("page     wrk's best         capacity  capacity/wrk  grade")
    for milliseconds in options.milliseconds:
        server = plan("fixed_service_time", _slots(options.limit, milliseconds), milliseconds)
        figures = trio.run(_wrk, wrk, server, milliseconds, options)
        cell, capacity = _found(server, options)
        figures += trio.run(_wrk, wrk, server, milliseconds, options)
        best, connections = max(figures)
        found = capacity.value or 0.0
        ratio = found / best
        all_within &= abs(ratio - 1) <= options.within
        at = f"{best:>8,.0f}/s at {connections:<5}"
        bound = ">=" if capacity.censored else ""
        print(f"{milliseconds:>3} ms {at} {bound:>2}{found:>8,.0f}/s {ratio:>10.2f}  {cell.grade.label}", flush=True)
        if options.explain:
            print(f"       {cell.note}\n       wrk: {', '.join(f'{rate:,.0f}/s at {n}' for rate, n in figures)}")
    print(f"within {options.within:g} of wrk: {'all' if all_within else 'not all'}")
    return 0 if all_within else 1


def _slots(limit: int, milliseconds: int) -> int:
    """Return the pages that are under way at once where `limit` a second are answered, each in `milliseconds`."""
    return max(1, round(limit * milliseconds / 1000)) if limit else UNLIMITED


def _found(server: Plan, options: argparse.Namespace) -> tuple[ScenarioResult, Metric]:
    """Return the cell and its capacity, of the first try in which the generator kept up, or of the last."""
    for _ in range(TRIES):
        cell = trio.run(_capacity, server, options)
        capacity = next(each for each in cell.metrics if each.id == "capacity")
        if cell.grade is Grade.MEASURED and not capacity.censored:
            break
    return cell, capacity


async def _capacity(server: Plan, options: argparse.Namespace) -> ScenarioResult:
    scenario = registry.scenario("capacity")
    asked = {"duration": options.duration, "budget": options.budget, "precision": options.precision, "size": SIZE}
    with tempfile.TemporaryDirectory(prefix="g-") as folder:
        return await scenario.run(_arena(server, {**scenario.full, "estimate": 1.0, **asked}, Path(folder)))


async def _wrk(wrk: str, server: Plan, milliseconds: int, options: argparse.Namespace) -> list[tuple[float, int]]:
    """Return the answers a second at each number of connections."""
    figures = []
    seconds = max(options.seconds, math.ceil(PAGES * milliseconds / 1000))
    with tempfile.TemporaryDirectory(prefix="g-") as folder:
        async with _arena(server, {}, Path(folder)).server() as running:
            url = f"http://{running.address.authority}{running.reference_app_path}/page?n={MARK}&size={SIZE}"
            for connections in options.connections:
                argv = [wrk, "-t1", f"-c{connections}", f"-d{seconds}s", "--timeout", "10s", url]
                done = await trio.run_process(argv, capture_stdout=True, stderr=subprocess.STDOUT)
                output = done.stdout.decode()
                rate = re.search(r"Requests/sec:\s+([\d.]+)", output)
                if not rate or "Non-2xx" in output:
                    raise SystemExit(f"wrk did not measure:\n{output}")
                figures.append((float(rate[1]), connections))
    return figures


def _arena(server: Plan, parameters: dict[str, float], folder: Path) -> ScenarioContext:
    for name in ("scratch", "logs"):
        (folder / name).mkdir()
    return ScenarioContext(server, parameters, scratch=folder / "scratch", logs=folder / "logs")


def _options(argv: list[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n\n")[0])
    parser.add_argument("--milliseconds", type=int, nargs="+", default=[1, 60, 250], metavar="MS", help="of a page")
    parser.add_argument("--limit", type=int, default=2000, metavar="N", help="pages a second at most, 0 for no limit")
    parser.add_argument("--connections", type=int, nargs="+", default=[64, 256, 512, 1024, 2048], metavar="N")
    parser.add_argument("--seconds", type=int, default=4, metavar="S", help="of one run of wrk at least, whole seconds")
    parser.add_argument("--duration", type=float, default=4.0, metavar="S", help="of one try of a rate")
    parser.add_argument("--budget", type=float, default=60.0, metavar="S", help="for the tries of one server")
    parser.add_argument("--precision", type=float, default=0.03, metavar="SHARE", help="of the search")
    parser.add_argument("--within", type=float, default=0.1, metavar="SHARE", help="how far from 1 a ratio may be")
    parser.add_argument("--explain", action="store_true", help="print the cells' own words, and all figures of wrk")
    options = parser.parse_args(argv)
    if min(options.milliseconds + options.connections) < 1 or options.limit < 0 or not 0 < options.seconds <= 600:
        parser.error("--milliseconds and --connections are to be at least 1, --limit at least 0, --seconds 1 to 600")
    return options


if __name__ == "__main__":
    sys.exit(main())
