"""Four workers as on four machines: each has its own network and monotonic clock. One of them runs the server.

The skew that is refused is one of the wall clock (CLOCK_REALTIME). Linux has that once for all namespaces, so only
tests/unit/harness/cluster/test_clock.py has clocks that are wrong.
"""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest

from ..helpers import cluster_namespaces
from ..helpers.cluster_namespaces import HUB, WORKERS
from ..helpers.requirements import fail_or_skip, module, program

pytestmark = [pytest.mark.live, pytest.mark.timeout(400)]

UNSHARE_OPTIONS = ("--net", "--time", "--monotonic", "1", "--fork", "--kill-child")


@pytest.fixture(autouse=True)
def namespaces() -> None:
    """Require namespaces of our own with a bridge in them."""
    module("distributed")
    program("ip", package="iproute2")
    unshare = program("unshare", package="util-linux")
    command = [unshare, *UNSHARE_OPTIONS, "ip", "link", "add", "br0", "type", "bridge"]
    done = subprocess.run(command, capture_output=True, text=True, check=False, timeout=60)
    if done.returncode:
        fail_or_skip(f"no network and time namespaces can be made; run the tests as root: {done.stderr.strip()}")


def test_three_workers_load_a_server_that_the_fourth_starts(folder: Path) -> None:
    work, out = folder / "work", folder / "out"
    work.mkdir()
    script = str(Path(cluster_namespaces.__file__))
    arguments = [
        *("load", "wsgiref", "--scenario", "throughput", "--slow-clients", "6", "--set", "factor=6"),
        *("--duration", "1", "--server-worker", WORKERS[3], "--out", str(out)),
    ]
    done = subprocess.run(
        ["unshare", "--net", sys.executable, script, str(work), *arguments],
        capture_output=True,
        text=True,
        check=False,
        timeout=380,
    )
    assert done.returncode in (0, 3), done.stderr
    assert "4 workers, clocks within" in done.stderr
    results = json.loads((out / "results.json").read_text())
    (cell,) = results["load"]
    assert cell["grade"] in ("measured", "invalid"), cell
    assert cell["conditions"]["runs on"].startswith(f"worker {WORKERS[3]} on ")
    assert cell["conditions"]["address"].startswith(f"{WORKERS[3]}:")
    assert cell["phases"][-1]["outcomes"]["ok"] > 0
    workers = cell["generator"]["workers"]
    assert workers
    # The worker of the server generates no load, and neither does the machine of the harness.
    assert {each["worker"].split()[1] for each in workers} <= set(WORKERS[:3])
    assert HUB not in str(workers)
    # Their monotonic clocks are days apart, but the phases are where the harness saw them.
    assert 0 < cell["phases"][0]["started"] < cell["phases"][-1]["ended"] < cell["seconds"] + 1
