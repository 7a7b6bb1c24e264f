"""Reload a server under load, with a slow upload open at the same time.

A server with a reload signal gets that signal. Any other server is stopped and started again on its port, as its
operator does after a change of the app.
"""

from __future__ import annotations

import time
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Annotated

import trio

from wsgi_gauntlet.harness.errors import ServerError, Unsupported
from wsgi_gauntlet.harness.http.http_connection import HttpConnection
from wsgi_gauntlet.harness.load.arrivals import Pacer
from wsgi_gauntlet.harness.load.clients.slow_upload import UploadResult, slow_upload
from wsgi_gauntlet.harness.load.experiments.open_loop_experiment import OpenLoopExperiment, OpenLoopParameters
from wsgi_gauntlet.harness.load.parameters import Parameter
from wsgi_gauntlet.harness.load.probes.worker_probe import WorkerProbe
from wsgi_gauntlet.harness.load.workload import Workload
from wsgi_gauntlet.harness.model import Outcome

RELOAD_AT_SHARE = 0.3
"""The fraction of the load after which the server is reloaded."""

WINDOW_SECONDS = 0.1
"""Seconds of each window of the chart."""

BESIDE_UPLOAD_TIMEOUT_SECONDS = 1.0
"""Seconds in which a page must have its response during a slow upload, if the server can serve both."""

CAPACITY_UPLOAD_SECONDS = 60.0
"""Seconds of the upload during the estimate of the capacity. It is cancelled earlier."""


@dataclass(frozen=True)
class ReloadResult:
    """One reload. `after` is the seconds from the signal to the first response of a new process, None without any.

    `gap` is the longest time around it without a response, in seconds. `uploaded` is the result of the upload, None if
    none was open. `failed` says why the server did not come back. `loaded` says whether the signal came during the
    load, None for a reload without load.
    """

    after: float | None
    gap: float
    uploaded: UploadResult | None
    failed: str = ""
    loaded: bool | None = None


@dataclass(frozen=True, kw_only=True)
class ReloadParameters(OpenLoopParameters):
    """Parameters of `reload`."""

    duration: Annotated[float, Parameter("s", "length of the load around each reload")]
    baseline: Annotated[float, Parameter("s", "length of the load before the first reload")]
    rate: Annotated[float | None, Parameter("requests/s", "offered rate; by default half of the capacity")] = None
    upload: Annotated[float, Parameter("s", "length of the slow upload")]
    patience: Annotated[float, Parameter("s", "longest wait for the response of a new process")]
    grace: Annotated[float, Parameter("s", "time to stop before SIGKILL, for a server without reload")]


class ReloadRuns:
    """The reloads of the server of `experiment`. `restarts` is true if the server has no reload."""

    def __init__(self, experiment: OpenLoopExperiment, worker_probe: WorkerProbe, parameters: ReloadParameters) -> None:
        self.reloads: list[ReloadResult] = []
        self.restarts = False
        self._experiment = experiment
        self._worker_probe = worker_probe
        self._parameters = parameters

    @property
    def failed(self) -> str:
        """Why the server did not come back after the last reload, '' if it did."""
        return self.reloads[-1].failed if self.reloads else ""

    async def capacity(self, workload: Workload, seconds: float) -> tuple[bool, float]:
        """Return whether the server can serve pages during a slow upload, and its capacity in requests per second.

        The capacity is estimated during the upload if possible. Raises the errors of OpenLoopExperiment.estimate.
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
        """Offer load without a reload."""
        running = self._experiment.running
        async with trio.open_nursery() as nursery:
            if uploading:
                await nursery.start(slow_upload, running.address, running.reference_app_path, seconds)
            await self._experiment.offer(name, pacer, seconds, window=WINDOW_SECONDS)
            nursery.cancel_scope.cancel()

    async def reload(self, name: str, pacer: Pacer, seconds: float, *, uploading: bool) -> None:
        """Offer load for `seconds`, and reload the server during it. A slow upload begins before."""
        reload_progress = _ReloadProgress()
        began = time.monotonic()
        async with trio.open_nursery() as nursery:
            if uploading:
                await nursery.start(self._upload, reload_progress)
            nursery.start_soon(self._reload_later, RELOAD_AT_SHARE * seconds, reload_progress)
            found = await self._experiment.offer(name, pacer, seconds, window=WINDOW_SECONDS)
        self._record(reload_progress, began, loaded=found.began <= reload_progress.at <= found.began + seconds)

    async def reload_under_upload(self) -> None:
        """Reload the server during a slow upload and no other load."""
        reload_progress = _ReloadProgress()
        began = time.monotonic()
        async with trio.open_nursery() as nursery:
            await nursery.start(self._upload, reload_progress)
            await self._reload_later(RELOAD_AT_SHARE * self._parameters.upload, reload_progress)
        self._record(reload_progress, began)

    # ------------------------------------------------------------------ one reload

    async def _upload(
        self, reload_progress: _ReloadProgress, *, task_status: trio.TaskStatus[None] = trio.TASK_STATUS_IGNORED
    ) -> None:
        running = self._experiment.running
        reload_progress.uploaded = await slow_upload(
            running.address, running.reference_app_path, self._parameters.upload, task_status=task_status
        )

    async def _reload_later(self, seconds: float, reload_progress: _ReloadProgress) -> None:
        await trio.sleep(seconds)
        known = set(self._experiment.running.processes())
        reload_progress.at = time.monotonic()
        with trio.move_on_after(self._parameters.patience):
            try:
                await self._reload_or_restart()
            except ServerError as error:
                reload_progress.failed = str(error)
        left = max(0.0, reload_progress.at + self._parameters.patience - time.monotonic())
        reload_progress.first = await self._worker_probe.first_new_worker(
            known, reload_progress.at, 0.0 if reload_progress.failed else left
        )
        if reload_progress.first is None and not reload_progress.failed:
            reload_progress.failed = f"no new process responded within {self._parameters.patience:g} s"

    async def _reload_or_restart(self) -> None:
        running = self._experiment.running
        if not self.restarts:
            try:
                await running.reload()
            except Unsupported:
                self.restarts = True
            else:
                return
        await running.restart_in_place(self._parameters.grace)

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
    """Say whether a page gets its correct response within BESIDE_UPLOAD_TIMEOUT_SECONDS seconds."""
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
    """Return the reloads with load."""
    return [each for each in reloads if each.loaded is not None]


def upload_results(reloads: Sequence[ReloadResult]) -> list[UploadResult]:
    """Return the results of all uploads."""
    return [each.uploaded for each in reloads if each.uploaded is not None]
