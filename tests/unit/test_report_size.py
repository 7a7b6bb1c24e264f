"""benchmarks/report_size.py makes a run of many servers out of a small one."""

from __future__ import annotations

import importlib.util
from pathlib import Path
from types import ModuleType

import pytest

from wsgi_gauntlet.harness.model import SCHEMA, CaseResult, Evidence, Level, ServerInfo, Verdict
from wsgi_gauntlet.harness.store import journal
from wsgi_gauntlet.harness.store.journal import CheckLine, Journal, ServerLine, StartLine


@pytest.fixture
def report_size() -> ModuleType:
    """The script as a module."""
    path = Path(__file__).parents[2] / "benchmarks" / "report_size.py"
    spec = importlib.util.spec_from_file_location("report_size", path)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def test_the_cells_of_whole_servers_are_repeated_under_new_names(report_size: ModuleType, tmp_path: Path) -> None:
    """A server that was interrupted is left out."""
    with Journal.open(tmp_path / "real") as book:
        book.write(StartLine(SCHEMA, {}, {}, {}))
        for name, count in (("a", 3), ('b "quoted"', 3), ("interrupted", 1)):
            book.write(ServerLine(ServerInfo(name, "A server", available=True, command="a")))
            for number in range(count):
                cell = CaseResult(
                    name, f"x/y/{number}", Level.MUST, (), Verdict.FAIL, evidence=Evidence(log=f"of {name}")
                )
                book.write(CheckLine(cell))
    target = tmp_path / "many"
    target.mkdir()
    assert report_size.repeat(tmp_path / "real", target, 5) == (5, 15)
    results = journal.read(target)
    assert list(results.servers) == ["a", 'b "quoted"', "a-2", 'b "quoted"-3', "a-4"]
    assert results.finished
    assert {each.server for each in results.conformance} == set(results.servers)
    assert len(results.conformance) == 15
    assert {each.evidence.log for each in results.conformance if each.server == "a-4"} == {"of a"}


def test_it_measures_a_report(report_size: ModuleType, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """In a process of its own: the memory of this one would count too."""
    with Journal.open(tmp_path / "run") as book:
        book.write(StartLine(SCHEMA, {}, {}, {}))
        book.write(ServerLine(ServerInfo("a", "A server", available=True)))
        book.write(CheckLine(CaseResult("a", "x/y/z", Level.MUST, (), Verdict.FAIL)))
    seconds, megabytes = report_size.measure(tmp_path / "run")
    assert (tmp_path / "run" / "report.html").exists()
    assert seconds > 0
    assert megabytes > 10
    assert not capsys.readouterr().out
