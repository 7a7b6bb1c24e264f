"""How long a server without clients is watched."""

import pytest
import trio.testing

from wsgi_gauntlet.harness.load.analysis.leftovers import INTERVAL_SECONDS, MIN_INTERVALS
from wsgi_gauntlet.harness.load.probes.idle_processor import cores, idle_processor
from wsgi_gauntlet.harness.load.probes.resource_usage import ResourceUsage


class Processor:
    """A server that uses a core until `busy` seconds have passed."""

    def __init__(self, busy: float) -> None:
        self.busy = busy
        self.began = trio.current_time()

    async def usage(self) -> ResourceUsage:
        now = trio.current_time()
        return ResourceUsage(now, cpu=min(now - self.began, self.busy))


@pytest.mark.parametrize(
    ("busy", "patience", "spins", "intervals"),
    [(0.0, 3.0, False, 1), (1.0, 3.0, False, 5), (100.0, 3.0, True, 10), (100.0, 0.1, True, MIN_INTERVALS)],
)
async def test_the_watch_ends_with_the_first_quiet_interval(
    busy: float, patience: float, spins: bool, intervals: int, autojump_clock: trio.testing.MockClock
) -> None:
    assert autojump_clock
    found = await idle_processor(Processor(busy).usage, patience, 0.0)
    assert found.spins is spins
    assert abs(len(found.intervals) - intervals) <= 1
    assert trio.current_time() == pytest.approx(len(found.intervals) * INTERVAL_SECONDS, abs=0.01)


def test_a_process_that_ended_takes_its_time_with_it() -> None:
    assert cores(ResourceUsage(0.0, cpu=5.0), ResourceUsage(1.0, cpu=2.0)) == 0
    assert cores(ResourceUsage(1.0, cpu=5.0), ResourceUsage(3.0, cpu=6.0)) == 0.5
