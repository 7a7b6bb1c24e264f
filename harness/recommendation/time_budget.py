"""How a search divides its time. Pure.

screening     45 % of the budget; the first round has most of it, because it has most candidates:
              at most 60 % of them are the first ones of the servers, the others are settings of the best servers
finals        until 88 %: interleaved rounds, as many as fit
checks        the rest: requirements of HTTP, reloads, the report
"""

from __future__ import annotations

import math
from dataclasses import dataclass

from wsgi_gauntlet.harness.stats.early_stop import FEWEST_ROUNDS

SCREENING_SHARE, FINALS_END = 0.45, 0.88
"""Shares of the budget at which screening and the finals end."""

LATEST_END = 1.05
"""The share of the budget at which every measurement ends. The budget is kept to a tenth."""

FIRST_ROUND_SHARE, LONGEST_FIRST_ROUND_SHARE = 0.6, 0.9
"""The share of the screening that its first round has, if there are several: usually, and with many servers."""

SERVERS_SHARE = 0.6
"""The share of the first round for the first candidate of each server."""

SECURITY_SHARE = 0.04
"""The share of the budget that each of the two checks of security may have."""

SECURITY_CHECK_SECONDS, SECURITY_CHECKS_AT_ONCE = 12.0, 4
"""Seconds of one check of security, and how many run at the same time: they wait most of their time."""

SHORT_TRIAL_SECONDS = 6.5
"""Seconds of the shortest trial with its server start. One of the usual length takes 1.5 times as long."""

FINALS_TRIAL_FACTOR = 1.5
"""How much longer a trial of the finals takes than one of the screening: it has the curve of p99 by rate."""

MIN_CANDIDATES, MAX_CANDIDATES = 3, 60
MAX_FINALISTS, MIN_FINALISTS = 4, 2

MIN_SCALE, MAX_SCALE = 0.5, 3.0
"""How much shorter or longer than usual the measurements of a trial may be."""


@dataclass(frozen=True)
class TimeBudget:
    """The budget in seconds."""

    seconds: float

    @property
    def screening_end(self) -> float:
        """Seconds at which the screening ends."""
        return SCREENING_SHARE * self.seconds

    @property
    def finals_end(self) -> float:
        """Seconds at which the finals end."""
        return FINALS_END * self.seconds

    @property
    def finals_deadline(self) -> float:
        """Seconds after which no slot of the finals begins."""
        return 0.95 * self.seconds

    @property
    def latest_end(self) -> float:
        """Seconds at which every measurement is cut off: the report needs the rest of the tenth."""
        return LATEST_END * self.seconds

    def candidates(self, servers: int) -> int:
        """Return how many candidates the first round has time for: more, if there are many `servers`."""
        usual, most = (
            int(share * self.screening_end / SHORT_TRIAL_SECONDS)
            for share in (FIRST_ROUND_SHARE, LONGEST_FIRST_ROUND_SHARE)
        )
        wanted = math.ceil(servers / SERVERS_SHARE)
        return max(MIN_CANDIDATES, min(MAX_CANDIDATES, max(usual, min(most, wanted))))

    def servers(self, servers: int) -> int:
        """Return how many of the `servers` the first round has time for. The other candidates are their settings."""
        return min(servers, max(MIN_CANDIDATES, int(SERVERS_SHARE * self.candidates(servers))))

    def round_end(self, number: int, rounds: int, candidates: int) -> float:
        """Return the seconds at which round `number` (from 1) of `rounds` screening rounds ends.

        The first one has `candidates`.
        """
        if rounds == 1:
            return self.screening_end
        usual, most = FIRST_ROUND_SHARE * self.screening_end, LONGEST_FIRST_ROUND_SHARE * self.screening_end
        first = max(usual, min(most, candidates * SHORT_TRIAL_SECONDS))
        return first + (self.screening_end - first) * (number - 1) / (rounds - 1)

    @property
    def security_checks(self) -> int:
        """Return how many servers each check of security has time for, 0 in a short search."""
        return SECURITY_CHECKS_AT_ONCE * int(self.seconds * SECURITY_SHARE / SECURITY_CHECK_SECONDS)

    def scale(self, seconds: float, trials: int) -> float:
        """Return how long the measurements of each of `trials` in `seconds` may be, 1 for the usual length."""
        return max(MIN_SCALE, min(MAX_SCALE, seconds / max(1, trials) / (1.5 * SHORT_TRIAL_SECONDS)))

    def finals_scale(self, elapsed: float, slots: int) -> float:
        """Return how long the measurements of the finals may be, so that FEWEST_ROUNDS rounds of `slots` trials fit."""
        return self.scale((self.finals_end - elapsed) / FEWEST_ROUNDS / FINALS_TRIAL_FACTOR, slots)

    def shorter_scale(self, scale: float, elapsed: float, slots: int, rounds: int, trial_seconds: float) -> float:
        """Return `scale`, or less if FEWEST_ROUNDS rounds do not fit. `rounds` are done; a trial took `trial_seconds`.

        The start of a server takes as long as before, so the next round may still be too long: ask after each round.
        """
        missing = FEWEST_ROUNDS - rounds
        if missing <= 0 or trial_seconds <= 0:
            return scale
        allowed = (self.finals_end - elapsed) / missing / max(1, slots)
        return max(MIN_SCALE, min(scale, scale * allowed / trial_seconds))

    def finalists(self, elapsed: float, trial_seconds: float) -> int:
        """Return how many candidates the finals have room for. A trial of the finals takes `trial_seconds`.

        The first one is measured twice in each round, so that the rounds show how much it differs from itself.
        """
        slots = (self.finals_end - elapsed) / FEWEST_ROUNDS / max(trial_seconds, 0.1)
        return max(MIN_FINALISTS, min(MAX_FINALISTS, int(slots) - 1))
