"""Servers that decode chunks and do not set wsgi.input_terminated: they are blamed for nothing that they keep.

Each of these sentences was checked with a raw socket and an app that calls read().
"""

from __future__ import annotations

from pathlib import Path

import pytest

from wsgi_gauntlet.harness import registry
from wsgi_gauntlet.harness.conformance.catalog import select
from wsgi_gauntlet.harness.model import Verdict
from wsgi_gauntlet.harness.server import planning

from ..helpers.requirements import SERVERS_PYTHON, fail_or_skip, installed
from .test_reference_server import cells, describe_cell

pytestmark = [pytest.mark.live, pytest.mark.timeout(240)]

UNANNOUNCED = (
    *("eventlet", "hypercorn", "uvicorn:wsgi", "uvicorn:a2wsgi", "gunicorn:asgi", "gunicorn:tornado", "tornado"),
    "twisted",
)

KEPT = select(
    registry.cases(),
    [
        "http/chunked/one-chunk",
        "http/chunked/many-chunks",
        "http/chunked/then-next",
        "http/chunked/size-syntax/letter",
        "http/chunked/size-overflow/64-bits",
        "http/framing/te-case",
        "http/framing/te-whitespace/tab",
        "http/framing/te-folded",
        "http/framing/body-of-any-method/unknown-chunked",
        "http/connection/close-honoured",
        "http/connection/http10-closes",
        "http/connection/behind-close-unprocessed",
    ],
)
"""What all of them keep."""

KEY = select(registry.cases(), ["pep3333/input/terminated"])

ENDS = ("chunks", "chunks-read", "chunks-lines", "chunks-readlines", "chunks-iteration", "length", "none")


async def test_what_they_keep_passes(tmp_path: Path) -> None:
    if not SERVERS_PYTHON.exists():
        fail_or_skip("no .servers; make it with: make install-test")
    plans = [installed(planning.plan(name, python=str(SERVERS_PYTHON))) for name in UNANNOUNCED]
    checks = await cells(tmp_path, {each.name: KEPT for each in plans}, plans, tries=2, instances=1)
    wrong = [each for each in checks if each.verdict is not Verdict.PASS]
    assert not wrong, "\n" + "\n".join(map(describe_cell, wrong))


async def test_the_missing_key_is_reported_and_blames_nobody(tmp_path: Path) -> None:
    if not SERVERS_PYTHON.exists():
        fail_or_skip("no .servers; make it with: make install-test")
    plan = installed(planning.plan("uvicorn:a2wsgi", python=str(SERVERS_PYTHON)))
    checks = await cells(tmp_path, {plan.name: KEY}, [plan], tries=2, instances=1)
    verdicts = {each.case.removeprefix("pep3333/input/"): each.verdict for each in checks}
    assert verdicts == {
        "terminated": Verdict.INFO,
        **{f"terminated-ends/{each}": Verdict.UNSUPPORTED for each in ENDS},
    }
    assert next(each for each in checks if each.verdict is Verdict.INFO).expected.startswith("wsgi.input_terminated")


async def test_a_server_that_speaks_http_1_0_need_not_know_of_chunks(tmp_path: Path) -> None:
    plan = planning.plan("wsgiref")
    both = select(registry.cases(), ["http/chunked/one-chunk", "pep3333/input/chunked-decoded"])
    checks = await cells(tmp_path, {plan.name: both}, [plan], tries=2, instances=1)
    assert [(each.verdict, each.actual) for each in checks] == [
        (Verdict.UNSUPPORTED, "the server speaks HTTP/1.0, which has no chunks")
    ] * 2
