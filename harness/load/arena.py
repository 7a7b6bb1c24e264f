"""What a scenario is given: fresh servers of one kind, its parameters, and a way to say how far it is.

A scenario never learns a process id, a port or a folder; it says `async with arena.server()` as often as it needs a
fresh round, and at the end hands what it measured to `arena.load`.
"""

from __future__ import annotations

import time
from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import asynccontextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

import msgspec
import trio

from .. import launch
from ..address import Address
from ..errors import BadConfiguration, NoSuchPage, ServerTrouble, TargetRefused, Unsupported
from ..launching.ownapp import behind_control, control, own_app
from ..launching.serverlog import last_traceback
from ..model import Grade, Load, Phase
from .question import OwnPage, Question, ReferencePage, learned
from .targets.elsewhere import StartedElsewhere
from .targets.guard import watched
from .targets.proof import Proven, Silent

if TYPE_CHECKING:
    from ..catalog import Scenario
    from ..launch import Running
    from ..launching.plan import Plan

Progress = Callable[[float | None, str], None]
"""Called with the fraction done (0 to 1, None where unknown) and what is being done, in words for the user."""

GOES_ON = 10.0
"""Seconds after a scenario in which a target is to prove once more that it is there."""

LOG_KEPT = 64 * 1024
"""Characters of the servers' logs that a cell keeps; the whole files stay beside the run."""


def within(progress: Progress, begin: float, end: float) -> Progress:
    """Return how to tell of the part from `begin` to `end` of some work: its own fraction is 0 to 1 and never sinks."""
    furthest = 0.0

    def told(fraction: float | None, doing: str) -> None:
        nonlocal furthest
        furthest = max(furthest, fraction or 0.0)
        progress(begin + (end - begin) * furthest, doing)

    return told


