"""Make the folders and files of servers: the scratch folder of a run, a private folder for each instance, and logs."""

from __future__ import annotations

import hashlib
import os
import shutil
import tempfile
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path

import psutil

from wsgi_gauntlet.harness.errors import OutOfResources, StorageFull
from wsgi_gauntlet.harness.server.app_events import MAX_SOCKET_PATH_BYTES
from wsgi_gauntlet.harness.server.folder_guard import FolderGuard
from wsgi_gauntlet.harness.server.plan import SOCKET_NAME
from wsgi_gauntlet.harness.server.process.supervisor import clear
from wsgi_gauntlet.harness.server.process.unprivileged_user import others_can_traverse

SCRATCH_PREFIX = "wsgi-gauntlet-"
"""Prefix of the names of scratch folders, in the folder for temporary files."""

REQUIRED_DESCRIPTORS = 24
"""Descriptors of the harness for the start of one observed instance and for its first clients."""


_guards: list[FolderGuard] = []
"""The guards of the scratch folders that are open, the last one last."""


@dataclass(frozen=True)
class RunFolders:
    """The folders of a run: `scratch` for sockets and configuration, `logs` for the logs of the servers."""

    scratch: Path
    logs: Path


@contextmanager
def scratch_folder() -> Iterator[Path]:
    """Make a private folder (0700) for sockets and configuration, and delete it at the end of the block.

    If this process is killed, a guard deletes it. A guard can be killed as well, so folders of killed runs are deleted
    first: the name of a folder contains the process id of its run.
    """
    base = Path(tempfile.gettempdir())
    for left in base.glob(f"{SCRATCH_PREFIX}*-*"):
        pid = left.name.removeprefix(SCRATCH_PREFIX).partition("-")[0]
        with suppress(FileNotFoundError):  # another run deletes them as well
            if pid.isdigit() and not psutil.pid_exists(int(pid)) and left.lstat().st_uid == os.getuid():
                clear(left)
    with FolderGuard.open() as guard:
        folder = Path(tempfile.mkdtemp(prefix=f"{SCRATCH_PREFIX}{os.getpid()}-"))
        guard.add(folder)
        _guards.append(guard)
        try:
            yield folder
        finally:
            _guards.remove(guard)
            clear(folder)


def require_descriptors() -> None:
    """Raise OutOfResources if too few descriptors are left to start a server and connect to it."""
    opened: list[int] = []
    try:
        opened.extend(os.open(os.devnull, os.O_RDONLY) for _ in range(REQUIRED_DESCRIPTORS))
    except OSError as error:
        raise OutOfResources(
            f"fewer than {REQUIRED_DESCRIPTORS} descriptors are left ({error.strerror}); raise `ulimit -n` or run "
            "less at a time"
        ) from error
    finally:
        for each in opened:
            os.close(each)


def create_private_folder(scratch: Path, *, traversable_by_others: bool = False) -> Path:
    """Make a folder for one instance whose path is short enough for a Unix socket.

    With `traversable_by_others` another user can reach it, if it is given to that user later.
    """
    longest = MAX_SOCKET_PATH_BYTES - len("/g-12345678/99s99/") - len(SOCKET_NAME)

    def fits(place: Path, within: Path) -> bool:
        # Settings and command lines of servers are UTF-8, so paths must be too.
        return (
            _is_utf8(place)
            and len(os.fsencode(place)) <= longest
            and (not traversable_by_others or others_can_traverse(within))
        )

    own, given = scratch.resolve(), Path(tempfile.gettempdir())
    if fits(own, own):
        place = own
    elif fits(given, given / "g"):  # the harness may open `scratch` for others, but not the user's TMPDIR
        place = given
    else:
        place = Path("/tmp")  # noqa: S108 - mkdtemp makes a private folder in it
    with as_storage_errors(place):
        if place == own:
            place.mkdir(mode=0o700, exist_ok=True)  # a server can have deleted it
        folder = Path(tempfile.mkdtemp(prefix="g-", dir=place))
    if place != own and _guards:
        _guards[-1].add(folder)
    return folder


def _is_utf8(place: Path) -> bool:
    try:
        os.fsencode(place).decode()
    except UnicodeDecodeError:
        return False
    return True


def create_app_path(folder: Path, *, copy: bool = False) -> None:
    """Make the folder of PYTHONPATH that contains the test app and nothing else of wsgi-gauntlet.

    With `copy` it contains a copy, for another user who may not be able to read the installation of wsgi-gauntlet.
    """
    apps = Path(__file__).resolve().parents[2] / "suites" / "testapp"
    with as_storage_errors(folder):
        folder.mkdir(mode=0o700)
        if copy:
            shutil.copytree(apps, folder / "gauntlet_apps", ignore=shutil.ignore_patterns("__pycache__"))
        else:
            (folder / "gauntlet_apps").symlink_to(apps)


def reference_app_sources() -> dict[str, str]:
    """Return the modules of the test app by name, as text; the harness does not import them."""
    folder = Path(__file__).resolve().parents[2] / "suites" / "testapp"
    found = sorted(path for path in folder.rglob("*.py") if path.name != "__init__.py")
    return {path.stem: path.read_text(encoding="utf-8") for path in found}


def app_version(sources: Mapping[str, str]) -> str:
    """Return the version of the test app with those modules (suites/testapp/core/app_version.py computes it too)."""
    text = "".join(f"{name}\n{sources[name]}\n" for name in sorted(sources))
    return hashlib.sha256(text.encode("utf-8")).hexdigest()[:12]


def create_log_file(logs: Path, name: str) -> Path:
    """Make a new log file for the server `name`."""
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
    """Raise an OSError of the block as StorageFull, which says what to do."""
    try:
        yield
    except OSError as error:
        raise StorageFull(
            f"cannot write {path}: {error.strerror}; choose another place with --out and TMPDIR"
        ) from error
