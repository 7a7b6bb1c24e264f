"""The evidence of the page, in blocks of deflated JSON (RFC 1951). assets/js/stored_evidence.js reads it.

Evidence is most of the data of a page, and the page has a limit. So failures come first and are complete. Then come the
other cells that are no pass, and then passes, as far as there is room. A block has cells of one area, and is small
enough to be unpacked in a moment.

The block "evidence" lists the others: `blocks` has [name, [[case, server, server, ...], ...]], with the places of the
index. The cells of a block are in this order.
"""

from __future__ import annotations

import re
import zlib
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from functools import lru_cache

import msgspec

from wsgi_gauntlet.harness.model import (
    AppEvent,
    CaseResult,
    ConnectionEvent,
    Evidence,
    EvidenceDigest,
    Results,
    Verdict,
)
from wsgi_gauntlet.harness.store.evidence_limits import EvidenceLimits, split_event, truncate_evidence
from wsgi_gauntlet.harness.store.json_encoding import to_json
from wsgi_gauntlet.harness.store.stored_evidence import loaded
from wsgi_gauntlet.reports.analysis import aggregation
from wsgi_gauntlet.reports.text.escaping import escape_text, line
from wsgi_gauntlet.reports.writers.html.index import case_places

BLOCK_BYTES = 800_000
"""Bytes of JSON in a block. A browser unpacks and parses them in 20 ms."""

MAX_PAGE_BYTES = ((10, 3_000_000), (56, 8_000_000))
"""Bytes of a page by number of servers. Between the two the limit grows evenly."""

LARGE_EVIDENCE_BYTES = 600_000
"""Bytes of one cell above which the middle of long data goes, so that a block stays small."""

LARGE_EVIDENCE_EVENT_BYTES = 8_000
"""Bytes that an event keeps then. All events, status lines and the last response stay."""

OTHER_CELL_LIMITS = EvidenceLimits(event=8_000, wire=64_000, events=400, detail=6_000, log=8_000)
"""The evidence of cells that blame nobody."""

PASSED_CELL_LIMITS = EvidenceLimits(event=1_200, wire=4_000, events=30, detail=6_000, log=500)
"""The evidence of a pass, if the run kept it."""

WARNING_EVENT_BYTES = 16_000
"""Bytes of one event of a cell that only warns. The tests with large bodies send 64,000 at once."""

COMPRESSION_LEVEL = 6
"""Level 9 takes twice the time, and saves three percent."""

PACKED_PASS_BYTES = 50
"""Deflated bytes of a digest, on average in a run of waitress. More passes than fit so are not even read."""

DUMPS = ("environ", "types", "wsgi")
"""Details of an app event with one entry for each variable of environ."""

BRIEF_FIELDS = frozenset({"path", "method", "query"})
"""Fields of the event `called` that say which request it was. Of the other fields a case looks at few."""

_WORD = re.compile(r"[A-Za-z_][\w.-]*\w")


def evidence_budget(servers: int, other_bytes: int) -> int:
    """Return the bytes that the evidence of a page may take. `other_bytes` are those of its other parts."""
    (few, least), (many, most) = MAX_PAGE_BYTES
    share = min(max((servers - few) / (many - few), 0.0), 1.0)
    limit = least + share * (most - least)
    return max(int((limit - other_bytes) * 3 / 4), 0)  # base64 writes three bytes as four characters


def evidence_blocks(results: Results, budget_bytes: int) -> dict[str, bytes]:
    """Return the blocks by name, with at most `budget_bytes` in all unless the failures alone are larger.

    If they are, what no case looked at goes from their app events.
    """
    if not results.conformance:
        return {}
    plan = _Plan(results)
    blocks = plan.pack(plan.failures, folded=False)
    if _size(blocks) > budget_bytes:
        blocks = plan.pack(plan.failures, folded=True)
    for tier in (plan.blaming, plan.others):
        left = budget_bytes - _size(blocks)
        whole = plan.pack(tier, folded=False)
        blocks += whole if _size(whole) <= left else plan.fill(tier, left)
    blocks += plan.fill(plan.passes, budget_bytes - _size(blocks))
    directory = {"blocks": [[f"evidence/{number}", each.rows()] for number, each in enumerate(blocks)]}
    found = {f"evidence/{number}": each.data for number, each in enumerate(blocks)}
    return {"evidence": _deflate(to_json(directory)), **found}


@dataclass(frozen=True)
class _Block:
    """Packed cells. `places` are those of case and server in the index."""

    data: bytes
    places: tuple[tuple[int, int], ...]

    def rows(self) -> list[list[int]]:
        """Return the rows of the directory."""
        found: list[list[int]] = []
        for case, server in self.places:
            if found and found[-1][0] == case:
                found[-1].append(server)
            else:
                found.append([case, server])
        return found


