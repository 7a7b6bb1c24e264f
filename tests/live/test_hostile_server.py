"""Servers that turn on whoever runs them: they spoil their own cells, and nothing of them is left."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory

import pytest

from wsgi_gauntlet.harness.store import journal

pytestmark = pytest.mark.live

SERVER = Path(__file__).parents[1] / "helpers" / "hostile_server" / "server.py"
PROGRAM = """
import re
from pathlib import Path
from wsgi_gauntlet.harness.cli.main import main
try:
    main()
finally:  # getrusage would tell of the process that forked this one, too
    Path("memory").write_text(re.search(r"VmHWM:\\s+([0-9]+)", Path("/proc/self/status").read_text())[1])
"""
CASES = ("pep3333/environ/exact-dict", "pep3333/environ/streams-present", "http/request-line/baseline")

SENT_WHOLE = (
    "pep3333/file-wrapper/range-content/file-first-byte",
    "http/connection/behind-close-served",
    "http/responses/content-of-every-status",
)
"""Cases for which no request is cut: an attack comes with the first one, and hundreds more would prove no more."""

SPOILING = {"flood", "nesting", "numbers", "barriers", "kill_parent", "kill_guard", "delete_own", "replace"}
"""Attacks after which the server's own cells cannot all be decided."""

HARMLESS = {
    "signals",
    "stop_parents",
    "pipes",
    "strangers",
    "delete_all",
    "close_folders",
    "descriptors",
    "abandon",
    "semaphores",
}
"""Attacks that come to nothing, or are made up for."""

BROKEN = {"crash", "log", "endless_body", "endless_fields", "endless_interim", "endless_extension"}
"""Attacks that are faults of a server, too: it is judged, or its cells are errors."""

MEMORY = 700 << 20
"""Bytes of the harness. It took 220 MB on a quiet machine; a flood of events made it 4.8 GB."""

JOURNAL = 40 << 20
"""Bytes of the journal: the evidence of one attempt keeps up to 1.5 MiB."""


@dataclass(frozen=True)
class Ran:
    """What a run came to. `memory` in bytes."""

    code: int
    verdicts: dict[str, list[str]]
    memory: int
    journal: int
    said: str


@pytest.fixture
def place() -> Iterator[Path]:
    """Short, since sockets lie in it."""
    with TemporaryDirectory(prefix="g-") as name:
        place = Path(name)
        (place / "notes").mkdir()
        (place / "t").mkdir()
        (place / "server.py").write_text(SERVER.read_text())
        yield place


def check(place: Path, attacks: Sequence[str], cases: Sequence[str]) -> Ran:
    """Check servers with these attacks at once; see that nothing of them is left."""
    command = f"{{python}} {place}/server.py {{}} {{host}} {{port}} {{app}}"
    lines = [f'{name} = "{command.replace("{}", name, 1)}"\n' for name in attacks]
    (place / "pyproject.toml").write_text("[tool.wsgi-gauntlet.servers]\n" + "".join(lines))
    words = [word for case in cases for word in ("--select", case)]
    with (place / "said").open("wb") as said, (place / "results").open("wb") as results:
        process = subprocess.Popen(
            [sys.executable, "-c", PROGRAM, "check", *attacks, *words, "--json"],
            cwd=place,
            env={**os.environ, "TMPDIR": str(place / "t")},
            stdout=results,
            stderr=said,
        )
        try:
            process.wait()
        except BaseException:  # the test's own time is up
            process.kill()
            process.wait()
            raise
    complaints = (place / "said").read_text()
    assert process.returncode >= 0, complaints
    assert "Traceback" not in complaints
    assert list((place / "t").iterdir()) == []
    assert left(str(place / "server.py")) == []
    for note in (place / "notes").glob("semaphore-*"):
        assert not Path("/dev/shm", f"sem.{note.name.removeprefix('semaphore-')}").exists()
    verdicts: dict[str, list[str]] = {name: [] for name in attacks}
    for cell in json.loads((place / "results").read_text())["conformance"]:
        verdicts[cell["server"]].append(cell["verdict"])
    size = (place / "gauntlet-out" / journal.JOURNAL_FILENAME).stat().st_size
    return Ran(process.returncode, verdicts, int((place / "memory").read_text()) * 1024, size, complaints)


def left(script: str) -> list[int]:
    """Return the processes that run `script`."""
    found = []
    for process in Path("/proc").glob("[0-9]*"):
        try:
            if script.encode() in (process / "cmdline").read_bytes():
                found.append(int(process.name))
        except OSError:
            continue
    return found


@pytest.mark.timeout(300)
def test_who_attacks_the_run_spoils_cells_of_its_own_alone(place: Path) -> None:
    ran = check(place, ["good", *sorted(SPOILING | HARMLESS)], SENT_WHOLE)
    counts = {name: len(verdicts) for name, verdicts in ran.verdicts.items()}
    assert counts == dict.fromkeys(ran.verdicts, len(SENT_WHOLE)), ran.said
    assert ran.verdicts["good"] == ["pass"] * len(SENT_WHOLE)
    for name in HARMLESS:
        assert ran.verdicts[name] == ["pass"] * len(SENT_WHOLE), name
    for name in SPOILING:
        assert {*ran.verdicts[name]} <= {"pass", "error"}, name
    for name in ("flood", "delete_own", "replace", "kill_parent"):
        assert "error" in ran.verdicts[name], name
    assert ran.code == 4
    assert ran.memory < MEMORY
    assert ran.journal < JOURNAL
    assert (place / "notes" / "deleted").exists()
    assert list((place / "notes").glob("abandoned-*"))
    assert list((place / "notes").glob("semaphore-*"))


@pytest.mark.timeout(300)
def test_who_crashes_or_never_ends_takes_no_memory_and_little_time(place: Path) -> None:
    ran = check(place, ["good", *sorted(BROKEN)], CASES)
    assert ran.verdicts["good"] == ["pass"] * len(CASES)
    for name in BROKEN:
        assert len(ran.verdicts[name]) == len(CASES)
        assert "pass" not in ran.verdicts[name] or name == "log", name
    assert ran.code in (1, 4)
    assert ran.memory < MEMORY
    assert ran.journal < JOURNAL
