"""httpx on trio, for well-formed requests: readiness, fixtures, whatever does not care about single bytes."""

from __future__ import annotations

import httpx

from wsgi_gauntlet.harness.http.address import Address

TIMEOUT_SECONDS = 5.0
"""Seconds for connecting, sending and each piece of an answer."""


def http_client(address: Address, *, timeout: float = TIMEOUT_SECONDS) -> httpx.AsyncClient:
    """Return a client whose relative URLs go to `address`, over TCP or its Unix socket; use it with `async with`.

    Proxies, certificates and netrc files named in the environment are ignored: traffic must not leave this machine.
    Certificates are not checked, as in wire.py.
    """
    return httpx.AsyncClient(
        base_url=address.url,
        transport=httpx.AsyncHTTPTransport(uds=address.path or None, verify=False, trust_env=False),
        trust_env=False,
        timeout=timeout,
        follow_redirects=False,
    )
