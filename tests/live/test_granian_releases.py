"""Two faults of granian that people reported: the release with the fault is found, the next one is not blamed."""

from __future__ import annotations

from pathlib import Path

import pytest

from wsgi_gauntlet.harness import session
from wsgi_gauntlet.harness.config import Configuration
from wsgi_gauntlet.harness.conformance.selection import Selection
from wsgi_gauntlet.harness.events import ignore_event
from wsgi_gauntlet.harness.model import CaseResult, Verdict

pytestmark = [pytest.mark.live, pytest.mark.timeout(240)]


def results(folder: Path, case: str, *servers: str) -> dict[str, CaseResult]:
    """Return the result of `case` on each of `servers`."""
    options = session.RunOptions(servers=servers, cases=Selection((case,)), out=folder / "run")
    found, _, _ = session.run(options, Configuration(), ignore_event)
    return {each.server: each for each in found.conformance if each.case == case}


def test_raw_bytes_in_a_query_were_decoded_as_utf_8(tmp_path: Path) -> None:
    """github.com/emmett-framework/granian, issue 690."""
    case = "http/request-line/non-ascii-query/three-bytes"
    found = results(tmp_path, case, "granian@2.5.3", "granian@2.5.4")
    assert {name: each.verdict for name, each in found.items()} == {
        "granian@2.5.3": Verdict.FAIL,
        "granian@2.5.4": Verdict.PASS,
    }


def test_two_cookie_lines_were_joined_by_a_comma(tmp_path: Path) -> None:
    """github.com/emmett-framework/granian, issue 678."""
    found = results(tmp_path, "http/headers/cookie-two-lines/two", "granian@2.5.2", "granian@2.5.3")
    assert {name: (each.verdict, each.actual) for name, each in found.items()} == {
        "granian@2.5.2": (Verdict.INFO, "a=1,b=2"),
        "granian@2.5.3": (Verdict.INFO, ""),
    }
