"""Work that ends by itself, by a signal, or by an error after a signal."""

from __future__ import annotations

import os
import signal

import pytest
import trio

from wsgi_gauntlet.harness.shutdown_signals import run_until_signal


async def test_work_that_ends_by_itself_was_not_interrupted() -> None:
    seen = []

    async def work() -> None:
        seen.append("work")

    assert not await run_until_signal(work, lambda: seen.append("signal"))
    assert seen == ["work"]


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
async def test_a_signal_cancels_the_work_after_it_was_announced(number: signal.Signals) -> None:
    seen = []

    async def work() -> None:
        try:
            os.kill(os.getpid(), number)
            await trio.sleep_forever()
        finally:
            seen.append("cancelled")

    with trio.fail_after(30):
        assert await run_until_signal(work, lambda: seen.append("signal"))
    assert seen == ["signal", "cancelled"]


async def test_without_a_callback_the_signal_is_returned() -> None:
    async def work() -> None:
        os.kill(os.getpid(), signal.SIGTERM)
        await trio.sleep_forever()

    with trio.fail_after(30):
        assert await run_until_signal(work)


async def test_a_signal_is_announced_also_if_the_work_then_fails() -> None:
    seen = []

    async def work() -> None:
        try:
            os.kill(os.getpid(), signal.SIGTERM)
            await trio.sleep_forever()
        finally:
            raise OSError("the disk is full")

    with trio.fail_after(30), pytest.RaisesGroup(pytest.RaisesExc(OSError, match="full")):
        await run_until_signal(work, lambda: seen.append("signal"))
    assert seen == ["signal"]
