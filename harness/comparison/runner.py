"""Measure the rounds of a comparison, until a limit, a decision, or too many invalid rounds end it."""

from __future__ import annotations

import time
from collections.abc import Awaitable, Callable
from dataclasses import dataclass

from msgspec.structs import replace

from wsgi_gauntlet.harness.comparison import judgement
from wsgi_gauntlet.harness.comparison.limits import (
    MAX_ROUNDS,
    RoundLimits,
    expected_round_seconds,
    too_many_invalid,
)
from wsgi_gauntlet.harness.event_queue import EventQueue
from wsgi_gauntlet.harness.events import Message, RoundFinished
from wsgi_gauntlet.harness.model import BASELINE_LETTER, ComparisonResult, RoundResult, SlotResult
from wsgi_gauntlet.harness.stats.early_stop import FEWEST_ROUNDS
from wsgi_gauntlet.harness.stats.measurement_order import ROUNDS_PER_BLOCK, Slot, schedule

MeasureSlot = Callable[[str, int], Awaitable[SlotResult]]
"""Measures the candidate with a letter in the round with a number."""


@dataclass(frozen=True)
class _Clock:
    """The time of a comparison: `offset` seconds were measured in earlier calls."""

    read: Callable[[], float]
    began: float
    offset: float

    @property
    def call(self) -> float:
        """Seconds of this call: the budget counts them."""
        return self.read() - self.began

    @property
    def whole(self) -> float:
        """Seconds of the comparison, over all calls."""
        return self.offset + self.call


def resumed(last: ComparisonResult, planned_rounds: int | None = None) -> ComparisonResult:
    """Return `last` as a further call goes on with it. `planned_rounds` are those of the call, None to keep the plan.

    It is extended if the user could have seen its words and gone on because of them: it had ended, or it was
    interrupted with enough rounds for a word. The looks of a comparison that may stop early are planned, so it may go
    on to the same end.
    """
    keeps_plan = last.until_decided and planned_rounds in (None, last.planned_rounds)
    extended = last.finished or (not keeps_plan and len(last.valid_rounds) >= FEWEST_ROUNDS)
    return replace(last, finished=False, stopped="", extended=last.extended + extended)


async def measure_rounds(
    comparison: ComparisonResult,
    limits: RoundLimits,
    measure: MeasureSlot,
    events: EventQueue,
    *,
    began: float,
    clock: Callable[[], float] = time.monotonic,
) -> None:
    """Continue `comparison` with further rounds, and put RoundFinished for each; the last one says why it ended.

    `began` is the time of `clock` at which the budget began. A round that is not valid is measured again. Raises the
    errors of `measure`; the rounds until then are in the events.
    """
    time_ = _Clock(clock, began, comparison.seconds)
    orders = schedule(len(comparison.candidates), MAX_ROUNDS, comparison.seed)
    state = comparison
    lengths = [each.seconds for each in state.valid_rounds]
    ended = _why_ended(state, limits, time_, lengths)
    if ended:
        await events.put(Message("the comparison has all its rounds already; --rounds or --budget asks for more"))
    while not ended:
        number = len(state.valid_rounds) + 1
        found = await _measure_round(number, orders[number - 1], measure, time_)
        lengths += [found.seconds] if found.valid else []
        state = replace(state, rounds=(*state.rounds, found), seconds=time_.whole)
        round_seconds = expected_round_seconds(lengths)
        if found.valid and state.until_decided and state.planned_rounds is None:
            state = replace(state, planned_rounds=_planned_rounds(state, limits, time_, round_seconds))
        if found.valid:
            state = replace(state, judged=judgement.judge_rounds(state, judgement.present_look(state)))
        if found.valid and number == 1 and (warning := _too_few_rounds(limits, time_, round_seconds)):
            await events.put(Message(warning))
        ended = _why_ended(state, limits, time_, lengths)
        if ended:
            state = replace(state, stopped=ended.reason, finished=True)
        left = 0 if ended else _rounds_left(state, limits, time_, round_seconds)
        await events.put(RoundFinished(found, state, left, left * round_seconds))


@dataclass(frozen=True)
class _End:
    """The end of a comparison; `reason` is '' if all rounds were measured."""

    reason: str = ""


def _why_ended(state: ComparisonResult, limits: RoundLimits, time_: _Clock, lengths: list[float]) -> _End | None:
    valid = len(state.valid_rounds)
    if too_many_invalid([each.valid for each in state.rounds], limits.rounds):
        return _End("too many rounds were invalid")
    if state.until_decided and valid and judgement.may_stop(state):
        return _End() if valid == state.planned_rounds else _End("every figure is decided")
    if state.until_decided and state.planned_rounds is not None and valid >= state.planned_rounds:
        return _End()
    return None if limits.rounds_left(valid, time_.call, expected_round_seconds(lengths)) else _End()


def _rounds_left(state: ComparisonResult, limits: RoundLimits, time_: _Clock, round_seconds: float) -> int:
    valid = len(state.valid_rounds)
    left = limits.rounds_left(valid, time_.call, round_seconds)
    return left if state.planned_rounds is None else min(left, max(0, state.planned_rounds - valid))


def _planned_rounds(state: ComparisonResult, limits: RoundLimits, time_: _Clock, round_seconds: float) -> int:
    """Return the most rounds of a comparison that may stop early, as it is planned after its first round."""
    valid = len(state.valid_rounds)
    planned = valid + limits.rounds_left(valid, time_.call, round_seconds)
    return max(ROUNDS_PER_BLOCK, planned - planned % ROUNDS_PER_BLOCK)


def _too_few_rounds(limits: RoundLimits, time_: _Clock, round_seconds: float) -> str:
    """Return a warning if the limits allow fewer rounds than any word needs."""
    fit = 1 + limits.rounds_left(1, time_.call, round_seconds)
    if fit >= FEWEST_ROUNDS:
        return ""
    if limits.rounds is not None:
        return f"{limits.rounds} rounds decide nothing: use --rounds {FEWEST_ROUNDS} or more"
    needed = time_.call + (FEWEST_ROUNDS - 1) * round_seconds
    return (
        f"the budget has room for {fit} of the {FEWEST_ROUNDS} rounds that a word needs: use --budget "
        f"{int(needed) + 1}s or more"
    )


async def _measure_round(number: int, order: tuple[Slot, ...], measure: MeasureSlot, time_: _Clock) -> RoundResult:
    slots: list[SlotResult] = []
    for each in order:
        started = time_.whole
        found = await measure(letter(each.candidate), number)
        slots.append(replace(found, again=each.again, started=started, seconds=time_.whole - started))
        if not found.valid:
            break
    return RoundResult(number, tuple(slots))


def letter(index: int) -> str:
    """Return the letter of the candidate with this index, counted from 0."""
    return chr(ord(BASELINE_LETTER) + index)
