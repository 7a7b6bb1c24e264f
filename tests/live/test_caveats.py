"""What makes figures misleading, provoked by servers that do it, through whole scenarios; a sound server is free of it.

Running out of local ports is provoked twice: a kernel's answer that is made up, and a network with a handful of
ports. Nagle's 40 ms show on an idle machine alone: benchmarks/known_answers.py provokes them.
"""

from __future__ import annotations

import errno
import itertools
import json
import socket
import subprocess
import sys
from pathlib import Path

import pytest
import trio

from wsgi_gauntlet.harness.model import Grade, Outcome, ScenarioResult

from ..helpers.requirements import network_namespace_command
from ..helpers.scenario_runs import attempts, measured, run_until_graded, run_until_valid
from ..known_servers.adapter import plan

pytestmark = pytest.mark.live

CLOSED_LOOP = {"clients": 16, "factor": 16, "duration": 0.4}

USERS = {"rate": 20, "clients": 2, "baseline": 1.0, "duration": 1.5, "recovery": 3.0, "budget": 0.1}


@pytest.mark.parametrize(
    ("flaw", "words"),
    [
        ("correct", []),
        ("corrupts_pages 10", ["responses had a wrong body", "a body of the right length that differs from byte 0 on"]),
        ("closes_connections said", ["the server closed the connection after each response"]),
        (
            "closes_connections silent",
            ["the server closed the connection after each response", "closed kept connections without"],
        ),
        ("answers_once_per_connection 2", ["Little's law does not hold"]),
    ],
)
async def test_in_a_closed_loop(flaw: str, words: list[str], folder: Path) -> None:
    for _ in attempts():
        cell = await run_until_graded("throughput", plan(*flaw.split()), folder, **CLOSED_LOOP)
        # A machine that stood still has a caveat of its own. One that is slow gets too few responses for the others.
        found = [each for each in cell.caveats if "although requests waited" not in each]
        if len(found) == len(words):
            break
    assert len(found) == len(words), cell.caveats
    for caveat, expected in zip(found, words, strict=True):
        assert expected in caveat


async def test_in_what_users_get(folder: Path) -> None:
    cells: dict[str, ScenarioResult] = {}

    async def one(flaw: str) -> None:
        run = (
            run_until_valid if flaw.startswith("corrupts_pages") else run_until_graded
        )  # wrong without any slow client, it has no grade
        for _ in attempts():
            cells[flaw] = await run("slow-headers/byte", plan(*flaw.split()), folder, **USERS)
            # A slow machine gets fewer users, and then too few responses for a caveat.
            if cells[flaw].conditions["healthy requests/s"] == USERS["rate"]:
                break

    async with trio.open_nursery() as nursery:
        for flaw in ("correct", "corrupts_pages 5", "closes_connections said", "closes_connections silent"):
            nursery.start_soon(one, flaw)
    assert cells["correct"].caveats == ()
    (wrong,) = cells["corrupts_pages 5"].caveats
    assert "responses had a wrong body" in wrong
    assert cells["corrupts_pages 5"].grade is Grade.DEGRADED  # it does so without any slow client
    for how in ("said", "silent"):
        (closed,) = cells[f"closes_connections {how}"].caveats
        assert "kept no connection alive" in closed
        # A request on a connection that was closed under it goes out again, as a browser's does: no user is blamed.
        assert cells[f"closes_connections {how}"].goodput == 1.0


async def test_no_local_port_left_in_a_closed_loop(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    count = itertools.count()

    class FewPorts(socket.socket):
        def connect_ex(self, address: object) -> int:
            return super().connect_ex(address) if next(count) < 5 else errno.EADDRNOTAVAIL  # type: ignore[arg-type]

    monkeypatch.setattr(socket, "socket", FewPorts)
    cell = await measured("throughput", plan("correct"), folder, **CLOSED_LOOP)
    assert cell.grade is Grade.INVALID
    assert cell.generator is not None
    assert cell.generator.why.startswith("the machine ran out of local ports")
    assert any(caveat.startswith("the machine ran out of local ports") for caveat in cell.caveats)
    assert cell.phases[-1].outcomes[Outcome.OK] > 0


IN_A_NETWORK_OF_ITS_OWN = """
import json, subprocess, sys
from pathlib import Path
import trio
sys.path.insert(0, sys.argv[1])
from wsgi_gauntlet.harness import registry
from tests.helpers.runs import run_scenarios
from tests.known_servers.adapter import plan

subprocess.run(["ip", "link", "set", "lo", "up"], check=True)
Path("/proc/sys/net/ipv4/ip_local_port_range").write_text("40000 40015")
cells = [(plan("correct"), registry.scenario("slow-headers/byte"))]
(cell,) = trio.run(run_scenarios, Path(sys.argv[2]), cells).scenarios
print(json.dumps([cell.grade, cell.note]))
"""


def test_no_local_port_left_for_clients(folder: Path) -> None:
    """Users and slow clients move on to other local addresses; 256 find no port where each address has 16."""
    argv = [
        *network_namespace_command(),
        sys.executable,
        "-c",
        IN_A_NETWORK_OF_ITS_OWN,
        str(Path(__file__).parents[2]),
        str(folder),
    ]
    done = subprocess.run(argv, capture_output=True, text=True, timeout=60, check=False)
    assert done.returncode == 0, done.stderr
    grade, note = json.loads(done.stdout)
    assert grade == Grade.INVALID
    assert "no more open files, local ports or memory for clients (Cannot assign requested address)" in note
