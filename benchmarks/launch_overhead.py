"""Measure the overhead of the harness when it starts and stops a server.

    benchmarks/launch_overhead.py [SERVER...] [--python EXE] [--rounds N] [--bar SECONDS]

Each server is started and stopped by the harness, and by a plain fork with the same command line, environment and
files: the script requests a page every millisecond, and sends the same signal. Both take turns in the order A B B A.
The bar is 0.2 s.
"""

# ruff: noqa: T201 - this script prints its result

from __future__ import annotations

import argparse
import contextlib
import os
import secrets
import shutil
import signal
import socket
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Sequence
from pathlib import Path

import trio

from wsgi_gauntlet.harness import registry
from wsgi_gauntlet.harness.errors import GauntletError, Unsupported
from wsgi_gauntlet.harness.http.address import Address
from wsgi_gauntlet.harness.server import instance, planning, readiness
from wsgi_gauntlet.harness.server.adapter import Protocol, start_command
from wsgi_gauntlet.harness.server.plan import Plan
from wsgi_gauntlet.harness.server.ports import leased_port, loopback_host
from wsgi_gauntlet.harness.server.process.environment import server_environment
from wsgi_gauntlet.harness.server.process.unprivileged_user import unprivileged_user
from wsgi_gauntlet.harness.server.temp_dirs import create_app_path
from wsgi_gauntlet.harness.server.user_app import NONCE_VARIABLE

BAR = 0.2
"""The seconds that the harness may add to a start, and to a stop."""

PATIENCE = 20.0

Times = tuple[float, float]
"""Seconds from the start to the first correct response, and from the signal to the end of the last process."""


async def with_harness(plan: Plan, folder: Path) -> Times:
    """Start and stop the server as every run does."""
    begun = time.monotonic()
    async with instance.running(plan, scratch=folder, logs=None, observe=False):
        started = time.monotonic()
    return started - begun, time.monotonic() - started


def without_harness(plan: Plan, folder: Path) -> Times:
    """Fork the same command line, send requests until a response arrives, and send the stop signal."""
    home = Path(tempfile.mkdtemp(prefix="bare-", dir=folder))
    nonce = secrets.token_hex(16)
    host = loopback_host()
    try:
        create_app_path(home / "path")
        with leased_port(host) as port:
            made = plan.launch(Address(host=host, port=port), home / "1")
            command = start_command(plan.adapter, made)
            instance.write_launch_files(made, command, None)
            added = {NONCE_VARIABLE: nonce, **command.environment, **plan.environment}
            environment = server_environment(
                os.environ, path=[str(home / "path")], temporary=str(made.folder), added=added
            )
            begun = time.monotonic()
            process = subprocess.Popen(
                command.argv,
                cwd=command.folder or made.folder,
                env=environment,
                stdin=subprocess.DEVNULL,
                stdout=subprocess.DEVNULL,
                stderr=subprocess.DEVNULL,
                start_new_session=True,
            )
            try:
                _until_answered(made.address, f"{plan.settings.mount}/nonce", nonce, process)
                started = time.monotonic()
                process.send_signal(command.stop_signal)
                with contextlib.suppress(subprocess.TimeoutExpired):
                    process.wait(instance.STOP_GRACE)  # as long as the harness waits
            finally:
                with contextlib.suppress(ProcessLookupError):
                    os.killpg(process.pid, signal.SIGKILL)
                process.wait()
            return started - begun, time.monotonic() - started
    finally:
        shutil.rmtree(home, ignore_errors=True)


def _until_answered(address: Address, target: str, nonce: str, process: subprocess.Popen[bytes]) -> None:
    probe_request = readiness.probe_request(address, target, Protocol.HTTP)
    until = time.monotonic() + PATIENCE
    while time.monotonic() < until and process.poll() is None:
        with contextlib.suppress(OSError), socket.create_connection((address.host, address.port), PATIENCE) as asking:
            asking.sendall(probe_request)
            data = b""
            while nonce.encode() not in data and (piece := asking.recv(65536)):
                data += piece
            if nonce.encode() in data:
                return
        time.sleep(0.001)
    raise SystemExit(f"{process.args!r} did not answer")


def measured(plan: Plan, rounds: int, folder: Path) -> tuple[list[Times], list[Times]]:
    """Return the times with the harness and without, one of each for every round."""
    mine: list[Times] = []
    bare: list[Times] = []
    for number in range(rounds):
        for harness in (True, False) if number % 2 == 0 else (False, True):
            if harness:
                mine.append(trio.run(with_harness, plan, folder))
            else:
                bare.append(without_harness(plan, folder))
    return mine, bare


def middle(times: Sequence[Times], which: int) -> float:
    """Return the median of starts (0) or stops (1)."""
    return statistics.median(each[which] for each in times)


def names(python: str) -> list[str]:
    """Return every installed server but proxies, in its default variant, without those that change their user."""
    root = unprivileged_user() is not None
    return [
        each.name
        for each in registry.adapters().values()
        if not each.front and not (root and each.unprivileged_user) and each.find(python).available
    ]


def main() -> int:
    """Print a line for each server; return 1 if one of them costs more than the bar."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("servers", nargs="*")
    parser.add_argument("--python", default=sys.executable)
    parser.add_argument("--rounds", type=int, default=6)
    parser.add_argument("--bar", type=float, default=BAR)
    options = parser.parse_args()
    over = []
    print(f"{'':24}{'start':>8}{'bare':>8}{'added':>8}   {'stop':>8}{'bare':>8}{'added':>8}   seconds, medians")
    with tempfile.TemporaryDirectory(prefix="g-") as folder:
        for name in options.servers or names(options.python):
            try:
                plan = planning.plan(name, python=options.python)
                planning.require(plan)
                mine, bare = measured(plan, options.rounds, Path(folder))
            except (GauntletError, Unsupported) as problem:
                print(f"{name:23} left out: {problem}")
                continue
            line = f"{name:24}"
            for which in (0, 1):
                cost = middle(mine, which) - middle(bare, which)
                line += f"{middle(mine, which):8.3f}{middle(bare, which):8.3f}{cost:+8.3f}   "
                over += [name] * (cost > options.bar)
            print(line, flush=True)
    print(f"over {options.bar} s: {', '.join(over) or 'none'}")
    return 1 if over else 0


if __name__ == "__main__":
    sys.exit(main())
