"""Connections, threads and workers: what reads requests, one after the other, and has each answered."""

from __future__ import annotations

import contextlib
import os
import signal
import socket
import ssl
import sys
import threading
import time
import traceback
from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Any

from . import environ, framing, parsing, response, tls_connection
from .environ import Request, ServedAt
from .gateway import BodyEnd, Gateway
from .input_stream import InputStream
from .rejection import RequestRejected
from .stream import ClientDisconnected, Stream

KEEP_ALIVE_TIMEOUT_SECONDS = 20.0
"""Seconds for which a connection may wait for a request."""

HEAD_TIMEOUT_SECONDS = 10.0
"""Seconds in which a request's head must come, from its first byte on."""


@dataclass(frozen=True)
class Options:
    """What the command line asked for. `threads` is how many connections are served at once, 0 for any number."""

    application: Callable[..., Any]
    workers: int = 1
    threads: int = 0
    mount: str = ""
    tls: ssl.SSLContext | None = None


class Connection:
    """One client: its requests are answered in the order in which they come."""

    def __init__(self, plain: socket.socket, place: ServedAt, options: Options) -> None:
        self.stream = Stream(plain)
        self.place = place
        self.options = options
        self.method = ""
        self.whole = True

    def serve(self) -> None:
        """Answer requests until the client or an answer ends the connection."""
        try:
            if self.options.tls is not None:
                self.secure(self.options.tls)
            while self.stream.wait(KEEP_ALIVE_TIMEOUT_SECONDS) and self.exchange():
                pass
        except ClientDisconnected:
            self.stream.socket.close()
            return
        if self.whole:
            self.stream.close()
        else:
            self.stream.abort()

    def secure(self, context: ssl.SSLContext) -> None:
        """Have all that follows go over TLS. Raises Gone where the client does not want that."""
        try:
            self.stream.socket = tls_connection.secured(self.stream.socket, context)
        except OSError as refused:
            raise ClientDisconnected(str(refused)) from None
        self.place = replace(self.place, tls=tls_connection.described(self.stream.socket))

    def exchange(self) -> bool:
        """Read one request and answer it; say whether another may follow."""
        self.method = ""
        try:
            request = self.read_request()
            if request is None:
                return False
            if request.target.path == b"*":
                return self.answer_for_server(request)
            length = framing.length(request.fields, request.line.version)
            body = InputStream(self.stream, length, self.invitation(request))
            variables = environ.build(request, self.place, body)
        except RequestRejected as refused:
            self.refuse(refused)
            return False
        return self.answer(request, body, variables)

    # ------------------------------------------------------------------ the request

    def read_request(self) -> Request | None:
        """Return the next request, None where the client has sent all that it had to."""
        deadline = time.monotonic() + HEAD_TIMEOUT_SECONDS
        first = self.request_line(deadline)
        if not first:
            return None
        line = parsing.request_line(first)
        self.method = line.method.decode("latin-1")
        target = parsing.target(line.method, line.target)
        self.check_scheme(target)
        fields = self.fields(deadline)
        parsing.check_host(fields, line.version)
        return Request(line, target, parsing.named(fields, target.authority))

    def check_scheme(self, target: parsing.Target) -> None:
        """Refuse a request for an https resource that came in the clear (RFC 9110, section 7.4)."""
        if target.secure and self.options.tls is None:
            raise RequestRejected(421, "this is for https, and came in the clear")

    def request_line(self, deadline: float) -> bytes:
        """Return the request line without its end; empty lines before it are passed over."""
        for _ in range(parsing.EMPTY_LINES_LIMIT + 1):
            line = self.stream.opening(parsing.REQUEST_LINE_LIMIT, deadline)
            if not line:
                return b""
            if not line.endswith(b"\n"):
                raise parsing.too_long(line)
            if content := parsing.terminated(line):
                return content
        raise RequestRejected(400, "there are too many empty lines before the request")

    def fields(self, deadline: float) -> parsing.Fields:
        """Return the header section's fields."""
        fields: parsing.Fields = []
        size = 0
        while True:
            line = self.stream.line(parsing.HEAD_LIMIT - size, deadline)
            if not line:
                raise RequestRejected(400, "the connection ended before the head did")
            size += len(line)
            if not line.endswith(b"\n") or size > parsing.HEAD_LIMIT:
                raise RequestRejected(431, f"the header section is larger than {parsing.HEAD_LIMIT} bytes")
            content = parsing.terminated(line)
            if not content:
                return fields
            if len(fields) == parsing.FIELDS_LIMIT:
                raise RequestRejected(431, f"there are more than {parsing.FIELDS_LIMIT} header fields")
            fields.append(parsing.field(content))

    def invitation(self, request: Request) -> Callable[[], None] | None:
        """Return what sends 100 (Continue), where the client waits for it (RFC 9110, section 10.1.1)."""
        if request.line.version < (1, 1):
            return None
        expectations = parsing.members(request.fields, b"expect")
        if any(each != b"100-continue" for each in expectations):
            raise RequestRejected(417, "only 100-continue can be expected here")
        return self.invite if expectations else None

    def invite(self) -> None:
        """Tell the client to send the body."""
        self.stream.send(response.CONTINUE)

    # ------------------------------------------------------------------ the answer

    def answer(self, request: Request, body: InputStream, variables: dict[str, Any]) -> bool:
        """Have the app answer; say whether another request may follow."""
        gateway = Gateway(request, body, self.stream.send, persistent=self.place.threads)
        try:
            gateway.run(self.options.application, variables)
        except RequestRejected as refused:
            self.fail(gateway, refused)
            return False
        except ClientDisconnected:
            raise
        except BaseException:  # noqa: BLE001 - whatever an app raises ends its request, never the server
            self.report()
            self.fail(gateway, RequestRejected(500, "the application failed"))
            return False
        return gateway.keep_alive and self.drain_body(body)

    def answer_for_server(self, request: Request) -> bool:
        """Answer `OPTIONS *`, which asks for nothing of the app's."""
        if framing.length(request.fields, request.line.version):
            raise RequestRejected(413, "OPTIONS * has no use for a body here")
        keep_alive = self.place.threads and framing.persistent(request.fields, request.line.version)
        headers = [("Content-Length", "0")]
        if not keep_alive:
            headers.append(("Connection", "close"))
        elif request.line.version < (1, 1):
            headers.append(("Connection", "keep-alive"))
        self.stream.send(response.head("200 OK", response.completed(headers)))
        return keep_alive

    def drain_body(self, body: InputStream) -> bool:
        """Read what the app has left of the body; say whether it came whole."""
        try:
            body.drain()
        except RequestRejected:
            return False
        return True

    def fail(self, gateway: Gateway, refused: RequestRejected) -> None:
        """Answer for an app that failed, or break off what it had begun, so that nobody takes it for complete."""
        if not gateway.head_sent:
            self.refuse(refused)
        elif gateway.ends is BodyEnd.CLOSE and not gateway.silent:
            self.whole = False

    def refuse(self, refused: RequestRejected) -> None:
        """Answer in the app's place."""
        self.stream.send(response.refusal(refused, self.method))

    def report(self) -> None:
        """Log the exception that is being handled."""
        sys.stderr.write(traceback.format_exc())
        sys.stderr.flush()


