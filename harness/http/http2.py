"""HTTP/2 with prior knowledge (RFC 9113, section 3.3), on a connection whose bytes are recorded.

The libraries hpack and hyperframe make and read the frames. The client checks nothing that goes out, so a case can send
a malformed request. Of what comes in it checks only what a case asks about.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

from hpack import Decoder, Encoder
from hpack.exceptions import HPACKError
from hyperframe.exceptions import HyperframeError
from hyperframe.frame import (
    ContinuationFrame,
    DataFrame,
    Frame,
    GoAwayFrame,
    HeadersFrame,
    PingFrame,
    RstStreamFrame,
    SettingsFrame,
    WindowUpdateFrame,
)

from wsgi_gauntlet.harness.http.connection import Connection
from wsgi_gauntlet.harness.http.parser import ConnectionState
from wsgi_gauntlet.harness.http.response import HTTP2_PREFACE, starts_with_h2_settings

FRAME_HEADER_BYTES = 9
"""Bytes of the header of a frame (section 4.1)."""

INITIAL_WINDOW_BYTES = 65_535
"""Bytes that a peer may send before the first WINDOW_UPDATE (section 6.9.2)."""

EARLY_STOP_SECONDS = 0.3
"""Seconds of silence after which the window is opened although the server did not use it up."""

MAX_BODY_BYTES = 1 << 22
"""Bytes of a response that the client keeps. The largest response of a case has 300,000."""

Field = tuple[bytes, bytes]


@dataclass
class Http2Response:
    """One response of a stream. `status` is None if no header section came.

    `complete`: the stream ended in good order. `error_code` is that of RST_STREAM or GOAWAY, None if neither came.
    """

    status: int | None = None
    fields: list[Field] = field(default_factory=list)
    body: bytes = b""
    complete: bool = False
    error_code: int | None = None

    @property
    def over(self) -> bool:
        """Whether nothing more can come."""
        return self.complete or self.error_code is not None

    @property
    def rejected(self) -> bool:
        """Whether the server refused the request: with an error status, or with an error of the stream."""
        return self.error_code is not None or (self.status is not None and self.status >= 400)

    def describe(self) -> str:
        """Return the response in a few words."""
        if self.error_code is not None:
            return f"{self.status or 'no response'}, then the error code {self.error_code:#x}"
        if self.status is None:
            return "no response"
        return f"{self.status}, {'complete' if self.complete else 'incomplete'}, {len(self.body)} bytes"


class Http2Connection:
    """A client of HTTP/2 on `connection`. `error` says how the server broke the framing, '' if it did not."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection
        self._encoder, self._decoder = Encoder(), Decoder()
        self._responses: dict[int, Http2Response] = {}
        self._next_stream = 1
        self._window = INITIAL_WINDOW_BYTES
        self._uncredited = 0
        self._received = b""
        self._header_block = b""
        self._ends_stream = False
        self.error = ""

    async def open(self, timeout: float) -> bool:
        """Send the preface of the client; say whether the server responds with SETTINGS within `timeout` seconds."""
        await self._connection.send(HTTP2_PREFACE + SettingsFrame().serialize())
        received = b""
        while len(received) < FRAME_HEADER_BYTES:
            data = await self._connection.receive_some(timeout)
            received += data
            if not data or received[:1] != b"\0":  # the length of a SETTINGS frame begins with a zero byte
                return False
        if not starts_with_h2_settings(received):
            return False
        await self._handle(received)
        return True

    async def send(self, fields: Sequence[Field], blocks: Sequence[bytes] = ()) -> int:
        """Send a request with these fields and these DATA frames, and return its stream.

        `blocks` must fit the initial window, and `fields` one frame.
        """
        stream, self._next_stream = self._next_stream, self._next_stream + 2
        self._responses[stream] = Http2Response()
        header_block = self._encoder.encode([(name, value) for name, value in fields], huffman=False)
        flags = ["END_HEADERS"] if blocks else ["END_HEADERS", "END_STREAM"]
        frames: list[Frame] = [HeadersFrame(stream, header_block, flags=flags)]
        frames += [
            DataFrame(stream, block, flags=["END_STREAM"] if number == len(blocks) else [])
            for number, block in enumerate(blocks, 1)
        ]
        await self._connection.send(b"".join(each.serialize() for each in frames))
        return stream

    async def response(self, stream: int, timeout: float) -> Http2Response:
        """Return the response of `stream` when it is over, or what came of it before `timeout` seconds of silence."""
        response = self._responses[stream]
        while not (response.over or self.error):
            data = await self._connection.receive_some(EARLY_STOP_SECONDS if self._uncredited else timeout)
            if data:
                await self._handle(data)
            elif not self._uncredited:
                break
            if not data or not self._window:
                await self._open_window(stream, response)
        return response

    async def ended(self, timeout: float) -> bool:
        """Say whether the server ends the connection within `timeout` seconds."""
        return await self._connection.ending(timeout) is not ConnectionState.OPEN

    async def _open_window(self, stream: int, response: Http2Response) -> None:
        """Let the server send as many bytes more as have come. Before that, nothing may come beyond the window."""
        size, self._uncredited = self._uncredited, 0
        self._window += size
        updates = [WindowUpdateFrame(0, window_increment=size)]
        if not response.complete:
            updates.append(WindowUpdateFrame(stream, window_increment=size))
        await self._connection.send(b"".join(each.serialize() for each in updates))

    async def _handle(self, data: bytes) -> None:
        self._received += data
        while len(self._received) >= FRAME_HEADER_BYTES and not self.error:
            try:
                frame, length = Frame.parse_frame_header(memoryview(self._received[:FRAME_HEADER_BYTES]))
                end = FRAME_HEADER_BYTES + length
                if len(self._received) < end:
                    return
                frame.parse_body(memoryview(self._received[FRAME_HEADER_BYTES:end]))
                self._received = self._received[end:]
                await self._apply(frame)
            except (HyperframeError, HPACKError) as problem:
                self.error = f"{type(problem).__name__}: {problem}"

    async def _apply(self, frame: Frame) -> None:
        response = self._responses.get(frame.stream_id, Http2Response())
        match frame:
            case SettingsFrame() if "ACK" not in frame.flags:
                await self._connection.send(SettingsFrame(flags=["ACK"]).serialize())
            case PingFrame() if "ACK" not in frame.flags:
                await self._connection.send(PingFrame(opaque_data=frame.opaque_data, flags=["ACK"]).serialize())
            case HeadersFrame() | ContinuationFrame():
                self._header_block += frame.data
                self._ends_stream |= "END_STREAM" in frame.flags
                if "END_HEADERS" in frame.flags:
                    self._read_fields(response)
            case DataFrame():
                self._read_data(frame, response)
            case RstStreamFrame() if not response.complete:  # after its end a server may say that it reads no more
                response.error_code = frame.error_code
            case GoAwayFrame() if frame.error_code:
                for each in self._responses.values():
                    if not each.over:
                        each.error_code = frame.error_code

    def _read_fields(self, response: Http2Response) -> None:
        fields = [(bytes(name), bytes(value)) for name, value in self._decoder.decode(self._header_block, raw=True)]
        self._header_block = b""
        status = dict(fields).get(b":status", b"")
        if status.isdigit() and not status.startswith(b"1"):  # neither an interim response nor trailers
            response.status, response.fields = int(status), fields
        response.complete |= self._ends_stream
        self._ends_stream = False

    def _read_data(self, frame: DataFrame, response: Http2Response) -> None:
        response.body += frame.data[: MAX_BODY_BYTES - len(response.body)]
        response.complete |= "END_STREAM" in frame.flags
        size = frame.flow_controlled_length
        self._window -= size
        self._uncredited += size
        if self._window < 0:
            self.error = f"{-self._window} bytes more than the window of the client"
