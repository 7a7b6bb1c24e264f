"""Faults that users reported on real servers: found on the version with the fault, and absent on the next one.

Each version comes from the package index.
"""

from __future__ import annotations

from pathlib import Path

import pytest

from wsgi_gauntlet.harness import registry
from wsgi_gauntlet.harness.conformance.catalog import select
from wsgi_gauntlet.harness.errors import EnvironmentUnavailable
from wsgi_gauntlet.harness.events import ignore_event
from wsgi_gauntlet.harness.model import Verdict
from wsgi_gauntlet.harness.server import planning
from wsgi_gauntlet.harness.server.environments import versioned
from wsgi_gauntlet.harness.server.plan import Plan

from ..helpers.requirements import fail_or_skip
from ..helpers.scenario_runs import attempts
from .test_reference_server import cells

pytestmark = [pytest.mark.live, pytest.mark.timeout(300)]


def made(name: str) -> Plan:
    """Return the plan of that version, in an environment with it."""
    try:
        return versioned.ensure_environments(planning.plan(name), ignore_event)
    except EnvironmentUnavailable as problem:
        fail_or_skip(f"no package index: {problem}")


@pytest.mark.parametrize(
    ("faulty", "mended", "case"),
    [
        # waitress issue 427: closes after a HEAD whose body the app leaves out
        ("waitress@2.1.2", "waitress@3.0.0", "http/responses/head-then-open/empty-list"),
        # gunicorn issue 3410: sys.exit() in the middle of a body
        ("gunicorn@26.2.0", "gunicorn@27.0.0", "pep3333/error-handling/exit-adds-nothing/system-exit-length"),
        # granian issue 878: variables of the shell replace those of the request
        ("granian@2.7.9", "granian@2.8.0", "pep3333/environ/process-for-request/present"),
        # gunicorn issues 2953 and 3334: a reset destroys the end of the response
        ("gunicorn@25.3.0", "gunicorn@26.0.0", "http/connection/close-in-stages/length-close"),
        # gunicorn issue 3301: an unread body keeps the only thread
        ("gunicorn:gthread@23.0.0", "gunicorn:gthread@24.1.0", "http/connection/answered-holds-nobody/unread"),
    ],
)
async def test_a_reported_fault_is_found_where_it_was(tmp_path: Path, faulty: str, mended: str, case: str) -> None:
    plans = [made(faulty), made(mended)]
    row = select(registry.cases(), [case])
    for number in attempts():
        found = await cells(tmp_path / str(number), {each.name: row for each in plans}, plans, tries=1, instances=1)
        if all(each.verdict is not Verdict.ERROR for each in found):  # the machine stood still
            break
    assert {each.server: each.verdict.blames_server for each in found} == {faulty: True, mended: False}
