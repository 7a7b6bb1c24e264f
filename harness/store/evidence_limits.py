"""Cut evidence to a bounded size, and say what is missing. Pure.

Long data keep their beginning and their end: `ConnectionEvent.omitted` counts the bytes between them. If there are too
many events, a note takes the place of those in the middle.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TypeVar

import msgspec

from wsgi_gauntlet.harness.model import AppEvent, ConnectionEvent, ConnectionEventKind, Evidence
from wsgi_gauntlet.harness.store.json_encoding import to_json

T = TypeVar("T")

STATUS_LINE_BYTES = 64
"""Bytes that an event with the beginning of a response keeps, if nothing else of it fits."""

LEFT_OUT = "left out"
"""The end of the note of missing events, and the key of an app event's detail with the names of missing values."""

MAX_LEFT_OUT_NAMES = 40
MAX_LEFT_OUT_CHARACTERS = 80
"""Names of missing values, and characters of each."""

MAX_PROCESS_CHARACTERS = 500
"""Characters of one line about the processes of the server."""


@dataclass(frozen=True)
class EvidenceLimits:
    """The size of one cell's evidence: bytes of one connection event and of all, events of each kind, bytes of the
    detail of one app event, characters of the log, and lines about the processes."""

    event: int
    wire: int
    events: int
    detail: int
    log: int
    process: int = 50


def truncate_evidence(evidence: Evidence, limits: EvidenceLimits) -> Evidence:
    """Return `evidence` within `limits`. Cut parts keep their beginning and their end, with a note between them.

    Evidence that was cut to the same limits before stays the same: its notes say how much is missing.
    """
    return Evidence(
        tuple(_truncate_wire_events(evidence.wire, limits)),
        tuple(_truncate_app_events(evidence.app, limits)),
        truncate_text(evidence.log, limits.log),
        tuple(_truncate_process(evidence.process, limits.process)),
        evidence.digest,
    )


def truncate_text(text: str, limit: int) -> str:
    """Return `text` with at most `limit` characters, cut in the middle. A limit below that of the note is too small."""
    if len(text) <= limit:
        return text
    room = max(limit - len(_text_note(len(text))), 0)
    head, tail = room - room // 4, room // 4
    return f"{text[:head]}{_text_note(len(text) - head - tail)}{text[len(text) - tail :]}"


def _text_note(characters: int) -> str:
    return f"\n… {characters:,} characters left out …\n"


def split_event(event: ConnectionEvent, available_bytes: int) -> list[ConnectionEvent]:
    """Return `event` if its data fit, else its beginning and its end as two events with the same time."""
    size = len(event.data)
    if size <= available_bytes:
        return [event]
    tail = available_bytes // 4
    head = available_bytes - tail
    if not tail:
        return [msgspec.structs.replace(event, data=event.data[:head], omitted=size - head + event.omitted)]
    return [
        msgspec.structs.replace(event, data=event.data[:head], omitted=size - available_bytes),
        msgspec.structs.replace(event, data=event.data[size - tail :], note=""),
    ]


def gap(before: ConnectionEvent, count: int, size: int) -> ConnectionEvent:
    """Return the note that `count` events with `size` bytes are missing between `before` and the next event."""
    note = f"{count:,} events {LEFT_OUT}" if count > 1 else f"one event {LEFT_OUT}"
    return ConnectionEvent(before.at, before.connection, ConnectionEventKind.NOTE, note=note, omitted=size)


def is_gap(event: ConnectionEvent) -> bool:
    """Say whether `event` is a note of `gap`."""
    return event.kind is ConnectionEventKind.NOTE and event.note.endswith(LEFT_OUT)


def _truncate_wire_events(events: Sequence[ConnectionEvent], limits: EvidenceLimits) -> list[ConnectionEvent]:
    first, last = _head_and_tail(events, limits.events)
    found: list[ConnectionEvent] = []
    kept = [*first, *last]
    for index, (each, available_bytes) in enumerate(zip(kept, _available_bytes(kept, limits), strict=True)):
        if index == len(first) and last:
            skipped = events[len(first) : len(events) - len(last)]
            found.append(gap(first[-1] if first else each, len(skipped), sum(_size(event) for event in skipped)))
        found.extend(split_event(each, available_bytes))
    return found


def _available_bytes(events: Sequence[ConnectionEvent], limits: EvidenceLimits) -> list[int]:
    """Return how many bytes each event may keep. The last events get a quarter: they hold the response that decides."""
    wanted = [min(len(each.data), limits.event) for each in events]
    tail = limits.wire // 4
    found = [0] * len(events)
    for left, order in ((tail, range(len(events) - 1, -1, -1)), (limits.wire - tail, range(len(events)))):
        for place in order:
            more = min(wanted[place] - found[place], left)
            found[place] += more
            left -= more
    return [
        max(each, min(STATUS_LINE_BYTES, size)) if event.data.startswith(b"HTTP/") else each
        for each, size, event in zip(found, wanted, events, strict=True)
    ]


def _size(event: ConnectionEvent) -> int:
    return len(event.data) + event.omitted


def _truncate_app_events(events: Sequence[AppEvent], limits: EvidenceLimits) -> list[AppEvent]:
    first, last = _head_and_tail(events, limits.events)
    found = [_truncate_detail(each, limits.detail) for each in first]
    if last:
        skipped = {"events": len(events) - len(first) - len(last)}
        found.append(AppEvent(last[0].at, LEFT_OUT, last[0].pid, last[0].thread, detail=skipped))
    return found + [_truncate_detail(each, limits.detail) for each in last]


def _truncate_detail(event: AppEvent, limit: int) -> AppEvent:
    if len(to_json(event.detail)) <= limit:
        return event
    earlier = event.detail.get(LEFT_OUT)
    values = {name: value for name, value in event.detail.items() if name != LEFT_OUT}
    shortened: dict[str, object] = {}
    left = limit
    for name, value in values.items():
        left -= len(to_json(value)) + len(name)
        if left < 0:
            break
        shortened[name] = value
    missing = [*(each for each in values if each not in shortened), *(earlier if isinstance(earlier, list) else ())]
    if missing:
        shortened[LEFT_OUT] = [str(each)[:MAX_LEFT_OUT_CHARACTERS] for each in missing[:MAX_LEFT_OUT_NAMES]]
    return msgspec.structs.replace(event, detail=shortened)


def _truncate_process(lines: Sequence[str], limit: int) -> list[str]:
    kept = lines if len(lines) <= limit else lines[: limit - 1]
    note = [f"… {len(lines) - len(kept):,} lines {LEFT_OUT}"] if len(kept) < len(lines) else []
    return [*(truncate_text(each, MAX_PROCESS_CHARACTERS) for each in kept), *note]


def _head_and_tail(events: Sequence[T], limit: int) -> tuple[Sequence[T], Sequence[T]]:
    """Return the first and the last events. If some are missing, there is room for a note about them."""
    if len(events) <= limit:
        return events, ()
    tail = limit // 4
    return events[: limit - tail - 1], events[len(events) - tail :]
