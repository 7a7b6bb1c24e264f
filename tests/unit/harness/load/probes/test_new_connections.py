"""What becomes of people who come late."""

import math

import pytest
import trio

from wsgi_gauntlet.harness.load.probes import new_connections as module
from wsgi_gauntlet.harness.load.probes.new_connections import (
    NEW_CONNECTIONS,
    NewConnectionOutcome,
    new_connections,
    outcome_measures,
)
from wsgi_gauntlet.harness.load.workload import ReferencePage

from .....helpers.tcp_server import Handler, listening
from ..clients.test_behaviours import reset
from ..conftest import Toy, served


async def unavailable(stream: trio.SocketStream) -> None:
    await stream.receive_some(4096)
    await stream.send_all(b"HTTP/1.1 503 Service Unavailable\r\nContent-Length: 0\r\n\r\n")


async def closes(stream: trio.SocketStream) -> None:
    reset(stream)


async def silent(_stream: trio.SocketStream) -> None:
    await trio.sleep(math.inf)


@pytest.mark.parametrize(
    ("handler", "outcome"),
    [
        (unavailable, NewConnectionOutcome.REFUSED),
        (closes, NewConnectionOutcome.REFUSED),
        (silent, NewConnectionOutcome.WAITING),
    ],
)
async def test_a_fate_for_each(
    handler: Handler, outcome: NewConnectionOutcome, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "RESPONSE_TIMEOUT", 0.2 if outcome is NewConnectionOutcome.WAITING else 30)
    async with listening(handler) as address:
        assert await new_connections(address, ReferencePage()) == {outcome: NEW_CONNECTIONS}


async def test_pages_are_served(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "RESPONSE_TIMEOUT", 30)
    async with served(Toy()) as address:
        assert await new_connections(address, ReferencePage()) == {NewConnectionOutcome.SERVED: NEW_CONNECTIONS}
    assert await new_connections(address, ReferencePage()) == {
        NewConnectionOutcome.REFUSED: NEW_CONNECTIONS
    }  # nobody listens any more


def test_every_server_gets_the_same_rows() -> None:
    found = outcome_measures({NewConnectionOutcome.SERVED: 3, NewConnectionOutcome.WAITING: 1})
    assert [(each.label, each.value, each.unit) for each in found] == [
        ("new connections served", 75.0, "%"),
        ("new connections refused", 0.0, "%"),
        ("new connections left waiting", 25.0, "%"),
    ]
    assert [each.value for each in outcome_measures({})] == [None] * 3
