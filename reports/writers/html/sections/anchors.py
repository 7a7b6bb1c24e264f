"""The page's anchors: readable, and never two the same."""

from __future__ import annotations

import re


class Anchors:
    """Gives each thing of the page the id that it has everywhere in it."""

    def __init__(self) -> None:
        self._given: dict[tuple[str, ...], str] = {}
        self._taken: set[str] = set()

    def cell(self, server: str, case: str) -> str:
        """The section of one cell."""
        return self._anchor("cell", server, case)

    def case(self, case: str) -> str:
        """The requirement that the cells of a case share."""
        return self._anchor("case", case)

    def area(self, area: str) -> str:
        """The cases of one area."""
        return self._anchor("area", area)

    def scenario(self, scenario: str) -> str:
        """The scenario's table and charts."""
        return self._anchor("load", scenario)

    def load(self, server: str, scenario: str) -> str:
        """What one server did in a scenario."""
        return self._anchor("load", scenario, server)

    def comparison_section(self, plain: str, other: str) -> str:
        """Two servers beside each other."""
        return self._anchor("beside", plain, other)

    def _anchor(self, *parts: str) -> str:
        if parts not in self._given:
            base = "--".join(re.sub(r"[^a-z0-9]+", "-", part.lower()).strip("-") or "x" for part in parts)
            name, number = base, 2
            while name in self._taken:
                name, number = f"{base}-{number}", number + 1
            self._taken.add(name)
            self._given[parts] = name
        return self._given[parts]
