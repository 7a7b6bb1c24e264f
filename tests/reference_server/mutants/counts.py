"""Faults at counts: the tenth, hundredth or thousandth header, chunk, block, request or connection."""

from __future__ import annotations

import threading
from typing import Any

from wsgi_gauntlet.servers.reference_server import environ, response
from wsgi_gauntlet.servers.reference_server.gateway import Gateway
from wsgi_gauntlet.servers.reference_server.input_stream import InputStream
from wsgi_gauntlet.servers.reference_server.server import Connection
from wsgi_gauntlet.servers.reference_server.stream import ClientDisconnected, Stream

from .mutation import mutant, wrap_function


@mutant("http/headers/counts")
def headers_beyond_32_lost() -> None:
    """The app sees the first 32 header fields."""
    wrap_function(environ, "headers", lambda right, fields: right(fields[:32]))


@mutant("http/headers/repeats")
def third_value_lost() -> None:
    """Of a header that is sent several times, the app sees two values."""

    def headers(right: Any, fields: Any) -> Any:
        seen: dict[bytes, int] = {}
        kept = []
        for name, value in fields:
            seen[name.lower()] = seen.get(name.lower(), 0) + 1
            if seen[name.lower()] <= 2:
                kept.append((name, value))
        return right(kept)

    wrap_function(environ, "headers", headers)


@mutant("pep3333/input/body-sizes/many-chunks")
def hundred_chunks() -> None:
    """The app gets the first 100 chunks of a body; the server discards the others."""

    def after(right: Any, self: InputStream) -> None:
        right(self)
        self._count = getattr(self, "_count", 0) + 1  # type: ignore[attr-defined]

    def coded(right: Any, self: InputStream) -> bytes:
        piece: bytes = right(self)
        if getattr(self, "_count", 0) >= 100:
            while not self._ended:
                right(self)
            return b""
        return piece

    wrap_function(InputStream, "after_chunk", after)
    wrap_function(InputStream, "_coded_piece", coded)


@mutant("pep3333/start-response/header-counts")
def response_headers_beyond_50_lost() -> None:
    """The server sends 50 header fields of the app."""

    def completed(right: Any, headers: Any) -> Any:
        framed = [each for each in headers[50:] if each[0].lower() in ("content-length", "transfer-encoding")]
        return right(headers[:50] + framed)

    wrap_function(response, "completed", completed)


@mutant("pep3333/body/many-blocks/yielded")
def block_256_lost() -> None:
    """The server does not send the 256th block."""

    def yielded(right: Any, self: Gateway, block: Any) -> None:
        self._blocks = getattr(self, "_blocks", 0) + 1  # type: ignore[attr-defined]
        if self._blocks != 256:  # type: ignore[attr-defined]
            right(self, block)

    wrap_function(Gateway, "yielded", yielded)


@mutant("pep3333/body/many-blocks/written")
def hundredth_write_lost() -> None:
    """The server does not send the block of the 100th call of write()."""

    def write(right: Any, self: Gateway, data: bytes) -> None:
        self._written = getattr(self, "_written", 0) + 1  # type: ignore[attr-defined]
        if self._written != 100:  # type: ignore[attr-defined]
            right(self, data)

    wrap_function(Gateway, "write", write)


def _closes_after(limit: int) -> None:
    def answer(right: Any, self: Connection, *about: Any) -> bool:
        again: bool = right(self, *about)
        self._answered = getattr(self, "_answered", 0) + 1  # type: ignore[attr-defined]
        return again and self._answered < limit  # type: ignore[attr-defined]

    wrap_function(Connection, "answer", answer)


@mutant("http/connection/thousand-requests")
def hundred_responses() -> None:
    """The server closes a connection after 100 responses, and no response says so."""
    _closes_after(100)


@mutant("http/connection/thousand-requests")
def thousand_responses() -> None:
    """The server closes a connection after 1000 responses, and no response says so."""
    _closes_after(1000)


@mutant("pep3333/concurrency/none-dropped")
def connection_33_dropped() -> None:
    """While the server serves 32 connections, it reads from every further one and closes it."""
    served = threading.Semaphore(32)

    def serve(right: Any, self: Connection) -> None:
        if not served.acquire(blocking=False):
            self.stream.wait(1.0)
            self.stream.socket.close()
            return
        try:
            right(self)
        finally:
            served.release()

    wrap_function(Connection, "serve", serve)


@mutant("pep3333/concurrency/uploads")
def uploads_share_buffer() -> None:
    """With more than 30 uploads at once, an upload gets the bytes that another one received last."""
    active = 0
    last = b""
    lock = threading.Lock()

    def answer(right: Any, self: Connection, *about: Any) -> Any:
        nonlocal active
        with lock:
            active += 1
        try:
            return right(self, *about)
        finally:
            with lock:
                active -= 1

    def piece(right: Any, self: InputStream) -> bytes:
        nonlocal last
        got: bytes = right(self)
        with lock:
            before, last = last, got
            return before if active > 30 and len(before) == len(got) else got

    wrap_function(Connection, "answer", answer)
    wrap_function(InputStream, "_plain_piece", piece)


@mutant("pep3333/close/stops-when-client-gone")
def iterates_for_nobody() -> None:
    """After the client has gone, the server asks the app for all blocks that are left."""

    def send(right: Any, self: Stream, data: bytes) -> None:
        try:
            right(self, data)
        except ClientDisconnected:
            self._gone = True  # type: ignore[attr-defined]

    wrap_function(Stream, "send", send)


KEPT: list[bytes] = []


@mutant("http/connection/memory-kept")
def four_kb_kept() -> None:
    """The server keeps 4 KB of memory for each request for ever."""

    def exchange(right: Any, self: Connection) -> Any:
        KEPT.append(bytes(bytearray(b"x" * 4096)))
        return right(self)

    wrap_function(Connection, "exchange", exchange)


@mutant("pep3333/environ/client-address")
def remote_port_of_first() -> None:
    """REMOTE_PORT is that of the first connection."""
    first: list[str] = []

    def build(right: Any, *about: Any) -> Any:
        variables = right(*about)
        if "REMOTE_PORT" in variables:
            first.append(variables["REMOTE_PORT"])
            variables["REMOTE_PORT"] = first[0]
        return variables

    wrap_function(environ, "build", build)


@mutant("pep3333/environ/client-address")
def remote_addr_constant() -> None:
    """REMOTE_ADDR is the address of the server."""

    def cgi(right: Any, request: Any, place: Any) -> Any:
        variables = right(request, place)
        if "REMOTE_ADDR" in variables:
            variables["REMOTE_ADDR"] = place.name
        return variables

    wrap_function(environ, "cgi", cgi)
