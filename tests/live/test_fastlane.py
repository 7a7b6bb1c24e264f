"""The fast lane and the open lane against small servers that do exactly what each test needs."""

from __future__ import annotations

import itertools
import socket
import struct
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

import pytest
import trio

from wsgi_gauntlet.harness.address import Address
from wsgi_gauntlet.harness.errors import OutOfResources, TargetRefused
from wsgi_gauntlet.harness.load import connections
from wsgi_gauntlet.harness.load.fastlane import closed_loop
from wsgi_gauntlet.harness.load.lane_result import LaneResult
from wsgi_gauntlet.harness.load.openlane import open_loop

pytestmark = pytest.mark.live

REQUEST = b"GET /page HTTP/1.1\r\nHost: localhost\r\n\r\n"
BODY = b"what every answer is to have\n"

Behaviour = Callable[[socket.socket, int], None]
"""What a server does with its n-th connection (from 0); it returns to have the connection closed."""


def answer(body: bytes = BODY, head: bytes = b"", status: bytes = b"200 OK") -> bytes:
    return b"HTTP/1.1 %s\r\n%sContent-Length: %d\r\n\r\n%s" % (status, head, len(body), body)


def requests(conn: socket.socket) -> Iterator[bytes]:
    """Yield each whole request without a body that comes, until the client goes."""
    data = b""
    while True:
        head, end, rest = data.partition(b"\r\n\r\n")
        if end:
            data = rest
            yield head + end
        elif piece := conn.recv(65536):
            data += piece
        else:
            return


def always(*pieces: bytes) -> Behaviour:
    """Answer every request with `pieces`, each in a segment of its own."""

    def behave(conn: socket.socket, _number: int) -> None:
        for _ in requests(conn):
            for piece in pieces:
                conn.sendall(piece)

    return behave


def silent(conn: socket.socket, _number: int) -> None:
    """Read every request and answer none."""
    for _ in requests(conn):
        pass


def once(data: bytes) -> Behaviour:
    """Send `data` for the first request of a connection and close it."""

    def behave(conn: socket.socket, _number: int) -> None:
        next(requests(conn))
        conn.sendall(data)

    return behave


@contextmanager
def serving(behave: Behaviour, path: Path | None = None) -> Iterator[Address]:
    """Serve on the loopback interface, or at the Unix socket `path`, with a thread for each connection."""
    listener = socket.socket(socket.AF_UNIX if path else socket.AF_INET)
    listener.bind(str(path) if path else ("127.0.0.1", 0))
    listener.listen(128)
    open_ones: list[socket.socket] = []
    threads: list[threading.Thread] = []

    def handle(conn: socket.socket, number: int) -> None:
        with conn:
            try:
                if not path:
                    conn.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
                behave(conn, number)
            except (OSError, StopIteration):
                pass  # the lane went away: its tests end so

    def accept() -> None:
        for number in itertools.count():
            try:
                conn, _ = listener.accept()
            except OSError:
                return
            open_ones.append(conn)
            threads.append(threading.Thread(target=handle, args=(conn, number)))
            threads[-1].start()

    acceptor = threading.Thread(target=accept)
    acceptor.start()
    try:
        yield Address(path=str(path)) if path else Address(port=listener.getsockname()[1])
    finally:
        listener.shutdown(socket.SHUT_RDWR)
        acceptor.join()
        listener.close()
        for conn in open_ones:
            with suppress(OSError):  # closed already
                conn.shutdown(socket.SHUT_RDWR)
        for thread in threads:
            thread.join()


async def closed(behave: Behaviour, *, clients: int = 2, seconds: float = 0.15, timeout: float = 5.0) -> LaneResult:
    with serving(behave) as address:
        return await closed_loop(address, REQUEST, body=BODY, connections=clients, seconds=seconds, timeout=timeout)


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
    assert found.goodput == 1
    assert found.rate == found.ok / found.seconds
    assert found.seconds >= 0.15
    assert 0 < found.cpu_seconds < found.seconds
    assert found.requests_per_connection == found.ok / 4
    assert found.percentiles("p")


async def test_the_warm_up_does_not_count() -> None:
    with serving(always(answer())) as address:
        found = await closed_loop(address, REQUEST, body=BODY, connections=1, seconds=0.1, warm_up=0.1)
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
    assert (found.ok, found.connects) == (found.requests, 2), found.troubles


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
        found = await closed_loop(address, REQUEST, body=body, connections=2, seconds=0.15)
    assert found.ok == found.requests > 1, found.troubles


