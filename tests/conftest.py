"""What holds for every test."""

from __future__ import annotations

import gc
import os
import signal
from collections.abc import Iterator

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
    """Put the longest tests first in the share of each process: pytest-xdist splits the list into equal shares."""
    processes = int(os.environ.get("PYTEST_XDIST_WORKER_COUNT", "1"))
    longest = [each for each in items if each.path.stem in LONGEST]
    others = [each for each in items if each.path.stem not in LONGEST]
    share = -(-len(items) // processes)
    ordered: list[pytest.Item] = []
    for number in range(processes):
        first = longest[number::processes]
        ordered += first + others[: share - len(first)]
        del others[: share - len(first)]
    items[:] = ordered + others


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
