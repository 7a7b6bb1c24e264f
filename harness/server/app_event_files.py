"""The files of an event channel: its Unix sockets, and the key that tells the app from a stranger."""

from __future__ import annotations

import socket
from pathlib import Path

from wsgi_gauntlet.harness.errors import InternalError

MAX_SOCKET_PATH_BYTES = 107
"""Bytes that sockaddr_un holds on Linux, less the final NUL (unix(7))."""

KEY_SUFFIX = ".key"
"""What the name of the key's file adds to that of the socket (suites/testapp/core/event_channel.py has the same)."""


def bind(each: socket.socket, path: Path) -> None:
    """Bind `each` to `path`. Raises InternalError where that cannot be."""
    if len(str(path).encode()) > MAX_SOCKET_PATH_BYTES:
        raise InternalError(
            f"the folder {path.parent} has too long a path for a Unix socket ({MAX_SOCKET_PATH_BYTES} bytes); "
            "set TMPDIR to a shorter one"
        )
    try:
        each.bind(str(path))
    except OSError as trouble:
        raise InternalError(f"cannot open the socket {path}: {trouble.strerror}; is its folder writable?") from trouble


def write_key_file(events: Path, key: bytes) -> Path:
    """Write `key` beside the socket `events`, for our user alone, and return where. Raises InternalError."""
    path = events.with_name(events.name + KEY_SUFFIX)
    try:
        path.touch(mode=0o600, exist_ok=False)
        path.write_bytes(key)
    except OSError as trouble:
        raise InternalError(f"cannot write {path}: {trouble.strerror}; is its folder writable?") from trouble
    return path


def send_error(path: Path) -> str:
    """Return why a datagram of our own does not get to `path`; '' where it does, or where its queue is just full."""
    try:
        with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as probe:
            probe.setblocking(False)
            probe.sendto(b"?", str(path))
    except BlockingIOError:
        return ""
    except OSError as trouble:
        return trouble.strerror or str(trouble)
    return ""
