"""Pack the evidence of all cells for the page.

Evidence is most of the data and mostly repeats. So the page has one block of base64 text (deflate, RFC 1950). The
script unpacks it when a cell is opened, and shows it as text only.
"""

from __future__ import annotations

import base64
import json
import math
import zlib
from collections.abc import Callable, Sequence

from wsgi_gauntlet.harness.model import CaseResult
from wsgi_gauntlet.harness.store.evidence_limits import EvidenceLimits, truncate_evidence
from wsgi_gauntlet.reports.text.escaping import escape_text
from wsgi_gauntlet.reports.text.timeline import TimelineRow, timeline

PASSED_CELL_LIMITS = EvidenceLimits(event=1200, wire=4000, events=20, detail=300, log=500)
"""The evidence of a pass."""

FAILED_CELL_LIMITS = EvidenceLimits(event=6000, wire=24_000, events=120, detail=6000, log=8000)
"""The evidence of other cells."""

MAX_PACKED_CHARACTERS = 2_500_000
"""Characters of the packed evidence: small enough for a page that is sent by mail."""

MAX_ATTEMPTS = 8
"""Attempts to fit the limit. Each one at least halves the evidence."""

SIDES = ("sent", "received", "app", "note")


def pack_evidence(
    checks: Sequence[CaseResult], quiet: Callable[[CaseResult], bool], max_characters: int = MAX_PACKED_CHARACTERS
) -> str:
    """Return the evidence of `checks` in their order: base64 of a deflated JSON list of [time line, log].

    A row of a time line is [milliseconds, side as a place in SIDES, arrow, connection, label, text]. If the result is
    longer than `max_characters`, everything is cut. Cells that are not `quiet` keep more.
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
