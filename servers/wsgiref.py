"""wsgiref: the reference server of the standard library, one connection at a time."""

from __future__ import annotations

from collections.abc import Mapping
from typing import ClassVar

from wsgi_gauntlet.harness.server.adapter import Adapter, Command, Launch, no_option_for
from wsgi_gauntlet.servers._support import in_process

SCRIPT = """\
import importlib
import socket
import sys
from wsgiref.simple_server import WSGIServer, make_server

host, port, name = sys.argv[1:]
module, _, attribute = name.partition(":")
application = getattr(importlib.import_module(module), attribute)
if ":" in host:
    WSGIServer.address_family = socket.AF_INET6
make_server(host, int(port), application).serve_forever()
"""

BACKLOG = 5
"""socketserver.TCPServer.request_queue_size."""


class Wsgiref(Adapter):
    """`wsgiref.simple_server`, started as in its documentation, and its request handler without a socket."""

    name = "wsgiref"
    title = "wsgiref"
    variants: ClassVar[Mapping[str, str]] = {
        "server": "one connection at a time, as make_server starts it",
        "in-process": "its request handler called without a socket, for comparison",
    }
    default_variants = ("wsgiref",)
    for_development = (
        "“wsgiref is a reference implementation and is not recommended for production.” "
        "https://docs.python.org/3/library/wsgiref.html"
    )
    environ_support = "in the environment of its process, which wsgiref copies into environ"
    in_process_variants = frozenset({"in-process"})

    def supports(self, launch: Launch) -> str:
        asked = launch.settings
        if asked.tls:
            return "wsgiref has no TLS of its own; only a script that wraps its socket could add it"
        return no_option_for(
            "wsgiref",
            unix_sockets=launch.address.path,
            more_than_one_worker=(asked.workers or 1) > 1,
            threads=(asked.threads or 1) > 1,
            keep_alive=asked.keep_alive,
            timeout=asked.timeout,
            backlog=asked.backlog,
            mounting=asked.mount,
        )

    def command(self, launch: Launch) -> Command:
        """Return a short script."""
        address = launch.address
        if address.pipe_socket:
            return in_process.command(launch, in_process.WSGIREF_SCRIPT)
        return Command(
            (launch.python, "serve.py", address.host, str(address.port), launch.app), files={"serve.py": SCRIPT}
        )

    def conditions(self, launch: Launch) -> dict[str, object]:
        """Return its fixed settings."""
        if launch.address.pipe_socket:
            return in_process.conditions(threads=1)
        return {"workers": 1, "threads": 1, "keep-alive": 0, "backlog": BACKLOG}


ADAPTER = Wsgiref()
