"""Measure what the workers of a cluster on this machine do, and print it.

    python benchmarks/cluster.py percentiles [--rate 200] [--seconds 10]
    python benchmarks/cluster.py rate        [--rate 20000] [--seconds 3]
    python benchmarks/cluster.py slow-clients [--clients 40000] [--per-second 4000]

percentiles   the same schedule from one worker and from four, to a server whose answers take 250 ms: equal to 1 %.
              One worker measures twice: the difference of these two is that of the machine
rate          the highest rate of an open model that one worker and four keep up with, to nginx. nginx needs a core for
              itself at these rates, so more workers than free cores add nothing
slow-clients  slow clients that four workers hold at the same time, on nginx

No other program should run on the machine. Ends with 0 if the result is as it must be, 1 if not, 2 without nginx.
"""

# ruff: noqa: T201 - this script prints its result

from __future__ import annotations

import argparse
import hmac
import os
import resource
import secrets
import signal
import socket
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, contextmanager
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path
from urllib.parse import parse_qs, urlsplit

import trio

from wsgi_gauntlet.harness.cluster.cluster import open_cluster
from wsgi_gauntlet.harness.load.arrivals import Uniform
from wsgi_gauntlet.harness.load.clients.behaviours import SlowHeaderBytes
from wsgi_gauntlet.harness.load.generator.generator_result import GeneratorResult
from wsgi_gauntlet.harness.load.generator.loop import LoopOptions
from wsgi_gauntlet.harness.load.generator.process_pool import parallel_open_loop
from wsgi_gauntlet.harness.load.workload import VerifiedRequest
from wsgi_gauntlet.harness.server.remote.guard import Guard, guarded
from wsgi_gauntlet.harness.server.remote.proof import VerifiedAddress, resolve_and_verify
from wsgi_gauntlet.harness.server.remote.target import Target

sys.path.insert(0, str(Path(__file__).resolve().parent))

from nginx_server import ToolMissing, tool

TESTS = Path(__file__).resolve().parents[1] / "tests"

TOKEN = secrets.token_hex(16)

BODY = b"ok\n"

WORKERS = 4

MAX_DIFFERENCE, MIN_RATIO = 0.01, 1.7
"""What must hold: the difference of percentiles, and the rate of four workers by that of one."""

SERVER_SLOTS, SERVICE_MS = 128, 250
"""Of the server with the known answer. Two cores wake processes up to 2 ms late: less than 1 % of 250 ms."""

QUANTILES = (0.5, 0.9, 0.99, 0.999)

RATE_STEP = 1.1
"""The factor between two rates."""

KEPT_UP = 0.99
"""The share of the rate that must be sent, and answered correctly."""

MAX_LATENESS = 0.01
"""Seconds of lateness (p99): far less than would change a grade."""

NGINX = """
daemon off; worker_processes {processes}; pid {folder}/pid; error_log stderr crit; worker_rlimit_nofile {files};
events {{ worker_connections {connections}; accept_mutex off; }}
http {{
    access_log off; client_header_timeout 600s; keepalive_requests 1000000000; keepalive_timeout 600s;
    client_body_temp_path {folder}/1; proxy_temp_path {folder}/2; fastcgi_temp_path {folder}/3;
    uwsgi_temp_path {folder}/4; scgi_temp_path {folder}/5;
    server {{ listen 127.0.0.1:{port} backlog=8192 reuseport;
        location / {{ return 200 "ok\\n"; }}
        location = /proof {{ proxy_pass http://127.0.0.1:{proof}; }}
    }}
}}
"""


def main() -> int:
    """Run one experiment and return the exit code."""
    parser = argparse.ArgumentParser(description="Measure what the workers of a cluster on this machine do.")
    parser.add_argument("experiment", choices=["percentiles", "rate", "slow-clients"])
    parser.add_argument("--rate", type=float, default=0.0, help="of percentiles, or the first one of rate")
    parser.add_argument("--seconds", type=float, default=0.0)
    parser.add_argument("--clients", type=int, default=40_000)
    parser.add_argument("--per-second", type=float, default=4000.0)
    options = parser.parse_args()
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))  # so that nginx ends, too
    try:
        if options.experiment == "percentiles":
            return compare_percentiles(options.rate or 200.0, options.seconds or 10.0)
        if options.experiment == "rate":
            return compare_rates(options.rate or 20_000.0, options.seconds or 3.0)
        return hold_slow_clients(options.clients, options.per_second)
    except ToolMissing as missing:
        print(missing, file=sys.stderr)
        return 2


