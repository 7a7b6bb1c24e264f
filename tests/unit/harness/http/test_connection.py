"""Wires against small servers of the test's own, over TCP and Unix sockets."""

from __future__ import annotations

import socket
import ssl
import struct
import time
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager, suppress
from pathlib import Path

import pytest
import trio

from wsgi_gauntlet.harness.conformance.validity import EventLoopWatchdog, StallClock
from wsgi_gauntlet.harness.errors import OutOfResources
from wsgi_gauntlet.harness.http import connection as module
from wsgi_gauntlet.harness.http.address import Address
from wsgi_gauntlet.harness.http.connection import ConnectFailed, Connection, Transcript
from wsgi_gauntlet.harness.http.parser import ConnectionState
from wsgi_gauntlet.harness.model import ConnectionEventKind
from wsgi_gauntlet.harness.store.evidence_limits import is_gap

# Made for this test alone, for CN=localhost; nothing trusts it, and nothing checks it.
CERTIFICATE = """\
-----BEGIN PRIVATE KEY-----
MIGHAgEAMBMGByqGSM49AgEGCCqGSM49AwEHBG0wawIBAQQg5JVxs1WnkEn1dlH4
K49TjSvmRFLwaWMs7IHRXQAL2z+hRANCAAQK5mUvzHv8GlZOi+9fIj7SvJ54cqbi
rYthxVgd8kHFytFurY9Y+lM/+q36fBCmbyND6WfAvaFbBM3I7OmgWHHc
-----END PRIVATE KEY-----
-----BEGIN CERTIFICATE-----
MIIBfzCCASWgAwIBAgIUVxlYYELb4YuJ4EJKTCLnhDicJgMwCgYIKoZIzj0EAwIw
FDESMBAGA1UEAwwJbG9jYWxob3N0MCAXDTI2MTEyMjE3MjMzNFoYDzIxMjYxMDI5
MTcyMzM0WjAUMRIwEAYDVQQDDAlsb2NhbGhvc3QwWTATBgcqhkjOPQIBBggqhkjO
PQMBBwNCAAQK5mUvzHv8GlZOi+9fIj7SvJ54cqbirYthxVgd8kHFytFurY9Y+lM/
+q36fBCmbyND6WfAvaFbBM3I7OmgWHHco1MwUTAdBgNVHQ4EFgQUbGoZyDE2XbFp
eWo53SXD4nCosa4wHwYDVR0jBBgwFoAUbGoZyDE2XbFpeWo53SXD4nCosa4wDwYD
VR0TAQH/BAUwAwEB/zAKBggqhkjOPQQDAgNIADBFAiB89iOyGvtUBXsHw6p6d8RO
H1Xipg16G6lCy7vHl2up6wIhAPT3PYMRIZ88oOKTnUqEarNAeNWfX6MjnvVneWKu
fsMa
-----END CERTIFICATE-----
"""

OK = b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok"

Handler = Callable[[trio.SocketStream], Awaitable[None]]


@asynccontextmanager
async def serving(handler: Handler, path: Path | None = None) -> AsyncIterator[Address]:
    """Serve connections with `handler` on a free loopback port, or on the Unix socket `path`."""
    listening = trio.socket.socket(socket.AF_UNIX if path else socket.AF_INET)
    await listening.bind(str(path) if path else ("127.0.0.1", 0))
    listening.listen()
    address = Address(path=str(path)) if path else Address(port=listening.getsockname()[1])
    async with trio.open_nursery() as nursery:
        nursery.start_soon(trio.serve_listeners, handler, [trio.SocketListener(listening)])
        yield address
        nursery.cancel_scope.cancel()


def saying(*answers: bytes) -> Handler:
    """Return a handler that answers the first bytes with each of `answers` in turn, then ends."""

    async def handle(stream: trio.SocketStream) -> None:
        await stream.receive_some()
        for answer in answers:
            await stream.send_all(answer)
        await stream.send_eof()

    return handle


async def silent(stream: trio.SocketStream) -> None:
    async for _ in stream:
        pass


async def reset(stream: trio.SocketStream) -> None:
    await stream.receive_some()
    stream.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    await stream.aclose()


def kinds(transcript: Transcript) -> list[ConnectionEventKind]:
    return [event.kind for event in transcript.events]


