"""The adapter API: how one file in servers/ describes a server, and the command that starts it.

An adapter starts nothing itself. It returns a `Command`, a value, and instance.py does the rest. So an adapter is short
and can be tested without a server. Server authors import this API from `wsgi_gauntlet.adapters`.
"""

from __future__ import annotations

import enum
import json
import re
import shlex
import shutil
import signal
import subprocess
import sys
from abc import ABC, abstractmethod
from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import lru_cache
from importlib import metadata
from pathlib import Path
from typing import ClassVar

import msgspec
from packaging.utils import canonicalize_name
from packaging.version import Version

from wsgi_gauntlet.harness.errors import ConfigurationError, Unsupported
from wsgi_gauntlet.harness.http.address import Address
from wsgi_gauntlet.harness.model import ConfigOverride
from wsgi_gauntlet.harness.server.certificates import CertificateFiles
from wsgi_gauntlet.harness.server.deployment import DeploymentFile, DeploymentSite
from wsgi_gauntlet.harness.server.static_mapping import StaticMapping


@dataclass(frozen=True)
class Settings:
    """The settings of a server that the user or a case asks for, in terms that all servers share.

    None leaves the server's default. `keep_alive` and `timeout` are seconds. `tls`: the server uses https with the
    certificate `Launch.identity`. `unix`: it listens on a Unix socket. `tuned`: use the settings that its documentation
    recommends (see Adapter.tuned_settings). `features` are words that the adapter itself defines.
    The command line has no words for the last two. `mount` is the path prefix of the app ('' or '/x'). `deployed` are
    variables that a deployer puts into the environ of every request. `max_requests` is the number of requests after
    which the server replaces a worker process.
    """

    workers: int | None = None
    threads: int | None = None
    keep_alive: float | None = None
    timeout: float | None = None
    backlog: int | None = None
    max_requests: int | None = None
    tls: bool = False
    unix: bool = False
    tuned: bool = False
    features: frozenset[str] = frozenset()
    mount: str = ""
    deployed: tuple[tuple[str, str], ...] = ()


class Protocol(enum.StrEnum):
    """The protocol that a server uses at its address."""

    HTTP = "http"
    UWSGI = "uwsgi"


@dataclass(frozen=True)
class Launch:
    """What an adapter must start, and where.

    `app` is `module:callable` and can be imported. `protocol` is the one to use at `address`. `upstream` is the server
    behind a proxy; it uses `upstream_protocol`. `other_upstreams` are more of them, see Adapter.upstream_count.
    `identity` names the certificate and key files, None unless `address.tls`. `config` is the configuration file of the
    user that the server must use, None without one; see ServerDescription.config_patterns. `static` are files that the
    server sends by itself if it `maps_static_files`, the longest prefix first; `settings.mount` stands before a prefix.
    `folder` is private to this instance. The server may write there, also as the user that it changes to. Until the
    harness starts the server, `folder` is empty and a TCP `address` has port 0: `Adapter.supports` may be asked before.
    """

    python: str
    executable: str
    address: Address
    app: str
    folder: Path = Path()
    settings: Settings = field(default_factory=Settings)
    variant: str = ""
    protocol: Protocol = Protocol.HTTP
    upstream: Address | None = None
    upstream_protocol: Protocol = Protocol.HTTP
    other_upstreams: tuple[Address, ...] = ()
    identity: CertificateFiles | None = None
    config: Path | None = None
    static: tuple[StaticMapping, ...] = ()

    @property
    def upstream_transport(self) -> str:
        """How a proxy passes requests on, for its conditions: `http over TCP`, `uwsgi over a Unix socket`."""
        over_tls, socket = (self.upstream.tls, self.upstream.path) if self.upstream else (False, "")
        return f"{'https' if over_tls else self.upstream_protocol} over {'a Unix socket' if socket else 'TCP'}"