def compare_percentiles(rate: float, seconds: float) -> int:
    """Send one schedule from one worker and from four, and compare the percentiles."""
    found: list[GeneratorResult] = []
    with known_answer_server() as port:
        for workers in (1, WORKERS, 1):
            found.append(measured(workers, port, "/page?size=100", rate, seconds, connections=SERVER_SLOTS, body=None))
            print(f"{workers} x 1: {describe(found[-1])}")
    worst = 0.0
    for q in QUANTILES:
        one, four, again = (each.latency.quantile(q) for each in found)
        worst = max(worst, abs(four / one - 1))
        print(
            f"p{q * 100:g}: {one * 1e3:.3f} ms and {four * 1e3:.3f} ms ({(four / one - 1) * 100:+.2f} %); "
            f"one worker again {again * 1e3:.3f} ms ({(again / one - 1) * 100:+.2f} %)"
        )
    counted = {each.ok for each in found}
    print(f"largest difference {worst * 100:.2f} %, {' and '.join(map(str, counted))} responses of each")
    return int(worst > MAX_DIFFERENCE or len(counted) != 1)


def compare_rates(first: float, seconds: float) -> int:
    """Find the highest rate that one worker and four keep up with."""
    best: dict[int, float] = {}
    with nginx_server(1, 4096) as port:
        for workers in (1, WORKERS):
            rate = first
            misses = 0
            best[workers] = 0.0
            while misses < 3:
                found = measured(workers, port, "/", rate, seconds, connections=64, body=BODY)
                kept = kept_up(found)
                print(f"{workers} x 1 at {rate:,.0f}/s: {describe(found)}{'' if kept else '  did not keep up'}")
                if kept:
                    best[workers], misses = rate, 0
                    rate *= RATE_STEP
                elif not best[workers]:
                    rate /= 2
                else:
                    misses += 1
    ratio = best[WORKERS] / best[1]
    print(f"one worker {best[1]:,.0f}/s, {WORKERS} workers {best[WORKERS]:,.0f}/s: {ratio:.2f} times as many")
    return int(ratio < MIN_RATIO)


def kept_up(found: GeneratorResult) -> bool:
    """Say whether the generators sent their schedule, and nginx answered."""
    assert found.offered is not None
    assert found.achieved is not None
    assert found.lateness is not None
    return (
        found.achieved >= KEPT_UP * found.offered
        and found.goodput >= KEPT_UP
        and found.lateness.quantile(0.99) <= MAX_LATENESS
    )


