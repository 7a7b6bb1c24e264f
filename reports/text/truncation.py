"""Cut evidence to a bounded size, with a note for each part that was left out."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from itertools import chain
from typing import TypeVar

import msgspec

from wsgi_gauntlet.harness.model import AppEvent, ConnectionEvent, ConnectionEventKind, Evidence

T = TypeVar("T")


@dataclass(frozen=True)
class EvidenceLimits:
    """The size of one cell's evidence: bytes of one connection event and of all, events of each kind, bytes of the
    detail of one app event, characters of the log."""

    event: int
    wire: int
    events: int
    detail: int
    log: int


def truncate_evidence(evidence: Evidence, limits: EvidenceLimits) -> Evidence:
    """Return `evidence` within `limits`. Cut parts keep their beginning and their end, with a note between them."""
    return Evidence(
        tuple(_truncate_wire_events(evidence.wire, limits)),
        tuple(_truncate_app_events(evidence.app, limits)),
        truncate_text(evidence.log, limits.log),
        tuple(truncate_text(each, 500) for each in evidence.process[:50]),
    )


def truncate_text(text: str, limit: int) -> str:
    """Return `text` with about `limit` characters, cut in the middle."""
    if len(text) <= limit:
        return text
    head, tail = limit * 3 // 4, limit // 4
    left_out = len(text) - head - tail
    return f"{text[:head]}\n… {left_out:,} characters left out …\n{text[len(text) - tail :]}"


def _truncate_wire_events(events: Sequence[ConnectionEvent], limits: EvidenceLimits) -> list[ConnectionEvent]:
    first, last = _head_and_tail(events, limits.events)
    left = limits.wire
    found: list[ConnectionEvent] = []
    for index, each in enumerate([*first, *last]):
        if index == len(first) and last:
            skipped = len(events) - len(first) - len(last)
            note = f"{skipped:,} events left out" if skipped > 1 else "one event left out"
            found.append(ConnectionEvent(each.at, each.connection, ConnectionEventKind.NOTE, note=note))
        available_bytes = min(limits.event, left)
        left -= min(len(each.data), available_bytes)
        found.extend(_split_event(each, available_bytes))
    return found


def _split_event(event: ConnectionEvent, available_bytes: int) -> list[ConnectionEvent]:
    size = len(event.data)
    if size <= available_bytes:
        return [event]
    tail = available_bytes // 4
    head = available_bytes - tail
    note = f"the first {head:,} of {size:,} bytes"
    parts = [msgspec.structs.replace(event, data=event.data[:head], note=_join_notes(event.note, note))]
    if tail:
        parts.append(msgspec.structs.replace(event, data=event.data[size - tail :], note=f"the last {tail:,}"))
    return parts


def _truncate_app_events(events: Sequence[AppEvent], limits: EvidenceLimits) -> list[AppEvent]:
    first, last = _head_and_tail(events, limits.events)
    found = [_truncate_detail(each, limits.detail) for each in first]
    if last:
        skipped = {"events": len(events) - len(first) - len(last)}
        found.append(AppEvent(last[0].at, "left out", last[0].pid, last[0].thread, detail=skipped))
    return found + [_truncate_detail(each, limits.detail) for each in last]


def _truncate_detail(event: AppEvent, limit: int) -> AppEvent:
    if _approximate_size(event.detail, limit) <= limit:
        return event
    shortened: dict[str, object] = {}
    left = limit
    for name, value in event.detail.items():
        size = _approximate_size(value, left) + len(name)
        if size > left:
            shortened["left out"] = [str(each)[:80] for each in event.detail if each not in shortened][:40]
            break
        shortened[name] = value
        left -= size
    return msgspec.structs.replace(event, detail=shortened)


def _approximate_size(value: object, limit: int) -> int:
    """Return the approximate number of characters of `value`. Counting stops above `limit`."""
    match value:
        case str() | bytes():
            return len(value) + 2
        case dict():
            parts: Iterable[object] = chain.from_iterable(value.items())
        case list() | tuple() | set():
            parts = value
        case _:
            return len(str(value))
    total = 2
    for each in parts:
        total += _approximate_size(each, limit - total) + 2
        if total > limit:
            break
    return total


def _head_and_tail(events: Sequence[T], limit: int) -> tuple[Sequence[T], Sequence[T]]:
    if len(events) <= limit:
        return events, ()
    tail = limit // 4
    return events[: limit - tail], events[len(events) - tail :]


def _join_notes(first: str, second: str) -> str:
    return f"{first}; {second}" if first else second
