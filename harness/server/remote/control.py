"""Control requests to a target: they bring its app events, and open its barriers.

    GET {mount}/control?a=ACTION&...&m=<HMAC of the query before it under the token>

Both directions are signed. A session and a growing number make each request good once; the response contains them. So
neither an old request nor an old response is of use to anybody. suites/testapp/behaviours/control.py is the other end.
"""

from __future__ import annotations

import errno
import hmac
import os
import secrets
import select
import socket
import time
from collections.abc import Callable

import msgspec
import trio

from wsgi_gauntlet.harness.errors import OutOfResources, TargetRefused
from wsgi_gauntlet.harness.http.http_connection import RECEIVE_BYTES, connect, create_stream_socket, send_all
from wsgi_gauntlet.harness.http.parser import ConnectionState, Response, ResponseParser
from wsgi_gauntlet.harness.http.request import get_request
from wsgi_gauntlet.harness.limits import EXHAUSTION_ERRNOS
from wsgi_gauntlet.harness.server.background_tasks import background_nursery
from wsgi_gauntlet.harness.server.remote.proof import VerifiedAddress

CONTROL_FIELDS = ("Accept: */*", "Connection: close")

WAITING_INTERVAL_SECONDS = 0.004
"""Seconds between two calls of `while_waiting`."""

MAX_RESPONSE_BYTES = 2 << 20
"""Bytes of one response that are read. The app sends a quarter of this."""

MAX_ERROR_CHARACTERS = 300
"""Characters of an error that the app reports."""

_FIRST_LINE = b"wsgi-gauntlet control "

_REFUSED_STATUS = 404
"""The status of every request that the app does not accept."""


class NoControlResponse(Exception):
    """The target did not respond to a control request in time: it is busy, or gone. The text says what happened."""


class ControlRefused(TargetRefused):
    """Something else than the test app, or a test app that does not know the session, answered a control request."""


class ControlResponse(msgspec.Struct, frozen=True):
    """The first line of a response. `clock` is the app's monotonic clock in seconds.

    `in_use`: another check runs. `generation`: the file that has the events. `more`: more events wait. `met`: another
    request opened the barrier in time.
    """

    session: str = ""
    version: str = ""
    clock: float = 0.0
    error: str = ""
    in_use: bool = False
    generation: int = 0
    more: bool = False
    met: bool = False


