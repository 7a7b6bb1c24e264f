"""Pipelined requests, half-closed connections, upgrades and error responses that must reach the client."""

from __future__ import annotations

from wsgi_gauntlet.harness.conformance import assertions
from wsgi_gauntlet.harness.conformance.basis import CLIENT, MUST_TEXT, definition, recorded_only, rfc9110, rfc9112
from wsgi_gauntlet.harness.conformance.catalog import INFO, MUST, SHOULD, case
from wsgi_gauntlet.harness.conformance.exchange import Exchange
from wsgi_gauntlet.harness.http.parser import ConnectionState
from wsgi_gauntlet.suites.http.assertions import (
    RESPONSE_TIMEOUT_SECONDS,
    HalfClose,
    assert_served,
    assert_server_alive,
    collect_result,
    post_request,
    read_responses,
    record_behaviour,
    send_request,
)

IN_ORDER = rfc9112(
    "9.3.2", "it MUST send the corresponding responses in the same order that the requests were received."
)

CUT_STEP_BYTES = 7
"""Bytes between two places at which a pipelined request is cut. So each of its parts is cut at least once."""

SURVIVAL_WAIT_SECONDS = 0.2
"""Seconds to wait for a response whose content does not matter."""


@case(MUST, IN_ORDER, basis=MUST_TEXT, needs=["http/connection/keep-alive"], variants={"2": 2, "10": 10, "100": 100})
async def pipeline_order(exchange: Exchange, depth: int) -> None:
    """Pipelined requests get their responses one by one, in order.

    Sends: 2, 10 or 100 requests in one piece. Each has its own token.
    Expects: one response for each request, in order, each with its own token. The app is called in the same order.
    There may be fewer responses only if the last one says close.
    Why: Proxies and some clients pipeline requests. A response that is lost or out of order goes to the wrong user.
    """
    connection = await exchange.connect()
    tokens = [f"{exchange.token}.{number}" for number in range(depth)]
    await connection.send(b"".join(exchange.request("/echo", token=token) for token in tokens))
    responses = await read_responses(connection, depth)
    await connection.close()
    wanted = [f"gauntlet {token}\n".encode() for token in tokens]
    assertions.assert_equal([each.body for each in responses], wanted[: len(responses)], "the bodies of the responses")
    await assert_server_alive(exchange)
    called = [e.token for e in exchange.events("called")]
    assertions.assert_equal(called, tokens[: len(called)], "the calls of the app, in order")
    stopped = bool(responses) and responses[-1].announces_close
    assertions.assert_that(
        len(responses) == depth or stopped,
        f"{depth} responses, or a last one that says close",
        f"{len(responses)} responses",
    )


@case(MUST, IN_ORDER, basis=MUST_TEXT, needs=["http/connection/keep-alive"], segmentable=False)
async def pipeline_cut(exchange: Exchange) -> None:
    """A request whose beginning arrives together with the request before it is served.

    Sends: a GET and the first bytes of a second GET in one piece, and the rest after the first response. The second
    request is cut at every seventh byte, each time on a new connection.
    Expects: both requests get their own responses, or the first response says close. The server survives. If it also
    loses one of two whole requests in one piece, the case is skipped.
    Why: TCP may cut pipelined requests anywhere. A server that mixes them up serves the wrong user, or crashes for all.
    """
    second = exchange.request("/echo", token=f"{exchange.token}.2")
    problem = ""
    for cut in range(1, len(second), CUT_STEP_BYTES):
        # After a problem, the other places show only whether the server survives. If it does not, connecting fails.
        timeout = SURVIVAL_WAIT_SECONDS if problem else RESPONSE_TIMEOUT_SECONDS
        found = await _pair_problem(exchange, second, cut, timeout)
        problem = problem or (f"{found}; the second request was cut behind byte {cut}" if found else "")
    if not problem:
        return
    if whole := await _pair_problem(exchange, second, len(second), RESPONSE_TIMEOUT_SECONDS):
        exchange.skip(f"two whole requests in one piece are not served either: {whole}")
    assertions.fail_case("both responses, in order", problem)


async def _pair_problem(exchange: Exchange, second: bytes, cut: int, timeout: float) -> str:
    """Send two requests, the second one cut behind byte `cut`; return which response was wrong, '' if none was."""
    connection = await exchange.connect()
    await connection.send(exchange.request("/echo") + second[:cut])
    for number, token in ((1, exchange.token), (2, f"{exchange.token}.2")):
        response = await connection.response(timeout=timeout)
        good = response.status == 200 and response.body == f"gauntlet {token}\n".encode()
        if good and response.announces_close:
            break
        if number == 1 and second[cut:]:
            await connection.send(second[cut:])
        if not good:
            await connection.ending(timeout)
            await connection.close()
            return f"response {number}: {response.describe()}, body {assertions.format_value(response.body)}"
    await connection.close()
    return ""


