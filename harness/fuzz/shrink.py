"""Make the bytes of a disagreement as small as possible, by delta debugging.

A candidate is a smaller input. It counts only if it has no trait that the original lacks, because a new trait may be
another cause. Then the servers must still show the same difference on it.
"""

from __future__ import annotations

import re
from collections.abc import Awaitable, Callable, Iterator

from wsgi_gauntlet.harness.fuzz.inputs import READ_TARGET
from wsgi_gauntlet.harness.fuzz.traits import Trait, traits

MAX_TESTS = 120
"""Candidates that are sent to the servers. Most inputs need 20 to 60."""

MAX_SPAN = 6
"""Tokens of a part that is left out wherever it begins: an extension, or a field with its line end."""

_TOKEN = re.compile(rb"\r\n|[0-9]+|[A-Za-z]+|.", re.DOTALL)

Test = Callable[[bytes], Awaitable[bool]]
"""Say whether the servers still show the difference on these bytes."""


async def shrink(data: bytes, test: Test, max_tests: int = MAX_TESTS) -> bytes:
    """Return the smallest bytes found on which `test` is true; it is true on `data`.

    At most `max_tests` candidates are tested. The result depends only on `data` and on the answers of `test`.
    """
    allowed = traits(data)
    tried: set[bytes] = {data}
    tests = 0
    best = data
    progress = True
    while progress:
        progress = False
        for candidate in candidates(best):
            if candidate in tried or not _is_simpler(candidate, best, allowed):
                continue
            if tests == max_tests:
                return best
            tried.add(candidate)
            tests += 1
            if await test(candidate):
                best = candidate
                progress = True
                break
    return best


def _is_simpler(candidate: bytes, best: bytes, allowed: frozenset[Trait]) -> bool:
    """Return whether `candidate` has no trait that is not allowed, and fewer traits than `best` or fewer bytes."""
    found, present = traits(candidate), traits(best)
    if not found <= allowed or (READ_TARGET in best and b"/read" in candidate and READ_TARGET not in candidate):
        return False  # without its query, /read stops at CONTENT_LENGTH, which is a property of the app
    return len(found) < len(present) or (len(found) == len(present) and len(candidate) < len(best))


def candidates(data: bytes) -> Iterator[bytes]:
    """Yield smaller or simpler inputs: first without large parts, then without single bytes."""
    yield from _without_lines(data)
    yield from _simplified(data)
    tokens = _TOKEN.findall(data)
    for size in sorted({len(tokens) // 2, len(tokens) // 4, *range(1, MAX_SPAN + 1)} - {0}, reverse=True):
        for at in range(0, len(tokens), 1 if size <= MAX_SPAN else size):
            if rest := b"".join((*tokens[:at], *tokens[at + size :])):
                yield rest
    for at, token in enumerate(tokens):
        if len(token) > 1 and token != b"\r\n":
            yield b"".join((*tokens[:at], token[: len(token) // 2], *tokens[at + 1 :]))
            yield b"".join((*tokens[:at], token[:-1], *tokens[at + 1 :]))


def _without_lines(data: bytes) -> Iterator[bytes]:
    lines = data.split(b"\r\n")
    for count in (len(lines) // 2, 2, 1):
        for at in range(len(lines) if count else 0):
            if rest := b"\r\n".join((*lines[:at], *lines[at + count :])):
                yield rest


def _simplified(data: bytes) -> Iterator[bytes]:
    """Yield inputs with a simpler target, method, value or body. Some are longer, and have fewer traits."""
    for pattern, simple in _SIMPLER:
        found = pattern.sub(simple, data, count=1)
        if found != data:
            yield found


_SIMPLER = (
    (re.compile(rb"(?<= )/[^ \r\n]*(?= HTTP)"), b"/"),
    (re.compile(rb"(?<= )/[^ \r\n?]*\?[^ \r\n]*(?= HTTP)"), b"/?"),
    (re.compile(rb"\A[^ \r\n]+(?= )"), b"GET"),
    (re.compile(rb"\A([^\r\n]*HTTP/1\.)0\r\n"), rb"\g<1>1\r\n"),
    (re.compile(rb"\A([^\r\n]*HTTP/1\.)0\r\n"), rb"\g<1>1\r\nHost: a\r\n"),
    (re.compile(rb"\A([^\r\n]+)\r\n"), rb"\1\r\nHost: a\r\n"),
    (re.compile(rb"(?i)(?<=\r\nX-A: )[^\r\n]+"), b"b"),
    (re.compile(rb"(?i)(?<=\r\nHost: )[^\r\n]+"), b"a"),
    (re.compile(rb"5\r\nhello\r\n"), b"1\r\na\r\n"),
    (re.compile(rb"a\r\n0123456789\r\n"), b"1\r\na\r\n"),
    (re.compile(rb"(?s)Content-Length: 5\r\n(.*)hello"), rb"Content-Length: 1\r\n\1a"),
    (re.compile(rb"(?s)\r\nContent-Length: [0-9]+(\r\n.*?\r\n\r\n).*"), rb"\1"),
    (re.compile(rb"(?s)\r\nContent-Length: [0-9]+(\r\n.*?\r\n\r\n).*"), rb"\g<1>0\r\n\r\n"),
    (re.compile(rb"(?s)\r\nTransfer-Encoding: chunked(\r\n.*?\r\n\r\n).*"), rb"\1"),
    (re.compile(rb"(?s)(\r\n\r\n).*"), rb"\1"),
    (re.compile(rb"(?s)(\r\n\r\n).*"), rb"\g<1>0\r\n\r\n"),
)
"""Parts in a simpler form: to leave out bytes alone cannot change two places at once, as a length and its body."""
