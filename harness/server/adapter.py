"""What one file in servers/ says of a server: whether it is here, and the command that starts it.

An adapter starts nothing itself: it returns a `Command`, a value, and launch.py does the rest. That keeps an adapter at
about twenty lines and makes it testable without a server.
"""

from __future__ import annotations

import enum
import json
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
from typing import Any, ClassVar

from packaging.utils import canonicalize_name
from packaging.version import Version

from wsgi_gauntlet.harness.errors import ConfigurationError, Unsupported
from wsgi_gauntlet.harness.http.address import Address
from wsgi_gauntlet.harness.server.certificates import CertificateFiles


@dataclass(frozen=True)
class Settings:
    """What the user or a case asks of a server, in words that all servers share; None leaves its default.

    `keep_alive` and `timeout` are seconds. `tls` has it speak https, with the certificate of `Launch.identity`, `unix`
    has it listen on a Unix socket. `tuned` asks for what its documentation advises in place of its defaults (see
    Adapter.tuned). `features` are words of the adapter's own, from its `features`.
    `mount` is the path prefix ('' or '/x') that the app is to be found under, `deployed` are variables that its
    deployer puts into every request's environ; neither can be written on the command line.
    """

    workers: int | None = None
    threads: int | None = None
    keep_alive: float | None = None
    timeout: float | None = None
    backlog: int | None = None
    tls: bool = False
    unix: bool = False
    tuned: bool = False
    features: frozenset[str] = frozenset()
    mount: str = ""
    deployed: tuple[tuple[str, str], ...] = ()


class Protocol(enum.StrEnum):
    """What is spoken at an address."""

    HTTP = "http"
    UWSGI = "uwsgi"


@dataclass(frozen=True)
class Launch:
    """What an adapter is to start, and where.

    `folder` is private to this instance and writable, also by whatever user the server changes to. `app` is
    `module:callable`, importable through the PYTHONPATH that launch.py sets. `upstream` is the server behind a front,
    which speaks `upstream_protocol`, and `others` are further ones like it, for a front that asked for some (see
    Adapter.upstreams). `protocol` is what the server is to speak at `address`. `identity` is where its
    certificate and key are, None unless `address.tls`.
    """

    python: str
    executable: str
    address: Address
    app: str
    folder: Path
    settings: Settings = field(default_factory=Settings)
    variant: str = ""
    protocol: Protocol = Protocol.HTTP
    upstream: Address | None = None
    upstream_protocol: Protocol = Protocol.HTTP
    other_upstreams: tuple[Address, ...] = ()
    identity: CertificateFiles | None = None

    @property
    def upstream_transport(self) -> str:
        """How a front passes requests on, for its conditions: `http over TCP`, `uwsgi over a Unix socket`."""
        over_tls, socket = (self.upstream.tls, self.upstream.path) if self.upstream else (False, "")
        return f"{'https' if over_tls else self.upstream_protocol} over {'a Unix socket' if socket else 'TCP'}"


@dataclass(frozen=True)
class Command:
    """How to start it: `files` (name to text) are written into the launch folder first, `environment` is added.

    The names of files may have folders in front of them; `executables` are those that are to be programs. `reload` is
    the signal that makes it load the app anew, None where there is none. `stop` ends it in good order. It runs in the
    launch folder unless `folder` names another.
    """

    argv: tuple[str, ...]
    environment: Mapping[str, str] = field(default_factory=dict)
    files: Mapping[str, str] = field(default_factory=dict)
    executables: tuple[str, ...] = ()
    stop_signal: signal.Signals = signal.SIGTERM
    reload_signal: signal.Signals | None = None
    folder: Path | None = None


@dataclass(frozen=True)
class Installation:
    """Whether a server is here. `executable` is what to run; `why` and `get` say what is missing and how to get it.

    `get` is '' where nothing gets it. `python` is the interpreter that runs the app, where that is not the one asked
    for: a server may have been built into its own.
    """

    version: str = ""
    executable: str = ""
    why: str = ""
    get: str = ""
    python: str = ""

    @property
    def available(self) -> bool:
        """Say whether it can be started."""
        return not self.why

    @property
    def missing_message(self) -> str:
        """What is missing and, where something gets it, the command that does; '' where nothing is missing."""
        return f"{self.why}; get it with: {self.get}" if self.get else self.why


