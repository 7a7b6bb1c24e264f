"""Werkzeug's development server, which `app.run` and `flask run` start: the one that many laptops serve from."""

from __future__ import annotations

from collections.abc import Mapping
from typing import ClassVar

from ..harness.adapter import Adapter, Command, Launch, Protocol, refuse
from ..harness.errors import Unsupported

SCRIPT = """\
import importlib
import sys

from werkzeug.middleware.dispatcher import DispatcherMiddleware
from werkzeug.exceptions import NotFound
from werkzeug.serving import run_simple

host, port, threaded, mount, name = sys.argv[1:]
module, _, attribute = name.partition(":")
application = getattr(importlib.import_module(module), attribute)
if mount:
    application = DispatcherMiddleware(NotFound(), {mount: application})
run_simple(host, int(port), application, threaded=threaded == "threaded")
"""

BACKLOG = 128
"""werkzeug.serving.LISTEN_QUEUE."""


class Werkzeug(Adapter):
    """Werkzeug's server through `run_simple`."""

    name = "werkzeug"
    title = "Werkzeug"
    distribution = "werkzeug"
    script = SCRIPT
    variants: ClassVar[Mapping[str, str]] = {
        "threaded": "a thread for each connection, as Flask's app.run starts it",
        "single": "one connection at a time, as run_simple does unless told otherwise",
    }
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
        host = f"unix://{address.path}" if address.path else address.host
        argv = (
            launch.python,
            "serve.py",
            host,
            str(address.port),
            launch.variant or "threaded",
            asked.mount,
            self.app(launch),
        )
        return Command(argv, files={"serve.py": self.script})

    def app(self, launch: Launch) -> str:
        """Return the name of the app to serve."""
        return launch.app

    def conditions(self, launch: Launch) -> dict[str, object]:
        """Return what it always is. It ends every connection after one answer, threaded or not."""
        single = launch.variant == "single"
        return {
            "workers": 1,
            "threads": 1 if single else "one a connection",
            "keep-alive": 0,
            "backlog": BACKLOG,
        }


ADAPTER = Werkzeug()
