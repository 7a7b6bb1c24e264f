"""The app's side channel: order, gaps, waiting, and barriers that hold and let go."""

from __future__ import annotations

import json
import socket
from collections.abc import Iterator
from pathlib import Path
from tempfile import TemporaryDirectory

import pytest
import trio
import trio.testing

from wsgi_gauntlet.harness.errors import HarnessTrouble
from wsgi_gauntlet.harness.events import CONTROL_VARIABLE, EVENTS_VARIABLE, Channel
from wsgi_gauntlet.harness.model import AppEvent


@pytest.fixture
def folder() -> Iterator[Path]:
    with TemporaryDirectory(prefix="g-") as name:
        yield Path(name)


def send(channel: Channel, **event: object) -> None:
    whole = {"at": 1.0, "kind": "called", "pid": 7, "thread": 1, "token": "t", "sequence": 0, "detail": {}} | event
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as sender:
        sender.sendto(json.dumps(whole).encode(), channel.environment[EVENTS_VARIABLE])


def names(folder: Path) -> list[str]:
    return sorted(each.name for each in folder.iterdir())


def kinds(events: list[AppEvent]) -> list[str]:
    return [event.kind for event in events]


async def ask(channel: Channel, name: str) -> trio.SocketStream:
    stream = await trio.open_unix_socket(channel.environment[CONTROL_VARIABLE])
    await stream.send_all(name.encode() + b"\n")
    return stream


async def held(channel: Channel, name: str, count: int = 1) -> None:
    with trio.fail_after(5):
        while channel.waiting(name) != count:
            await trio.testing.wait_all_tasks_blocked()


async def test_events_come_in_the_order_of_the_apps_clock_and_from_the_mark_on(folder: Path) -> None:
    async with Channel.open(folder) as channel:
        send(channel, kind="before")
        mark = channel.mark()
        send(channel, kind="second", at=3.0, sequence=1)
        send(channel, kind="first", at=2.0, pid=8)
        await channel.settle()
        assert kinds(channel.since(mark)) == ["first", "second"]
        assert kinds(channel.since(0)) == ["before", "first", "second"]


async def test_waiting_ends_at_the_counted_match(folder: Path) -> None:
    async with Channel.open(folder) as channel:
        mark = channel.mark()
        for number, kind in enumerate(["block", "called", "block"]):
            send(channel, kind=kind, sequence=number, detail={"number": number})
        with trio.fail_after(5):
            event = await channel.wait(mark, lambda e: e.kind == "block", 2)
        assert event.detail == {"number": 2}


async def test_waiting_ends_when_a_later_event_arrives(folder: Path) -> None:
    async with Channel.open(folder) as channel, trio.open_nursery() as nursery:
        found: list[AppEvent] = []

        async def wait() -> None:
            found.append(await channel.wait(0, lambda e: e.kind == "closed"))

        nursery.start_soon(wait)
        await trio.testing.wait_all_tasks_blocked()
        send(channel, kind="called")
        send(channel, kind="closed", sequence=1)
        with trio.fail_after(5):
            while not found:
                await trio.testing.wait_all_tasks_blocked()
        assert kinds(found) == ["closed"]


async def test_a_gap_in_a_processs_numbering_is_a_loss(folder: Path) -> None:
    async with Channel.open(folder) as channel:
        send(channel, sequence=0)
        send(channel, pid=8, sequence=0)
        assert channel.lost(0) == 0
        mark = channel.mark()
        send(channel, sequence=3)
        await channel.settle()
        assert channel.lost(mark) == 2
        assert channel.lost(channel.mark()) == 0


async def test_a_reused_process_id_that_starts_anew_is_no_loss(folder: Path) -> None:
    async with Channel.open(folder) as channel:
        for sequence in (0, 1, 0):
            send(channel, sequence=sequence)
        await channel.settle()
        assert channel.lost(0) == 0
        assert len(channel.since(0)) == 3


