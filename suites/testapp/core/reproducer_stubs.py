"""What stands for the harness where the app is served without it: reports go to stderr, barriers are short waits.

harness/replay/app_extractor.py cuts what one case uses out of the modules beside this one, into a file that anybody can
serve. A name that stands here, or a method of a class, goes before the same name in the other modules.
"""

from __future__ import annotations

import os
import sys
import time
from typing import Any, Callable
from urllib.parse import parse_qsl

BEHAVIOURS: dict[str, Callable[[Call], Any]] = {}

BARRIER_WAIT_SECONDS = 2.0


def emit(kind: str, token: str, detail: dict[str, Any]) -> None:  # noqa: ARG001 - as observing.emit takes them
    """Say on stderr what happened."""
    details = "".join(f" {name}={value!a}" for name, value in detail.items())
    sys.stderr.write(f"app: {kind}{details}\n")
    sys.stderr.flush()


def hold(token: str, name: str) -> bool:
    """Wait a moment; in the suite this goes on when the client says so."""
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
        """Say on stderr what happened in this request."""
        emit(kind, self.token, detail)

    def report(self) -> None:
        """Say what the server gave, without the variables of the process."""
        emit("called", self.token, {key: value for key, value in self.environ.items() if key not in os.environ})


def call_from_environ(environ: dict[str, Any]) -> Call:
    """Return a request that a framework's view was reached by."""
    return Call(environ, print)


def application(environ: dict[str, Any], start_response: Callable[..., Any]) -> Any:
    """Answer as the first segment of the path says, or as the first behaviour does."""
    call = Call(environ, start_response)
    call.report()
    name = call.path.split("/")[1] if call.path.startswith("/") else ""
    return BEHAVIOURS.get(name, next(iter(BEHAVIOURS.values())))(call)
