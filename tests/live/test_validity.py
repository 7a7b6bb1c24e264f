"""What the harness, its machine or a stranger did never blames a server: each comes to `error`, with the cause."""

from __future__ import annotations

import contextlib
import os
import resource
import signal
import socket
import subprocess
import sys
from collections.abc import Awaitable, Callable
from pathlib import Path

import pytest
import trio

from wsgi_gauntlet.harness.conformance.assertions import assert_that, fail_case
from wsgi_gauntlet.harness.conformance.basis import MUST_TEXT, pep3333
from wsgi_gauntlet.harness.conformance.catalog import MUST, Case, case
from wsgi_gauntlet.harness.conformance.exchange import Exchange
from wsgi_gauntlet.harness.conformance.validity import STALL_LIMIT_SECONDS, EventLoopWatchdog
from wsgi_gauntlet.harness.conformance.verdict import MAX_STALLED_ATTEMPTS
from wsgi_gauntlet.harness.model import CaseResult, Verdict
from wsgi_gauntlet.harness.server import planning

from ..helpers.requirements import fail_or_skip
from ..helpers.runs import check_cases

pytestmark = pytest.mark.live

Run = Callable[[Exchange], Awaitable[None]]


async def cell(
    folder: Path, run: Run, *, tries: int = 3, logs: Path | None = None, time_sensitive: bool = False
) -> CaseResult:
    """Return what `run` comes to as a case, on wsgiref, whose one thread makes every fault show."""

    async def wrapped(x: Exchange) -> None:
        """It holds."""
        await run(x)

    wrapped.__module__, wrapped.__name__ = "wsgi_gauntlet.suites.own.area", "doubted"
    asked = case(MUST, pep3333("The Application", "a sentence"), basis=MUST_TEXT, time_sensitive=time_sensitive)(
        wrapped
    )
    assert isinstance(asked, Case)
    plan = planning.plan("wsgiref")
    with trio.fail_after(60):
        found = await check_cases(folder, [plan], {plan.name: [asked]}, logs=logs, tries=tries)
    assert not found.failed
    return found.cases[0]


async def answered(x: Exchange) -> None:
    answer = await x.get("/echo")
    assert_that(answer.status == 200, "an answer", answer.describe())
    event = await x.app("/echo")
    assert_that(event.detail["path"] == "/echo", "the path", event.detail["path"])


async def test_without_any_of_it_the_case_passes(tmp_path: Path) -> None:
    assert (await cell(tmp_path, answered)).verdict is Verdict.PASS


async def test_a_server_that_somebody_stopped(tmp_path: Path) -> None:
    async def run(x: Exchange) -> None:
        for pid in x.server.processes():
            os.kill(pid, signal.SIGSTOP)
        with trio.move_on_after(0.2):
            await x.get("/echo")
        fail_case("an answer", "none")

    result = await cell(tmp_path, run)
    assert result.verdict is Verdict.ERROR
    assert "SIGSTOP" in result.actual
    assert "kill -CONT" in result.actual


async def test_an_event_channel_that_was_cut(tmp_path: Path) -> None:
    async def run(x: Exchange) -> None:
        await trio.Path(x.server.channel.environment["WSGI_GAUNTLET_EVENTS"]).unlink(missing_ok=True)
        await answered(x)

    result = await cell(tmp_path, run, tries=1)
    assert result.verdict is Verdict.ERROR
    assert "event channel is cut" in result.actual


async def test_an_event_channel_that_died(tmp_path: Path) -> None:
    async def run(x: Exchange) -> None:
        assert x.server.channel._socket is not None
        x.server.channel._socket.shutdown(socket.SHUT_RDWR)
        await answered(x)

    result = await cell(tmp_path, run, tries=1)
    assert result.verdict is Verdict.ERROR
    assert "event channel is dead" in result.actual


async def test_an_app_that_answers_and_is_not_heard(tmp_path: Path) -> None:
    async def run(x: Exchange) -> None:
        x.server.channel._key = b"another key than the app was given"
        await x.send_sync_request()

    result = await cell(tmp_path, run, tries=1)
    assert result.verdict is Verdict.ERROR
    assert "its event did not arrive" in result.actual


