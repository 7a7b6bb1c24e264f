"""Connections of a loop: an upload that the server ends, the figures of steps, and edge-triggered events."""

from __future__ import annotations

import select
import socket
import struct
from collections.abc import Iterator
from contextlib import closing, contextmanager

from wsgi_gauntlet.harness.http.address import Address
from wsgi_gauntlet.harness.load.generator.connections import ConnectionEvent, ConnectionPool
from wsgi_gauntlet.harness.load.generator.request_marks import MarkedRequests
from wsgi_gauntlet.harness.load.generator.user_visits import UserVisits
from wsgi_gauntlet.harness.load.verified_traffic import VerifiedTraffic
from wsgi_gauntlet.harness.traffic.model import Sequence, Step, Traffic

UPLOAD_BYTES = 32 << 20
"""More than the buffers of two sockets hold."""


@contextmanager
def listening() -> Iterator[tuple[socket.socket, Address]]:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        yield listener, Address(port=listener.getsockname()[1])


def visits(address: Address) -> UserVisits:
    traffic = Traffic((Sequence("s", (Step("a", "GET", "/a"), Step("b", "GET", "/b"))),))
    return UserVisits(VerifiedTraffic(traffic, ((None, None),)), address)


def failed(source: UserVisits) -> dict[str, int]:
    return {each.name: each.failed for each in source.steps()}


def test_a_reset_in_the_middle_of_an_upload_is_no_refused_connection() -> None:
    head = b"POST / HTTP/1.1\r\nHost: localhost\r\nContent-Length: %d\r\n\r\n" % UPLOAD_BYTES
    source = MarkedRequests(head + bytes(UPLOAD_BYTES), b"", b"")
    with listening() as (listener, address), closing(ConnectionPool(address, source)) as pool:
        fd, event = pool.connect(1)
        assert event is ConnectionEvent.PENDING
        accepted, _ = listener.accept()
        # The server gets a part of the request, so it has the connection.
        while pool.connects_pending():
            assert pool.epoll.poll(30)
            assert pool.read(fd, None) is ConnectionEvent.PENDING
        accepted.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        accepted.close()
        while (event := pool.read(fd, None)) is ConnectionEvent.PENDING:
            assert pool.epoll.poll(30)
        assert event is ConnectionEvent.FAILED
        counters = pool.counters
    assert (counters.refused, counters.errors, counters.disconnected) == (0, 1, 1)
    (message,) = counters.error_messages
    assert message.endswith(" in the middle of a request")


def test_a_time_out_of_the_warm_up_is_no_failure_of_its_step() -> None:
    with listening() as (_, address), closing(ConnectionPool(address, source := visits(address))) as pool:
        pool.time_out(pool.connect(1)[0], counts=False)
        assert (pool.counters.timeouts, failed(source)) == (0, {"s: a": 0, "s: b": 0})
        pool.time_out(pool.connect(1)[0])
        assert (pool.counters.timeouts, failed(source)) == (1, {"s: a": 1, "s: b": 0})


def test_bytes_after_a_response_are_a_failure_of_its_step() -> None:
    page = b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n"
    with listening() as (_, address), closing(ConnectionPool(address, source := visits(address))) as pool:
        fd, _event = pool.connect(1)
        assert pool.read(fd, page) is ConnectionEvent.RESPONSE_OK
        pool.rest(fd)
        assert pool.read(fd, (b"more",)) is ConnectionEvent.UNSOLICITED_BYTES
        assert (pool.counters.errors, failed(source)) == (1, {"s: a": 1, "s: b": 0})


PAGE = b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok"
GET = b"GET / HTTP/1.1\r\nHost: localhost\r\n\r\n"


def test_epoll_reports_again_what_did_not_fit_into_the_buffer() -> None:
    source = MarkedRequests(GET, b"ok", b"")
    with listening() as (listener, address), closing(ConnectionPool(address, source, edge_triggered=True)) as pool:
        fd, _ = pool.connect(1)
        accepted, _ = listener.accept()
        with accepted:
            pool.size = len(PAGE) // 3
            accepted.sendall(PAGE)
            events: list[ConnectionEvent] = []
            while not events or events[-1] is ConnectionEvent.PENDING:
                assert pool.epoll.poll(30) == [(fd, select.EPOLLIN)]
                events.append(pool.read(fd, pool.receive[fd](pool.size)))
            assert events == [ConnectionEvent.PENDING] * 3 + [ConnectionEvent.RESPONSE_OK]
            assert pool.epoll.poll(0) == []


def test_epoll_reports_the_end_that_came_with_a_response() -> None:
    source = MarkedRequests(GET, b"ok", b"")
    with listening() as (listener, address), closing(ConnectionPool(address, source, edge_triggered=True)) as pool:
        fd, _ = pool.connect(1)
        accepted, _ = listener.accept()
        accepted.recv(len(GET))
        accepted.sendall(PAGE)
        accepted.close()
        assert pool.epoll.poll(30) == [(fd, select.EPOLLIN | select.EPOLLRDHUP)]
        pool.report_always(fd)
        assert pool.read(fd, pool.receive[fd](pool.size)) is ConnectionEvent.RESPONSE_OK
        pool.started[fd] += 1
        assert [each for each, _ in pool.epoll.poll(30)] == [fd]
        assert pool.read(fd, pool.receive[fd](pool.size)) is ConnectionEvent.CLOSED_BEFORE_RESPONSE


def test_a_loop_that_waits_for_proofs_gets_every_event_until_it_has_received() -> None:
    source = MarkedRequests(GET, b"ok", b"")
    with listening() as (listener, address), closing(ConnectionPool(address, source)) as pool:
        fd, _ = pool.connect(1)
        accepted, _ = listener.accept()
        with accepted:
            accepted.sendall(PAGE)
            assert pool.epoll.poll(30) == [(fd, select.EPOLLIN)]
            assert pool.epoll.poll(30) == [(fd, select.EPOLLIN)]
