"""Many requests at once: on one thread where that is asked for, and never one's answer to another."""

from __future__ import annotations

import trio

from ...harness.attempts.exchange import Exchange, query
from ...harness.attempts.patterns import Pattern
from ...harness.basis import SHOULD_TEXT, conforms
from ...harness.catalog import MUST, SHOULD, case
from ...harness.expect import equal, that
from ...harness.model import Setup
from ...harness.references import pep3333, rfc9112
from .asking import held, sent

CONNECTIONS = 20
REQUESTS = 10

FEWER = 2
"""Requests a connection where they are sent in pieces: 200 byte by byte would take longer than all other cases."""

ATTEMPT = 0.3
"""Seconds in which a second request gets into the app on a server that lets it: many times what that takes."""


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
    timed=True,
)
async def single_thread_option(x: Exchange) -> None:
    """Set to one thread, the server has one request at a time in each process.

    Sends: To a server set to one thread: one request that is held in the app, and three more meanwhile.
    Expects: None of them reaches the app in the process of the one that is held. They may wait, or be served by another
    process.
    Why: An app that is not safe with threads mixes up its users' data as soon as two of them click at once.
    """
    await sent(x, "/echo?hold=first")
    await held(x, "first")
    for _ in range(3):
        await sent(x, "/echo")
    with trio.move_on_after(ATTEMPT):
        await x.event("called", count=2)
    processes = [event.pid for event in x.events("called")]
    that(processes.count(processes[0]) == 1, "no second request in the process of the one that is held", processes)


async def _no_cross_talk(x: Exchange) -> None:
    wrong: list[str] = []
    unanswered: list[str] = []
    turns = REQUESTS if x.pattern is Pattern.WHOLE else FEWER

    async def client(number: int) -> None:
        for turn in range(turns):
            mine = f"{x.token}.{number}.{turn}"
            wire = await x.connect()
            await wire.send(x.request("/mine" + query(n=mine), headers=[("Connection", "close")]))
            answer = await wire.response()
            await wire.close()
            if answer.status is None:
                # Turned away, or not served in time: that is no other's answer.
                unanswered.append(mine)
            elif (answer.status, answer.body, answer.all("X-Mine")) != (200, mine.encode(), [mine.encode()]):
                wrong.append(f"{mine} got {answer.describe()} {answer.body[:100]!r} {answer.all('X-Mine')}")

    async with trio.open_nursery() as nursery:
        for number in range(CONNECTIONS):
            nursery.start_soon(client, number)
    equal(wrong, [], "the answers that are not to the request that was asked")
    if len(unanswered) == CONNECTIONS * turns:
        x.skip("none of the requests was answered")


ORDER = rfc9112(
    "9.2",
    "HTTP/1.1 does not include a request identifier for associating a given request message with its corresponding one "
    "or more response messages. Hence, it relies on the order of response arrival to correspond exactly to the order "
    "in which requests are made on the same connection.",
)


@case(
    MUST,
    ORDER,
    basis=conforms(
        "An answer belongs to a request by its place on the connection alone. What was made for "
        "another connection's request is no answer to this one."
    ),
    cut=False,
)
async def no_cross_talk(x: Exchange) -> None:
    """None of 200 requests on 20 connections at a time gets another's answer.

    Sends: 200 requests on 20 connections at a time (40 where they are cut into pieces), each for a body and a header
    with a name of its own.
    Expects: Each that is answered gets its own answer. One that is turned away, as a full server may, is not judged.
    Why: Another's answer is another's session: users see each other's accounts.
    """
    await _no_cross_talk(x)


@case(
    MUST,
    ORDER,
    basis=conforms(
        "An answer belongs to a request by its place on the connection alone, however many threads make answers."
    ),
    setup=Setup(threads=4),
    cut=False,
)
async def no_cross_talk_threads(x: Exchange) -> None:
    """None of 200 requests on 20 connections at a time gets another's answer, also with four threads.

    Sends: To a server with four threads: 200 requests on 20 connections at a time (40 where they are cut into pieces),
    each for a body and a header with a name of its own.
    Expects: Each that is answered gets its own answer. One that is turned away, as a full server may, is not judged.
    Why: What two threads share by mistake shows one user's page to another, and only on busy days.
    """
    await _no_cross_talk(x)