async def test_a_harness_without_descriptors(tmp_path: Path) -> None:
    async def run(x: Exchange) -> None:
        before = resource.getrlimit(resource.RLIMIT_NOFILE)
        used = max(int(each.name) for each in list(await trio.Path("/proc/self/fd").iterdir()))
        resource.setrlimit(resource.RLIMIT_NOFILE, (used + 1, before[1]))
        taken = []
        try:
            with contextlib.suppress(OSError):
                while True:
                    taken.append(os.dup(0))
            await answered(x)
        finally:
            resource.setrlimit(resource.RLIMIT_NOFILE, before)
            for each in taken:
                os.close(each)

    result = await cell(tmp_path, run, tries=1)
    assert result.verdict is Verdict.ERROR
    assert "ulimit -n" in result.actual


def stand_still() -> None:
    subprocess.run([sys.executable, "-c", f"import time; time.sleep({STALL_LIMIT_SECONDS + 0.3})"], check=True)


@pytest.mark.parametrize("blames", [True, False], ids=["what blames", "what passes"])
async def test_where_the_harness_stood_still_times_prove_nothing(tmp_path: Path, blames: bool) -> None:
    async def run(_x: Exchange) -> None:
        await trio.lowlevel.checkpoint()
        stand_still()
        assert_that(not blames, "an answer in time", "none")

    result = await cell(tmp_path, run, tries=1, time_sensitive=True)
    assert result.verdict is Verdict.ERROR
    assert "stood still" in result.actual
    assert result.attempts == 1 + MAX_STALLED_ATTEMPTS


async def test_an_end_that_came_while_the_harness_stood_still_proves_nothing(tmp_path: Path) -> None:
    async def run(x: Exchange) -> None:
        wire = await x.connect()
        await wire.send(x.request("/echo"))
        stand_still()
        await wire.response()
        await wire.ending()

    assert "stood still" in (await cell(tmp_path, run, tries=1)).actual


async def test_what_does_not_rest_on_time_stands_also_where_the_harness_stood_still(tmp_path: Path) -> None:
    async def run(x: Exchange) -> None:
        answer = await x.get("/echo")
        stand_still()
        fail_case("the moon", answer.describe())

    assert (await cell(tmp_path, run, tries=1)).verdict is Verdict.FAIL


async def test_an_attempt_that_a_stall_disturbed_is_made_again(tmp_path: Path) -> None:
    made: list[Exchange] = []

    async def run(x: Exchange) -> None:
        made.append(x)
        if len(made) <= 3:
            await trio.lowlevel.checkpoint()
            stand_still()
        await answered(x)

    result = await cell(tmp_path, run, time_sensitive=True)
    assert result.verdict is Verdict.PASS
    assert sum("stood still" in line for line in result.evidence.process) == 3


async def test_a_full_disk(tmp_path: Path) -> None:
    if os.getuid():
        fail_or_skip("mounting a small disk needs root")
    disk = tmp_path / "disk"
    disk.mkdir()
    subprocess.run(["mount", "-t", "tmpfs", "-o", "size=256k", "tmpfs", str(disk)], check=True)  # noqa: ASYNC221 - quick
    try:

        async def run(x: Exchange) -> None:
            subprocess.run(["dd", "if=/dev/zero", f"of={disk}/filler", "bs=4k"], capture_output=True, check=False)  # noqa: ASYNC221 - quick
            await answered(x)
            assert_that(await x.log("a line that the server had no room for", timeout=0.1), "it in the log", "nothing")

        result = await cell(tmp_path, run, tries=1, logs=disk / "logs")
        assert result.verdict is Verdict.ERROR
        assert "No space left" in result.actual
        assert "free some room" in result.actual
    finally:
        subprocess.run(["umount", str(disk)], check=True)  # noqa: ASYNC221 - quick


async def test_an_error_that_does_not_come_again_stays_in_the_evidence(tmp_path: Path) -> None:
    first: list[Exchange] = []

    async def run(x: Exchange) -> None:
        if not first:
            first.append(x)
            for pid in x.server.processes():
                os.kill(pid, signal.SIGSTOP)
            fail_case("an answer", "none")
        await answered(x)

    result = await cell(tmp_path, run)
    assert result.verdict is Verdict.PASS
    assert any("proved nothing" in line and "SIGSTOP" in line for line in result.evidence.process)


@pytest.mark.usefixtures("autojump_clock")
async def test_a_watchdog_that_beats_on_time_tells_of_nothing() -> None:
    watchdog = EventLoopWatchdog()
    async with watchdog.watching():
        await trio.sleep(1)
    assert watchdog.longest_stall < STALL_LIMIT_SECONDS
