"""Folders of a run that is killed before anybody else can delete them."""

import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from wsgi_gauntlet.harness.server import temp_dirs
from wsgi_gauntlet.harness.server.folder_guard import FolderGuard

from ....helpers.script_server import until

KILLED = """
import os, signal
from wsgi_gauntlet.harness.server.temp_dirs import create_private_folder, scratch_folder
with scratch_folder() as scratch:
    folder = create_private_folder(scratch)
    (folder / "file").write_text("x")
    os.kill(os.getpid(), signal.SIGKILL)
"""


@pytest.mark.parametrize("name", ["g", "g" * 60, "a b'\"$(x)\\"], ids=["short", "long", "odd"])
async def test_a_killed_run_leaves_no_folder(tmp_path: Path, name: str) -> None:
    """With a long name, the folders of instances are not in the scratch folder: a socket's path would be too long."""
    place = tmp_path / name
    place.mkdir()
    done = subprocess.run(  # noqa: ASYNC221 - quick
        [sys.executable, "-c", KILLED], env={**os.environ, "TMPDIR": str(place)}, check=False
    )
    assert done.returncode == -signal.SIGKILL
    await until(lambda: not list(place.iterdir()))


def test_nothing_is_deleted_while_the_run_lives(tmp_path: Path) -> None:
    folder = tmp_path / "folder"
    folder.mkdir()
    with FolderGuard.open() as guard:
        guard.add(folder)
        guard.add(tmp_path / "a\nb")
    assert folder.is_dir()


def test_the_guard_ends_with_the_run() -> None:
    with temp_dirs.scratch_folder():
        (guard,) = temp_dirs._guards
        process = guard._process
        assert process is not None
        assert process.poll() is None
    assert process.returncode == -signal.SIGKILL
    assert temp_dirs._guards == []


def test_a_run_goes_on_without_a_shell(monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(*_: object, **__: object) -> None:
        raise FileNotFoundError("/bin/sh")

    monkeypatch.setattr(subprocess, "Popen", refuse)
    with temp_dirs.scratch_folder() as scratch:
        assert scratch.is_dir()
        temp_dirs.create_private_folder(scratch)
    assert not scratch.exists()