async def test_two_answers_and_the_end() -> None:
    transcript = Transcript()
    async with serving(saying(OK + OK)) as address:
        connection = await Connection.open(address, transcript)
        assert await connection.send(b"GET / HTTP/1.1\r\n\r\n")
        assert (await connection.response()).body == b"ok"
        assert connection.unread == OK
        assert (await connection.response()).complete
        last = await connection.response()
        assert last.is_empty
        assert last.ended is ConnectionState.EOF
        assert await connection.ending() is ConnectionState.EOF
        await connection.close()
        await connection.close()
    assert [each for each in kinds(transcript) if each is not ConnectionEventKind.RECEIVED] == [
        ConnectionEventKind.OPENED,
        ConnectionEventKind.SENT,
        ConnectionEventKind.EOF,
        ConnectionEventKind.CLOSED,
    ]
    assert transcript.events[0].connection == 1
    assert b"".join(each.data for each in transcript.events if each.kind is ConnectionEventKind.RECEIVED) == OK + OK


async def test_unix_socket(tmp_path: Path) -> None:
    async with serving(saying(OK), tmp_path / "s") as address:
        connection = await Connection.open(address, Transcript())
        await connection.send(b"x")
        assert (await connection.response()).status == 200
        await connection.close()


async def test_tls(tmp_path: Path) -> None:
    pem = tmp_path / "localhost.pem"
    pem.write_text(CERTIFICATE)
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(pem)

    async def secured(stream: trio.SocketStream) -> None:
        tls = trio.SSLStream(stream, context, server_side=True, https_compatible=True)
        await tls.receive_some()
        await tls.send_all(OK)
        await tls.aclose()

    async with serving(secured) as plain:
        connection = await Connection.open(Address(plain.host, plain.port, tls=True), Transcript())
        assert await connection.send(b"x")
        assert (await connection.response()).body == b"ok"
        assert await connection.ending() is ConnectionState.EOF
        await connection.abort()


async def test_tls_where_none_is_spoken() -> None:
    async with serving(saying(b"HTTP/1.1 400 Bad Request\r\n\r\n")) as plain:
        with pytest.raises(ConnectFailed, match="takes no connection"):
            await Connection.open(Address(plain.host, plain.port, tls=True), Transcript())


async def test_reset_differs_from_an_end() -> None:
    transcript = Transcript()
    async with serving(reset) as address:
        connection = await Connection.open(address, transcript)
        await connection.send(b"x")
        answer = await connection.response()
        assert answer.describe() == "no response, connection reset"
        assert await connection.ending() is ConnectionState.RESET
        await connection.close()
        assert not await connection.send(b"x")
    assert ConnectionEventKind.RESET in kinds(transcript)


async def test_nothing_within_the_time() -> None:
    transcript = Transcript()
    async with serving(silent) as address:
        connection = await Connection.open(address, transcript)
        assert (await connection.response(timeout=0.01)).describe() == "no response, connection open"
        assert await connection.receive_some(timeout=0.01) == b""
        assert await connection.receive_until(b"x", timeout=0.01) == b""
        assert await connection.ending(timeout=0.01) is ConnectionState.OPEN
        await connection.close()
    assert kinds(transcript).count(ConnectionEventKind.WAITED) == 2


