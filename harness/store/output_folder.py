"""Check the folders and files that the harness writes. It never overwrites files of others."""

from __future__ import annotations

import errno
import os
from collections.abc import Mapping
from pathlib import Path

from wsgi_gauntlet.harness.errors import ConfigurationError

MARKER_FILE = ".wsgi-gauntlet"
"""The file that marks a folder of the harness. Its first line is the purpose of the folder."""
RUN_FOLDER = "run"
_IGNORED_FILES = frozenset({".lock", ".gitignore", ".gitkeep"})
"""Files that an empty folder may have."""
_OLD_JOURNAL_FILE = "run.jsonl"
_JOURNAL_START = b'{"line":"run"'


def require_output_folder(folder: Path, what: str = RUN_FOLDER, option: str = "--out") -> None:
    """Raise ConfigurationError unless the harness made `folder` for `what`, or it is empty, or it can be created.

    Nothing is changed. `option` is the option that names the folder.
    """
    try:
        if folder.is_symlink():
            raise ConfigurationError(f"{folder} is a link to {folder.readlink()}; name the folder itself with {option}")
        if folder.exists():
            if not folder.is_dir():
                raise ConfigurationError(f"{folder} is a file; name a folder with {option}")
            if not _is_marked_for(folder, what) and any(each.name not in _IGNORED_FILES for each in folder.iterdir()):
                raise ConfigurationError(
                    f"{folder} has files that are not of an earlier run; name a new or empty folder with {option}"
                )
        nearest = next(each for each in (folder.absolute(), *folder.absolute().parents) if each.exists())
    except OSError as problem:
        raise ConfigurationError(
            f"cannot write to {folder}: {problem.strerror}; name another folder with {option}"
        ) from None
    if not nearest.is_dir() or not os.access(nearest, os.W_OK | os.X_OK):
        why = os.strerror(errno.EACCES if nearest.is_dir() else errno.ENOTDIR)
        raise ConfigurationError(f"cannot write to {folder}: {nearest}: {why}; name another folder with {option}")


def mark_folder(folder: Path, what: str = RUN_FOLDER) -> None:
    """Mark `folder` as made by the harness for `what`. Raises OSError."""
    if not (folder / MARKER_FILE).exists():
        (folder / MARKER_FILE).write_text(f"{what}\nwsgi-gauntlet made this folder and writes into it.\n")


def check_output_files(files: Mapping[str, Path], folder: Path) -> None:
    """Raise ConfigurationError if one of `files` (by output) cannot be written. The run itself creates `folder`."""
    option_by_path: dict[Path, str] = {}
    for name, path in files.items():
        option = f"--{name} {path}"
        parent = path.absolute().parent
        if path.is_dir():
            raise ConfigurationError(f"{option}: this is a folder; name a file")
        if not parent.is_dir() and parent != folder.absolute():
            raise ConfigurationError(f"{option}: there is no folder {path.parent}; create it first")
        for each in (path, parent):
            if each.exists() and not os.access(each, os.W_OK):
                raise ConfigurationError(f"{option}: {each}: {os.strerror(errno.EACCES)}; name another file")
        resolved = path.resolve()
        if resolved in option_by_path:
            raise ConfigurationError(f"{option}: {option_by_path[resolved]} names the same file; name another file")
        option_by_path[resolved] = f"--{name}"


def _is_marked_for(folder: Path, what: str) -> bool:
    try:
        return (folder / MARKER_FILE).read_text(errors="replace").partition("\n")[0] == what
    except FileNotFoundError:
        if what != RUN_FOLDER:
            return False
    try:
        with (folder / _OLD_JOURNAL_FILE).open("rb") as journal:  # older versions did not mark their folders
            return journal.read(len(_JOURNAL_START)) == _JOURNAL_START
    except OSError:
        return False
