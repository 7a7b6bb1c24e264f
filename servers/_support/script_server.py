"""A server that is started by a script of a few lines, and what is said of servers that lack the same things."""

from __future__ import annotations

import json
import math
import os
import signal

from wsgi_gauntlet.harness.errors import Unsupported
from wsgi_gauntlet.harness.server.adapter import Command, Launch, Protocol, Settings

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
"""The opening of each script: `where` is the path of a Unix socket where `port` is 0, and a host otherwise."""


def command(launch: Launch, script: str, stop_signal: signal.Signals = signal.SIGTERM, **options: object) -> Command:
    """Return the command that runs `script`, behind SCRIPT_PROLOGUE, with those of `options` that are not None."""
    values = json.dumps({name: value for name, value in options.items() if value is not None})
    address = launch.address
    return Command(
        (launch.python, "serve.py", address.path or address.host, str(address.tcp_port), values, launch.app),
        files={"serve.py": SCRIPT_PROLOGUE + script},
        stop_signal=stop_signal,
    )


def identity(launch: Launch) -> tuple[str | None, str | None]:
    """Return the paths of certificate and key, None where TLS is not asked for."""
    if launch.identity is None:
        return None, None
    return str(launch.identity.certificate), str(launch.identity.key)


def require_http(launch: Launch, name: str, *, tls: bool) -> None:
    """Raise Unsupported where the server `name` is to speak anything but HTTP, or TLS where it has none."""
    if launch.protocol is not Protocol.HTTP:
        raise Unsupported(f"{name} does not speak {launch.protocol}")
    if launch.settings.tls and not tls:
        raise Unsupported(f"{name} speaks no TLS of its own; nginx does that in front of it: nginx[tls]+{name}")


def single_timeout(name: str, asked: Settings) -> float | None:
    """Return the seconds that a connection may be silent, in a request or between two, where `name` has one for both.

    None leaves its default. Raises Unsupported where two are asked for, and for 0, with which these answer nobody.
    """
    values = {each for each in (asked.keep_alive, asked.timeout) if each is not None}
    if len(values) > 1:
        raise Unsupported(f"{name} has one timeout for requests and for kept connections; ask for one, or both alike")
    if values == {0.0}:
        raise Unsupported(
            f"{name} answers nobody with a timeout of 0 s, and it has one for requests and kept connections"
        )
    return next(iter(values), None)


def single_timeout_conditions(
    launch: Launch, name: str, *, threads: int, timeout: float, backlog: int
) -> dict[str, object]:
    """Return the conditions of such a server, one process of threads, given its defaults."""
    asked = launch.settings
    values = single_timeout(name, asked)
    return {
        "workers": 1,
        "threads": asked.threads or threads,
        "keep-alive": timeout if values is None else values,
        "timeout": timeout if values is None else values,
        "backlog": backlog if asked.backlog is None else asked.backlog,
    }


def executor_threads() -> int:
    """Return the threads of a ThreadPoolExecutor that is not told how many, concurrent/futures/thread.py of 3.8."""
    return min(32, (os.cpu_count() or 1) + 4)


def whole_seconds(asked: float | None) -> int | None:
    """Return whole seconds, rounded up, for a server that takes nothing else and that means something else by 0."""
    return None if asked is None else math.ceil(asked)
