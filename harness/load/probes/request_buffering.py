"""Whether a server calls the app before a request's body is there: who waits for it there is one less for others.

A body is held back, and the app itself says how long it took to read it: a server that waits for the body first hands
it over in no time. Nothing of this depends on two clocks, nor on when the server sends the answer.
"""

from __future__ import annotations

import trio

from wsgi_gauntlet.harness.http.address import Address
from wsgi_gauntlet.harness.http.http_connection import RECEIVE_BYTES, connect, create_stream_socket, send_all
from wsgi_gauntlet.harness.http.parser import ResponseParser
from wsgi_gauntlet.harness.http.response import ConnectionState, Response
from wsgi_gauntlet.harness.load.clients.slow_body import BodyFraming, upload_body, upload_head
from wsgi_gauntlet.harness.model import Metric

WITHHOLD_SECONDS = 0.5
"""Seconds that the body is held back."""

RESPONSE_TIMEOUT = 5.0
"""Seconds that the answer may take once the body is there."""

BODY_BYTES = 32
"""Bytes of that body."""

MEASURE_NAME = "app started before the body was there"
YES_NO_UNIT = "yes/no"


async def request_buffering(address: Address, reference: str, framing: BodyFraming) -> Metric:
    """Return whether the app at `address`, whose paths begin with `reference`, starts before the body: 1 or 0.

    The value is None, with a note, where nobody can tell. Raises OutOfResources where this machine has run out.
    """
    sock = create_stream_socket(address)
    with sock:
        try:
            await connect(sock, address)
            response, ahead = await _send_body_late(sock, address, reference, framing)
        except OSError as problem:
            return Metric.labelled(
                MEASURE_NAME, None, YES_NO_UNIT, note=f"the connection broke: {problem.strerror or problem}"
            )
    return buffering_measure(response, ahead=ahead)


def buffering_measure(response: Response, *, ahead: bool) -> Metric:
    """Return the measure that `answer` makes; `ahead` says that it came before the body was sent."""
    if response.status != 200 or not response.complete:
        return Metric.labelled(
            MEASURE_NAME, None, YES_NO_UNIT, note=f"such a request is answered with {response.describe()}"
        )
    waited = _body_read_seconds(response)
    if waited is None:
        return Metric.labelled(MEASURE_NAME, None, YES_NO_UNIT, note="the answer does not say when the app was called")
    if ahead and response.body.startswith(b"0 "):
        return Metric.labelled(
            MEASURE_NAME, 1.0, YES_NO_UNIT, note="the app was told of no body, and answered without it"
        )
    if response.body.startswith(b"0 "):
        return Metric.labelled(MEASURE_NAME, None, YES_NO_UNIT, note="the app was told of no body")
    early = waited > WITHHOLD_SECONDS / 2
    return Metric.labelled(
        MEASURE_NAME,
        float(early),
        YES_NO_UNIT,
        note=f"it read for {waited:.2f} s what was held back for {WITHHOLD_SECONDS:g} s",
    )


async def _send_body_late(
    sock: trio.socket.SocketType, address: Address, reference: str, framing: BodyFraming
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


async def _read(sock: trio.socket.SocketType, parser: ResponseParser) -> None:
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
