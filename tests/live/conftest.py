"""A folder of its own for each launch."""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import nullcontext
from pathlib import Path
from tempfile import TemporaryDirectory
from types import ModuleType

import pytest

from wsgi_gauntlet.harness.load.analysis import cpu_contention
from wsgi_gauntlet.harness.load.generator import generator_health

from ..helpers.common_folders import of_all_processes, one_at_a_time
from ..helpers.cpu_priority import first_in_line
from ..helpers.scenario_runs import attempts, run_until_graded, run_until_valid

MEASURING_TIMEOUT_SECONDS = 300
"""Seconds for a test that measures: it may try for a while, see scenario_runs.TRY_SECONDS."""

CLEARED_TIMEOUT_SECONDS = 30.0
"""Seconds in which a guard must have deleted the folders of a killed harness."""


REPEATING = frozenset(each.__name__ for each in (attempts, run_until_graded, run_until_valid))
"""The helpers that run a scenario again on a busy machine."""


def may_repeat(module: ModuleType) -> bool:
    """Return whether tests of `module` may run a scenario for as long as TRY_SECONDS."""
    return not REPEATING.isdisjoint(vars(module))


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Give tests that may try for a while more time, and count no wait of those that wait to be alone."""
    for item in items:
        if isinstance(item, pytest.Function) and may_repeat(item.module):
            item.add_marker(pytest.mark.timeout(MEASURING_TIMEOUT_SECONDS, func_only=True), append=False)


@pytest.fixture(autouse=True)
def _measure_before_others_compute(request: pytest.FixtureRequest) -> Iterator[None]:
    """Let other tests change as little as possible of what a test measures."""
    with first_in_line() if may_repeat(request.module) else nullcontext():
        yield


@pytest.fixture
def alone(tmp_path_factory: pytest.TempPathFactory) -> Iterator[None]:
    """Among the tests that have this, in all processes of pytest-xdist, one runs at a time: each measures times."""
    with one_at_a_time(of_all_processes(tmp_path_factory) / "alone.lock"):
        yield


@pytest.fixture
def folder() -> Iterator[Path]:
    """Short, for the Unix sockets in it: pytest's own folders are deep. With a space in it, and so in every path that a
    server is given. Others may pass through it: whoever gives up root has its place in it as well.

    Whatever a test starts has left nothing in `scratch` when it ends.
    """
    with TemporaryDirectory(prefix="g -") as name:
        folder = Path(name)
        folder.chmod(0o755)
        for each in ("scratch", "logs"):
            (folder / each).mkdir()
        yield folder
        # The guard of a harness that was killed deletes them as soon as it gets the CPU.
        deadline = time.monotonic() + CLEARED_TIMEOUT_SECONDS
        while left := list((folder / "scratch").glob("*")):
            assert time.monotonic() < deadline, left
            time.sleep(0.01)


@pytest.fixture(autouse=True, scope="session")
def _own_cache(tmp_path_factory: pytest.TempPathFactory) -> Iterator[None]:
    """A cache of the tests' own, also for the one that forgets: root's is the machine's."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("WSGI_GAUNTLET_CACHE", str(tmp_path_factory.mktemp("cache")))
        yield


@pytest.fixture(autouse=True)
def _tolerate_late_generator(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let the generator be late, share cores with other processes: these tests count and judge, beside whatever runs.

    benchmarks/known_answers.py proves what a punctual generator measures. What makes one invalid is tested in
    tests/harness/load/, from recorded samples.
    """
    monkeypatch.setattr(generator_health, "MIN_SENT_SHARE", 0.5)
    monkeypatch.setattr(generator_health, "MAX_LATENESS_SECONDS", 60.0)
    monkeypatch.setattr(generator_health, "MAX_CPU_SHARE", 2.0)
    for share in ("MAX_OTHERS_SHARE", "MAX_STEAL_SHARE"):
        monkeypatch.setattr(cpu_contention, share, 2.0)
