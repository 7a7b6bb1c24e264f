"""TLS on a connection to a server under test, from the client's side."""

from __future__ import annotations

import ssl

import trio

from wsgi_gauntlet.harness.http.address import Address


async def start_tls(stream: trio.SocketStream, address: Address) -> trio.SSLStream[trio.SocketStream]:
    """Return `stream` with TLS on it, the handshake done.

    Nobody's certificate is checked: this run made it for a loopback address, and who answers is proved by the run's
    nonce. An end without a closure alert raises BrokenResourceError, as does a handshake that fails.
    """
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.check_hostname = False
    context.verify_mode = ssl.CERT_NONE
    name = "localhost" if address.path else address.host
    tls_stream = trio.SSLStream(stream, context, server_hostname=name)
    await tls_stream.do_handshake()
    return tls_stream


def reason(trouble: BaseException) -> str:
    """Return what a failed handshake or connection says, '' where it says nothing: trio keeps it in the cause."""
    cause = trouble.__cause__ if isinstance(trouble, trio.BrokenResourceError) and trouble.__cause__ else trouble
    if isinstance(cause, ssl.SSLError):
        return f"no TLS on it ({(cause.reason or str(cause)).replace('_', ' ').lower()})"
    return str(cause)
