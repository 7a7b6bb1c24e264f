"""docs/pytest.md as written: its files are laid into an empty folder, and its commands are run there."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

pytestmark = pytest.mark.live

GUIDE = (Path(__file__).parents[2] / "docs" / "pytest.md").read_text(encoding="utf-8")
FILE = re.compile(r"^```(?:python|toml)\n# (\S+)\n(.*?)^```$", re.MULTILINE | re.DOTALL)
COMMAND = re.compile(r"^\$ (pytest [^\n]*)\n(.*?)^```$", re.MULTILINE | re.DOTALL)


def test_the_guide_does_what_it_says(tmp_path: Path) -> None:
    files = FILE.findall(GUIDE)
    assert [name for name, _ in files] == [
        "pyproject.toml", "shop/wsgi.py", "tests/test_shop.py", "tests/test_pages.py",
    ]  # fmt: skip
    for name, text in files:
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).write_text(text)
    environment = {**os.environ, "PATH": f"{Path(sys.executable).parent}:{os.environ['PATH']}", "NO_COLOR": "1"}
    commands = COMMAND.findall(GUIDE)
    assert len(commands) == 5
    for command, says in commands:
        done = subprocess.run(
            ["sh", "-c", command],
            cwd=tmp_path,
            env=environment,
            capture_output=True,
            text=True,
            timeout=100,
            check=False,
        )
        assert done.returncode == 0, (command, done.stdout[-2000:])
        for line in says.splitlines():
            assert line in done.stdout, (command, done.stdout[-2000:])
