"""Where one server's files are: a private folder, the path of modules in it, and a log that outlives it."""

from __future__ import annotations

import os
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from .errors import OutOfResources, StorageFull
from .events import LONGEST_PATH

SOCKET = "http.sock"
"""The Unix socket that a server listens on, in its folder."""


DESCRIPTORS = 24
"""What one observed instance takes of the harness's descriptors while it starts, with room for its first clients."""


def require_descriptors() -> None:
    """Raise OutOfResources where there are too few descriptors left to start a server and talk to it."""
    opened: list[int] = []
    try:
        opened.extend(os.open(os.devnull, os.O_RDONLY) for _ in range(DESCRIPTORS))
    except OSError as error:
        raise OutOfResources(
            f"fewer than {DESCRIPTORS} descriptors are left ({error.strerror}); raise `ulimit -n` or run less at a time"
        ) from error
    finally:
        for each in opened:
            os.close(each)


def private_folder(scratch: Path) -> Path:
    """Make a folder for one instance, where a Unix socket's path still fits."""
    room = LONGEST_PATH - len("/g-12345678/99s/") - len(SOCKET)
    place = scratch.resolve()
    if len(os.fsencode(place)) > room:
        place = Path(tempfile.gettempdir())
    if len(os.fsencode(place)) > room:
        place = Path("/tmp")  # noqa: S108 - mkdtemp makes a private folder in it
    with writing(place):
        return Path(tempfile.mkdtemp(prefix="g-", dir=place))


def lay_path(folder: Path) -> None:
    """Make the folder of PYTHONPATH in which the server's process finds the reference app, and nothing else of ours."""
    with writing(folder):
        folder.mkdir(mode=0o700)
        (folder / "gauntlet_apps").symlink_to(Path(__file__).resolve().parents[1] / "suites" / "apps")


def app_sources() -> dict[str, str]:
    """Return the modules of the reference app by name, as text: they are never imported here."""
    folder = Path(__file__).resolve().parents[1] / "suites" / "apps"
    return {path.stem: path.read_text(encoding="utf-8") for path in sorted(folder.glob("*.py"))}


def log_file(logs: Path, name: str) -> Path:
    """Create a new log file for a server of that name."""
    plain = "".join(letter if letter.isalnum() or letter in "-_.=,@" else "-" for letter in name).strip("-.")[:80]
    for number in range(1, 10_000):
        path = logs / (f"{plain or 'server'}.log" if number == 1 else f"{plain or 'server'}.{number}.log")
        if not path.exists():
            with writing(path):
                path.open("xb").close()
            return path
    raise StorageFull(f"there are too many logs of {name} in {logs}; delete old ones")


@contextmanager
def writing(path: Path) -> Iterator[None]:
    """Turn what goes wrong with files into StorageFull, which says what to do."""
    try:
        yield
    except OSError as error:
        where = "--out and TMPDIR choose other places"
        raise StorageFull(f"cannot write {path}: {error.strerror}; {where}") from error
