"""eventlet's WSGI server: one process, a green thread for each connection. https://eventlet.readthedocs.io"""

from __future__ import annotations

import signal
from collections.abc import Mapping
from typing import ClassVar

from wsgi_gauntlet.harness.server.adapter import Adapter, Command, Launch, no_option_for
from wsgi_gauntlet.servers._support import script_server

SCRIPT = """\
import eventlet

eventlet.monkey_patch()

import socket

from eventlet import wsgi

if int(port):
    family = socket.AF_INET6 if ":" in where else socket.AF_INET
    listening = {"addr": (where, int(port)), "family": family}
else:
    listening = {"addr": where, "family": socket.AF_UNIX}
if "backlog" in options:
    listening["backlog"] = options.pop("backlog")
# By default it sets SO_REUSEPORT: a second server on the port would get half of the connections unnoticed.
listener = eventlet.listen(reuse_port=False, **listening)
certificate, key = options.pop("certificate", None), options.pop("key", None)
if key:
    listener = eventlet.wrap_ssl(listener, certfile=certificate, keyfile=key, server_side=True)
wsgi.server(listener, loaded(), log_output=False, **options)
"""

GREEN_THREADS = 1024
BACKLOG = 50
"""eventlet's defaults: wsgi.DEFAULT_MAX_SIMULTANEOUS_REQUESTS and convenience.listen of 0.41."""


class Eventlet(Adapter):
    """`eventlet.wsgi.server`, monkey-patched, without its access log."""

    name = "eventlet"
    title = "eventlet"
    distribution = "eventlet"
    variants: ClassVar[Mapping[str, str]] = {"wsgi": "after eventlet.monkey_patch(), as its users run it"}
    environ_support = "in the environment of its process, and by its option environ"

    def supports(self, launch: Launch) -> str:
        """Reject several workers, and a mount: eventlet sets SCRIPT_NAME to '' (HttpProtocol.get_environ)."""
        asked = launch.settings
        return no_option_for(self.name, more_than_one_worker=(asked.workers or 1) > 1, mounting=asked.mount)

    def command(self, launch: Launch) -> Command:
        """Return a script that calls `wsgi.server`; `threads` is the number of its green threads (`max_size`)."""
        asked = launch.settings
        certificate, key = script_server.identity(launch)
        return script_server.command(
            launch,
            SCRIPT,
            signal.SIGINT,
            max_size=asked.threads,
            keepalive=asked.keep_alive,
            socket_timeout=asked.timeout or None,
            backlog=asked.backlog,
            environ=dict(asked.deployed) or None,
            certificate=certificate,
            key=key,
        )

    def conditions(self, launch: Launch) -> dict[str, object]:
        """Return its settings with its defaults. It closes no silent connection unless a time-out is set."""
        asked = launch.settings
        return {
            "workers": 1,
            "threads": f"{asked.threads or GREEN_THREADS} green threads",
            # Without a keep-alive time, the time-out of every socket operation applies.
            "keep-alive": (asked.timeout or "no limit") if asked.keep_alive is None else asked.keep_alive,
            "timeout": asked.timeout or "no limit",
            "backlog": BACKLOG if asked.backlog is None else asked.backlog,
        }


ADAPTER = Eventlet()
