"""The clients of `stop`: requests in flight at the signal, an idle kept connection, and new connections after it."""

from __future__ import annotations

import enum
import hashlib
import os
import socket
from dataclasses import dataclass

import trio

from wsgi_gauntlet.harness.http.address import Address
from wsgi_gauntlet.harness.http.http_connection import (
    RECEIVE_BYTES,
    ClientSocket,
    connect,
    create_stream_socket,
    has_input,
    page_outcome,
    page_request,
    send_all,
)
from wsgi_gauntlet.harness.http.parser import ConnectionState, ResponseParser
from wsgi_gauntlet.harness.load.clients.transfers import WINDOW
from wsgi_gauntlet.harness.model import Outcome

PAGE_BYTES = 2000
"""Bytes of a short page."""

DOWNLOAD_BYTES = 16 << 20
"""Bytes of the response that is being sent. The kernel buffers at most 4 MiB of it (tcp_wmem) and WINDOW."""

UPLOAD_BYTES = 64 * 1024
"""Bytes of the upload. Half of it is sent before the signal."""

NEW_CONNECTION_INTERVAL = 0.1
"""Seconds between two new connections after the signal."""

MAX_NEW_CONNECTIONS = 30
"""New connections at most."""


class RequestKind(enum.StrEnum):
    """A request in flight, in the order in which they begin: the short one is the last, or it ends too early."""

    DOWNLOAD = "response being sent"
    UPLOAD = "upload"
    LONG = "long request"
    SHORT = "short request"


class RequestEnd(enum.StrEnum):
    """How a request ended."""

    ANSWERED = "answered"
    WRONG = "wrong response"
    CLOSED = "closed without a whole response"
    RESET = "reset without a whole response"
    REFUSED = "refused"
    SILENT = "no response"


@dataclass(frozen=True)
class StopTimes:
    """Seconds: the times of the short and the long request in the app, and of the upload after the signal."""

    short: float
    long: float
    upload: float


@dataclass(frozen=True)
class ClientResult:
    """The end of one request, `after` seconds from the signal. `detail` describes a wrong response."""

    kind: RequestKind
    end: RequestEnd
    after: float
    detail: str = ""

    @property
    def description(self) -> str:
        """The kind and the end, for a report."""
        detail = f": {self.detail}" if self.detail else ""
        return f"{self.kind} ({self.end}{detail})"


