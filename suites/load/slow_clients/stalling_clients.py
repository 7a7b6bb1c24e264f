"""Clients that stall, each at one point and with one gap. Each is watched until its connection ends."""

from __future__ import annotations

import time
from collections.abc import Callable, Generator, Sequence
from dataclasses import dataclass

import trio

from wsgi_gauntlet.harness.http.address import Address
from wsgi_gauntlet.harness.http.admission import wait_for_admission
from wsgi_gauntlet.harness.http.parser import ConnectionState, ResponseParser
from wsgi_gauntlet.harness.load.clients.behaviours import browser_head
from wsgi_gauntlet.harness.load.clients.scheduler import Scheduler
from wsgi_gauntlet.harness.load.clients.slow_body import BodyFraming, upload_head
from wsgi_gauntlet.harness.load.clients.slow_connection import (
    DRAIN_TIMEOUT,
    Script,
    ServerDisconnected,
    SlowConnection,
    Wait,
)
from wsgi_gauntlet.harness.load.clients.transfers import StreamedResponse
from wsgi_gauntlet.suites.load.slow_clients.timeout_analysis import StallPoint, StallResult

DECLARED_BODY_BYTES = 1 << 16
"""Declared bytes of the body that is never completed."""

CONNECT_GRACE_SECONDS = 5.0
"""Extra seconds after which clients without a connection are given up."""

READ_BYTES = 65536

RESPONSE_BYTES = 16_000_000
"""Bytes of the response in which a client stalls: far more than the buffers of the kernel."""

RESPONSE_WINDOW = 16 * 1024
"""Bytes of receive buffer of a client that stalls in the response."""

STEP_BYTES = 1 << 20
"""Bytes that such a client reads at each step. The server can send again when a third of its send buffer is free."""

STEP_SECONDS = 0.2
"""Longest time of one such step, in seconds."""

LOOK_SECONDS = 0.1
"""Seconds between two looks whether the server has closed its socket while the client reads nothing."""


@dataclass(frozen=True)
class Stall:
    """A client that stalls at `place`, sends something every `gap` seconds, and is watched for `seconds`."""

    place: StallPoint
    gap: float
    seconds: float


async def run_stalling_clients(
    address: Address, reference_app_path: str, stalls: Sequence[Stall], all_stalled: trio.Event
) -> list[StallResult]:
    """Run all `stalls` at the same time against the server at `address`, and return the result of each.

    `all_stalled` is set when all have stalled. A client that never got so far, because the server did not respond, has
    no result. Raises OutOfResources if the machine has no more.
    """
    stall_results: list[StallResult] = []
    all_finished, scheduler = trio.Event(), Scheduler()
    left = unstalled = len(stalls)

    def client(stall: Stall) -> Script:
        nonlocal left, unstalled

        def on_stalled() -> None:
            nonlocal unstalled
            unstalled -= 1
            if not unstalled:
                all_stalled.set()

        connection = None
        try:
            yield from wait_for_admission(address)
            window = RESPONSE_WINDOW if stall.place is StallPoint.RESPONSE else None
            connection = SlowConnection.start_connect(address, window)
            scheduler.watch(connection)
            yield from connection.connected()
            yield from connection.handshake()
            yield from _run_stall(connection, stall, address, reference_app_path, stall_results, on_stalled)
        except (ServerDisconnected, OSError):
            pass
        finally:
            if connection is not None:
                connection.close()
            left -= 1
            if not left:
                all_finished.set()

    for each in stalls:
        scheduler.start(client(each))
    async with trio.open_nursery() as nursery:
        nursery.start_soon(scheduler.run)
        with trio.move_on_after(max(each.seconds for each in stalls) + DRAIN_TIMEOUT + CONNECT_GRACE_SECONDS):
            await all_finished.wait()
        nursery.cancel_scope.cancel()
    all_stalled.set()
    return stall_results


