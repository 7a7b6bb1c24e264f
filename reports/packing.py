"""The evidence of all cells, packed for the page: what was sent and seen is much the same from cell to cell.

Written out it would be most of the page, and most of it is never looked at. So the page carries one block of base64
text (deflate, RFC 1950) that its script unpacks when a cell is first opened, and lays out as text and nothing else.
"""

from __future__ import annotations

import base64
import json
import math
import zlib
from collections.abc import Callable, Sequence

from ..harness.model import Check
from .bounds import Bounds, bounded
from .timeline import Row, timeline
from .visible import clean

PLAIN = Bounds(event=1200, wire=4000, events=20, detail=300, log=500)
"""What a cell shows that nobody needs to look into."""

FULL = Bounds(event=6000, wire=24_000, events=120, detail=6000, log=8000)
"""What a cell shows that did not pass."""

LARGEST = 2_500_000
"""Characters of the packed evidence in a page that is still sent around by mail."""

TRIES = 8
"""Times that bounds are made smaller; each time by a half at least."""

SIDES = ("sent", "received", "app", "note")


def packed(checks: Sequence[Check], quiet: Callable[[Check], bool], largest: int = LARGEST) -> str:
    """Return the evidence of `checks` in their order: base64 of a deflated JSON list of [time line, log].

    A row of a time line is [milliseconds, side as a place in SIDES, arrow, connection, label, text]. Where `largest` is
    passed everything is cut shorter; what is not `quiet` gives up its evidence last.
    """
    share = 1.0
    for _ in range(TRIES):
        bounds = (_scaled(PLAIN, share), _scaled(FULL, math.sqrt(share)))
        text = _packed([_cell(each, bounds[not quiet(each)]) for each in checks])
        if len(text) <= largest:
            break
        share *= min(0.5, 0.6 * largest / len(text))
    return text


def _packed(cells: Sequence[object]) -> str:
    data = json.dumps(cells, ensure_ascii=False, separators=(",", ":")).encode("utf-8", "backslashreplace")
    return base64.b64encode(zlib.compress(data, 9)).decode("ascii")


def _cell(check: Check, bounds: Bounds) -> tuple[list[object], str]:
    evidence = bounded(check.evidence, bounds)
    rows = timeline(evidence, bounds.detail)
    return [_row(each) for each in rows], clean(evidence.log).strip("\n")


def _row(row: Row) -> tuple[object, ...]:
    return round(row.at, 1), SIDES.index(row.side), row.arrow, row.connection, row.label, row.text


def _scaled(bounds: Bounds, share: float) -> Bounds:
    return Bounds(
        max(int(bounds.event * share), 100),
        max(int(bounds.wire * share), 200),
        max(int(bounds.events * share), 4),
        max(int(bounds.detail * share), 80),
        max(int(bounds.log * share), 100),
    )
