"""A connection that sends exact bytes and records everything with its time.

A case decides which bytes go out, and reads the response without trusting it. If the server closes or resets the
connection, nothing here raises an error: the close is evidence.
"""

from __future__ import annotations

import errno
import select
import socket
import ssl
import struct
import time
from collections import deque
from collections.abc import Iterable
from contextlib import suppress

import msgspec
import trio

from wsgi_gauntlet.harness.errors import OutOfResources, ServerError, Skipped
from wsgi_gauntlet.harness.http import transports
from wsgi_gauntlet.harness.http.address import Address
from wsgi_gauntlet.harness.http.parser import ConnectionState, Response, ResponseParser
from wsgi_gauntlet.harness.http.request import well_formed
from wsgi_gauntlet.harness.http.segmentation import Segmentation, split_segments
from wsgi_gauntlet.harness.http.transports import PipeStream
from wsgi_gauntlet.harness.limits import EXHAUSTION_ERRNOS
from wsgi_gauntlet.harness.model import ConnectionEvent, ConnectionEventKind
from wsgi_gauntlet.harness.store.evidence_limits import STATUS_LINE_BYTES, gap, split_event

EVENT_LIMIT_BYTES = 64 * 1024
"""Bytes of one event that the evidence keeps."""

TRANSCRIPT_LIMIT_BYTES = 1024 * 1024
"""Bytes that the evidence of one attempt keeps in total."""

EVENTS_LIMIT = 4000
"""Events that the evidence of one attempt keeps: more than a request sent byte by byte causes."""

TAIL_SHARE = 4
"""One part in so many of both limits is kept for the latest events: they hold the response that decides."""

INBOX_LIMIT_BYTES = 16 * 1024 * 1024
"""Unread bytes that a connection keeps. While sending, the harness then stops reading, and the server has to wait.
While a case waits for the end of the connection, further bytes are dropped: a server must not fill the memory."""

AT_ONCE_BYTES = 4096
"""Bytes that are sent in one call, as most requests are. The buffer of a new socket has room for more."""

READ_SIZE_BYTES = 64 * 1024
"""Bytes that one read asks for."""

CLOSE_TIMEOUT_SECONDS = 0.5
"""Seconds for TLS's closure alert to go out if the server reads nothing any more."""

CLOSE_CHECK_SECONDS = 0.002
"""Seconds between two checks whether the server has closed its end."""

PROGRESS_SECONDS = 0.005
"""Seconds after some progress in which more of it moves no deadline: that takes as long as sending a byte."""

TOTAL_TIME_FACTOR = 4
"""The longest time of a whole response, as a multiple of the longest silence."""

SLOW_TOTAL_TIME_FACTOR = 2
"""The same for a response that is slower than MIN_BYTES_PER_SECOND."""

MIN_BYTES_PER_SECOND = 10_000
"""A busy machine delays a response, then delivers it at once. A response slower than this is slow on purpose."""

RESPONSE_LIMIT_BYTES = 64 << 20
"""Bytes of one response that are read. The largest response of a case has 4 MiB."""

Stream = trio.SocketStream | trio.SSLStream[trio.SocketStream] | PipeStream


class InactivityTimeout:
    """A cancel scope for a block that is given up after `inactivity_seconds` without progress.

    On a busy machine an operation may take much longer than on an idle one. Progress shows that the server does not
    hang. Create it in the task of the block.
    """

    def __init__(self, inactivity_seconds: float) -> None:
        self._inactivity_seconds = inactivity_seconds
        self._last_activity = time.monotonic()
        self._started = trio.current_time()
        self._latest_deadline = self._started + TOTAL_TIME_FACTOR * inactivity_seconds
        self.size = 0
        self.scope = trio.CancelScope(deadline=self._started + inactivity_seconds)

    def on_progress(self) -> None:
        """Record progress."""
        now = time.monotonic()
        if now - self._last_activity < PROGRESS_SECONDS:
            return
        self._last_activity = now
        self.scope.deadline = min(self._latest_deadline, trio.current_time() + self._inactivity_seconds)

    def on_received(self, size: int) -> None:
        """Record `size` more bytes of a response; a response that comes a few bytes at a time gets less time."""
        self.size += size
        longest = SLOW_TOTAL_TIME_FACTOR * self._inactivity_seconds + self.size / MIN_BYTES_PER_SECOND
        self._latest_deadline = self._started + min(TOTAL_TIME_FACTOR * self._inactivity_seconds, longest)
        self.on_progress()

    @property
    def closed_late(self) -> bool:
        """Whether the time-out is over in real time, which trio's clock does not show if the harness stood still."""
        return time.monotonic() - self._last_activity > self._inactivity_seconds

    @property
    def timeout_message(self) -> str:
        """Why the block was given up, as the end of a sentence; '' if it was not."""
        if not self.scope.cancelled_caught:
            return ""
        if self.scope.deadline >= self._latest_deadline:
            return f"within {self._latest_deadline - self._started:.3g} s"
        return f"and nothing more for {self._inactivity_seconds:g} s"