@dataclass(frozen=True)
class Command:
    """How to start a server.

    `files` (name to text) are written into the launch folder first; names may contain folders. `executables` are the
    files that must be executable. `environment` is added to the server's. `stop_signal` stops it in good order.
    `reload_signal` makes it load the app again, None if no signal does. It runs in `folder`, or in the launch folder.

    With a configuration file of the user: `overrides` are the settings that the harness replaced in it. `check` is a
    command that checks `files`, serves nothing and fails with the server's message. `sources` are the files of the user
    by the names of their copies in `files`.
    `graceful_signals` are those after which, by the server's documentation, it finishes requests in flight and ends.
    `quick_signals` are those after which it ends at once, by its documentation. Other signals are in neither.
    """

    argv: tuple[str, ...]
    environment: Mapping[str, str] = field(default_factory=dict)
    files: Mapping[str, str] = field(default_factory=dict)
    executables: tuple[str, ...] = ()
    stop_signal: signal.Signals = signal.SIGTERM
    reload_signal: signal.Signals | None = None
    folder: Path | None = None
    overrides: tuple[ConfigOverride, ...] = ()
    check: tuple[str, ...] = ()
    sources: Mapping[str, Path] = field(default_factory=dict)
    graceful_signals: tuple[signal.Signals, ...] = ()
    quick_signals: tuple[signal.Signals, ...] = ()


@dataclass(frozen=True)
class Installation:
    """Whether a server is installed.

    `executable` is the program to run. `why` says what is missing, `get` is the command that installs it, '' if there
    is none. `python` is the interpreter that runs the app, if it is not the requested one: a server may be built into
    its own.
    """

    version: str = ""
    executable: str = ""
    why: str = ""
    get: str = ""
    python: str = ""

    @property
    def available(self) -> bool:
        """Whether the server can be started."""
        return not self.why

    @property
    def missing_message(self) -> str:
        """What is missing and the command that installs it, if there is one; '' if nothing is missing."""
        return f"{self.why}; get it with: {self.get}" if self.get else self.why


