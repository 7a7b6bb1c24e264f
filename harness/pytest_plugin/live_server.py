"""The fixture `wsgi_server`: any server that wsgi-gauntlet knows, with the user's own app, for their own tests."""

from __future__ import annotations

import importlib.util
import os
import site
import sys
import sysconfig
from collections.abc import Callable, Iterator, Mapping
from dataclasses import replace
from pathlib import Path
from types import ModuleType
from typing import TYPE_CHECKING, Any

from wsgi_gauntlet.harness import config
from wsgi_gauntlet.harness.errors import ConfigurationError, GauntletError, Unsupported
from wsgi_gauntlet.harness.http.address import Address
from wsgi_gauntlet.harness.model.listener import NullListener
from wsgi_gauntlet.harness.pytest_plugin.trio_thread import HostedServer, TrioThread
from wsgi_gauntlet.harness.server import planning
from wsgi_gauntlet.harness.server.environments import versioned
from wsgi_gauntlet.harness.server.plan import Plan

if TYPE_CHECKING:
    import httpx

App = str | Callable[..., Any]

CLIENT_TIMEOUT_SECONDS = 30.0
"""Seconds that `client` waits; a test that waits longer for a server on its own machine waits for nothing."""


class LiveServer:
    """One running server. `address` and `client` are new after `restart`: ask for them, never keep them."""

    def __init__(self, trio_thread: TrioThread, hosted: HostedServer) -> None:
        self._trio_thread = trio_thread
        self._hosted = hosted
        self._client: httpx.Client | None = None
        self._final_log: str | None = None

    @property
    def name(self) -> str:
        """What it was asked for by, as `gunicorn:gthread[threads=4]`."""
        return self._hosted.server.name

    @property
    def address(self) -> Address:
        """Where it listens: `host` and `port`, or `path` of a Unix socket."""
        return self._hosted.server.address

    @property
    def url(self) -> str:
        """Its origin, as `http://127.0.0.1:40123`, without a slash at the end."""
        return self.address.url

    @property
    def pid(self) -> int:
        """The server's first process, 0 where it was stopped; of a chain, the front's."""
        return self._hosted.server.pid

    @property
    def ended(self) -> str:
        """How it ended, as 'exit code 3' or 'signal SIGSEGV'; '' while it runs."""
        return self._hosted.server.ended

    @property
    def command_line(self) -> str:
        """The command that started it."""
        return self._hosted.server.command_line

    @property
    def log(self) -> str:
        """What it wrote to stdout and stderr so far, of all starts: at most 64 KiB, cut in the middle."""
        return self._hosted.server.log_since(0) if self._final_log is None else self._final_log

    @property
    def client(self) -> httpx.Client:
        """An httpx client with `url` as its base; it ignores proxies, follows no redirect and is closed for you."""
        import httpx

        if self._client is None:
            path = self.address.path
            self._client = httpx.Client(
                base_url=self.url,
                timeout=CLIENT_TIMEOUT_SECONDS,
                trust_env=False,
                transport=httpx.HTTPTransport(uds=path) if path else None,
            )
        return self._client

    def restart(self) -> None:
        """End it in good order and start it afresh, on another port. Raises ServerDidNotStart."""
        __tracebackhide__ = True
        self._forget_client()
        _call_without_traceback(self._trio_thread, self._hosted.server.restart)

    def stop(self) -> None:
        """End it in good order: SIGTERM or what it takes for that, SIGKILL 1.5 s later. Harmless when repeated."""
        __tracebackhide__ = True
        self._forget_client()
        if self._final_log is None:
            _call_without_traceback(self._trio_thread, self._stop)

    async def _stop(self) -> None:
        await self._hosted.server.stop()
        self._final_log = self._hosted.server.log_since(0)
        await self._hosted.close()

    def _forget_client(self) -> None:
        client, self._client = self._client, None
        if client is not None:
            client.close()


