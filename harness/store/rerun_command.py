"""Commands that reports print for the user to paste: quoted, with the options of the run."""

from __future__ import annotations

import shlex
import sys
from collections.abc import Mapping, Sequence

OPTIONS_KEY = "options"
"""The key of a run's environment that has its options."""


def options(
    python: str,
    app: str,
    command: str,
    page: str = "/",
    config: Sequence[str] = (),
    cases: str = "",
    app_setup: Sequence[str] = (),
) -> list[str]:
    """Return the options that start the same servers again, without those that are '' or the default.

    `app_setup` are the words of the options for the user app.
    """
    words = []
    for name, value, default in (
        ("--python", python, sys.executable),
        ("--app", app, ""),
        ("--app-path", page, "/"),
        ("--command", command, ""),
        ("--cases", cases, ""),
    ):
        if value and value != default:
            words += [name, value]
    return [*words, *app_setup, *(word for each in config for word in ("--config", each))]


def replay(server: str, case: str, given: Sequence[str] = ()) -> str:
    """Return the command that replays `case` on `server` with the options `given`; a target needs no other name."""
    return shlex.join(replay_words(server, case, given))


def replay_words(server: str, case: str, given: Sequence[str] = ()) -> list[str]:
    """Return the words of that command."""
    named = [] if "--target" in given else [server]
    return ["wsgi-gauntlet", "replay", *named, case, *given]


def given(environment: Mapping[str, object]) -> list[str]:
    """Return the options in a run's environment. Runs of older versions have none."""
    found = environment.get(OPTIONS_KEY)
    return [str(each) for each in found] if isinstance(found, list | tuple) else []