class ServerDescription:
    """What is known about one server, apart from how to start it. Each attribute has a default but name and title.

    `name` and `title` are for the command line and for people. `variants` maps each variant to its description; the
    first is the default. `features` maps each word that may stand in brackets, as in nginx[gzip], to its description.

    To install it: `distribution` is its name on the package index. `requires` are the pip requirements for all
    variants; empty means the distribution alone. `extra_requirements` names the distributions that a variant needs too.
    `minimum_version` is the first version that the adapter can start. `unavailable_reason` says
    why no current interpreter can have the server, '' if one can.

    In a run: `default_variants` are the server names of this file in a run without names. Empty means the adapter's
    name, None means no server. `front` means a proxy, which needs a server behind it.

    To start it: `protocols` are those that it can use. `unix_only`: it needs a Unix socket. `tls_only`: it needs TLS.
    `in_process_variants` call the server's request handler without a socket (http/pipe_server.py), through
    `launch.address.pipe_socket`. `unprivileged_user`: it does not serve as root, so an unprivileged user starts it and
    owns its folder. `locates_app_itself`: its command chooses folder and interpreter. `start_failure_hint` is a likely
    reason if the server does not serve the app.

    `config_patterns` are the usual names of its configuration file, as `*.conf`. Empty means that it has none, and
    --config does not work for it.

    `for_development` is the sentence of its documentation that says that it is for development and not for production,
    in quotes, and the address of that sentence; '' if there is none. Reports then call it `development only`.

    `deployment_guides` are the frameworks whose guide to deployment has a page or a section about it. A search that has
    no time for every server measures those first that most guides name.

    `environ_support` says how the variables of `Settings.deployed` reach environ, for the evidence; '' if unknown.
    Every server has them in the environment of its process. `recycles_workers`: it has an option for
    `Settings.max_requests`. `maps_static_files`: it sends the files of `Launch.static`; without that, the app gets the
    requests for them.
    """

    name: ClassVar[str]
    title: ClassVar[str]
    variants: ClassVar[Mapping[str, str]] = {}
    distribution: ClassVar[str] = ""
    requires: ClassVar[tuple[str, ...]] = ()
    extra_requirements: ClassVar[Mapping[str, tuple[str, ...]]] = {}
    features: ClassVar[Mapping[str, str]] = {}
    unavailable_reason: ClassVar[str] = ""
    minimum_version: ClassVar[str] = ""
    front: ClassVar[bool] = False
    config_patterns: ClassVar[tuple[str, ...]] = ()
    protocols: ClassVar[frozenset[Protocol]] = frozenset({Protocol.HTTP})
    default_variants: ClassVar[tuple[str, ...] | None] = ()
    for_development: ClassVar[str] = ""
    deployment_guides: ClassVar[tuple[str, ...]] = ()
    environ_support: ClassVar[str] = ""
    recycles_workers: bool = False
    maps_static_files: bool = False
    unix_only: bool = False
    tls_only: bool = False
    start_failure_hint: str = ""
    unprivileged_user: ClassVar[bool] = False
    locates_app_itself: ClassVar[bool] = False
    in_process_variants: ClassVar[frozenset[str]] = frozenset()

    def find(self, python: str) -> Installation:
        """Return the installation of this server in the interpreter `python`."""
        if self.unavailable_reason:
            return Installation(why=self.unavailable_reason)
        if not self.distribution:
            return Installation(version=python_version(python), executable=python)
        version = distribution_version(python, self.distribution)
        if version:
            return Installation(version=version, executable=python)
        return Installation(
            why=f"{self.distribution} is not installed for {python}",
            get=pip_install_command(python, *(self.requires or (self.distribution,))),
        )

    def preload(self, launch: Launch) -> tuple[str, ...]:  # noqa: ARG002 - adapters use what they need of it
        """Return the modules that its command imports for each instance, and that do nothing else when imported.

        A check of many instances then imports them once (process/fork_server_main.py). A module that starts threads,
        patches others, or reads the environment or the working folder must not be among them. () means that each
        instance is started anew.
        """
        return ()

    def missing_for(self, python: str, variant: str) -> Installation:
        """Return what `variant` lacks in `python` beside the server itself; an empty Installation if nothing."""
        version = distribution_version(python, self.distribution) if self.minimum_version else ""
        if version and Version(version) < Version(self.minimum_version):
            return Installation(
                why=(
                    f"{self.name} {version} is too old for its adapter, which starts version {self.minimum_version} "
                    "and newer"
                ),
                get=pip_install_command(python, f"{self.distribution}>={self.minimum_version}"),
            )
        missing = [each for each in self.extra_requirements.get(variant, ()) if not distribution_version(python, each)]
        if not missing:
            return Installation()
        words = " and ".join(missing)
        return Installation(
            why=f"{self.name}:{variant} needs {words}, not installed for {python}",
            get=pip_install_command(python, *missing),
        )

    def app(self, app: str) -> str:
        """Return the app that is served in place of `app`: the server of one framework serves only apps of it.

        Raises Unsupported if there is none.
        """
        return app

    def protocol_for(self, variant: str, upstream: ServerDescription) -> tuple[Protocol, bool]:  # noqa: ARG002 - see below
        """For a proxy: return the protocol to `upstream`, and whether it goes over a Unix socket.

        The default is HTTP, over TCP unless the variant is `unix`. Proxies with other protocols override this.
        """
        return Protocol.HTTP, variant == "unix"

    def config_protocol(self, config: Path) -> Protocol | None:  # noqa: ARG002 - likewise
        """For a proxy: return the protocol to the server behind it in the file `config`, None if every one works.

        Raises ConfigurationError if the file does not say.
        """
        return None

    def upstream_count(self, settings: Settings) -> int:  # noqa: ARG002 - likewise
        """For a proxy: return how many instances of the server behind it are started."""
        return 1

    def upstream_mount(self, settings: Settings, number: int) -> str:  # noqa: ARG002 - likewise
        """For a proxy: return the path prefix at which instance `number` behind it mounts the app, '' for its own.

        This is for a proxy that selects an instance by path and passes the path on unchanged.
        """
        return ""

    def tuned_settings(self, variant: str, cores: int) -> Settings:  # noqa: ARG002 - likewise
        """Return the settings that the documentation recommends for `variant` on `cores` cores; Settings() if none.

        An override names its source. Settings of the user take precedence.
        """
        return Settings()

    def conditions(self, launch: Launch) -> dict[str, object]:
        """Return the effective settings that a reader of a figure must know: workers, threads, keep-alive, backlog."""
        asked = launch.settings
        named = {
            "workers": asked.workers,
            "threads": asked.threads,
            "keep-alive": asked.keep_alive,
            "timeout": asked.timeout,
            "backlog": asked.backlog,
            "max-requests": asked.max_requests,
        }
        return {name: value for name, value in named.items() if value is not None}


