"""HTTP/1.1 and HTTP/2 with prior knowledge on one port, correct or with one fault of HTTP/2.

usage: python -m known_servers.http2 HOST PORT [FAULT] MODULE:CALLABLE

Without a fault it is correct. `FAULTS` names the faults, each with the cases that must find it.
"""

from __future__ import annotations

import io
import sys
from typing import Any

import h2.config
import h2.connection
import h2.events
import h2.exceptions

from .correct import ClientConnection, ClientDisconnected, Server, run

PREFACE = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n"

FAULTS: dict[str, tuple[str, ...]] = {
    "other-host": ("http/http2/authority",),
    "cookie-commas": ("http/http2/cookie-crumbs",),
    "says-1.1": ("http/http2/server-protocol",),
    "first-frame-only": ("http/http2/body",),
    "content-always": ("http/http2/no-content",),
    "connection-close": ("http/http2/no-connection-fields",),
    "crossed-streams": ("http/http2/own-response",),
    "no-window": ("http/http2/large-response",),
    "any-length": ("http/http2/length-mismatch",),
    "any-field": ("http/http2/invalid-field", "http/http2/connection-field", "http/http2/pseudo-fields"),
}

CONNECTION_FIELDS = frozenset({b"connection", b"keep-alive", b"proxy-connection", b"transfer-encoding", b"upgrade"})


class Http2Server(Server):
    """Serves HTTP/2 on connections that begin with its preface."""

    @property
    def fault(self) -> str:
        """The fault that the command line asks for, '' for none."""
        return self.arguments[0] if self.arguments else ""

    def serve_client(self, client: ClientConnection) -> None:
        """Look at the first bytes, and choose the version."""
        try:
            while len(client.buffer) < len(PREFACE) and PREFACE.startswith(client.buffer):
                client.read_more()
            if client.buffer.startswith(PREFACE):
                _Session(self, client).serve()
                client.socket.close()
                return
        except ClientDisconnected:
            pass
        super().serve_client(client)


