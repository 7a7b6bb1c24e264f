"""The event channel: app events to the harness, and barriers at which the app waits for the harness.

Each event is one JSON datagram to the Unix socket that WSGI_GAUNTLET_EVENTS names. Without that variable (under load)
nothing is reported. A barrier is a connection to the socket that WSGI_GAUNTLET_CONTROL names: the app sends
`<token>:<name>` and a newline, and gets one byte when the harness releases it. The other end is
harness/server/app_events.py.

Each datagram begins with the key in a file beside the socket. The key is no variable, because some servers copy
variables into environ.

On a server that somebody else started, events and barriers go through files: see event_store.py.
"""

from __future__ import annotations

import errno
import json
import os
import socket
import threading
import time
from pathlib import Path
from typing import Any, Iterable, Iterator, Optional

from .event_store import event_store, gate_hash

BARRIER_TIMEOUT_SECONDS = 10.0
"""Seconds after which the app stops waiting at a barrier, so that a server works on if the harness ends."""

TRIES = 250
"""Attempts to send, a millisecond apart, while the harness's socket is full. Then the event is lost, which the gap in
the numbering shows."""

MAX_DATAGRAM_BYTES = 180000
"""Bytes of one datagram; Linux sends up to net.core.wmem_default, 212992 on most machines, with its own data."""


class _EventSender:
    """The events of one process, numbered from 0."""

    def __init__(self, path: str) -> None:
        self.pid = os.getpid()
        self.path = path
        self._lock = threading.Lock()
        self._sequence = 0
        self._key = _key(path)
        self._socket = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
        self._socket.setblocking(False)

    def close(self) -> None:
        self._socket.close()

    def send(self, kind: str, token: str, detail: dict[str, Any]) -> None:
        event = {"kind": kind, "pid": self.pid, "thread": threading.get_ident(), "token": token}
        with self._lock:
            event.update(at=time.monotonic(), sequence=self._sequence, detail=detail)
            self._sequence += 1
            datagram = json.dumps(event).encode("ascii")
            if len(datagram) > MAX_DATAGRAM_BYTES:
                event["detail"] = {"too_large": len(datagram), "path": str(detail.get("path", ""))[:1000]}
                datagram = json.dumps(event).encode("ascii")
            self._deliver(self._key + datagram)

    def _deliver(self, datagram: bytes) -> None:
        for _ in range(TRIES):
            try:
                self._socket.sendto(datagram, self.path)
                return
            except OSError as error:
                if error.errno not in (errno.EAGAIN, errno.ENOBUFS, errno.EINTR):
                    # The harness has ended or refuses; the app must answer its request anyway.
                    return
            time.sleep(0.001)


def _key(path: str) -> bytes:
    try:
        return Path(path + ".key").read_bytes()[:100]
    except OSError:
        return b""


_sender_lock = threading.Lock()
_sender: Optional[_EventSender] = None


def is_observed() -> bool:
    """Return whether the harness observes the app."""
    return bool(os.environ.get("WSGI_GAUNTLET_EVENTS")) or event_store() is not None


def emit(kind: str, token: str, detail: dict[str, Any]) -> None:
    """Report the event `kind`. Do nothing if the harness does not observe the app."""
    global _sender
    path = os.environ.get("WSGI_GAUNTLET_EVENTS")
    if not path:
        store = event_store()
        if store is not None:
            store.write(kind, token, detail)
        return
    sender = _sender
    if sender is None or sender.pid != os.getpid() or sender.path != path:
        with _sender_lock:
            if _sender is None or _sender.pid != os.getpid() or _sender.path != path:
                if _sender is not None:
                    _sender.close()
                _sender = _EventSender(path)
            sender = _sender
    sender.send(kind, token, detail)


def hold(token: str, name: str) -> bool:
    """Wait until the harness releases the barrier `name` of this request; return whether it did so in time."""
    path = os.environ.get("WSGI_GAUNTLET_CONTROL")
    if not path:
        return _hold_in_target(token, name)
    emit("waiting", token, {"barrier": name})
    try:
        with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as control:
            control.settimeout(BARRIER_TIMEOUT_SECONDS)
            control.connect(path)
            control.sendall(f"{token}:{name}\n".encode("utf-8", "backslashreplace"))
            released = control.recv(1) != b""
    except OSError as error:
        emit("barrier-failed", token, {"barrier": name, "text": str(error)})
        return False
    emit("passed", token, {"barrier": name, "released": released})
    return released


def _hold_in_target(token: str, name: str) -> bool:
    """Wait at a barrier as `hold` does, on a server that somebody else started."""
    store = event_store()
    active = store.active() if store is not None else None
    if store is None or active is None:
        return True
    emit("waiting", token, {"barrier": name})
    if not active.barriers:
        emit("barrier-skipped", token, {"barrier": name})
        return True
    gates = (gate_hash(token + ":" + name), gate_hash(token.partition(".")[0]))
    if not store.wait_for_gate(active, gates, BARRIER_TIMEOUT_SECONDS):
        emit("barrier-failed", token, {"barrier": name, "text": "timed out"})
        return False
    emit("passed", token, {"barrier": name, "released": True})
    return True


def json_safe(text: str) -> str:
    """Return `text` in a form for JSON and UTF-8: lone surrogates become backslash escapes."""
    return text.encode("utf-8", "backslashreplace").decode("utf-8")


def describe_exception(raised: BaseException) -> dict[str, str]:
    """Return the type and text of an exception, for an event's detail."""
    try:
        text = str(raised)
    except Exception as unprintable:
        text = f"(its text raised {type(unprintable).__name__})"
    return {"type": type(raised).__name__, "text": json_safe(text)[:1000]}


class ReportedBody:
    """An iterable body that reports each step: `block`, `exhausted`, `raised`, `closed`.

    It has `__iter__`, `__next__` and `close` and no `__len__`, as a generator does.
    """

    def __init__(self, token: str, blocks: Iterable[Any]) -> None:
        self._token = token
        self._blocks: Iterator[Any] = iter(blocks)
        self._number = 0

    def __iter__(self) -> ReportedBody:
        return self

    def __next__(self) -> Any:
        try:
            block = next(self._blocks)
        except StopIteration:
            emit("exhausted", self._token, {"blocks": self._number})
            raise
        except BaseException as raised:
            emit("raised", self._token, dict(describe_exception(raised), where="iteration"))
            raise
        self._number += 1
        emit("block", self._token, {"number": self._number, "size": len(block) if isinstance(block, bytes) else None})
        return block

    def close(self) -> None:
        """Report each call."""
        emit("closed", self._token, {"blocks": self._number})
