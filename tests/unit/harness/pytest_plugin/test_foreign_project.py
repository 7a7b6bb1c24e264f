"""A project that does not use the plugin is the same with it and without it."""

from __future__ import annotations

import re
import subprocess
import sys
import tomllib
from importlib.metadata import entry_points
from pathlib import Path

import pytest

from ....helpers.pytest_project import PLUGIN, printed

pytestmark = pytest.mark.slow  # starts pytest again and again

CONFTEST = """
import asyncio
import sys
import threading

import pytest


def pytest_addoption(parser):
    # Names that are near those of the plugin.
    parser.addoption("--server", default="mine", help="The server of this project.")
    parser.addoption("--wsgi", action="store_true", help="A word of this project.")
    parser.addini("wsgi_server", "A setting of this project.", default="none")


def pytest_configure(config):
    config.addinivalue_line("markers", "wsgi_own: a marker of this project")


def pytest_collection_modifyitems(items):
    items.reverse()


def pytest_sessionfinish(session):
    heavy = ("click", "httpx", "jinja2", "matplotlib", "msgspec", "numpy", "psutil", "rich", "trio")
    print("THREADS", threading.active_count(), "MODULES", [each for each in heavy if each in sys.modules])
    print("PATH", sys.path[:3], "FILTERS", session.config.getini("filterwarnings"))


@pytest.fixture
def server(request):
    return request.config.getoption("server"), request.config.getini("wsgi_server"), request.config.getoption("wsgi")


@pytest.fixture
def client():
    return "the client of this project"
"""

TESTS = """
import asyncio
import os
import signal
import unittest
import warnings

import pytest


@pytest.mark.wsgi_own
@pytest.mark.parametrize("number", [2, 1])
def test_numbers(number, server, client):
    assert server == ("mine", "none", False)
    assert client == "the client of this project"


def test_fails():
    assert {"a": 1} == {"a": 2}


@pytest.mark.xfail(strict=True)
def test_expected():
    raise AssertionError


def test_skipped():
    pytest.skip("not today")  # this text is the foreign project: both runs must report its skipped test alike


def test_warns():
    warnings.warn("a warning of this project", UserWarning)


def test_the_event_loop_and_signals_are_those_of_python():
    loop = asyncio.new_event_loop()
    assert type(loop).__module__.startswith("asyncio.")
    loop.close()
    assert signal.getsignal(signal.SIGTERM) == signal.SIG_DFL
    assert not [each for each in os.environ if each.startswith("WSGI_GAUNTLET_")]


class TestAsync(unittest.IsolatedAsyncioTestCase):
    async def test_waits(self):
        await asyncio.sleep(0)


def test_has_an_error(nothing):
    pass


def documented():
    \"\"\"
    >>> 1 + 1
    2
    \"\"\"
"""

FIXTURES = ", wsgi_server, wsgi_server_factory"
TIMES = re.compile(r"\d+\.\d+s")


@pytest.fixture
def project(tmp_path: Path) -> Path:
    (tmp_path / "conftest.py").write_text(CONFTEST)
    (tmp_path / "test_own.py").write_text(TESTS)
    (tmp_path / "pytest.ini").write_text("[pytest]\naddopts = --strict-markers --strict-config -s --doctest-modules\n")
    return tmp_path


def run(project: Path, *arguments: str, autoload: bool = False) -> tuple[int, str]:
    """Run pytest there; return its exit code and what it prints, without times."""
    environment = {"PATH": "/usr/bin:/bin", "PYTHONPATH": ":".join(sys.path)}
    if not autoload:  # other plugins take longer to load than these tests do
        environment["PYTEST_DISABLE_PLUGIN_AUTOLOAD"] = "1"
    process = subprocess.Popen(
        [sys.executable, "-m", "pytest", "-p", "no:cacheprovider", *arguments],
        cwd=project,
        env={**environment, "COLUMNS": "120", "NO_COLOR": "1"},
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    )
    text = printed(process, 90)
    # Where a fixture is not found, pytest lists all fixtures.
    return process.returncode, TIMES.sub("?s", text).replace(FIXTURES, "")


@pytest.mark.parametrize(
    "arguments", [("-v", "-rA"), ("--collect-only", "-q"), ("--markers",), ("-q", "-x", "-W", "error", "-k", "numbers")]
)
def test_it_prints_and_does_the_same(project: Path, arguments: tuple[str, ...]) -> None:
    code, without = run(project, *arguments)
    assert run(project, *arguments, "-p", PLUGIN) == (code, without)
    if "-rA" in arguments:
        assert code == 1
        assert "1 failed, 6 passed, 1 skipped, 1 xfailed, 1 warning, 1 error in" in without


def test_it_adds_its_fixtures_and_nothing_else(project: Path) -> None:
    without = run(project, "--fixtures", "-q")[1].splitlines()
    added = [each for each in run(project, "--fixtures", "-q", "-p", PLUGIN)[1].splitlines() if each not in without]
    names = [each.partition(" ")[0] for each in added if not each.startswith((" ", "-"))]
    assert names == ["wsgi_server", "wsgi_server_factory"]


def test_it_can_be_left_out(project: Path) -> None:
    root = Path(__file__).parents[4]
    declared = tomllib.loads((root / "pyproject.toml").read_text())["project"]["entry-points"]["pytest11"]
    assert declared == {"wsgi_gauntlet": PLUGIN}
    (name,) = [each.name for each in entry_points(group="pytest11") if each.value == PLUGIN]
    code, text = run(project, "-p", f"no:{name}", "--wsgi-strict", autoload=True)
    assert code == 4
    assert "unrecognized arguments: --wsgi-strict" in text
    assert "--wsgi-strict" in run(project, "--help", autoload=True)[1]


def test_an_import_of_the_package_changes_nothing() -> None:
    program = (
        "import asyncio, signal, sys, threading, warnings\n"
        "state = lambda: (list(warnings.filters), threading.active_count(), sys.path[:], signal.getsignal(2), "
        "sys.excepthook, sys.getswitchinterval(), sys.getrecursionlimit(), set(sys.modules))\n"
        "before = state()\n"
        "import wsgi_gauntlet\n"
        "after = state()\n"
        "assert before[:-1] == after[:-1]\n"
        "print(*sorted(after[-1] - before[-1]))\n"
    )
    done = subprocess.run(
        [sys.executable, "-W", "error", "-c", program], capture_output=True, text=True, check=True, timeout=60
    )
    assert done.stdout.split() == ["wsgi_gauntlet"]
