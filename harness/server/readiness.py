"""Readiness of a server: one request on one connection, and a response with the nonce of the instance.

An accepted connection proves nothing: several servers accept before their app is loaded, and another program may hold
the port. Only one connection is open at a time and it is closed at once. So it does not delay a server that serves one
client at a time.
"""

from __future__ import annotations

import contextlib
import enum
import re
import ssl
import struct
from collections.abc import Callable
from dataclasses import dataclass

import trio

from wsgi_gauntlet.harness.errors import OutOfResources, PortTaken, ServerDidNotStart
from wsgi_gauntlet.harness.http import transports
from wsgi_gauntlet.harness.http.address import Address
from wsgi_gauntlet.harness.http.connection import Stream
from wsgi_gauntlet.harness.http.request import get_request
from wsgi_gauntlet.harness.limits import EXHAUSTION_ERRNOS
from wsgi_gauntlet.harness.server.adapter import Launch, Protocol
from wsgi_gauntlet.harness.server.process import procfs
from wsgi_gauntlet.harness.server.process.supervised_process import SupervisedProcess
from wsgi_gauntlet.harness.server.server_log import most_relevant_line
from wsgi_gauntlet.harness.server.user_app import control_prefix

PROBE_INTERVAL = 0.01
"""Seconds between two requests; a start takes 50 ms or more."""

PROBE_TIMEOUT = 5.0
"""Seconds to wait for a response on one connection: a server may accept early and respond when its app is loaded."""

MAX_RESPONSE_BYTES = 64 << 10
"""Bytes of a response that are read."""

WRONG_RESPONSE_TIMEOUT = 2.0
"""Seconds of wrong responses after which the start has failed."""


class ReadinessState(enum.Enum):
    """The result of one request."""

    READY = "answered with this run's nonce"
    REFUSED = "accepted no connection"
    SILENT = "accepted a connection and said nothing"
    INSECURE = "accepted a connection and spoke no TLS on it"
    OTHER = "gave another response than the app's"
    OUT_OF_RESOURCES = "could not be reached: this machine has no descriptors, memory or local ports left"


@dataclass(frozen=True)
class ReadinessResponse:
    """One response; `data` is the part of it that arrived."""

    state: ReadinessState
    data: bytes = b""

    @property
    def pid(self) -> int:
        """The process that responded, 0 if the response does not say."""
        found = re.search(rb"\r\nx-gauntlet-pid: *(\d+)\r\n", self.data, re.IGNORECASE)
        return int(found[1]) if found else 0

    @property
    def first_line(self) -> str:
        """The first line of the response, for people."""
        line = self.data.splitlines()[0] if self.data else b""
        return repr(line[:80].decode("latin-1"))


def probe_request(address: Address, target: str, protocol: Protocol) -> bytes:
    """Return the bytes of a request for `target`, in HTTP or as a uwsgi packet."""
    if protocol is Protocol.HTTP:
        return get_request(address, target, "Connection: close")
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
    """Request `target` once. With an empty `nonce` every HTTP response counts as the app's. Never raises OSError."""
    data = bytearray()
    try:
        stream = await _open_stream(address)
        try:
            with trio.move_on_after(PROBE_TIMEOUT):
                if isinstance(stream, trio.SocketStream) and address.tls:
                    stream = await transports.start_tls(stream, address)
                with contextlib.suppress(trio.BrokenResourceError):  # after a reset, the received data counts
                    await stream.send_all(probe_request(address, target, protocol))
                    while len(data) < MAX_RESPONSE_BYTES and not _is_complete(data, nonce):
                        piece = await stream.receive_some(MAX_RESPONSE_BYTES)
                        if not piece:
                            break
                        data += piece
        finally:
            await trio.aclose_forcefully(stream)
    except OSError as error:
        exhausted = error.errno in EXHAUSTION_ERRNOS
        return ReadinessResponse(ReadinessState.OUT_OF_RESOURCES if exhausted else ReadinessState.REFUSED)
    except trio.BrokenResourceError as broken:
        insecure = isinstance(broken.__cause__, ssl.SSLError)
        return ReadinessResponse(ReadinessState.INSECURE if insecure else ReadinessState.SILENT)
    return _classify(bytes(data), nonce)


