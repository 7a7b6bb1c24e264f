"""The supervisor, driven as the harness drives it: JSON lines in, JSON lines out."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

from wsgi_gauntlet.harness.server.process import supervisor
from wsgi_gauntlet.harness.server.process.supervisor import Log, clear, remove

PATIENCE = 60.0


class Talk:
    """A supervisor and what it says."""

    def __init__(self, folder: Path, script: str, **launch_request: Any) -> None:
        self.log = folder / "log"
        self.folder = folder / "run"
        self.folder.mkdir()
        self.process = subprocess.Popen(
            [sys.executable, "-I", "-S", supervisor.__file__], stdin=subprocess.PIPE, stdout=subprocess.PIPE
        )
        self.tell(
            {
                "argv": [sys.executable, "-c", script],
                "environment": {},
                "folder": str(self.folder),
                "log": str(self.log),
                "keep": 1000,
                "parent": os.getpid(),
                "remove": str(self.folder),
                "prune": "",
                **launch_request,
            }
        )

    def tell(self, message: dict[str, Any]) -> None:
        assert self.process.stdin is not None
        self.process.stdin.write(json.dumps(message).encode() + b"\n")
        self.process.stdin.flush()

    def hear(self) -> dict[str, Any]:
        assert self.process.stdout is not None
        return dict(json.loads(self.process.stdout.readline()))

    def wait_for_log(self, text: str) -> None:
        until(lambda: self.log.exists() and text in self.log.read_text(errors="replace"))

    def hang_up(self) -> None:
        assert self.process.stdin is not None
        self.process.stdin.close()


@contextmanager
def talk(folder: Path, script: str, **launch_request: Any) -> Iterator[Talk]:
    it = Talk(folder, script, **launch_request)
    try:
        yield it
    finally:
        it.hang_up()
        it.process.wait(PATIENCE)
        assert it.process.stdout is not None
        it.process.stdout.close()


def until(condition: Any) -> None:
    deadline = time.monotonic() + PATIENCE
    while not condition():
        assert time.monotonic() < deadline, "it never came true"
        time.sleep(0.01)


def gone(pid: int) -> bool:
    try:
        return Path("/proc", str(pid), "stat").read_text().rpartition(")")[2].split()[0] == "Z"
    except OSError:
        return True


def test_it_tells_the_pid_and_the_exit_code(tmp_path: Path) -> None:
    with talk(tmp_path, "print('hello'); raise SystemExit(3)") as it:
        assert it.hear()["started"] > 0
        assert it.hear() == {"exited": {"code": 3, "signal": None}}
    assert it.log.read_text() == "hello\n"
    assert it.folder.is_dir(), "only an orphan clears up"


def test_a_command_that_cannot_be_run_is_said_so(tmp_path: Path) -> None:
    with talk(tmp_path, "", argv=["/nonexistent/server"]) as it:
        assert "No such file" in it.hear()["failed"]


def test_the_signal_that_ended_it_is_reported(tmp_path: Path) -> None:
    with talk(tmp_path, "import os; os.kill(os.getpid(), 11)") as it:
        it.hear()
        assert it.hear() == {"exited": {"code": None, "signal": 11}}


def test_signals_arrive_and_stopping_is_graceful(tmp_path: Path) -> None:
    script = (
        "import signal, sys\n"
        "awaited = {signal.SIGHUP, signal.SIGTERM}\n"
        "signal.pthread_sigmask(signal.SIG_BLOCK, awaited)\n"  # pause() sleeps through one that comes just before it
        "print('up', flush=True)\n"
        "while signal.sigwait(awaited) == signal.SIGHUP: print('reloaded', flush=True)\n"
        "sys.exit(7)\n"
    )
    with talk(tmp_path, script) as it:
        it.hear()
        it.wait_for_log("up")
        it.tell({"do": "signal", "number": int(signal.SIGHUP)})
        it.wait_for_log("reloaded")
        it.tell({"do": "stop", "number": int(signal.SIGTERM), "grace": PATIENCE})
        assert it.hear() == {"exited": {"code": 7, "signal": None}}


def test_what_ignores_the_signal_is_killed_after_its_grace(tmp_path: Path) -> None:
    script = (
        "import signal\nsignal.signal(signal.SIGTERM, signal.SIG_IGN)\n"
        "print('up', flush=True)\nwhile True: signal.pause()\n"
    )
    with talk(tmp_path, script) as it:
        it.hear()
        it.wait_for_log("up")
        it.tell({"do": "stop", "number": int(signal.SIGTERM), "grace": 0.05})
        assert it.hear() == {"exited": {"code": None, "signal": int(signal.SIGKILL)}}


FORKING = """
import os, signal, sys, time
if os.fork() == 0:
    os.setsid()
    if os.fork() == 0:
        signal.signal(signal.SIGTERM, signal.SIG_IGN)
        print('abandoned', os.getpid(), flush=True)
        time.sleep(600)
    os._exit(0)
