"""Put a digest in place of evidence that nobody needs to look at: `replay` shows a pass again. Pure."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterable
from hashlib import sha256

import msgspec

from wsgi_gauntlet.harness.model import (
    BaselineStatus,
    CaseResult,
    ConnectionEvent,
    ConnectionEventKind,
    Evidence,
    EvidenceDigest,
    Verdict,
)
from wsgi_gauntlet.harness.store.evidence_limits import is_gap

KEEP_EVIDENCE = KEEP_NOTABLE, KEEP_ALL = ("notable", "all")
"""The values of --keep-evidence, and of its key in pyproject.toml: which cells keep their evidence."""

MAX_STATUS_LINES = 8
"""Different status lines of a digest."""

OTHER_STATUS_LINES = "others"
"""The key of those that are more than MAX_STATUS_LINES."""

_STATUS_LINE = re.compile(rb"HTTP/[0-9]\.[0-9] [0-9]{3}[^\r\n]{0,60}")


def with_digest(cell: CaseResult) -> CaseResult:
    """Return `cell` with a digest of its evidence if that is not notable. Notes on the processes stay.

    Notable is the evidence of a pass with lint findings, of a pass that the baseline does not expect, and of every
    other verdict.
    """
    unexpected = cell.baseline is not None and cell.baseline.status is BaselineStatus.UNEXPECTED_PASS
    if cell.verdict is not Verdict.PASS or cell.findings or unexpected or cell.evidence.digest is not None:
        return cell
    return msgspec.structs.replace(cell, evidence=Evidence(process=cell.evidence.process, digest=digest(cell.evidence)))


def digest(evidence: Evidence) -> EvidenceDigest:
    """Return the digest of `evidence`."""
    covered = sha256()
    sizes = Counter[ConnectionEventKind]()
    for each in evidence.wire:
        covered.update(each.data)
        sizes[each.kind] += len(each.data) + each.omitted
    return EvidenceDigest(
        covered.hexdigest(),
        connections=len({each.connection for each in evidence.wire}),
        sent=sizes[ConnectionEventKind.SENT],
        received=sizes[ConnectionEventKind.RECEIVED],
        status_lines=_status_lines(evidence.wire),
        calls=sum(each.kind == "called" for each in evidence.app),
        app_events=len(evidence.app),
        unrecorded=sum(each.omitted for each in evidence.wire),
    )


def _status_lines(events: Iterable[ConnectionEvent]) -> dict[str, int]:
    """Return how often each status line was received. Where bytes are missing, no line spans the gap."""
    received: dict[int, list[bytes]] = {}
    for each in events:
        if is_gap(each):
            for parts in received.values():
                parts.append(b"\n")
        elif each.kind is ConnectionEventKind.RECEIVED:
            received.setdefault(each.connection, []).append(each.data + b"\n" * bool(each.omitted))
    lines = (line for parts in received.values() for line in _STATUS_LINE.findall(b"".join(parts)))
    counts = Counter(line.decode("latin-1") for line in lines)
    found = dict(list(counts.items())[:MAX_STATUS_LINES])
    others = counts.total() - sum(found.values())
    return {**found, OTHER_STATUS_LINES: others} if others else found
