"""The server is stopped: what becomes of requests in flight, kept connections and new ones, and when does it end?"""

from __future__ import annotations

import signal
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Annotated

import trio

from wsgi_gauntlet.harness.errors import ServerDidNotStart, Unsupported
from wsgi_gauntlet.harness.load.catalog import scenario
from wsgi_gauntlet.harness.load.clients.healthy_users import warm_up
from wsgi_gauntlet.harness.load.context import ScenarioContext
from wsgi_gauntlet.harness.load.parameters import Parameter, Parameters
from wsgi_gauntlet.harness.load.probes.read_requests import read_clients
from wsgi_gauntlet.harness.load.workload import ReferencePage
from wsgi_gauntlet.harness.model import Grade, Metric, ScenarioResult
from wsgi_gauntlet.suites.load.operations.stop_clients import (
    KeptConnection,
    NewConnections,
    RequestEnd,
    RequestInFlight,
    RequestKind,
    StopTimes,
)
from wsgi_gauntlet.suites.load.operations.stop_grading import (
    Meaning,
    SignalResult,
    StopRound,
    grade_stops,
    meaning_of,
)

if TYPE_CHECKING:
    from wsgi_gauntlet.harness.server.server_under_test import ServerUnderTest

ALWAYS_TRIED = (signal.SIGTERM, signal.SIGINT)
"""The signals of service managers and containers, and of Ctrl-C."""

FIRST_READ_SECONDS = 5.0
"""Longest wait until the server has read the first request."""

OTHERS_READ_SECONDS = 0.15
"""Wait for the other requests after that, shorter than the short request."""

POLL_SECONDS = 0.01
"""Seconds between two looks at what the server has read."""

UNIX_SOCKET_READ_SECONDS = 0.15
"""Wait instead for a Unix socket: the kernel does not list what is unread there."""

MAX_ROUNDS_PER_SIGNAL = 8
"""Stops by one signal: one of each kind for a server that reads one request at a time, and as many again."""

LOST_RESPONSE_SECONDS = 1.0
"""Wait for responses after the server has ended: they may be on their way."""


@dataclass(frozen=True, kw_only=True)
class StopParameters(Parameters):
    """Parameters of `stop`."""

    short: Annotated[float, Parameter("s", "time of the short request in the app")]
    long: Annotated[float, Parameter("s", "time of the long request in the app")]
    upload: Annotated[float, Parameter("s", "time from the signal to the end of the upload")]
    patience: Annotated[float, Parameter("s", "time to end after the last response, with an idle connection")]


@scenario(
    "Stop: requests in flight, kept and new connections, time to exit",
    smoke=StopParameters(short=0.4, long=1.2, upload=0.4, patience=5),
    full=StopParameters(short=0.5, long=2.5, upload=1.5, patience=40),
)
async def stop(ctx: ScenarioContext[StopParameters]) -> ScenarioResult:
    """The server gets SIGTERM, then a fresh one SIGINT, then each signal that its documentation calls graceful.

    A short and a long request, an upload and a response that is being sent are in flight then, because the server has
    read them. They should be answered. An idle kept connection is open, and new clients connect meanwhile. A lost
    request is a finding, unless the documentation says that the signal stops the server at once. If a proxy is in
    front, the proxy gets the signal.
    """
    if not ctx.started_here:
        raise Unsupported("somebody else started this server, so the harness may not stop it")
    times = StopTimes(ctx.parameters.short, ctx.parameters.long, ctx.parameters.upload)
    results: list[SignalResult] = []
    one_at_a_time = False
    documented: Sequence[signal.Signals] = ()
    tried: list[signal.Signals] = []
    while missing := [each for each in (*ALWAYS_TRIED, *documented) if each not in tried]:
        tried.append(missing[0])
        ctx.progress(len(results) / (len(results) + len(missing)), f"{missing[0].name} with requests in flight")
        result, documented, one_at_a_time = await _stop_by(ctx, missing[0], times, one_at_a_time=one_at_a_time)
        results.append(result)
    mark, reasons = grade_stops(results)
    return ctx.result(
        mark,
        goodput=_goodput(results) if mark is not Grade.MEASURED else None,
        metrics=tuple(metric for each in results for metric in _metrics(each)),
        conditions={"signals": ", ".join(f"{each.number.name}: {each.meaning.value}" for each in results)},
        note=" ".join((*reasons, *(each.description() for each in results))),
    )


