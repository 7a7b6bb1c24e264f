"""The cache folder, which outlives runs: its place, its owner, and locks on its contents.

It is $WSGI_GAUNTLET_CACHE, else $XDG_CACHE_HOME/wsgi-gauntlet, else ~/.cache/wsgi-gauntlet
(https://specifications.freedesktop.org/basedir-spec/). For root, /var/cache/wsgi-gauntlet precedes the home
(https://refspecs.linuxfoundation.org/FHS_3.0/fhs/ch05s05.html): some servers run as an unprivileged user if root starts
them, and that user may not pass through root's home. If none of these can be written, it is a private folder in the
folder for temporary files.
"""

from __future__ import annotations

import contextlib
import fcntl
import os
import stat
import tempfile
import time
from collections.abc import Callable, Mapping
from pathlib import Path

from wsgi_gauntlet.harness.errors import ConfigurationError

FOLDER_NAME = "wsgi-gauntlet"
CACHE_VARIABLE = "WSGI_GAUNTLET_CACHE"
SYSTEM_CACHE = Path("/var/cache")

LOCK_POLL_INTERVAL = 0.1
"""Seconds between two attempts to get a lock that another process holds."""


def cache_folder(variables: Mapping[str, str]) -> Path:
    """Return the cache folder; make it if it does not exist.

    Raises ConfigurationError if the folder that the user names cannot be written, or if another user owns the one
    in the folder for temporary files.
    """
    if named := variables.get(CACHE_VARIABLE):
        folder = Path(named).absolute()
        if not _is_writable(folder):
            raise ConfigurationError(f"{CACHE_VARIABLE}={named} cannot be written; name another folder or unset it")
        return folder
    for folder in _candidate_folders(variables):
        if _is_writable(folder):
            return folder
    return _temporary_cache()


def mode() -> int:
    """Return the permissions of folders in the cache: an unprivileged user may run servers that root installed."""
    return 0o755 if os.geteuid() == 0 else 0o700


def _candidate_folders(variables: Mapping[str, str]) -> list[Path]:
    candidates = []
    if (given := variables.get("XDG_CACHE_HOME", "")).startswith("/"):  # the specification says to ignore others
        candidates.append(Path(given) / FOLDER_NAME)
    if os.geteuid() == 0:
        candidates.append(SYSTEM_CACHE / FOLDER_NAME)
    if (home := variables.get("HOME", "")).startswith("/"):
        candidates.append(Path(home) / ".cache" / FOLDER_NAME)
    return candidates


def _is_writable(folder: Path) -> bool:
    try:
        folder.mkdir(mode=mode(), parents=True, exist_ok=True)
        with tempfile.TemporaryFile(dir=folder):
            return True
    except OSError:
        return False


def _temporary_cache() -> Path:
    folder = Path(tempfile.gettempdir()) / f"{FOLDER_NAME}-cache-{os.getuid()}"
    try:
        with contextlib.suppress(FileExistsError):
            folder.mkdir(mode=0o700)
        found = folder.lstat()
        is_private = stat.S_ISDIR(found.st_mode) and found.st_uid == os.getuid() and not found.st_mode & 0o077
    except OSError as problem:
        raise ConfigurationError(
            f"neither the home nor {folder} can be written ({problem.strerror}); set {CACHE_VARIABLE} to a folder "
            f"that can be"
        ) from None
    # Programs run from this folder, and another user may have made it first: everybody may write to its parent.
    if not is_private:
        raise ConfigurationError(f"{folder} is not a private folder of yours; set {CACHE_VARIABLE} to one that is")
    return folder


class FileLock:
    """An advisory lock that ends with the process: shared for users of a thing, exclusive for its maker."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._file = -1

    def acquire(self, *, exclusive: bool, deadline: float, on_wait: Callable[[], None] = lambda: None) -> bool:
        """Return whether the lock was acquired before `deadline` (time.monotonic); call `on_wait` meanwhile."""
        wanted = (fcntl.LOCK_EX if exclusive else fcntl.LOCK_SH) | fcntl.LOCK_NB
        while True:
            if self._file < 0:
                self._file = os.open(self._path, os.O_RDWR | os.O_CREAT, 0o600)
            try:
                fcntl.flock(self._file, wanted)
            except BlockingIOError:
                if time.monotonic() >= deadline:
                    self.release()
                    return False
                on_wait()
                time.sleep(LOCK_POLL_INTERVAL)
                continue
            if self._is_current():
                return True
            self.release()  # its last owner has removed it, with the environment

    def release(self) -> None:
        """Release the lock. A second call does nothing."""
        if self._file >= 0:
            os.close(self._file)
            self._file = -1

    def remove(self) -> None:
        """Remove the file of the lock, which must be exclusive, and release it."""
        self._path.unlink(missing_ok=True)
        self.release()

    def _is_current(self) -> bool:
        try:
            return os.path.samestat(os.fstat(self._file), self._path.stat())
        except FileNotFoundError:
            return False
