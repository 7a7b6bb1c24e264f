"""A server over its releases: which of them a call is about, and what the process ends with."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from packaging.version import InvalidVersion, Version

from .. import planning
from ..errors import BadConfiguration, NoEnvironment
from ..model import Results, Verdict
from ..naming import at_version
from . import releases
from .environments import wanted_by
from .installing import Tell


@dataclass(frozen=True)
class Release:
    """One release of a server, and the name by which a call asks for it."""

    name: str
    version: str


def names(
    server: str, python: str, *, number: int, since: str | None, pre: bool, custom: Mapping[str, str], tell: Tell
) -> list[Release]:
    """Return the releases of `server` to be checked, the oldest first; `number` 0 is for all of them.

    Raises UsageError: for a name that is none or has a version, a server that pip does not install, no such releases.
    """
    if server.endswith(".py"):
        raise BadConfiguration(f"{server}: releases are those of a server that pip installs, not of an adapter file")
    plan = planning.plan(at_version(server, "0"), python=python, custom=custom)
    try:
        first = Version(since) if since is not None else None
    except InvalidVersion:
        raise BadConfiguration(f"--since {since}: no version; the form is 20.1.0") from None
    try:
        wanted = wanted_by(plan.runs_app)
    except NoEnvironment as problem:
        raise BadConfiguration(f"{server} has no history here: {str(problem).removeprefix(f'{plan.name}: ')}") from None
    found = releases.releases(wanted.distribution, python, tell)
    chosen = releases.last(found, number, since=first, pre=pre)
    if not chosen:
        newest = f"; the newest is {found[-1]}" if found else ""
        after = f" from {since} on" if since else ""
        raise BadConfiguration(f"{wanted.distribution} has no final release{after}{newest}")
    return [Release(at_version(server, str(each)), str(each)) for each in chosen]


def outcome(results: Results, code: int) -> int:
    """Return what the process ends with, where a check of the same servers ends with `code`.

    What releases break, and that an old one does not start, is what a history tells and no failure of it.
    """
    if code not in (0, 1, 4):
        return code
    return 4 if not results.checks or any(each.verdict is Verdict.ERROR for each in results.checks) else 0
