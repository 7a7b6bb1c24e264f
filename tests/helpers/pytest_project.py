"""A project of somebody else's, with pytest, wsgi-gauntlet, and a small catalogue: a case for each verdict."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from .preloaded_program import Program, run_preloaded
from .processes import processes_in

CATALOGUE = '''
"""Cases whose verdicts are known by construction. They are sent whole only, which takes less CPU time."""

from wsgi_gauntlet.harness.conformance.basis import MUST_TEXT, SHOULD_TEXT, recorded_only
from wsgi_gauntlet.harness.conformance.catalog import INFO, MUST, SHOULD, case
from wsgi_gauntlet.harness.errors import EventsLost
from wsgi_gauntlet.harness.conformance.assertions import fail_case
from wsgi_gauntlet.harness.model import Setup
from wsgi_gauntlet.harness.conformance.basis import pep3333

REF = pep3333("environ Variables", "a sentence that asks for it")
runs = {}


def ran(name):
    runs[name] = runs.get(name, 0) + 1
    with open("runs.txt", "a") as file:
        file.write(f"{name}\\n")
    return runs[name]


@case(MUST, REF, basis=MUST_TEXT, segmentable=False)
async def depends(x):
    """It holds, once another does."""


@case(MUST, REF, basis=MUST_TEXT, tags=["security"], segmentable=False)
async def holds(x):
    """The app is called."""
    ran("holds")
    await x.app("/echo")


@case(MUST, REF, basis=MUST_TEXT)
async def breaks(x):
    """The moon is a moon.

    Why: Whoever lands there wants to know.
    """
    ran("breaks")
    await x.app("/echo")
    fail_case("the moon", "\\x1b[31mcheese")


@case(SHOULD, REF, basis=SHOULD_TEXT)
async def advises(x):
    """The bread is buttered."""
    await x.app("/echo")
    fail_case("butter", "margarine")


@case(INFO, REF, basis=recorded_only("Nobody asks for anything here."))
async def notes(x):
    """It is as it is."""


@case(MUST, REF, basis=MUST_TEXT, needs=["own/area/breaks"])
async def skips(x):
    """It needs what is broken."""


@case(MUST, REF, basis=MUST_TEXT, needs=["own/area/holds"])
async def builds(x):
    """It needs what holds."""
    ran("builds")


@case(MUST, REF, basis=MUST_TEXT)
async def impossible(x):
    """Nobody can."""
    x.unsupported("nobody can")


@case(MUST, REF, basis=MUST_TEXT, segmentable=False)
async def wavers(x):
    """Now and then it breaks."""
    if ran("wavers") % 2:
        fail_case("constancy", "a mood")


@case(MUST, REF, basis=MUST_TEXT)
async def loses_events(x):
    """The harness fails at it."""
    raise EventsLost("3 of the app's events did not arrive")


@case(MUST, REF, basis=MUST_TEXT, setup=Setup(unix=True), segmentable=False)
async def unix(x):
    """It listens on a Unix socket."""
    assert x.server.address.path
    await x.app("/echo")


@case(MUST, REF, basis=MUST_TEXT, deadline=60)
async def hangs(x):
    """It takes its time."""
    import trio

    ran("hangs")
    await trio.sleep(50)
'''

PLUGIN = "wsgi_gauntlet.harness.pytest_plugin.plugin"
"""The module of the plugin. The name of its entry point is that of the installation, which may be older."""

METADATA = "Metadata-Version: 2.1\nName: own\nVersion: 1\n"

KNOWN = ("holds", "breaks", "advises", "notes", "skips", "builds", "impossible", "wavers", "loses-events", "unix")
"""The cases that come to an end, in an order that is not that of the file."""


def install_catalogue(folder: Path, text: str) -> None:
    """Make `folder` a place for modules with a catalogue `own/area`, whose file has the `text`."""
    package, known = folder / "own", folder / "own-1.dist-info"
    for each in (package, known):
        each.mkdir(parents=True)
    (package / "__init__.py").write_text("")
    (package / "area.py").write_text(text)
    (known / "METADATA").write_text(METADATA)
    (known / "entry_points.txt").write_text("[wsgi_gauntlet.suites]\nown = own.area\n")


@dataclass
class Project:
    """A folder with a catalogue of its own, and a TMPDIR of its own, so that whatever is left behind shows."""

    path: Path

    @classmethod
    def made(cls, path: Path) -> Project:
        install_catalogue(path / "lib", CATALOGUE)
        (path / "tmp").mkdir()
        (path / "pytest.ini").write_text("[pytest]\naddopts = --strict-markers\nfilterwarnings = error\n")
        return cls(path)

    def write(self, name: str, text: str) -> None:
        file = self.path / name
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(text)

    @property
    def environment(self) -> dict[str, str]:
        # Other plugins take longer to load than most of these tests do.
        return {
            **{name: value for name, value in os.environ.items() if not name.startswith("PYTEST_")},
            "TMPDIR": str(self.path / "tmp"),
            "PYTHONPATH": os.pathsep.join([str(self.path / "lib"), *filter(None, [os.environ.get("PYTHONPATH")])]),
            "PYTEST_DISABLE_PLUGIN_AUTOLOAD": "1",
            "COLUMNS": "160",
            "NO_COLOR": "1",
        }

    def start(self, *arguments: str) -> subprocess.Popen[str]:
        """Start pytest there."""
        return self.call([sys.executable, "-m", "pytest", "-p", PLUGIN, *arguments])

    def call(
        self, argv: Sequence[str], *, stderr: int = subprocess.STDOUT, terminal: int | None = None
    ) -> subprocess.Popen[str]:
        """Start a program there, which finds the catalogue; with `terminal` in a session of its own on that."""
        return subprocess.Popen(
            argv,
            cwd=self.path,
            env=self.environment,
            stdin=terminal,
            stdout=subprocess.PIPE if terminal is None else terminal,
            stderr=stderr if terminal is None else terminal,
            start_new_session=terminal is not None,
            text=True,
        )

    def one_line(self, *arguments: str) -> str:
        """Run pytest there, and return the one line that it refuses the call with."""
        lines = [each for each in self.run("-q", *arguments, code=4).splitlines() if each]
        assert len(lines) == 1, lines
        return lines[0].removeprefix("ERROR: ")

    def run(self, *arguments: str, code: int = 0) -> str:
        """Run pytest there, in a process that has imported it, and return what it printed."""
        done = run_preloaded(
            ("-p", PLUGIN, *arguments),
            self.path,
            self.environment,
            seconds=90,
            program=Program.PYTEST,
            merge_outputs=True,
        )
        assert done.returncode == code, done.stdout
        return done.stdout

    def outcomes(self, *arguments: str, code: int = 0) -> dict[str, str]:
        """Run pytest there and return each test's word, as PASSED, by the last part of its id."""
        lines = self.run("-v", *arguments, code=code).splitlines()
        marked = [each.split() for each in lines if "::" in each and (" [" in each or each.startswith("["))]
        found = {}
        for parts in marked:
            id_ = next(each for each in parts if "::" in each)
            word = next((each for each in parts if each.isupper()), "")
            found[id_.rpartition("::")[2].rpartition("/")[2]] = word
        return found

    def left(self) -> list[str]:
        """Return what a run left behind: processes that work in the place, and temporary files."""
        # pytest keeps its own temporary folders, and clears them away itself.
        return processes_in(self.path) + [
            str(each) for each in (self.path / "tmp").iterdir() if "pytest-of-" not in each.name
        ]

    def wait_until_clean(self) -> None:
        deadline = time.monotonic() + 60
        while self.left():
            assert time.monotonic() < deadline, self.left()
            time.sleep(0.02)

    def ran(self) -> list[str]:
        """Return the cases that ran, once for each attempt."""
        file = self.path / "runs.txt"
        return file.read_text().split() if file.exists() else []

    def wait_until_ran(self, process: subprocess.Popen[str], name: str) -> None:
        deadline = time.monotonic() + 60
        while name not in self.ran():
            assert process.poll() is None, process.communicate()
            assert time.monotonic() < deadline
            time.sleep(0.02)

    def interrupted(self, process: subprocess.Popen[str], number: signal.Signals) -> str:
        """Send `number` to pytest, and return what it printed until its end."""
        process.send_signal(number)
        return printed(process, 45)


def printed(process: subprocess.Popen[str], seconds: float) -> str:
    """Return what `process` prints on stdout until its end. See `ended`."""
    return ended(process, seconds)[0]


def ended(process: subprocess.Popen[str], seconds: float) -> tuple[str, str]:
    """Return what `process` prints on stdout and stderr until its end; one that goes on for longer is killed."""
    try:
        return process.communicate(timeout=seconds)
    except subprocess.TimeoutExpired:
        process.kill()  # else it would run beside the tests that follow, and one of them be blamed for it
        process.communicate()
        raise
