"""Programs of the system, not of an interpreter: their places, their versions, and who can run them."""

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
"""The folders of servers; the PATH of a normal user does not contain all of them."""

VERSION_TIMEOUT = 30.0
"""Seconds for a program to print its version."""


def find_program(*names: str) -> str:
    """Return the path of the first of `names` that is installed, '' if none is."""
    path = os.pathsep.join((os.environ.get("PATH", os.defpath), *SYSTEM_FOLDERS))
    return next(filter(None, (shutil.which(name, path=path) for name in names)), "") or ""


@lru_cache(maxsize=64)
def command_output(executable: str, option: str, pattern: str) -> str:
    """Return the first group of `pattern` in the output of `executable option`; '' if nothing matches.

    '' too for a program that cannot be run, or that has not ended after VERSION_TIMEOUT.
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
    """Return the installation of the program `name`, whose version `command_output` reads.

    Debian's package has the same name; `other_names` are those of the program on other systems.
    """
    executable = find_program(name, *other_names)
    if executable and (version := command_output(executable, option, pattern)):
        return Installation(version=version, executable=executable)
    return Installation(why=f"{name} is not installed", get=f"apt-get install {name}")


def unreachable_when_unprivileged(python: str) -> bool:
    """Return whether `python` is out of reach for the unprivileged user that root starts such servers as."""
    if os.geteuid() != 0:
        return False
    place = Path(shutil.which(python) or python).absolute()
    return not (others_can_traverse(place) and others_can_traverse(place.parent.resolve() / place.name))
