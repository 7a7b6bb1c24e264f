"""Big bodies, up and down, each checked to the last byte and none of them ever held: a piece at a time."""

from __future__ import annotations

import enum
import hashlib
import random
import socket
from collections.abc import Awaitable, Callable, Iterator
from dataclasses import dataclass

import trio

from ...address import Address
from ...response import Ending, Response, ResponseParser
from .link import connect, plain_socket, readable, send_all

PIECE = 64 * 1024
"""Bytes that are sent or asked for at once."""

WINDOW = 64 * 1024
"""Bytes of receive buffer of a throttled download: without a bound the kernel would take megabytes ahead of it."""

TOO_LARGE = 413
"""The status of a server that takes no body of that length (RFC 9110, section 15.5.14)."""


class Direction(enum.StrEnum):
    """Which way the body goes."""

    UP = "upload"
    DOWN = "download"


class Verdict(enum.StrEnum):
    """What became of a transfer."""

    RIGHT = "right"
    WRONG = "wrong bytes"
    REFUSED = "refused as too large"
    FAILED = "failed"


@dataclass(frozen=True)
class Transfer:
    """One body of `size` bytes that took `seconds`. `what` describes anything but a right one."""

    direction: Direction
    size: int
    seconds: float
    verdict: Verdict
    what: str = ""


class StreamedAnswer(ResponseParser):
    """Reads an answer whose body is handed on piece by piece and not kept."""

    def __init__(self, take: Callable[[bytes], object]) -> None:
        super().__init__()
        self._hand_on = take

    def _take_body(self) -> None:
        data = self._take(min(self._left, len(self._buffer)))
        self._left -= len(data)
        self._length += len(data)
        self._hand_on(data)


def pieces(size: int, seed: int = 0) -> Iterator[memoryview]:
    """Yield `size` bytes that are the same for the same `seed` and, within 4 GB, at no two places in step."""
    block = random.Random(seed).randbytes(PIECE)
    twice = memoryview(block + block)
    for number, at in enumerate(range(0, size, PIECE)):
        shift = number % PIECE
        yield twice[shift : shift + min(PIECE, size - at)]


def digest(size: int, seed: int = 0) -> str:
    """Return the SHA-256 of `pieces`, in hexadecimal. Takes a second for a gigabyte: ask for it in a thread."""
    found = hashlib.sha256()
    for piece in pieces(size, seed):
        found.update(piece)
    return found.hexdigest()


async def upload(
    address: Address, mount: str, size: int, sha256: str, *, patience: float, throttle: float | None = None
) -> Transfer:
    """Send `size` bytes to the app, which is to answer their length and `sha256`; `throttle` is in bytes per second.

    A server that answers early is listened to at once. Raises OutOfResources where this machine has none left.
    """
    head = (
        f"POST {mount}/sink HTTP/1.1\r\nHost: {address.authority}\r\nContent-Type: application/octet-stream\r\n"
        f"Content-Length: {size}\r\nConnection: close\r\n\r\n"
    )
    body = bytearray()

    async def move(plain: trio.socket.SocketType) -> StreamedAnswer:
        answer = StreamedAnswer(body.extend)
        began = trio.current_time()
        try:
            await send_all(plain, head.encode("latin-1"))
            sent = 0
            for piece in pieces(size):
                if readable(plain.fileno()):
                    break
                await send_all(plain, piece)
                sent += len(piece)
                if throttle:
                    await trio.sleep_until(began + sent / throttle)
        except OSError:
            # What the server said before it ended the connection is still to be read.
            pass
        await _read(plain, answer)
        return answer

    def verdict(answer: Response) -> tuple[Verdict, str]:
        if answer.status == TOO_LARGE:
            return Verdict.REFUSED, answer.describe()
        if answer.status != 200 or not answer.complete:
            return Verdict.FAILED, answer.describe()
        if bytes(body) != f"{size} {sha256}\n".encode():
            return Verdict.WRONG, f"of {size} bytes with SHA-256 {sha256} the app got {bytes(body[:100])!r}"
        return Verdict.RIGHT, ""

    return await _transfer(address, Direction.UP, size, move, verdict, patience)


async def download(
    address: Address,
    mount: str,
    size: int,
    nonce: str,
    sha256: str,
    *,
    patience: float,
    throttle: float | None = None,
) -> Transfer:
    """Ask for the page of `size` bytes that begins with `nonce` and has that `sha256`.

    `throttle` is in bytes per second. Raises OutOfResources where this machine has none left.
    """
    request = (
        f"GET {mount}/page?n={nonce}&size={size} HTTP/1.1\r\nHost: {address.authority}\r\nAccept: */*\r\n"
        "Connection: close\r\n\r\n"
    )
    found = hashlib.sha256()

    async def move(plain: trio.socket.SocketType) -> StreamedAnswer:
        answer = StreamedAnswer(found.update)
        await send_all(plain, request.encode("latin-1"))
        await _read(plain, answer, throttle)
        return answer

    def verdict(answer: Response) -> tuple[Verdict, str]:
        if answer.status != 200 or not answer.complete:
            return Verdict.FAILED, answer.describe()
        if answer.length != size or found.hexdigest() != sha256:
            return Verdict.WRONG, f"{answer.length} bytes with SHA-256 {found.hexdigest()} instead of {size}, {sha256}"
        return Verdict.RIGHT, ""

    return await _transfer(address, Direction.DOWN, size, move, verdict, patience, window=WINDOW if throttle else None)


async def _transfer(
    address: Address,
    direction: Direction,
    size: int,
    move: Callable[[trio.socket.SocketType], Awaitable[StreamedAnswer]],
    verdict: Callable[[Response], tuple[Verdict, str]],
    patience: float,
    window: int | None = None,
) -> Transfer:
    began = trio.current_time()
    found, what = Verdict.FAILED, f"not through after {patience:g} s"
    plain = plain_socket(address)
    with plain, trio.move_on_after(patience):
        try:
            if window:
                plain.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, window)
            await connect(plain, address)
            answer = await move(plain)
            found, what = verdict(answer.response())
        except OSError as error:
            what = str(error)
    return Transfer(direction, size, trio.current_time() - began, found, what)


async def _read(plain: trio.socket.SocketType, answer: StreamedAnswer, throttle: float | None = None) -> None:
    began, read = trio.current_time(), 0
    while not answer.done:
        try:
            data = await plain.recv(PIECE)
        except OSError:
            answer.eof(Ending.RESET)
            return
        if not data:
            answer.eof()
            return
        answer.feed(data)
        read += len(data)
        if throttle:
            await trio.sleep_until(began + read / throttle)
