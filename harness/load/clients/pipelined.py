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

from ...address import Address
from ...response import Ending, Response, ResponseParser
from .link import PIECE, connect, plain_socket


class Came(enum.StrEnum):
    """What came in place of the next answer in order."""

    RIGHT = "right"
    SWAPPED = "the answer to another request of the same connection"
    FOREIGN = "the answer to a request of another connection"
    BROKEN = "no right answer to anything that was asked"


class Ended(enum.StrEnum):
    """Why nothing more was read on a connection."""

    ALL = "all answers came"
    CLOSED = "the server closed the connection"
    RESET = "the server reset the connection"
    SILENT = "the server said nothing more"
    WRONG = "an answer was not the right one"
    REFUSED = "the server took no connection"


@dataclass(frozen=True)
class Pipelined:
    """What became of one connection on which `depth` requests were sent at once.

    The first `right` answers were the right ones; `came` is what came next where that was wrong, and `what` describes
    it. `gap` is the seconds from the first answer's end to the second's first byte, None where there was no second.
    """

    depth: int
    right: int
    ended: Ended
    came: Came = Came.RIGHT
    what: str = ""
    gap: float | None = None

    @property
    def lost(self) -> int:
        """How many requests were neither answered nor given back by closing the connection."""
        return self.depth - self.right if self.ended is Ended.SILENT else 0


def request(address: Address, mount: str, nonce: str, size: int, wait: int) -> bytes:
    """Return the request for a page that begins with `nonce` and takes `wait` milliseconds."""
    slow = f"&wait={wait}" if wait else ""
    return (
        f"GET {mount}/page?n={nonce}&size={size}{slow} HTTP/1.1\r\nHost: {address.authority}\r\n"
        "User-Agent: wsgi-gauntlet\r\nAccept: */*\r\n\r\n"
    ).encode("latin-1")


def recognised(answer: Response, expected: str, size: int, own: Collection[str], known: Collection[str]) -> Came:
    """Say what `answer` is where the page `expected` is due, of this connection's `own` nonces and all `known` ones."""
    nonce = answer.body.partition(b"\n")[0].decode("latin-1")
    if answer.status != 200 or not answer.complete or answer.length != size:
        return Came.BROKEN
    if nonce == expected:
        return Came.RIGHT
    if nonce in own:
        return Came.SWAPPED
    return Came.FOREIGN if nonce in known else Came.BROKEN


async def pipeline(
    address: Address,
    mount: str,
    nonces: Sequence[str],
    known: Collection[str],
    *,
    size: int,
    wait: int,
    patience: float,
) -> Pipelined:
    """Ask for a page for each of `nonces` at once, the first of which takes `wait` ms, and read all answers.

    Nothing for `patience` seconds counts as nothing ever. Raises OutOfResources where this machine has none left.
    """
    try:
        plain = plain_socket(address)
        if not address.path:
            plain.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        with trio.fail_after(patience):
            await connect(plain, address)
    except (OSError, trio.TooSlowError):
        return Pipelined(len(nonces), 0, Ended.REFUSED)
    with plain:
        left = memoryview(
            b"".join(request(address, mount, each, size, 0 if at else wait) for at, each in enumerate(nonces))
        )
        try:
            with trio.fail_after(patience):
                while left:
                    left = left[await plain.send(left) :]
        except (OSError, trio.TooSlowError):
            # It may have answered before it ended the connection.
            pass
        return await _read(plain, nonces, known, size, patience)


async def _read(
    plain: trio.socket.SocketType, nonces: Sequence[str], known: Collection[str], size: int, patience: float
) -> Pipelined:
    depth, rest, ended, gap = len(nonces), b"", Ended.ALL, None
    first_ended: float | None = None
    for number, expected in enumerate(nonces):
        parser = ResponseParser()
        while not parser.done and ended is Ended.ALL:
            if rest:
                data, rest = rest, b""
            else:
                data, ended = await _receive(plain, patience)
            if data and number == 1 and gap is None and first_ended is not None:
                gap = trio.current_time() - first_ended
            if data:
                rest = parser.feed(data)
        if not parser.done:
            parser.eof(Ending.RESET if ended is Ended.RESET else Ending.EOF)
        answer = parser.response()
        if answer.nothing:
            return Pipelined(depth, number, ended, gap=gap)
        if not answer.complete and ended is not Ended.ALL:
            # Cut short: whoever reads it sees that, and may ask again.
            return Pipelined(depth, number, ended, gap=gap)
        came = recognised(answer, expected, size, nonces, known)
        if came is not Came.RIGHT:
            what = f"answer {number + 1} of {depth}: {answer.describe()}"
            return Pipelined(depth, number, Ended.WRONG, came, what, gap)
        if number == 0:
            first_ended = trio.current_time()
    if rest:
        what = f"{len(rest)} bytes behind the last of {depth} answers"
        return Pipelined(depth, depth, Ended.WRONG, Came.BROKEN, what, gap)
    return Pipelined(depth, depth, Ended.ALL, gap=gap)


async def _receive(plain: trio.socket.SocketType, patience: float) -> tuple[bytes, Ended]:
    try:
        with trio.fail_after(patience):
            data = await plain.recv(PIECE)
    except trio.TooSlowError:
        return b"", Ended.SILENT
    except OSError:
        return b"", Ended.RESET
    return data, Ended.ALL if data else Ended.CLOSED
