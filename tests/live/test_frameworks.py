"""WSGI's promise: apps of five frameworks on a good server, on a bad one, and on real ones.

The frameworks are in the environment of the servers, so the reference server is run by its interpreter.
"""

from __future__ import annotations

import sys
from collections.abc import Mapping, Sequence
from pathlib import Path

import pytest

from wsgi_gauntlet.harness import registry
from wsgi_gauntlet.harness.conformance import runner
from wsgi_gauntlet.harness.conformance.catalog import Case, select
from wsgi_gauntlet.harness.errors import Unsupported
from wsgi_gauntlet.harness.model import CaseResult, Setup, Verdict
from wsgi_gauntlet.harness.server import planning
from wsgi_gauntlet.harness.server.adapter import distribution_version
from wsgi_gauntlet.harness.server.plan import Plan
from wsgi_gauntlet.suites.frameworks.parametrize import FRAMEWORKS

from ..helpers.requirements import SERVERS_PYTHON, fail_or_skip, installed
from ..reference_server.adapter import plan
from ..reference_server.mutants import all_mutants, framework_apps
from .test_reference_server import cells, finds, named, told

pytestmark = [pytest.mark.live, pytest.mark.timeout(240)]

CASES = select(registry.cases(), ["frameworks"])

MUTANTS = [mutant for mutant in all_mutants().values() if mutant.cases[0].startswith("frameworks/")]

REAL = ("gunicorn", "waitress", "werkzeug", "wsgiref")

AFTER_HEAD = "frameworks/django/head"
"""What these servers break: they send the body that Django leaves to them."""


@pytest.fixture
def python() -> str:
    """The interpreter that has the frameworks."""
    if not SERVERS_PYTHON.exists():
        fail_or_skip("no .servers; make it with: make install-test")
    for distribution in FRAMEWORKS.values():
        if not distribution_version(str(SERVERS_PYTHON), distribution):
            fail_or_skip(f"{distribution} is not installed for {SERVERS_PYTHON}; make it with: make install-test")
    return str(SERVERS_PYTHON)


async def found(
    folder: Path, rows: Mapping[str, Sequence[Case]], plans: Sequence[Plan], tries: int
) -> list[CaseResult]:
    return await cells(folder, rows, plans, tries=tries, instances=1)


def test_there_are_as_many_cases_of_each_framework() -> None:
    assert tuple(FRAMEWORKS) == framework_apps.FRAMEWORKS
    assert {name: len(select(CASES, [f"frameworks/{name}/"])) for name in FRAMEWORKS} == dict.fromkeys(FRAMEWORKS, 13)
    assert len({each.setup for each in CASES}) == len(FRAMEWORKS)


async def test_all_pass_on_the_reference_server(tmp_path: Path, python: str) -> None:
    reference = plan(python)
    checks = await found(tmp_path, {reference.name: CASES}, [reference], 2)
    wrong = [each for each in checks if each.verdict is not Verdict.PASS]
    assert not wrong, "\n" + "\n".join(map(told, wrong))
    assert {each.case: each.findings for each in checks if each.findings} == {}


async def test_all_find_a_fault(tmp_path: Path, python: str) -> None:
    plans = [plan(python, mutant.name) for mutant in MUTANTS]
    rows = {each.name: list(named(mutant.cases).values()) for each, mutant in zip(plans, MUTANTS, strict=True)}
    checks = await found(tmp_path, rows, plans, 1)
    missed = [each for each in checks if not finds(each)]
    assert not missed, "\n" + "\n".join(map(told, missed))


async def test_real_servers_serve_all_of_them(tmp_path: Path, python: str) -> None:
    plans = [planning.plan(name, python=python) for name in REAL]
    for each in plans:
        if missing_message := planning.missing(each).missing_message:
            fail_or_skip(f"{each.name}: {missing_message}")
    checks = await found(tmp_path, {each.name: CASES for each in plans}, plans, 2)
    wrong = [each for each in checks if each.verdict is not Verdict.PASS and each.case != AFTER_HEAD]
    assert not wrong, "\n" + "\n".join(map(told, wrong))
    # Seen with nc on waitress 3.0.2, Werkzeug 3.1.9 and Python 3.11.
    sent = {each.server for each in checks if each.case == AFTER_HEAD and each.verdict is Verdict.FAIL}
    assert "waitress" in sent
    assert sent <= {"waitress", "werkzeug", "wsgiref"}


async def test_behind_a_front_that_ends_tls_nobody_is_blamed_for_http(tmp_path: Path, python: str) -> None:
    """Unless the server behind has TLS of its own, and can know."""
    ending, reaching = (
        installed(planning.plan(name, python=python)) for name in ("nginx[tls]+waitress", "nginx[tls]+gunicorn[tls]")
    )
    moved, variables = named(["frameworks/flask/moved", "pep3333/environ/tls-variables/https"]).values()
    plain = named(["frameworks/flask/cookies", "frameworks/flask/head", "frameworks/flask/unchanged"]).values()
    rows = {ending.name: [moved, variables, *plain], reaching.name: [moved]}
    checks = await found(tmp_path, rows, [ending, reaching], 2)
    skipped = {each.case: each.actual for each in checks if each.verdict is Verdict.SKIPPED}
    assert skipped.keys() == {moved.id, variables.id}
    assert len(set(skipped.values())) == 1
    wrong = [each for each in checks if each.verdict not in (Verdict.PASS, Verdict.SKIPPED)]
    assert not wrong, "\n".join(map(told, wrong))
    assert {each.server for each in checks if each.case == moved.id and each.verdict is Verdict.PASS} == {reaching.name}


def test_who_lacks_a_framework_reads_how_to_get_it() -> None:
    setup = Setup(app="gauntlet_apps.frameworks.django_app:application", distribution="no-such-framework")
    with pytest.raises(Unsupported, match=r"no-such-framework is not installed for .*python.*-m pip install no-such"):
        runner.apply_setup(planning.plan("wsgiref", python=sys.executable), setup)
