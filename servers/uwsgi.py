"""uWSGI, from its wheel `pyuwsgi`, its sources, or Debian. https://uwsgi-docs.readthedocs.io/en/latest/Options.html"""

from __future__ import annotations

import shutil
import signal
from collections.abc import Mapping
from pathlib import Path
from typing import ClassVar

from wsgi_gauntlet.harness.errors import Unsupported
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
from wsgi_gauntlet.servers._support import script_server, system_programs

BACKLOG = 100
SOCKET_TIMEOUT = 4
BUFFER_SIZE = 4096
"""uWSGI's own defaults, core/uwsgi.c of 2.0."""

ROUTER_TIMEOUT = 60
"""The router's own, for a head that does not come to its end: --http-timeout, plugins/http/http.c of 2.0."""

MIN_ROUTER_KEEP_ALIVE = 2
"""Seconds: the same file sets a time for kept connections `if (uhttp.keepalive > 1)`, else ROUTER_TIMEOUT holds."""

GREENLETS = 100
"""What its documentation starts gevent mode with: https://uwsgi-docs.readthedocs.io/en/latest/Gevent.html"""

DEBIAN_SUFFIX = "-debian"
"""What the version of Debian's ends with: its plugins are files of their own, and it runs apps in Debian's Python."""

DEBIAN_PYTHON = "/usr/bin/python3"
DEBIAN_GEVENT_PLUGIN = Path("/usr/lib/uwsgi/plugins/gevent_python3_plugin.so")


