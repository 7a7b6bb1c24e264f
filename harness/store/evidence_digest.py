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
from wsgi_gauntlet.harness.store.evidence_limits import EvidenceLimits, is_gap, truncate_evidence
from wsgi_gauntlet.harness.store.json_encoding import to_json

KEEP_EVIDENCE = KEEP_NOTABLE, KEEP_ALL = ("notable", "all")
"""The values of --keep-evidence, and of its key in pyproject.toml: which cells keep their evidence."""

MAX_STATUS_LINES = 8
"""Different status lines of a digest."""

OTHER_STATUS_LINES = "others"
"""The key that counts all further status lines."""

NOTABLE_PASS_BYTES = 16 << 10
"""Bytes of JSON that a pass keeps of evidence that is notable. A server may have a finding in each response."""

NOTABLE_PASS_LIMITS = (
    EvidenceLimits(event=1024, wire=4096, events=40, detail=2048, log=1024, process=8),
    EvidenceLimits(event=512, wire=2048, events=20, detail=400, log=512, process=4),
    EvidenceLimits(event=384, wire=1024, events=10, detail=128, log=128, process=2),
)
"""Limits for such evidence. The first ones that fit into NOTABLE_PASS_BYTES count, or the last ones."""

_STATUS_LINE = re.compile(rb"HTTP/[0-9]\.[0-9] [0-9]{3}[^\r\n]{0,60}")


def with_digest(cell: CaseResult) -> CaseResult:
    """Return `cell` as it is stored: a pass has a digest of its evidence, and the notes on the processes.

    A pass with lint findings, and one that the baseline does not expect, keep NOTABLE_PASS_BYTES of their evidence.
    Every other verdict keeps all of it.
    """
    if cell.verdict is not Verdict.PASS or cell.evidence.digest is not None:
        return cell
    unexpected = cell.baseline is not None and cell.baseline.status is BaselineStatus.UNEXPECTED_PASS
    if cell.findings or unexpected:
        return msgspec.structs.replace(cell, evidence=_shortened(cell.evidence))
    notes = truncate_evidence(Evidence(process=cell.evidence.process), NOTABLE_PASS_LIMITS[0])
    return msgspec.structs.replace(cell, evidence=msgspec.structs.replace(notes, digest=digest(cell.evidence)))


def _shortened(evidence: Evidence) -> Evidence:
    if len(to_json(evidence)) <= NOTABLE_PASS_BYTES:
        return evidence
    for limits in NOTABLE_PASS_LIMITS:
        cut = truncate_evidence(evidence, limits)
        if len(to_json(cut)) <= NOTABLE_PASS_BYTES:
            break
    return cut


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
