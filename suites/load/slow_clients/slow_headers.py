"""Clients whose request never ends: slowloris does so on purpose, and a bad network by accident."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import Annotated

from wsgi_gauntlet.harness.load.catalog import scenario
from wsgi_gauntlet.harness.load.clients.behaviours import (
    PartialRequestLine,
    SilentConnection,
    SlowHeaderBytes,
    SlowHeaderLines,
)
from wsgi_gauntlet.harness.load.context import ScenarioContext
from wsgi_gauntlet.harness.load.experiments.slow_clients import (
    FULL_SEARCH,
    SearchParameters,
    run_slow_client_experiment,
)
from wsgi_gauntlet.harness.load.parameters import Parameter
from wsgi_gauntlet.harness.model import ScenarioResult


@dataclass(frozen=True, kw_only=True)
class SlowHeaderParameters(SearchParameters):
    """Parameters of scenarios whose clients send their head in pieces."""

    interval: Annotated[float, Parameter("s", "time between two pieces of the head")]


SMOKE = SearchParameters(
    clients=256,
    duration=2.5,
    rate=20,
    baseline=1.2,
    recovery=3,
    per_second=500,
    probe=0.4,
    budget=6,
    disconnect_wait=8,
)
PIECES_SMOKE = SlowHeaderParameters(**asdict(SMOKE), interval=1)
PIECES_FULL = SlowHeaderParameters(**asdict(FULL_SEARCH), interval=10)


@scenario("Silent connections", smoke=SMOKE, full=FULL_SEARCH)
async def silent(ctx: ScenarioContext[SearchParameters]) -> ScenarioResult:
    """Clients connect and send nothing. Browsers do so in advance, and phones after they have lost their network.

    Some servers assign a worker or thread when they accept a connection, not when a request arrives. They have none
    left for their users.
    """
    return await run_slow_client_experiment(ctx, lambda _running: SilentConnection())


@scenario("One byte of a request, then nothing", smoke=SMOKE, full=FULL_SEARCH)
async def first_byte(ctx: ScenarioContext[SearchParameters]) -> ScenarioResult:
    """Clients send the first byte of a request and nothing more.

    Some servers watch silent connections without a worker, and assign one at the first byte. The comparison with
    `slow-headers/silent` shows which ones.
    """
    return await run_slow_client_experiment(
        ctx, lambda running: PartialRequestLine(f"{running.reference_app_path}/page", running.address.authority)
    )


@scenario("Slow headers, a line at a time", smoke=PIECES_SMOKE, full=PIECES_FULL)
async def line(ctx: ScenarioContext[SlowHeaderParameters]) -> ScenarioResult:
    """Clients send the head of a request line by line, and never send the empty line that ends it.

    If the timeout of a server begins again with each line, a client can hold a connection for as long as it likes.
    """
    return await run_slow_client_experiment(
        ctx,
        lambda running: SlowHeaderLines(
            f"{running.reference_app_path}/page", running.address.authority, ctx.parameters.interval
        ),
    )


@scenario("Slow headers, a byte at a time", smoke=PIECES_SMOKE, full=PIECES_FULL)
async def byte(ctx: ScenarioContext[SlowHeaderParameters]) -> ScenarioResult:
    """Clients send the head of a request byte by byte, and never complete it.

    Some servers assign a worker or thread before the request is complete. They have none left for their users.
    """
    return await run_slow_client_experiment(
        ctx,
        lambda running: SlowHeaderBytes(
            f"{running.reference_app_path}/page", running.address.authority, ctx.parameters.interval
        ),
    )
