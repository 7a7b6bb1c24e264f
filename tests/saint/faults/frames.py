"""Faults of finding a body's end: Content-Length, Transfer-Encoding, chunks."""

from __future__ import annotations

import contextlib
import re
from typing import Any

from .. import environ, framing, parsing
from ..framing import CHUNKED
from ..intake import Intake
from ..refusal import Refused
from .committing import around, fault, replace
from .lines import DESYNC, _broken_fields_dropped, _cr_ends_lines

# ---------------------------------------------------------------------- Content-Length


def _chosen(choose: Any) -> None:
    def declared(fields: Any) -> int:
        lengths = parsing.values(fields, b"content-length")
        return framing.decimal(choose(lengths)) if lengths else 0

    replace(framing, "declared", declared)


@fault("http/framing/cl-duplicate-different", f"{DESYNC}/two-lengths-short-first")
def first_length_counts() -> None:
    """Of several Content-Lengths the first counts."""
    _chosen(lambda lengths: lengths[0])


@fault("http/framing/cl-duplicate-different", f"{DESYNC}/two-lengths-short-last")
def last_length_counts() -> None:
    """Of several Content-Lengths the last counts."""
    _chosen(lambda lengths: lengths[-1])


@fault("http/framing/cl-list-different", f"{DESYNC}/length-list")
def first_length_of_list_counts() -> None:
    """Of a list of lengths the first counts."""
    _chosen(lambda lengths: lengths[0].partition(b",")[0])


@fault(
    "http/framing/cl-syntax/plus",
    "http/framing/cl-syntax/minus",
    "http/framing/cl-syntax/minus-zero",
    "http/framing/cl-syntax/underscore",
)
def length_by_int() -> None:
    """A Content-Length is what Python's int() makes of it."""

    def decimal(text: bytes) -> int:
        try:
            return max(int(text), 0)
        except ValueError:
            raise Refused(400, "this is no number") from None

    replace(framing, "decimal", decimal)


@fault(
    "http/framing/cl-syntax",
    f"{DESYNC}/length-plus",
    f"{DESYNC}/length-minus",
    f"{DESYNC}/length-hex",
)
def length_by_atoi() -> None:
    """A Content-Length is the digits that it begins with, and 0 without any."""
    around(framing, "decimal", lambda right, text: right((re.match(rb"[0-9]*", text) or [b""])[0] or b"0"))


@fault("http/framing/cl-leading-zeros")
def length_in_octal() -> None:
    """A Content-Length that begins with 0 is octal."""
    around(framing, "decimal", lambda right, text: int(text, 8) if text.startswith(b"01") else right(text))


@fault("http/framing/cl-overflow/64-bits", "http/framing/cl-overflow/32-bits")
def length_of_32_bits() -> None:
    """A Content-Length is cut to 32 bits."""
    around(framing, "decimal", lambda right, text: int(text) & 0xFFFFFFFF if len(text) < 4000 else right(text))


@fault("http/framing/cl-overflow/digits")
def length_fails() -> None:
    """A Content-Length of too many digits is an error of the server's."""

    def decimal(right: Any, text: bytes) -> int:
        if len(text) > 1000:
            raise Refused(500, "exceeds the limit for integer string conversion")
        found: int = right(text)
        return found

    around(framing, "decimal", decimal)


# ---------------------------------------------------------------------- Transfer-Encoding


@fault("http/framing/te-and-cl", f"{DESYNC}/length-ends-before-chunks")
def length_wins() -> None:
    """With both Content-Length and Transfer-Encoding, the length counts."""

    def length(right: Any, fields: Any, used: Any) -> int:
        found: int = framing.declared(fields) if parsing.values(fields, b"content-length") else right(fields, used)
        return found

    around(framing, "length", length)


def _chunks_win() -> None:
    around(
        framing,
        "coded",
        lambda right, fields, used: right([f for f in fields if f[0].lower() != b"content-length"], used),
    )


@fault("http/framing/te-and-cl", f"{DESYNC}/chunks-end-before-length")
def chunks_win_and_stay() -> None:
    """With both Content-Length and Transfer-Encoding, the chunks count, and the connection stays."""
    _chunks_win()
    replace(Intake, "clean", True)


@fault(f"{DESYNC}/coding-behind-cr")
def chunks_behind_cr() -> None:
    """A bare CR ends a line, and with both Content-Length and Transfer-Encoding the chunks count."""
    _cr_ends_lines()
    _chunks_win()
    replace(Intake, "clean", True)


@fault("http/framing/te-on-http10")
def chunks_from_http10() -> None:
    """HTTP/1.0 may send chunks, and keep the connection."""
    around(framing, "coded", lambda right, fields, _used: right(fields, (1, 1)))


