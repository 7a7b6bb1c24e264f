"""Clients that keep what they were given, and mixtures of them."""

import math

import pytest
import trio

from wsgi_gauntlet.harness.load.drive import Drive
from wsgi_gauntlet.harness.load.hoarder import Hoarder
from wsgi_gauntlet.harness.load.mixture import Mixture
from wsgi_gauntlet.harness.load.personas import Dial, Dialling
from wsgi_gauntlet.harness.load.slowlink import Dropped, Script, pause

from .living import lived
from .test_dripped_body import head_of
from .test_personas import Handler, answer, dropped, reset, serving

HOARDER = Hoarder("/page?n=idle", "host:1")


async def test_one_request_and_then_silence() -> None:
    more: list[bytes] = []

    async def handler(stream: trio.SocketStream) -> None:
        head, _ = await head_of(stream)
        assert head.startswith(b"GET /page?n=idle HTTP/1.1\r\n")
        assert b"\r\nConnection: keep-alive\r\n" in head
        await stream.send_all(answer(100, close=False))
        with trio.move_on_after(0.2):
            more.append(await stream.receive_some(100))

    assert (await dropped(handler, HOARDER)).how == "FIN"
    assert more == []


async def test_who_keeps_no_connection_has_dropped_it_with_the_answer() -> None:
    async def handler(stream: trio.SocketStream) -> None:
        await head_of(stream)
        await stream.send_all(answer(100, close=True))
        await stream.receive_some(100)  # it is the client that closes

    end = await dropped(handler, HOARDER)
    assert (end.how, end.said) == ("FIN", 200)


async def breaks_off(stream: trio.SocketStream) -> None:
    await head_of(stream)
    await stream.send_all(answer(100, close=False)[:-1])
    reset(stream)


async def says_nothing(stream: trio.SocketStream) -> None:
    await head_of(stream)


@pytest.mark.parametrize(("handler", "how"), [(breaks_off, "RST"), (says_nothing, "FIN")])
async def test_an_answer_that_never_is_whole(handler: Handler, how: str) -> None:
    assert (await dropped(handler, HOARDER)).how == how


class Waits:
    """Lives for ever without any connection."""

    def live(self, dial: Dial) -> Script:  # noqa: ARG002 - it needs none
        yield from pause(math.inf)


def nowhere(window: int | None = None) -> Dialling:
    raise ConnectionRefusedError(window)


def test_parts_stay_equal_whoever_goes() -> None:
    mixture, drive = Mixture([Waits(), Waits(), Waits()]), Drive()
    rides = [drive.start(mixture.live(nowhere)) for _ in range(4)]
    assert mixture.living == (2, 1, 1)
    drive.stop(rides[1])
    assert mixture.living == (2, 0, 1)
    rides.append(drive.start(mixture.live(nowhere)))
    assert mixture.living == (2, 1, 1)
    for ride in rides:
        drive.stop(ride)
    assert mixture.living == (0, 0, 0)


async def test_a_kind_that_raises_is_counted_out() -> None:
    async def handler(stream: trio.SocketStream) -> None:
        await stream.receive_some(10)

    mixture = Mixture([HOARDER])
    async with serving(handler) as address:
        assert isinstance((await lived(mixture, address)).end, Dropped)
    assert mixture.living == (0,)
