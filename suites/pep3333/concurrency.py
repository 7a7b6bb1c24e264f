"""Concurrent requests: the single-threaded option, and responses that belong to their requests."""

from __future__ import annotations

import hashlib

import trio

from wsgi_gauntlet.harness.conformance.assertions import assert_that
from wsgi_gauntlet.harness.conformance.basis import SHOULD_TEXT, definition, from_sender_semantics, pep3333, rfc9112
from wsgi_gauntlet.harness.conformance.catalog import MUST, SHOULD, case
from wsgi_gauntlet.harness.conformance.exchange import Exchange, query
from wsgi_gauntlet.harness.http.connection import ConnectFailed, Connection
from wsgi_gauntlet.harness.http.parser import Response
from wsgi_gauntlet.harness.http.segmentation import Segmentation
from wsgi_gauntlet.harness.model import Setup
from wsgi_gauntlet.suites.http.kept_connection import fingerprint_of
from wsgi_gauntlet.suites.pep3333.assertions import open_and_send_get, wait_for_barrier
from wsgi_gauntlet.suites.pep3333.input.body_delivery import INPUT_STREAM
from wsgi_gauntlet.suites.testapp.core.pattern import pattern

CONNECTIONS = 20
REQUESTS_PER_CONNECTION = 10

REQUESTS_WHEN_SEGMENTED = 2
"""Requests per connection when requests are cut into pieces. 200 requests byte by byte take longer than all other
cases."""

SECOND_REQUEST_WAIT_SECONDS = 0.3
"""Seconds in which a second request reaches the app if the server allows it. This is many times the usual time."""


@case(
    SHOULD,
    pep3333(
        "Thread Support",
        "Servers that can run multiple requests in parallel, should also provide the option of running an application "
        "in a single-threaded fashion, so that applications or frameworks that are not thread-safe may still be used "
        "with that server.",
    ),
    basis=SHOULD_TEXT,
    setup=Setup(threads=1),
    time_sensitive=True,
)
async def single_thread_option(exchange: Exchange) -> None:
    """A server set to one thread runs one request at a time in each process.

    Sends: To a server set to one thread: one request that waits in the app, and three more meanwhile.
    Expects: None of the three reaches the app in the process of the waiting request. They may wait, or another process
    may serve them.
    Why: An app that is not thread-safe mixes up the data of two users who click at the same time.
    """
    await open_and_send_get(exchange, "/echo?hold=first")
    await wait_for_barrier(exchange, "first")
    for _ in range(3):
        await open_and_send_get(exchange, "/echo")
    with trio.move_on_after(SECOND_REQUEST_WAIT_SECONDS):
        await exchange.event("called", count=2)
    processes = [event.pid for event in exchange.events("called")]
    assert_that(
        processes.count(processes[0]) == 1, "no second request in the process of the waiting request", processes
    )


async def _assert_no_cross_talk(exchange: Exchange) -> None:
    wrong: list[str] = []
    unanswered: list[str] = []
    requests_per_client = (
        REQUESTS_PER_CONNECTION if exchange.segmentation is Segmentation.WHOLE else REQUESTS_WHEN_SEGMENTED
    )

    async def client(number: int) -> None:
        for turn in range(requests_per_client):
            request_id = f"{exchange.token}.{number}.{turn}"
            connection = await exchange.connect()
            await connection.send(exchange.request("/mine" + query(n=request_id), headers=[("Connection", "close")]))
            response = await connection.response()
            await connection.close()
            if response.status is None:
                # The server rejected the request or was too slow. This is not a response for another request.
                unanswered.append(request_id)
            elif (response.status, response.body, response.all("X-Mine")) != (
                200,
                request_id.encode(),
                [request_id.encode()],
            ):
                wrong.append(f"{request_id} got {response.describe()} {response.body[:100]!r} {response.all('X-Mine')}")

    async with trio.open_nursery() as nursery:
        for number in range(CONNECTIONS):
            nursery.start_soon(client, number)
    assert_that(not wrong, "every response to belong to its request", wrong)
    if len(unanswered) == CONNECTIONS * requests_per_client:
        exchange.skip("the server answered none of the requests")


ORDER = rfc9112(
    "9.2",
    "HTTP/1.1 does not include a request identifier for associating a given request message with its corresponding one "
    "or more response messages. Hence, it relies on the order of response arrival to correspond exactly to the order "
    "in which requests are made on the same connection.",
)


@case(
    MUST,
    ORDER,
    basis=from_sender_semantics(
        "Only its position on the connection assigns a response to a request. A response to a request of another "
        "connection is not a response to this one."
    ),
    segmentable=False,
)
async def no_cross_talk(exchange: Exchange) -> None:
    """Each of 200 requests on 20 concurrent connections gets its own response.

    Sends: 200 requests on 20 concurrent connections (40 when requests are cut into pieces). Each asks for a body and a
    header with an identifier of its own.
    Expects: Each response belongs to its request. Requests that a busy server rejects are not judged.
    Why: A response for another request can contain another session: users see the accounts of other users.
    """
    await _assert_no_cross_talk(exchange)


