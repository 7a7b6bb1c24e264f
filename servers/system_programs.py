"""Programs that come with the system, not with an interpreter: where they are, what they tell, who can run them."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
from functools import lru_cache
from pathlib import Path

from ..harness.adapter import Found
from ..harness.launching.ordinary import others_can_pass

SYSTEM = ("/usr/sbin", "/usr/local/sbin", "/usr/bin", "/usr/local/bin")
"""Where servers are installed; an ordinary user's PATH has not all of it."""

PATIENCE = 30.0
"""Seconds for a program to tell its version, which takes it none."""


def program(*names: str) -> str:
    """Return where the first of `names` is that is installed, '' where none is."""
    path = os.pathsep.join((os.environ.get("PATH", os.defpath), *SYSTEM))
    return next(filter(None, (shutil.which(name, path=path) for name in names)), "") or ""


@lru_cache(maxsize=64)
def told(executable: str, option: str, pattern: str) -> str:
    """Return what the first group of `pattern` finds in what `executable option` says; '' where nothing.

    A program that cannot be run says nothing, nor does one that has not ended after PATIENCE.
    """
    try:
        done = subprocess.run(
            [executable, option], capture_output=True, text=True, errors="replace", timeout=PATIENCE, check=False
        )
    except (OSError, subprocess.TimeoutExpired):
        return ""
    found = re.search(pattern, done.stdout + done.stderr)
    return found[1] if found else ""


def installed(name: str, option: str, pattern: str, *elsewhere: str) -> Found:
    """Return what there is of the program `name`; see `told` for how its version is asked.

    Debian has it in a package of that name; `elsewhere` are names that others gave the program.
    """
    executable = program(name, *elsewhere)
    if executable and (version := told(executable, option, pattern)):
        return Found(version=version, executable=executable)
    return Found(why=f"{name} is not installed", get=f"apt-get install {name}")


def out_of_reach(python: str) -> bool:
    """Say whether `python` lies where the ordinary user cannot go that root starts such servers as."""
    if os.geteuid() != 0:
        return False
    place = Path(shutil.which(python) or python).absolute()
    return not (others_can_pass(place) and others_can_pass(place.parent.resolve() / place.name))
