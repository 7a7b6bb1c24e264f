"""Clients that have had their answer and keep their connection: the tabs of an office at noon."""

from __future__ import annotations

from collections.abc import Sequence

from wsgi_gauntlet.harness.conformance.catalog import scenario
from wsgi_gauntlet.harness.load.clients.behaviours import IdleKeepAliveClient
from wsgi_gauntlet.harness.load.context import ScenarioContext
from wsgi_gauntlet.harness.load.experiments import slow_clients
from wsgi_gauntlet.harness.load.experiments.slow_client_descriptions import describe_slow_clients
from wsgi_gauntlet.harness.load.experiments.slow_clients import run_slow_client_experiment
from wsgi_gauntlet.harness.load.experiments.traffic_timeline import TrafficTimeline
from wsgi_gauntlet.harness.load.probes.new_connections import new_connections, outcome_measures
from wsgi_gauntlet.harness.model import Metric, ScenarioResult


@scenario(
    "Idle connections, more than the server has a limit for",
    smoke={**slow_clients.SMOKE, "clients": 600, "per_second": 600, "budget": 5, "reaping": 5},
    full=slow_clients.FULL,
)
async def idle_hoard(ctx: ScenarioContext) -> ScenarioResult:
    """Each client asks for one page over a connection that is to be kept alive, reads it, and is silent.

    600 of them are more than waitress (100) and nginx (512) take by default, the 2,048 of a full run more than
    gunicorn's 1,000. Beyond its limit a server refuses newcomers, leaves them waiting, or closes idle connections.
    """
    return await run_slow_client_experiment(
        ctx,
        idle_hoard,
        lambda running: IdleKeepAliveClient(f"{running.reference_app_path}/page?n=idle", running.address.authority),
        describe_slow_clients,
        measure_extra=_newcomers,
    )


async def _newcomers(traffic: TrafficTimeline) -> Sequence[Metric]:
    return outcome_measures(await new_connections(traffic.running.address, traffic.workload))
