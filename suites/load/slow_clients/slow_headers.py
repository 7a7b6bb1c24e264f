"""Clients whose request never ends: what slowloris does on purpose and a bad network does by itself."""

from __future__ import annotations

from wsgi_gauntlet.harness.conformance.catalog import scenario
from wsgi_gauntlet.harness.load.clients.behaviours import (
    PartialRequestLine,
    SilentConnection,
    SlowHeaderBytes,
    SlowHeaderLines,
)
from wsgi_gauntlet.harness.load.context import ScenarioContext
from wsgi_gauntlet.harness.load.experiments import slow_clients
from wsgi_gauntlet.harness.load.experiments.slow_client_descriptions import describe_slow_clients
from wsgi_gauntlet.harness.load.experiments.slow_clients import run_slow_client_experiment
from wsgi_gauntlet.harness.model import ScenarioResult

SMOKE = {**slow_clients.SMOKE, "clients": 256, "budget": 6, "reaping": 8}


@scenario("Silent connections", smoke=SMOKE, full=slow_clients.FULL)
async def silent(ctx: ScenarioContext) -> ScenarioResult:
    """Clients connect and send nothing, as browsers do ahead of need and phones that have lost their network.

    A server that gives a connection its worker or thread when it accepts it, and not when there is a request, has none
    left for its users.
    """
    return await run_slow_client_experiment(ctx, silent, lambda _running: SilentConnection(), describe_slow_clients)


@scenario("One byte of a request, then nothing", smoke=SMOKE, full=slow_clients.FULL)
async def first_byte(ctx: ScenarioContext) -> ScenarioResult:
    """Clients send the first byte of a request and nothing more.

    Some servers look after silent connections without a worker and give one away with the first byte: only together
    with `slow-headers/silent` is it clear which.
    """
    return await run_slow_client_experiment(
        ctx,
        first_byte,
        lambda running: PartialRequestLine(f"{running.reference_app_path}/page", running.address.authority),
        describe_slow_clients,
    )


@scenario("Slow headers, a line at a time", smoke={**SMOKE, "interval": 1}, full={**slow_clients.FULL, "interval": 10})
async def line(ctx: ScenarioContext) -> ScenarioResult:
    """Clients send a request's head a line at a time and never come to the empty one that ends it.

    A server whose time-out begins anew with each line is held for as long as the client likes.
    """
    return await run_slow_client_experiment(
        ctx,
        line,
        lambda running: SlowHeaderLines(
            f"{running.reference_app_path}/page", running.address.authority, ctx.number("interval")
        ),
        describe_slow_clients,
    )


@scenario("Slow headers, a byte at a time", smoke={**SMOKE, "interval": 1}, full={**slow_clients.FULL, "interval": 10})
async def byte(ctx: ScenarioContext) -> ScenarioResult:
    """Clients send a request's head one byte at a time and never come to its end.

    A server that gives each connection a worker or a thread before the request is there has none left for its users.
    """
    return await run_slow_client_experiment(
        ctx,
        byte,
        lambda running: SlowHeaderBytes(
            f"{running.reference_app_path}/page", running.address.authority, ctx.number("interval")
        ),
        describe_slow_clients,
    )
