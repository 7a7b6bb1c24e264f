"""What becomes of people who come late."""

import math

import pytest
import trio

from wsgi_gauntlet.harness.load.looking import newcomers as module
from wsgi_gauntlet.harness.load.looking.newcomers import COUNT, Fate, measures, newcomers
from wsgi_gauntlet.harness.load.question import ReferencePage

from .conftest import Toy, served
from .listening import Handler, listening
from .test_personas import reset


async def unavailable(stream: trio.SocketStream) -> None:
    await stream.receive_some(4096)
    await stream.send_all(b"HTTP/1.1 503 Service Unavailable\r\nContent-Length: 0\r\n\r\n")


async def closes(stream: trio.SocketStream) -> None:
    reset(stream)


async def silent(_stream: trio.SocketStream) -> None:
    await trio.sleep(math.inf)


@pytest.mark.parametrize(
    ("handler", "fate"), [(unavailable, Fate.REFUSED), (closes, Fate.REFUSED), (silent, Fate.WAITING)]
)
async def test_a_fate_for_each(handler: Handler, fate: Fate, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "PATIENCE", 0.2 if fate is Fate.WAITING else 30)
    async with listening(handler) as address:
        assert await newcomers(address, ReferencePage()) == {fate: COUNT}


async def test_pages_are_served(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "PATIENCE", 30)
    async with served(Toy()) as address:
        assert await newcomers(address, ReferencePage()) == {Fate.SERVED: COUNT}
    assert await newcomers(address, ReferencePage()) == {Fate.REFUSED: COUNT}  # nobody listens any more


def test_every_server_gets_the_same_rows() -> None:
    found = measures({Fate.SERVED: 3, Fate.WAITING: 1})
    assert [(each.name, each.value, each.unit) for each in found] == [
        ("newcomers served", 75.0, "%"),
        ("newcomers refused", 0.0, "%"),
        ("newcomers left waiting", 25.0, "%"),
    ]
    assert [each.value for each in measures({})] == [None] * 3
