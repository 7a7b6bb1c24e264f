"""Evidence cut to a size that a file can carry, always with a word of how much was left out."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from itertools import chain
from typing import Any, TypeVar

import msgspec

from ..harness.model import AppEvent, Evidence, WireEvent, WireKind

T = TypeVar("T")


@dataclass(frozen=True)
class Bounds:
    """How much of one cell's evidence is kept: bytes of one wire event and of all, events of each kind, bytes of one
    app event's detail, characters of log."""

    event: int
    wire: int
    events: int
    detail: int
    log: int


def bounded(evidence: Evidence, bounds: Bounds) -> Evidence:
    """Return `evidence` within `bounds`. What is cut leaves its beginning and its end, and a note between them."""
    return Evidence(
        tuple(_wire(evidence.wire, bounds)),
        tuple(_app(evidence.app, bounds)),
        cut_text(evidence.log, bounds.log),
        tuple(cut_text(each, 500) for each in evidence.process[:50]),
    )


def cut_text(text: str, limit: int) -> str:
    """Return `text` in at most about `limit` characters, cut in the middle."""
    if len(text) <= limit:
        return text
    head, tail = limit * 3 // 4, limit // 4
    left_out = len(text) - head - tail
    return f"{text[:head]}\n… {left_out:,} characters left out …\n{text[len(text) - tail :]}"


def _wire(events: Sequence[WireEvent], bounds: Bounds) -> list[WireEvent]:
    first, last = _ends(events, bounds.events)
    left = bounds.wire
    found: list[WireEvent] = []
    for index, each in enumerate([*first, *last]):
        if index == len(first) and last:
            skipped = len(events) - len(first) - len(last)
            note = f"{skipped:,} events left out" if skipped > 1 else "one event left out"
            found.append(WireEvent(each.at, each.connection, WireKind.NOTE, note=note))
        room = min(bounds.event, left)
        left -= min(len(each.data), room)
        found.extend(_cut(each, room))
    return found


def _cut(event: WireEvent, room: int) -> list[WireEvent]:
    size = len(event.data)
    if size <= room:
        return [event]
    tail = room // 4
    head = room - tail
    note = f"the first {head:,} of {size:,} bytes"
    parts = [msgspec.structs.replace(event, data=event.data[:head], note=_both(event.note, note))]
    if tail:
        parts.append(msgspec.structs.replace(event, data=event.data[size - tail :], note=f"the last {tail:,}"))
    return parts


def _app(events: Sequence[AppEvent], bounds: Bounds) -> list[AppEvent]:
    first, last = _ends(events, bounds.events)
    found = [_small(each, bounds.detail) for each in first]
    if last:
        skipped = {"events": len(events) - len(first) - len(last)}
        found.append(AppEvent(last[0].at, "left out", last[0].pid, last[0].thread, detail=skipped))
    return found + [_small(each, bounds.detail) for each in last]


def _small(event: AppEvent, limit: int) -> AppEvent:
    if _weight(event.detail, limit) <= limit:
        return event
    kept: dict[str, Any] = {}
    left = limit
    for name, value in event.detail.items():
        size = _weight(value, left) + len(name)
        if size > left:
            kept["left out"] = [str(each)[:80] for each in event.detail if each not in kept][:40]
            break
        kept[name] = value
        left -= size
    return msgspec.structs.replace(event, detail=kept)


def _weight(value: Any, limit: int) -> int:
    """Return about how many characters `value` takes; counting ends once that is more than `limit`."""
    match value:
        case str() | bytes():
            return len(value) + 2
        case dict():
            parts: Iterable[Any] = chain.from_iterable(value.items())
        case list() | tuple() | set():
            parts = value
        case _:
            return len(str(value))
    total = 2
    for each in parts:
        total += _weight(each, limit - total) + 2
        if total > limit:
            break
    return total


def _ends(events: Sequence[T], limit: int) -> tuple[Sequence[T], Sequence[T]]:
    if len(events) <= limit:
        return events, ()
    tail = limit // 4
    return events[: limit - tail], events[len(events) - tail :]


def _both(first: str, second: str) -> str:
    return f"{first}; {second}" if first else second
