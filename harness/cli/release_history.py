"""A server over its releases: which of them a call is about, and what the process ends with."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from packaging.version import InvalidVersion, Version

from wsgi_gauntlet.harness.errors import ConfigurationError, EnvironmentUnavailable
from wsgi_gauntlet.harness.model import Results, Verdict
from wsgi_gauntlet.harness.server import planning
from wsgi_gauntlet.harness.server.environments import releases
from wsgi_gauntlet.harness.server.environments.installer import ProgressCallback
from wsgi_gauntlet.harness.server.environments.versioned import environment_for
from wsgi_gauntlet.harness.server.name import with_version


@dataclass(frozen=True)
class Release:
    """One release of a server, and the name by which a call asks for it."""

    name: str
    version: str


def releases_to_check(
    server: str,
    python: str,
    *,
    number: int,
    since: str | None,
    pre: bool,
    custom: Mapping[str, str],
    on_progress: ProgressCallback,
) -> list[Release]:
    """Return the releases of `server` to be checked, the oldest first; `number` 0 is for all of them.

    Raises UsageError: for a name that is none or has a version, a server that pip does not install, no such releases.
    """
    if server.endswith(".py"):
        raise ConfigurationError(f"{server}: releases are those of a server that pip installs, not of an adapter file")
    plan = planning.plan(with_version(server, "0"), python=python, custom=custom)
    try:
        first = Version(since) if since is not None else None
    except InvalidVersion:
        raise ConfigurationError(f"--since {since}: no version; the form is 20.1.0") from None
    try:
        wanted = environment_for(plan.app_plan)
    except EnvironmentUnavailable as problem:
        raise ConfigurationError(
            f"{server} has no history here: {str(problem).removeprefix(f'{plan.name}: ')}"
        ) from None
    found = releases.releases(wanted.distribution, python, on_progress)
    chosen = releases.latest_releases(found, number, since=first, pre=pre)
    if not chosen:
        newest = f"; the newest is {found[-1]}" if found else ""
        after = f" from {since} on" if since else ""
        raise ConfigurationError(f"{wanted.distribution} has no final release{after}{newest}")
    return [Release(with_version(server, str(each)), str(each)) for each in chosen]


def history_exit_code(results: Results, code: int) -> int:
    """Return what the process ends with, where a check of the same servers ends with `code`.

    What releases break, and that an old one does not start, is what a history tells and no failure of it.
    """
    if code not in (0, 1, 4):
        return code
    return 4 if not results.conformance or any(each.verdict is Verdict.ERROR for each in results.conformance) else 0