async def test_one_wrong_body_in_seven_is_found() -> None:
    wrong = answer(BODY.swapcase())
    seen = itertools.count(1)

    def behave(conn: socket.socket, _number: int) -> None:
        for number, _ in enumerate(requests(conn), 1):
            if number % 7 == 0:
                next(seen)
            conn.sendall(answer() if number % 7 else wrong)

    found = await closed(behave)
    # The lane's end may cut off an answer on each of its two connections.
    assert 0 < found.wrong <= next(seen) - 1 <= found.wrong + 2
    assert found.errors == 0
    assert found.goodput == found.ok / (found.ok + found.wrong)
    assert list(found.troubles or ()) == ["a body of the right length that differs from byte 0 on"]


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
    assert list(found.troubles or ()) == [words]


@pytest.mark.parametrize(
    ("behave", "words"),
    [
        (always(answer(status=b"503 Service Unavailable")), "status 503 instead of 200"),
        (once(b"\x16\x03\x01 not HTTP at all\r\n\r\n"), "what came is not an HTTP answer"),
        (once(b""), "the connection was closed without an answer"),
        (once(answer()[:-3]), "an answer has no certain end: the answer is not complete: 26 of 29 bytes of body came"),
        (always(answer() + b"X"), "bytes follow an answer that nobody asked for"),
        (always(answer() * 2), "bytes follow an answer that nobody asked for"),
    ],
    ids=["status", "garbage", "silent close", "cut", "one byte more", "two answers"],
)
async def test_faults_are_errors_with_their_reason(behave: Behaviour, words: str) -> None:
    found = await closed(behave)
    assert found.ok == 0
    assert found.errors == found.requests > 0
    assert list(found.troubles or ()) == [words]
    assert found.quantile(0.5) is None or found.quantile(0.5) == (found.waiting.quantile(0), True)


async def test_an_answer_cut_after_good_ones_is_an_error() -> None:
    def behave(conn: socket.socket, _number: int) -> None:
        for number, _ in enumerate(requests(conn)):
            conn.sendall(answer() if number < 5 else answer()[:-3])
            if number == 5:
                return

    found = await closed(behave)
    assert found.errors > 0
    assert found.ok == pytest.approx(5 * found.errors, abs=10)
    assert list(found.troubles or ()) == ["the connection was closed in the middle of an answer"]


async def test_a_reset_in_the_middle_of_an_answer_is_an_error() -> None:
    def behave(conn: socket.socket, _number: int) -> None:
        next(requests(conn))
        conn.sendall(b"HTTP/1.1 200 OK\r\nConte")
        conn.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))

    found = await closed(behave)
    assert found.errors == found.requests > 0
    assert "ECONNRESET (Connection reset by peer) while waiting for an answer" in (found.troubles or ())


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
    assert found.ok == found.requests > 0, found.troubles
    assert found.ok <= found.connects <= found.ok + 2
    assert found.requests_per_connection == pytest.approx(1, abs=0.3)
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
    assert found.errors == 0, found.troubles
    assert found.dropped == pytest.approx(found.ok / 5, abs=3)
    assert found.connects == found.dropped + 2


async def test_a_request_that_must_not_be_repeated_is_not() -> None:
    def behave(conn: socket.socket, _number: int) -> None:
        for _ in itertools.islice(requests(conn), 5):
            conn.sendall(answer())

    with serving(behave) as address:
        request = REQUEST.replace(b"GET", b"POST").replace(b"\r\n\r\n", b"\r\nContent-Length: 0\r\n\r\n")
        found = await closed_loop(address, request, body=BODY, connections=1, seconds=0.15)
    assert found.dropped == 0
    assert found.errors > 0
    assert list(found.troubles or ()) == ["a kept connection was closed under a request that must not be repeated"]


async def test_a_stall_is_a_time_out_and_a_lower_bound() -> None:
    def behave(conn: socket.socket, number: int) -> None:
        for _ in requests(conn):
            if number:
                conn.sendall(answer())

    found = await closed(behave, seconds=0.5, timeout=0.2)
    assert found.timeouts >= 1
    assert found.ok > 0
    assert found.goodput == found.ok / (found.ok + found.timeouts)
    half, last = found.quantile(0.5), found.quantile(1.0)
    assert half is not None
    assert not half[1]
    assert last is not None
    assert last[0] >= 0.199
    assert last[1]


async def test_what_nobody_answers_until_the_end_is_a_lower_bound_too() -> None:
    found = await closed(silent)
    assert (found.ok, found.requests, found.unfinished, found.overdue) == (0, 0, 2, 2)
    assert found.goodput == 0
    half = found.quantile(0.5)
    assert half is not None
    assert half[0] >= 0.1
    assert half[1]


