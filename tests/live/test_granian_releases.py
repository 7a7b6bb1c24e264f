"""Two faults of granian that people reported: the release with the fault is found, the next one is not blamed."""

from __future__ import annotations

import pytest

from wsgi_gauntlet.harness import session
from wsgi_gauntlet.harness.config import Configuration
from wsgi_gauntlet.harness.conformance.selection import Selection
from wsgi_gauntlet.harness.errors import EnvironmentUnavailable
from wsgi_gauntlet.harness.events import ignore_event
from wsgi_gauntlet.harness.model import CaseResult, Verdict

from ..helpers.requirements import fail_or_skip

pytestmark = [pytest.mark.live, pytest.mark.timeout(240)]

QUERY = "http/request-line/non-ascii-query/three-bytes"
COOKIES = "http/headers/cookie-two-lines/two"
RELEASES = ("granian@2.5.2", "granian@2.5.3", "granian@2.5.4")


@pytest.fixture(scope="module")
def results(tmp_path_factory: pytest.TempPathFactory) -> dict[tuple[str, str], CaseResult]:
    """Return the results of both cases on all releases."""
    folder = tmp_path_factory.mktemp("granian")
    options = session.RunOptions(servers=RELEASES, cases=Selection((QUERY, COOKIES)), out=folder / "run")
    try:
        found, _, _ = session.run(options, Configuration(), ignore_event)
    except EnvironmentUnavailable as unavailable:
        fail_or_skip(f"no package index: {unavailable}")
    return {(each.case, each.server): each for each in found.conformance}


def test_raw_bytes_in_a_query_were_decoded_as_utf_8(results: dict[tuple[str, str], CaseResult]) -> None:
    """github.com/emmett-framework/granian, issue 690."""
    assert results[QUERY, "granian@2.5.3"].verdict is Verdict.FAIL
    assert results[QUERY, "granian@2.5.4"].verdict is Verdict.PASS


def test_two_cookie_lines_were_joined_by_a_comma(results: dict[tuple[str, str], CaseResult]) -> None:
    """github.com/emmett-framework/granian, issue 678."""
    assert results[COOKIES, "granian@2.5.2"].actual == "a=1,b=2"
    assert results[COOKIES, "granian@2.5.3"].actual == ""
