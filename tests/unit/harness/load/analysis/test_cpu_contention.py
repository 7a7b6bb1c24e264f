"""Figures taken beside other programs: from recorded looks, none of them at this machine."""

from __future__ import annotations

import pytest
from msgspec.structs import replace

from wsgi_gauntlet.harness.load.analysis.cpu_contention import (
    MIN_WINDOW_SECONDS,
    CpuSample,
    apply_cpu_contention,
    contention_windows,
)
from wsgi_gauntlet.harness.model import Claim, ClaimVerdict, GeneratorHealth, Grade, ScenarioResult

ALONE = ((1.2, 0.8, 0.0, 1.2),) * 6
"""Busy, idle, stolen and our own cores of two, in each half second."""

BESIDE_A_LOOP = ((2.0, 0.0, 0.0, 1.06),) * 6
"""waitress under `throughput` with a busy loop beside it: 1,267 a second where it gives 4,676 alone."""

CELL = ScenarioResult(
    "waitress", "throughput", Grade.MEASURED, generator=GeneratorHealth(True, 0.4), note="At best 1,267."
)


def recorded(*halves: tuple[float, float, float, float], cores: int = 2) -> list[CpuSample]:
    """Return looks that found so many cores busy, idle, stolen and at our work in each half second."""
    looks = [CpuSample(100.0, cores, 7000.0, 9000.0, 3.0, 12.0)]
    for busy, idle, stolen, own in halves:
        at = looks[-1]
        looks.append(
            CpuSample(
                at.at + 0.5,
                cores,
                at.busy + busy / 2,
                at.idle + idle / 2,
                at.stolen + stolen / 2,
                at.own + own / 2,
            )
        )
    return looks


def test_alone_it_stands_as_it_was_measured() -> None:
    assert apply_cpu_contention(CELL, recorded(*ALONE)) is CELL
    assert apply_cpu_contention(CELL, []) is CELL
    assert apply_cpu_contention(CELL, recorded()) is CELL


def test_beside_a_busy_loop_it_is_no_measurement_and_never_the_servers_fault() -> None:
    found = apply_cpu_contention(CELL, recorded(*BESIDE_A_LOOP))
    assert found.grade is Grade.INVALID
    assert found.generator is not None
    assert not found.generator.valid
    assert found.generator.cpu_share == 0.4
    assert "other programs took 0.9 of 2 cores" in found.generator.why
    assert found.note.startswith("Not a measurement of the server: other programs took")
    assert found.note.endswith(CELL.note)


def test_two_seconds_of_it_are_enough_and_one_is_only_said() -> None:
    assert apply_cpu_contention(CELL, recorded(*ALONE, *BESIDE_A_LOOP[:4], *ALONE)).grade is Grade.INVALID
    found = apply_cpu_contention(CELL, recorded(*ALONE, *BESIDE_A_LOOP[:2], *ALONE))
    assert found.grade is Grade.MEASURED
    assert [each.partition(":")[0] for each in found.caveats] == ["the machine was shared"]
    hiccup = (1.5, 0.5, 0.0, 1.2)
    assert apply_cpu_contention(CELL, recorded(*ALONE, hiccup, *ALONE)) is CELL


def test_a_long_scenario_falls_with_a_tenth_of_it() -> None:
    long = ALONE * 30
    assert apply_cpu_contention(CELL, recorded(*long, *BESIDE_A_LOOP[:3], *long)).grade is Grade.MEASURED
    assert apply_cpu_contention(CELL, recorded(*long, *BESIDE_A_LOOP * 2, *long)).grade is Grade.INVALID


def test_only_time_counts_in_which_others_took_more_than_was_left() -> None:
    idle = (1.0, 1.0, 0.0, 0.1)
    assert apply_cpu_contention(CELL, recorded(*[idle] * 12)).grade is Grade.MEASURED
    # The same mean: in one half of the time the server had nothing to do, in the other it had no core.
    assert (
        apply_cpu_contention(CELL, recorded(*[(2.0, 0.0, 0.0, 1.1), (0.9, 1.1, 0.0, 0.0)] * 6)).grade is Grade.INVALID
    )


