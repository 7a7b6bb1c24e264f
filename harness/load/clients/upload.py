"""One upload that takes its time and comes to its end: what becomes of it when the server is reloaded under it?"""

from __future__ import annotations

import enum
import hashlib
import math
from dataclasses import dataclass

import trio

from ...address import Address
from ...response import Ending, Response, ResponseParser
from .link import connect, plain_socket, send_all

PIECE = 512
"""Bytes that go out at a time."""

INTERVAL = 0.1
"""Seconds between two of them: some 40 kbit/s, a phone at the edge of its network."""

PATIENCE = 5.0
"""Seconds that the answer is waited for once everything has been sent."""


class UploadEnd(enum.Enum):
    """How it ended."""

    SURVIVED = "answered as it should be"
    REFUSED = "refused at connect"
    ANSWERED = "answered before its end"
    WRONG = "answered wrongly"
    CLOSED = "closed (FIN) without a whole answer"
    RESET = "reset (RST)"
    UNANSWERED = "never answered"


@dataclass(frozen=True)
class Uploaded:
    """What became of it. `after` is in seconds from the connect to its end, `status` of the answer, 0 without one."""

    end: UploadEnd
    after: float
    status: int = 0

    @property
    def told(self) -> str:
        """Say it in words."""
        status = f" with {self.status}" if self.status and self.end is not UploadEnd.SURVIVED else ""
        return f"{self.end.value}{status}"


async def upload(
    address: Address,
    mount: str,
    lasting: float,
    *,
    patience: float = PATIENCE,
    task_status: trio.TaskStatus[None] = trio.TASK_STATUS_IGNORED,
) -> Uploaded:
    """Send a body to the reference app's /sink, piece by piece for `lasting` seconds, and return how that ended.

    It counts as started once its first piece is out, or it was refused. The answer must have the length and the hash of
    what was sent. Raises OutOfResources, and Unsupported for TLS.
    """
    began = trio.current_time()
    plain = plain_socket(address)
    if not address.path:
        plain.setsockopt(trio.socket.IPPROTO_TCP, trio.socket.TCP_NODELAY, 1)
    try:
        await connect(plain, address)
    except OSError:
        task_status.started()
        return Uploaded(UploadEnd.REFUSED, trio.current_time() - began)
    parser = ResponseParser()
    with plain:
        pieces = max(1, math.ceil(lasting / INTERVAL))
        body = (b"slow" * (PIECE // 4)) * pieces
        head = (
            f"POST {mount}/sink HTTP/1.1\r\nHost: {address.authority}\r\nUser-Agent: wsgi-gauntlet\r\n"
            f"Content-Type: application/octet-stream\r\nContent-Length: {len(body)}\r\nConnection: close\r\n\r\n"
        ).encode("ascii")
        early, reset, ending, begun = True, False, Ending.OPEN, trio.Event()

        async def send() -> None:
            nonlocal early, reset
            try:
                await send_all(plain, head)
                for number in range(pieces):
                    if number:
                        await trio.sleep(INTERVAL)
                    await send_all(plain, body[number * PIECE : (number + 1) * PIECE])
                    if not number:
                        begun.set()
                early = False
            except OSError as error:
                # An answer may still be there to be read; but a reset is told once, to whoever comes first.
                reset = isinstance(error, ConnectionResetError)
                begun.set()

        async with trio.open_nursery() as nursery:
            nursery.start_soon(send)
            await begun.wait()
            task_status.started()
            with trio.move_on_after(lasting + patience):
                ending = await _hear(plain, parser)
            nursery.cancel_scope.cancel()
    if reset and ending is Ending.EOF:
        ending = Ending.RESET
    return _uploaded(parser.response(), ending, body, trio.current_time() - began, early=early)


async def _hear(plain: trio.socket.SocketType, parser: ResponseParser) -> Ending:
    while not parser.done:
        try:
            data = await plain.recv(PIECE)
        except OSError:
            parser.eof(Ending.RESET)
            return Ending.RESET
        if not data:
            parser.eof(Ending.EOF)
            return Ending.EOF
        parser.feed(data)
    return Ending.OPEN


def _uploaded(answer: Response, ending: Ending, body: bytes, after: float, *, early: bool) -> Uploaded:
    status = answer.status or 0
    if not answer.complete:
        broken = {Ending.RESET: UploadEnd.RESET, Ending.EOF: UploadEnd.CLOSED}
        return Uploaded(broken.get(ending, UploadEnd.UNANSWERED), after, status)
    if early:
        return Uploaded(UploadEnd.ANSWERED, after, status)
    right = f"{len(body)} {hashlib.sha256(body).hexdigest()}\n".encode("ascii")
    return Uploaded(UploadEnd.SURVIVED if status == 200 and answer.body == right else UploadEnd.WRONG, after, status)
