"""Puts pieces on a connection, each in a segment of its own: the next goes out when the server has read the last."""

from __future__ import annotations

from collections.abc import Callable, Iterable

import trio

from wsgi_gauntlet.harness.http.segmentation import Segment
from wsgi_gauntlet.harness.http.transports.receive_queue import unread_counter, wait_until_read


async def send_pieces(
    stream: trio.abc.Stream, segments: Iterable[Segment], on_sent: Callable[[], None] = lambda: None
) -> None:
    """Send each of `pieces` on `stream`, waiting before it as long as it says; `gone` hears that some more went out.

    A piece waits until the server has read the one before. From a server that does not read, nothing is waited for.
    Raises what `stream.send_all` does. The stream must send at once what it is given (TCP_NODELAY).
    """
    count = None
    server_reads = True
    for number, segment in enumerate(segments):
        if number == 1:
            count = unread_counter(stream)
        if number and server_reads:
            server_reads = await wait_until_read(count)
        if segment.delay:
            await trio.sleep(segment.delay)
        if segment.data:
            await stream.send_all(segment.data)
            on_sent()
