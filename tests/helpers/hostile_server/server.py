"""A WSGI server of a few lines that turns on whoever runs it: `server.py ATTACK HOST PORT MODULE:NAME`.

It is a good server until a case asks it for something. Then it does what ATTACK says, once (a flood at each request),
and goes on. In the folder `NOTES` it leaves notes of what it did. Standard library alone.
"""

from __future__ import annotations

import ctypes
import importlib
import itertools
import json
import multiprocessing
import os
import shutil
import signal
import socket
import socketserver
import sys
import threading
import time
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any
from wsgiref.simple_server import WSGIRequestHandler, WSGIServer, make_server

ATTACK = sys.argv[1]
NOTES = Path(__file__).with_name("notes")
EVENTS = os.environ["WSGI_GAUNTLET_EVENTS"]
CONTROL = os.environ["WSGI_GAUNTLET_CONTROL"]
HOME = Path(EVENTS).parent.parent


def parent_of(pid: int) -> int:
    return int(Path("/proc", str(pid), "stat").read_text().rpartition(")")[2].split()[1])


SUPERVISOR = os.getppid()
GUARD = parent_of(SUPERVISOR)
HARNESS = parent_of(GUARD)


def signals() -> None:
    for number in signal.valid_signals() - {signal.SIGKILL, signal.SIGSTOP}:
        for pid in (SUPERVISOR, GUARD):
            os.kill(pid, number)


def kill_parent() -> None:
    os.kill(SUPERVISOR, signal.SIGKILL)


def kill_guard() -> None:
    os.kill(GUARD, signal.SIGKILL)


def stop_parents() -> None:
    os.kill(SUPERVISOR, signal.SIGSTOP)
    os.kill(GUARD, signal.SIGSTOP)


def pipes() -> None:
    nonsense = (
        b"garbage\n[]\n" + b"[" * 60_000 + b'\n{"exited": 3}\n{"started": -1}\n{"do": "signal", "number": 0}\n\xff\n'
    )
    for pid in (SUPERVISOR, GUARD):
        for descriptor in (0, 1):
            try:
                pipe = os.open(f"/proc/{pid}/fd/{descriptor}", os.O_WRONLY | os.O_NONBLOCK)
                os.write(pipe, nonsense)
                os.close(pipe)
            except OSError:
                continue


def datagrams(made: Callable[[bytes], Iterable[bytes]]) -> None:
    key = Path(EVENTS + ".key").read_bytes()
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as sender:
        for each in made(key):
            try:
                sender.sendto(each, EVENTS)
            except OSError:
                return


def event(detail: str = "{}", **changed: str) -> bytes:
    whole = {"at": "1.0", "kind": '"called"', "pid": "7", "thread": "1", "sequence": "0", **changed}
    return ("{" + ",".join(f'"{name}":{value}' for name, value in whole.items()) + f',"detail":{detail}}}').encode()


def nesting() -> None:
    deep = event('{"a":' + "[" * 60_000 + "]" * 60_000 + "}")
    datagrams(lambda key: (key + each for each in (deep, event('{"a":' + "[" * 900 + "]" * 900 + "}"))))


def numbers() -> None:
    odd = [
        {"at": "1e999"},
        {"at": "NaN"},
        {"pid": "0"},
        {"pid": "9" * 40},
        {"sequence": "9" * 15},
        {"kind": '"\\ud800"'},
    ]
    datagrams(lambda key: (key + event(**each) for each in odd))


def flood() -> None:
    # More than the harness keeps of an attempt, before the request goes on: a thread alone may get no core until then.
    def many(key: bytes) -> Iterable[bytes]:
        return [key + event(json.dumps({"text": "x" * 180_000}), kind='"flood"')] * 60

    def without_end(key: bytes) -> Iterable[bytes]:
        return itertools.cycle(many(key))

    datagrams(many)
    if not any(thread.name == "flood" for thread in threading.enumerate()):
        threading.Thread(target=datagrams, args=(without_end,), name="flood", daemon=True).start()


def strangers() -> None:
    def without_end(_key: bytes) -> Iterable[bytes]:
        while True:
            yield event('{"text": "' + "x" * 180_000 + '"}')

    threading.Thread(target=datagrams, args=(without_end,), daemon=True).start()


