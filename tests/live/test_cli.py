"""The command as a user calls it: complete and interrupted runs, and every wrong call."""

import json
import os
import resource
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

from wsgi_gauntlet.harness.store import journal

from ..helpers.journal_text import journal_text
from ..helpers.page_content import page_content
from ..helpers.preloaded_program import run_preloaded
from ..helpers.processes import processes_in
from ..helpers.pytest_project import ended

pytestmark = pytest.mark.live

COMMAND = str(Path(sys.executable).with_name("wsgi-gauntlet"))
FULL_DISK_BYTES = 200_000
FEW = ("--select", "http/responses/head-status/list", "--select", "http/responses/head-then-open/list")
"""Two cases that are sent whole only: one attempt decides each."""


@dataclass
class Place:
    """A folder that a test works in, with a TMPDIR of its own, so that whatever is left behind shows."""

    path: Path

    @property
    def environment(self) -> dict[str, str]:
        # Coverage writes its own files to its own folder, not into the place.
        return {**os.environ, "TMPDIR": str(self.path / "tmp"), "COLUMNS": "100", "NO_COLOR": "1"}

    def start(self, *arguments: str, before: Callable[[], None] | None = None) -> subprocess.Popen[str]:
        return subprocess.Popen(
            [COMMAND, *arguments],
            cwd=self.path,
            env=self.environment,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            preexec_fn=before,
        )

    def run(self, *arguments: str, before: Callable[[], None] | None = None) -> subprocess.CompletedProcess[str]:
        """Run the program as it is installed. `before` runs in its process first."""
        process = self.start(*arguments, before=before)
        out, err = ended(process, 200)
        return subprocess.CompletedProcess(process.args, process.returncode, out, err)

    def call(self, *arguments: str) -> subprocess.CompletedProcess[str]:
        """Run the program in a process that has imported it."""
        return run_preloaded(arguments, self.path, self.environment)

    def left(self) -> list[str]:
        """Return what a run left behind: processes that work in the place, and temporary files."""
        return self.processes() + [str(path) for path in (self.path / "tmp").iterdir()]

    def processes(self) -> list[str]:
        return processes_in(self.path)

    def wait_until_clean(self) -> None:
        deadline = time.monotonic() + 60
        while self.left():
            assert time.monotonic() < deadline, self.left()
            time.sleep(0.02)

    def wait_for_cells(self, process: subprocess.Popen[str], count: int) -> None:
        deadline = time.monotonic() + 60
        while journal_text(self.path / "gauntlet-out").count('"line":"check"') < count:
            assert process.poll() is None, process.communicate()
            assert time.monotonic() < deadline
            time.sleep(0.02)


@pytest.fixture
def place(tmp_path: Path) -> Iterator[Place]:
    (tmp_path / "tmp").mkdir()
    here = Place(tmp_path)
    yield here
    here.wait_until_clean()


def one_line(done: subprocess.CompletedProcess[str], code: int) -> str:
    assert done.returncode == code, done.stderr
    assert "Traceback" not in done.stderr
    # Progress is shown each 15 s, so only a slow machine gets to it here.
    lines = [each for each in done.stderr.strip().splitlines() if not each.endswith("  getting ready")]
    assert len(lines) == 1, done.stderr
    assert lines[0].startswith("wsgi-gauntlet: ")
    return lines[0]


def test_check_leaves_a_whole_run_folder(place: Place) -> None:
    done = place.run("check", "gunicorn", "wsgiref", *FEW, "--json", "--junit", "junit.xml", "--markdown", "own.md")
    assert done.returncode == 0, done.stderr
    document = json.loads(done.stdout)
    assert {(c["server"], c["case"], c["verdict"]) for c in document["conformance"]} == {
        (server, case, "pass") for server in ("gunicorn", "wsgiref") for case in FEW[1::2]
    }
    out = place.path / "gauntlet-out"
    assert json.loads((out / "results.json").read_text()) == document
    assert "gunicorn" in (out / "report.html").read_text()
    assert "gunicorn" in (out / "summary.md").read_text()
    assert "testcase" in (place.path / "junit.xml").read_text()
    assert (place.path / "own.md").read_text() == (out / "summary.md").read_text()
    assert document["servers"]["gunicorn"]["command"]
    assert any((out / "logs").iterdir())
    again = place.call("report", "gauntlet-out", "--out", "again")
    assert again.returncode == 0, again.stderr
    assert (place.path / "again" / "report.html").exists()
    from_file = place.call("report", "gauntlet-out/results.json", "--out", "third")
    assert from_file.returncode == 0, from_file.stderr