class _Session:
    """One connection of HTTP/2."""

    def __init__(self, server: Http2Server, client: ClientConnection) -> None:
        self.server = server
        self.client = client
        lenient = server.fault == "any-field"
        self.machine = h2.connection.H2Connection(
            h2.config.H2Configuration(
                client_side=False,
                header_encoding=None,
                validate_inbound_headers=not lenient,
                normalize_inbound_headers=False,
                validate_outbound_headers=False,
                normalize_outbound_headers=False,
            )
        )
        self.fields: dict[int, list[tuple[bytes, bytes]]] = {}
        self.bodies: dict[int, list[bytes]] = {}
        self.unsent: dict[int, bytes] = {}
        self.finished: list[int] = []
        self.previous: list[tuple[bytes, bytes]] = []

    def serve(self) -> None:
        """Serve the requests of the connection until it ends."""
        self.machine.initiate_connection()
        data, self.client.buffer = self.client.buffer, b""
        while True:
            try:
                for event in self.machine.receive_data(data):
                    self.handle(event)
            except h2.exceptions.ProtocolError:
                self.flush()
                return
            while self.finished:
                self.respond(self.finished.pop(0))
            self.send_bodies()
            self.flush()
            self.client.read_more()
            data, self.client.buffer = self.client.buffer, b""

    def flush(self) -> None:
        """Send what the machine has to send."""
        if data := self.machine.data_to_send():
            self.client.send(data)

    def handle(self, event: h2.events.Event) -> None:
        """Keep what came of a request."""
        if isinstance(event, h2.events.RequestReceived):
            self.fields[event.stream_id or 0] = list(event.headers or ())
            self.bodies[event.stream_id or 0] = []
        elif isinstance(event, h2.events.DataReceived):
            self.bodies[event.stream_id or 0].append(event.data or b"")
            self.machine.acknowledge_received_data(event.flow_controlled_length or 0, event.stream_id or 0)
        elif isinstance(event, h2.events.StreamEnded):
            self.finished.append(event.stream_id or 0)

    def respond(self, stream: int) -> None:
        """Call the app for one request."""
        fields, blocks = self.fields.pop(stream), self.bodies.pop(stream)
        fault = self.server.fault
        if fault == "crossed-streams":
            fields, self.previous = self.previous or fields, fields
        declared = dict(fields).get(b"content-length")
        if fault != "any-length" and declared is not None and int(declared) != sum(map(len, blocks)):
            self.machine.reset_stream(stream, error_code=1)
            return
        if fault != "any-field" and not well_formed(fields):
            self.machine.reset_stream(stream, error_code=1)
            return
        if fault == "first-frame-only":
            blocks = blocks[:1]
        status, headers, body = self.call_app(fields, b"".join(blocks))
        method = dict(fields)[b":method"] if fault != "any-field" else dict(fields).get(b":method", b"GET")
        no_content = method == b"HEAD" or status[:3] in ("204", "304")
        if no_content and fault != "content-always":
            body = b""
        sent = [(b":status", status[:3].encode())]
        sent += [(name.lower().encode("latin-1"), value.encode("latin-1")) for name, value in headers]
        if fault == "connection-close":
            sent.append((b"connection", b"close"))
        if fault == "no-window" and body:
            self.machine.send_headers(stream, sent)
            self.flush()
            for at in range(0, len(body), 16384):
                piece = body[at : at + 16384]
                last = at + 16384 >= len(body)
                header = len(piece).to_bytes(3, "big") + bytes([0, last]) + stream.to_bytes(4, "big")
                self.client.send(header + piece)
            return
        self.machine.send_headers(stream, sent, end_stream=not body)
        if body:
            self.unsent[stream] = body

    def call_app(self, fields: list[tuple[bytes, bytes]], body: bytes) -> tuple[str, list[tuple[str, str]], bytes]:
        """Return status, headers and body of the app. A failure of the app is a 500."""
        fault = self.server.fault
        pseudo = {name: value.decode("latin-1") for name, value in fields if name.startswith(b":")}
        path, _, query = pseudo.get(b":path", "/").partition("?")
        environ: dict[str, Any] = {
            "REQUEST_METHOD": pseudo.get(b":method", "GET"),
            "SCRIPT_NAME": "",
            "PATH_INFO": path,
            "QUERY_STRING": query,
            "SERVER_NAME": self.server.address[0],
            "SERVER_PORT": str(self.server.address[1]),
            "SERVER_PROTOCOL": "HTTP/1.1" if fault == "says-1.1" else "HTTP/2",
            "wsgi.version": (1, 0),
            "wsgi.url_scheme": "http",
            "wsgi.input": io.BytesIO(body),
            "wsgi.input_terminated": True,
            "wsgi.errors": sys.stderr,
            "wsgi.multithread": True,
            "wsgi.multiprocess": False,
            "wsgi.run_once": False,
            "HTTP_HOST": "internal.example" if fault == "other-host" else pseudo.get(b":authority", ""),
        }
        for name, value in fields:
            if name.startswith(b":") or name == b"host":
                continue
            key = name.decode("latin-1").upper().replace("-", "_")
            key = key if key in ("CONTENT_LENGTH", "CONTENT_TYPE") else f"HTTP_{key}"
            between = ", " if name != b"cookie" or fault == "cookie-commas" else "; "
            text = value.decode("latin-1")
            environ[key] = f"{environ[key]}{between}{text}" if key in environ else text
        started: list[Any] = ["500 Internal Server Error", []]

        def start_response(status: str, headers: list[tuple[str, str]], _exc_info: object = None) -> object:
            started[:] = [status, headers]
            return None

        try:
            blocks = self.server.application(environ, start_response)
            content = b"".join(blocks)
            getattr(blocks, "close", lambda: None)()
        except Exception:  # noqa: BLE001 - the app may raise anything
            return "500 Internal Server Error", [], b""
        return started[0], started[1], content

    def send_bodies(self) -> None:
        """Send as much of the bodies as the windows allow."""
        for stream, body in list(self.unsent.items()):
            left = body
            while left and (window := self.machine.local_flow_control_window(stream)) > 0:
                size = min(window, self.machine.max_outbound_frame_size, len(left))
                self.machine.send_data(stream, left[:size], end_stream=size == len(left))
                left = left[size:]
            if left:
                self.unsent[stream] = left
            else:
                del self.unsent[stream]


def well_formed(fields: list[tuple[bytes, bytes]]) -> bool:
    """Say whether a request keeps sections 8.2.1 and 8.2.2 of RFC 9113, where h2 is lenient."""
    for name, value in fields:
        letters = name.removeprefix(b":")
        if not letters or any(byte <= 0x20 or 0x41 <= byte <= 0x5A or byte >= 0x7F or byte == 0x3A for byte in letters):
            return False
        if any(byte in value for byte in (b"\0", b"\r", b"\n")) or name in CONNECTION_FIELDS:
            return False
    return True


if __name__ == "__main__":
    run(Http2Server)
