"""What the cases of this folder share."""

from __future__ import annotations

from wsgi_gauntlet.harness.conformance.exchange import Exchange
from wsgi_gauntlet.suites.http.assertions import raw


def get(exchange: Exchange, *fields: str) -> bytes:
    """Return a GET with these header lines."""
    return raw(exchange, f"GET {exchange.target('/echo')} HTTP/1.1", *fields)
