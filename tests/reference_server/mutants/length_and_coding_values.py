"""Faults in the values of Content-Length and Transfer-Encoding."""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Any

from wsgi_gauntlet.servers.reference_server import framing, parsing
from wsgi_gauntlet.servers.reference_server.framing import CHUNKED

from .mutation import mutant, replace, wrap_function

WITHOUT = "http/framing/te-without-chunked"
BLANKS = "http/framing/cl-blanks"


def _codings(choose: Callable[[list[bytes]], bool], result: Callable[[parsing.Fields], int]) -> None:
    """Use `result` for the body of a request whose list of codings `choose` accepts."""

    def coded(right: Any, fields: parsing.Fields, used: tuple[int, int]) -> int:
        found: int = result(fields) if choose(parsing.members(fields, b"transfer-encoding")) else right(fields, used)
        return found

    wrap_function(framing, "coded", coded)


@mutant(f"{WITHOUT}/empty")
def empty_coding_ignored() -> None:
    """The server ignores a Transfer-Encoding without a coding."""
    _codings(lambda codings: not codings, framing.declared)


@mutant(f"{WITHOUT}/other-coding")
def other_codings_ignored() -> None:
    """The server ignores a Transfer-Encoding that does not name chunked."""
    _codings(lambda codings: bool(codings) and b"chunked" not in codings, framing.declared)


@mutant("http/framing/te-compressed")
def compressed_bytes_for_the_app() -> None:
    """The server removes only the chunks of a compressed body."""
    _codings(lambda codings: codings[-1:] == [b"chunked"], lambda _fields: CHUNKED)


@mutant("http/framing/te-chunked-two-lines")
def chunked_lines_merged() -> None:
    """The server counts chunked once, however often the lines of Transfer-Encoding name it."""
    _codings(lambda codings: set(codings) == {b"chunked"}, lambda _fields: CHUNKED)


def _any_value() -> None:
    """Accept control characters and CR in the values of fields."""
    replace(parsing, "_VALUE", re.compile(rb".*\Z", re.DOTALL))
    wrap_function(parsing, "terminated", lambda right, line: line[:-2] if line.endswith(b"\r\n") else right(line))


@mutant(f"{BLANKS}/before", f"{BLANKS}/behind")
def length_stripped_by_python() -> None:
    """The server removes all that Python calls whitespace from both ends of a Content-Length."""
    _any_value()
    wrap_function(framing, "decimal", lambda right, text: right(text.decode("latin-1").strip().encode("latin-1")))


@mutant(BLANKS)
def length_is_its_digits() -> None:
    """A Content-Length is all its digits, whatever is between them."""
    _any_value()
    wrap_function(framing, "decimal", lambda right, text: right(re.sub(rb"[^0-9]", b"", text)))


@mutant(
    "http/framing/te-obfuscated/fs",
    "http/framing/te-obfuscated/us-behind",
    "http/framing/te-obfuscated/vt-behind",
    "http/framing/te-obfuscated/nbsp-before",
    "http/framing/te-obfuscated/tab-inside",
)
def blanks_in_coding_removed() -> None:
    """The server removes all that Python calls whitespace from a Transfer-Encoding, also inside the word."""
    _any_value()

    def members(right: Any, fields: parsing.Fields, name: bytes) -> list[bytes]:
        return ["".join(each.decode("latin-1").split()).encode("latin-1") for each in right(fields, name)]

    wrap_function(parsing, "members", members)


@mutant("http/framing/cl-cr")
def length_with_cr_is_zero() -> None:
    """A Content-Length with a bare CR is 0."""
    _any_value()
    wrap_function(framing, "decimal", lambda right, text: 0 if b"\r" in text else right(text))


def _folded(choose: Callable[[list[bytes]], bytes]) -> None:
    """Accept folded lines. The parts of a folded Content-Length are given to `choose`, which returns the length."""
    continuation = b"Continuation"

    def field(right: Any, line: bytes) -> Any:
        return (continuation, line.strip(b" \t")) if line[:1] in (b" ", b"\t") else right(line)

    def declared(_right: Any, fields: parsing.Fields) -> int:
        parts: list[bytes] = []
        for name, value in fields:
            if name.lower() == b"content-length" or (parts and name == continuation):
                parts.append(value)
            elif parts:
                break
        return framing.decimal(choose(parts)) if parts else 0

    wrap_function(parsing, "field", field)
    wrap_function(framing, "declared", declared)


@mutant("http/framing/cl-folded-digits", "http/framing/cl-folded")
def first_line_of_folded_length_counts() -> None:
    """Only the first line of a folded Content-Length counts. If it is empty, the length is 0."""
    _folded(lambda parts: parts[0] or b"0")


@mutant("http/framing/cl-folded-digits", "http/framing/cl-folded")
def last_line_of_folded_length_counts() -> None:
    """Only the last line of a folded Content-Length counts. If it is empty, the length is 0."""
    _folded(lambda parts: parts[-1] or b"0")


@mutant("http/framing/cl-folded-digits")
def lines_of_folded_length_joined() -> None:
    """The server joins the lines of a folded Content-Length without a space."""
    _folded(b"".join)
