"""What is measured once more: decided by how cells were spoilt, with no server and no load."""

from __future__ import annotations

from pathlib import Path

import pytest
from msgspec.structs import replace

from wsgi_gauntlet.harness import planning, rounds
from wsgi_gauntlet.harness.catalog import Scenario
from wsgi_gauntlet.harness.load.again import once_more_if_late
from wsgi_gauntlet.harness.load.arena import Arena
from wsgi_gauntlet.harness.model import Grade, Load, Phase
from wsgi_gauntlet.harness.progress import Silence

MEASURED, INVALID = Grade.MEASURED, Grade.INVALID


@pytest.mark.parametrize(
    ("spoilt", "grades"),
    [
        ([False, False], [MEASURED, MEASURED]),
        ([True, False, True, False], [MEASURED, MEASURED]),
        # Others stay: what comes next is tried once, and again only after they have gone.
        ([True, True, True, False, True, False], [INVALID, INVALID, MEASURED, MEASURED]),
    ],
)
async def test_what_others_spoilt_is_measured_once_more_while_that_helps(
    spoilt: list[bool], grades: list[Grade], monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    left = list(spoilt)

    async def run(arena: Arena) -> Load:
        return arena.load(scenario, MEASURED)

    def beside(cell: Load, _looks: object, *, started_here: bool) -> Load:
        assert started_here
        return replace(cell, grade=INVALID) if left.pop(0) else cell

    monkeypatch.setattr(rounds, "seen_beside", beside)
    scenario = Scenario("x/y", "x", "x", run, {}, {})
    cells: list[Load] = []
    where = rounds.Range(tmp_path, tmp_path, Silence(), cells.append, lambda _plan, _why: None)
    await rounds.load([(planning.plan("wsgiref"), scenario)] * len(grades), rounds.Narrowing(), where)
    assert [cell.grade for cell in cells] == grades
    assert left == []


async def test_only_the_last_round_counts(tmp_path: Path) -> None:
    scenario = Scenario("x/y", "x", "x", once_more_if_late, {}, {})  # type: ignore[arg-type]
    doing: list[str] = []
    arena = Arena(
        planning.plan("wsgiref"),
        {},
        scratch=tmp_path,
        logs=tmp_path,
        progress=lambda _fraction, words: doing.append(words),
    )
    begun: list[float] = []

    async def late() -> Load:
        begun.append(arena.counts_from)
        arena.kept.append(Phase(f"round {len(begun)}", 0, 1, 0, {}, 1.0))
        return arena.load(scenario, INVALID)

    assert (await once_more_if_late(arena, late)).grade is INVALID
    assert [each.name for each in arena.kept] == ["round 2"]
    assert begun[0] < begun[1] == arena.counts_from
    assert doing == ["the generator could not keep up; once more"]


async def test_what_stays_as_it_is_is_not_done_again(tmp_path: Path) -> None:
    scenario = Scenario("x/y", "x", "x", once_more_if_late, {}, {})  # type: ignore[arg-type]
    arena = Arena(planning.plan("wsgiref"), {}, scratch=tmp_path, logs=tmp_path)
    rounds_made: list[int] = []

    async def too_few_connections() -> Load:
        rounds_made.append(len(rounds_made))
        arena.may_change = False
        return arena.load(scenario, INVALID)

    assert (await once_more_if_late(arena, too_few_connections)).grade is INVALID
    assert rounds_made == [0]
