"""Commands of ours that are printed to be pasted: quoted, and with the options of the call that they are for."""

from __future__ import annotations

import shlex
import sys
from collections.abc import Mapping, Sequence

OPTIONS_KEY = "options"
"""The key of a run's environment under which its options lie."""


def options(python: str, app: str, command: str, page: str = "/") -> list[str]:
    """Return the words that say again how servers are started; what is not given, '' or as by default, is left out."""
    words = []
    for name, value, default in (
        ("--python", python, sys.executable),
        ("--app", app, ""),
        ("--path", page, "/"),
        ("--command", command, ""),
    ):
        if value and value != default:
            words += [name, value]
    return words


def replay(server: str, case: str, given: Sequence[str] = ()) -> str:
    """Return the command that replays `case` on `server`, called with those options."""
    return shlex.join(["wsgi-gauntlet", "replay", server, case, *given])


def given(environment: Mapping[str, object]) -> list[str]:
    """Return the options that a run's environment holds; runs of older versions hold none."""
    found = environment.get(OPTIONS_KEY)
    return [str(each) for each in found] if isinstance(found, list | tuple) else []