def test_what_others_take_where_enough_is_idle_is_only_said() -> None:
    found = apply_cpu_contention(CELL, recorded(*[(1.0, 7.0, 0.0, 0.1)] * 4, cores=8))
    assert found.grade is Grade.MEASURED
    assert found.caveats == ("the machine was shared: other programs took 0.9 of 8 cores for 2.0 s, and 7.0 were idle",)
    assert apply_cpu_contention(CELL, recorded(*[(0.3, 7.7, 0.0, 0.1)] * 4, cores=8)) is CELL


def test_a_server_that_takes_the_whole_machine_is_no_other_program() -> None:
    assert apply_cpu_contention(CELL, recorded(*[(2.0, 0.0, 0.0, 1.98)] * 6)) is CELL
    # The kernel counts in ticks, and may give more to processes than to cores.
    assert apply_cpu_contention(CELL, recorded(*[(1.9, 0.0, 0.0, 2.0)] * 6)) is CELL


def test_stolen_time_is_missed_whatever_is_idle() -> None:
    found = apply_cpu_contention(CELL, recorded(*[(0.5, 1.2, 0.3, 0.5)] * 4))
    assert found.grade is Grade.INVALID
    assert "the host of this virtual machine took 0.3 of 2 cores" in found.note


def test_a_scenario_of_half_a_second_is_judged_as_a_whole() -> None:
    assert apply_cpu_contention(CELL, recorded(BESIDE_A_LOOP[0])).grade is Grade.INVALID
    assert len(contention_windows(recorded(BESIDE_A_LOOP[0]))) == 1


@pytest.mark.parametrize("grade", [Grade.ERROR, Grade.UNSUPPORTED, Grade.INCONCLUSIVE, Grade.INVALID])
def test_what_says_nothing_of_the_server_stays_as_it_is(grade: Grade) -> None:
    cell = ScenarioResult("a", "b", grade, note="why")
    assert apply_cpu_contention(cell, recorded(*BESIDE_A_LOOP)) is cell


def test_a_claim_that_many_rounds_decide_falls_only_with_most_of_them() -> None:
    cell = replace(CELL, claims=(Claim("A statement.", ClaimVerdict.HELD, "A rule.", "Figures."),))
    burst = apply_cpu_contention(cell, recorded(*ALONE * 2, *BESIDE_A_LOOP[:4], *ALONE * 2))
    assert burst.grade is Grade.MEASURED
    assert burst.claims
    beside = apply_cpu_contention(cell, recorded(*BESIDE_A_LOOP))
    assert beside.grade is Grade.INVALID
    assert beside.claims == ()


def test_the_worst_window_is_reported() -> None:
    found = apply_cpu_contention(CELL, recorded(*ALONE, *BESIDE_A_LOOP * 2, *ALONE))
    assert (
        f"other programs took 0.9 of 2 cores for {MIN_WINDOW_SECONDS} s, and 0.0 were idle: close other programs"
        in found.note
    )


def test_a_host_that_keeps_time_is_no_program_to_close() -> None:
    note = apply_cpu_contention(CELL, recorded(*[(0.5, 1.2, 0.3, 0.5)] * 4)).note
    assert "were idle: measure on a dedicated machine" in note


def test_of_a_server_that_someone_else_started_nobody_knows_who_the_others_are() -> None:
    found = apply_cpu_contention(CELL, recorded(*BESIDE_A_LOOP), started_here=False)
    assert found.grade is Grade.MEASURED
    (words,) = found.caveats
    assert words.startswith(
        "the machine may have been shared: this server and other programs took 0.9 of 2 cores for 3.0 s"
    )
    assert apply_cpu_contention(CELL, recorded(*ALONE), started_here=False) is CELL
    assert apply_cpu_contention(CELL, recorded(*[(0.5, 1.2, 0.3, 0.5)] * 4), started_here=False).grade is Grade.INVALID
