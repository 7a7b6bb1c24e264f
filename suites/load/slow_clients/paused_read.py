"""Clients that pause in the middle of a download: does the file arrive whole?

    whole                                   sound
    cut short by RST                        a timeout that shows as one: measured
    cut short by FIN                        a flaw: without a length, the client takes a part for the whole
    wrong bytes                             a flaw
    another response, or no end             measured: the server does not serve such a page to so many clients

A response that was whole in the buffers of the kernel before the pause shows nothing about the server, so the page must
be larger than these buffers.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Annotated

import trio

from wsgi_gauntlet.harness.load.analysis.units import format_bytes
from wsgi_gauntlet.harness.load.catalog import scenario
from wsgi_gauntlet.harness.load.clients.connection_budget import reserve_connections
from wsgi_gauntlet.harness.load.clients.paused_reader import STALL_SECONDS, DownloadEnd, PausedDownload, PausedReader
from wsgi_gauntlet.harness.load.context import ScenarioContext
from wsgi_gauntlet.harness.load.experiments.disturbance import DisturbanceParameters, Findings, run_disturbance
from wsgi_gauntlet.harness.load.experiments.traffic_timeline import TrafficTimeline
from wsgi_gauntlet.harness.load.parameters import Parameter
from wsgi_gauntlet.harness.model import Metric, Phase, ScenarioResult

FLAWS = (DownloadEnd.CUT_BY_FIN, DownloadEnd.WRONG)


@dataclass(frozen=True, kw_only=True)
class PausedReadParameters(DisturbanceParameters):
    """Parameters of `paused-read`."""

    clients: Annotated[int, Parameter("", "clients that pause in the middle of a response")]
    per_second: Annotated[float, Parameter("connections/s", "rate at which these clients connect")]
    size: Annotated[int, Parameter("bytes", "size of the response")]
    pause: Annotated[float, Parameter("s", "time for which a client reads nothing")]


class PausedReadRun:
    """Clients download a page with a pause in it, beside users."""

    def __init__(self, parameters: PausedReadParameters) -> None:
        self._parameters = parameters
        self._connection_budget = reserve_connections(parameters.clients)
        self.reader: PausedReader | None = None

    def make_behaviour(self, mount: str, authority: str) -> PausedReader:
        """Return the behaviour of the clients."""
        self.reader = PausedReader(mount, authority, size=self._parameters.size, seconds=self._parameters.pause)
        return self.reader

    async def run_beside_users(self, traffic: TrafficTimeline) -> Sequence[Phase]:
        """Let the clients pause beside the users, and wait for the rest of their downloads."""
        assert self.reader is not None
        await traffic.slow_clients.scale_to(self._connection_budget.clients)
        phase = await traffic.phase("clients pause", max(self._parameters.duration, self._parameters.pause))
        with trio.move_on_after(STALL_SECONDS + 1):
            while len(self.reader.downloads) < self.reader.paused:  # noqa: ASYNC110 - the server decides
                await trio.sleep(0.05)
        return [phase]

    async def inspect_leftovers(self, traffic: TrafficTimeline) -> None:
        """Nothing more: the experiment itself inspects the idle server."""

    def findings(self) -> Findings:
        """Return the downloads that did not arrive whole."""
        assert self.reader is not None
        found = paused_findings(self.reader.downloads, self._parameters.pause)
        waiting = self._connection_budget.clients - self.reader.paused
        details = [found.details, self._connection_budget.note]
        if waiting:
            details.append(f"{waiting} of {self._connection_budget.clients} clients got no first byte in this time.")
        return Findings(found.measures, found.flaws, details=" ".join(filter(None, details)))


def paused_findings(downloads: Sequence[PausedDownload], pause: float) -> Findings:
    """Return what the downloads say about a server. `pause` is in seconds."""
    total = len(downloads)
    counts = {end: [each for each in downloads if each.end is end] for end in DownloadEnd}
    measures = [
        Metric("whole_downloads", "whole downloads", len(counts[DownloadEnd.WHOLE]), note=f"of {total}"),
        *(
            Metric.labelled(f"downloads {end}", len(found))
            for end, found in counts.items()
            if found and end is not DownloadEnd.WHOLE
        ),
    ]
    flaws = [_describe(end, counts[end], total, pause) for end in FLAWS if counts[end]]
    others = [_describe(end, found, total, pause) for end, found in counts.items() if found and end not in FLAWS]
    return Findings(tuple(measures), tuple(flaws), details=" ".join(each for each in others if each))


def _describe(end: DownloadEnd, downloads: Sequence[PausedDownload], total: int, pause: float) -> str:
    if end is DownloadEnd.WHOLE:
        return "All files arrived whole." if len(downloads) == total else ""
    least, size = min(each.received for each in downloads), downloads[0].size
    early = sum(each.early for each in downloads)
    when = f"; the server gave up during the pause of {early} of them" if early else ""
    return (
        f"{len(downloads)} of {total} files were {end} after a pause of {pause:g} s, the shortest after "
        f"{format_bytes(least)} of {format_bytes(size)}{when}."
        if end not in (DownloadEnd.REFUSED, DownloadEnd.STALLED)
        else f"{len(downloads)} of {total} clients got no whole file: {end}."
    )


@scenario(
    "Readers that pause in the middle of a big response",
    smoke=PausedReadParameters(
        clients=4, duration=2, rate=20, baseline=1.2, recovery=3, per_second=50, size=8_000_000, pause=6
    ),
    full=PausedReadParameters(
        clients=64, duration=20, rate=20, baseline=10, recovery=60, per_second=50, size=64_000_000, pause=20
    ),
)
async def paused_read(ctx: ScenarioContext[PausedReadParameters]) -> ScenarioResult:
    """Clients read the first bytes of a big file, pause, and then read the rest. The file must arrive whole.

    A phone in a tunnel and a paused download do so. If a server gives up, the client must see that the file is not
    whole: a reset shows it, and the normal end of a connection may not.
    """
    rounds: list[PausedReadRun] = []

    def make_disturbance() -> PausedReadRun:
        rounds.append(PausedReadRun(ctx.parameters))
        return rounds[-1]

    return await run_disturbance(
        ctx,
        make_disturbance,
        make_behaviour=lambda running: rounds[-1].make_behaviour(running.reference_app_path, running.address.authority),
        per_second=ctx.parameters.per_second,
    )
