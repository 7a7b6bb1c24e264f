"""The options of the pytest plugin and the fixture `wsgi_server`. All other modules are imported on first use.

`pytest --wsgi-server gunicorn --wsgi-select pep3333/` collects a server's cells as tests; see docs/pytest.md. Every
pytest run in an environment with wsgi-gauntlet loads this file, so it imports only pytest.
"""

from __future__ import annotations

import argparse
from collections.abc import Iterator
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from wsgi_gauntlet.harness.pytest_plugin.live_server import LiveServers
    from wsgi_gauntlet.harness.pytest_plugin.trio_thread import TrioThread

ROOT_NODE_ID = "wsgi-gauntlet"
"""The first part of each cell's node id, in place of a file."""

TRIO_THREAD_KEY: pytest.StashKey[TrioThread] = pytest.StashKey()


def pytest_addoption(parser: pytest.Parser) -> None:
    """Add the options. They have the meaning of the options of `wsgi-gauntlet check`."""
    group = parser.getgroup(ROOT_NODE_ID, "wsgi-gauntlet: cases of PEP 3333 and HTTP/1.1 as tests of WSGI servers")
    for name, metavar, words in (
        ("server", "NAME", "Test this server, such as gunicorn:gthread[threads=4]; may be repeated."),
        ("select", "PREFIX", "Only cases whose id begins with PREFIX; may be repeated."),
        ("exclude", "PREFIX", "No cases whose id begins with PREFIX; may be repeated."),
        ("level", "LEVEL", "Only cases of this level: must, should, may or info; may be repeated."),
        ("tag", "TAG", "Only cases with this tag, such as security; may be repeated."),
    ):
        group.addoption(f"--wsgi-{name}", action="append", default=[], metavar=metavar, help=words)
    for name, metavar, words in (
        ("baseline", "FILE", "Baseline of accepted verdicts: such a cell is xfailed, and fails when it passes."),
        ("python", "EXE", "Interpreter that runs the servers [this one]."),
        ("app", "MODULE:NAME", "Your own app, served beside the test app."),
        ("app-path", "/PAGE", "The page of --wsgi-app to request [/]."),
        ("command", "TEMPLATE", "Your own server, named custom: '{python} -m mine --bind {host}:{port} {app}'."),
    ):
        group.addoption(f"--wsgi-{name}", default=None, metavar=metavar, help=words)
    group.addoption("--wsgi-path", dest="wsgi_app_path", help=argparse.SUPPRESS)  # the name in version 0.1
    group.addoption("--wsgi-strict", action="store_true", help="Fail cells with the verdict `warn`.")


def pytest_configure(config: pytest.Config) -> None:
    """Take this plugin's node ids out of the arguments, and collect cells if any are requested."""
    # "wsgi-gauntlet" alone is all of them, unless there is a file of that name.
    node_ids = [
        each
        for each in config.args
        if each.startswith(f"{ROOT_NODE_ID}::")
        or (each == ROOT_NODE_ID and not (config.invocation_params.dir / ROOT_NODE_ID).exists())
    ]
    if node_ids:
        config.args[:] = [each for each in config.args if each not in node_ids]
    if not node_ids and not _cells_requested(config):
        return
    from wsgi_gauntlet.harness.pytest_plugin.items import ConformancePlugin

    config.pluginmanager.register(ConformancePlugin(config, node_ids), "wsgi-gauntlet-cells")


def _cells_requested(config: pytest.Config) -> bool:
    # A server in addopts does not apply to `pytest tests/test_one.py`; a server on the command line does.
    words = [str(each).partition("=")[0] for each in config.invocation_params.args]
    has_paths = bool(config.getoption("file_or_dir", []))  # --help ends before this option is parsed
    if config.getoption("wsgi_server") or config.getoption("wsgi_command"):
        return not has_paths or "--wsgi-server" in words or "--wsgi-command" in words
    for option in ("--wsgi-select", "--wsgi-exclude", "--wsgi-level", "--wsgi-tag"):
        if option in words:
            raise pytest.UsageError(f"{option} chooses cases, and no server is named: add --wsgi-server NAME")
    return False


def trio_thread(config: pytest.Config) -> TrioThread:
    """Return the loop that runs the servers: one for each pytest process, stopped at its end."""
    from wsgi_gauntlet.harness.pytest_plugin.trio_thread import TrioThread

    if TRIO_THREAD_KEY not in config.stash:
        config.stash[TRIO_THREAD_KEY] = TrioThread()
        config.add_cleanup(config.stash[TRIO_THREAD_KEY].stop)
    return config.stash[TRIO_THREAD_KEY]


@pytest.fixture
def wsgi_server(request: pytest.FixtureRequest) -> Iterator[LiveServers]:
    """Start WSGI servers with your app: `wsgi_server("gunicorn", app="shop.wsgi:application", workers=2)`.

    The call returns a running server with `url`, `address`, `client` (an httpx.Client), `log`, `pid`, `restart()` and
    `stop()`. All servers are stopped after the test.
    """
    yield from _live_servers(request.config)


@pytest.fixture(scope="session")
def wsgi_server_factory(request: pytest.FixtureRequest) -> Iterator[LiveServers]:
    """Start WSGI servers for several tests: it is called as `wsgi_server`, in fixtures of any scope.

    A server runs until the end of its `with` block, or until the end of the session.
    """
    yield from _live_servers(request.config)


def _live_servers(config: pytest.Config) -> Iterator[LiveServers]:
    from wsgi_gauntlet.harness.pytest_plugin.live_server import LiveServers

    servers = LiveServers(trio_thread(config), config.rootpath, config.getoption("wsgi_python") or "")
    yield servers
    servers.stop()
