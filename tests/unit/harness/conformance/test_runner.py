"""What becomes of cells whose instance loses its files while others wait for them."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
import trio
import trio.testing

from wsgi_gauntlet.harness.conformance import retry, runner
from wsgi_gauntlet.harness.conformance.attempt import Attempt
from wsgi_gauntlet.harness.conformance.basis import MUST_TEXT
from wsgi_gauntlet.harness.conformance.catalog import Case
from wsgi_gauntlet.harness.conformance.exchange import Exchange
from wsgi_gauntlet.harness.conformance.verdict import Judgement
from wsgi_gauntlet.harness.errors import InternalError
from wsgi_gauntlet.harness.model import Evidence, Level, Reference, Verdict
from wsgi_gauntlet.harness.server import planning

from ....helpers.runs import check_cases


@dataclass
class Instance:
    """As much of a running server as is asked here."""

    intact: bool = True
    command_line: str = "serve"


async def run(_x: Exchange) -> None:
    """Nothing: no attempt is really made."""


def case(name: str, *needs: str) -> Case:
    reference = Reference("RFC", "1", "q", "u")
    return Case(name, Level.MUST, reference, run, "It is.", needs=needs, segmentable=False, basis=MUST_TEXT)


@pytest.mark.parametrize("tries", [1, 3])
async def test_what_needs_a_case_that_was_put_back_gets_a_cell_all_the_same(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, tries: int
) -> None:
    made: list[str] = []

    @asynccontextmanager
    async def running(*_: Any, **__: Any) -> AsyncIterator[Instance]:
        await trio.testing.wait_all_tasks_blocked()  # a start takes long
        yield Instance()

    async def run_again(which: Case, server: Any, segmentation: Any, _made: Any) -> Attempt:
        made.append(which.id)
        if which.id == "need" and made.count("need") == tries:
            await trio.testing.wait_all_tasks_blocked()  # the other instance waits for this case
            server.intact = False
            raise InternalError("its socket is gone")
        # In the first round of two it blames, so that the second looks at it again.
        verdict = Verdict.FAIL if which.id == "need" and made.count("need") < tries else Verdict.PASS
        return Attempt(Judgement(verdict), Evidence((), (), "", ()), 0.0, segmentation, False, ())

    monkeypatch.setattr(runner, "opened", running)
    monkeypatch.setattr(retry, "run_again", run_again)
    monkeypatch.setattr(runner, "CASES_PER_INSTANCE", 1)
    cases = {"wsgiref": [case("need"), case("dep", "need")]}
    with trio.fail_after(30):
        found = await check_cases(tmp_path, [planning.plan("wsgiref")], cases, instances=2, tries=tries)
    verdicts = {cell.case: cell.verdict for cell in found.cases}
    assert set(verdicts) == {"need", "dep"}
    assert verdicts["dep"] is Verdict.ERROR
