"""The files that belong to the reference app's page: what a front may serve in the app's place, byte for byte the same.

The app answers them below /static/ (`static` in suites/testapp/behaviours/pages.py, which cannot import this file and
has the same names and sizes; a test holds the two together).
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

STATIC_FOLDER = "static"
"""The folder of a front's, and the first segment of the path, that the files are in."""

FILLER_LINE = "wsgi-gauntlet wsgi-gauntlet wsgi-gauntlet wsgi-gauntlet wsgi-g\n"
"""What the files are filled with; the app's pages as well."""


@dataclass(frozen=True)
class StaticFile:
    """One file: its media type, and its length in bytes."""

    type: str
    size: int


STATIC_FILES: Mapping[str, StaticFile] = {
    "style.css": StaticFile("text/css", 6_000),
    "script.js": StaticFile("application/javascript", 6_000),
    "first.svg": StaticFile("image/svg+xml", 6_000),
    "second.svg": StaticFile("image/svg+xml", 6_000),
    "photograph.jpg": StaticFile("image/jpeg", 200_000),
}
"""What one visit of the classroom loads beside its page, in the same sizes, and the big file of its phones."""


def static_content(name: str) -> str:
    """Return the whole of the file `name`, ASCII: its name on a line, then filler, so that no two are the same."""
    size = STATIC_FILES[name].size
    return (f"{name}\n" + FILLER_LINE * (size // len(FILLER_LINE) + 1))[:size]
