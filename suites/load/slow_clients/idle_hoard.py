"""Clients that have their response and keep their connection open, like the browser tabs of an office."""

from __future__ import annotations

from collections.abc import Sequence

from wsgi_gauntlet.harness.load.catalog import scenario
from wsgi_gauntlet.harness.load.clients.behaviours import IdleKeepAliveClient
from wsgi_gauntlet.harness.load.context import ScenarioContext
from wsgi_gauntlet.harness.load.experiments.slow_clients import (
    FULL_SEARCH,
    SearchParameters,
    run_slow_client_experiment,
)
from wsgi_gauntlet.harness.load.experiments.traffic_timeline import TrafficTimeline
from wsgi_gauntlet.harness.load.probes.new_connections import new_connections, outcome_measures
from wsgi_gauntlet.harness.model import Metric, ScenarioResult


@scenario(
    "More idle connections than the limit of the server",
    smoke=SearchParameters(
        clients=600,
        duration=2.5,
        rate=20,
        baseline=1.2,
        recovery=3,
        per_second=600,
        probe=0.4,
        budget=5,
        disconnect_wait=5,
    ),
    full=FULL_SEARCH,
)
async def idle_hoard(ctx: ScenarioContext[SearchParameters]) -> ScenarioResult:
    """Each client requests one page over a keep-alive connection, reads it, and then sends nothing.

    A quick run has 600 clients: more than the default limits of waitress (100) and nginx (512). A full run has 2,048:
    more than the default limit of gunicorn (1,000). At its limit a server refuses new connections, lets them wait, or
    closes idle ones.
    """
    return await run_slow_client_experiment(
        ctx,
        lambda running: IdleKeepAliveClient(f"{running.reference_app_path}/page?n=idle", running.address.authority),
        measure_extra=_test_new_connections,
    )


async def _test_new_connections(traffic: TrafficTimeline) -> Sequence[Metric]:
    return outcome_measures(await new_connections(traffic.running.address, traffic.workload))
