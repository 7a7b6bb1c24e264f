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

from .address import Address
from .attempts.patterns import Pattern, pieces
from .attempts.wellformed import well_formed
from .errors import OutOfResources, ServerTrouble, Skipped
from .model import WireEvent, WireKind
from .response import Ending, Response, ResponseParser
from .transports import piped, tls
from .transports.patience import ANSWER_LIMIT, Patience
from .transports.sending import send_pieces
from .transports.taken import taken, unread

EVENT_LIMIT = 64 * 1024
"""Bytes of one event that the evidence keeps."""

TRANSCRIPT_LIMIT = 1024 * 1024
"""Bytes that the evidence of one attempt keeps in all."""

EVENTS_LIMIT = 4000
"""Events that the evidence of one attempt keeps: more than a request sent byte by byte has."""

INBOX_LIMIT = 16 * 1024 * 1024
"""Bytes that are held for a case that has not read them yet. Then the server has to wait while we send, and what a case
waits past for the connection's end is dropped: a server that floods us must not take our memory."""

PIECE = 64 * 1024
"""Bytes asked of the socket at once."""

CLOSING = 0.5
"""Seconds for the closure alert to go out, where the server takes nothing any more."""

Stream = trio.SocketStream | trio.SSLStream[trio.SocketStream] | piped.PipedStream


class ConnectFailed(ServerTrouble):
    """The server's address took no connection."""


class Transcript:
    """What was seen on all connections of one attempt, cut to what is worth keeping.

    `bodies` says that the app reads what it is sent to the end, so that bodies too may be cut into pieces.
    `timed` says that something was waited for in vain, or a connection's end seen; `late`, that it was seen too late.
    """

    def __init__(self) -> None:
        self.bodies = False
        self.timed = self.late = False
        self._sent: dict[int, bytearray] = {}
        self._unseen: dict[int, int] = {}
        self._events: list[WireEvent] = []
        self._kept = 0
        self._full = False
        self._connections = 0

    @property
    def events(self) -> tuple[WireEvent, ...]:
        """Everything recorded so far, in order."""
        return tuple(self._events)

    @property
    def well_formed(self) -> bool:
        """Whether on every connection whole, well-formed requests went out and nothing else."""
        return bool(self._sent) and all(
            well_formed(bytes(data), self._unseen.get(number, 0)) for number, data in self._sent.items()
        )

    def connection(self) -> int:
        """Return the number of a new connection, from 1."""
        self._connections += 1
        return self._connections

    def record(self, connection: int, kind: WireKind, data: bytes = b"", note: str = "") -> None:
        """Add one event that happened now. Data beyond the limits is left out, and the event says how much."""
        at = time.monotonic()
        self.timed |= kind in (WireKind.WAITED, WireKind.EOF, WireKind.RESET)
        if kind is WireKind.SENT:
            sent = self._sent.setdefault(connection, bytearray())
            room = EVENT_LIMIT - len(sent)
            sent += data[:room]
            self._unseen[connection] = self._unseen.get(connection, 0) + max(0, len(data) - room)
        if len(self._events) >= EVENTS_LIMIT:
            if not self._full:
                self._full = True
                self._events.append(WireEvent(at, connection, WireKind.NOTE, note="later events were not kept"))
            return
        keep = data[: max(0, min(EVENT_LIMIT, TRANSCRIPT_LIMIT - self._kept))]
        self._kept += len(keep)
        self._events.append(WireEvent(at, connection, kind, bytes(keep), note))
        if cut := len(data) - len(keep):
            text = f"{cut} of these {len(data)} bytes were not kept"
            self._events.append(WireEvent(at, connection, WireKind.NOTE, note=text))