def test_a_pass_keeps_its_evidence_only_if_asked(place: Place) -> None:
    for arguments, kept in ((("--out", "all", "--keep-evidence", "all"), True), (("--out", "usual"), False)):
        assert place.call("check", "gunicorn", *FEW, *arguments).returncode == 0
        for cell in journal.read(place.path / arguments[1]).conformance:
            assert (cell.evidence.digest is None) is kept
            assert bool(cell.evidence.wire) is kept


def test_a_run_is_compared_with_the_one_before_it(place: Place) -> None:
    """The earlier run moves away, and its verdicts stay with the new one."""
    assert place.call("check", "wsgiref", *FEW).returncode == 0
    done = place.call("check", "wsgiref", *FEW, "--base", "gauntlet-out")
    assert done.returncode == 0, done.stderr
    assert "Since gauntlet-out: 0 broken, 0 fixed" in done.stderr
    results = journal.read(place.path / "gauntlet-out")
    assert results.base is not None
    assert set(results.base.verdicts["wsgiref"]) == set(FEW[1::2])
    same = place.call("diff", "gauntlet-out/previous", "gauntlet-out", "--fail-on", "should", "--fail-on", "grade")
    assert same.returncode == 0, same.stderr
    assert "No requirement broken; 2 cells as before." in same.stdout


def test_a_report_is_read_as_a_run_is_and_an_earlier_one_is_kept(place: Place) -> None:
    assert place.call("check", "wsgiref", *FEW, "--out", "run").returncode == 0
    for number in range(3):
        assert place.call("report", "run", "--out", "report", "--junit", "/dev/null").returncode == 0
        assert (place.path / "report" / "previous").exists() == (number > 0)
    again = place.call("report", "report")
    assert again.returncode == 0, again.stderr
    # Without a journal, the earlier page is the only one with all evidence.
    assert (place.path / "report" / "previous-3").exists()
    assert "no cell failed" in one_line(place.call("check", "--rerun-failed", "report"), 2)
    assert not Path("/dev/null").is_file()


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        (["check", "gunicron"], "did you mean gunicorn"),
        (["check", "gunicorn:gthred"], "did you mean gthread"),
        (["check", "gunicorn[worker=2]"], "did you mean workers"),
        (["check", "nginx"], "needs a server behind it"),
        (["check", "gunicorn+gunicorn"], "is no proxy"),
        (["check", "gunicorn", "gunicorn"], "named twice"),
        (["check", "missing.py"], "no adapter file"),
        (["check", "gunicorn", "--select", "pep3333/enviorn"], "did you mean pep3333/environ"),
        (["check", "gunicorn", "--python", "/nowhere/python"], "no such program"),
        (["check", "gunicorn", "--app", "nothere:app"], "No module named 'nothere'"),
        (["check", "gunicorn", "--app", "json"], "module:callable"),
        (["check", "gunicorn", "--app", "json:nothing"], "nothing"),
        (["check", "--command", "{nonsense}", *FEW], "nonsense"),
        (["load", "gunicorn", "--scenario", "clasroom"], "did you mean classroom"),
        (["load", "gunicorn", "--slow-clients", "0"], "--slow-clients"),
        (["explain", "exact-dct"], "no case or scenario has the id"),
        (["report", "nowhere"], "nowhere"),
        (["frobnicate"], "frobnicate"),
        (["check", "gunicorn", "--out", "tmp/.."], "not of an earlier run"),
        (["run", "gunicorn", "--out", "/"], "not of an earlier run"),
        (["load", "gunicorn", "--out", "~/out"], "the shell did not replace the ~"),
        (["replay", "gunicorn", "pep3333/environ/exact-dict", "--write", "tmp/.."], "not of an earlier run"),
        (["check", "gunicorn", "--junit", "nowhere/junit.xml"], "there is no folder nowhere"),
        (["history", "gunicorn", "--markdown", "nowhere/own.md"], "there is no folder nowhere"),
        (["check", "--command", ""], "--command is empty"),
    ],
)
def test_a_call_that_cannot_be_is_one_line(place: Place, arguments: list[str], says: str) -> None:
    assert says in one_line(place.call(*arguments), 2)
    assert not (place.path / "gauntlet-out").exists()