async def test_what_is_not_an_event_is_left_out(folder: Path) -> None:
    async with Channel.open(folder) as channel:
        with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as sender:
            for datagram in (b"", b"garbage", b'{"at": "yesterday"}', b"\xff\xfe"):
                sender.sendto(datagram, channel.environment[EVENTS_VARIABLE])
        await channel.settle()
        assert channel.since(0) == []


async def test_more_events_than_the_socket_queues_are_all_read_when_drained(folder: Path) -> None:
    async with Channel.open(folder) as channel:
        for number in range(500):
            send(channel, sequence=number)
            if number % 5 == 0:
                channel.mark()
        await channel.settle()
        assert len(channel.since(0)) == 500
        assert channel.lost(0) == 0


async def test_no_more_than_the_most_events_are_kept(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("wsgi_gauntlet.harness.events.MOST_EVENTS", 2)
    async with Channel.open(folder) as channel:
        for number in range(3):
            send(channel, sequence=number)
        await channel.settle()
        assert len(channel.since(0)) == 2
        assert channel.lost(0) == 1


async def test_a_barrier_holds_until_it_is_released(folder: Path) -> None:
    async with Channel.open(folder) as channel:
        stream = await ask(channel, "t:gate")
        await held(channel, "t:gate")
        channel.release("t:other")
        assert channel.waiting("t:gate") == 1
        channel.release("t:gate")
        with trio.fail_after(5):
            assert await stream.receive_some(1) == b"."
        await stream.aclose()


async def test_a_released_barrier_lets_later_ones_through(folder: Path) -> None:
    async with Channel.open(folder) as channel:
        channel.release("t:gate")
        with trio.fail_after(5):
            async with await ask(channel, "t:gate") as stream:
                assert await stream.receive_some(1) == b"."


async def test_releasing_all_of_a_token_leaves_the_others_held(folder: Path) -> None:
    async with Channel.open(folder) as channel:
        ours, theirs = await ask(channel, "ours:a"), await ask(channel, "theirs:a")
        await held(channel, "ours:a")
        await held(channel, "theirs:a")
        channel.release_all("ours")
        with trio.fail_after(5):
            assert await ours.receive_some(1) == b"."
            async with await ask(channel, "ours:b") as later:
                assert await later.receive_some(1) == b"."
        assert channel.waiting("theirs:a") == 1
        await ours.aclose()
        await theirs.aclose()
        await held(channel, "theirs:a", 0)


async def test_an_app_that_gives_up_waiting_disturbs_nothing(folder: Path) -> None:
    async with Channel.open(folder) as channel:
        for ending in (b"", b"t:gate"):
            stream = await trio.open_unix_socket(channel.environment[CONTROL_VARIABLE])
            if ending:
                await stream.send_all(ending)
            await stream.aclose()
        async with await ask(channel, "t:gate"):
            await held(channel, "t:gate")
        await held(channel, "t:gate", 0)


async def test_the_sockets_go_with_the_channel(folder: Path) -> None:
    async with Channel.open(folder) as channel:
        assert names(folder) == ["control", "events"]
    assert names(folder) == []
    assert channel.mark() == 0


async def test_what_the_block_raises_comes_out_as_it_is(folder: Path) -> None:
    with pytest.raises(ValueError, match="mine"):
        async with Channel.open(folder):
            raise ValueError("mine")
    assert names(folder) == []


async def test_a_folder_with_too_long_a_path_is_refused_in_words(tmp_path: Path) -> None:
    deep = tmp_path / ("d" * 120)
    deep.mkdir()
    with pytest.raises(HarnessTrouble, match="set TMPDIR to a shorter one"):
        async with Channel.open(deep):
            pass


async def test_a_folder_that_is_not_there_is_refused_in_words(folder: Path) -> None:
    with pytest.raises(HarnessTrouble, match="is its folder writable"):
        async with Channel.open(folder / "absent"):
            pass


async def test_a_silent_channel_has_nothing_to_tell() -> None:
    channel = Channel.silent()
    assert channel.environment == {}
    await channel.settle()
    channel.release_all("t")
    assert channel.since(channel.mark()) == []
    assert channel.lost(0) == 0
