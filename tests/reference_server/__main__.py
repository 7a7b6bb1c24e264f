"""The reference server's command line: python -m reference_server --bind HOST:PORT|unix:PATH [--fault NAME]
MODULE:CALLABLE."""

from __future__ import annotations

import argparse
import contextlib
import importlib
import socket
from pathlib import Path

from . import server, tls_connection


def main() -> None:
    """Serve until the process is ended."""
    parser = argparse.ArgumentParser(
        prog="reference_server", description="A WSGI server that does what the specifications say."
    )
    parser.add_argument("--bind", required=True, help="HOST:PORT, [IPV6]:PORT or unix:PATH")
    parser.add_argument("--workers", type=int, default=1, help="processes")
    parser.add_argument("--threads", type=int, default=0, help="clients served at once; 1 is without any thread")
    parser.add_argument("--mount", default="", help="the path below which the app lies, as /app")
    parser.add_argument("--backlog", type=int, default=128)
    parser.add_argument("--certificate", help="a PEM file; with it and --key it speaks https and nothing else")
    parser.add_argument("--key", help="the PEM file of its private key")
    parser.add_argument("--fault", help="the one thing to do wrong, of those in faults/")
    parser.add_argument("app", help="MODULE:CALLABLE")
    asked = parser.parse_args()
    if asked.fault:
        from . import mutants

        mutants.install(asked.fault)
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


main()
