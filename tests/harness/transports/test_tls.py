"""TLS from the client's side: readiness, connections and their ends, and what failed handshakes are called."""

from __future__ import annotations

import ssl
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from functools import partial
from pathlib import Path

import pytest
import trio

from wsgi_gauntlet.harness.address import Address
from wsgi_gauntlet.harness.errors import Skipped
from wsgi_gauntlet.harness.launching import ready
from wsgi_gauntlet.harness.launching.certificates import identity_files, lay_identity
from wsgi_gauntlet.harness.launching.ready import Answer, State, ask
from wsgi_gauntlet.harness.model import WireKind
from wsgi_gauntlet.harness.response import Ending
from wsgi_gauntlet.harness.transports import tls
from wsgi_gauntlet.harness.wire import ConnectFailed, Transcript, Wire

NONCE = "0123456789abcdef"
ANSWER = f"HTTP/1.1 200 OK\r\nContent-Length: {len(NONCE)}\r\n\r\n{NONCE}".encode()

Stream = trio.SSLStream[trio.SocketStream]
Handle = Callable[[Stream], Awaitable[None]]


@pytest.fixture
def context(tmp_path: Path) -> ssl.SSLContext:
    files = identity_files(tmp_path)
    lay_identity(files)
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
        assert await ask(address, "/nonce", NONCE) == Answer(State.READY, ANSWER)


async def test_a_server_in_the_clear_is_none_of_tls() -> None:
    async with server(garbage) as address:
        assert await ask(address, "/nonce", NONCE) == Answer(State.INSECURE)


async def test_silence_in_the_handshake_is_silence(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(ready, "PATIENCE", 0.05)

    async def silent(_: trio.SocketStream) -> None:
        await trio.sleep_forever()

    async with server(silent) as address:
        assert await ask(address, "/nonce", NONCE) == Answer(State.SILENT)


@pytest.mark.parametrize(("handle", "alerted"), [(in_good_order, True), (cut_off, False)])
async def test_an_end_with_an_alert_is_told_from_one_without(
    context: ssl.SSLContext, handle: Handle, alerted: bool
) -> None:
    transcript = Transcript()
    async with server(over_tls(context, handle)) as address:
        wire = await Wire.open(address, transcript)
        assert await wire.send(b"GET / HTTP/1.1\r\nHost: h\r\n\r\n")
        assert (await wire.response()).complete
        assert await wire.ending() is Ending.EOF
        await wire.close()
    assert wire.alerted is alerted
    [end] = [each for each in transcript.events if each.kind is WireKind.EOF]
    assert end.note == ("with a closure alert" if alerted else "without a closure alert")


@pytest.mark.parametrize("alert", [True, False])
async def test_a_client_says_that_it_closes_unless_it_is_not_to(context: ssl.SSLContext, alert: bool) -> None:
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
        wire = await Wire.open(address, Transcript())
        await wire.send(b"GET")
        await (wire.close() if alert else wire.close_without_alert())
        with trio.fail_after(5):
            await over.wait()
    assert ends == ["alert" if alert else "none"]


async def test_a_connection_over_tls_can_be_reset_but_not_half_closed(context: ssl.SSLContext) -> None:
    transcript = Transcript()
    async with server(over_tls(context, answered)) as address:
        wire = await Wire.open(address, transcript)
        with pytest.raises(Skipped, match="over TLS"):
            await wire.half_close()
        await wire.abort()
    assert transcript.events[-1].note == "with a reset"


async def test_a_failed_handshake_says_what_was_wrong() -> None:
    async with server(garbage) as address:
        with pytest.raises(ConnectFailed, match=r"takes no connection: no TLS on it \([a-z ]+\)"):
            await Wire.open(address, Transcript())


def test_a_trouble_of_another_kind_speaks_for_itself() -> None:
    assert tls.reason(ConnectionRefusedError(111, "Connection refused")) == "[Errno 111] Connection refused"
    assert tls.reason(trio.TooSlowError()) == ""
