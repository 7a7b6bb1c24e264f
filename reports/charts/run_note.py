"""The facts about a run that each of its charts states: the date, the machine and the versions."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from wsgi_gauntlet.harness.model import Results
from wsgi_gauntlet.reports.analysis import aggregation
from wsgi_gauntlet.reports.text.escaping import line

MAX_VERSIONS_IN_CAPTION = 6
"""Servers whose versions a caption lists. Charts with more servers have the version beside each name."""


@dataclass(frozen=True)
class RunNote:
    """`caption` is one line with the date, the machine and the program, `short` has only the date and the program.

    `versions` has the version of each server.
    """

    caption: str = ""
    short: str = ""
    versions: Mapping[str, str] = field(default_factory=dict)

    def version(self, server: str) -> str:
        """Return the version of `server`, or ''."""
        return self.versions.get(server, "")

    def with_versions(self, servers: list[str]) -> str:
        """Return the caption and the versions of `servers`, for a chart that does not write them beside the names."""
        known = [f"{line(each, 40)} {line(self.version(each), 20)}" for each in servers if self.version(each)]
        if not known or len(known) > MAX_VERSIONS_IN_CAPTION:
            return self.caption
        return " · ".join(filter(None, [self.caption, ", ".join(known)]))


def run_note(results: Results) -> RunNote:
    """Return the note of `results`."""
    known = results.environment
    date = line(str(known.get("date") or ""), 40).partition("T")[0]
    program = line(str(known.get("program") or ""), 40)
    cores = known.get("cores")
    parts = [
        date,
        line(str(known.get("processor") or ""), 40),
        f"{cores} {'core' if cores == 1 else 'cores'}" if isinstance(cores, int) else "",
        f"Python {line(str(known['python']), 20)}" if known.get("python") else "",
        program,
    ]
    versions = {each.name: each.version for each in aggregation.servers(results)}
    for load in results.load:
        if not versions.get(load.server) and load.conditions.get("version"):
            versions[load.server] = str(load.conditions["version"])
    return RunNote(" · ".join(filter(None, parts)), " · ".join(filter(None, [date, program])), versions)