def dripping(pieces: int) -> Handler:
    """Return a handler that answers with a body that takes a tenth of a second a byte."""

    async def handle(stream: trio.SocketStream) -> None:
        await stream.receive_some()
        await stream.send_all(b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n" % pieces)
        with suppress(trio.BrokenResourceError):
            for _ in range(pieces):
                await trio.sleep(0.1)
                await stream.send_all(b"x")

    return handle


async def test_an_answer_that_comes_slowly_is_waited_for_while_it_comes() -> None:
    transcript = Transcript()
    async with serving(dripping(12)) as address:
        connection = await Connection.open(address, transcript)
        await connection.send(b"GET / HTTP/1.1\r\n\r\n")
        assert (await connection.response(timeout=1)).complete
        await connection.close()
    assert ConnectionEventKind.WAITED not in kinds(transcript)


async def test_an_answer_that_comes_for_ever_is_not(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("wsgi_gauntlet.harness.http.connection.TOTAL_TIME_FACTOR", 1.2)
    transcript = Transcript()
    async with serving(dripping(1000)) as address:
        connection = await Connection.open(address, transcript)
        await connection.send(b"GET / HTTP/1.1\r\n\r\n")
        assert not (await connection.response(timeout=1)).complete
        await connection.close()
    (waited,) = [event.note for event in transcript.events if event.kind is ConnectionEventKind.WAITED]
    assert waited == "no end of a response within 1.2 s"


async def test_an_answer_that_comes_in_drops_is_waited_for_half_as_long() -> None:
    async def handle(stream: trio.SocketStream) -> None:
        with suppress(trio.BrokenResourceError):
            while True:
                await stream.send_all(b"x")
                await trio.sleep(0.02)

    transcript = Transcript()
    async with serving(handle) as address:
        connection = await Connection.open(address, transcript)
        started = trio.current_time()
        assert not (await connection.response(timeout=0.5)).complete
        assert trio.current_time() - started >= 1.0
        await connection.close()
    (waited,) = [event.note for event in transcript.events if event.kind is ConnectionEventKind.WAITED]
    assert waited == "no end of a response within 1 s"


async def test_of_an_answer_without_end_only_so_much_is_read(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "RESPONSE_LIMIT_BYTES", 300_000)

    async def handle(stream: trio.SocketStream) -> None:
        with suppress(trio.BrokenResourceError):
            await stream.send_all(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n")
            while True:
                await stream.send_all((b"1;" + b"e" * 1000 + b"\r\nx\r\n") * 10)

    async with serving(handle) as address:
        transcript = Transcript()
        connection = await Connection.open(address, transcript)
        with trio.fail_after(20):
            answer = await connection.response(timeout=60)
        assert not answer.complete
        assert "no end of a response within 300000 bytes" in str([event.note for event in transcript.events])
        await connection.close()


async def test_receive_until_leaves_the_rest() -> None:
    async with serving(saying(b"one\r\n\r\ntwo")) as address:
        connection = await Connection.open(address, Transcript())
        await connection.send(b"x")
        assert await connection.receive_until(b"\r\n\r\n") == b"one\r\n\r\n"
        assert await connection.receive_some() == b"two"
        assert await connection.receive_until(b"never") == b""
        assert await connection.receive_some() == b""
        await connection.close()


async def test_pieces_half_close_and_head() -> None:
    got = bytearray()

    async def whole(stream: trio.SocketStream) -> None:
        async for data in stream:
            got.extend(data)
        await stream.send_all(b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n" % len(got))

    transcript = Transcript()
    async with serving(whole) as address:
        connection = await Connection.open(address, transcript)
        assert await connection.send_segments([b"a", b"b", b"c"])
        assert await connection.half_close()
        answer = await connection.response(head=True)
        assert answer.header("content-length") == b"3"
        assert answer.complete
        assert await connection.ending() is ConnectionState.EOF
        await connection.close()
        assert not await connection.half_close()
    assert got == b"abc"
    assert kinds(transcript).count(ConnectionEventKind.SENT) == 3


async def test_a_large_request_and_a_large_answer_do_not_block_each_other() -> None:
    size = 8 * 1024 * 1024

    async def talks_first(stream: trio.SocketStream) -> None:
        await stream.send_all(b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n" % size + b"x" * size)
        async for _ in stream:
            pass

    transcript = Transcript()
    async with serving(talks_first) as address:
        connection = await Connection.open(address, transcript)
        assert await connection.send(b"y" * size)
        answer = await connection.response()
        assert answer.length == size
        await connection.close()
    assert sum(len(event.data) for event in transcript.events) <= module.TRANSCRIPT_LIMIT_BYTES
    assert size - module.EVENT_LIMIT_BYTES in [event.omitted for event in transcript.events]
    for kind in (ConnectionEventKind.SENT, ConnectionEventKind.RECEIVED):
        events = [event for event in transcript.events if event.kind is kind]
        assert sum(len(event.data) + event.omitted for event in events) >= size


async def test_a_flood_while_waiting_for_the_end_is_dropped(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "INBOX_LIMIT_BYTES", 100_000)
    transcript = Transcript()
    async with serving(saying(b"x" * 300_000)) as address:
        connection = await Connection.open(address, transcript)
        await connection.send(b"y", reading=False)
        assert await connection.ending() is ConnectionState.EOF
        assert len(connection.unread) == 100_000
        await connection.close()
    notes = [event.note for event in transcript.events if event.kind is ConnectionEventKind.NOTE]
    assert "more than 100000 bytes wait unread; later ones are dropped" in notes


async def test_sending_without_reading_leaves_the_answer_for_later() -> None:
    transcript = Transcript()
    async with serving(saying(OK)) as address:
        connection = await Connection.open(address, transcript)
        assert await connection.send(b"x", reading=False)
        assert kinds(transcript) == [ConnectionEventKind.OPENED, ConnectionEventKind.SENT]
        assert (await connection.response()).status == 200
        await connection.close()


async def test_a_server_that_takes_nothing() -> None:
    transcript = Transcript()

    async def deaf(stream: trio.SocketStream) -> None:  # noqa: ARG001 - the handler's signature
        await trio.sleep_forever()

    async with serving(deaf) as address:
        connection = await Connection.open(address, transcript)
        assert not await connection.send(b"x" * 32 * 1024 * 1024, timeout=0.1)
        await connection.close()
    assert ConnectionEventKind.WAITED in kinds(transcript)


async def test_sending_to_someone_who_left() -> None:
    async with serving(reset) as address:
        connection = await Connection.open(address, Transcript())
        await connection.send(b"x")
        await connection.ending()
        assert not await connection.send_segments([b"y", b"z", b"z"])
        await connection.close()


async def test_abort_resets() -> None:
    seen: list[str] = []
    done = trio.Event()

    async def watch(stream: trio.SocketStream) -> None:
        try:
            while await stream.receive_some():
                pass
            seen.append("end")
        except trio.BrokenResourceError:
            seen.append("reset")
        done.set()

    transcript = Transcript()
    async with serving(watch) as address:
        connection = await Connection.open(address, transcript)
        await connection.send(b"x")
        await connection.abort()
        await connection.abort()
        with trio.fail_after(30):
            await done.wait()
        assert (await connection.response()).is_empty
    assert seen == ["reset"]
    assert transcript.events[-1].note == "with a reset"


async def test_nobody_listens(tmp_path: Path) -> None:
    with pytest.raises(ConnectFailed, match="takes no connection"):
        await Connection.open(Address(path=str(tmp_path / "nobody")), Transcript())


async def test_no_descriptor_left(monkeypatch: pytest.MonkeyPatch) -> None:
    def none_left(*_: object) -> None:
        raise OSError(24, "Too many open files")

    monkeypatch.setattr(socket, "socket", none_left)
    with pytest.raises(OutOfResources, match="ulimit"):
        await Connection.open(Address(port=1), Transcript())


def test_a_transcript_has_an_end() -> None:
    transcript = Transcript()
    for _ in range(module.EVENTS_LIMIT + 10):
        transcript.record(1, ConnectionEventKind.SENT, b"x")
    transcript.record(2, ConnectionEventKind.RECEIVED, OK)
    events = transcript.events
    assert len(events) == module.EVENTS_LIMIT + 1
    assert [each.note for each in events if is_gap(each)] == ["11 events left out"]
    assert [each.omitted for each in events if is_gap(each)] == [11]
    assert events[-1].data == OK


def test_a_transcript_of_many_bytes_keeps_status_lines_and_the_last_response() -> None:
    transcript = Transcript()
    large = OK + b"x" * (module.EVENT_LIMIT_BYTES - len(OK))
    for number in range(100):
        transcript.record(1, ConnectionEventKind.RECEIVED, large)
        transcript.record(1, ConnectionEventKind.RECEIVED, b"%d" % number * 9)
    decisive = b"HTTP/1.1 500 decisive\r\n\r\n"
    transcript.record(2, ConnectionEventKind.RECEIVED, decisive)
    events = transcript.events
    assert sum(len(event.data) for event in events) <= module.TRANSCRIPT_LIMIT_BYTES
    assert sum(len(event.data) + event.omitted for event in events) == 100 * len(large) + 9 * 190 + len(decisive)
    assert sum(event.data.startswith(OK) for event in events) == 100
    assert events[0].data == large
    assert events[-1].data == decisive
    assert not any(map(is_gap, events))


@pytest.mark.parametrize("held", [0.0, 0.4], ids=["at once", "later than was meant to be waited"])
def test_an_end_that_was_seen_too_late_is_reported(held: float) -> None:
    async def main() -> bool:
        go = trio.Event()

        async def handler(stream: trio.SocketStream) -> None:
            await go.wait()
            time.sleep(held)  # noqa: ASYNC251 - the loop is to stand still
            await stream.aclose()

        async with serving(handler) as address:
            transcript = Transcript()
            connection = await Connection.open(address, transcript)
            async with EventLoopWatchdog().watching():
                go.set()
                assert await connection.ending(held / 2 or 30.0) is ConnectionState.EOF
            await connection.close()
        assert transcript.time_sensitive
        return transcript.closed_late

    assert trio.run(main, clock=StallClock()) is (held > 0)


@pytest.mark.parametrize(("patience", "late"), [(1.0, True), (100.0, False)])
def test_patience_lets_a_response_end_before_its_time_out(patience: float, late: bool) -> None:
    async def main() -> bool:
        go = trio.Event()

        async def handler(stream: trio.SocketStream) -> None:
            await stream.send_all(OK[:-4])
            await go.wait()
            time.sleep(0.4)  # noqa: ASYNC251 - the loop is to stand still
            await stream.aclose()

        async with serving(handler) as address:
            transcript = Transcript(patience)
            connection = await Connection.open(address, transcript)
            async with EventLoopWatchdog().watching():
                go.set()
                response = await connection.response(timeout=0.2)
            await connection.close()
        assert not response.complete
        return transcript.closed_late

    assert trio.run(main, clock=StallClock()) is late
