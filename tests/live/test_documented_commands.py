"""Every command in a block of the README and of docs/, in a project that has the files that the documents name.

A command that only reads runs as a whole. A command that starts servers runs up to its first server: its options, its
files, its app and the names of its servers are right then. Measuring everything that the documents show would take
hours. The tutorial, the guides with their own tests and the example projects do run (see NOT_RUN_HERE).
"""

from __future__ import annotations

import re
import shlex
import shutil
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import NoReturn

import click
import pytest
import trio
from click.testing import CliRunner

from wsgi_gauntlet.harness.cli.main import cli

from ..helpers import har_files
from ..helpers.documented_commands import ROOT, DocumentedCommand, documented_commands
from ..helpers.example_projects import SERVERS_ENVIRONMENT
from ..helpers.requirements import fail_or_skip

pytestmark = pytest.mark.live


@dataclass(frozen=True)
class Excepted:
    """Commands that this test does not run: those of `document` (a pattern) that match `line`, and the reason."""

    document: str
    line: str
    reason: str


NOT_RUN_HERE = (
    Excepted("docs/tutorial.md", ".*", "test_tutorial.py runs the tutorial with real servers"),
    Excepted("docs/pytest.md", ".*", "test_pytest_guide.py runs the guide"),
    Excepted("docs/servers.md", ".*pocket.*", "test_servers_guide.py runs them with the files of the guide"),
    Excepted(
        "docs/recommend.md",
        r"(cd|set|python3 -m venv|wsgi-gauntlet .*--fresh-copy|.venv/bin/pip).*",
        "test_example_projects.py runs them in the example projects",
    ),
    Excepted(
        ".*",
        r"(git clone|python3 -m venv|\S*pip install|export PATH=|\. ).*",
        "they install: test_packaging.py and test_restricted_environments.py install the wheel",
    ),
    Excepted("docs/own-app.md", "[A-Z]+=.*|export NAME=.*", "a file of variables: test_own_app_page.py reads it"),
    Excepted("docs/replay.md", "printf .*", "a reproducer: test_reproducers.py runs such programs"),
    Excepted("docs/ci.md", r"(set|GAUNTLET=|\.gauntlet/).*", "test_ci_recipes.py runs the recipes"),
    Excepted("docs/tox-nox.md", r"(tox|nox) .*", "test_tox_nox_page.py reads the files, and parses their commands"),
    Excepted(".*", r"make (install|run|test)\b.*", "CI runs them; here they would start all tests"),
    Excepted(
        ".*",
        r"wsgi-gauntlet (check|compare) .*\w@\d.*|wsgi-gauntlet history .*",
        "they need releases from the package index: test_versioned_environments.py has an index of its own",
    ),
    Excepted(
        ".*",
        r".*--target.*|export WSGI_GAUNTLET_TOKEN.*|gunicorn --bind .*gauntlet_target.*",
        "they need a server that runs: test_remote_server.py starts one",
    ),
    Excepted("docs/targets.md", r"(?!wsgi-gauntlet).*", "they start a server, or a container with one"),
    Excepted("README.md", ".*--cluster.*", "it needs a cluster: test_cluster.py starts one"),
    Excepted("docs/cluster.md", ".*", "they need a cluster: test_cluster.py and test_cluster_namespaces.py start one"),
    Excepted(".*", r"wsgi-gauntlet compare .*--resume.*", "test_compare.py has a comparison to continue"),
    Excepted(".*", r"wsgi-gauntlet compare .*--python B=.*", "test_compare.py has a second interpreter"),
)
"""The commands that do not run here, and where they run instead."""

RUNS = ("gauntlet-out", "main", "new", "part-1", "part-2", "first", "second")
"""Run folders that the documents name."""

FILES = {
    "shop/__init__.py": "from shop.wsgi import app, application, create_app\n",
    "shop/wsgi.py": (
        "def application(environ, start_response):\n"
        "    start_response('200 OK', [('Content-Type', 'text/html'), ('Content-Length', '2')])\n"
        "    return [b'hi']\n\n\n"
        "app = application\n\n\n"
        "def create_app(*_, **__):\n"
        "    return application\n"
    ),
    "shop/old.py": "from shop.wsgi import app\n",
    "shop/new.py": "from shop.wsgi import app\n",
    "shop/static/style.css": "body {}\n",
    "mysite/wsgi.py": "from shop.wsgi import application\n",
    "manage.py": "",
    ".env": "REGION=eu\n",
    "site.conf": "server { listen 80; location / { proxy_pass http://127.0.0.1:9000; } }\n",
    "new.conf": "server { listen 80; location / { proxy_pass http://127.0.0.1:9000; proxy_buffering off; } }\n",
    "gunicorn.conf.py": "workers = 2\n",
    "shop.toml": '[[request]]\npath = "/"\n',
    "traffic.toml": '[[request]]\npath = "/"\n',
}


