"""A normal day on the Internet: most people are quick, and one in five is slow in one of four ways."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Annotated

from wsgi_gauntlet.harness.load.catalog import scenario
from wsgi_gauntlet.harness.load.clients.behaviours import (
    ClientMix,
    IdleKeepAliveClient,
    SlowHeaderBytes,
    SlowReader,
)
from wsgi_gauntlet.harness.load.clients.slow_body import SlowBody
from wsgi_gauntlet.harness.load.context import ScenarioContext
from wsgi_gauntlet.harness.load.experiments.slow_clients import SlowClientParameters, run_slow_client_experiment
from wsgi_gauntlet.harness.load.parameters import Parameter
from wsgi_gauntlet.harness.model import ScenarioResult

if TYPE_CHECKING:
    from wsgi_gauntlet.harness.server.server_under_test import ServerUnderTest

PAGE_BYTES = 1_000_000
"""Bytes of the response that is read slowly: more than the kernel buffers."""

UPLOAD_BYTES = 4096
"""Bytes of the body that is sent slowly."""


@dataclass(frozen=True, kw_only=True)
class MixedParameters(SlowClientParameters):
    """Parameters of scenarios with mixed slow clients."""

    interval: Annotated[float, Parameter("s", "time between two steps of a slow client")]


@scenario(
    "One client in five is slow: with its head, its body, its reading, or idle",
    smoke=MixedParameters(clients=40, duration=3, rate=20, baseline=1.2, recovery=2, per_second=100, interval=1),
    full=MixedParameters(clients=40, duration=120, rate=20, baseline=20, recovery=60, per_second=20, interval=10),
)
async def mixed(ctx: ScenarioContext[MixedParameters]) -> ScenarioResult:
    """Of 200 people, 160 open a page every eight seconds. Ten each send heads or bodies slowly, read slowly, or idle.

    Other scenarios show each kind of slow client alone. Here one kind can use up the limits that another kind needs.
    """
    return await run_slow_client_experiment(ctx, lambda running: mixed_clients(running, ctx.parameters.interval))


def mixed_clients(running: ServerUnderTest, interval: float) -> ClientMix:
    """Return slow clients of the four kinds, with `interval` seconds between two steps."""
    authority = running.address.authority
    page = f"{running.reference_app_path}/page?n=slow"
    return ClientMix(
        [
            SlowHeaderBytes(page, authority, interval),
            SlowBody(f"{running.reference_app_path}/sink", authority, interval, UPLOAD_BYTES),
            SlowReader(f"{page}&size={PAGE_BYTES}", authority, interval),
            IdleKeepAliveClient(page, authority),
        ]
    )
