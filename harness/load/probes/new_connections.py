"""Test whether a server accepts new connections: users with kept connections may not notice a connection limit."""

from __future__ import annotations

import enum
from collections import Counter
from collections.abc import Mapping

import trio

from wsgi_gauntlet.harness.http.address import Address
from wsgi_gauntlet.harness.http.http_connection import HttpConnection
from wsgi_gauntlet.harness.load.workload import Workload
from wsgi_gauntlet.harness.model import Metric, Outcome

NEW_CONNECTIONS = 8
"""New connections of one test."""

RESPONSE_TIMEOUT = 1.0
"""Seconds after which a connection counts as left waiting: a person's flow of thought is interrupted (Nielsen 1993)."""

PAGE_BYTES = 2000
"""Bytes of the requested page."""


class NewConnectionOutcome(enum.StrEnum):
    """The outcome of a new connection. REFUSED: no connection, an early end, or a wrong response such as 503."""

    SERVED = "served"
    REFUSED = "refused"
    WAITING = "left waiting"


async def new_connections(
    address: Address, workload: Workload, count: int = NEW_CONNECTIONS, seconds: float = RESPONSE_TIMEOUT
) -> Mapping[NewConnectionOutcome, int]:
    """Open `count` connections at once and count their outcomes. A connection is left waiting after `seconds`.

    Raises OutOfResources if the machine has no more.
    """
    outcomes: list[NewConnectionOutcome] = []

    async def connect_one(number: int) -> None:
        outcome = NewConnectionOutcome.WAITING
        with trio.move_on_after(seconds):
            outcome = await _try_connection(address, workload, f"new-{number}")
        outcomes.append(outcome)

    async with trio.open_nursery() as nursery:
        for number in range(count):
            nursery.start_soon(connect_one, number)
    return Counter(outcomes)


def outcome_measures(outcomes: Mapping[NewConnectionOutcome, int]) -> tuple[Metric, ...]:
    """Return the share of each outcome in per cent."""
    count = sum(outcomes.values())
    return tuple(
        Metric.labelled(f"new connections {outcome}", 100 * outcomes.get(outcome, 0) / count if count else None, "%")
        for outcome in NewConnectionOutcome
    )


async def _try_connection(address: Address, workload: Workload, nonce: str) -> NewConnectionOutcome:
    try:
        connection = await HttpConnection.open(address)
    except OSError:
        return NewConnectionOutcome.REFUSED
    try:
        response = await connection.send_request(workload.request(address, nonce, PAGE_BYTES, keep=False))
    except OSError:
        return NewConnectionOutcome.REFUSED
    finally:
        connection.close()
    return (
        NewConnectionOutcome.SERVED
        if workload.outcome(response, nonce, PAGE_BYTES) is Outcome.OK
        else NewConnectionOutcome.REFUSED
    )
