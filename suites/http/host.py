"""The Host header: required, single, and valid."""

from __future__ import annotations

from ...harness import expect
from ...harness.catalog import MAY, MUST, case
from ...harness.exchange import Exchange
from ...harness.references import rfc9112
from .verbs import ask, raw, refused, served, was_rejected

HOST = rfc9112(
    "3.2",
    "A server MUST respond with a 400 (Bad Request) status code to any HTTP/1.1 request message that lacks a Host "
    "header field and to any request message that contains more than one Host header field line or a Host header field "
    "with an invalid field value.",
)


@case(MUST, HOST)
async def missing(x: Exchange) -> None:
    """HTTP/1.1 without Host is refused with 400.

    An app that gets no host builds its links and decides by a default that the client did not choose.
    """
    refused(await ask(x, raw(x, f"GET {x.target('/echo')} HTTP/1.1", host=False)))


@case(MUST, HOST, tags=["security"])
async def duplicate_different(x: Exchange) -> None:
    """Two different Host headers are refused with 400.

    A proxy that routes by the first and an app that believes the second serve one site's pages under another's name.
    """
    refused(await ask(x, x.request("/echo", headers=[("Host", "one.example"), ("Host", "two.example")])))


@case(MUST, HOST)
async def duplicate_same(x: Exchange) -> None:
    """Two equal Host headers are refused with 400.

    Sends the same Host twice. The text makes no exception for equal values.
    """
    refused(await ask(x, x.request("/echo", headers=[("Host", "one.example"), ("Host", "one.example")])))


@case(
    MUST,
    HOST,
    tags=["security"],
    variants={
        "userinfo": "user@one.example",
        "path": "one.example/path",
        "space": "one.example two.example",
        "comma": "one.example,two.example",
        "port-letters": "one.example:http",
    },
)
async def invalid(x: Exchange, host: str) -> None:
    """A Host that is no host and port is refused with 400.

    The grammar is `uri-host [ ":" port ]`. A comma is a letter that a registered name may have (RFC 3986), so
    a server may also take it as part of the name.
    """
    told = await ask(x, x.request("/echo", headers=[("Host", host)]))
    if "," in host and told.calls:
        expect.equal(served(told).get("HTTP_HOST"), host, "HTTP_HOST")
        return
    refused(told)


@case(
    MAY,
    rfc9112(
        "3.2",
        "If the authority component is missing or undefined for the target URI, then a client MUST send a Host header "
        "field with an empty field value.",
    ),
)
async def empty(x: Exchange) -> None:
    """An empty Host is served or refused with 400.

    Sends `Host:` with nothing behind it, as for a target without authority.
    """
    told = await ask(x, x.request("/echo", headers=[("Host", "")]))
    if not was_rejected(told):
        served(told)


@case(
    MUST,
    rfc9112(
        "C.2.1",
        "Older HTTP/1.0 clients assumed a one-to-one relationship of IP addresses and servers; there was no "
        "established mechanism for distinguishing the intended server of a request other than the IP address to which "
        "that request was directed.",
    ),
)
async def missing_on_http10(x: Exchange) -> None:
    """HTTP/1.0 without Host is served.

    Health checks and old monitoring send just this; only HTTP/1.1 made Host a duty.
    """
    served(await ask(x, raw(x, f"GET {x.target('/echo')} HTTP/1.0", host=False)))
