"""Clients that stall in the handshake of TLS, before they can send any request.

A server that does the handshake where it accepts connections stops for everybody, however many threads it has. The
scenarios start the server with TLS, also if its name does not ask for it.
"""

from __future__ import annotations

from dataclasses import asdict, dataclass, replace
from typing import TYPE_CHECKING, Annotated

from wsgi_gauntlet.harness.load.catalog import scenario
from wsgi_gauntlet.harness.load.clients.behaviours import ClientBehaviour, SlowHandshake, StalledHandshake
from wsgi_gauntlet.harness.load.context import ScenarioContext
from wsgi_gauntlet.harness.load.experiments.slow_clients import (
    FULL_SEARCH,
    SearchParameters,
    run_slow_client_experiment,
)
from wsgi_gauntlet.harness.load.parameters import Parameter
from wsgi_gauntlet.harness.model import ScenarioResult
from wsgi_gauntlet.harness.server.plan import Plan
from wsgi_gauntlet.harness.server.remote.remote_server import RemoteDescription

if TYPE_CHECKING:
    from collections.abc import Callable

    from wsgi_gauntlet.harness.server.server_under_test import ServerUnderTest


@dataclass(frozen=True, kw_only=True)
class SlowHandshakeParameters(SearchParameters):
    """Parameters of `slow-handshake/byte`."""

    interval: Annotated[float, Parameter("s", "time between two bytes of the handshake")]


SMOKE = SearchParameters(
    clients=128,
    duration=2.5,
    rate=20,
    baseline=1.2,
    recovery=3,
    per_second=500,
    probe=0.4,
    budget=6,
    disconnect_wait=8,
)
BYTE_SMOKE = SlowHandshakeParameters(**asdict(SMOKE), interval=1)
BYTE_FULL = SlowHandshakeParameters(**asdict(FULL_SEARCH), interval=10)


def with_tls(plan: Plan) -> Plan:
    """Return `plan` with TLS, at the front of a chain."""
    return replace(plan, settings=replace(plan.settings, tls=True))


def reason_without_tls(plan: Plan) -> str:
    """Say why the server cannot speak TLS; else ''."""
    if isinstance(plan.adapter, RemoteDescription):
        return "the remote server is addressed by plain HTTP, and the clients of this scenario stall in TLS"
    return with_tls(plan).unsupported_reason()


@scenario(
    "TLS: half of the first message of the handshake, then nothing",
    smoke=SMOKE,
    full=FULL_SEARCH,
    unsuitable_reason=reason_without_tls,
)
async def stalled(ctx: ScenarioContext[SearchParameters]) -> ScenarioResult:
    """Clients connect to a server of TLS and send half of their first message.

    If the server does the handshake where it accepts connections, one such client stops everybody. Phones that lose
    their network do this, and port scanners.
    """
    return await _run(ctx, lambda running: StalledHandshake(running.address, 0.5))


@scenario(
    "TLS: connections that never begin the handshake",
    smoke=SMOKE,
    full=FULL_SEARCH,
    unsuitable_reason=reason_without_tls,
)
async def silent(ctx: ScenarioContext[SearchParameters]) -> ScenarioResult:
    """Clients connect to a server of TLS and send nothing, not even the first message of the handshake.

    The comparison with `slow-headers/silent` over TLS shows whether the handshake blocks or the request.
    """
    return await _run(ctx, lambda running: StalledHandshake(running.address, 0.0))


@scenario(
    "TLS: the first message of the handshake, a byte at a time",
    smoke=BYTE_SMOKE,
    full=BYTE_FULL,
    unsuitable_reason=reason_without_tls,
)
async def byte(ctx: ScenarioContext[SlowHandshakeParameters]) -> ScenarioResult:
    """Clients connect to a server of TLS and send their first message byte by byte.

    If the timeout of the handshake begins again with each byte, a client can hold a connection for as long as it likes.
    """
    return await _run(ctx, lambda running: SlowHandshake(running.address, ctx.parameters.interval))


async def _run(
    ctx: ScenarioContext[SearchParameters], make_behaviour: Callable[[ServerUnderTest], ClientBehaviour]
) -> ScenarioResult:
    ctx.plan = with_tls(ctx.plan)
    return await run_slow_client_experiment(ctx, make_behaviour)
