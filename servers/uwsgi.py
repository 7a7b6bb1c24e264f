"""uWSGI, from its wheel `pyuwsgi`, its sources, or Debian. https://uwsgi-docs.readthedocs.io/en/latest/Options.html"""

from __future__ import annotations

import shutil
import signal
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import ClassVar

from wsgi_gauntlet.harness.server.adapter import (
    Adapter,
    Command,
    Installation,
    Launch,
    Protocol,
    Settings,
    distribution_version,
    executable_beside,
    pip_install_command,
)
from wsgi_gauntlet.harness.server.deployment import DeploymentFile, DeploymentSite
from wsgi_gauntlet.harness.server.deployment_command import words_on_site
from wsgi_gauntlet.harness.server.static_mapping import mime_types_file
from wsgi_gauntlet.servers._support import script_server, system_programs, uwsgi_configuration, uwsgi_deployment

BACKLOG = 100
SOCKET_TIMEOUT = 4
BUFFER_SIZE = 4096
"""uWSGI's defaults, core/uwsgi.c of 2.0."""

ROUTER_TIMEOUT = 60
"""The router's time-out for an incomplete head: --http-timeout, plugins/http/http.c of 2.0."""

MIN_ROUTER_KEEP_ALIVE = 2
"""Seconds. The same file sets a keep-alive time only `if (uhttp.keepalive > 1)`; else ROUTER_TIMEOUT applies."""

MIN_WORKER_LIFETIME = 1
DEFAULT_WORKER_LIFETIME = 10
"""Seconds that a worker lives at least with --max-requests: those of the harness, and the default in core/uwsgi.c."""

QUICK_SIGNALS = (signal.SIGTERM, signal.SIGINT, signal.SIGQUIT)
"""https://uwsgi-docs.readthedocs.io/en/latest/Management.html: INT and QUIT "immediately kill the entire uWSGI stack".
TERM does the same with --die-on-term. No signal ends uWSGI gracefully."""

GREENLETS = 100
"""The number in its documentation of the gevent mode: https://uwsgi-docs.readthedocs.io/en/latest/Gevent.html"""

DEBIAN_SUFFIX = "-debian"
"""The end of the version of Debian's uWSGI: its plugins are separate files, and it runs apps in Debian's Python."""

DEBIAN_PYTHON = "/usr/bin/python3"
DEBIAN_GEVENT_PLUGIN = Path("/usr/lib/uwsgi/plugins/gevent_python3_plugin.so")