class Adapter(ServerDescription, ABC):
    """A server that the harness can start."""

    def supports(self, launch: Launch) -> str:
        """Return why the server has no way to do what `launch` asks; '' if it has one.

        `launch.settings` is the usual reason. Neither port nor folder may be chosen yet. Do not check the protocol or
        whether a proxy has a server behind it: the harness does that.
        """
        # Adapters that were written before this method raise Unsupported in `command`, which starts nothing.
        try:
            self.command(launch)
        except Unsupported as why:
            return str(why)
        return ""

    @abstractmethod
    def command(self, launch: Launch) -> Command:
        """Return the command that starts the server for a launch that it supports."""

    def deployment(self, launch: Launch, site: DeploymentSite) -> tuple[DeploymentFile, ...]:  # noqa: ARG002 - as above
        """Return the files with which a person starts the server as it was measured, the one that starts it first.

        `launch` has the measured settings, variant and interpreter, and the addresses, the app and the folder of
        `site`. () means that there is no such file: then people get the command that was measured. Raises Unsupported
        with the reason if files cannot do what was measured.
        """
        return ()


def unsupported_reason(adapter: ServerDescription, launch: Launch) -> str:
    """Return why `adapter` cannot start `launch`, '' if it can. Starts nothing."""
    if not isinstance(adapter, Adapter):
        return f"{adapter.name} cannot be started: {adapter.unavailable_reason}"
    if launch.protocol not in adapter.protocols:
        return f"{adapter.name} does not speak {launch.protocol}"
    if adapter.front and launch.upstream is None:
        return f"{adapter.name} is a proxy and needs a server behind it, as {adapter.name}+gunicorn"
    if launch.settings.max_requests is not None and not adapter.recycles_workers:
        return f"{adapter.name} has no option for max-requests: it does not replace a process after many requests"
    return adapter.supports(launch)


def start_command(adapter: ServerDescription, launch: Launch) -> Command:
    """Return the command that starts the server. Raises Unsupported, with the reason, if the adapter cannot do it."""
    reason = unsupported_reason(adapter, launch)
    if reason or not isinstance(adapter, Adapter):
        raise Unsupported(reason)
    return adapter.command(launch)


def no_option_for(server: str, **asked: object) -> str:
    """Return that `server` has no option for the first true value of `asked`; '' if there is none."""
    return next((f"{server} has no option for {name.replace('_', ' ')}" for name, value in asked.items() if value), "")


def reject_unsupported(adapter: str, **asked: object) -> None:
    """Raise Unsupported as `no_option_for` describes. For adapters that were written before `Adapter.supports`."""
    if reason := no_option_for(adapter, **asked):
        raise Unsupported(reason)


def executable_beside(python: str, command: str) -> Path:
    """Return the path of `command` beside the interpreter `python`, which may be a name on PATH."""
    return Path(absolute_interpreter(shutil.which(python) or python)).parent / command


def absolute_interpreter(python: str) -> str:
    """Return `python` as an absolute path. Links are not followed: a link may be an environment's interpreter."""
    return str(Path(python).absolute()) if "/" in python else python


def pip_install_command(python: str, *wanted: str) -> str:
    """Return the command that installs `wanted` for the interpreter `python`, quoted for a shell.

    An environment of pipx or uv belongs to that tool and is often in its cache, so the command makes a new environment.
    One that `uv venv` made for a project has no pip, so uv installs into it.
    """
    environment = Path(python).absolute().parent.parent
    if _is_tool_environment(environment):
        install = shlex.join(["servers/bin/pip", "install", *wanted])
        return f"python3 -m venv servers && {install}, then --python servers/bin/python"
    if _is_without_pip(environment):
        return shlex.join(["uv", "pip", "install", "--python", python, *wanted])
    return shlex.join([python, "-m", "pip", "install", *wanted])


