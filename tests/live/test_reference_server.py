"""The catalogue against the reference server and its faults: every case passes on a good server, and finds a bad one.

Without the second half a case that always passes would be worth as much as one that finds something.
"""

from __future__ import annotations

import sys
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path

import pytest
import trio

from wsgi_gauntlet.harness import registry
from wsgi_gauntlet.harness.conformance.catalog import Case
from wsgi_gauntlet.harness.conformance.runner import group_by_setup
from wsgi_gauntlet.harness.http.lint.kinds import LintKind
from wsgi_gauntlet.harness.model import Breach, CaseResult, Level, Verdict
from wsgi_gauntlet.harness.server.plan import Plan

from ..helpers.runs import check_cases
from ..reference_server.adapter import plan
from ..reference_server.mutants import all_mutants
from ..reference_server.mutants.mutation import Mutant

pytestmark = [pytest.mark.live, pytest.mark.timeout(600)]

GROUPS = 8
"""Into how many tests the faults are dealt, so that pytest-xdist can run them side by side."""

SHARES = 3
"""Into how many tests the cases are dealt."""

INSTANCES = 8
"""Instances of the reference server, or servers with a fault, in one test: cases wait for longer than they compute."""

CASES = {case.id: case for case in registry.cases() if not case.own_app}

HERE = [case for case in CASES.values() if not case.setup.distribution and not case.id.startswith("http/http2/")]
"""The cases that need no framework, which other interpreters have (see test_frameworks.py), and not HTTP/2, which the
reference server does not have (see test_http2.py)."""

BROKEN_IN_OTHER_SEGMENTATIONS = (
    "http/chunked/extension-whitespace/",
    "http/chunked/trailer-forbidden/",
    "http/request-line/absolute-form-host-wins",
    "http/request-line/connect-bad-port/",
    "http/request-line/https-in-the-clear/",
)
"""Cases in which the client breaks a rule that the grammar does not have: what no sender must generate."""

AFTER_THE_RESPONSE = ("pep3333/error-handling/close-raises/", "pep3333/error-handling/logged-on-close")
"""Cases in which close() of the body raises. The reference server closes the connection then, and the response, which
is complete, cannot say so. Lint sees it if the end comes before the client has left."""

NOT_PLAIN = (
    "pep3333/concurrency/",
    "pep3333/expect/",
    "pep3333/input/delivery-matrix/",
    "http/chunked/no-last-chunk-then-fin/",
    "http/chunked/size-zeros/",
    "http/chunked/trailer-too-large/",
    "http/connection/fragmented-",
    "http/expect/",
    "http/framing/cl-short-then-fin",
    "http/framing/rejected-then-body/",
    "http/framing/te-compressed/",
    "http/framing/te-unknown",
    "http/framing/unread-expected",
    "http/limits/",
    "http/request-line/method-100k",
    "http/request-line/uri-",
    "http/request-line/options-star",
    "http/request-line/version-minor-2",
    "http/responses/response-version/1.2",
    "http/tls/handshake-stalled",
)
"""Cases in which a compliant client sends what wellformed.py does not take for plain and whole: half a request, or one
of a size, version or coding that is unusual."""


async def cells(
    folder: Path, rows: Mapping[str, Sequence[Case]], plans: Sequence[Plan], *, tries: int, instances: int
) -> list[CaseResult]:
    """Return the cells of `rows`, by the names of `plans`; each of them exactly once.

    On a machine that stood still for a moment a server does not start in time, or a cell comes to `error`, as they
    should: those are asked once more, one server at a time.
    """
    first, late = await asked(folder / "first", rows, plans, tries=tries, instances=instances, parallel=INSTANCES)
    sure = [cell for cell in first if cell.verdict is not Verdict.ERROR]
    decided = {(cell.server, cell.case) for cell in sure}
    left = {name: [case for case in row if (name, case.id) not in decided] for name, row in rows.items()}
    assert late <= {name for name, row in left.items() if row}
    again = [each for each in plans if left.get(each.name)]
    second, failed = await asked(
        folder / "again", {each.name: left[each.name] for each in again}, again, tries=tries, instances=1, parallel=1
    )
    assert not failed
    found = sure + second
    wanted = sorted((name, case.id) for name, row in rows.items() for case in row)
    assert sorted((cell.server, cell.case) for cell in found) == wanted
    return found


async def asked(
    folder: Path,
    rows: Mapping[str, Sequence[Case]],
    plans: Sequence[Plan],
    *,
    tries: int,
    instances: int,
    parallel: int,
) -> tuple[list[CaseResult], set[str]]:
    """Return the cells, and the servers that did not start."""
    with trio.fail_after(570):
        collected = await check_cases(folder, plans, rows, instances=instances, tries=tries, parallel_servers=parallel)
    return collected.cases, collected.failed_servers


