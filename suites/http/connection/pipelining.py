"""Several requests on one connection, requests in parts, and answers that must get through."""

from __future__ import annotations

from wsgi_gauntlet.harness.conformance import assertions
from wsgi_gauntlet.harness.conformance.basis import (
    CLIENT,
    MUST_TEXT,
    definition,
    from_recipient_semantics,
    recorded_only,
)
from wsgi_gauntlet.harness.conformance.catalog import INFO, MUST, SHOULD, case
from wsgi_gauntlet.harness.conformance.exchange import Exchange
from wsgi_gauntlet.harness.conformance.references import rfc9110, rfc9112
from wsgi_gauntlet.harness.http.parser import ConnectionState
from wsgi_gauntlet.suites.http.assertions import (
    RESPONSE_TIMEOUT_SECONDS,
    assert_served,
    assert_server_alive,
    collect_result,
    post,
    read_responses,
    record_behaviour,
    send_request,
)

IN_ORDER = rfc9112(
    "9.3.2", "it MUST send the corresponding responses in the same order that the requests were received."
)
WHOLE_HEAD = rfc9110(
    "5.3",
    "A server MUST NOT apply a request to the target resource until it receives the entire request header section",
)
EARLY_RESPONSE_WAIT_SECONDS = 0.1
"""Seconds in which a server that does not wait for the rest gives itself away; one that does is not kept from it."""


@case(MUST, IN_ORDER, basis=MUST_TEXT, needs=["http/connection/keep-alive"], variants={"2": 2, "10": 10, "100": 100})
async def pipeline_order(exchange: Exchange, depth: int) -> None:
    """Requests sent at once on one connection are answered one by one, in their order.

    Sends: 2, 10 or 100 requests in one piece, each with a token of its own.
    Expects: the answers one by one, in the requests' order, each with its own token, and the app called in that order;
    fewer only where the last one says close.
    Why: Proxies and some clients send so. An answer that is lost or out of order is given to the wrong user.
    """
    connection = await exchange.connect()
    tokens = [f"{exchange.token}.{number}" for number in range(depth)]
    await connection.send(b"".join(exchange.request("/echo", token=token) for token in tokens))
    responses = await read_responses(connection, depth)
    await connection.close()
    wanted = [f"gauntlet {token}\n".encode() for token in tokens]
    assertions.assert_equal([each.body for each in responses], wanted[: len(responses)], "the answers' bodies")
    await assert_server_alive(exchange)
    called = [e.token for e in exchange.events("called")]
    assertions.assert_equal(called, tokens[: len(called)], "the app's calls, in their order")
    stopped = bool(responses) and responses[-1].announces_close
    assertions.assert_that(
        len(responses) == depth or stopped, f"{depth} answers, or one that says close", f"{len(responses)} answers"
    )


@case(MUST, IN_ORDER, basis=MUST_TEXT, breach=CLIENT)
async def pipeline_bad_second(exchange: Exchange) -> None:
    """A broken request behind a good one does not cost the good one its answer.

    Sends: a good request and, right behind it, lines that are no HTTP.
    Expects: the first answered as if it were alone, and the app called once; a plain request on a new connection
    served.
    Why: The first was complete before anything was wrong. Behind a proxy it may be another user's, who would get the
    error for it.
    """
    connection = await exchange.connect()
    await connection.send(exchange.request("/echo") + b"BROKEN\r\nno colon here\r\n\r\n")
    response = await connection.response(timeout=RESPONSE_TIMEOUT_SECONDS)
    await connection.close()
    assertions.assert_equal(response.body, f"gauntlet {exchange.token}\n".encode(), "the first answer")
    result = await collect_result(exchange, response)
    assertions.assert_equal(len(result.calls), 1, "the number of the app's calls")


@case(
    SHOULD,
    rfc9112(
        "9.6",
        "If a server performs an immediate close of a TCP connection, there is a significant risk that the client will "
        "not be able to read the last HTTP response.",
    ),
    basis=definition(
        "The text names the risk, and closing in stages as the way around it, without a word of "
        "duty. An answer that no client can read is as good as none; hence a should."
    ),
    breach=CLIENT,
)
async def error_readable_after_upload(exchange: Exchange) -> None:
    """The answer to an upload that is refused at its head can be read by a client that first sends all of it.

    Sends: a POST with an impossible Content-Length and 512 KiB behind it, without reading meanwhile, as most HTTP
    libraries do.
    Expects: all of it taken, and an error answer that can be read behind it; no reset of the connection. Where nothing
    is refused there is nothing to look at.
    Why: A server that closes at once resets the connection under such a client: its user sees a network error, not that
    the file is too large.
    """
    connection = await exchange.connect()
    sent = await connection.send(post(exchange, "Content-Length: 1x", body=b"." * 524288), reading=False)
    response = await connection.response(timeout=RESPONSE_TIMEOUT_SECONDS)
    ending = await connection.ending(0.05)
    await connection.close()
    if response.status is not None and response.status < 400:
        exchange.skip(f"nothing was refused: {response.describe()}")
    good = sent and response.status is not None and ending is not ConnectionState.RESET
    how = "all of it was sent" if sent else "sending it was cut short"
    assertions.assert_that(
        good, "the upload taken and its answer readable", f"{response.describe()}; {how}; connection {ending}"
    )


