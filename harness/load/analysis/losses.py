"""Decide whether a server lost requests of healthy users while no client was slow. Pure.

which phases       users alone: `baseline`, and what a scenario names (Scenario.phases_without_slow_clients)
lost               refused or reset by the server, closed without a whole response, an error status, a wrong body
                   no response within 5 s, if half of the requests had theirs in a tenth of that: no queue explains it
not lost           in flight at the end, never sent, sent again by the client after an idle connection was closed
finding            a request was lost, and the exact interval reaches FINDING_SHARE, however good the goodput
nobody's fault     the cell is `invalid` or `error`: the harness, its ports or the machine may have lost them
"""

from __future__ import annotations

from collections.abc import Collection, Iterable
from dataclasses import dataclass

import msgspec

from wsgi_gauntlet.harness.model import Grade, Metric, Outcome, Phase, ScenarioResult
from wsgi_gauntlet.harness.stats.binomial import CONFIDENCE, exact_interval

FINDING_SHARE = 0.001
"""The share of lost requests, of 1, from which a server has a fault. `capacity` allows as many errors.

It is compared with the upper end of the interval: a server that loses this share or more is found in nearly every run,
and one that loses nothing in none. A share of the sample alone would depend on chance: 1 of 1,000, then 1 of 1,001.
"""

USER_TIMEOUT_SECONDS = 5.0
"""Seconds after which every user gives up: REQUEST_TIMEOUT_SECONDS and TIMEOUT of the clients."""

QUICK_SHARE = 0.1
"""The share of USER_TIMEOUT_SECONDS within which half of the requests must have a response, if a timeout is a loss."""

BASELINE = frozenset({"baseline"})
"""The only such phase of most scenarios."""

BLAMELESS_GRADES = frozenset({Grade.INVALID, Grade.ERROR, Grade.UNSUPPORTED})
"""Grades that a loss does not change: its cause may not be the server."""

GRADES_WITHOUT_FAULT = frozenset({Grade.UNAFFECTED, Grade.MEASURED, Grade.INCONCLUSIVE})
"""Grades that become `degraded` by a loss."""


@dataclass(frozen=True)
class Losses:
    """The lost requests out of all that were `sent`, by kind."""

    sent: int
    failed: int = 0
    wrong: int = 0
    timed_out: int = 0

    @property
    def lost(self) -> int:
        """The number of lost requests."""
        return self.failed + self.wrong + self.timed_out

    @property
    def is_finding(self) -> bool:
        """Say whether the server has a fault: it lost requests, and the interval does not exclude FINDING_SHARE."""
        return self.lost > 0 and exact_interval(self.lost, self.sent)[1] >= FINDING_SHARE

    @property
    def description(self) -> str:
        """The figures: `5 of 1,000 requests were lost (5 failed): 0.5 %, with 95 % confidence 0.16 % to 1.2 %`."""
        kinds = ((self.failed, "failed"), (self.wrong, "wrong"), (self.timed_out, "timed out"))
        listed = ", ".join(f"{count:,} {word}" for count, word in kinds if count)
        listed = f" ({listed})" if listed else ""
        return f"{self.lost:,} of {self.sent:,} requests were lost{listed}: {self.interval}"

    @property
    def interval(self) -> str:
        """The share of lost requests and its exact interval."""
        if not self.sent:
            return "no request was sent"
        low, high = exact_interval(self.lost, self.sent)
        return (
            f"{_percent(self.lost / self.sent)}, with {CONFIDENCE * 100:.0f} % confidence {_percent(low)} to "
            f"{_percent(high)}"
        )


def count_losses(phases: Iterable[Phase]) -> Losses:
    """Return the losses of all `phases` together."""
    found = [_phase_losses(each) for each in phases]
    return Losses(
        sum(each.sent for each in found),
        sum(each.failed for each in found),
        sum(each.wrong for each in found),
        sum(each.timed_out for each in found),
    )


def timeouts_are_losses(p50: float | None) -> bool:
    """Say whether a request without a response within USER_TIMEOUT_SECONDS is lost and not only late."""
    return p50 is not None and p50 <= QUICK_SHARE * USER_TIMEOUT_SECONDS


def blame_losses(cell: ScenarioResult, counted_phases: Collection[str] | None) -> ScenarioResult:
    """Return `cell` with the losses of its phases that `counted_phases` names, None for all of its phases.

    A finding makes a good cell `degraded`. It comes first in the note. Claims have rules of their own.
    """
    if cell.grade in BLAMELESS_GRADES or cell.claims:
        return cell
    found = count_losses(each for each in cell.phases if counted_phases is None or each.name in counted_phases)
    if not found.lost:
        return cell
    metric = Metric(
        "requests_lost_without_slow_clients",
        "requests lost without slow clients",
        found.lost,
        note=f"of {found.sent:,}: {found.interval}",
    )
    cell = msgspec.structs.replace(cell, metrics=(*cell.metrics, metric))
    if not found.is_finding:
        return cell
    return msgspec.structs.replace(
        cell,
        grade=Grade.DEGRADED if cell.grade in GRADES_WITHOUT_FAULT else cell.grade,
        note=f"Without any slow client {found.description}. {cell.note}".strip(),
    )


def _phase_losses(phase: Phase) -> Losses:
    outcomes = phase.outcomes
    timed_out = outcomes.get(Outcome.TIMEOUT, 0) if timeouts_are_losses(phase.p50) else 0
    return Losses(
        phase.scheduled - outcomes.get(Outcome.NEVER_SENT, 0),
        outcomes.get(Outcome.ERROR, 0),
        outcomes.get(Outcome.WRONG, 0),
        timed_out,
    )


def _percent(share: float) -> str:
    """Return a share of 1 in per cent with two significant digits: `0.16 %`, `12 %`."""
    if share in (0, 1):
        return f"{share * 100:.0f} %"
    return f"{float(f'{share * 100:.2g}'):.12f}".rstrip("0").rstrip(".") + " %"
