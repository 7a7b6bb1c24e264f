"""What makes figures look like more, or less, than they are; each a sentence for the report. Values in, values out."""

from __future__ import annotations

from collections.abc import Sequence
from statistics import fmean

from ..model import Outcome, Sample
from ..stats import littles_law

DELAYED_ACK = (0.038, 0.048)
"""Seconds: Linux's shortest delayed ACK, TCP_DELACK_MIN, is 40 ms."""

PLATEAU = 0.2
"""The share of answers within DELAYED_ACK that cannot be chance."""

DISAGREE = 2.0
"""The factor by which Little's law may be missed; arrivals come in bunches and phases are short."""

FEW = 20
"""Samples below which nothing is said."""


def artefacts(samples: Sequence[Sample], *, kept: int, to_keep: int, flying: float, elapsed: float) -> tuple[str, ...]:
    """Return what a reader of the figures of `samples` must know.

    `to_keep` answers were to leave their connection open, `kept` came over one that was left open. `flying` requests
    were seen on their way on average over the `elapsed` seconds in which the samples were due.
    """
    found = []
    answered = [each for each in samples if each.outcome is Outcome.OK]
    wrong = sum(each.outcome is Outcome.WRONG for each in samples)
    if wrong:
        found.append(f"{wrong} answers had a wrong body: do not quote this server's speed before that is explained")
    plateau = sum(DELAYED_ACK[0] <= each.service <= DELAYED_ACK[1] for each in answered)
    if len(answered) >= FEW and plateau >= PLATEAU * len(answered):
        found.append(
            f"{plateau / len(answered) * 100:.0f} % of the answers took 40 ms: Nagle's algorithm meets a delayed ACK "
            "(the server writes head and body apart and leaves TCP_NODELAY off), no work is being done"
        )
    if to_keep >= FEW // 2 and not kept:
        found.append("the server kept no connection alive: every request paid for a connection of its own")
    sent = [each for each in samples if each.outcome is not Outcome.NEVER_SENT]
    if len(sent) >= FEW and elapsed > 0:
        expected = littles_law(len(sent) / elapsed, fmean(each.latency for each in sent))
        if max(expected, flying) > 1 and not expected / DISAGREE <= flying <= expected * DISAGREE:
            found.append(
                f"Little's law does not hold: rate x mean latency says {expected:.1f} requests at a time, {flying:.1f} "
                "were seen; the latencies may be wrong"
            )
    return tuple(found)