class Arena:
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
        progress: Progress = lambda _fraction, _doing: None,
        page: str = "/",
    ) -> None:
        self.plan = behind_control(plan)
        self.parameters = dict(parameters)
        self.progress = progress
        self._page = page
        self._learned: OwnPage | None = None
        self._lost: TargetRefused | None = None
        self.kept: list[Phase] = []
        """What was measured so far, for a cell that is cut short."""
        self._scratch = scratch
        self._logs = logs
        self.began = self.counts_from = time.monotonic()
        """When it began, and when the round did whose figures count."""
        self.may_change = True
        """Whether another round may be valid where this one is not: parameters that are too small stay so."""
        self.conditions: dict[str, Any] = {}
        self._told: list[str] = []
        self._alive: list[Running] = []
        self._beside: list[Arena] = []

    def beside(self, plan: Plan) -> Arena:
        """Return an arena for another server whose figures go into this cell, with the same parameters.

        Its conditions stand in the cell under its name, and its log there too.
        """
        found = Arena(
            plan, self.parameters, scratch=self._scratch, logs=self._logs, progress=self.progress, page=self._page
        )
        found.began = self.began
        self._beside.append(found)
        return found

    def begin_round(self) -> None:
        """Begin the round whose figures count: what was measured before it is thrown away."""
        self.counts_from = time.monotonic()
        self.may_change = True
        self.kept.clear()

    @property
    def elapsed(self) -> float:
        """Seconds since the scenario began."""
        return time.monotonic() - self.began

    @asynccontextmanager
    async def server(self) -> AsyncIterator[Running]:
        """Start a fresh server and stop it at the end of the block; its app reports nothing, as in real use.

        A target that someone else started is the same each time, and proves itself each time, and again and again
        until the end of the block. Raises what launching raises, and TargetRefused for an address that could leave this
        machine, or without that proof: then the block is cancelled where it stands.
        """
        if isinstance(self.plan.adapter, StartedElsewhere):
            target = await self.plan.adapter.reach(self.plan, self._logs)
            refuse_elsewhere(target.address)
            self.conditions = target.conditions
            async with watched(self.plan.adapter.guard(target)):
                yield target
            await self._see_target_out(self.plan.adapter)
            return
        async with launch.running(self.plan, scratch=self._scratch, logs=self._logs, observe=False) as running:
            refuse_elsewhere(running.address)
            if running.address.door:
                raise Unsupported("it has no socket, and what load does to a server is done on its sockets")
            app = own_app(self.plan)
            self.conditions = {
                **({"variant": self.plan.variant} if self.plan.variant else {}),
                **({"app": app} if app else {}),
                **running.conditions,
            }
            self._alive.append(running)
            try:
                yield running
            finally:
                self._alive.remove(running)
                self._told.append(running.log_since(0))
                if not running.alive:
                    self._told.append(f"[the server was not stopped, it had ended: {running.ended}]\n")

    async def _see_target_out(self, adapter: StartedElsewhere) -> None:
        """Note it where a target no longer proves itself, some time after the last client has gone."""
        refusal: TargetRefused = Silent(f"{adapter.target}: it did not answer")
        with trio.move_on_after(GOES_ON):
            while True:
                try:
                    await adapter.reach(self.plan, self._logs)
                except TargetRefused as refused:
                    refusal = refused
                else:
                    return
                await trio.sleep(1.0)
        self._lost = refusal

    def seen_out(self, cell: Load) -> Load:
        """Return the cell as it stands now that the scenario is over. What was measured stays.

        Of a target that has gone nobody can say whether the load ended it or somebody did: nothing is held against it.
        One that is there and silent is as its figures say.
        """
        if self._lost is None:
            return cell
        note = f"After the scenario the target did not prove itself again within {GOES_ON:g} s: {self._lost}."
        if isinstance(self._lost, Silent):
            return msgspec.structs.replace(cell, note=f"{cell.note} {note}".strip())
        note = f"{note} Whether the load ended it cannot be seen from here."
        return msgspec.structs.replace(cell, grade=Grade.ERROR, note=f"{note} {cell.note}".strip())

    @property
    def started_here(self) -> bool:
        """Say whether servers are started, and so may be restarted and looked into; false for a target."""
        return not isinstance(self.plan.adapter, StartedElsewhere)

    async def question(self, running: Running) -> Question:
        """Return what healthy users of `running` ask for: a reference page, or the user's own, learned once an arena.

        Raises NoSuchPage where that page is answered with an error, ServerTrouble and OSError where no answer comes.
        """
        if not control(self.plan.app):
            return ReferencePage(running.reference)
        if self._learned is None:
            self.progress(None, f"learning what {self._page} answers")
            mark = running.log_mark()
            try:
                self._learned = await learned(running.address, f"{running.settings.mount}{self._page}")
            except (NoSuchPage, ServerTrouble) as problem:
                await running.log_grew()
                raise type(problem)(f"{problem}{last_traceback(running.log_since(mark))}") from None
        return self._learned

    def number(self, name: str) -> float:
        """Return the parameter `name` as a positive, finite number.

        Raises BadConfiguration where the command line or the configuration gave something else.
        """
        value = self.parameters.get(name)
        if isinstance(value, bool) or not isinstance(value, int | float) or not 0 < value < float("inf"):
            raise BadConfiguration(f"the parameter {name!r} is to be a number above 0, not {value!r}")
        return value

    def count(self, name: str) -> int:
        """Return the parameter `name` as a positive whole number. Raises BadConfiguration for anything else."""
        value = self.number(name)
        if value != int(value):
            raise BadConfiguration(f"the parameter {name!r} is to be a whole number, not {value!r}")
        return int(value)

    def told(self) -> str:
        """Return what the servers have logged so far."""
        return "".join([*self._told, *(each.log_since(0) for each in self._alive)])

    def load(self, scenario: Scenario, grade: Grade, **measured: Any) -> Load:
        """Return the cell: `measured` are fields of Load; server, parameters, conditions, time and log are added."""
        # A scenario may hand in its figures while the server still runs.
        log = "".join(each.told() for each in (self, *self._beside))
        beside = {each.plan.name: each.conditions for each in self._beside if each.conditions}
        return Load(
            self.plan.name,
            scenario.id,
            grade,
            parameters=self.parameters,
            conditions={**self.conditions, **beside, **measured.pop("conditions", {})},
            seconds=self.elapsed,
            log=log if len(log) <= LOG_KEPT else f"{log[: LOG_KEPT // 2]}\n[...]\n{log[-LOG_KEPT // 2 :]}",
            **measured,
        )


def refuse_elsewhere(address: Address) -> None:
    """Raise TargetRefused unless `address` stays on this machine or proved itself. No option turns this off."""
    if not address.loopback and not isinstance(address, Proven):
        raise TargetRefused(
            f"{address} is not on the loopback interface: load and slow clients go only to servers that were started "
            "here; let the server listen on 127.0.0.1"
        )
