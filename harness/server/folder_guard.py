"""A process that deletes the folders of a run if the harness is killed.

The supervisor of a server deletes the folder of its instance. Before it runs, nobody would: a start takes a moment, and
many instances start at the same time.
"""

from __future__ import annotations

import os
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

SCRIPT = """
trap '' HUP INT QUIT TERM
while IFS= read -r folder; do set -- "$@" "$folder"; done
for attempt in 1 2 3 4 5; do rm -rf -- "$@" && break; sleep 1; done
"""
"""It reads one path a line, and deletes them at the end of its stdin: the harness has ended then. A server that is just
being ended may still write into its folder, so it tries again."""


class FolderGuard:
    """The process, if one could be started."""

    def __init__(self) -> None:
        self._process: subprocess.Popen[bytes] | None = None
        with suppress(OSError):  # no shell, or no process left
            self._process = subprocess.Popen(
                ["/bin/sh", "-c", SCRIPT, "folder-guard"],
                stdin=subprocess.PIPE,
                stdout=subprocess.DEVNULL,
                stderr=subprocess.DEVNULL,
                bufsize=0,
                cwd="/",
                env={"PATH": os.environ.get("PATH", os.defpath)},
                start_new_session=True,
            )

    @classmethod
    @contextmanager
    def open(cls) -> Iterator[FolderGuard]:
        """Yield a guard. If the block ends, nothing is deleted: the harness has done that itself."""
        guard = cls()
        try:
            yield guard
        finally:
            guard.close()

    def add(self, folder: Path) -> None:
        """Let the guard delete `folder` if this process is killed."""
        path = os.fsencode(folder.absolute())
        if self._process is not None and self._process.stdin is not None and b"\n" not in path:
            with suppress(OSError):
                self._process.stdin.write(path + b"\n")

    def close(self) -> None:
        """End it."""
        if self._process is not None:
            self._process.kill()
            self._process.wait()
            if self._process.stdin is not None:
                self._process.stdin.close()
            self._process = None
