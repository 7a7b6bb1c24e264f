"""What stands where the harness and the server stand when the reference app is called directly."""

from __future__ import annotations

import io
import json
import socket
from collections.abc import Callable
from pathlib import Path
from typing import Any

from wsgi_gauntlet.suites.testapp import reference

TESTAPP_FOLDER = Path(reference.__file__).parent


class FakeHarness:
    """Stands where the harness stands: reads what the app tells."""

    def __init__(self, folder: Path) -> None:
        self.events_path, self.control_path = folder / "events", folder / "control"
        self.socket = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
        self.socket.bind(str(self.events_path))
        self.socket.setblocking(False)
        self.received: list[dict[str, Any]] = []

    def events(self, kind: str | None = None) -> list[dict[str, Any]]:
        while True:
            try:
                self.received.append(json.loads(self.socket.recv(1 << 20)))
            except BlockingIOError:
                break
        return [event for event in self.received if kind in (None, event["kind"])]

    def details(self, kind: str) -> list[dict[str, Any]]:
        return [event["detail"] for event in self.events(kind)]


class FakeServer:
    """The least server there can be: what the app did to it, kept."""

    def __init__(self) -> None:
        self.status = ""
        self.headers: list[tuple[str, str]] = []
        self.calls: list[tuple[Any, ...]] = []
        self.written: list[bytes] = []
        self.sent = False

    def start_response(self, status: str, headers: list[tuple[str, str]], exc_info: Any = None) -> Callable[..., None]:
        if exc_info and self.sent:
            raise exc_info[1].with_traceback(exc_info[2])
        if self.calls and not exc_info:
            raise AssertionError("start_response called twice")
        self.calls.append((status, headers))
        if type(status) is not str:
            raise TypeError("a status is a str")
        self.status, self.headers = status, headers
        return self.written.append

    def run(self, path: str, body: bytes = b"", **more: Any) -> bytes:
        result = reference.application(environ(path, body, **more), self.start_response)
        blocks = []
        try:
            for block in result:
                self.sent = self.sent or bool(block)
                blocks.append(block)
        finally:
            if hasattr(result, "close"):
                result.close()
        return b"".join([*self.written, *blocks])


def environ(target: str = "/echo", body: bytes = b"", **more: Any) -> dict[str, Any]:
    path, _, query = target.partition("?")
    made = {
        "REQUEST_METHOD": "POST" if body else "GET",
        "SCRIPT_NAME": "",
        "PATH_INFO": path,
        "QUERY_STRING": query,
        "SERVER_NAME": "127.0.0.1",
        "SERVER_PORT": "8000",
        "SERVER_PROTOCOL": "HTTP/1.1",
        "HTTP_HOST": "127.0.0.1:8000",
        "HTTP_X_GAUNTLET": "tok",
        "wsgi.version": (1, 0),
        "wsgi.url_scheme": "http",
        "wsgi.input": io.BytesIO(body),
        "wsgi.errors": io.StringIO(),
        "wsgi.multithread": False,
        "wsgi.multiprocess": False,
        "wsgi.run_once": False,
    }
    if body:
        made["CONTENT_LENGTH"] = str(len(body))
    return made | more


def run(target: str, body: Any = b"", **more: Any) -> tuple[FakeServer, bytes]:
    server = FakeServer()
    return server, server.run(target, body, **more)
