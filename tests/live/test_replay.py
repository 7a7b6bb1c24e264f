"""`replay`: a case watched as it happens, and its reproducer, which shows the same to /bin/sh and nc alone."""

import json
import os
import re
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from wsgi_gauntlet.harness import registry
from wsgi_gauntlet.harness.http.segmentation import Segmentation
from wsgi_gauntlet.harness.model import AppEvent, ConnectionEvent, ConnectionEventKind, Verdict
from wsgi_gauntlet.harness.replay.reproducer import PORT
from wsgi_gauntlet.harness.replay.runner import ReplayResult, replay, write
from wsgi_gauntlet.harness.server import planning

from ..helpers.preloaded_program import run_preloaded
from ..helpers.pytest_project import Project, ended
from ..helpers.requirements import installed, program

pytestmark = [pytest.mark.live, pytest.mark.timeout(120)]

BINARIES = Path(sys.executable).parent
STATUS = re.compile(rb"HTTP/1\.[01] \d{3}")


class Heard:
    """Keep all events."""

    def __init__(self) -> None:
        self.messages: list[str] = []
        self.timeline: list[tuple[float, str]] = []

    def message(self, text: str) -> None:
        self.messages.append(text)

    def wire(self, event: ConnectionEvent) -> None:
        self.timeline.append((event.at, event.kind))

    def app(self, event: AppEvent) -> None:
        self.timeline.append((event.at, f"app {event.kind}"))

    def log(self, at: float, line: str) -> None:
        self.timeline.append((at, f"log {line}"))

    def process(self, at: float, note: str) -> None:
        self.timeline.append((at, f"process {note}"))


def replayed(server: str, case: str, segmentation: Segmentation = Segmentation.WHOLE) -> tuple[ReplayResult, Heard]:
    heard = Heard()
    return replay(planning.plan(server), registry.case(case), segmentation, heard), heard


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
        stderr=subprocess.DEVNULL,
    )
    try:
        until = time.monotonic() + 60
        while True:
            with socket.socket(socket.AF_UNIX if unix else socket.AF_INET) as probe:
                if not probe.connect_ex(str(folder / "http.sock") if unix else ("127.0.0.1", port)):
                    break
            assert time.monotonic() < until
            time.sleep(0.05)
        yield
    finally:
        os.killpg(process.pid, signal.SIGKILL)
        process.wait()


def by_hand(result: ReplayResult, folder: Path) -> bytes:
    """Return what the printed commands print, run as printed but for the port."""
    write(result.reproducer, folder)
    port = free_port()
    for path in folder.iterdir():
        path.write_text(re.sub(rf"\b{PORT}\b", str(port), path.read_text()))
    with served(folder, port, unix="nc -U" in result.reproducer.requests):
        done = subprocess.run(["/bin/sh", "requests.sh"], cwd=folder, capture_output=True, timeout=60, check=False)
    return done.stdout


def statuses(result: ReplayResult) -> list[bytes]:
    """Return the status lines that came on the case's own connections."""
    wire = result.cell.evidence.wire
    sent: dict[int, bytes] = {}
    came: dict[int, bytes] = {}
    for event in wire:
        kept = {ConnectionEventKind.SENT: sent, ConnectionEventKind.RECEIVED: came}.get(event.kind)
        if kept is not None:
            kept[event.connection] = kept.get(event.connection, b"") + event.data
    own = [number for number, data in sent.items() if b"/sync HTTP/1.1\r\n" not in data[:100]]
    return [found for number in sorted(own) for found in STATUS.findall(came.get(number, b""))]


CELLS = [
    ("werkzeug", "http/request-line/version-lowercase", Segmentation.WHOLE),
    ("werkzeug", "http/chunked/extension-64k", Segmentation.WHOLE),
    ("werkzeug", "http/limits/half-request-then-fin/headers", Segmentation.WHOLE),
    ("wsgiref", "http/chunked/one-chunk", Segmentation.WHOLE),
    ("wsgiref", "pep3333/environ/exact-dict", Segmentation.BYTES),
    ("waitress", "http/framing/te-on-http10/hidden-request", Segmentation.WHOLE),
    ("gunicorn:sync", "http/connection/pipeline-order/100", Segmentation.WHOLE),
    ("gunicorn:gthread", "pep3333/input/large-body", Segmentation.PAUSED),
    ("nginx+gunicorn:sync", "http/headers/obs-fold/twice", Segmentation.WHOLE),
]
"""Failing cells of every shape, and some that pass: what is compared is what came, not what it was judged."""