print('up', flush=True)
time.sleep(600)
"""


def test_what_the_server_abandons_ends_with_it(tmp_path: Path) -> None:
    with talk(tmp_path, FORKING) as it:
        it.hear()
        it.wait_for_log("abandoned")
        it.wait_for_log("up")
        abandoned = int(it.log.read_text().split("abandoned ")[1].split()[0])
        assert not gone(abandoned)
        it.tell({"do": "stop", "number": int(signal.SIGTERM), "grace": PATIENCE})
        it.hear()
        assert gone(abandoned)


def test_a_broken_pipe_kills_all_and_clears_up(tmp_path: Path) -> None:
    with talk(tmp_path, FORKING, prune=str(tmp_path / "run")) as it:
        pid = it.hear()["started"]
        it.wait_for_log("abandoned")
        abandoned = int(it.log.read_text().split("abandoned ")[1].split()[0])
        it.hang_up()
        it.process.wait(PATIENCE)
        assert gone(pid)
        assert gone(abandoned)
        assert not it.folder.exists()


def test_another_parent_than_the_harness_means_that_it_is_gone(tmp_path: Path) -> None:
    with talk(tmp_path, "import time; time.sleep(600)", parent=1) as it:
        pid = it.hear()["started"]
        it.process.wait(PATIENCE)
        assert gone(pid)


def test_a_folder_is_cleared_although_its_maker_closed_it(tmp_path: Path) -> None:
    inner = tmp_path / "made" / "closed" / "inner"
    inner.mkdir(parents=True)
    (inner / "file").touch()
    (tmp_path / "made" / "link").symlink_to(tmp_path / "other")
    (tmp_path / "other").mkdir()
    for each in (inner, inner.parent, inner.parent.parent):
        each.chmod(0)
    clear(tmp_path / "made")
    assert sorted(tmp_path.iterdir()) == [tmp_path / "other"]


def test_a_link_in_a_folders_place_is_removed_and_not_followed(tmp_path: Path) -> None:
    (tmp_path / "other").mkdir()
    (tmp_path / "other" / "file").touch()
    (tmp_path / "made").symlink_to(tmp_path / "other")
    clear(tmp_path / "made")
    clear(tmp_path / "never was")
    assert sorted(tmp_path.iterdir()) == [tmp_path / "other"]
    assert (tmp_path / "other" / "file").exists()


def test_a_folder_is_cleared_however_deep_it_is(tmp_path: Path) -> None:
    (tmp_path / "made").mkdir()
    subprocess.run(
        [sys.executable, "-c", "import os\nfor _ in range(3000): os.mkdir('d'); os.chdir('d')\nopen('f', 'w')"],
        cwd=tmp_path / "made",
        check=True,
    )
    clear(tmp_path / "made")
    assert list(tmp_path.iterdir()) == []


SENDING = """
import os, signal, sys, time
from pathlib import Path
def parent(pid): return int(Path("/proc", str(pid), "stat").read_text().rpartition(")")[2].split()[1])
supervisor = os.getppid()
for number in signal.valid_signals() - {signal.SIGKILL, signal.SIGSTOP}:
    for pid in (supervisor, parent(supervisor)):
        os.kill(pid, number)
