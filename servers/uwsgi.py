"""uWSGI, from its wheel `pyuwsgi`, its sources, or Debian. https://uwsgi-docs.readthedocs.io/en/latest/Options.html"""

from __future__ import annotations

import shutil
import signal
import subprocess
from collections.abc import Mapping
from functools import lru_cache
from pathlib import Path
from typing import ClassVar

from ..harness.adapter import Adapter, Command, Found, Launch, Protocol, beside, distribution_version
from ..harness.errors import Unsupported

BACKLOG = 100
SOCKET_TIMEOUT = 4
BUFFER_SIZE = 4096
"""uWSGI's own defaults, core/uwsgi.c of 2.0."""


class Uwsgi(Adapter):
    """uWSGI with a master, as its documentation advises, and no request log."""

    name = "uwsgi"
    title = "uWSGI"
    distribution = "pyuwsgi"
    variants: ClassVar[Mapping[str, str]] = {
        "http-socket": "the worker itself speaks HTTP",
        "http": "a router process speaks HTTP and hands each request on",
    }
    deployment = "in the environment of its processes, and by its option --route-run=addvar:NAME=value"

    def find(self, python: str) -> Found:
        """Look beside `python` for the wheel's command and the sources' one, then for `uwsgi` on PATH."""
        for distribution, command in (("pyuwsgi", "pyuwsgi"), ("uwsgi", "uwsgi")):
            executable = beside(python, command)
            if executable.is_file() and (version := distribution_version(python, distribution)):
                return Found(version=version, executable=str(executable))
        if (on_path := shutil.which("uwsgi")) and (version := command_version(on_path)):
            return Found(version=version, executable=on_path)
        return Found(why=f"uWSGI is neither in {python} nor on PATH", get=f"{python} -m pip install pyuwsgi")

    def command(self, launch: Launch) -> Command:
        """Return uWSGI's command line, the same for the wheel, the sources and Debian but for Debian's plugins."""
        asked, address = launch.settings, launch.address
        router = launch.variant == "http" and launch.protocol is Protocol.HTTP
        if asked.keep_alive and not router:
            raise Unsupported("uWSGI keeps connections alive only in its router: uwsgi:http")
        if launch.identity is not None and launch.protocol is Protocol.UWSGI:
            raise Unsupported("behind a front uWSGI speaks uwsgi here, which has no TLS; nginx:tcp+uwsgi[tls] has it")
        if launch.identity is not None and not has_tls(launch.executable):
            raise Unsupported(f"{launch.executable} was built without TLS: its --cflags have no -DUWSGI_SSL")
        spoken = "--http" if router else "--http-socket"
        where = address.path or address.authority
        if launch.identity is not None:
            spoken = "--https" if router else "--https-socket"
            where = f"{where},{launch.identity.certificate},{launch.identity.key}"
        argv = [launch.executable]
        if Path(launch.executable).name == "pyuwsgi":
            # To reload it executes itself anew, and would come up as the bare interpreter, without its environment.
            argv += ["--binary-path", launch.python]
        if command_version(launch.executable).endswith("-debian"):
            argv += ["--plugin", "http,python3" if router else "python3"]
        argv += [
            "--uwsgi-socket" if launch.protocol is Protocol.UWSGI else spoken,
            where,
            "--master",
            "--need-app",
            "--die-on-term",
        ]
        argv += ["--disable-logging"]
        if router and asked.keep_alive:
            argv += [f"--http-keepalive={max(1, round(asked.keep_alive))}", "--http-auto-chunked"]
        for name, value in (
            ("--processes", asked.workers),
            ("--threads", asked.threads),
            ("--listen", asked.backlog),
            ("--harakiri", None if asked.timeout is None else max(1, round(asked.timeout))),
        ):
            if value is not None:
                argv += [name, str(value)]
        if asked.mount:
            argv += ["--mount", f"{asked.mount}={launch.app}", "--manage-script-name"]
        else:
            argv += ["--module", launch.app]
        argv += [f"--route-run=addvar:{name}={value}" for name, value in asked.deployed]
        return Command(tuple(argv), reload=signal.SIGHUP)

    def conditions(self, launch: Launch) -> dict[str, object]:
        """Return uWSGI's settings, its defaults filled in: one process with one thread."""
        asked = launch.settings
        return {
            "workers": asked.workers or 1,
            "threads": asked.threads or 1,
            "keep-alive": asked.keep_alive or 0,
            "socket-timeout": SOCKET_TIMEOUT,
            "harakiri": asked.timeout or 0,
            "backlog": asked.backlog or BACKLOG,
            "buffer-size": BUFFER_SIZE,
        }


@lru_cache(maxsize=16)
def command_version(executable: str) -> str:
    """Return what `uwsgi --version` says, as `2.0.21-debian`; '' where it does not run."""
    try:
        done = subprocess.run([executable, "--version"], capture_output=True, text=True, timeout=30, check=False)
    except OSError:
        return ""
    return done.stdout.strip()


@lru_cache(maxsize=16)
def has_tls(executable: str) -> bool:
    """Say whether that uWSGI was built with TLS; options that a build lacks it does not know."""
    try:
        done = subprocess.run([executable, "--cflags"], capture_output=True, text=True, timeout=30, check=False)
    except OSError:
        return False
    return "-DUWSGI_SSL" in done.stdout.split()


ADAPTER = Uwsgi()