def hold_slow_clients(clients: int, per_second: float) -> int:
    """Hold slow clients from four workers, and count the connections of nginx with the kernel's own table."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    print(f"open files of a process: {soft:,}, hard limit {hard:,}")
    processes = max(1, -(-clients // (hard // 2)))
    held = 0
    with nginx_server(processes, min(hard - 100, 65_000)) as port, open_cluster(f"local:{WORKERS}") as cluster:

        async def hold() -> None:
            nonlocal held
            async with watched(port) as address, trio.open_nursery() as nursery:
                kind = SlowHeaderBytes("/", address.authority, 5.0)
                pool = cluster.slow_clients(address, kind, nursery, per_second=per_second)
                assert pool is not None
                began = time.monotonic()
                await pool.scale_to(clients)
                took = time.monotonic() - began
                for _ in range(3):
                    await trio.sleep(5)
                    held = established(port)
                    print(
                        f"{pool.connected_count:,} clients connected in {took:.1f} s, {held:,} connections in the "
                        f"table of the kernel, {pool.refused:,} refused, "
                        f"{pool.first_disconnect().dropped:,} disconnected"
                    )
                pool.release()
                until = time.monotonic() + 60
                while established(port) > 100 and time.monotonic() < until:  # noqa: ASYNC110 - the kernel decides
                    await trio.sleep(0.5)
                print(
                    f"{established(port):,} connections {time.monotonic() - began - took - 15:.1f} s after the release"
                )
                nursery.cancel_scope.cancel()

        trio.run(hold)
    return int(held < clients)


def established(port: int) -> int:
    """Return the number of established connections of the server at `port`."""
    needle, count = f":{port:04X}", 0
    with Path("/proc/net/tcp").open(encoding="ascii") as table:
        for line in table:
            words = line.split()
            count += words[1].endswith(needle) and words[3] == "01"
    return count


def measured(
    workers: int, port: int, path: str, rate: float, seconds: float, *, connections: int, body: bytes | None
) -> GeneratorResult:
    """Return what `workers` measured with an open model."""
    with open_cluster(f"local:{workers}") as cluster:

        async def work() -> GeneratorResult:
            async with watched(port) as address:
                request = f"GET {path} HTTP/1.1\r\nHost: {address.authority}\r\n\r\n".encode()
                page = VerifiedRequest(request, body if body is not None else await fetched(address, request))
                options = LoopOptions(connections, warm_up=1.0)
                return await parallel_open_loop(address, page, options, Uniform(rate), seconds, processes=cluster)

        return trio.run(work)


async def fetched(address: VerifiedAddress, request: bytes) -> bytes:
    """Return the body of the response to `request`."""
    stream = await trio.open_tcp_stream(address.host, address.port)
    async with stream:
        await stream.send_all(request.replace(b"\r\n\r\n", b"\r\nConnection: close\r\n\r\n"))
        return b"".join([piece async for piece in stream]).partition(b"\r\n\r\n")[2]


@asynccontextmanager
async def watched(port: int) -> AsyncIterator[VerifiedAddress]:
    """Yield the address of the server at `port`, which proves itself as long as it is loaded."""
    address = await resolve_and_verify(Target("127.0.0.1", port), TOKEN)
    async with guarded(Guard(address, "", TOKEN)) as found:
        yield found


def describe(found: GeneratorResult) -> str:
    """Return the figures that decide."""
    assert found.offered is not None
    assert found.lateness is not None
    return (
        f"{found.ok:,} of {found.scheduled:,} answered, {found.rate:,.0f}/s of {found.offered:,.0f}/s, "
        f"late by {found.lateness.quantile(0.99) * 1e3:.2f} ms (p99), {found.cpu_share * 100:.0f} % of a core at most"
    )


@contextmanager
def known_answer_server() -> Iterator[int]:
    """Serve the app with a server whose answers take SERVICE_MS."""
    port = free_port()
    command = [
        "known_servers.fixed_service_time",
        "127.0.0.1",
        str(port),
        str(SERVER_SLOTS),
        str(SERVICE_MS),
        "wsgi_gauntlet.target:application",
    ]
    environment = {**os.environ, "WSGI_GAUNTLET_TOKEN": TOKEN}
    with stopped_at_the_end(subprocess.Popen([sys.executable, "-m", *command], cwd=TESTS, env=environment)):
        wait_until_open(port)
        yield port


@contextmanager
def nginx_server(processes: int, connections: int) -> Iterator[int]:
    """Serve with nginx, which answers everything itself but the proof."""
    nginx = tool("nginx", "nginx-light", "nginx")
    with tempfile.TemporaryDirectory() as folder, proof_server() as proof:
        port = free_port()
        configuration = Path(folder, "nginx.conf")
        configuration.write_text(
            NGINX.format(
                processes=processes,
                folder=folder,
                port=port,
                proof=proof,
                files=resource.getrlimit(resource.RLIMIT_NOFILE)[1],
                connections=connections,
            )
        )
        argv = [nginx, "-p", folder, "-c", str(configuration), "-e", "stderr"]
        with stopped_at_the_end(subprocess.Popen(argv)):
            wait_until_open(port)
            yield port


@contextmanager
def proof_server() -> Iterator[int]:
    """Serve the proof of the test app, and nothing else."""

    class Proof(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            challenge = parse_qs(urlsplit(self.path).query).get("c", [""])[0]
            signed = hmac.new(TOKEN.encode(), b"wsgi-gauntlet proof " + challenge.encode(), "sha256").hexdigest()
            body = f"wsgi-gauntlet proof {signed}\n".encode()
            self.send_response(200)
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, format: str, *arguments: object) -> None:  # noqa: A002 - its name in the base class
            pass

    class QuietServer(HTTPServer):
        def handle_error(self, request: object, client_address: object) -> None:
            """Say nothing: nginx has gone when it is stopped, and a proof is then of no use."""

    server = QuietServer(("127.0.0.1", 0), Proof)
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    try:
        yield server.server_port
    finally:
        server.shutdown()
        thread.join()
        server.server_close()


@contextmanager
def stopped_at_the_end(process: subprocess.Popen[bytes]) -> Iterator[None]:
    """End `process` after the block."""
    try:
        yield
    finally:
        process.send_signal(signal.SIGTERM)
        try:
            process.wait(5)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()


def free_port() -> int:
    """Return a port that nobody uses now."""
    with socket.socket() as found:
        found.bind(("127.0.0.1", 0))
        return int(found.getsockname()[1])


def wait_until_open(port: int) -> None:
    """Wait until somebody accepts connections at `port`."""
    until = time.monotonic() + 20
    while True:
        try:
            socket.create_connection(("127.0.0.1", port), 1).close()
        except OSError:
            if time.monotonic() > until:
                raise
            time.sleep(0.05)
        else:
            return


if __name__ == "__main__":
    sys.exit(main())