class Started(BaseException):
    """The command has read and checked everything, and would start servers now."""


@pytest.fixture(scope="module")
def prepared_project(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return a project with an app, configuration files, traffic, and earlier runs."""
    if not (SERVERS_ENVIRONMENT / "bin" / "python").exists():
        fail_or_skip("the servers are not installed: run make install-test")
    folder = tmp_path_factory.mktemp("documented") / "project"
    for name, text in FILES.items():
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
    (folder / "shop.har").write_bytes(har_files.chrome())
    for name in (".venv", "env", "servers"):
        (folder / name).symlink_to(SERVERS_ENVIRONMENT, target_is_directory=True)
    run = [sys.executable, "-m", "wsgi_gauntlet", "check", "wsgiref", "--select", "http/host/duplicate-different"]
    done = subprocess.run(
        [*run, "--out", RUNS[0], "--baseline", "known.toml", "--update-baseline"],
        cwd=folder,
        capture_output=True,
        text=True,
        timeout=100,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    for name in RUNS[1:]:
        shutil.copytree(folder / RUNS[0], folder / name)
    return folder


@pytest.fixture
def project(prepared_project: Path, tmp_path: Path) -> Path:
    """Return a copy of the project for one command."""
    return Path(shutil.copytree(prepared_project, tmp_path / "project", symlinks=True))


@pytest.fixture
def _started_only(monkeypatch: pytest.MonkeyPatch) -> None:
    def start(*_: object, **__: object) -> NoReturn:
        raise Started

    monkeypatch.setattr(trio, "run", start)


def reason_not_to_run(command: DocumentedCommand) -> Excepted | None:
    return next(
        (
            each
            for each in NOT_RUN_HERE
            if re.fullmatch(each.document, command.document) and re.fullmatch(each.line, command.line)
        ),
        None,
    )


COMMANDS = documented_commands()
RUN_HERE = [each for each in COMMANDS if reason_not_to_run(each) is None]


@pytest.mark.usefixtures("_started_only")
@pytest.mark.parametrize("command", RUN_HERE, ids=lambda each: f"{each.document}: {each.line}")
def test_the_command_works(command: DocumentedCommand, project: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(project)
    words = shlex.split(command.line, comments=True)
    if words[0] == "make":
        assert re.search(rf"^{words[1]}:", (ROOT / "Makefile").read_text(), re.MULTILINE)
        return
    assert words[0] == "wsgi-gauntlet", "run it here, or say in NOT_RUN_HERE which test does"
    target = Path(words[words.index(">") + 1]) if ">" in words else None
    words = words[: words.index(">")] if target else words
    try:
        done = CliRunner().invoke(cli, with_servers(words[1:]), catch_exceptions=False)
    except Started:
        return
    assert done.exit_code in command.exit_codes, done.output
    if target:
        target.write_text(done.stdout)


def with_servers(words: list[str]) -> list[str]:
    """Return `words` with the interpreter that has all servers, if the command has such an option and no value."""
    command = cli.commands[words[0]]
    rest = 1
    if isinstance(command, click.Group):
        command, rest = command.commands[words[1]], 2
    has_option = any("--python" in each.opts for each in command.params)
    if not has_option or "--python" in words:
        return words
    return [*words[:rest], "--python", str(SERVERS_ENVIRONMENT / "bin" / "python"), *words[rest:]]


def test_enough_commands_run() -> None:
    assert len(RUN_HERE) > 50
    assert len(COMMANDS) > 100


def test_every_exception_is_needed() -> None:
    used = {reason_not_to_run(each) for each in COMMANDS}
    documents = {each.document for each in COMMANDS}
    unused = [each for each in NOT_RUN_HERE if each not in used]
    assert [each for each in unused if any(re.fullmatch(each.document, name) for name in documents)] == []