@dataclass
class _Plan:
    """The cells with evidence by importance, then by area. In an area they are sorted by case and server.

    Passes of a case that another server broke come before other passes: they show a correct response.
    """

    results: Results
    failures: dict[str, list[CaseResult]] = field(default_factory=dict)
    blaming: dict[str, list[CaseResult]] = field(default_factory=dict)
    others: dict[str, list[CaseResult]] = field(default_factory=dict)
    passes: dict[str, list[CaseResult]] = field(default_factory=dict)

    def __post_init__(self) -> None:
        self._cases = case_places(self.results)
        self._servers = {each.name: place for place, each in enumerate(aggregation.servers(self.results))}
        self._words: dict[str, frozenset[str]] = {}
        broken = {each.case for each in self.results.conformance if each.verdict.blames_server}
        cells = sorted(self.results.conformance, key=self._place)
        for cell in [
            *(each for each in cells if each.case in broken),
            *(each for each in cells if each.case not in broken),
        ]:
            self._tier(cell.verdict).setdefault(aggregation.area(cell.case), []).append(cell)

    def _place(self, cell: CaseResult) -> tuple[int, int]:
        return self._cases[cell.case], self._servers[cell.server]

    def _tier(self, verdict: Verdict) -> dict[str, list[CaseResult]]:
        if verdict is Verdict.FAIL:
            return self.failures
        if verdict.blames_server:
            return self.blaming
        return self.passes if verdict is Verdict.PASS else self.others

    def pack(self, tier: Mapping[str, Sequence[CaseResult]], *, folded: bool) -> list[_Block]:
        """Return the blocks of all cells in `tier`."""
        return [
            _Block(_deflate(data), tuple(map(self._place, cells)))
            for area in tier.values()
            for data, cells in self._chunks(area, folded=folded)
        ]

    def fill(self, tier: Mapping[str, Sequence[CaseResult]], budget_bytes: int) -> list[_Block]:
        """Return the blocks of as many cells in `tier` as fit. Each area has a share of the room."""
        count = sum(map(len, tier.values()))
        return [
            block
            for cells in tier.values()
            for block in self._first_that_fit(cells, max(budget_bytes, 0) * len(cells) // count)
        ]

    def _first_that_fit(self, cells: Sequence[CaseResult], budget_bytes: int) -> list[_Block]:
        found: list[_Block] = []
        left = budget_bytes
        cells = cells[: budget_bytes // PACKED_PASS_BYTES]
        for data, chunk in self._chunks(cells, folded=True):
            block = _Block(_deflate(data), tuple(map(self._place, chunk)))
            if len(block.data) > left:
                count = int(len(chunk) * left / len(block.data) * 0.95)
                for smaller, some in self._chunks(chunk[:count], folded=True):
                    found += _within([_Block(_deflate(smaller), tuple(map(self._place, some)))], left)
                break
            found.append(block)
            left -= len(block.data)
        return found

    def _chunks(self, cells: Iterable[CaseResult], *, folded: bool) -> Iterator[tuple[bytes, list[CaseResult]]]:
        """Yield `cells` in groups with the JSON of their evidence, each of about BLOCK_BYTES."""
        parts: list[bytes] = []
        group: list[CaseResult] = []
        size = 0
        for cell in cells:
            data = to_json(self._packed(cell, folded=folded))
            if group and size + len(data) > BLOCK_BYTES:
                yield b"[" + b",".join(parts) + b"]", group
                parts, group, size = [], [], 0
            parts.append(data)
            group.append(cell)
            size += len(data)
        if group:
            yield b"[" + b",".join(parts) + b"]", group

    def _packed(self, cell: CaseResult, *, folded: bool) -> list[object]:
        evidence = _limited(cell)
        start = min([*(each.at for each in evidence.wire), *(each.at for each in evidence.app)], default=0.0)
        words = self._words_of(cell)
        digest = [_digest(evidence.digest)] if evidence.digest is not None else []
        return [
            escape_text(cell.expected),
            escape_text(cell.actual),
            [_wire_row(each, start) for each in evidence.wire],
            [_app_row(each, start, words, folded=folded) for each in evidence.app],
            escape_text(evidence.log),
            [escape_text(each) for each in evidence.process],
            *digest,
        ]

    def _words_of(self, cell: CaseResult) -> frozenset[str]:
        """Return the names in the texts of a cell and its case: what the case looked at is among them."""
        if cell.case not in self._words:
            info = self.results.cases.get(cell.case)
            texts = (info.id, info.summary, info.sent, info.expected) if info is not None else ()
            self._words[cell.case] = frozenset(word for text in texts for word in _names(text))
        own = self._words[cell.case]
        return own if cell.verdict is Verdict.PASS else _with_names(own, cell.expected, cell.actual)


@lru_cache(4096)
def _names(text: str) -> frozenset[str]:
    """Return the words in `text`, and the variables of environ that words like `Content-Type` mean."""
    found: set[str] = set()
    for word in _WORD.findall(text):
        variable = word.upper().replace("-", "_")
        found |= {word, word.replace("-", "_"), f"HTTP_{variable}"} | ({variable} if "-" in word else set())
    return frozenset(found)


@lru_cache(4096)
def _with_names(words: frozenset[str], expected: str, actual: str) -> frozenset[str]:
    """Return `words` and those of the texts. Most cells of a case have the same texts."""
    return words | _names(expected) | _names(actual)


def _limited(cell: CaseResult) -> Evidence:
    """Return what the page shows of the evidence: all events if it blames the server, all data of a failure."""
    evidence = loaded(cell.evidence)
    wire, size = evidence.wire, sum(len(each.data) for each in evidence.wire)
    if cell.verdict.blames_server:
        limit = WARNING_EVENT_BYTES if cell.verdict is not Verdict.FAIL else size
        limit = LARGE_EVIDENCE_EVENT_BYTES if size > LARGE_EVIDENCE_BYTES else limit
        wire = tuple(part for each in wire for part in split_event(each, limit))
        return msgspec.structs.replace(evidence, wire=wire)
    limits = PASSED_CELL_LIMITS if cell.verdict is Verdict.PASS else OTHER_CELL_LIMITS
    few_events = max(len(wire), len(evidence.app)) <= limits.events
    fits = few_events and size <= limits.wire and len(evidence.log) <= limits.log
    return evidence if fits else truncate_evidence(evidence, limits)


def _digest(digest: EvidenceDigest) -> EvidenceDigest:
    """Return `digest` for the page: status lines have the only text of a server."""
    return msgspec.structs.replace(
        digest, status_lines={line(each, 80): count for each, count in digest.status_lines.items()}
    )


def _wire_row(event: ConnectionEvent, start: float) -> list[object]:
    """Return [milliseconds, connection, kind, data, note, omitted bytes], without empty values at its end.

    A character of the data is a byte: base64 would hide from the compression that events repeat.
    """
    row: list[object] = [round((event.at - start) * 1000, 1), event.connection, event.kind]
    if event.omitted:
        row += event.data.decode("latin-1"), escape_text(event.note), event.omitted
    elif event.note:
        row += event.data.decode("latin-1"), escape_text(event.note)
    elif event.data:
        row.append(event.data.decode("latin-1"))
    return row


def _app_row(event: AppEvent, start: float, words: frozenset[str], *, folded: bool) -> list[object]:
    """Return [milliseconds, kind, pid, thread, fields, other fields]: the case did not look at the other ones.

    `folded` leaves out the values of the others, and gives their number.
    """
    read: dict[str, object] = {}
    others: dict[str, object] = {}
    count = 0
    is_call = event.kind == "called"
    for name, value in event.detail.items():
        if is_call and name in DUMPS and isinstance(value, dict):
            known = words.intersection(value)
            count += len(value) - len(known)
            for key in sorted(known):
                read[_name(f"{name} {key}")] = value[key]
            if not folded and len(known) < len(value):
                others[name] = {key: each for key, each in value.items() if key not in known} if known else value
        elif not is_call or name in BRIEF_FIELDS or name in words:
            read[_name(name)] = value
        else:
            count += 1
            if not folded:
                others[_name(name)] = value
    return [
        round((event.at - start) * 1000, 1),
        line(event.kind, 60),
        event.pid,
        event.thread,
        read,
        count if folded else others,
    ]


@lru_cache(4096)
def _name(text: str) -> str:
    return line(text, 200)


def _within(blocks: Iterable[_Block], budget_bytes: int) -> list[_Block]:
    """Return those of `blocks` that fit, the first ones first."""
    found: list[_Block] = []
    left = budget_bytes
    for each in blocks:
        if len(each.data) <= left:
            found.append(each)
            left -= len(each.data)
    return found


def _size(blocks: Iterable[_Block]) -> int:
    return sum(len(each.data) for each in blocks)


def _deflate(data: bytes) -> bytes:
    compressor = zlib.compressobj(COMPRESSION_LEVEL, zlib.DEFLATED, -zlib.MAX_WBITS)
    return compressor.compress(data) + compressor.flush()
