"""A server that somebody else started, with the face of one that was started here and nothing to control it by."""

from __future__ import annotations

from pathlib import Path
from typing import NoReturn

from ...adapter import Adapter, Command, Found, Launch, Settings
from ...errors import TargetRefused, Unsupported
from ...events import Channel
from ...launch import GRACE, Running
from ...launching.plan import Plan
from .guard import Guard
from .proof import Proven, prove
from .target import Target

NO_LOG = "of-a-target.log"
"""The name of a file that never is."""

UNKNOWN = ("version", "python", "workers", "threads", "keep-alive", "backlog", "other programs")
"""Conditions of its figures that nobody here can tell."""


class StartedElsewhere(Adapter):
    """What there is to say of a target, in place of how to start it."""

    name = "target"
    title = "a server that someone else started"

    def __init__(self, target: Target, address: Proven, token: str) -> None:
        self.target = target
        self._address = address
        self._token = token

    def find(self, python: str) -> Found:  # noqa: ARG002 - it is in no interpreter of ours
        """Say that it is there."""
        return Found()

    def command(self, launch: Launch) -> Command:  # noqa: ARG002 - nothing is launched
        """Raise Unsupported: it has been started."""
        _refuse("starts it")

    async def reach(self, plan: Plan, logs: Path) -> Elsewhere:
        """Return it once it has proved itself anew, at the address of the first time. Raises TargetRefused."""
        try:
            address = await prove(self._address, self.target, self._token)
        except TargetRefused as refused:
            raise type(refused)(f"{self.target}: {refused}") from None
        return Elsewhere(plan, self.target, address, logs)

    def guard(self, running: Elsewhere) -> Guard:
        """Return who watches `running`, which proved itself just now, while it is loaded: whoever connects asks it."""
        guard = Guard(running.proven, self.target.mount, self._token)
        running.address = guard.address
        return guard


class Elsewhere(Running):
    """A target that has just proved itself. Whatever would control its processes raises Unsupported."""

    def __init__(self, plan: Plan, target: Target, address: Proven, logs: Path) -> None:
        super().__init__(plan, Channel.silent(), logs, logs, logs / NO_LOG, 0.0)
        self.address = self.proven = address
        self.target = target

    @property
    def _parts(self) -> NoReturn:
        # Whatever Running does to processes begins with these; none of a target's may be touched.
        _refuse("sees or controls its processes")

    @_parts.setter
    def _parts(self, _: object) -> None:
        pass

    @property
    def command_line(self) -> str:
        """Nobody here knows how it was started."""
        return ""

    @property
    def conditions(self) -> dict[str, object]:
        """What is known of it, which is where it is, and by name what is not."""
        here = "this machine" if self.address.loopback else "another machine"
        return {
            "started by": "someone else",
            "address": str(self.target),
            "runs on": here,
            **dict.fromkeys(UNKNOWN, "unknown"),
        }

    @property
    def ended(self) -> str:
        """Whether it has ended is seen by whether it answers."""
        return ""

    async def end_within(self, seconds: float) -> str:  # noqa: ARG002 - nobody here would hear of it
        """Nobody here hears of its end."""
        return ""

    async def start(self) -> None:
        """Raise Unsupported."""
        _refuse("starts it")

    async def stop(self, grace: float = GRACE) -> None:
        """Leave it alone."""

    async def restart(self, grace: float = GRACE) -> None:  # noqa: ARG002 - see below
        """Raise Unsupported."""
        _refuse("restarts it")

    async def reload(self) -> None:
        """Raise Unsupported."""
        _refuse("has it load its app anew")


def target_plan(target: Target, address: Proven, token: str) -> Plan:
    """Return the plan of a target that proved itself at `address`; it is named as reports name it."""
    adapter = StartedElsewhere(target, address, token)
    return Plan(f"target ({target})", adapter, Found(), "", Settings(mount=target.mount), "")


def _refuse(what: str) -> NoReturn:
    raise Unsupported(f"someone else started this server, and nobody here {what}")