@pytest.mark.parametrize(("server", "case", "segmentation"), CELLS, ids=str)
def test_a_shell_sees_what_the_harness_saw(server: str, case: str, segmentation: Segmentation, tmp_path: Path) -> None:
    program("nc", package="netcat-openbsd")
    installed(planning.plan(server))
    result, _ = replayed(server, case, segmentation)
    seen = statuses(result)
    assert seen or result.cell.verdict in (Verdict.FAIL, Verdict.WARN)
    # A case may close the connection before all answers have come; nc reads on.
    assert STATUS.findall(by_hand(result, tmp_path / "by hand"))[: len(seen)] == seen


def test_events_are_reported_in_order_as_they_happen() -> None:
    result, heard = replayed("wsgiref", "pep3333/environ/exact-dict")
    assert result.cell.verdict is Verdict.PASS
    assert result.exit_code == 0
    assert result.well_formed
    times = [at for at, _ in heard.timeline]
    assert times == sorted(times)
    kinds = [what for _, what in heard.timeline]
    assert kinds.index("opened") < kinds.index("sent") < kinds.index("app called") < kinds.index("received")
    assert "wsgiref" in heard.messages[0]
    assert "serve.py" in result.command


def test_a_needed_case_that_fails_is_reported_and_the_case_runs() -> None:
    case = next(each for each in registry.cases() if each.needs and each.id.startswith("pep3333/input/"))
    result, heard = replayed("wsgiref", case.id)
    assert set(result.needs) >= set(case.needs)
    for id_, verdict in result.needs.items():
        unmet = verdict not in (Verdict.PASS, Verdict.INFO)
        assert any(id_ in message and ("skips" in message) == unmet for message in heard.messages)
    assert result.cell.evidence.wire


def test_what_a_server_has_no_option_for_is_unsupported() -> None:
    case = next(each for each in registry.cases() if each.setup.unix)
    result, _ = replayed("wsgiref", case.id)
    assert result.cell.verdict is Verdict.UNSUPPORTED
    assert result.exit_code == 0
    assert result.reproducer.why_not


COMMAND = str(BINARIES / "wsgi-gauntlet")


def called(folder: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    environment = {**os.environ, "COLUMNS": "100", "NO_COLOR": "1"}
    return run_preloaded(["replay", *arguments], folder, environment)


def test_the_command_shows_it_and_ends_with_its_code(tmp_path: Path) -> None:
    done = called(tmp_path, "wsgiref", "http/headers/obs-fold/space", "--write", "by-hand")
    assert done.returncode == 1
    for each in ("→ #1 sent", "fail  http/headers/obs-fold/space", "--- app.py", "| nc -w ", "# Expected: "):
        assert each in done.stdout
    assert sorted(each.name for each in (tmp_path / "by-hand").iterdir()) == [
        ".wsgi-gauntlet",
        "app.py",
        "requests.sh",
        "serve.py",
        "server.sh",
    ]


def test_json_is_one_document(tmp_path: Path) -> None:
    template = "{python} -m waitress --listen={host}:{port} {app}"
    done = called(tmp_path, "mine", "exact-dict", "--json", "--pattern", "lines", "--command", template)
    assert done.returncode == 0
    result = json.loads(done.stdout)
    assert result["check"]["verdict"] == "pass"
    assert result["pattern"] == "lines"
    assert "app:application" in result["reproducer"]["server"]
    assert "→ #1 sent" in done.stderr


def test_nobody_has_to_read_to_the_end(tmp_path: Path) -> None:
    done = subprocess.run(
        ["/bin/sh", "-c", f"{{ '{COMMAND}' replay wsgiref exact-dict; echo ended with $? >&2; }} | head -n 1"],
        cwd=tmp_path,
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert done.stdout.startswith("wsgiref ")
    assert done.stderr == "ended with 141\n"


def test_interrupted_it_stops_the_server_and_says_so(tmp_path: Path) -> None:
    project = Project.made(tmp_path)
    with project.call([COMMAND, "replay", "waitress", "own/area/hangs"], stderr=subprocess.PIPE) as process:
        project.wait_until_ran(process, "hangs")
        process.send_signal(signal.SIGINT)
        _, err = ended(process, 45)
    assert process.returncode == 130
    assert err.strip() == "wsgi-gauntlet: interrupted"
    project.wait_until_clean()


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        (["gunicron", "exact-dict"], "did you mean gunicorn"),
        (["gunicorn", "exact-dct"], "no case has the id"),
        (["gunicorn", "te-and-cl"], "name one"),
        (["gunicorn", "exact-dict", "--pattern", "odd"], "--pattern"),
    ],
)
def test_what_cannot_be_is_one_line(tmp_path: Path, arguments: list[str], says: str) -> None:
    done = called(tmp_path, *arguments)
    assert done.returncode == 2
    assert done.stdout == ""
    assert len(done.stderr.splitlines()) == 1
    assert says in done.stderr
