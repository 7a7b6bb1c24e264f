"""The cases of HTTP/2 on a correct server and on servers with one fault each.

The reference server has no HTTP/2: it uses the standard library alone, and a library makes the frames here.
"""

from __future__ import annotations

from pathlib import Path

import pytest

from wsgi_gauntlet.harness import registry
from wsgi_gauntlet.harness.conformance.catalog import select
from wsgi_gauntlet.harness.model import Verdict

from ..helpers.requirements import installed_plan
from ..helpers.runs import check_cases
from ..known_servers.adapter import plan
from ..known_servers.http2 import FAULTS
from .test_reference_server import describe_cell

pytestmark = pytest.mark.live

CASES = select(registry.cases(), ["http/http2"])


def test_every_case_has_a_fault() -> None:
    families = {name for names in FAULTS.values() for name in names}
    assert [each.id for each in CASES if not each.id.startswith(tuple(families))] == []


async def test_a_correct_server_passes_and_each_fault_is_found(tmp_path: Path) -> None:
    faulty = {fault: plan("http2", fault) for fault in FAULTS}
    plans = [plan("http2"), *faulty.values()]
    rows = {plans[0].name: CASES} | {faulty[fault].name: select(CASES, names) for fault, names in FAULTS.items()}
    found = await check_cases(tmp_path, plans, rows, instances=1)
    wrong = [each for each in found.cases if each.server == plans[0].name and each.verdict is not Verdict.PASS]
    assert not wrong, "\n".join(map(describe_cell, wrong))
    for fault, names in FAULTS.items():
        cells = [each for each in found.cases if each.server == faulty[fault].name]
        for name in names:
            verdicts = {each.case: each.verdict for each in cells if each.case.startswith(name)}
            assert Verdict.FAIL in verdicts.values(), f"{fault}: {verdicts}"
            assert Verdict.ERROR not in verdicts.values(), f"{fault}: {verdicts}"


async def test_servers_without_http2_are_unsupported(tmp_path: Path) -> None:
    plans = [installed_plan(name) for name in ("gunicorn", "waitress", "wsgiref")]
    cases = select(CASES, ["http/http2/authority", "http/http2/length-mismatch"])
    found = await check_cases(tmp_path, plans, {each.name: cases for each in plans})
    assert {each.verdict for each in found.cases} == {Verdict.UNSUPPORTED}