class ConnectFailed(ServerError):
    """The server did not accept a connection."""


class Transcript:
    """The record of all connections of one attempt, cut to the limits above.

    If it becomes too long, the middle goes: first data, then whole events.
    `split_bodies`: the app reads the whole body, so bodies may be cut into segments too.
    `time_sensitive`: the attempt waited in vain for something, or saw the end of a connection.
    `closed_late`: it saw that end too late.
    `response_patience`: a factor on the time-outs of responses.
    `send_count`: how many times something was sent.
    """

    def __init__(self, response_patience: float = 1.0) -> None:
        self.response_patience = response_patience
        self.split_bodies = False
        self.time_sensitive = self.closed_late = False
        self._sent: dict[int, bytearray] = {}
        self._unrecorded_bytes: dict[int, int] = {}
        self._head: list[ConnectionEvent] = []
        self._head_bytes = 0
        self._tail: deque[ConnectionEvent] = deque()
        self._tail_bytes = 0
        self._shortened = 0  # events of the tail, from its left
        self._dropped = self._dropped_bytes = 0
        self._connections = 0
        self.send_count = 0

    @property
    def events(self) -> tuple[ConnectionEvent, ...]:
        """Everything recorded so far, in order."""
        middle = (gap(self._head[-1], self._dropped, self._dropped_bytes),) if self._dropped else ()
        return (*self._head, *middle, *self._tail)

    @property
    def well_formed(self) -> bool:
        """Whether every connection carried whole, well-formed requests and nothing else."""
        return bool(self._sent) and all(
            well_formed(bytes(data), self._unrecorded_bytes.get(number, 0)) for number, data in self._sent.items()
        )

    def connection(self) -> int:
        """Return the number of a new connection, from 1."""
        self._connections += 1
        return self._connections

    def record(self, connection: int, kind: ConnectionEventKind, data: bytes = b"", note: str = "") -> None:
        """Add one event that happened now."""
        at = time.monotonic()
        self.time_sensitive |= kind in (ConnectionEventKind.WAITED, ConnectionEventKind.EOF, ConnectionEventKind.RESET)
        if kind is ConnectionEventKind.SENT:
            self.send_count += 1
            sent = self._sent.setdefault(connection, bytearray())
            room = EVENT_LIMIT_BYTES - len(sent)
            sent += data[:room]
            self._unrecorded_bytes[connection] = self._unrecorded_bytes.get(connection, 0) + max(0, len(data) - room)
        for event in split_event(ConnectionEvent(at, connection, kind, bytes(data), note), EVENT_LIMIT_BYTES):
            self.keep(event)

    def keep(self, event: ConnectionEvent) -> None:
        """Keep `event`, and leave out what no longer fits into the limits."""
        if not self._tail and self._fits_into_head(event):
            self._head.append(event)
            self._head_bytes += len(event.data)
            return
        self._tail.append(event)
        self._tail_bytes += len(event.data)
        if len(self._tail) > EVENTS_LIMIT // TAIL_SHARE:
            dropped = self._tail.popleft()
            self._tail_bytes -= len(dropped.data)
            self._shortened = max(0, self._shortened - 1)
            self._dropped += 1
            self._dropped_bytes += len(dropped.data) + dropped.omitted
        while self._tail_bytes > TRANSCRIPT_LIMIT_BYTES // TAIL_SHARE:
            self._shorten_next()

    def _fits_into_head(self, event: ConnectionEvent) -> bool:
        return (
            len(self._head) < EVENTS_LIMIT - EVENTS_LIMIT // TAIL_SHARE
            and self._head_bytes + len(event.data) <= TRANSCRIPT_LIMIT_BYTES - TRANSCRIPT_LIMIT_BYTES // TAIL_SHARE
        )

    def _shorten_next(self) -> None:
        event = self._tail[self._shortened]
        kept = event.data[:STATUS_LINE_BYTES] if event.data.startswith(b"HTTP/") else b""
        left_out = len(event.data) - len(kept)
        self._tail[self._shortened] = msgspec.structs.replace(event, data=kept, omitted=event.omitted + left_out)
        self._tail_bytes -= left_out
        self._shortened += 1


