"""Servers that a short script starts, and helpers that several adapters share."""

from __future__ import annotations

import json
import math
import os
import signal

from wsgi_gauntlet.harness.server.adapter import Command, Launch, Settings

SCRIPT_PROLOGUE = """\
import importlib
import json
import sys

where, port, options, name = sys.argv[1:]
options = json.loads(options)


def loaded():
    module, _, attribute = name.partition(":")
    return getattr(importlib.import_module(module), attribute)

"""
"""The start of each script: `where` is the path of a Unix socket if `port` is 0, else a host."""


def command(launch: Launch, script: str, stop_signal: signal.Signals = signal.SIGTERM, **options: object) -> Command:
    """Return the command that runs SCRIPT_PROLOGUE and `script` with those of `options` that are not None."""
    values = json.dumps({name: value for name, value in options.items() if value is not None})
    address = launch.address
    return Command(
        (launch.python, "serve.py", address.path or address.host, str(address.tcp_port), values, launch.app),
        files={"serve.py": SCRIPT_PROLOGUE + script},
        stop_signal=stop_signal,
    )


def options(*values: tuple[str, object], joined_by: str = "") -> list[str]:
    """Return each option and its value as two words, or as one word with `joined_by`; leave out those that are None."""
    given = [(name, str(value)) for name, value in values if value is not None]
    return [joined_by.join(each) for each in given] if joined_by else [word for each in given for word in each]


def identity(launch: Launch) -> tuple[str | None, str | None]:
    """Return the paths of certificate and key, None without TLS."""
    if launch.identity is None:
        return None, None
    return str(launch.identity.certificate), str(launch.identity.key)


def no_tls(launch: Launch, name: str) -> str:
    """Return that the server `name` has no TLS, if `launch` asks for it; else ''."""
    if not launch.settings.tls:
        return ""
    return f"{name} speaks no TLS of its own; nginx does that in front of it: nginx[tls]+{name}"


def single_timeout_reason(name: str, asked: Settings) -> str:
    """Return why the only time-out of the server `name` cannot have the asked value, '' if it can.

    The server has the same time-out for requests and for kept connections, and does not work with one of 0 s.
    """
    values = {each for each in (asked.keep_alive, asked.timeout) if each is not None}
    if len(values) > 1:
        return f"{name} has one timeout for requests and for kept connections; set one of them, or both alike"
    if values == {0.0}:
        return f"{name} serves nobody with a timeout of 0 s, and it has one for requests and kept connections"
    return ""


def single_timeout(asked: Settings) -> float | None:
    """Return the one time-out for requests and for kept connections in seconds, None for the server's default."""
    return asked.timeout if asked.keep_alive is None else asked.keep_alive


def single_timeout_conditions(launch: Launch, *, threads: int, timeout: float, backlog: int) -> dict[str, object]:
    """Return the conditions of a server with one process and one time-out, given its defaults."""
    asked = launch.settings
    values = single_timeout(asked)
    return {
        "workers": 1,
        "threads": asked.threads or threads,
        "keep-alive": timeout if values is None else values,
        "timeout": timeout if values is None else values,
        "backlog": backlog if asked.backlog is None else asked.backlog,
    }


def recycling(asked: Settings) -> dict[str, object]:
    """Return the condition `max-requests` if workers are replaced after a number of requests."""
    return {} if asked.max_requests is None else {"max-requests": asked.max_requests}


def executor_threads() -> int:
    """Return the default number of threads of a ThreadPoolExecutor, concurrent/futures/thread.py of 3.8."""
    return min(32, (os.cpu_count() or 1) + 4)


def whole_seconds(asked: float | None) -> int | None:
    """Return whole seconds, rounded up, for a server that takes nothing else and for which 0 means something else."""
    return None if asked is None else math.ceil(asked)


A2WSGI_THREADS = 10
"""a2wsgi's default, WSGIMiddleware.__init__ in a2wsgi/wsgi.py of 1.10. https://github.com/abersheeran/a2wsgi"""

A2WSGI_APP = "through_a2wsgi:application"
A2WSGI_MODULE = """\
import importlib

from a2wsgi import WSGIMiddleware

module, _, attribute = {app!r}.partition(":")
application = WSGIMiddleware(getattr(importlib.import_module(module), attribute), workers={threads})
"""


def a2wsgi_files(launch: Launch) -> dict[str, str]:
    """Return the module through which an ASGI server serves the app as A2WSGI_APP; a2wsgi runs the app's threads."""
    return {
        "through_a2wsgi.py": A2WSGI_MODULE.format(app=launch.app, threads=launch.settings.threads or A2WSGI_THREADS)
    }
