"""Faults in finding the end of a body by Content-Length and Transfer-Encoding."""

from __future__ import annotations

import re
from typing import Any

from wsgi_gauntlet.servers.reference_server import framing, parsing
from wsgi_gauntlet.servers.reference_server.framing import CHUNKED
from wsgi_gauntlet.servers.reference_server.input_stream import InputStream
from wsgi_gauntlet.servers.reference_server.rejection import RequestRejected

from .lenient_parsing import cr_ends_lines, drop_broken_fields
from .mutation import mutant, replace, wrap_function

DESYNC = "http/framing/desync"

# ---------------------------------------------------------------------- Content-Length


def _chosen(choose: Any) -> None:
    def declared(fields: Any) -> int:
        lengths = parsing.values(fields, b"content-length")
        return framing.decimal(choose(lengths)) if lengths else 0

    replace(framing, "declared", declared)


@mutant("http/framing/cl-duplicate-different", f"{DESYNC}/two-lengths-short-first")
def first_length_counts() -> None:
    """Only the first of several Content-Lengths counts."""
    _chosen(lambda lengths: lengths[0])


@mutant("http/framing/cl-duplicate-different", f"{DESYNC}/two-lengths-short-last")
def last_length_counts() -> None:
    """Only the last of several Content-Lengths counts."""
    _chosen(lambda lengths: lengths[-1])


@mutant("http/framing/cl-list-different", f"{DESYNC}/length-list")
def first_length_of_list_counts() -> None:
    """Only the first length of a list counts."""
    _chosen(lambda lengths: lengths[0].partition(b",")[0])


@mutant(
    "http/framing/cl-syntax/plus",
    "http/framing/cl-syntax/minus",
    "http/framing/cl-syntax/minus-zero",
    "http/framing/cl-syntax/underscore",
)
def length_by_int() -> None:
    """The server parses Content-Length with Python's int()."""

    def decimal(text: bytes) -> int:
        try:
            return max(int(text), 0)
        except ValueError:
            raise RequestRejected(400, "this is no number") from None

    replace(framing, "decimal", decimal)


@mutant(
    "http/framing/cl-syntax",
    f"{DESYNC}/length-plus",
    f"{DESYNC}/length-minus",
    f"{DESYNC}/length-hex",
)
def length_by_atoi() -> None:
    """A Content-Length is its leading digits, or 0 without any."""
    wrap_function(framing, "decimal", lambda right, text: right((re.match(rb"[0-9]*", text) or [b""])[0] or b"0"))


@mutant("http/framing/cl-leading-zeros")
def length_in_octal() -> None:
    """A Content-Length that begins with 0 is octal."""
    wrap_function(framing, "decimal", lambda right, text: int(text, 8) if text.startswith(b"01") else right(text))


@mutant("http/framing/cl-overflow/64-bits", "http/framing/cl-overflow/32-bits")
def length_of_32_bits() -> None:
    """The server truncates a Content-Length to 32 bits."""
    wrap_function(framing, "decimal", lambda right, text: int(text) & 0xFFFFFFFF if len(text) < 4000 else right(text))


@mutant("http/framing/cl-overflow/digits")
def length_fails() -> None:
    """A Content-Length with too many digits makes the server fail."""

    def decimal(right: Any, text: bytes) -> int:
        if len(text) > 1000:
            raise RequestRejected(500, "exceeds the limit for integer string conversion")
        found: int = right(text)
        return found

    wrap_function(framing, "decimal", decimal)


# ---------------------------------------------------------------------- Transfer-Encoding


@mutant("http/framing/te-and-cl", "http/framing/te-overrides-cl", f"{DESYNC}/length-ends-before-chunks")
def length_wins() -> None:
    """With both Content-Length and Transfer-Encoding, the length counts."""

    def length(right: Any, fields: Any, used: Any) -> int:
        found: int = framing.declared(fields) if parsing.values(fields, b"content-length") else right(fields, used)
        return found

    wrap_function(framing, "length", length)


