"""Readable and unique anchors of the page."""

from __future__ import annotations

import re


class Anchors:
    """Returns the same id for the same part of the page each time."""

    def __init__(self) -> None:
        self._given: dict[tuple[str, ...], str] = {}
        self._taken: set[str] = set()

    def cell(self, server: str, case: str) -> str:
        """Return the id of one cell of conformance."""
        return self._anchor("cell", server, case)

    def case(self, case: str) -> str:
        """Return the id of a case."""
        return self._anchor("case", case)

    def area(self, area: str) -> str:
        """Return the id of an area of cases."""
        return self._anchor("area", area)

    def scenario(self, scenario: str) -> str:
        """Return the id of a scenario."""
        return self._anchor("load", scenario)

    def load(self, server: str, scenario: str) -> str:
        """Return the id of one cell of load."""
        return self._anchor("load", scenario, server)

    def comparison_section(self, plain: str, other: str) -> str:
        """Return the id of a pair of servers."""
        return self._anchor("comparison", plain, other)

    def _anchor(self, *parts: str) -> str:
        if parts not in self._given:
            base = "--".join(re.sub(r"[^a-z0-9]+", "-", part.lower()).strip("-") or "x" for part in parts)
            name, number = base, 2
            while name in self._taken:
                name, number = f"{base}-{number}", number + 1
            self._taken.add(name)
            self._given[parts] = name
        return self._given[parts]
