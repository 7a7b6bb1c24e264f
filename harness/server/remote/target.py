"""A target as the user names it: text in, a value out. proof.py checks whether it may be loaded.

http://HOST:PORT[/prefix]     http+unix://%2Frun%2Fapp.sock[/prefix]     unix:/run/app.sock
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from urllib.parse import SplitResult, unquote, urlsplit

from wsgi_gauntlet.harness.errors import TargetRefused
from wsgi_gauntlet.harness.http.address import Address

ACCEPTED_FORMS = (
    "http://127.0.0.1:8000, http://127.0.0.1:8000/prefix, http+unix://%2Frun%2Fapp.sock or unix:/run/app.sock"
)

_MOUNT = re.compile(r"(/[!\"$-.0-~]+)*")
"""Visible ASCII without empty segments, query and fragment."""


@dataclass(frozen=True)
class Target:
    """A target: `host` and `port`, or the `path` of a Unix socket. `mount` is the path prefix of its test app."""

    host: str = ""
    port: int = 0
    path: str = ""
    mount: str = ""

    @property
    def authority(self) -> str:
        """The value of the Host header."""
        return Address(self.host, self.port, self.path).authority

    def __str__(self) -> str:
        return f"{f'unix:{self.path}' if self.path else self.authority}{self.mount}"


def parse_target(text: str) -> Target:
    """Return the target that `text` names. Raises TargetRefused, with the reason, if it is unclear or not supported."""
    if not text.isprintable() or " " in text:
        raise TargetRefused(f"{text!r} is no address of a server; write {ACCEPTED_FORMS}")
    if text.lower().startswith("unix:"):
        return Target(path=_socket_path(text[5:], text))
    try:
        parts = urlsplit(text)
        port = parts.port
    except ValueError as wrong:
        raise TargetRefused(f"--target is no address of a server ({wrong}); write {ACCEPTED_FORMS}") from None
    # This is the first check, so that no message shows a password.
    if parts.username is not None or parts.password is not None:
        raise TargetRefused("--target contains a user or a password; leave it out: the token alone is the permission")
    if parts.scheme == "https":
        raise TargetRefused(f"{text}: a target is reached without TLS; name the http address of the server behind it")
    if parts.scheme not in ("http", "http+unix") or "//" not in text:
        raise TargetRefused(f"{text!r} is no address of a server; write {ACCEPTED_FORMS}")
    if parts.query or parts.fragment or text.endswith(("?", "#")):
        raise TargetRefused(f"{text}: an address of a server has no query and no fragment; leave it out")
    mount = parts.path.rstrip("/")
    if not _MOUNT.fullmatch(mount):
        raise TargetRefused(f"{text}: the path prefix {mount!r} is not valid in a request; correct it")
    if parts.scheme == "http+unix":
        return Target(path=_socket_path(unquote(parts.netloc), text), mount=mount)
    return _tcp_target(parts, port, text, mount)


def _tcp_target(parts: SplitResult, port: int | None, text: str, mount: str) -> Target:
    host = parts.hostname or ""
    if not host:
        raise TargetRefused(f"{text} names no host; write {ACCEPTED_FORMS}")
    if not port:
        raise TargetRefused(f"{text} names no port; write it, as http://{host}:8000")
    try:
        named = host if host.isascii() else host.encode("idna").decode("ascii")
    except UnicodeError:
        raise TargetRefused(f"{text}: {host} is not a valid name of a host") from None
    return Target(host=named, port=port, mount=mount)


def _socket_path(path: str, text: str) -> str:
    path = "/" + path.lstrip("/") if path.startswith("/") else path
    if not path.startswith("/") or path == "/":
        raise TargetRefused(f"{text}: the path of a Unix socket must be absolute, as unix:/run/app.sock")
    return path
