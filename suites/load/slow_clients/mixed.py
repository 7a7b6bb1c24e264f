"""A day on the open Internet: most people are quick, and one in twenty each is slow in a way of their own."""

from __future__ import annotations

from typing import TYPE_CHECKING

from wsgi_gauntlet.harness.conformance.catalog import scenario
from wsgi_gauntlet.harness.load.clients.behaviours import (
    ClientMix,
    IdleKeepAliveClient,
    SlowHeaderBytes,
    SlowReader,
)
from wsgi_gauntlet.harness.load.clients.slow_body import SlowBody
from wsgi_gauntlet.harness.load.context import ScenarioContext
from wsgi_gauntlet.harness.load.experiments.slow_client_descriptions import describe_slow_clients
from wsgi_gauntlet.harness.load.experiments.slow_clients import run_slow_client_experiment
from wsgi_gauntlet.harness.model import ScenarioResult

if TYPE_CHECKING:
    from wsgi_gauntlet.harness.server.instance import ServerInstance

PAGE_BYTES = 1_000_000
"""Bytes of the answer that is read slowly: more than the kernel takes from a server."""

UPLOAD_BYTES = 4096
"""Bytes of the body that is sent slowly."""


@scenario(
    "One client in five is slow: with its head, its body, its reading, or idle",
    smoke={
        "clients": 40,
        "duration": 3,
        "rate": 20,
        "baseline": 1.2,
        "recovery": 2,
        "per_second": 100,
        "interval": 1,
    },
    full={
        "clients": 40,
        "duration": 120,
        "rate": 20,
        "baseline": 20,
        "recovery": 60,
        "per_second": 20,
        "interval": 10,
    },
)
async def mixed(ctx: ScenarioContext) -> ScenarioResult:
    """Of 200 people 160 open a page every eight seconds, and ten each send heads or bodies slowly, read slowly or idle.

    The other scenarios show what each kind does by itself; here a server's limits on one kind are used up by another.
    """
    return await run_slow_client_experiment(
        ctx,
        mixed,
        lambda running: mixed_clients(running, ctx.number("interval")),
        describe_slow_clients,
        search_threshold=False,
    )


def mixed_clients(running: ServerInstance, interval: float) -> ClientMix:
    """Return slow clients of the four kinds for `running`, with `interval` seconds between two of their moves."""
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
