"""bjoern: one process and one thread in C, on libev. https://github.com/jonashaag/bjoern"""

from __future__ import annotations

import signal

from wsgi_gauntlet.harness.server.adapter import (
    Adapter,
    Command,
    Installation,
    Launch,
    distribution_version,
    no_option_for,
)
from wsgi_gauntlet.servers._support import script_server

SCRIPT = """\
import socket

import bjoern

backlog = options.get("backlog", bjoern.DEFAULT_LISTEN_BACKLOG)
if ":" in where and int(port):
    # Its own listen() has IPv4 alone; server_run() accepts any listening socket.
    with socket.socket(socket.AF_INET6) as listener:
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        listener.bind((where, int(port)))
        listener.setblocking(False)
        listener.listen(backlog)
        bjoern.server_run(listener, loaded())
elif int(port):
    bjoern.run(loaded(), where, int(port), listen_backlog=backlog)
else:
    bjoern.run(loaded(), "unix:" + where, listen_backlog=backlog)
"""

BACKLOG = 1024
"""bjoern.DEFAULT_LISTEN_BACKLOG of 3.2."""


class Bjoern(Adapter):
    """bjoern, built on this machine, or a published binary. Its only settings are the address and the backlog."""

    name = "bjoern"
    title = "bjoern"
    distribution = "bjoern-binary"
    environ_support = "in the environment of its process; bjoern.run has no option for environ"

    def find(self, python: str) -> Installation:
        """Look for the project's own distribution, which needs a compiler and libev, then for the binary."""
        version = distribution_version(python, "bjoern")
        return Installation(version=version, executable=python) if version else super().find(python)

    def supports(self, launch: Launch) -> str:
        asked = launch.settings
        return script_server.no_tls(launch, self.name) or no_option_for(
            self.name,
            more_than_one_worker=(asked.workers or 1) > 1,
            more_than_one_thread=(asked.threads or 1) > 1,
            keep_alive=asked.keep_alive is not None,
            timeout=asked.timeout is not None,
            mounting=asked.mount,
        )

    def command(self, launch: Launch) -> Command:
        """Return a script that calls `bjoern.run`; only SIGINT ends it in good order."""
        return script_server.command(launch, SCRIPT, signal.SIGINT, backlog=launch.settings.backlog)

    def conditions(self, launch: Launch) -> dict[str, object]:
        """Return its settings. It closes no silent connection, neither in a request nor between requests."""
        asked = launch.settings
        return {
            "workers": 1,
            "threads": 1,
            "keep-alive": "no limit",
            "timeout": "no limit",
            "backlog": BACKLOG if asked.backlog is None else asked.backlog,
        }


ADAPTER = Bjoern()
