"""The recipes of docs/ci.md for GitLab and for a shell, run as they are written.

Only the installation is replaced: `python3 -m venv` makes an environment with this wsgi-gauntlet.
"""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path

import msgspec
import pytest
import yaml

pytestmark = pytest.mark.live

DOCUMENT = Path(__file__).parents[2] / "docs" / "ci.md"

VENV = """#!/bin/sh
test "$1 $2" = "-m venv" || exit 9
mkdir -p "$3/bin"
printf '#!/bin/sh\\necho "$@" >> pip-arguments\\n' > "$3/bin/pip"
printf '#!/bin/sh\\nexec {python} -m wsgi_gauntlet "$@"\\n' > "$3/bin/wsgi-gauntlet"
chmod +x "$3"/bin/*
"""

CURL = """#!/bin/sh
for last; do :; done
echo "$last" > curl-address
test -e base-of-the-main-branch.json || exit 22
cp base-of-the-main-branch.json base.json
"""

SELECTED = "--select http/request-line/http09 --select http/responses/head-status/list"
"""What the tests select, in place of the larger family of the document."""

ACCEPTED = """[[server]]
name = "wsgiref"
[[server.expected]]
case = "http/request-line/http09"
verdict = "fail"
reason = "old"
"""


class Job(msgspec.Struct, frozen=True):
    """What the test needs of a job of GitLab."""

    script: tuple[str, ...]
    parallel: int = 1


def recipe(heading: str, language: str) -> str:
    """Return the block below a heading of the document, for wsgiref and two cases."""
    section = DOCUMENT.read_text().partition(f"\n## {heading}\n")[2].partition("\n## ")[0]
    found = re.search(rf"(?ms)^```{language}\n(.*?)^```$", section)
    assert found
    assert "check gunicorn --select http/framing" in found[1]
    return found[1].replace("check gunicorn --select http/framing", f"check wsgiref {SELECTED}")


@pytest.fixture
def project(tmp_path: Path) -> Path:
    """A project with a baseline, and with the programs that the recipes call."""
    programs = tmp_path / "programs"
    programs.mkdir()
    for name, text in {"python3": VENV.replace("{python}", sys.executable), "curl": CURL}.items():
        (programs / name).write_text(text)
        (programs / name).chmod(0o755)
    (tmp_path / "project").mkdir()
    (tmp_path / "project" / "known.toml").write_text(ACCEPTED)
    return tmp_path / "project"


def call(project: Path, script: str, environment: Mapping[str, str] | None = None) -> subprocess.CompletedProcess[str]:
    path = f"{project.parent / 'programs'}:{os.environ['PATH']}"
    variables = {**os.environ, "PATH": path, **(environment or {})}
    return subprocess.run(["sh", "-c", script], cwd=project, env=variables, capture_output=True, text=True, check=False)


def test_the_shell_recipe_is_a_gate(project: Path) -> None:
    script = recipe("Any other CI", "sh")
    done = call(project, script)
    assert done.returncode == 0, done.stderr
    assert (project / "pip-arguments").read_text() == "install --quiet gunicorn wsgi-gauntlet\n"
    assert {"junit.xml", "summary.md"} <= {each.name for each in project.iterdir()}
    assert (project / "gauntlet-out" / "report.html").exists()

    (project / "known.toml").write_text("")
    assert call(project, script).returncode == 1


def test_the_gitlab_recipe_joins_the_parts_and_compares_with_the_main_branch(project: Path) -> None:
    jobs = yaml.safe_load(recipe("GitLab", "yaml"))
    variables = {
        **jobs.pop("variables"),
        "CI_API_V4_URL": "https://gitlab.invalid/api/v4",
        "CI_PROJECT_ID": "7",
        "CI_DEFAULT_BRANCH": "main",
        "CI_JOB_TOKEN": "secret",
    }
    check, report = (msgspec.convert(jobs[name], Job) for name in ("gauntlet", "gauntlet-report"))
    for number in range(1, check.parallel + 1):
        node = {"CI_NODE_INDEX": str(number), "CI_NODE_TOTAL": str(check.parallel)}
        done = call(project, "set -e\n" + "\n".join(check.script), {**variables, **node})
        assert done.returncode == 0, done.stderr
        assert (project / f"part-{number}" / "junit.xml").exists()

    join = "set -e\n" + "\n".join(report.script)
    done = call(project, join, variables)
    assert done.returncode == 0, done.stderr
    assert "without " not in done.stderr
    results = (project / "whole" / "results.json").read_text()
    assert len(json.loads(results)["conformance"]) == 2
    assert (project / "curl-address").read_text() == (
        "https://gitlab.invalid/api/v4/projects/7/jobs/artifacts/main/raw/whole/results.json?job=gauntlet-report\n"
    )

    (project / "base-of-the-main-branch.json").write_text(results)
    assert call(project, join, variables).returncode == 0
    (project / "base-of-the-main-branch.json").write_text(results.replace('"fail"', '"pass"'))
    assert call(project, join, variables).returncode == 1
