"""Several requests sent at once on one connection. The responses must arrive in the order of the requests.

"A server MAY process a sequence of pipelined requests in parallel if they all have safe methods
 (Section 9.2.1 of [HTTP]), but it MUST send the corresponding responses in the same order that the requests were
 received." (RFC 9112, section 9.3.2)

A server need not answer all of them: "A client that pipelines requests SHOULD retry unanswered requests if the
connection closes before it receives all of the corresponding responses." (ibid.) So a server may close after any
response. A server that neither answers nor closes has lost the requests.
"""

from __future__ import annotations

import enum
import socket
from collections.abc import Collection, Sequence
from dataclasses import dataclass

import trio

from wsgi_gauntlet.harness.http.address import Address
from wsgi_gauntlet.harness.http.http_connection import RECEIVE_BYTES, ClientSocket, connect, create_stream_socket
from wsgi_gauntlet.harness.http.parser import ConnectionState, Response, ResponseParser


class ResponseMatch(enum.StrEnum):
    """What was received instead of the next response in order."""

    RIGHT = "correct"
    SWAPPED = "the response to another request of the same connection"
    FOREIGN = "the response to a request of another connection"
    BROKEN = "no correct response to any request"


class PipelineEnd(enum.StrEnum):
    """Why nothing more was read on a connection."""

    ALL = "all responses arrived"
    CLOSED = "the server closed the connection"
    RESET = "the server reset the connection"
    SILENT = "the server sent nothing more"
    WRONG = "a response was not the correct one"
    REFUSED = "the server accepted no connection"


@dataclass(frozen=True)
class PipelineResult:
    """The result of one connection on which `depth` requests were sent at once.

    The first `right` responses were correct. `response_match` classifies the next one if it was wrong, and `detail`
    describes it. `second_response_delay` is the seconds from the end of the first response to the first byte of the
    second, None without a second response.
    """

    depth: int
    right: int
    ended: PipelineEnd
    response_match: ResponseMatch = ResponseMatch.RIGHT
    detail: str = ""
    second_response_delay: float | None = None

    @property
    def lost(self) -> int:
        """The number of requests without a response on a connection that the server did not close."""
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
    """Classify a response where the page `expected` is due, by the nonces of this connection (`own`) and of all."""
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
    """Request a page for each of `nonces` at once and read all responses. The first page takes `wait` milliseconds.

    If nothing arrives for `patience` seconds, reading ends. Raises OutOfResources if this machine has no resources
    left.
    """
    try:
        plain = create_stream_socket(address)
        if not address.path:
            plain.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        with trio.fail_after(patience):
            sock = await connect(plain, address)
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
            # The server may have sent responses before it ended the connection.
            pass
        return await _read(sock, nonces, known, size, patience)


async def _read(
    sock: ClientSocket, nonces: Sequence[str], known: Collection[str], size: int, patience: float
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
            # A client sees that the response is cut short, and may repeat the request.
            return PipelineResult(depth, number, ended, second_response_delay=second_response_delay)
        response_match = classify_response(response, expected, size, nonces, known)
        if response_match is not ResponseMatch.RIGHT:
            detail = f"response {number + 1} of {depth}: {response.describe()}"
            return PipelineResult(depth, number, PipelineEnd.WRONG, response_match, detail, second_response_delay)
        if number == 0:
            first_ended = trio.current_time()
    if rest:
        detail = f"{len(rest)} bytes after the last of {depth} responses"
        return PipelineResult(depth, depth, PipelineEnd.WRONG, ResponseMatch.BROKEN, detail, second_response_delay)
    return PipelineResult(depth, depth, PipelineEnd.ALL, second_response_delay=second_response_delay)


async def _receive(sock: ClientSocket, patience: float) -> tuple[bytes, PipelineEnd]:
    try:
        with trio.fail_after(patience):
            data = await sock.recv(RECEIVE_BYTES)
    except trio.TooSlowError:
        return b"", PipelineEnd.SILENT
    except OSError:
        return b"", PipelineEnd.RESET
    return data, PipelineEnd.ALL if data else PipelineEnd.CLOSED
