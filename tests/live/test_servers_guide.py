"""docs/servers.md as written: its files are laid into a folder, and its commands are run there one after the other."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

pytestmark = pytest.mark.live

GUIDE = (Path(__file__).parents[2] / "docs" / "servers.md").read_text(encoding="utf-8")

BLOCK = re.compile(r"^```(\w+)([^\n]*)\n(.*?)^```$", re.MULTILINE | re.DOTALL)


def test_the_guide_does_what_it_says(tmp_path: Path) -> None:
    ran = 0
    environment = {**os.environ, "PATH": f"{Path(sys.executable).parent}:{os.environ['PATH']}"}
    for language, more, text in BLOCK.findall(GUIDE):
        if language == "toml" and not more:
            # What installing a project with this table leaves in its environment.
            (point,) = [line for line in text.splitlines() if not line.startswith("[")]
            laid = tmp_path / "pocket-1.dist-info"
            laid.mkdir()
            (laid / "METADATA").write_text("Metadata-Version: 2.1\nName: pocket\nVersion: 1\n")
            (laid / "entry_points.txt").write_text(f"[wsgi_gauntlet.servers]\n{point.replace(chr(34), '')}\n")
            (tmp_path / "pyproject.toml").unlink()
            environment["PYTHONPATH"] = str(tmp_path)
        elif "file=" in more:
            (tmp_path / more.partition("file=")[2].strip()).write_text(text)
        elif language == "sh" and "pip install" not in text:
            done = subprocess.run(
                ["sh", "-ec", text],
                cwd=tmp_path,
                env=environment,
                capture_output=True,
                text=True,
                timeout=60,
                check=False,
            )
            assert done.returncode == 0, (text, done.stderr[-2000:])
            assert "pocket" in done.stderr or "custom" in done.stderr
            ran += 1
    assert ran == 4


def test_every_name_in_the_guide_can_be_parsed() -> None:
    from wsgi_gauntlet.harness.server.name import parse

    table = GUIDE.partition("| name | means |")[2].partition("\n\n")[0]
    names = re.findall(r"`([^`]+)`", " ".join(line.split("|")[1] for line in table.splitlines()[2:]))
    assert len(names) >= 9
    for name in names:
        assert name.endswith(".py") or parse(name).text == name


def test_what_pip_must_install_is_a_list_for_pip() -> None:
    done = subprocess.run(
        [Path(sys.executable).parent / "wsgi-gauntlet", "servers", "--requirements"],
        capture_output=True,
        text=True,
        check=True,
    )
    lines = done.stdout.splitlines()
    assert {"gunicorn", "waitress"} <= set(lines)
    assert all(re.fullmatch(r"[\w.-]+(\[[\w,-]+\])?([<>=!~].*)?", line) for line in lines)
