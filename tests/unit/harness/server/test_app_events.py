"""The app's side channel: order, gaps, waiting, and barriers that hold and let go."""

from __future__ import annotations

import json
import socket
import threading
import tracemalloc
from collections.abc import Iterator
from pathlib import Path
from tempfile import TemporaryDirectory

import pytest
import trio
import trio.testing

from wsgi_gauntlet.harness.errors import InternalError
from wsgi_gauntlet.harness.model import AppEvent
from wsgi_gauntlet.harness.server.app_events import (
    CONTROL_VARIABLE,
    EVENTS_VARIABLE,
    KEY_SUFFIX,
    MEMORY_BUDGET_BYTES,
    AppEventChannel,
)


@pytest.fixture
def folder() -> Iterator[Path]:
    with TemporaryDirectory(prefix="g-") as name:
        yield Path(name)


def send(channel: AppEventChannel, **event: object) -> None:
    whole = {"at": 1.0, "kind": "called", "pid": 7, "thread": 1, "token": "t", "sequence": 0, "detail": {}} | event
    send_bytes(channel, json.dumps(whole).encode())


def send_bytes(channel: AppEventChannel, data: bytes, *, key: bytes | None = None) -> None:
    path = channel.environment[EVENTS_VARIABLE]
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as sender:
        sender.sendto((Path(path + KEY_SUFFIX).read_bytes() if key is None else key) + data, path)


def names(folder: Path) -> list[str]:
    return sorted(each.name for each in folder.iterdir())


def kinds(events: list[AppEvent]) -> list[str]:
    return [event.kind for event in events]


async def ask(channel: AppEventChannel, name: str) -> trio.SocketStream:
    stream = await trio.open_unix_socket(channel.environment[CONTROL_VARIABLE])
    await stream.send_all(name.encode() + b"\n")
    return stream


async def held(channel: AppEventChannel, name: str, count: int = 1) -> None:
    with trio.fail_after(30):
        while channel.waiting(name) != count:
            await trio.testing.wait_all_tasks_blocked()


async def test_events_come_in_the_order_of_the_apps_clock_and_from_the_mark_on(folder: Path) -> None:
    async with AppEventChannel.open(folder) as channel:
        send(channel, kind="before")
        mark = channel.mark()
        send(channel, kind="second", at=3.0, sequence=1)
        send(channel, kind="first", at=2.0, pid=8)
        await channel.read_pending()
        assert kinds(channel.since(mark)) == ["first", "second"]
        assert kinds(channel.since(0)) == ["before", "first", "second"]


async def test_waiting_ends_at_the_counted_match(folder: Path) -> None:
    async with AppEventChannel.open(folder) as channel:
        mark = channel.mark()
        for number, kind in enumerate(["block", "called", "block"]):
            send(channel, kind=kind, sequence=number, detail={"number": number})
        with trio.fail_after(30):
            event = await channel.wait(mark, lambda e: e.kind == "block", 2)
        assert event.detail == {"number": 2}


async def test_waiting_ends_when_a_later_event_arrives(folder: Path) -> None:
    async with AppEventChannel.open(folder) as channel, trio.open_nursery() as nursery:
        found: list[AppEvent] = []

        async def wait() -> None:
            found.append(await channel.wait(0, lambda e: e.kind == "closed"))

        nursery.start_soon(wait)
        await trio.testing.wait_all_tasks_blocked()
        send(channel, kind="called")
        send(channel, kind="closed", sequence=1)
        with trio.fail_after(30):
            while not found:
                await trio.testing.wait_all_tasks_blocked()
        assert kinds(found) == ["closed"]


async def test_a_gap_in_a_processs_numbering_is_a_loss(folder: Path) -> None:
    async with AppEventChannel.open(folder) as channel:
        send(channel, sequence=0)
        send(channel, pid=8, sequence=0)
        assert channel.lost_count(0) == 0
        mark = channel.mark()
        send(channel, sequence=3)
        await channel.read_pending()
        assert channel.lost_count(mark) == 2
        assert channel.lost_count(channel.mark()) == 0


