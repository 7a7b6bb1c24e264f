"""Reloads of one server, under load and with a slow upload open across them: what each of them came to.

A server with a signal for it gets that signal; one without is stopped and started again on its port, which is what its
operator does when the app has changed.
"""

from __future__ import annotations

import time
from collections.abc import Sequence
from dataclasses import dataclass

import trio

from wsgi_gauntlet.harness.errors import ServerError, Unsupported
from wsgi_gauntlet.harness.http.http_connection import HttpConnection
from wsgi_gauntlet.harness.load.arrivals import Pacer
from wsgi_gauntlet.harness.load.clients.slow_upload import UploadResult, slow_upload
from wsgi_gauntlet.harness.load.experiments.open_loop_experiment import OpenLoopExperiment
from wsgi_gauntlet.harness.load.probes.worker_probe import WorkerProbe
from wsgi_gauntlet.harness.load.workload import Workload
from wsgi_gauntlet.harness.model import Outcome

RELOAD_AT_SHARE = 0.3
"""The share of a stretch of load that is over when the server is told to reload."""

WINDOW_SECONDS = 0.1
"""Seconds of the stretches in which what users get is drawn."""

BESIDE_UPLOAD_TIMEOUT_SECONDS = 1.0
"""Seconds in which a page is answered beside a slow upload, where the server does one beside the other at all."""

CAPACITY_UPLOAD_SECONDS = 60.0
"""Seconds that the upload lasts beside which capacity is estimated; it is broken off before."""


@dataclass(frozen=True)
class ReloadResult:
    """One reload. `after` is the seconds from the signal to the first answer of a new process, None where none came.

    `gap` is the longest time around it in which nobody got an answer, in seconds. `uploaded` is what became of the
    upload, None where none was open. `failed` says why the server did not come back. `loaded` is true where the signal
    came while load was offered, None where none was to be.
    """

    after: float | None
    gap: float
    uploaded: UploadResult | None
    failed: str = ""
    loaded: bool | None = None


