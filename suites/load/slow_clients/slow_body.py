"""Clients that send the body of their request slowly: an upload on a bad network, or R-U-Dead-Yet on purpose."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import Annotated

import msgspec

from wsgi_gauntlet.harness.load.catalog import scenario
from wsgi_gauntlet.harness.load.clients.slow_body import BodyFraming, SlowBody
from wsgi_gauntlet.harness.load.context import ScenarioContext
from wsgi_gauntlet.harness.load.experiments.slow_clients import (
    FULL_SEARCH,
    SearchParameters,
    run_slow_client_experiment,
)
from wsgi_gauntlet.harness.load.parameters import Parameter
from wsgi_gauntlet.harness.model import ScenarioResult
from wsgi_gauntlet.suites.load.slow_clients.request_buffering import request_buffering


@dataclass(frozen=True, kw_only=True)
class SlowBodyParameters(SearchParameters):
    """Parameters of all scenarios with slow bodies."""

    size: Annotated[int, Parameter("bytes", "size of the body")]
    bytes: Annotated[int, Parameter("bytes", "size of each piece of the body")]
    interval: Annotated[float, Parameter("s", "time between two pieces")]


SMOKE = SlowBodyParameters(
    clients=64,
    duration=2.5,
    rate=20,
    baseline=1.2,
    recovery=3,
    per_second=500,
    probe=0.4,
    budget=5,
    disconnect_wait=5,
    size=4096,
    bytes=32,
    interval=1,
)
FULL = SlowBodyParameters(**asdict(FULL_SEARCH), size=1 << 20, bytes=32, interval=10)


@scenario("Slow body of a declared length", smoke=SMOKE, full=FULL)
async def length(ctx: ScenarioContext[SlowBodyParameters]) -> ScenarioResult:
    """Clients send a head with Content-Length at once, and then the body in pieces of 32 bytes.

    If the server calls the app before the body has arrived, a worker or thread waits in the app's read(). If it reads
    the body first, no worker waits, but the body takes memory or disk space.
    """
    return await _run(ctx, BodyFraming.LENGTH)


@scenario("Slow body in chunks", smoke=SMOKE, full=FULL)
async def chunked(ctx: ScenarioContext[SlowBodyParameters]) -> ScenarioResult:
    """Clients send a head with Transfer-Encoding: chunked at once, and then chunks of 32 bytes.

    The server cannot know the length of the body. Some servers pass such a body to the app as it arrives, although they
    buffer one with a declared length. Others give the app no body at all.
    """
    return await _run(ctx, BodyFraming.CHUNKED)


@scenario("Slow body after 100 (Continue)", smoke=SMOKE, full=FULL)
async def expect(ctx: ScenarioContext[SlowBodyParameters]) -> ScenarioResult:
    """Clients send Expect: 100-continue, wait for the interim response, and then send the body in pieces of 32 bytes.

    Some servers call the app to send the interim response. Their worker then waits for a client that has sent no body.
    """
    return await _run(ctx, BodyFraming.EXPECT)


async def _run(ctx: ScenarioContext[SlowBodyParameters], framing: BodyFraming) -> ScenarioResult:
    parameters = ctx.parameters
    ctx.progress(0.0, "testing whether the app starts before the body has arrived")
    async with ctx.server() as running:
        buffering = await request_buffering(running.address, running.reference_app_path, framing)
    result = await run_slow_client_experiment(
        ctx,
        lambda running: SlowBody(
            f"{running.reference_app_path}/sink",
            running.address.authority,
            parameters.interval,
            parameters.size,
            parameters.bytes,
            framing,
        ),
    )
    return msgspec.structs.replace(result, metrics=(*result.metrics, buffering))