class Connection:
    """One connection to a server. Times are in seconds.

    `unread` is the received data that no method has returned yet. Only one task may use the connection, except that
    one task may send while another one reads.
    """

    def __init__(
        self,
        stream: Stream,
        transcript: Transcript,
        number: int,
        segmentation: Segmentation = Segmentation.WHOLE,
    ) -> None:
        self._segmentation = segmentation
        self._stream = stream
        self._transcript = transcript
        self._number = number
        self._inbox = bytearray()
        self._state = ConnectionState.OPEN
        self._reset_on_send = False
        self._closure_alert_received = False
        self._reading = trio.Lock()
        self._closed = self._finished = False

    @classmethod
    async def open(
        cls,
        address: Address,
        transcript: Transcript,
        segmentation: Segmentation = Segmentation.WHOLE,
        timeout: float = 5.0,
        source: str = "",
    ) -> Connection:
        """Connect to `address`; `segmentation` is the way in which data is sent, `source` an own address to use.

        Raises ConnectFailed if the server does not accept the connection within `timeout`, OutOfResources if this
        machine has no socket or local port left.
        """
        if address.pipe_socket:
            return cls._opened(await _open_pipes(address), address, transcript, segmentation)
        try:
            plain = socket.socket(address.family, socket.SOCK_STREAM)
        except OSError as error:
            raise OutOfResources(f"cannot open a socket: {error}; raise `ulimit -n` or run fewer at once") from error
        plain.setblocking(False)
        awaited = "connection"
        try:
            # To a server on this machine the kernel connects at once, unless the server's queue is full.
            connected = address.loopback and not source and plain.connect_ex(address.socket_address) == 0
            stream = trio.SocketStream(trio.socket.from_stdlib_socket(plain))
            if connected and not address.tls:
                await trio.lowlevel.checkpoint_if_cancelled()  # a turn of the loop comes with the first send
                return cls._opened(stream, address, transcript, segmentation)
            with trio.fail_after(timeout):
                if source:
                    await stream.socket.bind((source, 0))
                if not connected:
                    await stream.socket.connect(address.socket_address)
                awaited = "TLS handshake"
                opened: Stream = await transports.start_tls(stream, address) if address.tls else stream
        except (OSError, trio.TooSlowError, trio.BrokenResourceError) as error:
            plain.close()
            if getattr(error, "errno", None) == errno.EADDRNOTAVAIL:
                raise OutOfResources(
                    "no local port is free; wait a minute until the kernel releases closed connections"
                ) from error
            why = transports.tls_failure_reason(error) or f"no {awaited} within {timeout:g} s"
            raise ConnectFailed(f"{address} takes no connection: {why}") from error
        except trio.Cancelled:
            plain.close()
            raise
        return cls._opened(opened, address, transcript, segmentation)

    @classmethod
    def _opened(
        cls, stream: Stream, address: Address, transcript: Transcript, segmentation: Segmentation
    ) -> Connection:
        connection = cls(stream, transcript, transcript.connection(), segmentation)
        connection._record(ConnectionEventKind.OPENED, note=str(address))
        return connection

    @property
    def closed(self) -> bool:
        """Whether the harness has closed it."""
        return self._closed

    # ------------------------------------------------------------------ sending

    async def send(self, data: bytes, timeout: float = 5.0, *, reading: bool = True) -> bool:
        """Send `data` and read at the same time, so that neither side can block the other.

        Without `reading` nothing is read before all data is sent, as in most HTTP libraries. Return whether all data
        was sent: false if the server has gone or takes nothing for `timeout`, see InactivityTimeout.
        """
        if self._closed:
            return False
        self._record(ConnectionEventKind.SENT, data)
        sent_bytes = self._send_at_once(data)
        if data and sent_bytes == len(data):
            has_room = len(self._inbox) < INBOX_LIMIT_BYTES
            if reading and has_room and not self._reading.locked() and _poll(self._transport_stream, select.POLLIN):
                await self._receive()  # as below: what is there already
            else:
                await trio.lowlevel.checkpoint()
            return True
        data = data[sent_bytes:]
        sent = False
        async with trio.open_nursery() as nursery:
            if reading:
                nursery.start_soon(self._read_while_sending)
            inactivity = InactivityTimeout(timeout)
            with inactivity.scope:
                sent = await self._send_all(data, inactivity)
            nursery.cancel_scope.cancel()
        if inactivity.timeout_message:
            self._record(
                ConnectionEventKind.WAITED, note=f"the server did not take all of it {inactivity.timeout_message}"
            )
        return sent

    async def send_segments(self, segments: Iterable[bytes], pause: float = 0.0) -> bool:
        """Send each of `segments` `pause` seconds after the server read the last one; return whether all were sent."""
        server_reads = True
        for number, segment in enumerate(segments):
            if number:
                server_reads = server_reads and await transports.wait_until_read(
                    transports.unread_counter(self._stream)
                )
                await trio.sleep(pause)
            if not await self.send(segment):
                return False
        return True

    async def wait_until_read(self) -> bool:
        """Wait until the server has read all that was sent; return whether it did so in half a second."""
        return await transports.wait_until_read(transports.unread_counter(self._stream))

    async def half_close(self) -> bool:
        """Close the sending side (FIN) and go on reading. Return whether that was possible.

        Raises Skipped over TLS: most servers then close both sides.
        """
        if self._closed:
            return False
        if isinstance(self._stream, trio.SSLStream):
            raise Skipped("over TLS a client does not close its sending side alone")
        try:
            await self._stream.send_eof()
        except (trio.BrokenResourceError, trio.ClosedResourceError):
            return False
        self._record(ConnectionEventKind.HALF_CLOSED)
        return True

    async def close(self) -> None:
        """Close the connection in good order. A second call does nothing."""
        if self._closed:
            return
        self._closed = True
        if isinstance(self._stream, trio.SSLStream):
            with trio.move_on_after(CLOSE_TIMEOUT_SECONDS):  # for the closure alert
                await self._stream.aclose()
        elif isinstance(self._stream, trio.SocketStream):
            self._stream.socket.close()  # `aclose` would take a turn of the event loop
        else:
            await self._stream.aclose()
        self._record(ConnectionEventKind.CLOSED)

    def finish_if_server_closed(self) -> None:
        """Close the sending side if the server has closed its own, so that the server need not wait for that.

        Some servers wait for the client's end before they serve another connection.
        """
        plain = self._transport_stream
        if self._closed or self._finished or not isinstance(plain, trio.SocketStream):
            return
        if plain.socket.fileno() < 0:
            return
        if _poll(plain, select.POLLRDHUP):
            self._finished = True
            with suppress(OSError):
                plain.socket.shutdown(socket.SHUT_WR)
            self._record(ConnectionEventKind.NOTE, note="the server had closed its side, so the harness closed its own")

    async def abort(self) -> None:
        """Close the connection with a reset (RST), as a crashed client does."""
        if self._closed:
            return
        self._closed = True
        plain = self._transport_stream
        note = "both ways: pipes have no reset"
        if isinstance(plain, trio.SocketStream):
            note = "with a reset"
            plain.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        await trio.aclose_forcefully(plain)
        self._record(ConnectionEventKind.CLOSED, note=note)

    @property
    def _transport_stream(self) -> trio.SocketStream | PipeStream:
        return self._stream.transport_stream if isinstance(self._stream, trio.SSLStream) else self._stream

    # ------------------------------------------------------------------ reading

    @property
    def local_port(self) -> int:
        """The port of this end; 0 without TCP."""
        stream = self._transport_stream
        if not isinstance(stream, trio.SocketStream) or stream.socket.family == socket.AF_UNIX:
            return 0
        return int(stream.socket.getsockname()[1])

    @property
    def closure_alert_received(self) -> bool:
        """Whether the server sent TLS's closure alert."""
        return self._closure_alert_received

    @property
    def unread(self) -> bytes:
        """The received data that no method has returned yet."""
        return bytes(self._inbox)

    async def response(self, head: bool = False, timeout: float = 5.0) -> Response:
        """Read exactly one final response; `head` says that the request was a HEAD.

        `timeout` is the longest silence in seconds, see InactivityTimeout and `response_patience`. Nothing is raised:
        the result says what came and what did not. Bytes after the response stay unread.
        """
        parser = ResponseParser(head=head)
        inactivity = InactivityTimeout(timeout * self._transcript.response_patience)
        with inactivity.scope:
            while not parser.done and inactivity.size <= RESPONSE_LIMIT_BYTES:
                rest = parser.feed(self._take_unread())
                if parser.done:
                    self._inbox[:0] = rest
                elif await self._receive():
                    inactivity.on_received(len(self._inbox))
                elif not self._inbox:
                    parser.eof(self._state)
        if timeout_message := inactivity.timeout_message or (
            "" if parser.done else f"within {RESPONSE_LIMIT_BYTES} bytes"
        ):
            self._record(ConnectionEventKind.WAITED, note=f"no end of a response {timeout_message}")
        self._transcript.closed_late |= inactivity.closed_late and self._state is not ConnectionState.OPEN
        parser.eof(self._state)
        return parser.response()

    async def receive_some(self, timeout: float = 5.0) -> bytes:
        """Return the unread data, waiting for some if there is none; b'' at the end of the connection or `timeout`."""
        if not self._inbox:
            with trio.move_on_after(timeout) as scope:
                await self._receive()
            self._transcript.time_sensitive |= scope.cancelled_caught
        return self._take_unread()

    async def receive_until(self, marker: bytes, timeout: float = 5.0) -> bytes:
        """Return the data up to and including `marker`; all data if it did not come before the end or `timeout`."""
        with trio.move_on_after(timeout) as scope:
            while marker not in self._inbox and len(self._inbox) < INBOX_LIMIT_BYTES and await self._receive():
                pass
        self._transcript.time_sensitive |= scope.cancelled_caught
        at = self._inbox.find(marker)
        return self._take_unread(at + len(marker) if at >= 0 else None)

    async def ending(self, timeout: float = 5.0) -> ConnectionState:
        """Wait for the end of the connection and return its state after at most `timeout`; data stays unread."""
        inactivity = InactivityTimeout(timeout)
        with inactivity.scope:
            while self._state is ConnectionState.OPEN and (
                await self._receive() or self._state is ConnectionState.OPEN
            ):
                pass
        if inactivity.timeout_message:
            self._record(ConnectionEventKind.WAITED, note=f"still open after {timeout:g} s")
        self._transcript.closed_late |= inactivity.closed_late and self._state is not ConnectionState.OPEN
        return self._state

    async def wait_for_server_to_close(self, timeout: float) -> bool:
        """Wait, without reading, until the server has closed its end; return whether it did so within `timeout`.

        Return false at once if the kernel does not know: over a Unix socket or pipes, or if the server is remote.
        """
        unclosed = transports.far_end_watcher(self._transport_stream)
        if unclosed is None:
            return False
        with trio.move_on_after(timeout):
            while unclosed():  # noqa: ASYNC110 - the kernel reports no event
                await trio.sleep(CLOSE_CHECK_SECONDS)
            return True
        return False

    # ------------------------------------------------------------------ the socket

    def _send_at_once(self, data: bytes) -> int:
        """Give the kernel a small request without waiting; return how many bytes it took."""
        if self._segmentation is not Segmentation.WHOLE or len(data) > AT_ONCE_BYTES:
            return 0
        try:
            return transports.write_at_once(self._stream, data)
        except trio.BrokenResourceError as error:  # `send_all` notices it too
            self._reset_on_send |= isinstance(error.__cause__, ConnectionResetError)
            return 0

    async def _send_all(self, data: bytes, inactivity: InactivityTimeout) -> bool:
        try:
            await transports.send_pieces(
                self._stream,
                split_segments(data, self._segmentation, split_bodies=self._transcript.split_bodies),
                inactivity.on_progress,
            )
        except (trio.BrokenResourceError, trio.ClosedResourceError) as error:
            # The kernel reports a reset once: here. The reading side then sees a plain end.
            self._reset_on_send |= isinstance(error.__cause__, ConnectionResetError)
            self._record(ConnectionEventKind.NOTE, note=f"not all of it went out: {error.__cause__ or error}")
            return False
        await trio.lowlevel.checkpoint()  # `_read_while_sending` gets its turn
        return True

    async def _read_while_sending(self) -> None:
        while self._state is ConnectionState.OPEN and len(self._inbox) < INBOX_LIMIT_BYTES:
            await self._receive()

    async def _receive(self) -> bool:
        """Read once into the inbox; return whether data came."""
        before = len(self._inbox)
        if self._reading.locked():
            await self._reading.acquire()
        else:
            self._reading.acquire_nowait()  # `acquire` would take a turn of the event loop
        try:
            return len(self._inbox) > before or await self._read_into_inbox()
        finally:
            self._reading.release()

    async def _read_into_inbox(self) -> bool:
        if self._state is not ConnectionState.OPEN or self._closed:
            await trio.lowlevel.checkpoint()
            self._state = ConnectionState.EOF if self._state is ConnectionState.OPEN else self._state
            return False
        self._acknowledge_at_once()
        try:
            data = await self._stream.receive_some(READ_SIZE_BYTES)
        except trio.ClosedResourceError:
            self._state = ConnectionState.EOF
            return False
        except trio.BrokenResourceError as broken:
            cause = broken.__cause__
            reset = isinstance(cause, OSError) and not isinstance(cause, ssl.SSLError)
            self._record_end(ConnectionState.RESET if reset else ConnectionState.EOF, cause)
            return False
        if not data:
            self._closure_alert_received = isinstance(self._stream, trio.SSLStream)
            self._record_end(ConnectionState.RESET if self._reset_on_send else ConnectionState.EOF)
            return False
        room = INBOX_LIMIT_BYTES - len(self._inbox)
        self._inbox += data[:room]
        self._record(ConnectionEventKind.RECEIVED, bytes(data))
        if len(data) > room > 0:
            self._record(
                ConnectionEventKind.NOTE,
                note=f"more than {INBOX_LIMIT_BYTES} bytes wait unread; later ones are dropped",
            )
        return True

    def _acknowledge_at_once(self) -> None:
        """Let the kernel acknowledge the next bytes at once (tcp(7); the option lasts for a short time only).

        Some servers send headers and body in two pieces without TCP_NODELAY. The second piece then waits for the
        acknowledgement of the first: 40 ms for each request on a kept connection.
        """
        plain = self._transport_stream
        if isinstance(plain, trio.SocketStream) and plain.socket.family != socket.AF_UNIX:
            with suppress(OSError):
                plain.socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_QUICKACK, 1)

    def _record_end(self, ending: ConnectionState, cause: BaseException | None = None) -> None:
        self._state = ending
        note = ""
        if isinstance(self._stream, trio.SSLStream):
            if self._closure_alert_received:
                note = "with a closure alert"
            elif isinstance(cause, ssl.SSLEOFError):
                note = "without a closure alert"
            elif isinstance(cause, ssl.SSLError):
                note = f"TLS: {cause.reason or cause}"
        self._record(
            ConnectionEventKind.RESET if ending is ConnectionState.RESET else ConnectionEventKind.EOF, note=note
        )

    def _take_unread(self, size: int | None = None) -> bytes:
        data = bytes(self._inbox[:size])
        del self._inbox[:size]
        return data

    def _record(self, kind: ConnectionEventKind, data: bytes = b"", note: str = "") -> None:
        self._transcript.record(self._number, kind, data, note)


def _poll(stream: trio.SocketStream | PipeStream, events: int) -> int:
    """Return which of `events` of poll(2) a socket has now, and its errors; 0 for pipes and a closed socket."""
    if not isinstance(stream, trio.SocketStream) or stream.socket.fileno() < 0:
        return 0
    poll = select.poll()
    poll.register(stream.socket.fileno(), events)
    return next((found for _, found in poll.poll(0)), 0)


async def _open_pipes(address: Address) -> PipeStream:
    try:
        return await transports.connect_pipes(address.pipe_socket)
    except OSError as error:
        if error.errno in EXHAUSTION_ERRNOS:
            raise OutOfResources(f"cannot open a pipe: {error}; raise `ulimit -n` or run fewer at once") from error
        raise ConnectFailed(f"nobody takes the {address}: {error}") from error
