"""A server that a worker of the cluster starts afresh for each scenario. To the harness it is a remote server.

It serves the test app with a token that only this run knows. So each worker that loads it gets the proof first, and no
other server that listens at the same address is ever loaded.
"""

from __future__ import annotations

import secrets
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from wsgi_gauntlet.harness.cluster.cluster import MAX_ROUNDS, Cluster, WorkerProcess, unexpected
from wsgi_gauntlet.harness.errors import ConfigurationError, TargetRefused, WorkerLost
from wsgi_gauntlet.harness.load.generator.process_messages import ServerJob, ServerPlan, ServerReady
from wsgi_gauntlet.harness.server.adapter import Installation, Settings
from wsgi_gauntlet.harness.server.name import parse
from wsgi_gauntlet.harness.server.plan import Plan
from wsgi_gauntlet.harness.server.remote.proof import VerifiedAddress, resolve_and_verify
from wsgi_gauntlet.harness.server.remote.remote_server import RemoteDescription, RemoteServer
from wsgi_gauntlet.harness.server.remote.target import Target

MODULE = "wsgi_gauntlet.harness.cluster.server_main"

START_TIMEOUT = 120.0
"""Seconds in which a server on a worker must be ready, with its repeated starts; or say why it is not."""


class WorkerServer(RemoteServer):
    """A server that a worker started, and that has just proved itself."""

    owner = "a worker of the cluster started this server"

    @property
    def conditions(self) -> dict[str, object]:
        """Its effective settings, and the worker that it runs on."""
        description = self.plan.adapter
        assert isinstance(description, WorkerServerDescription)
        return {**description.effective, "address": str(self.target)}


class WorkerServerDescription(RemoteDescription):
    """The description of such a server in its plan."""

    name = "worker"
    title = "a server that a worker of the cluster starts"
    unavailable_reason = "a worker of the cluster starts it"

    def __init__(self, cluster: Cluster, server: str, python: str, plan: ServerPlan) -> None:
        super().__init__(Target(mount=plan.mount), None, secrets.token_hex(32))
        self.effective: dict[str, object] = {}
        """The effective settings of the server that was started last, and where it runs."""
        self._cluster = cluster
        self._server = server
        self.python = python
        """The interpreter on the worker that the user named, '' for that of the worker."""
        self._mount = plan.mount

    @asynccontextmanager
    async def available(self) -> AsyncIterator[None]:
        """Start a fresh server on the worker, and end it after the block.

        Raises the errors of a server start, and WorkerLost instead of TargetRefused if the worker is lost.
        """
        await self._cluster.rediscover_if_lost()
        async with self._cluster.process(self._cluster.server_worker, MODULE) as process:
            worker = process.worker
            job = ServerJob(self._server, self.python, worker.host, self.token, start=True)
            ready = await process.request(job, START_TIMEOUT)
            if not isinstance(ready, ServerReady):
                raise unexpected(worker, ready)
            self.target = Target(host=ready.host, port=ready.port, mount=self._mount)
            self.effective = {**ready.conditions, "runs on": worker.label, "command": ready.command}
            self._address = await self._first_proof(worker.label)
            try:
                yield
            except TargetRefused:
                await self._raise_if_lost(process)
                raise

    async def _first_proof(self, label: str) -> VerifiedAddress:
        try:
            return await resolve_and_verify(self.target, self.token)
        except TargetRefused as refused:
            raise TargetRefused(f"{self._server} on {label}: {refused}") from None

    async def _raise_if_lost(self, process: WorkerProcess) -> None:
        if not await self._cluster.is_alive(process.worker):
            raise WorkerLost(f"{process.worker.label} is lost, and the server with it")

    async def verify_again(self, plan: Plan) -> RemoteServer:
        """Return the server after another proof. Raises TargetRefused."""
        server = await super().verify_again(plan)
        return WorkerServer(plan, self.target, server.proven)


async def plan_on_worker(cluster: Cluster, server: str, python: str = "") -> Plan:
    """Return the plan of `server` on the worker that starts servers. Raises ConfigurationError, in one line.

    If the worker is lost, another one is asked, MAX_ROUNDS of them at most. Then it raises WorkerLost.
    `python` is an interpreter there, '' for that of the worker.
    """
    if server.endswith(".py"):
        raise ConfigurationError(f"{server}: a worker starts only servers that it knows by name; name one of them")
    parse(server)
    for left in reversed(range(MAX_ROUNDS)):
        await cluster.rediscover_if_lost()
        worker = cluster.server_worker
        try:
            async with cluster.process(worker, MODULE) as process:
                found = await process.request(ServerJob(server, python, worker.host, "", start=False), START_TIMEOUT)
            break
        except WorkerLost:
            if not left:
                raise
    if not isinstance(found, ServerPlan):
        raise unexpected(worker, found)
    return Plan(
        server,
        WorkerServerDescription(cluster, server, python, found),
        Installation(version=found.version, python=found.python),
        found.variant,
        Settings(mount=found.mount),
        found.python,
    )
