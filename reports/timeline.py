"""One cell's evidence on one time line: what went over the wire and what the app saw, in the order of the clock."""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import Any

from ..harness.model import AppEvent, Evidence, WireEvent, WireKind
from .visible import line, visible

_WIRE: dict[WireKind, tuple[str, str]] = {
    WireKind.OPENED: ("·", "connected"),
    WireKind.SENT: ("→", "sent"),
    WireKind.RECEIVED: ("←", "received"),
    WireKind.EOF: ("←", "end (FIN)"),
    WireKind.RESET: ("←", "reset (RST)"),
    WireKind.HALF_CLOSED: ("→", "half-closed"),
    WireKind.CLOSED: ("→", "closed"),
    WireKind.WAITED: ("·", "waited"),
    WireKind.NOTE: ("·", "note"),
}

_BULKY = ("environ", "types", "headers")
"""Details that come last, because they are long and seldom the point."""


@dataclass(frozen=True)
class Row:
    """One line of the time line. `at` is milliseconds from the first event; `side` is 'sent', 'received', 'app' or
    'note'; `connection` is 0 where the cell had one only; `text` is fit to show."""

    at: float
    side: str
    arrow: str
    label: str
    text: str
    connection: int = 0


def timeline(evidence: Evidence, detail: int) -> list[Row]:
    """Return the rows of `evidence`; an app event's detail is told in at most `detail` characters."""
    start = min([*(each.at for each in evidence.wire), *(each.at for each in evidence.app)], default=0.0)
    many = len({each.connection for each in evidence.wire}) > 1
    rows = [(each.at, 0, wire_row(each, start, many=many)) for each in evidence.wire]
    rows += [(each.at, 1, app_row(each, start, detail)) for each in evidence.app]
    return [row for _, _, row in sorted(rows, key=lambda each: each[:2])]


def wire_row(event: WireEvent, start: float, *, many: bool) -> Row:
    """Return the row of one event on a connection; `start` is when the time line begins, `many` names connections."""
    arrow, label = _WIRE[event.kind]
    side = {"→": "sent", "←": "received", "·": "note"}[arrow]
    if event.data:
        size = f"{label} {len(event.data):,} B"
        label = f"{size} ({line(event.note, 200)})" if event.note else size
        return Row(_after(event.at, start), side, arrow, label, visible(event.data), event.connection if many else 0)
    return Row(_after(event.at, start), side, arrow, label, line(event.note, 500), event.connection if many else 0)


def app_row(event: AppEvent, start: float, limit: int) -> Row:
    """Return the row of one event of the app, its detail in at most `limit` characters."""
    order = sorted(event.detail.items(), key=lambda each: each[0] in _BULKY)
    told = " ".join(f"{line(str(name), 60)}={_value(value)}" for name, value in order)
    if len(told) > limit:
        told = f"{told[:limit]} … {len(told) - limit:,} characters left out"
    return Row(_after(event.at, start), "app", "app", f"{line(event.kind, 60)} (pid {event.pid})", told)


def _value(value: Any) -> str:
    # ASCII only: whatever the app saw, nothing in it can reorder or hide what is shown.
    return json.dumps(value, ensure_ascii=True, default=repr)


def _after(at: float, start: float) -> float:
    return (at - start) * 1000
