"""Faults in the response body: blocks, write(), close(), length, and mixed-up responses."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from wsgi_gauntlet.servers.reference_server import response, server
from wsgi_gauntlet.servers.reference_server.gateway import BodyEnd, Gateway
from wsgi_gauntlet.servers.reference_server.stream import Stream

from .mutation import is_harness_path, mutant, replace, wrap_function


@mutant("pep3333/body/binary-exact")
def line_ends_converted() -> None:
    """LF in a body becomes CR LF."""
    wrap_function(Gateway, "send_block", lambda right, self, block: right(self, block.replace(b"\n", b"\r\n")))


@mutant("pep3333/body/large-block")
def sent_in_part() -> None:
    """The server sends only the bytes that the socket accepts at once."""

    def send(self: Stream, data: bytes) -> None:
        self.socket.settimeout(0)
        self.socket.send(data)

    replace(Stream, "send", send)


@mutant("pep3333/body/block-by-block", "pep3333/body/write-delivered", "pep3333/error-handling/close-raises")
def answer_buffered() -> None:
    """The server sends nothing before the response is complete."""

    def run(right: Any, self: Gateway, *about: Any) -> None:
        held: list[bytes] = []
        send, self.send = self.send, held.append
        right(self, *about)
        send(b"".join(held))

    wrap_function(Gateway, "run", run)


@mutant("pep3333/body/block-by-block-declared")
def declared_answer_buffered() -> None:
    """The server sends nothing of a body with a Content-Length before the body is complete."""

    def run(right: Any, self: Gateway, *about: Any) -> None:
        held: list[bytes] = []
        send = self.send
        self.send = lambda data: held.append(data) if self.ends is BodyEnd.LENGTH else send(data)
        right(self, *about)
        send(b"".join(held))

    wrap_function(Gateway, "run", run)


@mutant("pep3333/body/no-foreign-attributes")
def looks_for_fileno() -> None:
    """The server checks whether the iterable has fileno()."""

    def iterate(right: Any, self: Gateway, result: Any) -> None:
        if not hasattr(result, "fileno"):
            right(self, result)

    wrap_function(Gateway, "iterate", iterate)


@mutant(
    "pep3333/body/len-used-right/list-1",
    "pep3333/body/len-used-right/tuple-1",
    "pep3333/body/len-used-right/object-1",
)
def length_is_count() -> None:
    """Content-Length is the number of blocks."""
    replace(Gateway, "known_length", lambda self, _first: self.count)


@mutant(
    "pep3333/body/len-used-right/list-2",
    "pep3333/body/len-used-right/tuple-2",
    "pep3333/body/len-used-right/object-2",
)
def length_of_first_block() -> None:
    """Content-Length is the length of the first block, however many there are."""
    replace(Gateway, "known_length", lambda self, first: len(first or b"") if self.count else None)


def _queue(self: Gateway, data: bytes) -> None:
    vars(self).setdefault("queue", []).append(data)


@mutant("pep3333/body/len-used-right/written-then-list")
def length_without_written() -> None:
    """Content-Length is the length of the only block, also after write()."""

    def yielded(right: Any, self: Gateway, block: Any) -> None:
        if not self.head_sent:
            self.send_head(block)
        for data in vars(self).pop("queue", []):
            self.send_block(data)
        right(self, block)

    replace(Gateway, "write", _queue)
    wrap_function(Gateway, "yielded", yielded)


@mutant("pep3333/body/empty-block-in-chunked")
def empty_chunk_sent() -> None:
    """The server sends a b'' as a chunk of size 0."""

    def yielded(right: Any, self: Gateway, block: Any) -> None:
        right(self, block)
        if self.head_sent and self.ends is BodyEnd.CHUNKS and not block:
            self.send(response.chunk(block))

    wrap_function(Gateway, "yielded", yielded)


@mutant("pep3333/body/write-order/then-block")
def written_comes_last() -> None:
    """The server sends written blocks after the yielded blocks."""

    def end(right: Any, self: Gateway) -> None:
        for data in vars(self).pop("queue", []):
            self.yielded(data)
        right(self)

    replace(Gateway, "write", _queue)
    wrap_function(Gateway, "end", end)


@mutant("pep3333/body/write-order/then-nothing")
def written_waits_for_yielded() -> None:
    """The server sends written blocks with the first yielded block, and loses them without one."""

    def yielded(right: Any, self: Gateway, block: Any) -> None:
        right(self, b"".join(vars(self).pop("queue", [])) + block)

    replace(Gateway, "write", _queue)
    wrap_function(Gateway, "yielded", yielded)


@mutant("pep3333/body/str-block-is-error")
def text_encoded() -> None:
    """The server encodes a block of type str as UTF-8."""
    wrap_function(
        Gateway,
        "yielded",
        lambda right, self, block: right(self, block.encode() if isinstance(block, str) else block),
    )


@mutant("pep3333/body/str-written-is-error")
def written_text_encoded() -> None:
    """The server encodes a str passed to write() as UTF-8."""
    wrap_function(
        Gateway,
        "write",
        lambda right, self, data: right(self, data.encode() if isinstance(data, str) else data),
    )


@mutant(
    "pep3333/body/all-iterables/generator",
    "pep3333/body/all-iterables/iterator-class",
    "pep3333/body/all-iterables/iterable-object",
    "pep3333/body/all-iterables/file-like",
)
def sequences_only() -> None:
    """The body must be a list or a tuple."""

    def iterate(right: Any, self: Gateway, result: Any) -> None:
        if not isinstance(result, (list, tuple)):
            raise TypeError("the body is no list")
        right(self, result)

    wrap_function(Gateway, "iterate", iterate)


@mutant("pep3333/body/all-iterables/list", "pep3333/body/all-iterables/tuple")
def first_of_sequence() -> None:
    """The server sends only the first block of a list or tuple."""
    wrap_function(
        Gateway,
        "iterate",
        lambda right, self, result: right(self, result[:1] if isinstance(result, (list, tuple)) else result),
    )


# ---------------------------------------------------------------------- close()


@mutant("pep3333/close/once-on-success")
def closed_twice() -> None:
    """close() is called twice."""

    def finish(right: Any, self: Gateway, result: Any) -> None:
        right(self, result)
        right(self, result)

    wrap_function(Gateway, "finish", finish)


@mutant(
    "pep3333/close/on-iteration-error",
    "pep3333/close/on-client-gone",
    "pep3333/close/on-start-error",
)
def closed_on_success_only() -> None:
    """The server calls close() only after a success."""

    def run(self: Gateway, application: Callable[..., Any], variables: dict[str, Any]) -> None:
        result = self.call(application, variables)
        self.iterate(result)
        self.finish(result)

    replace(Gateway, "run", run)


@mutant("pep3333/close/on-head")
def not_closed_on_head() -> None:
    """close() is not called for HEAD."""
    wrap_function(Gateway, "finish", lambda right, self, result: None if self.method == "HEAD" else right(self, result))


# ---------------------------------------------------------------------- its length


@mutant(
    "pep3333/content-length/never-exceeded",
    "pep3333/content-length/stops-iterating",
    "pep3333/content-length/write-past-it-raises",
)
def length_not_kept() -> None:
    """The server sends the Content-Length of the app and does not enforce it."""
    replace(Gateway, "limited", lambda _self, block: block)
    replace(Gateway, "satisfied", False)
    replace(Gateway, "write", _write_anything)


def _write_anything(self: Gateway, data: bytes) -> None:
    self.written = True
    if not self.head_sent:
        self.send_head(data)
    self.send_block(data)


@mutant("pep3333/content-length/stops-iterating")
def asks_to_the_end() -> None:
    """The server requests blocks beyond the Content-Length and discards them."""
    replace(Gateway, "satisfied", False)


@mutant("pep3333/content-length/write-past-it-raises")
def write_cuts_silently() -> None:
    """write() discards bytes beyond the Content-Length."""
    replace(Gateway, "write", _write_anything)


@mutant("pep3333/content-length/short-body-closes")
def short_body_kept_open() -> None:
    """The connection stays open after a body that is too short."""
    replace(Gateway, "short", lambda _self: None)


# ---------------------------------------------------------------------- many at once


@mutant("pep3333/concurrency/single-thread-option")
def one_thread_is_many() -> None:
    """The server ignores a setting of one thread."""

    def accept(right: Any, listener: Any, options: server.Options) -> None:
        right(listener, server.Options(options.application, options.workers, 0, options.mount))

    wrap_function(server, "accept", accept)


@mutant("pep3333/concurrency/no-cross-talk", "pep3333/concurrency/no-cross-talk-threads")
def headers_of_the_last() -> None:
    """A response has the headers of the previous response."""
    last: list[Any] = []

    def framed(right: Any, self: Gateway, first: Any) -> Any:
        own = right(self, first)
        if is_harness_path(self.request.target.path.decode()):
            return own
        last.append(own)
        return last[-2] if len(last) > 1 else own

    wrap_function(Gateway, "framed", framed)
