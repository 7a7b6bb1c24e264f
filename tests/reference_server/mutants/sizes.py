"""Faults at sizes: powers of two, customary limits, and the places where a server changes from memory to a file."""

from __future__ import annotations

import ssl
from collections.abc import Callable
from typing import Any

from wsgi_gauntlet.servers.reference_server import environ, framing, parsing, response
from wsgi_gauntlet.servers.reference_server.file_wrapper import FileWrapper
from wsgi_gauntlet.servers.reference_server.gateway import BodyEnd, Gateway
from wsgi_gauntlet.servers.reference_server.input_stream import InputStream
from wsgi_gauntlet.servers.reference_server.server import Connection
from wsgi_gauntlet.servers.reference_server.stream import Stream

from .mutation import mutant, replace, wrap_function

REQUEST_SIZES = "http/headers/sizes"
TARGET_SIZES = "http/request-line/target-sizes"
BODY_SIZES = "pep3333/input/body-sizes"

# ---------------------------------------------------------------------- request heads


def _changes_fields(change: Callable[[parsing.Fields], parsing.Fields]) -> None:
    """Let `change` make the header fields that the app sees; the framing uses the true ones."""
    wrap_function(environ, "headers", lambda right, fields: right(change(fields)))


@mutant(f"{REQUEST_SIZES}/value")
def header_cut_at_4096() -> None:
    """A header value ends after 4096 bytes."""
    _changes_fields(lambda fields: [(name, value[:4096]) for name, value in fields])


@mutant(f"{REQUEST_SIZES}/cookie")
def long_cookie_lost() -> None:
    """The app does not see a Cookie of more than 4096 bytes."""
    _changes_fields(
        lambda fields: [(name, value) for name, value in fields if name.lower() != b"cookie" or len(value) <= 4096]
    )


@mutant(f"{REQUEST_SIZES}/name")
def name_cut_at_64() -> None:
    """The name of a header ends after 64 characters."""
    wrap_function(environ, "variable", lambda right, name: right(name[:64]))


def _changes_variable(name: str, change: Callable[[str], str]) -> None:
    def cgi(right: Any, *about: Any) -> Any:
        variables = right(*about)
        variables[name] = change(variables[name])
        return variables

    wrap_function(environ, "cgi", cgi)


@mutant(f"{TARGET_SIZES}/query")
def query_cut_at_2048() -> None:
    """QUERY_STRING ends after 2048 bytes."""
    _changes_variable("QUERY_STRING", lambda query: query[:2048])


@mutant(f"{TARGET_SIZES}/pairs")
def pairs_beyond_64_lost() -> None:
    """QUERY_STRING has 64 pairs at most."""
    _changes_variable("QUERY_STRING", lambda query: "&".join(query.split("&")[:64]))


@mutant(f"{TARGET_SIZES}/path", f"{TARGET_SIZES}/segments")
def path_cut_at_1024() -> None:
    """PATH_INFO ends after 1024 bytes."""
    _changes_variable("PATH_INFO", lambda path: path[:1024])


@mutant(f"{REQUEST_SIZES}/section")
def head_beyond_16_kib_ignored() -> None:
    """The app does not see header fields that begin after 16 KiB of the header section."""

    def early(fields: parsing.Fields) -> parsing.Fields:
        found: parsing.Fields = []
        size = 0
        for name, value in fields:
            if size < 16384:
                found.append((name, value))
            size += len(name) + len(value) + 4
        return found

    _changes_fields(early)


# ---------------------------------------------------------------------- request bodies


def _changes_pieces(change: Callable[[bytes, int, int], bytes]) -> None:
    """Let `change` make each piece of a body with a Content-Length, from the piece, its offset and the length."""

    def init(right: Any, self: InputStream, stream: Stream, length: int, *about: Any) -> None:
        right(self, stream, length, *about)
        self._length = length  # type: ignore[attr-defined]

    def piece(right: Any, self: InputStream) -> bytes:
        length: int = self._length  # type: ignore[attr-defined]
        offset = length - self._left
        return change(right(self), offset, length)

    wrap_function(InputStream, "__init__", init)
    wrap_function(InputStream, "_plain_piece", piece)