class RequestInFlight:
    """One client. `run` sends its request and reads the response, `go_on` is called after the signal.

    `begun` is set when the request was sent, or cannot be. `port` is 0 before that.
    """

    def __init__(self, kind: RequestKind, address: Address, mount: str, times: StopTimes) -> None:
        self.kind = kind
        self.port = 0
        self.done_at: float | None = None
        self._address, self._mount, self._times = address, mount, times
        self._nonce = f"stop-{kind.name.lower()}"
        self._sock: ClientSocket | None = None
        self._connecting = trio.CancelScope()
        self.begun = trio.Event()
        self._parser = ResponseParser()
        self._first_bytes = trio.Event()
        self._may_go_on = trio.Event()
        self._end = RequestEnd.SILENT
        self._body = b"stop" * (UPLOAD_BYTES // 4)

    @property
    def received_bytes(self) -> bool:
        """Whether a part of the response arrived."""
        return self._first_bytes.is_set()

    @property
    def is_in_flight(self) -> bool:
        """Whether the request waits for its response. Of a large response a part has arrived."""
        if self._sock is None or self.done_at is not None:
            return False
        return self.received_bytes if self.kind is RequestKind.DOWNLOAD else not has_input(self._sock)

    async def run(self) -> None:
        """Connect, send the request, of an upload the first half, and read the response. Raises OutOfResources.

        A busy server may leave the handshake of TLS open for a long time. `close` ends it.
        """
        with self._connecting:
            try:
                await self._begin()
            except OSError:
                self._end, self.done_at = RequestEnd.RESET, trio.current_time()
        self.begun.set()
        if self._sock is not None and self.done_at is None:
            await self._read_response(self._sock)

    async def _begin(self) -> None:
        plain = create_stream_socket(self._address)
        if self.kind is RequestKind.DOWNLOAD:
            plain.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, WINDOW)
        sock = await connect(plain, self._address)
        try:
            await send_all(sock, self._request())
        except BaseException:
            sock.close()
            raise
        self._sock, self.port = sock, 0 if self._address.path else _local_port(sock)

    async def _read_response(self, sock: ClientSocket) -> None:
        """Read the response to its end. Of a large response only the first bytes are read before the signal."""
        parser = self._parser
        while not parser.done:
            try:
                data = await sock.recv(1024 if not self._may_go_on.is_set() else RECEIVE_BYTES)
            except trio.ClosedResourceError:
                break
            except OSError:
                parser.eof(ConnectionState.RESET)
                self._end = RequestEnd.RESET
                break
            if not data:
                parser.eof(ConnectionState.EOF)
                self._end = RequestEnd.CLOSED
                break
            parser.feed(data)
            self._first_bytes.set()
            if self.kind is RequestKind.DOWNLOAD:
                await self._may_go_on.wait()
        self.done_at = trio.current_time()
        # A client that asked for the end of the connection ends it, too: nginx waits for that up to 5 s.
        sock.close()

    async def go_on(self) -> None:
        """Send the rest of an upload, read the rest of a response that is being sent."""
        self._may_go_on.set()
        if self.kind is not RequestKind.UPLOAD:
            return
        await self.begun.wait()
        await trio.sleep(self._times.upload)
        if self._sock is None:
            return
        try:
            await send_all(self._sock, self._body[UPLOAD_BYTES // 2 :])
        except (OSError, trio.ClosedResourceError):
            return  # the end of the response says more

    def result(self, signalled_at: float) -> ClientResult:
        """Return how the request ended, and close its connection."""
        self.close()
        after = (self.done_at or trio.current_time()) - signalled_at
        response = self._parser.response()
        if not self._parser.done or not response.complete:
            return ClientResult(self.kind, self._end, after)
        if self._is_right():
            return ClientResult(self.kind, RequestEnd.ANSWERED, after)
        return ClientResult(self.kind, RequestEnd.WRONG, after, response.describe())

    def close(self) -> None:
        """Close the connection, or stop connecting."""
        self._connecting.cancel()
        if self._sock is not None:
            self._sock.close()

    def _is_right(self) -> bool:
        response = self._parser.response()
        if self.kind is RequestKind.UPLOAD:
            expected = f"{len(self._body)} {hashlib.sha256(self._body).hexdigest()}\n".encode("ascii")
            return response.status == 200 and response.body == expected
        return page_outcome(response, self._nonce, self._size) is Outcome.OK

    @property
    def _size(self) -> int:
        return DOWNLOAD_BYTES if self.kind is RequestKind.DOWNLOAD else PAGE_BYTES

    def _request(self) -> bytes:
        close = f"Host: {self._address.authority}\r\nUser-Agent: wsgi-gauntlet\r\nConnection: close\r\n"
        if self.kind is RequestKind.UPLOAD:
            head = f"POST {self._mount}/sink HTTP/1.1\r\n{close}Content-Length: {len(self._body)}\r\n\r\n"
            return head.encode("ascii") + self._body[: UPLOAD_BYTES // 2]
        seconds = {RequestKind.SHORT: self._times.short, RequestKind.LONG: self._times.long}.get(self.kind, 0.0)
        target = f"{self._mount}/page?n={self._nonce}&size={self._size}&wait={round(seconds * 1000)}"
        return f"GET {target} HTTP/1.1\r\n{close}\r\n".encode("ascii")


class KeptConnection:
    """An idle connection that has had one response. `closed_after` is in seconds from the signal, None while open."""

    def __init__(self) -> None:
        self.was_kept = False
        self.closed_after: float | None = None
        self.how = ""
        self._sock: ClientSocket | None = None

    async def open(self, address: Address, mount: str) -> None:
        """Request a page and keep the connection, if the server does so. Raises OSError, and OutOfResources."""
        sock = self._sock = await connect(create_stream_socket(address), address)
        await send_all(sock, page_request(address, mount, "stop-kept", PAGE_BYTES, keep=True))
        response = await _read(sock)
        self.was_kept = response.done and not response.response().announces_close
        if not self.was_kept:
            self.close()

    async def watch(self, signalled_at: float) -> None:
        """Wait until the server closes the connection."""
        if self._sock is None:
            return
        try:
            how = "closed (FIN)" if not await self._sock.recv(1) else "sent bytes without a request"
        except trio.ClosedResourceError:
            return
        except OSError:
            how = "reset (RST)"
        if self._sock is not None:
            self.how, self.closed_after = how, trio.current_time() - signalled_at

    @property
    def is_open(self) -> bool:
        """Whether the connection is still open at both ends, as far as the client knows."""
        return self.was_kept and self.closed_after is None and self._sock is not None

    def close(self) -> None:
        """Close the connection. A second call does nothing."""
        if self._sock is not None:
            sock, self._sock = self._sock, None
            sock.close()


class NewConnections:
    """Clients that connect after the signal, each for one page."""

    def __init__(self, address: Address, mount: str) -> None:
        self.ends: list[RequestEnd] = []
        self._address, self._mount = address, mount
        self._pending = 0
        self._stopped = False
        self._all = trio.CancelScope()

    async def run(self) -> None:
        """Connect at a constant rate until `stop`, MAX_NEW_CONNECTIONS times at most, and wait for all responses.

        Whoever has no response when this is cancelled, or at `leave`, counts as SILENT.
        """
        try:
            with self._all:
                async with trio.open_nursery() as nursery:
                    while len(self.ends) + self._pending < MAX_NEW_CONNECTIONS and not self._stopped:
                        nursery.start_soon(self._request)
                        await trio.sleep(NEW_CONNECTION_INTERVAL)
        finally:
            self.ends += [RequestEnd.SILENT] * self._pending

    def stop(self) -> None:
        """Connect no more. The server must be able to end."""
        self._stopped = True

    def leave(self) -> int:
        """Close the connections without a response, and return their number."""
        self._stopped = True
        self._all.cancel()
        return self._pending

    async def _request(self) -> None:
        self._pending += 1
        end = await self._outcome()
        self._pending -= 1
        self.ends.append(end)

    async def _outcome(self) -> RequestEnd:
        try:
            connected = await connect(create_stream_socket(self._address), self._address)
        except (ConnectionRefusedError, FileNotFoundError):  # the latter without a Unix socket
            return RequestEnd.REFUSED
        except OSError:
            return RequestEnd.RESET
        with connected as sock:
            try:
                await send_all(sock, page_request(self._address, self._mount, "stop-new", PAGE_BYTES, keep=False))
            except OSError:
                return RequestEnd.RESET
            parser = await _read(sock)
        response = parser.response()
        if response.complete:
            right = page_outcome(response, "stop-new", PAGE_BYTES) is Outcome.OK
            return RequestEnd.ANSWERED if right else RequestEnd.WRONG
        return RequestEnd.CLOSED


def _local_port(sock: ClientSocket) -> int:
    with socket.socket(fileno=os.dup(sock.fileno())) as named:
        return int(named.getsockname()[1])


async def _read(sock: ClientSocket) -> ResponseParser:
    """Read one response, however it ends."""
    parser = ResponseParser()
    while not parser.done:
        try:
            data = await sock.recv(RECEIVE_BYTES)
        except OSError:
            parser.eof(ConnectionState.RESET)
            break
        if not data:
            parser.eof(ConnectionState.EOF)
            break
        parser.feed(data)
    return parser
