"""What a scenario works with: fresh servers of one kind, its parameters, and a callback for progress.

A scenario never learns a process id, a port or a folder. It uses `async with ctx.server()` for each fresh server, and
returns what `ctx.load` makes of its measurements.
"""

from __future__ import annotations

import time
from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import asynccontextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

import msgspec
import trio

from wsgi_gauntlet.harness.errors import ConfigurationError, PageError, ServerError, TargetRefused, Unsupported
from wsgi_gauntlet.harness.http.address import Address
from wsgi_gauntlet.harness.load.workload import ReferencePage, UserAppPage, Workload, learn_expected_response
from wsgi_gauntlet.harness.model import Grade, Phase, ScenarioResult
from wsgi_gauntlet.harness.server import instance
from wsgi_gauntlet.harness.server.remote.guard import guarded
from wsgi_gauntlet.harness.server.remote.proof import NoResponse, VerifiedAddress
from wsgi_gauntlet.harness.server.remote.remote_server import RemoteDescription
from wsgi_gauntlet.harness.server.server_log import last_traceback
from wsgi_gauntlet.harness.server.user_app import control_prefix, plan_with_control_paths, user_app_of

if TYPE_CHECKING:
    from wsgi_gauntlet.harness.conformance.catalog import Scenario
    from wsgi_gauntlet.harness.server.plan import Plan
    from wsgi_gauntlet.harness.server.server_under_test import ServerUnderTest

ProgressCallback = Callable[[float | None, str], None]
"""Called with the fraction done (0 to 1, None where unknown) and what is being done, in words for the user."""

TARGET_RECHECK_SECONDS = 10.0
"""Seconds after a scenario in which a target is to prove once more that it is there."""

MAX_LOG_CHARACTERS = 64 * 1024
"""Characters of the servers' logs that a cell keeps; the whole files stay beside the run."""


def scaled_progress(progress: ProgressCallback, begin: float, end: float) -> ProgressCallback:
    """Return how to tell of the part from `begin` to `end` of some work: its own fraction is 0 to 1 and never sinks."""
    furthest = 0.0

    def report(fraction: float | None, doing: str) -> None:
        nonlocal furthest
        furthest = max(furthest, fraction or 0.0)
        progress(begin + (end - begin) * furthest, doing)

    return report


