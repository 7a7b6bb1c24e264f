"""Exit codes, and what the journal and several runs keep of a comparison."""

from __future__ import annotations

from pathlib import Path

import pytest
from msgspec.structs import replace

from wsgi_gauntlet.harness.comparison.run import INTERRUPTED, FailOn, exit_code
from wsgi_gauntlet.harness.model import SCHEMA, ComparisonResult
from wsgi_gauntlet.harness.store import journal
from wsgi_gauntlet.harness.store.journal import ComparisonLine, EndLine, Journal, RoundLine, StartLine
from wsgi_gauntlet.harness.store.merge import merge

from ....helpers.sample_comparison import comparison, results


@pytest.mark.parametrize(
    ("made", "fail_on", "code"),
    [
        (comparison({"capacity": 2.0}), None, 0),
        (comparison({"capacity": 2.0}), FailOn.SLOWER, 0),
        (comparison({"capacity": 2.0}), FailOn.DIFFERENT, 1),
        (comparison({"capacity": 0.5}), None, 0),
        (comparison({"capacity": 0.5}), FailOn.SLOWER, 1),
        (comparison({"p99": 2.0}), FailOn.SLOWER, 1),
        (comparison({}), FailOn.DIFFERENT, 0),
        (comparison({"capacity": 2.0}, number=4), None, 3),
        (comparison({"capacity": 2.0}, number=4), FailOn.SLOWER, 3),
        (replace(comparison({"capacity": 0.5}), stopped=INTERRUPTED), FailOn.SLOWER, 130),
    ],
)
def test_the_exit_code(made: ComparisonResult, fail_on: FailOn | None, code: int) -> None:
    assert exit_code(made, fail_on) == code


def write(folder: Path, made: ComparisonResult, *, end: bool = True) -> None:
    """Write a journal as a run does."""
    with Journal.open(folder) as book:
        book.write(StartLine(SCHEMA, {}, {}, {}))
        book.write(ComparisonLine(replace(made, rounds=(), judged=(), finished=False)))
        for each in made.rounds:
            book.write(RoundLine(each))
        book.write(ComparisonLine(replace(made, rounds=())))
        if end:
            book.write(EndLine())


def test_a_journal_keeps_every_round(tmp_path: Path) -> None:
    made = comparison({"capacity": 2.0}, number=6)
    write(tmp_path / "out", made)
    found = journal.read(tmp_path / "out")
    assert found.comparisons == (made,)
    assert found.finished


def test_a_killed_comparison_has_the_rounds_until_then(tmp_path: Path) -> None:
    made = comparison({"capacity": 2.0}, number=6)
    write(tmp_path / "out", made)
    path = tmp_path / "out" / journal.JOURNAL_FILENAME
    path.write_bytes(b"\n".join(path.read_bytes().split(b"\n")[:5])[:-20])
    (found,) = journal.read(tmp_path / "out").comparisons
    assert found.rounds == made.rounds[:2]
    assert not found.finished


def test_merged_runs_keep_comparisons_with_different_seeds() -> None:
    one, other = comparison({}, seed=1, number=6), comparison({}, seed=2, number=6)
    longer = comparison({}, seed=1, number=8)
    merged = merge([results(one, other), results(longer)])
    assert [(each.seed, len(each.rounds)) for each in merged.comparisons] == [(1, 8), (2, 6)]
