"""The order in which `compare` measures its candidates. Pure.

Two rounds make a block. The second round of a block has the order of the first one backwards (A B, then B A), so a
linear drift of the machine adds nothing to the mean ratio of a block. The order of the first round is random. So if two
candidates are equal, each of them is as likely to be the slower one in a block, whatever the machine does.
The first candidate, A, has two instances in every round. Their ratio is the noise floor: A against A.
"""

from __future__ import annotations

import dataclasses
import random

ROUNDS_PER_BLOCK = 2

FEWEST_CANDIDATES = 2


@dataclasses.dataclass(frozen=True, slots=True)
class Slot:
    """One measurement: the candidate with the index `candidate`, in the round `round`, both counted from 0.

    `again` marks the second instance of candidate 0, which is compared with the first one.
    """

    round: int
    candidate: int
    again: bool = False


def schedule(candidates: int, rounds: int, seed: int) -> tuple[tuple[Slot, ...], ...]:
    """Return the slots of each round in the order of time. The same seed gives the same order.

    A longer schedule with the same seed begins with the shorter one. Raises ValueError for fewer than two candidates,
    or for an odd number of rounds.
    """
    if candidates < FEWEST_CANDIDATES:
        raise ValueError("a comparison needs two candidates: name a second one")
    if rounds % ROUNDS_PER_BLOCK or rounds < ROUNDS_PER_BLOCK:
        raise ValueError(f"{rounds} rounds are no whole blocks: give an even number")
    order = random.Random(seed)
    found: list[tuple[Slot, ...]] = []
    for first in range(0, rounds, ROUNDS_PER_BLOCK):
        members = [(0, True), *((each, False) for each in range(candidates))]
        order.shuffle(members)
        found.append(tuple(Slot(first, candidate, again) for candidate, again in members))
        found.append(tuple(Slot(first + 1, candidate, again) for candidate, again in reversed(members)))
    return tuple(found)