@case(
    MUST,
    ORDER,
    basis=from_sender_semantics(
        "Only its position on the connection assigns a response to a request. The number of threads does not change "
        "this."
    ),
    setup=Setup(threads=4),
    segmentable=False,
)
async def no_cross_talk_threads(exchange: Exchange) -> None:
    """Each of 200 requests on 20 concurrent connections gets its own response, also with four threads.

    Sends: To a server with four threads: 200 requests on 20 concurrent connections (40 when requests are cut into
    pieces). Each asks for a body and a header with an identifier of its own.
    Expects: Each response belongs to its request. Requests that a busy server rejects are not judged.
    Why: Data that two threads share by mistake shows the page of one user to another, and only under load.
    """
    await _assert_no_cross_talk(exchange)


MANY_CONNECTIONS = 40
"""Connections at once: more than the threads of any server by default."""

CONNECT_TIMEOUT_SECONDS = 1.0
"""Seconds in which a connection must be accepted by the kernel. Servers with a short backlog take fewer."""

FIRST_HALF_READ_SECONDS = 0.25
"""Seconds in which a server with room for all connections reads from them. Others leave the rest to the kernel."""

UPLOAD_BYTES = 3000


async def _send_in_two_steps(exchange: Exchange, requests: list[bytes]) -> list[tuple[Response | None, bool]]:
    """Send half of each request on a connection of its own, then the other halves.

    The first halves occupy all threads of a server. Return each response, None if no connection was accepted, and
    whether the server had read the first half: the kernel resets connections that no server has accepted.
    """
    connections: list[Connection | None] = [None] * len(requests)
    responses: list[Response | None] = [None] * len(requests)
    read = [False] * len(requests)

    async def begin(number: int) -> None:
        with trio.move_on_after(CONNECT_TIMEOUT_SECONDS):
            try:
                connection = await exchange.connect()
            except ConnectFailed:
                return
            connections[number] = connection
            await connection.send(requests[number][: -len(requests[number]) // 2])
            with trio.move_on_after(FIRST_HALF_READ_SECONDS):
                read[number] = await connection.wait_until_read()

    async def finish(number: int, connection: Connection) -> None:
        await connection.send(requests[number][-len(requests[number]) // 2 :])
        responses[number] = await connection.response()
        await connection.close()

    async with trio.open_nursery() as nursery:
        for number in range(len(requests)):
            nursery.start_soon(begin, number)
    async with trio.open_nursery() as nursery:
        for number, connection in enumerate(connections):
            if connection is not None:
                nursery.start_soon(finish, number, connection)
    return list(zip(responses, read, strict=True))


@case(
    MUST,
    INPUT_STREAM,
    basis=definition(
        "The stream of a request gives the body of this request. Bytes of a request on another connection are not part "
        "of it."
    ),
    segmentable=False,
    tags=["security"],
)
async def uploads(exchange: Exchange) -> None:
    """Each of 40 uploads at once reaches the app with its own query, header and body.

    Sends: 40 POSTs of 3000 different bytes on 40 connections at once: first a half of each, then the other halves.
    Expects: the app gets the query, the header and the body of each request as they were sent. Requests that a busy
    server rejects are not judged.
    Why: Buffers that two connections share by mistake put the file of one user into the account of another.
    """
    bodies = [pattern(UPLOAD_BYTES, number * UPLOAD_BYTES) for number in range(MANY_CONNECTIONS)]
    requests = [
        exchange.request(
            f"/fingerprint?n={number}",
            method="POST",
            body=body,
            headers=[("Connection", "close"), ("X-Own", str(number))],
        )
        for number, body in enumerate(bodies)
    ]
    responses = await _send_in_two_steps(exchange, requests)
    for number, (body, (response, _)) in enumerate(zip(bodies, responses, strict=True)):
        if response is not None and response.status == 200:
            seen = fingerprint_of(response)
            wanted = (f"n={number}", str(number), f"{len(body)} bytes, {hashlib.sha256(body).hexdigest()[:32]}")
            got = (seen["query"], seen["headers"].get("HTTP_X_OWN"), seen["body"])
            assert_that(got == wanted, f"query, header and body of upload {number} to be {wanted}", got)


@case(
    SHOULD,
    pep3333(
        "The Server/Gateway Side",
        "The server or gateway invokes the application callable once for each request it receives from an HTTP client, "
        "that is directed at the application.",
    ),
    basis=definition(
        "The server received all of these requests, so it must call the app for each. A server without room may reject "
        "some of them, but then a response says so. Therefore this is not a must."
    ),
    segmentable=False,
)
async def none_dropped(exchange: Exchange) -> None:
    """Each of 40 requests on 40 connections at once gets a response.

    Sends: 40 GETs on 40 connections at once: first a half of each, then the other halves.
    Expects: each gets its own response or an error status. If the server has read the first half of a request, it does
    not close that connection without a response.
    Why: A page with many images opens many connections, and so does a proxy. A connection that is dropped without a
    word is a broken image, and nothing in the log explains it.
    """
    close = [("Connection", "close")]
    requests = [exchange.request(f"/mine?n={number}", headers=close) for number in range(MANY_CONNECTIONS)]
    responses = await _send_in_two_steps(exchange, requests)
    for number, (response, read) in enumerate(responses):
        rejected = response is not None and response.status is not None and response.status >= 400
        if response is None or rejected or (response.is_empty and not read):
            continue
        good = response.status == 200 and response.body == str(number).encode()
        assert_that(good, f"a response to request {number}", f"{response.describe()} {response.body!r}")
