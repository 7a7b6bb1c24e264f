"""Clients whose request is there but for its body: an upload on a bad network, or R-U-Dead-Yet on purpose."""

from __future__ import annotations

from typing import TYPE_CHECKING

import msgspec

from wsgi_gauntlet.harness.conformance.catalog import scenario
from wsgi_gauntlet.harness.load.clients.slow_body import BodyFraming, SlowBody
from wsgi_gauntlet.harness.load.context import ScenarioContext
from wsgi_gauntlet.harness.load.experiments import slow_clients
from wsgi_gauntlet.harness.load.experiments.slow_client_descriptions import describe_slow_clients
from wsgi_gauntlet.harness.load.experiments.slow_clients import run_slow_client_experiment
from wsgi_gauntlet.harness.load.probes.request_buffering import request_buffering
from wsgi_gauntlet.harness.model import ScenarioResult

if TYPE_CHECKING:
    from wsgi_gauntlet.harness.conformance.catalog import Scenario

SMOKE = {**slow_clients.SMOKE, "clients": 64, "budget": 5, "reaping": 5, "size": 4096, "bytes": 32, "interval": 1}
FULL = {**slow_clients.FULL, "size": 1 << 20, "bytes": 32, "interval": 10}


@scenario("Slow body of a declared length", smoke=SMOKE, full=FULL)
async def length(ctx: ScenarioContext) -> ScenarioResult:
    """Clients send a head with Content-Length at once, and then 32 bytes of the body at a time.

    A server that calls the app before the body is there has a worker or a thread wait in the app's read(); one that
    reads the body first needs neither, and pays in memory or on disk.
    """
    return await _run(ctx, length, BodyFraming.LENGTH)


@scenario("Slow body in chunks", smoke=SMOKE, full=FULL)
async def chunked(ctx: ScenarioContext) -> ScenarioResult:
    """Clients send a head with Transfer-Encoding: chunked at once, and then a chunk of 32 bytes at a time.

    The server cannot know how much is to come. Some hand such a body to the app as it arrives although they hold
    back one of a declared length; others tell the app of no body at all.
    """
    return await _run(ctx, chunked, BodyFraming.CHUNKED)


@scenario("Slow body after 100 (Continue)", smoke=SMOKE, full=FULL)
async def expect(ctx: ScenarioContext) -> ScenarioResult:
    """Clients ask with Expect: 100-continue whether they may send, and then send 32 bytes of the body at a time.

    A server that calls the app in order to answer that has given its worker away to a client that has sent nothing.
    """
    return await _run(ctx, expect, BodyFraming.EXPECT)


async def _run(ctx: ScenarioContext, which: Scenario, framing: BodyFraming) -> ScenarioResult:
    for name in ctx.parameters:
        ctx.number(name)
    ctx.progress(0.0, "asking whether the app starts before the body is there")
    async with ctx.server() as running:
        early = await request_buffering(running.address, running.reference_app_path, framing)
    cell = await run_slow_client_experiment(
        ctx,
        which,
        lambda running: SlowBody(
            f"{running.reference_app_path}/sink",
            running.address.authority,
            ctx.number("interval"),
            ctx.count("size"),
            ctx.count("bytes"),
            framing,
        ),
        describe_slow_clients,
    )
    return msgspec.structs.replace(cell, metrics=(*cell.metrics, early))