def _run_stall(
    connection: SlowConnection,
    stall: Stall,
    address: Address,
    reference_app_path: str,
    stall_results: list[StallResult],
    on_stalled: Callable[[], None],
) -> Script:
    if stall.place is StallPoint.RESPONSE:
        yield from _run_stall_in_response(connection, stall, address, reference_app_path, stall_results, on_stalled)
        return
    opening, move = _messages(stall.place, address, reference_app_path)
    yield from connection.send(opening)
    closes = stall.place is StallPoint.IDLE and (yield from _read_response(connection))
    on_stalled()
    began = last = time.monotonic()
    late, how, ended = 0.0, "", began + stall.seconds
    try:
        if closes:
            raise ServerDisconnected("FIN")
        while True:
            due = min(last + stall.gap, ended)
            # Between two requests only the end can come. Within a request the server has nothing to send yet.
            wait = connection.idle if stall.place is StallPoint.IDLE else connection.wait_mid_request
            yield from wait(max(0.0, due - time.monotonic()))
            if due == ended:
                break
            late = max(late, time.monotonic() - due)
            yield from connection.send(move)
            if stall.place is StallPoint.IDLE:
                yield from _read_response(connection)
            last = time.monotonic()
    except ServerDisconnected as dropped:
        how, ended = dropped.how, dropped.disconnected_at
    stall_results.append(StallResult(stall.place, stall.gap, max(0.0, ended - began), how, late))


def _run_stall_in_response(
    connection: SlowConnection,
    stall: Stall,
    address: Address,
    reference_app_path: str,
    stall_results: list[StallResult],
    on_stalled: Callable[[], None],
) -> Script:
    """Read the first bytes of a big response, and then a piece every `gap` seconds."""
    target = f"{reference_app_path}/page?n=stop&size={RESPONSE_BYTES}"
    yield from connection.send(browser_head(target, address.authority))
    response = StreamedResponse(lambda _data: None)
    response.feed((yield from connection.read(READ_BYTES)))
    on_stalled()
    began = last = time.monotonic()
    late, how, ended = 0.0, "", began + stall.seconds
    while not how:
        due = min(last + stall.gap, ended)
        closed = yield from _pause_reading(connection, due)
        if closed is not None:
            how = yield from _read_to_the_end(connection, response)
            if not how:
                break  # the whole response was on its way
            ended = closed
        elif due == ended:
            break
        else:
            late = max(late, time.monotonic() - due)
            how = yield from _read_step(connection, response)
            last = time.monotonic()
            if how:
                ended = last
            elif response.done:
                break
    stall_results.append(StallResult(stall.place, stall.gap, max(0.0, ended - began), how, late))


def _pause_reading(connection: SlowConnection, until: float) -> Generator[Wait, bool, float | None]:
    """Read nothing until then. Return when the server closed the connection, None if it did not."""
    try:
        while (left := until - time.monotonic()) > 0:
            yield from connection.idle(min(left, LOOK_SECONDS))
            if connection.server_closed():
                return time.monotonic()
    except ServerDisconnected as dropped:
        return dropped.disconnected_at
    return None


def _read_step(connection: SlowConnection, response: StreamedResponse) -> Generator[Wait, bool, str]:
    """Read STEP_BYTES, or as much as arrives in STEP_SECONDS. Return how the server cut the response, '' if not."""
    until, before = time.monotonic() + STEP_SECONDS, response.response().length
    try:
        while not response.done and response.response().length < before + STEP_BYTES:
            data = yield from connection.read(READ_BYTES, until - time.monotonic())
            if not data:
                break
            response.feed(data)
    except ServerDisconnected as dropped:
        response.eof(ConnectionState.RESET if dropped.how == "RST" else ConnectionState.EOF)
        return "" if response.response().complete else dropped.how
    return ""


def _read_to_the_end(connection: SlowConnection, response: StreamedResponse) -> Generator[Wait, bool, str]:
    """Read the rest of a response from a server that has closed. Return how it was cut, '' if it is whole."""
    how = ""
    while not how and not response.done:
        how = yield from _read_step(connection, response)
    return how


def _messages(place: StallPoint, address: Address, reference_app_path: str) -> tuple[bytes, bytes]:
    """Return the bytes before the first stall, and the bytes of each later step."""
    authority = address.authority
    if place is StallPoint.HEAD:
        return f"GET {reference_app_path}/page HTTP/1.1\r\nHost: {authority}\r\nX-Slow: ".encode("latin-1"), b"x"
    if place is StallPoint.BODY:
        return upload_head(
            f"{reference_app_path}/sink", authority, BodyFraming.LENGTH, DECLARED_BODY_BYTES
        ) + b"x", b"x"
    request = browser_head(f"{reference_app_path}/page?n=stop", authority)
    return request, request


def _read_response(connection: SlowConnection) -> Generator[Wait, bool, bool]:
    """Read one response, and return whether it announces the end of the connection."""
    parser = ResponseParser()
    while not parser.done:
        parser.feed((yield from connection.read(READ_BYTES)))
    return parser.response().announces_close
