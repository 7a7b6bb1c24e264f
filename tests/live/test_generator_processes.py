"""Generator processes against small servers: figures, ends of every kind, and no process left."""

from __future__ import annotations

import itertools
import os
import resource
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import psutil
import pytest
import trio

from wsgi_gauntlet.harness.errors import InternalError, OutOfResources
from wsgi_gauntlet.harness.http.address import Address
from wsgi_gauntlet.harness.load.arrivals import Poisson, Uniform
from wsgi_gauntlet.harness.load.generator import process_pool
from wsgi_gauntlet.harness.load.generator.loop import LoopOptions
from wsgi_gauntlet.harness.load.generator.process_messages import Job, Ready, encode
from wsgi_gauntlet.harness.load.generator.process_pool import parallel_closed_loop, parallel_open_loop

from ..helpers.script_server import PATIENCE, alive
from ..helpers.socket_servers import BODY, PAGE, Behaviour, always, answer, requests, serving

pytestmark = pytest.mark.live

Started = list[psutil.Process]


@pytest.fixture
def started(monkeypatch: pytest.MonkeyPatch) -> Started:
    """Collect the processes that are started."""
    found: Started = []
    real = trio.lowlevel.open_process

    async def open_process(*arguments: Any, **options: Any) -> trio.Process:
        process = await real(*arguments, **options)
        found.append(psutil.Process(process.pid))
        return process

    monkeypatch.setattr(trio.lowlevel, "open_process", open_process)
    return found


def gone(processes: Started) -> bool:
    return not any(each.is_running() for each in processes)


def counting() -> tuple[Behaviour, Callable[[], int]]:
    """Return a server that answers every request, and how many it answered."""
    seen = itertools.count()

    def behave(conn: Any, _number: int) -> None:
        for _ in requests(conn):
            next(seen)
            conn.sendall(answer())

    return behave, lambda: next(seen)


@pytest.mark.parametrize("processes", [1, 2])
async def test_closed_loops_count_what_the_server_counts(processes: int, started: Started) -> None:
    behave, seen = counting()
    before = time.monotonic()
    with serving(behave) as address:
        found = await parallel_closed_loop(address, PAGE, LoopOptions(5), 0.2, processes=processes)
    assert found.ok == found.requests > 0, found.error_messages
    assert found.ok <= seen() <= found.ok + 5
    assert (found.processes, found.connections, found.connects) == (processes, 5, 5)
    assert 0.2 <= found.seconds < PATIENCE
    assert before < found.began < time.monotonic() - 0.2
    assert len(started) == (processes if processes > 1 else 0)
    assert gone(started)


@pytest.mark.parametrize("processes", [1, 2])
async def test_open_loops_send_one_schedule(processes: int, started: Started) -> None:
    behave, seen = counting()
    with serving(behave) as address:
        options = LoopOptions(20, window=0.1)
        found = await parallel_open_loop(address, PAGE, options, Uniform(200), 0.5, processes=processes)
    assert (found.ok, found.scheduled, seen()) == (99, 99, 99)
    assert found.processes == processes
    assert found.offered == pytest.approx(200, rel=0.02)
    assert found.lateness is not None
    assert len(found.lateness) == 99
    assert [each.scheduled for each in found.windows] == pytest.approx([19, 20, 20, 20, 20], abs=1)
    assert sum(each.ok for each in found.windows) == 99
    assert gone(started)


async def test_the_start_is_common() -> None:
    # The first request of each process is due at the same moment: both were ready before either began.
    firsts: dict[int, float] = {}
    lock = threading.Lock()

    def behave(conn: Any, number: int) -> None:
        for _ in requests(conn):
            with lock:
                firsts.setdefault(number, time.perf_counter())
            conn.sendall(answer())

    with serving(behave) as address:
        found = await parallel_closed_loop(address, PAGE, LoopOptions(2), 0.2, processes=2)
    begun = found.began - time.monotonic() + time.perf_counter()
    assert len(firsts) == 2
    # Python takes at least 0.1 s to load the generator. A process that did not wait would be so early.
    assert all(at - begun > -0.01 for at in firsts.values())


@pytest.mark.parametrize("number", [signal.SIGKILL, signal.SIGTERM])
async def test_a_process_that_dies_is_an_error_that_says_how(started: Started, number: signal.Signals) -> None:
    with serving(always(answer())) as address:
        async with trio.open_nursery() as nursery:

            async def kill() -> None:
                while len(started) < 2:  # noqa: ASYNC110 - there is no event for the start of a process
                    await trio.sleep(0.01)
                started[1].send_signal(number)

            nursery.start_soon(kill)
            with pytest.raises(InternalError, match=rf"was killed by {number.name} before it sent its result"):
                await parallel_closed_loop(address, PAGE, LoopOptions(4), 30, processes=2)
    assert gone(started)


async def test_a_cancelled_call_leaves_nothing(started: Started) -> None:
    answered = threading.Event()

    def behave(conn: Any, _number: int) -> None:
        for _ in requests(conn):
            answered.set()
            conn.sendall(answer())

    with serving(behave) as address:
        with trio.move_on_after(PATIENCE) as scope:
            async with trio.open_nursery() as nursery:

                async def cancel() -> None:
                    while not answered.is_set():  # noqa: ASYNC110 - it is a thread's event
                        await trio.sleep(0.01)
                    scope.cancel()

                nursery.start_soon(cancel)
                await parallel_closed_loop(address, PAGE, LoopOptions(4), 60, processes=2)
        assert scope.cancelled_caught
        assert len(started) == 2
        assert gone(started)


