"""Readiness: one question, and every kind of answer to it."""

from __future__ import annotations

import errno
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from functools import partial
from pathlib import Path

import pytest
import trio

from wsgi_gauntlet.harness.http.address import Address
from wsgi_gauntlet.harness.server import readiness
from wsgi_gauntlet.harness.server.adapter import Protocol
from wsgi_gauntlet.harness.server.readiness import ReadinessResponse, ReadinessState, probe_readiness, probe_request

NONCE = "0123456789abcdef"


@asynccontextmanager
async def server(handle: Callable[[trio.SocketStream], Awaitable[None]]) -> AsyncIterator[Address]:
    async with trio.open_nursery() as nursery:
        [listener] = await nursery.start(partial(trio.serve_tcp, handle, 0, host="127.0.0.1"))
        yield Address(port=listener.socket.getsockname()[1])
        nursery.cancel_scope.cancel()


def test_the_question_is_a_request_that_asks_for_the_end_of_the_connection() -> None:
    asked = probe_request(Address(port=80), "/x/nonce", Protocol.HTTP)
    assert asked == b"GET /x/nonce HTTP/1.1\r\nHost: 127.0.0.1:80\r\nConnection: close\r\n\r\n"


def test_the_question_as_a_uwsgi_packet_tells_its_length() -> None:
    asked = probe_request(Address(path="/s"), "/nonce?a=b", Protocol.UWSGI)
    assert asked[0] == 0
    assert int.from_bytes(asked[1:3], "little") == len(asked) - 4
    assert b"\x09\x00PATH_INFO\x06\x00/nonce" in asked
    assert b"\x0c\x00QUERY_STRING\x03\x00a=b" in asked


async def test_an_answer_with_the_nonce_is_waited_for_whole() -> None:
    async def handle(stream: trio.SocketStream) -> None:
        await stream.receive_some()
        await stream.send_all(f"HTTP/1.0 200 OK\r\nX-Gauntlet-Nonce: {NONCE}\r\nX-Gauntlet-Pid: 77\r\n\r\n".encode())
        await stream.send_all(NONCE.encode())

    async with server(handle) as address:
        answer = await probe_readiness(address, "/nonce", NONCE)
    assert answer.state is ReadinessState.READY
    assert answer.data.endswith(f"\r\n\r\n{NONCE}".encode())
    assert answer.pid == 77


async def test_a_strangers_answer_is_another_one() -> None:
    async def handle(stream: trio.SocketStream) -> None:
        await stream.receive_some()
        await stream.send_all(b"HTTP/1.1 404 Not Found\r\nContent-Length: 0\r\n\r\n")

    async with server(handle) as address:
        answer = await probe_readiness(address, "/nonce", NONCE)
        own_app = await probe_readiness(address, "/nonce", "")
    assert answer.state is ReadinessState.OTHER
    assert answer.first_line == "'HTTP/1.1 404 Not Found'"
    assert answer.pid == 0
    assert own_app.state is ReadinessState.READY


async def test_silence_and_an_endless_answer_are_distinguished(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(readiness, "PROBE_TIMEOUT", 0.05)

    async def silent(_: trio.SocketStream) -> None:
        await trio.sleep_forever()

    async def endless(stream: trio.SocketStream) -> None:
        try:
            while True:
                await stream.send_all(b"\0" * 65536)
        except trio.BrokenResourceError:
            pass

    async with server(silent) as address:
        assert await probe_readiness(address, "/nonce", NONCE) == ReadinessResponse(ReadinessState.SILENT)
    async with server(endless) as address:
        answer = await probe_readiness(address, "/nonce", NONCE)
    assert answer.state is ReadinessState.OTHER
    assert len(answer.data) <= 2 * readiness.MAX_RESPONSE_BYTES


async def test_nobody_there(tmp_path: Path) -> None:
    assert (await probe_readiness(Address(path=str(tmp_path / "s")), "/nonce", NONCE)).state is ReadinessState.REFUSED


async def test_a_machine_without_descriptors_is_no_fault_of_the_server(monkeypatch: pytest.MonkeyPatch) -> None:
    def exhausted(*_: object) -> trio.socket.SocketType:
        raise OSError(errno.EMFILE, "Too many open files")

    monkeypatch.setattr(trio.socket, "socket", exhausted)
    assert (await probe_readiness(Address(port=1), "/nonce", NONCE)).state is ReadinessState.OUT_OF_RESOURCES
