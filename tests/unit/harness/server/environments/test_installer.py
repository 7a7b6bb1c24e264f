"""What pip and uv say, in one line of the harness; and that nothing which is run here outlives its time."""

from __future__ import annotations

import contextlib
import os
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import pytest

from wsgi_gauntlet.harness.errors import EnvironmentUnavailable
from wsgi_gauntlet.harness.server.environments import installer
from wsgi_gauntlet.harness.server.environments.installer import (
    install,
    installation_error,
    last_error_line,
    nearest_versions,
)

PY = "/usr/bin/python3"
NO = "ERROR: Could not find a version that satisfies the requirement"
NONE = "ERROR: No matching distribution found for gunicorn==9"


@pytest.mark.parametrize(
    ("said", "expected"),
    [
        (
            (
                f"{NO} gunicorn==9 (from versions: 1.0, 8.1, 20.1.0)"
                f"\n{NONE}\n\n[notice] A new release of pip is available\n"
            ),
            "gunicorn has no version 9; the nearest are 8.1 and 20.1.0",
        ),
        (
            (
                "ERROR: Ignored the following versions that require a different python version: "
                f"9 Requires-Python >=3.99; 10 Requires-Python >=4\n{NO} gunicorn==9 (from "
                f"versions: 1.0)\n{NONE}"
            ),
            f"gunicorn 9 needs Python >=3.99, and {PY} is another version",
        ),
        (
            (
                "WARNING: Retrying (Retry(total=0)) after connection broken by 'NewConnectionError(\"x\")': /simple/\n"
                f"{NO} gunicorn==9 (from versions: none)\n{NONE}"
            ),
            "no package index could be reached for gunicorn==9; is there a network?",
        ),
        (
            f"{NO} gunicorn==9 (from versions: none)\n{NONE}",
            f"the package index has no gunicorn for {PY} (No matching distribution found for gunicorn==9)",
        ),
        (
            (
                f"{NO} greenlet>=2 (from gevent) (from versions: 1)"
                "\nERROR: No matching distribution found for greenlet>=2"
            ),
            f"gunicorn==9 cannot be installed for {PY}: No matching distribution found for greenlet>=2",
        ),
        (
            (
                "  error: subprocess-exited-with-error\n  × Building wheel for gunicorn did not run successfully.\n"
                "  ╰─> [12 lines of output]\nerror: failed-wheel-build\n\n"
                "× Failed to build installable wheels for some pyproject.toml based projects\n╰─> gunicorn\n"
            ),
            (
                f"gunicorn==9 cannot be installed for {PY}: Failed to build installable wheels for some pyproject.toml "
                "based projects: gunicorn"
            ),
        ),
        (
            (
                "  x.c:3:10: fatal error: ev.h: No such file or directory\n  error: command '/usr/bin/gcc' failed\n"
                "× Failed to build installable wheels for some pyproject.toml based projects\n╰─> gunicorn\n"
            ),
            (
                f"gunicorn==9 cannot be installed for {PY}: Failed to build installable wheels for some pyproject.toml "
                "based projects: gunicorn (x.c:3:10: fatal error: ev.h: No such file or directory)"
            ),
        ),
        (
            (
                "  ModuleNotFoundError: No module named 'x'\n  [end of output]\nerror: metadata-generation-failed\n"
                "\n× Encountered error while generating package metadata.\n╰─> gunicorn\n"
            ),
            (
                f"gunicorn==9 cannot be installed for {PY}: Encountered error while generating package metadata.: "
                "gunicorn (ModuleNotFoundError: No module named 'x')"
            ),
        ),
        (
            (
                f"  Could not fetch URL http://i/: connection error: refused - skipping\n{NO} gunicorn==9 "
                f"(from versions: none)\n{NONE}"
            ),
            "no package index could be reached for gunicorn==9; is there a network?",
        ),
        (
            (
                f"  Could not fetch URL http://i/: 403 Client Error: Forbidden for url: x - skipping\n{NO} gunicorn==9 "
                f"(from versions: none)\n{NONE}"
            ),
            "the package index responded with an error: http://i/: 403 Client Error: Forbidden for url: x",
        ),
        (
            "Temporary failure in name resolution",
            "no package index could be reached for gunicorn==9; is there a network?",
        ),
        ("", f"gunicorn==9 cannot be installed for {PY}: it printed nothing"),
    ],
)
def test_what_was_wrong(said: str, expected: str) -> None:
    assert installation_error(said, "gunicorn==9", PY) == expected


