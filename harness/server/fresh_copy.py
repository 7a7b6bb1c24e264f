"""The copy of the folder of `--fresh-copy`, which a server instance gets as its own: with its database and uploads.

A link that leads out of the folder stays a link. Sockets, pipes and devices are left out.
"""

from __future__ import annotations

import os
import shutil
import stat
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from wsgi_gauntlet.harness.errors import ConfigurationError
from wsgi_gauntlet.harness.store.journal import JOURNAL_FILENAME, PLAIN_JOURNAL_FILENAME

MAX_COPY_BYTES = 500 << 20
"""Bytes of a folder that is copied for every server instance; a project with its test data has less."""

MAX_COPY_ENTRIES = 50_000
"""Files and folders of such a folder."""

IGNORED_NAMES = frozenset(
    {
        ".git",
        ".hg",
        ".svn",
        ".mypy_cache",
        ".nox",
        ".pytest_cache",
        ".ruff_cache",
        ".tox",
        "__pycache__",
        "node_modules",
    }
)
"""Folders that an app does not need to run."""

IGNORED_MARKERS = ("pyvenv.cfg", JOURNAL_FILENAME, PLAIN_JOURNAL_FILENAME)
"""Files that show that a folder is a virtual environment, or a run folder of this program."""


@dataclass(frozen=True)
class _Entry:
    """One entry of the folder: its place relative to the folder, and what the file system says of it."""

    place: Path
    status: os.stat_result


def is_folder(path: Path) -> bool:
    """Return whether `path` is a folder; False for a text that is too long for a path, or cannot be looked at."""
    try:
        return path.is_dir()
    except (OSError, ValueError):
        return False


def is_file(path: Path) -> bool:
    """Return whether `path` is a file; False as for `is_folder`."""
    try:
        return path.is_file()
    except (OSError, ValueError):
        return False


def is_left_out(folder: Path, place: Path) -> bool:
    """Return whether `place`, a path relative to `folder`, exists and a copy of `folder` lacks it."""
    if not (is_file(folder / place) or is_folder(folder / place)):
        return False
    *above, _ = (place, *place.parents)
    return any(each.name in IGNORED_NAMES or _is_marked(folder / each) for each in above)


def require_copyable(folder: Path) -> None:
    """Raise ConfigurationError, in one line, if `folder` cannot be copied for every server instance."""
    if not is_folder(folder):
        raise ConfigurationError(f"--fresh-copy {folder} is no folder; name the folder that the app writes to")
    for _ in _entries(folder, None):
        pass


def copy_fresh(folder: Path, target: Path) -> None:
    """Copy `folder` to the new folder `target`. Raises ConfigurationError as `require_copyable` does, and OSError."""
    source = folder.resolve()
    target.mkdir(mode=0o700)
    folders: list[_Entry] = []
    for each in _entries(folder, target.resolve()):
        made = target / each.place
        if stat.S_ISDIR(each.status.st_mode):
            made.mkdir()
            folders.append(each)
        elif stat.S_ISLNK(each.status.st_mode):
            made.symlink_to(_link(source, target, each.place))
        else:
            try:
                shutil.copy2(source / each.place, made, follow_symlinks=False)
            except FileNotFoundError:
                continue  # another program deleted it
            except PermissionError:
                raise ConfigurationError(
                    f"--fresh-copy {folder}: {each.place} cannot be read; let your user read it, or move it away"
                ) from None
    for each in reversed(folders):  # a folder without the right to write gets its mode when it is full
        (target / each.place).chmod(stat.S_IMODE(each.status.st_mode) | stat.S_IRWXU)


def _entries(folder: Path, target: Path | None) -> Iterator[_Entry]:
    """Yield what is copied, folders before their contents. Raises ConfigurationError beyond the limits."""
    source = folder.resolve()
    count = size = 0
    waiting = [Path()]
    while waiting:
        above = waiting.pop()
        try:
            found = sorted(os.scandir(source / above), key=lambda each: each.name)
        except FileNotFoundError:
            continue  # another program deleted it
        except OSError as problem:
            raise ConfigurationError(
                f"--fresh-copy {folder}: the folder {above} cannot be read ({problem.strerror}); let your user read it"
            ) from None
        for each in found:
            try:
                status = each.stat(follow_symlinks=False)
            except FileNotFoundError:
                continue
            is_folder = stat.S_ISDIR(status.st_mode)
            if each.name in IGNORED_NAMES or not (
                is_folder or stat.S_ISREG(status.st_mode) or stat.S_ISLNK(status.st_mode)
            ):
                continue
            if is_folder and (_is_marked(Path(each.path)) or (target and target.is_relative_to(each.path))):
                continue
            count += 1
            size += status.st_size if stat.S_ISREG(status.st_mode) else 0
            if count > MAX_COPY_ENTRIES or size > MAX_COPY_BYTES:
                limit = f"{MAX_COPY_ENTRIES} files" if count > MAX_COPY_ENTRIES else f"{MAX_COPY_BYTES >> 20} MB"
                raise ConfigurationError(
                    f"--fresh-copy {folder} has more than {limit}, and every server gets a copy; name the folder that "
                    "the app writes to, or move large files out of it"
                )
            yield _Entry(above / each.name, status)
            if is_folder:
                waiting.append(above / each.name)


def _is_marked(folder: Path) -> bool:
    return any(is_file(folder / each) for each in IGNORED_MARKERS)


def _link(source: Path, target: Path, place: Path) -> str:
    """Return where the copied link leads: within the copy if the original leads to a place that is copied."""
    to = (source / place).readlink()
    found = source / place.parent / to
    # The folder may have another name too, as /home in place of /var/home.
    leads_to = Path(os.path.normpath(Path(os.path.realpath(found.parent)) / found.name))
    if not leads_to.is_relative_to(source):
        return str(to if to.is_absolute() else leads_to)
    inside = leads_to.relative_to(source)
    if is_left_out(source, inside):
        return str(leads_to)
    through_outside = os.path.normpath(place.parent / to).startswith(os.pardir + os.sep)
    return str(target / inside if to.is_absolute() or through_outside else to)
