"""Scripted bytes over one connection, every one of them recorded with its time.

A case says exactly what goes out, and reads what comes back without trusting it. Nothing here raises for what a server
does to the connection: that is evidence, not an error.
"""

from __future__ import annotations

import errno
import socket
import ssl
import struct
import time
from collections.abc import Iterable

import trio

from wsgi_gauntlet.harness.errors import OutOfResources, ServerError, Skipped
from wsgi_gauntlet.harness.http.address import Address
from wsgi_gauntlet.harness.http.parser import ConnectionState, Response, ResponseParser
from wsgi_gauntlet.harness.http.request import well_formed
from wsgi_gauntlet.harness.http.segmentation import Segmentation, split_segments
from wsgi_gauntlet.harness.http.transports import pipe_client, tls
from wsgi_gauntlet.harness.http.transports.inactivity_timeout import RESPONSE_LIMIT_BYTES, InactivityTimeout
from wsgi_gauntlet.harness.http.transports.receive_queue import unread_counter, wait_until_read
from wsgi_gauntlet.harness.http.transports.segment_sender import send_pieces
from wsgi_gauntlet.harness.model import ConnectionEvent, ConnectionEventKind

EVENT_LIMIT_BYTES = 64 * 1024
"""Bytes of one event that the evidence keeps."""

TRANSCRIPT_LIMIT_BYTES = 1024 * 1024
"""Bytes that the evidence of one attempt keeps in all."""

EVENTS_LIMIT = 4000
"""Events that the evidence of one attempt keeps: more than a request sent byte by byte has."""

INBOX_LIMIT_BYTES = 16 * 1024 * 1024
"""Bytes that are held for a case that has not read them yet. Then the server has to wait while we send, and what a case
waits past for the connection's end is dropped: a server that floods us must not take our memory."""

READ_SIZE_BYTES = 64 * 1024
"""Bytes asked of the socket at once."""

CLOSE_TIMEOUT_SECONDS = 0.5
"""Seconds for the closure alert to go out, where the server takes nothing any more."""

Stream = trio.SocketStream | trio.SSLStream[trio.SocketStream] | pipe_client.PipeStream


class ConnectFailed(ServerError):
    """The server's address took no connection."""


class Transcript:
    """What was seen on all connections of one attempt, cut to what is worth keeping.

    `bodies` says that the app reads what it is sent to the end, so that bodies too may be cut into pieces.
    `timed` says that something was waited for in vain, or a connection's end seen; `late`, that it was seen too late.
    """

    def __init__(self) -> None:
        self.split_bodies = False
        self.time_sensitive = self.closed_late = False
        self._sent: dict[int, bytearray] = {}
        self._unrecorded_bytes: dict[int, int] = {}
        self._events: list[ConnectionEvent] = []
        self._bytes_kept = 0
        self._full = False
        self._connections = 0

    @property
    def events(self) -> tuple[ConnectionEvent, ...]:
        """Everything recorded so far, in order."""
        return tuple(self._events)

    @property
    def well_formed(self) -> bool:
        """Whether on every connection whole, well-formed requests went out and nothing else."""
        return bool(self._sent) and all(
            well_formed(bytes(data), self._unrecorded_bytes.get(number, 0)) for number, data in self._sent.items()
        )

    def connection(self) -> int:
        """Return the number of a new connection, from 1."""
        self._connections += 1
        return self._connections

    def record(self, connection: int, kind: ConnectionEventKind, data: bytes = b"", note: str = "") -> None:
        """Add one event that happened now. Data beyond the limits is left out, and the event says how much."""
        at = time.monotonic()
        self.time_sensitive |= kind in (ConnectionEventKind.WAITED, ConnectionEventKind.EOF, ConnectionEventKind.RESET)
        if kind is ConnectionEventKind.SENT:
            sent = self._sent.setdefault(connection, bytearray())
            room = EVENT_LIMIT_BYTES - len(sent)
            sent += data[:room]
            self._unrecorded_bytes[connection] = self._unrecorded_bytes.get(connection, 0) + max(0, len(data) - room)
        if len(self._events) >= EVENTS_LIMIT:
            if not self._full:
                self._full = True
                self._events.append(
                    ConnectionEvent(at, connection, ConnectionEventKind.NOTE, note="later events were not kept")
                )
            return
        keep = data[: max(0, min(EVENT_LIMIT_BYTES, TRANSCRIPT_LIMIT_BYTES - self._bytes_kept))]
        self._bytes_kept += len(keep)
        self._events.append(ConnectionEvent(at, connection, kind, bytes(keep), note))
        if cut := len(data) - len(keep):
            text = f"{cut} of these {len(data)} bytes were not kept"
            self._events.append(ConnectionEvent(at, connection, ConnectionEventKind.NOTE, note=text))


