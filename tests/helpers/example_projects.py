"""The projects of tests/example_projects, as a user has them: in a folder of its own, with an environment."""

from __future__ import annotations

import re
import shlex
import shutil
from collections.abc import Iterator
from pathlib import Path

ROOT = Path(__file__).parents[2]
PROJECTS = ROOT / "tests" / "example_projects"
GUIDE = ROOT / "docs" / "recommend.md"

SERVERS_ENVIRONMENT = ROOT / ".servers"
"""The environment with frameworks and servers, and without wsgi-gauntlet."""

BLOCK = re.compile(r"^```console\n(.*?)^```$", re.MULTILINE | re.DOTALL)


def copy_project(name: str, folder: Path) -> Path:
    """Return a copy of the project in `folder`, whose `.venv` is the environment with all servers."""
    project = folder / name
    shutil.copytree(PROJECTS / name, project, ignore=shutil.ignore_patterns("__pycache__"))
    (project / ".venv").symlink_to(SERVERS_ENVIRONMENT, target_is_directory=True)
    return project


def documented_commands(name: str) -> list[str]:
    """Return the command lines of the section of docs/recommend.md that begins with `cd NAME`."""
    for block in BLOCK.findall(GUIDE.read_text(encoding="utf-8")):
        lines = [line.removeprefix("$ ") for line in block.splitlines()]
        if lines[0] == f"cd {name}":
            return lines[1:]
    raise LookupError(f"docs/recommend.md has no commands for {name}")


def words_of(commands: list[str], command: str) -> list[str]:
    """Return the words of the one command line that begins with `wsgi-gauntlet COMMAND`, without these."""
    (line,) = (each for each in commands if each.startswith(f"wsgi-gauntlet {command} "))
    return shlex.split(line)[1 + len(command.split()) :]


def preparations(commands: list[str]) -> Iterator[str]:
    """Yield the command lines that do not start wsgi-gauntlet and install nothing."""
    yield from (each for each in commands if not each.startswith("wsgi-gauntlet ") and "pip install" not in each)
