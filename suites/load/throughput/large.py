"""Large bodies beside small pages, such as uploaded videos and downloaded backups, on fast and on slow networks."""

from __future__ import annotations

import hashlib
import itertools
from collections import Counter
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from statistics import median
from typing import Annotated

import trio

from wsgi_gauntlet.harness.load.analysis.units import format_bytes
from wsgi_gauntlet.harness.load.catalog import scenario
from wsgi_gauntlet.harness.load.clients.transfers import Direction, Transfer, TransferOutcome, digest, download, upload
from wsgi_gauntlet.harness.load.context import ScenarioContext
from wsgi_gauntlet.harness.load.experiments.disturbance import DisturbanceParameters, Findings, run_disturbance
from wsgi_gauntlet.harness.load.experiments.traffic_timeline import TrafficTimeline
from wsgi_gauntlet.harness.load.parameters import Parameter
from wsgi_gauntlet.harness.load.probes.memory import peak_memory, reset_peak
from wsgi_gauntlet.harness.model import Metric, Phase, ScenarioResult
from wsgi_gauntlet.suites.testapp.behaviours.pages import page_blocks

SMALL_BODY_BYTES = 1_000_000
"""Bytes of the smaller bodies. nginx refuses longer ones by default."""

TRANSFER_GRACE_SECONDS = 10.0
"""Extra seconds for each transfer, beyond its time at the throttled rate."""

NONCE = "large"

TransferCall = Callable[[], Awaitable[Transfer]]


@dataclass(frozen=True, kw_only=True)
class LargeParameters(DisturbanceParameters):
    """Parameters of `large`."""

    clients: Annotated[int, Parameter("", "simultaneous transfers")]
    size: Annotated[int, Parameter("bytes", "size of the large bodies")]
    throttle: Annotated[float, Parameter("bytes/s", "rate of the throttled transfers")]


