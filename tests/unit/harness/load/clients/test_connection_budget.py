"""Limits of this machine: each is reported, and never becomes a hang or a wrong figure."""

from __future__ import annotations

import errno
import resource
from collections.abc import Callable
from pathlib import Path

import pytest

from wsgi_gauntlet.harness.errors import OutOfResources, ServerDidNotStart, Unsupported
from wsgi_gauntlet.harness.limits import describe_exhausted_resource
from wsgi_gauntlet.harness.load.catalog import Scenario
from wsgi_gauntlet.harness.load.clients.connection_budget import ConnectionBudget, reserve_connections
from wsgi_gauntlet.harness.load.parameters import Parameters
from wsgi_gauntlet.harness.model import Grade, ScenarioResult
from wsgi_gauntlet.harness.server import planning

from .....helpers.runs import run_scenarios

Limits = tuple[int, int]


@pytest.fixture
def limits(monkeypatch: pytest.MonkeyPatch) -> Callable[[int, int], list[Limits]]:
    def pretend(soft: int, hard: int) -> list[Limits]:
        changed: list[Limits] = []
        monkeypatch.setattr(resource, "getrlimit", lambda _which: (soft, hard))
        monkeypatch.setattr(resource, "setrlimit", lambda _which, limit: changed.append(limit))
        return changed

    return pretend


def test_the_soft_limit_is_raised_to_what_is_needed(limits: Callable[[int, int], list[Limits]]) -> None:
    changed = limits(1024, 4096)
    assert reserve_connections(1000, 2) == ConnectionBudget(1000, 1000)
    assert changed == [(2256, 4096)]


def test_where_it_suffices_nothing_is_touched(limits: Callable[[int, int], list[Limits]]) -> None:
    changed = limits(1024, resource.RLIM_INFINITY)
    room = reserve_connections(100, 2)
    assert (room.conditions, room.note) == ({}, "")
    assert changed == []


def test_where_the_hard_limit_is_lower_there_are_fewer_clients_and_it_is_said(
    limits: Callable[[int, int], list[Limits]],
) -> None:
    changed = limits(256, 1024)
    room = reserve_connections(2048, 2)
    assert room == ConnectionBudget(384, 2048, 1024)
    assert changed == [(1024, 1024)]
    assert room.conditions == {"clients": 384, "clients asked for": 2048, "hard limit on open files": 1024}
    assert "allows 384" in room.note


def test_not_even_one(limits: Callable[[int, int], list[Limits]]) -> None:
    limits(256, 257)
    with pytest.raises(OutOfResources, match="ulimit -Hn"):
        reserve_connections(1, 2)


# ---------------------------------------------------------------------- what an error means


@pytest.mark.parametrize(
    ("problem", "said"),
    [
        (OutOfResources("no more"), "no more"),
        (MemoryError(), "no more memory"),
        (OSError(errno.EMFILE, "x"), "open files"),
        (OSError(errno.EADDRNOTAVAIL, "x"), "local ports"),
        (ExceptionGroup("g", [ValueError(), ExceptionGroup("h", [MemoryError()])]), "no more memory"),
        (OSError(errno.ECONNREFUSED, "x"), ""),
        (ValueError("x"), ""),
        (ExceptionGroup("g", [ValueError()]), ""),
    ],
)
def test_what_ran_out(problem: Exception, said: str) -> None:
    found = describe_exhausted_resource(problem)
    assert said in found
    assert bool(found) == bool(said)


@pytest.mark.parametrize(
    ("problem", "grade", "note"),
    [
        (OutOfResources("no more open files"), Grade.INVALID, "no more open files"),
        (MemoryError(), Grade.INVALID, "memory"),
        (OSError(errno.EMFILE, "x"), Grade.INVALID, "open files"),
        (ExceptionGroup("g", [OutOfResources("no more open files")]), Grade.INVALID, "no more open files"),
        (ExceptionGroup("g", [MemoryError(), ValueError()]), Grade.INVALID, "memory"),
        (ExceptionGroup("g", [Unsupported("no HUP")]), Grade.UNSUPPORTED, "no HUP"),
        (Unsupported("no HUP"), Grade.UNSUPPORTED, "no HUP"),
        (ExceptionGroup("g", [ValueError("x")]), Grade.ERROR, "ValueError: x"),
        (ServerDidNotStart("it ended"), None, "it ended"),
        (ExceptionGroup("g", [ServerDidNotStart("it ended")]), None, "it ended"),
    ],
)
async def test_each_becomes_a_cell_or_a_server_that_is_left_out(
    problem: Exception, grade: Grade | None, note: str, tmp_path: Path
) -> None:
    async def run(_ctx: object) -> ScenarioResult:
        raise problem

    scenario = Scenario("x/y", "x", "x", run, Parameters(), Parameters())
    found = await run_scenarios(tmp_path, [(planning.plan("wsgiref"), scenario)] * 2)
    if grade is None:
        assert found.scenarios == []
        assert found.failed == [note]
    else:
        assert [cell.grade for cell in found.scenarios] == [grade] * 2
        assert note in found.scenarios[0].note
        assert found.failed == []