@case(
    INFO,
    rfc9112("9.6", "Note that a TCP connection that is half-closed by the client does not delimit a request"),
    basis=recorded_only(
        "The sentence is about where a request ends; it does not say whether the answer must still be sent."
    ),
)
async def half_close(exchange: Exchange) -> None:
    """Whether a client that has closed its sending side still gets its answer.

    Sends: a GET; then our sending side is closed.
    Expects: nothing in particular: whether the answer still comes is recorded.
    Why: `nc -N` and the health checks of some load balancers do so. A server that takes the half for the whole answers
    none of them.
    """
    result = await send_request(exchange, exchange.request("/echo"), half_close_after=True)
    record_behaviour("the answer to a client that has closed its sending side", result.response.describe())


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
    """An upgrade to a protocol that nobody speaks is ignored: an ordinary answer, no 101.

    Sends: a GET with `Connection: Upgrade` and `Upgrade: gauntlet/1`.
    Expects: an ordinary answer from one call of the app, no 101; the next request on the connection is served as
    itself, or the connection is closed.
    Why: A client that is told 101 stops speaking HTTP, and nothing that it gets makes sense to it any more. Behind a
    proxy the connection becomes a tunnel past its rules.
    """
    headers = [("Connection", "Upgrade"), ("Upgrade", "gauntlet/1")]
    result = await send_request(exchange, exchange.request("/echo", headers=headers))
    assertions.assert_that(result.response.status != 101, "no 101", result.response.describe())
    assert_served(result)


@case(MUST, WHOLE_HEAD, basis=MUST_TEXT, segmentable=False)
async def fragmented_head(exchange: Exchange) -> None:
    """A head is waited for to its last byte, and then served.

    Sends: a GET without its last byte; the LF that it lacks 0.1 s later.
    Expects: no answer and no call of the app before it is whole; then one call, and its answer. That cuts make no
    difference is tested for every well-formed case.
    Why: What is not there yet may be the header that changes all: the host, the cookie, the condition under which an
    order is to be carried out.
    """
    data = exchange.request("/echo", headers=[("X-A", "b")])
    connection = await exchange.connect()
    await connection.send(data[:-1])
    early = await connection.receive_some(EARLY_RESPONSE_WAIT_SECONDS)
    called = len(exchange.events("called"))
    await connection.send(data[-1:])
    response = await connection.response(timeout=RESPONSE_TIMEOUT_SECONDS)
    await connection.close()
    assertions.assert_that(
        not early and not called, "nothing done before the head was whole", early or "the app was called"
    )
    assertions.assert_equal(response.body, f"gauntlet {exchange.token}\n".encode(), "the answer")
    result = await collect_result(exchange, response)
    assertions.assert_equal(len(result.calls), 1, "the number of the app's calls")


@case(
    MUST,
    rfc9112("6.3", "its decimal value defines the expected message body length in octets."),
    basis=from_recipient_semantics(
        "The body has as many bytes as its length says; before the last one has come it is not there."
    ),
    segmentable=False,
)
async def fragmented_body(exchange: Exchange) -> None:
    """A body is waited for to its last byte, and then reaches the app whole.

    Sends: a POST of eight bytes without the last of them; that 0.1 s later.
    Expects: no answer, and no end of the body for the app, before it is there; then the app reads the eight bytes. That
    cuts make no difference is tested for every well-formed case.
    Why: Uploads come over slow lines. An app that is told of an end too early stores a part as the whole.
    """
    connection = await exchange.connect()
    await connection.send(post(exchange, "Content-Length: 8", body=b"abcdefg"))
    early = await connection.receive_some(EARLY_RESPONSE_WAIT_SECONDS)
    read = len(exchange.events("body"))
    await connection.send(b"h")
    response = await connection.response(timeout=RESPONSE_TIMEOUT_SECONDS)
    await connection.close()
    assertions.assert_that(
        not early and not read, "the last byte waited for", early or "the app had read a shorter body"
    )
    assertions.assert_equal(response.status, 200, "the status")
    result = await collect_result(exchange, response)
    assertions.assert_equal([e.detail["data"] for e in result.bodies], ["abcdefgh"], "what the app read")