async def _open_stream(address: Address) -> Stream:
    if address.pipe_socket:
        return await transports.connect_pipes(address.pipe_socket)
    sock = trio.socket.socket(address.family, trio.socket.SOCK_STREAM)
    try:
        await sock.connect(address.socket_address)
    except BaseException:
        sock.close()
        raise
    return trio.SocketStream(sock)


def _classify(data: bytes, nonce: str) -> ReadinessResponse:
    if not data:
        return ReadinessResponse(ReadinessState.SILENT)
    ready = nonce.encode() in data if nonce else data.startswith(b"HTTP/")
    return ReadinessResponse(ReadinessState.READY if ready else ReadinessState.OTHER, data)


def _is_complete(data: bytearray, nonce: str) -> bool:
    """Return whether the body has arrived too: a server may log an error if a client leaves earlier."""
    _, blank, body = data.partition(b"\r\n\r\n")
    return bool(blank) and bool(nonce) and nonce.encode() in body


# ---------------------------------------------------------------------- the start


async def wait_until_ready(
    launch: Launch,
    supervised: SupervisedProcess,
    *,
    name: str,
    nonce: str,
    deadline: float,
    read_log: Callable[[], str],
) -> None:
    """Return when the server responds with `nonce`; with '' every response of its own is enough.

    `name` is for messages, `deadline` is in seconds, `read_log` returns the log since the start.
    Raises ServerDidNotStart with the most relevant line of the log, PortTaken, OutOfResources.
    """
    response = ReadinessResponse(ReadinessState.REFUSED)
    port_taken = False
    target = f"{launch.settings.mount}{control_prefix(launch.app)}/nonce"

    async def poll() -> None:
        nonlocal response, port_taken
        give_up_at = trio.current_time() + WRONG_RESPONSE_TIMEOUT
        while True:
            response = await probe_readiness(launch.address, target, nonce, launch.protocol)
            foreign = response.state in (ReadinessState.OTHER, ReadinessState.INSECURE)
            if foreign or (response.state is ReadinessState.READY and not nonce):
                port_taken = _foreign_server_answers(launch, supervised)
            if port_taken or response.state in (ReadinessState.READY, ReadinessState.OUT_OF_RESOURCES):
                break
            if foreign and trio.current_time() > give_up_at:
                break
            await trio.sleep(PROBE_INTERVAL)
        nursery.cancel_scope.cancel()

    async def watch_exit() -> None:
        await supervised.wait_ended()
        nursery.cancel_scope.cancel()

    with trio.move_on_after(deadline) as start_scope:
        async with trio.open_nursery() as nursery:
            nursery.start_soon(poll)
            nursery.start_soon(watch_exit)
    ended = supervised.ended
    if response.state is ReadinessState.READY and not ended and not port_taken:
        return
    if port_taken or (ended and _foreign_server_listens(launch)):
        raise PortTaken(f"{name} could not have port {launch.address.port}: another program listens there")
    if response.state is ReadinessState.OUT_OF_RESOURCES:
        raise OutOfResources(f"{name} {response.state.value}; raise `ulimit -n` or run less at a time")
    what = f"{name} did not start: {ended}" if ended else _not_ready_message(name, response, target)
    if ended == "exit code 0":
        what += " (a server must stay in the foreground)"
    elif start_scope.cancelled_caught and response.state is not ReadinessState.OTHER:
        what += f" for {deadline:g} s"
    if not ended and re.match(rb"HTTP/1\.[01] 2", response.data):
        raise ServerDidNotStart(f"{what}, which is not from the test app")  # the log of a served request is no reason
    log_line = most_relevant_line(read_log())
    raise ServerDidNotStart(f"{what}: {log_line}" if log_line else f"{what}, and logged nothing")


def _not_ready_message(name: str, response: ReadinessResponse, target: str) -> str:
    if response.state is ReadinessState.OTHER:
        return f"{name} did not serve the app: the response to GET {target} was {response.first_line}"
    return f"{name} did not start: it {response.state.value}"


def _foreign_server_answers(launch: Launch, supervised: SupervisedProcess) -> bool:
    port = launch.address.tcp_port
    return bool(port) and not procfs.owns_port(supervised.processes(), port)


def _foreign_server_listens(launch: Launch) -> bool:
    port = launch.address.tcp_port
    return bool(port) and bool(procfs.listening_inodes(port))
