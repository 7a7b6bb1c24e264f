"""Several requests sent at once on one connection, and whether their answers come in that order, each to its own.

"A server MAY process a sequence of pipelined requests in parallel if they all have safe methods
 (Section 9.2.1 of [HTTP]), but it MUST send the corresponding responses in the same order that the requests were
 received." (RFC 9112, section 9.3.2)

A server need not answer all of them: "A client that pipelines requests SHOULD retry unanswered requests if the
connection closes before it receives all of the corresponding responses." (ibid.) So a server may close after any
answer; one that neither answers nor closes has lost what it was asked.
"""

from __future__ import annotations

import enum
import socket
from collections.abc import Collection, Sequence
from dataclasses import dataclass

import trio

from wsgi_gauntlet.harness.http.address import Address
from wsgi_gauntlet.harness.http.http_connection import RECEIVE_BYTES, connect, create_stream_socket
from wsgi_gauntlet.harness.http.parser import ConnectionState, Response, ResponseParser


class ResponseMatch(enum.StrEnum):
    """What came in place of the next answer in order."""

    RIGHT = "right"
    SWAPPED = "the answer to another request of the same connection"
    FOREIGN = "the answer to a request of another connection"
    BROKEN = "no right answer to anything that was asked"


class PipelineEnd(enum.StrEnum):
    """Why nothing more was read on a connection."""

    ALL = "all answers came"
    CLOSED = "the server closed the connection"
    RESET = "the server reset the connection"
    SILENT = "the server said nothing more"
    WRONG = "an answer was not the right one"
    REFUSED = "the server took no connection"


@dataclass(frozen=True)
class PipelineResult:
    """What became of one connection on which `depth` requests were sent at once.

    The first `right` answers were the right ones; `came` is what came next where that was wrong, and `what` describes
    it. `gap` is the seconds from the first answer's end to the second's first byte, None where there was no second.
    """

    depth: int
    right: int
    ended: PipelineEnd
    response_match: ResponseMatch = ResponseMatch.RIGHT
    detail: str = ""
    second_response_delay: float | None = None

    @property
    def lost(self) -> int:
        """How many requests were neither answered nor given back by closing the connection."""
        return self.depth - self.right if self.ended is PipelineEnd.SILENT else 0


def request(address: Address, mount: str, nonce: str, size: int, wait: int) -> bytes:
    """Return the request for a page that begins with `nonce` and takes `wait` milliseconds."""
    slow = f"&wait={wait}" if wait else ""
    return (
        f"GET {mount}/page?n={nonce}&size={size}{slow} HTTP/1.1\r\nHost: {address.authority}\r\n"
        "User-Agent: wsgi-gauntlet\r\nAccept: */*\r\n\r\n"
    ).encode("latin-1")


def classify_response(
    response: Response, expected: str, size: int, own: Collection[str], known: Collection[str]
) -> ResponseMatch:
    """Say what `answer` is where the page `expected` is due, of this connection's `own` nonces and all `known` ones."""
    nonce = response.body.partition(b"\n")[0].decode("latin-1")
    if response.status != 200 or not response.complete or response.length != size:
        return ResponseMatch.BROKEN
    if nonce == expected:
        return ResponseMatch.RIGHT
    if nonce in own:
        return ResponseMatch.SWAPPED
    return ResponseMatch.FOREIGN if nonce in known else ResponseMatch.BROKEN


async def send_pipeline(
    address: Address,
    mount: str,
    nonces: Sequence[str],
    known: Collection[str],
    *,
    size: int,
    wait: int,
    patience: float,
) -> PipelineResult:
    """Ask for a page for each of `nonces` at once, the first of which takes `wait` ms, and read all answers.

    Nothing for `patience` seconds counts as nothing ever. Raises OutOfResources where this machine has none left.
    """
    try:
        sock = create_stream_socket(address)
        if not address.path:
            sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        with trio.fail_after(patience):
            await connect(sock, address)
    except (OSError, trio.TooSlowError):
        return PipelineResult(len(nonces), 0, PipelineEnd.REFUSED)
    with sock:
        left = memoryview(
            b"".join(request(address, mount, each, size, 0 if at else wait) for at, each in enumerate(nonces))
        )
        try:
            with trio.fail_after(patience):
                while left:
                    left = left[await sock.send(left) :]
        except (OSError, trio.TooSlowError):
            # It may have answered before it ended the connection.
            pass
        return await _read(sock, nonces, known, size, patience)


async def _read(
    sock: trio.socket.SocketType, nonces: Sequence[str], known: Collection[str], size: int, patience: float
) -> PipelineResult:
    depth, rest, ended, second_response_delay = len(nonces), b"", PipelineEnd.ALL, None
    first_ended: float | None = None
    for number, expected in enumerate(nonces):
        parser = ResponseParser()
        while not parser.done and ended is PipelineEnd.ALL:
            if rest:
                data, rest = rest, b""
            else:
                data, ended = await _receive(sock, patience)
            if data and number == 1 and second_response_delay is None and first_ended is not None:
                second_response_delay = trio.current_time() - first_ended
            if data:
                rest = parser.feed(data)
        if not parser.done:
            parser.eof(ConnectionState.RESET if ended is PipelineEnd.RESET else ConnectionState.EOF)
        response = parser.response()
        if response.is_empty:
            return PipelineResult(depth, number, ended, second_response_delay=second_response_delay)
        if not response.complete and ended is not PipelineEnd.ALL:
            # Cut short: whoever reads it sees that, and may ask again.
            return PipelineResult(depth, number, ended, second_response_delay=second_response_delay)
        response_match = classify_response(response, expected, size, nonces, known)
        if response_match is not ResponseMatch.RIGHT:
            detail = f"answer {number + 1} of {depth}: {response.describe()}"
            return PipelineResult(depth, number, PipelineEnd.WRONG, response_match, detail, second_response_delay)
        if number == 0:
            first_ended = trio.current_time()
    if rest:
        detail = f"{len(rest)} bytes behind the last of {depth} answers"
        return PipelineResult(depth, depth, PipelineEnd.WRONG, ResponseMatch.BROKEN, detail, second_response_delay)
    return PipelineResult(depth, depth, PipelineEnd.ALL, second_response_delay=second_response_delay)


async def _receive(sock: trio.socket.SocketType, patience: float) -> tuple[bytes, PipelineEnd]:
    try:
        with trio.fail_after(patience):
            data = await sock.recv(RECEIVE_BYTES)
    except trio.TooSlowError:
        return b"", PipelineEnd.SILENT
    except OSError:
        return b"", PipelineEnd.RESET
    return data, PipelineEnd.ALL if data else PipelineEnd.CLOSED
