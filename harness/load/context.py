"""The context of a scenario: fresh servers, its parameters, and a way to report progress.

A scenario needs no process id, port or folder. It uses `async with ctx.server()` for each fresh server, reads
`ctx.parameters`, and returns `ctx.result(...)`.
"""

from __future__ import annotations

import time
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from contextlib import asynccontextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Generic, TypedDict, TypeVar, Unpack

import msgspec
import trio

from wsgi_gauntlet.harness.errors import PageError, ServerError, TargetRefused, Unsupported
from wsgi_gauntlet.harness.http.address import Address
from wsgi_gauntlet.harness.load.analysis.losses import blame_losses
from wsgi_gauntlet.harness.load.parameters import Parameters
from wsgi_gauntlet.harness.load.traffic_workload import TrafficWorkload, learn_traffic
from wsgi_gauntlet.harness.load.workload import ReferencePage, UserAppPage, Workload, learn_expected_response
from wsgi_gauntlet.harness.model import (
    Claim,
    Cost,
    Disconnect,
    GeneratorHealth,
    Grade,
    Metric,
    Percentile,
    Phase,
    Sample,
    ScenarioResult,
    Step,
    TrafficStep,
    Window,
)
from wsgi_gauntlet.harness.server import instance
from wsgi_gauntlet.harness.server.remote.guard import guarded
from wsgi_gauntlet.harness.server.remote.proof import NoResponse, VerifiedAddress
from wsgi_gauntlet.harness.server.remote.remote_server import RemoteDescription
from wsgi_gauntlet.harness.server.server_log import last_traceback
from wsgi_gauntlet.harness.server.user_app import control_prefix, plan_with_control_paths, user_app_of
from wsgi_gauntlet.harness.traffic.mount import with_mount

if TYPE_CHECKING:
    from wsgi_gauntlet.harness.load.catalog import Scenario
    from wsgi_gauntlet.harness.load.generator.process_pool import GeneratorMachines
    from wsgi_gauntlet.harness.server.plan import Plan
    from wsgi_gauntlet.harness.server.server_under_test import ServerUnderTest
    from wsgi_gauntlet.harness.traffic.model import Traffic

ProgressCallback = Callable[[float | None, str], None]
"""Called with the fraction done (0 to 1, None if unknown) and a description of the current step."""

TARGET_RECHECK_SECONDS = 10.0
"""Seconds after a scenario in which a remote server must prove itself again."""

TLS_CONDITION = "a whole handshake for each new connection; the generator needs CPU time for it, too"

MAX_LOG_CHARACTERS = 64 * 1024
"""Characters of the server logs that a result keeps. The complete files stay in the run folder."""

MAX_ROUNDS = 2
"""The largest number of rounds. A second round helps if another program was busy only for a moment."""


def scaled_progress(progress: ProgressCallback, begin: float, end: float) -> ProgressCallback:
    """Return a callback for a part of some work: its fractions 0 to 1 become `begin` to `end` and never decrease."""
    furthest = 0.0

    def report(fraction: float | None, doing: str) -> None:
        nonlocal furthest
        furthest = max(furthest, fraction or 0.0)
        progress(begin + (end - begin) * furthest, doing)

    return report


class Measured(TypedDict, total=False):
    """The fields of a ScenarioResult that a scenario measures. The context adds the others."""

    goodput: float | None
    slowdown: float | None
    slowdown_censored: bool
    collapse: int | None
    recovery: float | None
    disconnect: Disconnect | None
    cost: Cost | None
    generator: GeneratorHealth | None
    phases: tuple[Phase, ...]
    steps: tuple[Step, ...]
    samples: tuple[Sample, ...]
    slow_clients: tuple[tuple[float, int], ...]
    percentiles: tuple[Percentile, ...]
    metrics: tuple[Metric, ...]
    claims: tuple[Claim, ...]
    windows: tuple[Window, ...]
    traffic: tuple[TrafficStep, ...]
    phase: str
    caveats: tuple[str, ...]
    note: str


P_co = TypeVar("P_co", bound=Parameters, covariant=True)


