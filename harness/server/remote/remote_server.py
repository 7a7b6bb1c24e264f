"""A remote server: somebody else started it, and the harness cannot look into it or control it."""

from __future__ import annotations

import signal
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from wsgi_gauntlet.harness.errors import TargetRefused, Unsupported
from wsgi_gauntlet.harness.server.adapter import Installation, ServerDescription, Settings
from wsgi_gauntlet.harness.server.plan import Plan
from wsgi_gauntlet.harness.server.remote.guard import Guard
from wsgi_gauntlet.harness.server.remote.proof import VerifiedAddress, verify
from wsgi_gauntlet.harness.server.remote.target import Target
from wsgi_gauntlet.harness.server.server_under_test import STOP_GRACE, ServerUnderTest, StopSignals

UNKNOWN_CONDITIONS = ("version", "python", "workers", "threads", "keep-alive", "backlog", "other programs")
"""Conditions of a remote server that the harness cannot know."""


class RemoteDescription(ServerDescription):
    """The description of a target in its plan. It is no Adapter: there is no command that starts it."""

    name = "target"
    title = "a server that somebody else started"
    unavailable_reason = "somebody else starts it"

    def __init__(self, target: Target, address: VerifiedAddress | None, token: str) -> None:
        self.target = target
        self._address = address
        self.token = token

    def find(self, python: str) -> Installation:  # noqa: ARG002 - it runs in no interpreter of this machine
        """Return an installation without a version."""
        return Installation()

    @asynccontextmanager
    async def available(self) -> AsyncIterator[None]:
        """Keep the server available for the block. One that somebody else started is, or is not."""
        yield

    async def verify_again(self, plan: Plan) -> RemoteServer:
        """Return the server after another proof, at the address of the first one. Raises TargetRefused."""
        assert self._address is not None
        try:
            address = await verify(self._address, self.target, self.token)
        except TargetRefused as refused:
            raise type(refused)(f"{self.target}: {refused}") from None
        return RemoteServer(plan, self.target, address)

    def guard(self, running: RemoteServer) -> Guard:
        """Return a guard for `running`, which has just proved itself; every client of it asks the guard."""
        guard = Guard(running.proven, self.target.mount, self.token)
        running.address = guard.address
        return guard


class RemoteServer(ServerUnderTest):
    """A target that has just proved itself. Its processes and its log are not visible."""

    owner = "somebody else started this server"
    """The reason why the harness cannot look into it, as the start of a sentence."""

    def __init__(self, plan: Plan, target: Target, address: VerifiedAddress) -> None:
        super().__init__(plan)
        self.address = self.proven = address
        self.target = target

    @property
    def conditions(self) -> dict[str, object]:
        """Its address, and which conditions are unknown."""
        here = "this machine" if self.address.loopback else "another machine"
        return {
            "started by": "somebody else",
            "address": str(self.target),
            "runs on": here,
            **dict.fromkeys(UNKNOWN_CONDITIONS, "unknown"),
        }

    @property
    def ended(self) -> str:
        return ""  # its end is visible only in missing responses

    def processes(self) -> list[int]:
        raise Unsupported(f"{self.owner}, and the harness cannot see its processes")

    server_processes = front_processes = processes

    def log_position(self) -> int:
        return 0

    def log_since(self, position: int) -> str:  # noqa: ARG002 - its log is not visible
        return ""

    async def wait_for_log(self) -> None:
        pass

    async def reload(self) -> None:
        raise Unsupported(f"{self.owner}, and the harness cannot control it")

    @property
    def stop_signals(self) -> StopSignals:
        raise Unsupported(f"{self.owner}, and the harness cannot stop it")

    def send_signal(self, number: signal.Signals) -> None:  # noqa: ARG002 - there is no process to signal
        raise Unsupported(f"{self.owner}, and the harness cannot stop it")

    async def wait_for_end(self, seconds: float) -> str:  # noqa: ARG002 - its end is not visible
        raise Unsupported(f"{self.owner}, and the harness cannot see its end")

    async def restart(self, grace: float = STOP_GRACE) -> None:  # noqa: ARG002 - there is no process to stop
        await self.reload()

    restart_in_place = restart


def target_plan(target: Target, address: VerifiedAddress, token: str) -> Plan:
    """Return the plan of a target that proved itself at `address`, with the name that reports use."""
    description = RemoteDescription(target, address, token)
    return Plan(f"target ({target})", description, Installation(), "", Settings(mount=target.mount), "")
