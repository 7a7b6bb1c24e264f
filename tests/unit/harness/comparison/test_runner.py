"""The loop over rounds, with a clock and servers of the test."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial

import msgspec
import pytest

from wsgi_gauntlet.harness.comparison.limits import MAX_INVALID_IN_A_ROW, RoundLimits
from wsgi_gauntlet.harness.comparison.runner import letter, measure_rounds, resumed
from wsgi_gauntlet.harness.errors import ServerError
from wsgi_gauntlet.harness.event_queue import handle_events
from wsgi_gauntlet.harness.events import Event, Message, RoundFinished
from wsgi_gauntlet.harness.model import Candidate, ComparisonResult, ComparisonWord, SlotResult
from wsgi_gauntlet.harness.stats.measurement_order import schedule

from ....helpers import sample_comparison as sample
from ....helpers.sample_comparison import CAPACITY, figure

SLOT_SECONDS = 3.0


class Bench:
    """Servers whose capacity is known, and a clock that only slots move."""

    def __init__(
        self,
        ratio: float = 2.0,
        invalid: Callable[[int], bool] = lambda _number: False,
        error_in_round: int | None = None,
    ) -> None:
        self.now = 100.0
        self.slots: list[str] = []
        self.ratio = ratio
        self.invalid = invalid
        self.events: list[Event] = []
        self.error_in_round = error_in_round

    async def measure(self, own: str, number: int) -> SlotResult:
        if number == self.error_in_round:
            raise ServerError("waitress ended")
        self.slots.append(own)
        self.now += SLOT_SECONDS
        value = 1000.0 * (self.ratio if own != "A" else 1.0) * (1 + 0.004 * (len(self.slots) % 3))
        if self.invalid(len(self.slots)):
            return SlotResult(own, valid=False, why="the machine was busy")
        return SlotResult(own, (figure(CAPACITY, value),))

    async def run(self, comparison: ComparisonResult, limits: RoundLimits) -> ComparisonResult:
        """Run the rounds, and return the comparison of the last event."""
        began = self.now
        work = partial(self._work, comparison, limits, began)
        await handle_events(work, self.events.append)
        return self.finished[-1].comparison if self.finished else comparison

    async def _work(self, comparison: ComparisonResult, limits: RoundLimits, began: float, events: object) -> None:
        await measure_rounds(
            comparison,
            limits,
            self.measure,
            events,  # type: ignore[arg-type]
            began=began,
            clock=lambda: self.now,
        )

    @property
    def finished(self) -> list[RoundFinished]:
        return [each for each in self.events if isinstance(each, RoundFinished)]

    @property
    def messages(self) -> list[str]:
        return [each.text for each in self.events if isinstance(each, Message)]


def new(candidates: int = 2, **fields: object) -> ComparisonResult:
    made = tuple(Candidate(letter(place), "gunicorn", f"gunicorn {place}") for place in range(candidates))
    return ComparisonResult(made, 7, 0.05, **fields)  # type: ignore[arg-type]


async def test_rounds_follow_the_schedule_of_the_seed() -> None:
    bench = Bench()
    found = await bench.run(new(3), RoundLimits(rounds=4))
    expected = [letter(each.candidate) for order in schedule(3, 4, 7) for each in order]
    assert bench.slots == expected
    assert [each.number for each in found.rounds] == [1, 2, 3, 4]
    assert all(sum(one.again for one in each.slots) == 1 for each in found.rounds)
    assert [each.rounds_left for each in bench.finished] == [3, 2, 1, 0]
    assert bench.finished[0].seconds_left == 3 * 4 * SLOT_SECONDS
    assert found.finished
    assert found.stopped == ""
    assert found.rounds[1].slots[0].started == 4 * SLOT_SECONDS


async def test_a_budget_has_the_number_of_blocks_that_fills_it_best() -> None:
    bench = Bench()
    found = await bench.run(new(), RoundLimits(budget=100))
    assert len(found.rounds) == 12, "108 s are nearer to 100 s than 90 s"
    assert found.judged[0].word is ComparisonWord.BETTER
    assert not bench.messages


async def test_a_budget_that_is_too_small_says_so_after_the_first_round() -> None:
    bench = Bench()
    found = await bench.run(new(), RoundLimits(budget=20))
    assert len(found.rounds) == 2
    assert bench.messages == ["the budget has room for 2 of the 6 rounds that a word needs: use --budget 55s or more"]
    assert found.judged[0].word is ComparisonWord.INCONCLUSIVE


async def test_an_invalid_round_is_measured_again_in_the_same_order() -> None:
    bench = Bench(invalid=lambda number: number == 5)
    found = await bench.run(new(), RoundLimits(rounds=4))
    assert [(each.number, each.valid) for each in found.rounds] == [
        (1, True), (2, False), (2, True), (3, True), (4, True),
    ]  # fmt: skip
    assert found.rounds[2].order.startswith(found.rounds[1].order)
    assert len(found.rounds[1].slots) == 2, "the rest of an invalid round is not measured"
    assert len(found.judged[0].by_round) == 4


async def test_a_machine_that_never_becomes_quiet_ends_the_comparison() -> None:
    bench = Bench(invalid=lambda _number: True)
    found = await bench.run(new(), RoundLimits(budget=10_000))
    assert len(found.rounds) == MAX_INVALID_IN_A_ROW
    assert found.stopped == "too many rounds were invalid"
    assert not found.judged


async def test_until_decided_ends_early_and_equal_servers_are_decided_too() -> None:
    for ratio, word in ((2.0, ComparisonWord.BETTER), (1.0, ComparisonWord.EQUAL)):
        bench = Bench(ratio)
        found = await bench.run(new(until_decided=True, planned_rounds=100), RoundLimits(rounds=100))
        assert len(found.rounds) < 60
        assert found.stopped == "every figure is decided"
        assert found.judged[0].word is word


async def test_until_decided_with_a_budget_plans_its_rounds_after_the_first_one() -> None:
    bench = Bench(1.03)
    found = await bench.run(new(until_decided=True), RoundLimits(budget=120))
    assert found.planned_rounds == 14
    assert len(found.rounds) <= 14


async def test_a_resumed_comparison_goes_on_where_it_ended() -> None:
    whole = Bench()
    await whole.run(new(), RoundLimits(rounds=8))
    bench = Bench()
    first = await bench.run(new(), RoundLimits(rounds=3))
    second = await bench.run(first, RoundLimits(rounds=8))
    assert bench.slots == whole.slots
    assert [each.number for each in second.rounds] == list(range(1, 9))
    assert second.seconds == 8 * 3 * SLOT_SECONDS
    before = len(bench.slots)
    await bench.run(second, RoundLimits(rounds=8))
    assert len(bench.slots) == before
    assert "--rounds or --budget asks for more" in bench.messages[-1]


async def test_an_error_keeps_the_finished_rounds() -> None:
    bench = Bench(error_in_round=3)
    with pytest.RaisesGroup(pytest.RaisesExc(ServerError), flatten_subgroups=True):
        await bench.run(new(), RoundLimits(rounds=6))
    assert [each.round.number for each in bench.finished] == [1, 2]


@pytest.mark.parametrize(
    ("rounds", "changes", "planned", "extended"),
    [
        (8, {"finished": True}, None, 1),
        (2, {"finished": True}, None, 1),
        (8, {"stopped": "interrupted"}, None, 1),
        (6, {"stopped": "interrupted"}, None, 1),
        (4, {"stopped": "interrupted"}, None, 0),
        (8, {"stopped": "interrupted", "extended": 2}, None, 3),
        (8, {"until_decided": True, "planned_rounds": 16}, 16, 0),
        (8, {"until_decided": True, "planned_rounds": 16}, None, 0),
        (8, {"until_decided": True, "planned_rounds": 16}, 32, 1),
        (4, {"until_decided": True, "planned_rounds": 16}, 32, 0),
        (8, {"until_decided": True, "planned_rounds": 16, "finished": True}, 16, 1),
    ],
)
def test_a_comparison_is_extended_if_its_words_could_be_seen(
    rounds: int, changes: dict[str, object], planned: int | None, extended: int
) -> None:
    found = resumed(
        msgspec.structs.replace(sample.comparison({}, number=rounds), **{"finished": False, **changes}), planned
    )
    assert found.extended == extended
    assert (found.finished, found.stopped) == (False, "")
    assert len(found.rounds) == rounds


def test_invalid_rounds_show_no_words() -> None:
    made = sample.comparison({}, number=6)
    broken = msgspec.structs.replace(made.rounds[0], slots=(SlotResult("A", valid=False, why="busy"),))
    last = msgspec.structs.replace(made, rounds=(broken, *made.rounds[1:]), finished=False)
    assert resumed(last).extended == 0
