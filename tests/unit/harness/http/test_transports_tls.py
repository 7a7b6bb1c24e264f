"""TLS from the client's side: readiness, connections and their ends, and what failed handshakes are called."""

from __future__ import annotations

import ssl
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from functools import partial
from pathlib import Path

import pytest
import trio

from wsgi_gauntlet.harness.errors import Skipped
from wsgi_gauntlet.harness.http.address import Address
from wsgi_gauntlet.harness.http.connection import ConnectFailed, Connection, Transcript
from wsgi_gauntlet.harness.http.parser import ConnectionState
from wsgi_gauntlet.harness.http.transports import tls_failure_reason
from wsgi_gauntlet.harness.model import ConnectionEventKind
from wsgi_gauntlet.harness.server import readiness
from wsgi_gauntlet.harness.server.certificates import identity_files, write_identity_files
from wsgi_gauntlet.harness.server.readiness import ReadinessResponse, ReadinessState, probe_readiness

NONCE = "0123456789abcdef"
ANSWER = f"HTTP/1.1 200 OK\r\nContent-Length: {len(NONCE)}\r\n\r\n{NONCE}".encode()

Stream = trio.SSLStream[trio.SocketStream]
Handle = Callable[[Stream], Awaitable[None]]


@pytest.fixture
def context(tmp_path: Path) -> ssl.SSLContext:
    files = identity_files(tmp_path)
    write_identity_files(files)
    made = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    made.load_cert_chain(files.certificate, files.key)
    return made


@asynccontextmanager
async def server(
    handle: Callable[[trio.SocketStream], Awaitable[None]], *, secure: bool = True
) -> AsyncIterator[Address]:
    async with trio.open_nursery() as nursery:
        [listener] = await nursery.start(partial(trio.serve_tcp, handle, 0, host="127.0.0.1"))
        yield Address(port=listener.socket.getsockname()[1], tls=secure)
        nursery.cancel_scope.cancel()


def over_tls(context: ssl.SSLContext, handle: Handle) -> Callable[[trio.SocketStream], Awaitable[None]]:
    async def secured(plain: trio.SocketStream) -> None:
        await handle(trio.SSLStream(plain, context, server_side=True))

    return secured


async def answered(stream: Stream) -> None:
    await stream.receive_some()
    await stream.send_all(ANSWER)


async def in_good_order(stream: Stream) -> None:
    await answered(stream)
    await stream.aclose()


async def cut_off(stream: Stream) -> None:
    await answered(stream)
    await stream.transport_stream.aclose()


async def garbage(plain: trio.SocketStream) -> None:
    await plain.receive_some()
    await plain.send_all(b"HTTP/1.1 400 Bad Request\r\n\r\n")


async def test_a_server_of_tls_is_ready_when_it_answers_with_the_nonce(context: ssl.SSLContext) -> None:
    async with server(over_tls(context, in_good_order)) as address:
        assert await probe_readiness(address, "/nonce", NONCE) == ReadinessResponse(ReadinessState.READY, ANSWER)


async def test_a_server_in_the_clear_is_none_of_tls() -> None:
    async with server(garbage) as address:
        assert await probe_readiness(address, "/nonce", NONCE) == ReadinessResponse(ReadinessState.INSECURE)


async def test_silence_in_the_handshake_is_silence(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(readiness, "PROBE_TIMEOUT", 0.05)

    async def silent(_: trio.SocketStream) -> None:
        await trio.sleep_forever()

    async with server(silent) as address:
        assert await probe_readiness(address, "/nonce", NONCE) == ReadinessResponse(ReadinessState.SILENT)


@pytest.mark.parametrize(("handle", "closure_alert_received"), [(in_good_order, True), (cut_off, False)])
async def test_an_end_with_an_alert_differs_from_one_without(
    context: ssl.SSLContext, handle: Handle, closure_alert_received: bool
) -> None:
    transcript = Transcript()
    async with server(over_tls(context, handle)) as address:
        connection = await Connection.open(address, transcript)
        assert await connection.send(b"GET / HTTP/1.1\r\nHost: h\r\n\r\n")
        assert (await connection.response()).complete
        assert await connection.ending() is ConnectionState.EOF
        await connection.close()
    assert connection.closure_alert_received is closure_alert_received
    [end] = [each for each in transcript.events if each.kind is ConnectionEventKind.EOF]
    assert end.note == ("with a closure alert" if closure_alert_received else "without a closure alert")


async def test_a_client_closes_with_an_alert(context: ssl.SSLContext) -> None:
    ends: list[str] = []
    over = trio.Event()

    async def listen(stream: Stream) -> None:
        try:
            await stream.receive_some()
            ends.append("none" if await stream.receive_some() else "alert")
        except trio.BrokenResourceError:
            ends.append("none")
        over.set()

    async with server(over_tls(context, listen)) as address:
        connection = await Connection.open(address, Transcript())
        await connection.send(b"GET")
        await connection.close()
        with trio.fail_after(30):
            await over.wait()
    assert ends == ["alert"]


async def test_a_connection_over_tls_can_be_reset_but_not_half_closed(context: ssl.SSLContext) -> None:
    transcript = Transcript()
    async with server(over_tls(context, answered)) as address:
        connection = await Connection.open(address, transcript)
        with pytest.raises(Skipped, match="over TLS"):
            await connection.half_close()
        await connection.abort()
    assert transcript.events[-1].note == "with a reset"


async def test_a_failed_handshake_says_what_was_wrong() -> None:
    async with server(garbage) as address:
        with pytest.raises(ConnectFailed, match=r"takes no connection: no TLS on it \([a-z ]+\)"):
            await Connection.open(address, Transcript())


def test_another_error_is_described_by_its_own_text() -> None:
    assert tls_failure_reason(ConnectionRefusedError(111, "Connection refused")) == "[Errno 111] Connection refused"
    assert tls_failure_reason(trio.TooSlowError()) == ""
