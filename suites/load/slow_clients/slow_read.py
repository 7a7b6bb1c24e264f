"""Clients that send their request at once and read the response a few bytes at a time."""

from __future__ import annotations

import statistics
from collections.abc import Sequence
from dataclasses import asdict, dataclass, replace
from typing import Annotated

import msgspec

from wsgi_gauntlet.harness.load.catalog import scenario
from wsgi_gauntlet.harness.load.clients.behaviours import SlowReader
from wsgi_gauntlet.harness.load.context import ScenarioContext
from wsgi_gauntlet.harness.load.experiments.slow_clients import (
    FULL_SEARCH,
    SearchParameters,
    run_slow_client_experiment,
)
from wsgi_gauntlet.harness.load.experiments.traffic_timeline import TrafficTimeline
from wsgi_gauntlet.harness.load.parameters import Parameter
from wsgi_gauntlet.harness.model import Grade, Metric, ScenarioResult
from wsgi_gauntlet.suites.load.slow_clients.tcp_queues import buffered_response_bytes

KERNEL_LABEL = "kernel buffer per slow response"

MAX_KERNEL_SHARE = 0.9
"""Above this share of a response in the kernel's buffers, the server may have nothing left to send."""


@dataclass(frozen=True, kw_only=True)
class SlowReadParameters(SearchParameters):
    """Parameters of `slow-read`."""

    size: Annotated[int, Parameter("bytes", "size of the response")]
    bytes: Annotated[int, Parameter("bytes", "size of each read")]
    interval: Annotated[float, Parameter("s", "time between two reads")]
    window: Annotated[int, Parameter("bytes", "size of the receive buffer; Linux has a minimum of about 1 KB")]


@scenario(
    "Slow reading of a big response",
    smoke=SlowReadParameters(
        clients=64,
        duration=2.5,
        rate=20,
        baseline=1.5,
        recovery=3,
        per_second=60,
        probe=0.5,
        budget=10,
        disconnect_wait=5,
        size=1_000_000,
        bytes=5,
        interval=1,
        window=512,
    ),
    full=SlowReadParameters(
        **asdict(replace(FULL_SEARCH, clients=128)), size=16_000_000, bytes=5, interval=1, window=1
    ),
)
async def slow_read(ctx: ScenarioContext[SlowReadParameters]) -> ScenarioResult:
    """Clients request a big response and read five bytes of it per second, with a tiny receive window.

    If the server writes from the worker or thread that runs the app, that worker is blocked. If it buffers the
    response, it needs memory. Linux gives a window of at least about 1 KB, so it is nearly always closed.
    """
    parameters = ctx.parameters

    async def measure_extra(traffic: TrafficTimeline) -> Sequence[Metric]:
        queues = await buffered_response_bytes(traffic.running.address.port)
        measures = [_kernel_measure(queues, parameters.size)]
        if traffic.memory_before_clients is not None:
            memory = await traffic.memory() - traffic.memory_before_clients
            measures.append(reader_memory(memory, len(queues), traffic.slow_clients.size, parameters.size))
        return measures

    result = await run_slow_client_experiment(
        ctx,
        lambda running: SlowReader(
            f"{running.reference_app_path}/page?n=slow&size={parameters.size}",
            running.address.authority,
            parameters.interval,
            parameters.bytes,
            parameters.window,
        ),
        measure_extra=measure_extra,
    )
    kernel = [each.value or 0 for each in result.metrics if each.label == KERNEL_LABEL]
    if any(each > MAX_KERNEL_SHARE * parameters.size for each in kernel):
        note = (
            "No client was slow for the server: the kernel buffered whole responses. "
            "Use a larger response (parameter size)."
        )
        return msgspec.structs.replace(result, grade=Grade.INVALID, note=note)
    return result


def reader_memory(memory: int, readers: int, clients: int, size: int) -> Metric:
    """Return the memory that the server needs for each client that has stopped reading.

    `memory` is in bytes, for all of them. `readers` of the `clients` have a response in transit. The others wait for
    the server, and cost it nothing but a place in a queue. The app's own copy of the response counts, too.
    """
    readers = min(readers, clients)  # a user's response may be in transit, too
    note = f"{readers} of {clients} clients had a response of {size} bytes in transit"
    value = max(0, memory) / readers if readers else None
    return Metric("memory_per_stopped_reader", "server memory per stopped reader", value, "bytes", note=note)


def _kernel_measure(each: Sequence[int], size: int) -> Metric:
    name = KERNEL_LABEL
    if not each:
        return Metric.labelled(name, None, "bytes", note="no response was in transit")
    return Metric.labelled(
        name, statistics.median(each), "bytes", note=f"of {size}; the server still has to send the rest"
    )
