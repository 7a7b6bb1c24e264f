"""Compare the scenario `capacity` with wrk on servers with a known service time and a thread for each connection.

    python benchmarks/capacity_vs_wrk.py [--milliseconds 1 60 250] [--limit 2000] [--connections 64 512 2048]

For each service time wrk measures a fresh server over each number of connections, for --seconds or 40 service times.
Its highest figure is the capacity of the server. Then `capacity` finds the highest rate at which users are served well,
on another fresh server, and then wrk measures once more. The higher figure of wrk counts, because a machine changes.
The ratio of capacity and wrk must be within --within of 1. If the generator was late, or capacity is only a lower
bound, the search is repeated at most twice. No other program should run on the machine.

The server has a thread for each connection. It answers at most --limit pages per second, because it processes only as
many pages at the same time as this takes. So the machine is not the limit, and its noise is in neither figure. With
--limit 0 there is no such limit, and the Python of the server is the limit. Then all programs share the cores, and wrk
itself differs by half from run to run. The short runs of wrk also include the start of a thread for each connection,
which is part of the warm-up of `capacity`. With pages of 250 ms wrk therefore gets far fewer responses than the server
could send.

Ends with 0 if all ratios are within, 1 if not, 2 if a tool is missing.
"""

# ruff: noqa: T201 - this script prints its result

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
from wsgi_gauntlet.harness.load.parameters import Parameters
from wsgi_gauntlet.harness.model import Grade, Metric, ScenarioResult
from wsgi_gauntlet.harness.server.plan import Plan

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "tests"))

from known_servers.adapter import plan

UNLIMITED = 100_000
"""Pages processed at the same time without a limit: more than there are connections."""

MARK = "5f0c36ea94d1b827"
"""The mark of the page that wrk requests: the page of `capacity`, with one mark."""

TRIES = 3
"""Searches until the generator keeps up: a rate that it cannot offer is not a limit of the server."""

PAGES = 40
"""The minimum length of a run of wrk in service times, because its figure lacks the first responses."""

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
        cell, capacity = _search(server, options)
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
    """Return the pages processed at the same time for `limit` pages per second of `milliseconds` each."""
    return max(1, round(limit * milliseconds / 1000)) if limit else UNLIMITED


def _search(server: Plan, options: argparse.Namespace) -> tuple[ScenarioResult, Metric]:
    """Return the cell and its capacity of the first try in which the generator kept up, or of the last try."""
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
        return await scenario.run(
            _context(server, scenario.parameters({"estimate": 1.0, **asked}, full=True), Path(folder))
        )


async def _wrk(wrk: str, server: Plan, milliseconds: int, options: argparse.Namespace) -> list[tuple[float, int]]:
    """Return the responses per second at each number of connections."""
    figures = []
    seconds = max(options.seconds, math.ceil(PAGES * milliseconds / 1000))
    with tempfile.TemporaryDirectory(prefix="g-") as folder:
        async with _context(server, registry.scenario("capacity").full, Path(folder)).server() as running:
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


def _context(server: Plan, parameters: Parameters, folder: Path) -> ScenarioContext[Parameters]:
    for name in ("scratch", "logs"):
        (folder / name).mkdir()
    scenario = registry.scenario("capacity")
    return ScenarioContext(server, scenario, parameters, scratch=folder / "scratch", logs=folder / "logs")


def _options(argv: list[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n\n")[0])
    parser.add_argument("--milliseconds", type=int, nargs="+", default=[1, 60, 250], metavar="MS", help="service times")
    parser.add_argument("--limit", type=int, default=2000, metavar="N", help="pages per second, 0 for no limit")
    parser.add_argument("--connections", type=int, nargs="+", default=[64, 256, 512, 1024, 2048], metavar="N")
    parser.add_argument("--seconds", type=int, default=4, metavar="S", help="at least, of one run of wrk")
    parser.add_argument("--duration", type=float, default=4.0, metavar="S", help="length of one try")
    parser.add_argument("--budget", type=float, default=60.0, metavar="S", help="for all tries of one server")
    parser.add_argument("--precision", type=float, default=0.03, metavar="SHARE", help="precision of the search")
    parser.add_argument("--within", type=float, default=0.1, metavar="SHARE", help="allowed distance of a ratio from 1")
    parser.add_argument("--explain", action="store_true", help="print the notes of the cells, and all figures of wrk")
    options = parser.parse_args(argv)
    if min(options.milliseconds + options.connections) < 1 or options.limit < 0 or not 0 < options.seconds <= 600:
        parser.error("--milliseconds and --connections must be at least 1, --limit at least 0, --seconds 1 to 600")
    return options


if __name__ == "__main__":
    sys.exit(main())