@fault(
    "http/framing/te-not-final",
    "http/framing/te-two-lines",
    "http/framing/te-unknown",
    "http/framing/te-chunked-twice",
    "http/framing/te-parameters",
    "http/framing/te-obfuscated/nel",
    "http/framing/te-obfuscated/nbsp",
    "http/framing/te-obfuscated/quotes",
    "http/framing/te-obfuscated/prefix",
    "http/framing/te-obfuscated/semicolon",
    "http/framing/te-obfuscated/two-words",
    f"{DESYNC}/coding-not-final",
    f"{DESYNC}/coding-two-lines",
)
def chunked_anywhere() -> None:
    """A Transfer-Encoding that holds the word chunked anywhere is chunked."""
    _holding_chunked()


def _holding_chunked() -> None:
    def coded(right: Any, fields: Any, used: Any) -> int:
        if b"chunked" in b",".join(parsing.values(fields, b"transfer-encoding")):
            return CHUNKED
        found: int = right(fields, used)
        return found

    around(framing, "coded", coded)
    replace(Intake, "clean", True)


@fault(
    "http/framing/te-obfuscated/vt",
    "http/framing/te-obfuscated/ff",
    "http/framing/te-obfuscated/nul",
    f"{DESYNC}/coding-vt-ends-first",
)
def control_characters_passed_over() -> None:
    """Control characters in a value are taken, and passed over where it is read."""
    replace(parsing, "_VALUE", re.compile(rb".*\Z", re.DOTALL))
    _holding_chunked()


@fault("http/framing/te-identity", f"{DESYNC}/coding-vt", f"{DESYNC}/coding-nbsp")
def unknown_coding_passed_over() -> None:
    """A Transfer-Encoding that is not known is passed over, and the Content-Length counts."""
    replace(parsing, "_VALUE", re.compile(rb".*\Z", re.DOTALL))

    def coded(right: Any, fields: Any, used: Any) -> int:
        found: int = (
            right(fields, used)
            if parsing.members(fields, b"transfer-encoding") == [b"chunked"]
            else framing.declared(fields)
        )
        return found

    around(framing, "coded", coded)


@fault("http/framing/te-empty-elements", "http/framing/te-case")
def chunked_exactly() -> None:
    """Only a Transfer-Encoding of exactly `chunked` is known."""

    def coded(right: Any, fields: Any, used: Any) -> int:
        if parsing.values(fields, b"transfer-encoding") != [b"chunked"]:
            raise Refused(501, "the transfer coding is not known")
        found: int = right(fields, used)
        return found

    around(framing, "coded", coded)


@fault("http/framing/te-folded", f"{DESYNC}/coding-folded")
def folded_coding_overlooked() -> None:
    """A folded line is left out, and a Transfer-Encoding without a value overlooked."""
    _broken_fields_dropped()

    def coded(right: Any, fields: Any, used: Any) -> int:
        found: int = right(fields, used) if parsing.members(fields, b"transfer-encoding") else framing.declared(fields)
        return found

    around(framing, "coded", coded)


# ---------------------------------------------------------------------- chunks


@fault("http/chunked/many-chunks")
def one_chunk_only() -> None:
    """Only a body's first chunk reaches the app."""

    def coded(right: Any, self: Intake) -> bytes:
        first = not self._begun
        piece: bytes = right(self)
        if first or self._ended:
            return piece
        while not self._ended:
            right(self)
        return b""

    around(Intake, "_coded_piece", coded)


@fault("http/chunked/empty")
def empty_chunked_body_refused() -> None:
    """A chunked body without data is refused."""

    def trailer(right: Any, self: Intake) -> None:
        if not vars(self).get("some"):
            raise Refused(400, "the body is empty")
        right(self)

    def size(right: Any, self: Intake) -> bytes:
        piece: bytes = right(self)
        vars(self)["some"] = bool(piece)
        return piece

    around(Intake, "trailer", trailer)
    around(Intake, "_coded_piece", size)


@fault("http/chunked/hex-case")
def sizes_in_decimal() -> None:
    """A chunk's size is decimal."""
    replace(framing, "hexadecimal", framing.decimal)


@fault("http/chunked/zero-padded")
def no_leading_zeros() -> None:
    """A chunk's size with leading zeros is refused."""

    def hexadecimal(right: Any, digits: bytes) -> int:
        if len(digits) > 1 and digits.startswith(b"0"):
            raise Refused(400, "the size begins with 0")
        found: int = right(digits)
        return found

    around(framing, "hexadecimal", hexadecimal)


@fault("http/chunked/extension-token", "http/chunked/extension-quoted")
def extensions_refused() -> None:
    """Chunk extensions are refused."""

    def size(right: Any, line: bytes) -> int:
        if b";" in line:
            raise Refused(400, "no chunk extensions, please")
        found: int = right(line)
        return found

    around(framing, "chunk_size", size)


@fault("http/chunked/extension-quoted")
def quotes_not_known() -> None:
    """A chunk extension ends at the next semicolon, in quotes too."""
    around(framing, "chunk_size", lambda right, line: [right(part or b"x") for part in line.split(b'"')][0])


