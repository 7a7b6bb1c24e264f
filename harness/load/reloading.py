"""Reloads of one server, under load and with a slow upload open across them: what each of them came to.

A server with a signal for it gets that signal; one without is stopped and started again on its port, which is what its
operator does when the app has changed.
"""

from __future__ import annotations

import time
from collections.abc import Sequence
from dataclasses import dataclass

import trio

from ..errors import ServerTrouble, Unsupported
from ..model import Outcome
from .clients.link import Link
from .clients.upload import Uploaded, upload
from .looking.roll_call import RollCall
from .pacing import Pacer
from .question import Question
from .rates.bench import Bench

LEAD = 0.3
"""The share of a stretch of load that is over when the server is told to reload."""

WINDOW = 0.1
"""Seconds of the stretches in which what users get is drawn."""

BESIDE = 1.0
"""Seconds in which a page is answered beside a slow upload, where the server does one beside the other at all."""

LONG = 60.0
"""Seconds that the upload lasts beside which capacity is estimated; it is broken off before."""


@dataclass(frozen=True)
class Reload:
    """One reload. `after` is the seconds from the signal to the first answer of a new process, None where none came.

    `gap` is the longest time around it in which nobody got an answer, in seconds. `uploaded` is what became of the
    upload, None where none was open. `failed` says why the server did not come back. `loaded` is true where the signal
    came while load was offered, None where none was to be.
    """

    after: float | None
    gap: float
    uploaded: Uploaded | None
    failed: str = ""
    loaded: bool | None = None


class Reloading:
    """Reloads of the server of `bench`. `restarts` is true once it is known to have no reload.

    `patience` is the seconds in which a new process must answer, `grace` those from the signal that stops a server
    without a reload until SIGKILL, `uploading` those that a slow upload takes.
    """

    def __init__(self, bench: Bench, roll: RollCall, *, patience: float, grace: float, uploading: float) -> None:
        self.reloads: list[Reload] = []
        self.restarts = False
        self._bench = bench
        self._roll = roll
        self._patience = patience
        self._grace = grace
        self._uploading = uploading

    @property
    def failed(self) -> str:
        """Why the server did not come back from the last reload, '' where it did."""
        return self.reloads[-1].failed if self.reloads else ""

    async def capacity(self, question: Question, seconds: float) -> tuple[bool, float]:
        """Return whether a page is answered beside a slow upload, and how many requests per second are.

        That is estimated beside the upload, too, unless it takes the whole server. Raises as Bench.estimate does.
        """
        running = self._bench.running
        async with trio.open_nursery() as nursery:
            await nursery.start(upload, running.address, running.reference, LONG)
            beside = await answers(self._bench, question)
            rate = (await self._bench.estimate(seconds)).rate if beside else 0.0
            nursery.cancel_scope.cancel()
        if not beside:
            rate = (await self._bench.estimate(seconds)).rate
        return beside, rate

    async def users(self, name: str, pacer: Pacer, seconds: float, *, uploading: bool) -> None:
        """Offer load without any reload."""
        running = self._bench.running
        async with trio.open_nursery() as nursery:
            if uploading:
                await nursery.start(upload, running.address, running.reference, seconds)
            await self._bench.offer(name, pacer, seconds, window=WINDOW)
            nursery.cancel_scope.cancel()

    async def reload(self, name: str, pacer: Pacer, seconds: float, *, uploading: bool) -> None:
        """Offer load for `seconds` and reload in the middle of it; a slow upload begins before."""
        came = _Came()
        began = time.monotonic()
        async with trio.open_nursery() as nursery:
            if uploading:
                await nursery.start(self._upload, came)
            nursery.start_soon(self._later, LEAD * seconds, came)
            found = await self._bench.offer(name, pacer, seconds, window=WINDOW)
        self._note(came, began, loaded=found.began <= came.at <= found.began + seconds)

    async def reload_under_upload(self) -> None:
        """Reload with nothing but a slow upload under way."""
        came = _Came()
        began = time.monotonic()
        async with trio.open_nursery() as nursery:
            await nursery.start(self._upload, came)
            await self._later(LEAD * self._uploading, came)
        self._note(came, began)

    # ------------------------------------------------------------------ one reload

    async def _upload(self, came: _Came, *, task_status: trio.TaskStatus[None] = trio.TASK_STATUS_IGNORED) -> None:
        running = self._bench.running
        came.uploaded = await upload(running.address, running.reference, self._uploading, task_status=task_status)

    async def _later(self, seconds: float, came: _Came) -> None:
        await trio.sleep(seconds)
        known = set(self._bench.running.processes())
        came.at = time.monotonic()
        with trio.move_on_after(self._patience):
            try:
                await self._renew()
            except ServerTrouble as trouble:
                came.failed = str(trouble)
        left = max(0.0, came.at + self._patience - time.monotonic())
        came.first = await self._roll.newcomer(known, came.at, 0.0 if came.failed else left)
        if came.first is None and not came.failed:
            came.failed = f"no new process answered within {self._patience:g} s"

    async def _renew(self) -> None:
        running = self._bench.running
        if not self.restarts:
            try:
                await running.reload()
            except Unsupported:
                self.restarts = True
            else:
                return
        await running.restart_in_place(self._grace)

    def _note(self, came: _Came, began: float, *, loaded: bool | None = None) -> None:
        after = None if came.first is None else came.first - came.at
        gap = self._roll.gap(began, time.monotonic())
        self.reloads.append(Reload(after, gap, came.uploaded, came.failed, loaded))


@dataclass
class _Came:
    at: float = 0.0
    first: float | None = None
    uploaded: Uploaded | None = None
    failed: str = ""


async def answers(bench: Bench, question: Question) -> bool:
    """Say whether a page is rightly answered within BESIDE seconds."""
    address = bench.running.address
    with trio.move_on_after(BESIDE):
        try:
            link = await Link.open(address)
        except OSError:
            return False
        try:
            answer = await link.ask(question.request(address, "beside", 100, keep=False))
        except OSError:
            return False
        finally:
            link.close()
        return question.outcome(answer, "beside", 100) is Outcome.OK
    return False


def under_load(reloads: Sequence[Reload]) -> list[Reload]:
    """Return the reloads that users could notice."""
    return [each for each in reloads if each.loaded is not None]


def uploads(reloads: Sequence[Reload]) -> list[Uploaded]:
    """Return what became of all uploads."""
    return [each.uploaded for each in reloads if each.uploaded is not None]