@pytest.mark.parametrize(
    ("arguments", "code", "says"),
    [
        (["check", "wsgiref[tls]", *FEW], 2, "wsgiref[tls]: nothing was judged: "),
        (["check", "wsgiref[tls]", "gunicorn", *FEW], 2, "wsgiref[tls]: nothing was judged: "),
        (["check", "wsgiref", "--select", "http/tls"], 2, "wsgiref: nothing was judged: "),
        (["load", "wsgiref[workers=2]", "--scenario", "classroom"], 2, "no option for more than one worker"),
    ],
)
def test_a_run_of_nothing_is_no_success_and_says_why(place: Place, arguments: list[str], code: int, says: str) -> None:
    done = place.call(*arguments)
    assert done.returncode == code, done.stderr
    assert says in done.stderr
    assert (place.path / "gauntlet-out" / "report.html").exists()


def test_a_command_is_started_as_it_is_written_and_says_what_it_lacks(place: Place) -> None:
    (place.path / "their folder").mkdir()
    (place.path / "their folder" / "mine.py").write_text(
        "import importlib, os, sys\n"
        "from wsgiref.simple_server import make_server\n"
        "module, _, name = sys.argv[1].partition(':')\n"
        "app = getattr(importlib.import_module(module), name)\n"
        "make_server('127.0.0.1', int(os.environ['PORT']), app).serve_forever()\n"
    )
    mine = "PYTHONPATH='their folder' PORT={port} {python} -m mine {app}"
    done = place.call("check", "--command", mine, *FEW)
    assert done.returncode == 0, done.stderr
    done = place.call("check", "--command", "{python} -m http.server --bind {host} {port}", *FEW)
    assert done.returncode == 4
    assert "its command has no {app}: write {app} in the place of the app" in done.stderr
    done = place.call("check", "--command", mine, "--select", "http/host/missing")
    assert done.returncode == 1
    command = done.stderr.rpartition("Next:\n")[2].rpartition("\n  xdg-open ")[0]
    again = subprocess.run(
        f"PATH={Path(COMMAND).parent}:$PATH; {command}",
        shell=True,
        cwd=place.path,
        env=place.environment,
        capture_output=True,
        text=True,
        check=False,
    )
    assert again.returncode == 1, again.stderr
    assert "fail  http/host/missing" in again.stdout


def test_a_bad_configuration_is_one_line(place: Place) -> None:
    (place.path / "pyproject.toml").write_text("[tool.wsgi-gauntlet]\nservrs = {}\n")
    assert "did you mean servers" in one_line(place.call("check", "gunicorn"), 2)


def test_a_python_without_the_server_says_how_to_get_it(place: Place) -> None:
    bare = place.path / "bare"
    subprocess.run([sys.executable, "-m", "venv", "--without-pip", bare], check=True)
    assert "pip install gunicorn" in one_line(place.call("check", "gunicorn", "--python", str(bare / "bin/python")), 2)


def test_an_app_that_fails_in_the_server_is_reported_and_the_others_finish(place: Place) -> None:
    (place.path / "fragile.py").write_text(
        "import os\n"
        "if 'WSGI_GAUNTLET_NONCE' in os.environ:\n    raise RuntimeError('no database here')\n"
        "def app(environ, start_response):\n    return []\n"
    )
    done = place.call("check", "gunicorn", "--app", "fragile:app", *FEW)
    assert done.returncode == 4, done.stderr
    assert "no database here" in done.stderr
    assert "Traceback" not in done.stderr


