"""The command line of the reference server: --bind HOST:PORT|unix:PATH [OPTIONS] MODULE:CALLABLE."""

from __future__ import annotations

import argparse
import contextlib
import importlib
import socket
from collections.abc import Sequence
from pathlib import Path

from . import server, tls_connection


def main(arguments: Sequence[str] | None = None) -> None:
    """Serve until the process ends. `arguments` are those of the command line if there are none."""
    parser = argparse.ArgumentParser(
        prog="reference_server", description="A WSGI server that follows the specifications."
    )
    parser.add_argument("--bind", required=True, help="HOST:PORT, [IPV6]:PORT or unix:PATH")
    parser.add_argument("--workers", type=int, default=1, help="number of processes")
    parser.add_argument("--threads", type=int, default=0, help="connections served at once; 1 uses no thread")
    parser.add_argument("--mount", default="", help="path prefix of the app, such as /app")
    parser.add_argument("--backlog", type=int, default=128)
    parser.add_argument("--certificate", help="PEM file; with it and --key the server uses https")
    parser.add_argument("--key", help="PEM file with the private key")
    parser.add_argument("app", help="MODULE:CALLABLE")
    asked = parser.parse_args(arguments)
    module, _, name = asked.app.partition(":")
    application = getattr(importlib.import_module(module), name)
    tls = tls_connection.context(asked.certificate, asked.key) if asked.certificate else None
    options = server.Options(application, asked.workers, asked.threads, asked.mount, tls)
    with listener(asked.bind, asked.backlog) as bound:
        server.serve(bound, options)


def listener(bind: str, backlog: int) -> socket.socket:
    """Return a listening socket."""
    if bind.startswith("unix:"):
        path = bind.removeprefix("unix:")
        with contextlib.suppress(FileNotFoundError):
            Path(path).unlink()
        bound = socket.socket(socket.AF_UNIX)
        bound.bind(path)
        bound.listen(backlog)
        return bound
    host, _, port = bind.rpartition(":")
    host = host.strip("[]")
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    return socket.create_server((host, int(port)), family=family, backlog=backlog)