def test_what_is_nearest() -> None:
    assert nearest_versions("20.1.1", ["21.0", "20.1.0", "3"]) == "; the nearest are 20.1.0 and 21.0"
    assert nearest_versions("99", ["21.0", "20.1.0"]) == "; the nearest is 21.0"
    assert nearest_versions("1", []) == ""
    assert nearest_versions("x", ["1"]) == ""


def test_the_last_line_says_most() -> None:
    assert last_error_line("a\nERROR: b\nc") == "b"
    assert last_error_line("a\nc\n") == "c"


def test_what_takes_too_long_is_ended(tmp_path: Path) -> None:
    with pytest.raises(EnvironmentUnavailable, match="sleep 600 took too long"):
        installer._run_command(["sleep", "600"], tmp_path, lambda _: None, time.monotonic())


def test_an_interruption_ends_all_that_was_started(tmp_path: Path) -> None:
    parent, child = tmp_path / "parent", tmp_path / "child"
    parent.write_text("#!/bin/sh\nsleep 600 & echo $! >new; mv new child; sleep 600\n")
    parent.chmod(0o700)

    def interrupt(_: str) -> None:
        if child.exists():
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        installer._run_command([str(parent)], tmp_path, interrupt, time.monotonic() + 60)
    state = Path(f"/proc/{child.read_text().strip()}/stat")
    with contextlib.suppress(FileNotFoundError):
        for _ in range(500):  # SIGKILL is on its way to it
            if state.read_text().rpartition(")")[2].split()[0] in "ZX":
                break
            time.sleep(0.01)
        else:
            pytest.fail("the child goes on")


@pytest.mark.parametrize("name", ["TERM", "INT"])
def test_a_signal_ends_what_is_run(name: str, tmp_path: Path) -> None:
    teller = tmp_path / "teller"
    teller.write_text(f"#!/bin/sh\nkill -{name} $PPID; sleep 600\n")
    teller.chmod(0o700)
    with pytest.raises(KeyboardInterrupt):
        installer._run_command([str(teller)], tmp_path, lambda _: None, time.monotonic() + 60)


def test_a_signal_that_comes_while_a_process_is_being_started_ends_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    started: list[subprocess.Popen[bytes]] = []

    class Interrupted(subprocess.Popen[bytes]):
        def __init__(self, *args: Any, **kwargs: Any) -> None:
            super().__init__(*args, **kwargs)
            started.append(self)
            os.kill(os.getpid(), signal.SIGTERM)

    monkeypatch.setattr(subprocess, "Popen", Interrupted)
    with pytest.raises(KeyboardInterrupt):
        installer._run_command(["sleep", "600"], tmp_path, lambda _: None, time.monotonic() + 60)
    assert [each.returncode for each in started] == [-signal.SIGKILL]


def test_an_interpreter_without_a_venv_module(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    poor = tmp_path / "python"
    poor.write_text("#!/bin/sh\necho No module named venv >&2; exit 1\n")
    poor.chmod(0o700)
    monkeypatch.setenv("PATH", "/nowhere")
    with pytest.raises(
        EnvironmentUnavailable, match=r"cannot make an environment \(No module named venv\).*python3-venv"
    ):
        install(str(poor), tmp_path / "e", tmp_path, ["x==1"], lambda _: None, time.monotonic() + 60)


def test_settings_of_pip_that_change_the_target_are_left_out(tmp_path: Path) -> None:
    given = {"PIP_TARGET": "/x", "PIP_INDEX_URL": "i", "USER": "me", "PYTHONPATH": "/y", "VIRTUAL_ENV": "/z"}
    kept = installer._subprocess_environment(given, tmp_path)
    assert kept == {
        "PIP_INDEX_URL": "i",
        "USER": "me",
        "TMPDIR": str(tmp_path),
        "LC_ALL": "C.UTF-8",
        "PIP_USER": "0",
    }


@pytest.mark.parametrize(("version", "fails"), [("22.2.2", True), ("22.3", False), ("25.0.1", False), ("9.0.3", True)])
def test_a_pip_for_another_interpreter_is_new_enough(
    version: str, fails: bool, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Else that of this interpreter is asked."""
    (tmp_path / "pip.py").write_text(f"__version__ = {version!r}\n")
    without, has_pip = tmp_path / "without", tmp_path / "has_pip"
    without.write_text("#!/bin/sh\nexit 1\n")
    has_pip.write_text(f'#!/bin/sh\ncd "{tmp_path}" && exec "{sys.executable}" -S -c "$3"\n')
    for each in (without, has_pip):
        each.chmod(0o700)
    monkeypatch.setattr(sys, "executable", str(without))
    found = installer.find_pip(str(without), tmp_path, lambda _: None, time.monotonic() + 60, str(has_pip))
    assert found == (None if fails else [str(has_pip), "-I", "-m", "pip", "--python", str(without)])
