"""The closed loop against small servers: responses in pieces, wrong responses, and closed connections."""

from __future__ import annotations

import itertools
import socket
import struct

import pytest

from wsgi_gauntlet.harness.load.generator.generator_result import GeneratorResult
from wsgi_gauntlet.harness.load.generator.loop import LoopOptions
from wsgi_gauntlet.harness.load.workload import VerifiedRequest

from ..helpers.socket_servers import (
    BODY,
    PAGE,
    REQUEST,
    Behaviour,
    always,
    answer,
    closed,
    measure_closed_loop,
    once,
    requests,
    serving,
)

pytestmark = pytest.mark.live


def several(found: GeneratorResult) -> bool:
    return found.requests > 1


async def test_the_counts_are_the_servers_own() -> None:
    seen = itertools.count()

    def behave(conn: socket.socket, _number: int) -> None:
        for _ in requests(conn):
            next(seen)
            conn.sendall(answer())

    found = await closed(behave, clients=4)
    handled = next(seen)
    assert found.ok == found.requests > 0
    assert found.ok <= handled <= found.ok + 4
    assert (found.connects, found.connections, found.unfinished) == (4, 4, 4)
    assert (found.wrong, found.errors, found.timeouts, found.dropped) == (0, 0, 0, 0)
    # A thread of the server that gets no CPU at the end keeps a request for so long that it counts as hung.
    assert found.goodput == found.ok / (found.ok + found.overdue)
    assert found.overdue <= 4
    assert found.rate == found.ok / found.seconds
    assert found.seconds >= 0.15
    assert 0 < found.cpu_seconds < found.seconds
    assert found.requests_per_connection == found.ok / 4
    assert found.percentiles("p")


async def test_the_warm_up_does_not_count() -> None:
    with serving(always(answer())) as address:
        found = await measure_closed_loop(address, PAGE, LoopOptions(1, warm_up=0.1), 0.1)
    assert found.seconds >= 0.1
    assert found.connects == 1
    assert found.ok > 0


@pytest.mark.parametrize(
    "pieces",
    [
        (answer()[:60], answer()[60:]),
        (answer()[:20], answer()[20:44], answer()[44:]),
        (b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n", b"%x\r\n%s\r\n" % (len(BODY), BODY), b"0\r\n\r\n"),
        (b"HTTP/1.1 103 Early Hints\r\n\r\n", answer()),
    ],
    ids=["two pieces", "cut in the head", "chunked", "interim"],
)
async def test_answers_in_pieces(pieces: tuple[bytes, ...]) -> None:
    found = await closed(always(*pieces))
    assert found.ok > 0
    assert (found.ok, found.connects) == (found.requests, 2), found.error_messages


async def test_a_head_that_changes_is_checked_again() -> None:
    stamps = itertools.cycle(b"%02d" % n for n in range(60))

    def behave(conn: socket.socket, _number: int) -> None:
        for _ in requests(conn):
            conn.sendall(answer(head=b"Date: Sun, 22 Nov 2026 10:00:%s GMT\r\n" % next(stamps)))

    found = await closed(behave)
    assert found.ok == found.requests > 0
    assert found.connects == 2


async def test_a_large_answer() -> None:
    body = bytes(range(256)) * 2000
    with serving(always(answer(body))) as address:
        found = await measure_closed_loop(address, VerifiedRequest(REQUEST, body), LoopOptions(2), 0.15, several)
    assert found.ok == found.requests > 1, found.error_messages


async def test_one_wrong_body_in_seven_is_found() -> None:
    wrong = answer(BODY.swapcase())

    def behave(conn: socket.socket, _number: int) -> None:
        for number, _ in enumerate(requests(conn), 1):
            if number % 7 == 0:
                next(seen)
            conn.sendall(answer() if number % 7 else wrong)

    for seconds in (0.15, 1.5, 15.0):  # for longer if the machine was so slow that no connection had seven requests
        seen = itertools.count(1)
        found = await closed(behave, seconds=seconds)
        if found.wrong:
            break
    # The end of the loop may cut off a response on each of its two connections.
    assert 0 < found.wrong <= next(seen) - 1 <= found.wrong + 2
    assert found.errors == 0
    assert found.goodput == found.ok / (found.ok + found.wrong + found.overdue)
    assert list(found.error_messages or ()) == ["a body of the right length that differs from byte 0 on"]


@pytest.mark.parametrize(
    ("data", "words"),
    [
        (answer(BODY + b"more"), "a body of 33 bytes instead of 29"),
        (answer(b""), "a body of 0 bytes instead of 29"),
        (answer()[:-5].replace(b"29", b"24"), "a body of 24 bytes instead of 29"),
    ],
)
async def test_a_body_of_the_wrong_length_is_wrong(data: bytes, words: str) -> None:
    found = await closed(always(data))
    assert found.ok == 0
    assert found.wrong == found.requests > 0
    assert list(found.error_messages or ()) == [words]


@pytest.mark.parametrize(
    ("behave", "words"),
    [
        (always(answer(status=b"503 Service Unavailable")), "status 503 instead of 200"),
        (once(b"\x16\x03\x01 not HTTP at all\r\n\r\n"), "the bytes received are not an HTTP response"),
        (once(b""), "the connection was closed without a response"),
        (
            once(answer()[:-3]),
            "a response has no certain end: the response is not complete: 26 of 29 bytes of body came",
        ),
        (always(answer() + b"X"), "unexpected bytes follow a response"),
        (always(answer() * 2), "unexpected bytes follow a response"),
    ],
    ids=["status", "garbage", "silent close", "cut", "one byte more", "two answers"],
)
async def test_faults_are_errors_with_their_reason(behave: Behaviour, words: str) -> None:
    found = await closed(behave)
    assert found.ok == 0
    assert found.errors == found.requests > 0
    assert list(found.error_messages or ()) == [words]
    assert found.quantile(0.5) is None or found.quantile(0.5) == (found.waiting.quantile(0), True)


async def test_an_answer_cut_after_good_ones_is_an_error() -> None:
    def behave(conn: socket.socket, _number: int) -> None:
        for number, _ in enumerate(requests(conn)):
            conn.sendall(answer() if number < 5 else answer()[:-3])
            if number == 5:
                return

    found = await closed(behave, enough=lambda found: found.errors > 0)
    assert found.errors > 0
    assert found.ok == pytest.approx(5 * found.errors, abs=10)
    assert list(found.error_messages or ()) == ["the connection was closed in the middle of a response"]


async def test_a_reset_in_the_middle_of_an_answer_is_an_error() -> None:
    def behave(conn: socket.socket, _number: int) -> None:
        next(requests(conn))
        conn.sendall(b"HTTP/1.1 200 OK\r\nConte")
        conn.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))

    found = await closed(behave)
    assert found.errors == found.requests > 0
    assert "ECONNRESET (Connection reset by peer) while waiting for a response" in (found.error_messages or ())


