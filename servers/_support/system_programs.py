"""Programs that come with the system, not with an interpreter: where they are, what they tell, who can run them."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
from functools import lru_cache
from pathlib import Path

from wsgi_gauntlet.harness.server.adapter import Installation
from wsgi_gauntlet.harness.server.process.unprivileged_user import others_can_traverse

SYSTEM_FOLDERS = ("/usr/sbin", "/usr/local/sbin", "/usr/bin", "/usr/local/bin")
"""Where servers are installed; an ordinary user's PATH has not all of it."""

VERSION_TIMEOUT = 30.0
"""Seconds for a program to tell its version, which takes it none."""


def find_program(*names: str) -> str:
    """Return where the first of `names` is that is installed, '' where none is."""
    path = os.pathsep.join((os.environ.get("PATH", os.defpath), *SYSTEM_FOLDERS))
    return next(filter(None, (shutil.which(name, path=path) for name in names)), "") or ""


@lru_cache(maxsize=64)
def told(executable: str, option: str, pattern: str) -> str:
    """Return what the first group of `pattern` finds in what `executable option` says; '' where nothing.

    A program that cannot be run says nothing, nor does one that has not ended after VERSION_TIMEOUT.
    """
    try:
        done = subprocess.run(
            [executable, option], capture_output=True, text=True, errors="replace", timeout=VERSION_TIMEOUT, check=False
        )
    except (OSError, subprocess.TimeoutExpired):
        return ""
    found = re.search(pattern, done.stdout + done.stderr)
    return found[1] if found else ""


def find_system_program(name: str, option: str, pattern: str, *other_names: str) -> Installation:
    """Return what there is of the program `name`; see `told` for how its version is asked.

    Debian has it in a package of that name; `elsewhere` are names that others gave the program.
    """
    executable = find_program(name, *other_names)
    if executable and (version := told(executable, option, pattern)):
        return Installation(version=version, executable=executable)
    return Installation(why=f"{name} is not installed", get=f"apt-get install {name}")


def unreachable_when_unprivileged(python: str) -> bool:
    """Say whether `python` lies where the ordinary user cannot go that root starts such servers as."""
    if os.geteuid() != 0:
        return False
    place = Path(shutil.which(python) or python).absolute()
    return not (others_can_traverse(place) and others_can_traverse(place.parent.resolve() / place.name))
