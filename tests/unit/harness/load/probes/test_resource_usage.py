"""What a process tree uses, and what of it slow clients cost."""

import os
import sys

import trio

from wsgi_gauntlet.harness.load.probes.resource_usage import ResourceUsage, cost, usage
from wsgi_gauntlet.harness.model import Cost


async def test_usage_of_this_process() -> None:
    found = await usage([os.getpid()])
    assert found.rss > 1_000_000
    assert found.descriptors > 2
    assert found.threads >= 1
    assert found.cpu > 0


async def test_a_process_that_has_ended_counts_nothing() -> None:
    ended = await trio.run_process([sys.executable, "-c", "import os; print(os.getpid())"], capture_stdout=True)
    found = await usage([int(ended.stdout)])
    assert (found.rss, found.descriptors, found.threads, found.cpu) == (0, 0, 0, 0.0)


def test_the_healthy_users_part_is_taken_off() -> None:
    before = ResourceUsage(0.0, 100, 10, 1, 1.0)
    idle = ResourceUsage(2.0, 120, 12, 1, 1.2)  # 0.1 of a core for the healthy users
    during = ResourceUsage(7.0, 620, 22, 5, 3.7)
    assert cost(before, idle, during, 8) == Cost(8, 500, 10, 4, 2.0)


def test_a_server_that_got_smaller_cost_nothing() -> None:
    assert cost(ResourceUsage(0), ResourceUsage(1, 100, 10, 5, 9.0), ResourceUsage(2), 8) == Cost(8)
