"""Faults of the body: its blocks, write(), close(), its length, and errors in the middle of it."""

from __future__ import annotations

import os
import traceback
from collections.abc import Callable
from typing import Any

from .. import message, serving
from ..gateway import Ends, Gateway
from ..refusal import Refused
from ..serving import Connection
from ..wrapper import FileWrapper
from .committing import around, fault, replace, spared


@fault("pep3333/body/binary-exact")
def line_ends_converted() -> None:
    """LF in a body becomes CR LF."""
    around(Gateway, "send_block", lambda right, self, block: right(self, block.replace(b"\n", b"\r\n")))


@fault("pep3333/body/block-by-block", "pep3333/body/write-delivered")
def answer_buffered() -> None:
    """Nothing of an answer goes out before all of it is there."""

    def run(right: Any, self: Gateway, *about: Any) -> None:
        held: list[bytes] = []
        send, self.send = self.send, held.append
        right(self, *about)
        send(b"".join(held))

    around(Gateway, "run", run)


@fault("pep3333/body/no-foreign-attributes")
def looks_for_fileno() -> None:
    """The server looks whether the iterable has fileno()."""
    around(Gateway, "iterate", lambda right, self, result: hasattr(result, "fileno") and None or right(self, result))


@fault(
    "pep3333/body/len-used-right/list-1",
    "pep3333/body/len-used-right/tuple-1",
    "pep3333/body/len-used-right/object-1",
)
def length_is_count() -> None:
    """Content-Length is the number of blocks."""
    replace(Gateway, "known_length", lambda self, first: self.count)


@fault(
    "pep3333/body/len-used-right/list-2",
    "pep3333/body/len-used-right/tuple-2",
    "pep3333/body/len-used-right/object-2",
)
def length_of_first_block() -> None:
    """Content-Length is the length of the first block, however many there are."""
    replace(Gateway, "known_length", lambda self, first: len(first or b"") if self.count else None)


@fault("pep3333/body/len-used-right/written-then-list")
def length_without_written() -> None:
    """Content-Length is the length of the only block, also after write()."""

    def write(self: Gateway, data: bytes) -> None:
        vars(self).setdefault("queue", []).append(data)

    def yielded(right: Any, self: Gateway, block: Any) -> None:
        if not self.head_sent:
            self.send_head(block)
        for data in vars(self).pop("queue", []):
            self.send_block(data)
        right(self, block)

    replace(Gateway, "write", write)
    around(Gateway, "yielded", yielded)


@fault("pep3333/body/empty-block-in-chunked")
def empty_chunk_sent() -> None:
    """A b'' is sent as a chunk of size 0."""

    def yielded(right: Any, self: Gateway, block: Any) -> None:
        right(self, block)
        if self.head_sent and self.ends is Ends.CHUNKS and not block:
            self.send(message.chunk(block))

    around(Gateway, "yielded", yielded)


@fault("pep3333/body/write-order/then-block")
def written_comes_last() -> None:
    """What went through write() is sent behind what was yielded."""

    def end(right: Any, self: Gateway) -> None:
        for data in vars(self).pop("queue", []):
            self.yielded(data)
        right(self)

    replace(Gateway, "write", lambda self, data: vars(self).setdefault("queue", []).append(data))
    around(Gateway, "end", end)


@fault("pep3333/body/write-order/then-nothing")
def written_waits_for_yielded() -> None:
    """What went through write() is sent with the first block that is yielded, and lost without one."""

    def yielded(right: Any, self: Gateway, block: Any) -> None:
        right(self, b"".join(vars(self).pop("queue", [])) + block)

    replace(Gateway, "write", lambda self, data: vars(self).setdefault("queue", []).append(data))
    around(Gateway, "yielded", yielded)


@fault("pep3333/body/str-block-is-error")
def text_encoded() -> None:
    """A block of text is encoded as UTF-8."""
    around(
        Gateway,
        "yielded",
        lambda right, self, block: right(self, block.encode() if isinstance(block, str) else block),
    )