@case(MUST, IN_ORDER, basis=MUST_TEXT, breach=CLIENT)
async def pipeline_bad_second(exchange: Exchange) -> None:
    """A malformed request after a good one does not cost the good one its response.

    Sends: a good request, directly followed by lines that are not HTTP.
    Expects: the first request gets its normal response, and the app is called once. The server serves a plain request
    on a new connection afterwards.
    Why: The first request was complete before the error. Behind a proxy it may belong to another user, who would get
    the error.
    """
    connection = await exchange.connect()
    await connection.send(exchange.request("/echo") + b"BROKEN\r\nno colon here\r\n\r\n")
    response = await connection.response(timeout=RESPONSE_TIMEOUT_SECONDS)
    await connection.close()
    assertions.assert_equal(response.body, f"gauntlet {exchange.token}\n".encode(), "the first response")
    result = await collect_result(exchange, response)
    assertions.assert_equal(len(result.calls), 1, "the number of calls of the app")


@case(
    SHOULD,
    rfc9112(
        "9.6",
        "If a server performs an immediate close of a TCP connection, there is a significant risk that the client will "
        "not be able to read the last HTTP response.",
    ),
    basis=definition(
        "The specification names the risk and describes a close in stages that avoids it, but does not require it. A "
        "response that no client can read is useless. Therefore this is a should."
    ),
    breach=CLIENT,
)
async def error_readable_after_upload(exchange: Exchange) -> None:
    """A client that sends its whole upload first can still read the error response to the upload's headers.

    Sends: a POST with an invalid Content-Length and 512 KiB of body. The client reads nothing while it sends, like most
    HTTP libraries.
    Expects: the server accepts all bytes and sends an error response that the client can read; it does not reset the
    connection. If the server does not reject the request, the case is skipped.
    Why: A server that closes at once resets the connection. The user sees a network error instead of "file too large".
    """
    connection = await exchange.connect()
    sent = await connection.send(post_request(exchange, "Content-Length: 1x", body=b"." * 524288), reading=False)
    response = await connection.response(timeout=RESPONSE_TIMEOUT_SECONDS)
    connection_state = await connection.ending(0.05)
    await connection.close()
    if response.status is not None and response.status < 400:
        exchange.skip(f"the server did not reject the request: {response.describe()}")
    good = sent and response.status is not None and connection_state is not ConnectionState.RESET
    how = "the client sent all of it" if sent else "the client could not send all of it"
    assertions.assert_that(
        good,
        "the whole upload accepted and a readable response",
        f"{response.describe()}; {how}; connection {connection_state}",
    )


@case(
    INFO,
    rfc9112("9.6", "Note that a TCP connection that is half-closed by the client does not delimit a request"),
    basis=recorded_only(
        "The sentence defines the end of a request. It does not say whether the server must still respond."
    ),
)
async def half_close(exchange: Exchange) -> None:
    """Record whether a client that closed its sending side still gets its response.

    Sends: a GET. Then the client closes its sending side.
    Expects: nothing is required. The case records whether the response comes.
    Why: `nc -N` and some load balancers' health checks close their sending side. A server that treats this as the end
    of the connection does not answer them.
    """
    result = await send_request(exchange, exchange.request("/echo"), half_close=HalfClose.AT_ONCE)
    record_behaviour("the response to a client that closed its sending side", result.response.describe())


@case(
    MUST,
    rfc9110(
        "7.8",
        "A server MUST NOT switch to a protocol that was not indicated by the client in the corresponding request's "
        "Upgrade header field.",
    ),
    basis=MUST_TEXT,
)
async def upgrade_unknown(exchange: Exchange) -> None:
    """An upgrade to an unknown protocol is ignored: the server sends a normal response, not 101.

    Sends: a GET with `Connection: Upgrade` and `Upgrade: gauntlet/1`.
    Expects: a normal response from one call of the app, not 101. The next request gets its own response, or the server
    closes the connection.
    Why: After 101 a client stops using HTTP and cannot understand the response. Behind a proxy the connection becomes a
    tunnel past the proxy's rules.
    """
    headers = [("Connection", "Upgrade"), ("Upgrade", "gauntlet/1")]
    result = await send_request(exchange, exchange.request("/echo", headers=headers))
    assertions.assert_that(result.response.status != 101, "no 101", result.response.describe())
    assert_served(result)
