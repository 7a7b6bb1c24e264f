"""The folder that outlives runs: where it is, whose it must be, and locks on the things in it.

It is $WSGI_GAUNTLET_CACHE, else $XDG_CACHE_HOME/wsgi-gauntlet, else ~/.cache/wsgi-gauntlet
(https://specifications.freedesktop.org/basedir-spec/), for root before that /var/cache/wsgi-gauntlet
(https://refspecs.linuxfoundation.org/FHS_3.0/fhs/ch05s05.html): some servers run as an ordinary user whenever root
starts them, and none of those may pass through root's home. Where none can be written, it is a private folder below
the temp folder.
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
"""Seconds between two looks at a lock that another process holds."""


def cache_folder(variables: Mapping[str, str]) -> Path:
    """Return the cache folder, made where it was not there.

    Raises ConfigurationError where the one that the user names cannot be written, and for a folder in the temp folder
    that somebody else has laid there.
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
    """Return the permissions of folders in the cache: what root has made may be run by whom root starts servers as."""
    return 0o755 if os.geteuid() == 0 else 0o700


def _candidate_folders(variables: Mapping[str, str]) -> list[Path]:
    candidates = []
    if (given := variables.get("XDG_CACHE_HOME", "")).startswith("/"):  # the specification: others are to be ignored
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
    # In a folder that everybody writes to, another user may have been there first; programs are run from it.
    if not is_private:
        raise ConfigurationError(f"{folder} is not a private folder of yours; set {CACHE_VARIABLE} to one that is")
    return folder


class FileLock:
    """An advisory lock that ends with the process: shared among those who use a thing, exclusive for who makes it."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._file = -1

    def acquire(self, *, exclusive: bool, deadline: float, on_wait: Callable[[], None] = lambda: None) -> bool:
        """Take it, and say whether it could be had before `until` (time.monotonic); `waiting` is called meanwhile."""
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
            self.release()  # who held it before has removed it, with all that it was for

    def release(self) -> None:
        """Give it back. Harmless when repeated."""
        if self._file >= 0:
            os.close(self._file)
            self._file = -1

    def remove(self) -> None:
        """Remove its file, which must be held exclusively, and give it back."""
        self._path.unlink(missing_ok=True)
        self.release()

    def _is_current(self) -> bool:
        try:
            return os.path.samestat(os.fstat(self._file), self._path.stat())
        except FileNotFoundError:
            return False