class Connection:
    """One connection to a server, driven byte by byte. Times are in seconds.

    What has come and was not asked for yet waits in `leftover`. Not for use by two tasks at once, except that
    anything may be sent while another task reads.
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
        self._closed = False

    @classmethod
    async def open(
        cls,
        address: Address,
        transcript: Transcript,
        segmentation: Segmentation = Segmentation.WHOLE,
        timeout: float = 5.0,
    ) -> Connection:
        """Connect to `address`; what is sent goes out in `pattern`.

        Raises ConnectFailed where nobody takes the connection within `timeout`, OutOfResources where no socket or
        local port is left to us.
        """
        if address.pipe_socket:
            return cls._opened(await _open_pipes(address), address, transcript, segmentation)
        family = socket.AF_UNIX if address.path else socket.AF_INET6 if ":" in address.host else socket.AF_INET
        try:
            plain = trio.socket.socket(family, socket.SOCK_STREAM)
        except OSError as trouble:
            raise OutOfResources(f"no socket to be had: {trouble}; raise `ulimit -n` or run fewer at once") from trouble
        awaited = "connection"
        try:
            with trio.fail_after(timeout):
                await plain.connect(address.path or (address.host, address.port))
                stream = trio.SocketStream(plain)
                awaited = "TLS handshake"
                opened: Stream = await tls.start_tls(stream, address) if address.tls else stream
        except (OSError, trio.TooSlowError, trio.BrokenResourceError) as trouble:
            plain.close()
            if getattr(trouble, "errno", None) == errno.EADDRNOTAVAIL:
                raise OutOfResources(
                    "no local port is free; wait a minute for closed connections to be forgotten"
                ) from trouble
            why = tls.reason(trouble) or f"no {awaited} within {timeout:g} s"
            raise ConnectFailed(f"{address} takes no connection: {why}") from trouble
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

    # ------------------------------------------------------------------ sending

    async def send(self, data: bytes, timeout: float = 5.0, *, reading: bool = True) -> bool:
        """Send `data`, reading meanwhile what comes, so that neither side can block the other.

        Without `reading` nothing is read before all is sent, as with most HTTP libraries. Says whether all of it
        went out: False where the peer has gone or takes nothing for `timeout`, see InactivityTimeout.
        """
        if self._closed:
            return False
        self._record(ConnectionEventKind.SENT, data)
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

    async def send_segments(self, split_segments: Iterable[bytes], pause: float = 0.0) -> bool:
        """Send each of `pieces` as a segment, `pause` after the one before was read; say whether all went out."""
        server_reads = True
        for at, piece in enumerate(split_segments):
            if at:
                server_reads = server_reads and await wait_until_read(unread_counter(self._stream))
                await trio.sleep(pause)
            if not await self.send(piece):
                return False
        return True

    async def half_close(self) -> bool:
        """End our sending side (FIN); reading goes on. Says whether that was possible.

        Raises Skipped over TLS: its end closes both sides, as far as most servers are concerned.
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
        """Close the connection in good order; again is harmless."""
        if self._closed:
            return
        self._closed = True
        with trio.move_on_after(
            CLOSE_TIMEOUT_SECONDS
        ):  # TLS has a last word; over plain TCP there is nothing to wait for
            await self._stream.aclose()
        self._record(ConnectionEventKind.CLOSED)

    async def close_without_alert(self) -> None:
        """Close the connection without TLS's closure alert, as clients do that know they have it all."""
        if self._closed:
            return
        self._closed = True
        await trio.aclose_forcefully(self._transport_stream)
        self._record(ConnectionEventKind.CLOSED, note="without a closure alert")

    async def abort(self) -> None:
        """Close the connection with a reset (RST), as a crashed or impatient client does."""
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
    def _transport_stream(self) -> trio.SocketStream | pipe_client.PipeStream:
        return self._stream.transport_stream if isinstance(self._stream, trio.SSLStream) else self._stream

    # ------------------------------------------------------------------ reading

    @property
    def closure_alert_received(self) -> bool:
        """Whether the server ended its side with TLS's closure alert."""
        return self._closure_alert_received

    @property
    def unread(self) -> bytes:
        """What has come and was not asked for yet."""
        return bytes(self._inbox)

    async def response(self, head: bool = False, timeout: float = 5.0) -> Response:
        """Read exactly one final answer; `head` says that it answers a HEAD.

        `timeout` is how long nothing may come, see InactivityTimeout.
        Whatever came or did not is in what is returned; nothing is raised. What follows the answer stays for later.
        """
        parser = ResponseParser(head=head)
        inactivity = InactivityTimeout(timeout)
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
            self._record(ConnectionEventKind.WAITED, note=f"no end of an answer {timeout_message}")
        self._transcript.closed_late |= inactivity.closed_late and self._state is not ConnectionState.OPEN
        parser.eof(self._state)
        return parser.response()

    async def receive_some(self, timeout: float = 5.0) -> bytes:
        """Return what has come, waiting for it if need be; b'' at the connection's end or after `timeout`."""
        if not self._inbox:
            with trio.move_on_after(timeout) as scope:
                await self._receive()
            self._transcript.time_sensitive |= scope.cancelled_caught
        return self._take_unread()

    async def receive_until(self, marker: bytes, timeout: float = 5.0) -> bytes:
        """Return what has come up to and with `marker`; all there is, where it did not come before end or `timeout`."""
        with trio.move_on_after(timeout) as scope:
            while marker not in self._inbox and len(self._inbox) < INBOX_LIMIT_BYTES and await self._receive():
                pass
        self._transcript.time_sensitive |= scope.cancelled_caught
        at = self._inbox.find(marker)
        return self._take_unread(at + len(marker) if at >= 0 else None)

    async def ending(self, timeout: float = 5.0) -> ConnectionState:
        """Return what becomes of the connection within `timeout`; what still comes goes to `leftover`."""
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

    # ------------------------------------------------------------------ the socket

    async def _send_all(self, data: bytes, inactivity: InactivityTimeout) -> bool:
        try:
            await send_pieces(
                self._stream,
                split_segments(data, self._segmentation, split_bodies=self._transcript.split_bodies),
                inactivity.on_progress,
            )
        except (trio.BrokenResourceError, trio.ClosedResourceError) as error:
            # The kernel reports a reset once: here, and then the reading side sees a plain end.
            self._reset_on_send = isinstance(error.__cause__, ConnectionResetError)
            self._record(ConnectionEventKind.NOTE, note=f"not all of it went out: {error.__cause__ or error}")
            return False
        return True

    async def _read_while_sending(self) -> None:
        while self._state is ConnectionState.OPEN and len(self._inbox) < INBOX_LIMIT_BYTES:
            await self._receive()

    async def _receive(self) -> bool:
        """Put one piece into the inbox; say whether there was one."""
        before = len(self._inbox)
        async with self._reading:
            if len(self._inbox) > before:
                return True
            if self._state is not ConnectionState.OPEN or self._closed:
                await trio.lowlevel.checkpoint()
                self._state = ConnectionState.EOF if self._state is ConnectionState.OPEN else self._state
                return False
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


async def _open_pipes(address: Address) -> pipe_client.PipeStream:
    try:
        return await pipe_client.connect(address.pipe_socket)
    except OSError as trouble:
        if trouble.errno in (errno.EMFILE, errno.ENFILE):
            raise OutOfResources(f"no pipe to be had: {trouble}; raise `ulimit -n` or run fewer at once") from trouble
        raise ConnectFailed(f"nobody takes the {address}: {trouble}") from trouble