class Uwsgi(Adapter):
    """uWSGI with a master, as its documentation advises, and no request log."""

    name = "uwsgi"
    title = "uWSGI"
    distribution = "pyuwsgi"
    variants: ClassVar[Mapping[str, str]] = {
        "http-socket": "the worker itself speaks HTTP",
        "http": "a router process speaks HTTP and hands each request on",
        "gevent": f"{GREENLETS} greenlets in the worker itself, which speaks HTTP; the standard library is patched",
    }
    requires = ("pyuwsgi", "gevent")
    extra_requirements: ClassVar[Mapping[str, tuple[str, ...]]] = {"gevent": ("gevent",)}
    features: ClassVar[Mapping[str, str]] = {"no-master": "without --master, as uWSGI starts unless it is told to"}
    environ_support = "in the environment of its processes, and by its option --route-run=addvar:NAME=value"

    def find(self, python: str) -> Installation:
        """Look beside `python` for the wheel's command and the sources' one, then for `uwsgi` on PATH."""
        for distribution, command in (("pyuwsgi", "pyuwsgi"), ("uwsgi", "uwsgi")):
            executable = executable_beside(python, command)
            if executable.is_file() and (version := distribution_version(python, distribution)):
                return Installation(version=version, executable=str(executable))
        if (on_path := shutil.which("uwsgi")) and (version := command_version(on_path)):
            python = DEBIAN_PYTHON if version.endswith(DEBIAN_SUFFIX) else ""
            return Installation(version=version, executable=on_path, python=python)
        return Installation(why=f"uWSGI is neither in {python} nor on PATH", get=pip_install_command(python, "pyuwsgi"))

    def missing_for(self, python: str, variant: str) -> Installation:
        """Return what gevent mode lacks: gevent, and of Debian's uWSGI the plugin; the wheel has that built in."""
        is_debian = self.find(python).version.endswith(DEBIAN_SUFFIX)
        if variant == "gevent" and is_debian and not DEBIAN_GEVENT_PLUGIN.is_file():
            package = "uwsgi-plugin-gevent-python3"
            return Installation(
                why=f"Debian's uWSGI has its plugin for gevent in {package}", get=f"apt-get install {package}"
            )
        return super().missing_for(python, variant)

    def command(self, launch: Launch) -> Command:
        """Return uWSGI's command line, the same for the wheel, the sources and Debian but for Debian's plugins."""
        asked, address = launch.settings, launch.address
        router = _has_router(launch)
        if asked.keep_alive and not router:
            raise Unsupported("uWSGI keeps connections alive only in its router: uwsgi:http")
        if launch.identity is not None and launch.protocol is Protocol.UWSGI:
            raise Unsupported("behind a front uWSGI speaks uwsgi here, which has no TLS; nginx:tcp+uwsgi[tls] has it")
        if launch.identity is not None and not has_tls(launch.executable):
            raise Unsupported(f"{launch.executable} was built without TLS: its --cflags have no -DUWSGI_SSL")
        gevent, master = launch.variant == "gevent", "no-master" not in asked.features
        if gevent and (asked.threads or 1) > 1:
            raise Unsupported("uWSGI's threads do not work in its gevent mode; uwsgi:http-socket has threads")
        if asked.timeout and not master:
            raise Unsupported("uWSGI's harakiri is the master's doing: leave out no-master")
        spoken = "--http" if router else "--http-socket"
        where = address.path or address.authority
        if launch.identity is not None:
            spoken = "--https" if router else "--https-socket"
            where = f"{where},{launch.identity.certificate},{launch.identity.key}"
        argv = [launch.executable]
        if Path(launch.executable).name == "pyuwsgi":
            # To reload it executes itself anew, and would come up as the bare interpreter, without its environment.
            argv += ["--binary-path", launch.python]
        if command_version(launch.executable).endswith(DEBIAN_SUFFIX):
            argv += ["--plugin", f"{'http,' if router else ''}python3{',gevent_python3' if gevent else ''}"]
        argv += [
            "--uwsgi-socket" if launch.protocol is Protocol.UWSGI else spoken,
            where,
            *(("--master",) if master else ()),
            "--need-app",
            "--die-on-term",
        ]
        argv += ["--disable-logging"]
        if gevent:
            argv += ["--gevent", str(GREENLETS), "--gevent-monkey-patch"]
        if router and asked.keep_alive:
            argv += [f"--http-keepalive={_router_keep_alive(asked)}", "--http-auto-chunked"]
        for name, value in (
            ("--processes", asked.workers),
            ("--threads", asked.threads),
            ("--listen", asked.backlog),
            ("--harakiri", script_server.whole_seconds(asked.timeout) or None),
        ):
            if value is not None:
                argv += [name, str(value)]
        if asked.mount:
            argv += ["--mount", f"{asked.mount}={launch.app}", "--manage-script-name"]
        else:
            argv += ["--module", launch.app]
        argv += [f"--route-run=addvar:{name}={value}" for name, value in asked.deployed]
        return Command(tuple(argv), reload_signal=signal.SIGHUP)

    def conditions(self, launch: Launch) -> dict[str, object]:
        """Return uWSGI's settings, its defaults filled in: one process with one thread.

        A worker has one clock for harakiri: in 2.0.30 a request that ends stops it for those of its other threads, too.
        """
        asked = launch.settings
        told: dict[str, object] = {
            "workers": asked.workers or 1,
            "threads": asked.threads or 1,
            "keep-alive": _router_keep_alive(asked),
            "harakiri": script_server.whole_seconds(asked.timeout) or 0,
            "backlog": asked.backlog or BACKLOG,
            "buffer-size": BUFFER_SIZE,
        }
        if launch.variant == "gevent":  # where its socket time-out is none
            return told | {"greenlets": GREENLETS}
        if launch.protocol is Protocol.HTTP:  # harakiri counts from when the head is whole
            told["head-timeout"] = ROUTER_TIMEOUT if _has_router(launch) else SOCKET_TIMEOUT
        return told | {"socket-timeout": SOCKET_TIMEOUT}


def _has_router(launch: Launch) -> bool:
    return launch.variant == "http" and launch.protocol is Protocol.HTTP


def _router_keep_alive(asked: Settings) -> int:
    """Return for how many seconds the router is told to keep a connection, 0 for not at all."""
    keep_alive = script_server.whole_seconds(asked.keep_alive) or 0
    return max(MIN_ROUTER_KEEP_ALIVE, keep_alive) if keep_alive else 0


def command_version(executable: str) -> str:
    """Return what `uwsgi --version` says, as `2.0.21-debian`; '' where it does not run."""
    return system_programs.told(executable, "--version", r"\A(\d\S*)")


def has_tls(executable: str) -> bool:
    """Say whether that uWSGI was built with TLS; options that a build lacks it does not know."""
    return bool(system_programs.told(executable, "--cflags", r"(-DUWSGI_SSL)(?!\S)"))


ADAPTER = Uwsgi()
