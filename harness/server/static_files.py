"""The static files of the test app's page, which a proxy may serve instead of the app, byte for byte the same.

The app serves them below /static/ (`static` in suites/testapp/behaviours/pages.py). It cannot import this file and
repeats the names and sizes; a test compares the two.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

STATIC_FOLDER = "static"
"""The first segment of the files' paths, and the folder of a proxy that contains them."""

FILLER_LINE = "wsgi-gauntlet wsgi-gauntlet wsgi-gauntlet wsgi-gauntlet wsgi-g\n"
"""The filler of the files and of the app's pages."""


@dataclass(frozen=True)
class StaticFile:
    """The media type of one file, and its length in bytes."""

    type: str
    size: int


STATIC_FILES: Mapping[str, StaticFile] = {
    "style.css": StaticFile("text/css", 6_000),
    "script.js": StaticFile("application/javascript", 6_000),
    "first.svg": StaticFile("image/svg+xml", 6_000),
    "second.svg": StaticFile("image/svg+xml", 6_000),
    "photograph.jpg": StaticFile("image/jpeg", 200_000),
}
"""The files that one visit of the classroom loads beside its page, and the large file of its phones."""


def static_content(name: str) -> str:
    """Return the content of the file `name` in ASCII: its name on a line, then filler, so that all files differ."""
    size = STATIC_FILES[name].size
    return (f"{name}\n" + FILLER_LINE * (size // len(FILLER_LINE) + 1))[:size]
