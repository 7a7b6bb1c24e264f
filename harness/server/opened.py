"""Open a server for checks: start the one that a plan describes, or attach to the target that somebody else started."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

from wsgi_gauntlet.harness.server.instance import running
from wsgi_gauntlet.harness.server.plan import Plan
from wsgi_gauntlet.harness.server.process.fork_server import ForkServers
from wsgi_gauntlet.harness.server.remote.attachment import attached
from wsgi_gauntlet.harness.server.remote.remote_server import RemoteDescription
from wsgi_gauntlet.harness.server.server_under_test import ObservedServer


@asynccontextmanager
async def opened(
    plan: Plan, *, scratch: Path, logs: Path | None, fork_servers: ForkServers | None = None
) -> AsyncIterator[ObservedServer]:
    """Open the server of `plan` for the block, with its app events. Raises the errors of `running` and `attached`."""
    if isinstance(plan.adapter, RemoteDescription):
        async with attached(plan) as target:
            yield target
    else:
        async with running(plan, scratch=scratch, logs=logs, fork_servers=fork_servers) as instance:
            yield instance
