"""What makes figures look like more, or less, than they are; each a sentence for the report. Values in, values out."""

from __future__ import annotations

from collections.abc import Sequence

from wsgi_gauntlet.harness.model import Outcome, Sample
from wsgi_gauntlet.harness.stats.summary import littles_law, quantile

DELAYED_ACK_SECONDS = (0.038, 0.048)
"""Seconds: Linux's shortest delayed ACK, TCP_DELACK_MIN, is 40 ms."""

DELAYED_ACK_SHARE = 0.2
"""The share of the answers, or all but this share of the slow ones, within DELAYED_ACK_SECONDS that cannot be
chance."""

SLOW_RESPONSE_SECONDS = 0.02
"""Seconds: half of what a delayed ACK takes. Where most answers take that long none of them is slow."""

BUSY_SHARE = 0.5
"""The share of DELAYED_ACK_SECONDS that a server may work for an answer before it may be the work that takes so
long."""

LITTLES_LAW_TOLERANCE = 2.0
"""The factor by which Little's law may be missed; arrivals come in bunches and phases are short."""

MIN_SAMPLES = 20
"""Samples below which nothing is said."""

MIN_DELAYED_RESPONSES = 5
"""Answers at a plateau below which it is none: a hiccup of the machine can delay two or three alike."""

NAGLE_CAVEAT = (
    "Nagle's algorithm meets a delayed ACK (the server writes head and body apart and leaves TCP_NODELAY off), "
    "no work is being done"
)


def find_caveats(
    samples: Sequence[Sample],
    *,
    reused_connection_responses: int,
    keep_alive_responses: int,
    in_flight: float,
    started: float,
    ended: float,
    cpu: float = 0.0,
) -> tuple[str, ...]:
    """Return what a reader of the figures of `samples` must know.

    `keep_alive_responses` answers were to leave their connection open, `kept` came over one that was left open.
    `flying` requests were seen on their way on average from `started` to `ended`, in seconds from the scenario's
    start. `cpu` is seconds that the server's processes worked for one answer, 0 where that is not known.
    """
    found = []
    answered = [each.service for each in samples if each.outcome is Outcome.OK]
    wrong = sum(each.outcome is Outcome.WRONG for each in samples)
    if wrong:
        found.append(f"{wrong} answers had a wrong body: do not quote this server's speed before that is explained")
    if len(answered) >= MIN_SAMPLES and (at := _delayed_ack_count(answered)) and is_mostly_idle(cpu):
        found.append(f"{at / len(answered) * 100:.0f} % of the answers took 40 ms: {NAGLE_CAVEAT}")
    if keep_alive_responses >= MIN_SAMPLES // 2 and not reused_connection_responses:
        found.append("the server kept no connection alive: every request paid for a connection of its own")
    due = [each for each in samples if started <= each.intended < ended]
    sent = [each for each in due if each.outcome is not Outcome.NEVER_SENT]
    if len(sent) >= MIN_SAMPLES and ended > started:
        # Who was still waiting at the end is counted up to there, as they were when somebody looked.
        inside = sum(min(each.latency, ended - each.intended) for each in sent) / len(sent)
        expected = littles_law(len(sent) / (ended - started), inside)
        if (
            max(expected, in_flight) > 1
            and not expected / LITTLES_LAW_TOLERANCE <= in_flight <= expected * LITTLES_LAW_TOLERANCE
        ):
            found.append(
                f"Little's law does not hold: rate x mean latency says {expected:.1f} requests at a time, "
                f"{in_flight:.1f} "
                "were seen; the latencies may be wrong"
            )
    return tuple(found)


def is_mostly_idle(cpu: float) -> bool:
    """Say whether a server that works `cpu` seconds for an answer of 40 ms stands still for most of them."""
    return cpu < BUSY_SHARE * DELAYED_ACK_SECONDS[0]


def _delayed_ack_count(answered: Sequence[float]) -> int:
    """Return how many answers took 40 ms, 0 where those are as many as chance makes.

    A kept connection waits for a delayed ACK, one that was opened for the request does not: so these may be few among
    all answers, and must then be nearly all of the slow ones.
    """
    at = sum(DELAYED_ACK_SECONDS[0] <= each <= DELAYED_ACK_SECONDS[1] for each in answered)
    slow = sum(each > SLOW_RESPONSE_SECONDS for each in answered)
    few = at < DELAYED_ACK_SHARE * len(answered)
    if at < MIN_DELAYED_RESPONSES or (
        few and (at < (1 - DELAYED_ACK_SHARE) * slow or quantile(answered, 0.5) > SLOW_RESPONSE_SECONDS / 2)
    ):
        return 0
    return at
