"""The fixture `wsgi_server`: start any server of wsgi-gauntlet with the user's app, in the user's tests."""

from __future__ import annotations

import importlib.util
import os
import site
import ssl
import sys
import sysconfig
import tempfile
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from types import ModuleType
from typing import TYPE_CHECKING, Any, Self

from wsgi_gauntlet.harness import config
from wsgi_gauntlet.harness.errors import ConfigurationError, GauntletError, Unsupported
from wsgi_gauntlet.harness.events import ignore_event
from wsgi_gauntlet.harness.http.address import Address
from wsgi_gauntlet.harness.pytest_plugin.trio_thread import HostedServer, TrioThread
from wsgi_gauntlet.harness.server import name as naming
from wsgi_gauntlet.harness.server import planning
from wsgi_gauntlet.harness.server.app_name import AppName, FactoryArguments, parse_app_name
from wsgi_gauntlet.harness.server.certificates import identity
from wsgi_gauntlet.harness.server.environments import versioned
from wsgi_gauntlet.harness.server.plan import Plan
from wsgi_gauntlet.harness.server.temp_dirs import SCRATCH_PREFIX

if TYPE_CHECKING:
    import httpx

App = str | Callable[..., Any]

CUSTOM_SERVER = "custom"
"""The name of the server of `command=`, as with --command."""

CLIENT_TIMEOUT_SECONDS = 30.0
"""Time-out of `client` in seconds. A server on the same machine that needs longer does not respond."""


@dataclass(frozen=True)
class ServerRequest:
    """The server that a test asks for, with the names of the arguments of `LiveServers.__call__`."""

    server: str
    app: App
    factory: bool = False
    command: str = ""
    environment: Mapping[str, str] = field(default_factory=dict)
    unix: bool = False
    settings: Mapping[str, object] = field(default_factory=dict)


