"""The cases of frameworks/ on the reference server, on its mutants and on real servers.

The frameworks are installed in the environment of the servers, so its interpreter runs the reference server.
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
from wsgi_gauntlet.harness.model import CaseResult, Level, Setup, Verdict
from wsgi_gauntlet.harness.server import planning
from wsgi_gauntlet.harness.server.adapter import distribution_version
from wsgi_gauntlet.harness.server.plan import Plan
from wsgi_gauntlet.suites.frameworks.parametrize import FRAMEWORKS

from ..helpers.requirements import SERVERS_PYTHON, fail_or_skip, installed
from ..reference_server.adapter import plan
from ..reference_server.mutants import all_mutants, framework_apps
from .test_reference_server import cells, describe_cell, finds, named

pytestmark = [pytest.mark.live, pytest.mark.timeout(240)]

CASES = select(registry.cases(), ["frameworks"])

RECORDED = [case.id for case in CASES if case.level is Level.INFO]
"""Cases about chunked bodies, which each framework and server treats otherwise."""

MUTANTS = [mutant for mutant in all_mutants().values() if mutant.cases[0].startswith("frameworks/")]

REAL_SERVERS = ("gunicorn", "waitress", "werkzeug", "wsgiref")

DJANGO_HEAD = "frameworks/django/head"
"""The case that some real servers fail: Django relies on the server to remove the body of a HEAD response."""


@pytest.fixture
def python() -> str:
    """Return the interpreter that has the frameworks."""
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


def test_each_framework_has_the_same_cases() -> None:
    assert tuple(FRAMEWORKS) == framework_apps.FRAMEWORKS
    assert {name: len(select(CASES, [f"frameworks/{name}/"])) for name in FRAMEWORKS} == dict.fromkeys(FRAMEWORKS, 15)
    assert len({each.setup for each in CASES}) == len(FRAMEWORKS)


async def test_the_reference_server_passes_every_case(tmp_path: Path, python: str) -> None:
    reference = plan(python)
    checks = await found(tmp_path, {reference.name: CASES}, [reference], 2)
    wrong = [each for each in checks if each.verdict is not Verdict.PASS and each.case not in RECORDED]
    assert not wrong, "\n" + "\n".join(map(describe_cell, wrong))
    assert {each.case: each.findings for each in checks if each.findings} == {}
    lost = {each.case for each in checks if each.case in RECORDED and each.expected}
    # Confirmed on gunicorn: these three find no end of such a body, also with wsgi.input_terminated.
    assert lost == set(framework_apps.in_each_framework("form-chunked", "upload-chunked")) - {
        f"frameworks/{reading}/{name}-chunked" for reading in ("flask", "pyramid") for name in ("form", "upload")
    }


async def test_every_mutant_is_detected(tmp_path: Path, python: str) -> None:
    plans = [plan(python, mutant.name) for mutant in MUTANTS]
    rows = {each.name: list(named(mutant.cases).values()) for each, mutant in zip(plans, MUTANTS, strict=True)}
    checks = await found(tmp_path, rows, plans, 1)
    missed = [each for each in checks if not finds(each)]
    assert not missed, "\n" + "\n".join(map(describe_cell, missed))


async def test_real_servers_pass_every_case_except_django_head(tmp_path: Path, python: str) -> None:
    plans = [planning.plan(name, python=python) for name in REAL_SERVERS]
    for each in plans:
        if missing_message := planning.missing(each).missing_message:
            fail_or_skip(f"{each.name}: {missing_message}")
    checks = await found(tmp_path, {each.name: CASES for each in plans}, plans, 2)
    wrong = [each for each in checks if each.verdict is not Verdict.PASS and each.case not in (DJANGO_HEAD, *RECORDED)]
    assert not wrong, "\n" + "\n".join(map(describe_cell, wrong))
    # Confirmed with nc on waitress 3.0.2, Werkzeug 3.1.9 and Python 3.11.
    sent = {each.server for each in checks if each.case == DJANGO_HEAD and each.verdict is Verdict.FAIL}
    assert "waitress" in sent
    assert sent <= {"waitress", "werkzeug", "wsgiref"}


async def test_a_proxy_that_ends_tls_skips_the_cases_about_the_scheme(tmp_path: Path, python: str) -> None:
    """A server behind the proxy that uses TLS itself is judged."""
    plain_upstream, tls_upstream = (
        installed(planning.plan(name, python=python)) for name in ("nginx[tls]+waitress", "nginx[tls]+gunicorn[tls]")
    )
    moved, variables = named(["frameworks/flask/moved", "pep3333/environ/tls-variables/https"]).values()
    plain = named(["frameworks/flask/cookies", "frameworks/flask/head", "frameworks/flask/unchanged"]).values()
    rows = {plain_upstream.name: [moved, variables, *plain], tls_upstream.name: [moved]}
    checks = await found(tmp_path, rows, [plain_upstream, tls_upstream], 2)
    skipped = {each.case: each.actual for each in checks if each.verdict is Verdict.SKIPPED}
    assert skipped.keys() == {moved.id, variables.id}
    assert len(set(skipped.values())) == 1
    wrong = [each for each in checks if each.verdict not in (Verdict.PASS, Verdict.SKIPPED)]
    assert not wrong, "\n".join(map(describe_cell, wrong))
    assert {each.server for each in checks if each.case == moved.id and each.verdict is Verdict.PASS} == {
        tls_upstream.name
    }


def test_a_missing_framework_is_reported_with_its_install_command() -> None:
    setup = Setup(app="gauntlet_apps.frameworks.django_app:application", distribution="no-such-framework")
    with pytest.raises(Unsupported, match=r"no-such-framework is not installed for .*python.*-m pip install no-such"):
        runner.apply_setup(planning.plan("wsgiref", python=sys.executable), setup)
