"""The releases of a distribution that pip finds for an interpreter."""

from __future__ import annotations

import re
import tempfile
import time
from collections.abc import Sequence
from pathlib import Path

from packaging.version import InvalidVersion, Version

from wsgi_gauntlet.harness.errors import EnvironmentUnavailable
from wsgi_gauntlet.harness.server.environments.installer import (
    LIST_VERSIONS_ARGUMENTS,
    ProgressCallback,
    find_pip,
    installation_error,
    run_pip,
)

INDEX_TIMEOUT = 60.0
"""Seconds for the response of the package index."""

_AVAILABLE_VERSIONS = re.compile(r"^\s*Available versions:(?P<versions>.*)$", re.MULTILINE)
_FROM_VERSIONS = re.compile(r"\(from versions:(?P<versions>[^)]*)\)")
UNRELEASED_VERSION = "0.0.dev0"
"""A version that does not exist. When pip cannot find a version, it lists the existing ones."""


def releases(distribution: str, python: str, on_progress: ProgressCallback) -> list[Version]:
    """Return every release of `distribution` that pip would install for `python`, in order, with pre-releases.

    Raises EnvironmentUnavailable if there are none, or if the index cannot be reached.
    """
    deadline = time.monotonic() + INDEX_TIMEOUT
    with tempfile.TemporaryDirectory(prefix="wsgi-gauntlet-index-") as folder:
        temp_folder = Path(folder)
        on_progress(f"asking the package index for the releases of {distribution}")
        pip = find_pip(python, temp_folder, on_progress, deadline)
        if pip is None:
            raise EnvironmentUnavailable(
                f"neither {python} nor the interpreter of wsgi-gauntlet has pip, which lists the releases; install it"
            )
        output = run_pip([*pip, "index", "versions", "--pre", distribution], temp_folder, on_progress, deadline).output
        found = parse_versions(output, _AVAILABLE_VERSIONS)
        if not found:  # an older pip, or one that removed this experimental command
            output = run_pip(
                [*pip, *LIST_VERSIONS_ARGUMENTS, f"{distribution}=={UNRELEASED_VERSION}"],
                temp_folder,
                on_progress,
                deadline,
            ).output
            found = parse_versions(output, _FROM_VERSIONS)
    if not found:
        raise EnvironmentUnavailable(
            installation_error(output, f"{distribution}=={UNRELEASED_VERSION}", python).replace(
                f"=={UNRELEASED_VERSION}", ""
            )
        )
    return found


def parse_versions(output: str, where: re.Pattern[str] = _AVAILABLE_VERSIONS) -> list[Version]:
    """Return the versions in the output of pip, in order, without those that PEP 440 does not allow."""
    match = where.search(output)
    found = set()
    for each in match["versions"].split(",") if match else ():
        try:
            found.add(Version(each.strip()))
        except InvalidVersion:
            continue
    return sorted(found)


def latest_releases(
    found: Sequence[Version], number: int, *, since: Version | None = None, pre: bool = False
) -> list[Version]:
    """Return the last `number` releases of `found`, in order, and none before `since`.

    Without `pre` only final releases and their post-releases count.
    """
    chosen = [each for each in sorted(found) if pre or not each.is_prerelease]
    if since is not None:
        chosen = [each for each in chosen if each >= since]
    return chosen[-number:] if number else chosen