async def test_a_reused_process_id_that_starts_anew_is_no_loss(folder: Path) -> None:
    async with AppEventChannel.open(folder) as channel:
        for sequence in (0, 1, 0):
            send(channel, sequence=sequence)
        await channel.read_pending()
        assert channel.lost_count(0) == 0
        assert len(channel.since(0)) == 3


async def test_what_lacks_the_key_is_a_strangers_and_counts_for_nothing(folder: Path) -> None:
    async with AppEventChannel.open(folder) as channel:
        event = b'{"at": 1.0, "kind": "called", "pid": 7, "thread": 1, "sequence": %d}'
        for key, data in ((b"", b""), (b"", event % 0), (b"0" * 32, event % 0), (b"", b"x" * 100_000)):
            send_bytes(channel, data, key=key)
        await channel.read_pending()
        assert channel.since(0) == []
        assert channel.lost_count(0) == 0
        send_bytes(channel, event % 0)
        await channel.read_pending()
        assert kinds(channel.since(0)) == ["called"]
        assert channel.lost_count(0) == 0


def form(**changed: str) -> bytes:
    whole = {"at": "1.0", "kind": '"called"', "pid": "7", "thread": "1", "token": '"t"', "sequence": "0"} | changed
    return ("{" + ",".join(f'"{name}":{value}' for name, value in whole.items()) + "}").encode()


@pytest.mark.parametrize(
    "datagram",
    [
        pytest.param(b"", id="empty"),
        pytest.param(b"garbage", id="no JSON"),
        pytest.param(b"[]", id="a list"),
        pytest.param(b"\xff\xfe", id="no UTF-8"),
        pytest.param(form(at='"yesterday"'), id="a time in words"),
        pytest.param(form(at="NaN"), id="no number"),
        pytest.param(form(at="1e999"), id="infinite"),
        pytest.param(form(at="-1"), id="before time"),
        pytest.param(form(pid="0"), id="pid 0"),
        pytest.param(form(pid="-1"), id="negative pid"),
        pytest.param(form(pid="9" * 50), id="huge pid"),
        pytest.param(form(pid="9" * 9000), id="pid of too many digits"),
        pytest.param(form(thread="9" * 50), id="huge thread"),
        pytest.param(form(sequence="-1"), id="negative sequence"),
        pytest.param(form(sequence="9" * 30), id="huge sequence"),
        pytest.param(form(kind='"\\ud800"'), id="lone surrogate"),
        pytest.param(form(kind="1"), id="kind of another type"),
        pytest.param(form(kind='"' + "k" * 5000 + '"'), id="long kind"),
        pytest.param(form(token="[]"), id="token of another type"),
        pytest.param(form(detail="3"), id="detail of another type"),
        pytest.param(form(detail='{"a":' + "[" * 20 + "]" * 20 + "}"), id="deeper than any event"),
        pytest.param(form(detail='{"a":' + '{"a":' * 900 + "1" + "}" * 901), id="deep"),
        pytest.param(form(detail='{"a":' + "[" * 60_000 + "]" * 60_000 + "}"), id="deeper than the stack"),
        pytest.param(b"[" * 100_000, id="deep and cut short"),
    ],
)
async def test_what_has_the_key_and_is_no_sane_event_is_lost_and_nothing_more(folder: Path, datagram: bytes) -> None:
    async with AppEventChannel.open(folder) as channel:
        send_bytes(channel, datagram)
        await channel.read_pending()
        assert channel.since(0) == []
        assert channel.lost_count(0) == 1
        send(channel)
        await channel.read_pending()
        assert kinds(channel.since(0)) == ["called"]
        assert channel.lost_count(0) == 1


async def test_numbers_of_a_process_that_lies_are_a_loss_and_nothing_more(folder: Path) -> None:
    async with AppEventChannel.open(folder) as channel:
        send(channel, sequence=1 << 52)
        send(channel, sequence=0)
        await channel.read_pending()
        assert channel.lost_count(0) == 1 << 52
        assert len(channel.since(0)) == 2