async def _stop_by(
    ctx: ScenarioContext[StopParameters], number: signal.Signals, times: StopTimes, *, one_at_a_time: bool
) -> tuple[SignalResult, Sequence[signal.Signals], bool]:
    """Stop fresh servers by `number` until a request of each kind was in flight.

    Return the result, the documented graceful signals, and whether the server reads one request at a time. A signal
    that is documented as quick is tried once.
    """
    wanted = list(RequestKind)
    rounds: list[StopRound] = []
    meaning = Meaning.UNDOCUMENTED
    graceful: Sequence[signal.Signals] = ()
    while wanted and len(rounds) < MAX_ROUNDS_PER_SIGNAL:
        kinds = wanted[:1] if one_at_a_time else wanted
        async with ctx.server() as running:
            signals = running.stop_signals
            graceful, meaning = signals.graceful, meaning_of(number, signals.graceful, signals.quick)
            found = await _StopRun(ctx.parameters, running, number, times).run(kinds)
        rounds.append(found)
        seen = {each.kind for each in found.in_flight}
        one_at_a_time = one_at_a_time or (len(kinds) > 1 and len(seen) == 1)
        # A kind that was not in flight gets its turn after the others.
        wanted = [each for each in wanted if each not in seen and each not in kinds[:1]] + [
            each for each in kinds[:1] if each not in seen
        ]
        if meaning is Meaning.QUICK or found.exited_after is None:
            break
    return SignalResult(number, meaning, ctx.parameters.patience, tuple(rounds)), graceful, one_at_a_time