class LiveServers:
    """Starts servers: call it. `root` is the project's folder, which the app may be imported from."""

    def __init__(self, trio_thread: TrioThread, root: Path, python: str = "") -> None:
        self._trio_thread = trio_thread
        self._root = root
        self._python = python or sys.executable
        self._started: list[LiveServer] = []

    def __call__(
        self,
        server: str,
        *,
        app: App,
        python: str = "",
        environment: Mapping[str, str] | None = None,
        unix: bool = False,
    ) -> LiveServer:
        """Start `server`, named as on the command line, and return it once it answers (a GET of /nonce).

        `app` is `module:callable`, or the callable itself where it stands at the top of a module. `environment` is
        added to the test's own; `unix` has the server listen on a Unix socket.
        Raises UsageError where one of these cannot be, ServerDidNotStart with the log's telling line.
        """
        __tracebackhide__ = True
        try:
            plan = self._plan(server, app, python or self._python, environment or {}, unix)
        except (GauntletError, Unsupported) as problem:
            raise problem.with_traceback(None) from None
        started = LiveServer(self._trio_thread, _call_without_traceback(self._trio_thread, self._start_server, plan))
        self._started.append(started)
        return started

    def stop(self) -> None:
        """Stop all that were started, the last one first."""
        while self._started:
            self._started.pop().stop()

    async def _start_server(self, plan: Plan) -> HostedServer:
        return await self._trio_thread.start_server(plan, observe=False)

    def _plan(self, server: str, app: App, python: str, environment: Mapping[str, str], unix: bool) -> Plan:
        settings = config.read(self._root / "pyproject.toml")
        name, folders = importable_name(app, self._root)
        added = dict(environment)
        if not name.startswith("gauntlet_apps."):
            added.setdefault("PYTHONPATH", os.pathsep.join(map(str, folders)))
        plan = planning.plan(server, python=python, app=name, custom=settings.servers)
        plan = versioned.ensure_environments(plan, NullListener())
        planning.require(plan)
        planning.require_app(name, plan.app_plan.python, *folders, label="app=")
        upstream_plan = replace(plan.upstream, environment=added) if plan.upstream else None
        return replace(plan, environment=added, upstream=upstream_plan, unix=unix)


def importable_name(app: App, root: Path) -> tuple[str, list[Path]]:
    """Return `app` as `module:callable` and the folders that another process imports it from.

    These are what this process has on its path beyond its installation, then `root`.
    Raises ConfigurationError for an object that no module has at its top.
    """
    folders = [*_project_paths(), root]
    if isinstance(app, str):
        return app, folders
    module, name = _module_and_name(app)
    file = Path(module.__file__ or "").resolve()
    if importlib.util.find_spec(module.__name__.partition(".")[0]) is not None and _imports_by_name(module, folders):
        return f"{module.__name__}:{name}", folders
    # A test module that pytest has given a name of its own: by its file.
    parts, folder = [file.stem], file.parent
    while (folder / "__init__.py").exists() and folder != folder.parent:
        parts.insert(0, folder.name)
        folder = folder.parent
    return f"{'.'.join(parts)}:{name}", [folder, *folders]


def _imports_by_name(module: ModuleType, folders: list[Path]) -> bool:
    """Say whether a fresh interpreter with `folders` on its path finds the module's own file by its name."""
    file = Path(module.__file__ or "").resolve()
    inside = Path(*module.__name__.split("."))
    candidates = [folder / end for folder in folders for end in (inside.with_suffix(".py"), inside / "__init__.py")]
    return any(each.exists() and each.samefile(file) for each in candidates) or not any(
        file.is_relative_to(folder.resolve()) for folder in folders
    )


def _project_paths() -> list[Path]:
    installed = [Path(each) for each in {*sysconfig.get_paths().values(), *site.getsitepackages()}]
    installed.append(Path(site.getusersitepackages()))
    project_paths = dict.fromkeys(Path(each or os.getcwd()).absolute() for each in sys.path)  # noqa: PTH109 - '' is the folder now
    return [
        each
        for each in project_paths
        if each.is_dir() and not any(each.is_relative_to(place) for place in installed if place.name != "bin")
    ]


def _module_and_name(app: Callable[..., Any]) -> tuple[ModuleType, str]:
    for module in _candidate_modules(app):
        for name, value in list(vars(module).items()):
            if value is app and name.isidentifier():
                return module, name
    raise ConfigurationError(
        f"app={app!r} stands at the top of no imported module; the server runs in a process of its own and can only "
        'import it: move it there, or name it as app="module:callable"'
    )


def _candidate_modules(app: Callable[..., Any]) -> Iterator[ModuleType]:
    # A function knows its module, a Flask app the one that it was made in. Of the others a test's come last: importing
    # one imports pytest into the server.
    named = [getattr(app, "__module__", None), getattr(app, "import_name", None)]
    yield from (sys.modules[each] for each in named if isinstance(each, str) and each in sys.modules)
    others = [each for each in list(sys.modules.values()) if isinstance(each, ModuleType) and _module_file(each)]
    yield from sorted(others, key=lambda each: Path(_module_file(each)).name.startswith(("test_", "conftest")))


def _module_file(module: ModuleType) -> str:
    return getattr(module, "__file__", None) or ""


def _call_without_traceback(trio_thread: TrioThread, function: Callable[..., Any], *arguments: Any) -> Any:
    """Call in the background; what is ours to explain comes without the frames that mean nothing to a test's author."""
    __tracebackhide__ = True
    try:
        return trio_thread.call(function, *arguments)
    except (GauntletError, Unsupported) as problem:
        raise problem.with_traceback(None) from None
