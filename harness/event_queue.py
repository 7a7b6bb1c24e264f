"""Carry events from the runners to the session, one at a time."""

from __future__ import annotations

import math
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from typing import Self

import trio

from wsgi_gauntlet.harness.events import Event, EventHandler, Progress

MAX_WAITING_PROGRESS = 256
"""Events that may wait for the consumer before further `Progress` events are dropped."""


@dataclass(frozen=True)
class _Delivery:
    event: Event
    handled: trio.Event = field(default_factory=trio.Event)


class EventQueue:
    """Carry events from many tasks to one consumer.

    The queue is bounded: each task has at most one event in it, and `Progress` is dropped when many events wait.
    """

    def __init__(self) -> None:
        self._send, self._receive = trio.open_memory_channel[_Delivery](math.inf)
        self._unhandled: _Delivery | None = None

    async def put(self, event: Event) -> None:
        """Hand over `event` and wait until the consumer has handled it.

        The event is in the queue before the first wait, so a cancelled task does not lose its result.
        """
        delivery = _Delivery(event)
        self._send.send_nowait(delivery)
        await delivery.handled.wait()

    def put_progress(self, progress: Progress) -> None:
        """Hand over `progress` without waiting."""
        if self._send.statistics().current_buffer_used < MAX_WAITING_PROGRESS:
            self._send.send_nowait(_Delivery(progress))

    def __aiter__(self) -> Self:
        return self

    async def __anext__(self) -> Event:
        """Return the next event, until `close`. The one before it counts as handled now."""
        if self._unhandled is not None:
            self._unhandled.handled.set()
        try:
            self._unhandled = await self._receive.receive()
        except trio.EndOfChannel:
            raise StopAsyncIteration from None
        return self._unhandled.event

    def close(self) -> None:
        """End the iteration after the events that are in the queue."""
        self._send.close()

    def remaining(self) -> list[Event]:
        """Take the events that nobody has handled."""
        found: list[Event] = []
        while True:
            try:
                found.append(self._receive.receive_nowait().event)
            except (trio.WouldBlock, trio.EndOfChannel):
                return found


async def handle_events(work: Callable[[EventQueue], Awaitable[None]], handle: EventHandler) -> None:
    """Run `work` and call `handle` with each of its events, one at a time.

    A task of `work` goes on only after `handle` has returned. If `work` is cancelled or fails, the events that it had
    put into the queue are handled all the same. Raises an exception group with the errors of `work` and `handle`.
    """
    queue = EventQueue()

    async def run() -> None:
        try:
            await work(queue)
        finally:
            queue.close()

    try:
        async with trio.open_nursery() as nursery:
            nursery.start_soon(run)
            async for event in queue:
                handle(event)
    finally:
        for event in queue.remaining():
            handle(event)