async def test_an_endless_answer_is_cut_off(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(connections, "HEAD_LIMIT", 10_000)

    def behave(conn: socket.socket, _number: int) -> None:
        next(requests(conn))
        conn.sendall(b"HTTP/1.1 200 OK\r\n\r\n")
        while True:
            conn.sendall(b"x" * 10_000)

    found = await closed(behave)
    assert found.wrong == found.requests > 0
    assert list(found.troubles or ()) == ["an answer is far longer than the right one"]


async def test_troubles_are_bounded_in_kinds(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(connections, "KINDS_OF_TROUBLE", 3)
    bodies = itertools.count(100)

    def behave(conn: socket.socket, _number: int) -> None:
        next(requests(conn))
        conn.sendall(answer(b"x" * next(bodies)))

    found = await closed(behave, clients=8)
    assert found.wrong > 3
    assert len(found.troubles or ()) == 3


async def test_nobody_listens() -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        found = await closed_loop(Address(port=taken.getsockname()[1]), REQUEST, body=BODY, connections=3, seconds=0.1)
    assert found.ok == 0
    assert 0 < found.refused == found.errors <= 20
    assert list(found.troubles or ()) == ["ECONNREFUSED (Connection refused) at connect"]


async def test_over_a_unix_socket(tmp_path: Path) -> None:
    with serving(always(answer()), tmp_path / "s") as address:
        found = await closed_loop(address, REQUEST, body=BODY, connections=2, seconds=0.1)
    assert found.ok == found.requests > 0


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
        found = await closed_loop(address, request + upload, body=BODY, connections=2, seconds=0.3)
    assert found.ok == found.requests > 1, found.troubles


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
        found = await closed_loop(address, request, body=BODY, connections=2, seconds=0.3)
    assert 0 < found.ok == found.requests <= next(seen), found.troubles


async def test_an_answer_to_head_has_no_body() -> None:
    with serving(always(b"HTTP/1.1 200 OK\r\nContent-Length: 29\r\n\r\n")) as address:
        request = REQUEST.replace(b"GET", b"HEAD")
        found = await closed_loop(address, request, body=b"", connections=1, seconds=0.1)
    assert found.ok == found.requests > 0, found.troubles


async def test_cancelling_ends_a_lane_at_once() -> None:
    for behave in (always(answer()), silent):
        with serving(behave) as address, trio.move_on_after(0.05) as scope:
            await closed_loop(address, REQUEST, body=BODY, connections=2, seconds=60)
        assert scope.cancelled_caught


async def test_others_run_while_a_lane_is_busy() -> None:
    passes = 0

    async def count() -> None:
        nonlocal passes
        while True:
            await trio.sleep(0.001)
            passes += 1

    with serving(always(answer())) as address:
        async with trio.open_nursery() as nursery:
            nursery.start_soon(count)
            await closed_loop(address, REQUEST, body=BODY, connections=4, seconds=0.3)
            nursery.cancel_scope.cancel()
    assert passes


async def test_elsewhere_is_refused() -> None:
    with pytest.raises(TargetRefused, match="loopback"):
        await closed_loop(Address("192.0.2.1", 80), REQUEST, body=BODY, connections=1, seconds=1)
    with pytest.raises(TargetRefused, match="loopback"):
        await open_loop(Address("192.0.2.1", 80), REQUEST, body=BODY, connections=1, schedule=[0.0])


@pytest.mark.parametrize("wrong", [{"connections": 0}, {"seconds": float("inf")}, {"timeout": -1}])
async def test_numbers_that_make_no_sense_are_refused(wrong: dict[str, float]) -> None:
    numbers = {"connections": 1, "seconds": 1.0, **wrong}
    with pytest.raises(ValueError, match="above 0"):
        await closed_loop(Address(port=1), REQUEST, body=BODY, **numbers)  # type: ignore[arg-type]


async def test_no_descriptor_left_says_what_to_do(monkeypatch: pytest.MonkeyPatch) -> None:
    def none_left(*_: object) -> socket.socket:
        raise OSError(24, "Too many open files")

    lane = connections.Connections(Address(port=1), REQUEST, status=200, body=BODY)
    monkeypatch.setattr(socket, "socket", none_left)
    with pytest.raises(OutOfResources, match="ulimit -n"):
        lane.connect(0)
    lane.close()


async def test_ports_that_run_out_make_the_measurement_invalid(monkeypatch: pytest.MonkeyPatch) -> None:
    class NoPort(socket.socket):
        def connect_ex(self, _address: object) -> int:
            return 99  # EADDRNOTAVAIL

    monkeypatch.setattr(socket, "socket", NoPort)
    found = await closed_loop(Address(port=1), REQUEST, body=BODY, connections=1, seconds=0.05)
    assert found.ports_out == found.errors > 0
    assert "local ports" in found.health().why


async def test_many_connects_use_many_sources(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(connections, "SOURCE_EVERY", 2)
    sources = set()

    def behave(conn: socket.socket, _number: int) -> None:
        sources.add(conn.getpeername()[0])
        once(answer(head=b"Connection: close\r\n"))(conn, 0)

    found = await closed(behave, clients=1)
    assert found.ok == found.requests > 0
    assert {"127.0.0.1", "127.0.0.2", "127.0.0.3"} <= sources


async def test_an_open_loop_sends_all_that_is_scheduled() -> None:
    times = [n / 1000 for n in range(200)]
    with serving(always(answer())) as address:
        found = await open_loop(address, REQUEST, body=BODY, connections=20, schedule=times)
    assert (found.ok, found.scheduled, found.goodput) == (200, 200, 1.0)
    assert 1 <= found.connects <= 20
    assert found.offered == pytest.approx(200 / 0.199, rel=0.001)
    assert found.lateness is not None
    assert len(found.lateness) == len(found.service) == 200
    assert found.latency.quantile(1.0) * 1.005 >= found.service.quantile(1.0) / 1.005


async def test_an_open_loop_counts_from_the_intended_time() -> None:
    # One connection, answers 20 ms apart, requests 1 ms apart: the k-th waits for k others.
    pause = threading.Event()

    def behave(conn: socket.socket, _number: int) -> None:
        for _ in requests(conn):
            pause.wait(0.02)
            conn.sendall(answer())

    with serving(behave) as address:
        found = await open_loop(address, REQUEST, body=BODY, connections=1, schedule=[n / 1000 for n in range(10)])
    assert (found.ok, found.connects) == (10, 1)
    assert found.latency.quantile(1.0) >= 0.99 * (10 * 0.02 - 0.009)
    assert found.service.quantile(0.5) < found.latency.quantile(0.5)


async def test_an_open_loop_without_answers_ends_and_counts_all() -> None:
    with serving(silent) as address:
        found = await open_loop(
            address, REQUEST, body=BODY, connections=2, schedule=[n / 100 for n in range(5)], timeout=0.1
        )
    assert (found.ok, found.scheduled, found.goodput) == (0, 5, 0.0)
    # Two connections time out; the others' turn came too late, or they had a new connection and timed out there.
    assert found.timeouts + found.never_sent == 5
    assert found.timeouts >= 2
    half = found.quantile(0.5)
    assert half is not None
    assert half[0] >= 0.099
    assert half[1]


async def test_an_open_loop_goes_on_where_connections_close() -> None:
    def behave(conn: socket.socket, number: int) -> None:
        for _ in itertools.islice(requests(conn), 3):
            conn.sendall(answer(head=b"Connection: close\r\n" if number % 2 else b""))

    with serving(behave) as address:
        found = await open_loop(address, REQUEST, body=BODY, connections=10, schedule=[n / 500 for n in range(60)])
    assert (found.ok, found.scheduled) == (60, 60), found.troubles
    assert found.connects >= 60 / 3


async def test_an_open_loop_hears_what_it_did_not_ask_for() -> None:
    def behave(conn: socket.socket, _number: int) -> None:
        for _ in requests(conn):
            conn.sendall(answer())
            conn.sendall(answer(b"gone", status=b"408 Request Timeout"))
            return

    with serving(behave) as address:
        found = await open_loop(address, REQUEST, body=BODY, connections=4, schedule=[0.0, 0.05, 0.1])
    assert found.scheduled == 3
    assert found.ok + found.errors == 3
    assert any("without a request" in words or "nobody asked" in words for words in found.troubles or ())


async def test_an_open_loop_of_nothing_ends_at_once() -> None:
    found = await open_loop(Address(port=1), REQUEST, body=BODY, connections=1, schedule=[])
    assert (found.scheduled, found.goodput, found.offered) == (0, 1.0, 0.0)


async def test_an_open_loop_nobody_listens_to_counts_errors() -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        address = Address(port=taken.getsockname()[1])
        found = await open_loop(address, REQUEST, body=BODY, connections=5, schedule=[0.0, 0.01, 0.02])
    assert (found.errors, found.scheduled) == (3, 3)
