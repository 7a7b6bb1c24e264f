"""Faults in what the server makes of the app's result: HEAD, files, and objects that are not bytes."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable
from typing import Any

from wsgi_gauntlet.servers.reference_server import environ, response
from wsgi_gauntlet.servers.reference_server.file_wrapper import FileWrapper
from wsgi_gauntlet.servers.reference_server.gateway import BodyEnd, Gateway

from .mutation import mutant, wrap_function

# ---------------------------------------------------------------------- HEAD


@mutant(
    "http/responses/head-length-of-get/empty-list",
    "http/responses/head-length-of-get/empty-tuple",
    "http/responses/head-length-of-get/empty-generator",
    "http/responses/head-length-of-get/empty-blocks",
    "http/responses/head-length-of-get/empty-written",
    "http/responses/head-length-of-get/empty-file",
)
def length_of_no_body() -> None:
    """If the app leaves out the body of a HEAD, the response has Content-Length: 0."""

    def framed(right: Any, self: Gateway, first: bytes | None) -> Any:
        headers = right(self, first)
        if self.method != "HEAD" or first or response.values(headers, "content-length"):
            return headers
        return [each for each in headers if each[0] != "Transfer-Encoding"] + [("Content-Length", "0")]

    wrap_function(Gateway, "framed", framed)


@mutant(
    "http/responses/head-length-of-get/list",
    "http/responses/head-length-of-get/blocks",
    "http/responses/head-length-of-get/generator",
    "http/responses/head-length-of-get/written",
    "http/responses/head-length-of-get/file",
)
def length_of_sent_body() -> None:
    """The response to a HEAD has Content-Length: 0, because the server sends nothing, unless the app sets a length."""

    def framed(right: Any, self: Gateway, first: bytes | None) -> Any:
        headers = right(self, first)
        if self.method != "HEAD" or response.values(self.headers, "content-length"):
            return headers
        names = ("transfer-encoding", "content-length")
        return [each for each in headers if each[0].lower() not in names] + [("Content-Length", "0")]

    wrap_function(Gateway, "framed", framed)


@mutant(
    *(f"http/responses/head-status/empty-{each}" for each in ("list", "tuple", "generator", "block", "blocks", "file"))
)
def head_needs_body() -> None:
    """The server fails if the app leaves out the body of a HEAD."""

    def send_head(right: Any, self: Gateway, first: bytes | None) -> None:
        if first is None and self.method == "HEAD":
            raise ValueError("there is no body")
        right(self, first)

    wrap_function(Gateway, "send_head", send_head)


@mutant("http/responses/head-status")
def head_not_allowed() -> None:
    """The server answers every HEAD with its own error."""

    def start(right: Any, self: Gateway, *arguments: Any) -> Any:
        write = right(self, *arguments)
        if self.method == "HEAD":
            self.status = "501 Not Implemented"
        return write

    wrap_function(Gateway, "start_response", start)


@mutant("http/responses/head-keeps-length")
def length_lost_for_head() -> None:
    """The response to a HEAD has no Content-Length."""

    def framed(right: Any, self: Gateway, first: bytes | None) -> Any:
        headers = right(self, first)
        return [each for each in headers if self.method != "HEAD" or each[0].lower() != "content-length"]

    wrap_function(Gateway, "framed", framed)


def _ends_after_head(unless: Callable[[Gateway], bool]) -> None:
    def end(right: Any, self: Gateway) -> None:
        right(self)
        if self.method == "HEAD" and not unless(self):
            self.keep_alive = False

    wrap_function(Gateway, "end", end)


@mutant("http/responses/head-then-open")
def closes_after_head() -> None:
    """The server closes the connection after the response to a HEAD and does not say so."""
    _ends_after_head(lambda _self: False)


@mutant(*(f"http/responses/head-then-open/empty-{each}" for each in ("list", "tuple", "generator", "block", "file")))
def missing_bytes_of_head_counted() -> None:
    """The server takes a missing body of a HEAD for a body that is too short, and closes the connection."""

    def send_block(right: Any, self: Gateway, block: bytes) -> None:
        vars(self)["sent_something"] = True
        right(self, block)

    wrap_function(Gateway, "send_block", send_block)
    _ends_after_head(lambda self: not self.left or "sent_something" in vars(self))


@mutant(
    *(f"http/responses/head-no-body/{each}" for each in ("block", "blocks", "blocks-length")),
    "http/responses/head-no-body/written-length",
)
def body_sent_for_head() -> None:
    """HEAD is answered like GET."""
    wrap_function(response, "bodiless", lambda right, method, code: method != "HEAD" and right(method, code))


# ---------------------------------------------------------------------- files


def _sends_files(send: Callable[[Gateway, FileWrapper], None]) -> None:
    def iterate(right: Any, self: Gateway, result: Any) -> None:
        if type(result) is FileWrapper:
            send(self, result)
        else:
            right(self, result)

    wrap_function(Gateway, "iterate", iterate)


@mutant("http/responses/file-no-body")
def file_sent_in_any_response() -> None:
    """The server sends a wrapped file also in a 204, a 304 and the response to a HEAD."""

    def send(self: Gateway, result: FileWrapper) -> None:
        self.send_head(b"")
        for block in result:
            self.send(block)

    _sends_files(send)


@mutant("pep3333/file-wrapper/short-file")
def short_file_unnoticed() -> None:
    """After a file that is shorter than its Content-Length, the connection stays open."""

    def iterate(right: Any, self: Gateway, result: Any) -> None:
        right(self, result)
        if type(result) is FileWrapper:
            self.keep_alive = True

    wrap_function(Gateway, "iterate", iterate)


@mutant("pep3333/file-wrapper/short-file")
def short_file_filled_up() -> None:
    """The server fills a file that is shorter than its Content-Length with NULs."""

    def iterate(right: Any, self: Gateway, result: Any) -> None:
        if type(result) is FileWrapper and (declared := response.values(self.headers, "content-length")):
            content = b"".join(result)
            right(self, [content + bytes(max(0, int(declared[0]) - len(content)))])
        else:
            right(self, result)

    wrap_function(Gateway, "iterate", iterate)


@mutant(
    *(f"pep3333/file-wrapper/range-ends/{each}" for each in ("file", "memory", "file-first-byte", "file-last-byte"))
)
def file_past_its_length() -> None:
    """The server sends a file with its last block whole, past the Content-Length."""

    def send(self: Gateway, result: FileWrapper) -> None:
        self.send_head(b"")
        for block in result:
            self.send(block)

    _sends_files(send)


@mutant("pep3333/file-wrapper/range-ends/file-nothing", "pep3333/file-wrapper/range-ends/memory-nothing")
def no_bytes_are_all() -> None:
    """A Content-Length of 0 is no limit for a file."""

    def send(self: Gateway, result: FileWrapper) -> None:
        self.send_head(b"")
        for block in result:
            self.send(block if response.values(self.headers, "content-length") == ["0"] else self.limited(block))

    _sends_files(send)


@mutant(*(f"pep3333/file-wrapper/range-content/{each}" for each in ("file", "memory", "file-last-byte")))
def range_from_beginning() -> None:
    """If the app declares a length, the server sends the file from its beginning."""

    def send(self: Gateway, result: FileWrapper) -> None:
        if response.values(self.headers, "content-length"):
            result.filelike.seek(0)
        self.send_head(b"")
        for block in result:
            self.send_block(block)

    _sends_files(send)


@mutant("pep3333/file-wrapper/range-content")
def range_is_an_error() -> None:
    """The server fails if a file is longer than the Content-Length."""

    def send(self: Gateway, result: FileWrapper) -> None:
        content = b"".join(result)
        declared = response.values(self.headers, "content-length")
        if declared and len(content) > int(declared[0]):
            raise ValueError("the file is too long")
        self.yielded(content)
        self.end()

    _sends_files(send)


# ---------------------------------------------------------------------- blocks of other types


def _converts(convert: Callable[[Any], Any], *, written: bool = True) -> None:
    wrap_function(Gateway, "yielded", lambda right, self, block: right(self, convert(block)))
    if written:
        wrap_function(Gateway, "write", lambda right, self, block: right(self, convert(block)))


@mutant("pep3333/body/not-bytes", "pep3333/body/not-bytes-written")
def other_blocks_dropped() -> None:
    """The server ignores blocks that are not bytes."""
    _converts(lambda block: block if isinstance(block, bytes) else b"")


@mutant("pep3333/body/not-bytes", "pep3333/body/not-bytes-written")
def other_blocks_as_text() -> None:
    """The server sends the text of blocks that are not bytes."""
    _converts(lambda block: block if isinstance(block, bytes) else str(block).encode())


@mutant(
    *(f"pep3333/body/not-bytes/{what}-{at}" for what in ("int", "zero", "true", "list") for at in ("first", "later")),
    *(f"pep3333/body/not-bytes-written/{what}" for what in ("int", "zero", "true")),
)
def numbers_are_sizes() -> None:
    """The server calls bytes() on every block: a number becomes so many NULs."""
    _converts(lambda block: b"".join(block) if isinstance(block, list) else bytes(block))


@mutant(*(f"pep3333/body/not-bytes/{what}-{at}" for what in ("empty-str", "zero", "none") for at in ("first", "later")))
def false_blocks_dropped() -> None:
    """The server ignores blocks that are false before it checks their type."""
    _converts(lambda block: block or b"", written=False)


@mutant(*(f"pep3333/body/not-bytes/{what}-later" for what in ("str", "int", "none", "list", "float")))
def later_blocks_unchecked() -> None:
    """The server checks the type of the first block only, and ignores later blocks that are not bytes."""

    def yielded(right: Any, self: Gateway, block: Any) -> None:
        right(self, block if isinstance(block, bytes) or not self.head_sent else b"")

    wrap_function(Gateway, "yielded", yielded)


@mutant(*(f"pep3333/body/not-bytes/{what}-length" for what in ("str", "int", "none")))
def bad_blocks_behind_a_length_dropped() -> None:
    """The server ignores blocks that are not bytes if the response has a Content-Length."""

    def yielded(right: Any, self: Gateway, block: Any) -> None:
        right(self, block if isinstance(block, bytes) or self.ends is not BodyEnd.LENGTH else b"")

    wrap_function(Gateway, "yielded", yielded)


def _is_bytes_like(block: Any) -> bool:
    return isinstance(block, bytearray | memoryview)


@mutant("pep3333/body/bytes-like/wide-memoryview-first")
def items_counted() -> None:
    """The server sends a memoryview, and its Content-Length is the number of items."""

    def yielded(right: Any, self: Gateway, block: Any) -> None:
        if not isinstance(block, memoryview):
            right(self, block)
            return
        items, data = len(block), bytes(block)
        if not self.head_sent:
            self.send_head(bytes(items))
        self.send_block(data)

    wrap_function(Gateway, "yielded", yielded)


@mutant(
    *(f"pep3333/body/bytes-like/{what}-{at}" for what in ("bytearray", "memoryview") for at in ("first", "later")),
    *(f"pep3333/body/bytes-like/wide-memoryview-{at}" for at in ("first", "later")),
)
def buffers_as_text() -> None:
    """The server sends the text of a bytearray or memoryview."""
    _converts(lambda block: str(block).encode() if _is_bytes_like(block) else block)


@mutant("pep3333/body/bytes-like-accepted")
def buffers_accepted() -> None:
    """The server sends every object that has the bytes of a block, also bytes in place of an iterable."""

    def iterate(right: Any, self: Gateway, result: Any) -> None:
        right(self, [result] if isinstance(result, bytes) else result)

    _converts(lambda block: bytes(block) if _is_bytes_like(block) else block)
    wrap_function(Gateway, "iterate", iterate)


@mutant("pep3333/body/bytes-like/returned-bytes")
def returned_bytes_as_numbers() -> None:
    """The server sends the numbers of returned bytes as text."""
    _converts(lambda block: str(block).encode() if isinstance(block, int) else block)


@mutant("pep3333/close/on-invalid-block")
def not_closed_after_bad_block() -> None:
    """The server does not call close() after an error of its own."""

    def check(right: Any, self: Gateway, block: Any) -> None:
        try:
            right(self, block)
        except TypeError:
            vars(self)["bad_block"] = True
            raise

    wrap_function(Gateway, "check_block", check)
    wrap_function(
        Gateway, "finish", lambda right, self, result: None if "bad_block" in vars(self) else right(self, result)
    )


@mutant("pep3333/close/on-invalid-block")
def closed_again_after_bad_block() -> None:
    """The server calls close() twice after an error of its own."""

    def iterate(right: Any, self: Gateway, result: Any) -> None:
        try:
            right(self, result)
        except TypeError:
            self.finish(result)
            raise

    wrap_function(Gateway, "iterate", iterate)


# ---------------------------------------------------------------------- results of other types


def _is_body(result: Any) -> bool:
    return isinstance(result, Iterable) and not isinstance(result, str | dict)


@mutant("pep3333/error-handling/returns-no-body")
def other_results_are_empty() -> None:
    """The server sends an empty body if the app returns no iterable of bytes."""
    wrap_function(Gateway, "iterate", lambda right, self, result: right(self, result if _is_body(result) else []))


@mutant("pep3333/error-handling/returns-no-body")
def other_results_as_text() -> None:
    """The server sends the text of the return value if it is no iterable of bytes."""

    def iterate(right: Any, self: Gateway, result: Any) -> None:
        right(self, result if _is_body(result) else [str(result).encode()])

    wrap_function(Gateway, "iterate", iterate)


@mutant("pep3333/error-handling/returns-no-body-answered")
def silent_on_other_results() -> None:
    """If the app returns no iterable of bytes, the server sends nothing and keeps the connection open."""

    def iterate(right: Any, self: Gateway, result: Any) -> None:
        if not _is_body(result):
            time.sleep(30)
        right(self, result)

    wrap_function(Gateway, "iterate", iterate)


# ---------------------------------------------------------------------- input


@mutant("pep3333/environ/no-http-content")
def content_fields_twice() -> None:
    """CONTENT_TYPE and CONTENT_LENGTH are also HTTP_CONTENT_TYPE and HTTP_CONTENT_LENGTH."""

    def headers(right: Any, fields: Any) -> Any:
        variables = right(fields)
        for name in ("CONTENT_TYPE", "CONTENT_LENGTH"):
            if name in variables:
                variables[f"HTTP_{name}"] = variables[name]
        return variables

    wrap_function(environ, "headers", headers)
