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

from wsgi_gauntlet.harness.model import CaseResult
from wsgi_gauntlet.reports.text.escaping import escape_text
from wsgi_gauntlet.reports.text.timeline import TimelineRow, timeline
from wsgi_gauntlet.reports.text.truncation import EvidenceLimits, truncate_evidence

PASSED_CELL_LIMITS = EvidenceLimits(event=1200, wire=4000, events=20, detail=300, log=500)
"""What a cell shows that nobody needs to look into."""

FAILED_CELL_LIMITS = EvidenceLimits(event=6000, wire=24_000, events=120, detail=6000, log=8000)
"""What a cell shows that did not pass."""

MAX_PACKED_CHARACTERS = 2_500_000
"""Characters of the packed evidence in a page that is still sent around by mail."""

MAX_ATTEMPTS = 8
"""Times that bounds are made smaller; each time by a half at least."""

SIDES = ("sent", "received", "app", "note")


def pack_evidence(
    checks: Sequence[CaseResult], quiet: Callable[[CaseResult], bool], max_characters: int = MAX_PACKED_CHARACTERS
) -> str:
    """Return the evidence of `checks` in their order: base64 of a deflated JSON list of [time line, log].

    A row of a time line is [milliseconds, side as a place in SIDES, arrow, connection, label, text]. Where `largest` is
    passed everything is cut shorter; what is not `quiet` gives up its evidence last.
    """
    share = 1.0
    for _ in range(MAX_ATTEMPTS):
        limits = (_scale_limits(PASSED_CELL_LIMITS, share), _scale_limits(FAILED_CELL_LIMITS, math.sqrt(share)))
        text = _compress([_pack_cell(each, limits[not quiet(each)]) for each in checks])
        if len(text) <= max_characters:
            break
        share *= min(0.5, 0.6 * max_characters / len(text))
    return text


def _compress(cells: Sequence[object]) -> str:
    data = json.dumps(cells, ensure_ascii=False, separators=(",", ":")).encode("utf-8", "backslashreplace")
    return base64.b64encode(zlib.compress(data, 9)).decode("ascii")


def _pack_cell(check: CaseResult, limits: EvidenceLimits) -> tuple[list[object], str]:
    evidence = truncate_evidence(check.evidence, limits)
    rows = timeline(evidence, limits.detail)
    return [_pack_row(each) for each in rows], escape_text(evidence.log).strip("\n")


def _pack_row(row: TimelineRow) -> tuple[object, ...]:
    return round(row.at, 1), SIDES.index(row.side), row.arrow, row.connection, row.label, row.text


def _scale_limits(limits: EvidenceLimits, share: float) -> EvidenceLimits:
    return EvidenceLimits(
        max(int(limits.event * share), 100),
        max(int(limits.wire * share), 200),
        max(int(limits.events * share), 4),
        max(int(limits.detail * share), 80),
        max(int(limits.log * share), 100),
    )
