"""Clients that ask at once and take their answer a few bytes at a time."""

from __future__ import annotations

import statistics
from collections.abc import Sequence

import msgspec

from wsgi_gauntlet.harness.conformance.catalog import scenario
from wsgi_gauntlet.harness.load.clients.behaviours import SlowReader
from wsgi_gauntlet.harness.load.context import ScenarioContext
from wsgi_gauntlet.harness.load.experiments import slow_clients
from wsgi_gauntlet.harness.load.experiments.slow_client_descriptions import describe_slow_clients
from wsgi_gauntlet.harness.load.experiments.slow_clients import run_slow_client_experiment
from wsgi_gauntlet.harness.load.experiments.traffic_timeline import TrafficTimeline
from wsgi_gauntlet.harness.load.probes.tcp_queues import buffered_response_bytes
from wsgi_gauntlet.harness.model import Grade, Metric, ScenarioResult

MAX_KERNEL_SHARE = 0.9
"""The share of an answer in the kernel's hands from which nobody knows that the server still had work with it."""


@scenario(
    "Slow reading of a big answer",
    smoke={
        **slow_clients.SMOKE,
        "clients": 64,
        "baseline": 1.5,
        "per_second": 60,
        "probe": 0.5,
        "budget": 10,
        "reaping": 5,
        "interval": 1,
        "size": 1_000_000,
        "bytes": 5,
        "window": 512,
    },
    full={**slow_clients.FULL, "clients": 128, "interval": 1, "size": 16_000_000, "bytes": 5, "window": 1},
)
async def slow_read(ctx: ScenarioContext) -> ScenarioResult:
    """Clients ask for a big answer and read five bytes of it a second, with a receive window that is nearly shut.

    A server that writes from the worker or thread that runs the app is stuck in that write; one that buffers pays in
    memory. The window is the least that Linux gives, some 1 KB, whatever less is asked for: it is shut nearly always.
    """
    size = ctx.count("size")

    async def measure_extra(traffic: TrafficTimeline) -> Sequence[Metric]:
        return [_kernel_measure(await buffered_response_bytes(traffic.running.address.port), size)]

    cell = await run_slow_client_experiment(
        ctx,
        slow_read,
        lambda running: SlowReader(
            f"{running.reference_app_path}/page?n=slow&size={size}",
            running.address.authority,
            ctx.number("interval"),
            ctx.count("bytes"),
            ctx.count("window"),
        ),
        describe_slow_clients,
        measure_extra=measure_extra,
    )
    if any((each.value or 0) > MAX_KERNEL_SHARE * size for each in cell.metrics):
        note = "Nobody was slow: the kernel took whole answers from the server. Ask for a larger answer (size)."
        return msgspec.structs.replace(cell, grade=Grade.INVALID, note=note)
    return cell


def _kernel_measure(each: Sequence[int], size: int) -> Metric:
    name = "of each slow answer in the kernel"
    if not each:
        return Metric.labelled(name, None, "bytes", note="no answer was on its way")
    return Metric.labelled(name, statistics.median(each), "bytes", note=f"of {size}; the server has the rest to send")
