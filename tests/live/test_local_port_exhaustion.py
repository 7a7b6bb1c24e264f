"""Local ports that really run out: in a network of its own, which has a handful."""

from __future__ import annotations

import json
import subprocess
import sys

import pytest

from ..helpers.requirements import network_namespace_command

pytestmark = pytest.mark.live

PORTS = 12

SCRIPT = """
import functools, json, socket, subprocess, sys, threading
from pathlib import Path
import trio
from wsgi_gauntlet.harness.http.address import Address
from wsgi_gauntlet.harness.load.generator.closed_loop import closed_loop
from wsgi_gauntlet.harness.load.generator.loop import LoopOptions
from wsgi_gauntlet.harness.load.workload import VerifiedRequest

subprocess.run(["ip", "link", "set", "lo", "up"], check=True)
family = socket.AF_INET6 if ":" in sys.argv[1] else socket.AF_INET
listener = socket.create_server((sys.argv[1], 30000), family=family, backlog=200)
seen = set()
accepted = threading.Semaphore(0)

def serve(conn):
    with conn:
        while conn.recv(65536):
            conn.sendall(b"HTTP/1.1 200 OK\\r\\nContent-Length: 2\\r\\n\\r\\nok")

def accept():
    while True:
        conn, peer = listener.accept()
        seen.add(peer[0])
        accepted.release()
        threading.Thread(target=serve, args=(conn,), daemon=True).start()

threading.Thread(target=accept, daemon=True).start()
Path("/proc/sys/net/ipv4/ip_local_port_range").write_text(f"40000 {40000 + int(sys.argv[2]) - 1}")
found = trio.run(functools.partial(
    closed_loop, Address(sys.argv[1], 30000), VerifiedRequest(b"GET / HTTP/1.1\\r\\nHost: x\\r\\n\\r\\n", b"ok"),
    LoopOptions(int(sys.argv[3])), 1.0,
))
for _ in range(found.connects - found.out_of_ports):
    accepted.acquire()
health = found.health()
print(json.dumps([found.ok, found.connects, found.out_of_ports, sorted(seen), health.valid, health.why]))
"""


def measure(host: str, connections: int) -> tuple[int, int, int, list[str], bool, str]:
    """Run a closed loop where each address has PORTS local ports."""
    argv = [*network_namespace_command(), sys.executable, "-c", SCRIPT, host, str(PORTS), str(connections)]
    done = subprocess.run(argv, capture_output=True, text=True, timeout=60, check=False)
    assert done.returncode == 0, done.stderr
    found: tuple[int, int, int, list[str], bool, str] = tuple(json.loads(done.stdout))
    return found


def test_where_one_address_has_no_port_left_the_next_one_has() -> None:
    ok, connects, out_of_ports, seen, _, why = measure("127.0.0.1", 3 * PORTS)
    assert ok > 0
    assert (connects, out_of_ports) == (3 * PORTS, 0)
    assert seen == ["127.0.0.1", "127.0.0.2", "127.0.0.3"]
    assert "ports" not in why


def test_where_none_has_one_the_figures_are_invalid_and_say_why() -> None:
    ok, connects, out_of_ports, seen, valid, why = measure("::1", PORTS + 5)
    assert ok > 0
    assert out_of_ports >= 1
    assert connects == PORTS + out_of_ports
    assert seen == ["::1"]
    assert not valid
    assert why.startswith("the machine ran out of local ports ")