HARNESS = """
import functools, signal, sys, trio
from wsgi_gauntlet.harness.http.address import Address
from wsgi_gauntlet.harness.load.generator.loop import LoopOptions
from wsgi_gauntlet.harness.load.generator.process_pool import parallel_closed_loop
from wsgi_gauntlet.harness.load.workload import VerifiedRequest

signal.signal(signal.SIGINT, signal.default_int_handler)  # a shell that starts a program in the background ignores it
page = VerifiedRequest(b"GET / HTTP/1.1\\r\\nHost: x\\r\\n\\r\\n", sys.argv[2].encode())
run = functools.partial(parallel_closed_loop, processes=2)
trio.run(run, Address(port=int(sys.argv[1])), page, LoopOptions(4), 60)
"""


@pytest.mark.parametrize("number", [signal.SIGKILL, signal.SIGINT, signal.SIGTERM])
def test_a_harness_that_is_killed_leaves_no_process(number: signal.Signals) -> None:
    connected = threading.Semaphore(0)

    def behave(conn: Any, _number: int) -> None:
        for times, _ in enumerate(requests(conn)):
            if not times:
                connected.release()
            conn.sendall(answer())

    with serving(behave) as address:
        argv = [sys.executable, "-c", HARNESS, str(address.port), BODY.decode()]
        with subprocess.Popen(argv, stderr=subprocess.PIPE, start_new_session=True) as harness:
            for _ in range(4):
                assert connected.acquire(timeout=PATIENCE)
            below = psutil.Process(harness.pid).children(recursive=True)
            assert len(below) == 2
            os.killpg(harness.pid, number)  # as the terminal does: everything in its session
            _, said = harness.communicate(timeout=PATIENCE)
        assert harness.returncode
        psutil.wait_procs(below, timeout=PATIENCE)
        assert not [each for each in below if each.is_running() and alive(each.pid)]
        # Only the harness may report Ctrl-C, not a traceback of a generator process.
        assert b"process_main.py" not in said


async def test_missing_descriptors_are_reported(monkeypatch: pytest.MonkeyPatch) -> None:
    hard = resource.getrlimit(resource.RLIMIT_NOFILE)[1]
    monkeypatch.setattr(process_pool, "_split", lambda *_: [LoopOptions(hard + 1)])
    with pytest.raises(OutOfResources, match="ulimit -Hn"):
        await parallel_closed_loop(Address(port=1), PAGE, LoopOptions(1), 1, processes=2)


async def test_an_error_in_a_process_is_raised_in_the_harness() -> None:
    address = Address(path="/" + "x" * 200)
    with pytest.raises(InternalError, match="OSError"):
        await parallel_open_loop(address, PAGE, LoopOptions(2, timeout=0.1), Poisson(50), 0.1, processes=2)


def test_a_process_whose_harness_ends_before_the_start_ends_without_an_error() -> None:
    job = encode(Job({"port": 1}, PAGE, LoopOptions(1, timeout=1.0), seconds=1.0))
    for sent, reply in ((b"", b""), (job[:-3], b""), (job, encode(Ready()))):
        done = subprocess.run(
            [sys.executable, "-P", "-m", "wsgi_gauntlet.harness.load.generator.process_main"],
            input=sent,
            capture_output=True,
            timeout=PATIENCE,
            check=False,
        )
        assert (done.returncode, done.stdout, done.stderr) == (0, reply, b"")


@pytest.mark.parametrize(
    ("script", "words"),
    [
        ("print('Warning: something')", "sent invalid data: a message of|closed its pipe|ended with exit code 0"),
        ("raise SystemExit('no such module')", "ended with exit code 1 .*; its last output: no such module"),
        (
            f"import sys; sys.stdout.buffer.write({encode(Ready())!r} * 2); sys.stdout.flush(); sys.stdin.read()",
            "sent Ready at the wrong time",
        ),
    ],
)
async def test_another_program_in_its_place_is_an_error(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, script: str, words: str
) -> None:
    python = tmp_path / "python"
    python.write_text(f"#!{sys.executable}\n{script}\n")
    python.chmod(0o700)
    monkeypatch.setattr(sys, "executable", str(python))
    with pytest.raises(InternalError, match=words):
        await parallel_closed_loop(Address(port=1), PAGE, LoopOptions(2), 1, processes=2)


async def test_a_process_that_hangs_is_an_error(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    python = tmp_path / "python"
    python.write_text(f"#!{sys.executable}\nimport time\ntime.sleep(600)\n")
    python.chmod(0o700)
    monkeypatch.setattr(sys, "executable", str(python))
    monkeypatch.setattr(process_pool, "START_TIMEOUT", 0.1)
    with pytest.raises(InternalError, match="did not answer in time"):
        await parallel_closed_loop(Address(port=1), PAGE, LoopOptions(2), 1, processes=2)


async def test_a_missing_process_says_what_to_do(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "executable", "/nowhere/python")
    with pytest.raises(OutOfResources, match="no generator process"):
        await parallel_closed_loop(Address(port=1), PAGE, LoopOptions(2), 1, processes=2)
