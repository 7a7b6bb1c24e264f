"""What holds for every test."""

from __future__ import annotations

import gc
import os
import signal
from collections.abc import Iterator, Sequence

import pytest
from hypothesis import HealthCheck, settings

LONGEST = (
    "test_restricted_environments",
    "test_hostile_server",
    "test_reference_server",
    "test_python_implementations",
)
"""Files whose tests take a minute or two each. If one of them starts last, all other processes wait for it."""

# How long an example takes says something of the machine alone.
settings.register_profile("any-machine", deadline=None, suppress_health_check=[HealthCheck.too_slow])
settings.load_profile("any-machine")

# A shell's `&` and nohup have what they start ignore these, and the programs that tests start inherit that. Those that
# are to be ended by a signal would then never be.
for number, action in ((signal.SIGINT, signal.default_int_handler), (signal.SIGHUP, signal.SIG_DFL)):
    if signal.getsignal(number) is signal.SIG_IGN:
        signal.signal(number, action)


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Order the tests for the processes of pytest-xdist."""
    items[:] = in_shares(items, int(os.environ.get("PYTEST_XDIST_WORKER_COUNT", "1")))


def in_shares(items: Sequence[pytest.Item], processes: int) -> list[pytest.Item]:
    """Return `items` in equal shares, as pytest-xdist deals them to `processes`: the live tests are in all shares but
    the last one.

    Most live tests wait, for servers and for times; all others compute. So both run side by side until the end of the
    others. The longest tests are the first in a share, and then the live ones. A process that has nothing left takes
    the last tests of another one.
    """
    longest = [each for each in items if each.path.stem in LONGEST]
    live = [each for each in items if each.path.stem not in LONGEST and each.get_closest_marker("live")]
    others = [each for each in items if each.path.stem not in LONGEST and not each.get_closest_marker("live")]
    ordered: list[pytest.Item] = []
    with_live = max(1, processes - 1)
    for number in range(processes):
        size = (len(items) - len(ordered)) // (processes - number)
        share: list[pytest.Item] = []
        if number < with_live:
            share = longest[number::with_live]
            of_live = len(live) // (with_live - number)
            share += live[:of_live]
            del live[:of_live]
        of_others = max(0, size - len(share))
        ordered += [*share, *others[:of_others]]
        del others[:of_others]
    return [*ordered, *others]


@pytest.fixture(autouse=True, scope="session")
def _keep_tests_from_the_garbage_collector() -> Iterator[None]:
    """Freeze what pytest has collected, and keep it frozen.

    The harness collects garbage before each phase of load. Among the objects of 7,000 tests that takes 0.6 s of CPU
    time, in the program 0.02 s.
    """
    gc.collect()
    gc.freeze()
    with pytest.MonkeyPatch.context() as patch:
        for name in ("freeze", "unfreeze"):
            patch.setattr(gc, name, lambda: None)
        yield
