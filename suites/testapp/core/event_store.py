"""The event store of a target: the folder in which all processes of a server keep their app events for the harness.

A target has no Unix socket to the harness, and a control request reaches any of its processes. So each process appends
its events to one file of a private folder, and the process that gets a control request reads the file.

    state/<session>.<number>    the last control request that was accepted: the name is the state
    active                      the session that is observed now, as JSON; missing if none is
    events-<generation>         the events, one JSON object in a line
    gates-<generation>          the barriers that the harness has opened, one hash in a line

A request is accepted if its number is larger than the last one. Changing the name is atomic, so a request is accepted
once, whatever process gets it. An event that finds no place is not written, but it is counted: the harness sees the gap
in the numbers of the process. Only files are used, so threads, forks and Windows need nothing special.
"""

from __future__ import annotations

import contextlib
import hashlib
import hmac
import json
import os
import secrets
import stat
import tempfile
import threading
import time
from pathlib import Path
from typing import Any, Dict, List, NamedTuple, Optional, Tuple

STORE_VARIABLE = "WSGI_GAUNTLET_STORE"
"""The environment variable with another folder for the store. The processes of one server must have the same."""

LEASE_SECONDS = 120.0
"""Seconds after the last control request for which a session is observed. The harness sends one every few seconds."""

IN_USE_SECONDS = 20.0
"""Seconds after the last control request for which no other session may begin."""

OFFER_SECONDS = 60.0
"""Seconds for which an offered session may begin."""

MAX_STORED_BYTES = 32 << 20
"""Bytes of events that are kept. The harness begins a new file long before."""

MAX_STORED_EVENT_BYTES = 180000
"""Bytes of one event."""

MAX_FETCHED_BYTES = 1 << 19
"""Bytes of events in one response."""

MAX_GATES_BYTES = 1 << 16
"""Bytes of the file with open barriers."""

GATE_POLL_SECONDS = 0.003
"""Seconds between two looks at the open barriers."""

_STATE_TRIES = 50
"""Times that the state is read again because another request has just changed it."""


class StoreUnusable(Exception):
    """The store cannot keep events; the text says why."""


class ActiveSession(NamedTuple):
    """The session that is observed now. Without `barriers` the app does not wait: nobody could release it."""

    session: str
    generation: int
    barriers: bool


def gate_hash(name: str) -> str:
    """Return the name of a barrier, or of all barriers of an attempt, as the store keeps it."""
    return hashlib.sha256(name.encode("utf-8", "backslashreplace")).hexdigest()[:32]


