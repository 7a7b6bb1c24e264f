"""Exit codes, and what the journal and several runs keep of a comparison."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest
from msgspec.structs import replace

from wsgi_gauntlet.harness import session
from wsgi_gauntlet.harness.comparison import run
from wsgi_gauntlet.harness.comparison.candidates import PlannedCandidate, candidate_options
from wsgi_gauntlet.harness.comparison.limits import RoundLimits
from wsgi_gauntlet.harness.comparison.run import INTERRUPTED, CompareOptions, FailOn, exit_code, previous_comparison
from wsgi_gauntlet.harness.config import Configuration
from wsgi_gauntlet.harness.errors import ConfigurationError
from wsgi_gauntlet.harness.load.options import LoadOptions
from wsgi_gauntlet.harness.model import SCHEMA, ComparisonResult
from wsgi_gauntlet.harness.session import RunOptions
from wsgi_gauntlet.harness.store import journal
from wsgi_gauntlet.harness.store.journal import ComparisonLine, EndLine, Journal, RoundLine, StartLine
from wsgi_gauntlet.harness.store.merge import merge
from wsgi_gauntlet.harness.traffic.model import Sequence, Step, Traffic

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
    with Journal.open(tmp_path / "out") as book:
        book.write(StartLine(SCHEMA, {}, {}, {}))
        book.write(ComparisonLine(replace(made, rounds=(), judged=(), finished=False)))
        for each in made.rounds[:3]:
            book.write(RoundLine(each))
    path = tmp_path / "out" / journal.JOURNAL_FILENAME
    path.write_bytes(path.read_bytes()[:-20])
    (found,) = journal.read(tmp_path / "out").comparisons
    assert found.rounds == made.rounds[:2]
    assert not found.finished


def test_merged_runs_keep_comparisons_with_different_seeds() -> None:
    one, other = comparison({}, seed=1, number=6), comparison({}, seed=2, number=6)
    longer = comparison({}, seed=1, number=8)
    merged = merge([results(one, other), results(longer)])
    assert [(each.seed, len(each.rounds)) for each in merged.comparisons] == [(1, 8), (2, 6)]


def test_merged_runs_keep_comparisons_of_other_metrics_and_versions() -> None:
    one = comparison({}, number=6)
    newer = tuple(replace(each, version="99") for each in one.candidates)
    others = (replace(one, metrics=("p99",)), replace(one, candidates=newer))
    assert len(merge([results(one), *(results(each) for each in others)]).comparisons) == 3


def options(folder: Path, command: str) -> CompareOptions:
    """Return the options of a call that resumes the comparison in `folder`."""
    servers = ("gunicorn@23.0.0", "gunicorn@27.0.1")
    made = candidate_options(servers, python=(), default_python="python3", app=(), command="", config=())
    return CompareOptions(
        made, RunOptions(servers=servers, out=folder, resume=True), RoundLimits(rounds=8), 0.05, command=command
    )


@pytest.mark.parametrize(
    ("command", "resumed"),
    [
        ("wsgi-gauntlet compare a b --config B=new.conf --out 'my out'", True),
        ("wsgi-gauntlet compare a b --config B=new.conf", True),
        ("wsgi-gauntlet compare a b --config B=newer.conf", False),
        ("wsgi-gauntlet compare a b", False),
    ],
)
def test_a_comparison_is_resumed_only_with_its_options(tmp_path: Path, command: str, resumed: bool) -> None:
    made = replace(comparison({}, number=6), command="wsgi-gauntlet compare a b --config B=new.conf")
    write(tmp_path / "out", made)
    planned = [PlannedCandidate(each, None) for each in made.candidates]  # type: ignore[arg-type]
    with Journal.open(tmp_path / "out", resume=True) as book:
        if resumed:
            found = previous_comparison(options(tmp_path / "out", command), planned, [], book)
            assert found is not None
            assert found.extended == 1
        else:
            with pytest.raises(ConfigurationError, match="has another value for its options: resume it with"):
                previous_comparison(options(tmp_path / "out", command), planned, [], book)


def test_a_comparison_is_resumed_only_with_the_same_traffic(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(run._Call, "run_until_interrupted", lambda _call: None)
    monkeypatch.setattr(session, "write_outputs", lambda *_arguments: None)
    servers = candidate_options(
        ("waitress", "waitress"), python=(), default_python=sys.executable, app=(), command="", config=()
    )

    def call(target: str, *, resume: bool) -> run.Outcome:
        traffic = Traffic((Sequence("visit", (Step("step", "GET", target),)),), source="shop.toml")
        common = RunOptions(out=tmp_path / "out", resume=resume, load_options=LoadOptions(traffic=traffic))
        chosen = CompareOptions(servers, common, RoundLimits(rounds=8), 0.05, seed=1)
        return run.compare(chosen, Configuration(), lambda _event: None)

    call("/", resume=False)
    assert call("/", resume=True).error is None
    with pytest.raises(ConfigurationError, match="had another value for the content of --traffic; "):
        call("/cart", resume=True)
