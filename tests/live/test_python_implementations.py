"""Servers in another implementation of Python, an older version, with nothing installed."""

from __future__ import annotations

from pathlib import Path

import pytest

from wsgi_gauntlet.harness import registry
from wsgi_gauntlet.harness.conformance.catalog import select
from wsgi_gauntlet.harness.model import Verdict
from wsgi_gauntlet.harness.server import planning

from ..helpers.requirements import program
from ..helpers.runs import check_cases

pytestmark = [pytest.mark.live, pytest.mark.timeout(300)]


async def test_pypy_serves_the_reference_app(tmp_path: Path) -> None:
    """In one instance for each setup, which has compiled the app when it is asked again."""
    pypy = program("pypy3", package="pypy3")
    plans = [planning.plan(name, python=pypy) for name in ("wsgiref", "wsgiref:in-process")]
    assert {each.found.version.split()[0] for each in plans} == {"PyPy"}
    cases = select(registry.cases(), ["pep3333/environ", "pep3333/file-wrapper"])
    found = await check_cases(tmp_path, plans, {each.name: cases for each in plans}, instances=1)
    assert found.failed == []
    assert [each for each in found.cases if each.verdict is Verdict.ERROR] == []
    passed = [each.server for each in found.cases if each.verdict is Verdict.PASS]
    assert min(passed.count(each.name) for each in plans) > 50
