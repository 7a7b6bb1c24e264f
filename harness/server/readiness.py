"""Whether a server serves: one question on one connection, answered with this run's nonce or not.

A connection that is accepted proves nothing: several servers accept before their app is loaded, and a stranger may sit
on the port. Only one connection is open at a time and it is closed at once, so that a server that handles one client
after the other is not held up by the question.
"""

from __future__ import annotations

import contextlib
import enum
import errno
import re
import ssl
import struct
from dataclasses import dataclass

import trio

from wsgi_gauntlet.harness.http.address import Address
from wsgi_gauntlet.harness.http.transports import pipe_client, tls
from wsgi_gauntlet.harness.server.adapter import Protocol

PROBE_INTERVAL = 0.01
"""Seconds between two questions; a start takes 50 ms at least."""

PROBE_TIMEOUT = 5.0
"""Seconds to wait for an answer on one connection: a server that accepts early answers once its app is loaded."""

MAX_RESPONSE_BYTES = 64 << 10
"""Bytes of an answer that are looked at."""

OUT_OF_RESOURCES = frozenset({errno.EMFILE, errno.ENFILE, errno.ENOBUFS, errno.ENOMEM, errno.EADDRNOTAVAIL})


class ReadinessState(enum.Enum):
    """What a question came to."""

    READY = "answered with this run's nonce"
    REFUSED = "accepted no connection"
    SILENT = "accepted a connection and said nothing"
    INSECURE = "accepted a connection and spoke no TLS on it"
    OTHER = "gave another answer than the app's"
    OUT_OF_RESOURCES = "could not be asked: this machine has no descriptors, memory or local ports left"


@dataclass(frozen=True)
class ReadinessResponse:
    """One answer: `data` is what arrived of it."""

    state: ReadinessState
    data: bytes = b""

    @property
    def pid(self) -> int:
        """The process that answered, 0 where it did not say."""
        found = re.search(rb"\r\nx-gauntlet-pid: *(\d+)\r\n", self.data, re.IGNORECASE)
        return int(found[1]) if found else 0

    @property
    def first_line(self) -> str:
        """The answer's first line, for people."""
        line = self.data.splitlines()[0] if self.data else b""
        return repr(line[:80].decode("latin-1"))


def probe_request(address: Address, target: str, protocol: Protocol) -> bytes:
    """Return the bytes that ask for `target`, in HTTP or as a uwsgi packet."""
    if protocol is Protocol.HTTP:
        lines = (f"GET {target} HTTP/1.1", f"Host: {address.authority}", "Connection: close", "", "")
        return "\r\n".join(lines).encode("ascii")
    path, _, query = target.partition("?")
    variables = {
        "REQUEST_METHOD": "GET",
        "REQUEST_URI": target,
        "PATH_INFO": path,
        "QUERY_STRING": query,
        "SERVER_PROTOCOL": "HTTP/1.1",
        "SERVER_NAME": "localhost",
        "SERVER_PORT": "80",
        "HTTP_HOST": "localhost",
    }
    body = b"".join(struct.pack("<H", len(part)) + part.encode() for item in variables.items() for part in item)
    return struct.pack("<BHB", 0, len(body), 0) + body  # modifier1 0 is WSGI


async def probe_readiness(
    address: Address, target: str, nonce: str, protocol: Protocol = Protocol.HTTP
) -> ReadinessResponse:
    """Ask once for `target`. With an empty `nonce` every HTTP answer counts as the app's. Never raises OSError."""
    if address.pipe_socket:
        return await _probe_through_pipes(address, target, nonce)
    try:
        family = trio.socket.AF_UNIX if address.path else trio.socket.AF_INET6 if ":" in address.host else None
        connection = trio.socket.socket(family or trio.socket.AF_INET, trio.socket.SOCK_STREAM)
    except OSError:
        return ReadinessResponse(ReadinessState.OUT_OF_RESOURCES)
    with connection:
        try:
            await connection.connect(address.path or (address.host, address.port))
        except OSError as error:
            return ReadinessResponse(
                ReadinessState.OUT_OF_RESOURCES if error.errno in OUT_OF_RESOURCES else ReadinessState.REFUSED
            )
        plain = trio.SocketStream(connection)
        data = b""
        with trio.move_on_after(PROBE_TIMEOUT):
            try:
                stream = await tls.start_tls(plain, address) if address.tls else plain
            except trio.BrokenResourceError as broken:
                return ReadinessResponse(
                    ReadinessState.INSECURE if isinstance(broken.__cause__, ssl.SSLError) else ReadinessState.SILENT
                )
            try:
                await stream.send_all(probe_request(address, target, protocol))
                while len(data) < MAX_RESPONSE_BYTES and not _is_complete(data, nonce):
                    piece = await stream.receive_some(MAX_RESPONSE_BYTES)
                    if not piece:
                        break
                    data += piece
            except trio.BrokenResourceError:
                pass  # a reset is an end like another; what has arrived counts
    return _classify(data, nonce)


async def _probe_through_pipes(address: Address, target: str, nonce: str) -> ReadinessResponse:
    try:
        pipes = await pipe_client.connect(address.pipe_socket)
    except OSError as error:
        return ReadinessResponse(
            ReadinessState.OUT_OF_RESOURCES if error.errno in OUT_OF_RESOURCES else ReadinessState.REFUSED
        )
    data = b""
    async with pipes:
        with trio.move_on_after(PROBE_TIMEOUT), contextlib.suppress(trio.BrokenResourceError):
            await pipes.send_all(probe_request(address, target, Protocol.HTTP))
            while len(data) < MAX_RESPONSE_BYTES and not _is_complete(data, nonce):
                piece = await pipes.receive_some(MAX_RESPONSE_BYTES)
                if not piece:
                    break
                data += piece
    return _classify(data, nonce)


def _classify(data: bytes, nonce: str) -> ReadinessResponse:
    if not data:
        return ReadinessResponse(ReadinessState.SILENT)
    ready = nonce.encode() in data if nonce else data.startswith(b"HTTP/")
    return ReadinessResponse(ReadinessState.READY if ready else ReadinessState.OTHER, data)


def _is_complete(data: bytes, nonce: str) -> bool:
    """Say whether the body has come too: a server whose client leaves before may log an error."""
    _, blank, body = data.partition(b"\r\n\r\n")
    return bool(blank) and bool(nonce) and nonce.encode() in body
