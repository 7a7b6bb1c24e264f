"""Kinds of slow client that go to another machine and come back equal, and those that stay."""

from __future__ import annotations

import math
from dataclasses import dataclass

import msgspec
import pytest

from wsgi_gauntlet.harness.http.address import Address
from wsgi_gauntlet.harness.load.clients.behaviour_message import (
    BehaviourMessage,
    behaviour_messages,
    behaviour_of_messages,
)
from wsgi_gauntlet.harness.load.clients.behaviours import (
    BadWifi,
    ClientBehaviour,
    ClientMix,
    Connector,
    IdleKeepAliveClient,
    PartialRequestLine,
    SilentConnection,
    SlowHandshake,
    SlowHeaderBytes,
    SlowHeaderLines,
    SlowReader,
    StalledHandshake,
)
from wsgi_gauntlet.harness.load.clients.slow_connection import Script


@pytest.mark.parametrize(
    "behaviour",
    [
        SilentConnection(),
        StalledHandshake(Address(port=5, tls=True), 0.5),
        SlowHandshake(Address(port=5, tls=True), 1.5),
        PartialRequestLine("/page", "localhost:5"),
        SlowHeaderLines("/page", "localhost:5", 1.0),
        SlowHeaderBytes("/page", "localhost:5", 0.25),
        SlowReader("/page", "localhost:5", bytes_per_interval=7),
        BadWifi("/page", "localhost:5", preconnect=False),
    ],
)
def test_a_kind_of_data_comes_back_equal(behaviour: ClientBehaviour) -> None:
    assert behaviour_of_messages(behaviour_messages(behaviour)) == behaviour


def test_a_mix_keeps_its_kinds_in_order() -> None:
    kinds: list[ClientBehaviour] = [SlowHeaderBytes("/page", "h", 1.0), SilentConnection()]
    mix = behaviour_of_messages(behaviour_messages(ClientMix(kinds)))
    assert isinstance(mix, ClientMix)
    assert [mix.behaviour_of(number) for number in range(3)] == [*kinds, kinds[0]]


@dataclass(frozen=True)
class OfAnotherPackage:
    def script(self, _connect: Connector) -> Script:
        yield math.inf, None


@pytest.mark.parametrize(
    "behaviour",
    [
        IdleKeepAliveClient("/page", "h", on_idle_change=lambda _change: None),
        OfAnotherPackage(),
        ClientMix([SilentConnection(), OfAnotherPackage()]),
    ],
)
def test_a_kind_that_calls_the_scenario_stays(behaviour: ClientBehaviour) -> None:
    assert behaviour_messages(behaviour) == ()


@pytest.mark.parametrize(
    ("module", "name", "words"),
    [
        ("os", "system", "is not a module of"),
        ("wsgi_gauntlet.no_such_module", "Client", "has no Client"),
        ("wsgi_gauntlet.harness.load.clients.behaviours", "NoSuchClient", "has no NoSuchClient"),
        ("wsgi_gauntlet.harness.http.address", "Address", "is no kind of slow client"),
        ("wsgi_gauntlet.harness.load.clients.behaviours", "browser_head", "is no kind of slow client"),
        ("wsgi_gauntlet.harness.load.clients.behaviours", "SlowReader", "missing required field"),
    ],
)
def test_no_other_class_is_made_from_a_message(module: str, name: str, words: str) -> None:
    with pytest.raises(ValueError, match=words):
        behaviour_of_messages([BehaviourMessage(module, name, msgspec.msgpack.encode({}))])
