"""Sizes and counts at which servers change: powers of two, customary limits, and the numbers next to them."""

from __future__ import annotations

from collections.abc import Iterable


def around(powers: Iterable[int]) -> set[int]:
    """Return each power of two and the two numbers next to it."""
    return {(1 << power) + step for power in powers for step in (-1, 0, 1)}


CUSTOMARY = {1000, 1460, 4000, 8000, 8190, 10_000, 65_000, 100_000, 102_400}
"""Limits in the documents of servers, the payload of an Ethernet segment, and round numbers."""

LARGEST = {500_000, 1_000_000, (1 << 20) - 1, 1 << 20, (1 << 20) + 1}
"""Sizes at which servers put a body into a file, or reject it."""

BODY_SIZES = tuple(sorted({0, 1, 2} | around(range(7, 20)) | CUSTOMARY | LARGEST))
"""Bytes of a body, a chunk or a block."""

HEADER_SIZES = tuple(size for size in BODY_SIZES if 100 < size <= 65_537)
"""Bytes of a header, a path or a query; servers reject the larger ones."""

LINE_SIZES = tuple(size for size in BODY_SIZES if 1 < size <= 65_537)
"""Bytes of a line of a body, with its LF."""

COUNTS = tuple(sorted(around(range(2, 11)) | {10, 20, 30, 50, 90, 97, 100, 101, 200, 500, 1000}))
"""Numbers of headers. A test uses three; Django's login page, a proxy and tracing make forty."""

MANY = 1100
"""Chunks or blocks of one body: more than any counter of 8 bits, a hundred, a thousand or 1024."""
