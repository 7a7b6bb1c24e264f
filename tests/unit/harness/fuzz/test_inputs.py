"""The inputs of a fuzzing run."""

from __future__ import annotations

from itertools import islice
from random import Random

from hypothesis import given
from hypothesis import strategies as st

from wsgi_gauntlet.harness.fuzz.inputs import MAX_INPUT_BYTES, base_message, inputs, make_input
from wsgi_gauntlet.harness.fuzz.mutations import BYTE_MUTATIONS, MUTATIONS
from wsgi_gauntlet.harness.http.request import well_formed


@given(seed=st.integers())
def test_a_message_without_mutations_is_well_formed(seed: int) -> None:
    assert well_formed(base_message(Random(seed)).encode())


@given(seed=st.integers(), number=st.integers(min_value=0, max_value=10**6))
def test_an_input_depends_on_its_seed_and_number_alone(seed: int, number: int) -> None:
    made = make_input(seed, number)
    assert made == make_input(seed, number)
    assert 0 < len(made.data) <= MAX_INPUT_BYTES
    assert set(made.mutated) <= {*MUTATIONS, *BYTE_MUTATIONS}


def test_the_same_seed_gives_the_same_inputs_in_the_same_order() -> None:
    assert list(islice(inputs(7), 500)) == list(islice(inputs(7), 500))
    assert list(islice(inputs(7), 500)) != list(islice(inputs(8), 500))


def test_no_input_comes_twice() -> None:
    first = [each.data for each in islice(inputs(1), 3000)]
    assert len(set(first)) == len(first)


def test_every_mutation_is_used() -> None:
    used = {name for each in islice(inputs(1), 3000) for name in each.mutated}
    assert used == {*MUTATIONS, *BYTE_MUTATIONS}