class Uwsgi(Adapter):
    """uWSGI with a master, as its documentation recommends, and no request log."""

    name = "uwsgi"
    title = "uWSGI"
    deployment_guides = ("Django", "Flask")
    distribution = "pyuwsgi"
    variants: ClassVar[Mapping[str, str]] = {
        "http-socket": "the worker itself speaks HTTP",
        "http": "a router process speaks HTTP and passes each request on",
        "gevent": f"{GREENLETS} greenlets in the worker itself, which speaks HTTP; the standard library is patched",
    }
    requires = ("pyuwsgi", "gevent")
    extra_requirements: ClassVar[Mapping[str, tuple[str, ...]]] = {"gevent": ("gevent",)}
    features: ClassVar[Mapping[str, str]] = {"no-master": "without --master, which is uWSGI's default"}
    protocols = frozenset({Protocol.HTTP, Protocol.UWSGI})
    config_patterns = ("*.ini", "*.yaml", "*.yml", "*.json", "*.xml")
    environ_support = "in the environment of its processes, and by its option --route-run=addvar:NAME=value"
    recycles_workers = True
    maps_static_files = True

    def find(self, python: str) -> Installation:
        """Look beside `python` for the command of the wheel and of the sources, then for `uwsgi` on PATH."""
        for distribution, command in (("pyuwsgi", "pyuwsgi"), ("uwsgi", "uwsgi")):
            executable = executable_beside(python, command)
            if executable.is_file() and (version := distribution_version(python, distribution)):
                return Installation(version=version, executable=str(executable))
        if (on_path := shutil.which("uwsgi")) and (version := command_version(on_path)):
            python = DEBIAN_PYTHON if version.endswith(DEBIAN_SUFFIX) else ""
            return Installation(version=version, executable=on_path, python=python)
        return Installation(why=f"uWSGI is neither in {python} nor on PATH", get=pip_install_command(python, "pyuwsgi"))

    def missing_for(self, python: str, variant: str) -> Installation:
        """Return what gevent mode lacks: gevent, and for Debian's uWSGI its plugin; the wheel has that built in."""
        is_debian = self.find(python).version.endswith(DEBIAN_SUFFIX)
        if variant == "gevent" and is_debian and not DEBIAN_GEVENT_PLUGIN.is_file():
            package = "uwsgi-plugin-gevent-python3"
            return Installation(
                why=f"Debian's uWSGI needs the package {package} for gevent", get=f"apt-get install {package}"
            )
        return super().missing_for(python, variant)

    def supports(self, launch: Launch) -> str:
        asked = launch.settings
        if asked.keep_alive and not _has_router(launch):
            return "uWSGI keeps connections alive only in its router: uwsgi:http"
        if launch.identity is not None and launch.protocol is Protocol.UWSGI:
            return "behind a proxy uWSGI uses the uwsgi protocol, which has no TLS; nginx:tcp+uwsgi[tls] has it"
        if launch.identity is not None and not has_tls(launch.executable):
            return f"{launch.executable} was built without TLS: its --cflags have no -DUWSGI_SSL"
        if launch.variant == "gevent" and (asked.threads or 1) > 1:
            return "uWSGI's threads do not work in its gevent mode; uwsgi:http-socket has threads"
        if named := next((each for each in launch.static if _is_replaced(str(each.folder))), None):
            return f"uWSGI takes signs in {named.folder} for a placeholder: give the folder another name"
        return _missing_master(launch)

    def command(self, launch: Launch) -> Command:
        """Return uWSGI's command line: the same for the wheel, the sources and Debian, except for Debian's plugins."""
        asked = launch.settings
        router = _has_router(launch)
        gevent, master = launch.variant == "gevent", "no-master" not in asked.features
        argv = [*_program(launch), *_address_options(launch)]
        # With a file of the user, the file chooses the master and the log.
        argv += [*(("--master",) if master and launch.config is None else ()), "--need-app", "--die-on-term"]
        argv += ["--disable-logging"] if launch.config is None else []
        if gevent:
            argv += ["--gevent", str(GREENLETS), "--gevent-monkey-patch"]
        if router and asked.keep_alive:
            argv += [f"--http-keepalive={_router_keep_alive(asked)}", "--http-auto-chunked"]
        argv += script_server.options(
            ("--processes", asked.workers),
            ("--threads", asked.threads),
            ("--listen", asked.backlog),
            ("--harakiri", script_server.whole_seconds(asked.timeout) or None),
            ("--max-requests", asked.max_requests),
            ("--min-worker-lifetime", MIN_WORKER_LIFETIME if asked.max_requests else None),
        )
        if asked.mount:
            argv += ["--mount", f"{asked.mount}={launch.app}", "--manage-script-name"]
        else:
            argv += ["--module", launch.app]
        argv += [f"--route-run=addvar:{name}={value}" for name, value in asked.deployed]
        argv += [f"--static-map={asked.mount}{each.prefix}={each.folder}" for each in launch.static]
        argv += [f"--mime-file={launch.folder}/{uwsgi_deployment.MIME_TYPES_FILE}"] if launch.static else []
        files = {uwsgi_deployment.MIME_TYPES_FILE: mime_types_file()} if launch.static else {}
        if launch.config is not None:
            made = _command_with_file(launch, argv)
            return replace(made, files={**made.files, **files})
        return Command(tuple(argv), files=files, reload_signal=signal.SIGHUP, quick_signals=QUICK_SIGNALS)

    def deployment(self, launch: Launch, site: DeploymentSite) -> tuple[DeploymentFile, ...]:
        """Return uwsgi.ini. It has the effective values, so that the defaults of another version change nothing."""
        asked = launch.settings
        program, plugins = uwsgi_deployment.program(words_on_site(_program(launch), launch, site))
        worker = uwsgi_deployment.Worker(
            program=program,
            address_option=_address_options(launch)[0].removeprefix("--"),
            plugins=plugins,
            workers=asked.workers or 1,
            threads=asked.threads or 1,
            greenlets=GREENLETS if launch.variant == "gevent" else None,
            router_keep_alive=_router_keep_alive(asked) if _has_router(launch) else 0,
            timeout=script_server.whole_seconds(asked.timeout) or 0,
            backlog=asked.backlog or BACKLOG,
            master="no-master" not in asked.features,
            worker_lifetime=MIN_WORKER_LIFETIME,
        )
        return uwsgi_deployment.files(launch, site, worker)

    def conditions(self, launch: Launch) -> dict[str, object]:
        """Return uWSGI's settings with its defaults: one process with one thread.

        A worker has one clock for harakiri: in 2.0.30 the end of a request also stops it for other threads.
        """
        asked = launch.settings
        values = uwsgi_configuration.effective(_file_options(launch))

        def option(name: str, default: int) -> object:
            return uwsgi_configuration.number(values, name, default)

        effective: dict[str, object] = {
            **({"configuration": str(launch.config)} if launch.config else {}),
            "workers": asked.workers or option("processes", 1),
            "threads": asked.threads or option("threads", 1),
            "keep-alive": _router_keep_alive(asked) or (option("http-keepalive", 0) if _has_router(launch) else 0),
            "harakiri": script_server.whole_seconds(asked.timeout) or option("harakiri", 0),
            "backlog": asked.backlog or option("listen", BACKLOG),
            "buffer-size": option("buffer-size", BUFFER_SIZE),
        }
        if most := asked.max_requests or option("max-requests", 0):
            effective["max-requests"] = most
            effective["min-worker-lifetime"] = (
                MIN_WORKER_LIFETIME if asked.max_requests else option("min-worker-lifetime", DEFAULT_WORKER_LIFETIME)
            )
        if launch.variant == "gevent":  # it has no socket time-out there
            return effective | {"greenlets": GREENLETS}
        if "gevent" in values:
            return effective | {"greenlets": option("gevent", 0)}
        socket_timeout = option("socket-timeout", SOCKET_TIMEOUT)
        if launch.protocol is Protocol.HTTP:  # harakiri counts from the end of the head
            router = _has_router(launch)
            effective["head-timeout"] = option("http-timeout", ROUTER_TIMEOUT) if router else socket_timeout
        return effective | {"socket-timeout": socket_timeout}


