"""The app's close() is never called.

usage: python -m known_servers.never_calls_close HOST PORT MODULE:CALLABLE
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from .correct import Server, run


class NeverCallsClose(Server):
    def __init__(self, host: str, port: int, application: Callable[..., Any], arguments: list[str]) -> None:
        # A list has no close() of its own.
        super().__init__(host, port, lambda environ, start: list(application(environ, start)), arguments)


if __name__ == "__main__":
    run(NeverCallsClose)
