"""The longest gap without a response, from recorded times of responses."""

from __future__ import annotations

import random
from collections.abc import Iterable
from typing import Any

import pytest

from wsgi_gauntlet.harness.load.analysis.generator_caveats import generator_caveats
from wsgi_gauntlet.harness.load.generator.generator_result import GeneratorResult, merge_results
from wsgi_gauntlet.harness.load.generator.loop import ResponseGap
from wsgi_gauntlet.harness.stats.histogram import Histogram

SECOND = 1_000_000_000


def measured(answers: Iterable[float], seconds: float, **more: Any) -> tuple[GeneratorResult, tuple[str, ...]]:
    """Return the result of a closed loop over 4 connections with responses at these times, and its caveats."""
    response_gap, latency, last = ResponseGap(0), Histogram(), 0.0
    for at in answers:
        response_gap.response_received(int(at * SECOND))
        latency.record(int(4 * (at - last) * SECOND))
        last = at
    response_gap.still_waiting(int(seconds * SECOND))
    figures = {"connections": 4, "connects": 4, "seconds": seconds, "cpu_seconds": 0.1, **more}
    found = GeneratorResult(
        latency=latency,
        service=latency,
        waiting=Histogram(),
        response_gap=response_gap.longest / SECOND,
        response_gap_at=response_gap.began / SECOND,
        **figures,
    )
    return found, tuple(each for each in generator_caveats([found]) if "no response" in each)


def even(*stretches: tuple[float, float], gap: float = 0.002) -> list[float]:
    return [begin + gap * each for begin, end in stretches for each in range(int((end - begin) / gap))]


@pytest.mark.parametrize("hole", [0.5, 2.0, 7.5])
def test_a_gap_is_reported_with_its_length_and_place(hole: float) -> None:
    found, words = measured(even((0, 1.5), (1.5 + hole, 4 + hole)), 4 + hole)
    assert found.response_gap == pytest.approx(hole, abs=0.01)
    assert found.response_gap_at == pytest.approx(1.5, abs=0.01)
    (only,) = words
    assert only.startswith("a gap: no response came for ")
    assert "from 1.5 s on; a typical response takes 8" in only
    assert only.endswith("(at 4 connections)")


def test_a_gap_at_the_end_or_at_the_beginning_is_reported() -> None:
    for answers in (even((0, 1)), even((2, 3))):
        _, words = measured(answers, 3)
        assert len(words) == 1


def test_even_and_random_responses_have_no_gap() -> None:
    assert measured(even((0, 3)), 3)[1] == ()
    draw = random.Random(1)
    assert measured(sorted(draw.random() * 3 for _ in range(3000)), 3)[1] == ()


def test_a_slow_server_has_no_gap() -> None:
    # Four answers at once, every half a second.
    assert measured([at / 2 for at in range(1, 10) for _ in range(4)], 4.6)[1] == ()


def test_a_generator_that_stood_still_itself_is_reported() -> None:
    _, words = measured(even((0, 1), (3, 4)), 4, generator_stall=1.9)
    assert words[0].startswith("the generator read no response for 2.0 s, because it stood still itself for 1.9 s")


def test_the_longest_of_several_loads_is_reported() -> None:
    results = [measured(even((0, 1), (1 + hole, 4)), 4)[0] for hole in (0.5, 2, 1)]
    (words,) = (each for each in generator_caveats(results) if "no response" in each)
    assert "for 2" in words


def test_who_has_nobody_waiting_is_not_silent() -> None:
    response_gap = ResponseGap(0)
    response_gap.response_received(SECOND // 10)
    response_gap.start_waiting(5 * SECOND)
    response_gap.response_received(5 * SECOND + 1000)
    assert response_gap.longest == SECOND // 10
    response_gap.still_waiting(9 * SECOND)
    assert (response_gap.longest, response_gap.began) == (4 * SECOND - 1000, 5 * SECOND + 1000)


def test_several_processes_have_a_gap_only_where_all_of_them_have_one() -> None:
    one, other = (measured(even((0, begin), (begin + 2, 5)), 5)[0] for begin in (1, 1.5))
    both = merge_results([one, other])
    assert both.response_gap == pytest.approx(1.5, abs=0.02)
    assert both.response_gap_at == pytest.approx(1.5, abs=0.02)
    apart = merge_results([measured(even((0, begin), (begin + 1, 5)), 5)[0] for begin in (1, 3)])
    assert apart.response_gap == 0
