"""Big bodies beside small pages: a video that is uploaded, a backup that is fetched, on good lines and on slow ones."""

from __future__ import annotations

import hashlib
import itertools
from collections import Counter
from collections.abc import Awaitable, Callable, Sequence
from statistics import median

import trio

from ...harness.catalog import scenario
from ...harness.load.arena import Arena
from ...harness.load.clients.transfers import Direction, Transfer, Verdict, digest, download, upload
from ...harness.load.course import Course
from ...harness.load.disturbance import Findings, disturb
from ...harness.load.judging.grading import amount
from ...harness.load.looking.peak import forget, peak
from ...harness.model import Load, Measure, Phase
from ..apps.load import page_blocks

SMALL = 1_000_000
"""Bytes of the smaller bodies; nginx as it comes refuses longer ones."""

FINISH = 10.0
"""Seconds that any transfer has beyond those that it takes at the throttled pace."""

NONCE = "large"

Move = Callable[[], Awaitable[Transfer]]


class Transfers:
    """Uploads as fast as they go, then downloads, then one of each that is throttled; users all the time."""

    def __init__(self, arena: Arena) -> None:
        self._clients, self._size = arena.count("clients"), arena.count("size")
        self._duration, self._throttle = arena.number("duration"), arena.number("throttle")
        self._found: dict[str, list[Transfer]] = {}
        self._memory: dict[Direction, int] = {}
        self._up: dict[int, str] = {}
        self._down: dict[int, str] = {}

    async def beside(self, c: Course) -> Sequence[Phase]:
        """Move big bodies beside the users."""
        paced = max(SMALL, int(self._throttle * self._duration))
        for size in {SMALL, self._size, paced}:
            self._up[size] = await trio.to_thread.run_sync(digest, size)
            self._down[size] = await trio.to_thread.run_sync(page_digest, size)
        sizes = (self._size, SMALL)
        return [
            await self._phase(c, "uploads", self._clients, [self._upload(c, size) for size in sizes]),
            await self._phase(c, "downloads", self._clients, [self._download(c, size) for size in sizes]),
            await self._throttled(c, paced),
        ]

    async def afterwards(self, c: Course) -> None:
        """Move one body for each client at once and note the memory: of a fresh process, which has kept nothing yet."""
        for direction in Direction:
            await c.running.restart()
            moves = self._upload if direction is Direction.UP else self._download
            # What the first body ever costs, modules and buffers that stay, is no part of the slope.
            await moves(c, SMALL)()
            have = forget(c.running.processes())
            moved = await self._at_once(moves(c, self._size))
            if all(each.verdict is Verdict.RIGHT for each in moved):
                self._memory[direction] = max(0, peak(c.running.processes()) - have)

    async def _at_once(self, move: Move) -> list[Transfer]:
        moved: list[Transfer] = []

        async def one() -> None:
            moved.append(await move())

        async with trio.open_nursery() as nursery:
            for _ in range(self._clients):
                nursery.start_soon(one)
        return moved

    def findings(self) -> Findings:
        """Return whether all bytes were right, how fast they went and what memory they took."""
        every = list(itertools.chain.from_iterable(self._found.values()))
        flaws, measures, told = [], [], []
        for direction in Direction:
            mine = [each for each in every if each.direction is direction]
            counted = Counter(each.verdict for each in mine)
            measures += [
                Measure(f"{direction}s that were right", counted[Verdict.RIGHT], note=f"of {len(mine)}"),
                Measure(f"{direction} speed", speed(mine, self._size), "bytes/s", note=f"of {amount(self._size)}"),
            ]
            for verdict in (Verdict.WRONG, Verdict.FAILED):
                if counted[verdict]:
                    first = next(each for each in mine if each.verdict is verdict)
                    flaws.append(
                        f"{counted[verdict]} of {len(mine)} {direction}s {'were' if counted[verdict] > 1 else 'was'} "
                        f"{verdict} (one of {amount(first.size)}: {first.what})."
                    )
            if counted[Verdict.REFUSED]:
                least = min(each.size for each in mine if each.verdict is Verdict.REFUSED)
                told.append(f"It refuses {direction}s of {amount(least)} with 413, as it is configured.")
        for direction, grown in self._memory.items():
            moving = self._clients * self._size
            told_of = f"{amount(grown)} more for {amount(moving)}, a fresh server each"
            measures.append(Measure(f"memory per byte in flight, {direction}s", grown / moving, note=told_of))
        return Findings(tuple(measures), tuple(flaws), told=" ".join(told))

    def _upload(self, c: Course, size: int) -> Move:
        address, mount = c.running.address, c.running.reference
        return lambda: upload(address, mount, size, self._up[size], patience=self._patience(size))

    def _download(self, c: Course, size: int) -> Move:
        address, mount = c.running.address, c.running.reference
        return lambda: download(address, mount, size, NONCE, self._down[size], patience=self._patience(size))

    def _patience(self, size: int) -> float:
        return FINISH + size / self._throttle

    async def _throttled(self, c: Course, size: int) -> Phase:
        address, mount, pace = c.running.address, c.running.reference, self._throttle
        patience = self._patience(size)

        async def slow_upload() -> Transfer:
            found = await upload(address, mount, size, self._up[size], patience=patience, throttle=pace)
            if found.verdict is not Verdict.REFUSED:
                return found
            return await upload(address, mount, SMALL, self._up[SMALL], patience=patience, throttle=pace)

        async def slow_download() -> Transfer:
            return await download(address, mount, size, NONCE, self._down[size], patience=patience, throttle=pace)

        seconds = max(self._duration, size / pace)
        return await self._phase(c, "throttled", 1, [slow_upload, slow_download], seconds=seconds, together=True)

    async def _phase(
        self,
        c: Course,
        name: str,
        clients: int,
        moves: Sequence[Move],
        *,
        seconds: float | None = None,
        together: bool = False,
    ) -> Phase:
        """Have each client make `moves` by turns for as long as the phase lasts, or `together` once each."""
        found = self._found[name] = []
        over = False

        async def client(mine: Sequence[Move], once: bool) -> None:
            for move in mine if once else itertools.cycle(mine):
                if over:
                    return
                found.append(await move())

        async with trio.open_nursery() as nursery:
            for _ in range(clients):
                for mine in [[each] for each in moves] if together else [moves]:
                    nursery.start_soon(client, mine, together)
            phase = await c.phase(name, seconds or self._duration)
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
    found = [each.size / each.seconds for each in transfers if each.verdict is Verdict.RIGHT and each.size == size]
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
async def large(arena: Arena) -> Load:
    """Bodies of 1 MB and more go up and down as fast as the server takes and gives them, then one each way at 1 MB/s.

    Each is checked to the last byte. A server that collects a body before it hands it on pays for it in memory; one
    that lends a worker to it for as long as it takes has fewer for its users.
    """
    return await disturb(arena, large, lambda: Transfers(arena))
