"""A small correct server: a thread for each connection, HTTP/1.1, keep-alive. The other servers here override methods.

usage: python -m known_servers.correct HOST PORT MODULE:CALLABLE
"""

from __future__ import annotations

import importlib
import io
import itertools
import socket
import sys
import threading
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

WARM_UP_MARK = b"n=warm-"
"""In the target of the pages that the harness asks for before it measures: they are never counted."""


class ClientDisconnected(Exception):
    """The client went in the middle of a request or of its answer."""


@dataclass
class Request:
    """One request. `number` counts the pages that were asked for, from 1; 0 is anything else."""

    method: str
    target: str
    version: str
    headers: dict[str, str]
    body: bytes = b""
    number: int = 0

    @property
    def keep(self) -> bool:
        """Say whether the client wants to keep the connection."""
        asked = self.headers.get("connection", "").lower()
        return asked != "close" if self.version == "HTTP/1.1" else asked == "keep-alive"


class ClientConnection:
    """One connection, and what was read of it and not yet used."""

    def __init__(self, sock: socket.socket, number: int) -> None:
        self.socket = sock
        self.number = number
        self.buffer = b""

    def read_more(self) -> None:
        """Read on. Raises Gone where nothing more comes."""
        try:
            piece = self.socket.recv(65536)
        except OSError as error:
            raise ClientDisconnected from error
        if not piece:
            raise ClientDisconnected
        self.buffer += piece

    def send(self, data: bytes) -> None:
        """Send all of it. Raises Gone where the client has gone."""
        try:
            self.socket.sendall(data)
        except OSError as error:
            raise ClientDisconnected from error


class Server:
    """Serves `application` at `host` and `port`. `arguments` are the flaw's."""

    def __init__(self, host: str, port: int, application: Callable[..., Any], arguments: list[str]) -> None:
        self.address = (host, port)
        self.application = application
        self.arguments = arguments
        self._pages = itertools.count(1)

    # ------------------------------------------------------------------ what flaws override

    def serve(self) -> None:
        """Accept connections for ever."""
        family = socket.AF_INET6 if ":" in self.address[0] else socket.AF_INET
        with socket.create_server(self.address, family=family, backlog=1024) as listener:
            self.listening()
            for number in itertools.count(1):
                sock, _ = listener.accept()
                self.accepted(ClientConnection(sock, number))

    def listening(self) -> None:
        """Hear that from now on connections are taken."""

    def accepted(self, client: ClientConnection) -> None:
        """Have a thread look after a new connection."""
        client.socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        threading.Thread(target=self.serve_client, args=(client,), daemon=True).start()

    def serve_client(self, client: ClientConnection) -> None:
        """Answer request after request, until the client goes."""
        try:
            while (request := self.read(client)) and self.answer(client, request):
                pass
        except ClientDisconnected:
            self.gone(client)
        else:
            self.connection_finished(client)

    def answer(self, client: ClientConnection, request: Request) -> bool:
        """Answer one request and say whether another may follow."""
        head, body = self.call_app(request)
        client.send(head + body)
        return request.keep

    def gone(self, client: ClientConnection) -> None:
        """Do what is to be done when a client has left too early."""
        client.socket.close()

    def connection_finished(self, client: ClientConnection) -> None:
        """Do what is to be done when a connection has ended in good order."""
        client.socket.close()

    # ------------------------------------------------------------------ what is sound

    def read(self, client: ClientConnection) -> Request | None:
        """Return the next request, None where the client has ended in good order. Raises Gone."""
        while b"\r\n\r\n" not in client.buffer:
            try:
                client.read_more()
            except ClientDisconnected as gone:
                if client.buffer or gone.__cause__:
                    raise
                return None
        head, _, client.buffer = client.buffer.partition(b"\r\n\r\n")
        line, *fields = head.decode("latin-1").split("\r\n")
        method, target, version = line.split(" ")
        pairs = (field.partition(":") for field in fields)
        request = Request(method, target, version, {name.lower(): value.strip() for name, _, value in pairs})
        length = int(request.headers.get("content-length", 0))
        if length and request.headers.get("expect"):
            client.send(b"HTTP/1.1 100 Continue\r\n\r\n")
        while len(client.buffer) < length:
            client.read_more()
        request.body, client.buffer = client.buffer[:length], client.buffer[length:]
        if target.startswith("/page") and WARM_UP_MARK.decode() not in target:
            request.number = next(self._pages)
        return request

    def call_app(self, request: Request, *, keep: bool | None = None) -> tuple[bytes, bytes]:
        """Return the app's answer, head and body. `keep` overrides what the head says of the connection."""
        path, _, query = request.target.partition("?")
        environ = {
            "REQUEST_METHOD": request.method,
            "SCRIPT_NAME": "",
            "PATH_INFO": path,
            "QUERY_STRING": query,
            "SERVER_NAME": self.address[0],
            "SERVER_PORT": str(self.address[1]),
            "SERVER_PROTOCOL": request.version,
            "CONTENT_LENGTH": str(len(request.body)),
            "wsgi.version": (1, 0),
            "wsgi.url_scheme": "http",
            "wsgi.input": io.BytesIO(request.body),
            "wsgi.errors": sys.stderr,
            "wsgi.multithread": True,
            "wsgi.multiprocess": False,
            "wsgi.run_once": False,
            **{f"HTTP_{name.upper().replace('-', '_')}": value for name, value in request.headers.items()},
        }
        started: list[Any] = []

        def start_response(status: str, headers: list[tuple[str, str]], _exc_info: object = None) -> object:
            started[:] = [status, headers]
            return None

        blocks = self.application(environ, start_response)
        try:
            body = b"".join(blocks)
        finally:
            getattr(blocks, "close", lambda: None)()
        status, headers = started
        names = {name.lower() for name, _ in headers}
        extra = [] if "content-length" in names else [("Content-Length", str(len(body)))]
        kept = request.keep if keep is None else keep
        extra.append(("Connection", "keep-alive" if kept else "close"))
        fields = "".join(f"{name}: {value}\r\n" for name, value in [*headers, *extra])
        head = f"HTTP/1.1 {status}\r\n{fields}\r\n".encode("latin-1")
        return head, b"" if request.method == "HEAD" else body


def run(known_server: type[Server]) -> None:
    """Serve what the command line names: HOST PORT [the flaw's arguments] MODULE:CALLABLE."""
    host, port, *arguments, name = sys.argv[1:]
    module, _, attribute = name.partition(":")
    known_server(host, int(port), getattr(importlib.import_module(module), attribute), arguments).serve()


if __name__ == "__main__":
    run(Server)
