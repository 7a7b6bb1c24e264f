"""`replay`: a case watched as it happens, and its reproducer, which shows the same to /bin/sh and nc alone."""

import os
import re
import shutil
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from wsgi_gauntlet.harness import discover
from wsgi_gauntlet.harness.model import AppEvent, Verdict, WireEvent, WireKind
from wsgi_gauntlet.harness.patterns import Pattern
from wsgi_gauntlet.harness.replay import Replayed, replay, write
from wsgi_gauntlet.harness.reproducer import PORT

pytestmark = [
    pytest.mark.live,
    pytest.mark.timeout(120),
    pytest.mark.skipif(not shutil.which("nc"), reason="the reproducers are for nc"),
]

BINARIES = Path(sys.executable).parent
STATUS = re.compile(rb"HTTP/1\.[01] \d{3}")


class Heard:
    """Keeps what it is told."""

    def __init__(self) -> None:
        self.remarks: list[str] = []
        self.told: list[tuple[float, str]] = []

    def remark(self, text: str) -> None:
        self.remarks.append(text)

    def wire(self, event: WireEvent) -> None:
        self.told.append((event.at, event.kind))

    def app(self, event: AppEvent) -> None:
        self.told.append((event.at, f"app {event.kind}"))

    def log(self, at: float, line: str) -> None:
        self.told.append((at, f"log {line}"))

    def process(self, at: float, note: str) -> None:
        self.told.append((at, f"process {note}"))


def replayed(server: str, case: str, pattern: Pattern = Pattern.WHOLE) -> tuple[Replayed, Heard]:
    heard = Heard()
    return replay(discover.plan(server), discover.case(case), pattern, heard), heard


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port


@contextmanager
def served(folder: Path, port: int, unix: bool) -> Iterator[None]:
    """Run the printed server command, on a port that is free here."""
    environment = {**os.environ, "PATH": f"{BINARIES}:/usr/sbin:{os.environ['PATH']}", "PYTHONDONTWRITEBYTECODE": "1"}
    process = subprocess.Popen(
        ["/bin/sh", "server.sh"],
        cwd=folder,
        env=environment,
        start_new_session=True,
        stdout=subprocess.DEVNULL,
        stderr=(folder / "server.log").open("wb"),
    )
    try:
        until = time.monotonic() + 20
        while time.monotonic() < until:
            with socket.socket(socket.AF_UNIX if unix else socket.AF_INET) as probe:
                if not probe.connect_ex(str(folder / "http.sock") if unix else ("127.0.0.1", port)):
                    break
            time.sleep(0.05)
        yield
    finally:
        os.killpg(process.pid, signal.SIGKILL)
        process.wait()


def by_hand(told: Replayed, folder: Path) -> bytes:
    """Return what the printed commands print, run as printed but for the port."""
    write(told.reproducer, folder)
    port = free_port()
    for path in folder.iterdir():
        path.write_text(re.sub(rf"\b{PORT}\b", str(port), path.read_text()))
    with served(folder, port, unix="nc -U" in told.reproducer.requests):
        done = subprocess.run(["/bin/sh", "requests.sh"], cwd=folder, capture_output=True, timeout=60, check=False)
    return done.stdout


def statuses(told: Replayed) -> list[bytes]:
    """Return the status lines that came on the case's own connections."""
    wire = told.cell.evidence.wire
    sent: dict[int, bytes] = {}
    came: dict[int, bytes] = {}
    for event in wire:
        kept = {WireKind.SENT: sent, WireKind.RECEIVED: came}.get(event.kind)
        if kept is not None:
            kept[event.connection] = kept.get(event.connection, b"") + event.data
    own = [number for number, data in sent.items() if b"/fence HTTP/1.1\r\n" not in data[:100]]
    return [found for number in sorted(own) for found in STATUS.findall(came.get(number, b""))]


CELLS = [
    ("werkzeug", "pep3333/start-response/inject/crlf"),
]


@pytest.mark.parametrize(("server", "case"), CELLS, ids=lambda each: each)
def test_a_shell_sees_what_the_harness_saw(server: str, case: str, tmp_path: Path) -> None:
    told, _ = replayed(server, case)
    assert told.cell.verdict in (Verdict.FAIL, Verdict.WARN), told.cell.actual
    assert STATUS.findall(by_hand(told, tmp_path / "by hand")) == statuses(told)