class LiveServer:
    """One running server. `address` and `client` are new after `restart`: ask for them, never keep them.

    As a context manager it stops the server at the end of the block.
    """

    def __init__(self, trio_thread: TrioThread, hosted: HostedServer) -> None:
        self._trio_thread = trio_thread
        self._hosted = hosted
        self._client: httpx.Client | None = None
        self._final_log: str | None = None

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_error: object) -> None:
        self.stop()

    @property
    def name(self) -> str:
        """The server name, such as `gunicorn:gthread[threads=4]`."""
        return self._hosted.server.name

    @property
    def address(self) -> Address:
        """The address of the server: `host` and `port`, or `path` of a Unix socket."""
        return self._hosted.server.address

    @property
    def url(self) -> str:
        """The origin, such as `http://127.0.0.1:40123`, without a slash at the end."""
        return self.address.url

    @property
    def pid(self) -> int:
        """The id of the server's first process, 0 if it was stopped. In a chain, that of the proxy."""
        return self._hosted.server.pid

    @property
    def ended(self) -> str:
        """How the server ended: 'exit code 3' or 'signal SIGSEGV'. '' while it runs."""
        return self._hosted.server.ended

    @property
    def command_line(self) -> str:
        """The command that started it."""
        return self._hosted.server.command_line

    @property
    def log(self) -> str:
        """The output of the server until now, from all starts: at most 64 KiB, cut in the middle."""
        return self._hosted.server.log_since(0) if self._final_log is None else self._final_log

    @property
    def client(self) -> httpx.Client:
        """An httpx client with `url` as its base. It ignores proxies and redirects, and is closed automatically."""
        import httpx

        if self._client is None:
            verify = ssl.create_default_context(cadata=self.certificate_authority) if self.address.tls else True
            self._client = httpx.Client(
                base_url=self.url,
                timeout=CLIENT_TIMEOUT_SECONDS,
                trust_env=False,
                transport=httpx.HTTPTransport(verify=verify, trust_env=False, uds=self.address.path or None),
            )
        return self._client

    @property
    def certificate_authority(self) -> str:
        """The authority, in PEM, that signed the certificate of a server with TLS. `client` trusts it."""
        return identity().authority.decode()

    def restart(self) -> None:
        """Stop the server and start it again, on another port. Raises ServerDidNotStart."""
        __tracebackhide__ = True
        self._forget_client()
        _call_without_traceback(self._trio_thread, self._hosted.server.restart)

    def stop(self) -> None:
        """Stop the server with SIGTERM or its own signal, and SIGKILL after 1.5 s. Repeated calls do nothing."""
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
    """Call it to start a server. `root` is the project's folder, from which the app can be imported."""

    def __init__(self, trio_thread: TrioThread, root: Path, python: str = "") -> None:
        self._trio_thread = trio_thread
        self._root = root
        self._python = python or sys.executable
        self._started: list[LiveServer] = []
        self._modules: tempfile.TemporaryDirectory[str] | None = None

    def __call__(
        self,
        server: str = "",
        *,
        app: App,
        factory: bool = False,
        command: str = "",
        python: str = "",
        environment: Mapping[str, str] | None = None,
        unix: bool = False,
        **settings: float | bool,
    ) -> LiveServer:
        """Start `server` (a server name as on the command line) and return it when it responds to a GET of /nonce.

        `app` is `module:callable`, `module:function("argument")`, or the callable itself if it is defined at the top
        level of a module. With `factory` the callable is a function that makes the app. `command` is a command template
        in place of a server name. `environment` is added to the environment of the test. With `unix` the server listens
        on a Unix socket. `settings` are those of a server name: `workers=2, threads=4, tls=True`.
        Raises UsageError for wrong arguments, ServerDidNotStart with the line of the log that explains it.
        """
        __tracebackhide__ = True
        request = ServerRequest(server, app, factory, command, environment or {}, unix, settings)
        try:
            plan = self._plan(request, python or self._python)
        except (GauntletError, Unsupported) as problem:
            raise problem.with_traceback(None) from None
        started = LiveServer(self._trio_thread, _call_without_traceback(self._trio_thread, self._start_server, plan))
        self._started.append(started)
        return started

    def stop(self) -> None:
        """Stop all started servers, the last one first."""
        while self._started:
            self._started.pop().stop()
        if self._modules is not None:
            self._modules.cleanup()
            self._modules = None

    async def _start_server(self, plan: Plan) -> HostedServer:
        return await self._trio_thread.start_server(plan, observe=False)

    def _plan(self, request: ServerRequest, python: str) -> Plan:
        custom = config.load_nearest(self._root).servers
        if request.command:
            custom = {**custom, CUSTOM_SERVER: request.command}
        name, folders = importable_name(request.app, self._root)
        made = parse_app_name(name, "app=")
        if request.factory and made.arguments is None:
            made = replace(made, arguments=FactoryArguments())
        plan = planning.plan(server_name(request), python=python, app=name, custom=custom)
        plan = versioned.ensure_environments(plan, ignore_event)
        planning.require(plan)
        planning.require_app(made.text, plan.app_plan.python, *folders, label="app=")
        if made.arguments is not None:
            name, folder = self._write_factory_module(made)
            folders = [folder, *folders]
        added = dict(request.environment)
        if not name.startswith("gauntlet_apps."):
            added.setdefault("PYTHONPATH", os.pathsep.join(map(str, folders)))
        upstream_plan = replace(plan.upstream, app=name, environment=added) if plan.upstream else None
        return replace(plan, app=name, environment=added, upstream=upstream_plan, unix=request.unix)

    def _write_factory_module(self, made: AppName) -> tuple[str, Path]:
        """Write a module whose `application` is the app that the function makes; return its name and its folder."""
        if self._modules is None:
            self._modules = tempfile.TemporaryDirectory(prefix=f"{SCRATCH_PREFIX}{os.getpid()}-")
        folder = Path(self._modules.name)
        folder.chmod(0o755)  # some servers give up root before they import the app
        module = f"wsgi_gauntlet_made_app_{len(list(folder.glob('*.py'))) + 1}"
        (folder / f"{module}.py").write_text(factory_module(made), encoding="utf-8")
        return f"{module}:application", folder


