"""Projects as tutorials have them, and the known apps, go through by the commands of docs/recommend.md."""

from __future__ import annotations

import os
import re
import shlex
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from wsgi_gauntlet.harness.server import planning

from ..helpers.example_projects import (
    PROJECTS,
    SERVERS_ENVIRONMENT,
    copy_project,
    documented_commands,
    preparations,
    words_of,
)
from ..helpers.requirements import fail_or_skip, installed

pytestmark = pytest.mark.live

KNOWN_APPS = Path(__file__).parents[1] / "known_apps"
TIMEOUT_SECONDS = 100

REQUESTS = {
    "flask_board": {"GET /": 200, "POST /auth/login": 302, "POST /write": 302, "GET /notice/1": 200},
    "django_notes": {"GET /login/?next=/": 200, "POST /new/": 302, "GET /1/delete/": 200, "POST /login/": 403},
    "pyramid_todo": {"GET /login": 200, "POST /add": 303, "GET /item/1": 200, "POST /item/1/done": 303},
}
"""Some requests of each project, with their status."""


@pytest.fixture(autouse=True)
def _frameworks_are_there() -> None:
    installed(planning.plan("waitress"))
    if not (SERVERS_ENVIRONMENT / "bin" / "django-admin").exists():
        fail_or_skip("Django, Flask and Pyramid are not installed: run make install-test")


def run(folder: Path, *words: str) -> Any:
    return subprocess.run(
        [sys.executable, "-m", "wsgi_gauntlet", *words],
        cwd=folder,
        env={**os.environ, "NO_COLOR": "1", "COLUMNS": "200"},
        capture_output=True,
        text=True,
        timeout=TIMEOUT_SECONDS,
        check=False,
    )


def prepared(name: str, folder: Path) -> tuple[Path, list[str]]:
    """Return the project as docs/recommend.md prepares it, and the words of its `traffic check`."""
    commands = documented_commands(name)
    project = copy_project(name, folder)
    for line in preparations(commands):
        subprocess.run(["sh", "-ec", line], cwd=project, check=True, timeout=TIMEOUT_SECONDS, capture_output=True)
    return project, words_of(commands, "traffic check")


@pytest.mark.parametrize("name", REQUESTS)
def test_a_project_goes_through_by_the_guide_alone(name: str, tmp_path: Path) -> None:
    project, words = prepared(name, tmp_path)
    before = files(project)
    done = run(project, "traffic", "check", *words)
    assert done.returncode == 0, done.stdout + done.stderr
    for request, status in REQUESTS[name].items():
        method, path = request.split(" ")
        assert re.search(rf"\b{method} +{re.escape(path)} +{status}\b", done.stdout), (request, done.stdout)
    assert files(project) == before


def files(project: Path) -> dict[str, bytes]:
    """Return the files of the project; a fresh copy keeps them as they are."""
    return {
        str(path.relative_to(project)): path.read_bytes()
        for path in project.rglob("*")
        if path.is_file() and ".venv" not in path.parts and "__pycache__" not in path.parts
    }


@pytest.mark.parametrize(
    ("written", "changed", "request_line", "why"),
    [
        (
            'password = "${users.password}"',
            'password = "wrong"',
            ["POST", "/login", "200"],
            "the body does not contain 'Log out ada<'",
        ),
        (
            'csrf_token = "${token}", text',
            "text",
            ["POST", "/add", "400"],
            "status 400 in place of 200 to 399",
        ),
    ],
    ids=["a wrong password", "no token of the form"],
)
def test_the_first_wrong_answer_is_named(
    tmp_path: Path, written: str, changed: str, request_line: list[str], why: str
) -> None:
    project, words = prepared("pyramid_todo", tmp_path)
    traffic = project / "traffic.toml"
    assert written in traffic.read_text()
    traffic.write_text(traffic.read_text().replace(written, changed))
    done = run(project, "traffic", "check", *words)
    assert done.returncode == 1, done.stdout + done.stderr
    first, *_ = (line for line in done.stdout.splitlines() if line.startswith("✗"))
    assert first.split()[1:4] == request_line
    assert f"wrong: {why}" in done.stdout


def test_the_app_of_the_article_goes_through(tmp_path: Path) -> None:
    project = copy_project("flask_classroom", tmp_path)
    done = run(project, "traffic", "check", "traffic.toml", "--python", ".venv/bin/python", "--app", "app:app")
    assert done.returncode == 0, done.stdout + done.stderr
    assert "/static/classroom.svg" in done.stdout
    assert str((PROJECTS / "flask_classroom" / "static" / "classroom.svg").stat().st_size) in done.stdout.replace(
        ",", ""
    )


@pytest.mark.parametrize("name", sorted(each.stem for each in KNOWN_APPS.glob("*.toml")))
def test_a_known_app_goes_through(name: str) -> None:
    done = run(KNOWN_APPS.parent, "traffic", "check", f"known_apps/{name}.toml", "--app", f"known_apps.{name}:app")
    assert done.returncode == 0, done.stdout + done.stderr
    assert "200" in done.stdout


def test_the_guide_checks_and_recommends_with_the_same_app() -> None:
    for name in REQUESTS:
        commands = documented_commands(name)
        check, recommend = words_of(commands, "traffic check"), words_of(commands, "recommend")
        assert check[0] == recommend[recommend.index("--traffic") + 1]
        assert shlex.join(check[1:]) in shlex.join(recommend)
