"""The response to a request with `Connection: close` says close, whatever the response is."""

from __future__ import annotations

from wsgi_gauntlet.harness.conformance import assertions
from wsgi_gauntlet.harness.conformance.basis import CLIENT, SHOULD_TEXT, rfc9112
from wsgi_gauntlet.harness.conformance.catalog import SHOULD, case
from wsgi_gauntlet.harness.conformance.exchange import Exchange, query
from wsgi_gauntlet.suites.http.assertions import RESPONSE_TIMEOUT_SECONDS, assert_server_alive

NO_BODY = query(status="204 No Content", framing="empty")
NO_CHANGE = query(status="304 Not Modified", framing="empty")


@case(
    SHOULD,
    rfc9112("9.6", 'The server SHOULD send a "close" connection option in its final response on that connection.'),
    basis=SHOULD_TEXT,
    breach={"rejected": CLIENT},
    needs={"in-list": ["http/connection/close-in-list/lines"]},
    variants={
        "get": "GET /echo HTTP/1.1",
        "head": "HEAD /echo HTTP/1.1",
        "http10": "GET /echo HTTP/1.0",
        "no-length": "GET /respond?framing=none HTTP/1.1",
        "no-length-http10": "GET /respond?framing=none HTTP/1.0",
        "empty": "GET /respond?framing=empty HTTP/1.1",
        "no-content": f"GET /respond{NO_BODY} HTTP/1.1",
        "not-modified": f"GET /respond{NO_CHANGE} HTTP/1.1",
        "app-failed": "GET /fail?when=before-start HTTP/1.1",
        "rejected": "GET /echo HTTP/1.1\r\nX-A : 1",
        "in-list": "GET /echo HTTP/1.1\r\nConnection: x-other",
    },
)
async def close_said(exchange: Exchange, line: str) -> None:
    """The response to a request with `Connection: close` says `Connection: close`.

    Sends: a GET or HEAD with `Connection: close`, in HTTP/1.1 or 1.0. The app gives a length or none, responds with 204
    or 304, or fails. In one variant the server must reject the request.
    Expects: the response says `Connection: close`, or it is in HTTP/1.0 without keep-alive. If there is no response,
    the case is skipped.
    Why: A proxy that shares the connection sees only this header. Without it, the proxy sends the next user's request
    into a closing connection.
    """
    method, path, rest = line.split(" ", 2)
    version, _, fields = rest.partition("\r\n")
    connection = await exchange.connect()
    headers = [("Connection", "close")]
    if fields:
        name, _, value = fields.partition(": ")
        headers.insert(0, (name, value))
    await connection.send(exchange.request(path, method=method, headers=headers, version=version))
    response = await connection.response(head=method == "HEAD", timeout=RESPONSE_TIMEOUT_SECONDS)
    await connection.close()
    await assert_server_alive(exchange)
    if response.status is None:
        exchange.skip(f"the server sent no response: {response.describe()}")
    said = response.all("Connection")
    assertions.assert_that(response.announces_close, "`Connection: close` in the response", said or "no Connection")
