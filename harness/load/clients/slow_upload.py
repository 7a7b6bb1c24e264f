"""One slow upload that comes to its end, for example while the server is reloaded."""

from __future__ import annotations

import enum
import hashlib
import math
from dataclasses import dataclass

import trio

from wsgi_gauntlet.harness.http.address import Address
from wsgi_gauntlet.harness.http.http_connection import ClientSocket, connect, create_stream_socket, send_all
from wsgi_gauntlet.harness.http.parser import ConnectionState, Response, ResponseParser

CHUNK_BYTES = 512
"""Bytes per piece."""

CHUNK_INTERVAL = 0.1
"""Seconds between two pieces: about 40 kbit/s, a phone at the edge of its network."""

RESPONSE_TIMEOUT = 5.0
"""Seconds to wait for the response after everything was sent."""


class UploadEnd(enum.Enum):
    """How an upload ended."""

    SURVIVED = "answered correctly"
    REFUSED = "refused at connect"
    ANSWERED = "answered before its end"
    WRONG = "answered wrongly"
    CLOSED = "closed (FIN) without a whole response"
    RESET = "reset (RST)"
    UNANSWERED = "never answered"


@dataclass(frozen=True)
class UploadResult:
    """The end of an upload, `after` seconds from the connect. `status` is that of the response, 0 without one."""

    end: UploadEnd
    after: float
    status: int = 0

    @property
    def description(self) -> str:
        """The end in words."""
        status = f" with {self.status}" if self.status and self.end is not UploadEnd.SURVIVED else ""
        return f"{self.end.value}{status}"


async def slow_upload(
    address: Address,
    mount: str,
    duration: float,
    *,
    patience: float = RESPONSE_TIMEOUT,
    task_status: trio.TaskStatus[None] = trio.TASK_STATUS_IGNORED,
) -> UploadResult:
    """Send a body to /sink of the test app, piece by piece for `duration` seconds, and return how the upload ended.

    It counts as started when its first piece was sent or the connect was refused. The response must have the length and
    the hash of the body. Raises OutOfResources.
    """
    began = trio.current_time()
    plain = create_stream_socket(address)
    if not address.path:
        plain.setsockopt(trio.socket.IPPROTO_TCP, trio.socket.TCP_NODELAY, 1)
    try:
        sock = await connect(plain, address)
    except OSError:
        task_status.started()
        return UploadResult(UploadEnd.REFUSED, trio.current_time() - began)
    parser = ResponseParser()
    with sock:
        chunks = max(1, math.ceil(duration / CHUNK_INTERVAL))
        body = (b"slow" * (CHUNK_BYTES // 4)) * chunks
        head = (
            f"POST {mount}/sink HTTP/1.1\r\nHost: {address.authority}\r\nUser-Agent: wsgi-gauntlet\r\n"
            f"Content-Type: application/octet-stream\r\nContent-Length: {len(body)}\r\nConnection: close\r\n\r\n"
        ).encode("ascii")
        early, reset, ending, begun = True, False, ConnectionState.OPEN, trio.Event()

        async def send() -> None:
            nonlocal early, reset
            try:
                await send_all(sock, head)
                for number in range(chunks):
                    if number:
                        await trio.sleep(CHUNK_INTERVAL)
                    await send_all(sock, body[number * CHUNK_BYTES : (number + 1) * CHUNK_BYTES])
                    if not number:
                        begun.set()
                early = False
            except OSError as error:
                # A response may still be readable. The kernel reports a reset only once, to the first system call.
                reset = isinstance(error, ConnectionResetError)
                begun.set()

        async with trio.open_nursery() as nursery:
            nursery.start_soon(send)
            await begun.wait()
            task_status.started()
            with trio.move_on_after(duration + patience):
                ending = await _read_response(sock, parser)
            nursery.cancel_scope.cancel()
    if reset and ending is ConnectionState.EOF:
        ending = ConnectionState.RESET
    return _to_result(parser.response(), ending, body, trio.current_time() - began, early=early)


async def _read_response(sock: ClientSocket, parser: ResponseParser) -> ConnectionState:
    while not parser.done:
        try:
            data = await sock.recv(CHUNK_BYTES)
        except OSError:
            parser.eof(ConnectionState.RESET)
            return ConnectionState.RESET
        if not data:
            parser.eof(ConnectionState.EOF)
            return ConnectionState.EOF
        parser.feed(data)
    return ConnectionState.OPEN


def _to_result(response: Response, ending: ConnectionState, body: bytes, after: float, *, early: bool) -> UploadResult:
    status = response.status or 0
    if not response.complete:
        broken = {ConnectionState.RESET: UploadEnd.RESET, ConnectionState.EOF: UploadEnd.CLOSED}
        return UploadResult(broken.get(ending, UploadEnd.UNANSWERED), after, status)
    if early:
        return UploadResult(UploadEnd.ANSWERED, after, status)
    right = f"{len(body)} {hashlib.sha256(body).hexdigest()}\n".encode("ascii")
    return UploadResult(
        UploadEnd.SURVIVED if status == 200 and response.body == right else UploadEnd.WRONG, after, status
    )
