"""Replacements for the harness in a reproducer: reports go to stderr, barriers are short waits.

harness/replay/app_extractor.py copies the parts that one case needs from the modules beside this one into a file that
anybody can serve. A name in this file, or a method of a class, replaces the same name in the other modules.
"""

from __future__ import annotations

import os
import sys
import time
from typing import Any, Callable
from urllib.parse import parse_qsl

BEHAVIOURS: dict[str, Callable[[Call], Any]] = {}

BARRIER_WAIT_SECONDS = 2.0


def emit(kind: str, token: str, detail: dict[str, Any]) -> None:  # noqa: ARG001 - the parameters of event_channel.emit
    """Print the event to stderr."""
    details = "".join(f" {name}={value!a}" for name, value in detail.items())
    sys.stderr.write(f"app: {kind}{details}\n")
    sys.stderr.flush()


def hold(token: str, name: str) -> bool:
    """Wait a moment; in the suite the client ends this wait."""
    emit("waits", token, {"seconds": BARRIER_WAIT_SECONDS, "at": name})
    time.sleep(BARRIER_WAIT_SECONDS)
    return True


def describe_exception(raised: BaseException) -> dict[str, str]:
    """Name an exception."""
    return {"exception": repr(raised)}


class Call:
    """One request."""

    def __init__(self, environ: dict[str, Any], start_response: Callable[..., Any]) -> None:
        self.environ = environ
        self.start_response = start_response
        self.path = environ.get("PATH_INFO") or ""
        self.query = dict(parse_qsl(environ.get("QUERY_STRING") or "", keep_blank_values=True))
        self.token = environ.get("HTTP_X_GAUNTLET") or self.query.get("t", "")

    def emit(self, kind: str, **detail: Any) -> None:
        """Print the event to stderr."""
        emit(kind, self.token, detail)

    def report(self) -> None:
        """Print the environ from the server, without the variables of the process."""
        emit("called", self.token, {key: value for key, value in self.environ.items() if key not in os.environ})


def call_from_environ(environ: dict[str, Any]) -> Call:
    """Return the request of a framework's view."""
    return Call(environ, print)


def application(environ: dict[str, Any], start_response: Callable[..., Any]) -> Any:
    """Answer as the behaviour that the first segment of the path names, or as the first behaviour."""
    call = Call(environ, start_response)
    call.report()
    name = call.path.split("/")[1] if call.path.startswith("/") else ""
    return BEHAVIOURS.get(name, next(iter(BEHAVIOURS.values())))(call)