@fault("http/chunked/extension-bad")
def cr_ends_an_extension() -> None:
    """A bare CR ends a chunk's first line, and what stands between data and the next line is passed over."""

    def line(self: Intake, limit: int) -> bytes:
        found = self._stream.line(limit, 1e12)
        head, cr, rest = found[:-2].partition(b"\r")
        if cr:
            self._stream.buffer[:0] = rest + found[-2:]
        return head

    replace(Intake, "_line", line)
    replace(Intake, "after_chunk", lambda self: self._stream.line(1000, 1e12))


@fault("http/chunked/extension-64k")
def extensions_without_end() -> None:
    """A chunk extension may have a megabyte."""
    replace(framing, "CHUNK_LINE_LIMIT", 1 << 20)


@fault(
    "http/chunked/size-syntax/0x",
    "http/chunked/size-syntax/underscore",
    "http/chunked/size-syntax/plus",
    "http/chunked/size-syntax/minus",
    "http/chunked/size-syntax/space-before",
)
def size_by_int() -> None:
    """A chunk's size is what Python's int(text, 16) makes of it, without the sign."""

    def size(line: bytes) -> int:
        try:
            return abs(int(line.partition(b";")[0], 16))
        except ValueError:
            raise Refused(400, "this is no number") from None

    replace(framing, "chunk_size", size)


def _any_trailer() -> None:
    def trailer(self: Intake) -> None:
        while self._line(parsing.HEAD_LIMIT):
            pass

    replace(Intake, "trailer", trailer)


@fault(
    "http/chunked/size-syntax/empty",
    "http/chunked/size-syntax/letter",
    "http/chunked/size-syntax/nul",
)
def size_by_strtol() -> None:
    """A chunk's size is the digits that its line begins with, and 0 without any; anything goes for a trailer."""
    replace(framing, "chunk_size", lambda line: int((re.match(rb"[0-9A-Fa-f]*", line) or [b""])[0] or b"0", 16))
    _any_trailer()


@fault("http/chunked/size-overflow")
def size_of_32_bits() -> None:
    """A chunk's size is a signed number of 32 bits, and one that is not positive ends the body."""

    def hexadecimal(digits: bytes) -> int:
        size = int(digits, 16) & 0xFFFFFFFF
        return size if size < 2**31 else 0

    replace(framing, "hexadecimal", hexadecimal)
    _any_trailer()


@fault("http/chunked/spill")
def spilt_data_thrown_away() -> None:
    """What stands between a chunk's data and the next line is passed over."""
    replace(Intake, "after_chunk", lambda self: self._line(1000) and None)


@fault("http/chunked/no-crlf-after-data")
def crlf_after_data_optional() -> None:
    """A chunk's data may go without CRLF behind it."""

    def after(right: Any, self: Intake) -> None:
        if self._stream.buffer[:2] in (b"", b"\r", b"\r\n"):
            right(self)

    around(Intake, "after_chunk", after)


@fault("http/chunked/no-last-chunk-then-fin", "http/chunked/no-final-crlf")
def end_completes_the_chunks() -> None:
    """A connection that ends in the middle of a chunked body completes it."""

    def coded(right: Any, self: Intake) -> bytes:
        try:
            piece: bytes = right(self)
        except Refused as refused:
            if "connection ended" not in refused.why:
                raise
            self._ended = True
            return b""
        return piece

    around(Intake, "_coded_piece", coded)


@fault("http/chunked/lf-terminators")
def lf_ends_chunk_lines() -> None:
    """LF alone ends the lines of the chunked coding."""
    around(parsing, "terminated", lambda right, line: right(line if line.endswith(b"\r\n") else line[:-1] + b"\r\n"))


@fault("http/chunked/trailer", "http/chunked/trailer-then-next")
def trailers_refused() -> None:
    """Trailer fields are refused."""

    def trailer(self: Intake) -> None:
        if self._line(parsing.HEAD_LIMIT):
            raise Refused(400, "no trailers, please")

    replace(Intake, "trailer", trailer)


@fault("http/chunked/trailer-then-next")
def trailers_left() -> None:
    """Trailer fields stay on the connection."""
    replace(Intake, "trailer", lambda _self: None)


@fault("http/chunked/trailer", "http/chunked/trailer-forbidden")
def trailers_merged() -> None:
    """Chunked bodies are read before the app is called, and their trailers count for headers."""

    def trailer(self: Intake) -> None:
        vars(self)["trailers"] = trailers = []
        while line := self._line(parsing.HEAD_LIMIT):
            trailers.append(parsing.field(line))

    def build(right: Any, request: Any, place: Any, body: Intake) -> Any:
        if body._chunked:
            data = b""
            with contextlib.suppress(Refused):
                data = body.read()
            trailers = vars(body).get("trailers", [])
            for name, value in trailers:
                request.fields[:] = [f for f in request.fields if f[0].lower() != name.lower()] + [(name, value)]
                if name.lower() == b"transfer-encoding":
                    data = b""  # whatever gzip makes of it
            body._ahead = data
        return right(request, place, body)

    replace(Intake, "trailer", trailer)
    around(environ, "build", build)
