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

from wsgi_gauntlet.harness import planning, runner
from wsgi_gauntlet.harness.attempts.attempt import Attempt
from wsgi_gauntlet.harness.attempts.exchange import Exchange
from wsgi_gauntlet.harness.basis import MUST_TEXT
from wsgi_gauntlet.harness.catalog import Case
from wsgi_gauntlet.harness.errors import HarnessTrouble
from wsgi_gauntlet.harness.ground import Reference
from wsgi_gauntlet.harness.judge import Finding
from wsgi_gauntlet.harness.model import Check, Evidence, Level, Verdict
from wsgi_gauntlet.harness.progress import Silence


@dataclass
class Instance:
    """As much of a running server as is asked here."""

    intact: bool = True


async def run(_x: Exchange) -> None:
    """Nothing: no attempt is really made."""


def case(name: str, *needs: str) -> Case:
    reference = Reference("RFC", "1", "q", "u")
    return Case(name, Level.MUST, reference, run, "It is.", needs=needs, cut=False, basis=MUST_TEXT)


@pytest.mark.parametrize("tries", [1, 3])
async def test_what_needs_a_case_that_was_put_back_gets_a_cell_all_the_same(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, tries: int
) -> None:
    made: list[str] = []

    @asynccontextmanager
    async def running(*_: Any, **__: Any) -> AsyncIterator[Instance]:
        await trio.testing.wait_all_tasks_blocked()  # a start takes long
        yield Instance()

    async def another(which: Case, server: Any, pattern: Any, _made: Any) -> Attempt:
        made.append(which.id)
        if which.id == "need" and made.count("need") == tries:
            await trio.testing.wait_all_tasks_blocked()  # the other instance waits for this case
            server.intact = False
            raise HarnessTrouble("its socket is gone")
        # In the first round of two it blames, so that the second looks at it again.
        verdict = Verdict.FAIL if which.id == "need" and made.count("need") < tries else Verdict.PASS
        return Attempt(Finding(verdict), Evidence((), (), "", ()), 0.0, pattern, False, ())

    monkeypatch.setattr(runner, "running", running)
    monkeypatch.setattr(runner, "another", another)
    monkeypatch.setattr(runner, "WORTH_A_START", 1)
    told: dict[str, Verdict] = {}

    def decided(cell: Check) -> None:
        told[cell.case] = cell.verdict

    bench = runner.Bench(tmp_path, tmp_path, Silence(), decided, lambda *_: None, instances=2, tries=tries)
    with trio.fail_after(30):
        await runner.check([planning.plan("wsgiref")], {"wsgiref": [case("need"), case("dep", "need")]}, bench)
    assert set(told) == {"need", "dep"}
    assert told["dep"] is Verdict.ERROR
