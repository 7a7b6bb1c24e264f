"""The fuzzer on the reference server and two mutants of it: it finds both faults, and the same each time."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest
import trio

from wsgi_gauntlet.harness import registry
from wsgi_gauntlet.harness.conformance.validity import StallClock
from wsgi_gauntlet.harness.fuzz import case_file
from wsgi_gauntlet.harness.fuzz.campaign import Campaign, Fuzzer, FuzzOptions
from wsgi_gauntlet.harness.fuzz.catalogue_vectors import catalogue_vectors
from wsgi_gauntlet.harness.model import Verdict
from wsgi_gauntlet.harness.server.temp_dirs import RunFolders

from ..helpers.runs import check_cases
from ..reference_server.adapter import plan

pytestmark = [pytest.mark.live, pytest.mark.timeout(300)]

INPUTS = 120
"""Inputs that show both faults."""

FAULTS = {"length-wins": "Transfer-Encoding: with Content-Length", "size-by-int": "chunk "}
"""Mutants, and a trait of the requests that show their faults."""


def fuzz(folder: Path) -> Campaign:
    """Run the fuzzer on the reference server and the mutants."""
    for each in ("scratch", "logs"):
        (folder / each).mkdir(parents=True)
    fuzzer = Fuzzer(
        [plan(sys.executable), *(plan(sys.executable, fault) for fault in FAULTS)],
        FuzzOptions(seed=1, input_count=INPUTS, budget_seconds=1000),
        RunFolders(folder / "scratch", folder / "logs"),
        catalogue_vectors(registry.cases()),
    )
    trio.run(fuzzer.run, clock=StallClock())
    return fuzzer.result()


def test_faults_are_found_shrunk_and_the_same_each_time(tmp_path: Path) -> None:
    first = fuzz(tmp_path / "1")
    for fault, trait in FAULTS.items():
        causes = [each for each in first.causes if each.servers == (f"reference:{fault}",)]
        assert any(trait in each.title for each in causes), [each.title for each in causes]
        assert all(len(each.data) < 200 for each in causes)
    assert not first.stopped
    assert first == fuzz(tmp_path / "2")


CASE_FILE = r"""
[[case]]
id = "fuzz/recorded"
bytes = '''
GET / HTTP/1.1\r\n
Host: a\r\n
\r\n
'''

[[case]]
id = "fuzz/extension"
bytes = '''
POST /read?to=end HTTP/1.1\r\n
Host: a\r\n
Transfer-Encoding: chunked\r\n
\r\n
5;(\r\n
hello\r\n
0\r\n
\r\n
'''
[case.expect]
outcome = "rejected"
"""


async def test_a_case_file_records_and_fails_where_its_expectation_is_not_met(tmp_path: Path) -> None:
    file = tmp_path / "cases.toml"
    file.write_text(CASE_FILE)
    cases = case_file.load(file)
    plans = [plan(sys.executable), plan(sys.executable, "size-by-int")]
    found = await check_cases(tmp_path, plans, {each.name: cases for each in plans}, instances=1, tries=2)
    verdicts = {(cell.server, cell.case): cell.verdict for cell in found.cases}
    assert verdicts == {
        ("reference", "fuzz/recorded"): Verdict.INFO,
        ("reference:size-by-int", "fuzz/recorded"): Verdict.INFO,
        ("reference", "fuzz/extension"): Verdict.PASS,
        ("reference:size-by-int", "fuzz/extension"): Verdict.FAIL,
    }
    recorded = next(cell for cell in found.cases if cell.case == "fuzz/recorded")
    assert recorded.actual == "served; app called for GET /; responses 2xx; next request served"
