"""Folders that this program writes into: those it made itself, and empty ones. Files of others are never in its way."""

from __future__ import annotations

import errno
import os
from pathlib import Path

from .errors import BadConfiguration

MARK = ".wsgi-gauntlet"
"""The file by which a folder is known as one that we made; in it stands what for."""
RUN = "run"
_HARMLESS = frozenset({".lock", ".gitignore", ".gitkeep"})
"""What may lie in an empty folder."""
_JOURNAL = "run.jsonl"
_FIRST = b'{"line":"run"'


def fit(folder: Path, what: str = RUN, option: str = "--out") -> None:
    """Raise BadConfiguration unless `folder` is one that we made for `what`, an empty one, or can be made.

    Nothing is changed. `option` is where the user named it.
    """
    try:
        if folder.is_symlink():
            raise BadConfiguration(f"{folder} is a link to {folder.readlink()}; name the folder itself with {option}")
        if folder.exists():
            if not folder.is_dir():
                raise BadConfiguration(f"{folder} is a file; name a folder with {option}")
            if not _made_for(folder, what) and any(each.name not in _HARMLESS for each in folder.iterdir()):
                raise BadConfiguration(
                    f"{folder} has files that are not of an earlier run; name a new or empty folder with {option}"
                )
        nearest = next(each for each in (folder.absolute(), *folder.absolute().parents) if each.exists())
    except OSError as problem:
        raise BadConfiguration(f"cannot write to {folder}: {problem.strerror}; name another with {option}") from None
    if not nearest.is_dir() or not os.access(nearest, os.W_OK | os.X_OK):
        why = errno.EACCES if nearest.is_dir() else errno.ENOTDIR
        raise BadConfiguration(f"cannot write to {folder}: {nearest}: {os.strerror(why)}; name another with {option}")


def mark(folder: Path, what: str = RUN) -> None:
    """Write into `folder` that it is ours, made for `what`. Raises OSError."""
    if not (folder / MARK).exists():
        (folder / MARK).write_text(f"{what}\nwsgi-gauntlet made this folder and writes into it.\n")


def _made_for(folder: Path, what: str) -> bool:
    try:
        return (folder / MARK).read_text(errors="replace").partition("\n")[0] == what
    except FileNotFoundError:
        if what != RUN:
            return False
    try:
        with (folder / _JOURNAL).open("rb") as journal:  # of a run before there were marks
            return journal.read(len(_FIRST)) == _FIRST
    except OSError:
        return False