class Transfers:
    """Uploads at full speed, then downloads, then one throttled transfer in each direction, always beside users."""

    def __init__(self, parameters: LargeParameters) -> None:
        self._clients, self._size = parameters.clients, parameters.size
        self._duration, self._throttle = parameters.duration, parameters.throttle
        self._transfers: dict[str, list[Transfer]] = {}
        self._memory: dict[Direction, int] = {}
        self._up: dict[int, str] = {}
        self._down: dict[int, str] = {}

    async def run_beside_users(self, traffic: TrafficTimeline) -> Sequence[Phase]:
        """Transfer large bodies beside the users."""
        paced = max(SMALL_BODY_BYTES, int(self._throttle * self._duration))
        for size in {SMALL_BODY_BYTES, self._size, paced}:
            self._up[size] = await trio.to_thread.run_sync(digest, size)
            self._down[size] = await trio.to_thread.run_sync(page_digest, size)
        sizes = (self._size, SMALL_BODY_BYTES)
        return [
            await self._phase(traffic, "uploads", self._clients, [self._upload(traffic, size) for size in sizes]),
            await self._phase(traffic, "downloads", self._clients, [self._download(traffic, size) for size in sizes]),
            await self._throttled(traffic, paced),
        ]

    async def inspect_leftovers(self, traffic: TrafficTimeline) -> None:
        """Transfer one body per client at the same time, and measure the memory of a fresh server."""
        for direction in Direction:
            await traffic.running.restart()
            transfer_calls = self._upload if direction is Direction.UP else self._download
            # The first body also loads modules and buffers. They do not count.
            await transfer_calls(traffic, SMALL_BODY_BYTES)()
            peak_before = reset_peak(traffic.running.processes())
            transfers = await self._at_once(transfer_calls(traffic, self._size))
            if all(each.outcome is TransferOutcome.RIGHT for each in transfers):
                self._memory[direction] = max(0, peak_memory(traffic.running.processes()) - peak_before)

    async def _at_once(self, transfer_call: TransferCall) -> list[Transfer]:
        transfers: list[Transfer] = []

        async def one() -> None:
            transfers.append(await transfer_call())

        async with trio.open_nursery() as nursery:
            for _ in range(self._clients):
                nursery.start_soon(one)
        return transfers

    def findings(self) -> Findings:
        """Return the correct transfers, their speed, and the memory that they needed."""
        every = list(itertools.chain.from_iterable(self._transfers.values()))
        flaws, measures, details = [], [], []
        for direction in Direction:
            mine = [each for each in every if each.direction is direction]
            counted = Counter(each.outcome for each in mine)
            measures += [
                Metric.labelled(f"correct {direction}s", counted[TransferOutcome.RIGHT], note=f"of {len(mine)}"),
                Metric.labelled(
                    f"{direction} speed", speed(mine, self._size), "bytes/s", note=f"of {format_bytes(self._size)}"
                ),
            ]
            for outcome in (TransferOutcome.WRONG, TransferOutcome.FAILED):
                if counted[outcome]:
                    first = next(each for each in mine if each.outcome is outcome)
                    flaws.append(
                        f"{counted[outcome]} of {len(mine)} {direction}s {'were' if counted[outcome] > 1 else 'was'} "
                        f"{outcome} (one of {format_bytes(first.size)}: {first.detail})."
                    )
            if counted[TransferOutcome.REFUSED]:
                least = min(each.size for each in mine if each.outcome is TransferOutcome.REFUSED)
                details.append(f"The server refuses {direction}s of {format_bytes(least)} with 413, as configured.")
        for direction, grown in self._memory.items():
            moving = self._clients * self._size
            memory_note = f"{format_bytes(grown)} more for {format_bytes(moving)}, each on a fresh server"
            measures.append(
                Metric.labelled(f"memory per byte in flight, {direction}s", grown / moving, note=memory_note)
            )
        return Findings(tuple(measures), tuple(flaws), details=" ".join(details))

    def _upload(self, traffic: TrafficTimeline, size: int) -> TransferCall:
        address, mount = traffic.running.address, traffic.running.reference_app_path
        return lambda: upload(address, mount, size, self._up[size], patience=self._patience(size))

    def _download(self, traffic: TrafficTimeline, size: int) -> TransferCall:
        address, mount = traffic.running.address, traffic.running.reference_app_path
        return lambda: download(address, mount, size, NONCE, self._down[size], patience=self._patience(size))

    def _patience(self, size: int) -> float:
        return TRANSFER_GRACE_SECONDS + size / self._throttle

    async def _throttled(self, traffic: TrafficTimeline, size: int) -> Phase:
        address, mount, pace = traffic.running.address, traffic.running.reference_app_path, self._throttle
        patience = self._patience(size)

        async def slow_upload() -> Transfer:
            found = await upload(address, mount, size, self._up[size], patience=patience, throttle=pace)
            if found.outcome is not TransferOutcome.REFUSED:
                return found
            return await upload(
                address, mount, SMALL_BODY_BYTES, self._up[SMALL_BODY_BYTES], patience=patience, throttle=pace
            )

        async def slow_download() -> Transfer:
            return await download(address, mount, size, NONCE, self._down[size], patience=patience, throttle=pace)

        seconds = max(self._duration, size / pace)
        return await self._phase(traffic, "throttled", 1, [slow_upload, slow_download], seconds=seconds, each_once=True)

    async def _phase(
        self,
        traffic: TrafficTimeline,
        name: str,
        clients: int,
        transfer_calls: Sequence[TransferCall],
        *,
        seconds: float | None = None,
        each_once: bool = False,
    ) -> Phase:
        """Let each client run `transfer_calls` in turn until the phase ends, or with `each_once` once each."""
        found = self._transfers[name] = []
        over = False

        async def client(mine: Sequence[TransferCall], once: bool) -> None:
            for transfer_call in mine if once else itertools.cycle(mine):
                if over:
                    return
                found.append(await transfer_call())

        async with trio.open_nursery() as nursery:
            for _ in range(clients):
                for mine in [[each] for each in transfer_calls] if each_once else [transfer_calls]:
                    nursery.start_soon(client, mine, each_once)
            phase = await traffic.phase(name, seconds or self._duration)
            over = True
        return phase


def page_digest(size: int) -> str:
    """Return the SHA-256 of the reference app's page of `size` bytes, in hexadecimal."""
    found = hashlib.sha256()
    for block in page_blocks(f"{NONCE}\n".encode(), size):
        found.update(block)
    return found.hexdigest()


def speed(transfers: Sequence[Transfer], size: int) -> float | None:
    """Return the median bytes per second of the correct transfers of `size` bytes, None without any."""
    found = [
        each.size / each.seconds for each in transfers if each.outcome is TransferOutcome.RIGHT and each.size == size
    ]
    return median(found) if found else None


@scenario(
    "Large bodies, up and down, and one at 1 MB/s",
    smoke=LargeParameters(
        clients=2, size=16_000_000, throttle=1_000_000, duration=1.5, rate=20, baseline=1.2, recovery=3
    ),
    full=LargeParameters(
        clients=4, size=100_000_000, throttle=1_000_000, duration=30, rate=20, baseline=10, recovery=60
    ),
)
async def large(ctx: ScenarioContext[LargeParameters]) -> ScenarioResult:
    """Clients upload and download bodies of 1 MB and more at full speed, then one in each direction at 1 MB/s.

    Each body is checked to the last byte. If a server buffers a body before it forwards it, it needs memory. If it
    assigns a worker to the transfer, it has fewer workers for its users.
    """
    return await run_disturbance(ctx, lambda: Transfers(ctx.parameters))