# ---------------------------------------------------------------------- processes and threads


def serve(listener: socket.socket, options: Options) -> None:
    """Serve in as many processes as asked for; returns when the process is asked to end."""
    if options.workers == 1:
        accept(listener, options)
        return
    children = []
    for _ in range(options.workers):
        child = os.fork()
        if not child:
            accept(listener, options)
            os._exit(0)
        children.append(child)

    def end(_number: int, _frame: object) -> None:
        for child in children:
            with contextlib.suppress(ProcessLookupError):
                os.kill(child, signal.SIGTERM)
        os._exit(0)

    signal.signal(signal.SIGTERM, end)
    for child in children:
        os.waitpid(child, 0)


def accept(listener: socket.socket, options: Options) -> None:
    """Serve every client on a thread of its own, or one after the other on this one where that is asked for."""
    base_served_at = place(listener, options)
    connection_slots = threading.Semaphore(options.threads) if options.threads > 1 else None
    while True:
        try:
            plain, client = listener.accept()
        except OSError as error:
            sys.stderr.write(f"reference server: {error}\n")
            time.sleep(0.05)  # no descriptor is left: one comes back when a client goes
            continue
        served_at = base_served_at
        if plain.family != socket.AF_UNIX:
            plain.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            served_at = replace(base_served_at, client=(str(client[0]), str(client[1])))
        connection = Connection(plain, served_at, options)
        if options.threads == 1:
            connection.serve()
            continue
        if connection_slots is not None:
            connection_slots.acquire()
        threading.Thread(target=attend, args=(connection, connection_slots), daemon=True).start()


def attend(connection: Connection, connection_slots: threading.Semaphore | None) -> None:
    """Serve one client, and make room for the next."""
    try:
        connection.serve()
    finally:
        if connection_slots is not None:
            connection_slots.release()


def place(listener: socket.socket, options: Options) -> ServedAt:
    """Return where the app is served; a Unix socket has neither name nor port, and both must be there."""
    name, port = "localhost", "80"
    if listener.family != socket.AF_UNIX:
        name, port = (str(part) for part in listener.getsockname()[:2])
    return ServedAt(name, port, options.mount, threads=options.threads != 1, processes=options.workers > 1)
