"""One time line of the connection events and the app events of a cell."""

from __future__ import annotations

import json
from dataclasses import dataclass

from wsgi_gauntlet.harness.model import AppEvent, ConnectionEvent, ConnectionEventKind, Evidence
from wsgi_gauntlet.reports.text.escaping import escape_bytes, line

_WIRE_LABELS: dict[ConnectionEventKind, tuple[str, str]] = {
    ConnectionEventKind.OPENED: ("·", "connected"),
    ConnectionEventKind.SENT: ("→", "sent"),
    ConnectionEventKind.RECEIVED: ("←", "received"),
    ConnectionEventKind.EOF: ("←", "end (FIN)"),
    ConnectionEventKind.RESET: ("←", "reset (RST)"),
    ConnectionEventKind.HALF_CLOSED: ("→", "half-closed"),
    ConnectionEventKind.CLOSED: ("→", "closed"),
    ConnectionEventKind.WAITED: ("·", "waited"),
    ConnectionEventKind.NOTE: ("·", "note"),
}

_LONG_DETAILS = ("environ", "types", "headers")
"""Details that come last, because they are long and rarely important."""


@dataclass(frozen=True)
class TimelineRow:
    """One row. `at` is milliseconds from the first event. `side` is 'sent', 'received', 'app' or 'note'.
    `connection` is 0 if the cell had only one. `text` is escaped."""

    at: float
    side: str
    arrow: str
    label: str
    text: str
    connection: int = 0


def timeline(evidence: Evidence, detail: int) -> list[TimelineRow]:
    """Return the rows of `evidence`. The detail of an app event has at most `detail` characters."""
    start = min([*(each.at for each in evidence.wire), *(each.at for each in evidence.app)], default=0.0)
    several_connections = len({each.connection for each in evidence.wire}) > 1
    rows = [(each.at, 0, wire_row(each, start, several_connections=several_connections)) for each in evidence.wire]
    rows += [(each.at, 1, app_row(each, start, detail)) for each in evidence.app]
    return [row for _, _, row in sorted(rows, key=lambda each: each[:2])]


def wire_row(event: ConnectionEvent, start: float, *, several_connections: bool) -> TimelineRow:
    """Return the row of one connection event. `start` is the time of the first event."""
    arrow, label = _WIRE_LABELS[event.kind]
    side = {"→": "sent", "←": "received", "·": "note"}[arrow]
    if event.data or (event.omitted and event.kind is not ConnectionEventKind.NOTE):
        size = f"{label} {len(event.data) + event.omitted:,} B"
        if event.omitted:
            size = f"{size}, {event.omitted:,} of them left out"
        label = f"{size} ({line(event.note, 200)})" if event.note else size
        return TimelineRow(
            _milliseconds_after(event.at, start),
            side,
            arrow,
            label,
            escape_bytes(event.data),
            event.connection if several_connections else 0,
        )
    return TimelineRow(
        _milliseconds_after(event.at, start),
        side,
        arrow,
        label,
        line(event.note, 500),
        event.connection if several_connections else 0,
    )


def app_row(event: AppEvent, start: float, limit: int) -> TimelineRow:
    """Return the row of one app event. Its detail has at most `limit` characters."""
    order = sorted(event.detail.items(), key=lambda each: each[0] in _LONG_DETAILS)
    details = " ".join(f"{line(str(name), 60)}={_value(value)}" for name, value in order)
    if len(details) > limit:
        details = f"{details[:limit]} … {len(details) - limit:,} characters left out"
    return TimelineRow(
        _milliseconds_after(event.at, start), "app", "app", f"{line(event.kind, 60)} (pid {event.pid})", details
    )


def _value(value: object) -> str:
    # ASCII only: no character of the app's data can reorder or hide text.
    return json.dumps(value, ensure_ascii=True, default=repr)


def _milliseconds_after(at: float, start: float) -> float:
    return (at - start) * 1000
