"""The command lines in the blocks of the documents."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).parents[2]
DOCUMENTS = (ROOT / "README.md", *sorted((ROOT / "docs").glob("*.md")))
BLOCK = re.compile(r"^( *)```(console|sh|bash)\b([^\n]*)\n(.*?)^ *```$", re.MULTILINE | re.DOTALL)
EXIT_CODES = re.compile(r"exit=([\d,]+)")


@dataclass(frozen=True)
class DocumentedCommand:
    """A command line of the document `document`, and the exit codes that the document allows."""

    document: str
    line: str
    exit_codes: frozenset[int] = frozenset({0})


def in_text(text: str, document: str) -> Iterator[DocumentedCommand]:
    """Yield the command lines of `text`: those after a $ in a block of a console, and every line of a shell script."""
    for indent, language, more, content in BLOCK.findall(text):
        found = EXIT_CODES.search(more)
        codes = frozenset(map(int, found[1].split(","))) if found else frozenset({0})
        for line in re.sub(r"\\\n *", "", content).splitlines():
            bare = line.removeprefix(indent)
            if language != "console" and bare.strip() and not bare.startswith("#"):
                yield DocumentedCommand(document, bare, codes)
            elif bare.startswith("$ "):
                yield DocumentedCommand(document, bare.removeprefix("$ "), codes)


def documented_commands(*documents: Path) -> list[DocumentedCommand]:
    """Return the command lines of `documents`, by default of the README and of all files in docs/."""
    return [
        each
        for path in documents or DOCUMENTS
        for each in in_text(path.read_text(encoding="utf-8"), path.relative_to(ROOT).as_posix())
    ]
