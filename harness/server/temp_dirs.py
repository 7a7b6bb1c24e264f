"""Make the folders and files of servers: the scratch folder of a run, a private folder for each instance, and logs."""

from __future__ import annotations

import os
import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path

import psutil

from wsgi_gauntlet.harness.errors import OutOfResources, StorageFull
from wsgi_gauntlet.harness.server.app_event_files import MAX_SOCKET_PATH_BYTES
from wsgi_gauntlet.harness.server.process.supervisor import clear
from wsgi_gauntlet.harness.server.process.unprivileged_user import others_can_traverse

SOCKET_NAME = "http.sock"
"""The Unix socket that a server listens on, in its folder."""

SCRATCH_PREFIX = "wsgi-gauntlet-"
"""Prefix of the names of scratch folders, in the folder for temporary files."""

REQUIRED_DESCRIPTORS = 24
"""What one observed instance takes of the harness's descriptors while it starts, with room for its first clients."""


@dataclass(frozen=True)
class RunFolders:
    """The folders of a run: `scratch` for sockets and configuration, `logs` for the logs of the servers."""

    scratch: Path
    logs: Path


@contextmanager
def scratch_folder() -> Iterator[Path]:
    """Make a private folder (0700) for sockets and configuration, and delete it at the end of the block.

    Folders of killed runs are deleted first: the name of a folder contains the process id of its run.
    """
    base = Path(tempfile.gettempdir())
    for left in base.glob(f"{SCRATCH_PREFIX}*-*"):
        pid = left.name.removeprefix(SCRATCH_PREFIX).partition("-")[0]
        with suppress(FileNotFoundError):  # another run deletes them as well
            if pid.isdigit() and not psutil.pid_exists(int(pid)) and left.lstat().st_uid == os.getuid():
                clear(left)
    folder = Path(tempfile.mkdtemp(prefix=f"{SCRATCH_PREFIX}{os.getpid()}-"))
    try:
        yield folder
    finally:
        clear(folder)


def require_descriptors() -> None:
    """Raise OutOfResources where there are too few descriptors left to start a server and talk to it."""
    opened: list[int] = []
    try:
        opened.extend(os.open(os.devnull, os.O_RDONLY) for _ in range(REQUIRED_DESCRIPTORS))
    except OSError as error:
        raise OutOfResources(
            f"fewer than {REQUIRED_DESCRIPTORS} descriptors are left ({error.strerror}); raise `ulimit -n` or run "
            f"less at a time"
        ) from error
    finally:
        for each in opened:
            os.close(each)


def create_private_folder(scratch: Path, *, traversable_by_others: bool = False) -> Path:
    """Make a folder for one instance, where a Unix socket's path still fits.

    With `traversable_by_others` it lies where another user can get at it, should it be given to them.
    """
    room = MAX_SOCKET_PATH_BYTES - len("/g-12345678/99s99/") - len(SOCKET_NAME)

    def fits(place: Path, within: Path) -> bool:
        # Servers' settings and command lines are text in UTF-8, and so must be the names of what lies here.
        return (
            _is_utf8(place)
            and len(os.fsencode(place)) <= room
            and (not traversable_by_others or others_can_traverse(within))
        )

    own, given = scratch.resolve(), Path(tempfile.gettempdir())
    if fits(own, own):
        place = own
    elif fits(given, given / "g"):  # the way through `scratch` is ours to open, that through the user's TMPDIR is not
        place = given
    else:
        place = Path("/tmp")  # noqa: S108 - mkdtemp makes a private folder in it
    with as_storage_errors(place):
        if place == own:
            place.mkdir(mode=0o700, exist_ok=True)  # a server can have deleted it
        return Path(tempfile.mkdtemp(prefix="g-", dir=place))


def _is_utf8(place: Path) -> bool:
    try:
        os.fsencode(place).decode()
    except UnicodeDecodeError:
        return False
    return True


def create_app_path(folder: Path, *, copy: bool = False) -> None:
    """Make the folder of PYTHONPATH in which the server's process finds the reference app, and nothing else of ours.

    With `theirs` it is a copy, for another user: they may not be able to read where we are installed.
    """
    apps = Path(__file__).resolve().parents[2] / "suites" / "testapp"
    with as_storage_errors(folder):
        folder.mkdir(mode=0o700)
        if copy:
            shutil.copytree(apps, folder / "gauntlet_apps", ignore=shutil.ignore_patterns("__pycache__"))
        else:
            (folder / "gauntlet_apps").symlink_to(apps)


def reference_app_sources() -> dict[str, str]:
    """Return the modules of the reference app by name, as text: they are never imported here."""
    folder = Path(__file__).resolve().parents[2] / "suites" / "testapp"
    found = sorted(path for path in folder.rglob("*.py") if path.name != "__init__.py")
    return {path.stem: path.read_text(encoding="utf-8") for path in found}


def create_log_file(logs: Path, name: str) -> Path:
    """Create a new log file for a server of that name."""
    plain = "".join(letter if letter.isalnum() or letter in "-_.=,@" else "-" for letter in name).strip("-.")[:80]
    for number in range(1, 10_000):
        path = logs / (f"{plain or 'server'}.log" if number == 1 else f"{plain or 'server'}.{number}.log")
        if not path.exists():
            with as_storage_errors(path):
                path.open("xb").close()
            return path
    raise StorageFull(f"there are too many logs of {name} in {logs}; delete old ones")


@contextmanager
def as_storage_errors(path: Path) -> Iterator[None]:
    """Turn what goes wrong with files into StorageFull, which says what to do."""
    try:
        yield
    except OSError as error:
        where = "--out and TMPDIR choose other places"
        raise StorageFull(f"cannot write {path}: {error.strerror}; {where}") from error