class Wire:
    """One connection to a server, driven byte by byte. Times are in seconds.

    What has come and was not asked for yet waits in `leftover`. Not for use by two tasks at once, except that
    anything may be sent while another task reads.
    """

    def __init__(
        self,
        stream: Stream,
        transcript: Transcript,
        number: int,
        pattern: Pattern = Pattern.WHOLE,
    ) -> None:
        self._pattern = pattern
        self._stream = stream
        self._transcript = transcript
        self._number = number
        self._inbox = bytearray()
        self._state = Ending.OPEN
        self._reset_on_send = False
        self._alerted = False
        self._reading = trio.Lock()
        self._closed = False

    @classmethod
    async def open(
        cls, address: Address, transcript: Transcript, pattern: Pattern = Pattern.WHOLE, timeout: float = 5.0
    ) -> Wire:
        """Connect to `address`; what is sent goes out in `pattern`.

        Raises ConnectFailed where nobody takes the connection within `timeout`, OutOfResources where no socket or
        local port is left to us.
        """
        if address.door:
            return cls._opened(await _piped(address), address, transcript, pattern)
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
                opened: Stream = await tls.secured(stream, address) if address.tls else stream
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
        return cls._opened(opened, address, transcript, pattern)

    @classmethod
    def _opened(cls, stream: Stream, address: Address, transcript: Transcript, pattern: Pattern) -> Wire:
        wire = cls(stream, transcript, transcript.connection(), pattern)
        wire._record(WireKind.OPENED, note=str(address))
        return wire

    # ------------------------------------------------------------------ sending

    async def send(self, data: bytes, timeout: float = 5.0, *, reading: bool = True) -> bool:
        """Send `data`, reading meanwhile what comes, so that neither side can block the other.

        Without `reading` nothing is read before all is sent, as with most HTTP libraries. Says whether all of it
        went out: False where the peer has gone or takes nothing for `timeout`, see Patience.
        """
        if self._closed:
            return False
        self._record(WireKind.SENT, data)
        sent = False
        async with trio.open_nursery() as nursery:
            if reading:
                nursery.start_soon(self._pump)
            patience = Patience(timeout)
            with patience.scope:
                sent = await self._send_all(data, patience)
            nursery.cancel_scope.cancel()
        if patience.over:
            self._record(WireKind.WAITED, note=f"the server did not take all of it {patience.over}")
        return sent

    async def send_each(self, pieces: Iterable[bytes], pause: float = 0.0) -> bool:
        """Send each of `pieces` as a segment, `pause` after the one before was read; say whether all went out."""
        reads = True
        for at, piece in enumerate(pieces):
            if at:
                reads = reads and await taken(unread(self._stream))
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
        self._record(WireKind.HALF_CLOSED)
        return True

    async def close(self) -> None:
        """Close the connection in good order; again is harmless."""
        if self._closed:
            return
        self._closed = True
        with trio.move_on_after(CLOSING):  # TLS has a last word; over plain TCP there is nothing to wait for
            await self._stream.aclose()
        self._record(WireKind.CLOSED)

    async def close_without_alert(self) -> None:
        """Close the connection without TLS's closure alert, as clients do that know they have it all."""
        if self._closed:
            return
        self._closed = True
        await trio.aclose_forcefully(self._bare)
        self._record(WireKind.CLOSED, note="without a closure alert")

    async def abort(self) -> None:
        """Close the connection with a reset (RST), as a crashed or impatient client does."""
        if self._closed:
            return
        self._closed = True
        plain = self._bare
        told = "both ways: pipes have no reset"
        if isinstance(plain, trio.SocketStream):
            told = "with a reset"
            plain.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        await trio.aclose_forcefully(plain)
        self._record(WireKind.CLOSED, note=told)

    @property
    def _bare(self) -> trio.SocketStream | piped.PipedStream:
        return self._stream.transport_stream if isinstance(self._stream, trio.SSLStream) else self._stream

    # ------------------------------------------------------------------ reading

    @property
    def alerted(self) -> bool:
        """Whether the server ended its side with TLS's closure alert."""
        return self._alerted

    @property
    def leftover(self) -> bytes:
        """What has come and was not asked for yet."""
        return bytes(self._inbox)

    async def response(self, head: bool = False, timeout: float = 5.0) -> Response:
        """Read exactly one final answer; `head` says that it answers a HEAD.

        `timeout` is how long nothing may come, see Patience.
        Whatever came or did not is in what is returned; nothing is raised. What follows the answer stays for later.
        """
        parser = ResponseParser(head=head)
        patience = Patience(timeout)
        with patience.scope:
            while not parser.done and patience.size <= ANSWER_LIMIT:
                rest = parser.feed(self._drain())
                if parser.done:
                    self._inbox[:0] = rest
                elif await self._receive():
                    patience.came(len(self._inbox))
                elif not self._inbox:
                    parser.eof(self._state)
        if over := patience.over or ("" if parser.done else f"within {ANSWER_LIMIT} bytes"):
            self._record(WireKind.WAITED, note=f"no end of an answer {over}")
        self._transcript.late |= patience.late and self._state is not Ending.OPEN
        parser.eof(self._state)
        return parser.response()

    async def receive_some(self, timeout: float = 5.0) -> bytes:
        """Return what has come, waiting for it if need be; b'' at the connection's end or after `timeout`."""
        if not self._inbox:
            with trio.move_on_after(timeout) as scope:
                await self._receive()
            self._transcript.timed |= scope.cancelled_caught
        return self._drain()

    async def receive_until(self, marker: bytes, timeout: float = 5.0) -> bytes:
        """Return what has come up to and with `marker`; all there is, where it did not come before end or `timeout`."""
        with trio.move_on_after(timeout) as scope:
            while marker not in self._inbox and len(self._inbox) < INBOX_LIMIT and await self._receive():
                pass
        self._transcript.timed |= scope.cancelled_caught
        at = self._inbox.find(marker)
        return self._drain(at + len(marker) if at >= 0 else None)

    async def ending(self, timeout: float = 5.0) -> Ending:
        """Return what becomes of the connection within `timeout`; what still comes goes to `leftover`."""
        patience = Patience(timeout)
        with patience.scope:
            while self._state is Ending.OPEN and (await self._receive() or self._state is Ending.OPEN):
                pass
        if patience.over:
            self._record(WireKind.WAITED, note=f"still open after {timeout:g} s")
        self._transcript.late |= patience.late and self._state is not Ending.OPEN
        return self._state

    # ------------------------------------------------------------------ the socket

    async def _send_all(self, data: bytes, patience: Patience) -> bool:
        try:
            await send_pieces(self._stream, pieces(data, self._pattern, bodies=self._transcript.bodies), patience.more)
        except (trio.BrokenResourceError, trio.ClosedResourceError) as gone:
            # The kernel reports a reset once: here, and then the reading side sees a plain end.
            self._reset_on_send = isinstance(gone.__cause__, ConnectionResetError)
            self._record(WireKind.NOTE, note=f"not all of it went out: {gone.__cause__ or gone}")
            return False
        return True

    async def _pump(self) -> None:
        while self._state is Ending.OPEN and len(self._inbox) < INBOX_LIMIT:
            await self._receive()

    async def _receive(self) -> bool:
        """Put one piece into the inbox; say whether there was one."""
        before = len(self._inbox)
        async with self._reading:
            if len(self._inbox) > before:
                return True
            if self._state is not Ending.OPEN or self._closed:
                await trio.lowlevel.checkpoint()
                self._state = Ending.EOF if self._state is Ending.OPEN else self._state
                return False
            try:
                data = await self._stream.receive_some(PIECE)
            except trio.ClosedResourceError:
                self._state = Ending.EOF
                return False
            except trio.BrokenResourceError as broken:
                cause = broken.__cause__
                reset = isinstance(cause, OSError) and not isinstance(cause, ssl.SSLError)
                self._end(Ending.RESET if reset else Ending.EOF, cause)
                return False
            if not data:
                self._alerted = isinstance(self._stream, trio.SSLStream)
                self._end(Ending.RESET if self._reset_on_send else Ending.EOF)
                return False
            room = INBOX_LIMIT - len(self._inbox)
            self._inbox += data[:room]
            self._record(WireKind.RECEIVED, bytes(data))
            if len(data) > room > 0:
                self._record(WireKind.NOTE, note=f"more than {INBOX_LIMIT} bytes wait unread; later ones are dropped")
            return True

    def _end(self, ending: Ending, cause: BaseException | None = None) -> None:
        self._state = ending
        note = ""
        if isinstance(self._stream, trio.SSLStream):
            if self._alerted:
                note = "with a closure alert"
            elif isinstance(cause, ssl.SSLEOFError):
                note = "without a closure alert"
            elif isinstance(cause, ssl.SSLError):
                note = f"TLS: {cause.reason or cause}"
        self._record(WireKind.RESET if ending is Ending.RESET else WireKind.EOF, note=note)

    def _drain(self, size: int | None = None) -> bytes:
        data = bytes(self._inbox[:size])
        del self._inbox[:size]
        return data

    def _record(self, kind: WireKind, data: bytes = b"", note: str = "") -> None:
        self._transcript.record(self._number, kind, data, note)


async def _piped(address: Address) -> piped.PipedStream:
    try:
        return await piped.connect(address.door)
    except OSError as trouble:
        if trouble.errno in (errno.EMFILE, errno.ENFILE):
            raise OutOfResources(f"no pipe to be had: {trouble}; raise `ulimit -n` or run fewer at once") from trouble
        raise ConnectFailed(f"nobody takes the {address}: {trouble}") from trouble
