"""Find conditions that make figures look better or worse than they are, as sentences for the report. Pure."""

from __future__ import annotations

from collections.abc import Sequence

from wsgi_gauntlet.harness.model import Outcome, Sample
from wsgi_gauntlet.harness.stats.summary import littles_law, quantile

DELAYED_ACK_SECONDS = (0.038, 0.048)
"""Seconds: the shortest delayed ACK of Linux, TCP_DELACK_MIN, is 40 ms."""

DELAYED_ACK_SHARE = 0.2
"""The share of all responses within DELAYED_ACK_SECONDS that cannot be chance. Of the slow responses it is all but
this share."""

SLOW_RESPONSE_SECONDS = 0.02
"""Seconds: half of a delayed ACK. If most responses take that long, none of them counts as slow."""

BUSY_SHARE = 0.5
"""If the CPU time per response is above this share of DELAYED_ACK_SECONDS, the work itself may explain the time."""

LITTLES_LAW_TOLERANCE = 2.0
"""The allowed deviation from Little's law as a factor: arrivals come in bursts and phases are short."""

MIN_SAMPLES = 20
"""Samples that a caveat needs."""

MIN_DELAYED_RESPONSES = 5
"""Delayed responses that a caveat needs: one pause of the machine can delay two or three equally."""

NAGLE_CAVEAT = (
    "Nagle's algorithm waits for a delayed ACK (the server writes head and body separately without TCP_NODELAY); "
    "the server does no work in this time"
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
    """Return the caveats of `samples`.

    `keep_alive_responses` should have left their connection open; `reused_connection_responses` came over such a
    connection. `in_flight` is the mean number of requests in flight from `started` to `ended`, in seconds from the
    start of the scenario. `cpu` is the CPU seconds of the server per response, 0 if unknown.
    """
    found = []
    answered = [each.service for each in samples if each.outcome is Outcome.OK]
    wrong = sum(each.outcome is Outcome.WRONG for each in samples)
    if wrong:
        found.append(f"{wrong} responses had a wrong body: explain that before you quote the speed of this server")
    if len(answered) >= MIN_SAMPLES and (at := _delayed_ack_count(answered)) and is_mostly_idle(cpu):
        found.append(f"{at / len(answered) * 100:.0f} % of the responses took 40 ms: {NAGLE_CAVEAT}")
    if keep_alive_responses >= MIN_SAMPLES // 2 and not reused_connection_responses:
        found.append("the server kept no connection alive: every request needed a new connection")
    due = [each for each in samples if started <= each.intended < ended]
    sent = [each for each in due if each.outcome is not Outcome.NEVER_SENT]
    if len(sent) >= MIN_SAMPLES and ended > started:
        # Requests that were still waiting count up to the end, as in the count of requests in flight.
        inside = sum(min(each.latency, ended - each.intended) for each in sent) / len(sent)
        expected = littles_law(len(sent) / (ended - started), inside)
        if (
            max(expected, in_flight) > 1
            and not expected / LITTLES_LAW_TOLERANCE <= in_flight <= expected * LITTLES_LAW_TOLERANCE
        ):
            found.append(
                f"Little's law does not hold: rate x mean latency gives {expected:.1f} requests in flight, but "
                f"{in_flight:.1f} were counted; the latencies may be wrong"
            )
    return tuple(found)


def is_mostly_idle(cpu: float) -> bool:
    """Say whether a server with `cpu` seconds of CPU time per response is idle for most of 40 ms."""
    return cpu < BUSY_SHARE * DELAYED_ACK_SECONDS[0]


def _delayed_ack_count(answered: Sequence[float]) -> int:
    """Return how many responses took 40 ms, 0 if that number can be chance.

    Only kept connections wait for a delayed ACK. So these responses may be few, but must then be nearly all of the slow
    ones.
    """
    at = sum(DELAYED_ACK_SECONDS[0] <= each <= DELAYED_ACK_SECONDS[1] for each in answered)
    slow = sum(each > SLOW_RESPONSE_SECONDS for each in answered)
    few = at < DELAYED_ACK_SHARE * len(answered)
    if at < MIN_DELAYED_RESPONSES or (
        few and (at < (1 - DELAYED_ACK_SHARE) * slow or quantile(answered, 0.5) > SLOW_RESPONSE_SECONDS / 2)
    ):
        return 0
    return at
