"""The parts of a body that are the same in every visit. Pure. They are learned from the bodies of two or more visits.

A page with a token, a clock or a user's name differs each time. The rest of it must be there, in order. Of a page that
grows, such as a list of posts, only its beginning and its last closing tags are compared.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Sequence
from difflib import SequenceMatcher
from itertools import groupby

import msgspec

MAX_DIFF_BYTES = 512 * 1024
"""Bytes of a body that are compared line by line. Of a longer one only the beginning and the end are used."""

MAX_DIFF_LINES = 8000
"""Lines of a body that are compared line by line."""

MAX_DIFF_PAIRS = 100_000
"""Pairs of equal lines of two bodies; with more of them, as in a long table, the comparison would take minutes."""

MIN_PIECE_BYTES = 8
"""Bytes of the shortest piece that is compared: a shorter one may be the same by chance."""

EXTRA_BYTES = 64
"""Bytes that a body may be longer than the longest one that was learned, besides its usual variation."""

VARIATION_FACTOR = 4
"""A body may vary in length by so many times the variation that was learned."""

_LINE = re.compile(rb"[^\n>,;]*[\n>,;]|[^\n>,;]+")
_LINE_ENDS = (b"\n", b">", b",", b";")
_TOKEN_BYTES = frozenset(b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789_-.+/=:%~")
_TIME = re.compile(
    rb"\b[0-9]{1,2}:[0-9]{2}(?::[0-9]{2})?(?:\.[0-9]+)?\b|\b[0-9]+\s+(?:second|minute|hour)s?\b|\b1[0-9]{9,12}\b",
    re.IGNORECASE,
)
"""Times of the day, ages and seconds since 1970: they may be the same while the traffic is learned and differ later."""

_CLOSING_TAGS = re.compile(rb"(?:\s*</[A-Za-z][A-Za-z0-9-]*>)+\s*\Z")


class ExpectedBody(msgspec.Struct, frozen=True):
    """What a body must have. It is a msgspec type, so that a generator process receives it as a message.

    `whole` is the body if it never differs, and `longest` its length. Else it has `pieces` in this order, begins with
    the first one if `begins`, ends with the last one if `ends`, and has a length from `shortest` to `longest` (0: any).
    `redirect` is the status and the path of the Location if the response is always the same redirect.
    """

    whole: bytes | None = None
    pieces: tuple[bytes, ...] = ()
    begins: bool = False
    ends: bool = False
    shortest: int = 0
    longest: int = 0
    grows: bool = False
    redirect: tuple[int, bytes] | None = None

    def difference(self, body: bytes, length: int) -> str:
        """Return how a body differs from what it must have, '' if it does not. `length` counts all its bytes."""
        if self.whole is not None:
            if body == self.whole and length == self.longest:
                return ""
            if length != self.longest:
                return f"a body of {length} bytes in place of {self.longest}{_first_difference(body, self.whole)}"
            return f"the body has the right length{_first_difference(body, self.whole)}"
        if length < self.shortest or (self.longest and length > self.longest):
            usual = f"{self.shortest} to {self.longest}" if self.longest else f"at least {self.shortest}"
            return f"a body of {length} bytes in place of {usual}"
        if self.begins and not body.startswith(self.pieces[0]):
            return f"the body does not begin with {_shown(self.pieces[0])}"
        at = 0
        for each in self.pieces:
            found = body.find(each, at)
            if found < 0:
                return f"the body lacks {_shown(each)}"
            at = found + len(each)
        if self.ends and length == len(body) and not body.endswith(self.pieces[-1]):
            return f"the body does not end with {_shown(self.pieces[-1])}"
        return ""

    def describe(self) -> str:
        """Return in words what is compared."""
        if self.redirect is not None:
            body = msgspec.structs.replace(self, redirect=None).describe()
            return f"{body}, and the redirect to {self.redirect[1].decode(errors='replace')}"
        if self.whole is not None:
            return "the whole body" if self.whole else "the empty body"
        size = sum(map(len, self.pieces))
        if not size:
            return "the length" if self.longest else "nothing but the status"
        share = f"{size} bytes in {len(self.pieces)} piece{'' if len(self.pieces) == 1 else 's'}"
        return f"{share}; the page grows" if self.grows else share


def learn(bodies: Sequence[bytes], lengths: Sequence[int] = ()) -> ExpectedBody:
    """Return what `bodies` have in common: those of the same step in two or more visits.

    `lengths` count all bytes of bodies of which only the beginning was kept.
    """
    first = bodies[0]
    sizes = lengths or [len(each) for each in bodies]
    if all(each == first for each in bodies) and len(set(sizes)) == 1 and not _TIME.search(first):
        return ExpectedBody(whole=first, longest=sizes[0])
    stable = [(0, len(first))]
    grows = False
    for each in bodies[1:]:
        common, moved = _common(first, each)
        grows |= moved
        stable = _intersect(stable, common)
    stable = _whole_tokens(_without_times(stable, first), first)
    if grows:
        return _growing(stable, first, bodies)
    stable = [(start, end) for start, end in stable if end - start >= MIN_PIECE_BYTES]
    variation = max(sizes) - min(sizes)
    pieces = tuple(first[start:end] for start, end in stable)
    return ExpectedBody(
        pieces=pieces,
        begins=bool(pieces) and all(each.startswith(pieces[0]) for each in bodies),
        ends=bool(pieces) and all(each.endswith(pieces[-1]) for each in bodies),
        shortest=max(
            sum(end - start for start, end in stable), min(sizes) - EXTRA_BYTES - VARIATION_FACTOR * variation
        ),
        longest=max(sizes) + EXTRA_BYTES + VARIATION_FACTOR * variation,
    )


def _growing(stable: list[tuple[int, int]], first: bytes, bodies: Sequence[bytes]) -> ExpectedBody:
    """Return the beginning and the last closing tags: entries of a list may leave it later."""
    pieces: list[bytes] = []
    begins = bool(stable) and stable[0][0] == 0 and stable[0][1] >= MIN_PIECE_BYTES
    begins = begins and all(each.startswith(first[: stable[0][1]]) for each in bodies)
    if begins:
        pieces.append(first[: stable[0][1]])
    closing = _CLOSING_TAGS.search(first[-1024:])
    tail = closing[0] if closing else b""
    room = min(map(len, bodies)) - (stable[0][1] if begins else 0)
    ends = bool(tail) and len(tail) <= room and all(each.endswith(tail) for each in bodies)
    if ends:
        pieces.append(tail)
    return ExpectedBody(
        pieces=tuple(pieces), begins=begins, ends=ends, shortest=sum(map(len, pieces)), longest=0, grows=True
    )


def _common(first: bytes, second: bytes) -> tuple[list[tuple[int, int]], bool]:
    """Return the parts of `first` that `second` has in the same order, and whether lines were added or left out."""
    if first == second:
        return [(0, len(first))], False
    counts = [sum(map(each.count, _LINE_ENDS)) for each in (first, second)]
    if max(len(first), len(second)) > MAX_DIFF_BYTES or max(counts) > MAX_DIFF_LINES:
        return _joined(_ends(first, second, 0, 0)), counts[0] != counts[1]
    lines, others = _LINE.findall(first), _LINE.findall(second)
    opcodes = _opcodes(lines, others)
    if opcodes is None:
        return _joined(_ends(first, second, 0, 0)), counts[0] != counts[1]
    offsets, other_offsets = [0], [0]
    for line in lines:
        offsets.append(offsets[-1] + len(line))
    for line in others:
        other_offsets.append(other_offsets[-1] + len(line))
    found: list[tuple[int, int, int]] = []
    moved = False
    for kind, a, b, c, d in opcodes:
        if kind == "equal":
            found.append((offsets[a], other_offsets[c], offsets[b] - offsets[a]))
            continue
        moved |= b - a != d - c
        found += _ends(b"".join(lines[a:b]), b"".join(others[c:d]), offsets[a], other_offsets[c])
    return _joined(found), moved


def _opcodes(lines: Sequence[bytes], others: Sequence[bytes]) -> list[tuple[str, int, int, int, int]] | None:
    """Return the difference as SequenceMatcher does, None if it would take too long."""
    if len(lines) == len(others):
        differing = [at for at, each in enumerate(lines) if each != others[at]]
        # Tokens are in no other place: then each line belongs to the one at the same place.
        if not set(others).intersection(lines[at] for at in differing) and not set(lines).intersection(
            others[at] for at in differing
        ):
            runs = [
                (equal, [*places]) for equal, places in groupby(range(len(lines)), lambda at: lines[at] == others[at])
            ]
            return [("equal" if equal else "replace", run[0], run[-1] + 1, run[0], run[-1] + 1) for equal, run in runs]
    counts = Counter(others)
    if sum(counts[each] for each in lines) > MAX_DIFF_PAIRS:
        return None
    return [*SequenceMatcher(None, lines, others, autojunk=False).get_opcodes()]


def _ends(first: bytes, second: bytes, at: int, other_at: int) -> list[tuple[int, int, int]]:
    """Return the common beginning and the common end: place in both, counted from `at` and `other_at`, and size."""
    begin = _common_prefix(first, second)
    end = min(_common_prefix(first[::-1], second[::-1]), min(len(first), len(second)) - begin)
    return [(at, other_at, begin), (at + len(first) - end, other_at + len(second) - end, end)]


def _common_prefix(first: bytes, second: bytes) -> int:
    low, high = 0, min(len(first), len(second))
    while low < high:  # a binary search compares at the speed of memory
        middle = (low + high + 1) // 2
        low, high = (middle, high) if first[low:middle] == second[low:middle] else (low, middle - 1)
    return low


def _joined(parts: list[tuple[int, int, int]]) -> list[tuple[int, int]]:
    """Return the parts of the first body. Two of them become one if they touch in both bodies."""
    found: list[tuple[int, int, int]] = []
    for at, other_at, size in parts:
        last = found[-1] if found else (0, 0, 0)
        if not size:
            continue
        if found and last[0] + last[2] == at and last[1] + last[2] == other_at:
            found[-1] = (last[0], last[1], last[2] + size)
        else:
            found.append((at, other_at, size))
    return [(at, at + size) for at, _, size in found]


def _intersect(some: list[tuple[int, int]], others: list[tuple[int, int]]) -> list[tuple[int, int]]:
    found = []
    i = j = 0
    while i < len(some) and j < len(others):
        start, end = max(some[i][0], others[j][0]), min(some[i][1], others[j][1])
        if start < end:
            found.append((start, end))
        if some[i][1] < others[j][1]:
            i += 1
        else:
            j += 1
    return found


def _without_times(parts: list[tuple[int, int]], first: bytes) -> list[tuple[int, int]]:
    times = [found.span() for found in _TIME.finditer(first)]
    between, at = [], 0
    for start, end in times:
        between.append((at, start))
        at = end
    between.append((at, len(first)))
    return _intersect(parts, [each for each in between if each[0] < each[1]])


def _whole_tokens(parts: list[tuple[int, int]], first: bytes) -> list[tuple[int, int]]:
    """Cut the parts before and after a token: two tokens may have some characters in common by chance."""
    found = []
    for start, end in parts:
        while 0 < start < end and first[start] in _TOKEN_BYTES:
            start += 1
        while start < end < len(first) and first[end - 1] in _TOKEN_BYTES:
            end -= 1
        if start < end:
            found.append((start, end))
    return found


def _first_difference(body: bytes, expected: bytes) -> str:
    at = _common_prefix(body, expected)
    if at == len(body):
        return ""
    return f"; it differs from byte {at}: {_shown(body[at : at + 40])} in place of {_shown(expected[at : at + 40])}"


def _shown(data: bytes) -> str:
    text = data if len(data) <= 60 else data[:57] + b"..."
    return repr(text)