def server_name(request: ServerRequest) -> str:
    """Return the name of the server with the settings of `request`. Raises ConfigurationError."""
    name = request.server or (CUSTOM_SERVER if request.command else "")
    if not name:
        raise ConfigurationError('name a server, as wsgi_server("gunicorn", app=...), or give command="..."')
    is_file = name.endswith(".py")
    if request.command and (is_file or naming.parse(name).server.adapter != CUSTOM_SERVER):
        raise ConfigurationError(
            f"command= describes the server named {CUSTOM_SERVER}, and the server is {name}: leave out one of them"
        )
    for key, value in request.settings.items():
        if is_file:
            raise ConfigurationError(f"{key}= cannot be combined with an adapter file: the file has the settings")
        if not isinstance(value, bool | int | float):
            raise ConfigurationError(f"{key}={value!r}: a setting is a number, True or False")
        word = key if key in naming.SETTING_NAMES else key.replace("_", "-")
        if value is True:
            name = naming.with_setting(name, word)
        elif value is not False:
            name = naming.with_setting(name, f"{word}={value}")
        elif key in naming.BOOLEAN_SETTINGS:
            name = naming.with_setting(name, f"{word}=off")
    return name


def factory_module(made: AppName) -> str:
    """Return the source of a module whose `application` is the app that the function `made` makes."""
    arguments = made.arguments or FactoryArguments()
    return (
        "import functools\nimport importlib\n\n"
        f"make = functools.reduce(getattr, {made.attribute.split('.')!r}, importlib.import_module({made.module!r}))\n"
        f"application = make(*{arguments.positional!r}, **{dict(arguments.named)!r})\n"
    )


def importable_name(app: App, root: Path) -> tuple[str, list[Path]]:
    """Return `app` as `module:callable`, and the folders from which another process can import it.

    These are the folders on the path of this process that are not part of its installation, then `root`.
    Raises ConfigurationError if no module has the object at its top level.
    """
    folders = [*_project_paths(), root]
    if isinstance(app, str):
        return app, folders
    module, name = _module_and_name(app)
    file = Path(module.__file__ or "").resolve()
    if importlib.util.find_spec(module.__name__.partition(".")[0]) is not None and _imports_by_name(module, folders):
        return f"{module.__name__}:{name}", folders
    # pytest gave the test module another name: find it by its file.
    parts, folder = [file.stem], file.parent
    while (folder / "__init__.py").exists() and folder != folder.parent:
        parts.insert(0, folder.name)
        folder = folder.parent
    return f"{'.'.join(parts)}:{name}", [folder, *folders]


def _imports_by_name(module: ModuleType, folders: list[Path]) -> bool:
    """Say whether another interpreter with `folders` on its path imports the same file by the module's name."""
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
        f"app={app!r} is not at the top level of an imported module; the server is another process and must import "
        'it: move it there, or pass app="module:callable"'
    )


def _candidate_modules(app: Callable[..., Any]) -> Iterator[ModuleType]:
    # A function and a Flask app know their module. Among the other modules, test modules come last: importing one
    # imports pytest into the server.
    named = [getattr(app, "__module__", None), getattr(app, "import_name", None)]
    yield from (sys.modules[each] for each in named if isinstance(each, str) and each in sys.modules)
    others = [each for each in list(sys.modules.values()) if isinstance(each, ModuleType) and _module_file(each)]
    yield from sorted(others, key=lambda each: Path(_module_file(each)).name.startswith(("test_", "conftest")))


def _module_file(module: ModuleType) -> str:
    return getattr(module, "__file__", None) or ""


def _call_without_traceback(trio_thread: TrioThread, function: Callable[..., Any], *arguments: Any) -> Any:
    """Call `function` in the loop. Errors that explain themselves are raised without the frames of the harness."""
    __tracebackhide__ = True
    try:
        return trio_thread.call(function, *arguments)
    except (GauntletError, Unsupported) as problem:
        raise problem.with_traceback(None) from None