print('sent', flush=True)
time.sleep(600)
"""


def test_signals_from_the_server_do_nothing_to_its_supervisor(tmp_path: Path) -> None:
    with talk(tmp_path, SENDING) as it:
        it.hear()
        it.wait_for_log("sent")
        it.tell({"do": "stop", "number": int(signal.SIGTERM), "grace": PATIENCE})
        assert it.hear() == {"exited": {"code": None, "signal": int(signal.SIGTERM)}}
        assert it.folder.is_dir()


def test_the_server_starts_with_the_default_of_every_signal(tmp_path: Path) -> None:
    with talk(tmp_path, "", argv=["grep", "-E", "SigIgn|SigBlk", "/proc/self/status"]) as it:
        it.hear()
        it.hear()
    ignored, blocked = sorted(it.log.read_text().split()[1::2])
    # 32 and 33 are the C library's own (nptl(7)): nobody can set them, so what came with them stays.
    own = 1 << 31 | 1 << 32
    assert int(ignored, 16) & ~own == int(blocked, 16) & ~own == 0


def test_the_server_inherits_no_descriptor_but_the_three(tmp_path: Path) -> None:
    with talk(tmp_path, "import os; print(sorted(map(int, os.listdir('/proc/self/fd')))[:-1], flush=True)") as it:
        it.hear()
        it.hear()
    assert it.log.read_text() == "[0, 1, 2]\n"


@pytest.mark.parametrize("above", [1, 2])
def test_whichever_of_the_two_is_killed_all_below_ends_and_the_folder_stays(tmp_path: Path, above: int) -> None:
    script = FORKING.replace("print('up'", KILLING.format(above=above) + "print('up'")
    with talk(tmp_path, script) as it:
        pid = it.hear()["started"]
        it.wait_for_log("abandoned")
        abandoned = int(it.log.read_text().split("abandoned ")[1].split()[0])
        until(lambda: gone(pid) and gone(abandoned))
        it.hang_up()
        it.process.wait(PATIENCE)
        assert it.process.returncode == (0 if above == 1 else -signal.SIGKILL)
        assert it.folder.is_dir(), "the harness lives"


KILLING = """
from pathlib import Path
def parent(pid): return int(Path("/proc", str(pid), "stat").read_text().rpartition(")")[2].split()[1])
while "abandoned" not in Path("../log").read_text(): time.sleep(0.01)
above = os.getpid()
for _ in range({above}): above = parent(above)
os.kill(above, signal.SIGKILL)
"""


def test_nonsense_in_its_pipe_is_passed_over(tmp_path: Path) -> None:
    with talk(tmp_path, "import time; print('up', flush=True); time.sleep(600)") as it:
        it.hear()
        it.wait_for_log("up")
        assert it.process.stdin is not None
        for line in (
            b"garbage",
            b"[]",
            b"3",
            b'{"do": "dance"}',
            b'{"do": "signal"}',
            b'{"do": "signal", "number": "x"}',
        ):
            it.process.stdin.write(line + b"\n")
        for line in (b'{"do": "signal", "number": 99999}', b"[" * 100_000, b"\xff", b"x" * 300_000):
            it.process.stdin.write(line + b"\n")
        it.tell({"do": "stop", "number": int(signal.SIGTERM), "grace": PATIENCE})
        assert it.hear() == {"exited": {"code": None, "signal": int(signal.SIGTERM)}}


def test_a_pythons_semaphores_are_cleared_away_behind_it(tmp_path: Path) -> None:
    script = (
        "import multiprocessing, os, signal, time\n"
        "from multiprocessing import resource_tracker\n"
        "made = multiprocessing.get_context('spawn').Semaphore()\n"
        "print('made', made._semlock.name, flush=True)\n"
        # The tracker ignores SIGINT once it runs. Until then it is a fork that looks like any other.
        "status = f'/proc/{resource_tracker._resource_tracker._pid}/status'\n"
        "def ignored(): return int(open(status).read().split('SigIgn:')[1].split()[0], 16)\n"
        "while not ignored() >> signal.SIGINT - 1 & 1: time.sleep(0.01)\n"
        "os.kill(os.getpid(), signal.SIGKILL)\n"
    )
    with talk(tmp_path, script) as it:
        it.hear()
        assert it.hear() == {"exited": {"code": None, "signal": int(signal.SIGKILL)}}
    name = it.log.read_text().split()[1].lstrip("/")
    assert name.startswith("mp-")
    assert not Path("/dev/shm", f"sem.{name}").exists()


def test_a_killed_supervisor_takes_the_server_with_it(tmp_path: Path) -> None:
    with talk(tmp_path, "import time; print('up', flush=True); time.sleep(600)") as it:
        pid = it.hear()["started"]
        it.wait_for_log("up")
        it.process.kill()
        it.process.wait(PATIENCE)
        until(lambda: gone(pid))


def test_a_chatty_server_is_drained_and_its_log_is_bounded(tmp_path: Path) -> None:
    script = "import sys\nfor _ in range(4000): sys.stdout.write('x' * 999 + '\\n')\nsys.exit(5)"
    with talk(tmp_path, script) as it:
        it.hear()
        assert it.hear() == {"exited": {"code": 5, "signal": None}}
    kept = it.log.read_text()
    assert kept.startswith("x" * 900)
    assert kept.endswith("[the log ends here: it grew beyond 1000 bytes]\n")
    assert len(kept) < 1100


def test_a_log_goes_on_where_an_earlier_start_left_it(tmp_path: Path) -> None:
    path = tmp_path / "log"
    path.write_text("12345")
    log = Log(str(path), 10)
    log.write(b"678")
    log.write(b"9abcdef")
    log.write(b"never")
    assert path.read_text() == "123456789a\n[the log ends here: it grew beyond 10 bytes]\n"


def test_a_full_disk_does_not_stop_the_server() -> None:
    log = Log("/dev/full", 100)
    log.write(b"x")
    log.write(b"y")


def test_an_order_that_never_comes_ends_it() -> None:
    done = subprocess.run([sys.executable, "-I", "-S", supervisor.__file__], input=b"{", timeout=PATIENCE, check=False)
    assert done.returncode == 0


def test_only_an_empty_folder_is_pruned(tmp_path: Path) -> None:
    for name in ("a", "b"):
        (tmp_path / name).mkdir()
    remove(str(tmp_path / "a"), str(tmp_path))
    assert (tmp_path / "b").is_dir()
    remove(str(tmp_path / "b"), str(tmp_path))
    assert not tmp_path.exists()
    remove("", "")
