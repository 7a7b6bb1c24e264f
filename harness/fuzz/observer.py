"""Observe many inputs on one running server, one after the other, and restart it when it needs that.

A tool that compares two builds of a server needs `observe_inputs` and `inputs` alone:

    async with running(plan, scratch=scratch) as server:
        found = await observe_inputs(server, islice(inputs(seed), 1000))
"""

from __future__ import annotations

from collections.abc import Iterable

from wsgi_gauntlet.harness.errors import EventsLost
from wsgi_gauntlet.harness.fuzz.inputs import FuzzInput
from wsgi_gauntlet.harness.fuzz.observation import Observation
from wsgi_gauntlet.harness.fuzz.probe import QUICK, Patience, probe
from wsgi_gauntlet.harness.http.connection import ConnectFailed
from wsgi_gauntlet.harness.server.instance import ServerInstance

TRIES = 3
"""Probes of one input, if the server takes no connection, or if app events are lost."""


async def observe_inputs(
    server: ServerInstance, inputs: Iterable[FuzzInput], patience: Patience = QUICK
) -> list[Observation]:
    """Return the reaction of `server` to each of `inputs`, in their order. Raises as `observe_bytes` does."""
    return [await observe_bytes(server, each.data, patience) for each in inputs]


async def observe_bytes(server: ServerInstance, data: bytes, patience: Patience = QUICK) -> Observation:
    """Return the reaction of `server` to `data`; afterwards the server runs and is idle.

    A server that ended, or that keeps a processor busy, is restarted. Raises the errors of a start, ConnectFailed if
    the restarted server takes no connection, and EventsLost if app events are missing each time.
    """
    for attempt in range(1, TRIES + 1):
        try:
            if server.ended:
                await server.restart(grace=0)
            observed = await probe(server, data, patience)
        except ConnectFailed:
            if attempt == TRIES:
                raise
            await server.restart(grace=0)
        except EventsLost:
            if attempt == TRIES:
                raise
        else:
            if server.ended or observed.busy:
                await server.restart(grace=0)
            return observed
    raise AssertionError(TRIES)
