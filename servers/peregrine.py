"""Peregrine: processes in Swift that contain CPython, for WSGI and ASGI. https://github.com/grepjava/peregrine"""

from __future__ import annotations

import math
import signal

from wsgi_gauntlet.harness.server.adapter import Adapter, Command, Launch, Settings
from wsgi_gauntlet.servers._support import script_server

WORKERS = 1
THREADS = 1
KEEP_ALIVE = 5.0
TIMEOUT = 30.0
BACKLOG = 2048
CONNECTIONS = 4096
"""Its defaults, from `peregrine --help` of 1.2."""


class Peregrine(Adapter):
    """Peregrine through its command, `peregrine`."""

    name = "peregrine"
    title = "Peregrine"
    distribution = "peregrine-server"
    environ_support = "in the environment of its processes; it has no option for environ"

    def supports(self, launch: Launch) -> str:
        if launch.settings.timeout == 0:
            return "peregrine with a time-out of 0 s ends every incomplete request at its next check"
        return ""

    def command(self, launch: Launch) -> Command:
        """Return its command line, with times in milliseconds. It names the protocol, so Peregrine does not guess."""
        asked, address = launch.settings, launch.address
        argv = [launch.python, "-m", "peregrine", "--protocol", "wsgi"]
        argv += ["--unix", address.path] if address.path else ["--host", address.host, "--port", str(address.port)]
        argv += script_server.options(
            ("--workers", asked.workers),
            ("--wsgi-threads", asked.threads),
            ("--keep-alive", _milliseconds(asked.keep_alive)),
            ("--request-timeout", _milliseconds(asked.timeout)),
            ("--backlog", asked.backlog),
            ("--root-path", asked.mount or None),
        )
        if launch.identity is not None:
            argv += ["--tls-cert", str(launch.identity.certificate), "--tls-key", str(launch.identity.key)]
        return Command((*argv, launch.app), reload_signal=signal.SIGHUP)

    def tuned_settings(self, variant: str, cores: int) -> Settings:  # noqa: ARG002 - it has no variants
        """Return one worker for each core, as in its page on the package index: `peregrine --workers 0`."""
        return Settings(workers=cores)

    def conditions(self, launch: Launch) -> dict[str, object]:
        """Return its settings with its defaults."""
        asked = launch.settings
        return {
            "workers": asked.workers or WORKERS,
            "threads": asked.threads or THREADS,
            "keep-alive": KEEP_ALIVE if asked.keep_alive is None else asked.keep_alive,
            "timeout": TIMEOUT if asked.timeout is None else asked.timeout,
            "backlog": BACKLOG if asked.backlog is None else asked.backlog,
            "connections": CONNECTIONS,
        }


def _milliseconds(asked: float | None) -> int | None:
    return None if asked is None else math.ceil(asked * 1000)


ADAPTER = Peregrine()
