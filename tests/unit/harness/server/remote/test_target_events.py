"""The app events of a target: in order, once, and never silently incomplete."""

from __future__ import annotations

import time
from pathlib import Path

import pytest
import trio

from wsgi_gauntlet.harness.errors import EventsLost, Unsupported
from wsgi_gauntlet.harness.server.remote import target_events
from wsgi_gauntlet.harness.server.remote.target_events import TargetEventChannel
from wsgi_gauntlet.suites.testapp.core import event_store as app_store

from .....helpers.target_app import TOKEN, DirectControl, serve


@pytest.fixture(autouse=True)
def target(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("WSGI_GAUNTLET_TOKEN", TOKEN)
    monkeypatch.setenv("WSGI_GAUNTLET_STORE", str(tmp_path / "store"))
    monkeypatch.setattr("wsgi_gauntlet.suites.testapp.core.event_store._target_store", None)


async def observed(app_clock: float = 0.0) -> tuple[DirectControl, TargetEventChannel]:
    control = DirectControl()
    await control.observe()
    return control, TargetEventChannel(control, app_clock)


def store() -> app_store.EventStore:
    return app_store.use_event_store(TOKEN)


async def test_the_events_of_a_request_arrive_once_and_in_order() -> None:
    _, channel = await observed()
    mark = channel.begin_attempt()
    channel.release("a.1:second")
    serve("/stream", "a.1")
    kinds = [event.kind for event in channel.since(mark)]
    assert kinds[0] == "called"
    assert kinds[-1] == "exhausted"
    await channel.read_pending()
    assert [event.kind for event in channel.since(mark)] == kinds
    assert channel.lost_count(mark) == 0
    channel.require_read()


async def test_a_lost_event_shows_as_a_gap(monkeypatch: pytest.MonkeyPatch) -> None:
    _, channel = await observed()
    serve("/echo", "a")
    mark = channel.begin_attempt()
    with monkeypatch.context() as full:
        full.setattr(app_store, "MAX_STORED_BYTES", 0)
        serve("/echo", "a")
    serve("/echo", "a")
    assert len(channel.since(mark)) == 1
    assert channel.lost_count(mark) == 1


async def test_a_target_that_does_not_respond_leaves_the_events_unknown() -> None:
    control, channel = await observed()
    mark = channel.begin_attempt()
    serve("/echo", "a")
    control.connected = False
    assert channel.since(mark) == []
    with pytest.raises(Unsupported, match="could not be read"):
        channel.require_read()
    control.connected = True
    assert [event.token for event in channel.since(mark)] == ["a"]
    channel.require_read()


async def test_a_target_that_forgot_the_check_is_not_asked_again() -> None:
    control, channel = await observed()
    store().end()
    channel.begin_attempt()
    with pytest.raises(EventsLost, match="does not know this check"):
        channel.require_read()
    asked = len(control.sent)
    await channel.read_pending()
    assert not channel._drain()
    assert "does not know this check" in channel.failure_message(0)
    assert len(control.sent) == asked + 1


async def test_a_case_waits_for_an_event_of_the_app() -> None:
    _, channel = await observed()
    mark = channel.begin_attempt()
    async with trio.open_nursery() as nursery:

        async def ask_later() -> None:
            await trio.lowlevel.checkpoint()
            serve("/echo", "a")

        nursery.start_soon(ask_later)
        with trio.fail_after(30):
            event = await channel.wait(mark, lambda each: each.kind == "called")
    assert event.token == "a"


async def test_a_request_that_was_overtaken_brings_nothing_twice() -> None:
    control, channel = await observed()
    mark = channel.begin_attempt()
    serve("/echo", "a")
    start = channel._start
    response, events = await control.send("fetch", 1, g=start[0], **{"from": start[1], "open": ""})
    channel._drain()
    assert channel._take(start, [], response, events) is False
    assert len(channel.since(mark)) == 1


async def test_more_events_than_one_response_has(monkeypatch: pytest.MonkeyPatch) -> None:
    _, channel = await observed()
    mark = channel.begin_attempt()
    for _ in range(5):
        serve("/echo", "a")
    monkeypatch.setattr(app_store, "MAX_FETCHED_BYTES", 4000)
    assert len(channel.since(mark)) == 5


async def test_a_new_file_begins_between_two_attempts(monkeypatch: pytest.MonkeyPatch) -> None:
    control, channel = await observed()
    channel.begin_attempt()
    serve("/echo", "a")
    monkeypatch.setattr(target_events, "RENEW_BYTES", 1)
    mark = channel.begin_attempt()
    assert "a=renew" in control.sent[-1]
    serve("/echo", "b")
    assert [event.token for event in channel.since(mark)] == ["b"]
    assert channel.lost_count(mark) == 0


async def test_a_late_event_in_the_old_file_is_no_gap_of_the_next_attempt() -> None:
    _, channel = await observed()
    serve("/echo", "a")
    mark = channel.begin_attempt()
    serve("/echo", "late")
    channel._renew()
    serve("/echo", "b")
    assert [event.token for event in channel.since(mark)] == ["b"]
    assert channel.lost_count(mark) == 0


async def test_the_clock_of_another_machine_is_translated() -> None:
    _, channel = await observed(app_clock=1e6)
    mark = channel.begin_attempt()
    serve("/echo", "a")
    (event,) = channel.since(mark)
    assert event.at < time.monotonic() - 9e5


async def test_a_released_barrier_lets_the_app_go_on() -> None:
    _, channel = await observed()
    channel.begin_attempt()
    channel.release("a:answer")
    assert serve("/echo?hold=answer", "a") == ("200 OK", b"gauntlet a\n")
    assert channel.unsupported_reason == ""
    channel.release_all("b")
    await channel.read_pending()
    assert serve("/echo?hold=answer", "b.7") == ("200 OK", b"gauntlet b.7\n")


async def test_a_barrier_that_nobody_can_release_makes_the_case_unsupported() -> None:
    control, channel = await observed()
    channel.begin_attempt()
    control.connected = False
    channel.release("a:answer")
    assert "all workers" in channel.unsupported_reason
    control.connected = True
    channel.begin_attempt()
    assert channel.unsupported_reason == ""


async def test_a_target_of_one_request_at_a_time_has_no_barriers() -> None:
    control, channel = await observed()
    await control.send("barriers", 1, on=0)
    mark = channel.begin_attempt()
    assert serve("/echo?hold=answer", "a")[0] == "200 OK"
    assert "waiting" in {event.kind for event in channel.since(mark)}
    assert "one request at a time" in channel.unsupported_reason


async def test_the_target_is_asked_to_go_on_observing(monkeypatch: pytest.MonkeyPatch) -> None:
    control, channel = await observed()
    monkeypatch.setattr(target_events, "KEEP_ALIVE_SECONDS", 0.0)
    before = len(control.sent)
    with trio.fail_after(30):
        async with trio.open_nursery() as nursery:
            nursery.start_soon(channel.keep_alive)
            while len(control.sent) < before + 3:
                await trio.lowlevel.checkpoint()
            nursery.cancel_scope.cancel()