BAD_SERVERS = {
    "silent": "import socket, sys; s = socket.create_server(('127.0.0.1', int(sys.argv[1])))\n"
    "while 1: s.accept()[0].recv(9)",
    "garbage": "import socket, sys; s = socket.create_server(('127.0.0.1', int(sys.argv[1])))\n"
    "while 1:\n c = s.accept()[0]; c.recv(99); c.sendall(b'\\x00\\xffgarbage' * 99); c.close()",
    "dying": "raise SystemExit('I cannot')",
    "fixed-port": "import socket; socket.create_server(('127.0.0.1', PORT))",
}


@pytest.mark.parametrize("kind", BAD_SERVERS)
def test_a_hopeless_server_is_reported_and_the_others_finish(place: Place, kind: str) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        script = place.path / "bad.py"
        script.write_text(BAD_SERVERS[kind].replace("PORT", str(taken.getsockname()[1])))
        (place.path / "pyproject.toml").write_text(
            f'[tool.wsgi-gauntlet.servers]\nbad = "{{python}} {script} {{port}}"\n'
        )
        done = place.call("check", "bad", "wsgiref", *FEW)
    assert done.returncode == 4, done.stderr
    assert "Traceback" not in done.stderr
    results = journal.read(place.path / "gauntlet-out")
    assert not results.servers["bad"].available
    assert "did not" in results.servers["bad"].why
    assert {c.server: str(c.verdict) for c in results.conformance} == {"wsgiref": "pass"}


def test_ten_megabytes_of_log_are_drained_and_kept(place: Place) -> None:
    script = place.path / "loud.py"
    script.write_text(
        "import sys\nfrom wsgiref.simple_server import make_server\nfrom gauntlet_apps.reference import application\n"
        "def app(environ, start_response):\n"
        "    sys.stderr.write(('x' * 1023 + '\\n') * 1024 * 10)\n"
        "    return application(environ, start_response)\n"
        "make_server('127.0.0.1', int(sys.argv[1]), app).serve_forever()\n"
    )
    done = place.call("check", "--command", f"{{python}} {script} {{port}}", *FEW)
    assert done.returncode == 0, done.stderr
    logs = list((place.path / "gauntlet-out" / "logs").iterdir())
    assert sum(path.stat().st_size for path in logs) < 64 * 2**20
    assert (place.path / "gauntlet-out" / journal.JOURNAL_FILENAME).stat().st_size < 8 * 2**20


def test_interrupted_keeps_and_reports_what_was_measured(place: Place) -> None:
    process = place.start("check", "wsgiref", "gunicorn")
    place.wait_for_cells(process, 3)
    process.send_signal(signal.SIGINT)
    _, err = ended(process, 90)
    assert process.returncode == 130, err
    assert "Traceback" not in err
    results = journal.read(place.path / "gauntlet-out")
    assert len(results.conformance) >= 3
    assert not results.finished
    assert "interrupted" in page_content(place.path / "gauntlet-out" / "report.html")
    place.wait_until_clean()
    resumed = place.call("check", "wsgiref", "gunicorn", *FEW, "--resume")
    assert resumed.returncode in (0, 1), resumed.stderr
    after = journal.read(place.path / "gauntlet-out")
    assert after.finished
    assert {(c.server, c.case) for c in results.conformance} <= {(c.server, c.case) for c in after.conformance}


def test_killed_leaves_nothing_and_can_be_reported(place: Place) -> None:
    process = place.start("check", "gunicorn", "nginx+waitress")
    place.wait_for_cells(process, 3)
    process.kill()
    ended(process, 90)
    place.wait_until_clean()
    done = place.call("report", "gauntlet-out")
    assert done.returncode == 0, done.stderr
    assert len(journal.read(place.path / "gauntlet-out").conformance) >= 3


@pytest.mark.timeout(240)
def test_a_full_disk_is_one_line_and_loses_nothing(place: Place) -> None:
    def small_files() -> None:
        # The kernel refuses to let any file grow beyond this, as a full disk would.
        # The first line of a run describes every case: compressed, it takes less than three quarters of this.
        resource.setrlimit(resource.RLIMIT_FSIZE, (FULL_DISK_BYTES, FULL_DISK_BYTES))

    done = place.run("check", "wsgiref", "gunicorn", before=small_files)
    assert "cannot write to" in one_line_at_the_end(done, 4)
    kept = journal.read(place.path / "gauntlet-out")
    assert kept.conformance


