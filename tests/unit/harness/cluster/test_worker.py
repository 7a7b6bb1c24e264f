"""The part that runs in a dask worker, without dask: processes, messages, and the end of a lease."""

from __future__ import annotations

import asyncio
from collections.abc import Coroutine
from types import SimpleNamespace
from typing import Any

import psutil
import pytest

from wsgi_gauntlet.harness.cluster import worker
from wsgi_gauntlet.harness.cluster.clock import ROUND_TRIPS
from wsgi_gauntlet.harness.http.address import Address
from wsgi_gauntlet.harness.load.generator.loop import LoopOptions
from wsgi_gauntlet.harness.load.generator.process_messages import HEADER_BYTES, Job, Ready, decode, encode
from wsgi_gauntlet.harness.load.workload import VerifiedRequest
from wsgi_gauntlet.harness.server.remote.proof import address_fields

from ....helpers.requirements import module

MODULE = "wsgi_gauntlet.harness.load.generator.process_main"
JOB = encode(Job(address_fields(Address(port=1)), VerifiedRequest(b"", b""), LoopOptions(1), seconds=1))
DASK_WORKER: Any = SimpleNamespace(name="w1", scheduler=None)


def run(work: Coroutine[Any, Any, None]) -> None:
    asyncio.run(asyncio.wait_for(work, 60))
    assert not worker._sessions


def pid_of(session: str, name: str) -> int:
    return worker._sessions[session].processes[name]._process.pid


def test_messages_reach_a_process_and_its_answer_comes_back() -> None:
    async def work() -> None:
        name, machine = await worker.open_session("s", dask_worker=DASK_WORKER)
        assert name == "w1"
        assert machine
        assert await worker.start("s", "p", MODULE) == ""
        pid = pid_of("s", "p")
        reply = await worker.exchange("s", "p", JOB)
        assert isinstance(reply, bytes)
        assert isinstance(decode(reply[HEADER_BYTES:]), Ready)
        await worker.end("s", "p")
        assert not psutil.pid_exists(pid)
        assert await worker.exchange("s", "p", JOB) == "was ended"
        await worker.close_session("s")

    run(work())


def test_a_process_that_ends_says_how() -> None:
    async def work() -> None:
        await worker.open_session("s", dask_worker=DASK_WORKER)
        assert await worker.start("s", "p", "no_such_module") == ""
        reply = await worker.exchange("s", "p", JOB)
        assert isinstance(reply, str)
        assert reply.startswith("ended with exit code 1; its last output:")
        assert "No module named no_such_module" in reply
        assert await worker.start("s", "q", MODULE) == ""
        psutil.Process(pid_of("s", "q")).kill()
        assert await worker.exchange("s", "q", JOB) == "was killed by SIGKILL"
        await worker.close_session("s")

    run(work())


def test_a_lease_that_is_not_renewed_ends_all_processes(monkeypatch: pytest.MonkeyPatch) -> None:
    async def work() -> None:
        await worker.open_session("s", dask_worker=DASK_WORKER)
        assert await worker.start("s", "p", MODULE) == ""
        assert isinstance(await worker.exchange("s", "p", JOB), bytes)
        assert await worker.renew("s")
        session, pid = worker._sessions["s"], pid_of("s", "p")
        monkeypatch.setattr(worker, "LEASE_SECONDS", 0.0)
        assert await worker.renew("s")
        while session._ending is None:  # noqa: ASYNC110 - the timer of the loop sets it
            await asyncio.sleep(0)
        await session._ending
        assert not psutil.pid_exists(pid)
        assert not await worker.renew("s")
        assert "has ended" in await worker.start("s", "p", MODULE)

    run(work())


def test_what_is_unknown_is_no_error() -> None:
    async def work() -> None:
        assert await worker.exchange("none", "p", JOB) == "was ended"
        assert not await worker.renew("none")
        await worker.end("none", "p")
        await worker.close_session("none")

    run(work())


def test_clocks_are_sampled_from_the_scheduler() -> None:
    module("distributed")
    asked = []

    async def run_function(**arguments: object) -> dict[str, object]:
        asked.append(arguments)
        return {"status": "OK", "result": 5}

    async def work() -> None:
        dask_worker: Any = SimpleNamespace(name="w1", scheduler=SimpleNamespace(run_function=run_function))
        samples, ahead = await worker.sample_clocks(dask_worker=dask_worker)
        assert len(samples) == len(asked) == ROUND_TRIPS
        assert all(at == 5 and sent <= received for sent, at, received in samples)
        assert ahead > 0

    run(work())