class Adapter(ABC):
    """One server. `variants` maps each mode's name to a line on it; the first is the default; may be empty.

    `distribution` is its name on the package index, for finding it in the interpreter that is to run it; `requires` is
    what an environment needs that is to have it and all its variants, as pip takes it, the distribution alone where it
    is empty. `companions` names the distributions that a variant needs beside it. `gone` says why no interpreter of
    today can have it, '' for all that can be had. `features` maps words that may stand in its brackets, as in
    nginx[gzip], to a line on each.
    `front` is true of a proxy, which needs an upstream. `lineup` names the servers that a run without names includes of
    this file, in the words of the command line; where it is empty, that is the adapter's own name, and where it is
    None there are none: it is put through a run only where it is named. `unix_only` is true of a server that can be
    reached over a Unix socket alone. `socketless` names the variants that call the server's request handler without a
    socket (transports/pipe_server.py): they serve the door at `launch.address.door`. `tls_only` is true of a server
    that speaks nothing but https. `unprivileged_user` is true of a server that does not serve as root: it is started
    as an ordinary user then, to whom its folder belongs. `locates_app_itself` is true of one whose command chooses its
    folder and its interpreter by itself.

    `oldest` is the first version of the distribution that the adapter can start. `unready` is what may be wrong where
    the server does not serve the app, for the error's message.

    `deployment` says in which ways the variables of `Settings.deployed` are handed over, for the evidence. Every server
    has them in the environment of its process; it is empty where nobody knows whether it has a way of its own as well.
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
    default_variants: ClassVar[tuple[str, ...] | None] = ()
    environ_support: ClassVar[str] = ""
    unix_only: bool = False
    tls_only: bool = False
    start_failure_hint: str = ""
    unprivileged_user: ClassVar[bool] = False
    locates_app_itself: ClassVar[bool] = False
    in_process_variants: ClassVar[frozenset[str]] = frozenset()

    def find(self, python: str) -> Installation:
        """Return what there is of this server in the interpreter `python`."""
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

    def missing_for(self, python: str, variant: str) -> Installation:
        """Return what `variant` lacks in `python` beside the server itself, a Found without a `why` for nothing."""
        version = distribution_version(python, self.distribution) if self.minimum_version else ""
        if version and Version(version) < Version(self.minimum_version):
            return Installation(
                why=(
                    f"{self.name} {version} cannot be started by its adapter; it is started from "
                    f"{self.minimum_version} on"
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

    @abstractmethod
    def command(self, launch: Launch) -> Command:
        """Return the command that starts the server as `launch` says.

        Raises Unsupported, with the reason, for what this server has no option for.
        """

    def app(self, app: str) -> str:
        """Return the app that is served where `app` is asked for: a server of one framework serves that one's alone.

        Raises Unsupported where there is none.
        """
        return app

    def protocol_for(self, variant: str, upstream: Adapter) -> tuple[Protocol, bool]:  # noqa: ARG002 - see below
        """For a front: what it speaks to `upstream`, and whether over a Unix socket.

        HTTP, over TCP unless the variant is `unix`; overridden by fronts that speak something else as well.
        """
        return Protocol.HTTP, variant == "unix"

    def upstream_count(self, settings: Settings) -> int:  # noqa: ARG002 - likewise
        """For a front: how many instances of the server behind it are started. Overridden by fronts alone."""
        return 1

    def upstream_mount(self, settings: Settings, number: int) -> str:  # noqa: ARG002 - likewise
        """For a front: the path prefix at which instance `number` behind it is to mount the app, '' for its own.

        For a front that tells them apart by path and passes it on whole.
        """
        return ""

    def tuned_settings(self, variant: str, cores: int) -> Settings:  # noqa: ARG002 - likewise
        """Return what its documentation advises for `variant` on `cores` cores; plain Settings where that is nothing.

        Overridden where there is advice, with its source beside it. What the user writes goes before it.
        """
        return Settings()

    def conditions(self, launch: Launch) -> dict[str, object]:
        """Return what a figure must be read with: workers, threads, keep-alive, backlog, as they really are."""
        asked = launch.settings
        named = {
            "workers": asked.workers,
            "threads": asked.threads,
            "keep-alive": asked.keep_alive,
            "timeout": asked.timeout,
            "backlog": asked.backlog,
        }
        return {name: value for name, value in named.items() if value is not None}


def executable_beside(python: str, command: str) -> Path:
    """Return where `command` is if it is installed with the interpreter `python`, which may be a name on PATH."""
    return Path(absolute_interpreter(shutil.which(python) or python)).parent / command


def absolute_interpreter(python: str) -> str:
    """Return `python` so that it is the same from any folder; a link is not followed, it may be an environment's."""
    return str(Path(python).absolute()) if "/" in python else python