class ReloadRuns:
    """Reloads of the server of `bench`. `restarts` is true once it is known to have no reload.

    `patience` is the seconds in which a new process must answer, `grace` those from the signal that stops a server
    without a reload until SIGKILL, `uploading` those that a slow upload takes.
    """

    def __init__(
        self,
        experiment: OpenLoopExperiment,
        worker_probe: WorkerProbe,
        *,
        patience: float,
        grace: float,
        uploading: float,
    ) -> None:
        self.reloads: list[ReloadResult] = []
        self.restarts = False
        self._experiment = experiment
        self._worker_probe = worker_probe
        self._patience = patience
        self._grace = grace
        self._uploading = uploading

    @property
    def failed(self) -> str:
        """Why the server did not come back from the last reload, '' where it did."""
        return self.reloads[-1].failed if self.reloads else ""

    async def capacity(self, workload: Workload, seconds: float) -> tuple[bool, float]:
        """Return whether a page is answered beside a slow upload, and how many requests per second are.

        That is estimated beside the upload, too, unless it takes the whole server. Raises as Bench.estimate does.
        """
        running = self._experiment.running
        async with trio.open_nursery() as nursery:
            await nursery.start(slow_upload, running.address, running.reference_app_path, CAPACITY_UPLOAD_SECONDS)
            served_beside_upload = await responds_in_time(self._experiment, workload)
            rate = (await self._experiment.estimate(seconds)).rate if served_beside_upload else 0.0
            nursery.cancel_scope.cancel()
        if not served_beside_upload:
            rate = (await self._experiment.estimate(seconds)).rate
        return served_beside_upload, rate

    async def offer_without_reload(self, name: str, pacer: Pacer, seconds: float, *, uploading: bool) -> None:
        """Offer load without any reload."""
        running = self._experiment.running
        async with trio.open_nursery() as nursery:
            if uploading:
                await nursery.start(slow_upload, running.address, running.reference_app_path, seconds)
            await self._experiment.offer(name, pacer, seconds, window=WINDOW_SECONDS)
            nursery.cancel_scope.cancel()

    async def reload(self, name: str, pacer: Pacer, seconds: float, *, uploading: bool) -> None:
        """Offer load for `seconds` and reload in the middle of it; a slow upload begins before."""
        reload_progress = _ReloadProgress()
        began = time.monotonic()
        async with trio.open_nursery() as nursery:
            if uploading:
                await nursery.start(self._upload, reload_progress)
            nursery.start_soon(self._reload_later, RELOAD_AT_SHARE * seconds, reload_progress)
            found = await self._experiment.offer(name, pacer, seconds, window=WINDOW_SECONDS)
        self._record(reload_progress, began, loaded=found.began <= reload_progress.at <= found.began + seconds)

    async def reload_under_upload(self) -> None:
        """Reload with nothing but a slow upload under way."""
        reload_progress = _ReloadProgress()
        began = time.monotonic()
        async with trio.open_nursery() as nursery:
            await nursery.start(self._upload, reload_progress)
            await self._reload_later(RELOAD_AT_SHARE * self._uploading, reload_progress)
        self._record(reload_progress, began)

    # ------------------------------------------------------------------ one reload

    async def _upload(
        self, reload_progress: _ReloadProgress, *, task_status: trio.TaskStatus[None] = trio.TASK_STATUS_IGNORED
    ) -> None:
        running = self._experiment.running
        reload_progress.uploaded = await slow_upload(
            running.address, running.reference_app_path, self._uploading, task_status=task_status
        )

    async def _reload_later(self, seconds: float, reload_progress: _ReloadProgress) -> None:
        await trio.sleep(seconds)
        known = set(self._experiment.running.processes())
        reload_progress.at = time.monotonic()
        with trio.move_on_after(self._patience):
            try:
                await self._reload_or_restart()
            except ServerError as trouble:
                reload_progress.failed = str(trouble)
        left = max(0.0, reload_progress.at + self._patience - time.monotonic())
        reload_progress.first = await self._worker_probe.first_new_worker(
            known, reload_progress.at, 0.0 if reload_progress.failed else left
        )
        if reload_progress.first is None and not reload_progress.failed:
            reload_progress.failed = f"no new process answered within {self._patience:g} s"

    async def _reload_or_restart(self) -> None:
        running = self._experiment.running
        if not self.restarts:
            try:
                await running.reload()
            except Unsupported:
                self.restarts = True
            else:
                return
        await running.restart_in_place(self._grace)

    def _record(self, reload_progress: _ReloadProgress, began: float, *, loaded: bool | None = None) -> None:
        after = None if reload_progress.first is None else reload_progress.first - reload_progress.at
        gap = self._worker_probe.longest_gap(began, time.monotonic())
        self.reloads.append(ReloadResult(after, gap, reload_progress.uploaded, reload_progress.failed, loaded))


@dataclass
class _ReloadProgress:
    at: float = 0.0
    first: float | None = None
    uploaded: UploadResult | None = None
    failed: str = ""


async def responds_in_time(experiment: OpenLoopExperiment, workload: Workload) -> bool:
    """Say whether a page is rightly answered within BESIDE_UPLOAD_TIMEOUT_SECONDS seconds."""
    address = experiment.running.address
    with trio.move_on_after(BESIDE_UPLOAD_TIMEOUT_SECONDS):
        try:
            connection = await HttpConnection.open(address)
        except OSError:
            return False
        try:
            response = await connection.send_request(workload.request(address, "beside", 100, keep=False))
        except OSError:
            return False
        finally:
            connection.close()
        return workload.outcome(response, "beside", 100) is Outcome.OK
    return False


def reloads_under_load(reloads: Sequence[ReloadResult]) -> list[ReloadResult]:
    """Return the reloads that users could notice."""
    return [each for each in reloads if each.loaded is not None]


def upload_results(reloads: Sequence[ReloadResult]) -> list[UploadResult]:
    """Return what became of all uploads."""
    return [each.uploaded for each in reloads if each.uploaded is not None]
