"""Each page costs about 5 ms of CPU time in Python code, which holds the interpreter's lock.

So one process uses at most one core, whatever its number of threads. As many workers as there are cores are enough.
The work is a number of steps and no time, so every page costs the same and has the same text.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from .response import respond

if TYPE_CHECKING:
    from collections.abc import Iterable
    from wsgiref.types import StartResponse, WSGIApplication, WSGIEnvironment

STEPS = 60_000
"""Steps of a page: about 5 ms with CPython 3.11 on a core of 2020 to 2024."""


def work(steps: int) -> int:
    """Return the last number of a linear congruential generator (Park and Miller) after `steps` steps."""
    number = 1
    for _ in range(steps):
        number = number * 48_271 % 2_147_483_647
    return number


def create_app(steps: int = STEPS) -> WSGIApplication:
    """Return an app whose pages cost `steps` steps each."""

    def app(_environ: WSGIEnvironment, start_response: StartResponse) -> Iterable[bytes]:
        return respond(start_response, f"computed {work(steps)}\n")

    return app


app = create_app()
