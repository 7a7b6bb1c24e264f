"""The files that belong to the reference app's page: what a front may serve in the app's place, byte for byte the same.

The app answers them below /static/ (`static` in suites/apps/load.py, which cannot import this file and has the same
names and sizes; a test holds the two together).
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

FOLDER = "static"
"""The folder of a front's, and the first segment of the path, that the files are in."""

LINE = "wsgi-gauntlet wsgi-gauntlet wsgi-gauntlet wsgi-gauntlet wsgi-g\n"
"""What the files are filled with; the app's pages as well."""


@dataclass(frozen=True)
class Asset:
    """One file: its media type, and its length in bytes."""

    type: str
    size: int


ASSETS: Mapping[str, Asset] = {
    "style.css": Asset("text/css", 6_000),
    "script.js": Asset("application/javascript", 6_000),
    "first.svg": Asset("image/svg+xml", 6_000),
    "second.svg": Asset("image/svg+xml", 6_000),
    "photograph.jpg": Asset("image/jpeg", 200_000),
}
"""What one visit of the classroom loads beside its page, in the same sizes, and the big file of its phones."""


def content(name: str) -> str:
    """Return the whole of the file `name`, ASCII: its name on a line, then filler, so that no two are the same."""
    size = ASSETS[name].size
    return (f"{name}\n" + LINE * (size // len(LINE) + 1))[:size]
