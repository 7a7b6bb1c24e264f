"""The events of a run, as frozen types.

The runners put them into an EventQueue (event_queue.py), and the session passes them on. A handler of events (terminal,
JSON, pytest) is a function that takes one event and returns at once: it is called from the run's own loop.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field

from wsgi_gauntlet.harness.model import CaseResult, ComparisonResult, RoundResult, ScenarioResult
from wsgi_gauntlet.harness.model.recommendation import Elimination, Trial


@dataclass(frozen=True)
class StageStarted:
    """A stage of the run begins: `name` is 'check' or 'load', `cells` is the number of its cells."""

    name: str
    cells: int


@dataclass(frozen=True)
class ServerStarted:
    """A server runs; `command_line` started it. `conditions` are its effective settings."""

    server: str
    command_line: str
    conditions: Mapping[str, object] = field(default_factory=dict)


@dataclass(frozen=True)
class ServerFailed:
    """A server cannot be started or used any more. It gets no further cells."""

    server: str
    reason: str


@dataclass(frozen=True)
class CaseFinished:
    """One cell of conformance has its verdict."""

    cell: CaseResult


@dataclass(frozen=True)
class ScenarioFinished:
    """One cell of load is measured."""

    cell: ScenarioResult


@dataclass(frozen=True)
class RoundFinished:
    """One round of a comparison is measured, valid or not. `comparison` has the words of all rounds so far.

    `rounds_left` and `seconds_left` are expected values.
    """

    round: RoundResult
    comparison: ComparisonResult
    rounds_left: int
    seconds_left: float


@dataclass(frozen=True)
class TrialFinished:
    """One trial of a search is measured, valid or not. `left` are the candidates in the race, and
    `seconds_left` is the rest of the budget.
    """

    trial: Trial
    left: int
    seconds_left: float


@dataclass(frozen=True)
class CandidateEliminated:
    """A candidate left the race of a search. `left` are those that are still in it."""

    elimination: Elimination
    left: int


@dataclass(frozen=True)
class Progress:
    """`server` does something that takes a while. `fraction` (0 to 1) of it is done; None if that is unknown."""

    server: str
    activity: str
    fraction: float | None = None


@dataclass(frozen=True)
class Message:
    """One line that the user should read."""

    text: str


Event = (
    StageStarted
    | ServerStarted
    | ServerFailed
    | CaseFinished
    | ScenarioFinished
    | RoundFinished
    | TrialFinished
    | CandidateEliminated
    | Progress
    | Message
)
EventHandler = Callable[[Event], None]


def ignore_event(_event: Event) -> None:
    """Do nothing: the handler of a caller who needs no events."""