def barriers() -> None:
    def knock() -> None:
        held: list[socket.socket] = []
        for number in range(3000):
            door = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
            try:
                door.connect(CONTROL)
                door.sendall(f"endless:{number}".encode() + b"\n" * (number % 2))
            except OSError:
                pass
            held.append(door)
        time.sleep(60)

    threading.Thread(target=knock, daemon=True).start()


def delete_own() -> None:
    shutil.rmtree(HOME, ignore_errors=True)


def delete_all() -> None:
    # Never in a folder that others use as well.
    if HOME.parent.name.startswith("wsgi-gauntlet-") and not (NOTES / "deleted").exists():
        (NOTES / "deleted").touch()
        for each in HOME.parent.glob("g-*"):
            shutil.rmtree(each, ignore_errors=True)


def replace() -> None:
    for path in (Path(EVENTS), Path(CONTROL), HOME / "path"):
        path.rename(path.with_suffix(".old"))
        path.symlink_to("/dev/null")


def close_folders() -> None:
    inner = Path("closed/inner")
    inner.mkdir(parents=True, exist_ok=True)
    inner.chmod(0)
    Path("closed").chmod(0)
    HOME.chmod(0)


def log() -> None:
    path = Path(f"/proc/{SUPERVISOR}/fd/2").resolve()
    for _ in range(30):
        sys.stderr.write("x" * 1_000_000 + "\n")
    path.unlink(missing_ok=True)
    os.mkfifo(path)
    os.close(1)
    os.close(2)


def descriptors() -> None:
    held: list[int] = []
    try:
        while len(held) < 10_000:
            held.append(os.open(os.devnull, os.O_RDONLY))
    except OSError:
        pass


def abandon() -> None:
    if os.fork() == 0:
        os.setsid()
        if os.fork() == 0:
            for number in (signal.SIGTERM, signal.SIGHUP, signal.SIGINT):
                signal.signal(number, signal.SIG_IGN)
            (NOTES / f"abandoned-{os.getpid()}").touch()
            time.sleep(600)
        os._exit(0)


def semaphores() -> None:
    for _ in range(10):
        KEPT.append(multiprocessing.get_context("spawn").Semaphore())
        (NOTES / f"semaphore-{KEPT[-1]._semlock.name.strip('/')}").touch()


def crash() -> None:
    ctypes.string_at(0)


KEPT: list[Any] = []
ENDLESS = {
    "endless_body": (b"HTTP/1.1 200 OK\r\n\r\n", b"x" * 65_536),
    "endless_fields": (b"HTTP/1.1 200 OK\r\n", b"X-Field: value\r\n" * 1000),
    "endless_interim": (b"", b"HTTP/1.1 103 Early Hints\r\n\r\n" * 1000),
    "endless_extension": (
        b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n",
        b"1;" + b"x" * 60_000 + b"\r\nx\r\n",
    ),
    "endless_drip": (b"HTTP/1.1 200 OK\r\n\r\n", b"x"),
}


class Handler(WSGIRequestHandler):
    def handle(self) -> None:
        if ATTACK not in ENDLESS:
            return super().handle()
        first = self.connection.recv(65_536, socket.MSG_PEEK)
        if b"/nonce" in first:
            return super().handle()
        beginning, rest = ENDLESS[ATTACK]
        try:
            self.connection.sendall(beginning)
            while True:
                self.connection.sendall(rest)
                if ATTACK == "endless_drip":
                    time.sleep(0.05)
        except OSError:
            return None


class Server(socketserver.ThreadingMixIn, WSGIServer):
    daemon_threads = True
    block_on_close = False

    def handle_error(self, *_: object) -> None:
        """Say nothing."""


def main() -> None:
    module, _, attribute = sys.argv[4].partition(":")
    app = getattr(importlib.import_module(module), attribute)
    turned = threading.Lock()

    def application(environ: dict[str, Any], start_response: Any) -> Any:
        attacks = environ["PATH_INFO"] != "/nonce" and ATTACK in globals()
        if attacks and (turned.acquire(blocking=False) or ATTACK == "flood"):
            globals()[ATTACK]()
        return app(environ, start_response)

    make_server(sys.argv[2], int(sys.argv[3]), application, Server, Handler).serve_forever()


if __name__ == "__main__":
    main()