class EventStore:
    """The store of one deployment. It is made on the first use."""

    def __init__(self, token: str) -> None:
        self.token = token
        self.folder = Path(os.environ.get(STORE_VARIABLE) or _default_folder(token))
        self._lock = threading.Lock()
        self._sender = (0, "")
        self._sequence = 0

    # ------------------------------------------------------------------ sessions

    def offer(self) -> str:
        """Return a new session that may begin. It is signed, so that the store need not remember it."""
        body = "%020d-%s" % (time.time_ns(), secrets.token_hex(8))
        return "%s-%s" % (body, self._signature(body))

    def in_use(self) -> bool:
        """Return whether a session sent a control request just now."""
        try:
            return time.time() - (self.folder / "active").stat().st_mtime < IN_USE_SECONDS
        except OSError:
            return False

    def begin(self, session: str, number: int) -> bool:
        """Begin a session that was offered; return whether it was. A session begins once, and none before it does.

        Raises StoreUnusable if the folder cannot be used, or another session is observed now.
        """
        body, _, signature = session.rpartition("-")
        if not hmac.compare_digest(signature.encode("ascii", "replace"), self._signature(body).encode("ascii")):
            return False
        if time.time_ns() - int(body[:20]) > OFFER_SECONDS * 1e9:
            return False
        self._prepare()
        if self.in_use() and session > max((each.name for each in (self.folder / "state").iterdir()), default=""):
            raise StoreUnusable("another check of it is running")
        if self.in_use() or not self._accept(session, number, begins=True):
            return False
        self._forget_events()
        # Windows cannot delete a file that is read just now. So a new session has new names.
        self.activate(ActiveSession(session, time.time_ns(), True))
        return True

    def accept(self, session: str, number: int) -> bool:
        """Return whether this control request is new and belongs to the observed session, and extend the session."""
        active = self.active()
        if active is None or active.session != session or not self._accept(session, number, begins=False):
            return False
        os.utime(self.folder / "active")
        return True

    def active(self) -> Optional[ActiveSession]:
        """Return the session that is observed now."""
        try:
            with (self.folder / "active").open("rb") as file:
                if time.time() - os.fstat(file.fileno()).st_mtime > LEASE_SECONDS:
                    return None
                values = json.loads(file.read().decode("ascii"))
        except (OSError, ValueError):
            return None
        return ActiveSession(*values)

    def activate(self, session: ActiveSession) -> None:
        """Observe `session` from now on."""
        new = self.folder / ("active-%s" % secrets.token_hex(8))
        new.write_bytes(json.dumps(session).encode("ascii"))
        for left in reversed(range(_STATE_TRIES)):
            try:
                new.replace(self.folder / "active")
                return
            except PermissionError:
                if not left:
                    raise
                time.sleep(0.002)  # Windows: another thread reads the file just now

    def end(self) -> None:
        """Observe no session any more, and forget all events."""
        _remove(self.folder / "active")
        self._forget_events()

    def new_generation(self, session: ActiveSession) -> ActiveSession:
        """Begin new files for events and barriers, and forget the old ones."""
        later = session._replace(generation=session.generation + 1)
        self.activate(later)
        for name in ("events", "gates"):
            _remove(self.folder / ("%s-%d" % (name, session.generation)))
        return later

    def _forget_events(self) -> None:
        for path in self.folder.iterdir():
            if path.name.startswith(("events-", "gates-", "active-", "probe-")):
                _remove(path)

    def _accept(self, session: str, number: int, begins: bool) -> bool:
        """Change the state from the last accepted request to this one, if this one is later."""
        states = self.folder / "state"
        new = states / ("%s.%012d" % (session, number))
        for _ in range(_STATE_TRIES):
            names = sorted(path.name for path in states.iterdir())
            if not names:
                if not begins:
                    time.sleep(0.001)  # another request changes the name just now
                    continue
                new.touch(exist_ok=False)
                return True
            last, _, count = names[-1].rpartition(".")
            if session <= last if begins else (session != last or number <= int(count)):
                return False
            try:
                (states / names[-1]).rename(new)
            except OSError:
                continue  # another request was faster
            for name in names[:-1]:
                _remove(states / name)
            return True
        return False

    # ------------------------------------------------------------------ events

    def write(self, kind: str, token: str, detail: Dict[str, Any]) -> None:
        """Append an event to the store, if a session is observed."""
        active = self.active()
        if active is None:
            return
        event: Dict[str, Any] = {"kind": kind, "pid": os.getpid(), "thread": threading.get_ident(), "token": token}
        with self._lock:
            if self._sender != (os.getpid(), active.session):
                self._sender, self._sequence = (os.getpid(), active.session), 0
            event.update(at=time.monotonic(), sequence=self._sequence, detail=detail)
            self._sequence += 1
            line = json.dumps(event).encode("ascii")
            if len(line) > MAX_STORED_EVENT_BYTES:
                event["detail"] = {"too_large": len(line), "path": str(detail.get("path", ""))[:1000]}
                line = json.dumps(event).encode("ascii")
            # The app must answer its request also without room for events. The gap in the numbers shows the loss.
            with contextlib.suppress(OSError):
                self._append("events-%d" % active.generation, line + b"\n", MAX_STORED_BYTES)

    def read(self, session: ActiveSession, offset: int) -> Tuple[bytes, bool]:
        """Return whole lines of the events from `offset` on, and whether there are more."""
        try:
            with (self.folder / ("events-%d" % session.generation)).open("rb") as file:
                file.seek(max(0, offset))
                data = file.read(MAX_FETCHED_BYTES)
                more = bool(file.read(1))
        except OSError:
            return b"", False
        return data[: data.rfind(b"\n") + 1], more

    # ------------------------------------------------------------------ barriers

    def open_gates(self, session: ActiveSession, hashes: List[str]) -> None:
        """Open the barriers with those hashes."""
        lines = "".join(each + "\n" for each in hashes if len(each) == 32 and each.isalnum())
        if lines:
            self._append("gates-%d" % session.generation, lines.encode("ascii"), MAX_GATES_BYTES)

    def wait_for_gate(self, session: ActiveSession, hashes: Tuple[str, ...], seconds: float) -> bool:
        """Wait until one of the barriers with those hashes is open; return whether it was opened in `seconds`."""
        until = time.monotonic() + seconds
        wanted = [each.encode("ascii") for each in hashes]
        while True:
            try:
                opened = (self.folder / ("gates-%d" % session.generation)).read_bytes().split()
            except OSError:
                opened = []
            if any(each in opened for each in wanted):
                return True
            if time.monotonic() > until:
                return False
            time.sleep(GATE_POLL_SECONDS)

    # ------------------------------------------------------------------ files

    def _prepare(self) -> None:
        """Make the folder, and require that nobody else can write to it. Raises StoreUnusable."""
        try:
            self.folder.mkdir(0o700, parents=True, exist_ok=True)
            found = self.folder.lstat()
            if not stat.S_ISDIR(found.st_mode):
                raise StoreUnusable("%s is no folder" % self.folder)
            if hasattr(os, "geteuid") and (found.st_uid != os.geteuid() or found.st_mode & 0o022):
                raise StoreUnusable("%s is not the server's own: other users can write there" % self.folder)
            (self.folder / "state").mkdir(0o700, exist_ok=True)
            probe = self.folder / ("probe-%s" % secrets.token_hex(8))
            probe.touch(exist_ok=False)
            _remove(probe)
        except OSError as error:
            raise StoreUnusable("cannot write to %s: %s" % (self.folder, error.strerror)) from None

    def _append(self, name: str, data: bytes, limit: int) -> None:
        flags = os.O_WRONLY | os.O_APPEND | os.O_CREAT | getattr(os, "O_BINARY", 0) | getattr(os, "O_NOFOLLOW", 0)
        file = os.open(str(self.folder / name), flags, 0o600)
        try:
            if os.fstat(file).st_size + len(data) <= limit:
                os.write(file, data)
        finally:
            os.close(file)

    def _signature(self, body: str) -> str:
        text = ("wsgi-gauntlet session " + body).encode("ascii", "replace")
        return hmac.new(os.fsencode(self.token), text, "sha256").hexdigest()[:32]


def _default_folder(token: str) -> str:
    """Return a folder of this user and this token, so that several targets on one machine do not meet."""
    name = hmac.new(os.fsencode(token), b"wsgi-gauntlet store", "sha256").hexdigest()[:16]
    user = str(os.geteuid()) if hasattr(os, "geteuid") else "user"
    return str(Path(tempfile.gettempdir()) / ("gauntlet-store-%s-%s" % (user, name)))


def _remove(path: Path) -> None:
    with contextlib.suppress(OSError):  # another process was faster
        path.unlink()


_target_store: Optional[EventStore] = None


def use_event_store(token: str) -> EventStore:
    """Keep the events of this process in the store of the deployment with that token, and return the store."""
    global _target_store
    if _target_store is None or _target_store.token != token:
        _target_store = EventStore(token)
    return _target_store


def event_store() -> Optional[EventStore]:
    """Return the store of this process; None if the harness started the server."""
    return _target_store
