"""Werkzeug's development server, which `app.run` and `flask run` start: the one that many laptops serve from."""

from __future__ import annotations

from collections.abc import Mapping
from typing import ClassVar

from ..harness.adapter import Adapter, Command, Launch, Protocol, refuse
from ..harness.errors import Unsupported
from . import in_process

SCRIPT = """\
import importlib
import sys

from werkzeug.middleware.dispatcher import DispatcherMiddleware
from werkzeug.exceptions import NotFound
from werkzeug.serving import run_simple

host, port, threaded, mount, certificate, key, name = sys.argv[1:]
module, _, attribute = name.partition(":")
application = getattr(importlib.import_module(module), attribute)
if mount:
    application = DispatcherMiddleware(NotFound(), {mount: application})
ssl_context = (certificate, key) if key else None
run_simple(host, int(port), application, threaded=threaded == "threaded", ssl_context=ssl_context)
"""

BACKLOG = 128
"""werkzeug.serving.LISTEN_QUEUE."""


class Werkzeug(Adapter):
    """Werkzeug's server through `run_simple`."""

    name = "werkzeug"
    title = "Werkzeug"
    distribution = "werkzeug"
    deployment = "in the environment of its process; run_simple has no option for environ"
    script = SCRIPT
    variants: ClassVar[Mapping[str, str]] = {
        "threaded": "a thread for each connection, as Flask's app.run starts it",
        "single": "one connection at a time, as run_simple does unless told otherwise",
        "in-process": "its request handler called without a socket in a thread for each connection, for comparison",
    }
    socketless = frozenset({"in-process"})
    lineup: ClassVar[tuple[str, ...]] = ("werkzeug:threaded", "werkzeug:single")

    def command(self, launch: Launch) -> Command:
        """Return a script that calls `run_simple`; its only setting is whether there are threads."""
        asked = launch.settings
        if launch.protocol is not Protocol.HTTP:
            raise Unsupported(f"{self.title}'s server does not speak {launch.protocol}")
        if launch.variant == "single" and (asked.threads or 1) > 1:
            raise Unsupported(f"{self.name}:single has one thread; {self.name}:threaded has one for each connection")
        if launch.variant != "single" and asked.threads == 1:
            raise Unsupported(f"{self.name} has a thread for each connection; {self.name}:single has one")
        refuse(
            self.title,
            more_than_one_worker=(asked.workers or 1) > 1,
            keep_alive=asked.keep_alive,
            timeout=asked.timeout,
            backlog=asked.backlog,
        )
        address = launch.address
        if address.door:
            return in_process.command(launch, in_process.WERKZEUG)
        host = f"unix://{address.path}" if address.path else address.host
        argv = (
            launch.python,
            "serve.py",
            host,
            str(address.port),
            launch.variant or "threaded",
            asked.mount,
            str(launch.identity.certificate) if launch.identity else "",
            str(launch.identity.key) if launch.identity else "",
            self.app(launch),
        )
        return Command(argv, files={"serve.py": self.script})

    def app(self, launch: Launch) -> str:
        """Return the name of the app to serve."""
        return launch.app

    def conditions(self, launch: Launch) -> dict[str, object]:
        """Return what it always is. It ends every connection after one answer, threaded or not."""
        if launch.address.door:
            return in_process.conditions(threads="one a connection")
        single = launch.variant == "single"
        return {
            "workers": 1,
            "threads": 1 if single else "one a connection",
            "keep-alive": 0,
            "backlog": BACKLOG,
        }


ADAPTER = Werkzeug()