def _damaged(data: bytes, place: int) -> bytes:
    """Return `data` with another byte at `place`, if it is within."""
    if not 0 <= place < len(data):
        return data
    return data[:place] + bytes([data[place] ^ 1]) + data[place + 1 :]


@mutant(f"{BODY_SIZES}/length")
def body_damaged_at_1_mib() -> None:
    """In a body of more than 1 MiB, the byte at 1 MiB is wrong."""
    _changes_pieces(lambda piece, offset, _length: _damaged(piece, (1 << 20) - offset))


@mutant(f"{BODY_SIZES}/length")
def body_of_65536_cut() -> None:
    """Of a body of exactly 65,536 bytes, the app gets all bytes but the last."""
    _changes_pieces(
        lambda piece, offset, length: piece[:-1] if length == 65536 and offset + len(piece) == length else piece
    )


@mutant(f"{BODY_SIZES}/length")
def spooled_body_loses_page() -> None:
    """In a body of more than 512 KiB, an incomplete page of 4 KiB at the end is zero."""

    def piece(data: bytes, offset: int, length: int) -> bytes:
        keep = max(0, length // 4096 * 4096 - offset)
        return data if length <= 524288 else data[:keep].ljust(len(data), b"\0")

    _changes_pieces(piece)


@mutant(f"{BODY_SIZES}/chunks")
def chunk_size_read_in_16_bits() -> None:
    """The size of a request's chunk is taken modulo 65,536, except for multiples."""
    wrap_function(framing, "hexadecimal", lambda right, digits: right(digits) % 65536 or right(digits))


@mutant(f"{BODY_SIZES}/chunks")
def chunk_over_16_kib_loses_byte() -> None:
    """In a chunk of more than 16 KiB, the byte at 16 KiB is wrong."""

    def coded(right: Any, self: InputStream) -> bytes:
        fresh = not self._left
        piece: bytes = right(self)
        self._offset = 0 if fresh else self._offset  # type: ignore[attr-defined]
        offset: int = self._offset  # type: ignore[attr-defined]
        self._offset += len(piece)  # type: ignore[attr-defined]
        return _damaged(piece, 16384 - offset)

    wrap_function(InputStream, "_coded_piece", coded)


@mutant("pep3333/input/line-sizes/readline-chunks", "pep3333/input/line-sizes/iterate-chunks")
def line_loses_byte_at_chunk_edge() -> None:
    """If a line goes on in another chunk, readline() loses the first byte of that chunk."""

    def readline(self: InputStream, size: int | None = -1, /) -> bytes:
        wanted = -1 if size is None else size
        line = b""
        while wanted < 0 or len(line) < wanted:
            edge = bool(line) and self._chunked and not self._left and not self._ahead
            piece = self._piece(-1 if wanted < 0 else wanted - len(line))
            if not piece:
                break
            if edge:
                piece = piece[1:]
            head, lf, rest = piece.partition(b"\n")
            line += head + lf
            if lf:
                self._ahead = rest + self._ahead
                break
        return line

    replace(InputStream, "readline", readline)


@mutant("pep3333/input/line-sizes/readline-length", "pep3333/input/line-sizes/iterate-length")
def lf_at_8192_lost() -> None:
    """readline() loses the LF of a line of exactly 8192 bytes."""

    def readline(right: Any, self: InputStream, *size: Any) -> bytes:
        line: bytes = right(self, *size)
        return line[:-1] if len(line) == 8192 and line.endswith(b"\n") else line

    wrap_function(InputStream, "readline", readline)


@mutant("pep3333/input/line-sizes/readlines-length", "pep3333/input/line-sizes/readlines-chunks")
def readlines_ends_lines_at_8192() -> None:
    """readlines() cuts a line that is longer than 8192 bytes."""

    def readlines(right: Any, self: InputStream, *hint: Any) -> list[bytes]:
        lines: list[bytes] = right(self, *hint)
        return [line[start : start + 8192] for line in lines for start in range(0, len(line), 8192)]

    wrap_function(InputStream, "readlines", readlines)


@mutant(f"{BODY_SIZES}/at-once")
def long_read_damaged_at_128_kib() -> None:
    """If one call of read() returns more than 128 KiB, the byte at 128 KiB is wrong."""
    wrap_function(InputStream, "read", lambda right, self, *size: _damaged(right(self, *size), 131072))


# ---------------------------------------------------------------------- responses


@mutant("pep3333/body/block-sizes/yielded", "pep3333/body/block-sizes/written")
def response_chunk_size_of_16_bits() -> None:
    """The size of a response's chunk is written modulo 65,536, except for multiples."""
    replace(response, "chunk", lambda data: b"%x\r\n%b\r\n" % (len(data) % 65536 or len(data), data))


@mutant("pep3333/body/block-sizes/yielded", "pep3333/body/block-sizes/written")
def block_of_8192_twice() -> None:
    """The server sends a block of exactly 8192 bytes of a chunked body twice."""

    def block(right: Any, self: Gateway, data: bytes) -> None:
        right(self, data)
        if len(data) == 8192 and self.ends is BodyEnd.CHUNKS:
            right(self, data)

    wrap_function(Gateway, "send_block", block)


@mutant("pep3333/body/sizes-declared")
def block_damaged_at_64_kib() -> None:
    """In a block of more than 64 KiB and less than 1 MiB, the byte at 64 KiB is wrong."""
    wrap_function(
        Gateway,
        "send_block",
        lambda right, self, data: right(self, _damaged(data, 65536) if len(data) < 1 << 20 else data),
    )


@mutant("pep3333/body/block-sizes/http10")
def blocks_cut_to_http10() -> None:
    """If the end of the connection ends the body, the server sends 64 KiB of a block at most."""
    wrap_function(
        Gateway,
        "send_block",
        lambda right, self, data: right(self, data[:65536] if self.ends is BodyEnd.CLOSE else data),
    )


@mutant("pep3333/start-response/header-sizes")
def response_value_cut_at_8190() -> None:
    """A header value of the response ends after 8190 bytes."""
    wrap_function(
        response,
        "head",
        lambda right, status, headers: right(status, [(name, value[:8190]) for name, value in headers]),
    )


@mutant("pep3333/file-wrapper/sizes")
def file_of_whole_blocks_cut() -> None:
    """If the size of a file is a multiple of the block size, its last block is lost."""

    def step(right: Any, self: FileWrapper) -> bytes:
        block = getattr(self, "_next", None) or right(self)
        self._next = right_or_end(right, self)  # type: ignore[attr-defined]
        if not self._next and len(block) == self.block_size:  # type: ignore[attr-defined]
            raise StopIteration
        result: bytes = block
        return result

    def right_or_end(right: Any, self: FileWrapper) -> bytes:
        try:
            return bytes(right(self))
        except StopIteration:
            return b""

    wrap_function(FileWrapper, "__next__", step)


@mutant("http/connection/pipelined-bytes")
def pipelined_beyond_32_kib_lost() -> None:
    """Of the bytes that arrive before a response, the server keeps 32 KiB."""

    def answer(right: Any, self: Connection, *about: Any) -> Any:
        again = right(self, *about)
        del self.stream.buffer[32768:]
        return again

    wrap_function(Connection, "answer", answer)


# ---------------------------------------------------------------------- TLS


@mutant("pep3333/input/body-sizes-tls")
def body_over_tls_damaged_at_16_kib() -> None:
    """Over TLS, the byte at 16 KiB of a body is wrong."""

    def init(right: Any, self: InputStream, stream: Stream, length: int, *about: Any) -> None:
        right(self, stream, length, *about)
        self._length = length  # type: ignore[attr-defined]

    def piece(right: Any, self: InputStream) -> bytes:
        offset = self._length - self._left  # type: ignore[attr-defined]
        got: bytes = right(self)
        return _damaged(got, 16384 - offset) if isinstance(self._stream.socket, ssl.SSLSocket) else got

    wrap_function(InputStream, "__init__", init)
    wrap_function(InputStream, "_plain_piece", piece)


@mutant("pep3333/body/sizes-declared-tls")
def block_over_tls_cut() -> None:
    """Over TLS, the server sends 64 KiB of a block at most."""

    def send(right: Any, self: Stream, data: bytes) -> None:
        right(self, data[:65536] if isinstance(self.socket, ssl.SSLSocket) else data)

    wrap_function(Stream, "send", send)
