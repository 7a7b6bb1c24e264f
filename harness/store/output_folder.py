"""Check the folders and files that the harness writes. It never overwrites files of others."""

from __future__ import annotations

import errno
import itertools
import os
from collections.abc import Mapping
from pathlib import Path

from wsgi_gauntlet.harness.errors import ConfigurationError
from wsgi_gauntlet.harness.store.compressed_lines import DamagedFile, read_lines

MARKER_FILE = ".wsgi-gauntlet"
"""The file that marks a folder of the harness. Its first line is the purpose of the folder."""
RUN_FOLDER = "run"
_IGNORED_FILES = frozenset({".lock", ".gitignore", ".gitkeep"})
"""Files that an empty folder may have."""
_JOURNAL_FILES = ("run.jsonl.zst", "run.jsonl")
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
    # Older versions did not mark their folders, and an artifact of CI has no hidden files.
    return any(_is_journal(folder / each) for each in _JOURNAL_FILES)


def _is_journal(path: Path) -> bool:
    try:
        with path.open("rb") as stream:
            return any(line.startswith(_JOURNAL_START) for _, line in itertools.islice(read_lines(stream.fileno()), 1))
    except (OSError, DamagedFile):
        return False