class _StopRun:
    """One stop of one fresh server."""

    def __init__(
        self, parameters: StopParameters, running: ServerUnderTest, number: signal.Signals, times: StopTimes
    ) -> None:
        self._patience = parameters.patience
        self._running = running
        self._number = number
        self._times = times
        self._mount = running.reference_app_path
        self._kept = KeptConnection()
        self._new = NewConnections(running.address, self._mount)

    async def run(self, kinds: Iterable[RequestKind]) -> StopRound:
        """Bring requests of `kinds` in flight, send the signal, and watch until the server has ended."""
        running, kept = self._running, self._kept
        await self._warm_up()
        clients = [RequestInFlight(kind, running.address, self._mount, self._times) for kind in kinds]
        try:
            with trio.move_on_after(FIRST_READ_SECONDS):
                await kept.open(running.address, self._mount)
            if not kept.was_kept:
                kept.close()
            async with trio.open_nursery() as nursery:
                read: list[RequestInFlight] = []
                # What takes the server longest to begin comes first, and alone.
                for others, group in ((False, clients[:1]), (True, clients[1:])):
                    for each in group:
                        nursery.start_soon(each.run)
                        with trio.move_on_after(OTHERS_READ_SECONDS):
                            await each.begun.wait()
                    read += await self._wait_until_read(group, others=others)
                at = trio.current_time()
                in_flight = [each for each in read if each.is_in_flight]
                queued = [each for each in clients if each not in read]
                running.send_signal(self._number)
                nursery.start_soon(kept.watch, at)
                nursery.start_soon(self._new.run)
                for each in clients:
                    nursery.start_soon(each.go_on)
                exited_after, waited_for_idle = await self._wait_for_end(at, in_flight, queued)
                with trio.move_on_after(LOST_RESPONSE_SECONDS):
                    while any(each.done_at is None for each in in_flight):  # noqa: ASYNC110 - sockets decide
                        await trio.sleep(POLL_SECONDS)
                nursery.cancel_scope.cancel()
            ends = tuple(each.result(at) for each in in_flight)
            return StopRound(
                ends,
                exited_after,
                max((each.after for each in ends), default=0.0),
                running.ended,
                self._describe_kept(exited_after),
                waited_for_idle,
                tuple(self._new.ends),
            )
        finally:
            kept.close()
            for each in clients:
                each.close()

    async def _warm_up(self) -> None:
        try:
            await warm_up(self._running.address, ReferencePage(self._mount))
        except (trio.TooSlowError, OSError) as problem:
            raise ServerDidNotStart(
                f"{self._running.name} responded at first, and then a page failed: {problem}"
            ) from None

    async def _wait_until_read(self, clients: Sequence[RequestInFlight], *, others: bool) -> list[RequestInFlight]:
        """Return the clients whose request the server has read.

        `others` are not waited for if the server is busy with the first one. An idle connection that blocks the first
        one is given up.
        """
        if self._running.address.path:
            await trio.sleep(UNIX_SOCKET_READ_SECONDS)
            return list(clients)
        began = trio.current_time()
        while True:
            now = trio.current_time()
            ports = read_clients(self._running.address.port, [each.port for each in clients])
            read = [each for each in clients if each.port in ports and _has_begun(each)]
            if len(read) == len(clients) or (others and now > began + OTHERS_READ_SECONDS):
                return read
            if now > began + FIRST_READ_SECONDS:
                if not self._kept.is_open:
                    return read
                self._kept.close()
                began = now
            await trio.sleep(POLL_SECONDS)

    async def _wait_for_end(
        self, at: float, in_flight: Sequence[RequestInFlight], queued: Sequence[RequestInFlight]
    ) -> tuple[float | None, bool]:
        """Return the seconds from the signal to the end, None without one, and whether an idle connection delayed it.

        Clients whose requests the server had not read, and new ones without a response, do not delay the end: they
        leave.
        """
        with trio.move_on_after(max(self._times.long, self._times.upload) + self._patience):
            while any(each.done_at is None for each in in_flight) and self._running.alive:
                await self._running.wait_for_end(POLL_SECONDS)
        self._new.stop()
        for each in queued:
            each.close()
        if await self._running.wait_for_end(LOST_RESPONSE_SECONDS):
            return trio.current_time() - at, False
        self._new.leave()
        if await self._running.wait_for_end(self._patience):
            return trio.current_time() - at, False
        if self._kept.is_open:
            self._kept.close()
            if await self._running.wait_for_end(self._patience):
                return trio.current_time() - at, True
        return None, False

    def _describe_kept(self, exited_after: float | None) -> str:
        kept = self._kept
        if not kept.was_kept:
            return "the server keeps no connection"
        if kept.closed_after is not None:
            return f"{kept.how} after {kept.closed_after:.2f} s"
        return "open until the client closed it" if exited_after is None else "open until the end"


def _has_begun(client: RequestInFlight) -> bool:
    return client.kind is not RequestKind.DOWNLOAD or client.received_bytes


def _goodput(results: Sequence[SignalResult]) -> float | None:
    judged = [each for result in results if result.is_judged for each in result.in_flight]
    answered = sum(each.end is RequestEnd.ANSWERED for each in judged)
    return answered / len(judged) if judged else None


def _metrics(result: SignalResult) -> tuple[Metric, ...]:
    name = result.number.name
    new = [end for each in result.rounds for end in each.new]
    kept = "; ".join(dict.fromkeys(each.kept for each in result.rounds))
    last = max((each.last_end for each in result.rounds), default=0.0)
    answered = [f"{each.kind}: {each.end}" for each in result.in_flight]
    return (
        Metric.labelled(
            f"requests lost, {name}",
            len(result.lost),
            note=f"of {len(result.in_flight)} in flight. {'; '.join(answered)}",
        ),
        Metric.labelled(
            f"time to exit, {name}",
            result.exit_seconds,
            "s",
            note=f"{result.meaning.value}; the last request in flight ended after {last:.2f} s; "
            f"idle kept connection: {kept}",
        ),
        Metric.labelled(
            f"new connections lost, {name}",
            sum(end not in (RequestEnd.ANSWERED, RequestEnd.REFUSED) for end in new),
            note=f"of {len(new)} after the signal; {new.count(RequestEnd.ANSWERED)} were answered and "
            f"{new.count(RequestEnd.REFUSED)} refused",
        ),
    )