@fault(
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

    around(Gateway, "iterate", iterate)


@fault("pep3333/body/all-iterables/list", "pep3333/body/all-iterables/tuple")
def first_of_sequence() -> None:
    """Of a list or tuple the first block is sent."""
    around(
        Gateway,
        "iterate",
        lambda right, self, result: right(self, result[:1] if isinstance(result, (list, tuple)) else result),
    )


# ---------------------------------------------------------------------- close()


@fault("pep3333/close/once-on-success")
def closed_twice() -> None:
    """close() is called twice."""
    around(Gateway, "finish", lambda right, self, result: (right(self, result), right(self, result)) and None)


@fault(
    "pep3333/close/on-iteration-error",
    "pep3333/close/on-client-gone",
    "pep3333/close/on-start-error",
)
def closed_on_success_only() -> None:
    """close() is called where all went well."""

    def run(self: Gateway, application: Callable[..., Any], variables: dict[str, Any]) -> None:
        result = self.call(application, variables)
        self.iterate(result)
        self.finish(result)

    replace(Gateway, "run", run)


@fault("pep3333/close/on-head")
def not_closed_on_head() -> None:
    """close() is not called for HEAD."""
    around(Gateway, "finish", lambda right, self, result: None if self.method == "HEAD" else right(self, result))


# ---------------------------------------------------------------------- its length


@fault(
    "pep3333/content-length/never-exceeded",
    "pep3333/content-length/stops-iterating",
    "pep3333/content-length/write-past-it-raises",
)
def length_not_kept() -> None:
    """The app's Content-Length is sent, and not looked at."""
    replace(Gateway, "limited", lambda _self, block: block)
    replace(Gateway, "satisfied", False)
    replace(Gateway, "write", _write_anything)


def _write_anything(self: Gateway, data: bytes) -> None:
    self.written = True
    if not self.head_sent:
        self.send_head(data)
    self.send_block(data)


@fault("pep3333/content-length/stops-iterating")
def asks_to_the_end() -> None:
    """Blocks beyond the Content-Length are asked for and thrown away."""
    replace(Gateway, "satisfied", False)


@fault("pep3333/content-length/write-past-it-raises")
def write_cuts_silently() -> None:
    """write() throws away what is beyond the Content-Length."""
    replace(Gateway, "write", _write_anything)


@fault("pep3333/content-length/short-body-closes")
def short_body_kept_open() -> None:
    """After a body that is too short the connection stays open."""
    replace(Gateway, "short", lambda _self: None)


# ---------------------------------------------------------------------- errors


@fault("pep3333/error-handling/before-start")
def closes_on_error() -> None:
    """Where the app raises, the connection is closed without an answer."""
    replace(Connection, "fail", lambda _self, _gateway, _refused: None)


@fault("pep3333/error-handling/logged")
def errors_not_logged() -> None:
    """An exception of the app's is not logged."""
    replace(Connection, "report", lambda _self: None)


@fault("pep3333/error-handling/after-start-before-body")
def first_head_sent_on_error() -> None:
    """Where the app raises after start_response, its head goes out all the same."""

    def fail(right: Any, self: Connection, gateway: Gateway, refused: Refused) -> None:
        if gateway.status and not gateway.head_sent:
            gateway.end()
        else:
            right(self, gateway, refused)

    around(Connection, "fail", fail)


@fault("pep3333/error-handling/mid-body")
def broken_body_ended_well() -> None:
    """Where the app raises in the middle of the body, the last chunk follows."""

    def fail(right: Any, self: Connection, gateway: Gateway, refused: Refused) -> None:
        if gateway.head_sent and gateway.ends is Ends.CHUNKS:
            self.stream.send(message.LAST_CHUNK)
        else:
            right(self, gateway, refused)

    around(Connection, "fail", fail)


@fault("pep3333/error-handling/text-appended-only-to-text")
def error_text_in_any_body() -> None:
    """Where the app raises in the middle of the body, a text that says so is added to it."""

    def fail(right: Any, self: Connection, gateway: Gateway, refused: Refused) -> None:
        if gateway.head_sent:
            gateway.send_block(b"Internal Server Error\n")
        right(self, gateway, refused)

    around(Connection, "fail", fail)


@fault("pep3333/error-handling/no-start-response", "pep3333/error-handling/returns-none")
def success_made_up() -> None:
    """An app that gives no status or no body gets a 200 and an empty body."""

    def send_head(right: Any, self: Gateway, first: Any) -> None:
        if not self.called:
            self.called, self.status = True, "200 OK"
        right(self, first)

    around(Gateway, "send_head", send_head)
    around(Gateway, "iterate", lambda right, self, result: right(self, [] if result is None else result))


@fault("pep3333/error-handling/survives")
def dies_of_errors() -> None:
    """The server ends where the app raises."""
    replace(Connection, "report", lambda _self: os._exit(1))


@fault("pep3333/error-handling/no-details-leaked")
def traceback_shown() -> None:
    """The answer to an app's error holds the traceback."""

    def refuse(self: Connection, refused: Refused) -> None:
        body = traceback.format_exc().encode()
        self.stream.send(message.head("500 Error", [("Content-Length", str(len(body)))]) + body)

    replace(Connection, "refuse", refuse)


# ---------------------------------------------------------------------- wsgi.file_wrapper


def _wrapper(wrapper: Any) -> None:
    from .. import environ

    replace(environ, "FileWrapper", wrapper)


@fault("pep3333/file-wrapper/callable/one")
def block_size_required() -> None:
    """wsgi.file_wrapper takes a block size and does not go without."""
    _wrapper(lambda file, size: FileWrapper(file, size))


@fault("pep3333/file-wrapper/callable/two")
def block_size_unknown() -> None:
    """wsgi.file_wrapper takes no block size."""
    _wrapper(lambda file: FileWrapper(file))


class _Opaque:
    def __init__(self, file: Any, _size: int = 0) -> None:
        self.file = file


@fault("pep3333/file-wrapper/iterable", "pep3333/file-wrapper/wrapped")
def wrapper_opaque() -> None:
    """What wsgi.file_wrapper returns can be sent by the server and iterated by nobody."""
    _wrapper(_Opaque)
    around(
        Gateway,
        "iterate",
        lambda right, self, result: right(self, FileWrapper(result.file) if type(result) is _Opaque else result),
    )


@fault("pep3333/file-wrapper/nothing-sent-early")
def wrapper_sends() -> None:
    """wsgi.file_wrapper sends the file when it is called."""

    def call(right: Any, self: Gateway, application: Any, variables: dict[str, Any]) -> Any:
        def wrap(file: Any, size: int = 8192) -> list[bytes]:
            for block in FileWrapper(file, size):
                self.yielded(block)
            return []

        variables["wsgi.file_wrapper"] = wrap
        return right(self, application, variables)

    around(Gateway, "call", call)


class _Unclosing:
    def __init__(self, file: Any, size: int = 8192) -> None:
        self.blocks = iter(lambda: file.read(size), b"")

    def __iter__(self) -> Any:
        return self.blocks


@fault("pep3333/file-wrapper/close")
def file_left_open() -> None:
    """The wrapper has no close()."""
    _wrapper(_Unclosing)


class _Descriptor(FileWrapper):
    def __init__(self, file: Any, size: int = 8192) -> None:
        super().__init__(file, size)
        self.descriptor = file.fileno()

    def __next__(self) -> bytes:
        return super().__next__()


@fault("pep3333/file-wrapper/non-file")
def files_only() -> None:
    """wsgi.file_wrapper takes nothing but what has fileno()."""
    _wrapper(_Descriptor)


class _OneBlock(FileWrapper):
    def __next__(self) -> bytes:
        block = super().__next__()
        self.filelike.seek(0, os.SEEK_END)
        return block


@fault("pep3333/file-wrapper/whole-file")
def first_block_of_file() -> None:
    """Of a file 512 bytes are sent."""
    _wrapper(lambda file, _size=512: _OneBlock(file, 512))


def _rewound(file: Any, size: int = 8192) -> FileWrapper:
    if hasattr(file, "seek"):
        file.seek(0)
    return FileWrapper(file, size)


@fault("pep3333/file-wrapper/offset")
def file_from_its_beginning() -> None:
    """A file is sent from its beginning."""
    _wrapper(_rewound)


@fault("pep3333/file-wrapper/stops-at-content-length")
def file_to_its_end() -> None:
    """A file is sent to its end, whatever the Content-Length."""

    def iterate(right: Any, self: Gateway, result: Any) -> None:
        if type(result) is not FileWrapper:
            right(self, result)
            return
        self.send_head(b"")
        for block in result:
            self.send(block)

    around(Gateway, "iterate", iterate)


# ---------------------------------------------------------------------- many at once


@fault("pep3333/concurrency/single-thread-option")
def one_thread_is_many() -> None:
    """Asked for one thread, the server takes as many as it likes."""

    def accept(right: Any, listener: Any, options: serving.Options) -> None:
        right(listener, serving.Options(options.application, options.workers, 0, options.mount))

    around(serving, "accept", accept)


@fault("pep3333/concurrency/no-cross-talk", "pep3333/concurrency/no-cross-talk-threads")
def headers_of_the_last() -> None:
    """An answer has the headers of the one before it."""
    last: list[Any] = []

    def framed(right: Any, self: Gateway, first: Any) -> Any:
        own = right(self, first)
        if spared(self.request.target.path.decode()):
            return own
        last.append(own)
        return last[-2] if len(last) > 1 else own

    around(Gateway, "framed", framed)
