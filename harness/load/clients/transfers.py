"""Uploads and downloads of large bodies. Each is checked completely, and no body is ever in memory as a whole."""

from __future__ import annotations

import enum
import hashlib
import random
import socket
from collections.abc import Awaitable, Callable, Iterator
from dataclasses import dataclass

import trio

from wsgi_gauntlet.harness.http.address import Address
from wsgi_gauntlet.harness.http.http_connection import (
    ClientSocket,
    connect,
    create_stream_socket,
    has_input,
    send_all,
)
from wsgi_gauntlet.harness.http.parser import ConnectionState, Response, ResponseParser

CHUNK_BYTES = 64 * 1024
"""Bytes per send or receive call."""

WINDOW = 64 * 1024
"""Bytes of receive buffer of a throttled download. Without a limit the kernel would buffer megabytes."""

TOO_LARGE = 413
"""The status of a server that accepts no body of this length (RFC 9110, section 15.5.14)."""


class Direction(enum.StrEnum):
    """The direction of the body."""

    UP = "upload"
    DOWN = "download"


class TransferOutcome(enum.StrEnum):
    """The result of a transfer."""

    RIGHT = "correct"
    WRONG = "wrong bytes"
    REFUSED = "refused as too large"
    FAILED = "failed"


@dataclass(frozen=True)
class Transfer:
    """One body of `size` bytes that took `seconds`. `detail` describes every outcome but a correct one."""

    direction: Direction
    size: int
    seconds: float
    outcome: TransferOutcome
    detail: str = ""


class StreamedResponse(ResponseParser):
    """Parses a response and passes its body on in pieces, without keeping it."""

    def __init__(self, take: Callable[[bytes], object]) -> None:
        super().__init__()
        self._on_data = take

    def _take_body(self) -> None:
        data = self._consume(min(self._remaining, len(self._buffer)))
        self._remaining -= len(data)
        self._length += len(data)
        self._on_data(data)


def pieces(size: int, seed: int = 0) -> Iterator[memoryview]:
    """Yield `size` bytes, the same for the same `seed`. Within 4 GB no piece is repeated."""
    block = random.Random(seed).randbytes(CHUNK_BYTES)
    twice = memoryview(block + block)
    for number, at in enumerate(range(0, size, CHUNK_BYTES)):
        shift = number % CHUNK_BYTES
        yield twice[shift : shift + min(CHUNK_BYTES, size - at)]


def digest(size: int, seed: int = 0) -> str:
    """Return the SHA-256 of `pieces` in hexadecimal. It takes a second per gigabyte: call it in a thread."""
    found = hashlib.sha256()
    for piece in pieces(size, seed):
        found.update(piece)
    return found.hexdigest()


async def upload(
    address: Address, mount: str, size: int, sha256: str, *, patience: float, throttle: float | None = None
) -> Transfer:
    """Send `size` bytes to the app, which must return their length and `sha256`; `throttle` is in bytes per second.

    An early response ends the upload. Raises OutOfResources if this machine has no resources left.
    """
    head = (
        f"POST {mount}/sink HTTP/1.1\r\nHost: {address.authority}\r\nContent-Type: application/octet-stream\r\n"
        f"Content-Length: {size}\r\nConnection: close\r\n\r\n"
    )
    body = bytearray()

    async def move(sock: ClientSocket) -> StreamedResponse:
        response = StreamedResponse(body.extend)
        began = trio.current_time()
        try:
            await send_all(sock, head.encode("latin-1"))
            sent = 0
            for piece in pieces(size):
                if has_input(sock):
                    break
                await send_all(sock, piece)
                sent += len(piece)
                if throttle:
                    await trio.sleep_until(began + sent / throttle)
        except OSError:
            # The server may have sent a response before it ended the connection.
            pass
        await _read(sock, response)
        return response

    def outcome(response: Response) -> tuple[TransferOutcome, str]:
        if response.status == TOO_LARGE:
            return TransferOutcome.REFUSED, response.describe()
        if response.status != 200 or not response.complete:
            return TransferOutcome.FAILED, response.describe()
        if bytes(body) != f"{size} {sha256}\n".encode():
            return (
                TransferOutcome.WRONG,
                f"the app received {bytes(body[:100])!r} instead of {size} bytes with SHA-256 {sha256}",
            )
        return TransferOutcome.RIGHT, ""

    return await _transfer(address, Direction.UP, size, move, outcome, patience)


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
    """Request the page of `size` bytes that begins with `nonce` and has this `sha256`.

    `throttle` is in bytes per second. Raises OutOfResources if this machine has no resources left.
    """
    request = (
        f"GET {mount}/page?n={nonce}&size={size} HTTP/1.1\r\nHost: {address.authority}\r\nAccept: */*\r\n"
        "Connection: close\r\n\r\n"
    )
    found = hashlib.sha256()

    async def move(sock: ClientSocket) -> StreamedResponse:
        response = StreamedResponse(found.update)
        await send_all(sock, request.encode("latin-1"))
        await _read(sock, response, throttle)
        return response

    def outcome(response: Response) -> tuple[TransferOutcome, str]:
        if response.status != 200 or not response.complete:
            return TransferOutcome.FAILED, response.describe()
        if response.length != size or found.hexdigest() != sha256:
            return (
                TransferOutcome.WRONG,
                f"{response.length} bytes with SHA-256 {found.hexdigest()} instead of {size}, {sha256}",
            )
        return TransferOutcome.RIGHT, ""

    return await _transfer(address, Direction.DOWN, size, move, outcome, patience, window=WINDOW if throttle else None)


async def _transfer(
    address: Address,
    direction: Direction,
    size: int,
    move: Callable[[ClientSocket], Awaitable[StreamedResponse]],
    outcome: Callable[[Response], tuple[TransferOutcome, str]],
    patience: float,
    window: int | None = None,
) -> Transfer:
    began = trio.current_time()
    found, detail = TransferOutcome.FAILED, f"not finished after {patience:g} s"
    sock = create_stream_socket(address)
    with sock, trio.move_on_after(patience):
        try:
            if window:
                sock.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, window)
            with await connect(sock, address) as connected:
                response = await move(connected)
            found, detail = outcome(response.response())
        except OSError as error:
            detail = str(error)
    return Transfer(direction, size, trio.current_time() - began, found, detail)


async def _read(sock: ClientSocket, response: StreamedResponse, throttle: float | None = None) -> None:
    began, read = trio.current_time(), 0
    while not response.done:
        try:
            data = await sock.recv(CHUNK_BYTES)
        except OSError:
            response.eof(ConnectionState.RESET)
            return
        if not data:
            response.eof()
            return
        response.feed(data)
        read += len(data)
        if throttle:
            await trio.sleep_until(began + read / throttle)
