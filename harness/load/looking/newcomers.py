"""What people get who come now, on connections of their own: those who are there already may see nothing of a limit."""

from __future__ import annotations

import enum
from collections import Counter
from collections.abc import Mapping

import trio

from ...address import Address
from ...model import Measure, Outcome
from ..clients.link import Link
from ..question import Question

COUNT = 8
"""Newcomers that are sent."""

PATIENCE = 1.0
"""Seconds after which one of them counts as left waiting: the flow of thought is interrupted (Nielsen 1993)."""

SIZE = 2000
"""Bytes of the page that they ask for."""


class Fate(enum.StrEnum):
    """What became of a newcomer. REFUSED: no connection, an early end, or an answer that is not the page, as 503."""

    SERVED = "served"
    REFUSED = "refused"
    WAITING = "left waiting"


async def newcomers(address: Address, question: Question, count: int = COUNT) -> Mapping[Fate, int]:
    """Send `count` newcomers at once and return their fates. Raises OutOfResources where this machine has run out."""
    fates: list[Fate] = []

    async def come(number: int) -> None:
        fate = Fate.WAITING
        with trio.move_on_after(PATIENCE):
            fate = await _fate(address, question, f"newcomer-{number}")
        fates.append(fate)

    async with trio.open_nursery() as nursery:
        for number in range(count):
            nursery.start_soon(come, number)
    return Counter(fates)


def measures(fates: Mapping[Fate, int]) -> tuple[Measure, ...]:
    """Return the share of each fate, in per cent."""
    count = sum(fates.values())
    return tuple(
        Measure(f"newcomers {fate}", 100 * fates.get(fate, 0) / count if count else None, "%") for fate in Fate
    )


async def _fate(address: Address, question: Question, nonce: str) -> Fate:
    try:
        link = await Link.open(address)
    except OSError:
        return Fate.REFUSED
    try:
        answer = await link.ask(question.request(address, nonce, SIZE, keep=False))
    except OSError:
        return Fate.REFUSED
    finally:
        link.close()
    return Fate.SERVED if question.outcome(answer, nonce, SIZE) is Outcome.OK else Fate.REFUSED
