"""The cases of pep3333/ on real servers: known faults are found, correct servers pass, and no cell is an error."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import pytest
import trio

from wsgi_gauntlet.harness import registry
from wsgi_gauntlet.harness.conformance.catalog import Case, select
from wsgi_gauntlet.harness.model import CaseResult, Verdict
from wsgi_gauntlet.harness.server import planning

from ..helpers.runs import check_cases

pytestmark = [pytest.mark.live, pytest.mark.timeout(300)]

BLAME = (Verdict.FAIL, Verdict.WARN)

ALL = select(registry.cases(), ["pep3333"])

AFTER_WHICH_WAITRESS_SPINS = "/wide-memoryview-"
"""What is in the ids of cases after which a thread of waitress spins until the server ends."""


MAX_LATE = 5
"""Cells that may come to `error` at first. More than those are no stall of the machine."""


async def checked(server: str, tmp_path: Path, cases: Sequence[Case], *, tries: int = 3) -> dict[str, CaseResult]:
    """Return the cells by the ids of the cases.

    On a machine that stood still for a moment a cell comes to `error`, as it should: it is asked for once more.
    """
    cells = await checked_once(server, tmp_path / "first", cases, tries)
    late = [case for case in cases if cells[case.id].verdict is Verdict.ERROR]
    assert len(late) <= MAX_LATE, errors(cells)
    return cells | (await checked_once(server, tmp_path / "again", late, tries) if late else {})


async def checked_once(server: str, folder: Path, cases: Sequence[Case], tries: int) -> dict[str, CaseResult]:
    with trio.fail_after(270):
        found = await check_cases(folder, [planning.plan(server)], {server: cases}, tries=tries)
    assert found.failed == []
    cells = {cell.case: cell for cell in found.cases}
    assert set(cells) == {case.id for case in cases}
    return cells


def blamed(cells: dict[str, CaseResult]) -> set[str]:
    return {id_.removeprefix("pep3333/") for id_, cell in cells.items() if cell.verdict in BLAME}


def errors(cells: dict[str, CaseResult]) -> dict[str, str]:
    return {id_: cell.actual for id_, cell in cells.items() if cell.verdict is Verdict.ERROR}


async def test_waitress_fails_only_known_cases(tmp_path: Path) -> None:
    spinning = [case for case in ALL if AFTER_WHICH_WAITRESS_SPINS in case.id]
    cells = await checked("waitress", tmp_path / "most", [case for case in ALL if case not in spinning])
    cells |= await checked("waitress", tmp_path / "spinning", spinning)
    assert errors(cells) == {}
    # Confirmed by hand on waitress 3.0.2, with nc or a raw socket.
    families = (
        "body/not-bytes/",
        "body/not-bytes-written/",
        "error-handling/exit-aborts/",
        "error-handling/exit-in-close/",
    )
    assert {each for each in blamed(cells) if not each.startswith(families)} <= {
        "body/bytes-like/wide-memoryview-first",
        "content-length/not-a-number/negative",
        "content-length/stops-iterating",
        "content-length/two-lengths/different",
        "content-length/two-lengths/same",
        "content-length/write-past-it-raises",
        "environ/configurable",
        "environ/multithread-not-claimed",
        "environ/server-address/name",
        "error-handling/close-raises/no-length",
        "start-response/checks-arguments/headers-not-list",
        "start-response/checks-arguments/name-empty",
        "start-response/checks-arguments/name-with-colon",
        "start-response/checks-arguments/name-with-space",
        "start-response/checks-arguments/status-control",
        "start-response/checks-arguments/status-without-number",
        "start-response/checks-arguments/value-control",
        "start-response/exc-info-replaces",
        "start-response/no-injection/nul",
    }
    assert len([cell for cell in cells.values() if cell.verdict is Verdict.PASS]) > 150


async def test_known_faults_of_wsgiref_are_found(tmp_path: Path) -> None:
    cells = await checked("wsgiref", tmp_path, ALL, tries=1)
    assert errors(cells) == {}
    assert blamed(cells) >= {
        "content-length/never-exceeded/list",
        "environ/content-type/not-sent",
        "environ/mutable",
        "input/eof-at-content-length/read",
        "input/no-bleed",
        "start-response/waits-for-first-nonempty",
    }
    assert cells["pep3333/input/read-no-argument/whole"].verdict is Verdict.SKIPPED
    assert cells["pep3333/environ/multithread-truth"].verdict is Verdict.UNSUPPORTED
    failure = cells["pep3333/environ/content-type/not-sent"]
    assert "text/plain" in failure.actual
    assert [event.kind for event in failure.evidence.app] == ["called"]
    assert failure.evidence.wire


async def test_concurrent_requests_show_threads_and_processes(tmp_path: Path) -> None:
    cases = select(registry.cases(), ["pep3333/concurrency", "pep3333/environ/multi"])
    cells = await checked("gunicorn:gthread", tmp_path, cases)
    assert errors(cells) == {}
    for case in ("environ/multithread-truth", "environ/multiprocess-truth", "concurrency/no-cross-talk-threads"):
        assert cells[f"pep3333/{case}"].verdict is Verdict.PASS
