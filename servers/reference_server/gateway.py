"""One call of the app: start_response, write, the body's iteration and its end (PEP 3333, Specification Details)."""

from __future__ import annotations

import enum
import sys
from collections.abc import Callable
from types import TracebackType
from typing import Any

from . import framing, response
from .environ import Request
from .input_stream import InputStream
from .response import Headers

ExcInfo = tuple[type[BaseException], BaseException, TracebackType]


class BodyEnd(enum.Enum):
    """How the client sees that the body is complete."""

    HEAD = "with the head"
    LENGTH = "after Content-Length bytes"
    CHUNKS = "with the last chunk"
    CLOSE = "with the connection"


class Gateway:
    """What stands between the app and the connection for one request.

    `send` hands bytes to the operating system. `keep_alive` says, once the head has been sent, whether another request
    may follow.
    """

    def __init__(self, request: Request, body: InputStream, send: Callable[[bytes], None], *, persistent: bool) -> None:
        self.request = request
        self.body = body
        self.send = send
        self.keep_alive = persistent and framing.persistent(request.fields, request.line.version)
        self.ends = BodyEnd.HEAD
        self.called = False
        self.head_sent = False
        self.written = False
        self.count: int | None = None
        self.left = 0
        self.status = ""
        self.headers: Headers = []

    @property
    def method(self) -> str:
        """The request's method."""
        return self.request.line.method.decode("latin-1")

    @property
    def code(self) -> int:
        """The status's number."""
        return int(self.status[:3])

    # ------------------------------------------------------------------ for the app

    def start_response(self, status: str, headers: Headers, exc_info: ExcInfo | None = None, /) -> Callable[..., None]:
        """Store status and headers, and return write()."""
        if exc_info:
            try:
                if self.head_sent:
                    self.reraise(exc_info)
            finally:
                exc_info = None  # what is kept of it here would keep every frame of the traceback
        elif self.called:
            raise AssertionError("start_response was called before, and this call has no exc_info")
        self.called = True
        self.status, self.headers = "", []
        self.check(status, headers)
        self.status, self.headers = status, list(headers)
        return self.write

    def reraise(self, exc_info: ExcInfo) -> None:
        """Raise the app's exception again: its first answer is on its way, and cannot be replaced."""
        raise exc_info[1].with_traceback(exc_info[2])

    def check(self, status: Any, headers: Any) -> None:
        """Raise for arguments that must not go out."""
        response.check_status(status)
        response.check_headers(headers)

    def write(self, data: bytes, /) -> None:
        """Send `data` as part of the body."""
        self.check_block(data)
        self.written = True
        if not self.head_sent:
            self.send_head(data)
        if self.ends is BodyEnd.LENGTH and not self.silent and len(data) > self.left:
            raise ValueError("the body is longer than its Content-Length")
        self.send_block(data)

    def early_hints(self, headers: Headers, /) -> None:
        """Send a 103 with `headers`, which gunicorn invented; the client must know 1xx and have no response yet."""
        response.check_headers(headers)
        if not self.head_sent and self.request.line.version >= (1, 1):
            self.send(response.head("103 Early Hints", headers))

    # ------------------------------------------------------------------ the call

    def run(self, application: Callable[..., Any], environ: dict[str, Any]) -> None:
        """Call the app and send all that it answers. Raises what the app raises, and for what it does wrong."""
        result = self.call(application, environ)
        try:
            self.iterate(result)
        finally:
            self.finish(result)

    def call(self, application: Callable[..., Any], environ: dict[str, Any]) -> Any:
        """Call the app."""
        environ["wsgi.early_hints"] = self.early_hints
        return application(environ, self.start_response)

    def iterate(self, result: Any) -> None:
        """Send each block before the next is asked for."""
        self.count = self.length_of(result)
        for block in result:
            self.yielded(block)
            if self.satisfied:
                break
        self.end()

    def length_of(self, result: Any) -> int | None:
        """Return how many blocks `result` has, where it says so."""
        try:
            return len(result)
        except TypeError:
            return None

    def yielded(self, block: Any) -> None:
        """Take one block that the body yielded; the head waits for the first that is not empty."""
        self.check_block(block)
        if block:
            if not self.head_sent:
                self.send_head(block)
            self.send_block(block)

    def check_block(self, block: Any) -> None:
        """Raise for what is no block of a body."""
        if not isinstance(block, bytes):
            raise TypeError(f"the body must consist of bytes, not {type(block).__name__}")

    @property
    def satisfied(self) -> bool:
        """Whether nothing more of the body is to go out."""
        return self.head_sent and (self.silent or (self.ends is BodyEnd.LENGTH and not self.left))

    def finish(self, result: Any) -> None:
        """Call the body's close(), where it has one."""
        close = getattr(result, "close", None)
        if close is not None:
            close()

    # ------------------------------------------------------------------ the head

    def send_head(self, first: bytes | None) -> None:
        """Send the head; `first` is the body's first block, None where it has none."""
        if not self.called:
            raise AssertionError("start_response was not called before the body")
        if not self.status:
            raise AssertionError("the call of start_response failed")
        self.ends = self.delimit(first)
        headers = self.framed(first)
        if not self.body.clean:
            self.keep_alive = False
        self.body.cancel_continue()
        headers = response.completed(headers)
        if option := self.connection():
            headers.append(("Connection", option))
        self.head_sent = True
        self.send(response.head(self.status, headers))

    def connection(self) -> str:
        """Return the connection option that the answer needs, '' for none (RFC 9112, section 9.3)."""
        if not self.keep_alive:
            return "close"
        return "keep-alive" if self.request.line.version < (1, 1) else ""

    @property
    def silent(self) -> bool:
        """Whether no content is sent, whatever the app gives."""
        return response.bodiless(self.method, self.code) or response.must_be_empty(self.code)

    def delimit(self, first: bytes | None) -> BodyEnd:
        """Return how the end of the body is marked, and set the bytes left to send."""
        self.left = 0
        if response.must_be_empty(self.code):
            return BodyEnd.LENGTH
        if response.unmeasured(self.code) or self.code == 304:
            return BodyEnd.HEAD
        if declared := response.values(self.headers, "content-length"):
            self.left = int(declared[0])
            return BodyEnd.LENGTH
        if (known := self.known_length(first)) is not None:
            self.left = known
            return BodyEnd.LENGTH
        return self.undeclared()

    def undeclared(self) -> BodyEnd:
        """Return how a body of unknown length ends: the version decides whether chunks are understood."""
        if self.request.line.version >= (1, 1):
            return BodyEnd.CHUNKS
        self.keep_alive = self.keep_alive and response.bodiless(self.method, self.code)
        return BodyEnd.CLOSE

    def known_length(self, first: bytes | None) -> int | None:
        """Return the length of a body that is all there, None where that cannot be known yet."""
        if self.written:
            return None
        if first is None:
            return None if self.method == "HEAD" else 0  # an app may leave out the body of a HEAD by itself
        return len(first) if self.count == 1 else None

    def framed(self, first: bytes | None) -> Headers:
        """Return the headers with what delimits the body."""
        headers = self.headers
        if response.must_be_empty(self.code) or response.unmeasured(self.code):
            headers = [(name, value) for name, value in headers if name.lower() != "content-length"]
        if self.ends is BodyEnd.CHUNKS and not (first is None and self.method == "HEAD"):
            return [*headers, ("Transfer-Encoding", "chunked")]
        if self.ends is BodyEnd.LENGTH and not response.values(headers, "content-length"):
            return [*headers, ("Content-Length", str(self.left))]
        return list(headers)

    # ------------------------------------------------------------------ the body

    def send_block(self, block: bytes) -> None:
        """Send one block as the framing has it, and no more of it than the Content-Length."""
        if self.silent or not block:
            return
        if self.ends is BodyEnd.CHUNKS:
            self.send(response.chunk(block))
            return
        if self.ends is BodyEnd.LENGTH:
            block = self.limited(block)
        if block:
            self.send(block)

    def limited(self, block: bytes) -> bytes:
        """Return what of `block` the Content-Length has room for."""
        block = block[: self.left]
        self.left -= len(block)
        return block

    def end(self) -> None:
        """The body has no more blocks: send what tells the client so."""
        if not self.head_sent:
            self.send_head(None)
        if self.silent:
            return
        if self.ends is BodyEnd.CHUNKS:
            self.send(response.LAST_CHUNK)
        elif self.ends is BodyEnd.LENGTH and self.left:
            self.short()

    def short(self) -> None:
        """The app gave less than its Content-Length: the client can only see the close."""
        self.keep_alive = False
        self.log(f"the body is {self.left} bytes shorter than its Content-Length")

    def log(self, text: str) -> None:
        """Write one line to the log."""
        sys.stderr.write(f"reference server: {text}\n")
        sys.stderr.flush()