def chunks_win() -> None:
    """Let the chunks count if there is a Content-Length too."""
    wrap_function(
        framing,
        "coded",
        lambda right, fields, used: right([f for f in fields if f[0].lower() != b"content-length"], used),
    )


@mutant("http/framing/te-and-cl", f"{DESYNC}/chunks-end-before-length")
def chunks_win_and_stay() -> None:
    """With both Content-Length and Transfer-Encoding, the chunks count, and the connection stays."""
    chunks_win()
    replace(InputStream, "clean", True)


@mutant(f"{DESYNC}/coding-behind-cr")
def chunks_behind_cr() -> None:
    """A bare CR ends a line, and with both Content-Length and Transfer-Encoding the chunks count."""
    cr_ends_lines()
    chunks_win()
    replace(InputStream, "clean", True)


@mutant("http/framing/te-on-http10/hidden-request")
def chunks_overlooked_in_http10() -> None:
    """The server ignores Transfer-Encoding in HTTP/1.0 and keeps the connection open."""

    def coded(right: Any, fields: Any, used: Any) -> int:
        found: int = framing.declared(fields) if used < (1, 1) else right(fields, used)
        return found

    wrap_function(framing, "coded", coded)


@mutant("http/framing/te-on-http10/chunks")
def chunks_from_http10() -> None:
    """The server accepts chunks in HTTP/1.0 and keeps the connection open."""
    wrap_function(framing, "coded", lambda right, fields, _used: right(fields, (1, 1)))


@mutant(
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
    """The server treats any Transfer-Encoding that contains the word chunked as chunked."""
    _waiting_chunked()


def _waiting_chunked() -> None:
    def coded(right: Any, fields: Any, used: Any) -> int:
        if b"chunked" in b",".join(parsing.values(fields, b"transfer-encoding")):
            return CHUNKED
        found: int = right(fields, used)
        return found

    wrap_function(framing, "coded", coded)
    replace(InputStream, "clean", True)


@mutant(
    "http/framing/te-obfuscated/vt",
    "http/framing/te-obfuscated/ff",
    "http/framing/te-obfuscated/nul",
    f"{DESYNC}/coding-vt-ends-first",
)
def control_characters_passed_over() -> None:
    """The server accepts control characters in a value and ignores them when it reads the value."""
    replace(parsing, "_VALUE", re.compile(rb".*\Z", re.DOTALL))
    _waiting_chunked()


@mutant("http/framing/te-identity", f"{DESYNC}/coding-vt", f"{DESYNC}/coding-nbsp")
def unknown_coding_passed_over() -> None:
    """The server ignores an unknown Transfer-Encoding and uses the Content-Length."""
    replace(parsing, "_VALUE", re.compile(rb".*\Z", re.DOTALL))

    def coded(right: Any, fields: Any, used: Any) -> int:
        found: int = (
            right(fields, used)
            if parsing.members(fields, b"transfer-encoding") == [b"chunked"]
            else framing.declared(fields)
        )
        return found

    wrap_function(framing, "coded", coded)


@mutant("http/framing/te-empty-elements", "http/framing/te-case")
def chunked_exactly() -> None:
    """The server recognizes only a Transfer-Encoding of exactly `chunked`."""

    def coded(right: Any, fields: Any, used: Any) -> int:
        if parsing.values(fields, b"transfer-encoding") != [b"chunked"]:
            raise RequestRejected(501, "the transfer coding is not known")
        found: int = right(fields, used)
        return found

    wrap_function(framing, "coded", coded)


@mutant("http/framing/te-folded", f"{DESYNC}/coding-folded")
def folded_coding_overlooked() -> None:
    """The server ignores a folded line and a Transfer-Encoding without a value."""
    drop_broken_fields()

    def coded(right: Any, fields: Any, used: Any) -> int:
        found: int = right(fields, used) if parsing.members(fields, b"transfer-encoding") else framing.declared(fields)
        return found

    wrap_function(framing, "coded", coded)
