"""A server that somebody else started, with the face of one that was started here and nothing to control it by."""

from __future__ import annotations

from pathlib import Path
from typing import NoReturn

from wsgi_gauntlet.harness.errors import TargetRefused, Unsupported
from wsgi_gauntlet.harness.server.adapter import Adapter, Command, Installation, Launch, Settings
from wsgi_gauntlet.harness.server.app_events import AppEventChannel
from wsgi_gauntlet.harness.server.instance import STOP_GRACE, ServerInstance
from wsgi_gauntlet.harness.server.plan import Plan
from wsgi_gauntlet.harness.server.remote.guard import Guard
from wsgi_gauntlet.harness.server.remote.proof import VerifiedAddress, verify
from wsgi_gauntlet.harness.server.remote.target import Target

NO_LOG = "of-a-target.log"
"""The name of a file that never is."""

UNKNOWN_CONDITIONS = ("version", "python", "workers", "threads", "keep-alive", "backlog", "other programs")
"""Conditions of its figures that nobody here can tell."""


class RemoteAdapter(Adapter):
    """What there is to say of a target, in place of how to start it."""

    name = "target"
    title = "a server that someone else started"

    def __init__(self, target: Target, address: VerifiedAddress, token: str) -> None:
        self.target = target
        self._address = address
        self._token = token

    def find(self, python: str) -> Installation:  # noqa: ARG002 - it is in no interpreter of ours
        """Say that it is there."""
        return Installation()

    def command(self, launch: Launch) -> Command:  # noqa: ARG002 - nothing is launched
        """Raise Unsupported: it has been started."""
        _raise_unsupported("starts it")

    async def verify_again(self, plan: Plan, logs: Path) -> RemoteServer:
        """Return it once it has proved itself anew, at the address of the first time. Raises TargetRefused."""
        try:
            address = await verify(self._address, self.target, self._token)
        except TargetRefused as refused:
            raise type(refused)(f"{self.target}: {refused}") from None
        return RemoteServer(plan, self.target, address, logs)

    def guard(self, running: RemoteServer) -> Guard:
        """Return who watches `running`, which proved itself just now, while it is loaded: whoever connects asks it."""
        guard = Guard(running.proven, self.target.mount, self._token)
        running.address = guard.address
        return guard


class RemoteServer(ServerInstance):
    """A target that has just proved itself. Whatever would control its processes raises Unsupported."""

    def __init__(self, plan: Plan, target: Target, address: VerifiedAddress, logs: Path) -> None:
        super().__init__(plan, AppEventChannel.unobserved(), logs, logs, logs / NO_LOG, 0.0)
        self.address = self.proven = address
        self.target = target

    @property
    def _members(self) -> NoReturn:
        # Whatever a ServerInstance does to processes begins with these; none of a target's may be touched.
        _raise_unsupported("sees or controls its processes")

    @_members.setter
    def _members(self, _: object) -> None:
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
            **dict.fromkeys(UNKNOWN_CONDITIONS, "unknown"),
        }

    @property
    def ended(self) -> str:
        """Whether it has ended is seen by whether it answers."""
        return ""

    async def wait_for_end(self, seconds: float) -> str:  # noqa: ARG002 - nobody here would hear of it
        """Nobody here hears of its end."""
        return ""

    async def start(self) -> None:
        """Raise Unsupported."""
        _raise_unsupported("starts it")

    async def stop(self, grace: float = STOP_GRACE) -> None:
        """Leave it alone."""

    async def restart(self, grace: float = STOP_GRACE) -> None:  # noqa: ARG002 - see below
        """Raise Unsupported."""
        _raise_unsupported("restarts it")

    async def reload(self) -> None:
        """Raise Unsupported."""
        _raise_unsupported("has it load its app anew")


def target_plan(target: Target, address: VerifiedAddress, token: str) -> Plan:
    """Return the plan of a target that proved itself at `address`; it is named as reports name it."""
    adapter = RemoteAdapter(target, address, token)
    return Plan(f"target ({target})", adapter, Installation(), "", Settings(mount=target.mount), "")


def _raise_unsupported(what: str) -> NoReturn:
    raise Unsupported(f"someone else started this server, and nobody here {what}")
