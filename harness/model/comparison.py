"""The rounds of a comparison of servers, and what they say. Units are seconds, bytes and requests per second."""

from __future__ import annotations

import enum
from typing import Any

import msgspec

BASELINE_LETTER = "A"
"""The letter of the candidate that all others are compared with."""


class ComparisonWord(enum.StrEnum):
    """What the rounds say about one figure of a candidate, compared with A.

    BETTER and WORSE need a figure of which more (or less) is better; for others they are MORE and LESS. EQUAL: any
    difference is below the threshold. NOT_COMPARED: no ratio could be made.
    """

    BETTER = "better"
    WORSE = "worse"
    MORE = "more"
    LESS = "less"
    EQUAL = "equal"
    INCONCLUSIVE = "inconclusive"
    NOT_COMPARED = "not_compared"

    @property
    def is_difference(self) -> bool:
        """Say whether the two servers differ."""
        return self in (ComparisonWord.BETTER, ComparisonWord.WORSE, ComparisonWord.MORE, ComparisonWord.LESS)

    @property
    def is_decided(self) -> bool:
        """Say whether the rounds decide anything."""
        return self.is_difference or self is ComparisonWord.EQUAL


class Figure(msgspec.Struct, frozen=True):
    """One figure of a slot.

    `id` is snake_case; a figure of a scenario has the id of the scenario before it. `value` is None if it could not be
    measured; `why` says why. If `bound` is true, the true value is at least `value`. `higher_is_better` is None if
    neither is. `lateness` is the part of a response time that may be the generator's own, in seconds.
    """

    id: str
    label: str
    value: float | None
    unit: str = ""
    higher_is_better: bool | None = None
    bound: bool = False
    why: str = ""
    lateness: float = 0.0


class SlotResult(msgspec.Struct, frozen=True):
    """One measurement of one candidate, on fresh server instances.

    `again` marks the second measurement of A, for the noise floor. A slot that is not `valid` says nothing about the
    server: the generator or the machine could not keep up. `started` counts from the start of the comparison.
    `conditions` describes the server as it was run: workers, threads, keep-alive, Python. Only the slots of the first
    round have them.
    """

    letter: str
    figures: tuple[Figure, ...] = ()
    again: bool = False
    valid: bool = True
    why: str = ""
    started: float = 0.0
    seconds: float = 0.0
    conditions: dict[str, Any] = {}


class RoundResult(msgspec.Struct, frozen=True):
    """One round: a slot of every candidate, and of A against A, in the order in which they were measured.

    `number` counts from 1. An invalid round is measured again with the same number, and counts only in the report.
    """

    number: int
    slots: tuple[SlotResult, ...]

    @property
    def valid(self) -> bool:
        """Say whether every slot is valid."""
        return all(each.valid for each in self.slots)

    @property
    def why(self) -> str:
        """The reason why the round is invalid, '' if it is valid."""
        return next((each.why for each in self.slots if not each.valid), "")

    @property
    def order(self) -> str:
        """The letters of the slots in the order of time, as `A B a`; `a` is the second A."""
        return " ".join(each.letter.lower() if each.again else each.letter for each in self.slots)

    @property
    def seconds(self) -> float:
        """The length of the round."""
        return max((each.started + each.seconds for each in self.slots), default=0.0) - min(
            (each.started for each in self.slots), default=0.0
        )


class Candidate(msgspec.Struct, frozen=True):
    """One server of a comparison. `letter` is A, B and so on. `server` is the server name as the user wrote it.

    `name` is its key in the servers of the results: two candidates may have the same server name.
    """

    letter: str
    server: str
    name: str
    version: str = ""
    python: str = ""
    app: str = ""


class RatioInterval(msgspec.Struct, frozen=True):
    """A ratio of two figures, or the difference of two shares, and the ends of its interval."""

    estimate: float
    low: float
    high: float


class FigureComparison(msgspec.Struct, frozen=True):
    """One figure of the candidate `letter`, compared with that of A.

    `text` is the word as a reader sees it: "faster", "inconclusive: 8 more rounds would tell 5 %". `ratio` is
    candidate / A, or the difference of two shares if `difference` is true. `noise` is the same for A and A again: its
    `low` and `high` hold 95 % of the rounds. `by_round` has the ratio of each valid round, `noise_by_round` that of A
    and A; None if a round has none. `rounds` counts the rounds that the word rests on. `p_value` is corrected for the
    number of figures. `more_rounds` is the number of further rounds that would decide it, None if too many would be
    needed. `baseline` and `value` are the medians of A and of the candidate; a bound is a lower bound.
    """

    figure: str
    label: str
    letter: str
    word: ComparisonWord
    text: str
    unit: str = ""
    higher_is_better: bool | None = None
    difference: bool = False
    ratio: RatioInterval | None = None
    noise: RatioInterval | None = None
    noise_differs: bool = False
    by_round: tuple[float | None, ...] = ()
    noise_by_round: tuple[float | None, ...] = ()
    p_value: float | None = None
    rounds: int = 0
    more_rounds: int | None = 0
    baseline: float | None = None
    value: float | None = None
    baseline_bound: bool = False
    value_bound: bool = False
    note: str = ""


class ComparisonResult(msgspec.Struct, frozen=True):
    """A comparison of servers in rounds.

    `scenarios` are the scenarios whose figures are compared, empty for the default figures; `metrics` are the chosen
    ones of these, empty for all. `threshold` is a share: 0.05 is 5 %. `rate` is the common rate of the open loop, 0 if
    there is none. `planned_rounds` is the number of rounds of a comparison that may stop early. `seconds` is its length
    so far, over all calls. `stopped` says why there were no more rounds, '' if they all were measured. `extended`
    counts how often it went on after its words could be seen: each time, chance gets another opportunity.
    """

    candidates: tuple[Candidate, ...]
    seed: int
    threshold: float
    scenarios: tuple[str, ...] = ()
    metrics: tuple[str, ...] = ()
    rate: float = 0.0
    planned_rounds: int | None = None
    until_decided: bool = False
    rounds: tuple[RoundResult, ...] = ()
    judged: tuple[FigureComparison, ...] = ()
    seconds: float = 0.0
    stopped: str = ""
    finished: bool = False
    extended: int = 0
    command: str = ""

    @property
    def key(self) -> tuple[object, ...]:
        """What makes a comparison the same one: candidates with their versions, scenarios, metrics and seed."""
        servers = tuple((each.server, each.version, each.python, each.app) for each in self.candidates)
        return servers, self.scenarios, self.metrics, self.seed

    @property
    def valid_rounds(self) -> tuple[RoundResult, ...]:
        """The rounds that count."""
        return tuple(each for each in self.rounds if each.valid)

    def conditions(self, letter: str) -> dict[str, Any]:
        """Return the conditions of the candidate `letter`, empty if it was never measured."""
        slots = (each for one in self.rounds for each in one.slots)
        return next((each.conditions for each in slots if each.letter == letter and each.conditions), {})

    def candidate(self, letter: str) -> Candidate:
        """Return the candidate `letter`. Raises KeyError."""
        return {each.letter: each for each in self.candidates}[letter]