async def test_no_more_processes_are_numbered_than_a_server_can_have(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("wsgi_gauntlet.harness.server.app_events.MAX_PROCESSES", 2)
    async with AppEventChannel.open(folder) as channel:
        for pid in (1, 2, 3):
            send(channel, pid=pid)
        await channel.read_pending()
        assert len(channel.since(0)) == 2
        assert channel.lost_count(0) == 1


@pytest.mark.parametrize("detail", [{"text": "x" * 100_000}, {"values": [[]] * 30_000}])
async def test_the_events_of_an_attempt_take_bounded_memory(folder: Path, detail: dict[str, object]) -> None:
    async with AppEventChannel.open(folder) as channel:
        channel.begin_attempt()
        tracemalloc.start()
        for number in range(400):
            send(channel, sequence=number, detail=detail)
            channel.mark()
        taken, _ = tracemalloc.get_traced_memory()
        tracemalloc.stop()
        assert taken < 2 * MEMORY_BUDGET_BYTES
        assert channel.lost_count(0) + len(channel.since(0)) == 400
        assert "MiB" in channel.flooded
        assert channel.flooded in channel.failure_message(0.0)
        # The next attempt has a budget of its own; what was before the last one is forgotten then.
        for _ in range(2):
            mark = channel.begin_attempt()
            assert channel.flooded == ""
            assert channel.lost_count(mark) == 0
        send(channel, sequence=400)
        await channel.read_pending()
        assert kinds(channel.since(mark)) == kinds(channel.since(0)) == ["called"]
        assert channel.lost_count(mark) == 0, "those that were dropped are no loss of this attempt"


async def test_waiting_and_marks_go_on_where_earlier_events_were_forgotten(folder: Path) -> None:
    async with AppEventChannel.open(folder) as channel:
        for number in range(6):
            mark = channel.begin_attempt()
            send(channel, kind=f"k{number}", sequence=number)
            with trio.fail_after(30):
                assert (await channel.wait(mark, lambda _: True)).kind == f"k{number}"
            assert kinds(channel.since(mark)) == [f"k{number}"]
        assert kinds(channel.since(0)) == ["k4", "k5"]
        assert channel.mark() == 6


async def test_a_sender_that_never_stops_holds_nobody(folder: Path) -> None:
    stop = threading.Event()

    def flood(channel: AppEventChannel) -> None:
        path = channel.environment[EVENTS_VARIABLE]
        key = Path(path + KEY_SUFFIX).read_bytes()
        with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as sender:
            while not stop.is_set():
                sender.sendto(key + b"x" * 1000, path)

    async with AppEventChannel.open(folder) as channel, trio.open_nursery() as nursery:
        nursery.start_soon(trio.to_thread.run_sync, flood, channel)
        try:
            with trio.fail_after(20):
                while not channel.flooded:
                    await channel.read_pending()
                for _ in range(10):
                    await channel.read_pending()
        finally:
            stop.set()
            while channel._drain():
                pass


async def test_more_events_than_the_socket_queues_are_all_read_when_drained(folder: Path) -> None:
    async with AppEventChannel.open(folder) as channel:
        for number in range(500):
            send(channel, sequence=number)
            if number % 5 == 0:
                channel.mark()
        await channel.read_pending()
        assert len(channel.since(0)) == 500
        assert channel.lost_count(0) == 0


async def test_only_so_many_barriers_are_held_at_once(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("wsgi_gauntlet.harness.server.app_events.MAX_WAITING_BARRIERS", 2)
    async with AppEventChannel.open(folder) as channel:
        streams = [await ask(channel, f"t:{number}") for number in range(2)]
        for number in range(2):
            await held(channel, f"t:{number}")
        assert channel.failure_message(0.0) == ""
        with trio.fail_after(30):
            assert await answer_at(channel, "t:late") == b""
        assert "too many barriers" in channel.failure_message(0.0)
        channel.release("t:0")
        with trio.fail_after(30):
            assert await streams[0].receive_some(1) == b"."
            await held(channel, "t:0", 0)
            async with await ask(channel, "t:next"):
                await held(channel, "t:next")
        for stream in streams:
            await stream.aclose()


async def test_only_so_many_barriers_are_opened_in_one_attempt(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("wsgi_gauntlet.harness.server.app_events.MAX_BARRIERS", 3)
    async with AppEventChannel.open(folder) as channel:
        channel.release_all("t")
        for answer in (b".", b".", b".", b""):
            with trio.fail_after(30):
                assert await answer_at(channel, "t:a") == answer
        assert "too many barriers" in channel.failure_message(0.0)
        channel.begin_attempt()
        with trio.fail_after(30):
            assert await answer_at(channel, "t:a") == b"."


async def test_a_barrier_that_the_app_gave_up_makes_the_attempt_invalid(folder: Path) -> None:
    async with AppEventChannel.open(folder) as channel:
        send(channel, kind="waiting", sequence=0)
        await channel.read_pending()
        assert channel.failure_message(0.0) == ""
        send(channel, kind="barrier-failed", sequence=1)
        await channel.read_pending()
        assert "gave up at a barrier" in channel.failure_message(0.0)
        channel.begin_attempt()
        assert channel.failure_message(0.0) == ""


async def answer_at(channel: AppEventChannel, name: str) -> bytes:
    async with await trio.open_unix_socket(channel.environment[CONTROL_VARIABLE]) as stream:
        try:
            await stream.send_all(name.encode() + b"\n")
            return bytes(await stream.receive_some(1))
        except trio.BrokenResourceError:
            return b""


async def test_a_barrier_holds_until_it_is_released(folder: Path) -> None:
    async with AppEventChannel.open(folder) as channel:
        stream = await ask(channel, "t:gate")
        await held(channel, "t:gate")
        channel.release("t:other")
        assert channel.waiting("t:gate") == 1
        channel.release("t:gate")
        with trio.fail_after(30):
            assert await stream.receive_some(1) == b"."
        await stream.aclose()


async def test_a_released_barrier_lets_later_ones_through(folder: Path) -> None:
    async with AppEventChannel.open(folder) as channel:
        channel.release("t:gate")
        with trio.fail_after(30):
            async with await ask(channel, "t:gate") as stream:
                assert await stream.receive_some(1) == b"."


async def test_releasing_all_of_a_token_leaves_the_others_held(folder: Path) -> None:
    async with AppEventChannel.open(folder) as channel:
        own, theirs = await ask(channel, "own:a"), await ask(channel, "theirs:a")
        await held(channel, "own:a")
        await held(channel, "theirs:a")
        channel.release_all("own")
        with trio.fail_after(30):
            assert await own.receive_some(1) == b"."
            async with await ask(channel, "own:b") as later:
                assert await later.receive_some(1) == b"."
        assert channel.waiting("theirs:a") == 1
        await own.aclose()
        await theirs.aclose()
        await held(channel, "theirs:a", 0)


async def test_an_app_that_gives_up_waiting_disturbs_nothing(folder: Path) -> None:
    async with AppEventChannel.open(folder) as channel:
        for ending in (b"", b"t:gate"):
            stream = await trio.open_unix_socket(channel.environment[CONTROL_VARIABLE])
            if ending:
                await stream.send_all(ending)
            await stream.aclose()
        async with await ask(channel, "t:gate"):
            await held(channel, "t:gate")
        await held(channel, "t:gate", 0)


async def test_the_sockets_go_with_the_channel(folder: Path) -> None:
    async with AppEventChannel.open(folder) as channel:
        assert names(folder) == ["control", "events", "events.key"]
    assert names(folder) == []
    assert channel.mark() == 0


async def test_what_the_block_raises_comes_out_as_it_is(folder: Path) -> None:
    with pytest.raises(ValueError, match="mine"):
        async with AppEventChannel.open(folder):
            raise ValueError("mine")
    assert names(folder) == []


async def test_a_folder_with_too_long_a_path_is_refused_in_words(tmp_path: Path) -> None:
    deep = tmp_path / ("d" * 120)
    deep.mkdir()
    with pytest.raises(InternalError, match="set TMPDIR to a shorter one"):
        async with AppEventChannel.open(deep):
            pass


async def test_a_folder_that_is_not_there_is_refused_in_words(folder: Path) -> None:
    with pytest.raises(InternalError, match="is its folder writable"):
        async with AppEventChannel.open(folder / "absent"):
            pass


async def test_a_silent_channel_has_nothing_to_tell() -> None:
    channel = AppEventChannel.unobserved()
    assert channel.environment == {}
    await channel.read_pending()
    channel.release_all("t")
    assert channel.since(channel.mark()) == []
    assert channel.lost_count(0) == 0
