"""Tests say the same under nohup and behind a shell's `&` as at a terminal, and all of them run once."""

from __future__ import annotations

import gc
import subprocess
import sys
from pathlib import Path
from types import SimpleNamespace
from typing import cast

import pytest

from .. import conftest
from ..conftest import LONGEST, NOT_MEASURED, files_with_tests, import_tests, in_shares
from ..live import test_known_servers, test_open_loop
from ..live.conftest import may_repeat

PROGRAM = """
import runpy, subprocess, sys
runpy.run_path(sys.argv[1])
sys.exit(subprocess.run([sys.executable, "-c", sys.argv[2]]).returncode)
"""
LOOK = "import signal; print([signal.getsignal(n) is signal.SIG_IGN for n in (signal.SIGINT, signal.SIGHUP)])"


def test_what_tests_start_heeds_signals() -> None:
    shell = 'trap "" INT HUP; exec "$@"'
    conftest = str(Path(__file__).parents[1] / "conftest.py")
    done = subprocess.run(
        ["/bin/sh", "-c", shell, "sh", sys.executable, "-c", PROGRAM, conftest, LOOK],
        capture_output=True,
        text=True,
        check=True,
    )
    assert done.stdout == "[False, False]\n"


class Item(pytest.Item):
    """A test that does nothing."""

    def runtest(self) -> None:
        """Do nothing."""


def items(request: pytest.FixtureRequest, live: int, others: int) -> list[pytest.Item]:
    """Return the tests of the longest file, live ones and others, in the order of their files."""
    found: list[pytest.Item] = []
    for stem, number in ((LONGEST[0], 3), ("test_live", live), ("test_unit", others)):
        for each in range(number):
            made = Item.from_parent(request.session, name=f"{stem}[{each}]", path=Path(f"{stem}.py"))
            if stem != "test_unit":
                made.add_marker(pytest.mark.live)
            found.append(made)
    return found


@pytest.mark.parametrize("processes", [1, 2, 3, 8])
@pytest.mark.parametrize(("live", "others"), [(0, 0), (1, 0), (0, 5), (40, 7), (12, 100)])
def test_every_test_is_in_one_share(request: pytest.FixtureRequest, live: int, others: int, processes: int) -> None:
    made = items(request, live, others)
    ordered = in_shares(made, processes)
    assert sorted(each.name for each in ordered) == sorted(each.name for each in made)
    # The live tests of a file stay in their order, and so do the others.
    for stem in ("test_live", "test_unit"):
        assert [each for each in ordered if each.path.stem == stem] == [each for each in made if each.path.stem == stem]


def test_the_longest_and_the_live_tests_begin_all_shares_but_the_last(request: pytest.FixtureRequest) -> None:
    ordered = in_shares(items(request, 20, 100), 3)
    share = len(ordered) // 3
    words = [each.path.stem.removeprefix("test_") for each in ordered]
    assert words[:share] == [LONGEST[0].removeprefix("test_")] * 2 + ["live"] * 10 + ["unit"] * (share - 12)
    assert words[share : 2 * share] == [LONGEST[0].removeprefix("test_")] + ["live"] * 10 + ["unit"] * (share - 11)
    assert set(words[2 * share :]) == {"unit"}


def test_those_that_take_longest_come_first(request: pytest.FixtureRequest) -> None:
    stems = LONGEST[:3]
    made = [Item.from_parent(request.session, name=each, path=Path(f"{each}.py")) for each in (*stems[::-1], *stems)]
    assert [each.path.stem for each in in_shares(made, 1)] == [each for each in stems for _ in range(2)]
    live = {each.stem for each in (Path(__file__).parents[1] / "live").glob("test_*.py")}
    assert set(LONGEST) <= live


def test_tests_that_run_a_scenario_again_have_more_time() -> None:
    assert may_repeat(test_known_servers)
    assert not may_repeat(test_open_loop)


class Coverage:
    """The plugin that measures coverage: what was called."""

    def __init__(self, started: bool) -> None:
        self.cov_controller = self
        self.started = started
        self.calls: list[str] = []

    def pause(self) -> None:
        self.calls.append("pause")

    def resume(self) -> None:
        self.calls.append("resume")


@pytest.mark.parametrize("worker", ["", "gw0", "gw1"])
@pytest.mark.parametrize("processes", [None, 2])
@pytest.mark.parametrize("plugin", [Coverage(started=True), Coverage(started=False), None], ids=["on", "off", "none"])
def test_no_coverage_is_measured_while_pytest_collects(
    plugin: Coverage | None, processes: int | None, worker: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("PYTEST_XDIST_WORKER", raising=False)
    if worker:
        monkeypatch.setenv("PYTEST_XDIST_WORKER", worker)
    calls = plugin.calls if plugin is not None else []
    calls.clear()
    imported: list[bool] = []
    monkeypatch.setattr(conftest, "import_program", lambda: imported.append(True))
    config = SimpleNamespace(
        pluginmanager=SimpleNamespace(get_plugin={"_cov": plugin}.get),
        getoption=lambda _name, _default: processes,
        args=["tests/unit/test_conftest.py::test_alone"],
    )
    collecting = conftest.pytest_collection(cast("pytest.Session", SimpleNamespace(config=config)))
    next(collecting)
    # The process that deals the tests out collects none.
    measured = plugin is not None and plugin.started and not processes
    # What is run by an import is the same in each process, so the first one measures it for all.
    assert imported == ([True] if measured and worker != "gw1" else [])
    assert calls == (["pause"] if measured else [])
    with pytest.raises(StopIteration) as stopped:
        collecting.send("collected")
    assert stopped.value.value == "collected"
    assert calls == (["pause", "resume"] if measured else [])


def test_each_process_begins_to_import_at_another_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    names = [f"test_{each}.py" for each in "abcd"]
    for name in (*names, "helper.py"):
        (tmp_path / name).touch()
    monkeypatch.setattr(conftest, "TESTS", tmp_path)
    imported: list[str] = []
    monkeypatch.setattr(conftest, "importlib", SimpleNamespace(import_module=imported.append))

    def order(worker: str, workers: int) -> str:
        imported.clear()
        import_tests(files_with_tests([str(tmp_path), f"{tmp_path}/test_a.py"]), worker, workers)
        return "".join(each.removeprefix(f"{tmp_path.name}.test_") for each in imported)

    assert [order("gw0", 1), order("gw0", 2), order("gw1", 2), order("gw2", 3)] == ["", "abcd", "cdab", "cdab"]


def test_what_is_not_measured_is_a_test_or_its_file() -> None:
    files = list(Path(__file__).parents[1].rglob("test_*.py"))
    for name in NOT_MEASURED:
        assert any(name == each.stem or f"def {name}(" in each.read_text() for each in files), name


def test_the_collector_does_not_see_the_tests(request: pytest.FixtureRequest) -> None:
    """A phase of load neither freezes what a test made, nor gives back what was frozen."""
    frozen = gc.get_freeze_count()
    assert frozen > len(request.session.items)
    gc.freeze()
    gc.unfreeze()
    assert gc.get_freeze_count() == frozen