class Control:
    """Sends control requests to one target, in one session."""

    def __init__(self, address: VerifiedAddress, mount: str, token: str) -> None:
        self.address = address
        self._path = f"{mount}/control"
        self._token = token
        self._session = ""
        self._number = 0
        self._last_answered = 0
        self.sent_at = time.monotonic()
        self.while_waiting: Callable[[], None] = lambda: None

    async def hello(self, seconds: float) -> ControlResponse:
        """Ask for a session. Raises NoControlResponse and ControlRefused."""
        response, _ = await self._send(f"a=hello&c={secrets.token_hex(32)}", seconds)
        return response

    async def begin(self, session: str, seconds: float) -> ControlResponse:
        """Begin `session`, which `hello` offered. Raises NoControlResponse and ControlRefused."""
        self._session = session
        response, _ = await self.send("begin", seconds)
        return response

    async def send(self, action: str, seconds: float, **values: object) -> tuple[ControlResponse, bytes]:
        """Return the response to `action`, and the events in it. Raises NoControlResponse and ControlRefused."""
        number = self._next_number()
        try:
            found = await self._send(self._query(action, number, values), seconds)
        except ControlRefused as refused:
            raise self._explained(refused, number) from None
        self._last_answered = max(self._last_answered, number)
        return found

    def send_blocking(self, action: str, seconds: float, **values: object) -> tuple[ControlResponse, bytes]:
        """Do the same without the event loop, which stands still for at most `seconds`."""
        number = self._next_number()
        query, code = self._signed(self._query(action, number, values))
        try:
            found = self._checked(self._get_blocking(query, seconds), code)
        except ControlRefused as refused:
            raise self._explained(refused, number) from None
        self._last_answered = max(self._last_answered, number)
        return found

    # ------------------------------------------------------------------ requests

    def _next_number(self) -> int:
        self._number += 1
        self.sent_at = time.monotonic()
        return self._number

    def _query(self, action: str, number: int, values: dict[str, object]) -> str:
        own = "".join(f"&{name}={value}" for name, value in values.items())
        return f"a={action}&s={self._session}&n={number}{own}"

    def _signed(self, query: str) -> tuple[str, bytes]:
        code = self._code(b"control " + query.encode("ascii"))
        return f"{query}&m={code.decode('ascii')}", code

    def _code(self, data: bytes) -> bytes:
        return hmac.new(os.fsencode(self._token), b"wsgi-gauntlet " + data, "sha256").hexdigest().encode("ascii")

    def _explained(self, refused: ControlRefused, number: int) -> Exception:
        """Return the error of a refused request: the app refuses a request that a later one has overtaken."""
        return NoControlResponse("a later request was faster") if number < self._last_answered else refused

    async def _send(self, query: str, seconds: float) -> tuple[ControlResponse, bytes]:
        signed, code = self._signed(query)
        return self._checked(await self._get(signed, seconds), code)

    async def _get(self, query: str, seconds: float) -> Response:
        request = get_request(self.address, f"{self._path}?{query}", *CONTROL_FIELDS)
        reading = _Reading()
        try:
            with trio.fail_after(seconds):
                async with background_nursery() as nursery:
                    nursery.start_soon(self._wait)
                    with await connect(create_stream_socket(self.address), self.address) as sock:
                        await send_all(sock, request)
                        while not reading.done:
                            reading.feed(await sock.recv(RECEIVE_BYTES))
                        return reading.response()
        except trio.TooSlowError:
            raise NoControlResponse(f"it did not respond within {seconds:g} s") from None
        except OSError as error:
            raise NoControlResponse(_unreachable(error)) from None

    async def _wait(self) -> None:
        while True:
            await trio.sleep(WAITING_INTERVAL_SECONDS)
            self.while_waiting()

    def _get_blocking(self, query: str, seconds: float) -> Response:
        request = get_request(self.address, f"{self._path}?{query}", *CONTROL_FIELDS)
        until = time.monotonic() + seconds
        reading = _Reading()

        def left() -> float:
            if (remaining := until - time.monotonic()) <= 0:
                raise TimeoutError
            return remaining

        def wait_for_data(plain: socket.socket) -> None:
            poll = select.poll()
            poll.register(plain, select.POLLIN)
            while not poll.poll(1000 * min(WAITING_INTERVAL_SECONDS, left())):
                self.while_waiting()

        try:
            with socket.socket(self.address.family, socket.SOCK_STREAM) as plain:
                plain.settimeout(left())
                plain.connect(self.address.socket_address)
                plain.sendall(request)
                while not reading.done:
                    wait_for_data(plain)
                    reading.feed(plain.recv(RECEIVE_BYTES))
        except TimeoutError:
            raise NoControlResponse(f"it did not respond within {seconds:g} s") from None
        except OSError as error:
            if error.errno in EXHAUSTION_ERRNOS:
                raise OutOfResources(f"cannot open a socket: {error}; raise `ulimit -n`") from None
            raise NoControlResponse(_unreachable(error)) from None
        return reading.response()

    # ------------------------------------------------------------------ responses

    def _checked(self, response: Response, code: bytes) -> tuple[ControlResponse, bytes]:
        """Return the content of a response. Raises NoControlResponse, and ControlRefused if it is not the app's."""
        busy = response.status is None or response.status >= 500 or response.status in (408, 429)
        if busy or not response.complete:
            raise NoControlResponse(f"its response was {response.describe()}")
        if response.status == _REFUSED_STATUS:
            raise ControlRefused("it refused a control request (404)")
        first, _, body = response.body.partition(b"\n")
        expected = _FIRST_LINE + self._code(b"response " + code + b"\n" + body)
        if not hmac.compare_digest(first, expected):
            raise NoControlResponse(f"its response to a control request was not signed: {response.describe()}")
        line, _, events = body.partition(b"\n")
        try:
            found = msgspec.json.decode(line, type=ControlResponse)
        except msgspec.MsgspecError:
            raise ControlRefused("its response to a control request has another form") from None
        return msgspec.structs.replace(found, error=_one_line(found.error)), events


class _Reading:
    """A response that is being read, up to MAX_RESPONSE_BYTES."""

    def __init__(self) -> None:
        self._parser = ResponseParser()
        self._size = 0

    @property
    def done(self) -> bool:
        """Whether nothing more is read."""
        return self._parser.done or self._size > MAX_RESPONSE_BYTES

    def feed(self, data: bytes) -> None:
        """Take the next bytes, b'' at the end of the connection."""
        self._size += len(data)
        if data:
            self._parser.feed(data)
        else:
            self._parser.eof(ConnectionState.EOF)

    def response(self) -> Response:
        """Return the response; it is not complete if it was too long."""
        return self._parser.response()


def _one_line(text: str) -> str:
    """Return the text of an error of the app, which anybody may have written, as part of a message."""
    return "".join(each if each.isprintable() else " " for each in text)[:MAX_ERROR_CHARACTERS]


def _unreachable(error: OSError) -> str:
    """Return why no request could be sent."""
    reason = os.strerror(error.errno) if error.errno else str(error)
    return "its queue of connections is full" if error.errno == errno.EAGAIN else f"it cannot be reached: {reason}"
