"""Run a trio loop in a thread of its own, for callers without async, and keep servers running in it.

The caller waits as for any function. If the wait is interrupted (Ctrl-C, a time-out of the caller), the call is
cancelled and its end awaited: nothing goes on in the background.
"""

from __future__ import annotations

import contextlib
import os
import threading
from collections.abc import Awaitable, Callable
from concurrent.futures import Future, wait
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, TypeVar

import trio

from wsgi_gauntlet.harness.conformance.validity import StallClock
from wsgi_gauntlet.harness.errors import InternalError
from wsgi_gauntlet.harness.server.instance import ServerInstance, running
from wsgi_gauntlet.harness.server.plan import Plan
from wsgi_gauntlet.harness.server.temp_dirs import scratch_folder

T = TypeVar("T")

STOP_TIMEOUT_SECONDS = 15.0
"""Seconds in which all servers must end. A supervisor that must kill needs less than half of them."""


@dataclass(frozen=True)
class HostedServer:
    """A server that runs until `stop_requested` is set. `closed` is set when the server has ended for any reason."""

    server: ServerInstance
    stop_requested: trio.Event = field(default_factory=trio.Event)
    closed: trio.Event = field(default_factory=trio.Event)

    async def close(self) -> None:
        """Stop the server and wait until it has ended."""
        self.stop_requested.set()
        await self.closed.wait()


class TrioThread:
    """The loop. The first call starts it; `stop` ends it and its servers, and may be called at any time."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._pending: set[Future[Any]] = set()
        self._thread: threading.Thread | None = None
        self._started = threading.Event()
        self._token: trio.lowlevel.TrioToken | None = None
        self._nursery: trio.Nursery | None = None
        self._scratch_folder = Path()
        self._pid = 0
        self._end_reason = "it was stopped"

    def call(self, function: Callable[..., Awaitable[T]], *arguments: Any) -> T:
        """Run `function` in the loop and return its result. Raises its errors, and InternalError if the loop ended."""
        token, nursery = self._ensure_running()
        future: Future[T] = Future()
        scope = trio.CancelScope()
        self._pending.add(future)

        async def task() -> None:
            with scope:
                try:
                    future.set_result(await function(*arguments))
                except Exception as problem:  # noqa: BLE001 - raised again in the caller's thread
                    future.set_exception(problem)
            if not future.done():
                future.set_exception(InternalError("the call was cut short"))

        try:
            token.run_sync_soon(nursery.start_soon, task)
            return future.result()
        except trio.RunFinishedError:
            raise InternalError(self._ended_message()) from None
        finally:
            if not future.done():
                with contextlib.suppress(trio.RunFinishedError):
                    token.run_sync_soon(scope.cancel)
                    wait([future], STOP_TIMEOUT_SECONDS)
            self._pending.discard(future)

    async def start_server(self, plan: Plan, *, observe: bool = True) -> HostedServer:
        """Start the server of `plan` and keep it running. Call it in the loop only. Raises as `running` does."""
        assert self._nursery is not None
        hosted: HostedServer = await self._nursery.start(self._serve_until_stopped, plan, observe)
        return hosted

    def stop(self) -> None:
        """End all calls and servers, and the loop. Repeated calls do nothing."""
        thread, self._thread = self._thread, None
        if thread is None or self._pid != os.getpid():
            return
        if self._token is not None and self._nursery is not None:
            with contextlib.suppress(trio.RunFinishedError):
                self._token.run_sync_soon(self._nursery.cancel_scope.cancel)
        thread.join(STOP_TIMEOUT_SECONDS)

    async def _serve_until_stopped(
        self, plan: Plan, observe: bool, *, task_status: trio.TaskStatus[HostedServer]
    ) -> None:
        hosted: HostedServer | None = None
        try:
            async with running(plan, scratch=self._scratch_folder, logs=None, observe=observe) as server:
                hosted = HostedServer(server)
                task_status.started(hosted)
                await hosted.stop_requested.wait()
        except Exception:  # before the start the caller gets it; later an error of one server must not end the others
            if hosted is None:
                raise
        finally:
            if hosted is not None:
                hosted.closed.set()

    def _ensure_running(self) -> tuple[trio.lowlevel.TrioToken, trio.Nursery]:
        with self._lock:
            if self._pid != os.getpid():  # not started yet, or this is a fork, and threads stay with the parent
                self._pid = os.getpid()
                self._started = threading.Event()
                self._thread = threading.Thread(target=self._run, name="wsgi-gauntlet", daemon=True)
                self._thread.start()
        self._started.wait()
        if self._thread is None or self._token is None or self._nursery is None:
            raise InternalError(self._ended_message())
        return self._token, self._nursery

    def _ended_message(self) -> str:
        return f"the thread that runs the servers has ended: {self._end_reason}"

    def _run(self) -> None:
        try:
            trio.run(self._main, clock=StallClock())
        except BaseException as problem:  # noqa: BLE001 - raised in the threads that wait
            self._end_reason = f"{type(problem).__name__}: {problem}"
        finally:
            self._started.set()
            for future in list(self._pending):
                if not future.done():
                    future.set_exception(InternalError(self._ended_message()))

    async def _main(self) -> None:
        with scratch_folder() as self._scratch_folder:
            async with trio.open_nursery() as self._nursery:
                self._token = trio.lowlevel.current_trio_token()
                self._started.set()
                await trio.sleep_forever()