class ScenarioContext:
    """One scenario on one server. `parameters` are the scenario's own, already narrowed by the command line.

    `scratch` is a private folder for sockets and configuration, `logs` is where the servers' logs stay. `page` is what
    healthy users ask an app of the user's own for.
    """

    def __init__(
        self,
        plan: Plan,
        parameters: Mapping[str, Any],
        *,
        scratch: Path,
        logs: Path,
        progress: ProgressCallback = lambda _fraction, _doing: None,
        page: str = "/",
    ) -> None:
        self.plan = plan_with_control_paths(plan)
        self.parameters = dict(parameters)
        self.progress = progress
        self._user_app_path = page
        self._user_app_page: UserAppPage | None = None
        self._target_refusal: TargetRefused | None = None
        self.finished_phases: list[Phase] = []
        """What was measured so far, for a cell that is cut short."""
        self._scratch = scratch
        self._logs = logs
        self.began = self.round_started = time.monotonic()
        """When it began, and when the round did whose figures count."""
        self.retry_may_help = True
        """Whether another round may be valid where this one is not: parameters that are too small stay so."""
        self.conditions: dict[str, Any] = {}
        self._stopped_server_logs: list[str] = []
        self._running_servers: list[ServerUnderTest] = []
        self._comparisons: list[ScenarioContext] = []

    def comparison(self, plan: Plan) -> ScenarioContext:
        """Return a context for another server whose figures go into this cell, with the same parameters.

        Its conditions stand in the cell under its name, and its log there too.
        """
        found = ScenarioContext(
            plan,
            self.parameters,
            scratch=self._scratch,
            logs=self._logs,
            progress=self.progress,
            page=self._user_app_path,
        )
        found.began = self.began
        self._comparisons.append(found)
        return found

    def begin_round(self) -> None:
        """Begin the round whose figures count: what was measured before it is thrown away."""
        self.round_started = time.monotonic()
        self.retry_may_help = True
        self.finished_phases.clear()

    @property
    def elapsed(self) -> float:
        """Seconds since the scenario began."""
        return time.monotonic() - self.began

    @asynccontextmanager
    async def server(self) -> AsyncIterator[ServerUnderTest]:
        """Start a fresh server and stop it at the end of the block; its app reports nothing, as in real use.

        A target that somebody else started is the same each time, and proves itself each time, and again and again
        until the end of the block. Raises what launching raises, and TargetRefused for an address that could leave this
        machine, or without that proof: then the block is cancelled where it stands.
        """
        if isinstance(self.plan.adapter, RemoteDescription):
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
                raise Unsupported("it has no socket, and what load does to a server is done on its sockets")
            app = user_app_of(self.plan)
            self.conditions = {
                **({"variant": self.plan.variant} if self.plan.variant else {}),
                **({"app": app} if app else {}),
                **running.conditions,
            }
            self._running_servers.append(running)
            try:
                yield running
            finally:
                self._running_servers.remove(running)
                self._stopped_server_logs.append(running.log_since(0))
                if not running.alive:
                    self._stopped_server_logs.append(f"[the server was not stopped, it had ended: {running.ended}]\n")

    async def _recheck_target(self, adapter: RemoteDescription) -> None:
        """Note it where a target no longer proves itself, some time after the last client has gone."""
        refusal: TargetRefused = NoResponse(f"{adapter.target}: it did not answer")
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

    def with_target_status(self, cell: ScenarioResult) -> ScenarioResult:
        """Return the cell as it stands now that the scenario is over. What was measured stays.

        Of a target that has gone nobody can say whether the load ended it or somebody did: nothing is held against it.
        One that is there and silent is as its figures say.
        """
        if self._target_refusal is None:
            return cell
        note = (
            f"After the scenario the target did not prove itself again within {TARGET_RECHECK_SECONDS:g} s: "
            f"{self._target_refusal}."
        )
        if isinstance(self._target_refusal, NoResponse):
            return msgspec.structs.replace(cell, note=f"{cell.note} {note}".strip())
        note = f"{note} Whether the load ended it cannot be seen from here."
        return msgspec.structs.replace(cell, grade=Grade.ERROR, note=f"{note} {cell.note}".strip())

    @property
    def started_here(self) -> bool:
        """Say whether servers are started, and so may be restarted and looked into; false for a target."""
        return not isinstance(self.plan.adapter, RemoteDescription)

    async def workload(self, running: ServerUnderTest) -> Workload:
        """Return what healthy users of `running` ask for: a reference page, or the user's own, learned once a context.

        Raises PageError where that page is answered with an error, ServerError and OSError where no answer comes.
        """
        if not control_prefix(self.plan.app):
            return ReferencePage(running.reference_app_path)
        if self._user_app_page is None:
            self.progress(None, f"learning what {self._user_app_path} answers")
            mark = running.log_position()
            try:
                self._user_app_page = await learn_expected_response(
                    running.address, f"{running.settings.mount}{self._user_app_path}"
                )
            except (PageError, ServerError) as problem:
                await running.wait_for_log()
                raise type(problem)(f"{problem}{last_traceback(running.log_since(mark))}") from None
        return self._user_app_page

    def number(self, name: str) -> float:
        """Return the parameter `name` as a positive, finite number.

        Raises ConfigurationError where the command line or the configuration gave something else.
        """
        value = self.parameters.get(name)
        if isinstance(value, bool) or not isinstance(value, int | float) or not 0 < value < float("inf"):
            raise ConfigurationError(f"the parameter {name!r} is to be a number above 0, not {value!r}")
        return value

    def count(self, name: str) -> int:
        """Return the parameter `name` as a positive whole number. Raises ConfigurationError for anything else."""
        value = self.number(name)
        if value != int(value):
            raise ConfigurationError(f"the parameter {name!r} is to be a whole number, not {value!r}")
        return int(value)

    def server_logs(self) -> str:
        """Return what the servers have logged so far."""
        return "".join([*self._stopped_server_logs, *(each.log_since(0) for each in self._running_servers)])

    def load(self, scenario: Scenario, grade: Grade, **measured: Any) -> ScenarioResult:
        """Return the cell: `measured` are fields of Load; server, parameters, conditions, time and log are added."""
        # A scenario may hand in its figures while the server still runs.
        log = "".join(each.server_logs() for each in (self, *self._comparisons))
        comparison = {each.plan.name: each.conditions for each in self._comparisons if each.conditions}
        return ScenarioResult(
            self.plan.name,
            scenario.id,
            grade,
            parameters=self.parameters,
            conditions={**self.conditions, **comparison, **measured.pop("conditions", {})},
            seconds=self.elapsed,
            log=log
            if len(log) <= MAX_LOG_CHARACTERS
            else f"{log[: MAX_LOG_CHARACTERS // 2]}\n[...]\n{log[-MAX_LOG_CHARACTERS // 2 :]}",
            **measured,
        )


def require_loopback_or_verified(address: Address) -> None:
    """Raise TargetRefused unless `address` stays on this machine or proved itself. No option turns this off."""
    if not address.loopback and not isinstance(address, VerifiedAddress):
        raise TargetRefused(
            f"{address} is not on the loopback interface: load and slow clients go only to servers that were started "
            "here; let the server listen on 127.0.0.1"
        )
