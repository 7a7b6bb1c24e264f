"""Test whether a server calls the app before the body of the request has arrived.

The client delays the body, and the app reports how long its read took. If the server buffers the body first, the read
takes no time. The test needs only one clock, and does not depend on when the server sends the response.
"""

from __future__ import annotations

import trio

from wsgi_gauntlet.harness.http.address import Address
from wsgi_gauntlet.harness.http.http_connection import (
    RECEIVE_BYTES,
    ClientSocket,
    connect,
    create_stream_socket,
    send_all,
)
from wsgi_gauntlet.harness.http.parser import ResponseParser
from wsgi_gauntlet.harness.http.response import ConnectionState, Response
from wsgi_gauntlet.harness.load.analysis.units import format_seconds
from wsgi_gauntlet.harness.load.clients.slow_body import BodyFraming, upload_body, upload_head
from wsgi_gauntlet.harness.model import Metric

WITHHOLD_SECONDS = 0.5
"""Seconds by which the body is delayed."""

RESPONSE_TIMEOUT = 5.0
"""Seconds to wait for the response after the body."""

BODY_BYTES = 32
"""Bytes of the delayed body."""

MEASURE_NAME = "app started before the body had arrived"
YES_NO_UNIT = "yes/no"


async def request_buffering(address: Address, reference: str, framing: BodyFraming) -> Metric:
    """Return 1 if the app starts before the body has arrived, 0 if not. `reference` is the prefix of its paths.

    The value is None, with a note, if it is unknown. Raises OutOfResources if the machine has no more.
    """
    try:
        with await connect(create_stream_socket(address), address) as sock:
            response, ahead = await _send_body_late(sock, address, reference, framing)
    except OSError as problem:
        return Metric.labelled(
            MEASURE_NAME, None, YES_NO_UNIT, note=f"the connection failed: {problem.strerror or problem}"
        )
    return buffering_measure(response, ahead=ahead)


def buffering_measure(response: Response, *, ahead: bool) -> Metric:
    """Return the measure of `response`. `ahead` says that it came before the body was sent."""
    if response.status != 200 or not response.complete:
        return Metric.labelled(
            MEASURE_NAME, None, YES_NO_UNIT, note=f"the response to such a request is {response.describe()}"
        )
    waited = _body_read_seconds(response)
    if waited is None:
        return Metric.labelled(MEASURE_NAME, None, YES_NO_UNIT, note="the response does not say how long the app read")
    if ahead and response.body.startswith(b"0 "):
        return Metric.labelled(
            MEASURE_NAME, 1.0, YES_NO_UNIT, note="the server gave the app no body, and the app responded without it"
        )
    if response.body.startswith(b"0 "):
        return Metric.labelled(MEASURE_NAME, None, YES_NO_UNIT, note="the server gave the app no body")
    early = waited > WITHHOLD_SECONDS / 2
    return Metric.labelled(
        MEASURE_NAME,
        float(early),
        YES_NO_UNIT,
        note=f"the app read for {format_seconds(waited)}; the body was delayed by {format_seconds(WITHHOLD_SECONDS)}",
    )


async def _send_body_late(
    sock: ClientSocket, address: Address, reference: str, framing: BodyFraming
) -> tuple[Response, bool]:
    parser = ResponseParser()
    await send_all(sock, upload_head(f"{reference}/sink", address.authority, framing, BODY_BYTES))
    with trio.move_on_after(WITHHOLD_SECONDS):
        await _read(sock, parser)
    ahead = parser.done
    if not ahead:
        await send_all(sock, b"".join(upload_body(framing, BODY_BYTES, BODY_BYTES)))
        with trio.move_on_after(RESPONSE_TIMEOUT):
            await _read(sock, parser)
    return parser.response(), ahead


async def _read(sock: ClientSocket, parser: ResponseParser) -> None:
    while not parser.done:
        data = await sock.recv(RECEIVE_BYTES)
        if not data:
            parser.eof(ConnectionState.EOF)
            return
        parser.feed(data)


def _body_read_seconds(response: Response) -> float | None:
    try:
        return float(response.header("X-Gauntlet-Waited") or b"")
    except ValueError:
        return None