def describe_cell(cell: CaseResult) -> str:
    """Return the text of a cell for the message of a failed test."""
    head = f"{cell.server}  {cell.case}: {cell.verdict} (a {cell.level})"
    log = f"\n    log      {cell.evidence.log[-400:]}" if cell.evidence.log else ""
    return f"{head}\n    expected {cell.expected or '-'}\n    actual   {cell.actual or '-'}{log}"


def named(names: Iterable[str]) -> dict[str, Case]:
    """Return the cases that a fault's names stand for: themselves, or all variants of a family."""
    return {id_: case for name in names for id_, case in CASES.items() if id_ == name or id_.startswith(f"{name}/")}


def cases_of_share(share: int) -> list[Case]:
    """Return a part of the cases; most that need the same setup are in the same part."""
    ordered = [case for group in group_by_setup(HERE).values() for case in group]
    return ordered[share * len(ordered) // SHARES : (share + 1) * len(ordered) // SHARES]


def test_every_case_is_in_one_share() -> None:
    dealt = [case.id for share in range(SHARES) for case in cases_of_share(share)]
    assert sorted(dealt) == sorted(case.id for case in HERE)


@pytest.mark.parametrize("share", range(SHARES))
async def test_every_case_passes_on_the_reference_server(tmp_path: Path, share: int) -> None:
    reference = plan(sys.executable)
    row = {reference.name: cases_of_share(share)}
    found = await cells(tmp_path, row, [reference], tries=2, instances=INSTANCES)
    wrong = [cell for cell in found if cell.verdict not in (Verdict.PASS, Verdict.INFO)]
    assert not wrong, "\n" + "\n".join(map(describe_cell, wrong))
    strange = {
        cell.case: cell.findings
        for cell in found
        if cell.findings and not (cell.case.startswith(AFTER_THE_RESPONSE) and _only_closes(cell.findings))
    }
    assert strange == {}, "lint finds nothing on a good server"
    assert _claimed_otherwise(found) == [], "what the cases sent is other than their `breach` says"


def _only_closes(findings: Sequence[str]) -> bool:
    return all(each.startswith(LintKind.CLOSE_NOT_ANNOUNCED) for each in findings)


def _claimed_otherwise(cells: Sequence[CaseResult]) -> list[str]:
    """Return the cases whose `breach` is not what wellformed.py made of their bytes.

    A cell that held in several ways of sending was well-formed; one in a single way was not, if it was to be cut.
    """
    found = []
    for cell in cells:
        case = CASES[cell.case]
        broken = case.breach is Breach.CLIENT
        judged = case.segmentable and not case.setup.alone and cell.verdict is Verdict.PASS
        if (
            judged
            and broken == bool(cell.segmentations)
            and not case.id.startswith((*BROKEN_IN_OTHER_SEGMENTATIONS, *NOT_PLAIN))
        ):
            found.append(case.id)
    return found


def test_every_case_has_a_fault_that_it_must_find() -> None:
    found = {id_ for mutant in all_mutants().values() for id_ in named(mutant.cases)}
    here = [case for case in CASES.values() if not case.id.startswith("http/http2/")]
    demanded = {case.id for case in here if case.level in (Level.MUST, Level.SHOULD)}
    assert sorted(demanded - found) == [], "a fault of these cases' own is missing in tests/reference_server/mutants"


def test_every_name_in_a_fault_is_a_case() -> None:
    strange = {
        f"{mutant.name}: {name}" for mutant in all_mutants().values() for name in mutant.cases if not named([name])
    }
    assert strange == set()


def test_every_fault_says_what_is_wrong() -> None:
    assert [
        mutant.name for mutant in all_mutants().values() if not mutant.wrong.endswith(".") or not mutant.cases
    ] == []


def mutants_of_group(group: int) -> list[Mutant]:
    mutants = [mutant for _, mutant in sorted(all_mutants().items())]
    return [each for each in mutants if all(case in HERE for case in named(each.cases).values())][group::GROUPS]


def finds(cell: CaseResult) -> bool:
    """Say whether the case found the fault; one that never blames tells of it by saying what it expected."""
    return cell.verdict in (Verdict.FAIL, Verdict.WARN) or (cell.verdict is Verdict.INFO and bool(cell.expected))


@pytest.mark.parametrize("group", range(GROUPS))
async def test_cases_find_their_faults(tmp_path: Path, group: int) -> None:
    mutants = mutants_of_group(group)
    plans = [plan(sys.executable, mutant.name) for mutant in mutants]
    rows = {each.name: list(named(mutant.cases).values()) for each, mutant in zip(plans, mutants, strict=True)}
    found = await cells(tmp_path, rows, plans, tries=1, instances=1)
    missed = [cell for cell in found if not finds(cell)]
    wrong = {f"reference:{mutant.name}": mutant.wrong for mutant in mutants}
    assert not missed, "\n" + "\n".join(f"{describe_cell(cell)}\n    fault    {wrong[cell.server]}" for cell in missed)
