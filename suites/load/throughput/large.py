"""Big bodies beside small pages: a video that is uploaded, a backup that is fetched, on good lines and on slow ones."""

from __future__ import annotations

import hashlib
import itertools
from collections import Counter
from collections.abc import Awaitable, Callable, Sequence
from statistics import median

import trio

from wsgi_gauntlet.harness.conformance.catalog import scenario
from wsgi_gauntlet.harness.load.analysis.grading import format_bytes
from wsgi_gauntlet.harness.load.clients.transfers import Direction, Transfer, TransferOutcome, digest, download, upload
from wsgi_gauntlet.harness.load.context import ScenarioContext
from wsgi_gauntlet.harness.load.experiments.disturbance import Findings, run_disturbance
from wsgi_gauntlet.harness.load.experiments.traffic_timeline import TrafficTimeline
from wsgi_gauntlet.harness.load.probes.peak_memory import peak_memory, reset_peak
from wsgi_gauntlet.harness.model import Metric, Phase, ScenarioResult
from wsgi_gauntlet.suites.testapp.behaviours.pages import page_blocks

SMALL_BODY_BYTES = 1_000_000
"""Bytes of the smaller bodies; nginx as it comes refuses longer ones."""

TRANSFER_GRACE_SECONDS = 10.0
"""Seconds that any transfer has beyond those that it takes at the throttled pace."""

NONCE = "large"

TransferCall = Callable[[], Awaitable[Transfer]]


class Transfers:
    """Uploads as fast as they go, then downloads, then one of each that is throttled; users all the time."""

    def __init__(self, ctx: ScenarioContext) -> None:
        self._clients, self._size = ctx.count("clients"), ctx.count("size")
        self._duration, self._throttle = ctx.number("duration"), ctx.number("throttle")
        self._transfers: dict[str, list[Transfer]] = {}
        self._memory: dict[Direction, int] = {}
        self._up: dict[int, str] = {}
        self._down: dict[int, str] = {}

    async def run_beside_users(self, traffic: TrafficTimeline) -> Sequence[Phase]:
        """Move big bodies beside the users."""
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
        """Move one body for each client at once and note the memory: of a fresh process, which has kept nothing yet."""
        for direction in Direction:
            await traffic.running.restart()
            transfer_calls = self._upload if direction is Direction.UP else self._download
            # What the first body ever costs, modules and buffers that stay, is no part of the slope.
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
        """Return whether all bytes were right, how fast they went and what memory they took."""
        every = list(itertools.chain.from_iterable(self._transfers.values()))
        flaws, measures, remarks = [], [], []
        for direction in Direction:
            mine = [each for each in every if each.direction is direction]
            counted = Counter(each.outcome for each in mine)
            measures += [
                Metric.labelled(
                    f"{direction}s that were right", counted[TransferOutcome.RIGHT], note=f"of {len(mine)}"
                ),
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
                remarks.append(f"It refuses {direction}s of {format_bytes(least)} with 413, as it is configured.")
        for direction, grown in self._memory.items():
            moving = self._clients * self._size
            memory_note = f"{format_bytes(grown)} more for {format_bytes(moving)}, a fresh server each"
            measures.append(
                Metric.labelled(f"memory per byte in flight, {direction}s", grown / moving, note=memory_note)
            )
        return Findings(tuple(measures), tuple(flaws), remarks=" ".join(remarks))

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
        """Have each client make `moves` by turns for as long as the phase lasts, or `together` once each."""
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
    """Return the median bytes per second of the right transfers of `size` bytes, None where there is none."""
    found = [
        each.size / each.seconds for each in transfers if each.outcome is TransferOutcome.RIGHT and each.size == size
    ]
    return median(found) if found else None


@scenario(
    "Large bodies, up and down, and one at 1 MB/s",
    smoke={
        "clients": 2,
        "size": 16_000_000,
        "throttle": 1_000_000,
        "duration": 1.5,
        "rate": 20,
        "baseline": 1.2,
        "recovery": 3,
    },
    full={
        "clients": 4,
        "size": 100_000_000,
        "throttle": 1_000_000,
        "duration": 30,
        "rate": 20,
        "baseline": 10,
        "recovery": 60,
    },
)
async def large(ctx: ScenarioContext) -> ScenarioResult:
    """Bodies of 1 MB and more go up and down as fast as the server takes and gives them, then one each way at 1 MB/s.

    Each is checked to the last byte. A server that collects a body before it hands it on pays for it in memory; one
    that lends a worker to it for as long as it takes has fewer for its users.
    """
    return await run_disturbance(ctx, large, lambda: Transfers(ctx))