def _is_without_pip(environment: Path) -> bool:
    try:
        lines = (environment / "pyvenv.cfg").read_text(encoding="utf-8", errors="replace").splitlines()
    except OSError:
        return False
    made_by_uv = any(line.replace(" ", "").startswith("uv=") for line in lines)
    return made_by_uv and not any(environment.glob("lib/python*/site-packages/pip/__init__.py"))


def _is_tool_environment(environment: Path) -> bool:
    marker_files = ("pipx_metadata.json", "uv-receipt.toml")
    return environment.parent.name.startswith("archive-v") or any(
        (environment / each).exists() for each in marker_files
    )


def distribution_version(python: str, distribution: str) -> str:
    """Return the version of `distribution` in the interpreter `python`, '' if it is not installed.

    Raises ConfigurationError if `python` cannot be run.
    """
    if python == sys.executable:
        try:
            return _metadata_version(metadata.distribution(distribution))
        except metadata.PackageNotFoundError:
            return ""
    return _installed_distributions(python).get(str(canonicalize_name(distribution)), "")


def _metadata_version(found: metadata.Distribution) -> str:
    # `found.version` parses the whole file as an e-mail, which takes a millisecond. Plans ask thousands of times.
    head = (found.read_text("METADATA") or "").partition("\n\n")[0]
    line = re.search(r"^Version:[ \t]*(\S+)[ \t]*$", head, re.MULTILINE)
    return line[1] if line else found.version


@lru_cache(maxsize=64)
def _installed_distributions(python: str) -> Mapping[str, str]:
    # All at once: starting an interpreter takes longer than listing all its distributions.
    output = _query_interpreter(
        python,
        "import importlib.metadata as m, json\n"
        "found = [(each.metadata['Name'], each.version) for each in m.distributions()]\n"
        "print(json.dumps([each for each in found if all(each)]))",
    )
    found = msgspec.convert(output or [], list[tuple[str, str]])
    # The first one of a name is the one that is imported.
    return {str(canonicalize_name(name)): version for name, version in reversed(found)}


@lru_cache(maxsize=64)
def direct_url_origin(python: str, distribution: str) -> str:
    """Return the folder or repository that `distribution` in the interpreter `python` was installed from, else ''.

    Such an installation has the version that its files say, and need not be the release of that number (PEP 610,
    direct_url.json). Raises ConfigurationError if `python` cannot be run.
    """
    output = _query_interpreter(
        python,
        "import importlib.metadata as m, json, sys\n"
        f"print(json.dumps(m.distribution({distribution!r}).read_text('direct_url.json')))",
    )
    try:
        found = json.loads(str(output or "{}"))
        return str(found["url"]).removeprefix("file://") if "dir_info" in found or "vcs_info" in found else ""
    except (ValueError, TypeError, KeyError):
        return ""


@lru_cache(maxsize=64)
def python_version(python: str) -> str:
    """Return the version of the interpreter `python`, as `3.11.7` or `PyPy 3.10.14`.

    Raises ConfigurationError if it cannot be run.
    """
    output = _query_interpreter(
        python,
        "import json, platform as p\n"
        "name = p.python_implementation()\n"
        "print(json.dumps(('' if name == 'CPython' else name + ' ') + p.python_version()))",
    )
    return str(output or "")


def _query_interpreter(python: str, program: str) -> object:
    """Return the JSON value that `program` prints in `python`, None if it prints none."""
    try:
        done = subprocess.run([python, "-c", program], capture_output=True, timeout=30, check=False)
        result: object = json.loads(done.stdout)
        return result
    except ValueError:
        return None
    except (OSError, subprocess.TimeoutExpired) as problem:
        why = problem.strerror if isinstance(problem, OSError) else "it did not answer in 30 s"
        raise ConfigurationError(f"{python} cannot be run ({why}); name an interpreter with --python") from None
