"""What a datagram of the app says, where that is sane: the server's process may send whatever it likes. Pure."""

from __future__ import annotations

import math

import msgspec

from wsgi_gauntlet.harness.model import AppEvent

BYTES_PER_VALUE = 64
"""Bytes of memory, roughly, that each value within an event takes beside its text."""

MAX_DEPTH = 16
"""Levels of lists and objects within an event; the app uses four."""

MAX_NAME_LENGTH = 1000
"""Characters of an event's kind and token."""


def memory_bytes(datagram: bytes) -> int:
    """Return how many bytes of memory its event takes, roughly: an empty list has two characters and takes 56."""
    return len(datagram) + BYTES_PER_VALUE * sum(datagram.count(sign) for sign in (b",", b"[", b"{"))


def decode_app_event(datagram: bytes) -> AppEvent | None:
    """Return what `datagram` says; None where that is no event, or one that no app of ours would send."""
    try:
        event = msgspec.json.decode(datagram, type=AppEvent)
    except (msgspec.DecodeError, RecursionError, ValueError):
        return None
    valid = (
        0 < event.pid < 1 << 31
        and 0 <= event.sequence < 1 << 53
        and abs(event.thread) < 1 << 64
        and 0 <= event.at < math.inf
        and len(event.kind) <= MAX_NAME_LENGTH
        and len(event.token) <= MAX_NAME_LENGTH
    )
    return event if valid and not _exceeds_depth(event.detail, MAX_DEPTH) else None


def _exceeds_depth(value: object, levels: int) -> bool:
    """Say whether lists and objects lie deeper in `value` than so many levels."""
    if isinstance(value, dict):
        inner = list(value.values())
    elif isinstance(value, list):
        inner = value
    else:
        return False
    return levels == 0 or any(_exceeds_depth(each, levels - 1) for each in inner)