def reject_unsupported(adapter: str, **asked: object) -> None:
    """Raise Unsupported for the first of `asked` that is set: this server has no option for it."""
    for name, value in asked.items():
        if value:
            raise Unsupported(f"{adapter} has no option for {name.replace('_', ' ')}")


def pip_install_command(python: str, *wanted: str) -> str:
    """Return the command that installs `wanted` for the interpreter `python`, quoted for a shell.

    An environment that pipx or uv made for one tool is theirs, often a part of their cache: another one takes it.
    """
    if _is_tool_environment(Path(python).absolute().parent.parent):
        install = shlex.join(["servers/bin/pip", "install", *wanted])
        return f"python3 -m venv servers && {install}, then --python servers/bin/python"
    return shlex.join([python, "-m", "pip", "install", *wanted])


def _is_tool_environment(environment: Path) -> bool:
    marker_files = ("pipx_metadata.json", "uv-receipt.toml")
    return environment.parent.name.startswith("archive-v") or any(
        (environment / each).exists() for each in marker_files
    )


def distribution_version(python: str, distribution: str) -> str:
    """Return the version of `distribution` in the interpreter `python`, '' where it is not installed.

    Raises ConfigurationError where `python` cannot be run.
    """
    if python == sys.executable:
        try:
            return metadata.version(distribution)
        except metadata.PackageNotFoundError:
            return ""
    return _installed_distributions(python).get(str(canonicalize_name(distribution)), "")


@lru_cache(maxsize=64)
def _installed_distributions(python: str) -> Mapping[str, str]:
    # All at once: an interpreter takes longer to start than to list what is in it.
    output = _query_interpreter(
        python,
        "import importlib.metadata as m, json\n"
        "found = [(each.metadata['Name'], each.version) for each in m.distributions()]\n"
        "print(json.dumps([each for each in found if all(each)]))",
    )
    # The first is the one that is imported.
    return {str(canonicalize_name(name)): version for name, version in reversed(output or [])}


@lru_cache(maxsize=64)
def direct_url_origin(python: str, distribution: str) -> str:
    """Return where `distribution` comes from in the interpreter `python` where that is a folder or a repository.

    Such an installation, editable or not, has the version that its files say and need not be the release of that number
    (PEP 610, direct_url.json). '' for one from a package index. Raises ConfigurationError where `python` cannot be run.
    """
    output = _query_interpreter(
        python,
        "import importlib.metadata as m, json, sys\n"
        f"print(json.dumps(m.distribution({distribution!r}).read_text('direct_url.json')))",
    )
    try:
        found = json.loads(output or "{}")
        return str(found["url"]).removeprefix("file://") if "dir_info" in found or "vcs_info" in found else ""
    except (ValueError, TypeError, KeyError):
        return ""


@lru_cache(maxsize=64)
def python_version(python: str) -> str:
    """Return the version of the interpreter `python`, as `3.11.7` or `PyPy 3.10.14`.

    Raises ConfigurationError where it cannot be run.
    """
    output = _query_interpreter(
        python,
        "import json, platform as p\n"
        "name = p.python_implementation()\n"
        "print(json.dumps(('' if name == 'CPython' else name + ' ') + p.python_version()))",
    )
    return str(output or "")


def _query_interpreter(python: str, program: str) -> Any:
    """Return the JSON that `program` prints in `python`, None where it prints none."""
    try:
        done = subprocess.run([python, "-c", program], capture_output=True, timeout=30, check=False)
        return json.loads(done.stdout)
    except ValueError:
        return None
    except (OSError, subprocess.TimeoutExpired) as problem:
        why = problem.strerror if isinstance(problem, OSError) else "it did not answer in 30 s"
        raise ConfigurationError(f"{python} cannot be run ({why}); name an interpreter with --python") from None
