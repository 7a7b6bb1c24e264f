"""Descriptors, local ports and memory that really run out: a message and an invalid cell, in good order."""

from __future__ import annotations

import json
import resource
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import trio

from wsgi_gauntlet.harness.load.catalog import Scenario
from wsgi_gauntlet.harness.load.parameters import Parameters
from wsgi_gauntlet.harness.model import Grade, ScenarioResult
from wsgi_gauntlet.harness.server import planning

from ..helpers.requirements import network_namespace_command
from ..helpers.runs import run_scenarios

pytestmark = pytest.mark.live

PROGRAM = "from wsgi_gauntlet.harness.cli.main import main; main()"


def load(folder: Path, *words: str, before: Callable[[], None] | None = None) -> tuple[int, dict[str, Any], str]:
    """Run `load`; return its exit code, the one cell, and what it said."""
    done = subprocess.run(
        [sys.executable, "-c", PROGRAM, "load", *words, "--json"],
        cwd=folder,
        preexec_fn=before,
        capture_output=True,
        text=True,
        timeout=100,
        check=False,
    )
    assert done.stdout, done.stderr
    (cell,) = json.loads(done.stdout)["load"]
    return done.returncode, cell, done.stderr


def descriptors(hard: int) -> Callable[[], None]:
    return lambda: resource.setrlimit(resource.RLIMIT_NOFILE, (min(hard, 128), hard))


def test_a_low_hard_limit_means_fewer_clients(tmp_path: Path) -> None:
    code, cell, _ = load(
        tmp_path,
        "wsgiref",
        *("--scenario", "slow-headers/byte", "--clients", "100", "--duration", "0.5"),
        before=descriptors(266),
    )
    assert cell["grade"] == "collapsed" or code in (0, 3)
    assert cell["conditions"]["clients"] == 5
    assert cell["conditions"]["clients asked for"] == 100
    assert cell["conditions"]["open files"] == 266
    assert "100 slow clients were requested" in cell["note"]
    assert max(step["clients"] for step in cell["steps"]) == 5


def test_without_descriptors_for_one_client_the_cell_is_invalid(tmp_path: Path) -> None:
    code, cell, _ = load(tmp_path, "wsgiref", "--scenario", "slow-headers/byte", before=descriptors(256))
    assert (code, cell["grade"]) == (3, "invalid")
    assert "ulimit -Hn" in cell["note"]


def test_descriptors_that_end_in_the_middle_make_the_cell_invalid(tmp_path: Path) -> None:
    code, cell, _ = load(
        tmp_path,
        "wsgiref",
        "--scenario",
        "throughput",
        "--clients",
        "400",
        "--duration",
        "0.5",
        before=descriptors(200),
    )
    assert (code, cell["grade"]) == (3, "invalid")
    assert "ulimit" in cell["note"]
    assert cell["goodput"] is None


PORTS = """
import subprocess, sys, socket
from pathlib import Path
import trio
from wsgi_gauntlet.harness.http.address import Address
from wsgi_gauntlet.harness.errors import OutOfResources
from wsgi_gauntlet.harness.http.http_connection import HttpConnection

subprocess.run(["ip", "link", "set", "lo", "up"], check=True)
listener = socket.create_server(("127.0.0.1", 30000), backlog=64)
Path("/proc/sys/net/ipv4/ip_local_port_range").write_text("40000 40003")

async def main():
    links = []
    try:
        while len(links) < 40:
            links.append(await HttpConnection.open(Address("127.0.0.1", 30000)))
    except OutOfResources as describe_exhausted_resource:
        print(len(links), describe_exhausted_resource)

trio.run(main)
"""


def test_users_whose_local_address_has_no_port_left_take_another_and_it_is_reported() -> None:
    done = subprocess.run(
        [*network_namespace_command(), sys.executable, "-c", PORTS],
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    held, _, said = done.stdout.partition(" ")
    assert int(held) == 12, done.stderr
    assert "local ports" in said


async def test_memory_that_is_refused_makes_the_cell_invalid(tmp_path: Path) -> None:
    async def greedy(_ctx: object) -> ScenarioResult:
        async with trio.open_nursery() as nursery:
            nursery.start_soon(trio.sleep_forever)
            bytearray(1 << 60)
        raise AssertionError

    scenario = Scenario("x/y", "x", "x", greedy, Parameters(), Parameters())
    with trio.fail_after(60):
        found = await run_scenarios(tmp_path, [(planning.plan("wsgiref"), scenario)])
    (cell,) = found.scenarios
    assert cell.grade is Grade.INVALID
    assert "memory" in cell.note