@pytest.mark.parametrize(
    "data",
    [
        answer(head=b"Connection: close\r\n"),
        b"HTTP/1.0 200 OK\r\nContent-Length: %d\r\n\r\n%s" % (len(BODY), BODY),
        b"HTTP/1.0 200 OK\r\n\r\n" + BODY,
    ],
    ids=["close", "HTTP/1.0", "until close"],
)
async def test_a_server_that_closes_after_each_answer(data: bytes) -> None:
    found = await closed(once(data))
    assert found.ok == found.requests > 0, found.error_messages
    assert found.ok <= found.connects <= found.ok + 2
    assert found.requests_per_connection == found.ok / found.connects
    assert found.dropped == 0


async def test_a_server_that_lingers_after_close_is_not_waited_for() -> None:
    def behave(conn: socket.socket, _number: int) -> None:
        next(requests(conn))
        conn.sendall(answer(head=b"Connection: close\r\n"))
        assert conn.recv(1) == b""  # until the client closes

    found = await closed(behave)
    assert found.ok == found.requests > 0


async def test_a_kept_connection_closed_without_a_word_is_opened_again() -> None:
    def behave(conn: socket.socket, _number: int) -> None:
        for _ in itertools.islice(requests(conn), 5):
            conn.sendall(answer())

    found = await closed(behave)
    assert found.ok > 0
    assert found.errors == 0, found.error_messages
    assert found.dropped == pytest.approx(found.ok / 5, abs=3)
    assert found.connects == found.dropped + 2


async def test_a_request_that_must_not_be_repeated_is_not() -> None:
    def behave(conn: socket.socket, _number: int) -> None:
        for _ in itertools.islice(requests(conn), 5):
            conn.sendall(answer())

    with serving(behave) as address:
        request = REQUEST.replace(b"GET", b"POST").replace(b"\r\n\r\n", b"\r\nContent-Length: 0\r\n\r\n")
        found = await measure_closed_loop(
            address, VerifiedRequest(request, BODY), LoopOptions(1), 0.15, lambda found: found.errors > 0
        )
    assert found.dropped == 0
    assert found.errors > 0
    assert list(found.error_messages or ()) == [
        "a kept connection was closed during a request that must not be repeated"
    ]


async def test_a_large_request_goes_out_whole() -> None:
    upload = bytes(3_000_000)
    request = b"POST / HTTP/1.1\r\nHost: x\r\nContent-Length: %d\r\n\r\n" % len(upload)

    def behave(conn: socket.socket, _number: int) -> None:
        stream = conn.makefile("rb")
        while stream.readline():
            while stream.readline() != b"\r\n":
                pass
            if len(stream.read(len(upload))) == len(upload):
                conn.sendall(answer())

    with serving(behave) as address:
        found = await measure_closed_loop(
            address, VerifiedRequest(request + upload, BODY), LoopOptions(2), 0.3, several
        )
    assert found.ok == found.requests > 1, found.error_messages


async def test_a_request_that_is_still_going_out_is_no_answer() -> None:
    # Nothing is ever learned from a server that closes, and nothing is what comes while a request is being sent.
    request = b"POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 3000000\r\n\r\n" + bytes(3_000_000)
    seen = itertools.count()

    def behave(conn: socket.socket, _number: int) -> None:
        stream = conn.makefile("rb")
        if len(stream.read(len(request))) == len(request):
            next(seen)
            conn.sendall(answer(head=b"Connection: close\r\n"))

    with serving(behave) as address:
        found = await measure_closed_loop(address, VerifiedRequest(request, BODY), LoopOptions(2), 0.3)
    assert 0 < found.ok == found.requests <= next(seen), found.error_messages


async def test_an_answer_to_head_has_no_body() -> None:
    with serving(always(b"HTTP/1.1 200 OK\r\nContent-Length: 29\r\n\r\n")) as address:
        request = REQUEST.replace(b"GET", b"HEAD")
        found = await measure_closed_loop(address, VerifiedRequest(request, b""), LoopOptions(1), 0.1)
    assert found.ok == found.requests > 0, found.error_messages
