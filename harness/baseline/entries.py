"""The entries of a baseline file, and which entry applies to which server and case. Pure."""

from __future__ import annotations

import datetime as dt
import re
from dataclasses import dataclass
from pathlib import Path
from typing import NamedTuple

from packaging.specifiers import SpecifierSet
from packaging.version import InvalidVersion, Version

from wsgi_gauntlet.harness.errors import ConfigurationError
from wsgi_gauntlet.harness.model import ServerInfo, Verdict
from wsgi_gauntlet.harness.server.name import parse

_VERSION_NUMBER = re.compile(r"\d[\w.!+-]*")


class BaselineServer(NamedTuple):
    """A server as the baseline names it: `gunicorn` or `nginx+gunicorn`, without its settings."""

    name: str
    variant: str
    version: str


@dataclass(frozen=True)
class Entry:
    """One accepted cell. `variant` and `versions` are '' for all.

    `lines` are its first and last line in the file, if known. `table` is the index of its [[server]] table, `place` its
    index in that table.
    """

    server: str
    variant: str
    versions: str
    case: str
    verdict: Verdict
    reason: str
    link: str = ""
    expires: dt.date | None = None
    lines: tuple[int, int] | None = None
    table: int = 0
    place: int = 0

    def expired(self, today: dt.date) -> bool:
        """Say whether it is no longer valid; `expires` is its last valid day."""
        return self.expires is not None and today > self.expires

    def matches(self, name: str, variant: str, version: str) -> bool:
        """Say whether it applies to this server. A version that PEP 440 does not allow is in no range."""
        if self.server != name or (self.variant and self.variant != variant):
            return False
        if not self.versions:
            return True
        found = _parse_version(version)
        return found is not None and SpecifierSet(self.versions).contains(found, prereleases=True)


@dataclass(frozen=True)
class Baseline:
    """All entries of one file, in its order. Messages name `path`."""

    path: str
    entries: tuple[Entry, ...] = ()

    def entry(self, name: str, variant: str, version: str, case: str, today: dt.date) -> Entry | None:
        """Return the valid entry of the cell, None if there is none."""
        return next((each for each in self._matching(name, variant, version, case) if not each.expired(today)), None)

    def expired(self, name: str, variant: str, version: str, case: str, today: dt.date) -> Entry | None:
        """Return the expired entry of the cell, None if there is none."""
        return next((each for each in self._matching(name, variant, version, case) if each.expired(today)), None)

    def _matching(self, name: str, variant: str, version: str, case: str) -> list[Entry]:
        found = [each for each in self.entries if each.case == case and each.matches(name, variant, version)]
        return sorted(found, key=lambda each: (not each.variant, not each.versions))


def baseline_server(server: ServerInfo) -> BaselineServer:
    """Return `server` as entries name it. In a chain, variant and version are those of the server behind."""
    if server.name.endswith(".py"):
        return BaselineServer(Path(server.name).name, server.variant, server.version)
    try:
        name = parse(server.name)
    except ConfigurationError:  # the results of an older version may have other names
        return BaselineServer(server.name, server.variant, server.version)
    front = f"{name.front.adapter}+" if name.front else ""
    return BaselineServer(f"{front}{name.server.adapter}", server.variant, server.version.rpartition(" + ")[2])


def server_label(server: str, variant: str, versions: str) -> str:
    """Return a server of the baseline as messages name it."""
    return f"{server}{f':{variant}' if variant else ''}{f' {versions}' if versions else ''}"


def _parse_version(text: str) -> Version | None:
    # The version may follow the name of an interpreter: PyPy 3.10.14.
    found = _VERSION_NUMBER.search(text)
    try:
        return Version(found.group()) if found else None
    except InvalidVersion:
        return None
