"""The mutation operators and the score, as values."""

from __future__ import annotations

import ast
from pathlib import Path

from tests.mutation_testing import operators, score
from tests.mutation_testing.score import MutantResult, Outcome, Survivor

SOURCE = '''
"""A docstring, which stays."""
LIMIT = 10
def keep(fields, used):
    if b"close" in fields and used >= (1, 1):
        log("closing")
        return False
    fields.strip()
    raise ValueError("text")
'''


def changes(operator: str) -> set[tuple[str, str]]:
    return {(each.before, each.after) for each in operators.mutants("m", SOURCE) if each.operator == operator}


def test_each_operator_changes_one_place() -> None:
    assert ("LIMIT = 10", "LIMIT = 11") in changes("constant")
    assert {after for _, after in changes("comparison")} == {
        "if b'close' not in fields and used >= (1, 1):",
        "if b'close' in fields and used > (1, 1):",
        "if b'close' in fields and used < (1, 1):",
    }
    assert ("raise ValueError('text')", "pass") in changes("removed statement")
    assert ("fields.strip()", "fields") in changes("left-out call")
    assert ("if b'close' in fields and used >= (1, 1):", "if used >= (1, 1):") in changes("left-out condition")


def test_the_log_and_the_docstrings_stay() -> None:
    for each in operators.mutants("m", SOURCE):
        assert "A docstring, which stays." in each.source
        assert "log('closing')" in each.source


def test_every_mutant_compiles_and_differs_from_the_others() -> None:
    sources = [each.source for each in operators.mutants("m", SOURCE)]
    assert len(set(sources)) == len(sources)
    for each in sources:
        ast.parse(each)


def test_a_sample_keeps_its_members_when_others_are_added() -> None:
    some = operators.mutants("m", SOURCE)
    chosen = {each.name for each in operators.sample(some, 5, seed=1)}
    assert chosen == {each.name for each in operators.sample(some[::-1], 5, seed=1)}
    fewer = [each for each in some if each.name not in chosen]
    assert {each.name for each in operators.sample(fewer, 5, seed=1)}.isdisjoint(chosen)


def test_the_score_counts_what_differs_on_the_wire() -> None:
    results = [
        MutantResult("a", "constant", Outcome.FOUND, "http/x"),
        MutantResult("b", "constant", Outcome.FOUND, "http/x"),
        MutantResult("c: 1 -> 2", "constant", Outcome.PASSED, difference="b'GET': outcome"),
        MutantResult("d", "constant", Outcome.PASSED, difference="b'GET': outcome"),
        MutantResult("e", "constant", Outcome.PASSED),
    ]
    lines = list(score.summary(results, [Survivor("c:", "allowed")]))
    assert "       gap: d" in lines
    assert lines[-1] == "score  50.0%, without the allowed ones 66.7%"


def test_each_survivor_has_a_reason() -> None:
    survivors = score.load_survivors(Path(score.__file__).with_name("survivors.toml"))
    assert all(each.name and each.reason.endswith(".") for each in survivors)
