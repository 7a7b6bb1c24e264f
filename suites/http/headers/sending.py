"""What the cases of this folder share."""

from __future__ import annotations

from ....harness.attempts.exchange import Exchange
from ..verbs import raw


def get(x: Exchange, *fields: str) -> bytes:
    """Return a GET with these header lines."""
    return raw(x, f"GET {x.target('/echo')} HTTP/1.1", *fields)
