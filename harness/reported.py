"""What a datagram of the app says, where that is sane: the server's process may send whatever it likes. Pure."""

from __future__ import annotations

import math

import msgspec

from .model import AppEvent

PER_VALUE = 64
"""Bytes of memory, roughly, that each value within an event takes beside its text."""

DEEPEST = 16
"""Levels of lists and objects within an event; the app uses four."""

LONGEST_NAME = 1000
"""Characters of an event's kind and token."""


def weight(datagram: bytes) -> int:
    """Return how many bytes of memory its event takes, roughly: an empty list has two characters and takes 56."""
    return len(datagram) + PER_VALUE * sum(datagram.count(sign) for sign in (b",", b"[", b"{"))


def event_in(datagram: bytes) -> AppEvent | None:
    """Return what `datagram` says; None where that is no event, or one that no app of ours would send."""
    try:
        event = msgspec.json.decode(datagram, type=AppEvent)
    except (msgspec.DecodeError, RecursionError, ValueError):
        return None
    sane = (
        0 < event.pid < 1 << 31
        and 0 <= event.sequence < 1 << 53
        and abs(event.thread) < 1 << 64
        and 0 <= event.at < math.inf
        and len(event.kind) <= LONGEST_NAME
        and len(event.token) <= LONGEST_NAME
    )
    return event if sane and not _deeper(event.detail, DEEPEST) else None


def _deeper(value: object, levels: int) -> bool:
    """Say whether lists and objects lie deeper in `value` than so many levels."""
    if isinstance(value, dict):
        inner = list(value.values())
    elif isinstance(value, list):
        inner = value
    else:
        return False
    return levels == 0 or any(_deeper(each, levels - 1) for each in inner)
