"""Run cases and scenarios without a session, and collect their results."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path

from wsgi_gauntlet.harness.conformance import runner
from wsgi_gauntlet.harness.conformance.catalog import Case
from wsgi_gauntlet.harness.conformance.retry import MAX_ATTEMPTS
from wsgi_gauntlet.harness.event_queue import handle_events
from wsgi_gauntlet.harness.events import CaseFinished, Event, EventHandler, ScenarioFinished, ServerFailed, ignore_event
from wsgi_gauntlet.harness.load import runner as load_runner
from wsgi_gauntlet.harness.load.catalog import Scenario
from wsgi_gauntlet.harness.model import CaseResult, ScenarioResult
from wsgi_gauntlet.harness.server.plan import Plan
from wsgi_gauntlet.harness.server.temp_dirs import RunFolders


@dataclass
class Collected:
    """The results of a run. `failed` has one line for each server that failed."""

    cases: list[CaseResult] = field(default_factory=list)
    scenarios: list[ScenarioResult] = field(default_factory=list)
    failed: list[str] = field(default_factory=list)
    failed_servers: set[str] = field(default_factory=set)

    def handle(self, event: Event) -> None:
        """Keep the result of `event`."""
        match event:
            case CaseFinished(cell):
                self.cases.append(cell)
            case ScenarioFinished(cell):
                self.scenarios.append(cell)
            case ServerFailed(server, reason):
                self.failed.append(reason)
                self.failed_servers.add(server)


async def check_cases(
    folder: Path,
    plans: Sequence[Plan],
    cases: Mapping[str, Sequence[Case]],
    *,
    logs: Path | None = None,
    instances: int = runner.MAX_INSTANCES,
    tries: int = MAX_ATTEMPTS,
    parallel_servers: int = runner.MAX_PARALLEL_SERVERS,
) -> Collected:
    """Run `cases` on the servers of `plans`, with scratch files and logs in `folder`."""
    logs = logs or folder / "logs"
    logs.mkdir(parents=True, exist_ok=True)
    collected = Collected()
    folders = RunFolders(folder / "scratch", logs)
    config = runner.RunnerConfig(folders, instances=instances, parallel_servers=parallel_servers, tries=tries)
    await handle_events(partial(runner.check, plans, cases, config), collected.handle)
    return collected


async def run_scenarios(
    folder: Path,
    cells: Iterable[tuple[Plan, Scenario]],
    options: load_runner.LoadOptions | None = None,
    also: EventHandler = ignore_event,
) -> Collected:
    """Run scenarios on servers as a session does. `also` gets each event after it was collected."""
    collected = Collected()

    def handle(event: Event) -> None:
        collected.handle(event)
        also(event)

    left = ((plan, scenario) for plan, scenario in cells if plan.name not in collected.failed_servers)
    work = partial(load_runner.load, left, options or load_runner.LoadOptions(), RunFolders(folder, folder))
    await handle_events(work, handle)
    return collected
