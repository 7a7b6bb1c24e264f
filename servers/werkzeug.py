"""Werkzeug's development server, which `app.run` and `flask run` start on the machine of a developer."""

from __future__ import annotations

from collections.abc import Mapping
from typing import ClassVar

from wsgi_gauntlet.harness.server.adapter import Adapter, Command, Launch, no_option_for
from wsgi_gauntlet.servers._support import in_process

SCRIPT = """\
import importlib
import sys

from werkzeug.middleware.dispatcher import DispatcherMiddleware
from werkzeug.exceptions import NotFound
from werkzeug.serving import run_simple

host, port, mode, mount, certificate, key, name = sys.argv[1:]
module, _, attribute = name.partition(":")
application = getattr(importlib.import_module(module), attribute)
if mount:
    application = DispatcherMiddleware(NotFound(), {mount: application})
ssl_context = (certificate, key) if key else None
processes = int(mode) if mode.isdigit() else 1
run_simple(host, int(port), application, threaded=mode == "threaded", processes=processes, ssl_context=ssl_context)
"""

BACKLOG = 128
"""werkzeug.serving.LISTEN_QUEUE."""

PROCESSES = 40
"""The largest number of processes of werkzeug.serving.ForkingWSGIServer by default."""


class Werkzeug(Adapter):
    """Werkzeug's server through `run_simple`."""

    name = "werkzeug"
    title = "Werkzeug"
    distribution = "werkzeug"
    for_development = (
        "“Do not use the development server when deploying to production. It is intended for use only during local "
        "development.” https://werkzeug.palletsprojects.com/en/stable/serving/"
    )
    environ_support = "in the environment of its process; run_simple has no option for environ"
    script = SCRIPT
    variants: ClassVar[Mapping[str, str]] = {
        "threaded": "a thread for each connection, as Flask's app.run starts it",
        "single": "one connection at a time, as run_simple does by default",
        "processes": f"a process for each connection, {PROCESSES} at most; workers=N for N at most",
        "in-process": "its request handler called without a socket in a thread for each connection, for comparison",
    }
    in_process_variants = frozenset({"in-process"})
    default_variants: ClassVar[tuple[str, ...]] = ("werkzeug:threaded", "werkzeug:single")

    def preload(self, launch: Launch) -> tuple[str, ...]:
        return () if launch.address.pipe_socket else ("werkzeug.middleware.dispatcher", "werkzeug.serving")

    def supports(self, launch: Launch) -> str:
        asked, forks = launch.settings, launch.variant == "processes"
        if launch.variant == "single" and (asked.threads or 1) > 1:
            return f"{self.name}:single has one thread; {self.name}:threaded has one for each connection"
        if forks and asked.workers == 1:
            return f"{self.name} does not fork for one process; {self.name}:single is that"
        if forks and (asked.threads or 1) > 1:
            return f"{self.name} has either processes or threads; {self.name}:threaded has threads"
        if launch.variant not in ("single", "processes") and asked.threads == 1:
            return f"{self.name} has a thread for each connection; {self.name}:single has one"
        return no_option_for(
            self.title,
            more_than_one_worker=(asked.workers or 1) > 1 and not forks,
            keep_alive=asked.keep_alive,
            timeout=asked.timeout,
            backlog=asked.backlog,
        )

    def command(self, launch: Launch) -> Command:
        """Return a script that calls `run_simple`."""
        asked, forks = launch.settings, launch.variant == "processes"
        address = launch.address
        if address.pipe_socket:
            return in_process.command(launch, in_process.WERKZEUG_SCRIPT)
        host = f"unix://{address.path}" if address.path else address.host
        argv = (
            launch.python,
            "serve.py",
            host,
            str(address.port),
            str(asked.workers or PROCESSES) if forks else launch.variant or "threaded",
            asked.mount,
            str(launch.identity.certificate) if launch.identity else "",
            str(launch.identity.key) if launch.identity else "",
            self.app(launch.app),
        )
        return Command(argv, files={"serve.py": self.script})

    def conditions(self, launch: Launch) -> dict[str, object]:
        """Return its fixed settings. It ends every connection after one response, threaded or not."""
        asked = launch.settings
        if launch.address.pipe_socket:
            return in_process.conditions(threads="one a connection")
        forks = launch.variant == "processes"
        return {
            "workers": f"one a request, {asked.workers or PROCESSES} at most" if forks else 1,
            "threads": 1 if forks or launch.variant == "single" else "one a connection",
            "keep-alive": 0,
            "backlog": BACKLOG,
        }


ADAPTER = Werkzeug()