class ScenarioContext(Generic[P_co]):
    """One scenario on one server, with the scenario's `parameters`.

    `scratch` is a private folder for sockets and configuration. `logs` is the folder of the server logs. `page` is the
    page of a user app that healthy users request, or the traffic that they send.
    """

    def __init__(
        self,
        plan: Plan,
        scenario: Scenario,
        parameters: P_co,
        *,
        scratch: Path,
        logs: Path,
        progress: ProgressCallback = lambda _fraction, _doing: None,
        page: str | Traffic = "/",
    ) -> None:
        self.plan = plan_with_control_paths(plan)
        self.scenario = scenario
        self.parameters = parameters
        self.progress = progress
        self.machines: GeneratorMachines | None = None
        """The machines that run generators and slow clients, None for this one."""
        self._user_app_requests = page
        self._user_app_workload: UserAppPage | TrafficWorkload | None = None
        self._learned_port = 0
        self._target_refusal: TargetRefused | None = None
        self.finished_phases: list[Phase] = []
        """The phases measured so far, for a result that is cut short."""
        self._scratch = scratch
        self._logs = logs
        self.began = self.round_started = time.monotonic()
        """The start of the scenario, and the start of the round that counts."""
        self.retry_may_help = True
        """Whether another round can help after an invalid one. It cannot if a parameter is too small."""
        self.conditions: dict[str, object] = {}
        self._stopped_server_logs: list[str] = []
        self._running_servers: list[ServerUnderTest] = []
        self._comparisons: list[ScenarioContext[P_co]] = []

    def comparison(self, plan: Plan) -> ScenarioContext[P_co]:
        """Return a context with the same parameters for another server. Its figures go into this result.

        The result also has the log of that server, and its conditions under its name.
        """
        found = ScenarioContext(
            plan,
            self.scenario,
            self.parameters,
            scratch=self._scratch,
            logs=self._logs,
            progress=self.progress,
            page=self._user_app_requests,
        )
        found.machines = self.machines
        found.began = self.began
        self._comparisons.append(found)
        return found

    def begin_round(self) -> None:
        """Begin the round that counts: earlier measurements are discarded."""
        self.round_started = time.monotonic()
        self.retry_may_help = True
        self.finished_phases.clear()

    @property
    def elapsed(self) -> float:
        """Seconds since the scenario began."""
        return time.monotonic() - self.began

    @asynccontextmanager
    async def server(self) -> AsyncIterator[ServerUnderTest]:
        """Start a fresh server and stop it at the end of the block. Its app reports no events, as in real use.

        A remote server is the same each time. It proves itself at the start and repeatedly until the end of the block.
        Raises the errors of a server start. Raises TargetRefused if an address outside this machine
        does not prove itself. The block is then cancelled.
        """
        if isinstance(self.plan.adapter, RemoteDescription):
            async with self.plan.adapter.available():
                target = await self.plan.adapter.verify_again(self.plan)
                require_loopback_or_verified(target.address)
                self.conditions = target.conditions
                async with guarded(self.plan.adapter.guard(target)):
                    yield target
                await self._recheck_target(self.plan.adapter)
            return
        async with instance.running(self.plan, scratch=self._scratch, logs=self._logs, observe=False) as running:
            require_loopback_or_verified(running.address)
            if running.address.pipe_socket:
                raise Unsupported("the server has no socket, and load scenarios need one")
            app = user_app_of(self.plan)
            self.conditions = {
                **({"variant": self.plan.variant} if self.plan.variant else {}),
                **({"app": app} if app else {}),
                **({"TLS": TLS_CONDITION} if running.address.tls else {}),
                **running.conditions,
            }
            self._running_servers.append(running)
            try:
                yield running
            finally:
                self._running_servers.remove(running)
                self._stopped_server_logs.append(running.log_since(0))
                if not running.alive:
                    self._stopped_server_logs.append(
                        f"[the server ended before the harness stopped it: {running.ended}]\n"
                    )

    async def _recheck_target(self, adapter: RemoteDescription) -> None:
        """Store the refusal if a remote server does not prove itself again after the last client has left."""
        refusal: TargetRefused = NoResponse(f"{adapter.target}: it did not respond")
        with trio.move_on_after(TARGET_RECHECK_SECONDS):
            while True:
                try:
                    await adapter.verify_again(self.plan)
                except TargetRefused as refused:
                    refusal = refused
                else:
                    return
                await trio.sleep(1.0)
        self._target_refusal = refusal

    def with_target_status(self, result: ScenarioResult) -> ScenarioResult:
        """Return the result, corrected for a remote server that no longer proves itself. The figures stay.

        Nobody can say whether the load or a person ended such a server, so the grade becomes `error`. A server that
        only does not respond keeps its grade.
        """
        if self._target_refusal is None:
            return result
        note = (
            f"After the scenario the target did not prove itself again within {TARGET_RECHECK_SECONDS:g} s: "
            f"{self._target_refusal}."
        )
        if isinstance(self._target_refusal, NoResponse):
            return msgspec.structs.replace(result, note=f"{result.note} {note}".strip())
        note = f"{note} The harness cannot see whether the load ended it."
        return msgspec.structs.replace(result, grade=Grade.ERROR, note=f"{note} {result.note}".strip())

    @property
    def started_here(self) -> bool:
        """Say whether the harness starts the servers, so that it can restart and inspect them."""
        return not isinstance(self.plan.adapter, RemoteDescription)

    async def workload(self, running: ServerUnderTest, *, learn_again: bool = False) -> Workload:
        """Return what healthy users of `running` request: a reference page, the user's page, or the user's traffic.

        The user's page and traffic are learned only once, unless they contain the port of an earlier server or shall be
        learned again. Raises PageError if a response is an error. Raises ServerError and OSError if no response comes.
        """
        if not control_prefix(self.plan.app):
            return ReferencePage(running.reference_app_path)
        known, port = self._user_app_workload, self._learned_port
        if (
            known is None
            or learn_again
            or (port != running.address.tcp_port and known.contains(str(port).encode("ascii")))
        ):
            mark = running.log_position()
            try:
                known = await self._learn(running.address, running.settings.mount)
            except (PageError, ServerError) as problem:
                await running.wait_for_log()
                raise type(problem)(f"{problem}{last_traceback(running.log_since(mark))}") from None
            self._user_app_workload, self._learned_port = known, running.address.tcp_port
        return known

    async def _learn(self, address: Address, mount: str) -> UserAppPage | TrafficWorkload:
        requests = self._user_app_requests
        if isinstance(requests, str):
            self.progress(None, f"learning the response of {requests}")
            return await learn_expected_response(address, f"{mount}{requests}")
        self.progress(None, f"learning the responses of {requests.source}")
        return await learn_traffic(address, with_mount(requests, mount))

    @property
    def page_caveat(self) -> str:
        """What a reader must know of the page of the user app, as far as it was learned; '' for nothing."""
        return self._user_app_workload.caveat if isinstance(self._user_app_workload, UserAppPage) else ""

    def server_logs(self) -> str:
        """Return the logs of all servers so far."""
        return "".join([*self._stopped_server_logs, *(each.log_since(0) for each in self._running_servers)])

    def result(
        self, grade: Grade, *, conditions: Mapping[str, object] | None = None, **measured: Unpack[Measured]
    ) -> ScenarioResult:
        """Return the result of the scenario: server, scenario, parameters, conditions, time and log are added.

        Requests that healthy users lost are added too (analysis/losses.py). A scenario may call this while its server
        still runs.
        """
        log = "".join(each.server_logs() for each in (self, *self._comparisons))
        comparison = {each.plan.name: each.conditions for each in self._comparisons if each.conditions}
        cell = ScenarioResult(
            self.plan.name,
            self.scenario.id,
            grade,
            parameters=self.parameters.values(),
            conditions={**self.conditions, **comparison, **(conditions or {})},
            seconds=self.elapsed,
            log=log
            if len(log) <= MAX_LOG_CHARACTERS
            else f"{log[: MAX_LOG_CHARACTERS // 2]}\n[...]\n{log[-MAX_LOG_CHARACTERS // 2 :]}",
            **measured,
        )
        if self.page_caveat:
            cell = msgspec.structs.replace(cell, caveats=(*cell.caveats, self.page_caveat))
        return blame_losses(cell, self.scenario.phases_without_slow_clients)


async def retry_if_generator_late(
    ctx: ScenarioContext[Parameters], run_round: Callable[[], Awaitable[ScenarioResult]]
) -> ScenarioResult:
    """Return the result of `run_round`, or that of a second round if the first is invalid and a retry may help.

    A round in which the generator was late says nothing about the server. Raises the errors of `run_round`.
    """
    for _ in range(MAX_ROUNDS - 1):
        ctx.begin_round()
        result = await run_round()
        if result.grade is not Grade.INVALID or not ctx.retry_may_help:
            return result
        ctx.progress(0.0, "the generator could not keep up; running the scenario again")
    ctx.begin_round()
    return await run_round()


def require_loopback_or_verified(address: Address) -> None:
    """Raise TargetRefused unless `address` is on this machine or verified. No option turns this off."""
    if not address.loopback and not isinstance(address, VerifiedAddress):
        raise TargetRefused(
            f"{address} is not on the loopback interface. Load and slow clients go only to servers on this machine; "
            "make the server listen on 127.0.0.1"
        )
