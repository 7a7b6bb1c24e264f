"""The queue of events: order, acknowledgement, and results that survive cancellation and errors."""

from __future__ import annotations

import pytest
import trio
import trio.testing

from wsgi_gauntlet.harness import event_queue
from wsgi_gauntlet.harness.event_queue import EventQueue, handle_events
from wsgi_gauntlet.harness.events import Event, Message, Progress


async def test_a_task_goes_on_after_its_event_was_handled() -> None:
    order: list[str] = []

    async def work(events: EventQueue) -> None:
        async def run(name: str) -> None:
            await events.put(Message(name))
            order.append(f"{name} goes on")

        async with trio.open_nursery() as nursery:
            for name in ("a", "b", "c"):
                nursery.start_soon(run, name)

    def handle(event: Event) -> None:
        assert isinstance(event, Message)
        order.append(event.text)

    await handle_events(work, handle)
    assert sorted(order) == ["a", "a goes on", "b", "b goes on", "c", "c goes on"]
    assert all(order.index(name) < order.index(f"{name} goes on") for name in "abc")


async def test_events_of_cancelled_work_are_handled() -> None:
    handled: list[Event] = []
    scope = trio.CancelScope()

    async def work(events: EventQueue) -> None:
        async with trio.open_nursery() as nursery:
            for number in range(5):
                nursery.start_soon(events.put, Message(str(number)))
            await trio.testing.wait_all_tasks_blocked()
            nursery.start_soon(events.put, Message("last"))
            await trio.sleep_forever()

    def handle(event: Event) -> None:
        handled.append(event)
        scope.cancel()

    with scope:
        await handle_events(work, handle)
    assert {each.text for each in handled if isinstance(each, Message)} >= {"0", "1", "2", "3", "4"}


async def test_events_before_an_error_of_the_work_are_handled() -> None:
    handled: list[Event] = []

    async def work(events: EventQueue) -> None:
        async with trio.open_nursery() as nursery:
            nursery.start_soon(events.put, Message("result"))
            nursery.start_soon(fail)

    async def fail() -> None:
        await trio.lowlevel.checkpoint()
        raise LookupError("broken")

    with pytest.raises(ExceptionGroup):
        await handle_events(work, handled.append)
    assert handled == [Message("result")]


async def test_an_error_of_the_handler_ends_the_work() -> None:
    async def work(events: EventQueue) -> None:
        await events.put(Message("result"))
        await trio.sleep_forever()

    def handle(_event: Event) -> None:
        raise LookupError("broken")

    with trio.fail_after(30), pytest.raises(ExceptionGroup):
        await handle_events(work, handle)


async def test_progress_is_dropped_when_many_events_wait(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(event_queue, "MAX_WAITING_PROGRESS", 3)
    handled: list[Event] = []

    async def work(events: EventQueue) -> None:
        for number in range(10):
            events.put_progress(Progress("waitress", str(number)))
        await events.put(Message("result"))

    await handle_events(work, handled.append)
    assert 3 <= len(handled) - 1 < 10
    assert handled[-1] == Message("result")
