"""Grade what a server does when it is stopped. Pure.

judged         SIGTERM, SIGINT and the documented graceful signals, but not those that are documented as quick
fault          a judged signal loses a request that the server had read before the signal
               SIGTERM or a documented signal does not end the server
               after a judged signal, it ends only when clients close their idle connections
nobody's fault lost requests that the server had not read, new connections after the signal, closed idle connections
               (RFC 9112, section 9.5: "A client, server, or proxy MAY close the transport connection at any time.")
"""

from __future__ import annotations

import enum
import signal
from collections.abc import Sequence
from dataclasses import dataclass

from wsgi_gauntlet.harness.load.analysis.units import format_seconds
from wsgi_gauntlet.harness.model import Grade
from wsgi_gauntlet.suites.load.operations.stop_clients import ClientResult, RequestEnd, RequestKind


class Meaning(enum.Enum):
    """What the documentation of the server says of a signal."""

    GRACEFUL = "by its documentation a graceful stop"
    QUICK = "by its documentation a quick stop"
    UNDOCUMENTED = "not in its documentation"


@dataclass(frozen=True)
class StopRound:
    """One stop. `in_flight` are the requests that the server had read before the signal.

    `exited_after` is in seconds from the signal, None if the server still ran. `last_end` is that of the last request
    in flight. `kept` describes the idle connection. `waited_for_idle`: it ended only when the client closed that one.
    `new` are the ends of new connections.
    """

    in_flight: tuple[ClientResult, ...]
    exited_after: float | None
    last_end: float = 0.0
    ended: str = ""
    kept: str = ""
    waited_for_idle: bool = False
    new: tuple[RequestEnd, ...] = ()


@dataclass(frozen=True)
class SignalResult:
    """All stops by one signal. `patience` is the seconds after the last request in which the server had to end."""

    number: signal.Signals
    meaning: Meaning
    patience: float
    rounds: tuple[StopRound, ...]

    @property
    def is_judged(self) -> bool:
        """Say whether a lost request is a fault."""
        return self.meaning is not Meaning.QUICK

    @property
    def in_flight(self) -> tuple[ClientResult, ...]:
        """All requests in flight."""
        return tuple(each for one in self.rounds for each in one.in_flight)

    @property
    def lost(self) -> tuple[ClientResult, ...]:
        """The requests in flight without their correct response."""
        return tuple(each for each in self.in_flight if each.end is not RequestEnd.ANSWERED)

    @property
    def exit_seconds(self) -> float | None:
        """The longest time from the signal to the end, None if the server did not end."""
        times = [each.exited_after for each in self.rounds if each.exited_after is not None]
        return max(times) if times and len(times) == len(self.rounds) else None

    @property
    def must_end(self) -> bool:
        """Say whether the server must end: a program may ignore SIGINT."""
        return self.number is signal.SIGTERM or self.meaning is not Meaning.UNDOCUMENTED

    def faults(self) -> list[str]:
        """Return one sentence for each fault."""
        found = []
        if self.is_judged and self.lost:
            how = ", ".join(each.description for each in self.lost)
            found.append(
                f"{self.number.name} lost {len(self.lost)} of {len(self.in_flight)} requests in flight: {how}."
            )
        if self.must_end and self.exit_seconds is None and self.rounds:
            found.append(
                f"The server had not ended {format_seconds(self.patience)} after {self.number.name} and its last "
                "request."
            )
        elif self.is_judged and any(each.waited_for_idle for each in self.rounds):
            found.append(f"After {self.number.name} the server ended only when the client closed an idle connection.")
        return found

    def description(self) -> str:
        """Return one sentence on what happened."""
        kinds = f"{len(self.in_flight) - len(self.lost)} of {len(self.in_flight)} requests in flight were answered"
        seconds = self.exit_seconds
        end = f"it ended after {format_seconds(seconds)}" if seconds is not None else "it did not end"
        return f"{self.number.name} ({self.meaning.value}): {kinds}, {end}."


def grade_stops(results: Sequence[SignalResult]) -> tuple[Grade, list[str]]:
    """Return the grade and the sentences of all faults."""
    faults = [each for result in results for each in result.faults()]
    judged = [each for each in results if each.is_judged]
    if faults:
        return Grade.DEGRADED, faults
    if not judged:
        return Grade.MEASURED, []
    if any({each.kind for each in one.in_flight} != set(RequestKind) for one in judged):
        return Grade.INCONCLUSIVE, ["The server did not read a request of each kind before the signal."]
    return Grade.UNAFFECTED, []


def meaning_of(number: signal.Signals, graceful: Sequence[signal.Signals], quick: Sequence[signal.Signals]) -> Meaning:
    """Return what the documentation says of a signal."""
    if number in graceful:
        return Meaning.GRACEFUL
    return Meaning.QUICK if number in quick else Meaning.UNDOCUMENTED
