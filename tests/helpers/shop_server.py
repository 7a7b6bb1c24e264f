"""A small shop over HTTP for tests of traffic: login with a token, a basket for each user, and faults on demand."""

from __future__ import annotations

import itertools
import secrets
import socket
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from urllib.parse import parse_qs, unquote

from wsgi_gauntlet.harness.http.address import Address
from wsgi_gauntlet.harness.traffic.model import Capture, FormBody, Sequence, Step, Traffic, ValueList

from .socket_servers import serving

USERS = ValueList("user", ("name",), tuple((f"user-{number:02d}-{number * 7 % 13:x}",) for number in range(40)))

VISIT = (
    Step("form", "GET", "/login", captures=(Capture("csrf", 'name="csrf" value="([^"]*)"'),)),
    Step(
        "login",
        "POST",
        "/login",
        body=FormBody((("name", "${user.name}"), ("csrf", "${csrf}"))),
        follow=True,
        contains=("Welcome ${user.name}",),
    ),
    Step("list", "GET", "/list?page=1", contains=("shirt",)),
    Step("add", "POST", "/basket", body=FormBody((("item", "shirt"), ("count", "1")))),
    Step("basket", "GET", "/basket", contains=("Basket of ${user.name}",)),
    Step("logout", "POST", "/logout", status=(204,)),
)


def shop_traffic(*steps: Step, weight: float = 1.0) -> Traffic:
    return Traffic((Sequence("buy", steps or VISIT, weight),), (USERS,), "shop.toml")


Reply = tuple[int, tuple[tuple[str, str], ...], bytes]


class Shop:
    """`handle` answers a request. `before` and `after` can change a reply; `log` has each request line with cookies."""

    def __init__(self, *, keep: bool = True, chunks: bool = False) -> None:
        self.sessions: dict[str, str] = {}
        self.tokens: set[str] = set()
        self.log: list[tuple[str, str]] = []
        self.problems: list[str] = []
        self.keep = keep
        self.chunks = chunks
        self.hits = itertools.count()
        self.change: Callable[[str, int, Reply], Reply | None] = lambda _line, _number, reply: reply
        self._lock = threading.Lock()

    def handle(self, method: str, target: str, cookies: dict[str, str], form: dict[str, str]) -> Reply:
        path = target.partition("?")[0]
        name = self.sessions.get(cookies.get("session", ""), "")
        html = (("Content-Type", "text/html; charset=utf-8"),)
        if (method, path) == ("GET", "/login"):
            token = secrets.token_hex(8)
            self.tokens.add(token)
            page = f'<html><form><input name="csrf" value="{token}"></form></html>'
            return 200, (*html, ("Set-Cookie", f"csrf={token}; Path=/; HttpOnly")), page.encode()
        if (method, path) == ("POST", "/login"):
            if form.get("csrf") not in self.tokens or cookies.get("csrf") != form.get("csrf"):
                return 403, html, b"wrong token"
            session = secrets.token_hex(12)
            self.sessions[session] = form["name"]
            return 302, (("Location", "/home"), ("Set-Cookie", f"session={session}; Path=/")), b""
        if path == "/list":
            return 200, html, b"<html><ul><li>shirt</li><li>hat</li></ul></html>"
        if not name:
            return 403, html, b"log in first"
        if path == "/home":
            return 200, html, f"<html><h1>Welcome {name}</h1></html>".encode()
        if (method, path) == ("POST", "/basket"):
            return 200, html, b"added" if form.get("item") == "shirt" else b"what?"
        if path == "/basket":
            return 200, html, f"<html><h1>Basket of {name}</h1><p>1 shirt</p></html>".encode()
        if (method, path) == ("POST", "/logout"):
            del self.sessions[cookies["session"]]
            return 204, (("Set-Cookie", "session=; Path=/; Max-Age=0"),), b""
        return 404, html, b"not found"

    def behave(self, conn: socket.socket, _number: int) -> None:
        for head, body in _requests(conn):
            line, *fields = head.decode("latin-1").split("\r\n")
            method, target, _ = line.split(" ")
            headers = {name.lower(): value.strip() for name, _, value in (each.partition(":") for each in fields)}
            cookies = dict(each.strip().split("=", 1) for each in headers.get("cookie", "").split(";") if "=" in each)
            form = {name: values[0] for name, values in parse_qs(body.decode()).items()}
            with self._lock:
                self.log.append((f"{method} {unquote(target)}", headers.get("cookie", "")))
                reply = self.change(f"{method} {target}", next(self.hits), self.handle(method, target, cookies, form))
            if reply is None:
                return
            close = not self.keep or headers.get("connection") == "close"
            for piece in self._encode(reply, close=close):
                conn.sendall(piece)
            if close:
                return

    def _encode(self, reply: Reply, *, close: bool) -> Iterator[bytes]:
        status, headers, body = reply
        lines = [f"HTTP/1.1 {status} Fine", *(f"{name}: {value}" for name, value in headers)]
        if close:
            lines.append("Connection: close")
        chunked = self.chunks and body
        if chunked:
            lines.append("Transfer-Encoding: chunked")
        elif status != 204:
            lines.append(f"Content-Length: {len(body)}")
        head = ("\r\n".join(lines) + "\r\n\r\n").encode("latin-1")
        if chunked:
            yield head
            for part in (body[:20], body[20:]):
                if part:
                    yield b"%x\r\n%b\r\n" % (len(part), part)
            yield b"0\r\n\r\n"
        else:
            yield head + body


@contextmanager
def open_shop(shop: Shop) -> Iterator[Address]:
    with serving(shop.behave) as address:
        yield address


def _requests(conn: socket.socket) -> Iterator[tuple[bytes, bytes]]:
    """Yield the head and the body of each request, until the client goes."""
    data = b""
    while True:
        head, end, rest = data.partition(b"\r\n\r\n")
        length = next(
            (int(line[15:]) for line in head.lower().split(b"\r\n") if line.startswith(b"content-length:")), 0
        )
        if end and len(rest) >= length:
            data = rest[length:]
            yield head, rest[:length]
        elif piece := conn.recv(65536):
            data += piece
        else:
            return