def one_line_at_the_end(done: subprocess.CompletedProcess[str], code: int) -> str:
    assert done.returncode == code, done.stderr
    assert "Traceback" not in done.stderr
    return done.stderr.strip().splitlines()[-1]


def test_load_is_measured_kept_and_resumed(place: Place) -> None:
    few = ("load", "waitress", "wsgiref", "--scenario", "throughput", "--duration", "0.5", "--slow-clients", "2")
    done = place.call(*few, "--json")
    assert done.returncode in (0, 3), done.stderr
    loads = {each["server"]: each for each in json.loads(done.stdout)["load"]}
    assert set(loads) == {"waitress", "wsgiref"}
    assert all(each["grade"] in ("measured", "invalid") for each in loads.values())
    assert [step["clients"] for step in loads["waitress"]["steps"]] == [1, 2]
    assert loads["waitress"]["conditions"]["threads"] == 4
    assert "<svg" in page_content(place.path / "gauntlet-out" / "report.html")
    again = place.call(*few, "--resume")
    assert again.returncode == done.returncode, again.stderr
    assert len(journal.read(place.path / "gauntlet-out").load) == 2


def test_a_broken_threshold_ends_with_1(place: Place) -> None:
    (place.path / "pyproject.toml").write_text("[tool.wsgi-gauntlet.thresholds]\ngoodput = 1.5\n")
    done = place.call("load", "wsgiref", "--scenario", "throughput", "--duration", "0.5", "--slow-clients", "1")
    assert done.returncode in (1, 3), done.stderr
    assert done.returncode == 3 or "threshold broken: wsgiref throughput" in done.stderr
    (cell,) = journal.read(place.path / "gauntlet-out").load
    assert done.returncode == 3 or cell.broken


def test_a_server_that_does_not_start_costs_the_others_no_load(place: Place) -> None:
    (place.path / "pyproject.toml").write_text(
        "[tool.wsgi-gauntlet.servers]\nbad = \"{python} -c 'raise SystemExit(7)' {port}\"\n"
    )
    done = place.call("load", "bad", "wsgiref", "--scenario", "throughput", "--duration", "0.5", "--slow-clients", "1")
    assert done.returncode == 4, done.stderr
    results = journal.read(place.path / "gauntlet-out")
    assert "exit code 7" in results.servers["bad"].why
    assert [each.server for each in results.load] == ["wsgiref"]


def test_two_runs_side_by_side_do_not_disturb_each_other(place: Place) -> None:
    both = [
        place.start("check", "wsgiref", "gunicorn:gthread", *FEW, "--select", "pep3333/start-response/exc-info")
        for _ in range(2)
    ]
    errors = [ended(process, 100)[1] for process in both]
    assert {process.returncode for process in both} <= {0, 1}, errors
    first, second = (journal.read(place.path / name) for name in ("gauntlet-out", "gauntlet-out-2"))
    verdicts = [{(c.server, c.case): c.verdict for c in run.conformance} for run in (first, second)]
    assert verdicts[0] == verdicts[1]


def test_an_out_folder_in_use_is_one_line(place: Place) -> None:
    with journal.Journal.open(place.path / "mine"):
        assert "another run" in one_line(place.call("check", "wsgiref", *FEW, "--out", "mine"), 2)


def test_lists_and_explanations(place: Place) -> None:
    assert "gunicorn" in place.call("servers").stdout
    assert {each["name"] for each in json.loads(place.call("servers", "--json").stdout)} >= {"gunicorn", "nginx"}
    listed = place.call("cases", "pep3333/environ").stdout
    assert "exact-dict" in listed
    assert "scenario" not in listed
    listed = place.call("cases", "claims").stdout
    assert "nginx shields a server from slow clients" in listed
    assert listed.endswith("\n6 scenarios\n")
    assert "no case's id begins with 'claim3'" in place.call("cases", "claim3").stderr
    assert len(json.loads(place.call("cases", "--json").stdout)["cases"]) >= 60
    explained = place.call("explain", "pep3333/environ/exact-dict").stdout
    assert "PEP 3333" in explained
    assert "peps.python.org" in explained