def _file_options(launch: Launch) -> list[uwsgi_configuration.Option]:
    return uwsgi_configuration.options(launch.config) if launch.config is not None else []


def _program(launch: Launch) -> list[str]:
    """Return the program, and the plugins of Debian's uWSGI."""
    argv = [launch.executable]
    if Path(launch.executable).name == "pyuwsgi":
        # On a reload it executes itself again; without this option that would be the bare interpreter.
        argv += ["--binary-path", launch.python]
    if command_version(launch.executable).endswith(DEBIAN_SUFFIX):
        gevent = ",gevent_python3" if launch.variant == "gevent" else ""
        argv += ["--plugin", f"{'http,' if _has_router(launch) else ''}python3{gevent}"]
    return argv


def _address_options(launch: Launch) -> list[str]:
    router = _has_router(launch)
    spoken = "--http" if router else "--http-socket"
    where = launch.address.path or launch.address.authority
    if launch.identity is not None:
        spoken = "--https" if router else "--https-socket"
        where = f"{where},{launch.identity.certificate},{launch.identity.key}"
    return ["--uwsgi-socket" if launch.protocol is Protocol.UWSGI else spoken, where]


def _command_with_file(launch: Launch, argv: list[str]) -> Command:
    """Return the command with a copy of the user's file; it runs in the current folder, like the user's own.

    Its own options come last: the last value of an option counts.
    """
    asked, found = launch.settings, _file_options(launch)
    by_name: dict[str, object] = {
        "processes": asked.workers,
        "threads": asked.threads,
        "listen": asked.backlog,
        "harakiri": script_server.whole_seconds(asked.timeout),
        "http-keepalive": _router_keep_alive(asked) or None,
        "gevent": GREENLETS if launch.variant == "gevent" else None,
        "max-requests": asked.max_requests,
        "min-worker-lifetime": MIN_WORKER_LIFETIME if asked.max_requests else None,
        "chmod-socket": "private" if launch.address.path else None,
    }
    named = {name: str(value) for name, value in by_name.items() if value is not None}
    dropped = uwsgi_configuration.OWNED | named.keys()
    option, where = _address_options(launch)
    now = {**named, "address": f"{option.lstrip('-')} {where}", "app": launch.app}
    first = argv.index(option)
    return Command(
        (*argv[:first], "--ini", str(launch.folder / "uwsgi.ini"), *argv[first:]),
        files={"uwsgi.ini": uwsgi_configuration.copy_text(found, dropped)},
        reload_signal=signal.SIGHUP,
        folder=Path.cwd(),
        overrides=uwsgi_configuration.overrides(found, dropped, now),
        quick_signals=QUICK_SIGNALS,
    )


def _is_replaced(value: str) -> bool:
    """Return whether uWSGI would replace a part of an option's value, as core/config.c does."""
    return any(mark in value for mark in ("%(", "$(", "@("))


def _missing_master(launch: Launch) -> str:
    """Return why the settings need uWSGI's master, if `launch` has none; '' otherwise."""
    asked = launch.settings
    how = "leave out no-master"
    if launch.config is not None:
        if uwsgi_configuration.has_master(_file_options(launch)):
            return ""
        how = f"add master = true to {launch.config}"
    elif "no-master" not in asked.features:
        return ""
    if asked.timeout:
        return f"uWSGI's harakiri is the master's doing: {how}"
    if asked.max_requests:
        return f"uWSGI's master starts the worker that replaces another: {how}"
    return ""


def _has_router(launch: Launch) -> bool:
    if launch.protocol is not Protocol.HTTP:
        return False
    if launch.config is not None and not launch.variant:
        return uwsgi_configuration.uses_router(_file_options(launch))
    return launch.variant == "http"


def _router_keep_alive(asked: Settings) -> int:
    """Return the seconds for which the router keeps a connection, 0 if it keeps none."""
    keep_alive = script_server.whole_seconds(asked.keep_alive) or 0
    return max(MIN_ROUTER_KEEP_ALIVE, keep_alive) if keep_alive else 0


def command_version(executable: str) -> str:
    """Return the version from `uwsgi --version`, as `2.0.21-debian`; '' if it does not run."""
    return system_programs.command_output(executable, "--version", r"\A(\d\S*)")


def has_tls(executable: str) -> bool:
    """Return whether that uWSGI was built with TLS; a build without it does not know the options."""
    return bool(system_programs.command_output(executable, "--cflags", r"(-DUWSGI_SSL)(?!\S)"))


ADAPTER = Uwsgi()
